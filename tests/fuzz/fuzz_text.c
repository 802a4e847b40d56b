/*
 * Lines made of any bytes: in text one printable line, in JSON a valid string for the same bytes. Input: three bytes
 * for a size and a moment, then the bytes.
 */
#include <string.h>
#include <time.h>

#include "../../src/text.h"
#include "fuzz.h"

enum { BYTES_MOST = 512 };

/* What JSON can hold: each byte that is not part of a character becomes U+FFFD. */
static size_t replace(const char *bytes, size_t length, char *to)
{
	size_t filled = 0;
	for (size_t at = 0; at < length;) {
		size_t own = text_character(bytes + at, length - at);
		memcpy(to + filled, own > 0 ? bytes + at : "\xef\xbf\xbd", own > 0 ? own : 3);
		filled += own > 0 ? own : 3;
		at += own > 0 ? own : 1;
	}
	return filled;
}

static void check_json(const char *bytes, size_t length, size_t room)
{
	char *buffer = fuzz_alloc(room);
	char *decoded = fuzz_alloc(room);
	char *wanted = fuzz_alloc(3 * length + 1);
	struct text text = text_in(buffer, room);
	(void)text_add_json(&text, bytes, length);
	demand(text.length < room && strlen(buffer) == text.length, "a text has an end, in its room");
	const char *at = buffer;
	long got = json_string(&at, buffer + text.length, decoded);
	demand(got >= 0 && at == buffer + text.length, "any bytes make a JSON string, in any space");
	size_t all = replace(bytes, length, wanted);
	demand((size_t)got <= all && memcmp(decoded, wanted, (size_t)got) == 0, "it stands for the bytes");
	demand(6 * length + 3 > room || (size_t)got == all, "all that fits is there");
}

static void check_printable(const char *bytes, size_t length, size_t room)
{
	char *buffer = fuzz_alloc(room);
	struct text text = text_in(buffer, room);
	text_add(&text, "%.*s", (int)length, bytes);
	size_t kept = text.length;
	demand(kept == (length < room ? length : room - 1), "what fits is taken");
	text_make_printable(&text);
	demand(text.length == kept && is_printable(buffer, kept), "any bytes make one printable line");
	for (size_t i = 0; i < kept; i++)
		demand(buffer[i] == bytes[i] || buffer[i] == '?', "only bytes that cannot be printed are changed");
	char *again = fuzz_copy(buffer);
	text_make_printable(&text);
	demand_same(again, buffer, "what is printable stays");
}

/* Compares with the C library's calendar. */
static void check_date(int64_t wall_ms)
{
	char date[TEXT_TIME_SIZE];
	char wanted[64];
	struct tm parts;
	time_t seconds = (time_t)(wall_ms / 1000 - (wall_ms % 1000 < 0));
	gmtime_r(&seconds, &parts);
	strftime(wanted, sizeof wanted, "%Y-%m-%dT%H:%M:%S.", &parts);
	text_date(wall_ms, date);
	demand(strlen(date) == 24 && strncmp(date, wanted, strlen(wanted)) == 0, "a date is that of the calendar");
	demand(text_number(date + 20, 3, 999) == wall_ms - (int64_t)seconds * 1000 && date[23] == 'Z',
	       "its milliseconds are those of the clock");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const int64_t YEAR_1000_MS = INT64_C(-30610224000000);
	struct input input = {data, data + size};
	size_t room = input_byte(&input) * 2 + 3;
	int64_t moment = input_byte(&input);
	moment = moment << 8 | input_byte(&input);
	size_t length;
	const char *bytes = input_bytes(&input, &length);
	for (size_t i = 0; i < length && i < 4; i++)
		moment = moment << 8 | (unsigned char)bytes[i];
	if (length >= BYTES_MOST)
		length = BYTES_MOST;
	if (memchr(bytes, '\0', length) == NULL) {
		check_json(bytes, length, room);
		check_printable(bytes, length, room);
	}
	check_json(bytes, length, 6 * length + 3);
	check_date(YEAR_1000_MS + moment);
	input_free();
	return 0;
}
