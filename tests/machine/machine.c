/*
 * Walks the core exhaustively: each event, in each order, at each moment that matters, under each kind of plan. A
 * witness (witness.h) checks each step against lull.1. Prints TAP, with the number of steps.
 *
 *   machine              the named kinds and the plans of one step: seconds
 *   machine --deep       with a grid of times as well, and all plans of up to three steps: a minute on four processors
 *   machine --core       for mutants: no large kinds, no tree, and it stops at the first failure
 *   machine --words      for mutants of the grammar: only plans as texts
 *   machine --invariants prints the invariants of docs/development/testing.md
 *
 * The variable MACHINE can have the argument.
 */
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "judge.h"
#include "kinds.h"
#include "walk.h"
#include "words.h"

enum { GROUPS_MOST = 100, TASKS_MOST = 3000 };

/* A line of the result: one named kind, or all plans of N steps. */
struct group {
	int steps; /* 0: a named kind */
	int first; /* task */
	int tasks;
	struct effort effort;
};

/* Shared by all processes. */
struct board {
	atomic_int next;
	atomic_bool failed;
	struct result results[TASKS_MOST];
};

static struct plan_of_work {
	struct group groups[GROUPS_MOST];
	int count;
	int tasks;
	bool first_failure_is_enough; /* also: one process only */
	bool may_be_open;
} work;

static void add_group(int steps, int tasks, struct effort effort)
{
	work.groups[work.count++] =
		(struct group){.steps = steps, .first = work.tasks, .tasks = tasks, .effort = effort};
	work.tasks += tasks;
}

/* The first states of each kind are enough for most faults. */
static void plan_mutant_work(long long states)
{
	work.count = work.tasks = 0;
	for (int i = 0; i < kinds_named(); i++)
		add_group(0, !kind_named(i)->large, (struct effort){.states = states});
}

/* If states differ by the clock, there are more of them, and the grid is wider. */
static void plan_work(bool deep)
{
	for (int i = 0; i < kinds_named(); i++) {
		struct effort effort = {.states = 100000, .tree = 2, .random_walks = 50};
		if (deep)
			effort = (struct effort){.states = 500000, .tree = 2, .random_walks = 500, .grid_ms = 100};
		if (deep && kind_named(i)->start_ms > 0)
			effort.grid_ms = 500;
		if (kind_named(i)->plan.steps[0].wait_ms > 3600000)
			effort.grid_ms = 0;
		add_group(0, 1, effort);
	}
	struct effort effort = {.states = 100000, .random_walks = 10, .grid_ms = deep ? 250 : 0};
	add_group(1, kinds_generated(1), effort);
	if (!deep)
		return;
	add_group(2, kinds_generated(2), effort);
	effort.grid_ms = 0;
	add_group(3, kinds_generated(3), effort);
}

/* A fault may make the core loop forever. One kind takes much less time than this. */
static void set_time_limit(void)
{
	const struct itimerval limit = {.it_value = {.tv_sec = 3}};
	if (work.first_failure_is_enough)
		(void)setitimer(ITIMER_VIRTUAL, &limit, NULL);
}

static void do_task(struct result *result, int task)
{
	int at = 0;
	struct kind kind;
	while (task >= work.groups[at].first + work.groups[at].tasks)
		at++;
	const struct group *group = &work.groups[at];
	if (group->steps == 0)
		kind = *kind_named(at);
	else
		kind_generated(&kind, group->steps, task - group->first);
	set_time_limit();
	memset(invariants_tested, 0, sizeof invariants_tested);
	walk(&kind, &group->effort, result);
	memcpy(result->tested, invariants_tested, sizeof result->tested);
}

static void work_at(struct board *board)
{
	for (int task; (task = atomic_fetch_add(&board->next, 1)) < work.tasks;) {
		if (work.first_failure_is_enough && atomic_load(&board->failed))
			break;
		do_task(&board->results[task], task);
		if (board->results[task].failures > 0 || (board->results[task].open > 0 && !work.may_be_open))
			atomic_store(&board->failed, true);
	}
}

/* Returns false if a process did not exit by itself. */
static bool work_together(struct board *board, int jobs)
{
	bool all_well = true;
	(void)fflush(stdout);
	for (int i = 0; i < jobs; i++) {
		pid_t pid = fork();
		if (pid == 0) {
			(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
			work_at(board);
			_exit(0);
		}
		all_well = all_well && pid > 0;
	}
	for (int status; wait(&status) > 0;)
		all_well = all_well && status == 0;
	return all_well;
}

static void add_result(struct result *sum, const struct result *one)
{
	sum->plans += one->plans;
	sum->states += one->states;
	sum->steps += one->steps;
	sum->sequences += one->sequences;
	sum->depth = one->depth > sum->depth ? one->depth : sum->depth;
	sum->compared += one->compared;
	sum->kills += one->kills;
	sum->second_stops += one->second_stops;
	sum->open += one->open;
	sum->failures += one->failures;
	for (int i = 0; i < INVARIANTS; i++)
		sum->tested[i] += one->tested[i];
}

static int results;

static bool print_result(bool holds)
{
	printf("%sok %d - machine: ", holds ? "" : "not ", ++results);
	return holds;
}

static bool print_group(const struct board *board, const struct group *group, struct result *all)
{
	struct result sum = {.plans = 0};
	for (int task = group->first; task < group->first + group->tasks; task++) {
		printf("%s", board->results[task].failure);
		add_result(&sum, &board->results[task]);
	}
	add_result(all, &sum);
	bool held = print_result(sum.failures == 0 && (sum.open == 0 || work.may_be_open) && sum.plans == group->tasks);
	if (group->steps > 0)
		printf("all %d plans of %d step%s from a few waits and signals", group->tasks, group->steps,
		       group->steps > 1 ? "s" : "");
	else
		printf("%s", kind_named((int)(group - work.groups))->name);
	printf(": %lld states, no new one after %d events%s\n", sum.states, sum.depth,
	       sum.open > 0 ? ", and not all states were visited" : "");
	return held;
}

static bool print_all(const struct result *all)
{
	bool held = true;
	for (int i = 0; i < INVARIANTS; i++) {
		held &= print_result(all->tested[i] > 0);
		printf("%d. %s: checked %lld times\n", i + 1, INVARIANT_NAMES[i], all->tested[i]);
	}
	held &= print_result(all->kills > 0 && all->second_stops > 0);
	printf("%lld states in which SIGKILL was just sent, %lld after a second stop signal\n", all->kills,
	       all->second_stops);
	held &= print_result(all->compared > 0);
	printf("%lld sequences walked one by one, and each led where the graph does\n", all->compared);
	held &= print_result(all->states > 0);
	printf("%lld plans, %lld states, %lld events played; %.1e sequences of up to 20 events, and all longer ones\n",
	       all->plans, all->states, all->steps, all->sequences);
	return held;
}

static bool try_words(void)
{
	long long failures = 0;
	long long tried = words_try_all(&failures);
	bool held = print_result(failures == 0);
	printf("%lld plans as texts, accepted or rejected\n", tried);
	return held;
}

static bool try_judge(void)
{
	long long failures = 0;
	long long tried = judge_try_all(&failures);
	bool held = print_result(failures == 0);
	printf("%lld remaining processes and signals, judged by the rules of the manual\n", tried);
	return held;
}

static int print_invariants(void)
{
	for (int i = 0; i < INVARIANTS; i++)
		printf("%d. %s\n", i + 1, INVARIANT_NAMES[i]);
	return 0;
}

static bool walk_all(int jobs)
{
	struct result all = {.plans = 0};
	struct board *board = mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (board == MAP_FAILED)
		return print_result(false);
	bool held = work_together(board, jobs);
	for (int i = 0; i < work.count; i++)
		held &= print_group(board, &work.groups[i], &all);
	return held && (work.first_failure_is_enough || print_all(&all));
}

static bool walk_for_mutant(void)
{
	work.may_be_open = true;
	plan_mutant_work(150);
	if (!try_judge() || !walk_all(1))
		return false;
	work.may_be_open = false;
	plan_mutant_work(20000);
	return walk_all(1);
}

int main(int argc, char **argv)
{
	const char *by_make = getenv("MACHINE");
	const char *mode = argc > 1 ? argv[1] : by_make != NULL ? by_make : "";
	cpu_set_t processors;
	int jobs = sched_getaffinity(0, sizeof processors, &processors) == 0 ? CPU_COUNT(&processors) : 1;
	if (strcmp(mode, "--invariants") == 0)
		return print_invariants();
	if (strcmp(mode, "--words") == 0)
		return try_words() ? 0 : 1;
	work.first_failure_is_enough = strcmp(mode, "--core") == 0;
	if (work.first_failure_is_enough)
		return walk_for_mutant() ? 0 : 1;
	plan_work(strcmp(mode, "--deep") == 0);
	bool held = try_words() & try_judge() & walk_all(jobs);
	printf("1..%d\n", results);
	return held ? 0 : 1;
}
