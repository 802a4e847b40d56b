/*
 * A second implementation of the grammar of plans, which builds plans instead of parsing them.
 */
#include "words.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "../../src/plan.h"
#include "../../src/schedule.h"

enum { TOKENS_MOST = 5, LONG_WORD = 150 };

static const struct token {
	const char *word;
	enum { A_TIME, A_DRAIN, A_SIGNAL, NOTHING, NONSENSE } kind;
	int64_t value;
} TOKENS[] = {
	{"0", A_TIME, 0},
	{"5", A_TIME, 5000},
	{"1m30s", A_TIME, 90000},
	{"9", A_TIME, 9000},
	{"09", A_TIME, 9000},
	{"9999999ms", A_TIME, 9999999},
	{"drain:7", A_DRAIN, 7000},
	{"=", A_SIGNAL, PLAN_STOP_SIGNAL},
	{"TERM", A_SIGNAL, SIGTERM},
	{"sigkill", A_SIGNAL, SIGKILL},
	{"RTMIN+1", A_SIGNAL, 35},
	{"", NOTHING, 0},
	{"==", NONSENSE, 0},
	{"5x", NONSENSE, 0},
	{":", NONSENSE, 0},
	{"-1", NONSENSE, 0},
	{"drain:", NONSENSE, 0},
	{"drain", NONSENSE, 0},
};
enum { STOP_TOKEN = 7, TERM_TOKEN = 8, KILL_TOKEN = 9 }; /* in this list */
enum { KINDS_OF_TOKEN = sizeof TOKENS / sizeof TOKENS[0] };

static bool add(struct plan *plan, int64_t wait_ms, int signo, bool drains, const char **why)
{
	if (plan->count == 16)
		*why = "too many steps";
	else if (plan->count > 0 && plan->steps[plan->count - 1].signo == SIGKILL)
		*why = "a step follows KILL";
	if (*why != NULL)
		return false;
	plan->drains |= drains;
	plan->steps[plan->count++] =
		(struct step){.wait_ms = wait_ms, .signo = signo, .kind = drains ? STEP_DRAIN : STEP_WAIT};
	return true;
}

/* Builds the plan of the tokens. Returns NULL, or the reason why they are invalid. */
static const char *build(struct plan *plan, const int *tokens, int count)
{
	const char *why = NULL;
	const struct token *wait = NULL;
	memset(plan, 0, sizeof *plan);
	for (int i = 0; i < count; i++) {
		const struct token *token = &TOKENS[tokens[i]];
		bool drains = wait != NULL && wait->kind == A_DRAIN;
		int64_t wait_ms = wait != NULL ? wait->value : 0;
		if (token->kind == NOTHING)
			return "a step is empty";
		if (token->kind == NONSENSE)
			return "is neither a time nor a signal name; use a plan like 5s/TERM/20s/KILL";
		if (token->kind == A_SIGNAL) {
			if (!add(plan, wait_ms, (int)token->value, drains, &why))
				return why;
			wait = NULL;
			continue;
		}
		if (wait != NULL && wait->kind == token->kind)
			return "two times in a row";
		if (wait != NULL && !add(plan, wait_ms, PLAN_NO_SIGNAL, drains, &why))
			return why;
		wait = token;
	}
	return wait != NULL ? "the last step is a time" : NULL;
}

static int64_t kill_ms(const struct plan *plan)
{
	int64_t sum_ms = 0;
	for (int i = 0; i < plan->count; i++)
		sum_ms += plan->steps[i].wait_ms;
	return plan->steps[plan->count - 1].signo == SIGKILL ? sum_ms : TIME_NEVER;
}

static bool is_same(const struct plan *a, const struct plan *b)
{
	if (a->count != b->count || a->fixed != b->fixed || a->drains != b->drains)
		return false;
	for (int i = 0; i < a->count; i++)
		if (a->steps[i].wait_ms != b->steps[i].wait_ms || a->steps[i].signo != b->steps[i].signo ||
		    a->steps[i].kind != b->steps[i].kind)
			return false;
	return true;
}

static bool is_read_as(const char *word, const char *error, const struct plan *expected)
{
	char bytes[400];
	struct text why = TEXT_IN(bytes);
	struct {
		struct step before; /* an access outside the plan would change the result */
		struct plan plan;
	} it;
	memset(&it, 1, sizeof it);
	it.before.signo = SIGKILL;
	int result = plan_parse(&it.plan, word, &why);
	if (error != NULL)
		return result == -1 && strstr(bytes, error) != NULL;
	if (result != 0 || bytes[0] != '\0' || !is_same(&it.plan, expected))
		return false;
	for (int i = it.plan.count; i < PLAN_STEPS; i++)
		it.plan.steps[i].signo = SIGKILL;
	return plan_kill_ms(&it.plan) == kill_ms(expected);
}

static long long try_tokens(const int *tokens, int count, long long *failures)
{
	char word[400] = "";
	struct plan expected;
	const char *error = build(&expected, tokens, count);
	for (int i = 0; i < count; i++) {
		strcat(word, i > 0 ? "/" : "");
		strcat(word, TOKENS[tokens[i]].word);
	}
	if (!is_read_as(word, error, &expected) && ++*failures <= 3)
		printf("# the plan \"%s\" should be %s\n", word, error != NULL ? error : "accepted");
	return 1;
}

static long long try_all_of(int count, long long *failures)
{
	int tokens[TOKENS_MOST] = {0};
	long long tried = 0;
	for (int at = 0; at < count;) {
		tried += try_tokens(tokens, count, failures);
		for (at = 0; at < count && ++tokens[at] == KINDS_OF_TOKEN; at++)
			tokens[at] = 0;
	}
	return tried;
}

/* Sixteen steps are valid, seventeen are not; with or without waits, and with KILL at the end. */
static long long try_long_ones(long long *failures)
{
	long long tried = 0;
	for (int steps = 1; steps <= 18; steps++) {
		int tokens[40];
		int waits = 0;
		for (int i = 0; i < steps; i++)
			tokens[i] = i == steps - 1 ? KILL_TOKEN : STOP_TOKEN;
		tried += try_tokens(tokens, steps, failures);
		for (int i = 0; i < steps; i++) {
			tokens[waits++] = 1;
			tokens[waits++] = i == steps - 1 && steps % 2 == 0 ? KILL_TOKEN : TERM_TOKEN;
		}
		tried += try_tokens(tokens, waits, failures);
	}
	return tried;
}

/* A step that is neither a signal nor a time is quoted, up to 100 bytes and not beyond its end. */
static long long try_quoting(long long *failures)
{
	for (int length = 1; length <= LONG_WORD; length++) {
		char word[LONG_WORD + 10];
		char quoted[LONG_WORD + 10];
		memset(word, 'x', (size_t)length);
		strcpy(word + length, "/KILL");
		(void)snprintf(quoted, sizeof quoted, "\"%.*s\" is neither", length < 100 ? length : 100, word);
		*failures += !is_read_as(word, quoted, NULL);
	}
	return LONG_WORD;
}

static long long try_timeouts(long long *failures)
{
	static const int64_t TIMES_MS[] = {0, 1, 999, 90000, 31536000000, TIME_NEVER};
	for (int i = 0; i < 5 * 5 * 6; i++) {
		int64_t delay_ms = TIMES_MS[i / 30];
		int64_t drain_ms = TIMES_MS[i / 6 % 5];
		int64_t timeout_ms = TIMES_MS[i % 6];
		struct plan plan;
		struct plan expected = {.count = 0};
		const char *why = NULL;
		if (drain_ms == 0)
			(void)add(&expected, delay_ms, PLAN_STOP_SIGNAL, false, &why);
		if (drain_ms != 0 && delay_ms != 0)
			(void)add(&expected, delay_ms, PLAN_NO_SIGNAL, false, &why);
		if (drain_ms != 0)
			(void)add(&expected, drain_ms, PLAN_STOP_SIGNAL, true, &why);
		if (timeout_ms != TIME_NEVER)
			(void)add(&expected, timeout_ms, SIGKILL, false, &why);
		memset(&plan, 1, sizeof plan);
		plan_from_timeout(&plan, delay_ms, drain_ms, timeout_ms);
		*failures += !is_same(&plan, &expected) || plan_kill_ms(&plan) != kill_ms(&expected) ||
		             schedule_first_signal(&plan) != (drain_ms != 0 && delay_ms != 0);
	}
	return 5 * 5 * 6;
}

long long words_try_all(long long *failures)
{
	long long tried = 0;
	for (int count = 1; count <= TOKENS_MOST; count++)
		tried += try_all_of(count, failures);
	return tried + try_long_ones(failures) + try_quoting(failures) + try_timeouts(failures);
}
