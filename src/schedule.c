/*
 * Owns the times of a plan's steps. Never makes a call, never reads the clock.
 */
#include "schedule.h"

#include <signal.h>
#include <stdbool.h>

int64_t after(int64_t time_ms, int64_t wait_ms)
{
	return time_ms > TIME_NEVER - wait_ms ? TIME_NEVER : time_ms + wait_ms;
}

int64_t earlier(int64_t a_ms, int64_t b_ms)
{
	return a_ms < b_ms ? a_ms : b_ms;
}

int64_t later(int64_t a_ms, int64_t b_ms)
{
	return a_ms > b_ms ? a_ms : b_ms;
}

void schedule_start(struct schedule *schedule, const struct plan *plan, int stop_signal, int64_t now_ms)
{
	schedule->plan = plan;
	schedule->stop_signal = stop_signal;
	schedule->next = 0;
	schedule->planned_ms = after(now_ms, plan->steps[0].wait_ms);
	schedule->due_ms = schedule->planned_ms;
}

void schedule_step_done(struct schedule *schedule, int64_t now_ms)
{
	const struct plan *plan = schedule->plan;
	if (++schedule->next == plan->count) {
		schedule->due_ms = TIME_NEVER;
		return;
	}
	int64_t wait_ms = plan->steps[schedule->next].wait_ms;
	int64_t done_ms = plan->fixed ? schedule->planned_ms : earlier(schedule->planned_ms, now_ms);
	schedule->planned_ms = after(done_ms, wait_ms);
	schedule->due_ms = later(schedule->planned_ms, after(now_ms, earlier(wait_ms, SCHEDULE_LATE_MS)));
}

int schedule_first_signal(const struct plan *plan)
{
	int step = 0;
	while (plan->steps[step].signo == PLAN_NO_SIGNAL)
		step++;
	return step;
}

int schedule_signal(const struct schedule *schedule, int step)
{
	int signo = schedule->plan->steps[step].signo;
	return signo == PLAN_STOP_SIGNAL ? schedule->stop_signal : signo == PLAN_NO_SIGNAL ? 0 : signo;
}

void schedule_times(const struct schedule *schedule, int64_t now_ms, int64_t times_ms[PLAN_STEPS])
{
	int64_t planned_ms = schedule->planned_ms;
	int64_t due_ms = later(schedule->due_ms, now_ms);
	for (int i = schedule->next; i < schedule->plan->count; i++) {
		int64_t wait_ms = schedule->plan->steps[i].wait_ms;
		if (i > schedule->next) {
			planned_ms = after(planned_ms, wait_ms);
			due_ms = later(planned_ms, after(due_ms, earlier(wait_ms, SCHEDULE_LATE_MS)));
		}
		times_ms[i] = due_ms;
	}
}

int64_t schedule_kill_ms(const struct schedule *schedule, int64_t now_ms)
{
	int64_t times_ms[PLAN_STEPS];
	schedule_times(schedule, now_ms, times_ms);
	for (int i = schedule->next; i < schedule->plan->count; i++) {
		if (schedule_signal(schedule, i) != SIGKILL)
			continue;
		bool is_overdue = i == schedule->next && now_ms > schedule->due_ms;
		int64_t wait_ms = schedule->plan->steps[i].wait_ms;
		return is_overdue ? after(now_ms, earlier(wait_ms, SCHEDULE_LATE_MS)) : times_ms[i];
	}
	return TIME_NEVER;
}

int64_t schedule_latest_ms(const struct schedule *schedule)
{
	int64_t latest_ms = schedule->due_ms;
	int first = schedule_first_signal(schedule->plan);
	for (int i = schedule->next; i < schedule->plan->count; i++) {
		int64_t wait_ms = schedule->plan->steps[i].wait_ms;
		if (i > schedule->next)
			latest_ms =
				after(latest_ms, i > first ? wait_ms - earlier(wait_ms, SCHEDULE_LATE_MS) : wait_ms);
		if (schedule_signal(schedule, i) == SIGKILL)
			return latest_ms;
	}
	return TIME_NEVER;
}

int64_t schedule_postponed_ms(int64_t deadline_ms, int64_t planned_ms, int64_t sent_ms)
{
	return later(deadline_ms, after(sent_ms, earlier(deadline_ms - planned_ms, SCHEDULE_LATE_MS)));
}
