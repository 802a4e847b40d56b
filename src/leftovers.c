/*
 * Owns the look at /proc. Never decides who is to be signalled or when, never waits.
 */
#include "leftovers.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	NAMED_MOST = 16,
	PID_HIGHEST = 4194304, /* PID_MAX_LIMIT, include/linux/threads.h */
	LOOKS_MOST = 3,        /* at one process whose ancestors go away while they are read */
	STAT_SIZE = 512,       /* the fields up to the process group fit several times */
	/* By their numbers, which are the same on every architecture: headers may be older than the kernel. */
	CALL_PIDFD_SEND_SIGNAL = 424,
	CALL_PIDFD_OPEN = 434,
};

/* One look through all processes, or all children. */
struct walk {
	int directory; /* /proc, or -1 */
	pid_t self;
	pid_t probe; /* the number to ask for next, without /proc */
	long filled; /* bytes of entries */
	long at;
	char entries[4096] __attribute__((aligned(8)));
};

/* getdents64(2) */
struct entry {
	uint64_t inode;
	int64_t offset;
	unsigned short length;
	unsigned char type;
	char name[];
};

/* --- One process ------------------------------------------------------------------------------------------------ */

static const char *parse_pid(const char *at, const char *end, pid_t *pid)
{
	size_t digits = 0;
	while (at + digits < end && at[digits] >= '0' && at[digits] <= '9')
		digits++;
	int64_t number = text_number(at, digits, PID_HIGHEST);
	*pid = (pid_t)number;
	return number >= 0 ? at + digits : NULL;
}

/* "7 (name, which may hold anything) S 1 7 ...": the name ends at the last parenthesis. */
int process_parse(const char *stat, size_t length, struct process *process)
{
	const char *end = stat + length;
	const char *open = memchr(stat, '(', length);
	const char *close = memrchr(stat, ')', length);
	if (open == NULL || close == NULL || close < open || end - close < 4)
		return -1;
	if (parse_pid(stat, open, &process->pid) == NULL)
		return -1;
	struct text name = TEXT_IN(process->name);
	text_add(&name, "%.*s", (int)(close - open - 1), open + 1);
	process->state = close[2];
	const char *parent_end = parse_pid(close + 4, end, &process->parent);
	if (parent_end == NULL || parent_end == end)
		return -1;
	return parse_pid(parent_end + 1, end, &process->group) != NULL ? 0 : -1;
}

static int read_process(int directory, const char *pid, struct process *process)
{
	char path[32];
	char stat[STAT_SIZE];
	struct text name = TEXT_IN(path);
	text_add(&name, "%s/stat", pid);
	int fd = openat(directory, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	ssize_t length = read(fd, stat, sizeof stat);
	(void)close(fd);
	return length > 0 ? process_parse(stat, (size_t)length, process) : -1;
}

static int read_process_number(int directory, pid_t pid, struct process *process)
{
	char digits[16];
	struct text text = TEXT_IN(digits);
	text_add(&text, "%d", (int)pid);
	return read_process(directory, digits, process);
}

/* Goes up from `at`: 1 when that ends at us, 0 when elsewhere, -1 when an ancestor has gone meanwhile. */
static int leads_to(int directory, pid_t self, struct process at)
{
	while (at.parent != self) {
		if (at.parent <= 1)
			return 0;
		if (read_process_number(directory, at.parent, &at) < 0)
			return -1;
	}
	return 1;
}

static bool is_descendant(int directory, pid_t self, const struct process *process)
{
	struct process at = *process;
	for (int look = 0; look < LOOKS_MOST; look++) {
		int leads = leads_to(directory, self, at);
		if (leads >= 0)
			return leads == 1;
		if (read_process_number(directory, process->pid, &at) < 0)
			return false;
	}
	return false;
}

/* --- All of them ------------------------------------------------------------------------------------------------ */

/* A /proc of another PID namespace would name strangers by the numbers that ours have here. */
static int open_proc(pid_t self)
{
	struct process process;
	int directory = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (directory < 0)
		return -1;
	if (read_process(directory, "self", &process) == 0 && process.pid == self)
		return directory;
	(void)close(directory);
	return -1;
}

static bool walk_fill(struct walk *walk)
{
	walk->at = 0;
	walk->filled = syscall(SYS_getdents64, walk->directory, walk->entries, sizeof walk->entries);
	return walk->filled > 0;
}

/* A /proc that may not be listed is as good as none. */
static void walk_begin(struct walk *walk)
{
	walk->self = getpid();
	walk->directory = open_proc(walk->self);
	walk->probe = 1;
	if (walk->directory < 0 || walk_fill(walk))
		return;
	(void)close(walk->directory);
	walk->directory = -1;
}

static void walk_end(struct walk *walk)
{
	if (walk->directory >= 0)
		(void)close(walk->directory);
}

/* Asks wait(2) whether each number is a child of ours that still runs; asking changes nothing. */
static bool probe_next(struct walk *walk, struct process *process)
{
	while (walk->probe <= PID_HIGHEST) {
		siginfo_t state = {0};
		pid_t pid = walk->probe++;
		if (waitid(P_PID, (id_t)pid, &state, WEXITED | WNOHANG | WNOWAIT) < 0 || state.si_pid != 0)
			continue;
		*process = (struct process){.pid = pid, .parent = walk->self, .group = getpgid(pid), .state = '?'};
		return true;
	}
	return false;
}

static const struct entry *entry_next(struct walk *walk)
{
	if (walk->at >= walk->filled && !walk_fill(walk))
		return NULL;
	const struct entry *entry = (const void *)(walk->entries + walk->at);
	walk->at += entry->length;
	return entry;
}

/* The next process in scope that has not ended. */
static bool walk_next(struct walk *walk, enum leftovers_scope scope, struct process *process)
{
	if (walk->directory < 0)
		return probe_next(walk, process);
	for (const struct entry *entry; (entry = entry_next(walk)) != NULL;) {
		if (entry->name[0] < '1' || entry->name[0] > '9')
			continue;
		if (read_process(walk->directory, entry->name, process) < 0 || process->pid == walk->self ||
		    process->state == 'Z' || process->state == 'X')
			continue;
		if (scope == LEFTOVERS_EVERYBODY || is_descendant(walk->directory, walk->self, process))
			return true;
	}
	return false;
}

/*
 * A child of ours keeps its number until we reap it. Anybody else may end and leave the number to a stranger between
 * the look and the signal, so the process is held first and looked at again. Without pidfd_open (before 5.3) it is not.
 */
static int signal_process(const struct walk *walk, const struct process *process, int signo)
{
	if (process->parent == walk->self || walk->directory < 0)
		return kill(process->pid, signo);
	int held = (int)syscall(CALL_PIDFD_OPEN, process->pid, 0);
	if (held < 0)
		return errno == ESRCH ? -1 : kill(process->pid, signo);
	struct process again;
	long sent = 0;
	if (read_process_number(walk->directory, process->pid, &again) == 0 &&
	    is_descendant(walk->directory, walk->self, &again))
		sent = syscall(CALL_PIDFD_SEND_SIGNAL, held, signo, NULL, 0);
	if (sent < 0 && errno != ESRCH)
		sent = kill(process->pid, signo);
	int error = errno;
	(void)close(held);
	errno = error;
	return (int)sent;
}

int leftovers_signal(int signo, pid_t except, bool wake)
{
	struct walk walk;
	struct process process;
	int refused = 0;
	walk_begin(&walk);
	while (walk_next(&walk, LEFTOVERS_DESCENDANTS, &process)) {
		bool had_it = except != 0 && process.group == except;
		if (!had_it && signal_process(&walk, &process, signo) < 0 && errno == EPERM)
			refused++;
		if (wake && process.state == 'T')
			(void)signal_process(&walk, &process, SIGCONT);
	}
	walk_end(&walk);
	return refused;
}

int leftovers_queue_group(pid_t group, const siginfo_t *info)
{
	struct walk walk;
	struct process process;
	walk_begin(&walk);
	if (walk.directory < 0)
		return -1;
	while (walk_next(&walk, LEFTOVERS_DESCENDANTS, &process)) {
		if (process.group != group || process.pid == group)
			continue;
		if (syscall(SYS_rt_sigqueueinfo, process.pid, info->si_signo, info) < 0)
			(void)signal_process(&walk, &process, info->si_signo);
	}
	walk_end(&walk);
	return 0;
}

/* --- Words ------------------------------------------------------------------------------------------------------ */

/* proc_pid_stat(5) */
static const char *state_name(char state)
{
	switch (state) {
	case 'R':
		return "running";
	case 'S':
		return "sleeping";
	case 'D':
		return "uninterruptible";
	case 'T':
		return "stopped";
	case 't':
		return "traced";
	case 'I':
		return "idle";
	default:
		return "state unknown";
	}
}

int leftovers_describe(enum leftovers_scope scope, struct text *text)
{
	struct walk walk;
	struct process process;
	int count = 0;
	walk_begin(&walk);
	while (walk_next(&walk, scope, &process)) {
		if (++count > NAMED_MOST)
			continue;
		const char *name = process.name[0] != '\0' ? process.name : "?";
		text_add(text, "%s%d %s (%s)", count > 1 ? ", " : "", (int)process.pid, name,
		         state_name(process.state));
	}
	walk_end(&walk);
	if (count > NAMED_MOST)
		text_add(text, " and %d more", count - NAMED_MOST);
	return count;
}

void process_name(pid_t pid, struct process *process)
{
	struct walk walk;
	walk_begin(&walk);
	if (walk.directory < 0 || read_process_number(walk.directory, pid, process) < 0)
		process->name[0] = '\0';
	walk_end(&walk);
}
