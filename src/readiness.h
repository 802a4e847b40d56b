/*
 * Readiness: whether the container serves. The endpoint and the name of lull's process both show this one value.
 */
#ifndef LULL_READINESS_H
#define LULL_READINESS_H

enum readiness {
	READINESS_STARTING, /* the app runs, but nothing listens on the port of --listens yet */
	READINESS_READY,    /* the app runs, and no shutdown has started */
	READINESS_DRAINING, /* a shutdown has started */
	READINESS_ENDED,    /* the app exited without a shutdown, and remaining processes run */
};

#endif
