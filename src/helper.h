/*
 * Helper processes for calls on files. Such a call blocks while its file system is frozen or does not answer, and lull
 * must send signals meanwhile.
 *
 * The exit signal of a helper is not SIGCHLD, so wait(2) returns a helper only with __WCLONE, and ECHILD still means
 * that no process of the app remains.
 */
#ifndef LULL_HELPER_H
#define LULL_HELPER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* One helper for each purpose. */
enum helper {
	HELPER_DRAIN_FILE,
	HELPER_REPORT,
	HELPER_LOG,
	HELPERS,
};

enum {
	HELPER_EXITED = 33,    /* the signal to lull; C libraries reserve this number, signal(7) */
	HELPER_WAIT_MS = 1000, /* how long lull waits for a helper when it exits */
};

/* The PIDs of lull's helpers; 0: there is none. */
struct helpers {
	pid_t pids[HELPERS];
};

/*
 * Starts a helper that runs work(context), with all signals blocked, and exits with what that returns: 0, or an errno.
 * Its descriptors are `input` (-1: none) as 0, and stderr. Returns 0, or -1 with errno.
 */
int helper_start(struct helpers *helpers, enum helper helper, int input, int (*work)(const void *context),
                 const void *context);

/*
 * Returns whether the helper has exited since it was started; once for each start. Sets *error to what it returned, or
 * to EINTR if it was killed.
 */
bool helper_has_exited(struct helpers *helpers, enum helper helper, int *error);

/* Returns whether the helper was started and helper_has_exited() has not returned true since. */
bool helper_is_running(const struct helpers *helpers, enum helper helper);

/*
 * Waits until the helper has exited, or until HELPER_WAIT_MS after since_ms, a time of signals_now_ms(). Discards the
 * signals that arrive meanwhile, so it is only for lull's own exit. Returns what the helper returned, ETIMEDOUT if it
 * is still running, or 0 if it was not running.
 */
int helper_wait(struct helpers *helpers, enum helper helper, int64_t since_ms);

/* Returns whether one of the helpers has this PID. `helpers` may be NULL: there are none. */
bool helpers_include(const struct helpers *helpers, pid_t pid);

#endif
