/*
 * The readiness endpoint under all kinds of peers: each gets the right response, once, connections are closed in time,
 * and a turn is short, whatever peers send, in any order and pieces. Input: a byte for the world, then two and more for
 * each event.
 */
#include <string.h>

#include "../../src/endpoint.h"
#include "../../src/http.h"
#include "fuzz.h"
#include "world.h"

enum {
	PORT = 8080,
	CALLS_A_TURN = 60, /* 16 connections, 4 of them new: each a recv, a send and the calls of --listens */
	TURNS_AT_END = 64,
};

struct scene {
	struct endpoint endpoint;
	bool draining;
	bool starting;
	struct ports listens;
	size_t answered[WORLD_CONNECTIONS]; /* bytes of the response that was checked */
};

/* The verdict on all that was read from it, in one piece. */
static enum http_verdict verdict_on(const struct world_connection *connection)
{
	struct http_request request = {0};
	size_t own = connection->at < connection->length ? connection->at : connection->length;
	enum http_verdict verdict = http_read(&request, connection->bytes, own);
	for (size_t at = own; verdict == HTTP_INCOMPLETE && at < connection->at; at++)
		verdict = http_read(&request, "x", 1);
	return verdict;
}

static void check_answer(struct scene *scene, size_t i)
{
	char bytes[HTTP_RESPONSE_SIZE];
	struct text wanted = TEXT_IN(bytes);
	const struct world_connection *connection = &world.connections[i];
	if (scene->answered[i] > 0 || connection->answered == 0)
		return;
	enum http_verdict verdict = verdict_on(connection);
	demand(verdict != HTTP_INCOMPLETE, "no response without a request");
	http_add_response(&wanted, verdict,
	                  scene->draining   ? READINESS_DRAINING
	                  : scene->starting ? READINESS_STARTING
	                                    : READINESS_READY);
	demand(connection->answered == wanted.length && memcmp(connection->answer, bytes, wanted.length) == 0,
	       "the answer is the one to what was asked, whole, and once");
	demand(connection->shut, "behind the answer nothing comes");
	scene->answered[i] = connection->answered;
}

static void check(struct scene *scene, int64_t now_ms)
{
	int held = 0;
	for (size_t i = 0; i < world.connections_count; i++) {
		const struct world_connection *connection = &world.connections[i];
		check_answer(scene, i);
		demand(connection->answered == scene->answered[i], "no second response");
		held += connection->accepted && !connection->gone;
		demand(!connection->accepted || connection->gone || now_ms < connection->accepted_ms + ENDPOINT_LIFE_MS,
		       "no connection lives longer than a second");
		demand(connection->at <= 65536 + 1024, "no connection is read forever");
	}
	demand(held <= ENDPOINT_CONNECTIONS, "not more are held than there is room for");
}

static void turn(struct scene *scene, int64_t deadline_ms)
{
	world.calls = 0;
	int64_t until_ms = endpoint_wait(&scene->endpoint, deadline_ms);
	demand(until_ms == 0 || (world.poll_denied && until_ms <= world.now_ms + 10), "the wait is over, or short");
	demand(world.now_ms <= deadline_ms, "no wait beyond the deadline");
	endpoint_serve(&scene->endpoint, scene->draining ? READINESS_DRAINING : READINESS_READY);
	demand(world.calls <= CALLS_A_TURN, "a turn is short");
	check(scene, world.now_ms);
}

static void connect_one(void)
{
	if (world.connections_count < WORLD_CONNECTIONS)
		world.connections[world.connections_count++] = (struct world_connection){.length = 0};
}

static void send_bytes(struct world_connection *connection, struct input *input)
{
	unsigned length = input_byte(input);
	for (; length > 0 && input->at < input->end && connection->length < WORLD_REQUEST; length--)
		if (!connection->finished && connection->flood == 0)
			connection->bytes[connection->length++] = (char)input_byte(input);
}

static void send_request(struct world_connection *connection, unsigned kind)
{
	static const char *const REQUESTS[] = {"GET / HTTP/1.1\r\n\r\n", "HEAD / HTTP/1.0\n\n",
	                                       "POST / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nX: "};
	const char *request = REQUESTS[kind % 4];
	for (; *request != '\0' && connection->length < WORLD_REQUEST; request++)
		if (!connection->finished && connection->flood == 0)
			connection->bytes[connection->length++] = *request;
}

static void change(struct scene *scene, unsigned what)
{
	switch (what % 4) {
	case 0:
		scene->draining = true;
		break;
	case 1:
		world.no_descriptors = !world.no_descriptors;
		break;
	case 2:
		world.poll_denied = !world.poll_denied;
		break;
	default:
		break;
	}
}

static void happen(struct scene *scene, struct input *input)
{
	unsigned what = input_byte(input);
	unsigned more = input_byte(input);
	size_t count = world.connections_count;
	struct world_connection *connection = &world.connections[count > 0 ? what / 8 % count : 0];
	if (what % 8 > 2 && what % 8 < 7 && count == 0)
		return;
	switch (what % 8) {
	case 0:
		connect_one();
		break;
	case 1:
		turn(scene, world.now_ms + more * 4);
		break;
	case 2:
		world.now_ms += more * 4;
		break;
	case 3:
		send_bytes(connection, input);
		break;
	case 4:
		send_request(connection, more);
		break;
	case 5:
		connection->finished = more % 2;
		connection->reset = more % 4 == 2;
		break;
	case 6:
		connection->flood += connection->finished ? 0 : more * 512;
		break;
	default:
		change(scene, more);
		break;
	}
}

static void begin(struct scene *scene, unsigned how)
{
	static const char LISTENS[] = "  sl\n   0: 00000000:1F40 00000000:0000 0A 0\n";
	const struct address address = {.family = AF_UNSPEC, .port = PORT};
	*scene = (struct scene){.draining = false};
	world_begin();
	world.read_most = how / 4;
	world_add("/proc/net/tcp", LISTENS, sizeof LISTENS - 1);
	scene->starting = (how & 3) == 1; /* the table has port 8000 */
	bool has_port = scene->starting || (how & 2) != 0;
	scene->listens = (struct ports){.count = has_port, .list = {scene->starting ? 8001 : 8000}};
	demand(endpoint_open(&scene->endpoint, &address, &scene->listens) == 0, "the endpoint opens");
}

/* After some time all connections are closed, and lull does not wake up again. */
static void end(struct scene *scene)
{
	world.no_descriptors = world.poll_denied = false;
	for (int i = 0; i < TURNS_AT_END; i++) {
		world.now_ms += ENDPOINT_LIFE_MS;
		turn(scene, world.now_ms + ENDPOINT_LIFE_MS);
	}
	for (size_t i = 0; i < world.connections_count; i++)
		demand(world.connections[i].gone, "everybody is let go");
	int64_t now_ms = world.now_ms;
	turn(scene, now_ms + 10 * ENDPOINT_LIFE_MS);
	demand(world.now_ms == now_ms + 10 * ENDPOINT_LIFE_MS, "without connections lull does not wake up");
	for (int i = 0; i < ENDPOINT_DESCRIPTORS; i++)
		world_close(scene->endpoint.descriptors[i]);
	world_end();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, data + size};
	struct scene scene;
	begin(&scene, input_byte(&input));
	while (input.at < input.end)
		happen(&scene, &input);
	end(&scene);
	input_free();
	return 0;
}
