/*
 * Owns the name of lull's process, the search for it, and the drain file. Never decides when a container drains, never
 * sends a signal, connects or waits.
 */
#include "drain.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include "listens.h"
#include "processes.h"

/* The kernel keeps 15 bytes of a name, prctl(2). Without a space, /proc/PID/stat stays easy to split. */
#define NAME_PREFIX "lull:"
#define NAME_READY NAME_PREFIX "ready"
#define NAME_PORT NAME_PREFIX "on:" /* and the first port of --listens */

void show_readiness(enum readiness readiness, const struct ports *ports)
{
	char name[16];
	struct text text = TEXT_IN(name);
	if (readiness == READINESS_ENDED)
		text_add(&text, NAME_PREFIX "ended");
	else if (readiness == READINESS_DRAINING)
		text_add(&text, NAME_PREFIX "draining");
	else if (ports->count > 0)
		text_add(&text, NAME_PORT "%d", ports->list[0]);
	else
		text_add(&text, NAME_READY);
	(void)prctl(PR_SET_NAME, name);
}

/* Returns the port in the name of a lull that serves, 0 if there is none, -1 if it does not serve. */
static int serving_port(const char *name)
{
	const size_t prefix = sizeof NAME_PORT - 1;
	if (strcmp(name, NAME_READY) == 0)
		return 0;
	if (strncmp(name, NAME_PORT, prefix) != 0)
		return -1;
	return (int)text_number(name + prefix, strlen(name + prefix), UINT16_MAX);
}

/* --- lull --ready ------------------------------------------------------------------------------------------------ */

/* The processes with lull's name. A PID of 0: not found. */
struct lulls {
	int64_t mount; /* of the caller */
	struct process init;
	struct process neighbor; /* in the caller's mount namespace; PID 1, or one that serves, if there are several */
};

/*
 * Returns the ID of the first mount that a process sees, or -1. It is the same for all processes of a mount namespace,
 * and different in another one (fs/namespace.c, mnt_alloc_id). Every user can read it; /proc/PID/ns/mnt needs the
 * rights of ptrace(2).
 */
static int64_t first_mount(pid_t pid)
{
	char path[40];
	char line[32];
	struct text name = TEXT_IN(path);
	text_add(&name, pid != 0 ? "/proc/%d/mountinfo" : "/proc/self/mountinfo", (int)pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	ssize_t length = read(fd, line, sizeof line);
	(void)close(fd);
	const char *space = length > 0 ? memchr(line, ' ', (size_t)length) : NULL;
	return space != NULL ? text_number(line, (size_t)(space - line), INT32_MAX) : -1;
}

static void add_lull(struct lulls *lulls, const struct process *process)
{
	struct process *neighbor = &lulls->neighbor;
	bool is_near = lulls->mount >= 0 && first_mount(process->pid) == lulls->mount;
	if (process->pid == 1)
		lulls->init = *process;
	if (is_near && neighbor->pid != 1 && (neighbor->pid == 0 || serving_port(neighbor->name) >= 0))
		*neighbor = *process;
}

/* Without /proc none is found. */
static void find_lulls(struct lulls *lulls)
{
	struct process_scan scan;
	struct process process;
	if (processes_open(&scan, SCOPE_NAMESPACE, (struct excluded){0}, TIME_NEVER) < 0)
		return;
	while (processes_next(&scan, &process))
		if (strncmp(process.name, NAME_PREFIX, sizeof NAME_PREFIX - 1) == 0)
			add_lull(lulls, &process);
	processes_close(&scan);
}

enum ready_status check_readiness(const struct ports *ports, struct text *why)
{
	struct lulls lulls = {.mount = first_mount(0)};
	find_lulls(&lulls);
	const struct process *lull = lulls.neighbor.pid != 0 ? &lulls.neighbor : &lulls.init;
	if (lull->pid == 0) {
		text_add(why, "no running lull found: neither PID 1 nor a process of this mount namespace is lull "
		              "with an app");
		return READY_NONE;
	}
	int own_port = serving_port(lull->name);
	if (own_port < 0) {
		text_add(why, "not ready: the container is shutting down");
		return READY_NO;
	}
	const struct ports own = {.count = own_port > 0, .list = {(uint16_t)own_port}};
	int closed = find_closed_port(ports->count > 0 ? ports : &own, NULL);
	if (closed == 0)
		return READY_YES;
	if (closed > 0)
		text_add(why, "not ready: nothing listens on port %d", closed);
	else
		text_add(why, "not ready: cannot read the kernel's socket table: %s", strerror(errno));
	return READY_NO;
}

/* --- The drain file ---------------------------------------------------------------------------------------------- */

int drain_file_make(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0644);
	if (fd < 0)
		return -1;
	(void)close(fd);
	return 0;
}

/* Makes the file to see whether it can be made: the mode of the directory does not say that. */
int drain_file_prepare(const char *path, struct text *why)
{
	struct stat status;
	bool exists = lstat(path, &status) == 0;
	if (exists && (!S_ISREG(status.st_mode) || status.st_size != 0)) {
		text_add(why, "the path exists and is not an empty regular file; use another path");
		return -1;
	}
	if (!exists && (errno != ENOENT || drain_file_make(path) < 0)) {
		text_add(why, "cannot create the file: %s", strerror(errno));
		return -1;
	}
	if (unlink(path) == 0)
		return 0;
	text_add(why, "cannot remove the file: %s", strerror(errno));
	return -1;
}
