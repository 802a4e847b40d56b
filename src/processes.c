/*
 * Owns the scans of /proc. Never decides which process is signalled or when, never waits.
 */
#include "processes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fields.h"
#include "signals.h"

enum {
	NAMED_MOST = 16,
	PID_HIGHEST = 4194304,  /* PID_MAX_LIMIT, include/linux/threads.h */
	SEARCHES_MOST = 3,      /* for the ancestors of one process, if some of them exit meanwhile */
	STAT_SIZE = 512,        /* twice the fields up to the start time */
	STATUS_SIZE = 8192,     /* enough for a thousand groups, or a mask of 8192 processors */
	PROBES_PER_TIME = 4096, /* PIDs that are probed between two reads of the clock: about a millisecond */
	/* The numbers are the same on all architectures but alpha and mips. Older headers do not have them. */
	CALL_PIDFD_SEND_SIGNAL = 424,
	CALL_PIDFD_OPEN = 434,
};

/* getdents64(2). readdir(3) allocates memory, which adds 8.3 kB to the program. */
struct directory_entry {
	uint64_t inode;
	int64_t offset;
	unsigned short length;
	unsigned char type;
	char name[];
};

/* --- One process ------------------------------------------------------------------------------------------------ */

/* Parses the number at `at` up to another character. Returns 0, or -1 if there is none. at NULL: there is no field. */
static int parse_number(const char *at, const char *end, unsigned base, uint64_t *number)
{
	const char *first = at;
	*number = 0;
	for (; at != NULL && at < end; at++) {
		unsigned digit = *at >= 'a' ? (unsigned)*at - 'a' + 10 : (unsigned)*at - '0';
		if (digit >= base)
			break;
		*number = *number * base + digit;
	}
	return at != first ? 0 : -1;
}

/* Returns a decimal number, or -1. */
static int64_t parse_count(const char *at, const char *end)
{
	uint64_t number;
	return parse_number(at, end, 10, &number) == 0 && number <= INT64_MAX ? (int64_t)number : -1;
}

/* Returns a number from proc_pid_stat(5), or -1. `fourth` is field 4. */
static int64_t parse_stat_field(const char *fourth, const char *end, int field)
{
	const char *at = fourth;
	for (int i = 4; at != NULL && i < field; i++) {
		at = memchr(at, ' ', (size_t)(end - at));
		at = at != NULL ? at + 1 : NULL;
	}
	return parse_count(at, end);
}

/* "7 (name) S 1 7 ...": the name may have any bytes, so it ends at the last parenthesis. */
int process_parse(const char *stat, size_t length, struct process *process)
{
	const char *end = stat + length;
	const char *open = memchr(stat, '(', length);
	const char *close = memrchr(stat, ')', length);
	if (open == NULL || close == NULL || close < open || end - close < 4)
		return -1;
	const char *fourth = close + 4;
	struct text name = TEXT_IN(process->name);
	text_add(&name, "%.*s", (int)(close - open - 1), open + 1);
	process->pid = (pid_t)parse_count(stat, open);
	process->state = close[2];
	process->parent = (pid_t)parse_stat_field(fourth, end, 4);
	process->group = (pid_t)parse_stat_field(fourth, end, 5);
	process->threads = parse_stat_field(fourth, end, 20);
	process->started = parse_stat_field(fourth, end, 22);
	return process->pid > 0 && process->parent >= 0 && process->group >= 0 && process->started >= 0 ? 0 : -1;
}

/* Returns what follows `name` at the start of a line of proc_pid_status(5), or NULL. */
static const char *find_status_field(const char *status, const char *end, const char *name)
{
	size_t length = strlen(name);
	for (const char *line = status; line != NULL && (size_t)(end - line) > length;) {
		if (memcmp(line, name, length) == 0)
			return line + length;
		line = memchr(line, '\n', (size_t)(end - line));
		line = line != NULL ? line + 1 : NULL;
	}
	return NULL;
}

int process_parse_signals(const char *status, size_t length, struct process_signals *signals)
{
	static const char SETS[][9] = {"SigPnd:\t", "ShdPnd:\t", "SigBlk:\t", "SigIgn:\t", "SigCgt:\t"};
	enum { OWN_PENDING, PENDING, BLOCKED, IGNORED, CAUGHT, SETS_COUNT };
	uint64_t sets[SETS_COUNT];
	const char *end = status + length;
	const char *state = find_status_field(status, end, "State:\t");
	for (int i = 0; i < SETS_COUNT; i++)
		if (parse_number(find_status_field(status, end, SETS[i]), end, 16, &sets[i]) < 0 || state == NULL)
			return -1;
	signals->state = *state;
	signals->pending = sets[OWN_PENDING] | sets[PENDING];
	signals->blocked = sets[BLOCKED];
	signals->dispositions.ignored = sets[IGNORED] & ~sets[BLOCKED];
	signals->dispositions.caught = sets[CAUGHT] | sets[BLOCKED];
	int64_t voluntary = parse_count(find_status_field(status, end, "voluntary_ctxt_switches:\t"), end);
	int64_t involuntary = parse_count(find_status_field(status, end, "nonvoluntary_ctxt_switches:\t"), end);
	signals->switches = voluntary >= 0 && involuntary >= 0 ? voluntary + involuntary : -1;
	return 0;
}

/* Reads the start of /proc/PID/NAME; pid 0: lull's own. Returns its length, or -1. */
static ssize_t read_proc_file(int proc, pid_t pid, const char *name, char *bytes, size_t size)
{
	char buffer[32];
	struct text path = TEXT_IN(buffer);
	if (pid != 0)
		text_add(&path, "%d/%s", (int)pid, name);
	else
		text_add(&path, "self/%s", name);
	int fd = openat(proc, buffer, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	ssize_t length = read(fd, bytes, size);
	(void)close(fd);
	return length;
}

int process_read(int proc, pid_t pid, struct process *process)
{
	char stat[STAT_SIZE];
	ssize_t length = read_proc_file(proc, pid, "stat", stat, sizeof stat);
	if (length <= 0 || process_parse(stat, (size_t)length, process) < 0)
		return -1;
	if (pid == 0 || process->pid == pid)
		return 0;
	errno = ESRCH; /* something else is mounted on /proc */
	return -1;
}

int process_read_signals(int proc, pid_t pid, struct process_signals *signals)
{
	char status[STATUS_SIZE];
	ssize_t length = read_proc_file(proc, pid, "status", status, sizeof status);
	return length > 0 ? process_parse_signals(status, (size_t)length, signals) : -1;
}

/* In a /proc of another PID namespace other processes have the PIDs of this one's. */
static int open_proc(pid_t self)
{
	struct process process;
	int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (proc < 0 || (process_read(proc, 0, &process) == 0 && process.pid == self))
		return proc;
	(void)close(proc);
	return -1;
}

struct dispositions process_dispositions(pid_t pid)
{
	struct process_signals signals;
	int proc = open_proc(getpid());
	bool is_read = proc >= 0 && process_read_signals(proc, pid, &signals) == 0;
	if (proc >= 0)
		(void)close(proc);
	return is_read ? signals.dispositions : DISPOSITIONS_UNKNOWN;
}

void process_name(pid_t pid, struct process *process)
{
	int proc = pid != 0 ? open_proc(getpid()) : -1;
	if (proc < 0 || process_read(proc, pid, process) < 0)
		process->name[0] = '\0';
	if (proc >= 0)
		(void)close(proc);
}

bool process_has_exited(const struct process *process)
{
	return process->state == 'X' || (process->state == 'Z' && process->threads <= 1);
}

bool process_may_be_stopped(const struct process *process)
{
	/* 'Z': the first thread has exited, the others may be stopped. '?': there is no /proc. */
	return process->state == 'T' || process->state == 'Z' || process->state == '?';
}

/* --- Ancestors -------------------------------------------------------------------------------------------------- */

static struct ancestry *ancestry_of(struct process_scan *scan, pid_t pid)
{
	return &scan->ancestries[(unsigned)pid % ANCESTRIES];
}

/*
 * Follows the parents of a process. Returns 1 if they lead to lull, 0 if not, -1 if one of them has exited meanwhile.
 * The kernel's parents have no cycle, but something else may be mounted on /proc: Brent's algorithm ends it.
 */
static int search_ancestors(struct process_scan *scan, struct process at)
{
	pid_t passed = 0;
	for (unsigned steps = 1; at.parent != scan->self; steps++) {
		const struct ancestry *known = ancestry_of(scan, at.parent);
		if (at.parent <= 1 || at.parent == scan->excluded.pre_stop || at.parent == passed)
			return 0;
		if (known->pid == at.parent)
			return known->is_descendant;
		if ((steps & (steps - 1)) == 0)
			passed = at.parent;
		if (process_read(scan->proc, at.parent, &at) < 0)
			return -1;
	}
	return 1;
}

/* Returns whether a process is a descendant of lull, but not the pre-stop program or a descendant of that. */
static bool is_descendant(struct process_scan *scan, const struct process *process)
{
	struct process at = *process;
	int found = process->pid != scan->excluded.pre_stop ? search_ancestors(scan, at) : 0;
	for (int searches = 1; found < 0 && searches < SEARCHES_MOST; searches++) {
		if (process_read(scan->proc, process->pid, &at) < 0)
			return false;
		found = search_ancestors(scan, at);
	}
	if (found >= 0)
		*ancestry_of(scan, process->pid) = (struct ancestry){process->pid, found, process->started};
	return found > 0;
}

/* Reads a process that was found again, with its parent. Returns whether its PID is still that of a descendant. */
static bool is_still_descendant(struct process_scan *scan, pid_t pid)
{
	struct process process;
	struct process parent;
	if (process_read(scan->proc, pid, &process) < 0)
		return errno != ENOENT && errno != ESRCH;
	struct ancestry *known = ancestry_of(scan, process.parent);
	if (process.parent != scan->self && known->pid == process.parent &&
	    (process_read(scan->proc, process.parent, &parent) < 0 || parent.started != known->started))
		known->pid = 0;
	return is_descendant(scan, &process);
}

/* --- Scans ------------------------------------------------------------------------------------------------------ */

/* Reads the next part of the list of processes. Returns whether there was one. */
static bool read_list(struct process_scan *scan)
{
	scan->at = 0;
	scan->length = scan->children >= 0 ? read(scan->children, scan->buffer, sizeof scan->buffer)
	                                   : syscall(SYS_getdents64, scan->proc, scan->buffer, sizeof scan->buffer);
	scan->is_cut |= scan->children < 0 && scan->length < 0;
	return scan->length > 0;
}

int processes_open(struct process_scan *scan, enum process_scope scope, struct excluded excluded, int64_t until_ms)
{
	scan->scope = scope;
	scan->excluded = excluded;
	scan->until_ms = until_ms;
	scan->self = getpid();
	scan->proc = open_proc(scan->self);
	scan->children = -1;
	scan->probed = 0;
	scan->is_cut = false;
	scan->at = scan->length = 0;
	memset(scan->ancestries, 0, sizeof scan->ancestries);
	if (scan->proc >= 0 && scope == SCOPE_CHILDREN)
		scan->children = openat(scan->proc, "thread-self/children", O_RDONLY | O_CLOEXEC);
	if (scan->children >= 0 || (scan->proc >= 0 && read_list(scan)))
		return 0;
	/* A seccomp profile may forbid getdents64(2): a /proc that cannot be listed is not used. */
	processes_close(scan);
	scan->proc = -1;
	scan->is_cut = false;
	return -1;
}

void processes_close(struct process_scan *scan)
{
	if (scan->children >= 0)
		(void)close(scan->children);
	if (scan->proc >= 0)
		(void)close(scan->proc);
}

static bool is_time_over(struct process_scan *scan)
{
	bool is_over = scan->until_ms != TIME_NEVER && signals_now_ms() >= scan->until_ms;
	scan->is_cut |= is_over;
	return is_over;
}

/* Returns whether a process is lull or one of its helpers. */
static bool is_of_lull(const struct process_scan *scan, pid_t pid)
{
	return pid == scan->self || helpers_include(scan->excluded.helpers, pid);
}

/* Without /proc. Starts after lull's own PID: its children have the next ones, until PIDs start again from 1. */
static pid_t probe_next_child(struct process_scan *scan)
{
	while (scan->probed < PID_HIGHEST) {
		siginfo_t state = {0};
		if (scan->probed % PROBES_PER_TIME == 0 && is_time_over(scan))
			return 0;
		pid_t pid = (scan->self + scan->probed++) % PID_HIGHEST + 1;
		/* WNOWAIT: a zombie remains one. */
		if (waitid(P_PID, (id_t)pid, &state, WEXITED | WNOHANG | WNOWAIT) == 0 && state.si_pid == 0)
			return pid;
	}
	return 0;
}

/* Returns the next PID in the kernel's list of children, each with a space after it; 0 at the end. */
static pid_t read_next_child(struct process_scan *scan)
{
	int64_t pid = 0;
	while (scan->at < scan->length || read_list(scan)) {
		char digit = scan->buffer[scan->at++];
		if (digit == ' ' && pid > 0 && pid <= PID_HIGHEST)
			return (pid_t)pid;
		if (digit == ' ')
			pid = 0;
		else if (pid <= PID_HIGHEST)
			pid = digit >= '0' && digit <= '9' ? pid * 10 + (digit - '0') : PID_HIGHEST + 1;
	}
	return 0;
}

static bool find_next_child(struct process_scan *scan, struct process *process)
{
	pid_t pid;
	do
		pid = scan->children >= 0 ? read_next_child(scan) : probe_next_child(scan);
	while (pid != 0 && (pid == scan->excluded.pre_stop || is_of_lull(scan, pid)));
	if (pid != 0)
		*process = (struct process){.pid = pid, .parent = scan->self, .group = getpgid(pid), .state = '?'};
	return pid != 0;
}

/* Returns the next PID in /proc, 0 at the end. */
static pid_t read_next_pid(struct process_scan *scan)
{
	while (scan->at < scan->length || read_list(scan)) {
		const struct directory_entry *entry = (const void *)(scan->buffer + scan->at);
		scan->at += entry->length;
		int64_t pid = text_number(entry->name, strlen(entry->name), INT32_MAX);
		if (pid > 0)
			return (pid_t)pid;
	}
	return 0;
}

static bool is_in_scope(struct process_scan *scan, const struct process *process)
{
	switch (scan->scope) {
	case SCOPE_NAMESPACE:
		return true;
	case SCOPE_CHILDREN:
		return process->parent == scan->self && process->pid != scan->excluded.pre_stop;
	case SCOPE_DESCENDANTS:
		break;
	}
	return is_descendant(scan, process);
}

bool processes_next(struct process_scan *scan, struct process *process)
{
	if (scan->proc < 0 || scan->children >= 0)
		return find_next_child(scan, process);
	for (pid_t pid; (pid = read_next_pid(scan)) != 0 && !is_time_over(scan);) {
		if (process_read(scan->proc, pid, process) < 0)
			scan->is_cut |= errno == EMFILE || errno == ENFILE || errno == ENOMEM;
		else if (!is_of_lull(scan, process->pid) && !process_has_exited(process) && is_in_scope(scan, process))
			return true;
	}
	return false;
}

/* proc_pid_stat(5) */
static const char *state_name(char state)
{
	static const struct {
		char state;
		const char *name;
	} STATES[] = {
		{'R', "running"},
		{'S', "sleeping"},
		{'D', "uninterruptible"},
		{'T', "stopped"},
		{'t', "traced"},
		{'I', "idle"},
		{'Z', "main thread exited, other threads running"}, /* a zombie without threads has exited */
	};
	for (size_t i = 0; i < sizeof STATES / sizeof *STATES; i++)
		if (STATES[i].state == state)
			return STATES[i].name;
	return "state unknown";
}

/* Adds a process to the text, and to a JSON array if it fits with the end of the array. */
static void add_process(struct text *text, struct text *list, const struct process *process)
{
	char bytes[192];
	struct text entry = TEXT_IN(bytes);
	fields_add(text, &entry, "{pid=%d} {name=%s} ({state=%s})", (int)process->pid,
	           process->name[0] != '\0' ? process->name : NULL, state_name(process->state));
	if (list->length + entry.length + sizeof "[{}]" <= list->size)
		text_add(list, "%s{%s}", list->length == 0 ? "[" : ",", bytes + 1);
}

int processes_describe(enum process_scope scope, struct excluded excluded, struct text *text, struct text *list,
                       int *denied)
{
	struct process_scan scan;
	struct process process;
	int count = 0;
	(void)processes_open(&scan, scope, excluded, signals_now_ms() + PROCESSES_SCAN_MS);
	while (processes_next(&scan, &process)) {
		if (denied != NULL && kill(process.pid, 0) < 0 && errno == EPERM)
			++*denied;
		if (++count > NAMED_MOST)
			continue;
		text_add(text, "%s", count > 1 ? ", " : "");
		add_process(text, list, &process);
	}
	processes_close(&scan);
	text_add(list, list->length > 0 ? "]" : "[]");
	if (scan.is_cut && count == 0)
		count = 1;
	if (scan.is_cut)
		text_add(text, "%sothers", text->length > 0 ? " and " : "");
	else if (count > NAMED_MOST)
		text_add(text, " and %d more", count - NAMED_MOST);
	return count;
}

/* --- Signals ---------------------------------------------------------------------------------------------------- */

/*
 * If the queue of signals is full, the signal is sent without its value. Returns whether lull is permitted to signal
 * the process.
 */
static bool send_by_pid(pid_t pid, int signo, const siginfo_t *info)
{
	bool is_queued = info != NULL && syscall(SYS_rt_sigqueueinfo, pid, signo, info) == 0;
	return is_queued || kill(pid, signo) == 0 || errno != EPERM;
}

/*
 * A child of lull keeps its PID until lull reaps it. Another process may exit, and a new process may have its PID
 * before the signal is sent: lull opens a pidfd, checks the process again and then signals the pidfd. Before Linux 5.3,
 * which has no pidfd_open(2), it signals the PID. Returns whether lull is permitted to signal the process.
 */
static bool signal_process(struct process_scan *scan, const struct process *process, int signo, const siginfo_t *info)
{
	pid_t pid = process->pid;
	bool by_pid = process->parent == scan->self || scan->proc < 0;
	int fd = by_pid ? -1 : (int)syscall(CALL_PIDFD_OPEN, pid, 0);
	if (by_pid || (fd < 0 && errno != ESRCH))
		return send_by_pid(pid, signo, info);
	bool permitted = true;
	if (fd >= 0 && is_still_descendant(scan, pid) && syscall(CALL_PIDFD_SEND_SIGNAL, fd, signo, info, 0) < 0 &&
	    errno != ESRCH)
		permitted = send_by_pid(pid, signo, NULL);
	if (fd >= 0)
		(void)close(fd);
	return permitted;
}

int processes_signal(const struct signal_request *request)
{
	struct process_scan scan;
	struct process process;
	int denied = 0;
	if (processes_open(&scan, request->scope, request->excluded, TIME_NEVER) < 0) {
		scan.until_ms = signals_now_ms() + PROCESSES_SCAN_MS; /* for about 600 000 of 4 million PIDs */
		scan.probed = request->resume != NULL ? *request->resume : 0;
	}
	while (processes_next(&scan, &process)) {
		bool is_excepted = request->except != NO_PROCESS_GROUP && process.group == request->except;
		if (!is_excepted && !signal_process(&scan, &process, request->signo, request->info))
			denied++;
		if (request->wake && process_may_be_stopped(&process))
			(void)signal_process(&scan, &process, SIGCONT, NULL);
	}
	if (request->resume != NULL)
		*request->resume = scan.is_cut ? scan.probed : 0;
	processes_close(&scan);
	return denied;
}

void processes_signal_children(int signo, const struct helpers *helpers)
{
	struct process_scan scan;
	struct process process;
	if (processes_open(&scan, SCOPE_CHILDREN, (struct excluded){.helpers = helpers}, TIME_NEVER) < 0)
		return;
	while (processes_next(&scan, &process))
		(void)kill(process.pid, signo);
	processes_close(&scan);
}

int processes_queue_group(pid_t group, const siginfo_t *info)
{
	struct process_scan scan;
	struct process process;
	if (processes_open(&scan, SCOPE_DESCENDANTS, (struct excluded){0}, TIME_NEVER) < 0)
		return -1;
	while (processes_next(&scan, &process))
		if (process.group == group && process.pid != group)
			(void)signal_process(&scan, &process, info->si_signo, info);
	processes_close(&scan);
	return 0;
}
