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
	PLAN_STOP_SIGNAL = 0, /* a step's signo: whichever signal began the stop, written "=" */
};

struct step {
	int64_t wait_ms; /* counted from the step before it, or from the stop signal */
	int signo;       /* 1 to 64, or PLAN_STOP_SIGNAL; SIGKILL goes to everything that is left */
};

struct plan {
	struct step steps[PLAN_STEPS];
	int count; /* at least 1 */
	/* The plan comes from a grace period: when the delay is cut short, the later steps stay where they were. */
	bool fixed;
};

/* "5s/TERM/20s/QUIT/2s/KILL". Returns 0, or -1 with the reason added to `why`. */
int plan_parse(struct plan *plan, const char *word, struct text *why);

/* delay/=/timeout/KILL; with TIME_NEVER as the timeout there is no KILL. */
void plan_from_timeout(struct plan *plan, int64_t delay_ms, int64_t timeout_ms);

/* When, counted from the stop signal, the plan's SIGKILL comes; TIME_NEVER without one. */
int64_t plan_kill_ms(const struct plan *plan);

#endif
