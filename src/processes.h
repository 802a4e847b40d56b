/*
 * Who is still running: lull's descendants, or everybody in the PID namespace, as /proc shows them.
 *
 * Without a /proc of this PID namespace only lull's own children are found, by asking wait(2) for every number.
 */
#ifndef LULL_PROCESSES_H
#define LULL_PROCESSES_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "helper.h"
#include "lifecycle.h"
#include "text.h"

struct process {
	pid_t pid;
	pid_t parent;
	pid_t group;
	char state;      /* as proc_pid_stat(5) has it; '?' where there is no /proc */
	int64_t threads; /* a zombie with more than one is alive: only its first thread has ended */
	int64_t started; /* in clock ticks since boot: tells a process from the next one of its number */
	char name[64];   /* 15 bytes for a program, more for a kernel thread */
};

enum process_scope {
	SCOPE_DESCENDANTS, /* lull's own, however deep */
	SCOPE_NAMESPACE,   /* all but lull and its helpers */
	SCOPE_CHILDREN,    /* lull's own children; state '?' and no name: the kernel's list has only their PIDs */
};

/* The signals of a process, and whether it has run, as proc_pid_status(5) has them. */
struct process_signals {
	struct dispositions dispositions;
	uint64_t pending;
	uint64_t blocked;
	int64_t switches; /* context switches of its first thread, voluntary and not; -1: unknown */
	char state;
};

/* Reads what /proc/PID/stat holds. Returns 0, or -1 when it is not that. */
int process_parse(const char *stat, size_t length, struct process *process);

/*
 * Reads the contents of /proc/PID/status. Returns 0, or -1 if it has no lines about signals.
 */
int process_parse_signals(const char *status, size_t length, struct process_signals *signals);

/*
 * Read /proc/PID/stat and /proc/PID/status of a process; `directory` is /proc, as a process_visitor gets it. Return 0,
 * or -1 with errno: ENOENT if the process was reaped or /proc hides it.
 */
int process_read(int directory, pid_t pid, struct process *process);
int process_read_signals(int directory, pid_t pid, struct process_signals *signals);

/* Returns what a process does with its signals, or DISPOSITIONS_UNKNOWN without a /proc of this PID namespace. */
struct dispositions process_dispositions(pid_t pid);

/* Returns whether the process has exited. A zombie with live threads has not: only its first thread has. */
bool process_has_exited(const struct process *process);

/* `directory` is /proc of this PID namespace. Returns whether to go on. */
typedef bool process_visitor(int directory, const struct process *process, void *context);

/*
 * Calls visit() for each process in `scope` that has not exited, but not for the process `hidden` nor, among the
 * descendants, for what it has started (0: none). Stops when visit() returns false, or at until_ms, a time of
 * signals_now_ms() (TIME_NEVER: not). Returns whether all processes were visited; without /proc they never are.
 */
bool processes_visit(enum process_scope scope, pid_t hidden, const struct helpers *helpers, int64_t until_ms,
                     process_visitor *visit, void *context);

enum { NO_PROCESS_GROUP = -1 };

/* What is sent, and to whom. */
struct signal_request {
	enum process_scope scope;
	int signo;
	const siginfo_t *info;         /* the value and the sender that go with it; NULL: none */
	pid_t except;                  /* this process group had it; NO_PROCESS_GROUP: nobody */
	pid_t hidden;                  /* not to this process nor to what it has started; 0: nobody is left out */
	const struct helpers *helpers; /* nor to these; NULL: there are none */
	bool wake;                     /* SIGCONT to those that are stopped */
	pid_t *resume; /* without /proc, where the last look gave up, to go on there; 0 at first. NULL: not kept */
};

/*
 * Sends a signal to every process in scope. A stranger that has got the number of one meanwhile gets nothing, where the
 * kernel has pidfd_open(2). Without /proc each call looks no longer than PROCESSES_SCAN_MS. Returns how many of them
 * may not be signalled.
 */
int processes_signal(const struct signal_request *order);

/* Sends signo to lull's own children, if there is a /proc: quick, since the kernel has a list of them. */
void processes_signal_children(int signo, const struct helpers *helpers);

/* Sends every member of the group but its leader the signal in `info` with its value. -1: there is no /proc. */
int processes_queue_group(pid_t group, const siginfo_t *info);

/*
 * Adds "7 node (sleeping), 12 sh (stopped)" to the text, 16 at most and then "and 3 more"; "and others" when looking at
 * all of them would take longer than PROCESSES_SCAN_MS. Returns how many were seen, at least 1 when the look was given
 * up; zombies do not count, nor, among the descendants, the process `hidden` and what it has started (0: nobody). Adds
 * to *denied, if not NULL, how many of them lull may not signal, kill(2).
 */
enum { PROCESSES_SCAN_MS = 250 };
int processes_describe(enum process_scope scope, pid_t hidden, const struct helpers *helpers, struct text *text,
                       int *denied);

/*
 * Calls see(process, whom) for each process but the caller whose name begins with `prefix`, in the order of /proc.
 * Without /proc there is none.
 */
void processes_named(const char *prefix, void (*see)(const struct process *process, void *whom), void *whom);

/* The name of a process, "" where it is not known. */
void process_name(pid_t pid, struct process *process);

#endif
