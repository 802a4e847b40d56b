/*
 * Owns the report and its file. Never waits for whoever reads it, never changes what lull does or exits with.
 */
#include "report.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cgroup.h"
#include "helper.h"
#include "json.h"
#include "processes.h"
#include "shutdown_log.h"
#include "signals.h"
#include "supervisor.h"
#include "text.h"

/* A report being put together: one list of fields, each with a name for a machine and words for a person. */
struct line {
	struct text text;
	bool json;
};

static void begin_field(struct line *line, const char *key, const char *words)
{
	bool first = line->text.length == 0;
	if (line->json)
		text_add(&line->text, "%c\"%s\":", first ? '{' : ',', key);
	else
		text_add(&line->text, "%s%s ", first ? "" : "; ", words);
}

static void add_words(struct line *line, const char *key, const char *words, const char *value)
{
	begin_field(line, key, words);
	if (line->json)
		json_add(&line->text, value, strlen(value));
	else
		text_add(&line->text, "%s", value);
}

static void add_number(struct line *line, const char *key, const char *words, int64_t number)
{
	begin_field(line, key, words);
	text_add(&line->text, "%lld", (long long)number);
}

/* A number of ms, or a time for people. */
static void add_time(struct line *line, const char *key, const char *words, int64_t ms)
{
	char time[TEXT_TIME_SIZE];
	if (line->json)
		add_number(line, key, words, ms);
	else
		add_words(line, key, words, text_time(ms, time));
}

static void add_date(struct line *line, const char *key, const char *words, int64_t wall_ms)
{
	char date[TEXT_TIME_SIZE];
	add_words(line, key, words, text_date(wall_ms, date));
}

/* --- The file --------------------------------------------------------------------------------------------------- */

/* A FIFO that nobody reads is an error at once. */
static int open_report(const char *path)
{
	return open(path, O_WRONLY | O_CREAT | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0644);
}

static void warn(struct log *log, const char *path)
{
	log_line(log, LOG_WARNING, "the report can not be written to \"%s\": %s", path, strerror(errno));
}

/* A descriptor of lull's own that is closed once the app runs. A link to one is not followed. */
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
		return; /* whoever reads it would be told that nothing more comes */
	int fd = open_report(path);
	if (fd >= 0)
		(void)close(fd);
	else
		warn(log, path);
}

struct report_job {
	const char *path;
	const struct text *text;
};

/* One write: in a pipe it is whole or not at all, and two reports do not mix. Returns 0 or an errno. */
static int append(const void *context)
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

/* Before the app runs nothing can be late, and signals may not be blocked. */
static void write_report(const char *path, struct log *log, const struct text *text, bool app_ran)
{
	const struct report_job job = {.path = path, .text = text};
	bool started = app_ran && helper_start(log->helpers, HELPER_REPORT, -1, append, &job) == 0;
	errno = started ? helper_wait(log->helpers, HELPER_REPORT, signals_now_ms()) : append(&job);
	if (errno != 0)
		warn(log, path);
}

/* --- The line --------------------------------------------------------------------------------------------------- */

/* The fields whose length somebody else decides come last: what does not fit is cut off. */
static void begin(struct line *line, const struct log *log, int64_t wall_ms, int status)
{
	line->json = log->format == LOG_JSON;
	line->text.size -= sizeof "}\n" - 1;
	add_date(line, "time", "lull:", wall_ms);
	add_number(line, "exit", "exit", status);
}

static void finish(struct line *line, const char *path, struct log *log, bool app_ran)
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
	struct line line = {.text = TEXT_IN(bytes)};
	if (path == NULL)
		return;
	begin(&line, log, signals_wall_ms(), status);
	add_words(&line, "error", "error", reason);
	finish(&line, path, log, false);
}

/* --- What is kept for the end ----------------------------------------------------------------------------------- */

void report_init(struct report *report, const char *path, char killed[SHUTDOWN_LOG_NAMES_SIZE])
{
	report->path = path;
	if (path == NULL)
		return;
	report->started_ms = signals_now_ms();
	report->killed = killed;
	for (int phase = PHASE_RUNNING; phase <= PHASE_ENDED; phase++)
		report->entered_ms[phase] = TIME_NEVER;
}

void report_phase(struct report *report, enum phase phase, int64_t now_ms)
{
	report->entered_ms[phase] = now_ms;
}

void report_stop(struct report *report, const siginfo_t *info)
{
	struct process sender;
	process_name(info->si_pid, &sender);
	memcpy(report->sender, sender.name, sizeof report->sender);
}

/* --- The report of an app that ran -------------------------------------------------------------------------------- */

static const char *cause(const struct supervisor *supervisor, int64_t oom_kills)
{
	bool stopping = supervisor->app_ended_in == PHASE_STOPPING || supervisor->app_ended_in == PHASE_KILLED;
	if (supervisor->killed_by_others)
		return oom_kills > 0 ? "the kernel's out-of-memory killer" : "a SIGKILL that was not lull's";
	if (stopping || supervisor->app.kind != REAPED_APP)
		return "a stop";
	return supervisor->app.by_signal ? "a signal" : "itself";
}

static void add_app(struct line *line, const struct reaped *app)
{
	char name[SIGNAL_NAME_SIZE];
	if (app->kind != REAPED_APP)
		add_words(line, "app", "app", "has not ended");
	else if (app->by_signal)
		add_words(line, "app_signal", "app ended by", signal_name(app->status - 128, name));
	else
		add_number(line, "app_exit", "app exited", app->status);
}

/* Who sent it: sigaction(2), si_code. */
static void add_sender(struct line *line, const siginfo_t *info, const char *sender)
{
	if (info->si_code > 0) {
		add_words(line, "sender", "from", "the kernel");
		return;
	}
	if (info->si_pid == 0)
		sender = "outside";
	if (sender[0] != '\0')
		add_words(line, "sender", "from", sender);
	add_number(line, "pid", "pid", info->si_pid);
	add_number(line, "uid", "uid", info->si_uid);
}

static void add_phases(struct line *line, const int64_t entered_ms[PHASE_ENDED + 1])
{
	static const struct {
		const char *key;
		const char *words;
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
			add_time(line, NAMES[phase].key, NAMES[phase].words, entered_ms[next] - entered_ms[phase]);
	}
}

void report_end(const struct supervisor *supervisor)
{
	char bytes[REPORT_LINE_SIZE];
	char name[SIGNAL_NAME_SIZE];
	struct line line = {.text = TEXT_IN(bytes)};
	const struct report *report = &supervisor->report;
	const siginfo_t *stop = &supervisor->stop;
	int64_t wall_ms = signals_wall_ms();
	int64_t ended_ms = report->entered_ms[PHASE_ENDED];
	int64_t oom_kills = cgroup_oom_kills();
	begin(&line, supervisor->log, wall_ms, supervisor->exit_status);
	add_time(&line, "ran_ms", "ran", ended_ms - report->started_ms);
	add_words(&line, "ended_by", "ended by", cause(supervisor, oom_kills));
	if (oom_kills > 0)
		add_number(&line, "oom_kill", "oom_kill", oom_kills);
	add_app(&line, &supervisor->app);
	if (stop->si_signo != 0) {
		add_words(&line, "stop", "stop", signal_name(stop->si_signo, name));
		add_sender(&line, stop, report->sender);
		add_date(&line, "begun", "begun", wall_ms - (ended_ms - supervisor->lifecycle.stop_begun_ms));
	}
	add_phases(&line, report->entered_ms);
	if (supervisor->not_killed > 0)
		add_number(&line, "not_killed", "not killed", supervisor->not_killed);
	add_words(&line, "killed", "killed", supervisor->killed > 0 ? report->killed : "nobody");
	finish(&line, report->path, supervisor->log, true);
}
