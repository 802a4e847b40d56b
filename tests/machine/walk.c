/*
 * The walks over all states of the core. See walk.h.
 */
#include "walk.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_WORDS = 48, PATH_MOST = 4096, RANDOM_WALK_EVENTS = 40, HAPPENINGS_MOST = 40, FAILURES_SHOWN = 3 };

/* --- Equality of states ------------------------------------------------------------------------------------------ */

struct key {
	uint64_t low;
	uint64_t high;
};

struct words {
	int64_t list[KEY_WORDS];
	int count;
};

static void add(struct words *words, int64_t word)
{
	words->list[words->count++] = word;
}

static int64_t clamp(int64_t word, int64_t least, int64_t most)
{
	return word < least ? least : word > most ? most : word;
}

/* Relative to the current time. */
static void add_time(struct words *words, int64_t now_ms, int64_t time_ms)
{
	add(words, time_ms == TIME_NEVER ? TIME_NEVER : time_ms - now_ms);
}

/* The age of a shutdown counts up to a second, and after SIGKILL not at all. */
static void add_age(struct words *words, int64_t now_ms, int64_t begun_ms, enum phase phase)
{
	int64_t most_ms = phase == PHASE_KILLED ? 0 : 1000;
	add(words, begun_ms == TIME_NEVER ? TIME_NEVER : clamp(now_ms - begun_ms, 0, most_ms));
}

/* A planned time has no effect if the steps after it are overdue as well. */
static void add_planned(struct words *words, const struct plan *plan, int step, int64_t now_ms, int64_t planned_ms)
{
	int64_t ahead_ms = 0;
	for (int i = step + 1; i < plan->count; i++)
		ahead_ms = plus(ahead_ms, plan->steps[i].wait_ms);
	add(words, planned_ms == TIME_NEVER ? TIME_NEVER : clamp(planned_ms - now_ms, -ahead_ms, TIME_NEVER - 1));
}

static void add_core(struct words *words, const struct lifecycle *core, int64_t now_ms)
{
	enum phase phase = core->phase;
	bool in_plan = phase == PHASE_DELAY || phase == PHASE_STOPPING;
	add(words, phase);
	add(words, core->status);
	add(words, core->schedule.stop_signal);
	add(words, (int64_t)(phase < PHASE_LINGER && core->app_stopped) | (int64_t)core->exited_in_shutdown << 1 |
	                   (int64_t)(phase == PHASE_RUNNING && core->no_delay_logged) << 2 |
	                   (int64_t)(phase < PHASE_KILLED && core->second_stop) << 3 | (int64_t)core->replaced << 4 |
	                   (int64_t)(phase < PHASE_LINGER && core->term_sent) << 5);
	add_age(words, now_ms, core->stop_started_ms, phase);
	if (phase < PHASE_LINGER) {
		add(words, core->last_sent);
		add(words, core->group_had_it);
	}
	if (in_plan) {
		add(words, core->schedule.next);
		add_time(words, now_ms, core->schedule.due_ms);
		if (core->schedule.next < core->policy->plan.count)
			add_planned(words, &core->policy->plan, core->schedule.next, now_ms, core->schedule.planned_ms);
	}
	if (phase == PHASE_LINGER || phase == PHASE_KILLED)
		add_time(words, now_ms, core->kill_ms);
	if (phase == PHASE_KILLED)
		add_time(words, now_ms, core->kill_again_ms);
	if (phase < PHASE_KILLED) {
		add_time(words, now_ms, core->notice_ms);
		add_time(words, now_ms, core->pre_stop_ms);
		add_time(words, now_ms, core->ready_until_ms);
	}
}

static void add_witness(struct words *words, const struct witness *witness)
{
	enum phase phase = witness_phase(witness);
	int64_t now_ms = witness->now_ms;
	bool in_plan = phase == PHASE_DELAY || phase == PHASE_STOPPING;
	add(words, phase);
	add(words, witness->status);
	add(words, witness->began_with);
	add(words, (int64_t)witness->pre_stop);
	add(words, (int64_t)witness->stopped | (int64_t)witness->exited_in_shutdown << 1 |
	                   (int64_t)witness->children << 2 |
	                   (int64_t)(phase == PHASE_RUNNING && witness->no_delay_logged) << 3 |
	                   (int64_t)(phase < PHASE_KILLED && witness->second_stop) << 4 |
	                   (int64_t)witness->killing_logged << 5 | (int64_t)witness->replaced << 6 |
	                   (int64_t)(phase < PHASE_LINGER && witness->term_sent) << 7);
	add_age(words, now_ms, witness->begun_ms, phase);
	if (phase < PHASE_LINGER) {
		add(words, witness->last_sent);
		add(words, witness->group_had_it);
		add_time(words, now_ms, witness->exact_kill_ms);
	}
	if (in_plan) {
		add(words, witness->steps);
		add_time(words, now_ms, witness->due_ms);
		if (witness->steps < witness->policy->plan.count)
			add_planned(words, &witness->policy->plan, witness->steps, now_ms, witness->planned_ms);
	}
	if (phase == PHASE_LINGER)
		add_time(words, now_ms, witness->kill_due_ms);
	if (phase == PHASE_KILLED) {
		add_time(words, now_ms, witness->killed_ms);
		add_time(words, now_ms, witness->kill_again_ms);
	}
	if (phase < PHASE_KILLED) {
		add_time(words, now_ms, witness->notice_ms);
		add_time(words, now_ms, witness->ready_until_ms);
		if (witness->pre_stop == PRE_STOP_RUNS)
			add_time(words, now_ms, witness->pre_stop_until_ms);
	}
}

static uint64_t mix(uint64_t hash, uint64_t word)
{
	hash = (hash ^ word) * UINT64_C(0xff51afd7ed558ccd);
	return hash ^ hash >> 32;
}

/* A hash of the state. All ended states have the same. `absolute`: states with different clocks are different. */
static struct key key(const struct state *state, bool absolute)
{
	struct words words = {.count = 0};
	if (!state->witness.ended) {
		add_core(&words, &state->core, state->witness.now_ms);
		add_witness(&words, &state->witness);
		add(&words, absolute ? state->witness.now_ms : 0);
	}
	struct key key = {.low = 1, .high = 2};
	for (int i = 0; i < words.count; i++) {
		key.low = mix(key.low, (uint64_t)words.list[i]);
		key.high = mix(key.high, (uint64_t)words.list[i] * UINT64_C(0x9e3779b97f4a7c15) + (uint64_t)i);
	}
	return key;
}

/* --- The graph --------------------------------------------------------------------------------------------------- */

struct edge {
	uint32_t to;
	uint32_t times;
};

/* A known state, the event that led to it, and its successors. */
struct node {
	struct key key;
	uint64_t sign; /* a hash of all actions and states that follow, in any order */
	int64_t moment_ms;
	uint32_t from;
	uint32_t first_edge;
	uint16_t depth;
	uint8_t happening;
};

struct graph {
	struct node *nodes;
	struct state *states; /* of each node; used only until the node is expanded */
	struct edge *edges;
	uint32_t *table;
	uint32_t table_size;
	uint32_t count;
	uint32_t most;
	size_t edge_count;
	size_t edge_size;
};

static struct walk {
	const struct kind *kind;
	struct result *result;
	struct graph graph;
	bool absolute;
	int64_t grid_ms;
	/* The position of the walk, for the message about a failure. */
	uint32_t at;
	bool in_graph;
	int path_length;
	uint8_t happenings[PATH_MOST];
	int64_t moments_ms[PATH_MOST];
} now; /* static, because broken() has no argument for it */

/* Adds text to the message about a failure. */
static void add_text(const char *format, const char *text, long long number)
{
	size_t length = strlen(now.result->failure);
	(void)snprintf(now.result->failure + length, sizeof now.result->failure - length, format, text, number);
}

static void add_path_to(uint32_t at, int left)
{
	const struct node *node = &now.graph.nodes[at];
	if (at == 0 || left == 0)
		return;
	add_path_to(node->from, left - 1);
	add_text(" %s (%lld);", world_happening_name(node->happening), (long long)node->moment_ms);
}

void broken(enum invariant invariant, const char *how)
{
	if (++now.result->failures > FAILURES_SHOWN)
		return;
	add_text("# %s: %lld. ", now.kind->name, invariant + 1LL);
	add_text("%s: ", INVARIANT_NAMES[invariant], 0);
	add_text("%s; after:", how, 0);
	if (now.in_graph)
		add_path_to(now.at, 30);
	for (int i = 0; i < now.path_length; i++)
		add_text(" %s (%lld);", world_happening_name(now.happenings[i]), (long long)now.moments_ms[i]);
	add_text("%s\n", "", 0);
}

/* Returns the key's entry in the table: a node's number + 1, or 0 if there is none yet. */
static uint32_t *place(struct key key)
{
	uint32_t at = (uint32_t)key.high & (now.graph.table_size - 1);
	for (;; at = (at + 1) & (now.graph.table_size - 1)) {
		uint32_t *found = &now.graph.table[at];
		if (*found == 0)
			return found;
		const struct key *there = &now.graph.nodes[*found - 1].key;
		if (there->low == key.low && there->high == key.high)
			return found;
	}
}

/* Checks that a shutdown and a wait for remaining processes end if only time passes. */
static void check_end(struct state state)
{
	bool must_end = witness_must_end(&state.witness);
	for (int i = 0; i < 200 && !state.witness.ended && witness_wake_ms(&state.witness) != TIME_NEVER; i++) {
		if (now.in_graph && i > 0 && *place(key(&state, now.absolute)) != 0)
			return;
		world_time_passes(&state);
	}
	invariants_tested[ENDS]++;
	if (must_end && !state.witness.ended)
		broken(ENDS, "no end");
}

static uint32_t find(const struct state *state, uint32_t from, int happening, int64_t moment_ms)
{
	struct graph *graph = &now.graph;
	struct key its_key = key(state, now.absolute);
	uint32_t *found = place(its_key);
	if (*found != 0 || graph->count == graph->most)
		return *found != 0 ? *found - 1 : UINT32_MAX;
	uint32_t number = graph->count++;
	graph->nodes[number] = (struct node){.key = its_key,
	                                     .from = from,
	                                     .happening = (uint8_t)happening,
	                                     .moment_ms = moment_ms,
	                                     .depth = (uint16_t)(from == number ? 0 : graph->nodes[from].depth + 1)};
	graph->states[number] = *state;
	*found = number + 1;
	return number;
}

/* Calls `next` for each event that is possible in the state, at each time. */
static void expand(const struct state *state,
                   void (*next)(const struct state *, int happening, int64_t moment_ms, uint64_t done, void *data),
                   void *data)
{
	int64_t moments_ms[WORLD_MOMENTS];
	int moments = world_moments(&state->witness, moments_ms, now.grid_ms);
	if (state->witness.ended)
		return;
	for (int happening = 0; happening < world_happenings(); happening++) {
		if (!world_is_possible(&state->witness, happening))
			continue;
		for (int i = 0; i < moments; i++) {
			struct state after = *state;
			int64_t moment_ms = moments_ms[i] - state->witness.now_ms;
			now.happenings[now.path_length] = (uint8_t)happening;
			now.moments_ms[now.path_length++] = moment_ms;
			uint64_t done = world_happens(&after, happening, moments_ms[i]);
			now.result->steps++;
			next(&after, happening, moment_ms, done, data);
			now.path_length--;
		}
	}
}

/* A hash of the event, the core's actions, and the next state. */
static uint64_t sign(struct key its_key, int happening, int64_t moment_ms, uint64_t done)
{
	return mix(mix(mix(mix(its_key.low, its_key.high), (uint64_t)happening), (uint64_t)moment_ms), done);
}

static void add_edge(uint32_t from, uint32_t to)
{
	struct graph *graph = &now.graph;
	for (size_t i = graph->nodes[from].first_edge; i < graph->edge_count; i++) {
		if (graph->edges[i].to == to) {
			graph->edges[i].times++;
			return;
		}
	}
	if (graph->edge_count == graph->edge_size) {
		graph->edge_size = 2 * graph->edge_size + 1024;
		graph->edges = realloc(graph->edges, graph->edge_size * sizeof *graph->edges);
		if (graph->edges == NULL)
			abort();
	}
	graph->edges[graph->edge_count++] = (struct edge){.to = to, .times = 1};
}

static void into_graph(const struct state *after, int happening, int64_t moment_ms, uint64_t done, void *data)
{
	(void)data;
	uint32_t before = now.graph.count;
	uint32_t to = find(after, now.at, happening, moment_ms);
	now.graph.nodes[now.at].sign += sign(key(after, now.absolute), happening, moment_ms, done);
	if (to == UINT32_MAX)
		return;
	if (now.graph.count > before)
		check_end(*after);
	add_edge(now.at, to);
}

static void count_state(const struct state *state)
{
	now.result->kills += state->witness.killed_ms == state->witness.now_ms;
	now.result->second_stops += state->witness.second_stop && !state->witness.ended;
}

static bool walk_graph(const struct state *begin)
{
	struct graph *graph = &now.graph;
	now.in_graph = true;
	(void)find(begin, 0, 0, 0);
	for (now.at = 0; now.at < graph->count; now.at++) {
		graph->nodes[now.at].first_edge = (uint32_t)graph->edge_count;
		count_state(&graph->states[now.at]);
		expand(&graph->states[now.at], into_graph, NULL);
		if (now.result->failures > 0)
			break;
	}
	graph->nodes[graph->count].first_edge = (uint32_t)graph->edge_count;
	now.in_graph = false;
	return graph->count < graph->most;
}

/* Returns the number of sequences of up to `depth` events. An edge counts once for each event that leads along it. */
static double count_sequences(int depth)
{
	const struct graph *graph = &now.graph;
	double *ways = calloc(graph->count, sizeof *ways);
	double *then = calloc(graph->count, sizeof *then);
	double sum = 1;
	if (ways == NULL || then == NULL)
		abort();
	ways[0] = 1;
	for (int length = 0; length < depth; length++) {
		memset(then, 0, graph->count * sizeof *then);
		for (uint32_t from = 0; from < graph->count; from++)
			for (size_t i = graph->nodes[from].first_edge;
			     ways[from] > 0 && i < graph->nodes[from + 1].first_edge; i++)
				then[graph->edges[i].to] += ways[from] * graph->edges[i].times;
		for (uint32_t to = 0; to < graph->count; to++)
			sum += then[to];
		double *swap = ways;
		ways = then;
		then = swap;
	}
	free(ways);
	free(then);
	return sum;
}

/* --- The tree, and random walks ---------------------------------------------------------------------------------- */

static void into_sum(const struct state *after, int happening, int64_t moment_ms, uint64_t done, void *data)
{
	*(uint64_t *)data += sign(key(after, now.absolute), happening, moment_ms, done);
}

/* The state was reached by other events, at another time. It must be in the graph, with the same successors. */
static void compare(const struct state *state)
{
	uint32_t known = *place(key(state, now.absolute));
	uint64_t sum = 0;
	if (now.result->failures > 0)
		return;
	expand(state, into_sum, &sum);
	if (known == 0)
		broken(REPORTED, "the walk itself: a state that the graph does not have");
	else if (sum != now.graph.nodes[known - 1].sign)
		broken(REPORTED, "the walk itself: two different states have one key");
}

static void into_tree(const struct state *after, int happening, int64_t moment_ms, uint64_t done, void *data)
{
	(void)happening;
	(void)moment_ms;
	(void)done;
	int left = *(int *)data - 1;
	now.result->compared++;
	if (after->witness.ended || now.result->failures > 0)
		return;
	if (left == 0)
		compare(after);
	else
		expand(after, into_tree, &left);
}

static uint64_t draw(uint64_t *seed)
{
	*seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return *seed >> 33;
}

/* Long random sequences, without the graph. */
static void walk_randomly(const struct state *begin, uint64_t *seed)
{
	struct state state = *begin;
	for (int i = 0; i < RANDOM_WALK_EVENTS && !state.witness.ended && now.result->failures == 0; i++) {
		int64_t moments_ms[WORLD_MOMENTS];
		int moments = world_moments(&state.witness, moments_ms, now.grid_ms);
		int happening = (int)(draw(seed) % (uint64_t)world_happenings());
		int64_t moment_ms = moments_ms[draw(seed) % (uint64_t)moments];
		bool ends = happening >= 20 && happening <= 23; /* the app's exit: rarely, to get long sequences */
		if (!world_is_possible(&state.witness, happening) || (ends && draw(seed) % 4 != 0))
			continue;
		now.happenings[now.path_length] = (uint8_t)happening;
		now.moments_ms[now.path_length++] = moment_ms - state.witness.now_ms;
		(void)world_happens(&state, happening, moment_ms);
		compare(&state);
	}
	now.result->compared++;
	now.path_length = 0;
}

/* --- All statuses ------------------------------------------------------------------------------------------------ */

/* Tries each of the 256 statuses, before and during a shutdown, with and without remaining processes. */
static void try_statuses(const struct state *begin)
{
	for (int way = 0; way < 4 * 256; way++) {
		struct state state = *begin;
		if (way % 2 == 1)
			(void)world_happens(&state, WORLD_STOP, state.witness.now_ms);
		world_app_ends(&state, way / 4, way / 2 % 2 == 1);
		if (!state.witness.ended)
			broken(EXITS, "the app has exited and no process remains");
	}
}

/* --- All of it --------------------------------------------------------------------------------------------------- */

static void graph_init(struct graph *graph, long long most)
{
	*graph = (struct graph){.most = (uint32_t)most, .table_size = 1};
	while (graph->table_size < 2 * graph->most)
		graph->table_size *= 2;
	graph->nodes = malloc((graph->most + 1ULL) * sizeof *graph->nodes);
	graph->states = malloc((graph->most + 1ULL) * sizeof *graph->states);
	graph->table = calloc(graph->table_size, sizeof *graph->table);
	if (graph->nodes == NULL || graph->states == NULL || graph->table == NULL)
		abort();
}

static void graph_free(struct graph *graph)
{
	free(graph->nodes);
	free(graph->states);
	free(graph->edges);
	free(graph->table);
}

void walk(const struct kind *kind, const struct effort *effort, struct result *result)
{
	struct {
		struct step before; /* an access before the plan would change the result */
		struct policy policy;
	} asked = {.before = {.wait_ms = 1, .signo = SIGSYS}};
	struct state begin;
	uint64_t seed = 1;
	world_policy(&asked.policy, kind);
	now = (struct walk){.kind = kind, .result = result, .absolute = kind->start_ms > 0, .grid_ms = effort->grid_ms};
	graph_init(&now.graph, effort->states);
	world_begin(&begin, kind, &asked.policy);
	try_statuses(&begin);
	bool closed = walk_graph(&begin);
	const struct graph *graph = &now.graph;
	int depth = graph->nodes[graph->count - 1].depth;
	result->plans++;
	result->states += graph->count;
	result->open += !closed;
	if (depth > result->depth)
		result->depth = depth;
	if (closed && result->failures == 0) {
		int tree = effort->tree;
		result->sequences += count_sequences(20);
		if (tree > 0) {
			expand(&begin, into_tree, &tree);
			if ((double)result->compared != count_sequences(effort->tree) - 1 && result->failures == 0)
				broken(REPORTED,
				       "the walk itself: the tree has another number of sequences than the graph");
		}
		for (int i = 0; i < effort->random_walks; i++)
			walk_randomly(&begin, &seed);
	}
	graph_free(&now.graph);
}
