/*
 * Owns the snapshot and the signals to remaining processes. Never decides which of them are signalled: lifecycle does.
 */
#include "snapshot.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "leftovers.h"
#include "signals.h"

enum { NOT_SHOWN = -1 };

static struct snapshot_entry *add_entry(struct snapshot *snapshot, const struct process *process)
{
	if (snapshot->count == SNAPSHOT_PROCESSES)
		return NULL;
	struct snapshot_entry *entry = &snapshot->entries[snapshot->count++];
	*entry = (struct snapshot_entry){.pid = process->pid, .parent = process->parent, .started = process->started};
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

static bool add_descendant(const struct process *process, void *context)
{
	struct snapshot *snapshot = context;
	struct process_signals signals;
	struct snapshot_entry *entry = add_entry(snapshot, process);
	if (entry == NULL)
		return false;
	entry->is_readable = process_read_signals(process->pid, &signals) == 0;
	if (!entry->is_readable)
		return true;
	entry->signo = (uint8_t)lifecycle_effective_signal(&signals.dispositions, snapshot->signo);
	entry->caught = has_signal(signals.dispositions.caught, entry->signo);
	entry->switches = signals.switches;
	return true;
}

void snapshot_take(struct snapshot *snapshot, int signo, pid_t app, pid_t hidden, bool is_listening)
{
	snapshot->signo = signo;
	snapshot->count = 0;
	snapshot->is_listening = is_listening;
	int64_t until_ms = signals_now_ms() + SNAPSHOT_LOOK_MS;
	snapshot->is_complete = processes_visit(LEFTOVERS_DESCENDANTS, hidden, until_ms, add_descendant, snapshot);
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
		if (entry != NULL && entry->caught)
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

static enum verdict judge_entry(struct visit *visit, const struct snapshot_entry *entry,
                                const struct process_signals *signals)
{
	bool sleeps = signals->state == 'S' || signals->state == 'T';
	bool blocks = has_signal(signals->blocked, entry->signo);
	struct remaining remaining = {
		.is_known = true,
		.caught_then = entry->caught,
		.catches = has_signal(signals->dispositions.caught, entry->signo),
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

/* A process whose signals cannot be read is signalled immediately. */
static void visit_entry(struct visit *visit, struct snapshot_entry *entry, const struct process *process)
{
	struct process_signals signals = {.dispositions = DISPOSITIONS_UNKNOWN};
	const struct snapshot_order *order = visit->order;
	char time[TEXT_TIME_SIZE];
	enum verdict verdict = VERDICT_SIGNAL;
	if (entry->is_done || (entry->recheck_ms != 0 && order->now_ms < entry->recheck_ms))
		return;
	bool is_readable = process_read_signals(process->pid, &signals) == 0;
	if (has_group_signal(visit, process, &signals))
		verdict = VERDICT_LEAVE;
	else if (is_readable && entry->is_readable)
		verdict = judge_entry(visit, entry, &signals);
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
	struct snapshot_entry *entry = find_entry(visit->snapshot, child->pid);
	if (entry == NULL) {
		entry = add_entry(visit->snapshot, child);
		if (entry == NULL)
			return;
		entry->started = NOT_SHOWN;
	}
	if (entry->is_done)
		return;
	entry->is_done = true;
	signal_child(visit, child, visit->snapshot->signo);
	(void)kill(child->pid, SIGCONT); /* it may be stopped */
}

/* What started after the snapshot is not in it: most likely it is part of the cleanup, and it is left alone. */
static bool visit_child(const struct process *child, void *context)
{
	struct visit *visit = context;
	struct process process;
	if (process_read(child->pid, &process) < 0) {
		visit_hidden(visit, child);
		return true;
	}
	struct snapshot_entry *entry = find_entry(visit->snapshot, process.pid);
	if (entry != NULL && entry->started == process.started && !process_has_exited(&process))
		visit_entry(visit, entry, &process);
	return true;
}

/* --- All of them -------------------------------------------------------------------------------------------------- */

static int signal_descendants(struct snapshot *snapshot, const struct snapshot_order *order)
{
	const struct leftovers_order all = {.scope = LEFTOVERS_DESCENDANTS,
	                                    .signo = snapshot->signo,
	                                    .except = order->group,
	                                    .hidden = order->hidden,
	                                    .wake = true};
	int denied = leftovers_signal(&all);
	snapshot->is_complete = true;
	snapshot->count = 0;
	return denied;
}

int snapshot_signal(struct snapshot *snapshot, const struct snapshot_order *order)
{
	struct visit visit = {.snapshot = snapshot, .order = order};
	if (!snapshot->is_complete)
		return signal_descendants(snapshot, order);
	(void)processes_visit(LEFTOVERS_CHILDREN, order->hidden, TIME_NEVER, visit_child, &visit);
	return visit.denied;
}

static bool mark_signalled(const struct process *child, void *context)
{
	struct snapshot_entry *entry = find_entry(context, child->pid);
	if (entry != NULL)
		entry->is_done = true;
	return true;
}

void snapshot_children_signalled(struct snapshot *snapshot)
{
	(void)processes_visit(LEFTOVERS_CHILDREN, 0, TIME_NEVER, mark_signalled, snapshot);
}
