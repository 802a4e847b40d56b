/*
 * Whether a process listens on a TCP port, without a connection to it.
 */
#ifndef LULL_LISTENS_H
#define LULL_LISTENS_H

#include <stdbool.h>

/*
 * Searches lull's network namespace for a listening TCP socket, IPv4 or IPv6, on this port. Never waits. Returns 1 or
 * 0; -1 with errno if the kernel's table can be read neither by sock_diag(7) nor in /proc/net.
 *
 * *no_diag, false at first, becomes true if the kernel has no sock_diag: the next call does not try it, since each try
 * makes the kernel search for its module. May be NULL.
 */
int find_listener(int port, bool *no_diag);

#endif
