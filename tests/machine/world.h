/*
 * What can happen to a container, and when; and the kinds of plan and policy that it happens under.
 */
#ifndef LULL_TESTS_WORLD_H
#define LULL_TESTS_WORLD_H

#include "witness.h"

enum {
	WORLD_STATUS = 7, /* the app's own exit code; its other ending is by the plan's first signal */
	WORLD_MOMENTS = 24,
	WORLD_TIME = 0,  /* that happens: only time passes */
	WORLD_STOP = 1,  /* the stop signal */
	LEFT_ALONE = -1, /* as linger_ms: lull leaves when the app has ended */
};

/* A plan, and a policy around it. What is not named is 0. */
struct kind {
	const char *name;
	struct plan plan;
	int64_t linger_ms; /* or LEFT_ALONE */
	int64_t start_ms;  /* what the clock says at first; 0: anything; -1: 0 */
	int stop;          /* the stop signal; 0: SIGTERM */
	int stop_as;       /* what it is rewritten to; 0: it is not; -1: dropped */
	int also;          /* another of --stop-signal; 0: none */
	uint64_t ignores;  /* signals that the app ignores; SIGTERM may be one of them */
	uint64_t lacks;    /* signals that it has no handler for; it catches the others */
	int success;       /* an exit code that counts as 0; 0: none */
	bool stopped_ok;
	bool group;
	bool suspends;
	bool pre_stop;
	enum job job;
	bool large; /* it has many states, and nothing of its own */
};

/* The core and its witness: what a sequence of events has led to. */
struct state {
	struct lifecycle core;
	struct witness witness;
};

void world_policy(struct policy *policy, const struct kind *kind);
void world_begin(struct state *state, const struct kind *kind, const struct policy *policy);

int world_happenings(void);
const char *world_happening_name(int happening);

/* Can it happen now? */
bool world_is_possible(const struct witness *witness, int happening);

/* The different times that the next event may have: at once, around everything that is due, late, very late. */
int world_moments(const struct witness *witness, int64_t moments_ms[WORLD_MOMENTS], int64_t grid_ms);

/* It happens at now_ms. Returns a number that stands for what the core did. */
uint64_t world_happens(struct state *state, int happening, int64_t now_ms);

/* The app ends now, and what it left behind as well. */
void world_app_ends(struct state *state, int status, bool childless);

/* Nothing happens but that time passes, until the next thing is due. */
void world_time_passes(struct state *state);

#endif
