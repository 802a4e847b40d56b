/*
 * Owns argv and the environment. Never prints, never exits, never calls getenv.
 */
#include "options.h"

#include <signal.h>
#include <string.h>

#include "compat.h"
#include "signals.h"
#include "values.h"

enum source { SOURCE_VARIABLE, SOURCE_FLAG, SOURCES };

/* What one source says of the stop; the words are NULL where it says nothing. */
struct timing {
	const char *delay;
	const char *timeout;
	const char *grace;
	const char *plan;
	int64_t delay_ms;
	int64_t timeout_ms;
	int64_t grace_ms;
	struct plan steps;
};

struct parser;

struct option {
	struct option_line line;
	int (*set)(struct parser *parser, const char *value);
};

struct table {
	const char *prefix; /* of the variables, all of them */
	const struct option *options;
	size_t count;
};

struct parser {
	struct options *options;
	struct text *why;    /* the first reason to refuse */
	struct text *unsaid; /* where the others go */
	enum source source;
	const struct table *table; /* that of this source */
	struct timing timing[SOURCES];
	/* Lists that this source has begun; the first word of a source replaces what was there before. */
	bool stop_on_begun;
	bool rewrite_begun;
	bool success_begun;
	bool group_asked_for;
};

/* --- Setters: the value is checked and kept, or what would be right is added to `why` ---------------------------- */

/* How a source calls an option. */
static const char *name_of(enum source source, const char *flag, const char *variable)
{
	return source == SOURCE_FLAG ? flag : variable;
}

/* A value may be of any length, the line may not. NULL: there is none. */
static void add_value(struct parser *parser, const char *value)
{
	enum { SHOWN = 100 };
	if (value != NULL)
		text_add(parser->why, " \"%.*s\"", (int)strnlen(value, SHOWN), value);
}

static int refuse(struct parser *parser, const char *right)
{
	text_add(parser->why, "%s", right);
	return -1;
}

static int refuse_in_list(struct parser *parser, const char *bad, const char *right)
{
	enum { SHOWN = 100 };
	size_t length = strcspn(bad, ",");
	text_add(parser->why, "\"%.*s\" %s", (int)(length < SHOWN ? length : SHOWN), bad, right);
	return -1;
}

static int set_time(struct parser *parser, const char *value, int64_t *time_ms)
{
	*time_ms = time_parse(value, strlen(value));
	return *time_ms >= 0 ? 0
	                     : refuse(parser, "not a time up to a year; write it like 5, 250ms, 1.5s, 2m, 1h or 1m30s");
}

static int set_switch(struct parser *parser, const char *value, bool *on)
{
	int parsed = boolean_parse(value);
	*on = parsed > 0;
	return parsed >= 0 ? 0 : refuse(parser, "neither on nor off; write 1, 0, true, false, yes, no, on or off");
}

static int set_delay(struct parser *parser, const char *value)
{
	struct timing *timing = &parser->timing[parser->source];
	timing->delay = value;
	return set_time(parser, value, &timing->delay_ms);
}

static int set_timeout(struct parser *parser, const char *value)
{
	struct timing *timing = &parser->timing[parser->source];
	timing->timeout = value;
	timing->timeout_ms = TIME_NEVER;
	if (strcmp(value, "never") == 0)
		return 0;
	if (set_time(parser, value, &timing->timeout_ms) < 0)
		return refuse(parser, ", or never");
	return timing->timeout_ms > 0 ? 0 : refuse(parser, "0 could mean at once or never; write 1ms or never");
}

static int set_grace(struct parser *parser, const char *value)
{
	struct timing *timing = &parser->timing[parser->source];
	timing->grace = value;
	if (set_time(parser, value, &timing->grace_ms) < 0)
		return -1;
	return timing->grace_ms > 1000 ? 0 : refuse(parser, "SIGKILL comes 1 s before it is over; write more than 1s");
}

static int set_plan(struct parser *parser, const char *value)
{
	struct timing *timing = &parser->timing[parser->source];
	timing->plan = value;
	return plan_parse(&timing->steps, value, parser->why);
}

static int set_stop_on(struct parser *parser, const char *value)
{
	const char *bad;
	if (!parser->stop_on_begun)
		parser->options->policy.stop_on = 0;
	parser->stop_on_begun = true;
	if (signals_parse(value, &parser->options->policy.stop_on, &bad) == 0)
		return 0;
	return refuse_in_list(parser, bad, "is not a signal that can be caught; write names or numbers like TERM,QUIT");
}

/* What the app leaves behind has to come here. */
static int set_linger(struct parser *parser, const char *value)
{
	parser->options->subreaper = true;
	parser->options->policy.abandon = false;
	return set_time(parser, value, &parser->options->policy.linger_ms);
}

/* lull leaves its directory. */
static int set_path(struct parser *parser, const char *value, const char **path)
{
	if (value[0] != '/')
		return refuse(parser, "not an absolute path; write it from / on");
	*path = value;
	return 0;
}

static int set_pre_stop(struct parser *parser, const char *value)
{
	parser->options->policy.pre_stop = true;
	return set_path(parser, value, &parser->options->pre_stop);
}

static int set_drain_file(struct parser *parser, const char *value)
{
	parser->options->drain_file_given =
		(struct given){name_of(parser->source, "--drain-file", "LULL_DRAIN_FILE"), value};
	return set_path(parser, value, &parser->options->drain_file);
}

static const int STOPS[] = {SIGTSTP, SIGTTIN, SIGTTOU};
enum { STOPS_COUNT = sizeof STOPS / sizeof STOPS[0] };

enum { NOT_SAID = UINT8_MAX };

static void rewrite_nothing(struct policy *policy)
{
	for (int signo = 0; signo < LIFECYCLE_SIGNALS; signo++)
		policy->rewrite[signo] = (uint8_t)signo;
	for (int i = 0; i < STOPS_COUNT; i++)
		policy->rewrite[STOPS[i]] = NOT_SAID;
}

/* An app that leads a session is in an orphaned group, where the kernel drops what the terminal stops by. */
static void rewrite_the_rest(struct options *options)
{
	struct policy *policy = &options->policy;
	for (int i = 0; i < STOPS_COUNT; i++)
		if (policy->rewrite[STOPS[i]] == NOT_SAID)
			policy->rewrite[STOPS[i]] = (uint8_t)(options->session ? SIGSTOP : STOPS[i]);
}

static int set_rewrite(struct parser *parser, const char *value)
{
	const char *bad;
	if (!parser->rewrite_begun)
		rewrite_nothing(&parser->options->policy);
	parser->rewrite_begun = true;
	if (rewrite_parse(value, parser->options->policy.rewrite, &bad) == 0)
		return 0;
	return refuse_in_list(parser, bad, "is no pair of signals; write FROM:TO like TERM:QUIT, or FROM:0 to drop it");
}

static int set_group(struct parser *parser, const char *value)
{
	if (set_switch(parser, value, &parser->options->policy.group) < 0)
		return -1;
	parser->group_asked_for = parser->options->policy.group;
	return 0;
}

static int set_parent_death(struct parser *parser, const char *value)
{
	int signo = signal_parse(value, strlen(value));
	parser->options->parent_death = signo;
	return signo > 0 ? 0 : refuse(parser, "not a signal; write a name or a number like TERM");
}

static int set_ready_on(struct parser *parser, const char *value)
{
	struct options *options = parser->options;
	options->ready_on_given = (struct given){name_of(parser->source, "--ready-on", "LULL_READY_ON"), value};
	if (address_parse(value, &options->ready_on) == 0)
		return 0;
	return refuse(parser, "no place to listen; write a port, or an address and a port, like 8080, 127.0.0.1:8080 "
	                      "or [::1]:8080");
}

static int set_listens(struct parser *parser, const char *value)
{
	struct options *options = parser->options;
	options->listens_given = (struct given){name_of(parser->source, "--listens", "LULL_LISTENS"), value};
	options->listens = port_parse(value);
	return options->listens > 0 ? 0 : refuse(parser, "not a port; write a number from 1 to 65535");
}

static int set_success_exit(struct parser *parser, const char *value)
{
	const char *bad;
	uint64_t *codes = parser->options->policy.success_exit;
	if (!parser->success_begun)
		memset(codes, 0, sizeof parser->options->policy.success_exit);
	parser->success_begun = true;
	if (codes_parse(value, codes, &bad) == 0)
		return 0;
	return refuse_in_list(parser, bad, "is not an exit code; write numbers from 0 to 255 like 143");
}

static int set_stopped_ok(struct parser *parser, const char *value)
{
	return set_switch(parser, value, &parser->options->policy.stopped_ok);
}

/* Of verbose and quiet the last word counts; switching one off leaves the other as it is. */
static int set_level(struct parser *parser, const char *value, enum log_level level)
{
	bool on;
	if (set_switch(parser, value, &on) < 0)
		return -1;
	if (on)
		parser->options->log_level = level;
	else if (parser->options->log_level == level)
		parser->options->log_level = LOG_NOTICE;
	return 0;
}

/* A count, as other inits have it, is taken too: there is one level. */
static int set_verbose(struct parser *parser, const char *value)
{
	bool counts = value[0] >= '2' && value[0] <= '9' && value[1] == '\0';
	return set_level(parser, counts ? "1" : value, LOG_VERBOSE);
}

static int set_quiet(struct parser *parser, const char *value)
{
	return set_level(parser, value, LOG_ERROR);
}

static int set_report(struct parser *parser, const char *value)
{
	return set_path(parser, value, &parser->options->report);
}

static int set_log_format(struct parser *parser, const char *value)
{
	bool json = strcmp(value, "json") == 0;
	parser->options->log_format = json ? LOG_JSON : LOG_TEXT;
	return json || strcmp(value, "text") == 0 ? 0 : refuse(parser, "no form of log lines; write text or json");
}

static int set_warn_reap(struct parser *parser, const char *value)
{
	return set_switch(parser, value, &parser->options->warn_reap);
}

/* tini's subreaper and dumb-init's single-child: lull does both by itself. */
static int set_accepted(struct parser *parser, const char *value)
{
	bool ignored;
	return set_switch(parser, value, &ignored);
}

static int set_request(struct parser *parser, const char *value, enum request request)
{
	bool on;
	if (set_switch(parser, value, &on) < 0)
		return -1;
	if (on && parser->options->request < request)
		parser->options->request = request;
	return 0;
}

static int set_ready(struct parser *parser, const char *value)
{
	return set_request(parser, value, REQUEST_READY);
}

static int set_explain(struct parser *parser, const char *value)
{
	return set_request(parser, value, REQUEST_EXPLAIN);
}

static int set_help(struct parser *parser, const char *value)
{
	return set_request(parser, value, REQUEST_HELP);
}

static int set_version(struct parser *parser, const char *value)
{
	return set_request(parser, value, REQUEST_VERSION);
}

static int set_pause(struct parser *parser, const char *value)
{
	return set_request(parser, value, REQUEST_PAUSE);
}

static int set_licence(struct parser *parser, const char *value)
{
	return set_request(parser, value, REQUEST_LICENCE);
}

/* --- Setters of the peers': their variables mean "on" whenever they are set --------------------------------------- */

static int set_subreaper(struct parser *parser, const char *value)
{
	(void)value;
	parser->options->subreaper = true;
	return 0;
}

static int set_group_on(struct parser *parser, const char *value)
{
	(void)value;
	parser->options->policy.group = true;
	return 0;
}

static int set_debug(struct parser *parser, const char *value)
{
	(void)value;
	parser->options->log_level = LOG_VERBOSE;
	return 0;
}

/* Then signals go to the app alone, unless LULL_GROUP wants the group. */
static int set_single_child(struct parser *parser, const char *value)
{
	(void)value;
	parser->options->session = false;
	parser->options->policy.group = parser->group_asked_for;
	return 0;
}

/* These two are on or off by one word alone. */
static int set_setsid(struct parser *parser, const char *value)
{
	return strcmp(value, "0") == 0 ? set_single_child(parser, value) : 0;
}

static int set_debug_1(struct parser *parser, const char *value)
{
	return strcmp(value, "1") == 0 ? set_debug(parser, value) : 0;
}

/* Each -v is one level more; the variable is the level, and 0 where it is no number. */
static int set_verbosity(struct parser *parser, const char *value)
{
	enum log_level *level = &parser->options->log_level;
	if (parser->source == SOURCE_FLAG) {
		*level += *level < LOG_VERBOSE;
		return 0;
	}
	int64_t number = text_number(value, strlen(value), INT32_MAX);
	*level = number > LOG_VERBOSE ? LOG_VERBOSE : number < 0 ? LOG_ERROR : (enum log_level)number;
	return 0;
}

/* --- Tables: what a dialect's flags and variables are, in the order in which variables are applied ---------------- */

static const struct option OPTIONS[] = {
	{{'d', "delay", "LULL_DELAY", "TIME", "wait this long before the stop signal is passed on [0]"}, set_delay},
	{{'t', "timeout", "LULL_TIMEOUT", "TIME", "then SIGKILL after this long, or never [90s]"}, set_timeout},
	{{0, "grace", "LULL_GRACE", "TIME", "the orchestrator's grace period: SIGKILL 1 s before its end"}, set_grace},
	{{0, "plan", "LULL_PLAN", "PLAN", "the whole stop, like 5s/TERM/20s/QUIT/2s/KILL"}, set_plan},
	{{0, "stop-on", "LULL_STOP_ON", "SIG[,SIG]...", "the signals that begin the stop [TERM]"}, set_stop_on},
	{{'l', "linger", "LULL_LINGER", "TIME", "how long what the app leaves behind may take [5s]"}, set_linger},
	{{0, "pre-stop", "LULL_PRE_STOP", "PROGRAM", "start this when the stop begins; the signal waits for it"},
         set_pre_stop},
	{{0, "drain-file", "LULL_DRAIN_FILE", "PATH", "an empty file that exists from when the stop begins"},
         set_drain_file},
	{{0, "ready-on", "LULL_READY_ON", "[ADDR:]PORT", "tell load balancers: HTTP 200 ready or 503 draining"},
         set_ready_on},
	{{0, "listens", "LULL_LISTENS", "PORT", "not ready while nothing listens on this TCP port"}, set_listens},
	{{'r', "rewrite", "LULL_REWRITE", "FROM:TO[,...]", "pass TO on instead of FROM; 0 drops it"}, set_rewrite},
	{{'g', "group", "LULL_GROUP", NULL, "pass signals to the app's process group"}, set_group},
	{{'p', "parent-death", "LULL_PARENT_DEATH", "SIG", "the signal lull gets when its parent dies"},
         set_parent_death},
	{{'e', "success-exit", "LULL_SUCCESS_EXIT", "CODE[,...]", "exit 0 when the app exits CODE"}, set_success_exit},
	{{0, "stopped-ok", "LULL_STOPPED_OK", NULL, "exit 0 when the app ended by the plan's signal"}, set_stopped_ok},
	{{0, "report", "LULL_REPORT", "PATH", "append one line on how it ended to this file"}, set_report},
	{{0, "log-format", "LULL_LOG_FORMAT", "text|json", "the form of log lines [text]"}, set_log_format},
	{{'v', "verbose", "LULL_VERBOSE", NULL, "say every signal and every process reaped"}, set_verbose},
	{{'q', "quiet", "LULL_QUIET", NULL, "say errors only"}, set_quiet},
	{{'w', "warn-reap", "LULL_WARN_REAP", NULL, "a warning for each orphan reaped"}, set_warn_reap},
	{{0, "ready", NULL, NULL, "ask whether this container serves, and run COMMAND if so"}, set_ready},
	{{0, "explain", NULL, NULL, "print the stop that all this amounts to, start nothing"}, set_explain},
	{{0, "pause", NULL, NULL, "start nothing, reap orphans; ends on SIGTERM or SIGINT"}, set_pause},
	{{'h', "help", NULL, NULL, "print this"}, set_help},
	{{'V', "version", NULL, NULL, "print the version"}, set_version},
	{{'s', NULL, NULL, NULL, NULL}, set_accepted},
	{{'c', NULL, NULL, NULL, NULL}, set_accepted},
};

static const struct option TINI_OPTIONS[] = {
	{{'s', NULL, "TINI_SUBREAPER", NULL, "reap orphans when not PID 1"}, set_subreaper},
	{{'p', NULL, NULL, "SIG", "the signal it gets when its parent dies"}, set_parent_death},
	{{'v', NULL, "TINI_VERBOSITY", NULL, "say more; up to three times"}, set_verbosity},
	{{'w', NULL, NULL, NULL, "a warning for each orphan reaped"}, set_warn_reap},
	{{'g', NULL, "TINI_KILL_PROCESS_GROUP", NULL, "pass signals to the app's process group"}, set_group_on},
	{{'e', NULL, NULL, "CODE", "exit 0 when the app exits CODE; repeatable"}, set_success_exit},
	{{'h', NULL, NULL, NULL, "print this"}, set_help},
	{{'l', NULL, NULL, NULL, "print about the licence"}, set_licence},
	{{0, "version", NULL, NULL, "print the version"}, set_version},
};

static const struct option CATATONIT_OPTIONS[] = {
	{{'g', NULL, NULL, NULL, "pass signals to the app's process group"}, set_group_on},
	{{'P', NULL, NULL, NULL, "start nothing, reap orphans; ends on SIGTERM or SIGINT"}, set_pause},
	{{'h', NULL, NULL, NULL, "print this"}, set_help},
	{{'L', NULL, NULL, NULL, "print about the licence"}, set_licence},
	{{'V', "version", NULL, NULL, "print the version"}, set_version},
	{{0, NULL, "CATATONIT_DEBUG", NULL, "say every signal and every process reaped"}, set_debug},
};

static const struct option DUMB_INIT_OPTIONS[] = {
	{{'c', "single-child", NULL, NULL, "no session of its own: signals go to the app alone"}, set_single_child},
	{{'r', "rewrite", NULL, "S:R", "pass R on instead of S; 0 drops it; repeatable"}, set_rewrite},
	{{'v', "verbose", NULL, NULL, "say every signal and every process reaped"}, set_debug},
	{{'h', "help", NULL, NULL, "print this"}, set_help},
	{{'V', "version", NULL, NULL, "print the version"}, set_version},
	{{0, NULL, "DUMB_INIT_SETSID", NULL, "0: no session of its own, as -c"}, set_setsid},
	{{0, NULL, "DUMB_INIT_DEBUG", NULL, "1: say every signal and every process reaped"}, set_debug_1},
};

enum { OPTIONS_COUNT = sizeof OPTIONS / sizeof OPTIONS[0] };

static const char PREFIX[] = "LULL_";

static const struct table TABLES[] = {
	[DIALECT_LULL] = {PREFIX, OPTIONS, OPTIONS_COUNT},
	[DIALECT_TINI] = {"TINI_", TINI_OPTIONS, sizeof TINI_OPTIONS / sizeof TINI_OPTIONS[0]},
	[DIALECT_CATATONIT] = {"CATATONIT_", CATATONIT_OPTIONS, sizeof CATATONIT_OPTIONS / sizeof CATATONIT_OPTIONS[0]},
	[DIALECT_DUMB_INIT] = {"DUMB_INIT_", DUMB_INIT_OPTIONS, sizeof DUMB_INIT_OPTIONS / sizeof DUMB_INIT_OPTIONS[0]},
};

/* What every name takes. */
static const struct option QUESTIONS[] = {
	{{0, "ready", NULL, NULL, NULL}, set_ready},
	{{0, "explain", NULL, NULL, NULL}, set_explain},
};

static const struct table COMMON = {PREFIX, QUESTIONS, sizeof QUESTIONS / sizeof QUESTIONS[0]};

bool options_line(enum dialect dialect, size_t index, struct option_line *line)
{
	if (index >= TABLES[dialect].count)
		return false;
	*line = TABLES[dialect].options[index].line;
	return true;
}

/* Says what is looked at, in case it is refused. */
static void begin_refusal(struct parser *parser, const char *dashes, const char *name, const char *value)
{
	parser->why->length = 0;
	text_add(parser->why, "%s%s", dashes, name);
	add_value(parser, value);
	text_add(parser->why, ": ");
}

static int apply(struct parser *parser, const struct option *option, const char *value)
{
	if (option->set(parser, value) < 0)
		return -1;
	parser->why->length = 0;
	return 0;
}

/* --- The environment -------------------------------------------------------------------------------------------- */

/* What comes behind the prefix; NULL: the entry does not begin with it, which mostly the first byte tells. */
static const char *behind(const char *entry, const char *prefix)
{
	while (*prefix != '\0' && *prefix == *entry) {
		prefix++;
		entry++;
	}
	return *prefix == '\0' ? entry : NULL;
}

static bool is_named(const char *entry, const char *name)
{
	const char *rest = behind(entry, name);
	return rest != NULL && (*rest == '=' || *rest == '\0');
}

/* Where the option stands whose variable is before the '=' of this entry, or -1. */
static int find_variable(const struct table *table, const char *entry)
{
	if (behind(entry, table->prefix) == NULL)
		return -1;
	for (size_t i = 0; i < table->count; i++) {
		const char *name = table->options[i].line.variable;
		if (name != NULL && is_named(entry, name))
			return (int)i;
	}
	return -1;
}

static bool is_ours(const char *entry)
{
	return behind(entry, PREFIX) != NULL;
}

/*
 * In the order of the table, whatever that of the environment; of a name that is there twice the first counts. Goes on
 * behind a bad one, of which the first is told: how that is to be told may be in a later one. An empty one of ours
 * counts as not set.
 */
static int apply_variables(struct parser *parser, const struct table *table, char **envp)
{
	const char *values[OPTIONS_COUNT] = {NULL}; /* no table is longer */
	int result = 0;
	parser->source = SOURCE_VARIABLE;
	for (; *envp != NULL; envp++) {
		int found = find_variable(table, *envp);
		if (found >= 0 && values[found] == NULL)
			values[found] = *envp + strcspn(*envp, "=");
	}
	for (size_t i = 0; i < table->count; i++) {
		const char *value = values[i];
		if (value == NULL || *value++ == '\0' || (*value == '\0' && table->options == OPTIONS))
			continue;
		begin_refusal(parser, "", table->options[i].line.variable, value);
		if (apply(parser, &table->options[i], value) < 0) {
			result = -1;
			parser->why = parser->unsaid;
		}
	}
	return result;
}

void options_scrub(char **envp)
{
	char **kept = envp;
	for (; *envp != NULL; envp++)
		if (!is_ours(*envp) || find_variable(&TABLES[DIALECT_LULL], *envp) < 0)
			*kept++ = *envp;
	*kept = NULL;
}

/* What Kubernetes sets for a Service whose name begins with "lull". */
static bool is_of_a_service(const char *name)
{
	static const char SERVICE[] = "_SERVICE_";
	static const char PORT[] = "_PORT_";
	for (const char *word = strchr(name, '_'); word != NULL; word = strchr(word + 1, '_')) {
		bool is_port = strncmp(word, PORT, sizeof PORT - 2) == 0 && strchr("_", word[sizeof PORT - 2]) != NULL;
		if (is_port || strncmp(word, SERVICE, sizeof SERVICE - 1) == 0)
			return true;
	}
	return false;
}

/* What lull sets for the pre-stop program, which may start lull. */
static bool is_set_by_lull(const char *name)
{
	return strcmp(name, "LULL_PID") == 0 || strcmp(name, "LULL_SIGNAL") == 0;
}

static const char *nearest_variable(const char *name)
{
	const char *nearest = "";
	unsigned least = ~0U;
	for (size_t i = 0; i < OPTIONS_COUNT; i++) {
		const char *variable = OPTIONS[i].line.variable;
		unsigned distance = variable != NULL ? text_distance(name, variable) : ~0U;
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
		if (!is_ours(entry) || find_variable(&TABLES[DIALECT_LULL], entry) >= 0)
			continue;
		char bytes[128];
		struct text name = TEXT_IN(bytes);
		text_add(&name, "%.*s", (int)strcspn(entry, "="), entry);
		if (is_of_a_service(bytes) || is_set_by_lull(bytes))
			continue;
		*nearest = nearest_variable(bytes);
		return entry;
	}
	return NULL;
}

/* --- The command line ------------------------------------------------------------------------------------------- */

static const struct option *find_letter(const struct table *table, char letter)
{
	for (size_t i = 0; i < table->count; i++)
		if (table->options[i].line.letter == letter)
			return &table->options[i];
	return NULL;
}

static const struct option *find_name(const struct table *table, const char *name, size_t length)
{
	for (size_t i = 0; i < table->count; i++) {
		const char *known = table->options[i].line.name;
		if (known != NULL && strlen(known) == length && memcmp(known, name, length) == 0)
			return &table->options[i];
	}
	return NULL;
}

static int refuse_see_help(struct parser *parser, const char *what)
{
	text_add(parser->why, "%s; see %s", what, parser->options->compat->help);
	return -1;
}

static int refuse_unknown_name(struct parser *parser, const char *name, size_t length)
{
	char bytes[64];
	struct text word = TEXT_IN(bytes);
	text_add(&word, "%.*s", (int)length, name);
	text_add(parser->why, "--%s: no such option", bytes);
	for (size_t i = 0; i < parser->table->count; i++) {
		const char *known = parser->table->options[i].line.name;
		if (known != NULL && text_distance(bytes, known) <= 2) {
			text_add(parser->why, "; did you mean --%s?", known);
			return -1;
		}
	}
	return refuse_see_help(parser, "");
}

/* "--name", "--name=value" or "--name value". Returns how many words it took, or -1. */
static int apply_long(struct parser *parser, char **words)
{
	const char *name = words[0] + 2;
	size_t length = strcspn(name, "=");
	const struct option *option = find_name(parser->table, name, length);
	if (option == NULL)
		option = find_name(&COMMON, name, length);
	if (option == NULL)
		return refuse_unknown_name(parser, name, length);
	const char *value = name[length] == '=' ? name + length + 1 : NULL;
	bool takes_next = value == NULL && option->line.argument != NULL;
	if (takes_next)
		value = words[1];
	begin_refusal(parser, "--", option->line.name, value);
	if (takes_next && value == NULL)
		return refuse(parser, "a value is missing");
	if (apply(parser, option, value != NULL ? value : "1") < 0)
		return -1;
	return takes_next ? 2 : 1;
}

/* "-d5", "-d 5", "-gv": letters in a row. Returns how many words it took, or -1. */
static int apply_letters(struct parser *parser, char **words)
{
	for (const char *at = words[0] + 1; *at != '\0'; at++) {
		const char name[] = {*at, '\0'};
		const struct option *option = find_letter(parser->table, *at);
		begin_refusal(parser, "-", name, NULL);
		if (option == NULL)
			return refuse_see_help(parser, "no such option");
		if (option->line.argument == NULL) {
			if (apply(parser, option, "1") < 0)
				return -1;
			continue;
		}
		const char *value = at[1] != '\0' ? at + 1 : words[1];
		if (value == NULL)
			return refuse(parser, "a value is missing");
		begin_refusal(parser, "-", name, value);
		if (apply(parser, option, value) < 0)
			return -1;
		return at[1] != '\0' ? 1 : 2;
	}
	return 1;
}

/* Stops at the first word that is no option, and behind "--". */
static int apply_flags(struct parser *parser, char **words)
{
	parser->source = SOURCE_FLAG;
	parser->table = &TABLES[parser->options->compat->dialect];
	parser->stop_on_begun = parser->rewrite_begun = parser->success_begun = false;
	while (*words != NULL && (*words)[0] == '-' && (*words)[1] != '\0') {
		if (strcmp(*words, "--") == 0) {
			words++;
			break;
		}
		int taken = (*words)[1] == '-' ? apply_long(parser, words) : apply_letters(parser, words);
		if (taken < 0)
			return -1;
		words += taken;
	}
	parser->options->command = words;
	return 0;
}

/* "COMMAND -- ARG": where getopt(3) puts words in another order, these dashes are not the command's. */
static void drop_inner_dashes(struct options *options)
{
	char **words = options->command;
	if (words[0] == NULL || words[1] == NULL || strcmp(words[1], "--") != 0 || strcmp(words[-1], "--") == 0)
		return;
	words[1] = words[0];
	options->command++;
}

/* --- What it amounts to ------------------------------------------------------------------------------------------ */

/* What is refused beside another one. */
static void begin_refusal_of_two(struct parser *parser, const char *name, const char *value, const char *other,
                                 const char *other_value)
{
	text_add(parser->why, "%s", name);
	add_value(parser, value);
	text_add(parser->why, " with %s", other);
	add_value(parser, other_value);
	text_add(parser->why, ": ");
}

/* One source must not say the same thing in two ways. */
static int refuse_both(struct parser *parser, enum source source)
{
	const struct timing *timing = &parser->timing[source];
	const char *plan = name_of(source, "--plan", "LULL_PLAN");
	const char *grace = name_of(source, "--grace", "LULL_GRACE");
	const struct {
		const char *name;
		const char *value;
	} parts[] = {
		{name_of(source, "--delay", "LULL_DELAY"), timing->delay},
		{name_of(source, "--timeout", "LULL_TIMEOUT"), timing->timeout},
		{grace, timing->grace},
	};
	for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
		if (timing->plan == NULL || parts[i].value == NULL)
			continue;
		begin_refusal_of_two(parser, plan, timing->plan, parts[i].name, parts[i].value);
		return refuse(parser, "a plan says the whole stop; write one or the other");
	}
	if (timing->grace == NULL || timing->timeout == NULL)
		return 0;
	begin_refusal_of_two(parser, grace, timing->grace, parts[1].name, timing->timeout);
	return refuse(parser, "both say when SIGKILL comes; write one or the other");
}

static int plan_from_grace(struct parser *parser, enum source of_grace, enum source of_delay)
{
	enum { BEFORE_END_MS = 1000, APP_NEEDS_MS = 2000 };
	const struct timing *grace = &parser->timing[of_grace];
	const struct timing *delay = &parser->timing[of_delay];
	int64_t delay_ms = delay->delay != NULL ? delay->delay_ms : 0;
	int64_t left_ms = grace->grace_ms - BEFORE_END_MS - delay_ms;
	if (delay_ms > 0 && left_ms < APP_NEEDS_MS) {
		char buffer[TEXT_TIME_SIZE];
		int64_t longest_ms = grace->grace_ms - BEFORE_END_MS - APP_NEEDS_MS;
		begin_refusal_of_two(parser, name_of(of_delay, "--delay", "LULL_DELAY"), delay->delay,
		                     name_of(of_grace, "--grace", "LULL_GRACE"), grace->grace);
		text_add(parser->why, "leaves the app less than 2 s before SIGKILL; ");
		if (longest_ms < 0)
			return refuse(parser, "this grace period has no room for a delay");
		text_add(parser->why, "write a delay of at most %s", text_time(longest_ms, buffer));
		return -1;
	}
	plan_from_timeout(&parser->options->policy.plan, delay_ms, left_ms);
	parser->options->policy.plan.fixed = true;
	parser->options->grace_ms = grace->grace_ms;
	return 0;
}

/*
 * A flag beats the variables it stands for: a plan those of delay, timeout and grace, and each of these that of a plan.
 */
static int resolve_plan(struct parser *parser)
{
	const struct timing *flags = &parser->timing[SOURCE_FLAG];
	const struct timing *variables = &parser->timing[SOURCE_VARIABLE];
	struct plan *plan = &parser->options->policy.plan;
	if (refuse_both(parser, SOURCE_FLAG) < 0 || refuse_both(parser, SOURCE_VARIABLE) < 0)
		return -1;
	bool parts = flags->delay != NULL || flags->timeout != NULL || flags->grace != NULL;
	if (flags->plan != NULL || (variables->plan != NULL && !parts)) {
		*plan = flags->plan != NULL ? flags->steps : variables->steps;
		return 0;
	}
	enum source of_delay = flags->delay != NULL ? SOURCE_FLAG : SOURCE_VARIABLE;
	bool flags_say = flags->grace != NULL || flags->timeout != NULL;
	enum source of_kill = flags_say ? SOURCE_FLAG : SOURCE_VARIABLE;
	const struct timing *kill = &parser->timing[of_kill];
	if (kill->grace != NULL)
		return plan_from_grace(parser, of_kill, of_delay);
	const struct timing *delay = &parser->timing[of_delay];
	plan_from_timeout(plan, delay->delay != NULL ? delay->delay_ms : 0,
	                  kill->timeout != NULL ? kill->timeout_ms : parser->options->compat->timeout_ms);
	return 0;
}

/* Who looks whether the app listens must not find lull. */
static int refuse_own_port(struct parser *parser)
{
	const struct options *options = parser->options;
	if (options->listens == 0 || options->listens != options->ready_on.port)
		return 0;
	begin_refusal(parser, "", options->listens_given.name, options->listens_given.value);
	return refuse(parser, "that is the port of lull's own endpoint; write the app's");
}

static void set_defaults(struct options *options, const struct compat_mode *compat)
{
	enum { DEFAULT_LINGER_MS = 5000 };
	*options = (struct options){.compat = compat, .request = REQUEST_RUN, .grace_ms = -1};
	options->log_level = compat->log_level;
	options->subreaper = compat->subreaper;
	options->policy.abandon = compat->abandon;
	options->session = options->policy.group = compat->session;
	options->policy.suspends = compat->session;
	options->policy.stop_on = SIGNAL_BIT(SIGTERM);
	options->policy.linger_ms = DEFAULT_LINGER_MS;
	rewrite_nothing(&options->policy);
}

/* The names of others are silent about a stop, but not about one that the user has shaped. */
static void say_stop_asked_for(struct parser *parser)
{
	const struct timing *asked = &parser->timing[SOURCE_VARIABLE];
	bool shaped = asked->delay != NULL || asked->timeout != NULL || asked->grace != NULL || asked->plan != NULL;
	if (shaped && parser->options->log_level == LOG_WARNING)
		parser->options->log_level = LOG_NOTICE;
}

static int refuse_no_command(struct parser *parser)
{
	const struct compat_mode *compat = parser->options->compat;
	text_add(parser->why, "no command to run; write %s [OPTION]... [--] COMMAND [ARG]..., or see %s",
	         compat->names[0], compat->help);
	return -1;
}

/* Flags are read even when a variable was bad: --help must work then, of all times. */
int options_parse(struct options *options, const struct compat_mode *compat, char **argv, char **envp, struct text *why)
{
	char bytes[256];
	struct text unsaid = TEXT_IN(bytes);
	struct parser parser = {.options = options, .why = why, .unsaid = &unsaid};
	set_defaults(options, compat);
	int variables = apply_variables(&parser, &TABLES[DIALECT_LULL], envp);
	say_stop_asked_for(&parser);
	if (compat->dialect != DIALECT_LULL)
		variables |= apply_variables(&parser, &TABLES[compat->dialect], envp);
	int flags = apply_flags(&parser, argv[0] != NULL ? argv + 1 : argv);
	rewrite_the_rest(options);
	if (options->request >= REQUEST_HELP)
		return 0;
	if (flags == 0 && compat->inner_dashes)
		drop_inner_dashes(options);
	if (variables < 0 || flags < 0 || resolve_plan(&parser) < 0 || refuse_own_port(&parser) < 0)
		return -1;
	/* Whoever is to be killed has to come here. */
	if (plan_kill_ms(&options->policy.plan) != TIME_NEVER)
		options->subreaper = true;
	if (options->request == REQUEST_RUN && *options->command == NULL)
		return refuse_no_command(&parser);
	return 0;
}
