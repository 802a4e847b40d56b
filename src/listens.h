/*
 * Whether a process listens on TCP ports, without a connection to them.
 */
#ifndef LULL_LISTENS_H
#define LULL_LISTENS_H

#include <stdbool.h>

#include "values.h"

/*
 * Searches lull's network namespace for a listening TCP socket, IPv4 or IPv6, on each of these ports. Never waits.
 * Returns the first port on which nothing listens; 0 if there is none; -1 with errno if the kernel's table can be read
 * neither by sock_diag(7) nor in /proc/net.
 *
 * *no_diag, false at first, becomes true if the kernel has no sock_diag: the next call does not try it, since each try
 * makes the kernel search for its module. May be NULL.
 */
int find_closed_port(const struct ports *ports, bool *no_diag);

#endif
