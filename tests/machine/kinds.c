/*
 * The kinds of plan and policy: see kinds.h.
 */
#include "kinds.h"

#include <signal.h>

#define NEAR_NEVER(ms) (TIME_NEVER - (ms))
#define SET(signo) (UINT64_C(1) << ((signo)-1))

static const struct kind KINDS[] = {
	{.name = "no delay, then 90 s",
         .plan = {{{0, 0}, {90000, SIGKILL}}, 2, false},
         .linger_ms = 5000,
         .large = true},
	{.name = "10 s, then 20 s, to the group",
         .plan = {{{10000, 0}, {20000, SIGKILL}}, 2, false},
         .linger_ms = 5000,
         .group = true},
	{.name = "10 s in a grace of 30 s, an exit code that counts as 0",
         .plan = {{{10000, 0}, {19000, SIGKILL}}, 2, true},
         .linger_ms = 5000,
         .success = WORLD_STATUS,
         .job = JOB_INIT},
	{.name = "shorter than a second, at a prompt",
         .plan = {{{300, 0}, {200, SIGKILL}}, 2, false},
         .linger_ms = 100,
         .job = JOB_PROMPT},
	{.name = "waits around a second",
         .plan = {{{999, 0}, {1000, SIGQUIT}, {1001, SIGINT}, {1000, SIGKILL}}, 4, false},
         .linger_ms = 1000},
	{.name = "never killed", .plan = {{{2000, 0}}, 1, false}, .linger_ms = 5000},
	{.name = "no linger", .plan = {{{2000, 0}, {3000, SIGKILL}}, 2, false}},
	{.name = "a long linger", .plan = {{{2000, 0}, {3000, SIGKILL}}, 2, false}, .linger_ms = 3600000},
	{.name = "a year",
         .plan = {{{31536000000, 0}, {31536000000, SIGKILL}}, 2, false},
         .linger_ms = 31536000000,
         .large = true},
	{.name = "TSTP, 5 s, TERM, 20 s, QUIT, 2 s, KILL, to the group, stopped-ok",
         .plan = {{{0, SIGTSTP}, {5000, SIGTERM}, {20000, SIGQUIT}, {2000, SIGKILL}}, 4, false},
         .linger_ms = 5000,
         .stopped_ok = true,
         .group = true},
	{.name = "the stop signal as QUIT, twice, at a prompt",
         .plan = {{{1000, 0}, {2000, 0}, {4000, SIGKILL}}, 3, false},
         .stop_as = SIGQUIT,
         .linger_ms = 5000,
         .job = JOB_PROMPT},
	{.name = "the stop signal dropped, stopped-ok",
         .plan = {{{1500, 0}, {2000, SIGKILL}}, 2, false},
         .stop_as = -1,
         .linger_ms = 5000,
         .stopped_ok = true},
	{.name = "1 ms, QUIT, then the stop signal, which is dropped",
         .plan = {{{1, SIGQUIT}, {1000, 0}, {2000, SIGKILL}}, 3, false},
         .stop_as = -1,
         .linger_ms = 5000,
         .group = true},
	{.name = "the stop signal as TSTP",
         .plan = {{{1500, 0}, {2000, SIGTERM}, {2000, SIGKILL}}, 3, false},
         .stop_as = SIGTSTP,
         .linger_ms = 5000},
	{.name = "the stop signal as KILL",
         .plan = {{{1500, 0}, {2000, SIGKILL}}, 2, false},
         .stop_as = SIGKILL,
         .linger_ms = 5000},
	{.name = "the stop signal as KILL, a pre-stop program",
         .plan = {{{1500, 0}, {2000, SIGKILL}}, 2, false},
         .stop_as = SIGKILL,
         .linger_ms = 5000,
         .pre_stop = true},
	{.name = "TERM and QUIT as stop signals, stopped-ok",
         .plan = {{{2500, 0}, {3000, SIGINT}, {4000, SIGKILL}}, 3, false},
         .also = SIGQUIT,
         .linger_ms = 4000,
         .stopped_ok = true},
	{.name = "signal 64 as the stop signal, stopped-ok, in a grace period",
         .plan = {{{2500, 0}, {3000, SIGTERM}, {4000, SIGKILL}}, 3, true},
         .stop = 64,
         .linger_ms = 4000,
         .stopped_ok = true},
	{.name = "signal 1 as the stop signal, stopped-ok",
         .plan = {{{500, 0}, {3000, SIGKILL}}, 2, false},
         .stop = 1,
         .linger_ms = 4000,
         .stopped_ok = true},
	{.name = "KILL alone", .plan = {{{3000, SIGKILL}}, 1, false}, .linger_ms = 5000},
	{.name = "KILL alone, no delay", .plan = {{{0, SIGKILL}}, 1, true}, .linger_ms = 5000, .job = JOB_INIT},
	{.name = "all steps together, PID 1 with a terminal",
         .plan = {{{0, 0}, {0, SIGQUIT}, {0, SIGKILL}}, 3, false},
         .linger_ms = 5000,
         .job = JOB_INIT},
	{.name = "each signal of job control, to a shell",
         .plan = {{{1200, SIGSTOP},
                   {1200, SIGTSTP},
                   {1200, SIGTTIN},
                   {1200, SIGTTOU},
                   {1200, SIGCONT},
                   {1200, 0},
                   {1200, SIGKILL}},
                  7,
                  false},
         .linger_ms = 5000,
         .job = JOB_INIT},
	{.name = "job control at the end, after TERM",
         .plan = {{{100, 0}, {1500, SIGTSTP}, {1500, SIGCONT}, {700, SIGKILL}}, 4, false},
         .linger_ms = 2000,
         .group = true},
	{.name = "a pre-stop program, no delay, then 90 s",
         .plan = {{{0, 0}, {90000, SIGKILL}}, 2, false},
         .linger_ms = 5000,
         .pre_stop = true,
         .large = true},
	{.name = "a pre-stop program, 10 s in a grace of 30 s",
         .plan = {{{10000, 0}, {19000, SIGKILL}}, 2, true},
         .linger_ms = 100,
         .pre_stop = true},
	{.name = "a pre-stop program, and little time for it",
         .plan = {{{300, 0}, {1200, SIGQUIT}, {200, SIGINT}, {2500, SIGKILL}}, 4, false},
         .linger_ms = 5000,
         .pre_stop = true},
	{.name = "a pre-stop program, the stop signal dropped, never killed",
         .plan = {{{2000, 0}, {1000, SIGUSR1}}, 2, false},
         .stop_as = -1,
         .pre_stop = true},
	{.name = "a pre-stop program, KILL alone",
         .plan = {{{3000, SIGKILL}}, 1, false},
         .linger_ms = 5000,
         .pre_stop = true},
	{.name = "a pre-stop program, all steps together",
         .plan = {{{0, 0}, {0, SIGQUIT}, {0, SIGKILL}}, 3, false},
         .linger_ms = 8000,
         .pre_stop = true},
	{.name = "a pre-stop program, a long linger",
         .plan = {{{1000, 0}, {9000, SIGKILL}}, 2, false},
         .linger_ms = 60000,
         .pre_stop = true,
         .large = true},
	{.name = "remaining processes are left alone",
         .plan = {{{1000, 0}, {2000, SIGKILL}}, 2, false},
         .linger_ms = LEFT_ALONE},
	{.name = "left alone, a pre-stop program, never killed",
         .plan = {{{2000, 0}}, 1, false},
         .linger_ms = LEFT_ALONE,
         .pre_stop = true},
	{.name = "a shell that ignores the stop signal, stopped-ok",
         .plan = {{{1200, 0}, {1500, SIGQUIT}, {2000, SIGKILL}}, 3, false},
         .linger_ms = 3000,
         .stopped_ok = true,
         .ignores = SET(SIGTERM) | SET(SIGQUIT)},
	{.name = "QUIT ignored, not TERM, stopped-ok, a pre-stop program",
         .plan = {{{900, 0}, {3000, SIGKILL}}, 2, true},
         .stop_as = SIGQUIT,
         .linger_ms = 3000,
         .stopped_ok = true,
         .pre_stop = true,
         .ignores = SET(SIGQUIT)},
	{.name = "WINCH immediately, and no handler, stopped-ok",
         .plan = {{{0, SIGWINCH}, {2000, SIGKILL}}, 2, false},
         .linger_ms = 3000,
         .stopped_ok = true,
         .lacks = ~UINT64_C(0)},
	{.name = "WINCH, and no handler for anything, stopped-ok",
         .plan = {{{1200, SIGTSTP}, {1200, SIGWINCH}, {2000, SIGKILL}}, 3, false},
         .linger_ms = 3000,
         .stopped_ok = true,
         .lacks = ~UINT64_C(0)},
	{.name = "WINCH, CHLD, URG, CONT and the like, and no handler",
         .plan = {{{900, SIGCHLD},
                   {900, SIGURG},
                   {900, SIGCONT},
                   {900, SIGSTOP},
                   {900, SIGTTIN},
                   {900, SIGTTOU},
                   {900, SIGINT},
                   {900, SIGKILL}},
                  8,
                  false},
         .linger_ms = 3000,
         .lacks = ~UINT64_C(0)},
	{.name = "in a compatibility mode as it is, whatever the app ignores",
         .plan = {{{1200, SIGWINCH}, {1500, SIGQUIT}, {2000, SIGKILL}}, 3, false},
         .linger_ms = LEFT_ALONE,
         .ignores = SET(SIGQUIT),
         .lacks = SET(SIGWINCH)},
	{.name = "to the group as it is, whatever the app ignores",
         .plan = {{{1200, SIGWINCH}, {1500, SIGQUIT}, {2000, SIGKILL}}, 3, false},
         .linger_ms = 3000,
         .group = true,
         .ignores = SET(SIGQUIT),
         .lacks = SET(SIGWINCH)},
	{.name = "a session, as under dumb-init",
         .plan = {{{0, 0}}, 1, false},
         .linger_ms = LEFT_ALONE,
         .suspends = true,
         .group = true},
	{.name = "a session that waits, TERM dropped",
         .plan = {{{1500, SIGQUIT}, {2500, SIGKILL}}, 2, false},
         .stop_as = -1,
         .linger_ms = 3000,
         .suspends = true,
         .group = true},
	{.name = "a session, TERM as INT, a pre-stop program",
         .plan = {{{1500, 0}, {2500, SIGKILL}}, 2, false},
         .stop_as = SIGINT,
         .linger_ms = 3000,
         .suspends = true,
         .pre_stop = true},
	{.name = "a session at a prompt",
         .plan = {{{800, 0}, {2500, SIGKILL}}, 2, false},
         .linger_ms = 3000,
         .suspends = true,
         .job = JOB_PROMPT},
	{.name = "sixteen steps together",
         .plan = {{{0, 0},
                   {0, 1},
                   {0, 2},
                   {0, 3},
                   {0, SIGTSTP},
                   {0, 0},
                   {0, 12},
                   {0, 34},
                   {0, 64},
                   {0, SIGSTOP},
                   {0, 2},
                   {0, SIGCONT},
                   {0, 15},
                   {0, 0},
                   {0, 14},
                   {0, SIGKILL}},
                  16,
                  false},
         .linger_ms = 5000,
         .pre_stop = true},
	{.name = "1 s, a drain of 20 s in a grace of 30 s",
         .plan = {{{1000, PLAN_NO_SIGNAL}, {20000, 0, STEP_DRAIN}, {8000, SIGKILL}}, 3, true},
         .linger_ms = 5000,
         .job = JOB_INIT},
	{.name = "a drain, then 3 s, ready for 2 s",
         .plan = {{{4000, 0, STEP_DRAIN}, {3000, SIGKILL}}, 2, false},
         .ready_for_ms = 2000,
         .linger_ms = 5000},
	{.name = "a delay, a drain, a pre-stop program, ready for longer",
         .plan = {{{1500, PLAN_NO_SIGNAL}, {3000, SIGQUIT, STEP_DRAIN}, {2000, SIGKILL}}, 3, false},
         .ready_for_ms = 60000,
         .linger_ms = 3000,
         .pre_stop = true},
	{.name = "a drain first, a pre-stop program, the stop signal dropped, at a prompt",
         .plan = {{{8000, 0, STEP_DRAIN}, {2000, SIGKILL}}, 2, false},
         .stop_as = -1,
         .linger_ms = 3000,
         .pre_stop = true,
         .job = JOB_PROMPT},
	{.name = "a drain, a wait, TERM, another drain, KILL after a drain, ready for a moment",
         .plan = {{{2000, PLAN_NO_SIGNAL, STEP_DRAIN},
                   {300, 0},
                   {1500, SIGQUIT, STEP_DRAIN},
                   {1200, SIGKILL, STEP_DRAIN}},
                  4,
                  false},
         .ready_for_ms = 1,
         .linger_ms = 3000,
         .stopped_ok = true},
	{.name = "two waits, KILL alone after a drain, to the group",
         .plan = {{{700, PLAN_NO_SIGNAL}, {2500, SIGKILL, STEP_DRAIN}}, 2, true},
         .ready_for_ms = 1000,
         .linger_ms = 0,
         .group = true},
	{.name = "a drain of no time, the stop signal as KILL",
         .plan = {{{500, PLAN_NO_SIGNAL}, {0, 0, STEP_DRAIN}, {1500, SIGKILL}}, 3, false},
         .stop_as = SIGKILL,
         .linger_ms = LEFT_ALONE},
	{.name = "the clock at 0", .plan = {{{2000, 0}, {3000, SIGKILL}}, 2, false}, .start_ms = -1, .linger_ms = 5000},
	{.name = "the clock at 0, a pre-stop program",
         .plan = {{{0, 0}, {3000, SIGKILL}}, 2, true},
         .start_ms = -1,
         .linger_ms = 50,
         .pre_stop = true},
	{.name = "the clock 9 s from its end",
         .plan = {{{2000, 0}, {3000, SIGKILL}}, 2, false},
         .start_ms = NEAR_NEVER(9000),
         .linger_ms = 5000,
         .large = true},
	{.name = "the clock 4 s from its end",
         .plan = {{{2000, 0}, {3000, SIGKILL}}, 2, true},
         .start_ms = NEAR_NEVER(4000),
         .linger_ms = 5000},
	{.name = "the clock 6 s from its end, three steps",
         .plan = {{{2000, 0}, {3000, SIGQUIT}, {2000, SIGKILL}}, 3, false},
         .start_ms = NEAR_NEVER(6000),
         .linger_ms = 5000},
	{.name = "the clock's last millisecond",
         .plan = {{{0, 0}, {1, SIGKILL}}, 2, false},
         .start_ms = NEAR_NEVER(1),
         .linger_ms = 5000},
	{.name = "a wait longer than any life",
         .plan = {{{1000, 0}, {NEAR_NEVER(1000), SIGQUIT}, {NEAR_NEVER(1), SIGKILL}}, 3, false},
         .linger_ms = 5000,
         .pre_stop = true},
	{.name = "a linger longer than any life",
         .plan = {{{1000, 0}, {2000, SIGKILL}}, 2, false},
         .linger_ms = NEAR_NEVER(1)},
};

int kinds_named(void)
{
	return sizeof KINDS / sizeof KINDS[0];
}

const struct kind *kind_named(int number)
{
	return &KINDS[number];
}

static const int64_t WAITS_MS[] = {0, 2500, 700};
static const int SIGNALS[] = {PLAN_STOP_SIGNAL, SIGQUIT, SIGTSTP, SIGKILL};
enum { NOT_KILL = 3, ANY = 4 };

/* Fewer waits in long plans. */
static int waits(int steps)
{
	return steps > 2 ? 2 : 3;
}

int kinds_generated(int steps)
{
	int count = 2 * waits(steps) * ANY;
	for (int step = 1; step < steps; step++)
		count *= waits(steps) * NOT_KILL;
	return count;
}

/* Each of these changes with a period of its own, so that all combinations occur. */
static void policy_generated(struct kind *kind, int number)
{
	static const int64_t LINGERS_MS[] = {5000, 0, 300, LEFT_ALONE, 60000};
	static const int STOPS_AS[] = {0, 0, SIGINT, -1, 0, SIGKILL, 0};
	kind->linger_ms = LINGERS_MS[number % 5];
	kind->stop_as = STOPS_AS[number % 7];
	kind->job = (enum job)(number % 11 % 3);
	kind->pre_stop = number % 2 == 1;
	kind->group = number % 13 < 4;
	kind->suspends = number % 17 < 5;
	kind->stopped_ok = number % 3 == 1;
	kind->success = number % 19 < 4 ? WORLD_STATUS : 0;
	kind->also = number % 23 < 5 ? SIGQUIT : 0;
	kind->ignores = number % 29 < 4 ? SET(SIGQUIT) : number % 29 < 7 ? SET(SIGQUIT) | SET(SIGTERM) : 0;
	kind->lacks = number % 31 < 8 ? SET(SIGTSTP) : 0;
}

void kind_generated(struct kind *kind, int steps, int number)
{
	*kind = (struct kind){.name = "generated"};
	policy_generated(kind, number);
	kind->plan.fixed = number % 2 == 1;
	number /= 2;
	for (int step = 0; step < steps; step++) {
		int signals = step == steps - 1 ? ANY : NOT_KILL;
		kind->plan.steps[step].wait_ms = WAITS_MS[number % waits(steps)];
		number /= waits(steps);
		kind->plan.steps[step].signo = SIGNALS[number % signals];
		number /= signals;
	}
	kind->plan.count = steps;
}
