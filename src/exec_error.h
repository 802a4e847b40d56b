/*
 * Why a command could not be executed, as a person would need it.
 */
#ifndef LULL_EXEC_ERROR_H
#define LULL_EXEC_ERROR_H

#include "text.h"

/*
 * Adds the reason why execve(2) of command[0], looked for in the PATH of envp, failed with `error`. Only looks at
 * files; what has changed since then is seen as it is now.
 */
void exec_error_explain(const char *command, char *const *envp, int error, struct text *why);

#endif
