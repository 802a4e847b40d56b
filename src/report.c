/*
 * Owns the report and its file. Never waits for the reader of the file, never changes lull's exit status.
 */
#include "report.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cgroup.h"
#include "fields.h"
#include "helper.h"
#include "shutdown_log.h"
#include "signals.h"
#include "text.h"

/* --- The file --------------------------------------------------------------------------------------------------- */

/* With O_NONBLOCK a FIFO without a reader is an error immediately: fifo(7). */
static int open_report(const char *path)
{
	return open(path, O_WRONLY | O_CREAT | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0644);
}

/* Returns whether the path is a descriptor that lull closes once the app runs. A symbolic link to one is not followed.
 */
static bool is_closed_later(const char *path)
{
	char own[32];
	struct text text = TEXT_IN(own);
	text_add(&text, "/proc/%d/fd/", (int)getpid());
	const char *const directories[] = {"/dev/fd/", "/proc/self/fd/", own};
	for (size_t i = 0; i < sizeof directories / sizeof directories[0]; i++)
		if (strncmp(path, directories[i], strlen(directories[i])) == 0)
			return strcmp(path + strlen(directories[i]), "2") != 0;
	return strcmp(path, "/dev/stdin") == 0 || strcmp(path, "/dev/stdout") == 0;
}

void report_try(const char *path, struct log *log)
{
	struct stat status;
	if (is_closed_later(path)) {
		log_line(log, LOG_WARNING,
		         "no report can be written to \"%s\": lull closes this descriptor when the app starts; use "
		         "/dev/stderr",
		         path);
		return;
	}
	if (stat(path, &status) == 0 && S_ISFIFO(status.st_mode))
		return; /* its reader would get an end of file */
	int fd = open_report(path);
	if (fd >= 0)
		(void)close(fd);
	else
		log_line(log, LOG_WARNING, "cannot open report file \"%s\": %s; lull tries again when it exits", path,
		         strerror(errno));
}

struct report_job {
	const char *path;
	const struct text *text;
};

/* One write, since reports in a pipe must not mix: pipe(7), PIPE_BUF. Returns 0 or an errno. */
static int append_report(const void *context)
{
	const struct report_job *job = context;
	int fd = open_report(job->path);
	ssize_t written = fd >= 0 ? write(fd, job->text->bytes, job->text->length) : -1;
	int error = written < 0 ? errno : 0;
	if (written >= 0 && (size_t)written < job->text->length)
		error = ENOSPC;
	if (fd >= 0 && close(fd) < 0 && error == 0)
		error = errno;
	return error;
}

static void warn_not_written(struct log *log, const char *path, int error)
{
	log_event(log, LOG_WARNING, "report_failed", "report not written to \"{path=%s}\": {error=%s}", path,
	          strerror(error));
}

/* Before the app runs there is no signal to delay, and the signal mask may not be set: no helper. */
static void write_report(const char *path, struct log *log, const struct text *text, bool app_ran)
{
	const struct report_job job = {.path = path, .text = text};
	bool started = app_ran && helper_start(log->helpers, HELPER_REPORT, -1, append_report, &job) == 0;
	errno = started ? helper_wait(log->helpers, HELPER_REPORT, signals_now_ms()) : append_report(&job);
	if (errno != 0)
		warn_not_written(log, path, errno);
}

/* --- The line --------------------------------------------------------------------------------------------------- */

/* The report, in one of two forms. The other one is a text without space. */
struct report {
	struct text text;
	struct text json;
	char nothing[1];
	char bytes[REPORT_LINE_SIZE];
};

static struct text *form_of(struct report *report, const struct log *log)
{
	return log->format == LOG_JSON ? &report->json : &report->text;
}

/* The line is cut off at the end of the buffer, so the fields of any length come last. */
static void start_line(struct report *report, const struct log *log, int64_t wall_ms, int status)
{
	char date[TEXT_TIME_SIZE];
	report->text = TEXT_IN(report->nothing);
	report->json = TEXT_IN(report->nothing);
	*form_of(report, log) = text_in(report->bytes, REPORT_LINE_SIZE - (sizeof "}\n" - 1));
	fields_add(&report->text, &report->json, "lull: {time=%s}; exit {exit=%d}", text_date(wall_ms, date), status);
}

static void write_report_line(struct report *report, const char *path, struct log *log, bool app_ran)
{
	struct text *line = form_of(report, log);
	bool is_json = line == &report->json;
	line->size = REPORT_LINE_SIZE;
	if (is_json)
		line->bytes[0] = '{'; /* in the place of a comma */
	else
		text_make_printable(line);
	text_add(line, is_json ? "}\n" : "\n");
	write_report(path, log, line, app_ran);
}

/* The error is cut, not left out. */
void report_failure(const char *path, struct log *log, const char *reason, int status)
{
	struct report report;
	if (path == NULL)
		return;
	start_line(&report, log, signals_wall_ms(), status);
	text_add(&report.text, "; error %s", reason);
	text_add(&report.json, ",\"error\":");
	(void)text_add_json(&report.json, reason, strlen(reason));
	write_report_line(&report, path, log, false);
}

/* --- The report of an app that was started ------------------------------------------------------------------------ */

void outcome_init(struct outcome *outcome, char killed_names[SHUTDOWN_LOG_NAMES_SIZE])
{
	outcome->started_ms = TIME_NEVER;
	for (int phase = PHASE_RUNNING; phase <= PHASE_ENDED; phase++)
		outcome->entered_ms[phase] = TIME_NEVER;
	outcome->app.kind = REAPED_NOTHING;
	outcome->app_ended_in = PHASE_RUNNING;
	outcome->killed_externally = false;
	outcome->stop.si_signo = 0;
	outcome->stop_started_ms = TIME_NEVER;
	outcome->sender[0] = '\0';
	outcome->drain.started_ms = TIME_NEVER;
	outcome->killed = 0;
	outcome->not_killed = 0;
	outcome->killed_names = killed_names;
	outcome->exit_status = 0;
}

/* What ended the run: a token for JSON, and text. */
struct cause {
	const char *token;
	const char *text;
};

static const struct cause *cause_of(const struct outcome *outcome, int64_t oom_kills)
{
	static const struct cause SELF = {"self", "itself"};
	static const struct cause SIGNAL = {"signal", "a signal"};
	static const struct cause STOP = {"stop", "a shutdown"};
	static const struct cause EXTERNAL = {"external_sigkill", "a SIGKILL not sent by lull"};
	static const struct cause OOM = {"oom", "a SIGKILL not sent by lull, probably out of memory"};
	bool stopping = outcome->app_ended_in == PHASE_STOPPING || outcome->app_ended_in == PHASE_KILLED;
	if (outcome->killed_externally)
		return oom_kills > 0 ? &OOM : &EXTERNAL;
	if (stopping || outcome->app.kind != REAPED_APP)
		return &STOP;
	return outcome->app.by_signal ? &SIGNAL : &SELF;
}

/* Returns how long a phase took, TIME_NEVER if there was none. */
static long long duration_of(const struct outcome *outcome, int phase)
{
	const int64_t *entered_ms = outcome->entered_ms;
	int next = phase + 1;
	if (entered_ms[phase] == TIME_NEVER)
		return TIME_NEVER;
	while (entered_ms[next] == TIME_NEVER)
		next++;
	return entered_ms[next] - entered_ms[phase];
}

/* Returns the text for what applies to this run. NULL: it is only a field, which is null then. */
static struct text *text_if(struct report *report, bool applies)
{
	return applies ? &report->text : NULL;
}

static void add_stop(struct report *report, const struct outcome *outcome, int64_t wall_ms)
{
	char sender[128];
	char date[TEXT_TIME_SIZE] = "";
	struct text text = TEXT_IN(sender);
	const siginfo_t *stop = &outcome->stop;
	bool stops = stop->si_signo != 0;
	bool by_process = stops && stop->si_code <= 0 && stop->si_pid != 0;
	if (stops) {
		shutdown_log_add_sender(&text, stop, outcome->sender);
		text_date(wall_ms - (outcome->entered_ms[PHASE_ENDED] - outcome->stop_started_ms), date);
	}
	if (by_process)
		text_add(&text, ", UID %u", stop->si_uid);
	fields_add(text_if(report, stops), &report->json,
	           "; stop signal {stop_signal=%i}; sender %s; started %s|{sender=%s}{sender_pid=%lld}{sender_name=%s}"
	           "{sender_uid=%lld}{stop_started=%s}",
	           stop->si_signo, sender, date, stops ? shutdown_log_sender_kind(stop) : NULL,
	           stops ? shutdown_log_sender_pid(stop) : TIME_NEVER,
	           by_process && outcome->sender[0] != '\0' ? outcome->sender : NULL,
	           by_process ? (long long)stop->si_uid : TIME_NEVER, stops ? date : NULL);
}

static void add_phases(struct report *report, const struct outcome *outcome)
{
	long long delay_ms = duration_of(outcome, PHASE_DELAY);
	long long stopping_ms = duration_of(outcome, PHASE_STOPPING);
	long long remaining_ms = duration_of(outcome, PHASE_LINGER);
	long long killing_ms = duration_of(outcome, PHASE_KILLED);
	struct text *json = &report->json;
	fields_add(text_if(report, delay_ms != TIME_NEVER), json, "; delay {delay_ms=%lli}", delay_ms);
	fields_add(text_if(report, stopping_ms != TIME_NEVER), json, "; stopping {stopping_ms=%lli}", stopping_ms);
	fields_add(text_if(report, remaining_ms != TIME_NEVER), json, "; remaining processes {remaining_ms=%lli}",
	           remaining_ms);
	fields_add(text_if(report, killing_ms != TIME_NEVER), json, "; killing {killing_ms=%lli}", killing_ms);
}

static void add_drain(struct report *report, const struct drain *drain)
{
	char bytes[128];
	struct text text = TEXT_IN(bytes);
	bool drains = drain->started_ms != TIME_NEVER;
	if (drains)
		shutdown_log_add_drained(&text, drain);
	fields_add(text_if(report, drains), &report->json,
	           "; %s|{drain_ms=%lld}{drain_first_busy_count=%lld}{drain_busy_count=%lld}", bytes,
	           drains ? (long long)(drain->ended_ms - drain->started_ms) : TIME_NEVER,
	           drains ? shutdown_log_busy(drain->first_busy) : TIME_NEVER,
	           drains ? shutdown_log_busy(drain->last_busy) : TIME_NEVER);
}

void report_outcome(const char *path, struct log *log, const struct outcome *outcome)
{
	char end[SHUTDOWN_LOG_END_SIZE];
	struct report report;
	int64_t wall_ms = signals_wall_ms();
	int64_t oom_kills = cgroup_oom_kills();
	const struct cause *cause = cause_of(outcome, oom_kills);
	bool is_listed = outcome->killed > 0;
	start_line(&report, log, wall_ms, outcome->exit_status);
	fields_add(&report.text, &report.json, "; ran {ran_ms=%lli}; ended by %s|{ended_by=%s}",
	           (long long)(outcome->entered_ms[PHASE_ENDED] - outcome->started_ms), cause->text, cause->token);
	fields_add(text_if(&report, oom_kills > 0), &report.json, "; oom_kill {oom_kill=%lld}",
	           (long long)(oom_kills > 0 ? oom_kills : TIME_NEVER));
	fields_add(&report.text, &report.json, "; app %s|{app_status=%lld}{app_signal=%i}",
	           outcome->app.kind == REAPED_APP ? shutdown_log_end(&outcome->app, end) : "still running",
	           shutdown_log_status(&outcome->app), shutdown_log_signal(&outcome->app));
	add_stop(&report, outcome, wall_ms);
	add_phases(&report, outcome);
	add_drain(&report, &outcome->drain);
	if (outcome->not_killed > 0) {
		text_add(&report.text, "; ");
		shutdown_log_add_count(&report.text, outcome->not_killed, "not killed: permission denied");
	}
	text_add(&report.text, is_listed ? "; killed %s" : "; no process killed", outcome->killed_names);
	fields_add(NULL, &report.json, "{not_killed_count=%d}{killed_count=%d}{killed=%p}", outcome->not_killed,
	           outcome->killed, is_listed ? (void *)outcome->killed_names : "[]");
	write_report_line(&report, path, log, true);
}
