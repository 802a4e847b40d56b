/*
 * Owns the grammar of plans. Never runs one.
 */
#include "plan.h"

#include <signal.h>
#include <string.h>

#include "signals.h"
#include "values.h"

static int reject_plan(struct text *why, const char *reason)
{
	text_add(why, "%s", reason);
	return -1;
}

/* A word is a signal when it names one: numbers are times here, and "=" is the stop signal. Returns -1 for a time. */
static int parse_signal(const char *word, size_t length)
{
	if (length == 1 && word[0] == '=')
		return PLAN_STOP_SIGNAL;
	if (word[0] >= '0' && word[0] <= '9')
		return -1;
	return signal_parse(word, length);
}

static int add_step(struct plan *plan, int64_t wait_ms, int signo, struct text *why)
{
	if (plan->count == PLAN_STEPS)
		return reject_plan(why, "too many steps; use at most 16 signals");
	if (plan->count > 0 && plan->steps[plan->count - 1].signo == SIGKILL)
		return reject_plan(why, "a step follows KILL; use KILL as the last step");
	plan->steps[plan->count++] = (struct step){.wait_ms = wait_ms < 0 ? 0 : wait_ms, .signo = signo};
	return 0;
}

int plan_parse(struct plan *plan, const char *word, struct text *why)
{
	int64_t wait_ms = -1; /* none read yet */
	*plan = (struct plan){.count = 0};
	for (const char *at = word; at != NULL;) {
		size_t length = strcspn(at, "/");
		int signo = parse_signal(at, length);
		if (signo >= 0) {
			if (add_step(plan, wait_ms, signo, why) < 0)
				return -1;
			wait_ms = -1;
		} else if (length == 0) {
			return reject_plan(why, "a step is empty; use a plan like 5s/TERM/20s/KILL");
		} else if (wait_ms >= 0) {
			return reject_plan(why, "two times in a row; use their sum");
		} else if ((wait_ms = time_parse(at, length)) < 0) {
			text_add(why, "\"%.*s\" is neither a time nor a signal name; ",
			         (int)(length < 100 ? length : 100), at);
			return reject_plan(why, "use a plan like 5s/TERM/20s/KILL");
		}
		at = at[length] == '/' ? at + length + 1 : NULL;
	}
	if (wait_ms >= 0)
		return reject_plan(why, "the last step is a time; use a signal");
	return 0;
}

void plan_from_timeout(struct plan *plan, int64_t delay_ms, int64_t timeout_ms)
{
	*plan = (struct plan){.count = 1};
	plan->steps[0] = (struct step){.wait_ms = delay_ms, .signo = PLAN_STOP_SIGNAL};
	if (timeout_ms != TIME_NEVER)
		plan->steps[plan->count++] = (struct step){.wait_ms = timeout_ms, .signo = SIGKILL};
}

int64_t plan_kill_ms(const struct plan *plan)
{
	int64_t at_ms = 0;
	for (int i = 0; i < plan->count; i++) {
		at_ms += plan->steps[i].wait_ms;
		if (plan->steps[i].signo == SIGKILL)
			return at_ms;
	}
	return TIME_NEVER;
}
