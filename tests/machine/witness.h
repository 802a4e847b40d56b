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

/* Reports that an invariant does not hold. Defined in walk.c. */
void broken(enum invariant invariant, const char *how);

enum pre_stop { PRE_STOP_NONE, PRE_STOP_RUNS, PRE_STOP_KILLED, PRE_STOP_GONE };

/* Times are absolute, in ms; TIME_NEVER: not yet, or not at all. */
struct witness {
	const struct policy *policy;
	int64_t now_ms;
	int64_t begun_ms;          /* the start of the shutdown */
	int64_t due_ms;            /* when the plan's next step must be taken */
	int64_t planned_ms;        /* the same if no step had been late */
	int64_t exact_kill_ms;     /* when the plan's SIGKILL must come; TIME_NEVER after a late or early step */
	int64_t forwarded_ms;      /* the first step, or the signal to remaining processes before it */
	int64_t notice_ms;         /* when the running processes must be logged */
	int64_t ready_until_ms;    /* readiness is kept until then */
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
	bool second_stop;
	bool no_delay_logged;
	bool killing_logged;
	bool ended;
	bool term_sent;          /* the app was sent SIGTERM */
	bool replaced;           /* SIGTERM was sent in the place of a signal without effect */
	struct dispositions app; /* what the app does with its signals */
	/* Of the current event. */
	int replaced_now; /* the last signal of the plan with no effect that has yet to be logged; 0: none */
	int ignored_now;  /* the same for one that the app ignores, with SIGTERM */
	bool skips_delay; /* the first step must be taken now */
	bool drained;     /* no connection is busy: the drain's step must be taken now */
	bool vanished;
	bool has_sent;                 /* a signal of the plan, the one to remaining processes, or SIGKILL */
	int expected[ACTION_EXIT + 1]; /* actions that only this event can cause */
	enum phase phase_before;
};

void witness_init(struct witness *witness, const struct policy *policy, struct dispositions app, int64_t now_ms);

/* Time passes. Steps may be overdue then. */
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

/* Returns the phase by lull.1. */
enum phase witness_phase(const struct witness *witness);

/* Returns when the next step is due by lull.1. TIME_NEVER: the core waits only for an event. */
int64_t witness_wake_ms(const struct witness *witness);

/* Returns the signal of a step of the plan; 0 if it is the stop signal, which is dropped. */
int witness_planned_signal(const struct witness *witness, int step);

/* Whether the first step waits for the pre-stop program. */
bool witness_is_held(const struct witness *witness);

/* Whether lull must exit if only time passes. */
bool witness_must_end(const struct witness *witness);

/* Saturates at TIME_NEVER. */
int64_t plus(int64_t time_ms, int64_t wait_ms);

bool witness_is_job_control(int signo);

#endif
