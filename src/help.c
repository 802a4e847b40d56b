/*
 * Owns lull's standard output. Never starts a process.
 */
#include "help.h"

#include <string.h>
#include <unistd.h>

#include "signals.h"
#include "text.h"

enum { PAGE_SIZE = 8192, NAME_COLUMN = 36 };

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
	char bytes[256];
	struct text text = TEXT_IN(bytes);
	text_add(&text,
	         "This is lull, called as %s; none of its code is that of %s. The licence comes with the source.\n",
	         compat->names[0], compat->names[0]);
	return print(STDOUT_FILENO, &text);
}

static void add_row_of(struct text *text, const char *left, const char *meaning)
{
	text_add(text, "%s", left);
	for (size_t i = strlen(left); i < NAME_COLUMN; i++)
		text_add(text, " ");
	text_add(text, "%s\n", meaning);
}

static void add_option(struct text *text, const struct option *option)
{
	char bytes[NAME_COLUMN + 16];
	struct text left = TEXT_IN(bytes);
	text_add(&left, option->letter != '\0' ? "  -%c" : "    ", option->letter);
	if (option->name != NULL)
		text_add(&left, "%s--%s", option->letter != '\0' ? ", " : "  ", option->name);
	if (option->argument != NULL)
		text_add(&left, " %s", option->argument);
	add_row_of(text, bytes, option->help);
}

static const char FORMS[] = "TIME is 5, 250ms, 1.5s, 2m, 1h or 1m30s. SIG is TERM, SIGTERM, 15 or RTMIN+3.\n";

static void add_options(struct text *text, enum compat_id mode)
{
	const struct option *option;
	for (size_t i = 0; (option = options_row(mode, i)) != NULL; i++)
		if (option->help != NULL && (option->letter != '\0' || option->name != NULL))
			add_option(text, option);
}

static void add_variables(struct text *text, enum compat_id mode)
{
	const struct option *option;
	for (size_t i = 0; (option = options_row(mode, i)) != NULL; i++)
		if (option->variable != NULL)
			add_row_of(text, option->variable, option->help);
}

/* In a compatibility mode: the options of the peer, and all variables. */
static void add_peer_help(struct text *text, const struct compat_mode *compat)
{
	const char *name = compat->names[0];
	text_add(text,
	         "Usage: %s [OPTION]... [--] COMMAND [ARG]...\n"
	         "       %s --ready [--] [COMMAND [ARG]...]\n"
	         "       %s --explain [OPTION]...\n\n"
	         "This is lull, called as %s: it behaves as %s does, and LULL_* variables add the rest.\n"
	         "In brackets is what lull does under its own name.\n\n",
	         name, name, name, name, name);
	add_options(text, compat->id);
	text_add(text, "\nVariables:\n\n");
	add_variables(text, compat->id);
	add_variables(text, COMPAT_LULL);
	text_add(text, "\n%s", FORMS);
}

static void add_own_help(struct text *text)
{
	text_add(text,
	         "Usage: lull [OPTION]... [--] COMMAND [ARG]...\n"
	         "       lull --ready [OPTION]... [--] [COMMAND [ARG]...]\n"
	         "       lull --explain [OPTION]...\n"
	         "       lull --pause\n"
	         "       lull --help | --version\n\n"
	         "Starts COMMAND, passes signals on to it and reaps zombies, as PID 1 of a container or anywhere.\n"
	         "On SIGTERM it can wait before it passes the signal on, and kills what has not ended in time.\n\n");
	add_options(text, COMPAT_LULL);
	text_add(text,
	         "\nEach option above --ready has a variable: LULL_DELAY, LULL_STOP_SIGNAL and so on.\n"
	         "%s"
	         "Exits with the status of COMMAND; 125: lull failed, 126: it can not be executed, 127: not found.\n",
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

static void add_row(struct text *text, int64_t at_ms, const char *what, const char *whom)
{
	char time[TEXT_TIME_SIZE];
	const char *shown = text_time(at_ms, time);
	for (size_t i = strlen(shown); i < 10; i++)
		text_add(text, " ");
	text_add(text, "%s  %s%s\n", shown, what, whom);
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

static void add_plan_step(struct text *text, const struct policy *policy, int signo, int64_t at_ms)
{
	char name[SIGNAL_NAME_SIZE];
	if (signo == SIGKILL)
		add_row(text, at_ms, "SIGKILL", " to everything that is left");
	else if (signo < 0)
		add_row(text, at_ms, "the signal that began it", policy->group ? " to the app's group" : " to the app");
	else if (signo == 0)
		add_row(text, at_ms, "nothing", ", since a rewrite drops the stop signal");
	else
		add_row(text, at_ms, signal_name(signo, name), policy->group ? " to the app's group" : " to the app");
}

static void add_drain(struct text *text, const struct options *options, const struct schedule *schedule)
{
	char bytes[96];
	char time[TEXT_TIME_SIZE];
	struct text whom = TEXT_IN(bytes);
	if (options->drain_file != NULL)
		add_row(text, 0, options->drain_file, " exists from now on");
	if (options->pre_stop == NULL)
		return;
	text_add(&whom, " is started; the first signal waits for it, until %s at the latest",
	         text_time(lifecycle_pre_stop_limit_ms(schedule, 0), time));
	add_row(text, 0, options->pre_stop, bytes);
}

/* Returns when SIGKILL is sent, which may be earlier than in the plan because of a rewrite; TIME_NEVER: never. */
static int64_t add_steps(struct text *text, const struct policy *policy, const struct schedule *schedule)
{
	int64_t times_ms[PLAN_STEPS];
	int64_t kill_ms = schedule_kill_ms(schedule, 0);
	schedule_times(schedule, 0, times_ms);
	if (times_ms[0] > 0)
		add_row(text, 0, "the app goes on", "; other signals are passed on at once");
	for (int i = 0, signo = 0; i < policy->plan.count && signo != SIGKILL; i++) {
		signo = schedule_signal(schedule, i);
		add_plan_step(text, policy, signo, times_ms[i]);
	}
	if (kill_ms == TIME_NEVER)
		text_add(text, "     never  SIGKILL: lull waits for as long as it takes\n");
	else
		add_row(text, kill_ms + LIFECYCLE_GIVE_UP_MS, "lull exits", ", whatever is left");
	return kill_ms;
}

/* SIGKILL is sent 1 s before the end of the grace period: the orchestrator needs this second itself. */
static void add_need(struct text *text, const struct options *options, int64_t kill_ms)
{
	if (kill_ms == TIME_NEVER) {
		text_add(text, "No grace period is long enough for an app that does not end by itself.\n");
		return;
	}
	int64_t need_ms = options->grace_ms >= 0 ? options->grace_ms : kill_ms + 1000;
	long long need = (need_ms + 999) / 1000;
	text_add(text, "It needs a grace period of %lld s: docker stop -t %lld, stop_grace_period: %llds, ", need, need,
	         need);
	text_add(text, "terminationGracePeriodSeconds: %lld.\n", need);
	if (need > 10)
		text_add(text, "Warning: that is more than the 10 s that Docker gives when nothing is said.\n");
	if (need > 30)
		text_add(text,
		         "Warning: that is more than the 30 s that Kubernetes and ECS give when nothing is said.\n");
}

static void add_remaining(struct text *text, const struct policy *policy)
{
	char time[TEXT_TIME_SIZE];
	if (policy->abandon)
		text_add(text, "What the app leaves behind is left alone; as PID 1 it ends with lull.\n");
	else if (policy->linger_ms == 0)
		text_add(text, "What the app leaves behind is killed at once.\n");
	else
		text_add(text,
		         "What the app leaves behind when it ends by itself gets SIGTERM and has %s;\n"
		         "during a stop it has until SIGKILL.\n",
		         text_time(policy->linger_ms, time));
}

int help_explain(const struct options *options)
{
	char bytes[PAGE_SIZE];
	struct text text = TEXT_IN(bytes);
	struct schedule schedule;
	const struct policy *policy = &options->policy;
	schedule_start(&schedule, &policy->plan, only_stop_signal(policy), 0);
	text_add(&text, "A stop begins with ");
	add_signals(&text, policy->stop_signals);
	text_add(&text, ". Counted from then:\n\n");
	add_drain(&text, options, &schedule);
	int64_t kill_ms = add_steps(&text, policy, &schedule);
	text_add(&text, "\n");
	add_need(&text, options, kill_ms);
	add_remaining(&text, policy);
	return print(STDOUT_FILENO, &text);
}
