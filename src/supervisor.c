/*
 * Owns the translation between the kernel and the lifecycle. Never decides what is done, or when.
 */
#include "supervisor.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "connections.h"
#include "drain.h"
#include "helper.h"
#include "processes.h"
#include "shutdown_log.h"
#include "signals.h"

enum {
	REAP_BATCH = 64,         /* children reaped in one turn, so that many of them do not delay a deadline */
	REAP_EVERY_SIGNALS = 64, /* after this many forwarded signals the children are checked: choose_reaping() */
	TIMED_REAP_EVERY = 16,   /* one in this many checks after a SIGCHLD is timed: choose_reaping() */
	FAILED_REAP_MS = 10,     /* when reaping is tried again after it failed */
	SLOW_REAP_US = 20, /* a wait(2) of all children that takes longer is slow, with some hundreds of them: ... */
	SLOW_REAP_QUIET_MS = 20,  /* ...the next one is made when no child has exited for this time... */
	SLOW_REAP_APART_MS = 250, /* ...or this time after the last one */
	POLL_MS = 200,            /* how often the app's connections are checked in a drain; less often... */
	POLL_PART = 20,           /* ...if a check takes more than this part of it: 5 % of a CPU */
	SCAN_MS = 50,   /* how often children are scanned for orphans that must be signalled, at first; then... */
	SCAN_PART = 20, /* ...after this part of the time since the app exited; a scan takes at most this part of it */
};

void supervisor_init(struct supervisor *supervisor, const struct options *options, const struct start *start,
                     struct log *log, char *names, struct snapshot *snapshot)
{
	supervisor->options = options;
	supervisor->log = log;
	supervisor->prestop = (struct prestop){.program = options->pre_stop, .envp = start->envp, .mask = start->mask};
	supervisor->kill_forwarded = false;
	supervisor->kill_resume = 0;
	supervisor->not_reaped_after = 0;
	supervisor->sigchld_checks = 0;
	supervisor->reap_ms = TIME_NEVER;
	supervisor->reap_all_ms = 0;
	supervisor->snapshot = snapshot;
	supervisor->snapshot_signo = 0;
	supervisor->signalled_group = NO_PROCESS_GROUP;
	supervisor->scan_ms = TIME_NEVER;
	supervisor->scan_again_ms = 0;
	supervisor->drain_step = -1;
	supervisor->poll_ms = TIME_NEVER;
	outcome_init(&supervisor->outcome, names);
	supervisor->outcome.app.pid = supervisor->child.pid;
	if (options->report != NULL)
		supervisor->outcome.started_ms = signals_now_ms();
	supervisor->now_ms = 0;
	supervisor->readiness = READINESS_READY;
	lifecycle_init(&supervisor->lifecycle, &options->policy);
}

/* --- Actions: signals --------------------------------------------------------------------------------------------- */

/* Sends the value of the signal as well: sigqueue(3). Returns 0, or -1 with errno. */
static int forward_queued(const struct child *child, const siginfo_t *info, int signo, bool group)
{
	siginfo_t queued = *info;
	queued.si_signo = signo;
	if (group && processes_queue_group(child->group, &queued) < 0)
		return child_signal(child, signo, true);
	return child_queue(child, &queued);
}

static void forward_signal(struct supervisor *supervisor, const siginfo_t *info, int signo)
{
	const struct child *child = &supervisor->child;
	bool group = supervisor->options->policy.group && child->group != 0;
	supervisor->kill_forwarded |= signo == SIGKILL;
	int sent = info->si_code == SI_QUEUE ? forward_queued(child, info, signo, group)
	                                     : child_signal(child, signo, group);
	if (sent < 0)
		shutdown_log_not_sent(supervisor->log, signo, supervisor->child.pid, errno);
}

static bool app_listens(struct supervisor *supervisor)
{
	return supervisor->options->listens.count > 0 && endpoint_app_listens(&supervisor->endpoint);
}

/* The value of the stop signal is kept during the delay. Before a signal that ends the app, takes a snapshot. */
static void send_to_app(struct supervisor *supervisor, int signo)
{
	const struct options *options = supervisor->options;
	int last = supervisor->lifecycle.last_sent;
	if (last != 0 && last != supervisor->snapshot_signo && !options->policy.abandon) {
		snapshot_take(supervisor->snapshot, last, supervisor->child.pid, app_listens(supervisor));
		supervisor->snapshot_signo = last;
	}
	shutdown_log_sent(supervisor->log, signo, supervisor->child.pid, NULL);
	if (signo == supervisor->lifecycle.schedule.stop_signal && supervisor->outcome.stop.si_code == SI_QUEUE)
		forward_signal(supervisor, &supervisor->outcome.stop, signo);
	else if (child_signal(&supervisor->child, signo, options->policy.group) < 0)
		shutdown_log_not_sent(supervisor->log, signo, supervisor->child.pid, errno);
}

/* Returns the time until the next scan. It grows, but an orphan must get its signal before SIGKILL. */
static int64_t scan_pause_ms(const struct lifecycle *lifecycle, int64_t now_ms)
{
	int64_t pause_ms = earlier((now_ms - lifecycle->app_exited_ms) / SCAN_PART, (lifecycle->kill_ms - now_ms) / 4);
	return pause_ms > SCAN_MS ? pause_ms : SCAN_MS;
}

static struct excluded own_processes(const struct supervisor *supervisor)
{
	return (struct excluded){.pre_stop = supervisor->prestop.pid, .helpers = supervisor->log->helpers};
}

static void scan_remaining(struct supervisor *supervisor)
{
	struct snapshot *snapshot = supervisor->snapshot;
	struct snapshot_order order = {.lifecycle = &supervisor->lifecycle,
	                               .log = supervisor->log,
	                               .excluded = own_processes(supervisor),
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
	shutdown_log_denied(supervisor->log, supervisor->snapshot_signo, denied);
}

/* A child that exits leaves orphans. A slow scan is not repeated so soon that lull does nothing else. */
static void scan_if_due(struct supervisor *supervisor, bool orphans_exited)
{
	if (orphans_exited && supervisor->scan_ms != TIME_NEVER)
		supervisor->scan_ms = earlier(supervisor->scan_ms, supervisor->scan_again_ms);
	if (supervisor->lifecycle.phase != PHASE_LINGER)
		supervisor->scan_ms = TIME_NEVER;
	else if (supervisor->scan_ms != TIME_NEVER && supervisor->now_ms >= supervisor->scan_ms)
		scan_remaining(supervisor);
}

static pid_t app_group(const struct supervisor *supervisor)
{
	return supervisor->child.group != 0 ? supervisor->child.group : getpgrp();
}

/* The app has exited. If lull has sent it no signal, there is no snapshot yet: what remains now is signalled. */
static void signal_remaining(struct supervisor *supervisor, const struct action *action)
{
	if (action->group_has_it)
		supervisor->signalled_group = app_group(supervisor);
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
	                               .except = action->group_has_it ? app_group(supervisor) : NO_PROCESS_GROUP,
	                               .excluded = own_processes(supervisor)};
	queued.si_signo = action->signo;
	if (queued.si_code == SI_QUEUE)
		order.info = &queued;
	shutdown_log_denied(supervisor->log, action->signo, processes_signal(&order));
	if (action->signo == supervisor->snapshot_signo)
		snapshot_children_signalled(supervisor->snapshot);
}

/* As PID 1 all processes, by one call. Otherwise lull's descendants, the app first: to find the others takes time. */
static void kill_remaining(struct supervisor *supervisor)
{
	const struct signal_request order = {.scope = SCOPE_DESCENDANTS,
	                                     .signo = SIGKILL,
	                                     .except = NO_PROCESS_GROUP,
	                                     .excluded = {.helpers = supervisor->log->helpers},
	                                     .resume = &supervisor->kill_resume};
	if (supervisor->child.init) {
		(void)kill(-1, SIGKILL);
		return;
	}
	(void)child_signal(&supervisor->child, SIGKILL, false);
	processes_signal_children(SIGKILL, supervisor->log->helpers); /* also those that /proc hides */
	(void)processes_signal(&order);
}

/* The child that exited has left orphans near its own PID: the next search without /proc starts anew. */
static void kill_orphans(struct supervisor *supervisor)
{
	supervisor->kill_resume = 0;
	if (!supervisor->child.init)
		processes_signal_children(SIGKILL, supervisor->log->helpers);
}

/* At a prompt the shell must notice that the app was stopped. */
static void suspend_lull(struct supervisor *supervisor, int signo)
{
	if (supervisor->child.job == JOB_PROMPT)
		child_suspend(&supervisor->child, signo);
	else
		(void)kill(supervisor->child.self, signo);
	supervisor->now_ms = signals_now_ms();
}

/* --- Actions: other programs and files ---------------------------------------------------------------------------- */

static int make_drain_file(const void *path)
{
	return drain_file_make(path) < 0 ? errno : 0;
}

static void warn_of_drain_file(struct supervisor *supervisor, int error)
{
	if (error != 0)
		shutdown_log_drain_file(supervisor->log, supervisor->options->drain_file, error);
}

static void start_drain_file(struct supervisor *supervisor)
{
	const char *path = supervisor->options->drain_file;
	if (path != NULL && helper_start(supervisor->log->helpers, HELPER_DRAIN_FILE, -1, make_drain_file, path) < 0)
		warn_of_drain_file(supervisor, make_drain_file(path));
}

/* To be called before the pre-stop program starts and the first signal is sent. Not needed when lull exits. */
static void update_readiness(struct supervisor *supervisor)
{
	enum readiness readiness = lifecycle_readiness(&supervisor->lifecycle);
	if (readiness == supervisor->readiness || supervisor->lifecycle.phase == PHASE_ENDED)
		return;
	supervisor->readiness = readiness;
	show_readiness(readiness, &supervisor->options->listens);
	if (readiness == READINESS_DRAINING)
		start_drain_file(supervisor);
}

/* Follows the lifecycle into a drain and out of it. To be called after each of its steps. */
static void update_drain(struct supervisor *supervisor)
{
	const struct lifecycle *lifecycle = &supervisor->lifecycle;
	struct drain *drain = &supervisor->outcome.drain;
	int64_t now_ms = supervisor->now_ms;
	int step = lifecycle_is_draining(lifecycle) ? lifecycle->schedule.next : -1;
	if (step == supervisor->drain_step)
		return;
	if (supervisor->drain_step >= 0) {
		drain->ended_ms = now_ms;
		shutdown_log_drained(supervisor->log, drain);
	}
	supervisor->drain_step = step;
	supervisor->poll_ms = TIME_NEVER;
	if (step < 0)
		return;
	*drain = (struct drain){
		.started_ms = now_ms, .due_ms = lifecycle->schedule.due_ms, .first_busy = -1, .last_busy = -1};
	supervisor->poll_ms = now_ms;
	supervisor->is_busy_logged = false;
	supervisor->is_poll_failed = false;
}

static void start_pre_stop(struct supervisor *supervisor, int signo)
{
	if (prestop_start(&supervisor->prestop, signo, supervisor->child.pid) == 0)
		return;
	shutdown_log_pre_stop_failed(supervisor->log, supervisor->prestop.program, errno);
	lifecycle_pre_stop_ended(&supervisor->lifecycle);
}

static void kill_pre_stop(struct supervisor *supervisor)
{
	int64_t since_ms = supervisor->now_ms - supervisor->lifecycle.stop_started_ms;
	shutdown_log_pre_stop_timeout(supervisor->log, supervisor->prestop.program, supervisor->prestop.pid, since_ms);
	prestop_kill(&supervisor->prestop);
}

/* --- Actions: log lines ------------------------------------------------------------------------------------------- */

static void log_stopping(struct supervisor *supervisor, bool app_has_it)
{
	struct outcome *outcome = &supervisor->outcome;
	struct process sender;
	outcome->stop = supervisor->signal;
	outcome->stop_started_ms = supervisor->lifecycle.stop_started_ms;
	if (supervisor->options->report != NULL || supervisor->log->level >= LOG_NOTICE) {
		process_name(outcome->stop.si_code <= 0 ? outcome->stop.si_pid : 0, &sender);
		memcpy(outcome->sender, sender.name, sizeof outcome->sender);
	}
	shutdown_log_stopping(supervisor->log, &supervisor->lifecycle, &outcome->stop, outcome->sender, app_has_it,
	                      supervisor->child.pid, supervisor->now_ms);
}

static void log_killing(struct supervisor *supervisor)
{
	struct outcome *outcome = &supervisor->outcome;
	char *names = supervisor->options->report != NULL ? outcome->killed_names : NULL;
	int count = shutdown_log_killing(supervisor->log, &supervisor->lifecycle, supervisor->child.init,
	                                 supervisor->now_ms, names, &outcome->not_killed);
	outcome->killed = count - outcome->not_killed;
	shutdown_log_denied(supervisor->log, SIGKILL, outcome->not_killed);
}

static void run_action(struct supervisor *supervisor, const struct action *action)
{
	const struct lifecycle *lifecycle = &supervisor->lifecycle;
	struct log *log = supervisor->log;
	pid_t app = supervisor->child.pid;
	switch (action->kind) {
	case ACTION_FORWARD:
		forward_signal(supervisor, &supervisor->signal, action->signo);
		break;
	case ACTION_FORWARD_REMAINING:
		forward_to_remaining(supervisor, action);
		break;
	case ACTION_SIGNAL_APP:
		send_to_app(supervisor, action->signo);
		break;
	case ACTION_CONTINUE_APP:
		child_continue(&supervisor->child);
		break;
	case ACTION_SIGNAL_REMAINING:
		signal_remaining(supervisor, action);
		break;
	case ACTION_KILL_ALL:
		kill_remaining(supervisor);
		break;
	case ACTION_KILL_CHILDREN:
		kill_orphans(supervisor);
		break;
	case ACTION_START_PRE_STOP:
		start_pre_stop(supervisor, action->signo);
		break;
	case ACTION_KILL_PRE_STOP:
		kill_pre_stop(supervisor);
		break;
	case ACTION_SUSPEND:
		suspend_lull(supervisor, action->signo);
		break;
	case ACTION_LOG_STOPPING:
		log_stopping(supervisor, action->app_has_it);
		break;
	case ACTION_LOG_NO_DELAY:
		shutdown_log_no_delay(log, action->signo);
		break;
	case ACTION_LOG_REPLACED:
		shutdown_log_replaced(log, action->signo, app);
		break;
	case ACTION_LOG_IGNORED:
		shutdown_log_ignored(log, action->signo, app, supervisor->outcome.stop.si_signo);
		break;
	case ACTION_LOG_RUNNING:
		shutdown_log_running(log, lifecycle, supervisor->prestop.pid, supervisor->now_ms);
		break;
	case ACTION_LOG_KILLING:
		log_killing(supervisor);
		break;
	case ACTION_EXIT:
		supervisor->outcome.exit_status = action->status;
		break;
	}
}

/* A signal may be sent late: the next deadline counts from when it was sent. */
static bool is_planned_signal(enum action_kind kind)
{
	return kind == ACTION_SIGNAL_APP || kind == ACTION_SIGNAL_REMAINING || kind == ACTION_KILL_ALL;
}

static void handle_event(struct supervisor *supervisor, const struct event *happened)
{
	struct actions actions;
	struct event event = *happened;
	struct lifecycle *lifecycle = &supervisor->lifecycle;
	enum phase before = lifecycle->phase;
	int64_t now_ms = supervisor->now_ms;
	if (lifecycle_may_signal_app(lifecycle, &event, now_ms))
		event.app = process_dispositions(supervisor->child.pid);
	lifecycle_step(lifecycle, &event, now_ms, &actions);
	if (lifecycle->phase != before)
		supervisor->outcome.entered_ms[lifecycle->phase] = now_ms;
	update_readiness(supervisor);
	update_drain(supervisor);
	for (int i = 0; i < actions.count; i++) {
		run_action(supervisor, &actions.list[i]);
		if (is_planned_signal(actions.list[i].kind))
			lifecycle_sent(lifecycle, now_ms, signals_now_ms());
	}
}

/* --- Events: connections ------------------------------------------------------------------------------------------ */

/* Logs busy connections once in a drain, and a failure once. */
static void log_poll(struct supervisor *supervisor, int busy, int error)
{
	int64_t now_ms = supervisor->now_ms;
	int64_t limit_ms = later(lifecycle_drain_limit_ms(&supervisor->lifecycle), now_ms);
	if (busy < 0 && !supervisor->is_poll_failed)
		shutdown_log_no_connections(supervisor->log, error);
	else if (busy > 0 && !supervisor->is_busy_logged)
		shutdown_log_draining(supervisor->log, busy, limit_ms - now_ms);
	supervisor->is_poll_failed |= busy < 0;
	supervisor->is_busy_logged |= busy > 0;
}

/* If the connections cannot be read, the app counts as busy: the timeout decides. */
static void poll_connections(struct supervisor *supervisor)
{
	struct drain *drain = &supervisor->outcome.drain;
	if (supervisor->now_ms < supervisor->poll_ms)
		return;
	int64_t start_ms = signals_now_ms();
	int busy = connections_count_busy(&supervisor->options->listens);
	int error = errno;
	supervisor->now_ms = signals_now_ms();
	supervisor->poll_ms = supervisor->now_ms + later(POLL_MS, (supervisor->now_ms - start_ms) * POLL_PART);
	log_poll(supervisor, busy, error);
	if (drain->first_busy < 0)
		drain->first_busy = busy;
	drain->last_busy = busy;
	if (busy == 0)
		handle_event(supervisor, &(const struct event){.kind = EVENT_DRAINED});
}

/* --- Events: children --------------------------------------------------------------------------------------------- */

static void log_reaped(const struct supervisor *supervisor, const struct reaped *reaped)
{
	bool warns = reaped->kind == REAPED_ORPHAN && supervisor->options->warn_reap;
	shutdown_log_reaped(supervisor->log, warns ? LOG_WARNING : LOG_VERBOSE, reaped,
	                    supervisor->options->compat->reaped);
}

/* If lull has killed it, that was logged. */
static void handle_pre_stop_exit(struct supervisor *supervisor, const struct reaped *reaped)
{
	int error = prestop_end(&supervisor->prestop);
	lifecycle_pre_stop_ended(&supervisor->lifecycle);
	if (supervisor->prestop.killed || supervisor->lifecycle.phase == PHASE_KILLED)
		return;
	if (error != 0) {
		shutdown_log_pre_stop_failed(supervisor->log, supervisor->prestop.program, error);
		return;
	}
	shutdown_log_pre_stop_exited(supervisor->log, supervisor->prestop.program, reaped);
}

/* The children that were reaped in one turn. */
struct reaping {
	bool app_exited;
	bool any_exited;
	bool childless;
	struct event change; /* the app was stopped or continued; EVENT_TIME: neither */
};

static void note_reaped(struct supervisor *supervisor, struct reaping *reaping, const struct reaped *reaped)
{
	switch (reaped->kind) {
	case REAPED_APP:
		supervisor->outcome.app = *reaped;
		reaping->app_exited = true;
		reaping->any_exited = true;
		log_reaped(supervisor, reaped);
		break;
	case REAPED_ORPHAN:
		reaping->any_exited = true;
		if (reaped->pid == supervisor->prestop.pid) {
			handle_pre_stop_exit(supervisor, reaped);
		} else {
			log_reaped(supervisor, reaped);
		}
		break;
	case REAPED_APP_STOPPED:
		reaping->change = (struct event){.kind = EVENT_APP_STOPPED, .signo = reaped->stop_signal};
		break;
	case REAPED_APP_CONTINUED:
		reaping->change = (struct event){.kind = EVENT_APP_CONTINUED};
		break;
	case REAPED_NONE_LEFT:
		reaping->childless = true;
		break;
	case REAPED_NOTHING:
	case REAPED_FAILED:
	case REAPED_OTHER:
		break;
	}
}

/* To be called before the lifecycle changes its phase. */
static void note_app_exit(struct supervisor *supervisor)
{
	struct outcome *outcome = &supervisor->outcome;
	enum phase phase = supervisor->lifecycle.phase;
	bool killed = outcome->app.by_signal && outcome->app.status == 128 + SIGKILL;
	outcome->app_ended_in = phase;
	outcome->killed_externally = killed && phase != PHASE_KILLED && !supervisor->kill_forwarded;
	if (outcome->killed_externally)
		shutdown_log_killed_externally(supervisor->log, outcome->app.pid);
}

static struct reaped reap_one(struct supervisor *supervisor, pid_t pid, struct reaping *reaping)
{
	struct reaped reaped = child_reap(&supervisor->child, pid);
	note_reaped(supervisor, reaping, &reaped);
	return reaped;
}

/* Returns how many calls of wait(2) were made. */
static int reap_all(struct supervisor *supervisor, struct reaping *reaping)
{
	struct reaped reaped = {.kind = REAPED_OTHER};
	int calls = 0;
	for (; calls < REAP_BATCH && child_reap_goes_on(&reaped); calls++)
		reaped = reap_one(supervisor, CHILD_ANY, reaping);
	supervisor->reap_ms = child_reap_goes_on(&reaped) ? 0 : TIME_NEVER;
	if (reaped.kind == REAPED_FAILED)
		supervisor->reap_ms = signals_now_ms() + FAILED_REAP_MS;
	return calls;
}

/*
 * The kernel checks all living children to find one that has exited, which takes 0.7 ms with 10 000 of them. If that
 * is slow, it is not repeated immediately: it would become all that lull does.
 */
static void reap_all_timed(struct supervisor *supervisor, int64_t start_us, struct reaping *reaping)
{
	int calls = reap_all(supervisor, reaping);
	int64_t now_us = signals_now_us();
	supervisor->now_ms = now_us / 1000;
	bool is_slow = now_us - start_us >= (int64_t)calls * SLOW_REAP_US;
	supervisor->reap_all_ms = is_slow ? supervisor->now_ms + SLOW_REAP_APART_MS : 0;
}

/*
 * Reaps the app, the pre-stop program and the child of this SIGCHLD, if they have exited: for a known PID the kernel
 * checks no other child. Of two children that exit at the same time, only one has a SIGCHLD.
 */
static void reap_known(struct supervisor *supervisor, int signo, struct reaping *reaping)
{
	const pid_t known[] = {supervisor->child.pid, supervisor->prestop.pid,
	                       signo == SIGCHLD ? supervisor->signal.si_pid : 0};
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
		if (known[i] > 0)
			(void)reap_one(supervisor, known[i], reaping);
	if (signo == SIGCHLD)
		supervisor->reap_ms = earlier(supervisor->now_ms + SLOW_REAP_QUIET_MS, supervisor->reap_all_ms);
}

enum reaping_kind {
	REAPING_NONE,
	REAPING_UNTIMED, /* without reading the clock, unless the app has exited */
	REAPING_TIMED,
};

/*
 * While no shutdown runs and nothing is due, the time of a turn has no effect. So a signal that is only forwarded costs
 * two system calls and a lone orphan three, as with the best of the other inits; with the clock and a check of the
 * children it would be five each (make check-cost).
 *
 * SIGCHLD reports children that exit. But the kernel delivers pending signals in the order of their numbers, signal(7),
 * and a flood of lower ones would delay SIGCHLD forever: the children are also checked after some forwarded signals. In
 * a shutdown, children are reaped first after every signal, so that no process that has exited is signalled.
 *
 * The second check after a SIGCHLD and each 16th from then on are timed, to notice that they are slow. Not the first
 * one: most often that reaps the app.
 */
static enum reaping_kind choose_reaping(struct supervisor *supervisor, int signo)
{
	if (signo == 0 || supervisor->lifecycle.phase != PHASE_RUNNING ||
	    signal_set_has(supervisor->options->policy.stop_signals, signo) || supervisor->reap_ms != TIME_NEVER ||
	    supervisor->reap_all_ms != 0)
		return REAPING_TIMED;
	if (signo != SIGCHLD && ++supervisor->not_reaped_after < REAP_EVERY_SIGNALS)
		return REAPING_NONE;
	supervisor->not_reaped_after = 0;
	bool is_timed = signo == SIGCHLD && supervisor->sigchld_checks++ % TIMED_REAP_EVERY == 1;
	return is_timed ? REAPING_TIMED : REAPING_UNTIMED;
}

/*
 * Reads the clock and reaps. When the app has exited, all children are checked: whether processes remain must be known
 * before the app's exit is handled, and before anything that is due is done.
 */
static void reap_timed(struct supervisor *supervisor, int signo, struct reaping *reaping)
{
	int64_t start_us = signals_now_us();
	supervisor->now_ms = start_us / 1000;
	bool is_slow = supervisor->reap_all_ms != 0 && supervisor->lifecycle.phase != PHASE_KILLED;
	int64_t due_ms = earlier(lifecycle_deadline_ms(&supervisor->lifecycle), supervisor->reap_ms);
	if (is_slow && supervisor->now_ms < earlier(supervisor->reap_all_ms, due_ms)) {
		reap_known(supervisor, signo, reaping);
		if (!reaping->app_exited)
			return;
	}
	if (signo == SIGCHLD || is_slow)
		reap_all_timed(supervisor, start_us, reaping);
	else
		(void)reap_all(supervisor, reaping);
}

/* The exit of the app is handled first, since each event also does what is due: a reaped PID must not be signalled. */
static void handle_reaped(struct supervisor *supervisor, const struct reaping *reaping)
{
	if (reaping->app_exited) {
		note_app_exit(supervisor);
		handle_event(supervisor, &(const struct event){.kind = EVENT_APP_EXITED,
		                                               .status = supervisor->outcome.app.status,
		                                               .childless = reaping->childless});
	} else if (reaping->change.kind != EVENT_TIME) {
		handle_event(supervisor, &reaping->change);
	}
	if (reaping->childless)
		handle_event(supervisor, &(const struct event){.kind = EVENT_CHILDLESS});
	if (reaping->any_exited && supervisor->lifecycle.phase != PHASE_RUNNING)
		handle_event(supervisor, &(const struct event){.kind = EVENT_ORPHAN_EXITED});
}

/* Returns whether orphans were reaped, and the app runs or exited before. */
static bool reap(struct supervisor *supervisor, int signo)
{
	enum reaping_kind kind = choose_reaping(supervisor, signo);
	if (kind == REAPING_NONE)
		return false;
	struct reaping reaping = {.change = {.kind = EVENT_TIME}};
	if (kind == REAPING_TIMED)
		reap_timed(supervisor, signo, &reaping);
	else
		(void)reap_all(supervisor, &reaping);
	if (kind == REAPING_UNTIMED && reaping.app_exited)
		supervisor->now_ms = signals_now_ms();
	handle_reaped(supervisor, &reaping);
	return reaping.any_exited && !reaping.app_exited;
}

/* --- Events: signals ---------------------------------------------------------------------------------------------- */

/* Returns whether the signal is about lull itself or a child, or was sent by lull: it is not forwarded. */
static bool is_internal(const struct supervisor *supervisor, const siginfo_t *info)
{
	int signo = info->si_signo;
	bool fault = signo == SIGSEGV || signo == SIGBUS || signo == SIGILL || signo == SIGFPE || signo == SIGTRAP ||
	             signo == SIGSYS;
	if (signo == SIGCHLD || ((fault || signo == HELPER_EXITED) && info->si_code > 0))
		return true;
	return info->si_code <= 0 && info->si_pid == supervisor->child.self;
}

/*
 * At a prompt the app is in lull's process group, so the terminal sends its signals to both. A hangup goes only to the
 * leader of the session, if that is lull.
 */
static bool is_shared(const struct supervisor *supervisor, const siginfo_t *info)
{
	int signo = info->si_signo;
	bool is_of_keys = signo == SIGINT || signo == SIGQUIT || signo == SIGTSTP || signo == SIGTTIN ||
	                  signo == SIGTTOU || signo == SIGWINCH;
	bool is_of_hangup = signo == SIGHUP || signo == SIGCONT;
	if (info->si_code != SI_KERNEL || supervisor->child.group != 0)
		return false;
	pid_t group = getpgid(supervisor->child.pid);
	pid_t own = getpgrp();
	if (group > 0 && own > 0 && group != own)
		return false; /* the app has left lull's group */
	return is_of_keys || (is_of_hangup && getsid(0) != supervisor->child.self);
}

static void handle_signal(struct supervisor *supervisor)
{
	const siginfo_t *info = &supervisor->signal;
	if (is_internal(supervisor, info))
		return;
	struct event event = {.kind = EVENT_SIGNAL, .signo = info->si_signo};
	event.outside = info->si_code <= 0 && info->si_pid == 0;
	event.shared = is_shared(supervisor, info);
	shutdown_log_received(supervisor->log, info);
	handle_event(supervisor, &event);
}

/* --- The loop ----------------------------------------------------------------------------------------------------- */

/*
 * Waits until deadline_ms at most. Returns the signal that arrived, or 0. The signal for the death of lull's parent is
 * translated here, before the rest of the turn: choose_reaping() must know that it is a stop signal.
 */
static int receive_signal(struct supervisor *supervisor, int64_t deadline_ms)
{
	siginfo_t *info = &supervisor->signal;
	int signo = signals_wait(info, endpoint_wait(&supervisor->endpoint, deadline_ms));
	bool is_valid = signo != 0 && child_parent_death(&supervisor->child, supervisor->options->parent_death, info);
	return is_valid ? info->si_signo : 0;
}

static void finish_run(struct supervisor *supervisor)
{
	const struct outcome *outcome = &supervisor->outcome;
	struct log *log = supervisor->log;
	if (outcome->stop.si_signo != 0)
		shutdown_log_stopped(log, &supervisor->lifecycle, &outcome->app, outcome->killed, outcome->not_killed,
		                     supervisor->now_ms);
	if (supervisor->options->report != NULL)
		report_outcome(supervisor->options->report, log, outcome);
	warn_of_drain_file(supervisor, helper_wait(log->helpers, HELPER_DRAIN_FILE, outcome->stop_started_ms));
	child_restore_terminal(&supervisor->child);
}

/*
 * Children are reaped first, so that no process that has exited is signalled, and lull knows that the app is stopped
 * before it signals it. Then the signal is handled, then what is due, then requests for readiness. Log lines are
 * written last, so that they delay no signal.
 */
bool supervisor_turn(struct supervisor *supervisor)
{
	int64_t deadline_ms = earlier(lifecycle_deadline_ms(&supervisor->lifecycle), supervisor->reap_ms);
	deadline_ms = earlier(deadline_ms, earlier(supervisor->scan_ms, supervisor->poll_ms));
	int signo = receive_signal(supervisor, deadline_ms);
	log_hold(supervisor->log);
	int error;
	if (helper_has_exited(supervisor->log->helpers, HELPER_DRAIN_FILE, &error))
		warn_of_drain_file(supervisor, error);
	bool orphans_exited = reap(supervisor, signo);
	if (signo != 0)
		handle_signal(supervisor);
	if (supervisor->now_ms >= lifecycle_deadline_ms(&supervisor->lifecycle))
		handle_event(supervisor, &(const struct event){.kind = EVENT_TIME});
	poll_connections(supervisor);
	scan_if_due(supervisor, orphans_exited);
	if (supervisor->lifecycle.phase == PHASE_ENDED)
		finish_run(supervisor);
	else
		endpoint_serve(&supervisor->endpoint, supervisor->readiness);
	log_release(supervisor->log);
	return supervisor->lifecycle.phase != PHASE_ENDED;
}
