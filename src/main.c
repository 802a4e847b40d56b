/*
 * lull: an init for containers that makes stopping safe.
 *
 *   main        the story: parse, block, spawn, loop
 *   options     argv and environment, as data: one table, one setter for both
 *   values      words that stand for times, signals, lists
 *   plan        the words of a plan
 *   lifecycle   what to do to the app, and when; pure
 *   supervisor  what the kernel says becomes events, what lifecycle decides becomes calls
 *   child       the app as a process: fork, group, terminal, exec, kill, reap
 *   prestop     the pre-stop program
 *   drain       how it is told that the container drains: a file, and the name of lull's process
 *   ready       whether the lull of this container serves, asked from outside
 *   leftovers   who is still running, as /proc shows it
 *   signals     the mask, the wait, the names
 *   endpoint    the readiness endpoint: sockets
 *   http        requests and answers, as bytes; pure
 *   listens     does anybody listen on a port?
 *   narrate     the lines about a stop
 *   execfail    why a command could not be executed
 *   path        where a command is looked for
 *   help        --help, --version, --explain
 *   log         one line a message, on stderr
 *   text, json  lines put together without heap or stdio
 */
#include <errno.h>
#include <string.h>

#include "child.h"
#include "drain.h"
#include "endpoint.h"
#include "execfail.h"
#include "help.h"
#include "listens.h"
#include "log.h"
#include "options.h"
#include "ready.h"
#include "signals.h"
#include "supervisor.h"

enum { EXIT_LULL_FAILED = 125 }; /* as env(1), nohup(1) and timeout(1) */

static void warn_of_strays(struct log *log, char **envp)
{
	const char *nearest;
	size_t at = 0;
	for (const char *stray; (stray = options_next_stray(envp, &at, &nearest)) != NULL;)
		log_line(log, LOG_WARNING, "%.*s is no variable of lull's; the nearest is %s", (int)strcspn(stray, "="),
		         stray, nearest);
}

static int fail_start(struct log *log, const struct start *start, enum start_failure failure)
{
	int error = errno;
	char reason[1024];
	struct text why = TEXT_IN(reason);
	if (failure == START_FORK) {
		log_line(log, LOG_ERROR, "can not start a process: %s", strerror(error));
		return EXIT_LULL_FAILED;
	}
	execfail_explain(start->command[0], start->envp, error, &why);
	log_line(log, LOG_ERROR, "can not execute \"%s\": %s", start->command[0], reason);
	return execfail_status(error);
}

/* What becomes the command keeps the environment: it is a probe of the user's, not the app. */
static int ask(const struct options *options, struct log *log, char **envp, signal_mask inherited)
{
	char reason[256];
	struct text why = TEXT_IN(reason);
	enum ready answer = ready_ask(options->listens, &why);
	if (answer != READY_YES) {
		log_line(log, answer == READY_NO ? LOG_NOTICE : LOG_ERROR, "%s", reason);
		return (int)answer;
	}
	if (*options->command == NULL)
		return READY_YES;
	struct start start = {.command = options->command, .envp = envp, .mask = inherited};
	child_become(&start);
	return fail_start(log, &start, START_EXEC);
}

static int refuse_start(struct log *log, const struct given *given, const char *what, const char *why)
{
	log_line(log, LOG_ERROR, "%s \"%s\": %s: %s", given->name, given->value, what, why);
	return -1;
}

/* What would fail later, unseen, fails now. */
static int prepare(struct endpoint *endpoint, const struct options *options, struct log *log)
{
	char reason[256];
	struct text why = TEXT_IN(reason);
	if (options->listens != 0 && listens_look(options->listens) < 0)
		return refuse_start(log, &options->listens_given, "the kernel's table of sockets can not be read",
		                    strerror(errno));
	if (endpoint_open(endpoint, &options->ready_on, options->listens) < 0)
		return refuse_start(log, &options->ready_on_given, "can not listen there", strerror(errno));
	if (options->drain_file != NULL && drain_file_prepare(options->drain_file, &why) < 0)
		return refuse_start(log, &options->drain_file_given, "no drain file", reason);
	return 0;
}

static int run(struct options *options, struct log *log, char **envp, signal_mask inherited)
{
	struct supervisor supervisor;
	struct start start = {.command = options->command, .envp = envp, .mask = inherited};
	start.group = options->policy.group;
	warn_of_strays(log, envp);
	options_scrub(envp);
	if (child_prepare(&supervisor.child, options->parent_death) < 0)
		log_line(log, LOG_WARNING, "the signal for the death of the parent could not be set: %s",
		         strerror(errno));
	if (prepare(&supervisor.endpoint, options, log) < 0)
		return EXIT_LULL_FAILED;
	int failure = child_start(&supervisor.child, &start);
	if (failure != 0)
		return fail_start(log, &start, (enum start_failure)failure);
	log_app_runs(log);
	child_release_inherited(supervisor.endpoint.kept);
	options->policy.job = supervisor.child.job;
	options->policy.group = options->policy.group && supervisor.child.group != 0;
	supervisor_init(&supervisor, options, &start, log);
	while (supervisor_turn(&supervisor))
		continue;
	return supervisor.exit_status;
}

int main(int argc, char **argv, char **envp)
{
	(void)argc;
	signal_mask inherited = signals_block();
	struct options options;
	struct log log;
	char reason[1024];
	struct text why = TEXT_IN(reason);
	int parsed = options_parse(&options, argv, envp, &why);
	log_init(&log, options.log_level, options.log_format);
	if (parsed < 0) {
		log_line(&log, LOG_ERROR, "%s", reason);
		return EXIT_LULL_FAILED;
	}
	switch (options.request) {
	case REQUEST_RUN:
		return run(&options, &log, envp, inherited);
	case REQUEST_READY:
		return ask(&options, &log, envp, inherited);
	case REQUEST_EXPLAIN:
		warn_of_strays(&log, envp);
		return help_explain(&options) < 0 ? EXIT_LULL_FAILED : 0;
	case REQUEST_HELP:
		return help_print() < 0 ? EXIT_LULL_FAILED : 0;
	case REQUEST_VERSION:
		return help_print_version() < 0 ? EXIT_LULL_FAILED : 0;
	}
	return EXIT_LULL_FAILED;
}
