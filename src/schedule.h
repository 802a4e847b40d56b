/*
 * The times of a plan's steps, once the shutdown has started. Pure: it makes no call. All times are absolute, in ms.
 */
#ifndef LULL_SCHEDULE_H
#define LULL_SCHEDULE_H

#include <stdint.h>

#include "plan.h"

enum {
	SCHEDULE_LATE_MS = 1000, /* what a late step leaves before the next one, or that one's wait if it is shorter */
};

struct schedule {
	const struct plan *plan;
	int stop_signal;    /* sent in a step of PLAN_STOP_SIGNAL; 0: none, a rewrite drops it */
	int next;           /* the next step; plan->count: all are done */
	int64_t planned_ms; /* when the next step would be due if no step had been late */
	int64_t due_ms;     /* when it is due; TIME_NEVER if there is none */
};

/* Starts with the first step, at now_ms. */
void schedule_start(struct schedule *schedule, const struct plan *plan, int stop_signal, int64_t now_ms);

/*
 * The next step was done at now_ms. If that was early, all later steps come earlier, except in a plan from a grace
 * period (plan->fixed). If it was late, the following step comes SCHEDULE_LATE_MS later, or its own wait if that is
 * less; those after it stay where they were planned.
 */
void schedule_step_done(struct schedule *schedule, int64_t now_ms);

/* Returns the index of the first step that sends a signal. */
int schedule_first_signal(const struct plan *plan);

/* Returns the signal of a step; 0: none. */
int schedule_signal(const struct schedule *schedule, int step);

/* Sets times_ms[i] to when step i is due, for the next step and all later ones. None is before now_ms. */
void schedule_times(const struct schedule *schedule, int64_t now_ms, int64_t times_ms[PLAN_STEPS]);

/* Returns when SIGKILL is due; TIME_NEVER if no step sends it. One that is overdue is late: see above. */
int64_t schedule_kill_ms(const struct schedule *schedule, int64_t now_ms);

/* Returns how late the first signal may be without delaying SIGKILL; TIME_NEVER if no step sends that. */
int64_t schedule_latest_ms(const struct schedule *schedule);

/*
 * Returns the deadline after a signal that was to be sent at planned_ms and was sent at sent_ms: there is as much time
 * before it as planned, or SCHEDULE_LATE_MS if that is less.
 */
int64_t schedule_postponed_ms(int64_t deadline_ms, int64_t planned_ms, int64_t sent_ms);

/* Returns time_ms + wait_ms, or TIME_NEVER if that is not a time. */
int64_t after(int64_t time_ms, int64_t wait_ms);

int64_t earlier(int64_t a_ms, int64_t b_ms);
int64_t later(int64_t a_ms, int64_t b_ms);

#endif
