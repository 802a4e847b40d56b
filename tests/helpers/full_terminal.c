/*
 * Runs a command whose stderr is a pseudo-terminal that only its owner may open. Its buffer has a few free bytes, too
 * few for a line: full_terminal COMMAND... Exits with the command's status.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void fill(int terminal)
{
	(void)fcntl(terminal, F_SETFL, O_NONBLOCK);
	while (write(terminal, "x", 1) == 1)
		continue;
	(void)fcntl(terminal, F_SETFL, 0);
}

int main(int argc, char **argv)
{
	int status;
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (argc < 2 || master < 0 || grantpt(master) < 0 || unlockpt(master) < 0)
		return 2;
	int terminal = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (terminal < 0 || fchmod(terminal, 0600) < 0)
		return 2;
	fill(terminal);
	char some[64];
	if (read(master, some, sizeof some) <= 0)
		return 2;
	pid_t pid = fork();
	if (pid == 0) {
		(void)dup2(terminal, STDERR_FILENO);
		execvp(argv[1], argv + 1);
		_exit(127);
	}
	(void)waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
