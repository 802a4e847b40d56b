/*
 * A second implementation of the rules in lull.1, REMAINING PROCESSES. It shares no code with the core.
 */
#include "judge.h"

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

#include "../../src/lifecycle.h"

static long long tried;
static long long failed;

static void expect(bool holds)
{
	tried++;
	failed += !holds;
}

/* The bits of `number` are the facts. */
static struct remaining remaining_of(unsigned number)
{
	return (struct remaining){.caught_then = number & 1,
	                          .catches = number & 2,
	                          .is_pending = number & 4,
	                          .has_slept = number & 8,
	                          .has_forwarder = number & 16,
	                          .was_waited_for = number & 32,
	                          .port_closed = number & 64};
}

static void try_verdict(const struct remaining *process)
{
	enum verdict verdict = lifecycle_judge(process);
	bool lost_handler = process->caught_then && !process->catches;
	bool has_signal = process->is_pending || lost_handler;
	bool is_helper = !process->caught_then && !process->catches;
	bool was_not_forwarded = process->has_slept || !process->has_forwarder;
	if (has_signal)
		expect(verdict == VERDICT_LEAVE);
	else if (was_not_forwarded || is_helper)
		expect(verdict == VERDICT_SIGNAL);
	else if (!process->was_waited_for)
		expect(verdict == VERDICT_WAIT);
	else
		expect(verdict == (process->port_closed ? VERDICT_LEAVE : VERDICT_SIGNAL));
}

/* signal(7), "Standard signals": action Term or Core; SIGCONT, which continues a process, counts as one of them. */
static bool ends_a_process(int signo)
{
	static const int OTHERS[] = {SIGCHLD, SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU, SIGURG, SIGWINCH};
	for (size_t i = 0; i < sizeof OTHERS / sizeof OTHERS[0]; i++)
		if (OTHERS[i] == signo)
			return false;
	return true;
}

static void try_signal(int signo)
{
	uint64_t bit = UINT64_C(1) << (signo - 1);
	const struct dispositions by_default = {.ignored = ~bit, .caught = ~bit};
	const struct dispositions ignored = {.ignored = bit, .caught = ~bit};
	const struct dispositions caught = {.ignored = 0, .caught = bit};
	const struct dispositions unknown = DISPOSITIONS_UNKNOWN;
	expect(lifecycle_effective_signal(&by_default, signo) == (ends_a_process(signo) ? signo : SIGTERM));
	expect(lifecycle_effective_signal(&ignored, signo) == SIGTERM);
	expect(lifecycle_effective_signal(&caught, signo) == signo);
	expect(lifecycle_effective_signal(&unknown, signo) == signo);
}

/* 2 s, or half of the remaining time. */
static void try_wait(void)
{
	static const int64_t LEFT_MS[] = {0, 1, 2, 3, 999, 1000, 3998, 3999, 4000, 4001, 4002, 90000};
	for (size_t i = 0; i < sizeof LEFT_MS / sizeof LEFT_MS[0]; i++) {
		const struct lifecycle lifecycle = {.kill_ms = 5000 + LEFT_MS[i]};
		int64_t wait_ms = lifecycle_forwarded_ms(&lifecycle, 5000) - 5000;
		expect(wait_ms == (LEFT_MS[i] < 4000 ? LEFT_MS[i] / 2 : 2000));
	}
	const struct lifecycle never = {.kill_ms = TIME_NEVER};
	expect(lifecycle_forwarded_ms(&never, 5000) == 7000);
}

long long judge_try_all(long long *failures)
{
	tried = failed = 0;
	for (unsigned number = 0; number < 128; number++) {
		const struct remaining process = remaining_of(number);
		try_verdict(&process);
	}
	for (int signo = 1; signo < LIFECYCLE_SIGNALS; signo++)
		try_signal(signo);
	try_wait();
	*failures = failed;
	return tried;
}
