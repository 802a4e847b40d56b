/*
 * Owns the look at /proc. Never decides who is to be signalled or when, never waits.
 */
#include "processes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "signals.h"

enum {
	NAMED_MOST = 16,
	PID_HIGHEST = 4194304, /* PID_MAX_LIMIT, include/linux/threads.h */
	LOOKS_MOST = 3,        /* at one process whose ancestors go away while they are read */
	STAT_SIZE = 512,       /* the fields up to the start time fit twice */
	STATUS_SIZE = 8192,    /* with a thousand groups, or a mask of 8192 processors */
	PROBES_A_LOOK = 4096,  /* at the clock: about a millisecond */
	VERDICTS = 512,        /* a power of two */
	ON_NOBODY = -1,        /* the number in a verdict that is none: 0 is a parent outside of the PID namespace */
	/* By their numbers, which are the same on all but alpha and mips: headers may be older than the kernel. */
	CALL_PIDFD_SEND_SIGNAL = 424,
	CALL_PIDFD_OPEN = 434,
};

/* That a process is ours, or is not. */
struct ancestry {
	pid_t pid;
	bool ours;
	int64_t started;
};

/* One look through all processes, or all children. */
struct walk {
	int directory; /* /proc, or -1 */
	int children;  /* the kernel's list of lull's children, proc_tid_children(5), or -1 */
	pid_t self;
	pid_t hidden;                  /* it and what it has started are none of ours; 0: nobody */
	const struct helpers *helpers; /* these are lull; NULL: there are none */
	pid_t probed;                  /* how many numbers were asked for, without /proc */
	int64_t until_ms;              /* when to give up; TIME_NEVER: at the end */
	bool cut;                      /* it was given up */
	struct ancestry
		verdicts[VERDICTS]; /* on those seen before, at pid % VERDICTS: /proc has parents before children */
	long filled;                /* bytes of entries */
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

/* The number at *at, which is moved past it and the blank behind it; -1: there is none. */
static int64_t parse_number(const char **at, const char *end)
{
	size_t digits = 0;
	while (*at + digits < end && (*at)[digits] >= '0' && (*at)[digits] <= '9')
		digits++;
	int64_t number = text_number(*at, digits, INT64_C(100000000000000000));
	*at += digits;
	if (*at < end)
		++*at;
	return number;
}

/* Moves past `count` fields, whatever is in them. */
static const char *skip_fields(const char *at, const char *end, int count)
{
	for (; count > 0 && at < end; at++)
		if (*at == ' ')
			count--;
	return at;
}

/* "7 (name, which may hold anything) S 1 7 ...": the name ends at the last parenthesis; the state is field 3. */
int process_parse(const char *stat, size_t length, struct process *process)
{
	const char *end = stat + length;
	const char *open = memchr(stat, '(', length);
	const char *close = memrchr(stat, ')', length);
	if (open == NULL || close == NULL || close < open || end - close < 4)
		return -1;
	const char *at = stat;
	process->pid = (pid_t)parse_number(&at, open);
	struct text name = TEXT_IN(process->name);
	text_add(&name, "%.*s", (int)(close - open - 1), open + 1);
	process->state = close[2];
	at = close + 4;
	process->parent = (pid_t)parse_number(&at, end);
	process->group = (pid_t)parse_number(&at, end);
	at = skip_fields(at, end, 14);
	process->threads = parse_number(&at, end);
	at = skip_fields(at, end, 1);
	process->started = parse_number(&at, end);
	return process->pid > 0 && process->parent >= 0 && process->group >= 0 && process->started >= 0 ? 0 : -1;
}

/* Reads the file /proc/PID/NAME. Returns its length, or -1. */
static ssize_t read_file(int directory, const char *pid, const char *name, char *bytes, size_t size)
{
	char buffer[32];
	struct text path = TEXT_IN(buffer);
	text_add(&path, "%s/%s", pid, name);
	int fd = text_is_full(&path) ? -1 : openat(directory, buffer, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	ssize_t length = read(fd, bytes, size);
	(void)close(fd);
	return length;
}

static int read_process(int directory, const char *pid, struct process *process)
{
	char stat[STAT_SIZE];
	ssize_t length = read_file(directory, pid, "stat", stat, sizeof stat);
	return length > 0 ? process_parse(stat, (size_t)length, process) : -1;
}

/* Returns what follows `name` at the start of a line, or NULL if no line starts so. */
static const char *find_field(const char *status, const char *end, const char *name)
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

/* The kernel writes sets of signals with 16 digits. Returns 0, or -1 if there is no such field. */
static int parse_set(const char *status, const char *end, const char *name, uint64_t *set)
{
	const char *at = find_field(status, end, name);
	*set = 0;
	if (at == NULL)
		return -1;
	for (; at < end && *at != '\n'; at++) {
		unsigned digit = *at >= '0' && *at <= '9' ? (unsigned)(*at - '0') : (unsigned)(*at - 'a') + 10;
		if (digit > 15)
			return -1;
		*set = *set << 4 | digit;
	}
	return 0;
}

/* Returns a field's number, or -1. */
static int64_t parse_count(const char *status, const char *end, const char *name)
{
	const char *at = find_field(status, end, name);
	return at != NULL ? parse_number(&at, end) : -1;
}

int process_parse_signals(const char *status, size_t length, struct process_signals *signals)
{
	const char *end = status + length;
	uint64_t own_pending;
	uint64_t ignored;
	uint64_t caught;
	const char *state = find_field(status, end, "State:\t");
	if (state == NULL || parse_set(status, end, "SigPnd:\t", &own_pending) < 0 ||
	    parse_set(status, end, "ShdPnd:\t", &signals->pending) < 0 ||
	    parse_set(status, end, "SigBlk:\t", &signals->blocked) < 0 ||
	    parse_set(status, end, "SigIgn:\t", &ignored) < 0 || parse_set(status, end, "SigCgt:\t", &caught) < 0)
		return -1;
	signals->state = *state;
	signals->pending |= own_pending;
	signals->dispositions.ignored = ignored & ~signals->blocked;
	signals->dispositions.caught = caught | signals->blocked;
	int64_t voluntary = parse_count(status, end, "voluntary_ctxt_switches:\t");
	int64_t involuntary = parse_count(status, end, "nonvoluntary_ctxt_switches:\t");
	signals->switches = voluntary >= 0 && involuntary >= 0 ? voluntary + involuntary : -1;
	return 0;
}

static int read_process_number(int directory, pid_t pid, struct process *process)
{
	char digits[16];
	struct text text = TEXT_IN(digits);
	text_add(&text, "%d", (int)pid);
	return read_process(directory, digits, process);
}

/* --- Whose it is ------------------------------------------------------------------------------------------------- */

static struct ancestry *ancestry_of(struct walk *walk, pid_t pid)
{
	return &walk->verdicts[(unsigned)pid % VERDICTS];
}

/*
 * Goes up from `at`: 1 when that ends at us, 0 when elsewhere, -1 when an ancestor has gone meanwhile. No kernel has a
 * circle there, but somebody may have mounted something else on /proc: one seen is kept, at longer and longer
 * distances.
 */
static int leads_to_us(struct walk *walk, struct process at)
{
	pid_t seen = 0;
	for (unsigned steps = 1; at.parent != walk->self; steps++) {
		const struct ancestry *known = ancestry_of(walk, at.parent);
		if (at.parent <= 1 || at.parent == walk->hidden || at.parent == seen)
			return 0;
		if (known->pid == at.parent)
			return known->ours ? 1 : 0;
		if ((steps & (steps - 1)) == 0)
			seen = at.parent;
		if (read_process_number(walk->directory, at.parent, &at) < 0)
			return -1;
	}
	return 1;
}

static bool judge(struct walk *walk, const struct process *process)
{
	struct process at = *process;
	int leads = process->pid != walk->hidden ? leads_to_us(walk, at) : 0;
	for (int look = 1; leads < 0 && look < LOOKS_MOST; look++) {
		if (read_process_number(walk->directory, process->pid, &at) < 0)
			return false;
		leads = leads_to_us(walk, at);
	}
	if (leads < 0)
		return false;
	*ancestry_of(walk, process->pid) =
		(struct ancestry){.pid = process->pid, .ours = leads == 1, .started = process->started};
	return leads == 1;
}

/* Is this still the process that was judged, and its parent too? Then it is still ours. */
static bool is_still_ours(struct walk *walk, const struct process *process)
{
	struct process now;
	struct process parent;
	if (read_process_number(walk->directory, process->pid, &now) < 0)
		return errno != ENOENT && errno != ESRCH;
	if (now.parent == walk->self)
		return true;
	const struct ancestry *known = ancestry_of(walk, now.parent);
	if (now.started == process->started && known->pid == now.parent && known->ours &&
	    read_process_number(walk->directory, now.parent, &parent) == 0 && parent.started == known->started)
		return true;
	walk->verdicts[(unsigned)now.parent % VERDICTS].pid = ON_NOBODY;
	return judge(walk, &now);
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
	walk->cut = walk->filled < 0;
	return walk->filled > 0;
}

/* A /proc that may not be listed is as good as none. */
static void walk_begin(struct walk *walk, enum process_scope scope, pid_t hidden, const struct helpers *helpers,
                       int64_t until_ms)
{
	walk->helpers = helpers;
	walk->self = getpid();
	walk->hidden = hidden;
	walk->directory = open_proc(walk->self);
	walk->children = -1;
	walk->at = 0;
	walk->filled = 0;
	walk->probed = 0;
	walk->until_ms = until_ms;
	walk->cut = false;
	for (int i = 0; i < VERDICTS; i++)
		walk->verdicts[i].pid = ON_NOBODY;
	if (walk->directory >= 0 && scope == SCOPE_CHILDREN)
		walk->children = openat(walk->directory, "thread-self/children", O_RDONLY | O_CLOEXEC);
	if (walk->directory < 0 || walk->children >= 0 || walk_fill(walk))
		return;
	(void)close(walk->directory);
	walk->directory = -1;
	walk->cut = false;
}

static bool walk_is_late(struct walk *walk)
{
	bool is_late = walk->until_ms != TIME_NEVER && signals_now_ms() >= walk->until_ms;
	walk->cut |= is_late;
	return is_late;
}

static void walk_end(struct walk *walk)
{
	if (walk->children >= 0)
		(void)close(walk->children);
	if (walk->directory >= 0)
		(void)close(walk->directory);
}

/*
 * Asks wait(2) whether each number is a child of ours that still runs; asking changes nothing. Begins above our own:
 * that is where children are, as long as the numbers have not begun anew.
 */
static bool probe_next(struct walk *walk, struct process *process)
{
	while (walk->probed < PID_HIGHEST) {
		siginfo_t state = {0};
		if (walk->probed % PROBES_A_LOOK == 0 && walk_is_late(walk))
			return false;
		pid_t pid = (walk->self + walk->probed++) % PID_HIGHEST + 1;
		if (waitid(P_PID, (id_t)pid, &state, WEXITED | WNOHANG | WNOWAIT) < 0 || state.si_pid != 0 ||
		    pid == walk->hidden)
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

bool process_has_exited(const struct process *process)
{
	return process->state == 'X' || (process->state == 'Z' && process->threads <= 1);
}

/* Reads more of the list of children after the unread rest. Returns whether there is more. */
static bool children_fill(struct walk *walk)
{
	long left = walk->filled - walk->at;
	memmove(walk->entries, walk->entries + walk->at, (size_t)left);
	ssize_t length = read(walk->children, walk->entries + left, sizeof walk->entries - (size_t)left);
	walk->at = 0;
	walk->filled = left + (length > 0 ? length : 0);
	return length > 0;
}

/* proc_tid_children(5): PIDs, each with a space after it. */
static bool child_next(struct walk *walk, struct process *process)
{
	const char *end;
	while ((end = memchr(walk->entries + walk->at, ' ', (size_t)(walk->filled - walk->at))) == NULL)
		if (!children_fill(walk))
			return false;
	const char *at = walk->entries + walk->at;
	pid_t pid = (pid_t)parse_number(&at, end);
	walk->at = end + 1 - walk->entries;
	*process = (struct process){.pid = pid, .parent = walk->self, .group = getpgid(pid), .state = '?'};
	return true;
}

/* Returns whether a process is lull or one of its helpers. */
static bool is_lull(const struct walk *walk, pid_t pid)
{
	return pid == walk->self || helper_is(walk->helpers, pid);
}

/* The next of lull's children in the kernel's list. */
static bool listed_next(struct walk *walk, struct process *process)
{
	while (child_next(walk, process))
		if (process->pid > 0 && process->pid != walk->hidden && !is_lull(walk, process->pid))
			return true;
	return false;
}

static bool is_in_scope(struct walk *walk, enum process_scope scope, const struct process *process)
{
	switch (scope) {
	case SCOPE_NAMESPACE:
		return true;
	case SCOPE_CHILDREN:
		return process->parent == walk->self && process->pid != walk->hidden;
	case SCOPE_DESCENDANTS:
		break;
	}
	return judge(walk, process);
}

/* The next process in scope that has not ended. */
static bool walk_next(struct walk *walk, enum process_scope scope, struct process *process)
{
	if (walk->directory < 0)
		return probe_next(walk, process);
	if (walk->children >= 0)
		return listed_next(walk, process);
	for (const struct entry *entry; (entry = entry_next(walk)) != NULL;) {
		if (entry->name[0] < '1' || entry->name[0] > '9')
			continue;
		if (walk_is_late(walk))
			return false;
		if (read_process(walk->directory, entry->name, process) < 0) {
			walk->cut |= errno == EMFILE || errno == ENFILE || errno == ENOMEM;
			continue;
		}
		if (is_lull(walk, process->pid) || process_has_exited(process))
			continue;
		if (is_in_scope(walk, scope, process))
			return true;
	}
	return false;
}

/* Where the queue of signals is full it goes without its value. */
static int send_by_number(pid_t pid, int signo, const siginfo_t *info)
{
	if (info != NULL && syscall(SYS_rt_sigqueueinfo, pid, signo, info) == 0)
		return 0;
	return kill(pid, signo);
}

/*
 * A child of ours keeps its number until we reap it. Anybody else may end and leave the number to a stranger between
 * the look and the signal, so the process is held first and looked at again. Without pidfd_open (before 5.3) it is not.
 */
static int signal_process(struct walk *walk, const struct process *process, int signo, const siginfo_t *info)
{
	if (process->parent == walk->self || walk->directory < 0)
		return send_by_number(process->pid, signo, info);
	int held = (int)syscall(CALL_PIDFD_OPEN, process->pid, 0);
	if (held < 0)
		return errno == ESRCH ? -1 : send_by_number(process->pid, signo, info);
	long sent = 0;
	if (is_still_ours(walk, process))
		sent = syscall(CALL_PIDFD_SEND_SIGNAL, held, signo, info, 0);
	if (sent < 0 && errno != ESRCH)
		sent = send_by_number(process->pid, signo, NULL);
	int error = errno;
	(void)close(held);
	errno = error;
	return (int)sent;
}

int processes_signal(const struct signal_request *order)
{
	struct walk walk;
	struct process process;
	int refused = 0;
	walk_begin(&walk, order->scope, order->hidden, order->helpers, TIME_NEVER);
	if (walk.directory < 0) {
		walk.until_ms = signals_now_ms() + PROCESSES_SCAN_MS; /* some 600 000 numbers: more may be due */
		walk.probed = order->resume != NULL ? *order->resume : 0;
	}
	while (walk_next(&walk, order->scope, &process)) {
		bool had_it = order->except != NO_PROCESS_GROUP && process.group == order->except;
		if (!had_it && signal_process(&walk, &process, order->signo, order->info) < 0 && errno == EPERM)
			refused++;
		/* 'Z': its first thread has ended, the others may be stopped. '?': nobody can say. */
		if (order->wake && strchr("TZ?", process.state) != NULL)
			(void)signal_process(&walk, &process, SIGCONT, NULL);
	}
	if (order->resume != NULL)
		*order->resume = walk.cut ? walk.probed : 0;
	walk_end(&walk);
	return refused;
}

void processes_signal_children(int signo, const struct helpers *helpers)
{
	struct walk walk;
	struct process process;
	walk_begin(&walk, SCOPE_CHILDREN, 0, helpers, TIME_NEVER);
	while (walk.directory >= 0 && walk_next(&walk, SCOPE_CHILDREN, &process))
		(void)kill(process.pid, signo);
	walk_end(&walk);
}

bool processes_visit(enum process_scope scope, pid_t hidden, const struct helpers *helpers, int64_t until_ms,
                     process_visitor *visit, void *context)
{
	struct walk walk;
	struct process process;
	bool goes_on = true;
	walk_begin(&walk, scope, hidden, helpers, until_ms);
	while (goes_on && walk.directory >= 0 && walk_next(&walk, scope, &process))
		goes_on = visit(walk.directory, &process, context);
	bool complete = goes_on && walk.directory >= 0 && !walk.cut;
	walk_end(&walk);
	return complete;
}

int process_read(int directory, pid_t pid, struct process *process)
{
	return read_process_number(directory, pid, process);
}

int process_read_signals(int directory, pid_t pid, struct process_signals *signals)
{
	char digits[16];
	char status[STATUS_SIZE];
	struct text text = TEXT_IN(digits);
	text_add(&text, "%d", (int)pid);
	ssize_t length = read_file(directory, digits, "status", status, sizeof status);
	return length > 0 ? process_parse_signals(status, (size_t)length, signals) : -1;
}

struct dispositions process_dispositions(pid_t pid)
{
	struct process_signals signals;
	int directory = open_proc(getpid());
	bool is_read = directory >= 0 && process_read_signals(directory, pid, &signals) == 0;
	if (directory >= 0)
		(void)close(directory);
	return is_read ? signals.dispositions : DISPOSITIONS_UNKNOWN;
}

int processes_queue_group(pid_t group, const siginfo_t *info)
{
	struct walk walk;
	struct process process;
	walk_begin(&walk, SCOPE_DESCENDANTS, 0, NULL, TIME_NEVER);
	if (walk.directory < 0)
		return -1;
	while (walk_next(&walk, SCOPE_DESCENDANTS, &process)) {
		if (process.group != group || process.pid == group)
			continue;
		(void)signal_process(&walk, &process, info->si_signo, info);
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
	case 'Z':
		return "main thread exited, other threads running"; /* a zombie without threads has exited */
	default:
		return "state unknown";
	}
}

int processes_describe(enum process_scope scope, pid_t hidden, const struct helpers *helpers, struct text *text,
                       int *denied)
{
	struct walk walk;
	struct process process;
	int count = 0;
	walk_begin(&walk, scope, hidden, helpers, signals_now_ms() + PROCESSES_SCAN_MS);
	while (walk_next(&walk, scope, &process)) {
		if (denied != NULL && kill(process.pid, 0) < 0 && errno == EPERM)
			++*denied;
		if (++count > NAMED_MOST)
			continue;
		const char *name = process.name[0] != '\0' ? process.name : "?";
		text_add(text, "%s%d %s (%s)", count > 1 ? ", " : "", (int)process.pid, name,
		         state_name(process.state));
	}
	walk_end(&walk);
	if (walk.cut && count == 0)
		count = 1;
	if (walk.cut)
		text_add(text, "%sothers", text->length > 0 ? " and " : "");
	else if (count > NAMED_MOST)
		text_add(text, " and %d more", count - NAMED_MOST);
	return count;
}

void process_name(pid_t pid, struct process *process)
{
	struct walk walk;
	walk_begin(&walk, SCOPE_NAMESPACE, 0, NULL, TIME_NEVER);
	if (walk.directory < 0 || read_process_number(walk.directory, pid, process) < 0)
		process->name[0] = '\0';
	walk_end(&walk);
}

void processes_named(const char *prefix, void (*see)(const struct process *process, void *whom), void *whom)
{
	struct walk walk;
	struct process process;
	walk_begin(&walk, SCOPE_NAMESPACE, 0, NULL, TIME_NEVER);
	while (walk.directory >= 0 && walk_next(&walk, SCOPE_NAMESPACE, &process))
		if (strncmp(process.name, prefix, strlen(prefix)) == 0)
			see(&process, whom);
	walk_end(&walk);
}
