/*
 * The app's connections: the verdict about one, and the response of sock_diag(7) with any bytes. Input: a byte, and
 * then either the figures of connections, or the length of a response (two bytes), the response, which comes in two
 * parts, and the files of /proc/net.
 */
#include <errno.h>
#include <netinet/tcp.h>
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

static void check_verdicts(struct input *input)
{
	while (input->at < input->end) {
		struct connection connection = {.state = (uint8_t)(input_byte(input) % 13)};
		connection.unread = figure(input);
		connection.unsent = figure(input);
		connection.received_ms = figure(input);
		connection.sent_ms = figure(input);
		connection.data_in = figure(input);
		connection.data_out = figure(input);
		demand(connection_judge(&connection) == expected_verdict(&connection), "the verdict is the rule's");
	}
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
	else
		check_verdicts(&input);
	world_end();
	input_free();
	return 0;
}
