/*
 * The command line and the environment, in every mode. Input: one argument a line: argv[0], the environment, an empty
 * line, the arguments.
 */
#include <signal.h>
#include <string.h>

#include "../../src/help.h"
#include "../../src/signals.h"
#include "fuzz.h"
#include "world.h"

enum {
	WORDS_MOST = 100,
	WHY_SIZE = 2048,   /* as in main.c */
	VALUE_SHOWN = 100, /* bytes of a value, in an error */
	NAME_SHOWN = 63,   /* bytes of an unknown flag */
};

struct words {
	char *list[WORDS_MOST + 1];
	char *before[WORDS_MOST]; /* copies */
	int count;
};

static void add(struct words *words, char *word)
{
	words->before[words->count] = fuzz_copy(word);
	words->list[words->count++] = word;
	words->list[words->count] = NULL;
}

/*
 * argv and the environment are not written to. One argument may have moved: if "COMMAND -- ARG" is parsed as getopt(3)
 * does, the command replaces the dashes.
 */
static void demand_unchanged(const struct words *words, char *const *list, char *const *command)
{
	for (int i = 0; i < words->count; i++) {
		bool moved = command == &words->list[i] && i > 0 && strcmp(words->before[i], "--") == 0 &&
		             words->list[i] == list[i - 1];
		demand(words->list[i] == list[i] || moved, "the arguments stay in their order");
		demand_same(list[i], words->before[i], "argv and the environment are not written to");
	}
	demand(words->list[words->count] == NULL, "a list has its end");
}

/* --- Accepted command lines -------------------------------------------------------------------------------------- */

static void check_plan(const struct policy *policy)
{
	const struct plan *plan = &policy->plan;
	demand(plan->count >= 1 && plan->count <= PLAN_STEPS, "a plan has 1 to 16 steps");
	for (int i = 0; i < plan->count; i++) {
		const struct step *step = &plan->steps[i];
		demand(step->wait_ms >= 0 && step->wait_ms <= TIME_LONGEST_MS, "a wait is a time");
		bool waits_only = step->signo == PLAN_NO_SIGNAL && i < plan->count - 1;
		demand((step->signo >= 0 && step->signo <= SIGNALS_MAX) || waits_only, "a step has a signal");
		demand(step->signo != SIGKILL || i == plan->count - 1, "nothing comes after KILL");
	}
}

static void check_taken(const struct options *options)
{
	const uint64_t never = SIGNAL_BIT(SIGKILL) | SIGNAL_BIT(SIGSTOP) | SIGNAL_BIT(SIGCHLD);
	const struct policy *policy = &options->policy;
	check_plan(policy);
	demand(policy->stop_signals != 0 && (policy->stop_signals & never) == 0, "a stop signal can be caught");
	for (int signo = 1; signo < LIFECYCLE_SIGNALS; signo++)
		demand(policy->rewrite[signo] <= SIGNALS_MAX, "a signal is rewritten to a signal");
	demand(policy->rewrite[SIGKILL] == SIGKILL && policy->rewrite[SIGCHLD] == SIGCHLD, "or not at all");
	demand(policy->linger_ms >= 0 && policy->linger_ms <= TIME_LONGEST_MS, "--linger is a time");
	demand(policy->pre_stop == (options->pre_stop != NULL), "there is a pre-stop program, or there is none");
	demand(options->pre_stop == NULL || options->pre_stop[0] == '/', "paths are absolute");
	demand(options->drain_file == NULL || options->drain_file[0] == '/', "paths are absolute");
	demand(options->report == NULL || options->report[0] == '/', "paths are absolute");
	demand(options->listens.count >= 0 && options->listens.count <= PORTS_MAX,
	       "the number of ports is in its range");
	for (int i = 0; i < options->listens.count; i++)
		demand(options->listens.list[i] != 0 && options->listens.list[i] != options->ready_on.port,
		       "a port is a port, and not the endpoint's");
	demand(options->listens.count > 0 || !policy->plan.drains, "a drain knows the ports");
	demand(options->ready_on.port >= 0 && options->ready_on.port <= 65535, "a port is a port");
	demand(options->parent_death >= 0 && options->parent_death <= SIGNALS_MAX, "a signal is a signal");
	demand(options->log_level <= LOG_VERBOSE && options->log_format <= LOG_JSON, "there is such a level and form");
	demand(options->grace_ms == -1 || plan_kill_ms(&policy->plan) == options->grace_ms - 1000,
	       "SIGKILL comes a second before the grace period is over");
}

/* The command is the rest of argv. */
static void check_command(const struct options *options, const struct words *argv)
{
	char *const *command = options->command;
	bool inside = command >= argv->list && command <= argv->list + argv->count;
	demand(inside && (command > argv->list || argv->count == 0), "the command is a part of argv");
	demand(options->request != REQUEST_RUN || *command != NULL, "there is a command to run");
	bool marked = command > argv->list + 1 && strcmp(command[-1], "--") == 0;
	bool option = *command != NULL && (*command)[0] == '-' && (*command)[1] != '\0';
	demand(!option || marked, "no option is taken for a command");
}

/* --- Errors ------------------------------------------------------------------------------------------------------ */

/* After `name` and `value` (NULL: none) the line has what is wrong, and what would be valid. */
static bool names(const char *line, const char *name, size_t length, const char *value)
{
	if (strncmp(line, name, length) != 0)
		return false;
	line += length;
	if (value != NULL) {
		size_t shown = strnlen(value, VALUE_SHOWN);
		if (strncmp(line, " \"", 2) != 0 || strncmp(line + 2, value, shown) != 0 || line[shown + 2] != '"')
			return false;
		line += shown + 3;
	}
	return (line[0] == ':' && strlen(line) > 8) || strncmp(line, " with ", 6) == 0;
}

static bool names_variable(const char *line, const struct words *envp)
{
	for (int i = 0; i < envp->count; i++) {
		size_t length = strcspn(envp->list[i], "=");
		const char *value = envp->list[i] + length;
		if (*value == '=' && names(line, envp->list[i], length, value + 1))
			return true;
	}
	return false;
}

static bool names_long(const char *line, const char *word, const char *next)
{
	size_t length = strcspn(word, "=");
	const char *value = word[length] == '=' ? word + length + 1 : next;
	size_t shown = length < NAME_SHOWN + 2 ? length : NAME_SHOWN + 2;
	return names(line, word, shown, NULL) || (value != NULL && names(line, word, length, value));
}

/* An option that is in conflict with another one is given by its long name. */
static bool names_long_of(const char *line, char letter, const char *value)
{
	const struct option *option;
	for (size_t i = 0; (option = options_row(COMPAT_LULL, i)) != NULL; i++)
		if (option->letter == letter && option->name != NULL && strncmp(line, "--", 2) == 0 &&
		    names(line + 2, option->name, strlen(option->name), value))
			return true;
	return false;
}

static bool names_letter(const char *line, const char *word, const char *next)
{
	for (const char *at = word + 1; *at != '\0'; at++) {
		const char flag[] = {'-', *at, '\0'};
		const char *value = at[1] != '\0' ? at + 1 : next;
		if (names(line, flag, 2, NULL))
			return true;
		if (value != NULL && (names(line, flag, 2, value) || names_long_of(line, *at, value)))
			return true;
	}
	return false;
}

static bool names_flag(const char *line, const struct words *argv)
{
	for (int i = 1; i < argv->count; i++) {
		const char *word = argv->list[i];
		const char *next = argv->list[i + 1];
		if (word[0] == '-' && (word[1] == '-' ? names_long(line, word, next) : names_letter(line, word, next)))
			return true;
	}
	return false;
}

static void check_refused(const char *line, const struct text *why, const struct words *argv, const struct words *envp)
{
	static const char NONE[] = "no command given; use ";
	demand(why->length > 0 && why->length < WHY_SIZE && strlen(line) == why->length, "an error has a line");
	demand(strncmp(line, NONE, sizeof NONE - 1) == 0 || names_variable(line, envp) || names_flag(line, argv),
	       "an error names the flag or the variable, and the value");
	const char *hint = strchr(line, ';');
	demand(why->length < WHY_SIZE - 1 && (hint == NULL || hint[1] != '\0'), "an error is whole");
}

/* --- All of it ---------------------------------------------------------------------------------------------------- */

static void check_strays(struct words *envp)
{
	const char *nearest = NULL;
	size_t at = 0;
	for (const char *stray; (stray = options_next_stray(envp->list, &at, &nearest)) != NULL;) {
		demand(strncmp(stray, "LULL_", 5) == 0 && stray == envp->list[at - 1], "a stray one is there");
		demand(nearest != NULL && strncmp(nearest, "LULL_", 5) == 0, "the nearest is one of ours");
	}
}

/* Not an option of lull's: Kubernetes sets it for a Service, or lull for the pre-stop program. */
static bool is_allowed_to_stay(const char *entry)
{
	return strstr(entry, "_SERVICE_") != NULL || strstr(entry, "_PORT") != NULL ||
	       strncmp(entry, "LULL_PID=", 9) == 0 || strncmp(entry, "LULL_SIGNAL=", 12) == 0 ||
	       strcmp(entry, "LULL_PID") == 0 || strcmp(entry, "LULL_SIGNAL") == 0;
}

/* Options are removed, the others stay in their order; a second call changes nothing. */
static void check_scrub(struct words *envp)
{
	size_t at = 0;
	const char *nearest;
	options_scrub(envp->list);
	int kept = 0;
	for (int i = 0; i < envp->count; i++) {
		bool stays = envp->list[kept] != NULL && strcmp(envp->list[kept], envp->before[i]) == 0;
		demand(stays || strncmp(envp->before[i], "LULL_", 5) == 0, "only our variables are taken away");
		kept += stays;
	}
	demand(envp->list[kept] == NULL, "nothing comes in");
	for (int i = 0; i < kept; i++) {
		bool ours = strncmp(envp->list[i], "LULL_", 5) == 0;
		at = (size_t)i;
		const char *stray = ours ? options_next_stray(envp->list, &at, &nearest) : NULL;
		demand(!ours || stray == envp->list[i] || is_allowed_to_stay(envp->list[i]), "what stays is not ours");
	}
}

static void check_explained(const struct options *options)
{
	demand(help_explain(options) == 0, "it can be explained");
	demand(world.written > 0 && world.output[world.written - 1] == '\n', "an explanation is whole");
	demand(strstr(world.output, "Times are counted from then:") != NULL, "--explain prints when the times start");
}

/* Requests other than a run. */
static void check_printed(const struct options *options)
{
	const struct compat_mode *compat = options->compat;
	int printed = options->request == REQUEST_HELP      ? help_print(compat)
	              : options->request == REQUEST_LICENCE ? help_print_licence(compat)
	                                                    : help_print_version(compat);
	demand(printed == 0 && world.written > 0 && world.output[world.written - 1] == '\n',
	       "what is printed is whole");
}

static int parse(struct options *options, struct words *argv, struct words *envp, struct text *why, bool restore)
{
	const struct compat_mode *compat = compat_mode_of(argv->list[0]);
	char *arguments[WORDS_MOST + 1];
	char *environment[WORDS_MOST + 1];
	memcpy(arguments, argv->list, sizeof arguments);
	memcpy(environment, envp->list, sizeof environment);
	int parsed = options_parse(options, compat, argv->list, envp->list, why);
	demand_unchanged(argv, arguments, options->command);
	demand_unchanged(envp, environment, NULL);
	if (restore)
		memcpy(argv->list, arguments, sizeof arguments);
	return parsed;
}

static void check(struct words *argv, struct words *envp)
{
	char *bytes = fuzz_alloc(WHY_SIZE);
	char again_bytes[WHY_SIZE];
	struct text why = text_in(bytes, WHY_SIZE);
	struct text again_why = TEXT_IN(again_bytes);
	struct options options;
	struct options again;
	memset(&options, 0x5a, sizeof options);
	int first = parse(&again, argv, envp, &again_why, true);
	int parsed = parse(&options, argv, envp, &why, false);
	demand(parsed == 0 || parsed == -1, "accepted or rejected");
	demand(first == parsed && same_options(&options, &again), "the same words mean the same");
	check_strays(envp);
	if (parsed < 0) {
		check_refused(bytes, &why, argv, envp);
	} else if (options.request < REQUEST_HELP) {
		check_taken(&options);
		check_command(&options, argv);
		check_explained(&options);
	} else {
		check_printed(&options);
	}
	check_scrub(envp);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, data + size};
	struct words argv = {.count = 0};
	struct words envp = {.count = 0};
	char *word = input_line(&input);
	world_begin();
	if (word != NULL)
		add(&argv, word);
	while ((word = input_line(&input)) != NULL && *word != '\0' && envp.count < WORDS_MOST)
		add(&envp, word);
	while ((word = input_line(&input)) != NULL && argv.count < WORDS_MOST)
		add(&argv, word);
	check(&argv, &envp);
	input_free();
	return 0;
}
