/*
 * The app's connections: the verdict about one, and the response of sock_diag(7) with any bytes. Input: a byte, and
 * then either the figures of connections, or the length of a response (two bytes), the response, which comes in two
 * parts, and the files of /proc/net. The figures of connections also come as responses of a kernel of this machine,
 * with its byte order.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>

#include "../../src/connections.h"
#include "fuzz.h"
#include "world.h"

/* The rule as a list of reasons, in another order than the program's. */
static enum connection_verdict expected_verdict(const struct connection *connection)
{
	bool app_closed = connection->state == TCP_FIN_WAIT1 || connection->state == TCP_LAST_ACK ||
	                  connection->state == TCP_CLOSING;
	bool client_closed = connection->state == TCP_CLOSE_WAIT || connection->state == TCP_LAST_ACK ||
	                     connection->state == TCP_CLOSING;
	bool is_sending = connection->unsent > app_closed;
	bool is_unread = connection->unread > client_closed;
	bool has_request = connection->data_in > 0;
	bool is_unanswered =
		has_request && (connection->data_out == 0 || connection->received_ms < connection->sent_ms);
	bool sent_lately = connection->data_out > 0 && connection->sent_ms < CONNECTIONS_QUIET_MS;
	bool received_lately = has_request && connection->received_ms < CONNECTIONS_QUIET_MS;
	bool is_equal = has_request && connection->received_ms == connection->sent_ms;
	if (is_sending)
		return CONNECTION_BUSY;
	if (!app_closed && (is_unread || is_unanswered || sent_lately || received_lately))
		return CONNECTION_BUSY;
	return !app_closed && is_equal && connection->state == TCP_ESTABLISHED ? CONNECTION_TIE : CONNECTION_IDLE;
}

static uint32_t figure(struct input *input)
{
	static const uint32_t FIGURES[] = {
		0, 1, 2, 100, CONNECTIONS_QUIET_MS - 1, CONNECTIONS_QUIET_MS, CONNECTIONS_QUIET_MS + 1, UINT32_MAX};
	return FIGURES[input_byte(input) % (sizeof FIGURES / sizeof FIGURES[0])];
}

static struct connection next_connection(struct input *input)
{
	struct connection connection = {.state = (uint8_t)(input_byte(input) % 13)};
	connection.unread = figure(input);
	connection.unsent = figure(input);
	connection.received_ms = figure(input);
	connection.sent_ms = figure(input);
	connection.data_in = figure(input);
	connection.data_out = figure(input);
	return connection;
}

static void check_verdicts(struct input *input)
{
	while (input->at < input->end) {
		const struct connection connection = next_connection(input);
		demand(connection_judge(&connection) == expected_verdict(&connection), "the verdict is the rule's");
	}
}

/* Offsets in a response: nlmsghdr, inet_diag_msg, nlattr and tcp_info. The message of the end has the same size. */
enum { PORT = 8080, MESSAGE = 16, ATTRIBUTE = MESSAGE + 72, INFO = ATTRIBUTE + 4, RESPONSE = INFO + 160 };

static void put(uint8_t *at, uint32_t value)
{
	memcpy(at, &value, sizeof value);
}

static void put_short(uint8_t *at, uint16_t value)
{
	memcpy(at, &value, sizeof value);
}

static void put_response(uint8_t *bytes, const struct connection *connection, const uint8_t client[4], uint16_t port)
{
	put(bytes, RESPONSE);
	put_short(bytes + 4, 18);
	bytes[MESSAGE] = AF_INET;
	bytes[MESSAGE + 1] = connection->state;
	put_short(bytes + MESSAGE + 4, htons(PORT));
	put_short(bytes + MESSAGE + 6, htons(port));
	memcpy(bytes + MESSAGE + 24, client, 4);
	put(bytes + MESSAGE + 56, connection->unread);
	put(bytes + MESSAGE + 60, connection->unsent);
	put_short(bytes + ATTRIBUTE, 4 + 160);
	put_short(bytes + ATTRIBUTE + 2, 2);
	put(bytes + INFO + 44, connection->sent_ms);
	put(bytes + INFO + 52, connection->received_ms);
	put(bytes + INFO + 152, connection->data_in);
	put(bytes + INFO + 156, connection->data_out);
	put(bytes + RESPONSE, RESPONSE);
	put_short(bytes + RESPONSE + 4, 3);
}

/* As tcp4_seq_show() in net/ipv4/tcp_ipv4.c prints it: the address as a number of this machine. */
static void put_line(char line[200], const uint8_t client[4], uint16_t port, bool pingpong)
{
	uint32_t address;
	memcpy(&address, client, sizeof address);
	snprintf(line, 200,
	         "   0: 0100007F:%04X %08X:%04X 01 00000000:00000000 00:00000000 00000000     0        0 1 1 0 20 4 %u "
	         "1 0\n",
	         PORT, address, port, pingpong ? 1U : 0U);
}

static void check_native(struct input *input)
{
	static const uint8_t CLIENT[4] = {192, 0, 2, 1};
	static const uint16_t CLIENT_PORT = 0x1234;
	const struct ports ports = {.count = 1, .list = {PORT}};
	for (int i = 0; i < 64 && input->at < input->end; i++) {
		const struct connection connection = next_connection(input);
		bool pingpong = input_byte(input) % 2;
		enum connection_verdict verdict = expected_verdict(&connection);
		uint8_t bytes[2 * RESPONSE] = {0};
		char line[200];
		put_response(bytes, &connection, CLIENT, CLIENT_PORT);
		put_line(line, CLIENT, CLIENT_PORT, pingpong);
		world.files_count = 0;
		world_add("/proc/net/tcp", line, strlen(line));
		world.answer = (const char *)bytes;
		world.answer_length = sizeof bytes;
		bool is_busy = verdict == CONNECTION_BUSY || (verdict == CONNECTION_TIE && !pingpong);
		demand(connections_count_busy(&ports) == is_busy, "a response of this machine's kernel is understood");
		uint32_t length;
		memcpy(&length, world.query, sizeof length);
		demand(length == 76, "the query is in the byte order of the machine");
		demand(world.query[20] == PORT >> 8 && world.query[21] == (PORT & 0xff),
		       "the port is in network order");
	}
	world.answer = NULL;
}

static void check_response(struct input *input)
{
	const struct ports ports = {.count = 1, .list = {8080}};
	size_t length = (size_t)input_byte(input) << 8 | input_byte(input);
	const uint8_t *end = input->end;
	if (length < (size_t)(end - input->at))
		input->end = input->at + length;
	world.answer = input_bytes(input, &length);
	world.answer_length = length;
	input->end = end;
	world_add_files((const char *)input->at, (size_t)(input->end - input->at));
	errno = 0;
	int busy = connections_count_busy(&ports);
	demand(busy >= -1 && busy <= (int)length, "no more connections than there are bytes");
	demand(busy >= 0 || errno != 0, "an error has a reason");
	world.answer = NULL;
	demand(connections_count_busy(&ports) == -1, "without sock_diag nothing is known");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, data + size};
	world_begin();
	unsigned how = input_byte(&input);
	world.read_most = how / 2 % 64;
	if (how % 2)
		check_response(&input);
	else if (how >= 128)
		check_native(&input);
	else
		check_verdicts(&input);
	world_end();
	input_free();
	return 0;
}
