/*
 * Lists as a whole: signals, rewrites, exit codes. Each item counts by itself, and the first invalid one is
 * returned.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/signals.h"
#include "fuzz.h"

/* A number from 0 to 255, by strtol(3). */
static long code_of(const char *word, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (!isdigit((unsigned char)word[i]))
			return -1;
	long code = length > 0 ? strtol(word, NULL, 10) : -1;
	return code > 255 ? -1 : code;
}

static const char *read_signals(const char *list, uint64_t *signals)
{
	size_t length;
	for (const char *at = list; at != NULL;) {
		const char *word = next_of(&at, ',', &length);
		int signo = signal_parse(word, length);
		if (!signal_can_be_forwarded(signo))
			return word;
		*signals |= SIGNAL_BIT(signo);
	}
	return NULL;
}

static const char *read_rewrites(const char *list, uint8_t table[65])
{
	size_t length;
	for (const char *at = list; at != NULL;) {
		const char *word = next_of(&at, ',', &length);
		size_t before = strcspn(word, ":");
		size_t behind = before < length ? length - before - 1 : 0;
		const char *to = word + before + 1;
		int from = before < length ? signal_parse(word, before) : -1;
		int becomes = behind == 1 && *to == '0' ? 0 : behind > 0 ? signal_parse(to, behind) : -1;
		if (!signal_can_be_forwarded(from) || becomes < 0)
			return word;
		table[from] = (uint8_t)becomes;
	}
	return NULL;
}

static const char *read_codes(const char *list, uint64_t codes[4])
{
	size_t length;
	for (const char *at = list; at != NULL;) {
		const char *word = next_of(&at, ',', &length);
		long code = code_of(word, length);
		if (code < 0)
			return word;
		codes[code / 64] |= UINT64_C(1) << code % 64;
	}
	return NULL;
}

static void check_all(const char *list)
{
	static const char FIRST[] = "the first invalid item is returned, NULL if there is none";
	uint64_t signals[2] = {0};
	uint64_t codes[2][4] = {{0}};
	uint8_t tables[2][65] = {{0}};
	demand(signals_parse(list, &signals[0]) == read_signals(list, &signals[1]), FIRST);
	demand(signals[0] == signals[1], "the signals of a list are those of its words");
	demand(rewrite_parse(list, tables[0]) == read_rewrites(list, tables[1]), FIRST);
	demand(memcmp(tables[0], tables[1], sizeof tables[0]) == 0, "a rewrite changes what it names");
	demand(codes_parse(list, codes[0]) == read_codes(list, codes[1]), FIRST);
	demand(memcmp(codes[0], codes[1], sizeof codes[0]) == 0, "the codes of a list are those of its words");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, data + size};
	check_all(input_rest(&input));
	input_free();
	return 0;
}
