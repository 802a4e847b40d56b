/*
 * Owns the snapshot and the signals to remaining processes. Never decides which of them are signalled: lifecycle does.
 */
#include "snapshot.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "processes.h"
#include "signals.h"

enum { NOT_SHOWN = -1 };

static struct snapshot_entry *add_entry(struct snapshot *snapshot, const struct process *process)
{
	if (snapshot->count == SNAPSHOT_PROCESSES)
		return NULL;
	struct snapshot_entry *entry = &snapshot->entries[snapshot->count++];
	*entry = (struct snapshot_entry){.pid = process->pid, .parent = process->parent, .started = process->started};
	struct text name = TEXT_IN(entry->name);
	text_add(&name, "%s", process->name);
	return entry;
}

/* Entries are few: a search from the start costs less than the files that are read for each. */
static struct snapshot_entry *find_entry(struct snapshot *snapshot, pid_t pid)
{
	for (int i = 0; i < snapshot->count; i++)
		if (snapshot->entries[i].pid == pid)
			return &snapshot->entries[i];
	return NULL;
}

static bool has_signal(uint64_t set, int signo)
{
	return set >> (signo - 1) & 1;
}

static bool add_descendant(int directory, const struct process *process, void *context)
{
	struct snapshot *snapshot = context;
	struct process_signals signals;
	struct snapshot_entry *entry = add_entry(snapshot, process);
	if (entry == NULL)
		return false;
	entry->is_readable = process_read_signals(directory, process->pid, &signals) == 0;
	if (!entry->is_readable)
		return true;
	entry->signo = (uint8_t)lifecycle_effective_signal(&signals.dispositions, snapshot->signo);
	entry->caught = has_signal(signals.dispositions.caught, entry->signo);
	entry->switches = signals.switches;
	return true;
}

void snapshot_take(struct snapshot *snapshot, int signo, pid_t app, bool is_listening)
{
	snapshot->signo = signo;
	snapshot->count = 0;
	snapshot->is_over = false;
	snapshot->recheck_ms = TIME_NEVER;
	snapshot->is_listening = is_listening;
	int64_t until_ms = signals_now_ms() + SNAPSHOT_LOOK_MS;
	snapshot->is_complete = processes_visit(SCOPE_DESCENDANTS, 0, NULL, until_ms, add_descendant, snapshot);
	const struct snapshot_entry *entry = find_entry(snapshot, app);
	snapshot->was_sent = app != 0;
	snapshot->app_caught = entry == NULL || !entry->is_readable || entry->caught;
}

/* --- One child ---------------------------------------------------------------------------------------------------- */

/* One visit of lull's children. */
struct visit {
	struct snapshot *snapshot;
	const struct snapshot_order *order;
	int denied;
};

/*
 * Returns whether the app or an ancestor of the process caught the signal. The app may know the PID of a process that
 * was an orphan already, as a script does that starts a daemon.
 */
static bool has_forwarder(struct snapshot *snapshot, const struct snapshot_entry *entry)
{
	if (!snapshot->was_sent || snapshot->app_caught)
		return snapshot->was_sent;
	for (int steps = 0; entry != NULL && steps < snapshot->count; steps++) {
		entry = find_entry(snapshot, entry->parent);
		if (entry != NULL && (entry->caught || !entry->is_readable))
			return true;
	}
	return false;
}

static void signal_child(struct visit *visit, const struct process *process, int signo)
{
	char name[SIGNAL_NAME_SIZE];
	log_line(visit->order->log, LOG_VERBOSE, "sending %s to remaining process %d (%s)", signal_name(signo, name),
	         (int)process->pid, process->name);
	if (kill(process->pid, signo) < 0 && errno == EPERM)
		visit->denied++;
}

/* After execve(2) a process has other handlers: those that it had then show nothing. */
static enum verdict judge_entry(struct visit *visit, const struct snapshot_entry *entry, const struct process *process,
                                const struct process_signals *signals)
{
	bool is_same = strncmp(entry->name, process->name, sizeof entry->name - 1) == 0;
	bool sleeps = signals->state == 'S' || signals->state == 'T';
	bool blocks = has_signal(signals->blocked, entry->signo);
	struct remaining remaining = {
		.is_known = true,
		.caught_then = entry->caught || !is_same,
		.catches = has_signal(signals->dispositions.caught, entry->signo) || !is_same,
		.is_pending = has_signal(signals->pending, entry->signo),
		/* A thread of its own may read a signal that the first thread blocks. */
		.has_slept = sleeps && signals->switches >= 0 && signals->switches == entry->switches && !blocks,
		.has_forwarder = has_forwarder(visit->snapshot, entry),
		.was_waited_for = entry->recheck_ms != 0,
		.port_closed = visit->snapshot->is_listening && !visit->order->is_listening,
	};
	return lifecycle_judge(&remaining);
}

/* A process that the app's group shares has the signal, unless that has no effect on it. */
static bool has_group_signal(const struct visit *visit, const struct process *process,
                             const struct process_signals *signals)
{
	int signo = visit->snapshot->signo;
	return process->group == visit->order->group &&
	       lifecycle_effective_signal(&signals->dispositions, signo) == signo;
}

static void recheck_at(struct snapshot *snapshot, int64_t at_ms)
{
	if (at_ms < snapshot->recheck_ms)
		snapshot->recheck_ms = at_ms;
}

/* A process whose signals cannot be read is signalled immediately. */
static void visit_entry(struct visit *visit, struct snapshot_entry *entry, int directory, const struct process *process)
{
	struct process_signals signals = {.dispositions = DISPOSITIONS_UNKNOWN};
	const struct snapshot_order *order = visit->order;
	char time[TEXT_TIME_SIZE];
	enum verdict verdict = VERDICT_SIGNAL;
	if (order->now_ms < entry->recheck_ms) {
		recheck_at(visit->snapshot, entry->recheck_ms);
		return;
	}
	bool is_readable = process_read_signals(directory, process->pid, &signals) == 0;
	if (has_group_signal(visit, process, &signals))
		verdict = VERDICT_LEAVE;
	else if (is_readable && entry->is_readable)
		verdict = judge_entry(visit, entry, process, &signals);
	switch (verdict) {
	case VERDICT_SIGNAL:
		signal_child(visit, process, lifecycle_effective_signal(&signals.dispositions, visit->snapshot->signo));
		break;
	case VERDICT_LEAVE:
		log_line(order->log, LOG_VERBOSE, "not signalling remaining process %d (%s): it has the signal",
		         (int)process->pid, process->name);
		break;
	case VERDICT_WAIT:
		entry->recheck_ms = lifecycle_forwarded_ms(order->lifecycle, order->now_ms);
		recheck_at(visit->snapshot, entry->recheck_ms);
		log_line(order->log, LOG_VERBOSE,
		         "checking remaining process %d (%s) again in %s: its parent may have forwarded the signal",
		         (int)process->pid, process->name, text_time(entry->recheck_ms - order->now_ms, time));
		return;
	}
	entry->is_done = true;
	/* 'Z': the first thread has exited, the others may be stopped. */
	if (process->state == 'T' || process->state == 'Z')
		(void)kill(process->pid, SIGCONT);
}

/* /proc may hide a child, proc(5), hidepid: the kernel's list has its PID alone. It is signalled once. */
static void visit_hidden(struct visit *visit, const struct process *child)
{
	struct snapshot_entry *entry = add_entry(visit->snapshot, child);
	if (entry == NULL)
		return;
	entry->started = NOT_SHOWN;
	entry->is_done = true;
	if (child->group != visit->order->group)
		signal_child(visit, child, visit->snapshot->signo);
	(void)kill(child->pid, SIGCONT); /* it may be stopped */
}

/*
 * What started after the snapshot is not in it: most likely it is part of the cleanup, and it is left alone. A child
 * that cannot be read for another reason than hidepid is read again by the next scan.
 */
static bool visit_child(int directory, const struct process *child, void *context)
{
	struct visit *visit = context;
	struct process process;
	struct snapshot_entry *entry = find_entry(visit->snapshot, child->pid);
	if (entry != NULL && entry->is_done)
		return true;
	if (process_read(directory, child->pid, &process) < 0) {
		if (entry == NULL && (errno == ENOENT || errno == EACCES || errno == EPERM))
			visit_hidden(visit, child);
		return true;
	}
	if (entry != NULL && entry->started == process.started && !process_has_exited(&process))
		visit_entry(visit, entry, directory, &process);
	return true;
}

/* --- All of them -------------------------------------------------------------------------------------------------- */

static int signal_descendants(struct snapshot *snapshot, const struct snapshot_order *order)
{
	const struct signal_request all = {.scope = SCOPE_DESCENDANTS,
	                                   .signo = snapshot->signo,
	                                   .except = order->group,
	                                   .hidden = order->hidden,
	                                   .helpers = order->log->helpers,
	                                   .wake = true};
	snapshot->is_over = true;
	log_line(order->log, LOG_VERBOSE, "the snapshot is not complete: signalling all remaining processes");
	return processes_signal(&all);
}

int snapshot_signal(struct snapshot *snapshot, const struct snapshot_order *order)
{
	struct visit visit = {.snapshot = snapshot, .order = order};
	snapshot->recheck_ms = TIME_NEVER;
	if (snapshot->is_over)
		return 0;
	if (!snapshot->is_complete)
		return signal_descendants(snapshot, order);
	(void)processes_visit(SCOPE_CHILDREN, order->hidden, order->log->helpers, TIME_NEVER, visit_child, &visit);
	return visit.denied;
}

static bool mark_signalled(int directory, const struct process *child, void *context)
{
	(void)directory;
	struct snapshot_entry *entry = find_entry(context, child->pid);
	if (entry != NULL)
		entry->is_done = true;
	return true;
}

void snapshot_children_signalled(struct snapshot *snapshot)
{
	(void)processes_visit(SCOPE_CHILDREN, 0, NULL, TIME_NEVER, mark_signalled, snapshot);
}
