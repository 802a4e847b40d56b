/*
 * The log: one line for each message on stderr, by one write that cannot block.
 */
#ifndef LULL_LOG_H
#define LULL_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "helper.h"
#include "text.h"

enum log_level {
	LOG_ERROR,   /* lull cannot work */
	LOG_WARNING, /* something is wrong */
	LOG_NOTICE,  /* the two lines about a shutdown */
	LOG_VERBOSE, /* every signal, every process reaped */
};

enum log_format {
	LOG_TEXT, /* "lull: warning: the message" */
	LOG_JSON, /* {"time":"2026-11-22T20:11:14.123Z","level":"warning","event":"killing","message":"...",...} */
};

enum {
	LOG_LINE_SIZE = 4096, /* PIPE_BUF: a line is written whole or not at all, pipe(7) */
};

struct log {
	int fd;               /* -1: there is no stderr */
	enum log_level level; /* the highest that is logged */
	enum log_format format;
	unsigned dropped; /* lines that were lost since the last one that was written */
	mode_t mode;      /* of the file, stat(2); 0: not known yet */
	/* Before the app runs lull writes to a regular file itself, then a helper does: the write may block. */
	bool is_direct;
	int queue[2]; /* two sockets, lull's and the helper's; -1: no line yet */
	struct helpers *helpers;
	bool is_holding;
	size_t held_length;
	char *held; /* whole lines, of LOG_LINE_SIZE bytes */
};

/* Sets up a log on stderr. The buffer is that of struct log, uninitialized. */
void log_init(struct log *log, enum log_level level, enum log_format format, struct helpers *helpers,
              char held[LOG_LINE_SIZE]);

/*
 * To be called once the app runs, before other descriptors are opened or closed: if stderr is closed, lull must not
 * write to another file that gets the number 2 later.
 */
void log_app_runs(struct log *log);

/* After log_hold(), log_line() stores lines, up to LOG_LINE_SIZE bytes; log_release() writes them. */
void log_hold(struct log *log);
void log_release(struct log *log);

/* Before lull exits: waits until the helper has written all lines, HELPER_WAIT_MS at most. */
void log_finish(struct log *log);

/* Logs one line. The formats are those of text_add(). */
void log_line(struct log *log, enum log_level level, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The same, for an event of LOG FIELDS in lull(1). The formats are those of fields_add(). */
void log_event(struct log *log, enum log_level level, const char *event, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

#endif
