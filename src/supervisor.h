/*
 * Between the kernel and the lifecycle: turns what the kernel reports into events, and actions into system calls.
 */
#ifndef LULL_SUPERVISOR_H
#define LULL_SUPERVISOR_H

#include "child.h"
#include "endpoint.h"
#include "lifecycle.h"
#include "log.h"
#include "options.h"
#include "prestop.h"
#include "report.h"
#include "snapshot.h"

struct supervisor {
	const struct options *options;
	struct log *log;
	struct child child;       /* started by the caller */
	struct endpoint endpoint; /* opened by the caller */
	struct prestop prestop;
	struct lifecycle lifecycle;
	struct outcome outcome;
	enum readiness readiness; /* as it is shown */
	int64_t now_ms;           /* the time of this turn, or an earlier one: choose_reaping() */
	siginfo_t signal;         /* of this turn, or the last one that lull received */
	bool kill_forwarded;      /* a rewrite has made another signal SIGKILL, and it was sent to the app */
	pid_t kill_resume;        /* as in struct signal_request, for SIGKILL */

	/* Reaping */
	int not_reaped_after;    /* signals forwarded since the children were last checked */
	unsigned sigchld_checks; /* checks of all children after a SIGCHLD, while they are quick and no shutdown runs */
	int64_t reap_ms;         /* when children are reaped again without a signal; TIME_NEVER: not */
	int64_t reap_all_ms;     /* when all children are checked at the latest; 0: always, since that is quick */

	/* The drain that the plan is in */
	int drain_step;      /* its index; -1: none. outcome.drain has the rest. */
	int64_t poll_ms;     /* when the connections are checked next; TIME_NEVER: not */
	bool is_busy_logged; /* busy connections were logged */
	bool is_poll_failed; /* a check failed, and that was logged */

	/* The scan of lull's children for remaining processes to signal */
	struct snapshot *snapshot; /* the caller's; set once snapshot_signo is not 0 */
	int snapshot_signo;        /* the stop signal that the snapshot was taken for; 0: none yet */
	pid_t signalled_group;     /* the process group that has the stop signal; NO_PROCESS_GROUP: none */
	int64_t scan_ms;           /* when the next scan is due; TIME_NEVER: none */
	int64_t scan_again_ms;     /* the earliest time of the next scan: the last one took long */
};

/*
 * To be called once the app runs, with the environment and the mask that the pre-stop program gets. The two pointers
 * in memory before envp must be the caller's to overwrite. `names` is for struct outcome, `snapshot` is uninitialized.
 */
void supervisor_init(struct supervisor *supervisor, const struct options *options, const struct start *start,
                     struct log *log, char *names, struct snapshot *snapshot);

/* Waits for a signal, a connection or a deadline and handles it. Returns false when lull is to exit. */
bool supervisor_turn(struct supervisor *supervisor);

#endif
