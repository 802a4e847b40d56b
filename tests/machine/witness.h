/*
 * The witness: a second implementation of SHUTDOWN and REMAINING PROCESSES in lull.1, as invariants. It gets the
 * same events and the core's actions, and does not read the core's state. docs/development/testing.md lists them by the
 * same names.
 *
 * It also computes when the next step is due, so that the walk does not use the core's own times.
 */
#ifndef LULL_TESTS_WITNESS_H
#define LULL_TESTS_WITNESS_H

#include <stdbool.h>
#include <stdint.h>

#include "../../src/lifecycle.h"

enum invariant {
	PHASES,
	NOTHING_AFTER_EXIT,
	EXITS,
	STATUS,
	DRAINING,
	STOPPING_LOGGED,
	PLAN_ORDER,
	NOT_EARLY,
	NOT_LATE,
	STOP_SIGNAL_ONCE,
	KILL_NOT_EARLY,
	KILL_NOT_LATE,
	KILL_EXACT,
	KILL_AGAIN,
	ENDS,
	NOT_REAPED,
	FORWARDED,
	REMAINING,
	CONTINUED,
	PRE_STOP_ONCE,
	PRE_STOP_WAITED_FOR,
	PRE_STOP_TIME,
	NOTICES,
	SESSION,
	WAKES,
	SPACE,
	REPORTED,
	EFFECT,
	DRAIN,
	SENT_LATE,
	INVARIANTS,
};

/* The names in docs/development/testing.md, in its order. */
extern const char *const INVARIANT_NAMES[INVARIANTS];

/* How often each was tested. */
extern long long invariants_tested[INVARIANTS];

/* The walk's: an invariant does not hold. */
void broken(enum invariant invariant, const char *how);

enum pre_stop { PRE_STOP_NONE, PRE_STOP_RUNS, PRE_STOP_KILLED, PRE_STOP_GONE };

/* Times are absolute, in ms; TIME_NEVER: not yet, or not at all. */
struct witness {
	const struct policy *policy;
	int64_t now_ms;
	int64_t begun_ms;       /* the start of the shutdown */
	int64_t due_ms;         /* when the plan's next step must be taken */
	int64_t planned_ms;     /* when it would be, had none been late */
	int64_t exact_kill_ms;  /* when the plan's SIGKILL must come, if nothing was late, without a second stop signal
	                         */
	int64_t forwarded_ms;   /* the first step, or the signal to remaining processes before it */
	int64_t notice_ms;      /* when the running processes must be logged */
	int64_t ready_until_ms; /* readiness is kept until then */
	int64_t pre_stop_until_ms; /* the pre-stop program has time until then */
	int64_t app_exited_ms;     /* the start of the time for remaining processes */
	int64_t kill_due_ms;       /* when remaining processes are killed */
	int64_t killed_ms;         /* the first SIGKILL to all */
	int64_t kill_again_ms;     /* the next one */
	int began_with;            /* the signal */
	int steps;                 /* of the plan that were taken */
	int last_sent;             /* by the plan and not for job control */
	int status;                /* the app's; -1: it has not exited */
	enum pre_stop pre_stop;
	bool group_had_it; /* last_sent, by --group or by the terminal */
	bool exited_in_shutdown;
	bool stopped; /* the app is */
	bool owed;    /* and must be continued */
	bool children;
	bool hurried;
	bool skip_said;
	bool killing_said;
	bool ended;
	bool term_sent;          /* the app was sent SIGTERM */
	bool replaced;           /* SIGTERM was sent in the place of a signal without effect */
	struct dispositions app; /* what the app does with its signals */
	/* Of the current event. */
	int replaced_now; /* the last signal of the plan with no effect that has yet to be logged; 0: none */
	int ignored_now;  /* the same for one that the app ignores, with SIGTERM */
	bool hurries;     /* the first step is to be taken now */
	bool drained;     /* no connection is busy: the step of the drain is to be taken now */
	bool vanished;
	bool has_sent;                 /* a signal of the plan, the one to remaining processes, or SIGKILL */
	int expected[ACTION_EXIT + 1]; /* actions that only this event can be the reason for */
	enum phase phase_before;
};

void witness_init(struct witness *witness, const struct policy *policy, struct dispositions app, int64_t now_ms);

/* Time passes, maybe beyond what was due. */
void witness_advance(struct witness *witness, int64_t now_ms);

/*
 * Plays one event at witness->now_ms to the core and checks its actions. Returns a number that stands for the actions.
 */
uint64_t witness_play(struct witness *witness, struct lifecycle *lifecycle, const struct event *event);

/*
 * The signals of the last event were sent at sent_ms: an action may take time. Reports this to the core. Does nothing
 * if there were none.
 */
void witness_sent_late(struct witness *witness, struct lifecycle *lifecycle, int64_t sent_ms);

/* The pre-stop program could not be started, or has exited; the core has got the event. */
void witness_pre_stop_ended(struct witness *witness);

/* The phase by lull.1. */
enum phase witness_phase(const struct witness *witness);

/* When the next step is due at the latest by lull.1; TIME_NEVER: the core waits for an event only. */
int64_t witness_wake_ms(const struct witness *witness);

/* The signal of a step of the plan; 0 when the stop signal is dropped. */
int witness_planned_signal(const struct witness *witness, int step);

/* Does the first step wait for the pre-stop program? */
bool witness_is_held(const struct witness *witness);

/* Must it end if only time passes? */
bool witness_must_end(const struct witness *witness);

/* Saturates at TIME_NEVER. */
int64_t plus(int64_t time_ms, int64_t wait_ms);

bool witness_is_job_control(int signo);

#endif
