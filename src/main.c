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
 *   listens       whether processes listen on ports
 *   connections   whether the connections of the app are busy
 *   shutdown_log  the log lines about a shutdown
 *   report        the line about the whole run, for a file
 *   cgroup        processes that the kernel killed because of a memory limit
 *   exec          execve(2), and where a command is searched for
 *   exec_error    why a command could not be executed
 *   help          --help, --version, --explain
 *   log           log lines on stderr
 *   fields        messages whose values are fields of a JSON object as well
 *   text          text in a buffer of fixed size, JSON strings, dates
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "child.h"
#include "connections.h"
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
	REASON_SIZE = 2048, /* of an error message */
	VALUE_SHOWN = 1024, /* bytes of a command or a value in a message */
};

/* The large buffers of a run, which are only touched when they are needed: a page that is not costs no memory. */
struct buffers {
	char held[LOG_LINE_SIZE];
	char killed_names[SHUTDOWN_LOG_NAMES_SIZE];
	struct snapshot snapshot;
	char reason[REASON_SIZE];
};

static void warn_of_unknown_variables(struct log *log, char **envp)
{
	const char *nearest;
	size_t at = 0;
	for (const char *stray; (stray = options_next_stray(envp, &at, &nearest)) != NULL;)
		log_line(log, LOG_WARNING, "unknown variable %.*s ignored; did you mean %s?", (int)strcspn(stray, "="),
		         stray, nearest);
}

/* Writes why the command does not run to `reason`. Returns lull's exit status. */
static int describe_start_failure(const struct options *options, const struct start *start, enum start_failure failure,
                                  char reason[REASON_SIZE])
{
	const char *name = start->command[0];
	int error = errno;
	struct text why = text_in(reason, REASON_SIZE);
	if (failure == START_FORK) {
		text_add(&why, "cannot create a process: %s", strerror(error));
		return options->compat->exit_failed;
	}
	text_add(&why, "cannot execute \"%.*s\": ", (int)strnlen(name, VALUE_SHOWN), name);
	exec_error_explain(name, start->envp, error, &why);
	return compat_exec_status(options->compat, error);
}

/* Logs and reports an error. Returns `status`. */
static int fail(const struct options *options, struct log *log, const char *reason, int status)
{
	log_line(log, LOG_ERROR, "%s", reason);
	if (options->request == REQUEST_RUN)
		report_failure(options->report, log, reason, status);
	return status;
}

/* A command after --ready is another health check, not the app: it keeps the whole environment. */
static int run_ready_check(const struct options *options, struct log *log, char **envp, signal_mask inherited,
                           char reason[REASON_SIZE])
{
	struct text why = text_in(reason, REASON_SIZE);
	enum ready_status answer = check_readiness(&options->listens, &why);
	if (answer != READY_YES) {
		log_line(log, LOG_ERROR, "%s", reason);
		return (int)answer;
	}
	if (*options->command == NULL)
		return READY_YES;
	struct start start = {.command = options->command, .envp = envp, .mask = inherited};
	start.shell = options->compat->shell;
	child_become(&start);
	return fail(options, log, reason, describe_start_failure(options, &start, START_EXEC, reason));
}

static int reject_given(struct text *why, struct given given, const char *what, const char *reason)
{
	text_add(why, "%s%s \"%.*s\": %s%s", given.dashes, given.name, (int)strnlen(given.value, VALUE_SHOWN),
	         given.value, what, reason);
	return -1;
}

/* Checks and opens what a shutdown needs, so that an error is seen now. */
static int open_resources(struct endpoint *endpoint, const struct options *options, char reason[REASON_SIZE])
{
	char detail[128];
	struct text drain_why = TEXT_IN(detail);
	struct text why = text_in(reason, REASON_SIZE);
	if (find_closed_port(&options->listens, NULL) < 0)
		return reject_given(&why, options_given(options, OPTION_LISTENS),
		                    "cannot read the kernel's socket table: ", strerror(errno));
	if (endpoint_open(endpoint, &options->ready_on, &options->listens) < 0)
		return reject_given(&why, options_given(options, OPTION_READY_ON), "cannot listen: ", strerror(errno));
	if (options->drain_file != NULL && drain_file_prepare(options->drain_file, &drain_why) < 0)
		return reject_given(&why, options_given(options, OPTION_DRAIN_FILE), "", detail);
	return 0;
}

/* Warnings only: lull can shut down without these, and a volume may be mounted later. */
static void warn_of_missing(const struct options *options, struct log *log)
{
	if (options->report != NULL)
		report_try(options->report, log);
	if (options->pre_stop != NULL && access(options->pre_stop, X_OK) < 0)
		log_line(log, LOG_WARNING,
		         "cannot execute pre-stop program %s yet: %s; lull tries again when the shutdown starts",
		         options->pre_stop, strerror(errno));
	if (options->policy.plan.drains && connections_count_busy(&options->listens) < 0)
		log_line(log, LOG_WARNING, "cannot check the app's connections: %s; each drain takes all of its time",
		         strerror(errno));
}

static int run_app(struct options *options, struct log *log, char **envp, signal_mask inherited,
                   struct buffers *buffers)
{
	struct supervisor supervisor;
	struct start start = {.command = options->command, .envp = envp, .mask = inherited};
	start.group = options->policy.group;
	start.session = options->session;
	start.group_exit_signal = start.session && options->policy.abandon ? options->policy.rewrite[SIGTERM] : 0;
	start.shell = options->compat->shell;
	warn_of_unknown_variables(log, envp);
	warn_of_missing(options, log);
	options_scrub(envp);
	if (child_prepare(&supervisor.child, options->subreaper, options->parent_death) < 0)
		log_line(log, LOG_WARNING, "--parent-death has no effect: %s", strerror(errno));
	if (options->compat->no_reaper != NULL && !options->subreaper && !supervisor.child.init &&
	    !child_is_subreaper())
		log_line(log, LOG_WARNING, "%s", options->compat->no_reaper);
	if (open_resources(&supervisor.endpoint, options, buffers->reason) < 0)
		return fail(options, log, buffers->reason, options->compat->exit_failed);
	show_readiness(READINESS_READY, &options->listens); /* before the app runs, which may check it */
	int failure = child_start(&supervisor.child, &start);
	if (failure != 0)
		return fail(options, log, buffers->reason,
		            describe_start_failure(options, &start, (enum start_failure)failure, buffers->reason));
	log_app_runs(log);
	child_release_inherited(supervisor.endpoint.descriptors);
	options->policy.job = supervisor.child.job;
	options->policy.group = options->policy.group && supervisor.child.group != 0;
	supervisor_init(&supervisor, options, &start, log, buffers->killed_names, &buffers->snapshot);
	while (supervisor_turn(&supervisor))
		continue;
	return supervisor.outcome.exit_status;
}

static void reap_orphans(struct child *child)
{
	struct reaped reaped = {.kind = REAPED_OTHER};
	while (child_reap_goes_on(&reaped))
		reaped = child_reap(child, CHILD_ANY);
}

/* --pause: the first process of a pod holds the namespaces and reaps the orphans. */
static int run_pause(const struct options *options, struct log *log)
{
	struct child child;
	siginfo_t signal;
	int descriptors[] = {-1, -1};
	if (child_prepare(&child, options->subreaper, options->parent_death) < 0) {
		log_line(log, LOG_ERROR, "--parent-death has no effect: %s", strerror(errno));
		return options->compat->exit_failed;
	}
	log_app_runs(log);
	child_release_inherited(descriptors);
	for (int signo = 0; signo != SIGTERM && signo != SIGINT;) {
		reap_orphans(&child);
		signo = signals_wait(&signal, TIME_NEVER);
		if (signo != 0 && child_parent_death(&child, options->parent_death, &signal))
			signo = signal.si_signo;
	}
	return 0;
}

/* Returns the exit status. */
static int handle_request(struct options *options, struct log *log, char **envp, signal_mask inherited,
                          struct buffers *buffers)
{
	int failed = options->compat->exit_failed;
	switch (options->request) {
	case REQUEST_RUN:
		return run_app(options, log, envp, inherited, buffers);
	case REQUEST_READY:
		return run_ready_check(options, log, envp, inherited, buffers->reason);
	case REQUEST_EXPLAIN:
		warn_of_unknown_variables(log, envp);
		return help_explain(options) < 0 ? failed : 0;
	case REQUEST_PAUSE:
		return run_pause(options, log);
	case REQUEST_HELP:
		return help_print(options->compat) < 0 ? failed : 0;
	case REQUEST_LICENCE:
		return help_print_licence(options->compat) < 0 ? failed : 0;
	case REQUEST_VERSION:
		return help_print_version(options->compat) < 0 ? failed : 0;
	}
	return failed;
}

int main(int argc, char **argv, char **envp)
{
	(void)argc;
	signal_mask inherited;
	int not_blocked = signals_block(&inherited) < 0 ? errno : 0;
	struct options options;
	struct log log;
	struct helpers helpers = {.pids = {0}};
	struct buffers buffers;
	struct text why = TEXT_IN(buffers.reason);
	int parsed = options_parse(&options, compat_mode_of(argv[0]), argv, envp, &why);
	log_init(&log, options.log_level, options.log_format, &helpers, buffers.held);
	if (parsed == 0 && not_blocked != 0)
		text_add(&why, "cannot block signals: %s; allow rt_sigprocmask in the seccomp profile",
		         strerror(not_blocked));
	if (parsed < 0 || not_blocked != 0)
		return fail(&options, &log, buffers.reason, options.compat->exit_failed);
	int status = handle_request(&options, &log, envp, inherited, &buffers);
	log_finish(&log);
	return status;
}
