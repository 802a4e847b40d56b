/*
 * Where a command is looked for.
 */
#ifndef LULL_PATH_H
#define LULL_PATH_H

#include <stdbool.h>

#include "text.h"

/* What is searched when PATH is not set. */
#define PATH_DEFAULT "/usr/local/bin:/usr/bin:/bin"

/* The value of the first PATH in envp, or NULL. */
const char *path_of(char *const *envp);

/*
 * Puts the command in the directory that *at begins with into `file`, and moves *at to the next; NULL behind the last.
 * An empty directory is the working directory. Returns false at the end. A name too long for `file` fills it.
 */
bool path_next(const char **at, const char *command, struct text *file);

#endif
