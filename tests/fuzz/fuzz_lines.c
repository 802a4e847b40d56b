/*
 * lull's output: each line of the log and of the report is one line, printable or a JSON object, whatever bytes the
 * names have. Input: some bytes for the events, then files as for world_add_files(), and words.
 */
#include <string.h>

#include "../../src/processes.h"
#include "../../src/report.h"
#include "../../src/shutdown_log.h"
#include "fuzz.h"
#include "world.h"

enum { LINE_MOST = 4096 };

/* All that was written since the last check. */
static void check_lines(enum log_format format, size_t lines)
{
	const char *at = world.output;
	const char *end = world.output + world.written;
	for (; at < end; lines--) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));
		demand(lines > 0 && stop != NULL, "a line has an end, and nothing comes behind the last");
		size_t length = (size_t)(stop - at);
		demand(length < LINE_MOST, "a line fits into a pipe");
		demand(format == LOG_JSON ? is_json_object(at, length) : is_printable(at, length),
		       "a line is printable, or one JSON object");
		at = stop + 1;
	}
	demand(lines == 0, "each has its line");
	world.written = 0;
}

/* Each phase starts when or after the one before it does. */
static void enter_phases(struct outcome *outcome, struct input *input)
{
	static const enum phase PHASES[] = {PHASE_DELAY, PHASE_STOPPING, PHASE_LINGER, PHASE_KILLED};
	unsigned which = input_byte(input);
	int64_t now_ms = world.now_ms;
	for (size_t i = 0; i < sizeof PHASES / sizeof PHASES[0]; i++) {
		now_ms += input_byte(input) * INT64_C(100);
		if (which >> i & 1)
			outcome->entered_ms[PHASES[i]] = now_ms;
	}
	outcome->entered_ms[PHASE_ENDED] = now_ms;
	outcome->stop_started_ms = world.now_ms;
	outcome->app_ended_in = which & 2 ? PHASE_STOPPING : PHASE_RUNNING;
	outcome->killed_externally = which & 64;
}

static void end_app(struct outcome *outcome, struct input *input)
{
	unsigned how = input_byte(input);
	outcome->app.kind = how & 1 ? REAPED_APP : REAPED_NOTHING;
	outcome->app.by_signal = how & 2;
	outcome->app.status = (int)(how & 2 ? 129 + how / 4 : input_byte(input));
	outcome->exit_status = (int)input_byte(input);
	outcome->killed = how & 4 ? 1 : 0;
	outcome->stop = (siginfo_t){.si_signo = how & 8 ? 15 : 0};
	outcome->stop.si_code = how & 16 ? SI_KERNEL : SI_USER;
	outcome->stop.si_pid = how & 32 ? 7 : 0;
}

static void check_report(struct log *log, struct input *input, const char *killed, struct reaped *app)
{
	struct outcome outcome;
	struct process sender;
	char names[SHUTDOWN_LOG_NAMES_SIZE];
	struct text text = text_in(names, sizeof names - 1);
	if (log->format == LOG_JSON) {
		text_add(&text, "[");
		(void)text_add_json(&text, killed, strlen(killed));
		text.size++;
		text_add(&text, "]");
	} else {
		text_add(&text, "%s", killed);
	}
	outcome_init(&outcome, names);
	end_app(&outcome, input);
	enter_phases(&outcome, input);
	process_name(outcome.stop.si_pid, &sender);
	memcpy(outcome.sender, sender.name, sizeof outcome.sender);
	report_outcome("/report", log, &outcome);
	*app = outcome.app;
	check_lines(log->format, 1);
}

/* A moment of a shutdown, with consistent times. */
static void begin_stop(struct lifecycle *lifecycle, struct policy *policy, unsigned how)
{
	static const char *const PLANS[] = {"5s/=/90s/KILL", "=", "QUIT/2s/KILL", "1h/TERM/RTMIN+3/1ms/INT"};
	char reason[64];
	struct text why = TEXT_IN(reason);
	*policy = (struct policy){.pre_stop = false};
	demand(plan_parse(&policy->plan, PLANS[how % 4], &why) == 0, "there is a plan");
	lifecycle_init(lifecycle, policy);
	lifecycle->stop_started_ms = world.now_ms;
	schedule_start(&lifecycle->schedule, &policy->plan, how & 4 ? 0 : 15, world.now_ms);
	lifecycle->phase = how & 8 ? PHASE_LINGER : PHASE_DELAY;
	lifecycle->kill_ms = world.now_ms + 1500;
	lifecycle->pre_stop_ms = how & 16 ? TIME_NEVER : world.now_ms + 5000;
	lifecycle->first_sent_ms = how & 32 ? world.now_ms : TIME_NEVER;
	lifecycle->app_exited_ms = how & 64 ? world.now_ms : TIME_NEVER;
}

static void check_narrated(struct log *log, unsigned how, const struct reaped *app)
{
	struct policy policy;
	struct lifecycle lifecycle;
	const siginfo_t info = {.si_signo = 15, .si_code = SI_USER, .si_pid = how & 128 ? 0 : 7};
	begin_stop(&lifecycle, &policy, how);
	struct process sender;
	process_name(info.si_pid, &sender);
	shutdown_log_stopping(log, &lifecycle, &info, sender.name, how & 64, 7, world.now_ms);
	shutdown_log_no_delay(log, 3);
	shutdown_log_killed_externally(log, 7);
	shutdown_log_stopped(log, &lifecycle, app, (int)(how & 3), (int)(how >> 2 & 3), world.now_ms);
	check_lines(log->format, 4);
	int denied = 0;
	int killed = shutdown_log_killing(log, &lifecycle, true, world.now_ms, NULL, &denied);
	check_lines(log->format, killed > 0 ? 1 : 0);
	lifecycle.first_sent_ms = world.now_ms;
	shutdown_log_running(log, &lifecycle, 0, world.now_ms);
	check_lines(log->format, world.written > 0 ? 1 : 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, data + size};
	struct log log;
	struct reaped app;
	world_begin();
	world.tick_ms = 200; /* the search without /proc reads the clock */
	unsigned how = input_byte(&input);
	struct helpers helpers = {.pids = {0}};
	char held[LOG_LINE_SIZE];
	log_init(&log, LOG_VERBOSE, input_byte(&input) & 1 ? LOG_JSON : LOG_TEXT, &helpers, held);
	struct input facts = {input.at, input.at + 9 < input.end ? input.at + 9 : input.end};
	input.at = facts.end;
	world_add("/report", "", 0);
	world_add_files((const char *)input.at, (size_t)(input.end - input.at));
	const char *word = input_rest(&input);
	log_line(&log, LOG_WARNING, "%s", word);
	check_lines(log.format, 1);
	report_failure("/report", &log, word, 125);
	check_lines(log.format, 1);
	check_report(&log, &facts, word, &app);
	check_narrated(&log, how, &app);
	world_end();
	input_free();
	return 0;
}
