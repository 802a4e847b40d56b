/*
 * The readiness endpoint: an HTTP server that takes part in lull's loop.
 *
 * Whatever it receives, it holds ENDPOINT_CONNECTIONS descriptors, each for ENDPOINT_LIFE_MS at most, and does a
 * bounded amount of work in each turn.
 */
#ifndef LULL_ENDPOINT_H
#define LULL_ENDPOINT_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include "http.h"
#include "values.h"

enum {
	ENDPOINT_CONNECTIONS = 16, /* at a time; a new one replaces the oldest */
	ENDPOINT_LIFE_MS = 1000,   /* of a connection, at most */
	ENDPOINT_CHECK_MS = 100,   /* pause between two scans for a listening process */
	ENDPOINT_PAUSE_MS = 100,   /* pause in accepting when there is no descriptor left */
};

/* Descriptors that stay open: child_release_inherited() gives them their final numbers. -1: none. */
enum { ENDPOINT_LISTENER, ENDPOINT_SIGNALS, ENDPOINT_DESCRIPTORS };

struct endpoint_connection {
	struct http_request request;
	int64_t deadline_ms; /* absolute */
	int received;        /* bytes */
	bool answered;
};

struct endpoint {
	int descriptors[ENDPOINT_DESCRIPTORS];
	const struct ports *listens; /* the ports of --listens */
	bool is_listening;
	bool no_diag; /* for find_closed_port() */
	int64_t check_again_ms;
	int64_t accept_again_ms;
	int count; /* of connections, the oldest first */
	struct pollfd
		polled[ENDPOINT_DESCRIPTORS + ENDPOINT_CONNECTIONS]; /* of connections, the only place of the fd */
	struct endpoint_connection connections[ENDPOINT_CONNECTIONS];
};

/*
 * Before the app starts: listens on the address; its port is 0 without --ready-on. No descriptor is below 3, and the
 * app inherits none. Returns 0, or -1 with errno.
 */
int endpoint_open(struct endpoint *endpoint, const struct address *address, const struct ports *listens);

/*
 * Waits for a signal, a connection or deadline_ms (TIME_NEVER: none). Returns the deadline for signals_wait(): 0, or
 * deadline_ms without an endpoint.
 */
int64_t endpoint_wait(struct endpoint *endpoint, int64_t deadline_ms);

/*
 * Answers the requests that endpoint_wait() has found, and closes connections whose time is over. READINESS_READY
 * becomes READINESS_STARTING if nothing listens on a port of --listens.
 */
void endpoint_serve(struct endpoint *endpoint, enum readiness readiness);

/*
 * Returns whether processes listen on all ports of --listens, of which there must be one. Reads the kernel's table of
 * sockets at most ten times a second, and less often if that takes long. While the table cannot be read the last result
 * stands.
 */
bool endpoint_app_listens(struct endpoint *endpoint);

#endif
