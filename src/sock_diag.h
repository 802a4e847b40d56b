/*
 * The part of sock_diag(7) that lull uses: linux/netlink.h and linux/sock_diag.h, which musl-gcc does not have.
 */
#ifndef LULL_SOCK_DIAG_H
#define LULL_SOCK_DIAG_H

#include <errno.h>
#include <stdint.h>

enum {
	PROTOCOL_SOCK_DIAG = 4,
	MESSAGE_ERROR = 2,
	MESSAGE_DONE = 3,
	MESSAGE_BY_BOTH = 18,   /* TCPDIAG_GETSOCK: IPv4 and IPv6 in one response */
	MESSAGE_BY_FAMILY = 20, /* SOCK_DIAG_BY_FAMILY */
	FLAGS_DUMP_REQUEST = 0x301,
	ERROR_HIGHEST = 4095, /* MAX_ERRNO, linux/err.h */
};

struct message {
	uint32_t length;
	uint16_t type;
	uint16_t flags;
	uint32_t sequence;
	uint32_t port;
};

/* Returns the errno for the error of a response, a negative number; EPROTO if it is none. */
static inline int sock_diag_errno(int32_t error)
{
	return error < 0 && error >= -ERROR_HIGHEST ? -error : EPROTO;
}

#endif
