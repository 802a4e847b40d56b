/*
 * Owns the translation between kernel and lifecycle. Never decides: what is done when is the lifecycle's.
 */
#include "supervisor.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "drain.h"
#include "helper.h"
#include "processes.h"
#include "shutdown_log.h"
#include "signals.h"

enum {
	TIME_NOT_READ = -1,
	REAP_BATCH = 64,     /* children reaped before the clock is looked at again: a storm puts no deadline off */
	FAILED_REAP_MS = 10, /* where reaping fails: when it is tried again */
	LOOK_LONG_US = 20,   /* where a look at all children takes so long, some hundreds of them live: then... */
	LOOK_QUIET_MS = 20,  /* ...the next one is when no child has ended for so long... */
	LOOK_APART_MS = 250, /* ...or the last one is so long ago */
	SCAN_MS = 50,   /* how often children are scanned for orphans that have to be signalled, at first; then... */
	SCAN_PART = 20, /* ...after this part of the time since the app exited; a scan takes at most this part of it */
};

void supervisor_init(struct supervisor *supervisor, const struct options *options, const struct start *start,
                     struct log *log, char *names, struct snapshot *snapshot)
{
	supervisor->options = options;
	supervisor->log = log;
	supervisor->prestop = (struct prestop){.program = options->pre_stop, .envp = start->envp, .mask = start->mask};
	supervisor->stop.si_signo = 0;
	supervisor->app = (struct reaped){.kind = REAPED_NOTHING};
	supervisor->snapshot = snapshot;
	supervisor->snapshot_signo = 0;
	supervisor->scan_ms = TIME_NEVER;
	supervisor->scan_again_ms = 0;
	supervisor->signalled_group = NO_PROCESS_GROUP;
	supervisor->kill_resume = 0;
	supervisor->killed = 0;
	supervisor->not_killed = 0;
	supervisor->reap_ms = TIME_NEVER;
	supervisor->look_ms = 0;
	supervisor->turn_ms = TIME_NOT_READ;
	supervisor->exit_status = 0;
	supervisor->app_ended_in = PHASE_RUNNING;
	supervisor->kill_passed_on = false;
	supervisor->killed_by_others = false;
	report_init(&supervisor->report, options->report, names);
	lifecycle_init(&supervisor->lifecycle, &options->policy);
}

static int64_t earlier(int64_t a_ms, int64_t b_ms)
{
	return a_ms < b_ms ? a_ms : b_ms;
}

/* The time of this turn: the clock is read at most once, and not before somebody looks at it. */
static int64_t turn_ms(struct supervisor *supervisor)
{
	if (supervisor->turn_ms == TIME_NOT_READ)
		supervisor->turn_ms = signals_now_ms();
	return supervisor->turn_ms;
}

/* --- What is to be done ------------------------------------------------------------------------------------------ */

static void say_not_sent(struct supervisor *supervisor, int signo)
{
	char name[SIGNAL_NAME_SIZE];
	log_line(supervisor->log, LOG_WARNING, "%s could not be sent to %d: %s", signal_name(signo, name),
	         (int)supervisor->child.pid, strerror(errno));
}

/* A value that came with the signal goes on with it: sigqueue(3). */
static void forward(struct supervisor *supervisor, const siginfo_t *info, int signo)
{
	const struct child *child = &supervisor->child;
	bool group = supervisor->options->policy.group && child->group != 0;
	siginfo_t queued = *info;
	queued.si_signo = signo;
	int sent;
	supervisor->kill_passed_on |= signo == SIGKILL;
	if (queued.si_code != SI_QUEUE)
		sent = child_signal(child, signo, group);
	else if (group && processes_queue_group(child->group, &queued) < 0)
		sent = child_signal(child, signo, true);
	else
		sent = child_queue(child, &queued);
	if (sent < 0)
		say_not_sent(supervisor, signo);
}

static bool app_listens(struct supervisor *supervisor)
{
	return supervisor->options->listens != 0 && endpoint_app_listens(&supervisor->endpoint);
}

/* The stop signal keeps its value over the delay. Takes a snapshot before the first signal that ends the app. */
static void signal_app(struct supervisor *supervisor, int signo)
{
	char name[SIGNAL_NAME_SIZE];
	const struct options *options = supervisor->options;
	int last = supervisor->lifecycle.last_sent;
	if (last != 0 && last != supervisor->snapshot_signo && !options->policy.abandon) {
		snapshot_take(supervisor->snapshot, last, supervisor->child.pid, app_listens(supervisor));
		supervisor->snapshot_signo = last;
	}
	log_line(supervisor->log, LOG_VERBOSE, "sending %s to %d", signal_name(signo, name),
	         (int)supervisor->child.pid);
	if (signo == supervisor->lifecycle.stop_signal && supervisor->stop.si_code == SI_QUEUE)
		forward(supervisor, &supervisor->stop, signo);
	else if (child_signal(&supervisor->child, signo, options->policy.group) < 0)
		say_not_sent(supervisor, signo);
}

static void warn_of_denied(struct supervisor *supervisor, int signo, int denied)
{
	char name[SIGNAL_NAME_SIZE];
	if (denied > 0)
		log_line(supervisor->log, LOG_WARNING, "cannot send %s to %d remaining process%s: permission denied",
		         signal_name(signo, name), denied, denied > 1 ? "es" : "");
}

/* How long until the next scan: longer and longer, but often enough that an orphan has its signal before SIGKILL. */
static int64_t scan_pause_ms(const struct lifecycle *lifecycle, int64_t now_ms)
{
	int64_t pause_ms = earlier((now_ms - lifecycle->lingers_ms) / SCAN_PART, (lifecycle->kill_ms - now_ms) / 4);
	return pause_ms > SCAN_MS ? pause_ms : SCAN_MS;
}

static void scan_remaining(struct supervisor *supervisor)
{
	struct snapshot *snapshot = supervisor->snapshot;
	struct snapshot_order order = {.lifecycle = &supervisor->lifecycle,
	                               .log = supervisor->log,
	                               .hidden = supervisor->prestop.pid,
	                               .group = supervisor->signalled_group,
	                               .is_listening = app_listens(supervisor),
	                               .now_ms = signals_now_ms()};
	int denied = snapshot_signal(snapshot, &order);
	int64_t now_ms = signals_now_ms();
	supervisor->scan_again_ms = now_ms + (now_ms - order.now_ms) * SCAN_PART;
	int64_t pause_ms = scan_pause_ms(&supervisor->lifecycle, now_ms);
	supervisor->scan_ms = snapshot->is_over ? TIME_NEVER : earlier(snapshot->recheck_ms, now_ms + pause_ms);
	if (supervisor->scan_ms < supervisor->scan_again_ms)
		supervisor->scan_ms = supervisor->scan_again_ms;
	warn_of_denied(supervisor, supervisor->snapshot_signo, denied);
}

/* A child that exits leaves orphans. A scan that took long is not made again so soon that lull does nothing else. */
static void scan_if_due(struct supervisor *supervisor, bool any_exited)
{
	if (any_exited && supervisor->scan_ms != TIME_NEVER)
		supervisor->scan_ms = earlier(supervisor->scan_ms, supervisor->scan_again_ms);
	if (supervisor->lifecycle.phase != PHASE_LINGER)
		supervisor->scan_ms = TIME_NEVER;
	else if (supervisor->scan_ms != TIME_NEVER && turn_ms(supervisor) >= supervisor->scan_ms)
		scan_remaining(supervisor);
}

static pid_t group_of_app(const struct supervisor *supervisor)
{
	return supervisor->child.group != 0 ? supervisor->child.group : getpgrp();
}

/* The app has exited. If it was sent no signal to end, or had it from the terminal, what remains now is signalled. */
static void signal_remaining(struct supervisor *supervisor, const struct action *action)
{
	if (action->had_it)
		supervisor->signalled_group = group_of_app(supervisor);
	if (supervisor->snapshot_signo != action->signo)
		snapshot_take(supervisor->snapshot, action->signo, 0, false);
	supervisor->snapshot_signo = action->signo;
	scan_remaining(supervisor);
}

/* A signal that arrives after the app has exited goes to lull's children. */
static void forward_to_remaining(struct supervisor *supervisor, const struct action *action)
{
	siginfo_t queued = supervisor->signal;
	struct signal_request order = {.scope = SCOPE_CHILDREN,
	                               .signo = action->signo,
	                               .except = action->had_it ? group_of_app(supervisor) : NO_PROCESS_GROUP,
	                               .hidden = supervisor->prestop.pid,
	                               .helpers = supervisor->log->helpers};
	queued.si_signo = action->signo;
	if (queued.si_code == SI_QUEUE)
		order.info = &queued;
	warn_of_denied(supervisor, action->signo, processes_signal(&order));
	if (action->signo == supervisor->snapshot_signo)
		snapshot_children_signalled(supervisor->snapshot);
}

/* As PID 1 everybody, in one call. Otherwise only our own, the app first: looking for the others takes time. */
static void kill_all(struct supervisor *supervisor)
{
	const struct signal_request order = {.scope = SCOPE_DESCENDANTS,
	                                     .signo = SIGKILL,
	                                     .except = NO_PROCESS_GROUP,
	                                     .helpers = supervisor->log->helpers,
	                                     .resume = &supervisor->kill_resume};
	if (supervisor->child.init) {
		(void)kill(-1, SIGKILL);
		return;
	}
	(void)child_signal(&supervisor->child, SIGKILL, false);
	processes_signal_children(SIGKILL, supervisor->log->helpers); /* also those that /proc hides */
	(void)processes_signal(&order);
}

static int make_drain_file(const void *path)
{
	return drain_file_make(path) < 0 ? errno : 0;
}

static void warn_of_drain_file(struct supervisor *supervisor, int error)
{
	if (error != 0)
		log_line(supervisor->log, LOG_WARNING, "the drain file %s could not be made: %s",
		         supervisor->options->drain_file, strerror(error));
}

static void drain(struct supervisor *supervisor)
{
	const char *path = supervisor->options->drain_file;
	drain_show(DRAIN_DRAINING, 0);
	if (path != NULL && helper_start(supervisor->log->helpers, HELPER_DRAIN_FILE, -1, make_drain_file, path) < 0)
		warn_of_drain_file(supervisor, make_drain_file(path));
}

static void log_pre_stop_failed(const struct supervisor *supervisor, int error)
{
	log_line(supervisor->log, LOG_WARNING, "the pre-stop program %s could not be started: %s",
	         supervisor->prestop.program, strerror(error));
}

static void start_pre_stop(struct supervisor *supervisor, int signo)
{
	if (prestop_start(&supervisor->prestop, signo, supervisor->child.pid) == 0)
		return;
	log_pre_stop_failed(supervisor, errno);
	lifecycle_pre_stop_ended(&supervisor->lifecycle);
}

static void kill_pre_stop(struct supervisor *supervisor, int64_t now_ms)
{
	char time[TEXT_TIME_SIZE];
	log_line(supervisor->log, LOG_WARNING, "the pre-stop program has not ended in %s: killing %d",
	         text_time(now_ms - supervisor->lifecycle.stop_begun_ms, time), (int)supervisor->prestop.pid);
	prestop_kill(&supervisor->prestop);
}

static void say_killing(struct supervisor *supervisor, int64_t now_ms)
{
	char *names = supervisor->report.path != NULL ? supervisor->report.killed : NULL;
	int count = shutdown_log_killing(supervisor->log, &supervisor->lifecycle, supervisor->child.init, now_ms, names,
	                                 &supervisor->not_killed);
	supervisor->killed = count - supervisor->not_killed;
	warn_of_denied(supervisor, SIGKILL, supervisor->not_killed);
}

static void act(struct supervisor *supervisor, const struct action *action, int64_t now_ms)
{
	const struct lifecycle *lifecycle = &supervisor->lifecycle;
	struct child *child = &supervisor->child;
	switch (action->kind) {
	case ACTION_FORWARD:
		forward(supervisor, &supervisor->signal, action->signo);
		break;
	case ACTION_FORWARD_REMAINING:
		forward_to_remaining(supervisor, action);
		break;
	case ACTION_SIGNAL_APP:
		signal_app(supervisor, action->signo);
		lifecycle_sent(&supervisor->lifecycle, now_ms, signals_now_ms());
		break;
	case ACTION_CONTINUE_APP:
		child_continue(child);
		break;
	case ACTION_SIGNAL_REMAINING:
		signal_remaining(supervisor, action);
		lifecycle_sent(&supervisor->lifecycle, now_ms, signals_now_ms());
		break;
	case ACTION_KILL_ALL:
		kill_all(supervisor);
		lifecycle_sent(&supervisor->lifecycle, now_ms, signals_now_ms());
		break;
	case ACTION_KILL_CHILDREN:
		supervisor->kill_resume = 0; /* who comes after the one that has ended is near */
		if (!child->init)
			processes_signal_children(SIGKILL, supervisor->log->helpers);
		break;
	case ACTION_DRAIN:
		drain(supervisor);
		break;
	case ACTION_START_PRE_STOP:
		start_pre_stop(supervisor, action->signo);
		break;
	case ACTION_KILL_PRE_STOP:
		kill_pre_stop(supervisor, now_ms);
		break;
	case ACTION_SUSPEND:
		(void)kill(supervisor->child.self, SIGSTOP);
		supervisor->turn_ms = TIME_NOT_READ; /* nobody knows how long that was */
		break;
	case ACTION_STOP_SELF:
		child_suspend(child, action->signo);
		supervisor->turn_ms = TIME_NOT_READ;
		break;
	case ACTION_SAY_STOP:
		supervisor->stop = supervisor->signal;
		if (supervisor->report.path != NULL)
			report_stop(&supervisor->report, &supervisor->stop);
		shutdown_log_stop(supervisor->log, lifecycle, &supervisor->stop, action->had_it, now_ms);
		break;
	case ACTION_SAY_SKIPPED:
		shutdown_log_skipped(supervisor->log, action->signo);
		break;
	case ACTION_SAY_REPLACED:
		shutdown_log_replaced(supervisor->log, action->signo, child->pid);
		break;
	case ACTION_SAY_IGNORED:
		shutdown_log_ignored(supervisor->log, action->signo, child->pid, supervisor->stop.si_signo);
		break;
	case ACTION_SAY_RUNNING:
		shutdown_log_running(supervisor->log, lifecycle, supervisor->prestop.pid, now_ms);
		break;
	case ACTION_SAY_KILLING:
		say_killing(supervisor, now_ms);
		break;
	case ACTION_EXIT:
		supervisor->exit_status = action->status;
		break;
	}
}

static void step(struct supervisor *supervisor, const struct event *happened)
{
	struct actions actions;
	struct event event = *happened;
	struct lifecycle *lifecycle = &supervisor->lifecycle;
	enum phase before = lifecycle->phase;
	int64_t now_ms = lifecycle_is_timeless(lifecycle, &event) ? 0 : turn_ms(supervisor);
	if (lifecycle_may_signal_app(lifecycle, &event, now_ms))
		event.app = process_dispositions(supervisor->child.pid);
	lifecycle_step(lifecycle, &event, now_ms, &actions);
	if (lifecycle->phase != before && supervisor->report.path != NULL)
		report_phase(&supervisor->report, lifecycle->phase, turn_ms(supervisor));
	for (int i = 0; i < actions.count; i++)
		act(supervisor, &actions.list[i], now_ms);
}

/* --- What has happened ------------------------------------------------------------------------------------------- */

static void say_reaped(const struct supervisor *supervisor, const struct reaped *reaped)
{
	char end[SHUTDOWN_LOG_END_SIZE];
	bool orphan = reaped->kind == REAPED_ORPHAN;
	enum log_level level = orphan && supervisor->options->warn_reap ? LOG_WARNING : LOG_VERBOSE;
	const char *what = orphan ? supervisor->options->compat->reaped : "reaped app ";
	if (supervisor->log->level < level)
		return; /* a storm of orphans shall not cost words */
	log_line(supervisor->log, level, "%s%d, %s", what, (int)reaped->pid, shutdown_log_end(reaped, end));
}

/* One that lull has killed has had its line. */
static void end_pre_stop(struct supervisor *supervisor, const struct reaped *reaped)
{
	char end[SHUTDOWN_LOG_END_SIZE];
	int error = prestop_end(&supervisor->prestop);
	lifecycle_pre_stop_ended(&supervisor->lifecycle);
	if (supervisor->prestop.killed || supervisor->lifecycle.phase == PHASE_KILLED)
		return;
	if (error != 0) {
		log_pre_stop_failed(supervisor, error);
		return;
	}
	log_line(supervisor->log, reaped->status != 0 ? LOG_WARNING : LOG_VERBOSE, "the pre-stop program %s %s%s",
	         supervisor->prestop.program, reaped->by_signal ? "was " : "", shutdown_log_end(reaped, end));
}

/* What reaping has brought in one turn. */
struct harvest {
	bool app_exited;
	bool any_exited;
	bool childless;
	struct event change; /* the last stop or continuation of the app; EVENT_TIME: none */
};

static void gather(struct supervisor *supervisor, struct harvest *harvest, const struct reaped *reaped)
{
	switch (reaped->kind) {
	case REAPED_APP:
		supervisor->app = *reaped;
		harvest->app_exited = true;
		harvest->any_exited = true;
		say_reaped(supervisor, reaped);
		break;
	case REAPED_ORPHAN:
		harvest->any_exited = true;
		if (reaped->pid == supervisor->prestop.pid) {
			end_pre_stop(supervisor, reaped);
		} else {
			say_reaped(supervisor, reaped);
		}
		break;
	case REAPED_APP_STOPPED:
		harvest->change = (struct event){.kind = EVENT_APP_STOPPED, .signo = reaped->stop_signal};
		break;
	case REAPED_APP_CONTINUED:
		harvest->change = (struct event){.kind = EVENT_APP_CONTINUED};
		break;
	case REAPED_NONE_LEFT:
		harvest->childless = true;
		break;
	case REAPED_NOTHING:
	case REAPED_FAILED:
	case REAPED_OTHER:
		break;
	}
}

/* The phase is still the one that the app ended in. */
static void look_at_the_end(struct supervisor *supervisor)
{
	const struct reaped *app = &supervisor->app;
	enum phase phase = supervisor->lifecycle.phase;
	bool killed = app->by_signal && app->status == 128 + SIGKILL;
	supervisor->app_ended_in = phase;
	supervisor->killed_by_others = killed && phase != PHASE_KILLED && !supervisor->kill_passed_on;
	if (supervisor->killed_by_others)
		shutdown_log_killed_by_others(supervisor->log);
}

static struct reaped reap_one(struct supervisor *supervisor, pid_t pid, struct harvest *harvest)
{
	struct reaped reaped = child_reap(&supervisor->child, pid);
	gather(supervisor, harvest, &reaped);
	return reaped;
}

/* Returns how often the kernel was asked. */
static int reap_all(struct supervisor *supervisor, struct harvest *harvest)
{
	struct reaped reaped = {.kind = REAPED_OTHER};
	int asked = 0;
	for (; asked < REAP_BATCH && child_reap_goes_on(&reaped); asked++)
		reaped = reap_one(supervisor, CHILD_ANY, harvest);
	supervisor->reap_ms = child_reap_goes_on(&reaped) ? 0 : TIME_NEVER;
	if (reaped.kind == REAPED_FAILED)
		supervisor->reap_ms = turn_ms(supervisor) + FAILED_REAP_MS;
	return asked;
}

/*
 * The kernel finds one that has ended by a look at all that live: beside 10 000 orphans that takes 0.7 ms. Where it
 * takes long it is not done again at once, so that it can not become all that lull does.
 */
static void reap_all_in_time(struct supervisor *supervisor, struct harvest *harvest)
{
	int64_t begun_us = signals_now_us();
	int asked = reap_all(supervisor, harvest);
	int64_t now_us = signals_now_us();
	supervisor->turn_ms = now_us / 1000;
	bool is_long = now_us - begun_us >= (int64_t)asked * LOOK_LONG_US;
	supervisor->look_ms = is_long ? supervisor->turn_ms + LOOK_APART_MS : 0;
}

/*
 * Those whose end somebody waits for, and who the kernel says has ended: it looks at nobody else for that. It does not
 * say so of each: of two that end at the same time it tells one.
 */
static void reap_known(struct supervisor *supervisor, int signo, struct harvest *harvest)
{
	const pid_t known[] = {supervisor->child.pid, supervisor->prestop.pid,
	                       signo == SIGCHLD ? supervisor->signal.si_pid : 0};
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
		if (known[i] > 0)
			(void)reap_one(supervisor, known[i], harvest);
	if (signo == SIGCHLD)
		supervisor->reap_ms = earlier(turn_ms(supervisor) + LOOK_QUIET_MS, supervisor->look_ms);
}

/*
 * Reaps what can be reaped; after every signal, since a flood of lower numbers starves SIGCHLD. All are looked at when
 * the app has ended, since whether it left something behind has to be known then, and before anything that is due is
 * done.
 */
static struct harvest reap(struct supervisor *supervisor, int signo)
{
	struct harvest harvest = {.change = {.kind = EVENT_TIME}};
	bool looks_long = supervisor->look_ms != 0 && supervisor->lifecycle.phase != PHASE_KILLED;
	int64_t due_ms = earlier(lifecycle_deadline_ms(&supervisor->lifecycle), supervisor->reap_ms);
	bool put_off = looks_long && turn_ms(supervisor) < earlier(supervisor->look_ms, due_ms);
	if (put_off)
		reap_known(supervisor, signo, &harvest);
	if (put_off && !harvest.app_exited)
		return harvest;
	if (signo == SIGCHLD || looks_long)
		reap_all_in_time(supervisor, &harvest);
	else
		(void)reap_all(supervisor, &harvest);
	return harvest;
}

/* The end of the app is told first: each event also does what is due, and nobody is signalled who has ended. */
static void tell(struct supervisor *supervisor, const struct harvest *harvest)
{
	const struct event exited = {
		.kind = EVENT_APP_EXITED, .status = supervisor->app.status, .childless = harvest->childless};
	const struct event childless = {.kind = EVENT_CHILDLESS};
	const struct event orphans = {.kind = EVENT_ORPHAN_EXITED};
	if (harvest->app_exited) {
		look_at_the_end(supervisor);
		if (!harvest->childless && supervisor->lifecycle.stop_begun_ms == TIME_NEVER)
			drain_show(DRAIN_ENDED, 0);
		step(supervisor, &exited);
	} else if (harvest->change.kind != EVENT_TIME) {
		step(supervisor, &harvest->change);
	}
	if (harvest->childless)
		step(supervisor, &childless);
	if (harvest->any_exited)
		step(supervisor, &orphans);
}

/* Sent by the kernel for something that lull itself did, or for a child: not the app's. */
static bool is_ours(const struct supervisor *supervisor, const siginfo_t *info)
{
	int signo = info->si_signo;
	bool fault = signo == SIGSEGV || signo == SIGBUS || signo == SIGILL || signo == SIGFPE || signo == SIGTRAP ||
	             signo == SIGSYS;
	if (signo == SIGCHLD || ((fault || signo == HELPER_EXITED) && info->si_code > 0))
		return true;
	return info->si_code <= 0 && info->si_pid == supervisor->child.self;
}

/*
 * At a prompt the app is in lull's group: what the terminal sends goes to both. But for a hang-up, when lull leads the
 * session: then the kernel tells lull alone.
 */
static bool is_shared(const struct supervisor *supervisor, const siginfo_t *info)
{
	int signo = info->si_signo;
	bool of_keys = signo == SIGINT || signo == SIGQUIT || signo == SIGTSTP || signo == SIGTTIN ||
	               signo == SIGTTOU || signo == SIGWINCH;
	bool of_hangup = signo == SIGHUP || signo == SIGCONT;
	if (info->si_code != SI_KERNEL || supervisor->child.group != 0)
		return false;
	pid_t group = getpgid(supervisor->child.pid);
	pid_t own = getpgrp();
	if (group > 0 && own > 0 && group != own)
		return false; /* it has left lull's */
	return of_keys || (of_hangup && getsid(0) != supervisor->child.self);
}

static void take(struct supervisor *supervisor)
{
	const siginfo_t *info = &supervisor->signal;
	char name[SIGNAL_NAME_SIZE];
	if (!child_parent_death(&supervisor->child, supervisor->options->parent_death, &supervisor->signal) ||
	    is_ours(supervisor, info))
		return;
	struct event event = {.kind = EVENT_SIGNAL, .signo = info->si_signo};
	event.outside = info->si_code <= 0 && info->si_pid == 0;
	event.shared = is_shared(supervisor, info);
	if (supervisor->log->level >= LOG_VERBOSE)
		log_line(supervisor->log, LOG_VERBOSE, "%s from %d", signal_name(info->si_signo, name),
		         (int)info->si_pid);
	step(supervisor, &event);
}

static void leave(struct supervisor *supervisor)
{
	const struct lifecycle *lifecycle = &supervisor->lifecycle;
	if (lifecycle->stop_begun_ms != TIME_NEVER)
		shutdown_log_stopped(supervisor->log, lifecycle, &supervisor->app, supervisor->killed,
		                     supervisor->not_killed, turn_ms(supervisor));
	if (supervisor->report.path != NULL)
		report_end(supervisor);
	warn_of_drain_file(supervisor,
	                   helper_wait(supervisor->log->helpers, HELPER_DRAIN_FILE, lifecycle->stop_begun_ms));
	child_hand_back(&supervisor->child);
}

/*
 * Children first, so that nobody is signalled who has ended and the app is known to be stopped before it is signalled;
 * then the signal, then the clock, whatever woke us; then whoever asks whether the app is ready. The lines are written
 * last, so that no signal waits for them.
 */
bool supervisor_turn(struct supervisor *supervisor)
{
	const struct event time = {.kind = EVENT_TIME};
	int64_t deadline_ms = earlier(lifecycle_deadline_ms(&supervisor->lifecycle), supervisor->reap_ms);
	deadline_ms = earlier(deadline_ms, supervisor->scan_ms);
	int signo = signals_wait(&supervisor->signal, endpoint_wait(&supervisor->endpoint, deadline_ms));
	supervisor->turn_ms = TIME_NOT_READ;
	log_hold(supervisor->log);
	int error;
	if (helper_has_exited(supervisor->log->helpers, HELPER_DRAIN_FILE, &error))
		warn_of_drain_file(supervisor, error);
	const struct harvest harvest = reap(supervisor, signo);
	tell(supervisor, &harvest);
	if (signo != 0)
		take(supervisor);
	step(supervisor, &time);
	scan_if_due(supervisor, harvest.any_exited && !harvest.app_exited);
	if (supervisor->lifecycle.phase == PHASE_ENDED)
		leave(supervisor);
	else
		endpoint_serve(&supervisor->endpoint, supervisor->lifecycle.phase != PHASE_RUNNING);
	log_release(supervisor->log);
	return supervisor->lifecycle.phase != PHASE_ENDED;
}
