/*
 * execve(2) of a command, as execvp(3) does it, with the environment and the PATH that the command gets.
 */
#ifndef LULL_EXEC_H
#define LULL_EXEC_H

#include <stdbool.h>

#include "text.h"

/* The directories that are searched if PATH is not set. */
#define EXEC_PATH_DEFAULT "/usr/local/bin:/usr/bin:/bin"

/*
 * Replaces the calling process by `command`, which is searched for in the PATH of `envp` if its name has no slash. With
 * `shell`, /bin/sh runs a text file without a "#!" line, as POSIX demands of execvp(3); then `command` must be part of
 * an argv: the pointer before it is overwritten. Returns only if that failed: an errno of execve(2). Safe between
 * vfork(2) and exec.
 */
int exec_command(char **command, char **envp, bool shell);

/* Returns the value of the first PATH in `envp`, or NULL if there is none. */
const char *exec_path(char *const *envp);

/*
 * Puts the name of `command` in the first directory of *path into `file`, and moves *path to the next directory: NULL
 * after the last. An empty directory is the working directory. Returns false if *path is NULL. If the name is too long,
 * text_is_full(file) is true.
 */
bool exec_next_file(const char **path, const char *command, struct text *file);

/* Removes all variables from `envp` that begin with `name`, which ends in "=". */
void exec_unset(char **envp, const char *name);

#endif
