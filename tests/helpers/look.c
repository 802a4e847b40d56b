/*
 * Measures the time of a check:
 *
 *   look PORT TIMES        whether a process listens on the port
 *   look PORT TIMES busy   how many connections of the port are busy
 *
 * Prints the result, and the shortest and the median time of one check in us.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "../../src/connections.h"
#include "../../src/listens.h"

enum { TIMES_MOST = 10000 };

static int64_t now_ns(void)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int compare(const void *a, const void *b)
{
	const int64_t *first = a;
	const int64_t *second = b;
	return (*first > *second) - (*first < *second);
}

int main(int argc, char **argv)
{
	static int64_t took_ns[TIMES_MOST];
	int found = 0;
	if (argc < 3 || atoi(argv[2]) < 1 || atoi(argv[2]) > TIMES_MOST)
		return 2;
	int times = atoi(argv[2]);
	const struct ports ports = {.count = 1, .list = {(uint16_t)atoi(argv[1])}};
	for (int i = 0; i < times; i++) {
		int64_t start_ns = now_ns();
		found = argc > 3 ? connections_count_busy(&ports) : find_closed_port(&ports, NULL);
		took_ns[i] = now_ns() - start_ns;
	}
	qsort(took_ns, (size_t)times, sizeof took_ns[0], compare);
	printf("found %d least %.1f middle %.1f\n", found, (double)took_ns[0] / 1000,
	       (double)took_ns[times / 2] / 1000);
	return 0;
}
