/*
 * Owns the drain file and the name of lull's process. Never decides when a container drains, never waits.
 */
#include "drain.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

void drain_show(enum drain_state state, int port)
{
	static const char *const NAMES[] = {
		[DRAIN_READY] = DRAIN_NAME_READY,
		[DRAIN_DRAINING] = DRAIN_NAME_DRAINING,
		[DRAIN_ENDED] = DRAIN_NAME_ENDED,
	};
	char name[16];
	struct text text = TEXT_IN(name);
	if (state == DRAIN_READY && port != 0)
		text_add(&text, DRAIN_NAME_PORT "%d", port);
	else
		text_add(&text, "%s", NAMES[state]);
	(void)prctl(PR_SET_NAME, name);
}

int drain_file_make(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0644);
	if (fd < 0)
		return -1;
	(void)close(fd);
	return 0;
}

/* Whether one can be made is seen by making one: who may do what with a directory is more than its mode. */
int drain_file_prepare(const char *path, struct text *why)
{
	struct stat status;
	bool there = lstat(path, &status) == 0;
	if (there && (!S_ISREG(status.st_mode) || status.st_size != 0)) {
		text_add(why, "there is something else than an empty file");
		return -1;
	}
	if (!there && (errno != ENOENT || drain_file_make(path) < 0)) {
		text_add(why, "%s", strerror(errno));
		return -1;
	}
	if (unlink(path) == 0)
		return 0;
	text_add(why, "it can not be removed: %s", strerror(errno));
	return -1;
}
