/*
 * The plan of a stop: one list of steps, each a wait and the signal that follows it.
 * Delay, timeout and grace are only short ways to write one.
 */
#ifndef LULL_PLAN_H
#define LULL_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "text.h"

enum {
	PLAN_STEPS = 16,      /* the most steps that a plan may have */
	PLAN_STOP_SIGNAL = 0, /* a step's signo: the stop signal, written "=" */
	PLAN_NO_SIGNAL = -1,  /* as signal_parse() returns; a step's signo: none, the next step follows; written as two
	                         times in a row */
};

/* How the wait of a step ends. */
enum step_kind {
	STEP_WAIT,  /* after wait_ms */
	STEP_DRAIN, /* the same, or earlier, when no connection of the app is busy */
};

struct step {
	int64_t wait_ms; /* counted from the step before it, or from the stop signal */
	int signo;       /* what is sent then: 1 to 64 or one of the above; SIGKILL goes to all remaining processes */
	enum step_kind kind;
};

struct plan {
	struct step steps[PLAN_STEPS];
	int count; /* at least 1 */
	/* The plan comes from a grace period: when the delay is cut short, the later steps stay where they were. */
	bool fixed;
	bool drains; /* a step is a drain */
};

/* "5s/TERM/20s/QUIT/2s/KILL". Returns 0, or -1 with the reason added to `why`. */
int plan_parse(struct plan *plan, const char *word, struct text *why);

/* delay/drain:drain_ms/=/timeout/KILL; without the drain if drain_ms is 0, without KILL if timeout_ms is TIME_NEVER. */
void plan_from_timeout(struct plan *plan, int64_t delay_ms, int64_t drain_ms, int64_t timeout_ms);

/* When, counted from the stop signal, the plan's SIGKILL comes; TIME_NEVER without one. */
int64_t plan_kill_ms(const struct plan *plan);

#endif
