/*
 * /proc/PID/stat and /proc/PID/status, whatever bytes a process has in its name: the values read are those written.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "../../src/processes.h"
#include "fuzz.h"

/* As the kernel writes it, fs/proc/array.c, with nothing in the fields that lull does not read. */
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

/* Any bytes may be a name; the kernel keeps 15 of them. */
static void check_name(const char *bytes, size_t length)
{
	struct process process = {.pid = 7, .parent = 1, .group = 7, .state = 'S', .threads = 1, .started = 12};
	size_t kept = strnlen(bytes, length < 15 ? length : 15);
	memcpy(process.name, bytes, kept);
	process.name[kept] = '\0';
	check_written(&process);
}

static uint64_t number_of(const char *bytes, size_t length, size_t at)
{
	uint64_t number = 0;
	for (size_t i = 0; i < 8 && at + i < length; i++)
		number = number << 8 | (unsigned char)bytes[at + i];
	return number;
}

/* As the kernel writes it, fs/proc/array.c, with the name escaped, and more lines before and after those read. */
static void check_signals(const char *bytes, size_t length)
{
	char status[1024];
	struct process_signals read;
	uint64_t set[5];
	for (size_t i = 0; i < 5; i++)
		set[i] = number_of(bytes, length, 8 * i);
	unsigned voluntary = (unsigned)(set[0] >> 32);
	unsigned involuntary = (unsigned)set[1];
	int written = snprintf(status, sizeof status,
	                       "Name:\tSigCgt:\\nx\nUmask:\t0022\nState:\tS (sleeping)\nGroups:\t1 2 \n"
	                       "SigQ:\t0/95781\nSigPnd:\t%016llx\nShdPnd:\t%016llx\nSigBlk:\t%016llx\n"
	                       "SigIgn:\t%016llx\nSigCgt:\t%016llx\nCapInh:\t0000000000000000\n"
	                       "voluntary_ctxt_switches:\t%u\nnonvoluntary_ctxt_switches:\t%u\n",
	                       (unsigned long long)set[0], (unsigned long long)set[1], (unsigned long long)set[2],
	                       (unsigned long long)set[3], (unsigned long long)set[4], voluntary, involuntary);
	char *own = fuzz_alloc((size_t)written);
	memcpy(own, status, (size_t)written);
	demand(process_parse_signals(own, (size_t)written, &read) == 0, "what the kernel writes is read");
	demand(read.state == 'S' && read.pending == (set[0] | set[1]) && read.blocked == set[2], "sets are read");
	demand(read.dispositions.ignored == (set[3] & ~set[2]) && read.dispositions.caught == (set[4] | set[2]),
	       "a blocked signal counts as caught, not as ignored");
	demand(read.switches == (int64_t)voluntary + involuntary, "switches are added up");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, data + size};
	struct process process;
	size_t length;
	const char *stat = input_bytes(&input, &length);
	struct process_signals signals;
	memset(&process, 0x5a, sizeof process);
	check_name(stat, length);
	check_signals(stat, length);
	if (process_parse_signals(stat, length, &signals) == 0)
		demand(signals.switches >= -1 && (signals.dispositions.ignored & signals.blocked) == 0,
		       "a status that is read has sets and a count");
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
