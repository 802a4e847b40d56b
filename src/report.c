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

/* The report, as a JSON object or as text. */
struct report_line {
	struct text text;
	bool json;
};

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

/* The line is cut off at the end of the buffer, so the fields of any length come last. */
static void start_line(struct report_line *line, const struct log *log, int64_t wall_ms, int status)
{
	char date[TEXT_TIME_SIZE];
	line->json = log->format == LOG_JSON;
	line->text.size -= sizeof "}\n" - 1;
	text_add(&line->text, line->json ? "{\"time\":\"%s\"" : "lull: %s", text_date(wall_ms, date));
	text_add(&line->text, line->json ? ",\"exit\":%d" : "; exit %d", status);
}

static void write_report_line(struct report_line *line, const char *path, struct log *log, bool app_ran)
{
	line->text.size += sizeof "}\n" - 1;
	if (!line->json)
		text_make_printable(&line->text);
	text_add(&line->text, line->json ? "}\n" : "\n");
	write_report(path, log, &line->text, app_ran);
}

void report_failure(const char *path, struct log *log, const char *reason, int status)
{
	char bytes[REPORT_LINE_SIZE];
	struct report_line line = {.text = TEXT_IN(bytes)};
	if (path == NULL)
		return;
	start_line(&line, log, signals_wall_ms(), status);
	text_add(&line.text, line.json ? ",\"error\":" : "; error %s", reason);
	if (line.json)
		(void)text_add_json(&line.text, reason, strlen(reason));
	write_report_line(&line, path, log, false);
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
static int64_t duration_of(const struct outcome *outcome, int phase)
{
	const int64_t *entered_ms = outcome->entered_ms;
	int next = phase + 1;
	if (entered_ms[phase] == TIME_NEVER)
		return TIME_NEVER;
	while (entered_ms[next] == TIME_NEVER)
		next++;
	return entered_ms[next] - entered_ms[phase];
}

/* What both forms of a report are made from. */
struct facts {
	const struct cause *cause;
	int64_t oom_kills;
	int64_t ran_ms;
	char started[TEXT_TIME_SIZE]; /* when the shutdown started */
};

static void add_json(struct text *text, const struct outcome *outcome, const struct facts *facts)
{
	const siginfo_t *stop = &outcome->stop;
	bool stops = stop->si_signo != 0;
	bool by_process = stops && stop->si_code <= 0 && stop->si_pid != 0;
	fields_add(NULL, text, "|{ran_ms=%lld}{ended_by=%s}{oom_kill=%lld}{app_status=%lld}{app_signal=%i}",
	           (long long)facts->ran_ms, facts->cause->token,
	           (long long)(facts->oom_kills > 0 ? facts->oom_kills : TIME_NEVER),
	           shutdown_log_status(&outcome->app), shutdown_log_signal(&outcome->app));
	fields_add(NULL, text,
	           "|{stop_signal=%i}{sender=%s}{sender_pid=%lld}{sender_name=%s}{sender_uid=%lld}{stop_started=%s}",
	           stop->si_signo, stops ? shutdown_log_sender_kind(stop) : NULL,
	           stops ? shutdown_log_sender_pid(stop) : TIME_NEVER,
	           by_process && outcome->sender[0] != '\0' ? outcome->sender : NULL,
	           by_process ? (long long)stop->si_uid : TIME_NEVER, stops ? facts->started : NULL);
	fields_add(NULL, text, "|{delay_ms=%lld}{stopping_ms=%lld}{remaining_ms=%lld}{killing_ms=%lld}",
	           (long long)duration_of(outcome, PHASE_DELAY), (long long)duration_of(outcome, PHASE_STOPPING),
	           (long long)duration_of(outcome, PHASE_LINGER), (long long)duration_of(outcome, PHASE_KILLED));
	fields_add(NULL, text, "|{not_killed_count=%d}{killed_count=%d}{killed=%p}", outcome->not_killed,
	           outcome->killed, outcome->killed > 0 ? (void *)outcome->killed_names : "[]");
}

static void add_text(struct text *text, const struct outcome *outcome, const struct facts *facts)
{
	static const char *const PHASES[] = {[PHASE_DELAY] = "delay",
	                                     [PHASE_STOPPING] = "stopping",
	                                     [PHASE_LINGER] = "remaining processes",
	                                     [PHASE_KILLED] = "killing"};
	char buffer[TEXT_TIME_SIZE];
	char end[SHUTDOWN_LOG_END_SIZE];
	const siginfo_t *stop = &outcome->stop;
	text_add(text, "; ran %s; ended by %s", text_time(facts->ran_ms, buffer), facts->cause->text);
	if (facts->oom_kills > 0)
		text_add(text, "; oom_kill %lld", (long long)facts->oom_kills);
	text_add(text, "; app %s",
	         outcome->app.kind == REAPED_APP ? shutdown_log_end(&outcome->app, end) : "still running");
	if (stop->si_signo != 0) {
		text_add(text, "; stop signal %s; sender ", signal_name(stop->si_signo, buffer));
		shutdown_log_add_sender(text, stop, outcome->sender);
		if (stop->si_code <= 0 && stop->si_pid != 0)
			text_add(text, ", UID %u", stop->si_uid);
		text_add(text, "; started %s", facts->started);
	}
	for (int phase = PHASE_DELAY; phase < PHASE_ENDED; phase++)
		if (outcome->entered_ms[phase] != TIME_NEVER)
			text_add(text, "; %s %s", PHASES[phase], text_time(duration_of(outcome, phase), buffer));
	if (outcome->not_killed > 0) {
		text_add(text, "; ");
		shutdown_log_add_count(text, outcome->not_killed, "not killed: permission denied");
	}
	text_add(text, outcome->killed > 0 ? "; killed %s" : "; no process killed", outcome->killed_names);
}

void report_outcome(const char *path, struct log *log, const struct outcome *outcome)
{
	char bytes[REPORT_LINE_SIZE];
	struct report_line line = {.text = TEXT_IN(bytes)};
	int64_t wall_ms = signals_wall_ms();
	int64_t ended_ms = outcome->entered_ms[PHASE_ENDED];
	struct facts facts = {.oom_kills = cgroup_oom_kills(), .ran_ms = ended_ms - outcome->started_ms};
	facts.cause = cause_of(outcome, facts.oom_kills);
	if (outcome->stop.si_signo != 0)
		text_date(wall_ms - (ended_ms - outcome->stop_started_ms), facts.started);
	start_line(&line, log, wall_ms, outcome->exit_status);
	if (line.json)
		add_json(&line.text, outcome, &facts);
	else
		add_text(&line.text, outcome, &facts);
	write_report_line(&line, path, log, true);
}
