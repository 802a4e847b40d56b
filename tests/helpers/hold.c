/*
 * Blocks each exec of a file (hold FILE) or each open(2) in a directory (hold -o DIRECTORY), like a virus scanner or a
 * network file system. The calls return when this program is killed. Prints "ready", and "held" for each call. Needs
 * CAP_SYS_ADMIN (fanotify).
 */
#include <err.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
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
	bool opens = argc == 3 && strcmp(argv[1], "-o") == 0;
	uint64_t calls = opens ? FAN_OPEN_PERM | FAN_EVENT_ON_CHILD : FAN_OPEN_EXEC_PERM;
	if (argc != 2 + opens || group < 0)
		err(1, "fanotify_init");
	if (fanotify_mark(group, FAN_MARK_ADD, calls, AT_FDCWD, argv[argc - 1]) < 0)
		err(1, "%s", argv[argc - 1]);
	print_word("ready");
	while (read(group, events, sizeof events) > 0)
		print_word("held");
	return 0;
}
