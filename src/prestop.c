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

/* What lull and the program share until exec: they run in the same memory. */
struct attempt {
	char **envp;
	signal_mask mask;
	volatile int error;
	char program[PATH_MAX];
};

/* lull has no stdin and no stdout of its own by now, and none of its descriptors outlives exec. */
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
	signals_restore(attempt->mask);
	execve(command[0], command, attempt->envp);
	attempt->error = errno;
	_exit(127);
}

int prestop_start(struct prestop *prestop, int signo, pid_t app)
{
	char name[SIGNAL_NAME_SIZE];
	char signal_entry[32];
	char pid_entry[32];
	struct text signal_text = TEXT_IN(signal_entry);
	struct text pid_text = TEXT_IN(pid_entry);
	struct attempt attempt;
	struct text program = TEXT_IN(attempt.program);
	text_add(&program, "%s", prestop->program); /* a copy, since execve(2) wants words that may be written */
	if (program.length == program.size - 1) {
		errno = ENAMETOOLONG;
		return -1;
	}
	text_add(&signal_text, "LULL_SIGNAL=%s", signal_short_name(signo, name));
	text_add(&pid_text, "LULL_PID=%d", (int)app);
	attempt.mask = prestop->mask;
	attempt.error = 0;
	attempt.envp = prestop->envp - 2;
	attempt.envp[0] = signal_entry;
	attempt.envp[1] = pid_entry;
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
