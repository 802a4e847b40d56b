/*
 * Owns every decision about a stop. Never makes a call, never reads the clock: time comes in, actions go out.
 */
#include "lifecycle.h"

#include <signal.h>
#include <stddef.h>

static void act(struct actions *actions, enum action_kind kind, int signo)
{
	if (actions->count == ACTIONS_MAX)
		return;
	struct action *action = &actions->list[actions->count++];
	action->kind = kind;
	action->signo = signo;
	action->status = 0;
	action->had_it = false;
}

/* Saturates: never is later than any time. */
static int64_t after(int64_t time_ms, int64_t wait_ms)
{
	return time_ms > TIME_NEVER - wait_ms ? TIME_NEVER : time_ms + wait_ms;
}

static int64_t earlier(int64_t a_ms, int64_t b_ms)
{
	return a_ms < b_ms ? a_ms : b_ms;
}

static int64_t later(int64_t a_ms, int64_t b_ms)
{
	return a_ms > b_ms ? a_ms : b_ms;
}

/* Returns whether the set, bit n - 1 for signal n, has the signal. */
static bool is_set(uint64_t set, int signo)
{
	return set >> (signo - 1) & 1;
}

static bool begins_stop(const struct policy *policy, int signo)
{
	return is_set(policy->stop_on, signo);
}

static bool is_job_control(int signo)
{
	return signo == SIGSTOP || signo == SIGTSTP || signo == SIGTTIN || signo == SIGTTOU || signo == SIGCONT;
}

static bool stop_has_begun(const struct lifecycle *lifecycle)
{
	return lifecycle->stop_begun_ms != TIME_NEVER;
}

int lifecycle_step_signal(const struct lifecycle *lifecycle, int step)
{
	int signo = lifecycle->policy->plan.steps[step].signo;
	return signo == PLAN_STOP_SIGNAL ? lifecycle->stop_signal : signo;
}

void lifecycle_init(struct lifecycle *lifecycle, const struct policy *policy)
{
	lifecycle->policy = policy;
	lifecycle->phase = PHASE_RUNNING;
	lifecycle->next_step = 0;
	lifecycle->step_ms = TIME_NEVER;
	lifecycle->planned_ms = TIME_NEVER;
	lifecycle->kill_ms = TIME_NEVER;
	lifecycle->sweep_ms = TIME_NEVER;
	lifecycle->notice_ms = TIME_NEVER;
	lifecycle->pre_stop_ms = TIME_NEVER;
	lifecycle->stop_begun_ms = TIME_NEVER;
	lifecycle->passed_on_ms = TIME_NEVER;
	lifecycle->lingers_ms = TIME_NEVER;
	lifecycle->stop_signal = 0;
	lifecycle->last_sent = 0;
	lifecycle->status = -1;
	lifecycle->replaced = false;
	lifecycle->term_sent = false;
	lifecycle->group_had_it = false;
	lifecycle->ended_in_stop = false;
	lifecycle->app_stopped = false;
	lifecycle->hurried = false;
	lifecycle->skip_said = false;
}

/* --- The end ------------------------------------------------------------------------------------------------ */

static bool ended_by_plan(const struct lifecycle *lifecycle)
{
	for (int i = 0; i < lifecycle->policy->plan.count; i++) {
		int signo = lifecycle_step_signal(lifecycle, i);
		if (signo != 0 && signo != SIGKILL && lifecycle->status == 128 + signo)
			return true;
	}
	return lifecycle->replaced && lifecycle->status == 128 + SIGTERM;
}

/* What lull exits with: the app's status, unless the user called it a success. */
static int final_status(const struct lifecycle *lifecycle)
{
	const struct policy *policy = lifecycle->policy;
	int status = lifecycle->status;
	if (status < 0)
		return 128 + SIGKILL;
	if (policy->success_exit[status / 64] >> (status % 64) & 1)
		return 0;
	if (policy->stopped_ok && lifecycle->ended_in_stop && ended_by_plan(lifecycle))
		return 0;
	return status;
}

static void leave(struct lifecycle *lifecycle, struct actions *actions)
{
	lifecycle->phase = PHASE_ENDED;
	act(actions, ACTION_EXIT, 0);
	actions->list[actions->count - 1].status = final_status(lifecycle);
}

static void kill_all(struct lifecycle *lifecycle, int64_t now_ms, struct actions *actions)
{
	lifecycle->phase = PHASE_KILLED;
	lifecycle->kill_ms = now_ms;
	lifecycle->sweep_ms = after(now_ms, LIFECYCLE_SWEEP_MS);
	act(actions, ACTION_SAY_KILLING, SIGKILL);
	act(actions, ACTION_KILL_ALL, SIGKILL);
}

/* --- The plan ----------------------------------------------------------------------------------------------- */

/*
 * The step after one that is done now. One done early (in a hurry) brings the rest forward, unless the plan is fixed to
 * a grace period; one done late leaves the next some time of its own, and what comes after that where it was planned.
 */
static void step_next(struct lifecycle *lifecycle, int64_t now_ms)
{
	const struct plan *plan = &lifecycle->policy->plan;
	bool hurried = now_ms < lifecycle->step_ms;
	if (++lifecycle->next_step == plan->count) {
		lifecycle->step_ms = TIME_NEVER;
		return;
	}
	int64_t wait_ms = plan->steps[lifecycle->next_step].wait_ms;
	lifecycle->planned_ms = after(hurried && !plan->fixed ? now_ms : lifecycle->planned_ms, wait_ms);
	lifecycle->step_ms = later(lifecycle->planned_ms, after(now_ms, earlier(wait_ms, LIFECYCLE_LATE_MS)));
}

/* The first signal of the stop is out. */
static void passed_on(struct lifecycle *lifecycle, int64_t now_ms)
{
	lifecycle->passed_on_ms = now_ms;
	lifecycle->notice_ms = after(now_ms, LIFECYCLE_NOTICE_MS);
}

static void step_done(struct lifecycle *lifecycle, int signo, bool to_group, int64_t now_ms)
{
	if (lifecycle->phase == PHASE_DELAY)
		passed_on(lifecycle, now_ms);
	lifecycle->phase = PHASE_STOPPING;
	if (signo != 0 && !is_job_control(signo)) {
		lifecycle->last_sent = signo;
		lifecycle->group_had_it = to_group;
	}
	step_next(lifecycle, now_ms);
}

/* A stopped app could not act on the signal; one that was just told to stop shall not run on. */
static void continue_if_stopped(struct lifecycle *lifecycle, int signo, struct actions *actions)
{
	if (!lifecycle->app_stopped || signo == 0 || is_job_control(signo))
		return;
	lifecycle->app_stopped = false;
	act(actions, ACTION_CONTINUE_APP, SIGCONT);
}

/*
 * Sends the app a signal of the plan, or SIGTERM, once, if that has no effect on it. A group is sent the signal as it
 * is, since its members differ in what they catch; so is the app in a compatibility mode. Returns what was sent.
 */
static int signal_app(struct lifecycle *lifecycle, int signo, const struct dispositions *app, struct actions *actions)
{
	bool as_it_is = lifecycle->policy->group || lifecycle->policy->abandon;
	int effective = as_it_is ? signo : lifecycle_effective_signal(app, signo);
	bool repeats = effective != signo && lifecycle->term_sent;
	int sent = repeats ? signo : effective;
	bool ignored = !as_it_is && is_set(app->ignored, effective);
	lifecycle->term_sent |= sent == SIGTERM;
	act(actions, ACTION_SIGNAL_APP, sent);
	continue_if_stopped(lifecycle, sent, actions);
	lifecycle->replaced |= sent != signo;
	if (ignored)
		act(actions, ACTION_SAY_IGNORED, signo);
	else if (sent != signo)
		act(actions, ACTION_SAY_REPLACED, signo);
	return sent;
}

static void step_take(struct lifecycle *lifecycle, const struct event *event, int64_t now_ms, struct actions *actions)
{
	int signo = lifecycle_step_signal(lifecycle, lifecycle->next_step);
	if (signo == SIGKILL) {
		kill_all(lifecycle, now_ms, actions);
		return;
	}
	int sent = signo != 0 ? signal_app(lifecycle, signo, &event->app, actions) : 0;
	step_done(lifecycle, is_job_control(signo) ? sent : signo, lifecycle->policy->group, now_ms);
}

/*
 * When the plan's SIGKILL is due for what is asked to end now, seen from the step that comes next. One that should have
 * come already is late, and leaves some time as any other does.
 */
static int64_t planned_kill_ms(const struct lifecycle *lifecycle, int64_t now_ms)
{
	const struct plan *plan = &lifecycle->policy->plan;
	int64_t planned_ms = lifecycle->planned_ms;
	int64_t due_ms = later(lifecycle->step_ms, now_ms);
	if (due_ms > lifecycle->step_ms && lifecycle_step_signal(lifecycle, lifecycle->next_step) == SIGKILL)
		return after(now_ms, earlier(plan->steps[lifecycle->next_step].wait_ms, LIFECYCLE_LATE_MS));
	for (int i = lifecycle->next_step; i < plan->count; i++) {
		int64_t wait_ms = plan->steps[i].wait_ms;
		if (i > lifecycle->next_step) {
			planned_ms = after(planned_ms, wait_ms);
			due_ms = later(planned_ms, after(due_ms, earlier(wait_ms, LIFECYCLE_LATE_MS)));
		}
		if (lifecycle_step_signal(lifecycle, i) == SIGKILL)
			return due_ms;
	}
	return TIME_NEVER;
}

/* --- The pre-stop program ------------------------------------------------------------------------------------ */

/*
 * Until when it has time: the delay, or longer, but never so long that a later step would come late: SIGKILL does not
 * wait, and the app shall be asked before that.
 */
static int64_t pre_stop_limit_ms(const struct lifecycle *lifecycle, int64_t now_ms)
{
	const struct plan *plan = &lifecycle->policy->plan;
	int64_t latest_ms = lifecycle->step_ms;
	bool kills = lifecycle_step_signal(lifecycle, 0) == SIGKILL;
	for (int i = 1; i < plan->count && !kills; i++) {
		int64_t wait_ms = plan->steps[i].wait_ms;
		latest_ms = after(latest_ms, wait_ms - earlier(wait_ms, LIFECYCLE_LATE_MS));
		kills = lifecycle_step_signal(lifecycle, i) == SIGKILL;
	}
	if (!kills)
		latest_ms = TIME_NEVER;
	int64_t least_ms = after(now_ms, LIFECYCLE_PRE_STOP_MS);
	return earlier(later(lifecycle->step_ms, least_ms), latest_ms);
}

static bool pre_stop_runs(const struct lifecycle *lifecycle)
{
	return lifecycle->pre_stop_ms != TIME_NEVER;
}

/* --- Events ------------------------------------------------------------------------------------------------- */

static void stop_begin(struct lifecycle *lifecycle, const struct event *event, int64_t now_ms, struct actions *actions)
{
	const struct policy *policy = lifecycle->policy;
	lifecycle->stop_begun_ms = now_ms;
	lifecycle->stop_signal = policy->rewrite[event->signo];
	lifecycle->planned_ms = after(now_ms, policy->plan.steps[0].wait_ms);
	lifecycle->step_ms = lifecycle->planned_ms;
	act(actions, ACTION_DRAIN, 0);
	if (!policy->pre_stop)
		return;
	lifecycle->pre_stop_ms = pre_stop_limit_ms(lifecycle, now_ms);
	act(actions, ACTION_START_PRE_STOP, event->signo);
}

static void delay_begin(struct lifecycle *lifecycle, const struct event *event, int64_t now_ms, struct actions *actions)
{
	stop_begin(lifecycle, event, now_ms, actions);
	lifecycle->phase = PHASE_DELAY;
	act(actions, ACTION_SAY_STOP, event->signo);
	bool had_it = event->shared && lifecycle->stop_signal == event->signo &&
	              lifecycle->policy->plan.steps[0].signo == PLAN_STOP_SIGNAL;
	actions->list[actions->count - 1].had_it = had_it;
	if (!had_it)
		return;
	step_done(lifecycle, event->signo, true, now_ms);
	continue_if_stopped(lifecycle, event->signo, actions);
}

static void forward(const struct lifecycle *lifecycle, const struct event *event, struct actions *actions)
{
	int signo = lifecycle->policy->rewrite[event->signo];
	bool had_it = event->shared && signo == event->signo;
	if (signo != 0 && !had_it)
		act(actions, ACTION_FORWARD, signo);
	bool stops_job = is_job_control(event->signo) && event->signo != SIGCONT;
	if (lifecycle->policy->suspends && lifecycle->policy->job != JOB_PROMPT && stops_job)
		act(actions, ACTION_SUSPEND, event->signo);
}

/* The stop signal of some image, most likely, that --stop-on does not know of. */
static void warn_if_skipped(struct lifecycle *lifecycle, const struct event *event, struct actions *actions)
{
	int signo = event->signo;
	bool ends_apps = signo == SIGQUIT || signo == SIGINT || signo == SIGWINCH || signo == SIGUSR1;
	bool delayed = lifecycle->policy->plan.steps[0].wait_ms > 0;
	bool dropped = lifecycle->policy->rewrite[signo] == 0;
	if (!ends_apps || dropped || !delayed || !event->outside || lifecycle->skip_said)
		return;
	lifecycle->skip_said = true;
	act(actions, ACTION_SAY_SKIPPED, signo);
}

static void on_signal_running(struct lifecycle *lifecycle, const struct event *event, int64_t now_ms,
                              struct actions *actions)
{
	if (begins_stop(lifecycle->policy, event->signo)) {
		delay_begin(lifecycle, event, now_ms, actions);
		return;
	}
	forward(lifecycle, event, actions);
	warn_if_skipped(lifecycle, event, actions);
}

/* The stop signal again: a duplicate at first, then somebody in a hurry. */
static bool is_in_a_hurry(const struct lifecycle *lifecycle, const struct event *event, int64_t now_ms)
{
	return stop_has_begun(lifecycle) && begins_stop(lifecycle->policy, event->signo) &&
	       now_ms - lifecycle->stop_begun_ms >= LIFECYCLE_DUPLICATE_MS;
}

static void on_signal_delay(struct lifecycle *lifecycle, const struct event *event, int64_t now_ms,
                            struct actions *actions)
{
	if (!begins_stop(lifecycle->policy, event->signo)) {
		forward(lifecycle, event, actions);
	} else if (is_in_a_hurry(lifecycle, event, now_ms)) {
		lifecycle->hurried = true;
		step_take(lifecycle, event, now_ms, actions);
	}
}

static void on_signal_stopping(struct lifecycle *lifecycle, const struct event *event, struct actions *actions)
{
	forward(lifecycle, event, actions);
	if (begins_stop(lifecycle->policy, event->signo))
		continue_if_stopped(lifecycle, lifecycle->policy->rewrite[event->signo], actions);
}

/* The signal that remaining processes get: the last one of the plan. */
static int remaining_signal(const struct lifecycle *lifecycle)
{
	return lifecycle->last_sent != 0 ? lifecycle->last_sent : SIGTERM;
}

static void on_signal_linger(struct lifecycle *lifecycle, const struct event *event, int64_t now_ms,
                             struct actions *actions)
{
	int signo = lifecycle->policy->rewrite[event->signo];
	bool stops = begins_stop(lifecycle->policy, event->signo);
	bool begins = stops && !stop_has_begun(lifecycle);
	bool hurries = is_in_a_hurry(lifecycle, event, now_ms);
	if (begins) {
		stop_begin(lifecycle, event, now_ms, actions);
		lifecycle->kill_ms = earlier(lifecycle->kill_ms, planned_kill_ms(lifecycle, now_ms));
		act(actions, ACTION_SAY_STOP, event->signo);
	} else if (hurries) {
		lifecycle->hurried = true;
	}
	/* They have a stop signal already: only a second one is forwarded, or one that they have not had. */
	bool had_it = stops && !hurries && (!begins || signo == remaining_signal(lifecycle));
	if (signo == 0 || had_it)
		return;
	act(actions, ACTION_FORWARD_REMAINING, signo);
	actions->list[actions->count - 1].had_it = event->shared && signo == event->signo;
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

/* The app has ended and left something behind: it gets the signal that the app had, and time of its own. */
static void linger_begin(struct lifecycle *lifecycle, int64_t now_ms, struct actions *actions)
{
	const struct policy *policy = lifecycle->policy;
	if (policy->abandon) {
		if (pre_stop_runs(lifecycle))
			act(actions, ACTION_KILL_PRE_STOP, SIGKILL);
		leave(lifecycle, actions);
		return;
	}
	if (policy->linger_ms == 0) {
		kill_all(lifecycle, now_ms, actions);
		return;
	}
	bool stopping = stop_has_begun(lifecycle);
	lifecycle->kill_ms = stopping ? planned_kill_ms(lifecycle, now_ms) : after(now_ms, policy->linger_ms);
	if (lifecycle->phase == PHASE_DELAY)
		passed_on(lifecycle, now_ms);
	lifecycle->phase = PHASE_LINGER;
	lifecycle->lingers_ms = now_ms;
	act(actions, ACTION_SIGNAL_REMAINING, remaining_signal(lifecycle));
	actions->list[actions->count - 1].had_it = lifecycle->group_had_it;
}

static void on_app_exited(struct lifecycle *lifecycle, const struct event *event, int64_t now_ms,
                          struct actions *actions)
{
	lifecycle->status = event->status;
	lifecycle->ended_in_stop = stop_has_begun(lifecycle);
	switch (lifecycle->phase) {
	case PHASE_RUNNING:
	case PHASE_DELAY:
	case PHASE_STOPPING:
	case PHASE_LINGER:
		if (event->childless)
			leave(lifecycle, actions);
		else
			linger_begin(lifecycle, now_ms, actions);
		break;
	case PHASE_KILLED:
		if (event->childless)
			leave(lifecycle, actions);
		break;
	case PHASE_ENDED:
		break;
	}
}

static void on_app_stopped(struct lifecycle *lifecycle, const struct event *event, struct actions *actions)
{
	switch (lifecycle->policy->job) {
	case JOB_INIT:
		if (event->signo != SIGSTOP) {
			act(actions, ACTION_CONTINUE_APP, SIGCONT);
			return;
		}
		break;
	case JOB_PROMPT:
		if (lifecycle->phase == PHASE_RUNNING)
			act(actions, ACTION_STOP_SELF, event->signo);
		break;
	case JOB_NONE:
		break;
	}
	lifecycle->app_stopped = true;
	/* It may have been stopped before the signal was passed on, and lull told after that. */
	if (lifecycle->phase == PHASE_STOPPING)
		continue_if_stopped(lifecycle, lifecycle->last_sent, actions);
}

static void pre_stop_on_time(struct lifecycle *lifecycle, int64_t now_ms, struct actions *actions)
{
	bool is_over = lifecycle->phase == PHASE_KILLED || lifecycle->phase == PHASE_ENDED;
	bool is_late = now_ms >= lifecycle->pre_stop_ms || (lifecycle->phase == PHASE_LINGER && lifecycle->hurried);
	if (is_over || !pre_stop_runs(lifecycle) || !is_late)
		return;
	lifecycle->pre_stop_ms = TIME_NEVER;
	act(actions, ACTION_KILL_PRE_STOP, SIGKILL);
}

/* The pre-stop program holds back the first step alone. */
static bool step_is_due(const struct lifecycle *lifecycle, int64_t now_ms)
{
	if (lifecycle->phase == PHASE_DELAY && pre_stop_runs(lifecycle))
		return false;
	return (lifecycle->phase == PHASE_DELAY || lifecycle->phase == PHASE_STOPPING) && now_ms >= lifecycle->step_ms;
}

/* What has become due. A step that leaves the next one no wait is followed by it at once. */
static void on_time(struct lifecycle *lifecycle, const struct event *event, int64_t now_ms, struct actions *actions)
{
	pre_stop_on_time(lifecycle, now_ms, actions);
	while (step_is_due(lifecycle, now_ms))
		step_take(lifecycle, event, now_ms, actions);

	if (lifecycle->phase == PHASE_LINGER && now_ms >= lifecycle->kill_ms)
		kill_all(lifecycle, now_ms, actions);

	if ((lifecycle->phase == PHASE_STOPPING || lifecycle->phase == PHASE_LINGER) &&
	    now_ms >= lifecycle->notice_ms) {
		lifecycle->notice_ms = TIME_NEVER;
		act(actions, ACTION_SAY_RUNNING, 0);
	}

	if (lifecycle->phase != PHASE_KILLED)
		return;
	if (now_ms >= after(lifecycle->kill_ms, LIFECYCLE_GIVE_UP_MS)) {
		leave(lifecycle, actions);
	} else if (now_ms >= lifecycle->sweep_ms) {
		lifecycle->sweep_ms = after(now_ms, LIFECYCLE_SWEEP_MS);
		act(actions, ACTION_KILL_ALL, SIGKILL);
	}
}

static int64_t put_off(int64_t deadline_ms, int64_t decided_ms, int64_t sent_ms)
{
	return later(deadline_ms, after(sent_ms, earlier(deadline_ms - decided_ms, LIFECYCLE_LATE_MS)));
}

void lifecycle_sent(struct lifecycle *lifecycle, int64_t decided_ms, int64_t sent_ms)
{
	if (lifecycle->passed_on_ms == decided_ms)
		passed_on(lifecycle, sent_ms);
	if (lifecycle->phase == PHASE_STOPPING)
		lifecycle->step_ms = put_off(lifecycle->step_ms, decided_ms, sent_ms);
	if (lifecycle->phase == PHASE_LINGER)
		lifecycle->kill_ms = put_off(lifecycle->kill_ms, decided_ms, sent_ms);
	else if (lifecycle->kill_ms == decided_ms)
		lifecycle->kill_ms = sent_ms;
	lifecycle->sweep_ms = after(sent_ms, LIFECYCLE_SWEEP_MS);
}

void lifecycle_pre_stop_ended(struct lifecycle *lifecycle)
{
	lifecycle->pre_stop_ms = TIME_NEVER;
}

void lifecycle_step(struct lifecycle *lifecycle, const struct event *event, int64_t now_ms, struct actions *actions)
{
	actions->count = 0;
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
			act(actions, ACTION_KILL_CHILDREN, SIGKILL);
		break;
	case EVENT_CHILDLESS:
		if (lifecycle->phase != PHASE_ENDED)
			leave(lifecycle, actions);
		break;
	case EVENT_TIME:
		break;
	}
	on_time(lifecycle, event, now_ms, actions);
}

bool lifecycle_may_signal_app(const struct lifecycle *lifecycle, const struct event *event, int64_t now_ms)
{
	bool stops = event->kind == EVENT_SIGNAL && begins_stop(lifecycle->policy, event->signo);
	bool runs = lifecycle->phase <= PHASE_STOPPING;
	return runs && (stops || now_ms >= lifecycle->step_ms);
}

bool lifecycle_is_timeless(const struct lifecycle *lifecycle, const struct event *event)
{
	bool begins = event->kind == EVENT_SIGNAL && begins_stop(lifecycle->policy, event->signo);
	bool leaves_behind = event->kind == EVENT_APP_EXITED && !event->childless;
	return lifecycle->phase == PHASE_ENDED || (lifecycle->phase == PHASE_RUNNING && !begins && !leaves_behind);
}

int64_t lifecycle_deadline_ms(const struct lifecycle *lifecycle)
{
	int64_t pre_stop_ms = lifecycle->pre_stop_ms;
	switch (lifecycle->phase) {
	case PHASE_DELAY:
		return pre_stop_runs(lifecycle) ? pre_stop_ms : lifecycle->step_ms;
	case PHASE_STOPPING:
		return earlier(pre_stop_ms, earlier(lifecycle->step_ms, lifecycle->notice_ms));
	case PHASE_LINGER:
		return earlier(pre_stop_ms, earlier(lifecycle->kill_ms, lifecycle->notice_ms));
	case PHASE_KILLED:
		return earlier(lifecycle->sweep_ms, after(lifecycle->kill_ms, LIFECYCLE_GIVE_UP_MS));
	case PHASE_RUNNING:
	case PHASE_ENDED:
		break;
	}
	return TIME_NEVER;
}

/* --- Remaining processes ------------------------------------------------------------------------------------------ */

/* Returns whether the default action of the signal is to stop a process or to ignore the signal, signal(7). */
static bool is_survived(int signo)
{
	bool stops = is_job_control(signo) && signo != SIGCONT;
	return stops || signo == SIGCHLD || signo == SIGURG || signo == SIGWINCH;
}

int lifecycle_effective_signal(const struct dispositions *dispositions, int signo)
{
	bool no_effect = is_survived(signo) && !is_set(dispositions->caught, signo);
	return no_effect || is_set(dispositions->ignored, signo) ? SIGTERM : signo;
}

enum verdict lifecycle_judge(const struct remaining *remaining)
{
	if (!remaining->is_known || remaining->is_pending)
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
