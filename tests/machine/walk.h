/*
 * Two walks over all that can happen. The graph merges states that only the clock tells apart, so it comes to an end:
 * when no event leads to a state that is not known, all sequences of any length have been looked at. The tree merges
 * nothing; where both have been, they must have seen the same.
 */
#ifndef LULL_TESTS_WALK_H
#define LULL_TESTS_WALK_H

#include "world.h"

struct result {
	long long plans;
	long long states;
	long long steps;    /* events that were played */
	double sequences;   /* of up to `depth` events, counted through the graph */
	int depth;          /* after so many events nothing new was found */
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
	int tree;         /* all sequences of so many events are walked one by one */
	int64_t grid_ms;  /* 0: none; every moment of such a grid besides */
	int strolls;      /* sequences drawn at random, of 40 events each */
};

/* Walks everything that can happen under one kind of plan, and adds what was found. */
void walk(const struct kind *kind, const struct effort *effort, struct result *result);

#endif
