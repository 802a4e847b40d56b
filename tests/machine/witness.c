/*
 * The invariants. The checks of actions do not read the core's state, except for the fields that log and report use.
 */
#include "witness.h"

#include <signal.h>
#include <stddef.h>
#include <string.h>

const char *const INVARIANT_NAMES[INVARIANTS] = {
	[PHASES] = "phases only advance",
	[NOTHING_AFTER_EXIT] = "nothing after the exit",
	[EXITS] = "lull exits for a reason, and only then",
	[STATUS] = "the status is the app's",
	[DRAINING] = "readiness follows the phase",
	[STOPPING_LOGGED] = "a shutdown is logged once, before any signal is sent",
	[PLAN_ORDER] = "the plan's signals in order, each once",
	[NOT_EARLY] = "no step before its time",
	[NOT_LATE] = "no step overdue",
	[STOP_SIGNAL_ONCE] = "one stop signal for the first request",
	[KILL_NOT_EARLY] = "no SIGKILL before its time",
	[KILL_NOT_LATE] = "always a SIGKILL by its time",
	[KILL_EXACT] = "SIGKILL at the exact millisecond",
	[KILL_AGAIN] = "SIGKILL again as orphans arrive",
	[ENDS] = "a shutdown always ends",
	[NOT_REAPED] = "nothing is signalled after it was reaped",
	[FORWARDED] = "each other signal is forwarded, once",
	[REMAINING] = "remaining processes get the last signal, once",
	[CONTINUED] = "a stopped app is continued, and only then",
	[PRE_STOP_ONCE] = "the pre-stop program is started once, when the shutdown starts",
	[PRE_STOP_WAITED_FOR] = "the first step waits for the pre-stop program",
	[PRE_STOP_TIME] = "the pre-stop program has its time and no more",
	[NOTICES] = "each notice once, in its time",
	[SESSION] = "sessions and prompts",
	[WAKES] = "wakes when a step is due, and only then",
	[SPACE] = "the list of actions has space",
	[REPORTED] = "the times and signals in the log and the report are true",
	[EFFECT] = "the app gets a signal that has an effect, or a line is logged that it ignores it",
	[DRAIN] = "the connections are checked in a drain, and only then",
	[SENT_LATE] = "a signal that was sent late leaves its time",
};

long long invariants_tested[INVARIANTS];

static void demand(bool holds, enum invariant invariant, const char *how)
{
	invariants_tested[invariant]++;
	if (!holds)
		broken(invariant, how);
}

int64_t plus(int64_t time_ms, int64_t wait_ms)
{
	int64_t sum_ms;
	return __builtin_add_overflow(time_ms, wait_ms, &sum_ms) ? TIME_NEVER : sum_ms;
}

static int64_t least(int64_t a_ms, int64_t b_ms)
{
	return a_ms < b_ms ? a_ms : b_ms;
}

static int64_t most(int64_t a_ms, int64_t b_ms)
{
	return a_ms > b_ms ? a_ms : b_ms;
}

bool witness_is_job_control(int signo)
{
	static const int JOB_CONTROL[] = {SIGCONT, SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU};
	for (size_t i = 0; i < sizeof JOB_CONTROL / sizeof JOB_CONTROL[0]; i++)
		if (signo == JOB_CONTROL[i])
			return true;
	return false;
}

static bool is_stop_signal(const struct policy *policy, int signo)
{
	return (policy->stop_signals & UINT64_C(1) << (signo - 1)) != 0;
}

static bool has_begun(const struct witness *witness)
{
	return witness->begun_ms != TIME_NEVER;
}

static bool has_exited(const struct witness *witness)
{
	return witness->status >= 0;
}

static bool is_killed(const struct witness *witness)
{
	return witness->killed_ms != TIME_NEVER;
}

/* Returns the step that sends the plan's first signal. The steps before it only wait. */
static int first_signal(const struct witness *witness)
{
	int step = 0;
	while (witness->policy->plan.steps[step].signo == PLAN_NO_SIGNAL)
		step++;
	return step;
}

void witness_init(struct witness *witness, const struct policy *policy, struct dispositions app, int64_t now_ms)
{
	*witness = (struct witness){.policy = policy,
	                            .app = app,
	                            .now_ms = now_ms,
	                            .begun_ms = TIME_NEVER,
	                            .due_ms = TIME_NEVER,
	                            .planned_ms = TIME_NEVER,
	                            .exact_kill_ms = TIME_NEVER,
	                            .forwarded_ms = TIME_NEVER,
	                            .notice_ms = TIME_NEVER,
	                            .pre_stop_until_ms = TIME_NEVER,
	                            .ready_until_ms = TIME_NEVER,
	                            .app_exited_ms = TIME_NEVER,
	                            .kill_due_ms = TIME_NEVER,
	                            .killed_ms = TIME_NEVER,
	                            .kill_again_ms = TIME_NEVER,
	                            .status = -1};
}

void witness_advance(struct witness *witness, int64_t now_ms)
{
	if (now_ms > witness_wake_ms(witness))
		witness->exact_kill_ms = TIME_NEVER;
	witness->now_ms = now_ms;
}

enum phase witness_phase(const struct witness *witness)
{
	if (witness->ended)
		return PHASE_ENDED;
	if (is_killed(witness))
		return PHASE_KILLED;
	if (has_exited(witness))
		return PHASE_LINGER;
	if (!has_begun(witness))
		return PHASE_RUNNING;
	return witness->steps > first_signal(witness) ? PHASE_STOPPING : PHASE_DELAY;
}

int witness_planned_signal(const struct witness *witness, int step)
{
	int signo = witness->policy->plan.steps[step].signo;
	if (signo != PLAN_STOP_SIGNAL)
		return signo == PLAN_NO_SIGNAL ? 0 : signo;
	return has_begun(witness) ? witness->policy->rewrite[witness->began_with] : 0;
}

/* --- The plan's times ------------------------------------------------------------------------------------------ */

bool witness_is_held(const struct witness *witness)
{
	return witness->steps == first_signal(witness) && witness->pre_stop == PRE_STOP_RUNS &&
	       witness->now_ms < witness->pre_stop_until_ms;
}

static bool awaits_step(const struct witness *witness)
{
	enum phase phase = witness_phase(witness);
	return (phase == PHASE_DELAY || phase == PHASE_STOPPING) && witness->steps < witness->policy->plan.count;
}

static bool drains(const struct witness *witness)
{
	return awaits_step(witness) && witness->policy->plan.steps[witness->steps].kind == STEP_DRAIN;
}

/* A step may be taken before its time after a second stop signal, or if no connection is busy. */
static bool may_be_early(const struct witness *witness)
{
	return witness->skips_delay || witness->drained;
}

/* A step is taken now. Computes when the next one is due: earlier if this one is early, but at least some time later.
 */
static void step_follows(struct witness *witness)
{
	const struct plan *plan = &witness->policy->plan;
	bool early = witness->now_ms < witness->due_ms;
	if (early && !plan->fixed) {
		witness->planned_ms =
			least(witness->planned_ms, witness->now_ms); /* a late step may be a drain that ends early */
		witness->exact_kill_ms = TIME_NEVER;
	}
	witness->due_ms = TIME_NEVER;
	if (++witness->steps == plan->count)
		return;
	int64_t wait_ms = plan->steps[witness->steps].wait_ms;
	witness->planned_ms = plus(witness->planned_ms, wait_ms);
	witness->due_ms = most(witness->planned_ms, plus(witness->now_ms, least(wait_ms, 1000)));
}

/* `sent` is the signal that the app got: the plan's signal, or SIGTERM. */
static void step_taken(struct witness *witness, int sent, bool by_terminal)
{
	int signo = witness_planned_signal(witness, witness->steps);
	int ending = witness_is_job_control(signo) ? sent : signo; /* the signal for remaining processes */
	bool is_first = witness->steps == first_signal(witness);
	if (is_first) {
		witness->forwarded_ms = witness->now_ms;
		witness->notice_ms = plus(witness->now_ms, 5000);
	}
	if (ending != 0 && !witness_is_job_control(ending)) {
		witness->last_sent = ending;
		witness->group_had_it = by_terminal || witness->policy->group;
	}
	if (sent != 0 && !witness_is_job_control(sent))
		witness->owed = witness->stopped;
	witness->skips_delay &= witness->steps < first_signal(witness);
	witness->drained = false;
	step_follows(witness);
}

/*
 * Returns when the plan's SIGKILL comes for processes that get their first signal now, if no later step is late. If
 * SIGKILL is overdue, they get some time.
 */
static int64_t kill_due(const struct witness *witness)
{
	struct witness ahead = *witness;
	bool overdue = ahead.steps < ahead.policy->plan.count && ahead.due_ms < ahead.now_ms;
	if (overdue && witness_planned_signal(&ahead, ahead.steps) == SIGKILL)
		return plus(ahead.now_ms, least(ahead.policy->plan.steps[ahead.steps].wait_ms, 1000));
	ahead.due_ms = most(ahead.due_ms, ahead.now_ms);
	while (ahead.steps < ahead.policy->plan.count) {
		if (witness_planned_signal(&ahead, ahead.steps) == SIGKILL)
			return ahead.due_ms;
		ahead.now_ms = ahead.due_ms;
		step_follows(&ahead);
	}
	return TIME_NEVER;
}

/* Returns the time from the stop signal to SIGKILL, which may be the stop signal rewritten. */
static int64_t sum_to_kill(const struct witness *witness)
{
	const struct plan *plan = &witness->policy->plan;
	int64_t sum_ms = 0;
	for (int step = 0; step < plan->count; step++) {
		sum_ms = plus(sum_ms, plan->steps[step].wait_ms);
		if (witness_planned_signal(witness, step) == SIGKILL)
			return sum_ms;
	}
	return TIME_NEVER;
}

/* Five seconds or the delay, but the rest of the plan must fit before SIGKILL. */
static int64_t pre_stop_until(const struct witness *witness)
{
	const struct plan *plan = &witness->policy->plan;
	bool starts_with_drain = plan->steps[0].kind == STEP_DRAIN;
	int64_t delay_ends_ms = starts_with_drain ? witness->begun_ms : witness->due_ms;
	int64_t until_ms = most(plus(witness->begun_ms, 5000), delay_ends_ms);
	int64_t kill_ms = sum_to_kill(witness);
	if (kill_ms == TIME_NEVER)
		return until_ms;
	int64_t reserved_ms = 0;
	int first = first_signal(witness);
	bool kills = witness_planned_signal(witness, first) == SIGKILL;
	for (int step = first + 1; step < plan->count && !kills; step++) {
		reserved_ms += least(plan->steps[step].wait_ms, 1000);
		kills = witness_planned_signal(witness, step) == SIGKILL;
	}
	return least(until_ms, plus(witness->begun_ms, kill_ms - reserved_ms));
}

/* --- Actions that an event must cause -------------------------------------------------------------------------- */

static void expect_stop(struct witness *witness, const struct event *event)
{
	const struct policy *policy = witness->policy;
	bool app_runs = !has_exited(witness);
	witness->begun_ms = witness->now_ms;
	witness->began_with = event->signo;
	witness->due_ms = witness->planned_ms = plus(witness->now_ms, policy->plan.steps[0].wait_ms);
	witness->expected[ACTION_LOG_STOPPING]++;
	if (policy->pre_stop) {
		witness->expected[ACTION_START_PRE_STOP]++;
		witness->pre_stop = PRE_STOP_RUNS;
		witness->pre_stop_until_ms = pre_stop_until(witness);
	}
	if (app_runs && policy->ready_for_ms > 0)
		witness->ready_until_ms = plus(witness->now_ms, policy->ready_for_ms);
	if (!app_runs) {
		witness->kill_due_ms = least(witness->kill_due_ms, kill_due(witness));
		return;
	}
	witness->exact_kill_ms = plus(witness->begun_ms, sum_to_kill(witness));
}

/* Whether the terminal sent the app the plan's first signal, so that the step is done. */
static bool had_first_step(const struct witness *witness, const struct event *event)
{
	return event->shared && witness->policy->rewrite[event->signo] == event->signo &&
	       witness->policy->plan.steps[first_signal(witness)].signo == PLAN_STOP_SIGNAL;
}

static void expect_forward(struct witness *witness, const struct event *event)
{
	const struct policy *policy = witness->policy;
	int to = policy->rewrite[event->signo];
	bool has_it = event->shared && to == event->signo;
	if (to != 0 && !has_it)
		witness->expected[ACTION_FORWARD]++;
	bool stops_job = witness_is_job_control(event->signo) && event->signo != SIGCONT;
	if (policy->suspends && policy->job != JOB_PROMPT && stops_job)
		witness->expected[ACTION_SUSPEND]++;
	if (is_stop_signal(policy, event->signo) && to != 0 && !witness_is_job_control(to))
		witness->owed = witness->stopped;
}

static void expect_skip_warning(struct witness *witness, const struct event *event)
{
	bool ends_apps = event->signo == SIGINT || event->signo == SIGQUIT || event->signo == SIGUSR1 ||
	                 event->signo == SIGWINCH;
	bool forwarded = witness->policy->rewrite[event->signo] != 0;
	bool delays = witness->policy->plan.steps[0].wait_ms != 0 || first_signal(witness) != 0;
	if (ends_apps && forwarded && event->outside && delays && !witness->no_delay_logged)
		witness->expected[ACTION_LOG_NO_DELAY]++;
}

/* Whether this is the first stop signal, and remaining processes got another signal. */
static bool is_new_to_remaining(const struct witness *witness, const struct event *event)
{
	int last = witness->last_sent != 0 ? witness->last_sent : SIGTERM;
	return !has_begun(witness) && witness->policy->rewrite[event->signo] != last;
}

static void expect_of_signal(struct witness *witness, const struct event *event)
{
	const struct policy *policy = witness->policy;
	bool is_stop = is_stop_signal(policy, event->signo);
	bool again = is_stop && has_begun(witness) && witness->now_ms - witness->begun_ms >= 1000;
	switch (witness->phase_before) {
	case PHASE_RUNNING:
		if (is_stop) {
			expect_stop(witness, event);
		} else {
			expect_forward(witness, event);
			expect_skip_warning(witness, event);
		}
		break;
	case PHASE_DELAY:
		witness->skips_delay = again;
		witness->second_stop |= again;
		if (!is_stop)
			expect_forward(witness, event);
		break;
	case PHASE_STOPPING:
		expect_forward(witness, event);
		break;
	case PHASE_LINGER:
		witness->second_stop |= again;
		if (policy->rewrite[event->signo] != 0 && (!is_stop || again || is_new_to_remaining(witness, event)))
			witness->expected[ACTION_FORWARD_REMAINING]++;
		if (is_stop && !has_begun(witness))
			expect_stop(witness, event);
		break;
	case PHASE_KILLED:
	case PHASE_ENDED:
		break;
	}
}

static void expect_of_exit(struct witness *witness, const struct event *event)
{
	const struct policy *policy = witness->policy;
	bool exits_now = policy->abandon || event->childless;
	witness->children = !event->childless;
	witness->stopped = false;
	witness->ready_until_ms = TIME_NEVER;
	witness->exited_in_shutdown = has_begun(witness);
	if (witness->phase_before < PHASE_KILLED && !exits_now) {
		witness->kill_due_ms =
			has_begun(witness) ? kill_due(witness) : plus(witness->now_ms, policy->linger_ms);
		if (policy->linger_ms == 0)
			witness->kill_due_ms = witness->now_ms;
		else
			witness->expected[ACTION_SIGNAL_REMAINING]++;
	}
	if (witness->phase_before == PHASE_DELAY && !exits_now && policy->linger_ms != 0) {
		witness->forwarded_ms = witness->now_ms;
		witness->notice_ms = plus(witness->now_ms, 5000);
	}
	if (witness->phase_before < PHASE_KILLED && !exits_now && policy->linger_ms != 0)
		witness->app_exited_ms = witness->now_ms;
	witness->status = event->status;
}

static void expect_of_app_stopped(struct witness *witness, const struct event *event)
{
	const struct policy *policy = witness->policy;
	bool undone = policy->job == JOB_INIT && event->signo != SIGSTOP;
	bool was_signalled = witness->phase_before == PHASE_STOPPING && witness->last_sent != 0;
	if (policy->job == JOB_PROMPT && witness->phase_before == PHASE_RUNNING)
		witness->expected[ACTION_SUSPEND]++;
	witness->stopped = true;
	witness->owed = undone || was_signalled;
}

static void expect_of_event(struct witness *witness, const struct event *event)
{
	memset(witness->expected, 0, sizeof witness->expected);
	witness->phase_before = witness_phase(witness);
	witness->skips_delay = false;
	witness->drained = false;
	witness->owed = false;
	witness->has_sent = false;
	witness->replaced_now = 0;
	witness->ignored_now = 0;
	switch (event->kind) {
	case EVENT_SIGNAL:
		expect_of_signal(witness, event);
		break;
	case EVENT_APP_EXITED:
		expect_of_exit(witness, event);
		break;
	case EVENT_APP_STOPPED:
		expect_of_app_stopped(witness, event);
		break;
	case EVENT_APP_CONTINUED:
		witness->stopped = false;
		break;
	case EVENT_ORPHAN_EXITED:
		witness->expected[ACTION_KILL_CHILDREN] += witness->phase_before == PHASE_KILLED;
		break;
	case EVENT_CHILDLESS:
		witness->vanished = true;
		witness->children = false;
		break;
	case EVENT_DRAINED:
		witness->drained = drains(witness) && !witness_is_held(witness);
		break;
	case EVENT_TIME:
		break;
	}
}

/* --- Actions --------------------------------------------------------------------------------------------------- */

/* A "=" that a rewrite drops sends nothing, so the witness recognizes the step only by its time. */
static void take_silent_steps(struct witness *witness)
{
	while (awaits_step(witness) && witness_planned_signal(witness, witness->steps) == 0 &&
	       (may_be_early(witness) || (witness->now_ms >= witness->due_ms && !witness_is_held(witness))))
		step_taken(witness, 0, false);
}

/* Whether the default action of the signal is to kill the process; SIGCONT counts too. See signal(7). */
static bool ends_by_default(int signo)
{
	static const int SURVIVED[] = {SIGCHLD, SIGURG, SIGWINCH, SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU};
	for (size_t i = 0; i < sizeof SURVIVED / sizeof SURVIVED[0]; i++)
		if (signo == SURVIVED[i])
			return false;
	return true;
}

static bool has(uint64_t set, int signo)
{
	return (set & UINT64_C(1) << (signo - 1)) != 0;
}

/*
 * Returns the signal that the app must get for a signal of the plan: SIGTERM replaces one without effect, but only
 * once. For a group and in a compatibility mode, the signal is not replaced.
 */
static int with_effect(struct witness *witness, int signo)
{
	const struct dispositions *app = &witness->app;
	if (signo == 0)
		return 0;
	bool ignored = has(app->ignored, signo);
	bool as_it_is = witness->policy->group || witness->policy->abandon;
	bool works = as_it_is || (!ignored && (has(app->caught, signo) || ends_by_default(signo)));
	int meant = works ? signo : SIGTERM;
	int sent = works || (witness->term_sent && signo != SIGTERM) ? signo : SIGTERM;
	if (!as_it_is && has(app->ignored, meant))
		witness->ignored_now = signo;
	else if (sent != signo)
		witness->replaced_now = signo;
	witness->replaced |= sent != signo;
	witness->term_sent |= sent == SIGTERM;
	return sent;
}

static void check_step(struct witness *witness, int signo)
{
	take_silent_steps(witness);
	if (!awaits_step(witness)) {
		broken(PLAN_ORDER, "a step without a stop, or after the plan's last");
		return;
	}
	demand(witness->replaced_now == 0 && witness->ignored_now == 0, EFFECT, "no line before the next signal");
	int planned = with_effect(witness, witness_planned_signal(witness, witness->steps));
	demand(planned == signo, PLAN_ORDER, "not the plan's next signal");
	demand(witness->now_ms >= witness->due_ms || may_be_early(witness), NOT_EARLY, "a step before its time");
	demand(!witness_is_held(witness) || witness->skips_delay, PRE_STOP_WAITED_FOR, "a step that did not wait");
	step_taken(witness, signo, false);
}

static void check_first_kill(struct witness *witness)
{
	demand(witness->killing_logged, NOTICES, "killed without a line");
	if (has_exited(witness)) {
		demand(witness->now_ms >= witness->kill_due_ms, KILL_NOT_EARLY,
		       "remaining processes before their time");
	} else {
		take_silent_steps(witness);
		bool is_next = awaits_step(witness) && witness_planned_signal(witness, witness->steps) == SIGKILL;
		demand(is_next, KILL_NOT_EARLY, "not the plan's next step");
		demand(witness->now_ms >= witness->due_ms || may_be_early(witness), KILL_NOT_EARLY, "before its time");
		demand(!witness_is_held(witness) || witness->skips_delay, KILL_NOT_EARLY,
		       "while the pre-stop program runs");
		demand(witness->exact_kill_ms == TIME_NEVER || witness->exact_kill_ms == witness->now_ms ||
		               may_be_early(witness),
		       KILL_EXACT, "although nothing came late");
	}
	witness->skips_delay = false;
	witness->drained = false;
	witness->killed_ms = witness->now_ms;
	witness->kill_again_ms = plus(witness->now_ms, 50);
}

static void check_kill(struct witness *witness)
{
	if (!is_killed(witness)) {
		check_first_kill(witness);
		return;
	}
	demand(witness->now_ms >= witness->kill_again_ms, KILL_AGAIN, "before its time");
	witness->kill_again_ms = plus(witness->now_ms, 50);
}

static bool is_success(const struct witness *witness)
{
	const struct policy *policy = witness->policy;
	int word = witness->status / 64;
	int bit = witness->status % 64;
	if ((policy->success_exit[word] & UINT64_C(1) << bit) != 0)
		return true;
	if (!policy->stopped_ok || !witness->exited_in_shutdown)
		return false;
	for (int step = 0; step < policy->plan.count; step++) {
		int signo = witness_planned_signal(witness, step);
		if (signo != 0 && signo != SIGKILL && witness->status == 128 + signo)
			return true;
	}
	return witness->replaced && witness->status == 128 + SIGTERM;
}

static bool may_leave(const struct witness *witness, const struct event *event)
{
	const struct policy *policy = witness->policy;
	bool abandons = event->kind == EVENT_APP_EXITED && witness->phase_before < PHASE_KILLED && policy->abandon;
	bool is_alone = (has_exited(witness) || witness->vanished) && !witness->children;
	bool gives_up = is_killed(witness) && witness->now_ms >= plus(witness->killed_ms, 2000);
	return abandons || is_alone || gives_up;
}

static void check_exit(struct witness *witness, const struct event *event, int status)
{
	int expected = !has_exited(witness) ? 137 : is_success(witness) ? 0 : witness->status;
	demand(status == expected, STATUS, "another status");
	demand(may_leave(witness, event), EXITS, "without a reason");
	demand(is_killed(witness) || witness->policy->abandon || !witness->children, EXITS,
	       "remaining processes are alive");
	demand(is_killed(witness) || witness->pre_stop != PRE_STOP_RUNS, PRE_STOP_TIME, "it outlives lull");
	witness->ended = true;
}

static void check_pre_stop_kill(struct witness *witness)
{
	bool is_due = witness->now_ms >= witness->pre_stop_until_ms;
	bool delays_exit = has_exited(witness) && (witness->second_stop || witness->policy->abandon);
	demand(witness->pre_stop == PRE_STOP_RUNS, PRE_STOP_TIME, "killed, but it does not run");
	demand(!is_killed(witness), PRE_STOP_TIME, "killed after SIGKILL to all");
	demand(is_due || delays_exit, PRE_STOP_TIME, "killed before its time");
	witness->pre_stop = PRE_STOP_KILLED;
}

static void check_stopping_log(struct witness *witness, const struct event *event, const struct action *action)
{
	bool has_it = !has_exited(witness) && had_first_step(witness, event);
	demand(action->signo == event->signo && action->app_has_it == has_it, STOPPING_LOGGED, "another signal");
	demand(witness->expected[ACTION_START_PRE_STOP] == 0, PRE_STOP_ONCE, "after the shutdown was logged");
	while (has_it && witness->steps < first_signal(witness))
		step_taken(witness, 0, false);
	if (has_it)
		step_taken(witness, event->signo, true);
}

static void check_forward(const struct witness *witness, const struct event *event, const struct action *action)
{
	int to = event->kind == EVENT_SIGNAL ? witness->policy->rewrite[event->signo] : 0;
	demand(to != 0 && action->signo == to, FORWARDED, "as another signal");
}

static const enum invariant REASONS[ACTION_EXIT + 1] = {
	[ACTION_FORWARD] = FORWARDED,
	[ACTION_FORWARD_REMAINING] = FORWARDED,
	[ACTION_SIGNAL_REMAINING] = REMAINING,
	[ACTION_KILL_CHILDREN] = KILL_AGAIN,
	[ACTION_START_PRE_STOP] = PRE_STOP_ONCE,
	[ACTION_SUSPEND] = SESSION,
	[ACTION_LOG_STOPPING] = STOPPING_LOGGED,
	[ACTION_LOG_NO_DELAY] = NOTICES,
};

/* Whether only an event can cause the action, and time cannot. */
static bool is_of_event(enum action_kind kind)
{
	return kind != ACTION_SIGNAL_APP && kind != ACTION_CONTINUE_APP && kind != ACTION_KILL_ALL &&
	       kind != ACTION_KILL_PRE_STOP && kind != ACTION_LOG_RUNNING && kind != ACTION_LOG_KILLING &&
	       kind != ACTION_LOG_REPLACED && kind != ACTION_LOG_IGNORED && kind != ACTION_EXIT;
}

static void check_reaped(const struct witness *witness, enum action_kind kind)
{
	bool to_app = kind == ACTION_FORWARD || kind == ACTION_SIGNAL_APP || kind == ACTION_CONTINUE_APP ||
	              kind == ACTION_SUSPEND;
	bool to_remaining = kind == ACTION_FORWARD_REMAINING || kind == ACTION_SIGNAL_REMAINING;
	demand(!to_app || !has_exited(witness), NOT_REAPED, "the app");
	demand(!to_remaining || (has_exited(witness) && witness->children), NOT_REAPED, "remaining processes");
	demand(!to_app || kind == ACTION_SUSPEND || !is_killed(witness) || kind == ACTION_CONTINUE_APP, NOT_REAPED,
	       "the app, after SIGKILL");
}

/* A field that an action does not use is 0 or false. */
static void check_fields(const struct action *action)
{
	bool to_group = action->kind == ACTION_FORWARD_REMAINING || action->kind == ACTION_SIGNAL_REMAINING;
	bool kills = action->kind == ACTION_LOG_KILLING || action->kind == ACTION_KILL_ALL ||
	             action->kind == ACTION_KILL_CHILDREN || action->kind == ACTION_KILL_PRE_STOP;
	bool names_none = action->kind == ACTION_LOG_RUNNING || action->kind == ACTION_EXIT;
	demand(!names_none || action->signo == 0, REPORTED, "signal of an action that has none");
	demand(action->kind == ACTION_LOG_STOPPING || !action->app_has_it, REPORTED,
	       "app_has_it of an action that has none");
	demand(to_group || !action->group_has_it, REPORTED, "group_has_it of an action that has none");
	demand(action->kind == ACTION_EXIT || action->status == 0, REPORTED, "status of an action that has none");
	demand(!kills || action->signo == SIGKILL, REPORTED, "killed by another signal");
	demand(action->kind != ACTION_CONTINUE_APP || action->signo == SIGCONT, REPORTED,
	       "continued by another signal");
}

static void check_continued(struct witness *witness)
{
	demand(witness->owed && witness->stopped, CONTINUED, "not stopped, or no stop signal was sent");
	witness->owed = false;
	witness->stopped = false;
}

static void check_notice(struct witness *witness)
{
	enum phase phase = witness_phase(witness);
	demand(phase == PHASE_STOPPING || phase == PHASE_LINGER, NOTICES, "logged running processes in another phase");
	demand(witness->now_ms >= witness->notice_ms, NOTICES, "logged running processes before its time, or again");
	witness->notice_ms = TIME_NEVER;
}

/* Checks actions that send signals. */
static void check_sent(struct witness *witness, const struct event *event, const struct action *action)
{
	int last = witness->last_sent != 0 ? witness->last_sent : SIGTERM;
	switch (action->kind) {
	case ACTION_FORWARD:
		check_forward(witness, event, action);
		demand(!is_stop_signal(witness->policy, event->signo) || witness->phase_before == PHASE_STOPPING,
		       STOP_SIGNAL_ONCE, "forwarded in addition to the plan");
		break;
	case ACTION_FORWARD_REMAINING:
		check_forward(witness, event, action);
		demand(action->group_has_it == (event->shared && action->signo == event->signo), FORWARDED,
		       "given twice");
		break;
	case ACTION_SIGNAL_APP:
		demand(witness->expected[ACTION_LOG_STOPPING] == 0, STOPPING_LOGGED, "after the signal was sent");
		check_step(witness, action->signo);
		break;
	case ACTION_CONTINUE_APP:
		check_continued(witness);
		break;
	case ACTION_SIGNAL_REMAINING:
		demand(action->signo == last, REMAINING, "not the last");
		demand(action->group_has_it == witness->group_had_it, REMAINING, "the group had it, or had not");
		break;
	case ACTION_KILL_ALL:
		check_kill(witness);
		break;
	case ACTION_KILL_PRE_STOP:
		check_pre_stop_kill(witness);
		break;
	case ACTION_KILL_CHILDREN:
	case ACTION_START_PRE_STOP:
	case ACTION_SUSPEND:
	case ACTION_LOG_STOPPING:
	case ACTION_LOG_NO_DELAY:
	case ACTION_LOG_REPLACED:
	case ACTION_LOG_IGNORED:
	case ACTION_LOG_RUNNING:
	case ACTION_LOG_KILLING:
	case ACTION_EXIT: /* checked in check_log */
		break;
	}
}

/* Checks the other actions, and log lines. */
static void check_log(struct witness *witness, const struct event *event, const struct action *action)
{
	switch (action->kind) {
	case ACTION_START_PRE_STOP:
		demand(action->signo == event->signo, PRE_STOP_ONCE, "another signal");
		break;
	case ACTION_SUSPEND:
		demand(action->signo == (event->kind == EVENT_SIGNAL ? SIGSTOP : event->signo), SESSION,
		       "by another signal");
		break;
	case ACTION_LOG_STOPPING:
		check_stopping_log(witness, event, action);
		break;
	case ACTION_LOG_NO_DELAY:
		demand(action->signo == event->signo, NOTICES, "skipped by another signal");
		witness->no_delay_logged = true;
		break;
	case ACTION_LOG_REPLACED:
		demand(action->signo == witness->replaced_now, EFFECT, "logged as replaced");
		witness->replaced_now = 0;
		break;
	case ACTION_LOG_IGNORED:
		demand(action->signo == witness->ignored_now, EFFECT, "logged as ignored");
		witness->ignored_now = 0;
		break;
	case ACTION_LOG_RUNNING:
		check_notice(witness);
		break;
	case ACTION_LOG_KILLING:
		demand(!witness->killing_logged, NOTICES, "logged the killed processes twice");
		witness->killing_logged = true;
		break;
	case ACTION_EXIT:
		check_exit(witness, event, action->status);
		break;
	case ACTION_FORWARD:
	case ACTION_FORWARD_REMAINING:
	case ACTION_SIGNAL_APP:
	case ACTION_CONTINUE_APP:
	case ACTION_SIGNAL_REMAINING:
	case ACTION_KILL_ALL:
	case ACTION_KILL_CHILDREN:
	case ACTION_KILL_PRE_STOP: /* checked in check_sent */
		break;
	}
}

static void check_action(struct witness *witness, const struct event *event, const struct action *action)
{
	demand(!witness->ended, NOTHING_AFTER_EXIT, "an action");
	check_reaped(witness, action->kind);
	check_fields(action);
	witness->has_sent |= action->kind == ACTION_SIGNAL_APP || action->kind == ACTION_SIGNAL_REMAINING ||
	                     action->kind == ACTION_KILL_ALL;
	if (is_of_event(action->kind))
		demand(witness->expected[action->kind]-- > 0, REASONS[action->kind], "no reason for it");
	check_sent(witness, event, action);
	check_log(witness, event, action);
}

/* --- Missing actions ------------------------------------------------------------------------------------------- */

static void check_undone(const struct witness *witness, const struct event *event)
{
	for (int kind = 0; kind <= ACTION_EXIT; kind++)
		if (is_of_event((enum action_kind)kind))
			demand(witness->expected[kind] <= 0, REASONS[kind], "it was not done");
	demand(!witness->owed, CONTINUED, "it was not");
	demand(witness->replaced_now == 0 && witness->ignored_now == 0, EFFECT, "no line");
	demand(witness->killing_logged == is_killed(witness), NOTICES, "logged the killed processes, and did not kill");
	demand(witness->ended || !may_leave(witness, event), EXITS, "no exit, although there is a reason");
	if (witness->ended)
		return;
	enum phase phase = witness_phase(witness);
	bool pre_stop_runs = witness->pre_stop == PRE_STOP_RUNS && phase < PHASE_KILLED;
	demand(!witness->skips_delay, NOT_LATE, "no effect of the second stop signal");
	demand(!witness->drained, NOT_LATE, "the drain continued with no busy connection");
	demand(!awaits_step(witness) || witness->now_ms < witness->due_ms || witness_is_held(witness),
	       witness_planned_signal(witness, witness->steps % PLAN_STEPS) == SIGKILL ? KILL_NOT_LATE : NOT_LATE,
	       "overdue");
	demand(phase != PHASE_LINGER || witness->now_ms < witness->kill_due_ms, KILL_NOT_LATE, "remaining processes");
	demand(phase != PHASE_KILLED || witness->now_ms < witness->kill_again_ms, KILL_AGAIN, "not done");
	demand(!pre_stop_runs ||
	               (witness->now_ms < witness->pre_stop_until_ms && !(witness->second_stop && has_exited(witness))),
	       PRE_STOP_TIME, "it has more");
	demand((phase != PHASE_STOPPING && phase != PHASE_LINGER) || witness->now_ms < witness->notice_ms, NOTICES,
	       "running processes were not logged");
}

int64_t witness_wake_ms(const struct witness *witness)
{
	enum phase phase = witness_phase(witness);
	int64_t wake_ms = TIME_NEVER;
	if (phase == PHASE_RUNNING || phase == PHASE_ENDED)
		return wake_ms;
	if (phase == PHASE_KILLED)
		return least(witness->kill_again_ms, plus(witness->killed_ms, 2000));
	if (awaits_step(witness) && !witness_is_held(witness))
		wake_ms = witness->due_ms;
	if (witness->pre_stop == PRE_STOP_RUNS)
		wake_ms = least(wake_ms, witness->pre_stop_until_ms);
	if (phase == PHASE_LINGER)
		wake_ms = least(wake_ms, witness->kill_due_ms);
	return least(least(wake_ms, witness->notice_ms), witness->ready_until_ms);
}

/* Checks the fields that shutdown_log, report and the supervisor read. */
static void check_reported(const struct witness *witness, const struct lifecycle *lifecycle)
{
	enum phase phase = witness_phase(witness);
	bool pre_stop_runs = witness->pre_stop == PRE_STOP_RUNS;
	int64_t wake_ms = witness_wake_ms(witness);
	bool is_kept = phase < PHASE_KILLED && witness->ready_until_ms != TIME_NEVER;
	enum readiness readiness = has_begun(witness)       ? (is_kept ? READINESS_READY : READINESS_DRAINING)
	                           : phase == PHASE_RUNNING ? READINESS_READY
	                                                    : READINESS_ENDED;
	demand(lifecycle_readiness(lifecycle) == readiness, DRAINING, "another one is shown");
	demand(lifecycle_is_draining(lifecycle) == drains(witness), DRAIN, "another one is shown");
	demand(!drains(witness) || lifecycle_drain_limit_ms(lifecycle) ==
	                                   (witness_is_held(witness) ? most(witness->due_ms, witness->pre_stop_until_ms)
	                                                             : witness->due_ms),
	       REPORTED, "how long the drain may take");
	demand(lifecycle->phase == phase, PHASES, "not the one that it should be in");
	demand(phase >= witness->phase_before, PHASES, "it went back");
	demand(lifecycle_deadline_ms(lifecycle) == wake_ms, WAKES, "another deadline");
	demand(lifecycle->status == witness->status, REPORTED, "the app's status");
	demand(lifecycle->stop_started_ms == witness->begun_ms, REPORTED, "when the shutdown started");
	demand(lifecycle->first_sent_ms == witness->forwarded_ms, REPORTED, "when the signal was sent");
	demand(lifecycle->app_exited_ms == witness->app_exited_ms, REPORTED, "when the app exited");
	demand(phase != PHASE_DELAY || lifecycle->schedule.due_ms == witness->due_ms, REPORTED,
	       "when the first step is due");
	demand(phase != PHASE_LINGER || lifecycle->kill_ms == witness->kill_due_ms, REPORTED,
	       "when remaining processes are killed");
	demand(phase >= PHASE_KILLED ||
	               lifecycle->pre_stop_ms == (pre_stop_runs ? witness->pre_stop_until_ms : TIME_NEVER),
	       REPORTED, "how long the pre-stop program has");
	for (int step = 0; step < witness->policy->plan.count; step++)
		demand(schedule_signal(&lifecycle->schedule, step) == witness_planned_signal(witness, step), REPORTED,
		       "the signal of a step");
}

/* A process that was signalled late has the planned time, up to 1 s. */
static int64_t with_time(const struct witness *witness, int64_t due_ms, int64_t sent_ms)
{
	if (due_ms == TIME_NEVER)
		return due_ms;
	return most(due_ms, plus(sent_ms, least(due_ms - witness->now_ms, 1000)));
}

void witness_sent_late(struct witness *witness, struct lifecycle *lifecycle, int64_t sent_ms)
{
	int64_t decided_ms = witness->now_ms;
	int64_t due_ms = with_time(witness, witness->due_ms, sent_ms);
	int64_t kill_due_ms = with_time(witness, witness->kill_due_ms, sent_ms);
	if (!witness->has_sent || witness->ended || sent_ms == TIME_NEVER)
		return;
	if (witness->forwarded_ms == decided_ms) {
		witness->forwarded_ms = sent_ms;
		witness->notice_ms = plus(sent_ms, 5000);
	}
	if (witness_phase(witness) == PHASE_STOPPING && due_ms != witness->due_ms) {
		witness->due_ms = due_ms;
		witness->exact_kill_ms = TIME_NEVER;
	}
	if (witness_phase(witness) == PHASE_LINGER)
		witness->kill_due_ms = kill_due_ms;
	if (is_killed(witness)) {
		witness->kill_again_ms = plus(sent_ms, 50);
		if (witness->killed_ms == decided_ms)
			witness->killed_ms = sent_ms;
	}
	witness->now_ms = sent_ms;
	lifecycle_sent(lifecycle, decided_ms, sent_ms);
	demand(lifecycle_deadline_ms(lifecycle) == witness_wake_ms(witness), SENT_LATE, "another deadline");
	check_reported(witness, lifecycle);
}

bool witness_must_end(const struct witness *witness)
{
	int64_t kill_ms = TIME_NEVER;
	if (is_killed(witness))
		kill_ms = witness->killed_ms;
	else if (has_exited(witness))
		kill_ms = witness->kill_due_ms;
	else if (has_begun(witness))
		kill_ms = kill_due(witness);
	return plus(kill_ms, 2000) != TIME_NEVER;
}

void witness_pre_stop_ended(struct witness *witness)
{
	witness->pre_stop = PRE_STOP_GONE;
}

static uint64_t fingerprint(const struct actions *actions)
{
	uint64_t sum = 1;
	for (int i = 0; i < actions->count; i++) {
		const struct action *action = &actions->list[i];
		uint64_t word = (uint64_t)action->kind << 24 | (uint64_t)action->signo << 16 |
		                (uint64_t)action->status << 2 | action->app_has_it << 1 | action->group_has_it;
		sum = (sum ^ word) * UINT64_C(0x9e3779b97f4a7c15);
	}
	return sum ^ sum >> 29;
}

uint64_t witness_play(struct witness *witness, struct lifecycle *lifecycle, const struct event *event)
{
	struct actions actions;
	memset(&actions, 1, sizeof actions);
	bool is_stop = event->kind == EVENT_SIGNAL && is_stop_signal(witness->policy, event->signo);
	bool may_signal = witness_phase(witness) <= PHASE_STOPPING &&
	                  (is_stop || event->kind == EVENT_DRAINED || witness->now_ms >= witness->due_ms);
	demand(lifecycle_may_signal_app(lifecycle, event, witness->now_ms) == may_signal, EFFECT,
	       "the app's signals are read in vain, or not");
	expect_of_event(witness, event);
	lifecycle_step(lifecycle, event, witness->now_ms, &actions);
	demand(actions.count >= 0 && actions.count < ACTIONS_MAX, SPACE, "there may have been one more");
	for (int i = 0; i < actions.count && i < ACTIONS_MAX; i++) {
		demand(may_signal || actions.list[i].kind != ACTION_SIGNAL_APP, EFFECT,
		       "sent without a check of the app's signals");
		check_action(witness, event, &actions.list[i]);
	}
	take_silent_steps(witness);
	if (witness->now_ms >= witness->ready_until_ms)
		witness->ready_until_ms = TIME_NEVER;
	check_undone(witness, event);
	check_reported(witness, lifecycle);
	demand(witness->ended || witness_wake_ms(witness) > witness->now_ms, WAKES, "immediately, again and again");
	return fingerprint(&actions);
}
