/*
 * Between the kernel and the lifecycle: what the kernel says becomes events, what the lifecycle decides becomes calls.
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
	struct snapshot *snapshot; /* the caller's; set once snapshot_signo is not 0 */
	int snapshot_signo;        /* the stop signal that the snapshot was taken for; 0: none yet */
	int64_t scan_ms;           /* when lull's children are scanned again for orphans to signal; TIME_NEVER: never */
	int64_t scan_again_ms;     /* not before that: the last scan took so long */
	pid_t signalled_group;     /* the process group that has the stop signal; NO_PROCESS_GROUP: none */
	struct reaped app;         /* how the app ended; REAPED_NOTHING while it runs */
	siginfo_t signal;          /* the one at hand, or the last */
	siginfo_t stop;            /* the one that began the stop; si_signo is 0 before */
	pid_t kill_resume;         /* without /proc, where the last sweep of SIGKILL gave up */
	int killed;                /* processes that SIGKILL was sent to */
	int not_killed;            /* processes that lull was not permitted to send SIGKILL to */
	int64_t reap_ms;           /* when to reap again, signal or not: the last turn left children unreaped */
	int64_t look_ms; /* when all children are looked at at the latest; 0: at once, that does not take long */
	int64_t turn_ms; /* the time of this turn; below 0: nobody has looked at the clock yet */
	int exit_status; /* valid when the lifecycle has ended */
	enum phase app_ended_in;
	bool kill_passed_on;   /* a rewrite made SIGKILL of some signal */
	bool killed_by_others; /* the app was ended by a SIGKILL that was not lull's */
	struct report report;
};

/*
 * To be called once the app runs, with the environment and the mask that the pre-stop program gets. The two words of
 * memory before envp must be the caller's to give. `names` has SHUTDOWN_LOG_NAMES_SIZE bytes, for the report: whom
 * SIGKILL met. `snapshot` is the memory for one.
 */
void supervisor_init(struct supervisor *supervisor, const struct options *options, const struct start *start,
                     struct log *log, char *names, struct snapshot *snapshot);

/* Waits for whatever comes next and deals with it. Returns false when lull is to exit. */
bool supervisor_turn(struct supervisor *supervisor);

#endif
