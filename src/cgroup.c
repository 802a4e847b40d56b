/*
 * Owns the look at /sys/fs/cgroup. Never writes there, never guesses.
 */
#include "cgroup.h"

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "text.h"

enum { LIST_SIZE = 4096, EVENTS_SIZE = 512, PATH_SIZE = 1024 };

/* False where there is no such file. Of a longer one the beginning is read. */
static bool read_file(const char *path, char *buffer, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t length = fd >= 0 ? read(fd, buffer, size - 1) : -1;
	if (fd >= 0)
		(void)close(fd);
	buffer[length > 0 ? length : 0] = '\0';
	return length >= 0;
}

/* Other words there begin alike: oom_kill_disable, oom_group_kill. A number cut off by the end of the buffer is none.
 */
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

/* The path of that controller in a list like "4:memory:/docker/7\n0::/\n", cgroups(7); "" when it is not there. */
static const char *find_path(const char *list, const char *controller)
{
	size_t length = strlen(controller);
	const char *name = strchr(list, ':');
	for (; name != NULL; name = strchr(name + strcspn(name, "\n"), ':'))
		if (strncmp(++name, controller, length) == 0 && name[length] == ':')
			return name + length + 1;
	return "";
}

static int64_t kills_of(const char *place, const char *mount, const char *file)
{
	char path[PATH_SIZE];
	char events[EVENTS_SIZE];
	struct text text = TEXT_IN(path);
	text_add(&text, "%s%.*s/%s", mount, (int)strcspn(place, "\n"), place, file);
	return read_file(path, events, sizeof events) ? find_kills(events) : -1;
}

/*
 * In a container the mount may begin at our own cgroup, while the list names it as the host does; so the mount itself
 * is asked last. Elsewhere that is the root.
 */
int64_t cgroup_oom_kills(void)
{
	char list[LIST_SIZE];
	(void)read_file("/proc/self/cgroup", list, sizeof list);
	for (int own = 1; own >= 0; own--) {
		int64_t kills = kills_of(own ? find_path(list, "") : "", "/sys/fs/cgroup", "memory.events");
		if (kills < 0)
			kills = kills_of(own ? find_path(list, "memory") : "", "/sys/fs/cgroup/memory",
			                 "memory.oom_control");
		if (kills >= 0)
			return kills;
	}
	return -1;
}
