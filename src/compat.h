/*
 * The name that lull was called by, and all that it changes: the one table of the inits that lull stands in for.
 */
#ifndef LULL_COMPAT_H
#define LULL_COMPAT_H

#include <stdbool.h>
#include <stdint.h>

#include "log.h"

/* Whose options and variables are read; LULL_* variables are under every name. */
enum compat_id { COMPAT_LULL, COMPAT_TINI, COMPAT_CATATONIT, COMPAT_DUMB_INIT };

struct compat_mode {
	const char *names[4];     /* what it goes by, the first in its messages; NULL behind the last */
	const char *help;         /* how to ask for help */
	const char *version;      /* what --version prints */
	const char *reaped;       /* how the line on an orphan that was reaped begins */
	const char *no_reaper;    /* the warning when it is neither PID 1 nor a subreaper; NULL: none */
	int64_t timeout_ms;       /* when nothing is asked for; TIME_NEVER: the app has as long as it takes */
	enum log_level log_level; /* the same */
	enum compat_id id;
	int help_to;        /* the descriptor that --help is written to */
	int version_to;     /* the same for --version */
	int exit_failed;    /* lull itself failed: usage, fork */
	int exit_not_found; /* the command was not found */
	int exit_denied;    /* it may not be executed */
	int exit_not_run;   /* it could not be executed for another reason */
	bool session;       /* the app leads a session of its own, which signals go to the first group of */
	bool abandon;       /* what the app leaves behind is left alone, unless --linger is asked for */
	bool subreaper;     /* becomes one by itself when it is not PID 1 */
	bool inner_dashes;  /* "COMMAND -- ARG" is COMMAND ARG, as where getopt(3) puts words in another order */
	bool shell;         /* a script without a "#!" line is run by /bin/sh, as execvp(3) does it */
};

/* The one that goes by the last part of argv[0], which may be NULL; lull's own for any other name. */
const struct compat_mode *compat_mode_of(const char *argv0);

/* The exit status when execve(2) of the command failed with `error`. */
int compat_exec_status(const struct compat_mode *compat, int error);

#endif
