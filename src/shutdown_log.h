/*
 * The lines that tell a person about a stop.
 */
#ifndef LULL_SHUTDOWN_LOG_H
#define LULL_SHUTDOWN_LOG_H

#include "child.h"
#include "lifecycle.h"
#include "log.h"

enum { SHUTDOWN_LOG_NAMES_SIZE = 2048, SHUTDOWN_LOG_END_SIZE = 32 };

/* How one has ended, as "exited 3" or "ended by SIGKILL", written to and returned in `buffer`. */
const char *shutdown_log_end(const struct reaped *reaped, char buffer[SHUTDOWN_LOG_END_SIZE]);

/* A stop has begun with the signal in `info`, which the app has already if had_it. */
void shutdown_log_stop(struct log *log, const struct lifecycle *lifecycle, const siginfo_t *info, bool had_it,
                       int64_t now_ms);

/* `signo` did not begin a stop, and perhaps should have. */
void shutdown_log_skipped(struct log *log, int signo);

/* `signo` has no effect on the app, the process `app`: it was sent SIGTERM. */
void shutdown_log_replaced(struct log *log, int signo, pid_t app);

/* The app, the process `app`, ignores the signal that it was sent, and SIGTERM. `stop` is the stop signal. */
void shutdown_log_ignored(struct log *log, int signo, pid_t app, int stop);

/* What still runs a while after the stop signal was passed on, but for the pre-stop program `hidden`. */
void shutdown_log_running(struct log *log, const struct lifecycle *lifecycle, pid_t hidden, int64_t now_ms);

/*
 * Logs what is about to be killed. Returns how many processes that is, and adds to *denied how many of them lull may
 * not signal. They are named in `kept` as well, of SHUTDOWN_LOG_NAMES_SIZE bytes; NULL: only in the log.
 */
int shutdown_log_killing(struct log *log, const struct lifecycle *lifecycle, bool init, int64_t now_ms, char *kept,
                         int *denied);

/* The app was ended by a SIGKILL that lull did not send. */
void shutdown_log_killed_by_others(struct log *log);

/* The stop is over; `app` is how the app ended, kind REAPED_NOTHING when it has not. SIGKILL was sent
 * to `killed` processes, and could not be sent to `not_killed` ones. */
void shutdown_log_stopped(struct log *log, const struct lifecycle *lifecycle, const struct reaped *app, int killed,
                          int not_killed, int64_t now_ms);

#endif
