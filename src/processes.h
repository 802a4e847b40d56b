/*
 * The processes of this PID namespace, as /proc shows them: scans, names, signals.
 *
 * Without a /proc of this PID namespace only lull's own children are found, by a waitid(2) for each possible PID.
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

enum {
	NO_PROCESS_GROUP = -1,
	ANCESTRIES = 512,        /* a power of two */
	PROCESSES_SCAN_MS = 250, /* how long a scan for a log line may take, and one without /proc */
};

struct process {
	pid_t pid;
	pid_t parent;
	pid_t group;
	char state;      /* of the first thread, as in proc_pid_stat(5); '?': unknown, there is no /proc */
	int64_t threads; /* a zombie with more than one has not exited: only its first thread has */
	int64_t started; /* in clock ticks since boot; differs from that of a later process with the same PID */
	char name[64];   /* 15 bytes for a program, more for a kernel thread */
};

/* The signals of a process, and whether it has run, as in proc_pid_status(5). */
struct process_signals {
	struct dispositions dispositions;
	uint64_t pending;
	uint64_t blocked;
	int64_t switches; /* context switches of its first thread, voluntary and not; -1: unknown */
	char state;
};

/* Parses the contents of /proc/PID/stat. Returns 0, or -1 if they are malformed. */
int process_parse(const char *stat, size_t length, struct process *process);

/* Parses the contents of /proc/PID/status. Returns 0, or -1 if a line about signals is missing. */
int process_parse_signals(const char *status, size_t length, struct process_signals *signals);

/*
 * Read /proc/PID/stat and /proc/PID/status of a process; `proc` is that of a struct process_scan. Return 0, or -1 with
 * errno: ENOENT if the process was reaped or /proc hides it. pid 0: lull itself.
 */
int process_read(int proc, pid_t pid, struct process *process);
int process_read_signals(int proc, pid_t pid, struct process_signals *signals);

/* Returns what a process does with its signals, or DISPOSITIONS_UNKNOWN without a /proc of this PID namespace. */
struct dispositions process_dispositions(pid_t pid);

/* Sets the name of a process, "" if it is unknown or outside the PID namespace (0); the other fields are undefined. */
void process_name(pid_t pid, struct process *process);

/* Returns whether the process has exited. A zombie with live threads has not: only its first thread has. */
bool process_has_exited(const struct process *process);

/* Returns whether the process needs SIGCONT to handle another signal, as far as its state shows. */
bool process_may_be_stopped(const struct process *process);

/* --- Scans ------------------------------------------------------------------------------------------------------ */

enum process_scope {
	SCOPE_DESCENDANTS, /* lull's descendants */
	SCOPE_NAMESPACE,   /* all processes of the PID namespace */
	SCOPE_CHILDREN,    /* lull's children; state '?' and no name: the kernel's list has only their PIDs */
};

/*
 * Processes that lull started for itself. The pre-stop program is not in SCOPE_CHILDREN nor, with its descendants, in
 * SCOPE_DESCENDANTS; helpers are in no scope. 0 and NULL: there are none.
 */
struct excluded {
	pid_t pre_stop;
	const struct helpers *helpers;
};

/* Whether a process is a descendant of lull. */
struct ancestry {
	pid_t pid; /* 0: none */
	bool is_descendant;
	int64_t started;
};

/* A scan of the processes in a scope: those that have not exited, without lull. 12 kB. */
struct process_scan {
	enum process_scope scope;
	struct excluded excluded;
	int64_t until_ms; /* when to give up, a time of signals_now_ms(); TIME_NEVER: never */
	bool is_cut;      /* it was given up, or a process could not be read */
	pid_t self;       /* lull */
	int proc;         /* /proc of this PID namespace; -1: there is none */
	int children;     /* the kernel's list of lull's children, proc_tid_children(5); -1: there is none */
	pid_t probed;     /* how many PIDs were probed, without /proc */
	long at;          /* in buffer */
	long length;      /* of the part of the list in buffer */
	char buffer[4096] __attribute__((aligned(8)));
	/*
	 * A cache, at pid % ANCESTRIES. Without it, a scan of 1000 descendants three deep takes 34 ms of CPU time
	 * instead of 17, and a chain of 600 processes takes 180 000 reads instead of 600.
	 */
	struct ancestry ancestries[ANCESTRIES];
};

/*
 * Starts a scan; processes_close() must follow. Returns 0, or -1 without a /proc of this PID namespace: the scan then
 * has only lull's children, in any scope, and takes about 1 s for all PIDs.
 */
int processes_open(struct process_scan *scan, enum process_scope scope, struct excluded excluded, int64_t until_ms);

/* Finds the next process of a scan. Returns false at its end, which is not that of the list if is_cut is set. */
bool processes_next(struct process_scan *scan, struct process *process);

/* Ends a scan, also one that processes_open() returned -1 for. */
void processes_close(struct process_scan *scan);

/*
 * Adds "7 node (sleeping), 12 sh (stopped)" to the text: 16 processes at most and then "and 3 more", or "and others" if
 * the scan takes longer than PROCESSES_SCAN_MS. Returns how many were found, at least 1 if the scan was given up. Adds
 * to *denied, if not NULL, how many of them lull is not permitted to signal, kill(2). Adds to `list`, if it is not
 * full, a JSON array of {"pid":7,"name":"node","state":"sleeping"}, 16 at most; one that does not fit is left out
 * whole.
 */
int processes_describe(enum process_scope scope, struct excluded excluded, struct text *text, struct text *list,
                       int *denied);

/* --- Signals ---------------------------------------------------------------------------------------------------- */

/* A signal to all processes in a scope. */
struct signal_request {
	enum process_scope scope; /* not SCOPE_NAMESPACE */
	struct excluded excluded;
	int signo;
	const siginfo_t *info; /* sent with its value and sender; NULL: none */
	pid_t except;          /* not to this process group; NO_PROCESS_GROUP: none */
	bool wake;             /* also SIGCONT to those that may be stopped */
	pid_t *resume;         /* without /proc: where to go on when called again; 0 at first. NULL: at the start */
};

/*
 * Sends a signal to each process in a scope. From Linux 5.3 on, which has pidfd_open(2), a new process with the PID of
 * one that was found is not signalled. Without /proc a call takes no longer than PROCESSES_SCAN_MS. Returns how many
 * processes lull is not permitted to signal.
 */
int processes_signal(const struct signal_request *request);

/* Sends signo to lull's children, if there is a /proc: fast, because the kernel has a list of them. */
void processes_signal_children(int signo, const struct helpers *helpers);

/* Sends all members of the group but its leader the signal in `info`, with its value. -1: there is no /proc. */
int processes_queue_group(pid_t group, const siginfo_t *info);

#endif
