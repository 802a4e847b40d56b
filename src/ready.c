/*
 * Owns the question whether the lull of this container serves. Never signals, connects or waits.
 */
#include "ready.h"

#include <fcntl.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "drain.h"
#include "listens.h"
#include "processes.h"

/* The lulls that were found. */
struct found {
	int64_t mount;           /* that of the caller's root */
	struct process init;     /* PID 1, if it is a lull; or else its pid is 0 */
	struct process neighbor; /* in the caller's mount namespace; one that does not serve before one that does */
};

/*
 * The first mount that a process sees, by its number: two processes of one mount namespace see the same, and no two
 * namespaces have a number in common (fs/namespace.c, mnt_alloc_id). Everybody may read it, where a look at
 * /proc/PID/ns/mnt needs the rights of a debugger. Returns -1 where it is not known.
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
	const char *blank = length > 0 ? memchr(line, ' ', (size_t)length) : NULL;
	return blank != NULL ? text_number(line, (size_t)(blank - line), INT32_MAX) : -1;
}

/* The app's port in the name of a lull that serves; 0: it was told of none. Or -1: it does not serve. */
static int serving_port(const char *name)
{
	const size_t prefix = sizeof DRAIN_NAME_PORT - 1;
	if (strcmp(name, DRAIN_NAME_READY) == 0)
		return 0;
	if (strncmp(name, DRAIN_NAME_PORT, prefix) != 0)
		return -1;
	return (int)text_number(name + prefix, strlen(name + prefix), UINT16_MAX);
}

static void see(const struct process *process, void *whom)
{
	struct found *found = whom;
	bool near = found->mount >= 0 && first_mount(process->pid) == found->mount;
	if (process->pid == 1)
		found->init = *process;
	if (near && found->neighbor.pid != 1 && (found->neighbor.pid == 0 || serving_port(found->neighbor.name) >= 0))
		found->neighbor = *process;
}

enum ready ready_ask(int port, struct text *why)
{
	struct found found = {.mount = first_mount(0)};
	processes_named(DRAIN_NAME, see, &found);
	const struct process *asked = found.neighbor.pid != 0 ? &found.neighbor : &found.init;
	if (asked->pid == 0) {
		text_add(why, "there is no lull to ask: neither PID 1 nor any process of this mount namespace in /proc "
		              "is one with an app");
		return READY_NONE;
	}
	int told = serving_port(asked->name);
	if (told < 0) {
		text_add(why, "not ready: process %d is \"%s\"", (int)asked->pid, asked->name);
		return READY_NO;
	}
	port = port != 0 ? port : told;
	int heard = port != 0 ? listens_look(port, NULL) : 1;
	if (heard > 0)
		return READY_YES;
	text_add(why,
	         heard == 0 ? "not ready: nothing listens on port %d"
	                    : "not ready: who listens on port %d can not be seen",
	         port);
	return READY_NO;
}
