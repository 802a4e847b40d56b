/*
 * The core under random events: the invariants of docs/development/testing.md hold, whatever comes and however late.
 * Nothing here is shared with tests/machine, which enumerates. Input: some bytes for the policy, then two for each
 * event: which one, and how long after the one before.
 */
#include <signal.h>
#include <string.h>

#include "../../src/lifecycle.h"
#include "../../src/signals.h"
#include "fuzz.h"

enum { SLACK_MS = 1000, GIVE_UP_MS = 2000, TURNS_MOST = 2000 };

/* The state outside the core. */
struct model {
	struct policy policy;
	struct lifecycle core;
	int64_t now_ms;
	int64_t begun_ms;  /* when the shutdown started; TIME_NEVER: none */
	int64_t late_ms;   /* when an event last came late; 0: never */
	int64_t exited_ms; /* when the app exited; TIME_NEVER: it runs */
	int64_t killed_ms; /* the first SIGKILL to all */
	int status;        /* the app's */
	int stop_signal;   /* the first stop signal, rewritten */
	int steps;         /* signals of the plan that went to the app */
	int pre_stops;
	bool shared;   /* the terminal sent the app the first signal of the plan */
	bool pre_stop; /* it runs */
	bool pre_stop_killed;
	bool remaining;
	bool exited_in_shutdown; /* the app exited during the shutdown */
	bool second_stop;
	int64_t first_ms; /* when the first step of the plan was taken; TIME_NEVER: not yet */
	bool named;       /* the running processes were logged */
	bool ended;
	struct dispositions app; /* of the app's signals */
	bool term_sent;
	bool replaced; /* it was sent SIGTERM instead of a signal without effect */
};

static const int64_t WAITS_MS[] = {0, 1, 250, 999, 1000, 1001, 2000, 4999, 5000, 10000, 90000, TIME_LONGEST_MS};
static const int SIGNALS[] = {PLAN_STOP_SIGNAL, SIGTERM, SIGQUIT, SIGTSTP, SIGCONT, SIGINT, SIGSTOP, 64};
static const int ARRIVING[] = {SIGTERM, SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGTSTP, SIGCONT, SIGWINCH, SIGUSR1, 64};

enum {
	WAITS_COUNT = sizeof WAITS_MS / sizeof WAITS_MS[0],
	SIGNALS_COUNT = sizeof SIGNALS / sizeof SIGNALS[0],
	ARRIVING_COUNT = sizeof ARRIVING / sizeof ARRIVING[0],
	DRAIN_FROM = 192, /* bytes of a step that is a drain */
	NO_SIGNAL_FROM = 224,
	READY_FROM = 160, /* bytes of a policy that keeps readiness for a while */
};

/* --- The policy --------------------------------------------------------------------------------------------------- */

static void make_plan(struct plan *plan, struct input *input)
{
	unsigned shape = input_byte(input);
	plan->count = 0;
	plan->fixed = shape % 8 == 0;
	int steps = plan->fixed ? 1 : 1 + (int)(shape / 8 % (PLAN_STEPS - 1));
	for (int i = 0; i < steps; i++) {
		unsigned kind = input_byte(input);
		int signo = plan->fixed ? PLAN_STOP_SIGNAL : SIGNALS[kind / WAITS_COUNT % SIGNALS_COUNT];
		bool waits_only = !plan->fixed && kind >= NO_SIGNAL_FROM && i < steps - 1;
		plan->steps[plan->count++] = (struct step){.wait_ms = WAITS_MS[kind % WAITS_COUNT],
		                                           .signo = waits_only ? PLAN_NO_SIGNAL : signo,
		                                           .kind = kind >= DRAIN_FROM ? STEP_DRAIN : STEP_WAIT};
	}
	if (plan->fixed || shape % 8 > 2)
		plan->steps[plan->count++] =
			(struct step){.wait_ms = WAITS_MS[input_byte(input) % WAITS_COUNT], .signo = SIGKILL};
	if (shape % 8 == 7)
		plan->steps[0] = plan->steps[--plan->count];
	if (plan->steps[0].signo == SIGKILL)
		plan->count = 1;
}

static void make_policy(struct policy *policy, struct input *input)
{
	unsigned bits = input_byte(input);
	unsigned more = input_byte(input);
	*policy = (struct policy){.stop_signals = SIGNAL_BIT(SIGTERM), .linger_ms = WAITS_MS[more % 8]};
	make_plan(&policy->plan, input);
	for (int signo = 1; signo < LIFECYCLE_SIGNALS; signo++)
		policy->rewrite[signo] = (uint8_t)signo;
	policy->stop_signals |= bits & 1 ? SIGNAL_BIT(SIGQUIT) | SIGNAL_BIT(64) : 0;
	policy->rewrite[SIGTERM] = (uint8_t)(bits & 2 ? (bits & 4 ? SIGKILL : SIGQUIT) : bits & 4 ? 0 : SIGTERM);
	policy->rewrite[SIGHUP] = bits & 8 ? 0 : SIGHUP;
	policy->pre_stop = bits & 16;
	policy->group = bits & 32;
	policy->stopped_ok = bits & 64;
	policy->success_exit[0] = bits & 128 ? 1U << 7 : 0;
	policy->abandon = more >> 3 & 1;
	policy->suspends = more >> 4 & 1;
	policy->job = (enum job)((more >> 5) % 3);
	policy->ready_for_ms = more >= READY_FROM ? WAITS_MS[more % 8] : 0;
}

/* It uses no byte of the input, so that old seeds keep their meaning. */
static void make_app(struct dispositions *app, const struct policy *policy)
{
	unsigned kind = (unsigned)(policy->plan.steps[0].wait_ms + policy->plan.count) % 4;
	app->ignored = kind == 1 ? SIGNAL_BIT(SIGQUIT) : kind == 2 ? SIGNAL_BIT(SIGQUIT) | SIGNAL_BIT(SIGTERM) : 0;
	app->caught = kind == 3 ? 0 : ~app->ignored;
}

/* --- Invariants --------------------------------------------------------------------------------------------------- */

static bool begins(const struct model *model, int signo)
{
	return model->policy.stop_signals >> (signo - 1) & 1;
}

static int step_signal(const struct model *model, int step)
{
	int signo = model->policy.plan.steps[step].signo;
	return signo == PLAN_STOP_SIGNAL ? model->stop_signal : signo == PLAN_NO_SIGNAL ? 0 : signo;
}

/* The step of the plan's first signal. */
static int first_signal(const struct plan *plan)
{
	int step = 0;
	while (plan->steps[step].signo == PLAN_NO_SIGNAL)
		step++;
	return step;
}

/* What may fall away of a step's wait: all of it if a second stop signal or the terminal ends it, and of a drain. */
static int64_t least_wait_ms(const struct model *model, int step)
{
	const struct plan *plan = &model->policy.plan;
	bool is_cut = (model->second_stop || model->shared) && step <= first_signal(plan);
	return is_cut || plan->steps[step].kind == STEP_DRAIN ? 0 : plan->steps[step].wait_ms;
}

/* When SIGKILL is due, counted from the stop signal: the plan's, or a stop signal that is rewritten to it. */
static int64_t kill_after_ms(const struct model *model)
{
	int64_t at_ms = 0;
	for (int i = 0; i < model->policy.plan.count; i++) {
		at_ms += model->policy.plan.steps[i].wait_ms;
		if (step_signal(model, i) == SIGKILL)
			return at_ms;
	}
	return TIME_NEVER;
}

/*
 * The shortest time of the plan: a second stop signal skips the waits before the first signal, and drains may end
 * early. In a plan with a fixed end this changes only the time of the first signal.
 */
static int64_t kill_earliest_ms(const struct model *model)
{
	const struct plan *plan = &model->policy.plan;
	int64_t at_ms = 0;
	for (int i = 0; i < plan->count; i++) {
		bool is_kill = step_signal(model, i) == SIGKILL;
		at_ms += plan->fixed && !is_kill ? plan->steps[i].wait_ms : least_wait_ms(model, i);
		if (is_kill)
			return model->begun_ms +
			       (plan->fixed && i <= first_signal(plan) && model->second_stop ? 0 : at_ms);
	}
	return TIME_NEVER;
}

/* The longest time: as planned, or what remains for each step if one was late. */
static int64_t kill_latest_ms(const struct model *model)
{
	const struct plan *plan = &model->policy.plan;
	int64_t at_ms = kill_after_ms(model);
	int64_t late_ms = model->late_ms;
	if (at_ms == TIME_NEVER)
		return TIME_NEVER;
	for (int i = 0; i < plan->count; i++) {
		late_ms += plan->steps[i].wait_ms < SLACK_MS ? plan->steps[i].wait_ms : SLACK_MS;
		if (step_signal(model, i) == SIGKILL)
			break;
	}
	return model->begun_ms + at_ms > late_ms ? model->begun_ms + at_ms : late_ms;
}

static void check_kill(struct model *model)
{
	bool immediately = model->exited_ms != TIME_NEVER && model->policy.linger_ms == 0;
	if (model->killed_ms != TIME_NEVER)
		return;
	model->killed_ms = model->now_ms;
	if (immediately)
		return;
	bool by_plan = model->begun_ms != TIME_NEVER && model->now_ms >= kill_earliest_ms(model);
	bool by_linger = model->exited_ms != TIME_NEVER && !model->exited_in_shutdown &&
	                 model->now_ms >= model->exited_ms + model->policy.linger_ms;
	demand(by_plan || by_linger, "no SIGKILL before its time");
}

/* Has the signal an effect on the app? signal(7). */
static bool has_effect(const struct model *model, int signo)
{
	bool survived = signo == SIGTSTP || signo == SIGSTOP;
	bool caught = model->app.caught >> (signo - 1) & 1;
	return !(model->app.ignored >> (signo - 1) & 1) && (caught || !survived);
}

/* The signal that the app gets for a step of the plan. */
static int sent_signal(const struct model *model, int step)
{
	int signo = step_signal(model, step);
	bool as_it_is = model->policy.group || model->policy.abandon || model->term_sent;
	return signo == 0 || as_it_is || has_effect(model, signo) ? signo : SIGTERM;
}

/* The plan's next signal to the app, without those that a rewrite drops. */
static void check_step(struct model *model, int signo)
{
	const struct plan *plan = &model->policy.plan;
	demand(model->begun_ms != TIME_NEVER, "no signal of the plan without a stop");
	while (model->steps < plan->count && step_signal(model, model->steps) == 0)
		model->steps++;
	demand(model->steps < plan->count && sent_signal(model, model->steps) == signo,
	       "the plan's signals in order, each once");
	demand(model->steps > first_signal(plan) || !model->pre_stop || model->pre_stop_killed || model->second_stop,
	       "the first signal waits for the pre-stop program");
	int64_t earliest_ms = model->begun_ms;
	for (int i = 0; i <= model->steps; i++)
		earliest_ms += least_wait_ms(model, i);
	demand(plan->fixed || model->now_ms >= earliest_ms, "no signal of the plan before its time");
	model->replaced |= sent_signal(model, model->steps) != step_signal(model, model->steps);
	model->term_sent |= signo == SIGTERM;
	model->steps++;
}

static void check_forward(const struct model *model, const struct event *event, int signo)
{
	demand(event->kind == EVENT_SIGNAL && signo != 0 && signo == model->policy.rewrite[event->signo],
	       "a forwarded signal has arrived, and is rewritten");
	demand(!event->shared || signo != event->signo, "what the terminal gave is not given again");
}

static int expected_status(const struct model *model)
{
	const struct plan *plan = &model->policy.plan;
	if (model->exited_ms == TIME_NEVER)
		return 128 + SIGKILL;
	if (model->policy.success_exit[model->status / 64] >> model->status % 64 & 1)
		return 0;
	for (int i = 0; model->policy.stopped_ok && model->exited_in_shutdown && i < plan->count; i++) {
		int signo = step_signal(model, i);
		if (signo != 0 && signo != SIGKILL && model->status == 128 + signo)
			return 0;
	}
	bool by_term = model->replaced && model->status == 128 + SIGTERM;
	if (model->policy.stopped_ok && model->exited_in_shutdown && by_term)
		return 0;
	return model->status;
}

static void check_exit(struct model *model, int status)
{
	bool waited = model->killed_ms != TIME_NEVER && model->now_ms >= model->killed_ms + GIVE_UP_MS;
	bool leaves = model->policy.abandon || model->policy.linger_ms == 0;
	model->ended = true;
	demand(status == expected_status(model), "the status is the app's");
	demand(model->exited_ms != TIME_NEVER || waited, "lull does not exit before the app, except 2 s after SIGKILL");
	demand(!model->remaining || leaves || waited, "lull does not exit before remaining processes");
}

static void check_app_action(const struct model *model, enum action_kind kind)
{
	bool to_app = kind == ACTION_FORWARD || kind == ACTION_SIGNAL_APP || kind == ACTION_CONTINUE_APP ||
	              kind == ACTION_SUSPEND;
	demand(!to_app || model->exited_ms == TIME_NEVER, "nothing is signalled after it was reaped");
	demand(!model->ended, "nothing is done after the end");
}

static void check_action(struct model *model, const struct event *event, const struct action *action)
{
	check_app_action(model, action->kind);
	switch (action->kind) {
	case ACTION_FORWARD:
		check_forward(model, event, action->signo);
		demand(!begins(model, event->signo) || model->first_ms != TIME_NEVER,
		       "the stop signal is sent once for the first request");
		break;
	case ACTION_SIGNAL_APP:
		check_step(model, action->signo);
		break;
	case ACTION_FORWARD_REMAINING:
		demand(event->kind == EVENT_SIGNAL && action->signo == model->policy.rewrite[event->signo] &&
		               action->signo != 0,
		       "a forwarded signal has arrived");
		demand(model->exited_ms != TIME_NEVER, "processes remain only after the app has exited");
		break;
	case ACTION_SIGNAL_REMAINING:
		demand(event->kind == EVENT_APP_EXITED && model->remaining && action->signo > 0,
		       "remaining processes get one signal");
		break;
	case ACTION_KILL_ALL:
		check_kill(model);
		break;
	case ACTION_KILL_CHILDREN:
		demand(model->killed_ms != TIME_NEVER, "orphans are killed after SIGKILL");
		break;
	case ACTION_START_PRE_STOP:
		demand(++model->pre_stops == 1 && model->policy.pre_stop, "the pre-stop program is started once");
		model->pre_stop = true;
		break;
	case ACTION_KILL_PRE_STOP:
		demand(model->pre_stop && !model->pre_stop_killed && model->killed_ms == TIME_NEVER,
		       "only a pre-stop program that runs is killed, and once");
		model->pre_stop_killed = true;
		break;
	case ACTION_EXIT:
		check_exit(model, action->status);
		break;
	case ACTION_LOG_RUNNING:
		demand(!model->named && model->begun_ms != TIME_NEVER, "what still runs is named once");
		model->named = true;
		break;
	case ACTION_CONTINUE_APP:
	case ACTION_SUSPEND:
	case ACTION_LOG_STOPPING:
	case ACTION_LOG_NO_DELAY:
	case ACTION_LOG_REPLACED:
	case ACTION_LOG_IGNORED:
	case ACTION_LOG_KILLING:
		break;
	}
}

/* When SIGKILL must be sent at the latest; TIME_NEVER: there is no process to kill. */
static int64_t limit_ms(const struct model *model)
{
	if (model->killed_ms != TIME_NEVER)
		return TIME_NEVER;
	if (model->exited_ms != TIME_NEVER && !model->exited_in_shutdown)
		return model->remaining ? model->exited_ms + model->policy.linger_ms : TIME_NEVER;
	bool waits = model->exited_ms == TIME_NEVER || model->remaining;
	return waits && model->begun_ms != TIME_NEVER ? kill_latest_ms(model) : TIME_NEVER;
}

/* What holds between two events. */
static void check_rest(struct model *model, enum phase before)
{
	const struct lifecycle *core = &model->core;
	int64_t deadline_ms = lifecycle_deadline_ms(core);
	demand(core->phase >= before, "phases only advance");
	demand((core->phase == PHASE_ENDED) == model->ended, "there is an action for the exit");
	if (model->ended)
		return;
	demand(deadline_ms > model->now_ms, "a deadline is never in the past: no busy loop");
	demand(model->now_ms < limit_ms(model), "SIGKILL by its time, always");
	if (core->phase >= PHASE_STOPPING && model->first_ms == TIME_NEVER)
		model->first_ms = model->now_ms;
	demand(core->phase != PHASE_STOPPING || model->named || model->now_ms < model->first_ms + LIFECYCLE_NOTICE_MS,
	       "what still runs is named in time");
}

/* --- Events ------------------------------------------------------------------------------------------------------- */

/* What follows from an event before the core gets it. */
static void note(struct model *model, const struct event *event)
{
	if (event->kind == EVENT_APP_EXITED) {
		model->exited_ms = model->now_ms;
		model->status = event->status;
		model->remaining = !event->childless;
		model->exited_in_shutdown = model->begun_ms != TIME_NEVER;
	}
	if (event->kind == EVENT_CHILDLESS)
		model->remaining = false;
	if (event->kind != EVENT_SIGNAL || !begins(model, event->signo) || model->killed_ms != TIME_NEVER)
		return;
	if (model->begun_ms != TIME_NEVER) {
		model->second_stop = model->second_stop || model->now_ms - model->begun_ms >= LIFECYCLE_DUPLICATE_MS;
		return;
	}
	model->begun_ms = model->now_ms;
	model->stop_signal = model->policy.rewrite[event->signo];
	model->shared = event->shared && model->stop_signal == event->signo && model->exited_ms == TIME_NEVER &&
	                model->policy.plan.steps[first_signal(&model->policy.plan)].signo == PLAN_STOP_SIGNAL;
	model->steps = model->shared ? first_signal(&model->policy.plan) + 1 : 0;
	model->first_ms = model->shared ? model->now_ms : TIME_NEVER;
}

static void happen(struct model *model, const struct event *event, int64_t now_ms)
{
	struct actions actions;
	enum phase before = model->core.phase;
	if (now_ms > lifecycle_deadline_ms(&model->core))
		model->late_ms = now_ms;
	model->now_ms = now_ms;
	note(model, event);
	struct event with_app = *event;
	with_app.app = model->app;
	lifecycle_step(&model->core, &with_app, now_ms, &actions);
	demand(actions.count >= 0 && actions.count < ACTIONS_MAX, "there is room for all that is to be done");
	for (int i = 0; i < actions.count; i++)
		check_action(model, event, &actions.list[i]);
	check_rest(model, before);
}

/* How long after the last event: mostly near a deadline. */
static int64_t moment(const struct model *model, unsigned byte)
{
	int64_t deadline_ms = lifecycle_deadline_ms(&model->core);
	bool drains = lifecycle_readiness(&model->core) == READINESS_DRAINING;
	bool kept = model->begun_ms != TIME_NEVER && model->exited_ms == TIME_NEVER && model->killed_ms == TIME_NEVER &&
	            model->now_ms - model->begun_ms < model->policy.ready_for_ms;
	demand(drains == (model->begun_ms != TIME_NEVER && !kept),
	       "readiness is draining from the start of the shutdown on, or after --ready-for");
	bool none = deadline_ms == TIME_NEVER;
	switch (byte % 8) {
	case 0:
		return model->now_ms;
	case 1:
		return none ? model->now_ms : deadline_ms - 1;
	case 2:
		return none ? model->now_ms + 1 : deadline_ms;
	case 3:
		return (none ? model->now_ms : deadline_ms) + 1 + byte / 8 * 60;
	case 4:
		return (none ? model->now_ms : deadline_ms) + 600000;
	default:
		return model->now_ms + WAITS_MS[byte / 8 % (WAITS_COUNT - 1)];
	}
}

/* Impossible events are skipped: no process exits twice, and EVENT_CHILDLESS needs that there is no child. */
static bool is_possible(const struct model *model, const struct event *event)
{
	bool runs = model->exited_ms == TIME_NEVER;
	switch (event->kind) {
	case EVENT_APP_EXITED:
	case EVENT_APP_STOPPED:
	case EVENT_APP_CONTINUED:
		return runs;
	case EVENT_CHILDLESS:
		return !runs && !model->pre_stop;
	case EVENT_SIGNAL:
	case EVENT_ORPHAN_EXITED:
	case EVENT_DRAINED:
	case EVENT_TIME:
		break;
	}
	return true;
}

static struct event make_event(const struct model *model, unsigned byte)
{
	static const int STOPPING[] = {SIGTSTP, SIGSTOP, SIGTTIN, SIGTTOU};
	static const int STATUS[] = {0, 7, 143, 137, 131, 192, 255, 1};
	unsigned kind = byte >> 1 & 7;
	struct event event = {.kind = byte & 1 ? EVENT_SIGNAL : kind < EVENT_TIME ? (enum event_kind)kind : EVENT_TIME};
	unsigned detail = byte >> 4;
	event.signo =
		event.kind == EVENT_APP_STOPPED ? STOPPING[detail % 4] : ARRIVING[(byte >> 1 & 15) % ARRIVING_COUNT];
	event.status = STATUS[detail % 8];
	event.outside = event.kind == EVENT_SIGNAL && byte >> 5 & 1;
	event.shared = event.kind == EVENT_SIGNAL && model->policy.job == JOB_PROMPT && byte >> 6 & 1;
	event.childless = event.kind == EVENT_APP_EXITED && detail >> 3 && !model->pre_stop;
	return event;
}

/* The pre-stop program exits, or could not be started: the supervisor reports that before anything else. */
static void end_pre_stop(struct model *model, enum event_kind next, int64_t now_ms)
{
	const struct event event = {.kind = next};
	if (now_ms > lifecycle_deadline_ms(&model->core))
		model->late_ms = now_ms;
	model->pre_stop = false;
	lifecycle_pre_stop_ended(&model->core);
	happen(model, &event, now_ms);
}

/* If only time passes, each shutdown that has a SIGKILL ends, and each wait for remaining processes. */
static void run_out(struct model *model)
{
	const struct event time = {.kind = EVENT_TIME};
	int64_t from_ms = model->now_ms;
	bool ends = model->killed_ms != TIME_NEVER ||
	            (model->begun_ms != TIME_NEVER && kill_after_ms(model) != TIME_NEVER) ||
	            (model->exited_ms != TIME_NEVER && model->begun_ms == TIME_NEVER);
	int turns = 0;
	while (!model->ended && turns++ < TURNS_MOST && lifecycle_deadline_ms(&model->core) != TIME_NEVER)
		happen(model, &time, lifecycle_deadline_ms(&model->core));
	demand(turns < TURNS_MOST, "an idle lull does not wake up for ever");
	demand(!ends || model->ended, "a stop always ends");
	demand(!ends || model->now_ms <= from_ms + PLAN_STEPS * TIME_LONGEST_MS + GIVE_UP_MS, "and in time");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const int64_t STARTS_MS[] = {0, 1, 1000000, INT64_C(1) << 40, INT64_MAX / 2};
	struct input input = {data, data + size};
	struct model model = {
		.begun_ms = TIME_NEVER, .exited_ms = TIME_NEVER, .killed_ms = TIME_NEVER, .first_ms = TIME_NEVER};
	make_policy(&model.policy, &input);
	make_app(&model.app, &model.policy);
	model.now_ms = STARTS_MS[input_byte(&input) % (sizeof STARTS_MS / sizeof STARTS_MS[0])];
	lifecycle_init(&model.core, &model.policy);
	while (input.at < input.end && !model.ended) {
		unsigned what = input_byte(&input);
		struct event event = make_event(&model, what);
		int64_t now_ms = moment(&model, input_byte(&input));
		bool started = model.pre_stops > 0;
		if (model.pre_stop && (what & 15) == 14)
			end_pre_stop(&model, EVENT_ORPHAN_EXITED, now_ms);
		else if (is_possible(&model, &event))
			happen(&model, &event, now_ms);
		if (!started && model.pre_stops > 0 && input.at < input.end && *input.at >= 240)
			end_pre_stop(&model, EVENT_TIME, model.now_ms);
	}
	run_out(&model);
	return 0;
}
