/*
 * Owns the log lines about a shutdown. Never sends a signal, never decides.
 */
#include "shutdown_log.h"

#include <signal.h>
#include <string.h>

#include "cgroup.h"
#include "processes.h"
#include "text.h"

enum { SINCE_SIZE = 128 };

const char *shutdown_log_end(const struct reaped *reaped, char buffer[SHUTDOWN_LOG_END_SIZE])
{
	char name[SIGNAL_NAME_SIZE];
	struct text text = text_in(buffer, SHUTDOWN_LOG_END_SIZE);
	if (reaped->by_signal)
		text_add(&text, "killed by %s", signal_name(reaped->status - 128, name));
	else
		text_add(&text, "exited with status %d", reaped->status);
	return buffer;
}

void shutdown_log_add_count(struct text *text, int count, const char *what)
{
	if (count > 0)
		text_add(text, "%d process%s %s", count, count > 1 ? "es" : "", what);
	else
		text_add(text, "no process %s", what);
}

static bool has_exited(const struct reaped *reaped)
{
	return reaped->kind == REAPED_APP || reaped->kind == REAPED_ORPHAN;
}

long long shutdown_log_status(const struct reaped *reaped)
{
	return has_exited(reaped) && !reaped->by_signal ? reaped->status : TIME_NEVER;
}

int shutdown_log_signal(const struct reaped *reaped)
{
	return has_exited(reaped) && reaped->by_signal ? reaped->status - 128 : 0;
}

/* A code above 0 is the kernel's: sigaction(2), si_code. */
const char *shutdown_log_sender_kind(const siginfo_t *info)
{
	if (info->si_code > 0)
		return "kernel";
	return info->si_pid == 0 ? "outside" : "process";
}

long long shutdown_log_sender_pid(const siginfo_t *info)
{
	return info->si_code <= 0 ? info->si_pid : TIME_NEVER;
}

void shutdown_log_add_sender(struct text *text, const siginfo_t *info, const char *name)
{
	if (info->si_code > 0)
		text_add(text, "the kernel");
	else if (info->si_pid == 0)
		text_add(text, "outside the container");
	else
		text_add(text, name[0] != '\0' ? "PID %d (%s)" : "PID %d", (int)info->si_pid, name);
}

/* Returns when, counted from the stop signal, a step is due if all drains end immediately. */
static int64_t least_time_ms(const struct plan *plan, int step)
{
	int64_t least_ms = 0;
	for (int i = 0; i <= step; i++)
		least_ms += plan->steps[i].kind == STEP_DRAIN ? 0 : plan->steps[i].wait_ms;
	return least_ms;
}

static void add_first_signal(struct text *text, const struct lifecycle *lifecycle, const struct schedule *schedule,
                             const int64_t times_ms[PLAN_STEPS])
{
	char name[SIGNAL_NAME_SIZE];
	char time[TEXT_TIME_SIZE];
	int first = schedule_first_signal(schedule->plan);
	int sent = schedule_signal(schedule, first);
	int64_t least_ms = least_time_ms(schedule->plan, first);
	int64_t most_ms = times_ms[first] - lifecycle->stop_started_ms;
	if (sent == 0) {
		text_add(text, "no signal to the app (dropped by --rewrite)");
		return;
	}
	text_add(text, "%s%s", signal_name(sent, name), sent != SIGKILL ? " to the app" : "");
	if (most_ms > least_ms)
		text_add(text, " when no connection is busy,");
	if (most_ms > least_ms && least_ms > 0)
		text_add(text, " in %s to", text_time(least_ms, time));
	else if (most_ms > 0)
		text_add(text, " in");
	if (most_ms > 0)
		text_add(text, " %s", text_time(most_ms, time));
	if (most_ms > least_ms && least_ms == 0)
		text_add(text, " at the latest");
	if (lifecycle->pre_stop_ms > times_ms[first] && lifecycle->pre_stop_ms != TIME_NEVER)
		text_add(text, "%s after the pre-stop program, in %s at the latest", most_ms > 0 ? " and" : "",
		         text_time(lifecycle->pre_stop_ms - lifecycle->stop_started_ms, time));
	else if (most_ms == 0)
		text_add(text, " now");
}

/* Times are counted from the start of the shutdown. */
static void add_later_signals(struct text *text, const struct schedule *schedule, const int64_t times_ms[PLAN_STEPS],
                              int64_t started_ms)
{
	char name[SIGNAL_NAME_SIZE];
	char time[TEXT_TIME_SIZE];
	const struct plan *plan = schedule->plan;
	int first = schedule_first_signal(plan);
	int sent = schedule_signal(schedule, first);
	for (int i = first + 1; i < plan->count && sent != SIGKILL; i++) {
		int64_t at_ms = times_ms[i] - started_ms;
		bool may_be_earlier = !plan->fixed && least_time_ms(plan, i) < at_ms;
		sent = schedule_signal(schedule, i);
		if (sent != 0)
			text_add(text, ", %s in %s%s", signal_name(sent, name), text_time(at_ms, time),
			         may_be_earlier ? " at the latest" : "");
	}
	if (sent != SIGKILL)
		text_add(text, ", no SIGKILL");
}

/* The plan as it was when the shutdown started: its first steps may be done already. */
static void add_plan(struct text *text, const struct lifecycle *lifecycle, const struct schedule *schedule,
                     const int64_t times_ms[PLAN_STEPS], bool app_has_it, int64_t now_ms)
{
	char time[TEXT_TIME_SIZE];
	if (lifecycle->phase == PHASE_LINGER) {
		text_add(text, "the app has exited, SIGKILL to remaining processes in %s",
		         text_time(lifecycle->kill_ms - now_ms, time));
		return;
	}
	if (app_has_it)
		text_add(text, "the app already has it");
	else
		add_first_signal(text, lifecycle, schedule, times_ms);
	add_later_signals(text, schedule, times_ms, lifecycle->stop_started_ms);
}

static long long until_ms(int64_t time_ms, int64_t now_ms)
{
	return time_ms != TIME_NEVER ? time_ms - now_ms : TIME_NEVER;
}

static long long since_ms(int64_t time_ms, int64_t now_ms)
{
	return time_ms != TIME_NEVER ? now_ms - time_ms : TIME_NEVER;
}

void shutdown_log_stopping(struct log *log, const struct lifecycle *lifecycle, const siginfo_t *info,
                           const char *sender, bool app_has_it, pid_t app, int64_t now_ms)
{
	char from_bytes[128];
	char plan_bytes[1024];
	struct text from = TEXT_IN(from_bytes);
	struct text plan = TEXT_IN(plan_bytes);
	struct schedule schedule;
	int64_t times_ms[PLAN_STEPS];
	int64_t started_ms = lifecycle->stop_started_ms;
	bool is_linger = lifecycle->phase == PHASE_LINGER;
	if (log->level < LOG_NOTICE)
		return;
	schedule_start(&schedule, lifecycle->schedule.plan, lifecycle->schedule.stop_signal, started_ms);
	int first = schedule_first_signal(schedule.plan);
	int first_signal = is_linger ? 0 : schedule_signal(&schedule, first);
	while (app_has_it && schedule.next <= first)
		schedule_step_done(&schedule, started_ms);
	schedule_times(&schedule, started_ms, times_ms);
	int64_t first_ms = app_has_it ? started_ms : times_ms[first];
	int64_t drain_ms = first_ms - started_ms - least_time_ms(schedule.plan, first);
	if (app_has_it)
		text_add(&from, "the terminal");
	else
		shutdown_log_add_sender(&from, info, sender);
	add_plan(&plan, lifecycle, &schedule, times_ms, app_has_it, now_ms);
	log_event(
		log, LOG_NOTICE, "stopping",
		"stopping: {signal=%i} from %s; %s|{sender=%s}{sender_pid=%lld}{sender_name=%s}{app_pid=%lld}"
		"{first_signal=%i}{first_signal_ms=%lld}{drain_timeout_ms=%lld}{pre_stop_limit_ms=%lld}{kill_ms=%lld}",
		info->si_signo, from_bytes, plan_bytes, app_has_it ? "terminal" : shutdown_log_sender_kind(info),
		shutdown_log_sender_pid(info), sender[0] != '\0' ? sender : NULL,
		app != 0 ? (long long)app : TIME_NEVER, first_signal,
		until_ms(first_signal != 0 ? first_ms : TIME_NEVER, started_ms),
		first_signal != 0 && drain_ms > 0 ? (long long)drain_ms : TIME_NEVER,
		until_ms(app_has_it || is_linger ? TIME_NEVER : lifecycle->pre_stop_ms, started_ms),
		until_ms(is_linger ? lifecycle->kill_ms : schedule_kill_ms(&schedule, started_ms), now_ms));
}

void shutdown_log_received(struct log *log, const siginfo_t *info)
{
	char bytes[64];
	struct text sender = TEXT_IN(bytes);
	if (log->level < LOG_VERBOSE)
		return;
	shutdown_log_add_sender(&sender, info, "");
	log_event(log, LOG_VERBOSE, "signal_received", "received {signal=%i} from %s|{sender=%s}{sender_pid=%lld}",
	          info->si_signo, bytes, shutdown_log_sender_kind(info), shutdown_log_sender_pid(info));
}

void shutdown_log_sent(struct log *log, int signo, pid_t pid, const char *remaining)
{
	if (remaining != NULL)
		log_event(log, LOG_VERBOSE, "signal_sent", "sending {signal=%i} to remaining process {pid=%d} (%s)",
		          signo, (int)pid, remaining);
	else
		log_event(log, LOG_VERBOSE, "signal_sent", "sending {signal=%i} to PID {pid=%d}", signo, (int)pid);
}

void shutdown_log_not_sent(struct log *log, int signo, pid_t pid, int error)
{
	log_event(log, LOG_WARNING, "signal_not_sent", "cannot send {signal=%i} to PID {pid=%d}: {error=%s}", signo,
	          (int)pid, strerror(error));
}

void shutdown_log_denied(struct log *log, int signo, int denied)
{
	if (denied == 0)
		return;
	log_event(log, LOG_WARNING, "signal_denied",
	          "cannot send {signal=%i} to {process_count=%d} remaining process%s: permission denied", signo, denied,
	          denied > 1 ? "es" : "");
}

void shutdown_log_reaped(struct log *log, enum log_level level, const struct reaped *reaped, const char *prefix)
{
	char end[SHUTDOWN_LOG_END_SIZE];
	bool is_app = reaped->kind == REAPED_APP;
	bool is_own = is_app || prefix == NULL;
	const char *own = is_app ? "reaped app (PID " : "reaped orphan (PID ";
	if (log->level < level)
		return; /* before the text is made: orphans may be many */
	log_event(log, level, "reaped", "%s{pid=%d}%s: %s|{process=%s}{status=%lld}{signal=%i}", is_own ? own : prefix,
	          (int)reaped->pid, is_own ? ")" : "", shutdown_log_end(reaped, end), is_app ? "app" : "orphan",
	          shutdown_log_status(reaped), shutdown_log_signal(reaped));
}

void shutdown_log_drain_file(struct log *log, const char *path, int error)
{
	log_event(log, LOG_WARNING, "drain_file_failed",
	          "cannot create drain file {path=%s}: {error=%s}; load balancers that check it do not see the "
	          "shutdown",
	          path, strerror(error));
}

void shutdown_log_pre_stop_failed(struct log *log, const char *program, int error)
{
	log_event(log, LOG_WARNING, "pre_stop_failed",
	          "cannot start pre-stop program {program=%s}: {error=%s}; the shutdown continues", program,
	          strerror(error));
}

void shutdown_log_pre_stop_timeout(struct log *log, const char *program, pid_t pid, int64_t after_ms)
{
	log_event(log, LOG_WARNING, "pre_stop_timeout",
	          "pre-stop program {program=%s} timed out after {since_ms=%lli}, killing it (PID {pid=%d})", program,
	          (long long)after_ms, (int)pid);
}

void shutdown_log_pre_stop_exited(struct log *log, const char *program, const struct reaped *reaped)
{
	char end[SHUTDOWN_LOG_END_SIZE];
	log_event(log, reaped->status != 0 ? LOG_WARNING : LOG_VERBOSE, "pre_stop_exited",
	          "pre-stop program {program=%s} %s%s|{pid=%d}{status=%lld}{signal=%i}", program,
	          reaped->by_signal ? "was " : "", shutdown_log_end(reaped, end), (int)reaped->pid,
	          shutdown_log_status(reaped), shutdown_log_signal(reaped));
}

void shutdown_log_no_delay(struct log *log, int signo)
{
	char buffer[SIGNAL_NAME_SIZE];
	const char *name = signal_short_name(signo, buffer);
	log_event(log, LOG_WARNING, "signal_forwarded_without_delay",
	          "{signal=%i} from outside the container was forwarded immediately and started no shutdown (no "
	          "delay); if it is the image's STOPSIGNAL, use --stop-signal TERM,%s or LULL_STOP_SIGNAL=TERM,%s",
	          signo, name, name);
}

void shutdown_log_replaced(struct log *log, int signo, pid_t app)
{
	struct process process;
	process_name(app, &process);
	log_event(log, LOG_NOTICE, "signal_replaced",
	          "{signal=%i} has no effect on PID {app_pid=%d} ({app_name=%s}); sent {sent=%i} instead", signo,
	          (int)app, process.name, SIGTERM);
}

void shutdown_log_ignored(struct log *log, int signo, pid_t app, int stop)
{
	char stop_name[SIGNAL_NAME_SIZE];
	struct process process;
	process_name(app, &process);
	log_event(log, LOG_WARNING, "signal_ignored",
	          "PID {app_pid=%d} ({app_name=%s}) ignores {signal=%i}%s; if it is a script, start its program with "
	          "exec or use --group; if it stops on another signal, use --rewrite %s:SIGNAL",
	          (int)app, process.name, signo, signo != SIGTERM ? " and SIGTERM" : "",
	          signal_short_name(stop, stop_name));
}

/* Returns the first signal that the running processes were sent; 0: --rewrite drops the stop signal. */
static int first_signal(const struct lifecycle *lifecycle)
{
	bool by_exit = lifecycle->last_sent == 0 && lifecycle->app_exited_ms != TIME_NEVER;
	const struct schedule *schedule = &lifecycle->schedule;
	return lifecycle->replaced || by_exit ? SIGTERM
	                                      : schedule_signal(schedule, schedule_first_signal(schedule->plan));
}

/* Adds "5 s after SIGTERM". */
static void add_since_signal(struct text *text, const struct lifecycle *lifecycle, int64_t now_ms)
{
	char name[SIGNAL_NAME_SIZE];
	char time[TEXT_TIME_SIZE];
	int signo = first_signal(lifecycle);
	text_add(text, "%s after %s", text_time(now_ms - lifecycle->first_sent_ms, time),
	         signo != 0 ? signal_name(signo, name) : "the stop signal (dropped by --rewrite)");
}

/* Returns the text in which processes_describe() lists processes in JSON. It has no space if the log is in text. */
static struct text list_in(const struct log *log, char bytes[SHUTDOWN_LOG_NAMES_SIZE])
{
	return text_in(bytes, log->format == LOG_JSON ? SHUTDOWN_LOG_NAMES_SIZE : 1);
}

void shutdown_log_running(struct log *log, const struct lifecycle *lifecycle, pid_t pre_stop, int64_t now_ms)
{
	char bytes[SHUTDOWN_LOG_NAMES_SIZE];
	char list_bytes[SHUTDOWN_LOG_NAMES_SIZE];
	char since_bytes[SINCE_SIZE];
	char kill_bytes[SINCE_SIZE];
	char time[TEXT_TIME_SIZE];
	struct text names = TEXT_IN(bytes);
	struct text list = list_in(log, list_bytes);
	struct text since = TEXT_IN(since_bytes);
	struct text kill = TEXT_IN(kill_bytes);
	struct excluded excluded = {.pre_stop = pre_stop, .helpers = log->helpers};
	bool is_linger = lifecycle->phase == PHASE_LINGER;
	int64_t kill_ms = is_linger ? lifecycle->kill_ms : schedule_kill_ms(&lifecycle->schedule, now_ms);
	if (log->level < LOG_NOTICE) /* other inits log no shutdown: lull(1), COMPATIBILITY */
		return;
	int count = processes_describe(SCOPE_DESCENDANTS, excluded, &names, &list, NULL);
	if (count == 0)
		return;
	add_since_signal(&since, lifecycle, now_ms);
	if (kill_ms == TIME_NEVER)
		text_add(&kill, "no SIGKILL");
	else
		text_add(&kill, "SIGKILL in %s", text_time(kill_ms - now_ms, time));
	log_event(log, LOG_WARNING, "still_running",
	          "still running %s: %s; %s|{signal=%i}{since_ms=%lld}{kill_in_ms=%lld}{process_count=%d}"
	          "{processes=%p}",
	          since_bytes, bytes, kill_bytes, first_signal(lifecycle), since_ms(lifecycle->first_sent_ms, now_ms),
	          until_ms(kill_ms, now_ms), count, (void *)list_bytes);
}

int shutdown_log_killing(struct log *log, const struct lifecycle *lifecycle, bool init, int64_t now_ms, char *names,
                         int *denied)
{
	char own[SHUTDOWN_LOG_NAMES_SIZE];
	char own_list[SHUTDOWN_LOG_NAMES_SIZE];
	char why_bytes[SINCE_SIZE];
	char time[TEXT_TIME_SIZE];
	bool is_json = log->format == LOG_JSON;
	struct text text = text_in(names != NULL && !is_json ? names : own, SHUTDOWN_LOG_NAMES_SIZE);
	struct text list = list_in(log, names != NULL && is_json ? names : own_list);
	struct text why = TEXT_IN(why_bytes);
	if (log->level < LOG_WARNING && names == NULL)
		return 0;
	struct excluded excluded = {.helpers = log->helpers};
	int count = processes_describe(init ? SCOPE_NAMESPACE : SCOPE_DESCENDANTS, excluded, &text, &list, denied);
	if (count == 0)
		return 0;
	/* With --linger 0 remaining processes get no other signal, whatever the app has got. */
	bool is_unasked = lifecycle->status >= 0 && lifecycle->app_exited_ms == TIME_NEVER;
	long long sent_ms = is_unasked ? TIME_NEVER : since_ms(lifecycle->first_sent_ms, now_ms);
	long long exited_ms = since_ms(lifecycle->app_exited_ms, now_ms);
	if (sent_ms != TIME_NEVER) {
		text_add(&why, "no exit ");
		add_since_signal(&why, lifecycle, now_ms);
		text_add(&why, ", sending SIGKILL to");
	} else if (exited_ms != TIME_NEVER) {
		text_add(&why, "no exit %s after the app exited, sending SIGKILL to remaining processes",
		         text_time(exited_ms, time));
	} else {
		text_add(&why, "sending SIGKILL without another signal before it to");
	}
	log_event(log, LOG_WARNING, "killing",
	          "%s: %s|{signal=%i}{since_ms=%lld}{since_app_exit_ms=%lld}{process_count=%d}{processes=%p}",
	          why_bytes, text.bytes, sent_ms != TIME_NEVER ? first_signal(lifecycle) : 0, sent_ms, exited_ms, count,
	          (void *)list.bytes);
	return count;
}

void shutdown_log_killed_externally(struct log *log, pid_t app)
{
	char bytes[128];
	struct text why = TEXT_IN(bytes);
	int64_t kills = cgroup_oom_kills();
	bool is_oom = kills > 0;
	if (is_oom)
		text_add(&why, "; probably out of memory (cgroup oom_kill=%lld)", (long long)kills);
	log_event(log, LOG_WARNING, "app_killed",
	          "the app was killed by SIGKILL, not sent by lull%s|{app_pid=%d}{cause=%s}{oom_kill=%lld}", bytes,
	          (int)app, is_oom ? "oom" : "external_sigkill", (long long)(is_oom ? kills : TIME_NEVER));
}

void shutdown_log_stopped(struct log *log, const struct lifecycle *lifecycle, const struct reaped *app, int killed,
                          int not_killed, int64_t now_ms)
{
	char bytes[96];
	char end[SHUTDOWN_LOG_END_SIZE];
	struct text count = TEXT_IN(bytes);
	shutdown_log_add_count(&count, killed, "killed");
	if (not_killed > 0) {
		text_add(&count, ", ");
		shutdown_log_add_count(&count, not_killed, "not killed: permission denied");
	}
	log_event(log, LOG_NOTICE, "stopped",
	          "stopped in {duration_ms=%lli}: app %s, %s|{app_pid=%d}{app_status=%lld}{app_signal=%i}"
	          "{killed_count=%d}{not_killed_count=%d}",
	          since_ms(lifecycle->stop_started_ms, now_ms),
	          app->kind == REAPED_APP ? shutdown_log_end(app, end) : "still running", bytes, (int)app->pid,
	          shutdown_log_status(app), shutdown_log_signal(app), killed, not_killed);
}

long long shutdown_log_busy(int busy)
{
	return busy >= 0 ? busy : TIME_NEVER;
}

void shutdown_log_add_drained(struct text *text, const struct drain *drain)
{
	char time[TEXT_TIME_SIZE];
	int busy = drain->last_busy;
	(void)text_time(drain->ended_ms - drain->started_ms, time);
	if (busy == 0) {
		text_add(text, "drained in %s: no connection is busy", time);
		return;
	}
	text_add(text, "drain %s after %s: ", drain->ended_ms >= drain->due_ms ? "timeout" : "ended", time);
	if (busy > 0)
		text_add(text, "%d connection%s still busy", busy, busy > 1 ? "s" : "");
	else
		text_add(text, "the number of busy connections is not known");
}

void shutdown_log_draining(struct log *log, int busy, int64_t limit_ms)
{
	log_event(log, LOG_NOTICE, "draining",
	          "draining: {busy_count=%d} connection%s busy, waiting {drain_timeout_ms=%lli} at most", busy,
	          busy > 1 ? "s" : "", (long long)limit_ms);
}

void shutdown_log_drained(struct log *log, const struct drain *drain)
{
	char bytes[128];
	struct text text = TEXT_IN(bytes);
	shutdown_log_add_drained(&text, drain);
	log_event(log, drain->last_busy == 0 ? LOG_NOTICE : LOG_WARNING, "drained",
	          "%s|{duration_ms=%lld}{busy_count=%lld}", bytes, (long long)(drain->ended_ms - drain->started_ms),
	          shutdown_log_busy(drain->last_busy));
}

void shutdown_log_no_connections(struct log *log, int error)
{
	log_event(log, LOG_WARNING, "connections_failed",
	          "cannot check the app's connections: {error=%s}; the drain takes all of its time", strerror(error));
}
