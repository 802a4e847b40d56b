/*
 * A minimal init, the floor for the benchmarks: it starts the app, forwards signals and reaps. It has no options and no
 * messages, and is not for production. It is built with musl, and without a C library.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* In a flood of SIGHUP, SIGCHLD never arrives: the kernel delivers the lowest signal first. So reap regularly. */
enum { SIGNALS_PER_REAP = 16 };

/* Returns the app's exit status, or -1 if it has not exited. */
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
	int exit_status = -1;
	for (unsigned turn = 1; exit_status < 0; turn++) {
		long signo = syscall(SYS_rt_sigtimedwait, &all, NULL, NULL, sizeof all);
		if (signo == SIGCHLD || turn % SIGNALS_PER_REAP == 0)
			exit_status = reap(app);
		if (signo > 0 && signo != SIGCHLD)
			(void)syscall(SYS_kill, (long)app, signo);
	}
	return exit_status;
}
