/*
 * Owns the readiness endpoint's sockets. Never waits but in endpoint_wait(), keeps nothing of what it reads, trusts
 * nobody.
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
	NOBODY = -1, /* poll(2) takes no notice of it */
	POLLED = ENDPOINT_KEPT + ENDPOINT_CONNECTIONS,
	BACKLOG = 128,
	ACCEPTS_A_TURN = 4,
	BYTES_A_TURN = 1024,   /* read from one connection */
	RECEIVED_MOST = 65536, /* what a connection may send in all, be it only to be thrown away */
	WITHOUT_POLL_MS = 10,  /* where poll(2) or signalfd(2) is denied: how often sockets are tried */
};

/* --- The listener ------------------------------------------------------------------------------------------------ */

/* Where a standard descriptor is closed it stays so: nobody may take a socket for it. Keeps errno. */
static int above_stderr(int fd)
{
	if (fd < 0 || fd > STDERR_FILENO)
		return fd;
	int moved = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	int error = errno;
	(void)close(fd);
	errno = error;
	return moved;
}

/* An IPv6 address that was given stands for itself, also [::]; without any, IPv4 comes to the same socket. */
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

static int open_family(const struct address *address, int family)
{
	int fd = above_stderr(socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
	if (fd < 0 || bind_and_listen(fd, address, family) == 0)
		return fd;
	int error = errno;
	(void)close(fd);
	errno = error;
	return -1;
}

static int open_listener(const struct address *address)
{
	if (address->family != AF_UNSPEC)
		return open_family(address, address->family);
	int fd = open_family(address, AF_INET6);
	return fd < 0 && errno != EADDRINUSE ? open_family(address, AF_INET) : fd;
}

int endpoint_open(struct endpoint *endpoint, const struct address *address, int listens)
{
	endpoint->kept[ENDPOINT_LISTENER] = endpoint->kept[ENDPOINT_SIGNALS] = NOBODY;
	if (address->port == 0 && listens == 0)
		return 0; /* the rest is not touched */
	*endpoint = (struct endpoint){.kept = {NOBODY, NOBODY}, .listens = listens};
	for (int i = 0; i < ENDPOINT_CONNECTIONS; i++) {
		endpoint->polled[ENDPOINT_KEPT + i].fd = NOBODY;
		endpoint->connections[i].deadline_ms = TIME_NEVER;
	}
	if (address->port == 0)
		return 0;
	endpoint->kept[ENDPOINT_LISTENER] = open_listener(address);
	if (endpoint->kept[ENDPOINT_LISTENER] < 0)
		return -1;
	endpoint->kept[ENDPOINT_SIGNALS] = above_stderr(signals_descriptor());
	return 0;
}

/* --- The wait ---------------------------------------------------------------------------------------------------- */

/* What is waited for: descriptors, none of which has anything yet, and the first of all deadlines. */
static int64_t prepare(struct endpoint *endpoint, int64_t deadline_ms, int64_t now_ms)
{
	bool paused = now_ms < endpoint->accept_again_ms;
	endpoint->polled[ENDPOINT_SIGNALS].fd = endpoint->kept[ENDPOINT_SIGNALS];
	endpoint->polled[ENDPOINT_LISTENER].fd = paused ? NOBODY : endpoint->kept[ENDPOINT_LISTENER];
	if (paused && endpoint->accept_again_ms < deadline_ms)
		deadline_ms = endpoint->accept_again_ms;
	for (int i = 0; i < ENDPOINT_CONNECTIONS; i++)
		if (endpoint->connections[i].deadline_ms < deadline_ms)
			deadline_ms = endpoint->connections[i].deadline_ms;
	for (int i = 0; i < POLLED; i++)
		endpoint->polled[i] = (struct pollfd){.fd = endpoint->polled[i].fd, .events = POLLIN};
	return deadline_ms;
}

/* Up to the last connection that there is: poll(2) takes no more entries than there may be descriptors. */
static nfds_t count_polled(const struct endpoint *endpoint)
{
	nfds_t count = ENDPOINT_KEPT;
	for (nfds_t i = ENDPOINT_KEPT; i < POLLED; i++)
		if (endpoint->polled[i].fd != NOBODY)
			count = i + 1;
	return count;
}

int64_t endpoint_wait(struct endpoint *endpoint, int64_t deadline_ms)
{
	if (endpoint->kept[ENDPOINT_LISTENER] == NOBODY)
		return deadline_ms;
	const int64_t not_at_all = 0;
	int64_t now_ms = signals_now_ms();
	int64_t until_ms = prepare(endpoint, deadline_ms, now_ms);
	int64_t left_ms = until_ms > now_ms ? until_ms - now_ms : 0;
	int wait_ms = left_ms < INT_MAX ? (int)left_ms : INT_MAX;
	if (until_ms == TIME_NEVER)
		wait_ms = -1;
	if (endpoint->kept[ENDPOINT_SIGNALS] != NOBODY &&
	    (poll(endpoint->polled, count_polled(endpoint), wait_ms) >= 0 || errno == EINTR))
		return not_at_all;
	for (int i = 0; i < POLLED; i++)
		endpoint->polled[i].revents = endpoint->polled[i].fd != NOBODY ? POLLIN : 0;
	return now_ms + (left_ms < WITHOUT_POLL_MS ? left_ms : WITHOUT_POLL_MS);
}

/* --- Connections ------------------------------------------------------------------------------------------------- */

static void let_go(struct endpoint *endpoint, int slot)
{
	(void)close(endpoint->polled[ENDPOINT_KEPT + slot].fd);
	endpoint->polled[ENDPOINT_KEPT + slot].fd = NOBODY;
	endpoint->connections[slot].deadline_ms = TIME_NEVER;
}

bool endpoint_app_listens(struct endpoint *endpoint)
{
	int64_t start_ms = signals_now_ms();
	if (start_ms < endpoint->look_again_ms)
		return endpoint->app_listens;
	int found = listens_look(endpoint->listens, &endpoint->no_diag);
	if (found >= 0)
		endpoint->app_listens = found > 0;
	int64_t end_ms = signals_now_ms();
	endpoint->look_again_ms = end_ms + ENDPOINT_LOOK_MS + 10 * (end_ms - start_ms);
	return endpoint->app_listens;
}

static enum http_readiness readiness(struct endpoint *endpoint, bool draining)
{
	if (draining)
		return HTTP_DRAINING;
	return endpoint->listens != 0 && !endpoint_app_listens(endpoint) ? HTTP_STARTING : HTTP_READY;
}

/*
 * An answer always fits into a socket that nothing was sent to. The other side's end is then waited for: to close with
 * bytes unread would have the kernel send a reset, which can overtake the answer.
 */
static bool answer(struct endpoint *endpoint, int fd, enum http_verdict verdict, bool draining)
{
	char bytes[HTTP_ANSWER_SIZE];
	struct text text = TEXT_IN(bytes);
	http_answer(&text, verdict, readiness(endpoint, draining));
	return send(fd, text.bytes, text.length, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)text.length &&
	       shutdown(fd, SHUT_WR) == 0;
}

static void converse(struct endpoint *endpoint, int slot, bool draining)
{
	struct endpoint_connection *connection = &endpoint->connections[slot];
	int fd = endpoint->polled[ENDPOINT_KEPT + slot].fd;
	char bytes[BYTES_A_TURN];
	ssize_t got = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
	if (got < 0 && errno == EAGAIN)
		return;
	connection->received += (int)got;
	if (got <= 0 || connection->received > RECEIVED_MOST) {
		let_go(endpoint, slot);
		return;
	}
	if (connection->answered)
		return;
	enum http_verdict verdict = http_read(&connection->request, bytes, (size_t)got);
	if (verdict == HTTP_MORE)
		return;
	connection->answered = true;
	if (!answer(endpoint, fd, verdict, draining))
		let_go(endpoint, slot);
}

static int make_room(struct endpoint *endpoint)
{
	int oldest = 0;
	for (int i = 0; i < ENDPOINT_CONNECTIONS; i++) {
		if (endpoint->polled[ENDPOINT_KEPT + i].fd == NOBODY)
			return i;
		if (endpoint->connections[i].deadline_ms < endpoint->connections[oldest].deadline_ms)
			oldest = i;
	}
	let_go(endpoint, oldest);
	return oldest;
}

/*
 * Most requests come with their connection, and are answered at once. Where there is no descriptor for one, the
 * listener is left alone for a while: it would wake us again and again.
 */
static void accept_some(struct endpoint *endpoint, bool draining, int64_t now_ms)
{
	for (int i = 0; i < ACCEPTS_A_TURN; i++) {
		int fd = above_stderr(
			accept4(endpoint->kept[ENDPOINT_LISTENER], NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC));
		if (fd < 0) {
			if (errno != EAGAIN)
				endpoint->accept_again_ms = now_ms + ENDPOINT_PAUSE_MS;
			return;
		}
		int slot = make_room(endpoint);
		endpoint->polled[ENDPOINT_KEPT + slot].fd = fd;
		endpoint->connections[slot] = (struct endpoint_connection){.deadline_ms = now_ms + ENDPOINT_LIFE_MS};
		converse(endpoint, slot, draining);
	}
}

void endpoint_serve(struct endpoint *endpoint, bool draining)
{
	if (endpoint->kept[ENDPOINT_LISTENER] == NOBODY)
		return;
	int64_t now_ms = signals_now_ms();
	for (int i = 0; i < ENDPOINT_CONNECTIONS; i++) {
		if (now_ms >= endpoint->connections[i].deadline_ms)
			let_go(endpoint, i);
		else if (endpoint->polled[ENDPOINT_KEPT + i].revents != 0)
			converse(endpoint, i, draining);
	}
	if (endpoint->polled[ENDPOINT_LISTENER].revents != 0)
		accept_some(endpoint, draining, now_ms);
}
