/*
 * Two walks over all events. The graph merges states that differ only by the clock, so it is finite: when no event
 * leads to a new state, all sequences of any length have been checked. The tree does not merge states. Both must give
 * the same results.
 */
#ifndef LULL_TESTS_WALK_H
#define LULL_TESTS_WALK_H

#include "world.h"

struct result {
	long long plans;
	long long states;
	long long steps;        /* events that were played */
	double sequences;       /* of up to `depth` events, counted through the graph */
	int depth;              /* after this many events there was no new state */
	long long compared;     /* sequences that were also walked one by one */
	long long kills;        /* states in which SIGKILL was just sent */
	long long second_stops; /* states after a second stop signal */
	long long open;         /* plans whose graph has unvisited states */
	long long failures;
	long long tested[INVARIANTS];
	char failure[1000]; /* the first ones, as comments of TAP */
};

struct effort {
	long long states; /* of one plan, at most */
	int tree;         /* all sequences of this many events are walked one by one */
	int64_t grid_ms;  /* the next event also comes this much later; 0: it does not */
	int random_walks; /* random sequences of 40 events each */
};

/* Walks all events with one kind of plan, and adds to the result. */
void walk(const struct kind *kind, const struct effort *effort, struct result *result);

#endif
