/*
 * Owns execve(2), the search in PATH and the environment. Never starts a process, never changes the signal mask.
 */
#include "exec.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

const char *exec_path(char *const *envp)
{
	for (; *envp != NULL; envp++)
		if (strncmp(*envp, "PATH=", 5) == 0)
			return *envp + 5;
	return NULL;
}

bool exec_next_file(const char **path, const char *command, struct text *file)
{
	if (*path == NULL)
		return false;
	size_t length = strcspn(*path, ":");
	file->length = 0;
	text_add(file, "%.*s%s%s", (int)length, *path, length > 0 ? "/" : "", command);
	*path = (*path)[length] == ':' ? *path + length + 1 : NULL;
	return true;
}

void exec_unset(char **envp, const char *name)
{
	char **kept = envp;
	for (; *envp != NULL; envp++)
		if (strncmp(*envp, name, strlen(name)) != 0)
			*kept++ = *envp;
	*kept = NULL;
}

/* A file with a null byte is a program that is damaged or was built for another machine: a shell cannot run it. */
static bool is_text_file(const char *path)
{
	char bytes[64];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t length = fd >= 0 ? read(fd, bytes, sizeof bytes) : -1;
	if (fd >= 0)
		(void)close(fd);
	return length >= 0 && memchr(bytes, '\0', (size_t)length) == NULL;
}

/*
 * The shell needs one argument more. A copy of the arguments would take 8 bytes of stack for each, up to a quarter of
 * the stack's limit (execve(2), "Limits on size of arguments and environment"). So the shell's name is written over
 * the argument of lull before the command, which is no longer needed.
 */
static int exec_file(char *path, char **command, char **envp, bool shell)
{
	char interpreter[] = "/bin/sh";
	(void)execve(path, command, envp);
	int error = errno;
	if (error == ENOEXEC && shell && is_text_file(path)) {
		char *name = command[0];
		command[-1] = interpreter;
		command[0] = path;
		(void)execve(interpreter, command - 1, envp);
		command[0] = name;
	}
	return error;
}

static int exec_in_path(char **command, char **envp, bool shell)
{
	char bytes[PATH_MAX];
	struct text file = TEXT_IN(bytes);
	int error = ENOENT;
	const char *path = exec_path(envp);
	if (path == NULL)
		path = EXEC_PATH_DEFAULT;
	while (exec_next_file(&path, command[0], &file)) {
		int failed = text_is_full(&file) ? ENOENT : exec_file(bytes, command, envp, shell);
		if (failed == EACCES)
			error = EACCES;
		else if (failed != ENOENT && failed != ENOTDIR)
			return failed;
	}
	return error;
}

int exec_command(char **command, char **envp, bool shell)
{
	if (command[0][0] == '\0')
		return ENOENT;
	if (strchr(command[0], '/') == NULL)
		return exec_in_path(command, envp, shell);
	return exec_file(command[0], command, envp, shell);
}
