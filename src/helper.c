/*
 * Owns lull's helper processes. Only helper_wait() waits.
 */
#include "helper.h"

#include <errno.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "signals.h"

/* A helper that is blocked must not keep a socket or a pipe open. */
static void set_descriptors(int input)
{
	if (input != STDIN_FILENO && dup2(input, STDIN_FILENO) < 0)
		(void)close(STDIN_FILENO);
	(void)close(STDOUT_FILENO);
	child_close_range(STDERR_FILENO + 1, ~0U);
}

int helper_start(struct helpers *helpers, enum helper helper, int input, int (*work)(const void *context),
                 const void *context)
{
	pid_t pid = child_fork(HELPER_EXITED);
	if (pid == 0) {
		(void)prctl(PR_SET_NAME, "lull-helper"); /* `lull --ready` does not search for this name */
		set_descriptors(input);
		_exit(work(context));
	}
	helpers->pids[helper] = pid > 0 ? pid : 0;
	return pid > 0 ? 0 : -1;
}

bool helper_has_exited(struct helpers *helpers, enum helper helper, int *error)
{
	int status = 0;
	pid_t pid = helpers->pids[helper];
	pid_t reaped = pid != 0 ? waitpid(pid, &status, WNOHANG | (int)__WCLONE) : 0;
	if (reaped == 0 || (reaped < 0 && errno != ECHILD))
		return false;
	helpers->pids[helper] = 0;
	*error = WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
	return true;
}

bool helper_is_running(const struct helpers *helpers, enum helper helper)
{
	return helpers->pids[helper] != 0;
}

int helper_wait(struct helpers *helpers, enum helper helper, int64_t since_ms)
{
	siginfo_t signal;
	int error = 0;
	while (helper_is_running(helpers, helper) && !helper_has_exited(helpers, helper, &error)) {
		if (signals_now_ms() - since_ms >= HELPER_WAIT_MS)
			return ETIMEDOUT;
		(void)signals_wait(&signal, since_ms + HELPER_WAIT_MS);
	}
	return error;
}

bool helpers_include(const struct helpers *helpers, pid_t pid)
{
	for (int helper = 0; helpers != NULL && helper < HELPERS; helper++)
		if (helpers->pids[helper] == pid)
			return true;
	return false;
}
