/*
 * The events of a container and their times, and the kinds of plan and policy.
 */
#ifndef LULL_TESTS_WORLD_H
#define LULL_TESTS_WORLD_H

#include "witness.h"

enum {
	WORLD_STATUS = 7, /* the app's own exit code; otherwise the plan's first signal kills it */
	WORLD_MOMENTS = 24,
	WORLD_TIME = 0,  /* only time passes */
	WORLD_STOP = 1,  /* the stop signal */
	LEFT_ALONE = -1, /* as linger_ms: lull exits when the app has exited */
};

/* A plan, and a policy. */
struct kind {
	const char *name;
	struct plan plan;
	int64_t linger_ms; /* or LEFT_ALONE */
	int64_t ready_for_ms;
	int64_t start_ms; /* the clock at first; 0: any; -1: 0 */
	int stop;         /* the stop signal; 0: SIGTERM */
	int stop_as;      /* the signal it is rewritten to; 0: none; -1: dropped */
	int also;         /* another of --stop-signal; 0: none */
	uint64_t ignores; /* signals that the app ignores; SIGTERM may be one of them */
	uint64_t lacks;   /* signals that it has no handler for; it catches the others */
	int success;      /* an exit code that counts as 0; 0: none */
	bool stopped_ok;
	bool group;
	bool suspends;
	bool pre_stop;
	enum job job;
	bool large; /* has many states: not for mutants */
};

/* The core and its witness, after a sequence of events. */
struct state {
	struct lifecycle core;
	struct witness witness;
};

void world_policy(struct policy *policy, const struct kind *kind);
void world_begin(struct state *state, const struct kind *kind, const struct policy *policy);

int world_happenings(void);
const char *world_happening_name(int happening);

/* Whether the event is possible now. */
bool world_is_possible(const struct witness *witness, int happening);

/* Returns the number of times for the next event: now, around all that is due, late, very late. */
int world_moments(const struct witness *witness, int64_t moments_ms[WORLD_MOMENTS], int64_t grid_ms);

/* Plays the event at now_ms. Returns a hash of the core's actions. */
uint64_t world_happens(struct state *state, int happening, int64_t now_ms);

/* The app and all remaining processes exit now. */
void world_app_ends(struct state *state, int status, bool childless);

/* Only time passes, until the next step is due. */
void world_time_passes(struct state *state);

#endif
