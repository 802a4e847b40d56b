/*
 * The report: one line about the end, appended to a file of the user's.
 */
#ifndef LULL_REPORT_H
#define LULL_REPORT_H

#include <signal.h>
#include <stdint.h>

#include "lifecycle.h"
#include "log.h"
#include "shutdown_log.h"

enum { REPORT_LINE_SIZE = 4096 };

/* What is kept for it. Nothing but the path is touched when none was asked for. */
struct report {
	const char *path; /* NULL: none was asked for */
	int64_t started_ms;
	int64_t entered_ms[PHASE_ENDED + 1]; /* when each phase began; TIME_NEVER: it did not */
	char sender[64];                     /* the name of who began the stop, "" where it is not known */
	char *killed; /* who was left at SIGKILL; the caller's, of SHUTDOWN_LOG_NAMES_SIZE bytes */
};

struct supervisor;

/* Warns now when a report could not be written to `path`. */
void report_try(const char *path, struct log *log);

/* The report of an app that did not start: why, and what lull exits with. NULL as the path: none was asked for. */
void report_failure(const char *path, struct log *log, const char *reason, int status);

/* To be called once the app runs. The others below are not to be called when no report was asked for. */
void report_init(struct report *report, const char *path, char killed[SHUTDOWN_LOG_NAMES_SIZE]);

/* This phase has begun. */
void report_phase(struct report *report, enum phase phase, int64_t now_ms);

/* The signal in `info` has begun a stop. */
void report_stop(struct report *report, const siginfo_t *info);

/* Appends the report of an app that ran, once all is over; warns when that can not be done. */
void report_end(const struct supervisor *supervisor);

#endif
