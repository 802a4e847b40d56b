/*
 * Blocks every exec of a file, as a scanner or a hung file system does, until this program is killed: hold FILE. Prints
 * "ready", and "held" for each exec. Needs CAP_SYS_ADMIN.
 */
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/fanotify.h>
#include <unistd.h>

static void print_word(const char *word)
{
	(void)puts(word);
	(void)fflush(stdout);
}

int main(int argc, char **argv)
{
	char events[4096];
	int group = fanotify_init(FAN_CLASS_CONTENT, O_RDONLY);
	if (argc != 2 || group < 0)
		err(1, "fanotify_init");
	if (fanotify_mark(group, FAN_MARK_ADD, FAN_OPEN_EXEC_PERM, AT_FDCWD, argv[1]) < 0)
		err(1, "%s", argv[1]);
	print_word("ready");
	while (read(group, events, sizeof events) > 0)
		print_word("held");
	return 0;
}
