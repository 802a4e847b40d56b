/*
 * The command line and the environment, as data: one table of options, one setter for each flag and its variable.
 */
#ifndef LULL_OPTIONS_H
#define LULL_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "compat.h"
#include "lifecycle.h"
#include "log.h"
#include "text.h"
#include "values.h"

enum request {
	REQUEST_RUN,     /* start the command */
	REQUEST_READY,   /* ask the lull of this container whether it serves */
	REQUEST_EXPLAIN, /* print what a stop would be */
	REQUEST_PAUSE,   /* run nothing, reap */
	REQUEST_HELP,
	REQUEST_LICENCE,
	REQUEST_VERSION,
};

/* A value that shows only at start whether it can be used: as it was given, for the line that refuses it. */
struct given {
	const char *name; /* of the flag or the variable */
	const char *value;
};

struct options {
	const struct compat_mode *compat; /* whose name lull was called by */
	enum request request;
	struct policy policy;
	enum log_level log_level;
	const char *report; /* where a line on the end goes; NULL: nowhere */
	enum log_format log_format;
	bool warn_reap;          /* a warning for each orphan reaped */
	bool subreaper;          /* orphans come to lull when it is not PID 1 */
	bool session;            /* the app leads a session of its own */
	int parent_death;        /* the signal lull gets when its parent dies; 0: none */
	int64_t grace_ms;        /* what the plan was made from, for --explain; -1: not from a grace period */
	struct address ready_on; /* where the readiness endpoint listens */
	struct given ready_on_given;
	int listens; /* the TCP port that the app serves; 0: not known */
	struct given listens_given;
	const char *pre_stop;   /* an absolute path; NULL: none */
	const char *drain_file; /* the same */
	struct given drain_file_given;
	char **command; /* with its arguments; part of argv */
};

/*
 * Reads environ-like `envp`, then argv, which beats it. Returns 0, or -1 with one line in `why` that names the flag or
 * variable, the value and what would be right.
 */
int options_parse(struct options *options, const struct compat_mode *compat, char **argv, char **envp,
                  struct text *why);

/*
 * Looks through envp from *at for a variable that begins with LULL_ and is none of ours. Returns it, with the name of
 * the nearest that is in *nearest and *at behind it; NULL when there is none left.
 */
const char *options_next_stray(char **envp, size_t *at, const char **nearest);

/* Takes our own variables out of envp, in place. */
void options_scrub(char **envp);

/* The table of those that a name takes, for --help. Returns false behind the last line. */
struct option_line {
	char letter;          /* '\0': none */
	const char *name;     /* without the dashes; NULL: none */
	const char *variable; /* NULL: none */
	const char *argument; /* NULL: a switch */
	const char *meaning;  /* NULL: accepted, and not shown */
};
bool options_line(enum dialect dialect, size_t index, struct option_line *line);

#endif
