/*
 * Owns the sockets of the readiness endpoint. Never waits except in endpoint_wait(), never stores what it reads.
 */
#include "endpoint.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "listens.h"
#include "signals.h"

enum {
	NO_DESCRIPTOR = -1, /* poll(2) ignores it */
	BACKLOG = 128,
	ACCEPTS_PER_TURN = 4,
	BYTES_PER_TURN = 1024, /* read from one connection */
	RECEIVED_MAX = 65536,  /* bytes of a connection in all, also those that are ignored */
	WITHOUT_POLL_MS = 10,  /* if poll(2) or signalfd(2) is denied: how often the sockets are tried */
};

/* --- The listener ------------------------------------------------------------------------------------------------ */

static void close_keeping_errno(int fd)
{
	int error = errno;
	(void)close(fd);
	errno = error;
}

/* If lull was started with a standard descriptor closed, no socket takes its number. Returns -1 with errno. */
static int move_above_stderr(int fd)
{
	if (fd < 0 || fd > STDERR_FILENO)
		return fd;
	int moved = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	close_keeping_errno(fd);
	return moved;
}

/* An IPv6 address that was given is IPv6 only, [::] too. Without an address, the socket takes IPv4 as well. */
static int bind_and_listen(int fd, const struct address *address, int family)
{
	const int on = 1;
	const int only = address->family == AF_INET6;
	const in_port_t port = htons((in_port_t)address->port);
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = port};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = port};
	memcpy(&v4.sin_addr, address->bytes, sizeof v4.sin_addr);
	memcpy(&v6.sin6_addr, address->bytes, sizeof v6.sin6_addr);
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof only) < 0)
		return -1;
	int bound = family == AF_INET6 ? bind(fd, (const struct sockaddr *)&v6, sizeof v6)
	                               : bind(fd, (const struct sockaddr *)&v4, sizeof v4);
	return bound < 0 ? -1 : listen(fd, BACKLOG);
}

static int open_listener(const struct address *address, int family)
{
	int fd = move_above_stderr(socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
	if (fd < 0 || bind_and_listen(fd, address, family) == 0)
		return fd;
	close_keeping_errno(fd);
	return -1;
}

int endpoint_open(struct endpoint *endpoint, const struct address *address, const struct ports *listens)
{
	*endpoint = (struct endpoint){.descriptors = {NO_DESCRIPTOR, NO_DESCRIPTOR}, .listens = listens};
	if (address->port == 0)
		return 0;
	int fd = open_listener(address, address->family != AF_UNSPEC ? address->family : AF_INET6);
	if (fd < 0 && address->family == AF_UNSPEC && errno != EADDRINUSE)
		fd = open_listener(address, AF_INET);
	if (fd < 0)
		return -1;
	endpoint->descriptors[ENDPOINT_LISTENER] = fd;
	endpoint->descriptors[ENDPOINT_SIGNALS] = move_above_stderr(signals_descriptor());
	return 0;
}

/* --- The wait ---------------------------------------------------------------------------------------------------- */

static int64_t first_deadline_ms(const struct endpoint *endpoint, int64_t deadline_ms, bool is_paused)
{
	if (endpoint->count > 0 && endpoint->connections[0].deadline_ms < deadline_ms)
		deadline_ms = endpoint->connections[0].deadline_ms;
	return is_paused && endpoint->accept_again_ms < deadline_ms ? endpoint->accept_again_ms : deadline_ms;
}

int64_t endpoint_wait(struct endpoint *endpoint, int64_t deadline_ms)
{
	const int *descriptors = endpoint->descriptors;
	if (descriptors[ENDPOINT_LISTENER] == NO_DESCRIPTOR)
		return deadline_ms;
	int64_t now_ms = signals_now_ms();
	bool is_paused = now_ms < endpoint->accept_again_ms;
	int64_t until_ms = first_deadline_ms(endpoint, deadline_ms, is_paused);
	int64_t left_ms = until_ms > now_ms ? until_ms - now_ms : 0;
	int wait_ms = until_ms == TIME_NEVER ? -1 : left_ms < INT_MAX ? (int)left_ms : INT_MAX;
	nfds_t count = ENDPOINT_DESCRIPTORS + (nfds_t)endpoint->count;
	endpoint->polled[ENDPOINT_LISTENER].fd = is_paused ? NO_DESCRIPTOR : descriptors[ENDPOINT_LISTENER];
	endpoint->polled[ENDPOINT_SIGNALS].fd = descriptors[ENDPOINT_SIGNALS];
	for (nfds_t i = 0; i < count; i++) {
		endpoint->polled[i].events = POLLIN;
		endpoint->polled[i].revents = 0;
	}
	if (descriptors[ENDPOINT_SIGNALS] != NO_DESCRIPTOR &&
	    (poll(endpoint->polled, count, wait_ms) >= 0 || errno == EINTR))
		return 0;
	for (nfds_t i = 0; i < count; i++)
		endpoint->polled[i].revents = endpoint->polled[i].fd != NO_DESCRIPTOR ? POLLIN : 0;
	return now_ms + (left_ms < WITHOUT_POLL_MS ? left_ms : WITHOUT_POLL_MS);
}

/* --- Connections ------------------------------------------------------------------------------------------------- */

static void close_connection(struct endpoint *endpoint, int i)
{
	struct pollfd *polled = &endpoint->polled[ENDPOINT_DESCRIPTORS + i];
	struct endpoint_connection *connection = &endpoint->connections[i];
	size_t later = (size_t)(--endpoint->count - i);
	(void)close(polled->fd);
	memmove(polled, polled + 1, later * sizeof *polled);
	memmove(connection, connection + 1, later * sizeof *connection);
}

bool endpoint_app_listens(struct endpoint *endpoint)
{
	int64_t start_ms = signals_now_ms();
	if (start_ms < endpoint->check_again_ms)
		return endpoint->is_listening;
	int closed = find_closed_port(endpoint->listens, &endpoint->no_diag);
	if (closed >= 0)
		endpoint->is_listening = closed == 0;
	int64_t end_ms = signals_now_ms();
	endpoint->check_again_ms = end_ms + ENDPOINT_CHECK_MS + 10 * (end_ms - start_ms);
	return endpoint->is_listening;
}

/*
 * The buffer of a new socket has space for any response. After it, lull waits for the end of the other side: closing a
 * socket with unread bytes makes the kernel send a reset, which can overtake the response.
 */
static bool send_response(struct endpoint *endpoint, int fd, enum http_verdict verdict, enum readiness readiness)
{
	char bytes[HTTP_RESPONSE_SIZE];
	struct text text = TEXT_IN(bytes);
	if (readiness == READINESS_READY && endpoint->listens->count > 0 && !endpoint_app_listens(endpoint))
		readiness = READINESS_STARTING;
	http_add_response(&text, verdict, readiness);
	return send(fd, text.bytes, text.length, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)text.length &&
	       shutdown(fd, SHUT_WR) == 0;
}

static void serve_connection(struct endpoint *endpoint, int i, enum readiness readiness)
{
	struct endpoint_connection *connection = &endpoint->connections[i];
	int fd = endpoint->polled[ENDPOINT_DESCRIPTORS + i].fd;
	char bytes[BYTES_PER_TURN];
	ssize_t length = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
	if (length < 0 && errno == EAGAIN)
		return;
	connection->received += (int)length;
	bool is_over = length <= 0 || connection->received > RECEIVED_MAX;
	if (!is_over && !connection->answered) {
		enum http_verdict verdict = http_read(&connection->request, bytes, (size_t)length);
		connection->answered = verdict != HTTP_INCOMPLETE;
		is_over = connection->answered && !send_response(endpoint, fd, verdict, readiness);
	}
	if (is_over)
		close_connection(endpoint, i);
}

/*
 * Most requests arrive with their connection, and are answered immediately. Without a descriptor for a connection the
 * listener stays readable and would wake lull again and again, so it is not polled for a while.
 */
static void accept_connections(struct endpoint *endpoint, enum readiness readiness, int64_t now_ms)
{
	for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
		int fd = move_above_stderr(
			accept4(endpoint->descriptors[ENDPOINT_LISTENER], NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC));
		if (fd < 0) {
			if (errno != EAGAIN)
				endpoint->accept_again_ms = now_ms + ENDPOINT_PAUSE_MS;
			return;
		}
		if (endpoint->count == ENDPOINT_CONNECTIONS)
			close_connection(endpoint, 0);
		int last = endpoint->count++;
		endpoint->polled[ENDPOINT_DESCRIPTORS + last].fd = fd;
		endpoint->connections[last] = (struct endpoint_connection){.deadline_ms = now_ms + ENDPOINT_LIFE_MS};
		serve_connection(endpoint, last, readiness);
	}
}

void endpoint_serve(struct endpoint *endpoint, enum readiness readiness)
{
	if (endpoint->descriptors[ENDPOINT_LISTENER] == NO_DESCRIPTOR)
		return;
	int64_t now_ms = signals_now_ms();
	for (int i = endpoint->count - 1; i >= 0;
	     i--) { /* the last first, since one that is closed moves those after it */
		if (now_ms >= endpoint->connections[i].deadline_ms)
			close_connection(endpoint, i);
		else if (endpoint->polled[ENDPOINT_DESCRIPTORS + i].revents != 0)
			serve_connection(endpoint, i, readiness);
	}
	if (endpoint->polled[ENDPOINT_LISTENER].revents != 0)
		accept_connections(endpoint, readiness, now_ms);
}
