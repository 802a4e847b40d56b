/*
 * What to do to the app, and when: an event goes in, actions come out.
 *
 * Pure: it makes no system call and never reads the clock. docs/development/design.md has it as a table of phase and
 * event.
 */
#ifndef LULL_LIFECYCLE_H
#define LULL_LIFECYCLE_H

#include <stdbool.h>
#include <stdint.h>

#include "plan.h"
#include "readiness.h"
#include "schedule.h"

enum {
	LIFECYCLE_DUPLICATE_MS = 1000, /* a stop signal that comes again within this time is a duplicate */
	LIFECYCLE_PRE_STOP_MS =
		5000,               /* how long the pre-stop program may run at least, from the start of the shutdown */
	LIFECYCLE_NOTICE_MS = 5000, /* how long after the first signal the running processes are logged */
	LIFECYCLE_KILL_AGAIN_MS = 50, /* how often SIGKILL is repeated, for orphans that become lull's children */
	LIFECYCLE_GIVE_UP_MS = 2000,  /* how long after SIGKILL lull exits, even if processes remain */
	LIFECYCLE_FORWARD_MS = 2000,  /* how long a remaining process may take to receive a forwarded stop signal */
	LIFECYCLE_SIGNALS = 65,       /* signal numbers are 1 to 64 */
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
	JOB_NONE,   /* not at all: there is no terminal, or another program manages it */
	JOB_INIT,   /* lull is PID 1: no shell could continue the app; with a terminal the app is the foreground job */
	JOB_PROMPT, /* lull was started at a prompt: the shell does job control */
};

/* What the user has configured. */
struct policy {
	struct plan plan;
	uint64_t stop_signals;              /* the stop signals, bit n - 1 for signal n */
	uint8_t rewrite[LIFECYCLE_SIGNALS]; /* the signal to forward instead; 0: none */
	int64_t ready_for_ms;               /* how long readiness is kept after the shutdown has started */
	int64_t linger_ms;                  /* how long remaining processes may run without a shutdown; 0: not at all */
	uint64_t success_exit[4];           /* exit codes that count as 0, bit n % 64 of element n / 64 */
	bool stopped_ok;                    /* an app killed by a signal of the plan counts as 0 */
	bool abandon;                       /* lull exits with the app and leaves remaining processes alone */
	bool suspends;                      /* a forwarded signal that stops the app stops lull as well */
	bool group;                         /* signals go to the app's process group, which the app leads */
	bool pre_stop;                      /* there is a pre-stop program */
	enum job job;
};

enum phase {
	PHASE_RUNNING,  /* no shutdown */
	PHASE_DELAY,    /* the shutdown has started, the first signal of the plan was not sent yet */
	PHASE_STOPPING, /* the first signal of the plan was sent */
	PHASE_LINGER,   /* the app has exited, processes remain */
	PHASE_KILLED,   /* SIGKILL was sent */
	PHASE_ENDED,    /* lull exits */
};

enum event_kind {
	EVENT_SIGNAL,        /* lull received a signal for the app: signo, outside, shared */
	EVENT_APP_EXITED,    /* the app was reaped: status, childless */
	EVENT_APP_STOPPED,   /* signo stopped the app */
	EVENT_APP_CONTINUED, /* the app was continued */
	EVENT_ORPHAN_EXITED, /* orphans were reaped: their children have become lull's */
	EVENT_CHILDLESS,     /* lull has no child any more */
	EVENT_DRAINED,       /* no connection of the app is busy: lifecycle_is_draining() */
	EVENT_TIME,          /* time has passed */
};

struct event {
	enum event_kind kind;
	int signo;      /* 1 to 64 */
	int status;     /* 0 to 255: an exit code, or 128 + the signal that killed the app */
	bool outside;   /* the sender is outside the PID namespace */
	bool shared;    /* the terminal sent the signal to the app as well */
	bool childless; /* no processes remain */
	/* The app's; set if lifecycle_may_signal_app() returns true for this event. */
	struct dispositions app;
};

/* A LOG action writes a line of shutdown_log.h. */
enum action_kind {
	ACTION_FORWARD,           /* forward the event's signal to the app, as signo */
	ACTION_FORWARD_REMAINING, /* forward it to the remaining processes, as signo */
	ACTION_SIGNAL_APP,        /* send signo to the app */
	ACTION_CONTINUE_APP,      /* SIGCONT to the app and its group */
	ACTION_SIGNAL_REMAINING,  /* send signo to the remaining processes */
	ACTION_KILL_ALL,          /* SIGKILL to all processes */
	ACTION_KILL_CHILDREN,     /* SIGKILL to lull's children: orphans that have just arrived */
	ACTION_START_PRE_STOP,    /* start the pre-stop program */
	ACTION_KILL_PRE_STOP,     /* its time is over */
	ACTION_SUSPEND,           /* stop lull by signo, as the app: at a prompt the shell must notice it */
	ACTION_LOG_STOPPING,      /* the shutdown starts */
	ACTION_LOG_NO_DELAY,      /* signo is not one of --stop-signal: it was forwarded without the delay */
	ACTION_LOG_REPLACED,      /* signo has no effect on the app: SIGTERM was sent instead */
	ACTION_LOG_IGNORED,       /* the app ignores signo, which was sent, and SIGTERM */
	ACTION_LOG_RUNNING,       /* the processes that still run */
	ACTION_LOG_KILLING,       /* the processes that are about to be killed */
	ACTION_EXIT,              /* exit with status */
};

/* "The group" is the app's process group; at a prompt it is lull's as well. */
struct action {
	enum action_kind kind;
	int signo;
	int status;
	bool app_has_it;   /* ACTION_LOG_STOPPING: the terminal sent the signal to the app as well */
	bool group_has_it; /* ACTION_FORWARD_REMAINING, ACTION_SIGNAL_REMAINING: the group has the signal */
};

enum { ACTIONS_MAX = 2 * PLAN_STEPS + 8 };

struct actions {
	struct action list[ACTIONS_MAX];
	int count;
};

struct lifecycle {
	const struct policy *policy;
	enum phase phase;
	struct schedule schedule; /* of the plan; the pre-stop program holds back the first step */
	int64_t kill_ms;       /* PHASE_LINGER: when the remaining processes are killed; PHASE_KILLED: when they were */
	int64_t kill_again_ms; /* PHASE_KILLED: when SIGKILL is repeated */
	int64_t notice_ms;     /* when the running processes are logged; TIME_NEVER: not */
	int64_t pre_stop_ms;   /* how long the pre-stop program may run; TIME_NEVER: it does not run */
	int64_t ready_until_ms;  /* when readiness ends after the shutdown has started; TIME_NEVER: it has ended */
	int64_t stop_started_ms; /* when the shutdown started; TIME_NEVER before */
	int64_t first_sent_ms;   /* when the first signal of the plan was sent; TIME_NEVER before */
	int64_t app_exited_ms;   /* when the app exited, if processes remained; TIME_NEVER before */
	int last_sent;           /* by the plan, without signals that stop or continue a process; 0: none */
	bool term_sent;          /* SIGTERM was sent to the app, by the plan or instead of another signal */
	bool replaced;           /* SIGTERM was sent instead of a signal that has no effect on the app */
	int status;              /* the app's; -1 while it runs */
	bool group_had_it;       /* last_sent went to the app's whole group */
	bool exited_in_shutdown; /* the app exited after the shutdown had started */
	bool app_stopped;
	bool second_stop; /* the stop signal came again: nothing waits for the pre-stop program */
	bool no_delay_logged;
};

void lifecycle_init(struct lifecycle *lifecycle, const struct policy *policy);

/*
 * Handles one event at now_ms, a time of a clock that never goes back. Overwrites `actions` with what to do, in order.
 * With every event, it also does what has become due by now_ms.
 */
void lifecycle_step(struct lifecycle *lifecycle, const struct event *event, int64_t now_ms, struct actions *actions);

/*
 * To be called after ACTION_SIGNAL_APP, ACTION_SIGNAL_REMAINING and ACTION_KILL_ALL: the signal that lifecycle_step()
 * decided at decided_ms was sent at sent_ms, since an action can take time. Postpones the next deadline:
 * schedule_postponed_ms().
 */
void lifecycle_sent(struct lifecycle *lifecycle, int64_t decided_ms, int64_t sent_ms);

/* The pre-stop program has exited, or could not be started. What is due now is done with the next event. */
void lifecycle_pre_stop_ended(struct lifecycle *lifecycle);

/*
 * Returns how long the pre-stop program may run if the shutdown starts at now_ms, absolute, in ms: until the first step
 * is due, or LIFECYCLE_PRE_STOP_MS if that is longer, but not so long that it delays SIGKILL.
 */
int64_t lifecycle_pre_stop_limit_ms(const struct schedule *schedule, int64_t now_ms);

/* Returns whether lifecycle_step() may send the app a signal with this event: event->app must be set then. */
bool lifecycle_may_signal_app(const struct lifecycle *lifecycle, const struct event *event, int64_t now_ms);

/*
 * Returns what the process name and the readiness endpoint show, whether the app listens or not. When it becomes
 * READINESS_DRAINING, the drain file is made.
 */
enum readiness lifecycle_readiness(const struct lifecycle *lifecycle);

/*
 * Returns whether the plan waits until no connection of the app is busy. Then EVENT_DRAINED ends the wait, unless the
 * pre-stop program holds back the signal: the event must be sent again later.
 */
bool lifecycle_is_draining(const struct lifecycle *lifecycle);

/* Returns when that wait ends at the latest, absolute, in ms: the pre-stop program may take longer than the drain. */
int64_t lifecycle_drain_limit_ms(const struct lifecycle *lifecycle);

/* Returns when lifecycle_step() must be called at the latest, absolute, in ms; TIME_NEVER: only for an event. */
int64_t lifecycle_deadline_ms(const struct lifecycle *lifecycle);

/* --- Remaining processes ------------------------------------------------------------------------------------------ */

/*
 * Returns the signal to send to a process in the place of `signo`: SIGTERM if the process ignores it, or if its default
 * action is to ignore it or to stop the process and there is no handler, signal(7). SIGCONT always has an effect.
 */
int lifecycle_effective_signal(const struct dispositions *dispositions, int signo);

/*
 * What is known about a child of lull after the app has exited, if it ran when the stop signal was sent to the app:
 * "then".
 */
struct remaining {
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
