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
#include "processes.h"

enum {
	SNAPSHOT_PROCESSES = 512,
	SNAPSHOT_SCAN_MS = 1000, /* how long a snapshot may delay the stop signal, on a busy machine */
};

/* A process as it was when the snapshot was taken. */
struct snapshot_entry {
	pid_t pid;
	pid_t parent;
	int64_t started;    /* as in struct process; -1: /proc does not show the process */
	int64_t switches;   /* as in struct process_signals */
	int64_t recheck_ms; /* when to check it again; 0: it was not checked yet */
	uint8_t signo;      /* the stop signal, or what has its place: lifecycle_effective_signal() */
	bool is_readable;   /* its signals were read: signo, caught and switches are set */
	bool caught;        /* it caught signo */
	bool is_done;       /* it was signalled, or is left alone */
	char name[16];      /* a process with another name has become another program by execve(2) */
};

/* 28 kB, of which only the entries in use are touched. */
struct snapshot {
	int signo; /* the stop signal; the caller sets it to 0 until a snapshot is taken */
	int count;
	bool is_complete;   /* it has all descendants */
	bool is_listening;  /* the port of --listens was open */
	bool was_sent;      /* the stop signal was sent to the app, which may have forwarded it */
	bool app_caught;    /* the app caught it */
	bool is_over;       /* all descendants were signalled, and no more is to be done */
	int64_t recheck_ms; /* when to check the next process again; TIME_NEVER: none */
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
	struct excluded excluded;
	pid_t group;       /* this process group was sent the stop signal; NO_PROCESS_GROUP: none */
	bool is_listening; /* the port of --listens is open */
	int64_t now_ms;
};

/*
 * Signals those of lull's children that are due. The caller repeats this while processes remain: if a process exits
 * that is not lull's child, its orphans become lull's children without a SIGCHLD. Without a complete snapshot, all
 * descendants are signalled, once. Returns how many processes lull is not permitted to signal.
 */
int snapshot_signal(struct snapshot *snapshot, const struct snapshot_order *order);

/* Marks lull's children as signalled. */
void snapshot_children_signalled(struct snapshot *snapshot);

#endif
