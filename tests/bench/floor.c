/*
 * The floor: an init that only starts the app, waits, forwards signals and reaps, to measure others by. It is built
 * twice, on musl and without any C library. Never for use: it has no option, and says nothing.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* The kernel hands out the lowest signal first: a flood of HUP must not keep it from looking at its children for ever.
 */
enum { SIGNALS_PER_LOOK = 16 };

/* Returns what the app ended with, or -1. */
static int reap(pid_t app)
{
	int status = 0;
	pid_t pid;
	while ((pid = (pid_t)syscall(SYS_wait4, -1L, &status, (long)WNOHANG, NULL)) > 0)
		if (pid == app)
			return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	return -1;
}

int main(int argc, char **argv, char **envp)
{
	const unsigned long all = ~0UL;
	unsigned long before = 0;
	if (argc < 2)
		return 125;
	(void)syscall(SYS_rt_sigprocmask, (long)SIG_SETMASK, &all, &before, sizeof all);
	pid_t app = vfork();
	if (app == 0) {
		(void)syscall(SYS_rt_sigprocmask, (long)SIG_SETMASK, &before, NULL, sizeof before);
		(void)syscall(SYS_execve, argv[1], argv + 1, envp);
		(void)syscall(SYS_exit_group, 127L);
	}
	int ended = -1;
	for (unsigned turn = 1; ended < 0; turn++) {
		long signo = syscall(SYS_rt_sigtimedwait, &all, NULL, NULL, sizeof all);
		if (signo == SIGCHLD || turn % SIGNALS_PER_LOOK == 0)
			ended = reap(app);
		if (signo > 0 && signo != SIGCHLD)
			(void)syscall(SYS_kill, (long)app, signo);
	}
	return ended;
}
