/*
 * Owns lull's standard output. Never starts a process.
 */
#include "help.h"

#include <string.h>
#include <unistd.h>

#include "signals.h"
#include "text.h"

enum { PAGE_SIZE = 8192, LINE_WIDTH = 80, TEXT_COLUMN = 33 };

static int print(int fd, const struct text *text)
{
	for (size_t at = 0; at < text->length;) {
		ssize_t written = write(fd, text->bytes + at, text->length - at);
		if (written < 0)
			return -1;
		at += (size_t)written;
	}
	return 0;
}

int help_print_version(const struct compat_mode *compat)
{
	char bytes[128];
	struct text text = TEXT_IN(bytes);
	text_add(&text, "%s\n", compat->version);
	return print(compat->version_to, &text);
}

int help_print_licence(const struct compat_mode *compat)
{
	char bytes[128];
	struct text text = TEXT_IN(bytes);
	text_add(&text, "This is lull, called as %s. This text grants no licence.\n", compat->names[0]);
	return print(STDOUT_FILENO, &text);
}

/* Breaks the text at spaces: no word is as long as the space for it. */
static void add_help_row(struct text *text, const char *left, const char *help)
{
	const size_t width = LINE_WIDTH - TEXT_COLUMN;
	size_t column = strlen(left);
	text_add(text, "%s", left);
	for (size_t length = strlen(help); length > 0; length = strlen(help)) {
		size_t shown = length;
		if (shown > width)
			for (shown = width; help[shown] != ' '; shown--)
				continue;
		for (; column < TEXT_COLUMN; column++)
			text_add(text, " ");
		text_add(text, "%.*s\n", (int)shown, help);
		help += shown < length ? shown + 1 : shown;
		column = 0;
	}
}

static void add_option(struct text *text, const struct option *option)
{
	char bytes[TEXT_COLUMN + 16];
	struct text left = TEXT_IN(bytes);
	text_add(&left, option->letter != '\0' ? "  -%c" : "    ", option->letter);
	if (option->name != NULL)
		text_add(&left, "%s--%s", option->letter != '\0' ? ", " : "  ", option->name);
	if (option->argument != NULL)
		text_add(&left, " %s", option->argument);
	add_help_row(text, bytes, option->help);
}

/* The options of all groups up to `last`, from `first`. */
static void add_options(struct text *text, enum compat_id mode, enum option_group first, enum option_group last)
{
	const struct option *option;
	for (size_t i = 0; (option = options_row(mode, i)) != NULL; i++)
		if (option->help != NULL && (option->letter != '\0' || option->name != NULL) &&
		    option->group >= first && option->group <= last)
			add_option(text, option);
}

static void add_variables(struct text *text, enum compat_id mode)
{
	const struct option *option;
	for (size_t i = 0; (option = options_row(mode, i)) != NULL; i++) {
		char bytes[TEXT_COLUMN];
		struct text left = TEXT_IN(bytes);
		if (option->variable == NULL)
			continue;
		text_add(&left, "  %s", option->variable);
		add_help_row(text, bytes, option->help);
	}
}

static const char FORMS[] = "\nTIME is 5, 250ms, 1.5s, 2m, 1h or 1m30s. SIG is TERM, SIGTERM, 15 or RTMIN+3.\n";

/* In a compatibility mode: the options of the peer, and all variables. */
static void add_peer_help(struct text *text, const struct compat_mode *compat)
{
	const char *name = compat->names[0];
	text_add(text,
	         "Usage: %s [OPTION]... [--] COMMAND [ARG]...\n"
	         "       %s --ready [--] [COMMAND [ARG]...]\n"
	         "       %s --explain [OPTION]...\n\n"
	         "This is lull in %s mode, with the options and exit status of %s.\n\n"
	         "Options:\n",
	         name, name, name, name, name);
	add_options(text, compat->id, GROUP_TIMING, GROUP_OTHER);
	text_add(text, "\nVariables:\n");
	add_variables(text, compat->id);
	add_variables(text, COMPAT_LULL);
	text_add(text,
	         "\nIn this mode the default of LULL_TIMEOUT is never%s.\n"
	         "Without LULL_LINGER, lull does not wait for remaining processes.\n"
	         "%sManual: man lull\n",
	         compat->session ? ", and LULL_GROUP is on" : "", FORMS);
}

static void add_own_help(struct text *text)
{
	static const char GROUPS[][16] = {
		[GROUP_TIMING] = "Shutdown timing", [GROUP_SIGNALS] = "Signals", [GROUP_DRAIN] = "Draining",
		[GROUP_EXIT] = "Exit status",       [GROUP_LOG] = "Logging",     [GROUP_OTHER] = "Other",
	};
	text_add(text, "Usage: lull [OPTION]... [--] COMMAND [ARG]...\n"
	               "       lull --ready [OPTION]... [--] [COMMAND [ARG]...]\n"
	               "       lull --explain [OPTION]...\n"
	               "       lull --pause\n\n"
	               "Run COMMAND, the app, as the init of a container: forward signals, reap orphans.\n"
	               "On a stop signal: drain, wait, forward the signal, send SIGKILL in time.\n");
	for (enum option_group group = GROUP_TIMING; group <= GROUP_OTHER; group++) {
		text_add(text, "\n%s:\n", GROUPS[group]);
		add_options(text, COMPAT_LULL, group, group);
	}
	text_add(text,
	         "%s"
	         "Each option above \"Other\" has a variable: --stop-signal is LULL_STOP_SIGNAL.\n"
	         "Exit status: that of COMMAND; 125: lull failed, 126: COMMAND cannot be executed,\n"
	         "127: COMMAND not found.\n\n"
	         "Examples:\n"
	         "  lull --grace 30s --delay 10s node server.js\n"
	         "  docker run --stop-timeout 30 -e LULL_GRACE=30s -e LULL_DELAY=10s IMAGE\n\n"
	         "Manual: man lull\n",
	         FORMS);
}

int help_print(const struct compat_mode *compat)
{
	char bytes[PAGE_SIZE];
	struct text text = TEXT_IN(bytes);
	if (compat->id == COMPAT_LULL)
		add_own_help(&text);
	else
		add_peer_help(&text, compat);
	return print(compat->help_to, &text);
}

/* --- The time line ------------------------------------------------------------------------------------------------ */

static void add_row(struct text *text, int64_t at_ms, const char *what, const char *rest)
{
	char time[TEXT_TIME_SIZE];
	const char *shown = text_time(at_ms, time);
	for (size_t i = strlen(shown); i < 10; i++)
		text_add(text, " ");
	text_add(text, "%s  %s%s\n", shown, what, rest);
}

static void add_signals(struct text *text, uint64_t signals)
{
	char name[SIGNAL_NAME_SIZE];
	const char *separator = "";
	for (int signo = 1; signo <= SIGNALS_MAX; signo++) {
		if ((signals & SIGNAL_BIT(signo)) == 0)
			continue;
		text_add(text, "%s%s", separator, signal_name(signo, name));
		separator = " or ";
	}
}

/* The signal that "=" in a plan stands for, or -1 if it depends on the stop signal. */
static int only_stop_signal(const struct policy *policy)
{
	int found = -1;
	for (int signo = 1; signo <= SIGNALS_MAX; signo++) {
		if ((policy->stop_signals & SIGNAL_BIT(signo)) == 0)
			continue;
		if (found >= 0 && found != policy->rewrite[signo])
			return -1;
		found = policy->rewrite[signo];
	}
	return found;
}

static const char *shown_signal(int signo, char name[SIGNAL_NAME_SIZE])
{
	return signo < 0 ? "the stop signal" : signal_name(signo, name);
}

static void add_plan_step(struct text *text, const struct policy *policy, int signo, int64_t at_ms)
{
	char name[SIGNAL_NAME_SIZE];
	if (signo == SIGKILL)
		add_row(text, at_ms, "SIGKILL", " to all remaining processes; lull exits when they have exited");
	else if (signo == 0)
		add_row(text, at_ms, "no signal to the app", " (dropped by --rewrite)");
	else
		add_row(text, at_ms, shown_signal(signo, name), policy->group ? " to the app's group" : " to the app");
}

static void add_readiness(struct text *text, const struct options *options)
{
	char bytes[32];
	char time[TEXT_TIME_SIZE];
	struct text until = TEXT_IN(bytes);
	int64_t ready_for_ms = options->policy.ready_for_ms;
	text_add(&until, "until %s", text_time(ready_for_ms, time));
	if (ready_for_ms > 0)
		add_row(text, 0, "the container is reported as ready ", bytes);
	if (options->drain_file != NULL)
		add_row(text, 0, options->drain_file, ready_for_ms > 0 ? " is created after that" : " is created");
}

static void add_pre_stop(struct text *text, const struct options *options, const struct schedule *schedule)
{
	char bytes[96];
	char time[TEXT_TIME_SIZE];
	struct text rest = TEXT_IN(bytes);
	if (options->pre_stop == NULL)
		return;
	text_add(&rest, " is started; the first signal waits for it, until %s at the latest",
	         text_time(lifecycle_pre_stop_limit_ms(schedule, 0), time));
	add_row(text, 0, options->pre_stop, bytes);
}

static void add_steps(struct text *text, const struct policy *policy, const struct schedule *schedule,
                      const int64_t times_ms[PLAN_STEPS])
{
	char bytes[96];
	char time[TEXT_TIME_SIZE];
	if (times_ms[schedule_first_signal(&policy->plan)] > 0)
		add_row(text, 0, "the app keeps running", "; other signals are forwarded immediately");
	for (int i = 0, signo = 0; i < policy->plan.count && signo != SIGKILL; i++) {
		const struct step *step = &policy->plan.steps[i];
		signo = schedule_signal(schedule, i);
		if (step->kind == STEP_DRAIN) {
			struct text rest = TEXT_IN(bytes);
			text_add(&rest, " until no connection is busy, %s at most", text_time(step->wait_ms, time));
			add_row(text, times_ms[i] - step->wait_ms, "lull waits", bytes);
		}
		if (step->signo != PLAN_NO_SIGNAL)
			add_plan_step(text, policy, signo, times_ms[i]);
	}
}

/* Warns of a default grace period that ends before the container has stopped. */
static void add_warnings(struct text *text, const struct schedule *schedule, const int64_t times_ms[PLAN_STEPS],
                         int64_t kill_ms)
{
	static const struct {
		int seconds;
		const char *whose;
		const char *kill;
	} DEFAULTS[] = {{10, "Docker's default", "Docker kills"},
	                {30, "the default of Kubernetes and ECS", "they kill"}};
	char name[SIGNAL_NAME_SIZE];
	int first = schedule_first_signal(schedule->plan);
	int64_t first_ms = times_ms[first];
	int signo = schedule_signal(schedule, first);
	for (size_t i = 0; i < sizeof DEFAULTS / sizeof DEFAULTS[0]; i++) {
		int64_t end_ms = DEFAULTS[i].seconds * INT64_C(1000);
		bool is_before_signal = first_ms >= end_ms && signo != 0 && signo != SIGKILL;
		if (!is_before_signal && (kill_ms == TIME_NEVER || kill_ms + KILL_BEFORE_END_MS <= end_ms))
			continue;
		text_add(text, "Warning: %s is %d s. With it, %s the container ", DEFAULTS[i].whose,
		         DEFAULTS[i].seconds, DEFAULTS[i].kill);
		if (is_before_signal)
			text_add(text, "before the app gets %s.\n", shown_signal(signo, name));
		else
			text_add(text, "%s lull sends SIGKILL.\n", kill_ms < end_ms ? "less than 1 s after" : "before");
	}
}

static void add_need(struct text *text, int64_t grace_ms, int64_t kill_ms)
{
	long long need = ((grace_ms >= 0 ? grace_ms : kill_ms + KILL_BEFORE_END_MS) + 999) / 1000;
	if (grace_ms >= 0)
		add_row(text, grace_ms, "the grace period ends", "");
	else
		add_row(text, need * 1000, "the grace period must not end earlier", "");
	text_add(text,
	         "\nSet the grace period to at least %lld s: docker stop -t %lld, stop_grace_period: %llds, "
	         "terminationGracePeriodSeconds: %lld.\n",
	         need, need, need, need);
}

static void add_remaining(struct text *text, const struct policy *policy)
{
	char time[TEXT_TIME_SIZE];
	if (policy->abandon)
		text_add(text, "Remaining processes are not waited for; if lull is PID 1, they end with it.\n");
	else if (policy->linger_ms == 0)
		text_add(text, "Remaining processes get SIGKILL when the app exits.\n");
	else
		text_add(text, "If the app exits by itself, remaining processes get SIGTERM, and SIGKILL %s later.\n",
		         text_time(policy->linger_ms, time));
}

int help_explain(const struct options *options)
{
	char bytes[PAGE_SIZE];
	struct text text = TEXT_IN(bytes);
	struct schedule schedule;
	int64_t times_ms[PLAN_STEPS];
	const struct policy *policy = &options->policy;
	schedule_start(&schedule, &policy->plan, only_stop_signal(policy), 0);
	schedule_times(&schedule, 0, times_ms);
	int64_t kill_ms = schedule_kill_ms(&schedule, 0);
	text_add(&text, "Shutdown starts with ");
	add_signals(&text, policy->stop_signals);
	text_add(&text, ". Times are counted from then:\n\n");
	add_readiness(&text, options);
	add_pre_stop(&text, options, &schedule);
	add_steps(&text, policy, &schedule, times_ms);
	if (kill_ms == TIME_NEVER)
		text_add(&text, "\nNo SIGKILL: lull waits until %s exited.\n",
		         policy->abandon ? "the app has" : "all processes have");
	else
		add_need(&text, options->grace_ms, kill_ms);
	add_warnings(&text, &schedule, times_ms, kill_ms);
	add_remaining(&text, policy);
	return print(STDOUT_FILENO, &text);
}
