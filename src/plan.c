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

/* Numbers are times here, and "=" is the stop signal. Returns PLAN_NO_SIGNAL if the word is not a signal. */
static int parse_signal(const char *word, size_t length)
{
	if (length == 1 && word[0] == '=')
		return PLAN_STOP_SIGNAL;
	if (word[0] >= '0' && word[0] <= '9')
		return PLAN_NO_SIGNAL;
	return signal_parse(word, length);
}

static int reject_word(struct text *why, const char *word, size_t length)
{
	text_add(why, "\"%.*s\" is neither a time nor a signal name; ", (int)(length < 100 ? length : 100), word);
	return reject_plan(why, "use a plan like 5s/TERM/20s/KILL");
}

/* A time, or "drain:" and a time. Returns 0, or -1 with the reason. */
static int parse_wait(struct step *step, const char *word, size_t length, struct text *why)
{
	static const char DRAIN[] = "drain:";
	const size_t prefix = sizeof DRAIN - 1;
	bool drains = strncmp(word, DRAIN, prefix) == 0;
	if (length == 0)
		return reject_plan(why, "a step is empty; use a plan like 5s/TERM/20s/KILL");
	step->kind = drains ? STEP_DRAIN : STEP_WAIT;
	step->wait_ms = drains ? time_parse(word + prefix, length - prefix) : time_parse(word, length);
	return step->wait_ms < 0 ? reject_word(why, word, length) : 0;
}

static int add_step(struct plan *plan, struct step step, struct text *why)
{
	if (plan->count == PLAN_STEPS)
		return reject_plan(why, "too many steps; use at most 16 steps");
	if (plan->count > 0 && plan->steps[plan->count - 1].signo == SIGKILL)
		return reject_plan(why, "a step follows KILL; use KILL as the last step");
	plan->steps[plan->count++] = step;
	plan->drains |= step.kind == STEP_DRAIN;
	return 0;
}

int plan_parse(struct plan *plan, const char *word, struct text *why)
{
	struct step step = {.signo = PLAN_NO_SIGNAL};
	bool has_wait = false; /* step is one that was read, without its signal */
	*plan = (struct plan){.count = 0};
	for (const char *at = word; at != NULL;) {
		struct step wait = {.signo = PLAN_NO_SIGNAL};
		size_t length = strcspn(at, "/");
		int signo = parse_signal(at, length);
		if (signo == PLAN_NO_SIGNAL && parse_wait(&wait, at, length, why) < 0)
			return -1;
		if (signo == PLAN_NO_SIGNAL && has_wait && wait.kind == step.kind)
			return reject_plan(why, "two times in a row; use their sum");
		step.signo = signo;
		if ((signo != PLAN_NO_SIGNAL || has_wait) && add_step(plan, step, why) < 0)
			return -1;
		has_wait = signo == PLAN_NO_SIGNAL;
		step = wait;
		at = at[length] == '/' ? at + length + 1 : NULL;
	}
	if (has_wait)
		return reject_plan(why, "the last step is a time; use a signal");
	return 0;
}

void plan_from_timeout(struct plan *plan, int64_t delay_ms, int64_t drain_ms, int64_t timeout_ms)
{
	struct step first = {.wait_ms = delay_ms, .signo = PLAN_STOP_SIGNAL};
	*plan = (struct plan){.drains = drain_ms > 0};
	if (drain_ms > 0 && delay_ms > 0)
		plan->steps[plan->count++] = (struct step){.wait_ms = delay_ms, .signo = PLAN_NO_SIGNAL};
	if (drain_ms > 0)
		first = (struct step){.wait_ms = drain_ms, .signo = PLAN_STOP_SIGNAL, .kind = STEP_DRAIN};
	plan->steps[plan->count++] = first;
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
