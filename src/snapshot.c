/*
 * Owns the snapshot and the signals to remaining processes. Never decides which of them are signalled: lifecycle does.
 */
#include "snapshot.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "processes.h"
#include "shutdown_log.h"
#include "signals.h"

enum { NOT_IN_PROC = -1 };

/* There must be an entry left. */
static struct snapshot_entry *add_entry(struct snapshot *snapshot, const struct process *process)
{
	struct snapshot_entry *entry = &snapshot->entries[snapshot->count++];
	*entry = (struct snapshot_entry){.pid = process->pid, .parent = process->parent, .started = process->started};
	struct text name = TEXT_IN(entry->name);
	text_add(&name, "%s", process->name);
	return entry;
}

/* A search through 512 entries costs less than opening one file in /proc. */
static struct snapshot_entry *find_entry(struct snapshot *snapshot, pid_t pid)
{
	for (int i = 0; i < snapshot->count; i++)
		if (snapshot->entries[i].pid == pid)
			return &snapshot->entries[i];
	return NULL;
}

static void add_descendant(struct snapshot *snapshot, int proc, const struct process *process)
{
	struct process_signals signals;
	struct snapshot_entry *entry = add_entry(snapshot, process);
	entry->is_readable = process_read_signals(proc, process->pid, &signals) == 0;
	if (!entry->is_readable)
		return;
	entry->signo = (uint8_t)lifecycle_effective_signal(&signals.dispositions, snapshot->signo);
	entry->caught = signal_set_has(signals.dispositions.caught, entry->signo);
	entry->switches = signals.switches;
}

/* Returns whether all descendants were added. */
static bool add_descendants(struct snapshot *snapshot)
{
	struct process_scan scan;
	struct process process;
	int64_t until_ms = signals_now_ms() + SNAPSHOT_SCAN_MS;
	if (processes_open(&scan, SCOPE_DESCENDANTS, (struct excluded){0}, until_ms) < 0)
		return false;
	while (processes_next(&scan, &process)) {
		scan.is_cut |= snapshot->count == SNAPSHOT_PROCESSES;
		if (scan.is_cut)
			break;
		add_descendant(snapshot, scan.proc, &process);
	}
	processes_close(&scan);
	return !scan.is_cut;
}

void snapshot_take(struct snapshot *snapshot, int signo, pid_t app, bool is_listening)
{
	snapshot->signo = signo;
	snapshot->count = 0;
	snapshot->is_over = false;
	snapshot->recheck_ms = TIME_NEVER;
	snapshot->is_listening = is_listening;
	snapshot->is_complete = add_descendants(snapshot);
	const struct snapshot_entry *entry = find_entry(snapshot, app);
	snapshot->was_sent = app != 0;
	snapshot->app_caught = entry == NULL || !entry->is_readable || entry->caught;
}

/* --- One child ---------------------------------------------------------------------------------------------------- */

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

/* Returns 1 if lull is not permitted to signal the process, 0 otherwise. */
static int signal_child(const struct snapshot_order *order, const struct process *process, int signo)
{
	shutdown_log_sent(order->log, signo, process->pid, process->name);
	return kill(process->pid, signo) < 0 && errno == EPERM;
}

/*
 * Decides whether to signal a process of the snapshot, and sets *signo to what to send. A process whose signals cannot
 * be read is signalled immediately. After execve(2) a process has other handlers: they are not compared with those of
 * the snapshot.
 */
static enum verdict judge_entry(struct snapshot *snapshot, const struct snapshot_order *order,
                                const struct snapshot_entry *entry, int proc, const struct process *process, int *signo)
{
	struct process_signals signals = {.dispositions = DISPOSITIONS_UNKNOWN};
	bool is_readable = process_read_signals(proc, process->pid, &signals) == 0;
	*signo = lifecycle_effective_signal(&signals.dispositions, snapshot->signo);
	/* A process in the group was sent the stop signal, but that has no effect if the process ignores it. */
	if (process->group == order->group && *signo == snapshot->signo)
		return VERDICT_LEAVE;
	if (!is_readable || !entry->is_readable)
		return VERDICT_SIGNAL;
	bool is_same = strncmp(entry->name, process->name, sizeof entry->name - 1) == 0;
	bool sleeps = signals.state == 'S' || signals.state == 'T';
	/* If the first thread blocks the signal, another thread may have received it. */
	bool blocks = signal_set_has(signals.blocked, entry->signo);
	const struct remaining remaining = {
		.caught_then = entry->caught || !is_same,
		.catches = signal_set_has(signals.dispositions.caught, entry->signo) || !is_same,
		.is_pending = signal_set_has(signals.pending, entry->signo),
		.has_slept = sleeps && signals.switches >= 0 && signals.switches == entry->switches && !blocks,
		.has_forwarder = has_forwarder(snapshot, entry),
		.was_waited_for = entry->recheck_ms != 0,
		.port_closed = snapshot->is_listening && !order->is_listening,
	};
	return lifecycle_judge(&remaining);
}

/* Signals a process of the snapshot, if it is due. Returns as signal_child(). */
static int signal_entry(struct snapshot *snapshot, const struct snapshot_order *order, struct snapshot_entry *entry,
                        int proc, const struct process *process)
{
	char time[TEXT_TIME_SIZE];
	int signo = 0;
	int denied = 0;
	bool is_early = order->now_ms < entry->recheck_ms;
	switch (is_early ? VERDICT_WAIT : judge_entry(snapshot, order, entry, proc, process, &signo)) {
	case VERDICT_SIGNAL:
		denied = signal_child(order, process, signo);
		break;
	case VERDICT_LEAVE:
		log_line(order->log, LOG_VERBOSE, "not signalling remaining process %d (%s): it has the signal",
		         (int)process->pid, process->name);
		break;
	case VERDICT_WAIT:
		if (!is_early) {
			entry->recheck_ms = lifecycle_forwarded_ms(order->lifecycle, order->now_ms);
			log_line(order->log, LOG_VERBOSE,
			         "checking remaining process %d (%s) again in %s: its parent may have forwarded the "
			         "signal",
			         (int)process->pid, process->name, text_time(entry->recheck_ms - order->now_ms, time));
		}
		if (entry->recheck_ms < snapshot->recheck_ms)
			snapshot->recheck_ms = entry->recheck_ms;
		return 0;
	}
	entry->is_done = true;
	if (process_may_be_stopped(process))
		(void)kill(process->pid, SIGCONT);
	return denied;
}

/* /proc may hide a child, proc(5), hidepid: the kernel's list has its PID alone. It is signalled once. */
static int signal_not_in_proc(struct snapshot *snapshot, const struct snapshot_order *order,
                              const struct process *child)
{
	if (snapshot->count == SNAPSHOT_PROCESSES)
		return 0;
	struct snapshot_entry *entry = add_entry(snapshot, child);
	entry->started = NOT_IN_PROC;
	entry->is_done = true;
	int denied = child->group != order->group ? signal_child(order, child, snapshot->signo) : 0;
	(void)kill(child->pid, SIGCONT); /* it may be stopped */
	return denied;
}

/*
 * Signals a child of lull, if it is due. A process that is not in the snapshot started later: it is probably part of
 * the cleanup and is not signalled. A child that cannot be read for another reason than hidepid is read again by the
 * next scan.
 */
static int signal_if_due(struct snapshot *snapshot, const struct snapshot_order *order, int proc,
                         const struct process *child)
{
	struct process process;
	struct snapshot_entry *entry = find_entry(snapshot, child->pid);
	if (entry != NULL && entry->is_done)
		return 0;
	if (process_read(proc, child->pid, &process) < 0) {
		bool is_hidden = errno == ENOENT || errno == EACCES || errno == EPERM;
		return entry == NULL && is_hidden ? signal_not_in_proc(snapshot, order, child) : 0;
	}
	if (entry == NULL || entry->started != process.started || process_has_exited(&process))
		return 0;
	return signal_entry(snapshot, order, entry, proc, &process);
}

/* --- All children ------------------------------------------------------------------------------------------------- */

static int signal_descendants(struct snapshot *snapshot, const struct snapshot_order *order)
{
	const struct signal_request all = {.scope = SCOPE_DESCENDANTS,
	                                   .excluded = order->excluded,
	                                   .signo = snapshot->signo,
	                                   .except = order->group,
	                                   .wake = true};
	snapshot->is_over = true;
	log_line(order->log, LOG_VERBOSE, "the snapshot is not complete: signalling all remaining processes");
	return processes_signal(&all);
}

int snapshot_signal(struct snapshot *snapshot, const struct snapshot_order *order)
{
	struct process_scan scan;
	struct process child;
	int denied = 0;
	snapshot->recheck_ms = TIME_NEVER;
	if (snapshot->is_over)
		return 0;
	if (!snapshot->is_complete)
		return signal_descendants(snapshot, order);
	if (processes_open(&scan, SCOPE_CHILDREN, order->excluded, TIME_NEVER) < 0)
		return 0;
	while (processes_next(&scan, &child))
		denied += signal_if_due(snapshot, order, scan.proc, &child);
	processes_close(&scan);
	return denied;
}

void snapshot_children_signalled(struct snapshot *snapshot)
{
	struct process_scan scan;
	struct process child;
	if (processes_open(&scan, SCOPE_CHILDREN, (struct excluded){0}, TIME_NEVER) < 0)
		return;
	while (processes_next(&scan, &child)) {
		struct snapshot_entry *entry = find_entry(snapshot, child.pid);
		if (entry != NULL)
			entry->is_done = true;
	}
	processes_close(&scan);
}
