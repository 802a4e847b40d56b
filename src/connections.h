/*
 * Whether a TCP server is in the middle of a request, judged by the kernel's figures about its connections.
 */
#ifndef LULL_CONNECTIONS_H
#define LULL_CONNECTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "values.h"

enum { CONNECTIONS_QUIET_MS = 500 }; /* data within this time: busy; it covers pauses inside a request */

/* One connection, as sock_diag(7) shows it; the times are how long ago, in ms, in steps of the kernel's jiffy. */
struct connection {
	uint8_t state;        /* TCP_ESTABLISHED and so on, netinet/tcp.h */
	uint32_t unread;      /* bytes that the app has not read; a FIN of the client that it has not read counts 1 */
	uint32_t unsent;      /* bytes that the client has not acknowledged; a FIN of the app counts 1 */
	uint32_t received_ms; /* since the last data from the client; since the opening if there was none */
	uint32_t sent_ms;     /* the same, to the client */
	uint32_t data_in;     /* segments with data */
	uint32_t data_out;
};

enum connection_verdict {
	CONNECTION_IDLE,
	CONNECTION_BUSY, /* a request was received or is being received, and the response is not complete */
	CONNECTION_TIE,  /* data was received and sent in the same jiffy: which one was last is not known */
};

/* Judges one connection of a request-response protocol such as HTTP/1.1. Pure. */
enum connection_verdict connection_judge(const struct connection *connection);

/*
 * Counts the busy connections, IPv4 and IPv6, whose local port is one of these, in lull's network namespace. Never
 * waits. Returns the number; -1 with errno if that cannot be read: EPROTO if the kernel is older than Linux 4.6, which
 * has no segment counts.
 *
 * It takes 1 ms without a connection, because the kernel walks its whole hash table, and 12 ms with 10 000. If all
 * are idle but for ties, /proc/net/tcp is read too: 38 ms. Measured by tests/bench/bench --checks.
 */
int connections_count_busy(const struct ports *ports);

#endif
