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
#include "helper.h"
#include "shutdown_log.h"
#include "signals.h"
#include "text.h"

/* A list of fields, each with a key for JSON and a label for text. */
struct report_line {
	struct text text;
	bool json;
};

static void add_label(struct report_line *line, const char *key, const char *label)
{
	bool first = line->text.length == 0;
	if (line->json)
		text_add(&line->text, "%c\"%s\":", first ? '{' : ',', key);
	else
		text_add(&line->text, "%s%s ", first ? "" : "; ", label);
}

static void add_field(struct report_line *line, const char *key, const char *label, const char *value)
{
	add_label(line, key, label);
	if (line->json)
		text_add_json(&line->text, value, strlen(value));
	else
		text_add(&line->text, "%s", value);
}

static void add_count(struct report_line *line, const char *key, const char *label, int64_t number)
{
	add_label(line, key, label);
	text_add(&line->text, "%lld", (long long)number);
}

/* In JSON a number of ms. */
static void add_time(struct report_line *line, const char *key, const char *label, int64_t ms)
{
	char time[TEXT_TIME_SIZE];
	if (line->json)
		add_count(line, key, label, ms);
	else
		add_field(line, key, label, text_time(ms, time));
}

static void add_date(struct report_line *line, const char *key, const char *label, int64_t wall_ms)
{
	char date[TEXT_TIME_SIZE];
	add_field(line, key, label, text_date(wall_ms, date));
}

/* --- The file --------------------------------------------------------------------------------------------------- */

/* With O_NONBLOCK a FIFO without a reader is an error immediately: fifo(7). */
static int open_report(const char *path)
{
	return open(path, O_WRONLY | O_CREAT | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0644);
}

static void warn_not_written(struct log *log, const char *path)
{
	log_line(log, LOG_WARNING, "the report can not be written to \"%s\": %s", path, strerror(errno));
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
		         "the report can not be written to \"%s\": lull closes this descriptor once the app runs; use "
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
		warn_not_written(log, path);
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

/* Before the app runs there is no signal to delay, and the signal mask may not be set: no helper. */
static void write_report(const char *path, struct log *log, const struct text *text, bool app_ran)
{
	const struct report_job job = {.path = path, .text = text};
	bool started = app_ran && helper_start(log->helpers, HELPER_REPORT, -1, append_report, &job) == 0;
	errno = started ? helper_wait(log->helpers, HELPER_REPORT, signals_now_ms()) : append_report(&job);
	if (errno != 0)
		warn_not_written(log, path);
}

/* --- The line --------------------------------------------------------------------------------------------------- */

/* The line is cut off at the end of the buffer, so the fields of any length come last. */
static void start_line(struct report_line *line, const struct log *log, int64_t wall_ms, int status)
{
	line->json = log->format == LOG_JSON;
	line->text.size -= sizeof "}\n" - 1;
	add_date(line, "time", "lull:", wall_ms);
	add_count(line, "exit", "exit", status);
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
	add_field(&line, "error", "error", reason);
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

static const char *cause_of(const struct outcome *outcome, int64_t oom_kills)
{
	bool stopping = outcome->app_ended_in == PHASE_STOPPING || outcome->app_ended_in == PHASE_KILLED;
	if (outcome->killed_externally)
		return oom_kills > 0 ? "the kernel's out-of-memory killer" : "a SIGKILL that was not lull's";
	if (stopping || outcome->app.kind != REAPED_APP)
		return "a stop";
	return outcome->app.by_signal ? "a signal" : "itself";
}

static void add_app(struct report_line *line, const struct reaped *app)
{
	char name[SIGNAL_NAME_SIZE];
	if (app->kind != REAPED_APP)
		add_field(line, "app", "app", "has not ended");
	else if (app->by_signal)
		add_field(line, "app_signal", "app ended by", signal_name(app->status - 128, name));
	else
		add_count(line, "app_exit", "app exited", app->status);
}

/* A code above 0 is the kernel's: sigaction(2), si_code. */
static void add_sender_fields(struct report_line *line, const siginfo_t *info, const char *sender)
{
	if (info->si_code > 0) {
		add_field(line, "sender", "from", "the kernel");
		return;
	}
	if (info->si_pid == 0)
		sender = "outside";
	if (sender[0] != '\0')
		add_field(line, "sender", "from", sender);
	add_count(line, "pid", "pid", info->si_pid);
	add_count(line, "uid", "uid", info->si_uid);
}

static void add_phases(struct report_line *line, const int64_t entered_ms[PHASE_ENDED + 1])
{
	static const struct {
		const char *key;
		const char *label;
	} NAMES[] = {
		[PHASE_DELAY] = {"delay_ms", "delay"},
		[PHASE_STOPPING] = {"stopping_ms", "stopping"},
		[PHASE_LINGER] = {"leftovers_ms", "leftovers"},
		[PHASE_KILLED] = {"killing_ms", "killing"},
	};
	for (int phase = PHASE_DELAY; phase < PHASE_ENDED; phase++) {
		int next = phase + 1;
		while (entered_ms[next] == TIME_NEVER)
			next++;
		if (entered_ms[phase] != TIME_NEVER)
			add_time(line, NAMES[phase].key, NAMES[phase].label, entered_ms[next] - entered_ms[phase]);
	}
}

void report_outcome(const char *path, struct log *log, const struct outcome *outcome)
{
	char bytes[REPORT_LINE_SIZE];
	char name[SIGNAL_NAME_SIZE];
	struct report_line line = {.text = TEXT_IN(bytes)};
	const siginfo_t *stop = &outcome->stop;
	int64_t wall_ms = signals_wall_ms();
	int64_t ended_ms = outcome->entered_ms[PHASE_ENDED];
	int64_t oom_kills = cgroup_oom_kills();
	start_line(&line, log, wall_ms, outcome->exit_status);
	add_time(&line, "ran_ms", "ran", ended_ms - outcome->started_ms);
	add_field(&line, "ended_by", "ended by", cause_of(outcome, oom_kills));
	if (oom_kills > 0)
		add_count(&line, "oom_kill", "oom_kill", oom_kills);
	add_app(&line, &outcome->app);
	if (stop->si_signo != 0) {
		add_field(&line, "stop", "stop", signal_name(stop->si_signo, name));
		add_sender_fields(&line, stop, outcome->sender);
		add_date(&line, "begun", "begun", wall_ms - (ended_ms - outcome->stop_started_ms));
	}
	add_phases(&line, outcome->entered_ms);
	if (outcome->not_killed > 0)
		add_count(&line, "not_killed", "not killed", outcome->not_killed);
	add_field(&line, "killed", "killed", outcome->killed > 0 ? outcome->killed_names : "nobody");
	write_report_line(&line, path, log, true);
}
