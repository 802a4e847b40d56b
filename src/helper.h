/*
 * Helper processes for calls on files: they block as long as a file system is frozen or does not answer, and lull must
 * send signals in the meantime.
 *
 * The exit signal of a helper is not SIGCHLD, so wait(2) does not return it without __WCLONE: ECHILD still means that
 * no process of the app remains.
 */
#ifndef LULL_HELPER_H
#define LULL_HELPER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* What a helper does. */
enum helper {
	HELPER_DRAIN_FILE,
	HELPER_REPORT,
	HELPER_LOG,
	HELPERS,
};

enum {
	HELPER_EXITED = 33,    /* the signal to lull; C libraries keep this number for themselves, signal(7) */
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
 * Waits until the helper has exited, or until HELPER_WAIT_MS after since_ms, a time of signals_now_ms(). Takes signals
 * meanwhile and ignores them: for lull's own exit. Returns what the helper returned, ETIMEDOUT if it is still running,
 * 0 if it was not.
 */
int helper_wait(struct helpers *helpers, enum helper helper, int64_t since_ms);

/* Returns whether this is the PID of a helper. `helpers` may be NULL: there are none. */
bool helper_is(const struct helpers *helpers, pid_t pid);

#endif
