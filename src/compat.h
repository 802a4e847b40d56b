/*
 * Compatibility modes: the names that lull can be called by, and all that they change, in one table.
 */
#ifndef LULL_COMPAT_H
#define LULL_COMPAT_H

#include <stdbool.h>
#include <stdint.h>

#include "log.h"

/* Selects the table of options. LULL_* variables are read in every mode. */
enum compat_id { COMPAT_LULL, COMPAT_TINI, COMPAT_CATATONIT, COMPAT_DUMB_INIT };

struct compat_mode {
	const char *names[4];     /* the first one is used in messages; NULL after the last */
	const char *help;         /* the command that prints help */
	const char *version;      /* printed by --version */
	const char *reaped;       /* start of the log line about a reaped orphan; NULL: lull's own line */
	const char *no_reaper;    /* warning if it is neither PID 1 nor a subreaper; NULL: none */
	int64_t timeout_ms;       /* default of --timeout */
	enum log_level log_level; /* default log level */
	enum compat_id id;
	int help_to;        /* file descriptor for --help */
	int version_to;     /* file descriptor for --version */
	int exit_failed;    /* exit status if lull itself failed: usage, fork */
	int exit_not_found; /* the command was not found */
	int exit_denied;    /* the command may not be executed */
	int exit_not_run;   /* the command could not be executed for another reason */
	bool session;       /* the app leads a session of its own, and signals go to its process group */
	bool abandon;       /* remaining processes are left alone, unless --linger is given */
	bool subreaper;     /* lull makes itself a subreaper if it is not PID 1 */
	bool inner_dashes;  /* "COMMAND -- ARG" means COMMAND ARG, because getopt(3) permutes arguments */
	bool shell;         /* /bin/sh runs a script without a "#!" line, as in execvp(3) */
};

/* The mode for the last component of argv[0], which may be NULL; lull's own mode for an unknown name. */
const struct compat_mode *compat_mode_of(const char *argv0);

/* The exit status if execve(2) of the command failed with `error`. */
int compat_exec_status(const struct compat_mode *compat, int error);

#endif
