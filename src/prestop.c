/*
 * Owns the start and the end of the pre-stop program. Never waits for it, never decides how long it may run.
 */
#include "prestop.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "child.h"
#include "exec.h"
#include "text.h"

/* Runs in the child. lull's other descriptors, 0 and 1 included, are close-on-exec. */
static void prepare_pre_stop(void *context)
{
	(void)context;
	(void)setsid();
	int null = open("/dev/null", O_RDONLY);
	if (null > STDIN_FILENO) {
		(void)dup2(null, STDIN_FILENO);
		(void)close(null);
	}
	(void)dup2(STDERR_FILENO, STDOUT_FILENO);
}

/*
 * The variables of a lull that started this one are removed: if a name occurs twice, a shell uses the last.
 *
 * The two pointers before the environment are the end of argv (System V ABI, "Process Initialization"), which is no
 * longer needed. A copy of the environment's pointers would take up to a quarter of the stack's limit (execve(2)), or a
 * heap: malloc(3) costs 7 kB of code and 4 kB of memory (docs/development/decisions.md).
 */
int prestop_start(struct prestop *prestop, int signo, pid_t app)
{
	char name[SIGNAL_NAME_SIZE];
	char signal_bytes[32];
	char pid_bytes[32];
	struct text signal_entry = TEXT_IN(signal_bytes);
	struct text pid_entry = TEXT_IN(pid_bytes);
	text_add(&signal_entry, "LULL_SIGNAL=%s", signal_short_name(signo, name));
	text_add(&pid_entry, "LULL_PID=%d", (int)app);
	exec_unset(prestop->envp, "LULL_SIGNAL=");
	exec_unset(prestop->envp, "LULL_PID=");
	prestop->envp[-2] = signal_bytes;
	prestop->envp[-1] = pid_bytes;
	char *command[] = {NULL, NULL};
	memcpy(&command[0], &prestop->program, sizeof command[0]); /* execve(2) lacks a const, and writes to nothing */
	const struct start start = {.command = command, .envp = prestop->envp - 2, .mask = prestop->mask};
	pid_t pid = child_spawn(&start, SPAWN_NO_WAIT, prepare_pre_stop, NULL, &prestop->failure);
	if (pid < 0)
		return -1;
	prestop->pid = pid;
	return 0;
}

int prestop_end(struct prestop *prestop)
{
	prestop->pid = 0;
	return child_read_failure(&prestop->failure);
}

void prestop_kill(struct prestop *prestop)
{
	prestop->killed = true;
	if (prestop->pid != 0 && kill(-prestop->pid, SIGKILL) < 0)
		(void)kill(prestop->pid, SIGKILL); /* it has not called setsid(2) yet */
}
