/*
 * Why a command could not be executed, in words for the log.
 */
#ifndef LULL_EXEC_ERROR_H
#define LULL_EXEC_ERROR_H

#include "text.h"

/*
 * Adds to `why` the reason why exec_command() of `command` with this environment failed with `error`. Reads the files
 * as they are now: they may have changed since.
 */
void exec_error_explain(const char *command, char *const *envp, int error, struct text *why);

#endif
