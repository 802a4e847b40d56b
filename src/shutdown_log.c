/*
 * Owns the log lines about a shutdown. Never sends a signal, never decides.
 */
#include "shutdown_log.h"

#include <signal.h>

#include "cgroup.h"
#include "processes.h"
#include "text.h"

const char *shutdown_log_end(const struct reaped *reaped, char buffer[SHUTDOWN_LOG_END_SIZE])
{
	char name[SIGNAL_NAME_SIZE];
	struct text text = text_in(buffer, SHUTDOWN_LOG_END_SIZE);
	if (reaped->by_signal)
		text_add(&text, "ended by %s", signal_name(reaped->status - 128, name));
	else
		text_add(&text, "exited %d", reaped->status);
	return buffer;
}

/* A code above 0 is the kernel's: sigaction(2), si_code. */
static void add_sender_name(struct text *text, const siginfo_t *info)
{
	struct process sender;
	if (info->si_code > 0) {
		text_add(text, "from the kernel");
		return;
	}
	if (info->si_pid == 0) {
		text_add(text, "from outside");
		return;
	}
	process_name(info->si_pid, &sender);
	text_add(text, sender.name[0] != '\0' ? "from %d (%s)" : "from %d", (int)info->si_pid, sender.name);
}

static void add_first_step(struct text *text, const struct lifecycle *lifecycle, const struct schedule *schedule,
                           int signo)
{
	char name[SIGNAL_NAME_SIZE];
	char time[TEXT_TIME_SIZE];
	int64_t wait_ms = schedule->plan->steps[0].wait_ms;
	int sent = schedule_signal(schedule, 0);
	if (sent == 0)
		text_add(text, "passing nothing on");
	else if (sent == signo)
		text_add(text, "passing it on");
	else
		text_add(text, "sending %s", signal_name(sent, name));
	if (wait_ms > 0)
		text_add(text, " in %s", text_time(wait_ms, time));
	if (lifecycle->pre_stop_ms > schedule->due_ms && lifecycle->pre_stop_ms != TIME_NEVER)
		text_add(text, "%s after the pre-stop program, at %s at the latest", wait_ms > 0 ? " and" : "",
		         text_time(lifecycle->pre_stop_ms - lifecycle->stop_started_ms, time));
	else if (wait_ms == 0)
		text_add(text, " now");
}

/* Times are counted from the start of the shutdown. */
static void add_later_steps(struct text *text, const struct schedule *schedule, int64_t started_ms)
{
	char name[SIGNAL_NAME_SIZE];
	char time[TEXT_TIME_SIZE];
	int64_t times_ms[PLAN_STEPS];
	int sent = schedule_signal(schedule, 0);
	schedule_times(schedule, started_ms, times_ms);
	for (int i = 1; i < schedule->plan->count && sent != SIGKILL; i++) {
		sent = schedule_signal(schedule, i);
		if (sent != 0)
			text_add(text, ", %s at %s", signal_name(sent, name),
			         text_time(times_ms[i] - started_ms, time));
	}
	if (sent != SIGKILL)
		text_add(text, ", no SIGKILL");
}

/* The plan as it was when the shutdown started: its first steps may be done already. */
static void add_plan(struct text *text, const struct lifecycle *lifecycle, int signo, bool app_has_it)
{
	struct schedule schedule;
	int64_t started_ms = lifecycle->stop_started_ms;
	schedule_start(&schedule, lifecycle->schedule.plan, lifecycle->schedule.stop_signal, started_ms);
	if (app_has_it) {
		schedule_step_done(&schedule, started_ms);
		text_add(text, "the app has it from the terminal");
	} else {
		add_first_step(text, lifecycle, &schedule, signo);
	}
	add_later_steps(text, &schedule, started_ms);
}

void shutdown_log_stopping(struct log *log, const struct lifecycle *lifecycle, const siginfo_t *info, bool app_has_it,
                           int64_t now_ms)
{
	char bytes[1024];
	char name[SIGNAL_NAME_SIZE];
	char time[TEXT_TIME_SIZE];
	struct text text = TEXT_IN(bytes);
	if (log->level < LOG_NOTICE)
		return;
	text_add(&text, "stop: %s ", signal_name(info->si_signo, name));
	add_sender_name(&text, info);
	if (lifecycle->phase == PHASE_LINGER) {
		text_add(&text, "; the app has ended, SIGKILL to what it left behind in %s",
		         text_time(lifecycle->kill_ms - now_ms, time));
	} else {
		text_add(&text, "; ");
		add_plan(&text, lifecycle, info->si_signo, app_has_it);
	}
	log_line(log, LOG_NOTICE, "%s", bytes);
}

void shutdown_log_no_delay(struct log *log, int signo)
{
	char name[SIGNAL_NAME_SIZE];
	const char *full = signal_name(signo, name);
	log_line(log, LOG_WARNING,
	         "%s from outside was passed on at once, without the delay; if it is the stop signal of this image, "
	         "write --stop-signal TERM,%s or LULL_STOP_SIGNAL=TERM,%s",
	         full, full + 3, full + 3);
}

void shutdown_log_replaced(struct log *log, int signo, pid_t app)
{
	char name[SIGNAL_NAME_SIZE];
	struct process process;
	process_name(app, &process);
	log_line(log, LOG_NOTICE, "%s has no effect on PID %d (%s); sent SIGTERM instead", signal_name(signo, name),
	         (int)app, process.name);
}

void shutdown_log_ignored(struct log *log, int signo, pid_t app, int stop)
{
	char name[SIGNAL_NAME_SIZE];
	char stop_name[SIGNAL_NAME_SIZE];
	struct process process;
	process_name(app, &process);
	log_line(log, LOG_WARNING,
	         "PID %d (%s) ignores %s%s; if it is a script, start its program with exec or use --group; if it stops "
	         "on another signal, use --rewrite %s:SIGNAL",
	         (int)app, process.name, signal_name(signo, name), signo != SIGTERM ? " and SIGTERM" : "",
	         signal_short_name(stop, stop_name));
}

/* The signal is dropped if a rewrite to 0 drops it. */
static void log_since_signal(struct log *log, const struct lifecycle *lifecycle, const char *what, int64_t now_ms,
                             const char *to, const char *names)
{
	char time[TEXT_TIME_SIZE];
	log_line(log, LOG_WARNING, "%s %s after the signal was %s%s %s", what,
	         text_time(now_ms - lifecycle->first_sent_ms, time),
	         schedule_signal(&lifecycle->schedule, 0) != 0 ? "passed on" : "dropped", to, names);
}

void shutdown_log_running(struct log *log, const struct lifecycle *lifecycle, pid_t pre_stop, int64_t now_ms)
{
	char bytes[2048];
	struct text text = TEXT_IN(bytes);
	struct excluded excluded = {.pre_stop = pre_stop, .helpers = log->helpers};
	if (log->level >= LOG_NOTICE && processes_describe(SCOPE_DESCENDANTS, excluded, &text, NULL) > 0)
		log_since_signal(log, lifecycle, "still running", now_ms, ":", bytes);
}

int shutdown_log_killing(struct log *log, const struct lifecycle *lifecycle, bool init, int64_t now_ms, char *names,
                         int *denied)
{
	char own[SHUTDOWN_LOG_NAMES_SIZE];
	char time[TEXT_TIME_SIZE];
	char *bytes = names != NULL ? names : own;
	struct text text = text_in(bytes, SHUTDOWN_LOG_NAMES_SIZE);
	if (log->level < LOG_WARNING && names == NULL)
		return 0;
	struct excluded excluded = {.helpers = log->helpers};
	int count = processes_describe(init ? SCOPE_NAMESPACE : SCOPE_DESCENDANTS, excluded, &text, denied);
	if (count == 0)
		return 0;
	if (lifecycle->first_sent_ms != TIME_NEVER)
		log_since_signal(log, lifecycle, "SIGKILL", now_ms, ", to:", bytes);
	else if (lifecycle->app_exited_ms != TIME_NEVER)
		log_line(log, LOG_WARNING, "SIGKILL %s after the app had ended, to: %s",
		         text_time(now_ms - lifecycle->app_exited_ms, time), bytes);
	else
		log_line(log, LOG_WARNING, "SIGKILL, with no signal before it, to: %s", bytes);
	return count;
}

void shutdown_log_killed_externally(struct log *log)
{
	char bytes[128];
	struct text why = TEXT_IN(bytes);
	int64_t kills = cgroup_oom_kills();
	if (kills > 0)
		text_add(&why, ": by the kernel's out-of-memory killer, says the cgroup: oom_kill %lld",
		         (long long)kills);
	log_line(log, LOG_WARNING, "the app was killed by SIGKILL, and not by lull%s", bytes);
}

void shutdown_log_stopped(struct log *log, const struct lifecycle *lifecycle, const struct reaped *app, int killed,
                          int not_killed, int64_t now_ms)
{
	char bytes[64];
	char end[SHUTDOWN_LOG_END_SIZE];
	char time[TEXT_TIME_SIZE];
	struct text count = TEXT_IN(bytes);
	if (killed > 0)
		text_add(&count, "%d killed", killed);
	else
		text_add(&count, "nothing killed");
	if (not_killed > 0)
		text_add(&count, ", %d not killed", not_killed);
	log_line(log, LOG_NOTICE, "stopped in %s: app %s, %s", text_time(now_ms - lifecycle->stop_started_ms, time),
	         app->kind == REAPED_APP ? shutdown_log_end(app, end) : "has not ended", bytes);
}
