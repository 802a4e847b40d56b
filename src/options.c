/*
 * Owns argv and the environment. Never prints, never exits, never calls getenv.
 */
#include "options.h"

#include <signal.h>
#include <string.h>

#include "signals.h"

struct table {
	const char *prefix; /* of all its variables */
	const struct option *rows;
	size_t count;
};

struct parser {
	struct options *options;
	struct text *why;     /* where the reason of a rejection goes */
	struct text *discard; /* where it goes after the first one */
	enum source source;
	const struct table *table; /* of the command line */
};

/* --- The tables: the flags and variables of each mode, in the order in which variables are applied ---------------- */

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define AT(field) (uint16_t) offsetof(struct options, field)

/* After .name come .variable, .argument and .help. */
static const struct option OPTIONS[] = {
	{'d', KIND_TIME, GROUP_TIMING, AT(delay_ms), .name = "delay", "LULL_DELAY", "TIME",
         "Wait TIME before forwarding the stop signal (default: 0)", .id = OPTION_DELAY},
	{'t', KIND_TIME_OR_NEVER, GROUP_TIMING, AT(timeout_ms), .name = "timeout", "LULL_TIMEOUT", "TIME|never",
         "Send SIGKILL TIME after the stop signal is forwarded (default: 90s)", .id = OPTION_TIMEOUT},
	{0, KIND_GRACE_PERIOD, GROUP_TIMING, AT(grace_ms), .name = "grace", "LULL_GRACE", "TIME",
         "Send SIGKILL 1 s before the end of TIME, the runtime's grace period", .id = OPTION_GRACE},
	{0, KIND_PLAN, GROUP_TIMING, AT(policy.plan), .name = "plan", "LULL_PLAN", "PLAN",
         "Set the plan, like 5s/TERM/20s/QUIT/2s/KILL", .id = OPTION_PLAN},
	{0, KIND_SIGNALS, GROUP_SIGNALS, AT(policy.stop_signals), .name = "stop-signal", "LULL_STOP_SIGNAL",
         "SIG[,...]", "Start shutdown on these signals (default: TERM)", .id = OPTION_STOP_SIGNAL,
         .initial = SIGNAL_BIT(SIGTERM)},
	{'l', KIND_TIME, GROUP_TIMING, AT(policy.linger_ms), .name = "linger", "LULL_LINGER", "TIME",
         "If the app exits by itself, send SIGKILL to remaining processes TIME later (default: 5s)",
         .id = OPTION_LINGER, .initial = 5000},
	{0, KIND_PATH, GROUP_DRAIN, AT(pre_stop), .name = "pre-stop", "LULL_PRE_STOP", "PROGRAM",
         "Run PROGRAM before the stop signal is forwarded"},
	{0, KIND_PATH, GROUP_DRAIN, AT(drain_file), .name = "drain-file", "LULL_DRAIN_FILE", "PATH",
         "Create the empty file PATH when shutdown starts", .id = OPTION_DRAIN_FILE},
	{0, KIND_ADDRESS, GROUP_DRAIN, AT(ready_on), .name = "ready-on", "LULL_READY_ON", "[ADDR:]PORT",
         "Serve readiness over HTTP (200 ready, 503 not)", .id = OPTION_READY_ON},
	{0, KIND_PORTS, GROUP_DRAIN, AT(listens), .name = "listens", "LULL_LISTENS", "PORT[,PORT]...",
         "Report ready only if these TCP ports are open", .id = OPTION_LISTENS},
	{0, KIND_TIME, GROUP_DRAIN, AT(drain_ms), .name = "drain-timeout", "LULL_DRAIN_TIMEOUT", "TIME",
         "After the delay, wait until no connection is busy, TIME at most (default: 0)", .id = OPTION_DRAIN_TIMEOUT},
	{0, KIND_TIME, GROUP_DRAIN, AT(policy.ready_for_ms), .name = "ready-for", "LULL_READY_FOR", "TIME",
         "Report ready until TIME after shutdown starts (default: 0)"},
	{'r', KIND_REWRITES, GROUP_SIGNALS, AT(policy.rewrite), .name = "rewrite", "LULL_REWRITE", "FROM:TO[,...]",
         "Forward TO instead of FROM; FROM:0 drops FROM", .id = OPTION_REWRITE},
	{'g', KIND_SWITCH, GROUP_SIGNALS, AT(policy.group), .name = "group", "LULL_GROUP", NULL,
         "Forward signals to the app's process group", .id = OPTION_GROUP},
	{'p', KIND_SIGNAL, GROUP_SIGNALS, AT(parent_death), .name = "parent-death", "LULL_PARENT_DEATH", "SIG",
         "Receive SIG when the parent process exits"},
	{'e', KIND_CODES, GROUP_EXIT, AT(policy.success_exit), .name = "success-exit", "LULL_SUCCESS_EXIT",
         "CODE[,...]", "Exit with 0 if the app exits with CODE", .id = OPTION_SUCCESS_EXIT},
	{0, KIND_SWITCH, GROUP_EXIT, AT(policy.stopped_ok), .name = "stopped-ok", "LULL_STOPPED_OK", NULL,
         "Exit with 0 if a shutdown signal other than SIGKILL ends the app"},
	{0, KIND_PATH, GROUP_LOG, AT(report), .name = "report", "LULL_REPORT", "PATH",
         "Append one line about the whole run to PATH"},
	{0, KIND_FORMAT, GROUP_LOG, AT(log_format), .name = "log-format", "LULL_LOG_FORMAT", "text|json",
         "Set the format of log lines (default: text)"},
	{'v', KIND_LEVEL, GROUP_LOG, 0, .name = "verbose", "LULL_VERBOSE", NULL,
         "Log each signal and each reaped process", .number = LOG_VERBOSE},
	{'q', KIND_LEVEL, GROUP_LOG, 0, .name = "quiet", "LULL_QUIET", NULL, "Log errors only", .number = LOG_ERROR},
	{'w', KIND_SWITCH, GROUP_LOG, AT(warn_reap), .name = "warn-reap", "LULL_WARN_REAP", NULL,
         "Log a warning for each reaped orphan"},
	{0, KIND_REQUEST, GROUP_OTHER, 0, .name = "ready", NULL, NULL, "Check readiness; run COMMAND if ready",
         .number = REQUEST_READY, .every_mode = true},
	{0, KIND_REQUEST, GROUP_OTHER, 0, .name = "explain", NULL, NULL, "Print the shutdown plan and its grace period",
         .number = REQUEST_EXPLAIN, .every_mode = true},
	{0, KIND_REQUEST, GROUP_OTHER, 0, .name = "pause", NULL, NULL, "Only reap orphans, until SIGTERM or SIGINT",
         .number = REQUEST_PAUSE},
	{'h', KIND_REQUEST, GROUP_OTHER, 0, .name = "help", NULL, NULL, "Print this help", .number = REQUEST_HELP},
	{'V', KIND_REQUEST, GROUP_OTHER, 0, .name = "version", NULL, NULL, "Print the version",
         .number = REQUEST_VERSION},
	/* tini's subreaper and dumb-init's single child: lull does both by itself. */
	{'s', KIND_IGNORED, GROUP_OTHER, .name = NULL},
	{'c', KIND_IGNORED, GROUP_OTHER, .name = NULL},
};

static const struct option TINI_OPTIONS[] = {
	{'s', KIND_SWITCH, GROUP_OTHER, AT(subreaper), .name = NULL, "TINI_SUBREAPER", NULL,
         "Reap orphans also if not PID 1", .on_by = ON_BY_ANY},
	{'p', KIND_SIGNAL, GROUP_SIGNALS, AT(parent_death), .name = NULL, NULL, "SIG",
         "Receive SIG when the parent process exits"},
	{'v', KIND_VERBOSITY, GROUP_LOG, 0, .name = NULL, "TINI_VERBOSITY", NULL, "Log more; use up to three times"},
	{'w', KIND_SWITCH, GROUP_LOG, AT(warn_reap), .name = NULL, NULL, NULL, "Log a warning for each reaped orphan"},
	{'g', KIND_SWITCH, GROUP_SIGNALS, AT(policy.group), .name = NULL, "TINI_KILL_PROCESS_GROUP", NULL,
         "Forward signals to the app's process group", .on_by = ON_BY_ANY},
	{'e', KIND_CODES, GROUP_EXIT, AT(policy.success_exit), .name = NULL, NULL, "CODE",
         "Exit with 0 if the app exits with CODE", .id = OPTION_SUCCESS_EXIT},
	{'h', KIND_REQUEST, GROUP_OTHER, 0, .name = NULL, NULL, NULL, "Print this help", .number = REQUEST_HELP},
	{'l', KIND_REQUEST, GROUP_OTHER, 0, .name = NULL, NULL, NULL, "Print a line about the licence",
         .number = REQUEST_LICENCE},
	{0, KIND_REQUEST, GROUP_OTHER, 0, .name = "version", NULL, NULL, "Print the version",
         .number = REQUEST_VERSION},
};

static const struct option CATATONIT_OPTIONS[] = {
	{'g', KIND_SWITCH, GROUP_SIGNALS, AT(policy.group), .name = NULL, NULL, NULL,
         "Forward signals to the app's process group", .on_by = ON_BY_ANY},
	{'P', KIND_REQUEST, GROUP_OTHER, 0, .name = NULL, NULL, NULL, "Only reap orphans, until SIGTERM or SIGINT",
         .number = REQUEST_PAUSE},
	{'h', KIND_REQUEST, GROUP_OTHER, 0, .name = NULL, NULL, NULL, "Print this help", .number = REQUEST_HELP},
	{'L', KIND_REQUEST, GROUP_OTHER, 0, .name = NULL, NULL, NULL, "Print a line about the licence",
         .number = REQUEST_LICENCE},
	{'V', KIND_REQUEST, GROUP_OTHER, 0, .name = "version", NULL, NULL, "Print the version",
         .number = REQUEST_VERSION},
	{0, KIND_LEVEL, GROUP_LOG, 0, .name = NULL, "CATATONIT_DEBUG", NULL, "Log each signal and each reaped process",
         .number = LOG_VERBOSE, .on_by = ON_BY_ANY},
};

static const struct option DUMB_INIT_OPTIONS[] = {
	{'c', KIND_SWITCH, GROUP_SIGNALS, AT(single_child), .name = "single-child", NULL, NULL,
         "Create no session; forward signals to the app only", .on_by = ON_BY_ANY},
	{'r', KIND_REWRITES, GROUP_SIGNALS, AT(policy.rewrite), .name = "rewrite", NULL, "FROM:TO",
         "Forward TO instead of FROM; FROM:0 drops FROM", .id = OPTION_REWRITE},
	{'v', KIND_LEVEL, GROUP_LOG, 0, .name = "verbose", NULL, NULL, "Log each signal and each reaped process",
         .number = LOG_VERBOSE, .on_by = ON_BY_ANY},
	{'h', KIND_REQUEST, GROUP_OTHER, 0, .name = "help", NULL, NULL, "Print this help", .number = REQUEST_HELP},
	{'V', KIND_REQUEST, GROUP_OTHER, 0, .name = "version", NULL, NULL, "Print the version",
         .number = REQUEST_VERSION},
	{0, KIND_SWITCH, GROUP_SIGNALS, AT(single_child), .name = NULL, "DUMB_INIT_SETSID", NULL,
         "If 0, as --single-child", .on_by = '0'},
	{0, KIND_LEVEL, GROUP_LOG, 0, .name = NULL, "DUMB_INIT_DEBUG", NULL, "If 1, as --verbose",
         .number = LOG_VERBOSE, .on_by = '1'},
};

static const struct table TABLES[] = {
	[COMPAT_LULL] = {"LULL_", OPTIONS, COUNT(OPTIONS)},
	[COMPAT_TINI] = {"TINI_", TINI_OPTIONS, COUNT(TINI_OPTIONS)},
	[COMPAT_CATATONIT] = {"CATATONIT_", CATATONIT_OPTIONS, COUNT(CATATONIT_OPTIONS)},
	[COMPAT_DUMB_INIT] = {"DUMB_INIT_", DUMB_INIT_OPTIONS, COUNT(DUMB_INIT_OPTIONS)},
};

static const struct table *const OWN = &TABLES[COMPAT_LULL];

const struct option *options_row(enum compat_id mode, size_t index)
{
	return index < TABLES[mode].count ? &TABLES[mode].rows[index] : NULL;
}

/* --- Error texts -------------------------------------------------------------------------------------------------- */

enum { SHOWN = 100 }; /* bytes of a value: it may have any length, the line may not */

/* NULL: there is no value. */
static void add_value(struct text *why, const char *value)
{
	if (value != NULL)
		text_add(why, " \"%.*s\"", (int)strnlen(value, SHOWN), value);
}

static int reject(struct parser *parser, const char *reason)
{
	text_add(parser->why, "%s", reason);
	return -1;
}

/* Rejects the value if it is not valid. */
static int expect(struct parser *parser, bool is_valid, const char *reason)
{
	return is_valid ? 0 : reject(parser, reason);
}

/* Rejects a list that has an invalid item. NULL: it has none. */
static int expect_no(struct parser *parser, const char *invalid, const char *reason)
{
	if (invalid == NULL)
		return 0;
	size_t length = strcspn(invalid, ",");
	text_add(parser->why, "\"%.*s\" ", (int)(length < SHOWN ? length : SHOWN), invalid);
	return reject(parser, reason);
}

/* --- Values ------------------------------------------------------------------------------------------------------- */

static int store_time(struct parser *parser, enum option_kind kind, const char *value, int64_t *time_ms)
{
#define TIME_FORM "invalid time; use 5, 250ms, 1.5s, 2m, 1h or 1m30s, at most a year"
	bool may_be_never = kind == KIND_TIME_OR_NEVER;
	*time_ms = may_be_never && strcmp(value, "never") == 0 ? TIME_NEVER : time_parse(value, strlen(value));
	if (*time_ms < 0)
		return reject(parser, may_be_never ? TIME_FORM ", or never" : TIME_FORM);
	if (may_be_never && *time_ms == 0)
		return reject(parser, "0 could mean immediately or never; use 1ms or never");
	if (kind == KIND_GRACE_PERIOD && *time_ms <= 1000)
		return reject(parser, "SIGKILL is sent 1 s before the grace period ends; use more than 1s");
	return 0;
}

/* Each -v is one level more; the variable is the level, and 0 if it is not a number. */
static void store_verbosity(enum log_level *level, enum source source, const char *value)
{
	if (source == SOURCE_FLAG) {
		*level += *level < LOG_VERBOSE;
		return;
	}
	int64_t number = text_number(value, strlen(value), INT32_MAX);
	*level = number > LOG_VERBOSE ? LOG_VERBOSE : number < 0 ? LOG_ERROR : (enum log_level)number;
}

/* Of verbose and quiet the last one counts; switching one off leaves the other as it is. */
static void store_level(enum log_level *level, enum log_level wanted, bool on)
{
	if (on)
		*level = wanted;
	else if (*level == wanted)
		*level = LOG_NOTICE;
}

static int store_switch(struct parser *parser, const struct option *option, const char *value, bool *field)
{
	struct options *options = parser->options;
	char digit = value[0] != '\0' && value[1] == '\0' ? value[0] : '\0';
	if (option->on_by != '\0' && option->on_by != ON_BY_ANY && option->on_by != digit)
		return 0;
	/* Other inits take a count for verbose; lull has one level. */
	bool is_count = option->kind == KIND_LEVEL && option->number == LOG_VERBOSE && digit >= '2' && digit <= '9';
	int on = option->on_by != '\0' || is_count ? 1 : boolean_parse(value);
	if (on < 0)
		return reject(parser, "neither on nor off; use 1, 0, true, false, yes, no, on or off");
	if (option->kind == KIND_SWITCH)
		*field = on > 0;
	if (option->kind == KIND_LEVEL)
		store_level(&options->log_level, option->number, on > 0);
	if (option->kind == KIND_REQUEST && on > 0 && options->request < option->number)
		options->request = option->number;
	return 0;
}

enum { NOT_REWRITTEN = UINT8_MAX };

/* Checks and stores a value, and where it came from. Returns 0, or -1 with the reason added to parser->why. */
static int store_value(struct parser *parser, const struct option *option, const char *value)
{
	struct options *options = parser->options;
	void *field = (char *)options + option->offset;
	const char **given = &options->given[parser->source][option->id];
	bool is_first = *given == NULL; /* of its source: it replaces a list, the next ones add to it */
	*given = value;
	switch (option->kind) {
	case KIND_TIME:
	case KIND_TIME_OR_NEVER:
	case KIND_GRACE_PERIOD:
		return store_time(parser, option->kind, value, field);
	case KIND_PLAN:
		return plan_parse(field, value, parser->why);
	case KIND_SWITCH:
	case KIND_IGNORED:
	case KIND_LEVEL:
	case KIND_REQUEST:
		return store_switch(parser, option, value, field);
	case KIND_SIGNAL:
		*(int *)field = signal_parse(value, strlen(value));
		return expect(parser, *(int *)field > 0, "not a signal; use a name or a number like TERM");
	case KIND_SIGNALS:
		if (is_first)
			*(uint64_t *)field = 0;
		return expect_no(parser, signals_parse(value, field),
		                 "is not a signal that can be caught; use names or numbers like TERM,QUIT");
	case KIND_REWRITES:
		if (is_first)
			memset(field, NOT_REWRITTEN, sizeof options->policy.rewrite);
		return expect_no(parser, rewrite_parse(value, field),
		                 "is invalid; use FROM:TO like TERM:QUIT, or FROM:0 to drop the signal");
	case KIND_CODES:
		if (is_first)
			memset(field, 0, sizeof options->policy.success_exit);
		return expect_no(parser, codes_parse(value, field),
		                 "is not an exit code; use numbers from 0 to 255 like 143");
	case KIND_PORTS:
		if (is_first)
			((struct ports *)field)->count = 0;
		return expect_no(parser, ports_parse(value, field),
		                 "is invalid; use at most 8 ports from 1 to 65535, like 8080,8443");
	case KIND_ADDRESS:
		return expect(parser, address_parse(value, field) == 0,
		              "invalid address; use PORT or ADDR:PORT, like 8080, 127.0.0.1:8080 or [::1]:8080");
	case KIND_PATH: /* absolute, because lull leaves its directory */
		if (value[0] != '/')
			return reject(parser, "not an absolute path; use one that begins with /");
		*(const char **)field = value;
		return 0;
	case KIND_FORMAT:
		options->log_format = strcmp(value, "json") == 0 ? LOG_JSON : LOG_TEXT;
		return expect(parser, options->log_format == LOG_JSON || strcmp(value, "text") == 0,
		              "unknown format; use text or json");
	case KIND_VERBOSITY:
		store_verbosity(&options->log_level, parser->source, value);
		return 0;
	}
	return -1;
}

/* Applies a value, given as `name`; NULL: none. Returns 0, or -1 with the whole error text in parser->why. */
static int apply(struct parser *parser, const struct option *option, const char *dashes, const char *name,
                 const char *value)
{
	parser->why->length = 0;
	text_add(parser->why, "%s%s", dashes, name);
	add_value(parser->why, value);
	text_add(parser->why, ": ");
	if (value == NULL && option->argument != NULL) {
		text_add(parser->why, "a value is missing; use %s%s %s", dashes, name, option->argument);
		return -1;
	}
	if (store_value(parser, option, value != NULL ? value : "1") < 0)
		return -1;
	parser->why->length = 0;
	return 0;
}

/* --- The environment ---------------------------------------------------------------------------------------------- */

/* Returns whether `known`, which may be NULL, is the name of `length` bytes. */
static bool is_name(const char *known, const char *name, size_t length)
{
	return known != NULL && strncmp(known, name, length) == 0 && known[length] == '\0';
}

static bool has_prefix(const struct table *table, const char *entry)
{
	return strncmp(entry, table->prefix, strlen(table->prefix)) == 0;
}

/* The index of the option that an entry "NAME=value" of the environment belongs to, or -1. */
static int find_variable(const struct table *table, const char *entry)
{
	size_t length = has_prefix(table, entry) ? strcspn(entry, "=") : 0;
	for (size_t i = 0; length > 0 && i < table->count; i++)
		if (is_name(table->rows[i].variable, entry, length))
			return (int)i;
	return -1;
}

/*
 * Applies variables in the order of the table, not of the environment; if a name is there twice, the first entry
 * counts. Continues after an invalid one, because --log-format, which says how the error is logged, may be in a later
 * one. An empty variable counts as not set, except for those of other inits.
 */
static int apply_variables(struct parser *parser, const struct table *table, char **envp)
{
	const char *values[COUNT(OPTIONS)] = {NULL}; /* no table is longer */
	int result = 0;
	parser->source = SOURCE_VARIABLE;
	for (; *envp != NULL; envp++) {
		int found = find_variable(table, *envp);
		if (found >= 0 && values[found] == NULL)
			values[found] = *envp + strcspn(*envp, "=");
	}
	for (size_t i = 0; i < table->count; i++) {
		const char *value = values[i];
		if (value == NULL || *value++ == '\0' || (*value == '\0' && table == OWN))
			continue;
		if (apply(parser, &table->rows[i], "", table->rows[i].variable, value) < 0) {
			result = -1;
			parser->why = parser->discard;
		}
	}
	return result;
}

void options_scrub(char **envp)
{
	char **kept = envp;
	for (; *envp != NULL; envp++)
		if (find_variable(OWN, *envp) < 0)
			*kept++ = *envp;
	*kept = NULL;
}

/* Kubernetes sets such variables for a Service whose name begins with "lull". */
static bool is_of_service(const char *name)
{
	for (const char *at = name; (at = strchr(at, '_')) != NULL; at++)
		if (strncmp(at, "_SERVICE_", 9) == 0 || strncmp(at, "_PORT_", 6) == 0 || strcmp(at, "_PORT") == 0)
			return true;
	return false;
}

/* lull sets these for the pre-stop program, which may start lull. */
static bool is_set_by_lull(const char *name)
{
	return strcmp(name, "LULL_PID") == 0 || strcmp(name, "LULL_SIGNAL") == 0;
}

static const char *find_nearest_variable(const char *name)
{
	const char *nearest = "";
	unsigned least = ~0U;
	for (size_t i = 0; i < OWN->count; i++) {
		const char *variable = OWN->rows[i].variable;
		bool begins = variable != NULL && strncmp(variable, name, strlen(name)) == 0;
		unsigned distance = begins ? 0 : variable != NULL ? text_distance(name, variable) : ~0U;
		if (distance < least) {
			least = distance;
			nearest = variable;
		}
	}
	return nearest;
}

const char *options_next_stray(char **envp, size_t *at, const char **nearest)
{
	while (envp[*at] != NULL) {
		const char *entry = envp[(*at)++];
		if (!has_prefix(OWN, entry) || find_variable(OWN, entry) >= 0)
			continue;
		char bytes[128];
		struct text name = TEXT_IN(bytes);
		text_add(&name, "%.*s", (int)strcspn(entry, "="), entry);
		if (is_of_service(bytes) || is_set_by_lull(bytes))
			continue;
		*nearest = find_nearest_variable(bytes);
		return entry;
	}
	return NULL;
}

/* --- The command line ------------------------------------------------------------------------------------------- */

static const struct option *find_letter(const struct table *table, char letter)
{
	for (size_t i = 0; i < table->count; i++)
		if (table->rows[i].letter == letter)
			return &table->rows[i];
	return NULL;
}

static const struct option *find_name(const struct table *table, const char *name, size_t length)
{
	for (size_t i = 0; i < table->count; i++)
		if (is_name(table->rows[i].name, name, length))
			return &table->rows[i];
	return NULL;
}

static int reject_with_help(struct parser *parser)
{
	text_add(parser->why, "; see %s", parser->options->compat->help);
	return -1;
}

static int reject_unknown_name(struct parser *parser, const char *name, size_t length)
{
	char bytes[64];
	struct text shown = TEXT_IN(bytes);
	text_add(&shown, "%.*s", (int)length, name);
	text_add(parser->why, "--%s: no such option", bytes);
	for (size_t i = 0; i < parser->table->count; i++) {
		const char *known = parser->table->rows[i].name;
		if (known != NULL && text_distance(bytes, known) <= 2) {
			text_add(parser->why, "; did you mean --%s?", known);
			return -1;
		}
	}
	return reject_with_help(parser);
}

/* "--name", "--name=value" or "--name value". Returns how many arguments were used, or -1. */
static int apply_long(struct parser *parser, char **arguments)
{
	const char *name = arguments[0] + 2;
	size_t length = strcspn(name, "=");
	const struct option *option = find_name(parser->table, name, length);
	if (option == NULL) {
		option = find_name(OWN, name, length);
		if (option == NULL || !option->every_mode)
			return reject_unknown_name(parser, name, length);
	}
	bool has_value = name[length] == '=';
	bool uses_next = !has_value && option->argument != NULL;
	const char *value = has_value ? name + length + 1 : uses_next ? arguments[1] : NULL;
	if (apply(parser, option, "--", option->name, value) < 0)
		return -1;
	return uses_next ? 2 : 1;
}

/* "-d5", "-d 5", "-gv": letters in a row. Returns how many arguments were used, or -1. */
static int apply_letters(struct parser *parser, char **arguments)
{
	for (const char *at = arguments[0] + 1; *at != '\0'; at++) {
		const char name[] = {*at, '\0'};
		const struct option *option = find_letter(parser->table, *at);
		if (option == NULL) {
			text_add(parser->why, "-%s: no such option", name);
			return reject_with_help(parser);
		}
		bool is_last = option->argument != NULL;
		const char *value = !is_last ? NULL : at[1] != '\0' ? at + 1 : arguments[1];
		if (apply(parser, option, "-", name, value) < 0)
			return -1;
		if (is_last)
			return at[1] != '\0' ? 1 : 2;
	}
	return 1;
}

/* Ends at the first argument that is not an option, or after "--". */
static int apply_flags(struct parser *parser, char **arguments)
{
	parser->source = SOURCE_FLAG;
	while (*arguments != NULL && (*arguments)[0] == '-' && (*arguments)[1] != '\0') {
		if (strcmp(*arguments, "--") == 0) {
			arguments++;
			break;
		}
		bool is_long = (*arguments)[1] == '-';
		int used = is_long ? apply_long(parser, arguments) : apply_letters(parser, arguments);
		if (used < 0)
			return -1;
		arguments += used;
	}
	parser->options->command = arguments;
	return 0;
}

/* "COMMAND -- ARG": getopt(3) moves these dashes in front of COMMAND, so they are not an argument of it. */
static void drop_inner_dashes(struct options *options)
{
	char **command = options->command;
	if (command[0] == NULL || command[1] == NULL || strcmp(command[1], "--") != 0 || strcmp(command[-1], "--") == 0)
		return;
	command[1] = command[0];
	options->command++;
}

/* --- Options that depend on each other ---------------------------------------------------------------------------- */

/* The last source that gave an option. */
static enum source source_of(const struct options *options, enum option_id id)
{
	enum source source = SOURCE_FLAG;
	while (source > SOURCE_DEFAULT && options->given[source][id] == NULL)
		source--;
	return source;
}

static bool is_default(const struct options *options, enum option_id id)
{
	return source_of(options, id) == SOURCE_DEFAULT;
}

/* An option as one source gives it. */
static struct given given_in(const struct options *options, enum source source, enum option_id id)
{
	const struct option *option = OWN->rows;
	while (option->id != id)
		option++;
	bool is_flag = source == SOURCE_FLAG;
	return (struct given){.dashes = is_flag ? "--" : "",
	                      .name = is_flag ? option->name : option->variable,
	                      .value = options->given[source][id]};
}

struct given options_given(const struct options *options, enum option_id id)
{
	return given_in(options, source_of(options, id), id);
}

static void add_given(struct parser *parser, enum source source, enum option_id id, const char *separator)
{
	struct given given = given_in(parser->options, source, id);
	text_add(parser->why, "%s%s", given.dashes, given.name);
	add_value(parser->why, given.value);
	text_add(parser->why, "%s", separator);
}

/* Returns whether the source gives one of the options that --plan replaces. */
static bool has_timing(const struct options *options, enum source source)
{
	const char *const *given = options->given[source];
	return given[OPTION_DELAY] != NULL || given[OPTION_DRAIN_TIMEOUT] != NULL || given[OPTION_TIMEOUT] != NULL ||
	       given[OPTION_GRACE] != NULL;
}

/* One source must not give the same thing in two ways. */
static int reject_conflicts(struct parser *parser, enum source source)
{
	static const char PLAN[] = "cannot be combined, a plan sets all times; use one of them";
	static const struct {
		uint8_t ids[2];
		const char *reason;
	} CONFLICTS[] = {
		{{OPTION_PLAN, OPTION_DELAY}, PLAN},
		{{OPTION_PLAN, OPTION_DRAIN_TIMEOUT}, PLAN},
		{{OPTION_PLAN, OPTION_TIMEOUT}, PLAN},
		{{OPTION_PLAN, OPTION_GRACE}, PLAN},
		{{OPTION_GRACE, OPTION_TIMEOUT}, "cannot be combined, both set the time of SIGKILL; use one of them"},
	};
	const char *const *given = parser->options->given[source];
	for (size_t i = 0; i < COUNT(CONFLICTS); i++) {
		const uint8_t *ids = CONFLICTS[i].ids;
		if (given[ids[0]] == NULL || given[ids[1]] == NULL)
			continue;
		add_given(parser, source, ids[0], " with ");
		add_given(parser, source, ids[1], ": ");
		return reject(parser, CONFLICTS[i].reason);
	}
	return 0;
}

/* A delay and a drain leave the app at least 2 s before SIGKILL. */
static int plan_from_grace(struct parser *parser)
{
	enum { APP_NEEDS_MS = 2000 };
	struct options *options = parser->options;
	int64_t longest_ms = options->grace_ms - KILL_BEFORE_END_MS - APP_NEEDS_MS;
	bool is_drain = options->drain_ms > 0 && (options->delay_ms == 0 || options->delay_ms <= longest_ms);
	int64_t held_ms = options->delay_ms + options->drain_ms;
	if (held_ms > 0 && held_ms > longest_ms) {
		enum option_id id = is_drain ? OPTION_DRAIN_TIMEOUT : OPTION_DELAY;
		int64_t left_ms = is_drain ? longest_ms - options->delay_ms : longest_ms;
		bool is_whole = left_ms % 1000 == 0;
		add_given(parser, source_of(options, id), id, " with ");
		add_given(parser, source_of(options, OPTION_GRACE), OPTION_GRACE, ": ");
		text_add(parser->why, "leaves the app less than 2 s before SIGKILL; ");
		if (left_ms <= 0)
			return reject(parser, "use a longer grace period");
		text_add(parser->why, is_whole ? "use a %s of at most %llds" : "use a %s of at most %lldms",
		         is_drain ? "drain timeout" : "delay", (long long)(is_whole ? left_ms / 1000 : left_ms));
		return -1;
	}
	plan_from_timeout(&options->policy.plan, options->delay_ms, options->drain_ms,
	                  options->grace_ms - KILL_BEFORE_END_MS - held_ms);
	options->policy.plan.fixed = true;
	return 0;
}

/* Makes the plan. A flag overrides variables: --plan those of delay, timeout and grace, and each of these LULL_PLAN. */
static int resolve_plan(struct parser *parser)
{
	struct options *options = parser->options;
	const char *const *flags = options->given[SOURCE_FLAG];
	const char *const *variables = options->given[SOURCE_VARIABLE];
	if (reject_conflicts(parser, SOURCE_FLAG) < 0 || reject_conflicts(parser, SOURCE_VARIABLE) < 0)
		return -1;
	bool is_plan =
		flags[OPTION_PLAN] != NULL || (variables[OPTION_PLAN] != NULL && !has_timing(options, SOURCE_FLAG));
	bool is_grace =
		flags[OPTION_GRACE] != NULL || (variables[OPTION_GRACE] != NULL && flags[OPTION_TIMEOUT] == NULL);
	if (is_grace && !is_plan)
		return plan_from_grace(parser);
	options->grace_ms = -1;
	if (is_plan)
		options->drain_ms = 0; /* a variable that the plan overrides */
	else
		plan_from_timeout(&options->policy.plan, options->delay_ms, options->drain_ms, options->timeout_ms);
	return 0;
}

/* lull's own endpoint must not be taken for the app's. */
static int reject_own_port(struct parser *parser)
{
	const struct options *options = parser->options;
	if (!ports_have(&options->listens, options->ready_on.port))
		return 0;
	add_given(parser, source_of(options, OPTION_LISTENS), OPTION_LISTENS, ": ");
	return reject(parser, "this is the port of --ready-on; use the port of the app");
}

/*
 * An app that leads a session is in an orphaned process group. There the kernel drops the signals by which a terminal
 * stops a job, so SIGSTOP is forwarded instead.
 */
static void resolve_rewrites(uint8_t rewrite[LIFECYCLE_SIGNALS], bool session)
{
	for (int signo = 0; signo < LIFECYCLE_SIGNALS; signo++) {
		bool is_stop = session && (signo == SIGTSTP || signo == SIGTTIN || signo == SIGTTOU);
		if (rewrite[signo] == NOT_REWRITTEN)
			rewrite[signo] = (uint8_t)(is_stop ? SIGSTOP : signo);
	}
}

/* A drain needs to know the app's ports. */
static int reject_drain_without_ports(struct parser *parser)
{
	const struct options *options = parser->options;
	bool is_plan = options->drain_ms == 0;
	if (options->listens.count > 0 || !options->policy.plan.drains)
		return 0;
	enum option_id id = is_plan ? OPTION_PLAN : OPTION_DRAIN_TIMEOUT;
	add_given(parser, source_of(options, id), id, ": ");
	return reject(parser, "a drain needs the ports of the app; use --listens PORT or LULL_LISTENS");
}

/* Sets the fields that follow from several options. Returns 0, or -1 with the reason in parser->why. */
static int resolve(struct parser *parser)
{
	struct options *options = parser->options;
	struct policy *policy = &options->policy;
	bool has_linger = !is_default(options, OPTION_LINGER);
	options->session = options->compat->session && !options->single_child;
	if (options->single_child && is_default(options, OPTION_GROUP))
		policy->group = false;
	policy->pre_stop = options->pre_stop != NULL;
	policy->abandon = options->compat->abandon && !has_linger;
	resolve_rewrites(policy->rewrite, options->session);
	if (resolve_plan(parser) < 0 || reject_own_port(parser) < 0 || reject_drain_without_ports(parser) < 0)
		return -1;
	/* Remaining processes can be waited for and killed only if they are lull's children. */
	if (has_linger || plan_kill_ms(&policy->plan) != TIME_NEVER)
		options->subreaper = true;
	return 0;
}

/* The defaults are in the table, and here if they depend on the compatibility mode. */
static void set_defaults(struct options *options, const struct compat_mode *compat)
{
	*options = (struct options){.compat = compat, .timeout_ms = compat->timeout_ms};
	options->log_level = compat->log_level;
	options->subreaper = compat->subreaper;
	options->policy.group = options->policy.suspends = compat->session;
	memset(options->policy.rewrite, NOT_REWRITTEN, sizeof options->policy.rewrite);
	for (size_t i = 0; i < OWN->count; i++)
		if (OWN->rows[i].initial != 0)
			*(uint64_t *)(void *)((char *)options + OWN->rows[i].offset) = OWN->rows[i].initial;
}

static int reject_no_command(struct parser *parser)
{
	const struct compat_mode *compat = parser->options->compat;
	text_add(parser->why, "no command given; use %s [OPTION]... [--] COMMAND [ARG]..., or see %s", compat->names[0],
	         compat->help);
	return -1;
}

/* Flags are read even after an invalid variable, because --help must work then. */
int options_parse(struct options *options, const struct compat_mode *compat, char **argv, char **envp, struct text *why)
{
	char nothing[1];
	struct text discard = TEXT_IN(nothing);
	struct parser parser = {.options = options, .why = why, .discard = &discard, .table = &TABLES[compat->id]};
	set_defaults(options, compat);
	int variables = apply_variables(&parser, OWN, envp);
	/* Other inits log nothing about a shutdown; lull does in their modes if a variable changes its timing. */
	bool is_planned = has_timing(options, SOURCE_VARIABLE) || options->given[SOURCE_VARIABLE][OPTION_PLAN] != NULL;
	if (is_planned && options->log_level == LOG_WARNING)
		options->log_level = LOG_NOTICE;
	if (parser.table != OWN)
		variables |= apply_variables(&parser, parser.table, envp);
	int flags = apply_flags(&parser, argv[0] != NULL ? argv + 1 : argv);
	if (options->request >= REQUEST_HELP)
		return 0;
	if (flags == 0 && compat->inner_dashes)
		drop_inner_dashes(options);
	if (variables < 0 || flags < 0 || resolve(&parser) < 0)
		return -1;
	if (options->request == REQUEST_RUN && *options->command == NULL)
		return reject_no_command(&parser);
	return 0;
}
