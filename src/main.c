/*
 * lull: an init for containers that makes stopping safe.
 *
 *   main          parses the options, blocks the signals, starts the app, runs the loop
 *   options       the command line and the environment, by one table of options
 *   compat        compatibility modes: a table of the inits that lull can be called as
 *   values        values of options: times, signals, lists
 *   plan          the shutdown plan
 *   schedule      when each step of the plan is due; pure
 *   lifecycle     what to do to the app, and when; pure
 *   supervisor    turns what the kernel reports into events, and actions into system calls
 *   child         the app: process group, terminal, fork, exec, signals, wait
 *   prestop       the pre-stop program
 *   helper        processes for system calls that may block
 *   signals       the signal mask, the wait for a signal, the clock, signal names
 *   processes     the processes of this PID namespace, as /proc shows them
 *   snapshot      the processes when the stop signal is sent, and the signals to those that remain
 *   readiness     whether the container serves: starting, ready, draining, ended
 *   drain         the readiness in the name of lull's process, lull --ready, the drain file
 *   endpoint      the readiness endpoint: sockets
 *   http          the readiness endpoint: requests and responses; pure
 *   listens       whether a process listens on a port
 *   shutdown_log  the log lines about a shutdown
 *   report        the line about the whole run, for a file
 *   cgroup        processes that the kernel killed because of a memory limit
 *   exec          execve(2), and where a command is searched for
 *   exec_error    why a command could not be executed
 *   help          --help, --version, --explain
 *   log           log lines on stderr
 *   text          text in a buffer of fixed size, JSON strings, dates
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "child.h"
#include "drain.h"
#include "endpoint.h"
#include "exec_error.h"
#include "help.h"
#include "listens.h"
#include "log.h"
#include "options.h"
#include "report.h"
#include "shutdown_log.h"
#include "signals.h"
#include "supervisor.h"

enum {
	COMMAND_SHOWN = 1024, /* bytes of its name, at most */
	/* One room for why nothing was started, or for who was killed: what is not touched costs no memory. */
	WORDS_SIZE = SHUTDOWN_LOG_NAMES_SIZE,
};

static void warn_of_strays(struct log *log, char **envp)
{
	const char *nearest;
	size_t at = 0;
	for (const char *stray; (stray = options_next_stray(envp, &at, &nearest)) != NULL;)
		log_line(log, LOG_WARNING, "%.*s is no variable of lull's; the nearest is %s", (int)strcspn(stray, "="),
		         stray, nearest);
}

/* Returns what lull exits with when the command does not run; why is in `words`. */
static int explain_start(const struct options *options, const struct start *start, enum start_failure failure,
                         char words[WORDS_SIZE])
{
	const char *name = start->command[0];
	int error = errno;
	struct text why = text_in(words, WORDS_SIZE);
	if (failure == START_FORK) {
		text_add(&why, "can not start a process: %s", strerror(error));
		return options->compat->exit_failed;
	}
	text_add(&why, "can not execute \"%.*s\": ", (int)strnlen(name, COMMAND_SHOWN), name);
	exec_error_explain(name, start->envp, error, &why);
	return compat_exec_status(options->compat, error);
}

/* Says why lull can not do its work. Returns `status`. */
static int fail(const struct options *options, struct log *log, const char *reason, int status)
{
	log_line(log, LOG_ERROR, "%s", reason);
	if (options->request == REQUEST_RUN)
		report_failure(options->report, log, reason, status);
	return status;
}

/* What becomes the command keeps the environment: it is a probe of the user's, not the app. */
static int ask(const struct options *options, struct log *log, char **envp, signal_mask inherited,
               char words[WORDS_SIZE])
{
	struct text why = text_in(words, WORDS_SIZE);
	enum ready_status answer = check_readiness(options->listens, &why);
	if (answer != READY_YES) {
		log_line(log, LOG_ERROR, "%s", words);
		return (int)answer;
	}
	if (*options->command == NULL)
		return READY_YES;
	struct start start = {.command = options->command, .envp = envp, .mask = inherited};
	start.shell = options->compat->shell;
	child_become(&start);
	return fail(options, log, words, explain_start(options, &start, START_EXEC, words));
}

static int refuse(struct text *why, struct given given, const char *what, const char *reason)
{
	text_add(why, "%s%s \"%.*s\": %s%s", given.dashes, given.name, (int)strnlen(given.value, COMMAND_SHOWN),
	         given.value, what, reason);
	return -1;
}

/* What would fail later, unseen, fails now. */
static int prepare(struct endpoint *endpoint, const struct options *options, char words[WORDS_SIZE])
{
	char reason[128];
	struct text marker = TEXT_IN(reason);
	struct text why = text_in(words, WORDS_SIZE);
	if (options->listens != 0 && find_listener(options->listens, NULL) < 0)
		return refuse(&why, options_given(options, OPTION_LISTENS),
		              "the kernel's table of sockets can not be read: ", strerror(errno));
	if (endpoint_open(endpoint, &options->ready_on, options->listens) < 0)
		return refuse(&why, options_given(options, OPTION_READY_ON), "can not listen there: ", strerror(errno));
	if (options->drain_file != NULL && drain_file_prepare(options->drain_file, &marker) < 0)
		return refuse(&why, options_given(options, OPTION_DRAIN_FILE), "no drain file: ", reason);
	return 0;
}

/* What a stop can do without, and what may still come: a volume that is mounted later. */
static void warn_of_files(const struct options *options, struct log *log)
{
	if (options->report != NULL)
		report_try(options->report, log);
	if (options->pre_stop != NULL && access(options->pre_stop, X_OK) < 0)
		log_line(log, LOG_WARNING, "the pre-stop program %s can not be started as it is now: %s",
		         options->pre_stop, strerror(errno));
}

static int run(struct options *options, struct log *log, char **envp, signal_mask inherited, char words[WORDS_SIZE],
               struct snapshot *snapshot)
{
	struct supervisor supervisor;
	struct start start = {.command = options->command, .envp = envp, .mask = inherited};
	start.group = options->policy.group;
	start.session = options->session;
	start.group_exit_signal = start.session && options->policy.abandon ? options->policy.rewrite[SIGTERM] : 0;
	start.shell = options->compat->shell;
	warn_of_strays(log, envp);
	warn_of_files(options, log);
	options_scrub(envp);
	if (child_prepare(&supervisor.child, options->subreaper, options->parent_death) < 0)
		log_line(log, LOG_WARNING, "the signal for the death of the parent could not be set: %s",
		         strerror(errno));
	if (options->compat->no_reaper != NULL && !options->subreaper && !supervisor.child.init &&
	    !child_is_subreaper())
		log_line(log, LOG_WARNING, "%s", options->compat->no_reaper);
	if (prepare(&supervisor.endpoint, options, words) < 0)
		return fail(options, log, words, options->compat->exit_failed);
	show_readiness(READINESS_READY, options->listens); /* before the app runs: it may ask at once */
	int failure = child_start(&supervisor.child, &start);
	if (failure != 0)
		return fail(options, log, words, explain_start(options, &start, (enum start_failure)failure, words));
	log_app_runs(log);
	child_release_inherited(supervisor.endpoint.descriptors);
	options->policy.job = supervisor.child.job;
	options->policy.group = options->policy.group && supervisor.child.group != 0;
	supervisor_init(&supervisor, options, &start, log, words, snapshot);
	while (supervisor_turn(&supervisor))
		continue;
	return supervisor.outcome.exit_status;
}

static void reap_all(struct child *child)
{
	struct reaped reaped = {.kind = REAPED_OTHER};
	while (child_reap_goes_on(&reaped))
		reaped = child_reap(child, CHILD_ANY);
}

/* For what holds the namespaces of a pod: its orphans come here. */
static int reap_only(const struct options *options, struct log *log)
{
	struct child child;
	siginfo_t signal;
	int kept[] = {-1, -1};
	if (child_prepare(&child, options->subreaper, options->parent_death) < 0)
		return fail(options, log, strerror(errno), options->compat->exit_failed);
	log_app_runs(log);
	child_release_inherited(kept);
	for (int signo = 0; signo != SIGTERM && signo != SIGINT;) {
		reap_all(&child);
		signo = signals_wait(&signal, TIME_NEVER);
		if (signo != 0 && child_parent_death(&child, options->parent_death, &signal))
			signo = signal.si_signo;
	}
	return 0;
}

/* Returns the exit status. */
static int handle_request(struct options *options, struct log *log, char **envp, signal_mask inherited,
                          char words[WORDS_SIZE], struct snapshot *snapshot)
{
	int failed = options->compat->exit_failed;
	switch (options->request) {
	case REQUEST_RUN:
		return run(options, log, envp, inherited, words, snapshot);
	case REQUEST_READY:
		return ask(options, log, envp, inherited, words);
	case REQUEST_EXPLAIN:
		warn_of_strays(log, envp);
		return help_explain(options) < 0 ? failed : 0;
	case REQUEST_PAUSE:
		return reap_only(options, log);
	case REQUEST_HELP:
		return help_print(options->compat) < 0 ? failed : 0;
	case REQUEST_LICENCE:
		return help_print_licence(options->compat) < 0 ? failed : 0;
	case REQUEST_VERSION:
		return help_print_version(options->compat) < 0 ? failed : 0;
	}
	return failed;
}

/* Side by side, so that what is not touched is whole pages, which cost no memory. */
struct room {
	char held[LOG_LINE_SIZE];
	struct snapshot snapshot;
	char words[WORDS_SIZE];
};

int main(int argc, char **argv, char **envp)
{
	(void)argc;
	signal_mask inherited;
	int not_blocked = signals_block(&inherited) < 0 ? errno : 0;
	struct options options;
	struct log log;
	struct helpers helpers = {.pids = {0}};
	struct room room;
	struct text why = TEXT_IN(room.words);
	int parsed = options_parse(&options, compat_mode_of(argv[0]), argv, envp, &why);
	log_init(&log, options.log_level, options.log_format, &helpers, room.held);
	if (parsed == 0 && not_blocked != 0)
		text_add(&why, "signals can not be blocked: %s", strerror(not_blocked));
	if (parsed < 0 || not_blocked != 0)
		return fail(&options, &log, room.words, options.compat->exit_failed);
	int status = handle_request(&options, &log, envp, inherited, room.words, &room.snapshot);
	log_finish(&log);
	return status;
}
