/*
 * Owns the verdict about the app's connections. Never connects, never waits.
 */
#include "connections.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "signals.h"
#include "sock_diag.h"

/* --- The rule ----------------------------------------------------------------------------------------------------- */

/*
 * The order counts. A connection that the app has closed is busy only while data is on its way. Without an answer yet,
 * or with data received after the last answer, a request is in work, however long ago that was. A tie is the rule for
 * quick answers, so it needs a verdict of its own.
 */
enum connection_verdict connection_judge(const struct connection *connection)
{
	uint8_t state = connection->state;
	bool fin_sent = state == TCP_FIN_WAIT1 || state == TCP_LAST_ACK || state == TCP_CLOSING;
	bool fin_received = state == TCP_CLOSE_WAIT || state == TCP_LAST_ACK || state == TCP_CLOSING;
	bool sent_recently = connection->sent_ms < CONNECTIONS_QUIET_MS;
	if (connection->unsent > (fin_sent ? 1U : 0U))
		return CONNECTION_BUSY;
	if (fin_sent)
		return CONNECTION_IDLE;
	if (connection->unread > (fin_received ? 1U : 0U))
		return CONNECTION_BUSY;
	if (connection->data_in == 0)
		return connection->data_out > 0 && sent_recently ? CONNECTION_BUSY : CONNECTION_IDLE;
	if (connection->data_out == 0 || connection->received_ms < connection->sent_ms)
		return CONNECTION_BUSY;
	if (sent_recently || connection->received_ms < CONNECTIONS_QUIET_MS)
		return CONNECTION_BUSY;
	bool is_tie = connection->received_ms == connection->sent_ms && state == TCP_ESTABLISHED;
	return is_tie ? CONNECTION_TIE : CONNECTION_IDLE;
}

/* --- By sock_diag(7) ---------------------------------------------------------------------------------------------- */

enum {
	BUFFER_SIZE = 8192, /* of a part of the response; the kernel makes none that is longer, and needs 3 kB */
	INFO_ATTRIBUTE = 2, /* INET_DIAG_INFO: struct tcp_info */
	/* Offsets in struct tcp_info of linux/tcp.h, each of 4 bytes; the last two are there since Linux 4.6. */
	INFO_LAST_DATA_SENT = 44,
	INFO_LAST_DATA_RECEIVED = 52,
	INFO_DATA_SEGMENTS_IN = 152,
	INFO_DATA_SEGMENTS_OUT = 156,
	INFO_NEEDED = 160,
	TIE_BITS = 8 * 4096,
	STATES = 1 << TCP_ESTABLISHED | 1 << TCP_FIN_WAIT1 | 1 << TCP_CLOSE_WAIT | 1 << TCP_LAST_ACK | 1 << TCP_CLOSING,
};

/* struct inet_diag_req of linux/inet_diag.h, with its header */
struct diag_request_both {
	struct message message;
	uint8_t family;
	uint8_t source_length;
	uint8_t target_length;
	uint8_t extensions;
	uint16_t source_port; /* in network order; the kernel leaves out all others: inet_diag_dump_icsk() */
	uint16_t target_port;
	uint32_t addresses[8];
	uint32_t interface;
	uint32_t cookie[2];
	uint32_t states;
	uint32_t tables;
};

_Static_assert(sizeof(struct diag_request_both) == 76, "the size of struct inet_diag_req with its header");

/* struct inet_diag_msg */
struct diag_socket {
	uint8_t family;
	uint8_t state;
	uint8_t timer;
	uint8_t retransmits;
	uint16_t source_port;
	uint16_t target_port;
	uint32_t addresses[8];
	uint32_t interface;
	uint32_t cookie[2];
	uint32_t expires;
	uint32_t unread;
	uint32_t unsent;
	uint32_t user;
	uint32_t inode;
};

struct attribute {
	uint16_t length;
	uint16_t type;
};

_Static_assert(sizeof(struct diag_socket) == 72, "the size of struct inet_diag_msg");

/*
 * The ties are kept as bits by a hash of the client's address and port, since there may be thousands. Two clients with
 * the same bit can only make an idle connection busy, and the salt is another one in the next scan.
 */
struct scan {
	int busy;
	int ties;
	uint32_t salt;
	uint8_t tie_bits[TIE_BITS / 8];
};

static uint32_t hash_client(const struct scan *scan, const uint32_t address[4], unsigned port)
{
	uint32_t hash = scan->salt ^ port;
	for (int i = 0; i < 4; i++)
		hash = (hash ^ address[i]) * 0x9e3779b1U;
	return (hash ^ hash >> 15) % TIE_BITS;
}

static uint32_t read_figure(const uint8_t *info, size_t offset)
{
	uint32_t figure;
	memcpy(&figure, info + offset, sizeof figure);
	return figure;
}

static void add_connection(struct scan *scan, const struct diag_socket *socket, const uint8_t *info)
{
	const struct connection connection = {.state = socket->state,
	                                      .unread = socket->unread,
	                                      .unsent = socket->unsent,
	                                      .received_ms = read_figure(info, INFO_LAST_DATA_RECEIVED),
	                                      .sent_ms = read_figure(info, INFO_LAST_DATA_SENT),
	                                      .data_in = read_figure(info, INFO_DATA_SEGMENTS_IN),
	                                      .data_out = read_figure(info, INFO_DATA_SEGMENTS_OUT)};
	enum connection_verdict verdict = connection_judge(&connection);
	scan->busy += verdict == CONNECTION_BUSY;
	if (verdict != CONNECTION_TIE)
		return;
	uint32_t address[4] = {0};
	memcpy(address, &socket->addresses[4], socket->family == AF_INET6 ? sizeof address : sizeof address[0]);
	uint32_t hash = hash_client(scan, address, ntohs(socket->target_port));
	scan->tie_bits[hash / 8] |= (uint8_t)(1U << hash % 8);
	scan->ties++;
}

/* Returns 0, or -1 if the message has no tcp_info that is long enough. */
static int read_socket(struct scan *scan, const uint8_t *bytes, size_t length)
{
	struct diag_socket socket;
	struct attribute attribute;
	if (length < sizeof socket)
		return -1;
	memcpy(&socket, bytes, sizeof socket);
	for (size_t at = sizeof socket; length - at >= sizeof attribute;) {
		memcpy(&attribute, bytes + at, sizeof attribute);
		if (attribute.length < sizeof attribute || attribute.length > length - at)
			return -1;
		size_t size = attribute.length - sizeof attribute;
		if (attribute.type == INFO_ATTRIBUTE) {
			if (size < INFO_NEEDED)
				return -1;
			add_connection(scan, &socket, bytes + at + sizeof attribute);
			return 0;
		}
		size_t aligned = (attribute.length + 3U) & ~3U;
		at += aligned < length - at ? aligned : length - at;
	}
	return -1;
}

/* One part of the response. Returns 1 if it was the last one, 0, or -1 with errno. */
static int read_part(struct scan *scan, const uint8_t *bytes, size_t length)
{
	for (size_t at = 0; length - at >= sizeof(struct message);) {
		struct message message;
		int32_t error = 0;
		memcpy(&message, bytes + at, sizeof message);
		if (message.length < sizeof message || message.length > length - at)
			break;
		const uint8_t *body = bytes + at + sizeof message;
		size_t size = message.length - sizeof message;
		if (message.type == MESSAGE_DONE || message.type == MESSAGE_ERROR) {
			memcpy(&error, body, size < sizeof error ? size : sizeof error);
			if (message.type == MESSAGE_DONE && error >= 0)
				return 1;
			errno = sock_diag_errno(error);
			return -1;
		}
		if (message.type == MESSAGE_BY_BOTH && read_socket(scan, body, size) < 0)
			break;
		size_t aligned = (message.length + 3U) & ~3U;
		at += aligned < length - at ? aligned : length - at;
		if (at == length)
			return 0;
	}
	errno = EPROTO;
	return -1;
}

/* The kernel makes the first part of the response in send(2), each later one in the recv(2) before it. */
static int scan_port(struct scan *scan, int fd, uint16_t port)
{
	_Alignas(8) uint8_t bytes[BUFFER_SIZE];
	const struct diag_request_both request = {
		.message = {.length = sizeof request, .type = MESSAGE_BY_BOTH, .flags = FLAGS_DUMP_REQUEST},
		.family = AF_INET,
		.extensions = 1U << (INFO_ATTRIBUTE - 1),
		.source_port = htons(port),
		.states = STATES,
	};
	if (send(fd, &request, sizeof request, 0) < 0)
		return -1;
	for (int end = 0; end == 0;) {
		ssize_t length = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT | MSG_TRUNC);
		if (length > (ssize_t)sizeof bytes)
			errno = EMSGSIZE;
		if (length < 0 || length > (ssize_t)sizeof bytes)
			return -1;
		end = read_part(scan, bytes, (size_t)length);
		if (end < 0)
			return -1;
	}
	return 0;
}

static int scan_ports(struct scan *scan, const struct ports *ports)
{
	int result = 0;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, PROTOCOL_SOCK_DIAG);
	if (fd < 0)
		return -1;
	for (int i = 0; i < ports->count && result == 0; i++)
		result = scan_port(scan, fd, ports->list[i]);
	int error = errno;
	(void)close(fd);
	errno = error;
	return result;
}

/* --- Ties, by /proc/net ------------------------------------------------------------------------------------------- */

/* The fields of a line of /proc/net/tcp that count, separated by spaces: proc(5). */
enum { FIELD_LOCAL = 1, FIELD_REMOTE = 2, FIELD_STATE = 3, FIELD_MODE = 14, FIELDS = 15 };

static uint32_t read_hex(const char *digits, size_t length)
{
	uint32_t value = 0;
	for (size_t i = 0; i < length; i++) {
		char digit = digits[i];
		value = value << 4 | (uint32_t)(digit <= '9' ? digit - '0' : (digit | ' ') - 'a' + 10);
	}
	return value;
}

/* Splits a line into its fields. Returns whether it has all of them. */
static bool split_line(const char *line, const char *end, const char *fields[FIELDS + 1])
{
	for (int i = 0; i < FIELDS; i++) {
		while (line < end && *line == ' ')
			line++;
		fields[i] = line;
		while (line < end && *line != ' ')
			line++;
		if (line == fields[i])
			return false;
	}
	fields[FIELDS] = line;
	return true;
}

/*
 * A socket is in the kernel's "pingpong" mode if the app has answered the last data before the delayed acknowledgment
 * was due, 40 ms: tcp_event_data_sent() in net/ipv4/tcp_output.c. If the kernel had to acknowledge it, the mode ends:
 * tcp_delack_timer_handler(). Then the response to the last request is still to come. The mode is bit 0 of the field;
 * sock_diag does not have it.
 */
static bool is_unanswered_tie(const struct scan *scan, const char *line, const char *end, const struct ports *ports)
{
	const char *fields[FIELDS + 1];
	uint32_t address[4] = {0};
	if (!split_line(line, end, fields))
		return false;
	const char *local = memchr(fields[FIELD_LOCAL], ':', (size_t)(fields[FIELD_REMOTE] - fields[FIELD_LOCAL]));
	const char *remote = memchr(fields[FIELD_REMOTE], ':', (size_t)(fields[FIELD_STATE] - fields[FIELD_REMOTE]));
	if (local == NULL || remote == NULL || read_hex(fields[FIELD_STATE], 2) != TCP_ESTABLISHED ||
	    (read_hex(fields[FIELD_MODE], (size_t)(fields[FIELDS] - fields[FIELD_MODE])) & 1) != 0)
		return false;
	bool is_ours = ports_have(ports, (int)read_hex(local + 1, 4));
	size_t words = (size_t)(remote - fields[FIELD_REMOTE]) / 8;
	for (size_t i = 0; i < words && i < 4; i++)
		address[i] = read_hex(fields[FIELD_REMOTE] + 8 * i, 8);
	uint32_t hash = hash_client(scan, address, read_hex(remote + 1, 4));
	return is_ours && (scan->tie_bits[hash / 8] >> hash % 8 & 1) != 0;
}

/* Counts the unanswered ties. Returns -1 with errno. */
static int count_unanswered(const struct scan *scan, const char *path, const struct ports *ports)
{
	char bytes[4096];
	size_t filled = 0;
	int found = 0;
	ssize_t got = 1;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	while (got > 0 && filled < sizeof bytes) {
		got = read(fd, bytes + filled, sizeof bytes - filled);
		const char *end = bytes + filled + (got > 0 ? got : 0);
		const char *line = bytes;
		for (const char *stop; (stop = memchr(line, '\n', (size_t)(end - line))) != NULL; line = stop + 1)
			found += is_unanswered_tie(scan, line, stop, ports);
		filled = (size_t)(end - line);
		memmove(bytes, line, filled);
	}
	(void)close(fd);
	return got < 0 ? -1 : found;
}

/* Ties are looked up only if nothing else is busy: /proc/net/tcp takes 10 ms with an empty table. */
int connections_count_busy(const struct ports *ports)
{
	struct scan scan = {.salt = (uint32_t)signals_now_us()};
	if (scan_ports(&scan, ports) < 0)
		return -1;
	if (scan.busy > 0 || scan.ties == 0)
		return scan.busy;
	int four = count_unanswered(&scan, "/proc/net/tcp", ports);
	if (four < 0)
		return -1;
	int six = count_unanswered(&scan, "/proc/net/tcp6", ports);
	if (six < 0 && errno == ENOENT)
		six = 0; /* without IPv6 */
	return six < 0 ? -1 : four + six;
}
