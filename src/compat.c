/*
 * Owns the names of other inits. A difference is a field of the table: no other file compares names.
 */
#include "compat.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "text.h"

#ifndef LULL_VERSION
#error "LULL_VERSION comes from the Makefile"
#endif

/* `docker info` warns if the version has no commit in this form. Zeros if the build had no git. */
#ifndef LULL_COMMIT
#define LULL_COMMIT " - git.0000000"
#endif

static const struct compat_mode MODES[] = {
	{
		.names = {"lull"},
		.id = COMPAT_LULL,
		.help_to = STDOUT_FILENO,
		.version_to = STDOUT_FILENO,
		.help = "lull --help",
		.version = "lull version " LULL_VERSION LULL_COMMIT,
		.exit_failed = 125, /* as env(1), nohup(1) and timeout(1) */
		.exit_not_found = 127,
		.exit_denied = 126,
		.exit_not_run = 126,
		.log_level = LOG_NOTICE,
		.timeout_ms = 90000, /* as in systemd */
		.subreaper = true,
	},
	{
		.names = {"tini", "tini-static", "docker-init"},
		.id = COMPAT_TINI,
		.help_to = STDOUT_FILENO,
		.version_to = STDOUT_FILENO,
		.help = "tini -h",
		.version = "tini version 0.19.0", /* `docker info` reads it */
		.exit_failed = 1,
		.exit_not_found = 127,
		.exit_denied = 126,
		.exit_not_run = 1,
		.log_level = LOG_WARNING,
		.timeout_ms = TIME_NEVER,
		.reaped = "Reaped zombie process with pid=", /* as in tini's log */
		.no_reaper = "neither PID 1 nor a subreaper: orphans are not reaped; use -s or set TINI_SUBREAPER",
		.abandon = true,
		.inner_dashes = true,
		.shell = true,
	},
	{
		.names = {"catatonit", "podman-init"},
		.id = COMPAT_CATATONIT,
		.help_to = STDERR_FILENO,
		.version_to = STDOUT_FILENO,
		.help = "catatonit -h",
		.version = "tini version 0.1.7_catatonit", /* catatonit prints this for Docker */
		.exit_failed = 1,
		.exit_not_found = 1,
		.exit_denied = 1,
		.exit_not_run = 1,
		.log_level = LOG_WARNING,
		.timeout_ms = TIME_NEVER,
		.abandon = true,
		.subreaper = true,
		.inner_dashes = true,
		.shell = true,
	},
	{
		.names = {"dumb-init"},
		.id = COMPAT_DUMB_INIT,
		.help_to = STDERR_FILENO,
		.version_to = STDERR_FILENO,
		.help = "dumb-init --help",
		.version = "dumb-init v1.2.5",
		.exit_failed = 1,
		.exit_not_found = 2,
		.exit_denied = 2,
		.exit_not_run = 2,
		.log_level = LOG_WARNING,
		.timeout_ms = TIME_NEVER,
		.session = true,
		.abandon = true,
		.shell = true,
	},
};

static bool has_name(const struct compat_mode *compat, const char *name)
{
	for (const char *const *known = compat->names; *known != NULL; known++)
		if (strcmp(*known, name) == 0)
			return true;
	return false;
}

const struct compat_mode *compat_mode_of(const char *argv0)
{
	const char *slash = argv0 != NULL ? strrchr(argv0, '/') : NULL;
	const char *name = slash != NULL ? slash + 1 : argv0;
	for (size_t i = 0; name != NULL && i < sizeof MODES / sizeof MODES[0]; i++)
		if (has_name(&MODES[i], name))
			return &MODES[i];
	return &MODES[0];
}

int compat_exec_status(const struct compat_mode *compat, int error)
{
	if (error == ENOENT)
		return compat->exit_not_found;
	return error == EACCES ? compat->exit_denied : compat->exit_not_run;
}
