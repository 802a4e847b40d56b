/*
 * Starts a command COUNT times and sends it SIGTERM early: early COUNT init|plain blocked|anytime COMMAND [ARG]...
 *     init      as PID 1 of a new namespace
 *     blocked   the signal is sent as soon as the command has blocked SIGTERM
 *     anytime   the signal is sent in the first 2 ms; the command starts with SIGTERM blocked
 * Prints "143 300" if 300 of them exited with status 143.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t start(int init, char **command)
{
	long pid = syscall(SYS_clone, (init ? CLONE_NEWPID : 0) | SIGCHLD, 0L, 0L, 0L, 0L);
	if (pid != 0)
		return (pid_t)pid;
	(void)execv(command[0], command);
	_exit(99);
}

/*
 * Returns 1 if the process has blocked SIGTERM, 0 if not yet, -1 if it has exited. While a process is in
 * rt_sigtimedwait(2), /proc shows its mask without the signals that it waits for. So a process that sleeps counts as
 * well: a program does not sleep before that call. lull's process name begins with "lull" in each mode.
 */
static int has_blocked(pid_t pid, const char *name)
{
	char path[64];
	char line[256];
	char word[64];
	char state = 'R';
	int named = 0;
	unsigned long long blocked = 0;
	(void)snprintf(path, sizeof path, "/proc/%d/status", pid);
	FILE *status = fopen(path, "re");
	if (status == NULL)
		return -1;
	while (fgets(line, sizeof line, status) != NULL) {
		if (sscanf(line, "Name: %63s", word) == 1)
			named = strncmp(word, name, strlen(name)) == 0 || strncmp(word, "lull", 4) == 0;
		(void)sscanf(line, "State: %c", &state);
		(void)sscanf(line, "SigBlk: %llx", &blocked);
	}
	(void)fclose(status);
	return (blocked >> (SIGTERM - 1) & 1) != 0 || (named && state == 'S');
}

/* The status as a shell reports it. */
static int once(int init, int anytime, char **command)
{
	int status = 0;
	int blocked = 0;
	const char *slash = strrchr(command[0], '/');
	pid_t pid = start(init, command);
	if (pid < 0)
		return 98;
	if (anytime)
		usleep((useconds_t)(rand() % 2000));
	while (!anytime && blocked == 0)
		blocked = has_blocked(pid, slash != NULL ? slash + 1 : command[0]);
	(void)kill(pid, SIGTERM);
	(void)waitpid(pid, &status, 0);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int main(int argc, char **argv)
{
	int counts[256] = {0};
	sigset_t term;
	if (argc < 5)
		return 2;
	int init = strcmp(argv[2], "init") == 0;
	int anytime = strcmp(argv[3], "anytime") == 0;
	(void)sigemptyset(&term);
	(void)sigaddset(&term, SIGTERM);
	if (anytime)
		(void)sigprocmask(SIG_BLOCK, &term, NULL);
	for (int left = atoi(argv[1]); left > 0; left--)
		counts[once(init, anytime, argv + 4) & 255]++;
	for (int status = 0; status < 256; status++)
		if (counts[status] > 0)
			printf("%d %d\n", status, counts[status]);
	return 0;
}
