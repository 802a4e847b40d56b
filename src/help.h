/*
 * What lull prints on standard output when it is asked about itself, and nothing else ever goes there.
 */
#ifndef LULL_HELP_H
#define LULL_HELP_H

#include "options.h"

/* Each returns 0, or -1 with errno when it could not be written. */
int help_print(const struct compat_mode *compat);
int help_print_version(const struct compat_mode *compat);
int help_print_licence(const struct compat_mode *compat);
int help_explain(const struct options *options);

#endif
