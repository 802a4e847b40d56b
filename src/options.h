/*
 * The command line and the environment, parsed into one struct by one typed table of options.
 *
 * To add an option:
 *   1. add its field to struct options (or to struct policy, if the core needs it);
 *   2. add its row to OPTIONS in options.c. The row gives the flag, the variable LULL_NAME, the default, the error
 * texts and --help;
 *   3. add a kind to enum option_kind and store_value() only if no kind fits;
 *   4. add an id to enum option_id only if other code needs to know whether, how and where the option was given;
 *   5. if the option has an effect on other fields, add it to resolve() in options.c;
 *   6. docs/development/contributing.md has the rest: the manual, the log, the tests, the limits.
 */
#ifndef LULL_OPTIONS_H
#define LULL_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "compat.h"
#include "lifecycle.h"
#include "log.h"
#include "text.h"
#include "values.h"

enum request {
	REQUEST_RUN,     /* start the command */
	REQUEST_READY,   /* check whether the lull of this container is ready */
	REQUEST_EXPLAIN, /* print the shutdown plan */
	REQUEST_PAUSE,   /* start nothing, reap */
	REQUEST_HELP,    /* this and the following ones never fail because of another option */
	REQUEST_LICENCE,
	REQUEST_VERSION,
};

/* SIGKILL is sent this long before the end of the grace period: the container runtime needs that time itself. */
enum { KILL_BEFORE_END_MS = 1000 };

/* The kind of a value, and the type of the field that it is stored in. */
enum option_kind {
	KIND_TIME,          /* int64_t, in ms */
	KIND_TIME_OR_NEVER, /* the same, but not 0; "never" is TIME_NEVER */
	KIND_GRACE_PERIOD,  /* the same, more than 1 s */
	KIND_PLAN,          /* struct plan */
	KIND_SWITCH,        /* bool */
	KIND_IGNORED,       /* a switch without an effect; it has no field */
	KIND_SIGNAL,        /* int */
	KIND_SIGNALS,       /* uint64_t, a list */
	KIND_REWRITES,      /* uint8_t[65], a list */
	KIND_CODES,         /* uint64_t[4], a list */
	KIND_PORTS,         /* struct ports, a list */
	KIND_ADDRESS,       /* struct address */
	KIND_PATH,          /* const char *, an absolute path */
	KIND_FORMAT,        /* enum log_format; `argument` has the choices */
	KIND_LEVEL,         /* a switch: options.log_level is `number` */
	KIND_VERBOSITY,     /* tini's -v and TINI_VERBOSITY: options.log_level */
	KIND_REQUEST,       /* a switch: options.request is `number`, if that is higher */
};

/* The section of --help. */
enum option_group {
	GROUP_TIMING,  /* Shutdown timing */
	GROUP_SIGNALS, /* Signals */
	GROUP_DRAIN,   /* Draining */
	GROUP_EXIT,    /* Exit status */
	GROUP_LOG,     /* Logging */
	GROUP_OTHER,   /* Other */
};

/* Options of which other code needs to know whether, how and where they were given. */
enum option_id {
	OPTION_UNNAMED, /* all others */
	OPTION_DELAY,
	OPTION_DRAIN_TIMEOUT,
	OPTION_TIMEOUT,
	OPTION_GRACE,
	OPTION_PLAN,
	OPTION_STOP_SIGNAL,
	OPTION_REWRITE,
	OPTION_SUCCESS_EXIT,
	OPTION_LINGER,
	OPTION_GROUP,
	OPTION_DRAIN_FILE,
	OPTION_READY_ON,
	OPTION_LISTENS,
	OPTION_IDS,
};

/* Where a value comes from; each overrides the one before it. */
enum source { SOURCE_DEFAULT, SOURCE_VARIABLE, SOURCE_FLAG, SOURCES };

struct option {
	char letter; /* '\0': none */
	enum option_kind kind : 5;
	enum option_group group : 3;
	uint16_t offset;      /* of its field in struct options */
	uint8_t id;           /* enum option_id */
	uint8_t number;       /* see enum option_kind */
	char on_by;           /* a switch of a peer: the one digit that turns it on, or ON_BY_ANY; '\0': see values.h */
	bool every_mode;      /* the flag exists in every compatibility mode */
	const char *name;     /* without the dashes; NULL: none */
	const char *variable; /* NULL: none */
	const char *argument; /* its name, with the choices if there are few; NULL: a switch */
	const char *help;     /* NULL: accepted, and not in --help */
	uint64_t initial; /* the default of a time or of a list of signals; 0: none. A text costs 2000 instructions */
};

enum { ON_BY_ANY = '*' };

struct options {
	const struct compat_mode *compat;
	enum request request;
	struct policy policy;
	enum log_level log_level;
	enum log_format log_format;
	const char *report;      /* path of the report file; NULL: none */
	bool warn_reap;          /* log a warning for each orphan that is reaped */
	bool subreaper;          /* orphans become lull's children if it is not PID 1 */
	bool single_child;       /* dumb-init's --single-child: no session of its own for the app */
	bool session;            /* the app leads a session of its own */
	int parent_death;        /* the signal that lull gets when its parent exits; 0: none */
	int64_t delay_ms;        /* policy.plan is made from these, unless a plan was given */
	int64_t drain_ms;        /* the same; 0: no drain */
	int64_t timeout_ms;      /* the same */
	int64_t grace_ms;        /* the same; -1: the plan was not made from a grace period */
	struct address ready_on; /* where the readiness endpoint listens */
	struct ports listens;    /* the TCP ports that the app serves */
	const char *pre_stop;    /* an absolute path; NULL: none */
	const char *drain_file;  /* the same */
	char **command;          /* with its arguments; part of argv */
	/* The values as they were given, the last one of each source; NULL: not given. */
	const char *given[SOURCES][OPTION_IDS];
};

/*
 * Reads environ-like `envp`, then argv, which overrides it. Returns 0, or -1 with one line in `why` that has the name
 * of the flag or variable, the value, and what would be right.
 */
int options_parse(struct options *options, const struct compat_mode *compat, char **argv, char **envp,
                  struct text *why);

/* The flag or the variable that an option was given by, and its value, which is NULL if it was not given. */
struct given {
	const char *dashes; /* "--", or "" for a variable */
	const char *name;
	const char *value;
};
struct given options_given(const struct options *options, enum option_id id);

/*
 * Searches envp from *at for a variable that begins with LULL_ and belongs to no option. Returns it, with the nearest
 * name of a variable in *nearest and *at after it; NULL if there is none.
 */
const char *options_next_stray(char **envp, size_t *at, const char **nearest);

/* Removes lull's own variables from envp, in place. */
void options_scrub(char **envp);

/* The table of a compatibility mode, row by row. Returns NULL after the last row. */
const struct option *options_row(enum compat_id mode, size_t index);

#endif
