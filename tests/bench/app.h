/* The records that measure.c and app.c send to each other. */
#ifndef BENCH_APP_H
#define BENCH_APP_H

#include <stdint.h>

enum { APP_OUT = 3, APP_IN = 4 }; /* the app's descriptors */

enum { APP_TRICKLE_NS = 1000000 }; /* between the exits of two orphans */

/* From the app: times or counts, see app.c. To the app: an order, and the number of orphans. */
struct record {
	int64_t first;
	int64_t second;
};

/* After each order, the app sends the number of orphans that are not reaped yet. */
enum order {
	ORDER_READY = 1, /* make orphans that exit together */
	ORDER_TRICKLE,   /* make orphans that exit one after the other */
	ORDER_COUNT,     /* make none */
};

#endif
