/*
 * All that is read from /proc and the cgroup: only descendants are signalled, whatever the files contain and in however
 * small pieces they are read. Input: four bytes (lull's own PID, the hidden one, the group that had the signal, and the
 * properties of the world), then files as for world_add_files().
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/cgroup.h"
#include "../../src/drain.h"
#include "../../src/processes.h"
#include "../../src/signals.h"
#include "../../src/snapshot.h"
#include "fuzz.h"
#include "world.h"

enum { NAMES_SIZE = 2048, LIST_SIZE = 2048 };

/* The result of a second parser. */
struct tree {
	struct process list[WORLD_FILES];
	size_t count;
	bool plain; /* as a kernel shows it: each process is there under its own PID, once */
};

static bool read_tree_file(const struct world_file *file, struct process *process, bool *plain)
{
	char own[64];
	size_t length = strlen(file->path);
	if (strncmp(file->path, "/proc/", 6) != 0 || length < 12 || strcmp(file->path + length - 5, "/stat") != 0 ||
	    memchr(file->path + 6, '/', length - 11) != NULL || file->path[6] < '1' || file->path[6] > '9')
		return false;
	if (file->length > 512 || process_parse(file->bytes, file->length, process) < 0)
		*plain = false;
	snprintf(own, sizeof own, "/proc/%d/stat", process->pid);
	*plain = *plain && strcmp(own, file->path) == 0;
	return true;
}

static void read_tree(struct tree *tree)
{
	tree->count = 0;
	tree->plain = world.read_most == 0;
	for (size_t i = 0; i < world.files_count; i++) {
		struct process process = {.pid = 0};
		tree->plain = tree->plain && strncmp(world.files[i].path, "/proc/0", 7) != 0;
		if (!read_tree_file(&world.files[i], &process, &tree->plain))
			continue;
		for (size_t k = 0; k < tree->count; k++)
			tree->plain = tree->plain && tree->list[k].pid != process.pid;
		tree->list[tree->count++] = process;
	}
}

static const struct process *find(const struct tree *tree, pid_t pid)
{
	for (size_t i = 0; i < tree->count; i++)
		if (tree->list[i].pid == pid)
			return &tree->list[i];
	return NULL;
}

/* Is lull an ancestor, not through the hidden one? */
static bool descends(const struct tree *tree, const struct process *process, pid_t hidden)
{
	for (size_t steps = 0; process != NULL && steps <= tree->count; steps++) {
		if (hidden != 0 && process->pid == hidden)
			return false;
		if (process->parent == world.self)
			return true;
		process = process->parent > 1 ? find(tree, process->parent) : NULL;
	}
	return false;
}

static bool is_over(const struct process *process)
{
	return process->state == 'X' || (process->state == 'Z' && process->threads <= 1);
}

static int count(const struct tree *tree, enum process_scope scope, pid_t hidden)
{
	int number = 0;
	for (size_t i = 0; i < tree->count; i++) {
		const struct process *process = &tree->list[i];
		if (process->pid != world.self && !is_over(process))
			number += scope == SCOPE_NAMESPACE || descends(tree, process, hidden);
	}
	return number;
}

/* A /proc of another PID namespace does not count. */
static bool is_seen(void)
{
	struct process self = {.pid = 0};
	for (size_t i = 0; i < world.files_count; i++)
		if (strcmp(world.files[i].path, "/proc/self/stat") == 0)
			return process_parse(world.files[i].bytes, world.files[i].length, &self) == 0 &&
			       world.files[i].length <= 512 && self.pid == world.self;
	return false;
}

static void check_named(const struct tree *tree, enum process_scope scope, pid_t hidden)
{
	char bytes[NAMES_SIZE];
	char list_bytes[LIST_SIZE];
	struct text text = TEXT_IN(bytes);
	struct text list = TEXT_IN(list_bytes);
	int denied = 0;
	int named = processes_describe(scope, (struct excluded){.pre_stop = hidden}, &text, &list, &denied);
	demand(named >= 0 && text.length < NAMES_SIZE, "names fit, or are cut");
	demand((named > 0) == (text.length > 0), "who is counted is named");
	demand(denied >= 0 && denied <= named, "only who is counted is counted as denied");
	if (tree->plain && is_seen())
		demand(named == count(tree, scope, hidden), "all descendants are counted, and no others");
}

static void check_signalled(const struct tree *tree, const struct signal_request *order)
{
	world.sent_count = 0;
	int failed = processes_signal(order);
	demand(failed >= 0 && (failed == 0 || world.denies), "failed signals are counted");
	demand(order->resume == NULL || *order->resume >= 0, "a look goes on where it was given up");
	for (size_t i = 0; i < world.sent_count; i++) {
		pid_t pid = world.sent[i].pid;
		const struct process *process = find(tree, pid);
		demand(pid > 0 && pid != world.self, "neither a group nor lull itself is signalled");
		demand(world.sent[i].signo == order->signo || (order->wake && world.sent[i].signo == SIGCONT),
		       "the signal is the one that was asked for");
		if (!tree->plain || !is_seen())
			continue;
		demand(process != NULL && descends(tree, process, order->excluded.pre_stop),
		       "only descendants are signalled");
		demand(process->group != order->except || world.sent[i].signo == SIGCONT, "no process gets it twice");
	}
}

static void check_children(void)
{
	world.sent_count = 0;
	processes_signal_children(SIGKILL, NULL);
	for (size_t i = 0; i < world.sent_count; i++)
		demand(world.sent[i].pid > 0 && world.sent[i].signo == SIGKILL, "a child is no group");
}

/* Does the kernel's list of lull's children have this PID? */
static bool is_listed(pid_t pid)
{
	for (size_t i = 0; i < world.files_count; i++) {
		const struct world_file *file = &world.files[i];
		if (strcmp(file->path, "/proc/thread-self/children") != 0)
			continue;
		for (size_t at = 0; at < file->length;) {
			size_t end = at;
			while (end < file->length && file->bytes[end] != ' ')
				end++;
			if (end < file->length && strtoll(file->bytes + at, NULL, 10) == pid)
				return true;
			at = end + 1;
		}
		return false;
	}
	return true; /* there is no list: the tree decides */
}

static void check_snapshot(const struct tree *tree, pid_t hidden, pid_t group, bool listened)
{
	static struct snapshot snapshot;
	struct log log = {.fd = -1, .level = LOG_ERROR};
	struct lifecycle lifecycle = {.kill_ms = world.now_ms + 10000};
	struct snapshot_order order = {
		.lifecycle = &lifecycle, .log = &log, .excluded = {.pre_stop = hidden}, .group = group};
	world.sent_count = 0;
	snapshot_take(&snapshot, SIGTERM, tree->count > 0 ? tree->list[0].pid : 0, listened);
	bool complete = snapshot.is_complete;
	demand(snapshot.count >= 0 && snapshot.count <= SNAPSHOT_PROCESSES, "entries are counted");
	for (int scan = 0; scan < 3; scan++) {
		order.now_ms = world.now_ms + 3000 * scan;
		demand(snapshot_signal(&snapshot, &order) >= 0, "the denied are counted");
	}
	snapshot_children_signalled(&snapshot);
	for (size_t i = 0; i < world.sent_count; i++) {
		const struct world_signal *sent = &world.sent[i];
		demand(sent->pid > 0 && sent->pid != world.self, "neither a group nor lull itself is signalled");
		demand(sent->signo == SIGTERM || sent->signo == SIGCONT,
		       "the stop signal, and what continues a process");
		demand(hidden == 0 || sent->pid != hidden, "the pre-stop program is left alone");
		demand(!complete || !tree->plain || is_listed(sent->pid), "only children are signalled");
		for (size_t k = 0; tree->plain && complete && k < i; k++)
			demand(world.sent[k].pid != sent->pid || world.sent[k].signo != sent->signo, "each once");
	}
}

static void check_group(const struct tree *tree, pid_t group)
{
	siginfo_t info = {.si_signo = SIGUSR1};
	world.sent_count = 0;
	int seen = processes_queue_group(group, &info);
	demand(seen == 0 || world.sent_count == 0, "without /proc no process is found");
	for (size_t i = 0; i < world.sent_count; i++) {
		const struct process *process = find(tree, world.sent[i].pid);
		demand(world.sent[i].pid > 0 && world.sent[i].pid != group, "the leader has it");
		demand(!tree->plain || (process != NULL && process->group == group && descends(tree, process, 0)),
		       "a member of the group is a descendant");
	}
}

static void check_ready(const struct tree *tree)
{
	static const struct ports NONE = {.count = 0};
	char bytes[512];
	struct text why = TEXT_IN(bytes);
	enum ready_status answer = check_readiness(&NONE, &why);
	bool serves = false;
	demand(answer == READY_YES || answer == READY_NO || answer == READY_NONE, "there is an answer");
	demand((answer == READY_YES) == (why.length == 0), "a no has a reason");
	demand(why.length < sizeof bytes - 1, "and a whole one");
	for (size_t i = 0; i < tree->count; i++)
		serves = serves || strcmp(tree->list[i].name, "lull:ready") == 0 ||
		         strncmp(tree->list[i].name, "lull:on:", 8) == 0;
	if (tree->plain)
		demand(answer != READY_YES || serves, "only a lull that serves is ready");
}

/* A file there has the number, with or without zeros before it. */
static bool is_counted(int64_t kills)
{
	for (size_t i = 0; i < world.files_count; i++) {
		const struct world_file *file = &world.files[i];
		const char *at = file->bytes;
		const char *end = file->bytes + file->length;
		if (strncmp(file->path, "/sys/fs/cgroup", 14) != 0)
			continue;
		while ((at = memmem(at, (size_t)(end - at), "oom_kill ", 9)) != NULL) {
			int64_t number = 0;
			for (at += 9; at < end && *at >= '0' && *at <= '9' && number <= kills; at++)
				number = number * 10 + (*at - '0');
			if (number == kills)
				return true;
		}
	}
	return false;
}

/* The count in a file that starts like memory.events of cgroups(7), or -1. */
static int64_t first_count(const struct world_file *file)
{
	size_t digits = 0;
	const char *number = file->bytes + 9;
	if (file->length < 11 || file->length > 500 || memcmp(file->bytes, "oom_kill ", 9) != 0)
		return -1;
	while (9 + digits < file->length && number[digits] >= '0' && number[digits] <= '9')
		digits++;
	return 9 + digits < file->length && number[digits] == '\n' ? text_number(number, digits, INT32_MAX) : -1;
}

/* If no file shows which cgroup is ours, it is that of the mount. */
static void check_mount(int64_t kills)
{
	const struct world_file *events = NULL;
	for (size_t i = world.files_count; i-- > 0;) {
		if (strcmp(world.files[i].path, "/proc/self/cgroup") == 0)
			return;
		if (strcmp(world.files[i].path, "/sys/fs/cgroup/memory.events") == 0)
			events = &world.files[i];
	}
	int64_t counted = events != NULL && world.read_most == 0 ? first_count(events) : -1;
	demand(counted < 0 || kills == counted, "a count of the mount is read");
}

static void check_kills(void)
{
	int64_t kills = cgroup_oom_kills();
	check_mount(kills);
	demand(kills >= -1 && kills <= INT32_MAX, "a count is a number");
	demand(kills < 0 || is_counted(kills), "a count stands in the cgroup");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, data + size};
	struct process process;
	struct tree tree;
	pid_t resume = 0;
	world_begin();
	world.self = (pid_t)(1 + input_byte(&input) % 16);
	pid_t hidden = (pid_t)(input_byte(&input) % 16);
	struct signal_request order = {.scope = SCOPE_DESCENDANTS, .signo = SIGTERM};
	order.excluded.pre_stop = hidden;
	order.except = (pid_t)(input_byte(&input) % 16) - 1;
	unsigned how = input_byte(&input);
	world.pidfds = !(how & 1);
	world.read_most = how & 2 ? 1 + how / 16 * 10 : 0;
	world.denies = (how & 18) == 16;
	order.resume = (how & 34) == 32 ? &resume : NULL;
	order.wake = how & 4;
	world.child = how & 8 ? 9 : 0;
	world_add_files((const char *)input.at, (size_t)(input.end - input.at));
	read_tree(&tree);
	if (!is_seen() || world.read_most > 0)
		world.tick_ms = 200; /* the search without /proc reads the clock */
	check_named(&tree, SCOPE_DESCENDANTS, hidden);
	check_named(&tree, SCOPE_NAMESPACE, 0);
	check_signalled(&tree, &order);
	check_children();
	check_snapshot(&tree, hidden, order.except, how & 64);
	check_group(&tree, order.except);
	check_ready(&tree);
	check_kills();
	process_name(world.self, &process);
	demand(memchr(process.name, '\0', sizeof process.name) != NULL, "a name has an end");
	world_end();
	input_free();
	return 0;
}
