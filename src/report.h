/*
 * The outcome of a run, and the report: one line about it, appended to a file.
 */
#ifndef LULL_REPORT_H
#define LULL_REPORT_H

#include <signal.h>
#include <stdint.h>

#include "child.h"
#include "lifecycle.h"
#include "log.h"
#include "shutdown_log.h"

enum { REPORT_LINE_SIZE = 4096 };

/* What has happened since the app was started. */
struct outcome {
	int64_t started_ms;                  /* when the app was started */
	int64_t entered_ms[PHASE_ENDED + 1]; /* when each phase started; TIME_NEVER: it did not */
	struct reaped app;                   /* how the app ended; kind REAPED_NOTHING while it runs */
	enum phase app_ended_in;             /* the phase in which it ended */
	bool killed_externally;              /* the app was killed by a SIGKILL that lull did not send */
	siginfo_t stop;                      /* the stop signal; si_signo 0: no shutdown */
	int64_t stop_started_ms;             /* when the shutdown started */
	char sender[64];                     /* the name of the process that sent the stop signal, "": unknown */
	struct drain drain;                  /* the last one of the plan */
	int killed;                          /* how many processes SIGKILL was sent to */
	int not_killed;                      /* how many lull was not permitted to send SIGKILL to */
	char *killed_names; /* the caller's, of SHUTDOWN_LOG_NAMES_SIZE bytes; in the form of the log: text or JSON */
	int exit_status;    /* lull's */
};

/* Sets what is known once the app runs; the caller sets started_ms if there will be a report. */
void outcome_init(struct outcome *outcome, char killed_names[SHUTDOWN_LOG_NAMES_SIZE]);

/* Warns now if a report could not be written to `path`. */
void report_try(const char *path, struct log *log);

/*
 * Appends the report of an app that was not started: why, and lull's exit status. path NULL: no report is configured.
 */
void report_failure(const char *path, struct log *log, const char *reason, int status);

/* Appends the report of an app that was started, when lull is about to exit. Warns if that fails. */
void report_outcome(const char *path, struct log *log, const struct outcome *outcome);

#endif
