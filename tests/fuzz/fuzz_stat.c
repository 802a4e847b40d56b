/*
 * /proc/PID/stat, whatever bytes a process has in its name: what is read of it is what was written.
 */
#include <stdio.h>
#include <string.h>

#include "../../src/leftovers.h"
#include "fuzz.h"

/* As the kernel writes it, fs/proc/array.c, with nothing in the fields that nobody reads. */
static void check_written(const struct process *process)
{
	char line[512];
	struct process again;
	int length = snprintf(line, sizeof line, "%d (%s) %c %d %d 1 2 3 4 5 6 7 8 9 10 11 12 13 14 %lld 0 %lld 0\n",
	                      process->pid, process->name, process->state, process->parent, process->group,
	                      (long long)process->threads, (long long)process->started);
	char *own = fuzz_alloc((size_t)length);
	memcpy(own, line, (size_t)length);
	demand(process_parse(own, (size_t)length, &again) == 0, "a line of the kernel's is read");
	demand(again.pid == process->pid && again.parent == process->parent && again.group == process->group,
	       "numbers are read as they were written");
	demand(again.threads == process->threads && again.started == process->started && again.state == process->state,
	       "threads, time and state are read as they were written");
	demand_same(again.name, process->name, "a name is read as it was written");
}

/* Any bytes may be a name; the kernel keeps 15 of a program's. */
static void check_name(const char *bytes, size_t length)
{
	struct process process = {.pid = 7, .parent = 1, .group = 7, .state = 'S', .threads = 1, .started = 12};
	size_t kept = strnlen(bytes, length < 15 ? length : 15);
	memcpy(process.name, bytes, kept);
	process.name[kept] = '\0';
	check_written(&process);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, data + size};
	struct process process;
	size_t length;
	const char *stat = input_bytes(&input, &length);
	memset(&process, 0x5a, sizeof process);
	check_name(stat, length);
	if (process_parse(stat, length, &process) == 0) {
		demand(process.pid > 0 && process.parent >= 0 && process.group >= 0 && process.started >= 0,
		       "numbers of processes are numbers");
		demand(memchr(process.name, '\0', sizeof process.name) != NULL, "a name has an end");
		if (process.threads >= 0)
			check_written(&process);
	}
	input_free();
	return 0;
}
