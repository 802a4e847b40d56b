/*
 * What lull says: one line a message on stderr, by one write that can not block.
 */
#ifndef LULL_LOG_H
#define LULL_LOG_H

enum log_level {
	LOG_ERROR,   /* lull could not do its work */
	LOG_WARNING, /* something is wrong */
	LOG_NOTICE,  /* the two lines of a stop */
	LOG_VERBOSE, /* every signal, every process reaped */
};

enum log_format {
	LOG_TEXT, /* "lull: warning: the message" */
	LOG_JSON, /* {"time":"2026-11-22T20:11:14.123Z","level":"warning","message":"the message"} */
};

enum { LOG_LINE_SIZE = 4096 }; /* PIPE_BUF: a line is written whole or not at all, pipe(7) */

struct log {
	int fd;               /* -1: there is no stderr */
	enum log_level level; /* what is said, up to this */
	enum log_format format;
	unsigned dropped; /* lines that would have blocked, since the last one that did not */
};

/* A log to standard error. */
void log_init(struct log *log, enum log_level level, enum log_format format);

/*
 * To be called once the app runs, before other descriptors are opened or closed: without a stderr lull does not write
 * to a descriptor that is 2 later.
 */
void log_app_runs(struct log *log);

/* Says one line; see text_add for the format. */
void log_line(struct log *log, enum log_level level, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
