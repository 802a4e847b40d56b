/*
 * Owns the form of PATH. Never looks at a file. Safe between vfork and exec.
 */
#include "path.h"

#include <string.h>

const char *path_of(char *const *envp)
{
	for (; *envp != NULL; envp++)
		if (strncmp(*envp, "PATH=", 5) == 0)
			return *envp + 5;
	return NULL;
}

bool path_next(const char **at, const char *command, struct text *file)
{
	if (*at == NULL)
		return false;
	size_t length = strcspn(*at, ":");
	file->length = 0;
	text_add(file, "%.*s%s%s", (int)length, *at, length > 0 ? "/" : "", command);
	*at = (*at)[length] == ':' ? *at + length + 1 : NULL;
	return true;
}
