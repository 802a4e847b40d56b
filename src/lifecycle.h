/*
 * What to do to the app, and when: an event goes in, actions come out.
 *
 * Pure: it makes no call and never reads the clock; `nm -u` on its object prints nothing. docs/design.md has the same
 * machine as a table of phase x event.
 */
#ifndef LULL_LIFECYCLE_H
#define LULL_LIFECYCLE_H

#include <stdbool.h>
#include <stdint.h>

#include "plan.h"

enum {
	LIFECYCLE_DUPLICATE_MS = 1000, /* the stop signal again within this time is a duplicate */
	LIFECYCLE_LATE_MS = 1000,      /* what a late step leaves the next one, when its own wait is not shorter */
	LIFECYCLE_PRE_STOP_MS = 5000,  /* what the pre-stop program has at least, counted from the stop's begin */
	LIFECYCLE_NOTICE_MS = 5000,    /* how long after the first signal what still runs is named */
	LIFECYCLE_SWEEP_MS = 50,       /* how often SIGKILL is repeated, for orphans that arrive */
	LIFECYCLE_GIVE_UP_MS = 2000,   /* how long after SIGKILL lull leaves, whatever is left */
	LIFECYCLE_FORWARD_MS = 2000,   /* how long a remaining process may take to receive a forwarded stop signal */
	LIFECYCLE_SIGNALS = 65,        /* signal numbers are 1 to 64 */
};

/* What a process does with its signals, as /proc/PID/status shows it; bit n - 1 stands for signal n. */
struct dispositions {
	uint64_t ignored; /* SigIgn, but not SigBlk: the kernel keeps a blocked signal even if it is ignored */
	uint64_t caught;  /* SigCgt or SigBlk: a blocked signal is read by sigwait(3) or signalfd(2) */
};

/* The dispositions of a process that /proc does not show: every signal is taken to have an effect. */
#define DISPOSITIONS_UNKNOWN ((struct dispositions){.ignored = 0, .caught = ~UINT64_C(0)})

/* How the app shares a terminal with lull. */
enum job {
	JOB_NONE,   /* neither of these: no terminal, or not ours to manage */
	JOB_INIT,   /* PID 1: no shell could continue the app; with a terminal the app is the foreground job */
	JOB_PROMPT, /* started at a prompt: a shell above us does job control */
};

/* What the user asked for. */
struct policy {
	struct plan plan;
	uint64_t stop_on;                   /* the signals that begin the stop, bit n - 1 for signal n */
	uint8_t rewrite[LIFECYCLE_SIGNALS]; /* what is passed on instead; 0 drops it */
	int64_t linger_ms;                  /* what is left behind has this long; 0: none; never TIME_NEVER */
	uint64_t success_exit[4];           /* exit codes that count as 0, bit n % 64 of word n / 64 */
	bool stopped_ok;                    /* ended by a signal of the plan counts as 0 */
	bool abandon;                       /* what is left behind is left alone instead */
	bool suspends;                      /* what stops a job stops lull too: see ACTION_SUSPEND */
	bool group;                         /* signals go to the app's process group, which is its own */
	bool pre_stop;                      /* there is a pre-stop program */
	enum job job;
};

enum phase {
	PHASE_RUNNING,  /* nobody asked for a stop */
	PHASE_DELAY,    /* a stop has begun, the plan's first signal is not out */
	PHASE_STOPPING, /* the plan's first signal is out */
	PHASE_LINGER,   /* the app has ended, what it left behind has not */
	PHASE_KILLED,   /* SIGKILL is out */
	PHASE_ENDED,    /* lull exits */
};

enum event_kind {
	EVENT_SIGNAL,        /* a signal to pass on arrived: signo, outside, shared */
	EVENT_APP_EXITED,    /* the app was reaped: status, childless */
	EVENT_APP_STOPPED,   /* the app was stopped by signo */
	EVENT_APP_CONTINUED, /* the app runs again */
	EVENT_ORPHAN_EXITED, /* some orphans were reaped: what they left behind has become lull's */
	EVENT_CHILDLESS,     /* lull has no child any more */
	EVENT_TIME,          /* nothing but that time has passed */
};

struct event {
	enum event_kind kind;
	int signo;      /* 1 to 64 */
	int status;     /* 0 to 255: an exit code, or 128 + the signal that ended it */
	bool outside;   /* the sender is outside the PID namespace */
	bool shared;    /* the terminal sent it to the app as well */
	bool childless; /* nothing was left behind */
	/* The app's; read only if lifecycle_may_signal_app() returns true for this event. */
	struct dispositions app;
};

enum action_kind {
	ACTION_FORWARD,           /* pass the event's signal on to the app, as signo */
	ACTION_FORWARD_REMAINING, /* pass it on to what the app left behind, as signo; if had_it, the group had it */
	ACTION_SIGNAL_APP,        /* send the app signo, by the plan */
	ACTION_CONTINUE_APP,      /* SIGCONT to the app and its group */
	ACTION_SIGNAL_REMAINING,  /* send what the app left behind signo; if had_it, the group had it */
	ACTION_KILL_ALL,          /* SIGKILL to everything that is left */
	ACTION_KILL_CHILDREN,     /* SIGKILL to lull's own children, at once: orphans that have just arrived */
	ACTION_DRAIN,             /* tell those who ask that the container drains */
	ACTION_START_PRE_STOP,    /* start the pre-stop program */
	ACTION_KILL_PRE_STOP,     /* it has had its time */
	ACTION_SUSPEND,           /* stop lull by SIGSTOP: the app was told to stop by signo */
	ACTION_STOP_SELF,         /* stop by signo, as the app did, so that the shell above notices */
	ACTION_SAY_STOP,          /* a stop has begun; if had_it, the app had the signal from the terminal */
	ACTION_SAY_SKIPPED,       /* the delay was skipped: signo is not one of --stop-on */
	ACTION_SAY_REPLACED,      /* signo has no effect on the app: SIGTERM was sent in its place */
	ACTION_SAY_IGNORED,       /* the app ignores signo, which was sent, and SIGTERM */
	ACTION_SAY_RUNNING,       /* name what still runs */
	ACTION_SAY_KILLING,       /* name what is about to be killed */
	ACTION_EXIT,              /* leave with status */
};

/* "The group" is the app's process group, which at a prompt is lull's as well. */
struct action {
	enum action_kind kind;
	int signo;
	int status;
	bool had_it;
};

enum { ACTIONS_MAX = 2 * PLAN_STEPS + 8 };

struct actions {
	struct action list[ACTIONS_MAX];
	int count;
};

struct lifecycle {
	const struct policy *policy;
	enum phase phase;
	int next_step;         /* of the plan */
	int64_t step_ms;       /* when it is due; the first one not as long as the pre-stop program runs */
	int64_t planned_ms;    /* when it would be, if no step had come late */
	int64_t kill_ms;       /* PHASE_LINGER: when what is left is killed; PHASE_KILLED: when it was */
	int64_t sweep_ms;      /* PHASE_KILLED: when SIGKILL is repeated */
	int64_t notice_ms;     /* when what still runs is to be named */
	int64_t pre_stop_ms;   /* until when the pre-stop program has time; TIME_NEVER when it does not run */
	int64_t stop_begun_ms; /* TIME_NEVER before a stop */
	int64_t passed_on_ms;  /* when the first signal of the stop was passed on; TIME_NEVER before */
	int64_t lingers_ms;    /* since when what the app left behind has its time; TIME_NEVER before */
	int stop_signal;       /* what "=" stands for; 0 when a rewrite drops it */
	int last_sent;         /* by the plan, not counting those that stop or continue a process; 0: none */
	bool term_sent;        /* SIGTERM was sent to the app, by the plan or in the place of another signal */
	bool replaced;         /* SIGTERM was sent in the place of a signal that has no effect on the app */
	int status;            /* the app's; -1 while it runs */
	bool group_had_it;     /* last_sent went to the app's whole group */
	bool ended_in_stop;    /* the app ended after the stop had begun */
	bool app_stopped;
	bool hurried; /* the stop signal came again: nothing waits for the pre-stop program */
	bool skip_said;
};

void lifecycle_init(struct lifecycle *lifecycle, const struct policy *policy);

/*
 * One event at now_ms, a time of a clock that never goes back. Overwrites `actions` with what is to be done, in order.
 * Deadlines are judged by now_ms alone: every event also does what has become due.
 */
void lifecycle_step(struct lifecycle *lifecycle, const struct event *event, int64_t now_ms, struct actions *actions);

/*
 * To be called after ACTION_SIGNAL_APP, ACTION_SIGNAL_REMAINING and ACTION_KILL_ALL: the signal that lifecycle_step()
 * decided at decided_ms was sent at sent_ms, since an action can take time. Postpones the next deadline, so that there
 * is as much time before it as planned, or LIFECYCLE_LATE_MS if that is less.
 */
void lifecycle_sent(struct lifecycle *lifecycle, int64_t decided_ms, int64_t sent_ms);

/*
 * The pre-stop program has ended, or could not be started: nothing waits for it. What is due now is done by the next
 * event.
 */
void lifecycle_pre_stop_ended(struct lifecycle *lifecycle);

/* The signal of a step of the plan, or 0 when that is "the stop signal" and a rewrite drops it. */
int lifecycle_step_signal(const struct lifecycle *lifecycle, int step);

/*
 * Returns whether lifecycle_step() may send the app a signal of the plan with this event: event->app must be set then.
 */
bool lifecycle_may_signal_app(const struct lifecycle *lifecycle, const struct event *event, int64_t now_ms);

/* Does lifecycle_step() not look at the time with this event? Then any may be given, and the clock is not read. */
bool lifecycle_is_timeless(const struct lifecycle *lifecycle, const struct event *event);

/* When lifecycle_step wants to be called at the latest, absolute, in ms; TIME_NEVER: only for an event. */
int64_t lifecycle_deadline_ms(const struct lifecycle *lifecycle);

/* --- Remaining processes ------------------------------------------------------------------------------------------ */

/*
 * Returns the signal to send to a process in the place of `signo`: SIGTERM if the process ignores it, or if its default
 * action is to ignore it or to stop the process and there is no handler, signal(7). SIGCONT always has an effect.
 */
int lifecycle_effective_signal(const struct dispositions *dispositions, int signo);

/* What is known about a child of lull after the app has exited. "Then" is when the stop signal was sent to the app. */
struct remaining {
	bool is_known;       /* it was running then */
	bool caught_then;    /* it caught the stop signal then */
	bool catches;        /* it catches the stop signal now */
	bool is_pending;     /* the stop signal was sent to it and has not been delivered */
	bool has_slept;      /* it has not run since then, so nothing was delivered to it */
	bool has_forwarder;  /* the app, or an ancestor of the process, caught the signal and may have forwarded it */
	bool was_waited_for; /* a forwarded signal would have arrived by now */
	bool port_closed;    /* the port of --listens was open then and is not now: the app's processes are stopping */
};

enum verdict {
	VERDICT_LEAVE,  /* do not signal it: it has the signal, or is part of the cleanup */
	VERDICT_SIGNAL, /* signal it now */
	VERDICT_WAIT,   /* judge it again at lifecycle_forwarded_ms() */
};

/* Returns what to do with a remaining process. */
enum verdict lifecycle_judge(const struct remaining *remaining);

/*
 * Returns when a stop signal that was forwarded to a remaining process is sure to have arrived, absolute, in ms: 2 s
 * after now_ms, or after half of the time until SIGKILL if that is less.
 */
int64_t lifecycle_forwarded_ms(const struct lifecycle *lifecycle, int64_t now_ms);

#endif
