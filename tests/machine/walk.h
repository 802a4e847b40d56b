/*
 * Two walks over all events. The graph merges states that differ only by the clock, so it ends: when no event leads to
 * a new state, all sequences of any length have been checked. The tree merges nothing; both must find the same.
 */
#ifndef LULL_TESTS_WALK_H
#define LULL_TESTS_WALK_H

#include "world.h"

struct result {
	long long plans;
	long long states;
	long long steps;    /* events that were played */
	double sequences;   /* of up to `depth` events, counted through the graph */
	int depth;          /* after this many events there was no new state */
	long long compared; /* sequences that were walked one by one as well */
	long long kills;
	long long hurries;
	long long open; /* plans whose graph was not walked to its end */
	long long failures;
	long long tested[INVARIANTS];
	char failure[1000]; /* the first ones, as comments of TAP */
};

struct effort {
	long long states; /* of one plan, at most */
	int tree;         /* all sequences of this many events are walked one by one */
	int64_t grid_ms;  /* 0: none; each moment of this grid is tried as well */
	int strolls;      /* sequences drawn at random, of 40 events each */
};

/* Walks all that can happen with one kind of plan, and adds the result. */
void walk(const struct kind *kind, const struct effort *effort, struct result *result);

#endif
