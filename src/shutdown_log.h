/*
 * The log lines about a shutdown.
 */
#ifndef LULL_SHUTDOWN_LOG_H
#define LULL_SHUTDOWN_LOG_H

#include "child.h"
#include "lifecycle.h"
#include "log.h"

enum { SHUTDOWN_LOG_NAMES_SIZE = 2048, SHUTDOWN_LOG_END_SIZE = 32 };

/* Writes how a process ended, as "exited 3" or "ended by SIGKILL", to `buffer`. Returns `buffer`. */
const char *shutdown_log_end(const struct reaped *reaped, char buffer[SHUTDOWN_LOG_END_SIZE]);

/* The shutdown starts, because of the signal in `info`; app_has_it: the terminal sent it to the app as well. */
void shutdown_log_stopping(struct log *log, const struct lifecycle *lifecycle, const siginfo_t *info, bool app_has_it,
                           int64_t now_ms);

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
 * not signal. Their names are written to `names` as well, of SHUTDOWN_LOG_NAMES_SIZE bytes; NULL: only to the log.
 */
int shutdown_log_killing(struct log *log, const struct lifecycle *lifecycle, bool init, int64_t now_ms, char *names,
                         int *denied);

/* The app was killed by a SIGKILL that lull did not send. */
void shutdown_log_killed_externally(struct log *log);

/*
 * The shutdown is complete. `app` is how the app ended, kind REAPED_NOTHING if it still runs. SIGKILL was sent to
 * `killed` processes, and could not be sent to `not_killed`.
 */
void shutdown_log_stopped(struct log *log, const struct lifecycle *lifecycle, const struct reaped *app, int killed,
                          int not_killed, int64_t now_ms);

#endif
