/*
 * How lull tells that its container serves or drains: a file, and the name that lull's own process has.
 *
 * The name needs no file, no port and no setting: everybody may read it, on a read-only root and from any user, and a
 * person sees it in `ps`. It is what `lull --ready` looks for.
 */
#ifndef LULL_DRAIN_H
#define LULL_DRAIN_H

#include "text.h"

/*
 * What every name begins with. The kernel keeps 15 bytes of one, prctl(2); a blank in it would put those out who read
 * /proc/PID/stat as words.
 */
#define DRAIN_NAME "lull:"
#define DRAIN_NAME_READY DRAIN_NAME "ready"
#define DRAIN_NAME_PORT DRAIN_NAME "on:" /* and the port that the app is to listen on */
#define DRAIN_NAME_DRAINING DRAIN_NAME "draining"
#define DRAIN_NAME_ENDED DRAIN_NAME "ended"

enum drain_state {
	DRAIN_READY,    /* the app runs, and nobody asked for a stop */
	DRAIN_DRAINING, /* a stop has begun */
	DRAIN_ENDED,    /* the app has ended by itself; what it left behind has not */
};

/* Takes the name of a state. `port` is the one that the app is to listen on; 0: none was named. */
void drain_show(enum drain_state state, int port);

/*
 * Before the app starts: takes away what an earlier run has left at `path`, and sees that the file can be made.
 * Returns 0, or -1 with the reason added to `why`.
 */
int drain_file_prepare(const char *path, struct text *why);

/* Makes the file, empty. Returns 0, or -1 with errno. */
int drain_file_make(const char *path);

#endif
