/*
 * Owns the reading of /sys/fs/cgroup. Never writes there.
 *
 * A file of its own, since the report and the shutdown log both need it.
 */
#include "cgroup.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "text.h"

enum { LIST_SIZE = 4096, EVENTS_SIZE = 512, PATH_SIZE = 1024 };

/* Reads the beginning of a file; "" if it cannot be read. */
static void read_beginning(const char *path, char *buffer, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t length = fd >= 0 ? read(fd, buffer, size - 1) : -1;
	if (fd >= 0)
		(void)close(fd);
	buffer[length > 0 ? length : 0] = '\0';
}

/* Other keys begin alike, as oom_kill_disable. A number that the end of the buffer cuts off is ignored. */
static int64_t find_kills(const char *events)
{
	static const char KEY[] = "oom_kill ";
	for (const char *line = events; line != NULL; line = strchr(line, '\n')) {
		line += *line == '\n';
		const char *number = line + sizeof KEY - 1;
		if (strncmp(line, KEY, sizeof KEY - 1) != 0)
			continue;
		size_t length = strcspn(number, "\n");
		return number[length] == '\n' ? text_number(number, length, INT32_MAX) : -1;
	}
	return -1;
}

/* Returns the path of a controller in a list like "4:memory:/docker/7\n0::/\n", cgroups(7), or "". */
static const char *find_path(const char *list, const char *controller)
{
	size_t length = strlen(controller);
	const char *name = strchr(list, ':');
	for (; name != NULL; name = strchr(name + strcspn(name, "\n"), ':'))
		if (strncmp(++name, controller, length) == 0 && name[length] == ':')
			return name + length + 1;
	return "";
}

static int64_t read_kills(const char *cgroup, const char *mount, const char *file)
{
	char path[PATH_SIZE];
	char events[EVENTS_SIZE];
	struct text text = TEXT_IN(path);
	text_add(&text, "%s%.*s/%s", mount, (int)strcspn(cgroup, "\n"), cgroup, file);
	read_beginning(path, events, sizeof events);
	return find_kills(events);
}

/*
 * In a container the mount may begin at lull's own cgroup, while the list has its path on the host. So the mount itself
 * is read if the path is not there.
 */
int64_t cgroup_oom_kills(void)
{
	char list[LIST_SIZE];
	read_beginning("/proc/self/cgroup", list, sizeof list);
	for (int own = 1; own >= 0; own--) {
		int64_t kills = read_kills(own ? find_path(list, "") : "", "/sys/fs/cgroup", "memory.events");
		if (kills < 0)
			kills = read_kills(own ? find_path(list, "memory") : "", "/sys/fs/cgroup/memory",
			                   "memory.oom_control");
		if (kills >= 0)
			return kills;
	}
	return -1;
}
