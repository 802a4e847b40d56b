/*
 * Readiness as other processes of the container see it: the name of lull's process, `lull --ready`, which reads it, and
 * the drain file.
 *
 * The name needs no file, no port and no setting. Every user can read it, also with a read-only root, and `ps` shows
 * it.
 */
#ifndef LULL_DRAIN_H
#define LULL_DRAIN_H

#include "readiness.h"
#include "text.h"
#include "values.h"

/* The exit status of `lull --ready`. */
enum ready_status {
	READY_YES = 0,
	READY_NO = 1,   /* lull drains, the app exited, or nothing listens on its port */
	READY_NONE = 2, /* there is no lull in this container */
};

/* Sets the name of lull's process. It has the first of the ports, those of --listens; `lull --ready` checks it. */
void show_readiness(enum readiness readiness, const struct ports *ports);

/*
 * Checks the lull of this container: PID 1, or another in the mount namespace of the caller; without one, PID 1 of
 * another mount namespace. Processes must listen on the ports; without one, on the first port of that lull's --listens.
 * Adds the reason to `why` unless it returns READY_YES.
 */
enum ready_status check_readiness(const struct ports *ports, struct text *why);

/*
 * Before the app starts: removes the drain file of an earlier run, and checks that it can be made. Returns 0, or -1
 * with the reason added to `why`.
 */
int drain_file_prepare(const char *path, struct text *why);

/* Makes the file, empty. Returns 0, or -1 with errno. */
int drain_file_make(const char *path);

#endif
