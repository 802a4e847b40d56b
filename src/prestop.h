/*
 * The pre-stop program. It runs during the delay, for example to deregister the container from a load balancer.
 */
#ifndef LULL_PRESTOP_H
#define LULL_PRESTOP_H

#include <stdbool.h>
#include <sys/types.h>

#include "signals.h"

struct prestop {
	const char *program; /* an absolute path; NULL: there is none */
	char **envp;         /* its environment: may be changed, and the two pointers before it may be overwritten */
	signal_mask mask;    /* its signal mask */
	bool killed;         /* prestop_kill() was called */
	pid_t pid;           /* 0: it does not run; it leads a session of its own */
	int failure;         /* as child_spawn() sets it */
};

/*
 * Starts the program with two variables: LULL_SIGNAL, the stop signal's name as kill(1) takes it after -s, and
 * LULL_PID, the app's PID, or 0 if the app was reaped. Its stdin is /dev/null, its stdout lull's stderr, its working
 * directory lull's. Does not wait for exec. Returns 0, or -1 with errno: no process could be started.
 */
int prestop_start(struct prestop *prestop, int signo, pid_t app);

/* Must be called when the program was reaped. Returns why exec failed, as an errno, or 0. */
int prestop_end(struct prestop *prestop);

/* Sends SIGKILL to the program and to its process group. */
void prestop_kill(struct prestop *prestop);

#endif
