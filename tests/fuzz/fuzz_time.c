/*
 * TIME: accepted texts and their values, compared with a second parser; the text of a time can be parsed again.
 */
#include <string.h>

#include "fuzz.h"

static bool is_digit(char letter)
{
	return letter >= '0' && letter <= '9';
}

/* The unit that is the `length` bytes at `word`, in ms, and its rank; the smaller the unit, the higher. */
static int64_t unit_of(const char *word, size_t length, int *rank)
{
	if (length == 2 && memcmp(word, "ms", 2) == 0) {
		*rank = 4;
		return 1;
	}
	if (length != 1 || memchr("hms", word[0], 3) == NULL)
		return 0;
	*rank = word[0] == 'h' ? 1 : word[0] == 'm' ? 2 : 3;
	return word[0] == 'h' ? 3600000 : word[0] == 'm' ? 60000 : 1000;
}

/* In ms, below 2^61. A number may have any zeros before it. */
static int64_t read_part(const char **at, const char *end, int *rank, bool first)
{
	int64_t whole = 0;
	int64_t fraction = 0;
	int64_t scale = 1;
	const char *digits = *at;
	for (; *at < end && is_digit(**at); ++*at)
		whole = whole > TIME_LONGEST_MS ? whole : whole * 10 + (**at - '0');
	if (*at == digits)
		return -1;
	if (*at < end && **at == '.') {
		const char *places = ++*at;
		for (; *at < end && is_digit(**at) && scale < INT64_C(1000000000); ++*at, scale *= 10)
			fraction = fraction * 10 + (**at - '0');
		if (*at == places || (*at < end && is_digit(**at)))
			return -1;
	}
	const char *unit = *at;
	const int last = *rank;
	int64_t unit_ms = 1000;
	while (*at < end && !is_digit(**at))
		++*at;
	if (*at > unit)
		unit_ms = unit_of(unit, (size_t)(*at - unit), rank);
	else if (!first)
		return -1;
	if (unit_ms == 0 || (*at > unit && *rank <= last))
		return -1;
	if (fraction * unit_ms % scale != 0)
		return -1;
	return whole * unit_ms + fraction * unit_ms / scale;
}

static int64_t reference(const char *word, size_t length)
{
	const char *end = word + length;
	int64_t total = 0;
	int rank = 0;
	for (const char *at = word; at < end || at == word;) {
		int64_t part = read_part(&at, end, &rank, at == word);
		total += part;
		if (part < 0 || total > TIME_LONGEST_MS)
			return -1;
	}
	return total;
}

/* "12.3 s" without its blank is a TIME: the same one, as exactly as it was printed. */
static void said_and_read(int64_t ms)
{
	char shown[TEXT_TIME_SIZE];
	char written[TEXT_TIME_SIZE];
	struct text exact = TEXT_IN(written);
	text_time(ms, shown);
	char *blank = strchr(shown, ' ');
	demand(blank != NULL && is_printable(shown, strlen(shown)), "a time is printed as a number and a unit");
	memmove(blank, blank + 1, strlen(blank));
	int64_t again_ms = time_parse(shown, strlen(shown));
	int64_t off_ms = again_ms > ms ? again_ms - ms : ms - again_ms;
	demand(again_ms >= 0 && off_ms <= (ms < 1000 || ms % 100 == 0 ? 0 : 50), "a printed time is a TIME");
	text_add(&exact, "%lldms", (long long)ms);
	demand(time_parse(exact.bytes, exact.length) == ms, "a time in ms is read as it was");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, data + size};
	size_t length;
	const char *word = input_bytes(&input, &length);
	int64_t ms = time_parse(word, length);
	demand(ms >= -1 && ms <= TIME_LONGEST_MS, "a time is between nothing and a year");
	demand(ms == reference(word, length), "the value is that of the second parser");
	if (ms >= 0)
		said_and_read(ms);
	input_free();
	return 0;
}
