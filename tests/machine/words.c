/*
 * Owns a second grammar of plans, which builds them instead of parsing them.
 */
#include "words.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "../../src/plan.h"

enum { TOKENS_MOST = 5, LONG_WORD = 150 };

static const struct token {
	const char *word;
	enum { A_TIME, A_SIGNAL, NOTHING, NONSENSE } kind;
	int64_t value;
} TOKENS[] = {
	{"0", A_TIME, 0},
	{"5", A_TIME, 5000},
	{"1m30s", A_TIME, 90000},
	{"9", A_TIME, 9000},
	{"09", A_TIME, 9000},
	{"=", A_SIGNAL, PLAN_STOP_SIGNAL},
	{"TERM", A_SIGNAL, SIGTERM},
	{"sigkill", A_SIGNAL, SIGKILL},
	{"RTMIN+1", A_SIGNAL, 35},
	{"", NOTHING, 0},
	{"==", NONSENSE, 0},
	{"5x", NONSENSE, 0},
	{":", NONSENSE, 0},
	{"-1", NONSENSE, 0},
};
enum { KINDS_OF_TOKEN = sizeof TOKENS / sizeof TOKENS[0] };

/* The plan that the tokens make, or why they make none. */
static const char *build(struct plan *plan, const int *tokens, int count)
{
	bool waits = false;
	int64_t wait_ms = 0;
	memset(plan, 0, sizeof *plan);
	for (int i = 0; i < count; i++) {
		const struct token *token = &TOKENS[tokens[i]];
		if (token->kind == NOTHING)
			return "a step is empty";
		if (token->kind != A_SIGNAL && waits)
			return "two times in a row";
		if (token->kind == NONSENSE)
			return "is neither a time nor a signal name; use a plan like 5s/TERM/20s/KILL";
		if (token->kind == A_TIME) {
			waits = true;
			wait_ms = token->value;
			continue;
		}
		if (plan->count == 16)
			return "too many steps";
		if (plan->count > 0 && plan->steps[plan->count - 1].signo == SIGKILL)
			return "a step follows KILL";
		plan->steps[plan->count].wait_ms = wait_ms;
		plan->steps[plan->count++].signo = (int)token->value;
		waits = false;
		wait_ms = 0;
	}
	return waits ? "the last step is a time" : NULL;
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
	if (a->count != b->count || a->fixed != b->fixed)
		return false;
	for (int i = 0; i < a->count; i++)
		if (a->steps[i].wait_ms != b->steps[i].wait_ms || a->steps[i].signo != b->steps[i].signo)
			return false;
	return true;
}

static bool is_read_as(const char *word, const char *refusal, const struct plan *expected)
{
	char bytes[400];
	struct text why = TEXT_IN(bytes);
	struct {
		struct step before; /* a test would notice it, and the ones after it */
		struct plan plan;
	} it;
	memset(&it, 1, sizeof it);
	it.before.signo = SIGKILL;
	int result = plan_parse(&it.plan, word, &why);
	if (refusal != NULL)
		return result == -1 && strstr(bytes, refusal) != NULL;
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
	const char *refusal = build(&expected, tokens, count);
	for (int i = 0; i < count; i++) {
		strcat(word, i > 0 ? "/" : "");
		strcat(word, TOKENS[tokens[i]].word);
	}
	if (!is_read_as(word, refusal, &expected) && ++*failures <= 3)
		printf("# the plan \"%s\" should be %s\n", word, refusal != NULL ? refusal : "taken");
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
			tokens[i] = i == steps - 1 ? 6 : 4;
		tried += try_tokens(tokens, steps, failures);
		for (int i = 0; i < steps; i++) {
			tokens[waits++] = 1;
			tokens[waits++] = i == steps - 1 && steps % 2 == 0 ? 6 : 5;
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
	for (int i = 0; i < 5 * 6; i++) {
		int64_t delay_ms = TIMES_MS[i / 6];
		int64_t timeout_ms = TIMES_MS[i % 6];
		struct plan plan;
		struct plan expected = {
			{{delay_ms, 0}, {timeout_ms, SIGKILL}}, timeout_ms == TIME_NEVER ? 1 : 2, false};
		memset(&plan, 1, sizeof plan);
		plan_from_timeout(&plan, delay_ms, timeout_ms);
		*failures += !is_same(&plan, &expected) || plan_kill_ms(&plan) != kill_ms(&expected);
	}
	return 5 * 6;
}

long long words_try_all(long long *failures)
{
	long long tried = 0;
	for (int count = 1; count <= TOKENS_MOST; count++)
		tried += try_all_of(count, failures);
	return tried + try_long_ones(failures) + try_quoting(failures) + try_timeouts(failures);
}
