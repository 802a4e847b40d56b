/*
 * The events, and their effects on the core and the witness.
 */
#include "world.h"

#include <signal.h>
#include <string.h>

enum { STOP_SIGNAL = -1, PLANNED_STATUS = -1, START_MS = 1000000, FAR_MS = 100000, SLOW_MS = 3000 };

/* What the event is for the pre-stop program. */
enum about_pre_stop { NOT_ABOUT_IT, IT_ENDS, IT_FAILS_TO_START };

static const struct happening {
	const char *name;
	struct event event;
	enum about_pre_stop pre_stop;
	int64_t takes_ms; /* to send the signals */
} HAPPENINGS[] = {
	{.name = "time", .event = {.kind = EVENT_TIME}},
	{.name = "the stop signal", .event = {.kind = EVENT_SIGNAL, .signo = STOP_SIGNAL, .outside = true}},
	{.name = "the stop signal from the terminal",
         .event = {.kind = EVENT_SIGNAL, .signo = STOP_SIGNAL, .shared = true}},
	{.name = "the stop signal, and no pre-stop program",
         .event = {.kind = EVENT_SIGNAL, .signo = STOP_SIGNAL, .outside = true},
         .pre_stop = IT_FAILS_TO_START},
	{.name = "QUIT", .event = {.kind = EVENT_SIGNAL, .signo = SIGQUIT, .outside = true}},
	{.name = "INT", .event = {.kind = EVENT_SIGNAL, .signo = SIGINT, .outside = true}},
	{.name = "INT from inside", .event = {.kind = EVENT_SIGNAL, .signo = SIGINT}},
	{.name = "INT from the terminal", .event = {.kind = EVENT_SIGNAL, .signo = SIGINT, .shared = true}},
	{.name = "WINCH", .event = {.kind = EVENT_SIGNAL, .signo = SIGWINCH, .outside = true}},
	{.name = "HUP, dropped", .event = {.kind = EVENT_SIGNAL, .signo = SIGHUP, .outside = true}},
	{.name = "USR1 as USR2", .event = {.kind = EVENT_SIGNAL, .signo = SIGUSR1, .outside = true}},
	{.name = "USR1 as USR2, from the terminal", .event = {.kind = EVENT_SIGNAL, .signo = SIGUSR1, .shared = true}},
	{.name = "USR2 as the stop signal", .event = {.kind = EVENT_SIGNAL, .signo = SIGUSR2, .outside = true}},
	{.name = "ALRM as KILL", .event = {.kind = EVENT_SIGNAL, .signo = SIGALRM}},
	{.name = "TSTP from the terminal", .event = {.kind = EVENT_SIGNAL, .signo = SIGTSTP, .shared = true}},
	{.name = "TSTP", .event = {.kind = EVENT_SIGNAL, .signo = SIGTSTP}},
	{.name = "TTIN", .event = {.kind = EVENT_SIGNAL, .signo = SIGTTIN}},
	{.name = "TTOU, dropped", .event = {.kind = EVENT_SIGNAL, .signo = SIGTTOU}},
	{.name = "CONT", .event = {.kind = EVENT_SIGNAL, .signo = SIGCONT}},
	{.name = "signal 64", .event = {.kind = EVENT_SIGNAL, .signo = 64}},
	{.name = "exit, no child left", .event = {.kind = EVENT_APP_EXITED, .status = WORLD_STATUS, .childless = true}},
	{.name = "exit", .event = {.kind = EVENT_APP_EXITED, .status = WORLD_STATUS}},
	{.name = "killed by the plan's signal, no child left",
         .event = {.kind = EVENT_APP_EXITED, .status = PLANNED_STATUS, .childless = true}},
	{.name = "killed by the plan's signal", .event = {.kind = EVENT_APP_EXITED, .status = PLANNED_STATUS}},
	{.name = "app stopped by STOP", .event = {.kind = EVENT_APP_STOPPED, .signo = SIGSTOP}},
	{.name = "app stopped by TSTP", .event = {.kind = EVENT_APP_STOPPED, .signo = SIGTSTP}},
	{.name = "app stopped by TTIN", .event = {.kind = EVENT_APP_STOPPED, .signo = SIGTTIN}},
	{.name = "app stopped by TTOU", .event = {.kind = EVENT_APP_STOPPED, .signo = SIGTTOU}},
	{.name = "app continued", .event = {.kind = EVENT_APP_CONTINUED}},
	{.name = "an orphan ends", .event = {.kind = EVENT_ORPHAN_EXITED}},
	{.name = "no child left", .event = {.kind = EVENT_CHILDLESS}},
	{.name = "the pre-stop program ends", .event = {.kind = EVENT_ORPHAN_EXITED}, .pre_stop = IT_ENDS},
	{.name = "the pre-stop program exits, no child left", .event = {.kind = EVENT_CHILDLESS}, .pre_stop = IT_ENDS},
	{.name = "the pre-stop program ends and the app",
         .event = {.kind = EVENT_APP_EXITED, .status = WORLD_STATUS},
         .pre_stop = IT_ENDS},
	{.name = "the pre-stop program exits and the app, no child left",
         .event = {.kind = EVENT_APP_EXITED, .status = WORLD_STATUS, .childless = true},
         .pre_stop = IT_ENDS},
	{.name = "the pre-stop program ends, the app is stopped",
         .event = {.kind = EVENT_APP_STOPPED, .signo = SIGTSTP},
         .pre_stop = IT_ENDS},
	{.name = "no connection is busy", .event = {.kind = EVENT_DRAINED}},
	{.name = "time, a slow signal", .event = {.kind = EVENT_TIME}, .takes_ms = SLOW_MS},
	{.name = "exit, a slow signal",
         .event = {.kind = EVENT_APP_EXITED, .status = WORLD_STATUS},
         .takes_ms = SLOW_MS},
};

int world_happenings(void)
{
	return sizeof HAPPENINGS / sizeof HAPPENINGS[0];
}

const char *world_happening_name(int happening)
{
	return HAPPENINGS[happening].name;
}

static int stop_signal(const struct kind *kind)
{
	return kind->stop != 0 ? kind->stop : SIGTERM;
}

static bool has_drain(const struct plan *plan)
{
	for (int step = 0; step < plan->count; step++)
		if (plan->steps[step].kind == STEP_DRAIN)
			return true;
	return false;
}

/* Fills the steps after the plan's end, so that an access to them changes the result. */
static void poison(struct plan *plan)
{
	bool kills = plan->steps[plan->count - 1].signo == SIGKILL;
	for (int step = plan->count; step < PLAN_STEPS; step++)
		plan->steps[step] = (struct step){.wait_ms = 1, .signo = kills ? SIGSYS : SIGKILL, .kind = STEP_DRAIN};
}

/* Adds this exit code, and codes at the ends of the bitmap's elements. */
static void add_successes(struct policy *policy, int success)
{
	const int codes[] = {success, 63, 128, 255};
	for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
		policy->success_exit[codes[i] / 64] |= UINT64_C(1) << (codes[i] % 64);
}

void world_policy(struct policy *policy, const struct kind *kind)
{
	int stop = stop_signal(kind);
	*policy = (struct policy){.plan = kind->plan,
	                          .ready_for_ms = kind->ready_for_ms,
	                          .linger_ms = kind->linger_ms,
	                          .stopped_ok = kind->stopped_ok,
	                          .abandon = kind->linger_ms == LEFT_ALONE,
	                          .suspends = kind->suspends,
	                          .group = kind->group,
	                          .pre_stop = kind->pre_stop,
	                          .job = kind->job};
	poison(&policy->plan);
	policy->stop_signals = UINT64_C(1) << (stop - 1);
	if (kind->also != 0)
		policy->stop_signals |= UINT64_C(1) << (kind->also - 1);
	for (int signo = 0; signo < LIFECYCLE_SIGNALS; signo++)
		policy->rewrite[signo] = (uint8_t)signo;
	policy->rewrite[SIGHUP] = 0;
	policy->rewrite[SIGTTOU] = 0;
	if (kind->stopped_ok) /* some of them */
		policy->rewrite[SIGWINCH] = 0;
	policy->rewrite[SIGUSR1] = SIGUSR2;
	policy->rewrite[SIGUSR2] = (uint8_t)stop;
	policy->rewrite[SIGALRM] = SIGKILL;
	policy->rewrite[stop] = (uint8_t)(kind->stop_as < 0 ? 0 : kind->stop_as != 0 ? kind->stop_as : stop);
	if (kind->success != 0)
		add_successes(policy, kind->success);
}

void world_begin(struct state *state, const struct kind *kind, const struct policy *policy)
{
	int64_t start_ms = kind->start_ms == 0 ? START_MS : kind->start_ms < 0 ? 0 : kind->start_ms;
	memset(state, 1, sizeof *state);
	lifecycle_init(&state->core, policy);
	const struct dispositions app = {.ignored = kind->ignores, .caught = ~(kind->ignores | kind->lacks)};
	witness_init(&state->witness, policy, app, start_ms);
}

static bool is_possible_to_app(const struct witness *witness, const struct event *event, bool others)
{
	bool runs = witness->status < 0;
	switch (event->kind) {
	case EVENT_APP_EXITED:
		return runs && !(event->childless && others);
	case EVENT_APP_STOPPED:
		return runs && !witness->stopped;
	case EVENT_APP_CONTINUED:
		return runs && witness->stopped;
	case EVENT_CHILDLESS:
		return (runs || witness->children) && !others;
	case EVENT_DRAINED:
		return has_drain(&witness->policy->plan);
	case EVENT_SIGNAL:
	case EVENT_ORPHAN_EXITED:
	case EVENT_TIME:
		break;
	}
	return true;
}

bool world_is_possible(const struct witness *witness, int happening)
{
	const struct happening *it = &HAPPENINGS[happening];
	bool is_there = witness->pre_stop == PRE_STOP_RUNS || witness->pre_stop == PRE_STOP_KILLED;
	if (witness->ended || (it->pre_stop == IT_ENDS && !is_there))
		return false;
	if (it->pre_stop == IT_FAILS_TO_START && (!witness->policy->pre_stop || witness->pre_stop != PRE_STOP_NONE))
		return false;
	return is_possible_to_app(witness, &it->event, is_there && it->pre_stop != IT_ENDS);
}

/* Adds a time once, unless it is past or TIME_NEVER. Returns the new count. */
static int add_moment(int64_t moments_ms[WORLD_MOMENTS], int count, int64_t now_ms, int64_t moment_ms)
{
	if (moment_ms < now_ms || moment_ms == TIME_NEVER)
		return count;
	for (int i = 0; i < count; i++)
		if (moments_ms[i] == moment_ms)
			return count;
	moments_ms[count] = moment_ms;
	return count + 1;
}

static int add_due(int64_t moments_ms[WORLD_MOMENTS], int count, int64_t now_ms, int64_t due_ms)
{
	if (due_ms == TIME_NEVER || due_ms <= now_ms)
		return count;
	count = add_moment(moments_ms, count, now_ms, due_ms - 1);
	return add_moment(moments_ms, count, now_ms, due_ms);
}

int world_moments(const struct witness *witness, int64_t moments_ms[WORLD_MOMENTS], int64_t grid_ms)
{
	enum phase phase = witness_phase(witness);
	int64_t now_ms = witness->now_ms;
	int64_t wake_ms = witness_wake_ms(witness);
	int count = add_moment(moments_ms, 0, now_ms, now_ms);
	count = add_due(moments_ms, count, now_ms, wake_ms);
	if (phase == PHASE_DELAY || phase == PHASE_STOPPING)
		count = add_due(moments_ms, count, now_ms, witness->due_ms);
	if (phase >= PHASE_DELAY && phase <= PHASE_LINGER) {
		count = add_due(moments_ms, count, now_ms, witness->notice_ms);
		count = add_due(moments_ms, count, now_ms, witness->ready_until_ms);
		if (witness->pre_stop == PRE_STOP_RUNS)
			count = add_due(moments_ms, count, now_ms, witness->pre_stop_until_ms);
	}
	if (phase == PHASE_DELAY || (phase == PHASE_LINGER && witness->begun_ms != TIME_NEVER))
		count = add_due(moments_ms, count, now_ms, plus(witness->begun_ms, 1000));
	if (phase == PHASE_LINGER)
		count = add_due(moments_ms, count, now_ms, witness->kill_due_ms);
	if (phase == PHASE_KILLED)
		count = add_due(moments_ms, count, now_ms, plus(witness->killed_ms, 2000));
	if (wake_ms != TIME_NEVER) {
		count = add_moment(moments_ms, count, now_ms, plus(wake_ms, 900));
		count = add_moment(moments_ms, count, now_ms, plus(wake_ms, 600000));
	}
	if (wake_ms == TIME_NEVER || wake_ms - now_ms < FAR_MS)
		count = add_moment(moments_ms, count, now_ms, plus(now_ms, 1000));
	else
		count = add_moment(moments_ms, count, now_ms, now_ms + (wake_ms - now_ms) / 2);
	if (grid_ms != 0 && (wake_ms == TIME_NEVER || wake_ms - now_ms < FAR_MS))
		count = add_moment(moments_ms, count, now_ms, plus(now_ms, grid_ms));
	return count;
}

/* The exit status, as in a shell, for the first signal of the plan that is not for job control. */
static int planned_status(const struct witness *witness)
{
	for (int step = 0; step < witness->policy->plan.count; step++) {
		int signo = witness_planned_signal(witness, step);
		if (signo != 0 && !witness_is_job_control(signo))
			return 128 + signo;
	}
	return 128 + SIGTERM;
}

static int lowest_stop_signal(const struct policy *policy)
{
	for (int signo = SIGTERM; signo < LIFECYCLE_SIGNALS; signo++)
		if ((policy->stop_signals >> (signo - 1) & 1) != 0)
			return signo;
	return 1;
}

static void pre_stop_ends(struct state *state)
{
	lifecycle_pre_stop_ended(&state->core);
	witness_pre_stop_ended(&state->witness);
}

/* Checks that the core ignores events after its exit. */
static void check_after_exit(const struct state *state)
{
	static const struct event EVENTS[] = {{.kind = EVENT_SIGNAL, .signo = SIGTERM, .outside = true},
	                                      {.kind = EVENT_SIGNAL, .signo = SIGINT},
	                                      {.kind = EVENT_ORPHAN_EXITED},
	                                      {.kind = EVENT_CHILDLESS},
	                                      {.kind = EVENT_TIME}};
	for (size_t i = 0; i < sizeof EVENTS / sizeof EVENTS[0]; i++) {
		struct lifecycle after = state->core;
		struct actions actions;
		lifecycle_step(&after, &EVENTS[i], plus(state->witness.now_ms, 5000), &actions);
		if (actions.count != 0 || after.phase != PHASE_ENDED || lifecycle_deadline_ms(&after) != TIME_NEVER)
			broken(NOTHING_AFTER_EXIT, "an action or a deadline");
	}
	invariants_tested[NOTHING_AFTER_EXIT]++;
}

uint64_t world_happens(struct state *state, int happening, int64_t now_ms)
{
	const struct happening *it = &HAPPENINGS[happening];
	struct event event = it->event;
	if (event.signo == STOP_SIGNAL)
		event.signo = lowest_stop_signal(state->witness.policy);
	if (event.status == PLANNED_STATUS)
		event.status = planned_status(&state->witness);
	if (event.signo == 0)
		event.signo = SIGTSTP; /* a field that the event does not use is not read */
	event.app = state->witness.app;
	witness_advance(&state->witness, now_ms);
	if (it->pre_stop == IT_ENDS)
		pre_stop_ends(state);
	uint64_t done = witness_play(&state->witness, &state->core, &event);
	if (it->takes_ms != 0)
		witness_sent_late(&state->witness, &state->core, plus(now_ms, it->takes_ms));
	if (it->pre_stop == IT_FAILS_TO_START && state->witness.pre_stop == PRE_STOP_RUNS)
		pre_stop_ends(state);
	if (state->witness.ended)
		check_after_exit(state);
	return done;
}

void world_app_ends(struct state *state, int status, bool childless)
{
	const struct event exited = {
		.kind = EVENT_APP_EXITED, .signo = SIGTSTP, .status = status, .childless = childless};
	const struct event no_children = {.kind = EVENT_CHILDLESS};
	if (state->witness.ended)
		return;
	if (state->witness.pre_stop == PRE_STOP_RUNS)
		pre_stop_ends(state);
	(void)witness_play(&state->witness, &state->core, &exited);
	if (!state->witness.ended)
		(void)witness_play(&state->witness, &state->core, &no_children);
}

void world_time_passes(struct state *state)
{
	int64_t wake_ms = witness_wake_ms(&state->witness);
	(void)world_happens(state, WORLD_TIME, wake_ms > state->witness.now_ms ? wake_ms : state->witness.now_ms);
}
