/*
 * The pure core, by enumeration: every sequence of events to some depth, at every time that matters (at once, just
 * before the deadline, on it, late, very late), under every kind of plan. Beside the core runs a witness: it knows what
 * was sent to the app and when, and none of the core's own state. What it demands is the contract's section 4.
 *
 *   core [DEPTH]     prints TAP: one result a plan, with how many sequences were walked
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../src/lifecycle.h"

enum { APP_STATUS = 7, DEPTH_MOST = 12, START_MS = 1000000 };

/* One thing that can happen, and how long after the one before it. */
enum happening {
	HAPPENS_STOP,          /* SIGTERM, in --stop-on */
	HAPPENS_STOP_TERMINAL, /* the same from the terminal, which the app had too */
	HAPPENS_OTHER,         /* SIGINT from outside, not in --stop-on */
	HAPPENS_DROPPED,       /* SIGHUP, which every policy here rewrites to 0 */
	HAPPENS_EXIT_ALONE,
	HAPPENS_EXIT,
	HAPPENS_TSTP,
	HAPPENS_CONT,
	HAPPENS_ORPHAN,
	HAPPENS_PRE_STOP_ENDED,
	HAPPENS_CHILDLESS,
	HAPPENS_TIME,
	HAPPENINGS,
};

enum moment { AT_ONCE, JUST_BEFORE, ON_TIME, LATE, VERY_LATE, A_SECOND_ON, MOMENTS };

static const char *const HAPPENING_NAMES[HAPPENINGS] = {
	"TERM",     "TERM-by-terminal", "INT",    "HUP",           "exit-alone", "exit",
	"app-TSTP", "app-CONT",         "orphan", "pre-stop-ends", "childless",  "time"};
static const char *const MOMENT_NAMES[] = {
	"at once", "1 ms before the deadline", "at the deadline", "900 ms late", "10 min late", "1 s on"};

struct witness {
	int64_t now_ms;
	int64_t begun_ms;          /* the stop; -1: none */
	int64_t sent_ms;           /* the last step that was taken; begun_ms before the first */
	int64_t due_ms;            /* when the next one must be taken, exactly */
	int64_t planned_ms;        /* when it would have been due, had none been late */
	int64_t pre_stop_until_ms; /* the pre-stop program has time until then */
	bool pre_stop_runs;        /* and holds the first step back */
	bool pre_stop_there;       /* it was not reaped yet, killed or not */
	int pre_stop_started;
	int drain_told;
	bool hurried;
	bool undisturbed;    /* nothing came late, and nobody was in a hurry */
	int64_t exited_ms;   /* the app; -1: not yet */
	int64_t killed_ms;   /* the first SIGKILL to all; -1: none */
	int64_t kill_due_ms; /* for what was left behind; TIME_NEVER: no end */
	int steps;           /* of the plan that were taken */
	int last_sent;       /* by the plan and not for job control */
	bool group_had_it;   /* and to the whole group, by --group or by the terminal */
	bool stopped;        /* the app is */
	bool children;       /* something was left behind and is there */
	int running_said;
	int stop_said;
	int skips_said;
	bool ended;
};

struct path {
	enum happening happenings[DEPTH_MOST];
	enum moment moments[DEPTH_MOST];
	int length;
};

static const char *policy_name;
static struct path path;
static long long sequences;
static long long kills_seen;
static long long hurries_seen;
static int failures;

static void failed(const char *what)
{
	if (++failures > 5)
		return;
	printf("# %s: %s, after:", policy_name, what);
	for (int i = 0; i < path.length; i++)
		printf(" %s (%s);", HAPPENING_NAMES[path.happenings[i]], MOMENT_NAMES[path.moments[i]]);
	printf("\n");
}

static void demand(bool holds, const char *what)
{
	if (!holds)
		failed(what);
}

static bool is_job_control(int signo)
{
	return signo == SIGTSTP || signo == SIGSTOP || signo == SIGCONT || signo == SIGTTIN || signo == SIGTTOU;
}

static int planned_signal(const struct policy *policy, int step)
{
	int signo = policy->plan.steps[step].signo;
	return signo == PLAN_STOP_SIGNAL ? policy->rewrite[SIGTERM] : signo;
}

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* When the step after the one taken now is due: early brings it forward, late leaves it something. */
static void step_follows(const struct policy *policy, struct witness *witness)
{
	bool fixed = policy->plan.fixed;
	bool early = witness->now_ms < witness->due_ms;
	if (early && !fixed)
		witness->planned_ms = witness->now_ms;
	witness->due_ms = TIME_NEVER;
	if (++witness->steps == policy->plan.count)
		return;
	int64_t wait_ms = policy->plan.steps[witness->steps].wait_ms;
	int64_t fair_ms = witness->now_ms + least(wait_ms, 1000);
	witness->planned_ms += wait_ms;
	witness->due_ms = witness->planned_ms > fair_ms ? witness->planned_ms : fair_ms;
}

/* The first step waits for the pre-stop program. */
static bool is_held(const struct witness *witness)
{
	return witness->steps == 0 && witness->pre_stop_runs && witness->now_ms < witness->pre_stop_until_ms;
}

static void step_taken(const struct policy *policy, struct witness *witness, bool by_terminal)
{
	int signo = planned_signal(policy, witness->steps);
	if (signo != 0 && !is_job_control(signo)) {
		witness->last_sent = signo;
		witness->group_had_it = by_terminal || policy->group;
	}
	step_follows(policy, witness);
	witness->sent_ms = witness->now_ms;
}

static int64_t kill_due(const struct policy *policy, const struct witness *witness)
{
	struct witness ahead = *witness;
	while (ahead.steps < policy->plan.count) {
		if (policy->plan.steps[ahead.steps].signo == SIGKILL)
			return ahead.due_ms;
		ahead.now_ms = ahead.due_ms;
		step_follows(policy, &ahead);
	}
	return TIME_NEVER;
}

/* Five seconds or the delay, but the rest of the plan has room before SIGKILL. */
static int64_t pre_stop_until(const struct policy *policy, const struct witness *witness)
{
	int64_t kill_ms = plan_kill_ms(&policy->plan);
	int64_t until_ms = witness->begun_ms + 5000 > witness->due_ms ? witness->begun_ms + 5000 : witness->due_ms;
	if (kill_ms == TIME_NEVER)
		return until_ms;
	int64_t latest_ms = witness->begun_ms + kill_ms;
	for (int step = 1; step < policy->plan.count; step++)
		latest_ms -= least(policy->plan.steps[step].wait_ms, 1000);
	return least(until_ms, latest_ms);
}

/* A step that was due is taken; nothing else takes one but the stop signal again. */
static void expect_step(const struct policy *policy, struct witness *witness, int signo, bool hurried)
{
	while (witness->steps < policy->plan.count && planned_signal(policy, witness->steps) == 0 &&
	       witness->due_ms <= witness->now_ms && !is_held(witness))
		step_taken(policy, witness, false);
	demand(witness->begun_ms >= 0, "a step without a stop");
	demand(witness->steps < policy->plan.count && planned_signal(policy, witness->steps) == signo,
	       "a signal that is not the plan's next");
	demand(witness->now_ms >= witness->due_ms || (hurried && witness->steps == 0), "a step before its time");
	demand(!is_held(witness) || hurried, "a step that did not wait for the pre-stop program");
	if (witness->now_ms < witness->due_ms || is_held(witness))
		hurries_seen++;
	if (witness->steps < policy->plan.count)
		step_taken(policy, witness, false);
}

static void expect_kill(const struct policy *policy, struct witness *witness)
{
	if (witness->killed_ms >= 0)
		return;
	kills_seen++;
	witness->killed_ms = witness->now_ms;
	if (witness->undisturbed && witness->begun_ms >= 0 && witness->exited_ms < 0)
		demand(witness->now_ms == witness->begun_ms + plan_kill_ms(&policy->plan),
		       "SIGKILL not at the planned time, although nothing came late");
	if (witness->exited_ms >= 0)
		demand(witness->now_ms >= witness->kill_due_ms, "leftovers killed before their time");
	else if (witness->begun_ms < 0)
		failed("SIGKILL although nobody asked for a stop and the app runs");
	else
		demand(kill_due(policy, witness) <= witness->now_ms ||
		               (witness->steps == 0 && policy->plan.steps[0].signo == SIGKILL),
		       "SIGKILL before its time");
}

static int expected_status(const struct policy *policy, const struct witness *witness)
{
	if (witness->exited_ms < 0)
		return 137;
	return (policy->success_exit[0] >> APP_STATUS & 1) != 0 ? 0 : APP_STATUS;
}

/* The signal at hand, as the app or the leftovers should get it: once, rewritten, and not what the terminal gave them.
 */
static void expect_forward(const struct policy *policy, const struct event *event, int signo)
{
	demand(event->kind == EVENT_SIGNAL, "forwarded, but there was no signal");
	demand(signo == policy->rewrite[event->signo] && signo != 0, "forwarded as another signal");
}

static void check_action(const struct policy *policy, struct witness *witness, const struct event *event,
                         const struct action *action, bool *continued)
{
	bool to_app = action->kind == ACTION_FORWARD || action->kind == ACTION_SIGNAL_APP ||
	              action->kind == ACTION_CONTINUE_APP || action->kind == ACTION_STOP_SELF;
	demand(!to_app || witness->exited_ms < 0, "the app signalled after it was reaped");
	demand(!witness->ended, "an action after the end");
	bool hurried = event->kind == EVENT_SIGNAL && (policy->stop_on >> (event->signo - 1) & 1) != 0 &&
	               witness->begun_ms >= 0 && witness->now_ms - witness->begun_ms >= 1000;
	switch (action->kind) {
	case ACTION_FORWARD:
		expect_forward(policy, event, action->signo);
		demand(!event->shared || action->signo != event->signo,
		       "forwarded what the terminal had given already");
		demand(event->signo != SIGTERM || witness->steps > 0,
		       "the stop signal passed on before the plan's first");
		break;
	case ACTION_FORWARD_LEFTOVERS:
		expect_forward(policy, event, action->signo);
		demand(witness->exited_ms >= 0 && witness->children, "nobody was left behind");
		demand(action->had_it == (event->shared && action->signo == event->signo),
		       "given twice by the terminal");
		break;
	case ACTION_SIGNAL_APP:
		expect_step(policy, witness, action->signo, hurried);
		break;
	case ACTION_CONTINUE_APP:
		*continued = true;
		break;
	case ACTION_SIGNAL_LEFTOVERS:
		demand(event->kind == EVENT_APP_EXITED && !event->childless, "leftovers signalled without an exit");
		demand(action->signo == (witness->last_sent != 0 ? witness->last_sent : SIGTERM),
		       "the wrong last signal");
		demand(action->had_it == witness->group_had_it, "the group had it, or had not");
		break;
	case ACTION_KILL_ALL:
		expect_kill(policy, witness);
		break;
	case ACTION_KILL_CHILDREN:
		demand(witness->killed_ms >= 0 && event->kind == EVENT_ORPHAN_EXITED, "orphans killed before SIGKILL");
		break;
	case ACTION_DRAIN:
		demand(++witness->drain_told == 1 && witness->begun_ms == witness->now_ms,
		       "draining told twice, or not at the stop's begin");
		break;
	case ACTION_START_PRE_STOP:
		demand(++witness->pre_stop_started == 1 && witness->begun_ms == witness->now_ms,
		       "the pre-stop program started twice, or not at the stop's begin");
		break;
	case ACTION_KILL_PRE_STOP:
		demand(witness->pre_stop_runs && ((policy->abandon && witness->exited_ms >= 0) ||
		                                  witness->now_ms >= witness->pre_stop_until_ms ||
		                                  (witness->hurried && witness->exited_ms >= 0)),
		       "the pre-stop program killed before its time");
		witness->pre_stop_runs = false;
		break;
	case ACTION_SUSPEND:
	case ACTION_END_GROUP:
		demand(policy->session, "only a session is suspended, or ended, as a group");
		break;
	case ACTION_STOP_SELF:
		demand(policy->job == JOB_PROMPT && witness->begun_ms < 0,
		       "stopped itself away from a prompt, or in a stop");
		break;
	case ACTION_SAY_STOP:
		demand(++witness->stop_said == 1, "two stops");
		break;
	case ACTION_SAY_RUNNING:
		demand(++witness->running_said == 1 && witness->begun_ms >= 0, "named twice, or without a stop");
		break;
	case ACTION_SAY_SKIPPED:
		demand(policy->plan.steps[0].wait_ms > 0 && witness->begun_ms < 0, "no delay was skipped");
		demand(++witness->skips_said == 1, "a skipped delay told twice");
		break;
	case ACTION_SAY_KILLING:
		break;
	case ACTION_EXIT:
		witness->ended = true;
		demand(action->status == expected_status(policy, witness), "the wrong status");
		demand(!witness->children || policy->linger_ms == 0 || policy->abandon || witness->exited_ms < 0 ||
		               (witness->killed_ms >= 0 && witness->now_ms >= witness->killed_ms + 2000),
		       "left before its children, and before SIGKILL had its time");
		break;
	}
}

/* What is true of the event itself, before the core has seen it. */
static void witness_event(const struct policy *policy, struct witness *witness, const struct event *event)
{
	bool asks = event->kind == EVENT_SIGNAL && event->signo == SIGTERM;
	if (asks && (event->shared || (witness->begun_ms >= 0 && witness->now_ms - witness->begun_ms >= 1000)))
		witness->undisturbed = false;
	if (asks && witness->begun_ms >= 0 && witness->now_ms - witness->begun_ms >= 1000 &&
	    (witness->steps == 0 || witness->exited_ms >= 0))
		witness->hurried = true;
	if (asks && witness->begun_ms < 0 && witness->killed_ms < 0) {
		witness->begun_ms = witness->now_ms;
		witness->due_ms = witness->planned_ms = witness->now_ms + policy->plan.steps[0].wait_ms;
		witness->pre_stop_runs = witness->pre_stop_there = policy->pre_stop;
		witness->pre_stop_until_ms = pre_stop_until(policy, witness);
		if (witness->exited_ms >= 0) {
			witness->kill_due_ms = least(witness->kill_due_ms, kill_due(policy, witness));
			return;
		}
		bool had_it = event->shared && policy->rewrite[SIGTERM] == SIGTERM;
		if (had_it && policy->plan.steps[0].signo == PLAN_STOP_SIGNAL)
			step_taken(policy, witness, true);
	}
	if (event->kind == EVENT_APP_EXITED) {
		witness->exited_ms = witness->now_ms;
		witness->children = !event->childless;
		witness->kill_due_ms =
			witness->begun_ms >= 0 ? kill_due(policy, witness) : witness->now_ms + policy->linger_ms;
		if (policy->linger_ms == 0)
			witness->kill_due_ms = witness->now_ms;
	}
	if (event->kind == EVENT_CHILDLESS)
		witness->children = false;
	if (event->kind == EVENT_APP_CONTINUED)
		witness->stopped = false;
}

/* A "=" that a rewrite drops sends nothing: the witness can only see it by its time. */
static void skip_silent_steps(const struct policy *policy, struct witness *witness, const struct event *event)
{
	bool again = event->kind == EVENT_SIGNAL && event->signo == SIGTERM && witness->steps == 0 &&
	             witness->now_ms - witness->begun_ms >= 1000;
	while (witness->begun_ms >= 0 && witness->exited_ms < 0 && witness->steps < policy->plan.count &&
	       planned_signal(policy, witness->steps) == 0 &&
	       (again || (witness->now_ms >= witness->due_ms && !is_held(witness)))) {
		step_taken(policy, witness, false);
		again = false;
	}
}

/* All that is due now has been done. */
static void check_due(const struct policy *policy, const struct witness *witness)
{
	bool by_plan = witness->begun_ms >= 0 && witness->exited_ms < 0 && witness->killed_ms < 0;
	bool by_linger = witness->exited_ms >= 0 && witness->children && witness->killed_ms < 0;
	if (witness->ended)
		return;
	demand(!by_plan || witness->steps == policy->plan.count || witness->now_ms < witness->due_ms ||
	               is_held(witness),
	       "a step is overdue");
	demand(witness->begun_ms < 0 || witness->drain_told == 1, "draining was not told");
	demand(witness->begun_ms < 0 || witness->pre_stop_started == policy->pre_stop,
	       "the pre-stop program was not started");
	demand(!witness->pre_stop_runs || witness->killed_ms >= 0 ||
	               (witness->now_ms < witness->pre_stop_until_ms && !(witness->hurried && witness->exited_ms >= 0)),
	       "the pre-stop program has more than its time");
	demand(!by_linger || witness->now_ms < witness->kill_due_ms, "SIGKILL to leftovers is overdue");
	demand(witness->killed_ms < 0 || witness->now_ms < witness->killed_ms + 2000, "still there 2 s after SIGKILL");
	demand(witness->exited_ms < 0 || witness->children, "nobody is left, and lull stays");
}

static void check_stopped(const struct policy *policy, struct witness *witness, const struct event *event,
                          bool continued, int steps_before)
{
	bool init_stop = event->kind == EVENT_APP_STOPPED && policy->job == JOB_INIT;
	demand(!init_stop || continued, "Ctrl-Z as PID 1 with a terminal, and nobody brings the app back");
	bool told_late = event->kind == EVENT_APP_STOPPED && policy->job != JOB_INIT && witness->last_sent != 0 &&
	                 witness->killed_ms < 0;
	demand(!told_late || continued, "stopped just before the signal, and not continued");
	bool wakes = false;
	for (int step = steps_before; step < witness->steps; step++)
		if (planned_signal(policy, step) != 0 && !is_job_control(planned_signal(policy, step)))
			wakes = true;
	demand(!(witness->stopped && wakes && !event->shared) || continued, "a stopped app was not continued");
	if (event->kind == EVENT_APP_STOPPED)
		witness->stopped = true;
	if (continued)
		witness->stopped = false;
}

static void play(const struct policy *policy, struct lifecycle *lifecycle, struct witness *witness,
                 const struct event *event)
{
	struct actions actions;
	enum phase before = lifecycle->phase;
	int steps_before = witness->steps;
	bool continued = false;
	witness_event(policy, witness, event);
	lifecycle_step(lifecycle, event, witness->now_ms, &actions);
	skip_silent_steps(policy, witness, event);
	for (int i = 0; i < actions.count; i++)
		check_action(policy, witness, event, &actions.list[i], &continued);
	check_stopped(policy, witness, event, continued, steps_before);
	check_due(policy, witness);
	demand(lifecycle->phase >= before, "a phase went back");
	demand((lifecycle->phase == PHASE_ENDED) == witness->ended, "ended without an exit");
	demand(witness->ended || lifecycle_deadline_ms(lifecycle) > witness->now_ms, "a deadline that is past");
	bool duplicate = before == PHASE_DELAY && event->kind == EVENT_SIGNAL && event->signo == SIGTERM &&
	                 witness->now_ms - witness->begun_ms < 1000 && witness->steps == 0;
	demand(!duplicate || actions.count == 0, "a duplicate was not dropped");
}

/* From wherever a sequence has led: with nothing but time, a stop and a wait for leftovers come to an end. */
static void run_out(const struct policy *policy, struct lifecycle lifecycle, struct witness witness)
{
	const struct event time = {.kind = EVENT_TIME};
	for (int i = 0; i < 200; i++) {
		int64_t deadline_ms = lifecycle_deadline_ms(&lifecycle);
		if (lifecycle.phase == PHASE_ENDED || deadline_ms == TIME_NEVER)
			break;
		witness.now_ms = deadline_ms;
		play(policy, &lifecycle, &witness, &time);
	}
	bool endless = plan_kill_ms(&policy->plan) == TIME_NEVER;
	bool must_end = witness.killed_ms >= 0 || (witness.begun_ms >= 0 && !endless) ||
	                (witness.exited_ms >= 0 && witness.begun_ms < 0);
	demand(!must_end || lifecycle.phase == PHASE_ENDED, "a stop that never ends");
}

static bool is_possible(const struct witness *witness, enum happening happening)
{
	bool runs = witness->exited_ms < 0;
	switch (happening) {
	case HAPPENS_EXIT_ALONE:
		return runs && !witness->pre_stop_there;
	case HAPPENS_EXIT:
		return runs;
	case HAPPENS_PRE_STOP_ENDED:
		return witness->pre_stop_there;
	case HAPPENS_TSTP:
		return runs && !witness->stopped;
	case HAPPENS_CONT:
		return runs && witness->stopped;
	case HAPPENS_CHILDLESS:
		return !runs && witness->children && !witness->pre_stop_there;
	default:
		return true;
	}
}

static struct event make_event(enum happening happening)
{
	switch (happening) {
	case HAPPENS_STOP:
		return (struct event){.kind = EVENT_SIGNAL, .signo = SIGTERM, .outside = true};
	case HAPPENS_STOP_TERMINAL:
		return (struct event){.kind = EVENT_SIGNAL, .signo = SIGTERM, .shared = true};
	case HAPPENS_OTHER:
		return (struct event){.kind = EVENT_SIGNAL, .signo = SIGINT, .outside = true};
	case HAPPENS_DROPPED:
		return (struct event){.kind = EVENT_SIGNAL, .signo = SIGHUP};
	case HAPPENS_EXIT_ALONE:
		return (struct event){.kind = EVENT_APP_EXITED, .status = APP_STATUS, .childless = true};
	case HAPPENS_EXIT:
		return (struct event){.kind = EVENT_APP_EXITED, .status = APP_STATUS};
	case HAPPENS_TSTP:
		return (struct event){.kind = EVENT_APP_STOPPED, .signo = SIGTSTP};
	case HAPPENS_CONT:
		return (struct event){.kind = EVENT_APP_CONTINUED};
	case HAPPENS_ORPHAN:
	case HAPPENS_PRE_STOP_ENDED:
		return (struct event){.kind = EVENT_ORPHAN_EXITED};
	case HAPPENS_CHILDLESS:
		return (struct event){.kind = EVENT_CHILDLESS};
	default:
		return (struct event){.kind = EVENT_TIME};
	}
}

/* The time of the next event, or -1 where that moment does not exist. */
static int64_t moment_ms(const struct lifecycle *lifecycle, int64_t now_ms, enum moment moment)
{
	int64_t deadline_ms = lifecycle_deadline_ms(lifecycle);
	bool has_deadline = deadline_ms != TIME_NEVER;
	switch (moment) {
	case AT_ONCE:
		return now_ms;
	case JUST_BEFORE:
		return has_deadline && deadline_ms - 1 > now_ms ? deadline_ms - 1 : -1;
	case ON_TIME:
		return has_deadline ? deadline_ms : -1;
	case LATE:
		return has_deadline ? deadline_ms + 900 : -1;
	case VERY_LATE:
		return has_deadline ? deadline_ms + 600000 : -1;
	case A_SECOND_ON:
		return !has_deadline || deadline_ms > now_ms + 1000 ? now_ms + 1000 : -1;
	default:
		return -1;
	}
}

static void explore(const struct policy *policy, const struct lifecycle *lifecycle, const struct witness *witness,
                    int depth)
{
	sequences++;
	run_out(policy, *lifecycle, *witness);
	if (depth == 0 || witness->ended)
		return;
	for (enum happening happening = 0; happening < HAPPENINGS; happening++) {
		for (enum moment moment = 0; moment < MOMENTS; moment++) {
			int64_t now_ms = moment_ms(lifecycle, witness->now_ms, moment);
			if (now_ms < 0 || !is_possible(witness, happening))
				continue;
			struct lifecycle next = *lifecycle;
			struct witness seen = *witness;
			struct event event = make_event(happening);
			path.happenings[path.length] = happening;
			path.moments[path.length++] = moment;
			seen.now_ms = now_ms;
			if (now_ms > lifecycle_deadline_ms(lifecycle))
				seen.undisturbed = false;
			if (happening == HAPPENS_PRE_STOP_ENDED) {
				lifecycle_pre_stop_ended(&next);
				seen.pre_stop_runs = seen.pre_stop_there = false;
			}
			play(policy, &next, &seen, &event);
			explore(policy, &next, &seen, depth - 1);
			path.length--;
		}
	}
}

enum { LEFT_ALONE = -1 };

static const struct kind {
	const char *name;
	struct plan plan;
	int stop_as;       /* what SIGTERM is rewritten to */
	int64_t linger_ms; /* or LEFT_ALONE */
	bool group;
	bool success;
	enum job job;
	bool pre_stop;
} KINDS[] = {
	{"at once, then 90 s", {{{0, 0}, {90000, SIGKILL}}, 2, false}, SIGTERM, 5000, false, false, JOB_NONE, false},
	{"10 s, then 20 s", {{{10000, 0}, {20000, SIGKILL}}, 2, false}, SIGTERM, 5000, true, false, JOB_NONE, false},
	{"10 s in a grace of 30 s",
         {{{10000, 0}, {19000, SIGKILL}}, 2, true},
         SIGTERM,
         5000,
         false,
         true,
         JOB_INIT,
         false},
	{"shorter than a second",
         {{{300, 0}, {200, SIGKILL}}, 2, false},
         SIGTERM,
         100,
         false,
         false,
         JOB_PROMPT,
         false},
	{"never killed", {{{2000, 0}}, 1, false}, SIGTERM, 5000, false, false, JOB_NONE, false},
	{"no linger", {{{2000, 0}, {3000, SIGKILL}}, 2, false}, SIGTERM, 0, false, false, JOB_NONE, false},
	{"TSTP, 5 s, TERM, 20 s, QUIT, 2 s, KILL",
         {{{0, SIGTSTP}, {5000, SIGTERM}, {20000, SIGQUIT}, {2000, SIGKILL}}, 4, false},
         SIGTERM,
         5000,
         true,
         false,
         JOB_NONE,
         false},
	{"the stop signal rewritten to QUIT",
         {{{1000, 0}, {2000, 0}, {4000, SIGKILL}}, 3, false},
         SIGQUIT,
         5000,
         false,
         false,
         JOB_PROMPT,
         false},
	{"the stop signal dropped", {{{1500, 0}, {2000, SIGKILL}}, 2, false}, 0, 5000, false, false, JOB_NONE, false},
	{"KILL alone", {{{3000, SIGKILL}}, 1, false}, SIGTERM, 5000, false, false, JOB_NONE, false},
	{.name = "a pre-stop program, at once, then 90 s",
         .plan = {{{0, 0}, {90000, SIGKILL}}, 2, false},
         .stop_as = SIGTERM,
         .linger_ms = 5000,
         .pre_stop = true},
	{.name = "a pre-stop program, 10 s in a grace of 30 s",
         .plan = {{{10000, 0}, {19000, SIGKILL}}, 2, true},
         .stop_as = SIGTERM,
         .linger_ms = 100,
         .pre_stop = true},
	{.name = "a pre-stop program, and little time for it",
         .plan = {{{300, 0}, {1200, SIGQUIT}, {200, SIGINT}, {2500, SIGKILL}}, 4, false},
         .stop_as = SIGTERM,
         .linger_ms = 5000,
         .pre_stop = true},
	{.name = "a pre-stop program, the stop signal dropped, never killed",
         .plan = {{{2000, 0}, {1000, SIGUSR1}}, 2, false},
         .stop_as = 0,
         .linger_ms = 0,
         .pre_stop = true},
	{.name = "a pre-stop program, KILL alone",
         .plan = {{{3000, SIGKILL}}, 1, false},
         .stop_as = SIGTERM,
         .linger_ms = 5000,
         .pre_stop = true},
	{.name = "what is left behind is left alone",
         .plan = {{{1000, 0}, {2000, SIGKILL}}, 2, false},
         .stop_as = SIGTERM,
         .linger_ms = LEFT_ALONE},
	{.name = "the same, a pre-stop program, never killed",
         .plan = {{{2000, 0}}, 1, false},
         .stop_as = SIGTERM,
         .linger_ms = LEFT_ALONE,
         .pre_stop = true},
	{"all at once", {{{0, 0}, {0, SIGQUIT}, {0, SIGKILL}}, 3, false}, SIGTERM, 5000, false, false, JOB_INIT, false},
};

static void make_policy(struct policy *policy, const struct kind *kind)
{
	*policy = (struct policy){.plan = kind->plan,
	                          .linger_ms = kind->linger_ms,
	                          .group = kind->group,
	                          .job = kind->job,
	                          .pre_stop = kind->pre_stop,
	                          .abandon = kind->linger_ms == LEFT_ALONE};
	policy->stop_on = UINT64_C(1) << (SIGTERM - 1);
	for (int signo = 0; signo < LIFECYCLE_SIGNALS; signo++)
		policy->rewrite[signo] = (uint8_t)signo;
	policy->rewrite[SIGTERM] = (uint8_t)kind->stop_as;
	policy->rewrite[SIGHUP] = 0;
	if (kind->success)
		policy->success_exit[0] = UINT64_C(1) << APP_STATUS;
}

int main(int argc, char **argv)
{
	int depth = argc > 1 ? atoi(argv[1]) : 4;
	int count = sizeof KINDS / sizeof KINDS[0];
	bool all_held = true;
	if (depth < 1 || depth > DEPTH_MOST)
		return 2;
	printf("1..%d\n", count + 1);
	for (int i = 0; i < count; i++) {
		struct policy policy;
		struct lifecycle lifecycle;
		struct witness witness = {
			.now_ms = START_MS, .begun_ms = -1, .exited_ms = -1, .killed_ms = -1, .undisturbed = true};
		make_policy(&policy, &KINDS[i]);
		lifecycle_init(&lifecycle, &policy);
		policy_name = KINDS[i].name;
		sequences = 0;
		failures = 0;
		explore(&policy, &lifecycle, &witness, depth);
		all_held = all_held && failures == 0;
		printf("%sok %d - core: %s: %lld sequences of up to %d events\n", failures > 0 ? "not " : "", i + 1,
		       policy_name, sequences, depth);
	}
	bool proves = kills_seen > 0 && hurries_seen > 0;
	printf("%sok %d - core: seen in them: %lld kills, %lld stops in a hurry\n", proves ? "" : "not ", count + 1,
	       kills_seen, hurries_seen);
	return all_held && proves ? 0 : 1;
}
