/*
 * PLAN: an accepted plan can be run, and written again; a rejected one has a reason.
 */
#include <signal.h>
#include <string.h>

#include "../../src/signals.h"
#include "fuzz.h"

enum { WHY_SIZE = 512 };

static void check_plan(const struct plan *plan)
{
	int64_t total_ms = 0;
	bool kills = false;
	bool drains = false;
	demand(plan->count >= 1 && plan->count <= PLAN_STEPS, "a plan has 1 to 16 steps");
	demand(!plan->fixed, "only a grace period fixes a plan");
	for (int i = 0; i < plan->count; i++) {
		const struct step *step = &plan->steps[i];
		demand(step->wait_ms >= 0 && step->wait_ms <= TIME_LONGEST_MS, "a wait is a time");
		demand(step->signo >= PLAN_NO_SIGNAL && step->signo <= SIGNALS_MAX, "a step has a signal or none");
		if (step->signo == PLAN_NO_SIGNAL)
			demand(i + 1 < plan->count && plan->steps[i + 1].kind != step->kind,
			       "a step without a signal is followed by one of the other kind");
		demand(!kills, "nothing comes after KILL");
		total_ms += step->wait_ms;
		kills = step->signo == SIGKILL;
		drains = drains || step->kind == STEP_DRAIN;
	}
	demand(plan->drains == drains, "a plan drains if a step does");
	demand(plan_kill_ms(plan) == (kills ? total_ms : TIME_NEVER), "SIGKILL comes when all waits are over");
}

/* In the shortest form, or with all zeros. A time of 0 after a time cannot be left out: drain:20s/0/KILL. */
static void write_plan(const struct plan *plan, bool zeros, struct text *to)
{
	char name[SIGNAL_NAME_SIZE];
	bool after_time = false;
	for (int i = 0; i < plan->count; i++) {
		const struct step *step = &plan->steps[i];
		bool sends = step->signo != PLAN_NO_SIGNAL;
		text_add(to, "%s", i > 0 ? "/" : "");
		if (step->wait_ms > 0 || zeros || step->kind == STEP_DRAIN || !sends || after_time)
			text_add(to, "%s%lldms%s", step->kind == STEP_DRAIN ? "drain:" : "", (long long)step->wait_ms,
			         sends ? "/" : "");
		if (sends)
			text_add(to, "%s",
			         step->signo == PLAN_STOP_SIGNAL ? "=" : signal_short_name(step->signo, name));
		after_time = !sends;
	}
}

static void check_written(const struct plan *plan, bool zeros)
{
	char bytes[1024];
	char reason[WHY_SIZE];
	struct text written = TEXT_IN(bytes);
	struct text why = TEXT_IN(reason);
	struct plan again;
	write_plan(plan, zeros, &written);
	demand(plan_parse(&again, fuzz_copy(bytes), &why) == 0 && why.length == 0, "a plan that was written is a PLAN");
	demand(same_plan(plan, &again), "a plan that was written is read as it was");
}

/* Rejected because of one step alone, or because of the order. */
static bool has_bad_word(const char *word)
{
	size_t length;
	for (const char *at = word; at != NULL;) {
		const char *part = next_of(&at, '/', &length);
		if (length > strlen("drain:") && memcmp(part, "drain:", strlen("drain:")) == 0) {
			if (time_parse(part + strlen("drain:"), length - strlen("drain:")) < 0)
				return true;
			continue;
		}
		bool number = length > 0 && part[0] >= '0' && part[0] <= '9';
		bool stop = length == 1 && part[0] == '=';
		if (!stop && (number || signal_parse(part, length) < 0) && time_parse(part, length) < 0)
			return true;
	}
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, data + size};
	char reason[WHY_SIZE];
	struct text why = TEXT_IN(reason);
	struct plan plan;
	const char *word = input_rest(&input);
	int taken = plan_parse(&plan, word, &why);
	demand(taken == 0 || taken == -1, "accepted or rejected");
	demand((taken < 0) == (why.length > 0) && why.length < WHY_SIZE - 1, "a rejected plan has a whole reason");
	if (has_bad_word(word))
		demand(taken < 0, "each word is a time or a signal");
	if (taken == 0) {
		check_plan(&plan);
		check_written(&plan, false);
		check_written(&plan, true);
	}
	input_free();
	return 0;
}
