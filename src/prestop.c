/*
 * Owns the start and the end of the pre-stop program. Never waits for it, never decides how long it has.
 */
#include "prestop.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "child.h"
#include "text.h"

static const char SIGNAL_ENTRY[] = "LULL_SIGNAL=";
static const char PID_ENTRY[] = "LULL_PID=";

/* What the program starts with. execve(2) takes strings that may be written, so the path is a copy. */
struct attempt {
	char program[PATH_MAX];
	char signal[32]; /* the two entries of the environment */
	char pid[32];
};

/* What lull has open, also as 0 or 1, is close-on-exec. */
static void prepare_program(void *context)
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

static int fill_attempt(struct attempt *attempt, const struct prestop *prestop, int signo, pid_t app)
{
	char name[SIGNAL_NAME_SIZE];
	struct text program = TEXT_IN(attempt->program);
	struct text signal_text = TEXT_IN(attempt->signal);
	struct text pid_text = TEXT_IN(attempt->pid);
	text_add(&program, "%s", prestop->program);
	text_add(&signal_text, "%s%s", SIGNAL_ENTRY, signal_short_name(signo, name));
	text_add(&pid_text, "%s%d", PID_ENTRY, (int)app);
	drop_entries(prestop->envp);
	prestop->envp[-2] = attempt->signal;
	prestop->envp[-1] = attempt->pid;
	errno = ENAMETOOLONG;
	return text_is_full(&program) ? -1 : 0;
}

int prestop_start(struct prestop *prestop, int signo, pid_t app)
{
	struct attempt attempt;
	if (fill_attempt(&attempt, prestop, signo, app) < 0)
		return -1;
	char *command[] = {attempt.program, NULL};
	const struct start start = {.command = command, .envp = prestop->envp - 2, .mask = prestop->mask};
	pid_t pid = child_spawn(&start, SPAWN_NO_WAIT, prepare_program, NULL, &prestop->failure);
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
		(void)kill(prestop->pid, SIGKILL);
}
