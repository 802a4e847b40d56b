/*
 * The pre-stop program: it runs alongside the delay, to deregister the container or to flush what must not be lost.
 */
#ifndef LULL_PRESTOP_H
#define LULL_PRESTOP_H

#include <stdbool.h>
#include <sys/types.h>

#include "signals.h"

struct prestop {
	const char *program; /* an absolute path; NULL: there is none */
	char **envp;      /* the environment, prestop's to change, with two entries before it that may be overwritten */
	signal_mask mask; /* that it is to start with */
	bool killed;      /* by prestop_kill */
	pid_t pid;        /* 0 when it does not run; it leads a session of its own */
	int failure;      /* as child_spawn() sets it */
};

/*
 * Starts it with LULL_SIGNAL, the signal as `kill -s` takes it, and LULL_PID, the app's number or 0, in its
 * environment. Its stdin is /dev/null, its stdout lull's stderr, its directory lull's. Does not wait for exec. Returns
 * 0, or -1 with errno.
 */
int prestop_start(struct prestop *prestop, int signo, pid_t app);

/* To be called when it was reaped. Returns why exec failed, as errno, or 0. */
int prestop_end(struct prestop *prestop);

/* SIGKILL to it and to those of its children that stay in its group. */
void prestop_kill(struct prestop *prestop);

#endif
