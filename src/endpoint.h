/*
 * The readiness endpoint: a tiny HTTP server that is a guest in lull's loop.
 *
 * It takes part in the wait and is served after the signals of a turn. Whatever it is sent, it holds a few words of
 * memory, ENDPOINT_CONNECTIONS descriptors for ENDPOINT_LIFE_MS at most, and does a bounded piece of work a turn.
 */
#ifndef LULL_ENDPOINT_H
#define LULL_ENDPOINT_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include "http.h"
#include "values.h"

enum {
	ENDPOINT_CONNECTIONS = 16, /* at once; the next one takes the place of the oldest */
	ENDPOINT_LIFE_MS = 1000,   /* how long a connection lives at most */
	ENDPOINT_LOOK_MS = 100,    /* how long the answer to "does the app listen?" is good */
	ENDPOINT_PAUSE_MS = 100,   /* how long nothing is accepted when there is no descriptor for it */
};

/* Descriptors that stay open: child_release_inherited() gives them their final numbers. -1: none. */
enum { ENDPOINT_LISTENER, ENDPOINT_SIGNALS, ENDPOINT_KEPT };

struct endpoint_connection {
	struct http_request request;
	int64_t deadline_ms; /* absolute; TIME_NEVER: there is no connection here */
	int received;        /* bytes */
	bool answered;
};

struct endpoint {
	int kept[ENDPOINT_KEPT];
	int listens; /* the port that the app serves; 0: not known */
	bool app_listens;
	bool no_diag; /* for listens_look() */
	int64_t look_again_ms;
	int64_t accept_again_ms;
	struct pollfd polled[ENDPOINT_KEPT + ENDPOINT_CONNECTIONS]; /* the connections' descriptors are kept here */
	struct endpoint_connection connections[ENDPOINT_CONNECTIONS];
};

/*
 * To be called before the app is started: listens at the address, whose port may be 0 for no endpoint at all. No
 * descriptor is below 3 or reaches the app. Returns 0, or -1 with errno.
 */
int endpoint_open(struct endpoint *endpoint, const struct address *address, int listens);

/*
 * Waits until there is a signal, a connection wants something, or deadline_ms (TIME_NEVER: no end) is over. Returns
 * until when signals_wait() is to wait now: not at all, or, without an endpoint, until deadline_ms.
 */
int64_t endpoint_wait(struct endpoint *endpoint, int64_t deadline_ms);

/* Answers what endpoint_wait() has found, and lets go whose time is over. */
void endpoint_serve(struct endpoint *endpoint, bool draining);

/*
 * Returns whether a process listens on the port of --listens, which must be set. Reads the kernel's table of sockets at
 * most ten times a second, and less often if that takes long. While the table cannot be read the last result stands.
 */
bool endpoint_app_listens(struct endpoint *endpoint);

#endif
