/*
 * Owns the start and the end of the pre-stop program. Never waits for it, never decides how long it has.
 */
#include "prestop.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "text.h"

static const char SIGNAL_ENTRY[] = "LULL_SIGNAL=";
static const char PID_ENTRY[] = "LULL_PID=";

/* What lull and the program share until exec: they run in the same memory. */
struct attempt {
	char **envp;
	signal_mask mask;
	volatile int error;
	char program[PATH_MAX];
	char signal[32]; /* the two entries of the environment */
	char pid[32];
};

/* What lull itself has open, be it as 0 or 1, does not outlive exec. */
static int become_program(void *shared)
{
	struct attempt *attempt = shared;
	char *const command[] = {attempt->program, NULL};
	(void)setsid();
	int null = open("/dev/null", O_RDONLY);
	if (null > STDIN_FILENO) {
		(void)dup2(null, STDIN_FILENO);
		(void)close(null);
	}
	(void)dup2(STDERR_FILENO, STDOUT_FILENO);
	if (signals_restore(attempt->mask) == 0)
		execve(command[0], command, attempt->envp);
	attempt->error = errno;
	_exit(127);
}

/* Where there are two of a name a shell takes the last: one that a lull above this one has set would hide ours. */
static void drop_entries(char **envp)
{
	char **kept = envp;
	for (; *envp != NULL; envp++)
		if (strncmp(*envp, SIGNAL_ENTRY, sizeof SIGNAL_ENTRY - 1) != 0 &&
		    strncmp(*envp, PID_ENTRY, sizeof PID_ENTRY - 1) != 0)
			*kept++ = *envp;
	*kept = NULL;
}

/* execve(2) wants words that may be written: the path is copied. */
static int prepare(struct attempt *attempt, const struct prestop *prestop, int signo, pid_t app)
{
	char name[SIGNAL_NAME_SIZE];
	struct text program = TEXT_IN(attempt->program);
	struct text signal_text = TEXT_IN(attempt->signal);
	struct text pid_text = TEXT_IN(attempt->pid);
	text_add(&program, "%s", prestop->program);
	text_add(&signal_text, "%s%s", SIGNAL_ENTRY, signal_short_name(signo, name));
	text_add(&pid_text, "%s%d", PID_ENTRY, (int)app);
	drop_entries(prestop->envp);
	attempt->envp = prestop->envp - 2;
	attempt->envp[0] = attempt->signal;
	attempt->envp[1] = attempt->pid;
	attempt->mask = prestop->mask;
	attempt->error = 0;
	errno = ENAMETOOLONG;
	return text_is_full(&program) ? -1 : 0;
}

int prestop_start(struct prestop *prestop, int signo, pid_t app)
{
	struct attempt attempt;
	if (prepare(&attempt, prestop, signo, app) < 0)
		return -1;
	pid_t pid = child_spawn(become_program, &attempt);
	if (pid < 0)
		return -1;
	if (attempt.error != 0) {
		(void)waitpid(pid, NULL, 0);
		errno = attempt.error;
		return -1;
	}
	prestop->pid = pid;
	return 0;
}

void prestop_kill(struct prestop *prestop)
{
	prestop->killed = true;
	if (prestop->pid != 0 && kill(-prestop->pid, SIGKILL) < 0)
		(void)kill(prestop->pid, SIGKILL);
}
