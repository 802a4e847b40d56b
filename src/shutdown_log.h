/*
 * The log lines about a shutdown.
 */
#ifndef LULL_SHUTDOWN_LOG_H
#define LULL_SHUTDOWN_LOG_H

#include "child.h"
#include "lifecycle.h"
#include "log.h"
#include "text.h"

enum { SHUTDOWN_LOG_NAMES_SIZE = 2048, SHUTDOWN_LOG_END_SIZE = 32 };

/* Writes how a process ended, as "exited with status 3" or "killed by SIGKILL", to `buffer`. Returns `buffer`. */
const char *shutdown_log_end(const struct reaped *reaped, char buffer[SHUTDOWN_LOG_END_SIZE]);

/* Return the two as values for log_event(): TIME_NEVER or 0 where it is the other, or if the process runs. */
long long shutdown_log_status(const struct reaped *reaped);
int shutdown_log_signal(const struct reaped *reaped);

/* Adds "no process killed", "1 process killed" or "2 processes killed" for `what` "killed". */
void shutdown_log_add_count(struct text *text, int count, const char *what);

/* Adds the sender of a signal, as "PID 42 (bash)", "outside the container" or "the kernel". name "": not known. */
void shutdown_log_add_sender(struct text *text, const siginfo_t *info, const char *name);

/* Return the sender as values for log_event(): "process", "outside" or "kernel", and its PID; TIME_NEVER: the kernel.
 */
const char *shutdown_log_sender_kind(const siginfo_t *info);
long long shutdown_log_sender_pid(const siginfo_t *info);

/*
 * The shutdown starts, because of the signal in `info` from a process of the name `sender`; "": not known. app_has_it:
 * the terminal sent it to the app as well.
 */
void shutdown_log_stopping(struct log *log, const struct lifecycle *lifecycle, const siginfo_t *info,
                           const char *sender, bool app_has_it, pid_t app, int64_t now_ms);

/* lull received a signal that it forwards or acts on. */
void shutdown_log_received(struct log *log, const siginfo_t *info);

/* The plan's signal is sent to the app, or to a remaining process with the name `remaining`. */
void shutdown_log_sent(struct log *log, int signo, pid_t pid, const char *remaining);

/* `signo` was not sent to the app. */
void shutdown_log_not_sent(struct log *log, int signo, pid_t pid, int error);

/* lull is not permitted to signal `denied` remaining processes; 0: no line. */
void shutdown_log_denied(struct log *log, int signo, int denied);

/* A child was reaped. `prefix` is the start of the line about an orphan, before its PID; NULL: lull's own line. */
void shutdown_log_reaped(struct log *log, enum log_level level, const struct reaped *reaped, const char *prefix);

/* The drain file was not created. */
void shutdown_log_drain_file(struct log *log, const char *path, int error);

/* The pre-stop program was not started, is killed after_ms after the start of the shutdown, or has exited. */
void shutdown_log_pre_stop_failed(struct log *log, const char *program, int error);
void shutdown_log_pre_stop_timeout(struct log *log, const char *program, pid_t pid, int64_t after_ms);
void shutdown_log_pre_stop_exited(struct log *log, const char *program, const struct reaped *reaped);

/* `signo` was forwarded without the delay, since it is not a stop signal. */
void shutdown_log_no_delay(struct log *log, int signo);

/* `signo` has no effect on the app: it was sent SIGTERM instead. */
void shutdown_log_replaced(struct log *log, int signo, pid_t app);

/* The app ignores `signo`, which it was sent, and SIGTERM. `stop` is the stop signal. */
void shutdown_log_ignored(struct log *log, int signo, pid_t app, int stop);

/* The processes that still run some time after the first signal, without the pre-stop program `pre_stop`. */
void shutdown_log_running(struct log *log, const struct lifecycle *lifecycle, pid_t pre_stop, int64_t now_ms);

/*
 * The processes that are about to be killed. Returns how many these are, and adds to *denied how many of them lull may
 * not signal. They are written to `names` as well, of SHUTDOWN_LOG_NAMES_SIZE bytes, in the form of the log: text or a
 * JSON array. NULL: only to the log.
 */
int shutdown_log_killing(struct log *log, const struct lifecycle *lifecycle, bool init, int64_t now_ms, char *names,
                         int *denied);

/* The app was killed by a SIGKILL that lull did not send. */
void shutdown_log_killed_externally(struct log *log, pid_t app);

/*
 * The shutdown is complete. `app` is how the app ended; kind REAPED_NOTHING if it still runs, with its PID. SIGKILL was
 * sent to `killed` processes, and could not be sent to `not_killed`.
 */
void shutdown_log_stopped(struct log *log, const struct lifecycle *lifecycle, const struct reaped *app, int killed,
                          int not_killed, int64_t now_ms);

/* A drain of the plan, and how many connections were busy. */
struct drain {
	int64_t started_ms; /* TIME_NEVER: there was none */
	int64_t due_ms;     /* when it ends at the latest */
	int64_t ended_ms;
	int first_busy; /* at the first check; negative: not known */
	int last_busy;  /* at the last check */
};

/* Returns such a number as a value for log_event(): TIME_NEVER if it is not known. */
long long shutdown_log_busy(int busy);

/* Adds "drained in 3.2 s: no connection is busy", or why the drain has ended. */
void shutdown_log_add_drained(struct text *text, const struct drain *drain);

/* `busy` connections hold the next signal back, for limit_ms at most. */
void shutdown_log_draining(struct log *log, int busy, int64_t limit_ms);

void shutdown_log_drained(struct log *log, const struct drain *drain);

/* The connections cannot be read. */
void shutdown_log_no_connections(struct log *log, int error);

#endif
