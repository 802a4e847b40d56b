/*
 * The output of --help, --version, --explain and of the peers' licence options.
 */
#ifndef LULL_HELP_H
#define LULL_HELP_H

#include "options.h"

/* Each prints to the file descriptor of the mode, or to standard output. Returns 0, or -1 with errno of write(2). */
int help_print(const struct compat_mode *compat);
int help_print_version(const struct compat_mode *compat);
int help_print_licence(const struct compat_mode *compat);
int help_explain(const struct options *options);

#endif
