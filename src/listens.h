/*
 * Does anybody listen on a TCP port? The kernel is asked, nobody is connected to.
 */
#ifndef LULL_LISTENS_H
#define LULL_LISTENS_H

#include <stdbool.h>

/*
 * Looks for a listening TCP socket, IPv4 or IPv6, on this port in lull's network namespace. Never waits. Returns 1 or
 * 0; or -1 with errno where the kernel's table can not be read, neither by sock_diag(7) nor in /proc/net.
 *
 * no_diag, if not NULL, is kept from one look to the next, false at first: there is no sock_diag, and asking again
 * would have the kernel look for its module each time.
 */
int find_listener(int port, bool *no_diag);

#endif
