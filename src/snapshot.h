/*
 * A snapshot of lull's descendants, taken when the stop signal is sent to the app. After the app has exited, it shows
 * which remaining processes to signal: children of lull, and each orphan that becomes one.
 */
#ifndef LULL_SNAPSHOT_H
#define LULL_SNAPSHOT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lifecycle.h"
#include "log.h"

enum {
	SNAPSHOT_PROCESSES = 512,
	SNAPSHOT_LOOK_MS = 1000, /* how long taking one may delay the stop signal, on a machine that is busy */
};

/* A process as it was when the snapshot was taken. */
struct snapshot_entry {
	pid_t pid;
	pid_t parent;
	int64_t started;    /* as in struct process; -1: /proc does not show the process */
	int64_t switches;   /* as in struct process_signals */
	int64_t recheck_ms; /* when it is judged again; 0: it was not judged yet */
	uint8_t signo;      /* the stop signal, or what has its place: lifecycle_effective_signal() */
	bool is_readable;   /* its signals were read: signo, caught and switches are set */
	bool caught;        /* it caught signo */
	bool is_done;       /* it was signalled, or is left alone */
	char name[16];      /* a process with another name has become another program by execve(2) */
};

/* 28 kB, of which only the entries in use are touched. */
struct snapshot {
	int signo; /* the stop signal */
	int count;
	bool is_complete;   /* it has all descendants */
	bool is_listening;  /* the port of --listens was open */
	bool was_sent;      /* the stop signal was sent to the app, which may have forwarded it */
	bool app_caught;    /* the app caught it */
	bool is_over;       /* all descendants were signalled at once: there is nothing left to do */
	int64_t recheck_ms; /* when the next process is to be judged again; TIME_NEVER: none */
	struct snapshot_entry entries[SNAPSHOT_PROCESSES];
};

/*
 * Takes a snapshot before `signo` is sent to the process `app`. app 0: the app has exited and no process has forwarded
 * a signal. is_listening: the port of --listens is open.
 */
void snapshot_take(struct snapshot *snapshot, int signo, pid_t app, bool is_listening);

struct snapshot_order {
	const struct lifecycle *lifecycle;
	struct log *log;
	pid_t hidden;      /* a child that is not signalled; 0: none */
	pid_t group;       /* this process group has the stop signal; NO_PROCESS_GROUP: none */
	bool is_listening; /* the port of --listens is open */
	int64_t now_ms;
};

/*
 * Signals those of lull's children that are to be signalled now. To be called again while processes remain: orphans of
 * a process that was not lull's child arrive without a SIGCHLD. Without a complete snapshot all descendants are
 * signalled, once. Returns how many lull was not permitted to signal.
 */
int snapshot_signal(struct snapshot *snapshot, const struct snapshot_order *order);

/* Marks lull's children as signalled: they were forwarded the stop signal. */
void snapshot_children_signalled(struct snapshot *snapshot);

#endif
