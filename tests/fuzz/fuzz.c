/*
 * Owns what the targets share. Never depends on a target.
 */
#include "fuzz.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ALLOCATIONS_MOST = 4096 };

static void *allocations[ALLOCATIONS_MOST];
static size_t allocations_count;

void demand(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "fuzz: not so: %s\n", what);
	abort();
}

void demand_same(const char *a, const char *b, const char *what)
{
	if (strcmp(a, b) != 0)
		fprintf(stderr, "fuzz: \"%s\" and \"%s\"\n", a, b);
	demand(strcmp(a, b) == 0, what);
}

void *fuzz_alloc(size_t size)
{
	void *memory = malloc(size);
	demand(memory != NULL && allocations_count < ALLOCATIONS_MOST, "there is memory for the test itself");
	allocations[allocations_count++] = memory;
	return memory;
}

void input_free(void)
{
	while (allocations_count > 0)
		free(allocations[--allocations_count]);
}

char *fuzz_copy(const char *word)
{
	size_t size = strlen(word) + 1;
	return memcpy(fuzz_alloc(size), word, size);
}

unsigned input_byte(struct input *input)
{
	return input->at < input->end ? *input->at++ : 0;
}

char *input_line(struct input *input)
{
	size_t left = (size_t)(input->end - input->at);
	if (left == 0)
		return NULL;
	const uint8_t *stop = memchr(input->at, '\n', left);
	size_t length = stop != NULL ? (size_t)(stop - input->at) : left;
	char *line = fuzz_alloc(length + 1);
	for (size_t i = 0; i < length; i++)
		line[i] = input->at[i] != '\0' ? (char)input->at[i] : '\n';
	line[length] = '\0';
	input->at += length + (stop != NULL);
	return line;
}

char *input_rest(struct input *input)
{
	size_t length = strnlen((const char *)input->at, (size_t)(input->end - input->at));
	char *rest = fuzz_alloc(length + 1);
	memcpy(rest, input->at, length);
	rest[length] = '\0';
	input->at = input->end;
	return rest;
}

char *input_bytes(struct input *input, size_t *length)
{
	*length = (size_t)(input->end - input->at);
	char *bytes = fuzz_alloc(*length > 0 ? *length : 1);
	memcpy(bytes, input->at, *length);
	input->at = input->end;
	return bytes;
}

const char *next_of(const char **at, char separator, size_t *length)
{
	const char *word = *at;
	const char *stop = strchr(word, separator);
	*length = stop != NULL ? (size_t)(stop - word) : strlen(word);
	*at = stop != NULL ? stop + 1 : NULL;
	return word;
}

/* --- Options ----------------------------------------------------------------------------------------------------- */

bool same_plan(const struct plan *a, const struct plan *b)
{
	bool same = a->count == b->count && a->fixed == b->fixed;
	for (int i = 0; same && i < a->count; i++)
		same = a->steps[i].wait_ms == b->steps[i].wait_ms && a->steps[i].signo == b->steps[i].signo &&
		       a->steps[i].kind == b->steps[i].kind;
	return same;
}

static bool same_word(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* Both default, or the same value; the name may be that of a flag or of a variable. */
static bool same_given(const struct options *a, const struct options *b, enum option_id id)
{
	return same_word(options_given(a, id).value, options_given(b, id).value);
}

static bool same_ports(const struct ports *a, const struct ports *b)
{
	return a->count == b->count && memcmp(a->list, b->list, (size_t)a->count * sizeof a->list[0]) == 0;
}

static bool same_policy(const struct policy *a, const struct policy *b)
{
	return same_plan(&a->plan, &b->plan) && a->stop_signals == b->stop_signals && a->linger_ms == b->linger_ms &&
	       a->ready_for_ms == b->ready_for_ms && memcmp(a->rewrite, b->rewrite, sizeof a->rewrite) == 0 &&
	       memcmp(a->success_exit, b->success_exit, sizeof a->success_exit) == 0 &&
	       a->stopped_ok == b->stopped_ok && a->abandon == b->abandon && a->suspends == b->suspends &&
	       a->group == b->group && a->pre_stop == b->pre_stop && a->job == b->job;
}

bool same_options(const struct options *a, const struct options *b)
{
	return a->compat == b->compat && a->request == b->request && same_policy(&a->policy, &b->policy) &&
	       a->log_level == b->log_level && same_word(a->report, b->report) && a->log_format == b->log_format &&
	       a->warn_reap == b->warn_reap && a->session == b->session && a->subreaper == b->subreaper &&
	       a->parent_death == b->parent_death && a->grace_ms == b->grace_ms &&
	       a->ready_on.family == b->ready_on.family && a->ready_on.port == b->ready_on.port &&
	       memcmp(a->ready_on.bytes, b->ready_on.bytes, sizeof a->ready_on.bytes) == 0 &&
	       same_given(a, b, OPTION_READY_ON) && same_ports(&a->listens, &b->listens) &&
	       same_given(a, b, OPTION_LISTENS) && same_word(a->pre_stop, b->pre_stop) &&
	       same_word(a->drain_file, b->drain_file) && same_given(a, b, OPTION_DRAIN_FILE);
}

/* --- Output of lull ---------------------------------------------------------------------------------------------- */

/* The character that starts at bytes[*at]; moves *at past it. -1: none, or one in an invalid form. */
static long utf8_next(const unsigned char *bytes, size_t length, size_t *at)
{
	static const long LEAST[] = {0, 0x80, 0x800, 0x10000};
	unsigned first = bytes[(*at)++];
	int more = first < 0x80 ? 0 : first >> 5 == 6 ? 1 : first >> 4 == 14 ? 2 : first >> 3 == 30 ? 3 : -1;
	if (more < 0)
		return -1;
	long value = more == 0 ? (long)first : (long)(first & (0x3fU >> more));
	for (int i = 0; i < more; i++) {
		if (*at >= length || bytes[*at] >> 6 != 2)
			return -1;
		value = value << 6 | (bytes[(*at)++] & 0x3f);
	}
	bool surrogate = value >= 0xd800 && value <= 0xdfff;
	return value >= LEAST[more] && value <= 0x10ffff && !surrogate ? value : -1;
}

bool is_printable(const char *bytes, size_t length)
{
	for (size_t at = 0; at < length;) {
		long value = utf8_next((const unsigned char *)bytes, length, &at);
		if (value < ' ' || value == 0x7f)
			return false;
	}
	return true;
}

/* The character of an escape, after the backslash; -1: an invalid one. Only characters below 128 are escaped here. */
static int json_escape(const char **at, const char *end)
{
	char hex[5] = "";
	if (*at == end)
		return -1;
	char kind = *(*at)++;
	if (kind == '"' || kind == '\\')
		return kind;
	if (kind != 'u' || end - *at < 4)
		return -1;
	memcpy(hex, *at, 4);
	*at += 4;
	if (strspn(hex, "0123456789abcdef") != 4)
		return -1;
	long value = strtol(hex, NULL, 16);
	return value < 0x80 ? (int)value : -1;
}

long json_string(const char **at, const char *end, char *decoded)
{
	long length = 0;
	if (*at == end || *(*at)++ != '"')
		return -1;
	const char *begin = *at;
	while (*at < end && **at != '"') {
		int value = *(*at)++;
		if (value == '\\' && (value = json_escape(at, end)) < 0)
			return -1;
		decoded[length++] = (char)value;
	}
	if (*at == end || !is_printable(begin, (size_t)(*at - begin)))
		return -1;
	++*at;
	return length;
}

static bool json_literal(const char **at, const char *end, const char *literal)
{
	size_t length = strlen(literal);
	bool is_there = (size_t)(end - *at) >= length && memcmp(*at, literal, length) == 0;
	*at += is_there ? length : 0;
	return is_there;
}

static bool json_object(const char **at, const char *end, char *decoded);

/* A list of strings and objects. */
static bool json_list(const char **at, const char *end, char *decoded)
{
	if (json_literal(at, end, "[]"))
		return true;
	if (!json_literal(at, end, "["))
		return false;
	do {
		bool is_string = *at < end && **at == '"';
		if (is_string ? json_string(at, end, decoded) < 0 : !json_object(at, end, decoded))
			return false;
	} while (json_literal(at, end, ","));
	return json_literal(at, end, "]");
}

static bool json_value(const char **at, const char *end, char *decoded)
{
	if (*at < end && **at == '"')
		return json_string(at, end, decoded) >= 0;
	if (*at < end && **at == '[')
		return json_list(at, end, decoded);
	if (json_literal(at, end, "null"))
		return true;
	*at += *at < end && **at == '-';
	const char *digits = *at;
	while (*at < end && isdigit((unsigned char)**at))
		++*at;
	return *at > digits && (*digits != '0' || *at == digits + 1);
}

static bool json_object(const char **at, const char *end, char *decoded)
{
	if (!json_literal(at, end, "{"))
		return false;
	do {
		if (json_string(at, end, decoded) <= 0 || !json_literal(at, end, ":") || !json_value(at, end, decoded))
			return false;
	} while (json_literal(at, end, ","));
	return json_literal(at, end, "}");
}

bool is_json_object(const char *bytes, size_t length)
{
	const char *at = bytes;
	const char *end = bytes + length;
	return json_object(&at, end, fuzz_alloc(length + 1)) && at == end;
}
