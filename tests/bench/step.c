/*
 * Counts the instructions of an init until the app runs, by single steps: a processor's counters are not exact. Starts
 * COMMAND as PID 1 of a PID namespace. Prints three numbers: the init's instructions until it creates its first child,
 * the child's instructions until its execve, and the page faults of both. The app never runs.
 *
 *   step COMMAND [ARG]...
 */
#define _GNU_SOURCE
#include <err.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

static int become(void *command)
{
	static char *const ENVIRONMENT[] = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
	                                    "HOSTNAME=bench", "HOME=/root", NULL};
	char **argv = command;
	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	execve(argv[0], argv, ENVIRONMENT);
	_exit(127);
}

static long page_faults(pid_t pid)
{
	char path[32];
	long faults = 0;
	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	FILE *file = fopen(path, "r");
	if (file == NULL || fscanf(file, "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %ld", &faults) != 1)
		err(1, "%s", path);
	fclose(file);
	return faults;
}

/* Steps until a ptrace event and returns it. Counts the instructions before it. Delivers signals to the process. */
static int step_to_event(pid_t pid, long *instructions)
{
	int status, signo = 0;
	for (;;) {
		if (ptrace(PTRACE_SINGLESTEP, pid, NULL, (void *)(long)signo) < 0 || waitpid(pid, &status, __WALL) < 0)
			err(1, "a step of %d", (int)pid);
		if (!WIFSTOPPED(status))
			errx(1, "it exited before the app ran");
		if (status >> 16 != 0)
			return status >> 16;
		signo = WSTOPSIG(status) != SIGTRAP ? WSTOPSIG(status) : 0;
		if (signo == 0)
			++*instructions;
	}
}

int main(int argc, char **argv)
{
	static char stack[65536] __attribute__((aligned(16)));
	long init = 0, child = 0;
	unsigned long born = 0;
	int status;
	if (argc < 2)
		errx(2, "see the head of step.c");
	pid_t pid = clone(become, stack + sizeof stack, CLONE_NEWPID | SIGCHLD, argv + 1);
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
		err(1, "%s", argv[1]);
	const long options =
		PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL;
	if (ptrace(PTRACE_SETOPTIONS, pid, NULL, (void *)options) < 0)
		err(1, "ptrace");
	if (step_to_event(pid, &init) == PTRACE_EVENT_EXEC)
		errx(1, "execve before a child was created");
	if (ptrace(PTRACE_GETEVENTMSG, pid, NULL, &born) < 0 || waitpid((pid_t)born, &status, __WALL) < 0)
		err(1, "the child");
	while (step_to_event((pid_t)born, &child) != PTRACE_EVENT_EXEC)
		continue;
	printf("%ld %ld %ld\n", init, child, page_faults(pid) + page_faults((pid_t)born));
	return 0;
}
