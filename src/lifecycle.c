/*
 * Owns every decision about a shutdown. Never makes a system call, never reads the clock.
 */
#include "lifecycle.h"

#include <signal.h>
#include <stddef.h>

#include "signals.h"

static void append_action(struct actions *actions, struct action action)
{
	if (actions->count < ACTIONS_MAX)
		actions->list[actions->count++] = action;
}

static void add_action(struct actions *actions, enum action_kind kind, int signo)
{
	append_action(actions, (struct action){.kind = kind, .signo = signo});
}

static bool is_stop_signal(const struct policy *policy, int signo)
{
	return signal_set_has(policy->stop_signals, signo);
}

static bool is_job_control(int signo)
{
	return signo == SIGSTOP || signo == SIGTSTP || signo == SIGTTIN || signo == SIGTTOU || signo == SIGCONT;
}

static bool is_stopping(const struct lifecycle *lifecycle)
{
	return lifecycle->stop_started_ms != TIME_NEVER;
}

void lifecycle_init(struct lifecycle *lifecycle, const struct policy *policy)
{
	lifecycle->policy = policy;
	lifecycle->phase = PHASE_RUNNING;
	schedule_start(&lifecycle->schedule, &policy->plan, 0, TIME_NEVER);
	lifecycle->kill_ms = TIME_NEVER;
	lifecycle->kill_again_ms = TIME_NEVER;
	lifecycle->notice_ms = TIME_NEVER;
	lifecycle->pre_stop_ms = TIME_NEVER;
	lifecycle->ready_until_ms = TIME_NEVER;
	lifecycle->stop_started_ms = TIME_NEVER;
	lifecycle->first_sent_ms = TIME_NEVER;
	lifecycle->app_exited_ms = TIME_NEVER;
	lifecycle->last_sent = 0;
	lifecycle->status = -1;
	lifecycle->replaced = false;
	lifecycle->term_sent = false;
	lifecycle->group_had_it = false;
	lifecycle->exited_in_shutdown = false;
	lifecycle->app_stopped = false;
	lifecycle->second_stop = false;
	lifecycle->no_delay_logged = false;
}

/* --- Exit --------------------------------------------------------------------------------------------------- */

static bool ended_by_plan(const struct lifecycle *lifecycle)
{
	for (int i = 0; i < lifecycle->policy->plan.count; i++) {
		int signo = schedule_signal(&lifecycle->schedule, i);
		if (signo != 0 && signo != SIGKILL && lifecycle->status == 128 + signo)
			return true;
	}
	return lifecycle->replaced && lifecycle->status == 128 + SIGTERM;
}

/* Returns lull's exit status: the app's, or 0 if the user configured it as a success. */
static int exit_status_of(const struct lifecycle *lifecycle)
{
	const struct policy *policy = lifecycle->policy;
	int status = lifecycle->status;
	if (status < 0)
		return 128 + SIGKILL;
	if (policy->success_exit[status / 64] >> (status % 64) & 1)
		return 0;
	if (policy->stopped_ok && lifecycle->exited_in_shutdown && ended_by_plan(lifecycle))
		return 0;
	return status;
}

static void add_exit(struct lifecycle *lifecycle, struct actions *actions)
{
	lifecycle->phase = PHASE_ENDED;
	append_action(actions, (struct action){.kind = ACTION_EXIT, .status = exit_status_of(lifecycle)});
}

static void start_killing(struct lifecycle *lifecycle, int64_t now_ms, struct actions *actions)
{
	lifecycle->phase = PHASE_KILLED;
	lifecycle->kill_ms = now_ms;
	lifecycle->kill_again_ms = after(now_ms, LIFECYCLE_KILL_AGAIN_MS);
	add_action(actions, ACTION_LOG_KILLING, SIGKILL);
	add_action(actions, ACTION_KILL_ALL, SIGKILL);
}

/* --- The plan ----------------------------------------------------------------------------------------------- */

static void set_first_sent(struct lifecycle *lifecycle, int64_t now_ms)
{
	lifecycle->first_sent_ms = now_ms;
	lifecycle->notice_ms = after(now_ms, LIFECYCLE_NOTICE_MS);
}

static const struct step *next_step(const struct lifecycle *lifecycle)
{
	return &lifecycle->policy->plan.steps[lifecycle->schedule.next];
}

/* A step without a signal changes nothing but what comes next. */
static void step_done(struct lifecycle *lifecycle, int signo, bool to_group, int64_t now_ms)
{
	bool has_signal = next_step(lifecycle)->signo != PLAN_NO_SIGNAL;
	if (lifecycle->phase == PHASE_DELAY && has_signal)
		set_first_sent(lifecycle, now_ms);
	if (has_signal)
		lifecycle->phase = PHASE_STOPPING;
	if (signo != 0 && !is_job_control(signo)) {
		lifecycle->last_sent = signo;
		lifecycle->group_had_it = to_group;
	}
	schedule_step_done(&lifecycle->schedule, now_ms);
}

/* A stopped app cannot handle a signal. It stays stopped after a signal that stops or continues it. */
static void continue_if_stopped(struct lifecycle *lifecycle, int signo, struct actions *actions)
{
	if (!lifecycle->app_stopped || signo == 0 || is_job_control(signo))
		return;
	lifecycle->app_stopped = false;
	add_action(actions, ACTION_CONTINUE_APP, SIGCONT);
}

/*
 * Sends a signal of the plan to the app, or SIGTERM, once, if that signal has no effect on it. A group gets the signal
 * itself, since its members catch different signals; so does the app in a compatibility mode. Returns what was sent.
 */
static int send_planned(struct lifecycle *lifecycle, int signo, const struct dispositions *app, struct actions *actions)
{
	bool no_replacement = lifecycle->policy->group || lifecycle->policy->abandon;
	int effective = no_replacement ? signo : lifecycle_effective_signal(app, signo);
	bool repeats = effective != signo && lifecycle->term_sent;
	int sent = repeats ? signo : effective;
	bool ignored = !no_replacement && signal_set_has(app->ignored, effective);
	lifecycle->term_sent |= sent == SIGTERM;
	add_action(actions, ACTION_SIGNAL_APP, sent);
	continue_if_stopped(lifecycle, sent, actions);
	lifecycle->replaced |= sent != signo;
	if (ignored)
		add_action(actions, ACTION_LOG_IGNORED, signo);
	else if (sent != signo)
		add_action(actions, ACTION_LOG_REPLACED, signo);
	return sent;
}

static void do_step(struct lifecycle *lifecycle, const struct event *event, int64_t now_ms, struct actions *actions)
{
	int signo = schedule_signal(&lifecycle->schedule, lifecycle->schedule.next);
	if (signo == SIGKILL) {
		start_killing(lifecycle, now_ms, actions);
		return;
	}
	int sent = signo != 0 ? send_planned(lifecycle, signo, &event->app, actions) : 0;
	step_done(lifecycle, is_job_control(signo) ? sent : signo, lifecycle->policy->group, now_ms);
}

/* --- The pre-stop program ------------------------------------------------------------------------------------ */

int64_t lifecycle_pre_stop_limit_ms(const struct schedule *schedule, int64_t now_ms)
{
	int64_t limit_ms = after(now_ms, LIFECYCLE_PRE_STOP_MS);
	if (schedule->plan->steps[0].kind != STEP_DRAIN)
		limit_ms = later(limit_ms, schedule->due_ms);
	return earlier(limit_ms, schedule_latest_ms(schedule));
}

static bool pre_stop_runs(const struct lifecycle *lifecycle)
{
	return lifecycle->pre_stop_ms != TIME_NEVER;
}

/* --- Events ------------------------------------------------------------------------------------------------- */

static void start_shutdown(struct lifecycle *lifecycle, const struct event *event, int64_t now_ms,
                           struct actions *actions)
{
	const struct policy *policy = lifecycle->policy;
	lifecycle->stop_started_ms = now_ms;
	schedule_start(&lifecycle->schedule, &policy->plan, policy->rewrite[event->signo], now_ms);
	lifecycle->ready_until_ms = after(now_ms, policy->ready_for_ms);
	if (!policy->pre_stop)
		return;
	lifecycle->pre_stop_ms = lifecycle_pre_stop_limit_ms(&lifecycle->schedule, now_ms);
	add_action(actions, ACTION_START_PRE_STOP, event->signo);
}

static void start_delay(struct lifecycle *lifecycle, const struct event *event, int64_t now_ms, struct actions *actions)
{
	start_shutdown(lifecycle, event, now_ms, actions);
	lifecycle->phase = PHASE_DELAY;
	const struct plan *plan = &lifecycle->policy->plan;
	bool app_has_it = event->shared && lifecycle->schedule.stop_signal == event->signo &&
	                  plan->steps[schedule_first_signal(plan)].signo == PLAN_STOP_SIGNAL;
	append_action(actions,
	              (struct action){.kind = ACTION_LOG_STOPPING, .signo = event->signo, .app_has_it = app_has_it});
	if (!app_has_it)
		return;
	while (lifecycle->phase == PHASE_DELAY)
		step_done(lifecycle, event->signo, true, now_ms);
	continue_if_stopped(lifecycle, event->signo, actions);
}

static void forward_event(const struct lifecycle *lifecycle, const struct event *event, struct actions *actions)
{
	int signo = lifecycle->policy->rewrite[event->signo];
	bool had_it = event->shared && signo == event->signo;
	if (signo != 0 && !had_it)
		add_action(actions, ACTION_FORWARD, signo);
	bool stops_job = is_job_control(event->signo) && event->signo != SIGCONT;
	if (lifecycle->policy->suspends && lifecycle->policy->job != JOB_PROMPT && stops_job)
		add_action(actions, ACTION_SUSPEND, SIGSTOP);
}

/* A signal from outside that ends many apps is likely to be the image's STOPSIGNAL, which is not in --stop-signal. */
static void warn_of_no_delay(struct lifecycle *lifecycle, const struct event *event, struct actions *actions)
{
	int signo = event->signo;
	bool ends_apps = signo == SIGQUIT || signo == SIGINT || signo == SIGWINCH || signo == SIGUSR1;
	bool delayed = lifecycle->policy->plan.steps[0].wait_ms > 0;
	bool dropped = lifecycle->policy->rewrite[signo] == 0;
	if (!ends_apps || dropped || !delayed || !event->outside || lifecycle->no_delay_logged)
		return;
	lifecycle->no_delay_logged = true;
	add_action(actions, ACTION_LOG_NO_DELAY, signo);
}

static void on_signal_running(struct lifecycle *lifecycle, const struct event *event, int64_t now_ms,
                              struct actions *actions)
{
	if (is_stop_signal(lifecycle->policy, event->signo)) {
		start_delay(lifecycle, event, now_ms, actions);
		return;
	}
	forward_event(lifecycle, event, actions);
	warn_of_no_delay(lifecycle, event, actions);
}

/* Returns whether the event is a second stop signal. Within LIFECYCLE_DUPLICATE_MS it is a duplicate of the first. */
static bool is_second_stop(const struct lifecycle *lifecycle, const struct event *event, int64_t now_ms)
{
	return is_stopping(lifecycle) && is_stop_signal(lifecycle->policy, event->signo) &&
	       now_ms - lifecycle->stop_started_ms >= LIFECYCLE_DUPLICATE_MS;
}

static void on_signal_delay(struct lifecycle *lifecycle, const struct event *event, int64_t now_ms,
                            struct actions *actions)
{
	if (!is_stop_signal(lifecycle->policy, event->signo)) {
		forward_event(lifecycle, event, actions);
	} else if (is_second_stop(lifecycle, event, now_ms)) {
		lifecycle->second_stop = true;
		while (lifecycle->phase == PHASE_DELAY)
			do_step(lifecycle, event, now_ms, actions);
	}
}

static void on_signal_stopping(struct lifecycle *lifecycle, const struct event *event, struct actions *actions)
{
	forward_event(lifecycle, event, actions);
	if (is_stop_signal(lifecycle->policy, event->signo))
		continue_if_stopped(lifecycle, lifecycle->policy->rewrite[event->signo], actions);
}

/* Returns the signal for remaining processes: the last one that the plan has sent. */
static int remaining_signal(const struct lifecycle *lifecycle)
{
	return lifecycle->last_sent != 0 ? lifecycle->last_sent : SIGTERM;
}

static void on_signal_linger(struct lifecycle *lifecycle, const struct event *event, int64_t now_ms,
                             struct actions *actions)
{
	int signo = lifecycle->policy->rewrite[event->signo];
	bool stops = is_stop_signal(lifecycle->policy, event->signo);
	bool starts = stops && !is_stopping(lifecycle);
	bool is_second = is_second_stop(lifecycle, event, now_ms);
	if (starts) {
		start_shutdown(lifecycle, event, now_ms, actions);
		lifecycle->kill_ms = earlier(lifecycle->kill_ms, schedule_kill_ms(&lifecycle->schedule, now_ms));
		add_action(actions, ACTION_LOG_STOPPING, event->signo);
	} else if (is_second) {
		lifecycle->second_stop = true;
	}
	/* They have a stop signal already: only a second one is forwarded, or one that is another signal. */
	bool had_it = stops && !is_second && (!starts || signo == remaining_signal(lifecycle));
	if (signo == 0 || had_it)
		return;
	bool group_has_it = event->shared && signo == event->signo;
	append_action(actions,
	              (struct action){.kind = ACTION_FORWARD_REMAINING, .signo = signo, .group_has_it = group_has_it});
}

static void on_signal(struct lifecycle *lifecycle, const struct event *event, int64_t now_ms, struct actions *actions)
{
	switch (lifecycle->phase) {
	case PHASE_RUNNING:
		on_signal_running(lifecycle, event, now_ms, actions);
		break;
	case PHASE_DELAY:
		on_signal_delay(lifecycle, event, now_ms, actions);
		break;
	case PHASE_STOPPING:
		on_signal_stopping(lifecycle, event, actions);
		break;
	case PHASE_LINGER:
		on_signal_linger(lifecycle, event, now_ms, actions);
		break;
	case PHASE_KILLED:
	case PHASE_ENDED:
		break;
	}
}

/* The app has exited and processes remain: they get the app's signal, and time to exit. */
static void start_linger(struct lifecycle *lifecycle, int64_t now_ms, struct actions *actions)
{
	const struct policy *policy = lifecycle->policy;
	if (policy->abandon) {
		if (pre_stop_runs(lifecycle))
			add_action(actions, ACTION_KILL_PRE_STOP, SIGKILL);
		add_exit(lifecycle, actions);
		return;
	}
	if (policy->linger_ms == 0) {
		start_killing(lifecycle, now_ms, actions);
		return;
	}
	bool stopping = is_stopping(lifecycle);
	lifecycle->kill_ms =
		stopping ? schedule_kill_ms(&lifecycle->schedule, now_ms) : after(now_ms, policy->linger_ms);
	if (lifecycle->phase == PHASE_DELAY)
		set_first_sent(lifecycle, now_ms);
	lifecycle->phase = PHASE_LINGER;
	lifecycle->app_exited_ms = now_ms;
	append_action(actions, (struct action){.kind = ACTION_SIGNAL_REMAINING,
	                                       .signo = remaining_signal(lifecycle),
	                                       .group_has_it = lifecycle->group_had_it});
}

static void on_app_exited(struct lifecycle *lifecycle, const struct event *event, int64_t now_ms,
                          struct actions *actions)
{
	lifecycle->status = event->status;
	lifecycle->exited_in_shutdown = is_stopping(lifecycle);
	if (event->childless)
		add_exit(lifecycle, actions);
	else if (lifecycle->phase != PHASE_KILLED)
		start_linger(lifecycle, now_ms, actions);
}

static void on_app_stopped(struct lifecycle *lifecycle, const struct event *event, struct actions *actions)
{
	switch (lifecycle->policy->job) {
	case JOB_INIT:
		if (event->signo != SIGSTOP) {
			add_action(actions, ACTION_CONTINUE_APP, SIGCONT);
			return;
		}
		break;
	case JOB_PROMPT:
		if (lifecycle->phase == PHASE_RUNNING)
			add_action(actions, ACTION_SUSPEND, event->signo);
		break;
	case JOB_NONE:
		break;
	}
	lifecycle->app_stopped = true;
	/* It may have been stopped before the signal was sent, and reported after that. */
	if (lifecycle->phase == PHASE_STOPPING)
		continue_if_stopped(lifecycle, lifecycle->last_sent, actions);
}

static void kill_late_pre_stop(struct lifecycle *lifecycle, int64_t now_ms, struct actions *actions)
{
	bool is_over = lifecycle->phase == PHASE_KILLED || lifecycle->phase == PHASE_ENDED;
	bool is_late = now_ms >= lifecycle->pre_stop_ms || (lifecycle->phase == PHASE_LINGER && lifecycle->second_stop);
	if (is_over || !pre_stop_runs(lifecycle) || !is_late)
		return;
	lifecycle->pre_stop_ms = TIME_NEVER;
	add_action(actions, ACTION_KILL_PRE_STOP, SIGKILL);
}

/* The pre-stop program holds back only the first signal. */
static bool is_held_back(const struct lifecycle *lifecycle)
{
	return lifecycle->phase == PHASE_DELAY && pre_stop_runs(lifecycle) &&
	       next_step(lifecycle)->signo != PLAN_NO_SIGNAL;
}

static bool step_is_due(const struct lifecycle *lifecycle, int64_t now_ms)
{
	return (lifecycle->phase == PHASE_DELAY || lifecycle->phase == PHASE_STOPPING) && !is_held_back(lifecycle) &&
	       now_ms >= lifecycle->schedule.due_ms;
}

bool lifecycle_is_draining(const struct lifecycle *lifecycle)
{
	bool awaits_step = (lifecycle->phase == PHASE_DELAY || lifecycle->phase == PHASE_STOPPING) &&
	                   lifecycle->schedule.due_ms != TIME_NEVER;
	return awaits_step && next_step(lifecycle)->kind == STEP_DRAIN;
}

int64_t lifecycle_drain_limit_ms(const struct lifecycle *lifecycle)
{
	int64_t due_ms = lifecycle->schedule.due_ms;
	return is_held_back(lifecycle) ? later(due_ms, lifecycle->pre_stop_ms) : due_ms;
}

/* No connection is busy now. While the pre-stop program runs, that may change. */
static void on_drained(struct lifecycle *lifecycle, const struct event *event, int64_t now_ms, struct actions *actions)
{
	kill_late_pre_stop(lifecycle, now_ms, actions);
	if (lifecycle_is_draining(lifecycle) && !is_held_back(lifecycle))
		do_step(lifecycle, event, now_ms, actions);
}

/* Several steps may be due: the wait before a step can be 0. */
static void do_what_is_due(struct lifecycle *lifecycle, const struct event *event, int64_t now_ms,
                           struct actions *actions)
{
	if (now_ms >= lifecycle->ready_until_ms)
		lifecycle->ready_until_ms = TIME_NEVER;
	kill_late_pre_stop(lifecycle, now_ms, actions);
	while (step_is_due(lifecycle, now_ms))
		do_step(lifecycle, event, now_ms, actions);

	if (lifecycle->phase == PHASE_LINGER && now_ms >= lifecycle->kill_ms)
		start_killing(lifecycle, now_ms, actions);

	if ((lifecycle->phase == PHASE_STOPPING || lifecycle->phase == PHASE_LINGER) &&
	    now_ms >= lifecycle->notice_ms) {
		lifecycle->notice_ms = TIME_NEVER;
		add_action(actions, ACTION_LOG_RUNNING, 0);
	}

	if (lifecycle->phase != PHASE_KILLED)
		return;
	if (now_ms >= after(lifecycle->kill_ms, LIFECYCLE_GIVE_UP_MS)) {
		add_exit(lifecycle, actions);
	} else if (now_ms >= lifecycle->kill_again_ms) {
		lifecycle->kill_again_ms = after(now_ms, LIFECYCLE_KILL_AGAIN_MS);
		add_action(actions, ACTION_KILL_ALL, SIGKILL);
	}
}

void lifecycle_sent(struct lifecycle *lifecycle, int64_t decided_ms, int64_t sent_ms)
{
	if (lifecycle->first_sent_ms == decided_ms)
		set_first_sent(lifecycle, sent_ms);
	if (lifecycle->phase == PHASE_STOPPING)
		lifecycle->schedule.due_ms = schedule_postponed_ms(lifecycle->schedule.due_ms, decided_ms, sent_ms);
	if (lifecycle->phase == PHASE_LINGER)
		lifecycle->kill_ms = schedule_postponed_ms(lifecycle->kill_ms, decided_ms, sent_ms);
	else if (lifecycle->kill_ms == decided_ms)
		lifecycle->kill_ms = sent_ms;
	lifecycle->kill_again_ms = after(sent_ms, LIFECYCLE_KILL_AGAIN_MS);
}

void lifecycle_pre_stop_ended(struct lifecycle *lifecycle)
{
	lifecycle->pre_stop_ms = TIME_NEVER;
}

void lifecycle_step(struct lifecycle *lifecycle, const struct event *event, int64_t now_ms, struct actions *actions)
{
	actions->count = 0;
	if (lifecycle->phase == PHASE_ENDED)
		return;
	switch (event->kind) {
	case EVENT_SIGNAL:
		on_signal(lifecycle, event, now_ms, actions);
		break;
	case EVENT_APP_EXITED:
		on_app_exited(lifecycle, event, now_ms, actions);
		break;
	case EVENT_APP_STOPPED:
		on_app_stopped(lifecycle, event, actions);
		break;
	case EVENT_APP_CONTINUED:
		lifecycle->app_stopped = false;
		break;
	case EVENT_ORPHAN_EXITED:
		if (lifecycle->phase == PHASE_KILLED)
			add_action(actions, ACTION_KILL_CHILDREN, SIGKILL);
		break;
	case EVENT_DRAINED:
		on_drained(lifecycle, event, now_ms, actions);
		break;
	case EVENT_CHILDLESS:
		add_exit(lifecycle, actions);
		break;
	case EVENT_TIME:
		break;
	}
	do_what_is_due(lifecycle, event, now_ms, actions);
}

bool lifecycle_may_signal_app(const struct lifecycle *lifecycle, const struct event *event, int64_t now_ms)
{
	bool stops = event->kind == EVENT_SIGNAL && is_stop_signal(lifecycle->policy, event->signo);
	bool runs = lifecycle->phase <= PHASE_STOPPING;
	return runs && (stops || event->kind == EVENT_DRAINED || now_ms >= lifecycle->schedule.due_ms);
}

enum readiness lifecycle_readiness(const struct lifecycle *lifecycle)
{
	bool is_kept = lifecycle->phase <= PHASE_STOPPING && lifecycle->ready_until_ms != TIME_NEVER;
	if (is_stopping(lifecycle))
		return is_kept ? READINESS_READY : READINESS_DRAINING;
	return lifecycle->phase == PHASE_RUNNING ? READINESS_READY : READINESS_ENDED;
}

int64_t lifecycle_deadline_ms(const struct lifecycle *lifecycle)
{
	int64_t first_ms = earlier(lifecycle->pre_stop_ms, lifecycle->ready_until_ms);
	switch (lifecycle->phase) {
	case PHASE_DELAY:
		return is_held_back(lifecycle) ? first_ms : earlier(first_ms, lifecycle->schedule.due_ms);
	case PHASE_STOPPING:
		return earlier(first_ms, earlier(lifecycle->schedule.due_ms, lifecycle->notice_ms));
	case PHASE_LINGER:
		return earlier(lifecycle->pre_stop_ms, earlier(lifecycle->kill_ms, lifecycle->notice_ms));
	case PHASE_KILLED:
		return earlier(lifecycle->kill_again_ms, after(lifecycle->kill_ms, LIFECYCLE_GIVE_UP_MS));
	case PHASE_RUNNING:
	case PHASE_ENDED:
		break;
	}
	return TIME_NEVER;
}

/* --- Remaining processes ------------------------------------------------------------------------------------------ */

/* Returns whether the default action of the signal is to stop a process or to ignore the signal, signal(7). */
static bool has_no_default_effect(int signo)
{
	bool stops = is_job_control(signo) && signo != SIGCONT;
	return stops || signo == SIGCHLD || signo == SIGURG || signo == SIGWINCH;
}

int lifecycle_effective_signal(const struct dispositions *dispositions, int signo)
{
	bool no_effect = has_no_default_effect(signo) && !signal_set_has(dispositions->caught, signo);
	return no_effect || signal_set_has(dispositions->ignored, signo) ? SIGTERM : signo;
}

enum verdict lifecycle_judge(const struct remaining *remaining)
{
	if (remaining->is_pending)
		return VERDICT_LEAVE;
	/* Node.js removes a handler of process.once() when it has called it. */
	if (remaining->caught_then && !remaining->catches)
		return VERDICT_LEAVE;
	bool never_caught = !remaining->caught_then && !remaining->catches;
	if (remaining->has_slept || !remaining->has_forwarder || never_caught)
		return VERDICT_SIGNAL;
	if (!remaining->was_waited_for)
		return VERDICT_WAIT;
	return remaining->port_closed ? VERDICT_LEAVE : VERDICT_SIGNAL;
}

int64_t lifecycle_forwarded_ms(const struct lifecycle *lifecycle, int64_t now_ms)
{
	return after(now_ms, earlier(LIFECYCLE_FORWARD_MS, (lifecycle->kill_ms - now_ms) / 2));
}
