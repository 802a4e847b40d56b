/* What measure.c and app.c say to each other. */
#ifndef BENCH_APP_H
#define BENCH_APP_H

#include <stdint.h>

enum { APP_OUT = 3, APP_IN = 4 }; /* the app's descriptors */

enum { APP_TRICKLE_NS = 1000000 }; /* from one orphan's end to the next one's */

/* From the app: see each word in app.c. To the app: an order and how many orphans. */
struct record {
	int64_t first;
	int64_t second;
};

/* After each the app says how many are not reaped yet. */
enum order {
	ORDER_READY = 1, /* that many orphans exit together */
	ORDER_TRICKLE,   /* one after the other */
	ORDER_COUNT,     /* nothing: how many of the last ones are not reaped? */
};

#endif
