/*
 * Owns the search in the kernel's table of sockets. Never connects, never waits.
 *
 * With one socket in the table sock_diag takes 28 us, /proc/net 10 ms (docs/development/decisions.md). gVisor has only
 * /proc/net, and a seccomp profile may deny sock_diag.
 */
#include "listens.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sock_diag.h"

/* --- By sock_diag(7) -------------------------------------------------------------------------------------------- */

enum { STATE_LISTEN = 10 };

/* struct inet_diag_req_v2 of linux/inet_diag.h, after its header */
struct diag_request {
	struct message message;
	uint8_t family;
	uint8_t protocol;
	uint8_t extensions;
	uint8_t unused;
	uint32_t states;
	uint16_t source_port; /* in network order; the kernel leaves out all others: inet_diag_dump_icsk() */
	uint16_t target_port;
	uint32_t addresses[8];
	uint32_t interface;
	uint32_t cookie[2];
};

/* The beginning of a response: that there is a socket is enough. */
struct diag_response {
	struct message message;
	int32_t error;
};

_Static_assert(sizeof(struct diag_request) == 72, "the size of struct inet_diag_req_v2 with its header");

/*
 * The kernel makes the first part of the response, here all of it, in send(2), so recv(2) does not wait. Returns 1, 0
 * or -1.
 */
static int query_family(int fd, int family, int port)
{
	const struct diag_request request = {
		.message = {.length = sizeof request, .type = MESSAGE_BY_FAMILY, .flags = FLAGS_DUMP_REQUEST},
		.family = (uint8_t)family,
		.protocol = IPPROTO_TCP,
		.states = 1U << STATE_LISTEN,
		.source_port = htons((uint16_t)port),
	};
	struct diag_response response = {.message = {.type = MESSAGE_ERROR}, .error = -EPROTO};
	if (send(fd, &request, sizeof request, 0) < 0 || recv(fd, &response, sizeof response, MSG_DONTWAIT) < 0)
		return -1;
	if (response.message.type == MESSAGE_BY_FAMILY)
		return 1;
	if (response.message.type == MESSAGE_DONE && response.error >= 0)
		return 0;
	errno = sock_diag_errno(response.error);
	return -1;
}

static int find_by_diag(int port)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, PROTOCOL_SOCK_DIAG);
	if (fd < 0)
		return -1;
	int found = query_family(fd, AF_INET, port);
	if (found == 0)
		found = query_family(fd, AF_INET6, port);
	(void)close(fd);
	return found;
}

/* --- By /proc/net ------------------------------------------------------------------------------------------------ */

enum {
	PORT_DIGITS = 4,
	OTHERS_MAX = 1000, /* sockets that do not listen, before the search ends */
};

/*
 * A line is "0: ADDRESS:PORT ADDRESS:PORT STATE ...", in hexadecimal: proc(5). Returns the digits of the first port if
 * the socket listens: the other port is 0 then. Otherwise NULL.
 */
static const char *listening_port(const char *line, const char *end)
{
	static const char LISTENS[] = "0000 0A";
	const char *field[3];
	for (size_t i = 0; i < sizeof field / sizeof field[0]; i++) {
		const char *colon = memchr(line, ':', (size_t)(end - line));
		if (colon == NULL)
			return NULL;
		field[i] = line = colon + 1;
	}
	bool listens =
		end - field[2] >= (ptrdiff_t)sizeof LISTENS - 1 && memcmp(field[2], LISTENS, sizeof LISTENS - 1) == 0;
	return listens && field[2] - field[1] > PORT_DIGITS ? field[1] : NULL;
}

/*
 * Linux lists listening sockets first, gVisor by age, so some connections may come before. No line of the kernel is
 * longer than the buffer. Returns 1, 0 or -1.
 */
static int find_in_table(const char *path, const char wanted[PORT_DIGITS])
{
	char bytes[4096];
	size_t filled = 0;
	int others = 0;
	int found = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	for (ssize_t got = 1; found == 0 && others < OTHERS_MAX && got > 0 && filled < sizeof bytes;) {
		got = read(fd, bytes + filled, sizeof bytes - filled);
		const char *end = bytes + filled + (got > 0 ? got : 0);
		const char *line = bytes;
		for (const char *stop; (stop = memchr(line, '\n', (size_t)(end - line))) != NULL; line = stop + 1) {
			const char *port = listening_port(line, stop);
			if (port == NULL)
				others++;
			else if (memcmp(port, wanted, PORT_DIGITS) == 0)
				found = 1;
		}
		filled = (size_t)(end - line);
		memmove(bytes, line, filled);
	}
	(void)close(fd);
	return found;
}

/* Without IPv6 there is no tcp6, which is no error. */
static int find_in_proc(int port)
{
	static const char DIGITS[] = "0123456789ABCDEF";
	char digits[PORT_DIGITS];
	for (int i = 0; i < PORT_DIGITS; i++)
		digits[i] = DIGITS[port >> (4 * (PORT_DIGITS - 1 - i)) & 0xf];
	int found = find_in_table("/proc/net/tcp", digits);
	return found != 0 || find_in_table("/proc/net/tcp6", digits) != 1 ? found : 1;
}

static int find_listener(int port, bool *no_diag)
{
	if (no_diag != NULL && *no_diag)
		return find_in_proc(port);
	int found = find_by_diag(port);
	if (found >= 0)
		return found;
	if (no_diag != NULL)
		*no_diag = errno == ENOENT || errno == EPROTONOSUPPORT;
	return find_in_proc(port);
}

int find_closed_port(const struct ports *ports, bool *no_diag)
{
	for (int i = 0; i < ports->count; i++) {
		int found = find_listener(ports->list[i], no_diag);
		if (found <= 0)
			return found < 0 ? -1 : ports->list[i];
	}
	return 0;
}
