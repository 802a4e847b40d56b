/*
 * Whether the lull of this container serves, as another process of the container sees it.
 */
#ifndef LULL_READY_H
#define LULL_READY_H

#include "text.h"

/* What `lull --ready` exits with. */
enum ready {
	READY_YES = 0,
	READY_NO = 1,   /* it drains, has lost its app, or nothing listens yet */
	READY_NONE = 2, /* there is no lull to ask */
};

/*
 * Asks the lull of this container: PID 1, or any other in the mount namespace of the caller; where there is none, PID 1
 * of another mount namespace. Something has to listen on `port`; 0: on the one that this lull was told of, if it was.
 * Adds the reason to `why` unless it is READY_YES.
 */
enum ready ready_ask(int port, struct text *why);

#endif
