/*
 * Owns bounded text. Never writes past a buffer, never allocates, never prints.
 */
#include "text.h"

#include <string.h>

static void add_bytes(struct text *text, const char *bytes, size_t length)
{
	size_t room = text->size - 1 - text->length;
	size_t taken = length < room ? length : room;
	memcpy(text->bytes + text->length, bytes, taken);
	text->length += taken;
	text->bytes[text->length] = '\0';
}

static void add_number(struct text *text, long long number)
{
	char digits[24];
	size_t at = sizeof digits;
	unsigned long long rest = number < 0 ? 0ULL - (unsigned long long)number : (unsigned long long)number;
	do {
		digits[--at] = (char)('0' + rest % 10);
		rest /= 10;
	} while (rest != 0);
	if (number < 0)
		digits[--at] = '-';
	add_bytes(text, digits + at, sizeof digits - at);
}

static void add_padded(struct text *text, int number, size_t width)
{
	char digits[10];
	for (size_t at = width; at > 0; number /= 10)
		digits[--at] = (char)('0' + number % 10);
	add_bytes(text, digits, width);
}

void text_vadd(struct text *text, const char *format, va_list arguments)
{
	for (const char *at = format; *at != '\0'; at++) {
		size_t plain = strcspn(at, "%");
		add_bytes(text, at, plain);
		at += plain;
		if (*at == '\0')
			return;
		at++;
		if (*at == 's') {
			const char *word = va_arg(arguments, const char *);
			add_bytes(text, word, strlen(word));
		} else if (strncmp(at, ".*s", 3) == 0) {
			int length = va_arg(arguments, int);
			add_bytes(text, va_arg(arguments, const char *), (size_t)length);
			at += 2;
		} else if (*at == 'd') {
			add_number(text, va_arg(arguments, int));
		} else if (*at == '0') {
			add_padded(text, va_arg(arguments, int), (size_t)(at[1] - '0'));
			at += 2;
		} else if (*at == 'u') {
			add_number(text, va_arg(arguments, unsigned));
		} else if (strncmp(at, "lld", 3) == 0) {
			add_number(text, va_arg(arguments, long long));
			at += 2;
		} else if (*at == 'c') {
			char letter = (char)va_arg(arguments, int);
			add_bytes(text, &letter, 1);
		} else {
			add_bytes(text, "%", 1);
		}
	}
}

void text_add(struct text *text, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	text_vadd(text, format, arguments);
	va_end(arguments);
}

/* How many bytes a character has that begins with this one, or 0 when none does. */
static size_t promised_length(unsigned char first)
{
	if (first < 0x80)
		return 1;
	if (first < 0xc2 || first > 0xf4)
		return 0;
	return first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

/*
 * The second byte of some is bounded further, so that each character has one form only and none is a surrogate: The
 * Unicode Standard, table 3-7.
 */
static bool may_follow(unsigned char first, unsigned char second)
{
	unsigned char lowest = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
	unsigned char highest = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
	return second >= lowest && second <= highest;
}

size_t text_character(const char *bytes, size_t left)
{
	const unsigned char *at = (const unsigned char *)bytes;
	size_t length = promised_length(at[0]);
	if (length > left || (length > 1 && !may_follow(at[0], at[1])))
		return 0;
	for (size_t i = 2; i < length; i++)
		if ((at[i] & 0xc0) != 0x80)
			return 0;
	return length;
}

void text_make_printable(struct text *text)
{
	for (size_t at = 0; at < text->length;) {
		char *byte = &text->bytes[at];
		size_t length = text_character(byte, text->length - at);
		if (length == 0 || text_is_control(*byte))
			*byte = '?';
		at += length > 0 ? length : 1;
	}
}

static int days_of_year(int year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 366 : 365;
}

static int days_of_month(int month, int year)
{
	static const signed char DAYS[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	return month == 1 ? days_of_year(year) - 337 : DAYS[month];
}

const char *text_date(int64_t wall_ms, char buffer[TEXT_TIME_SIZE])
{
	enum { DAY_MS = 86400000 };
	struct text text = text_in(buffer, TEXT_TIME_SIZE);
	int ms = (int)(wall_ms % DAY_MS);
	if (ms < 0)
		ms += DAY_MS;
	int64_t day = (wall_ms - ms) / DAY_MS;
	int year = 1970;
	int month = 0;
	while (day < 0)
		day += days_of_year(--year);
	while (day >= days_of_year(year))
		day -= days_of_year(year++);
	while (day >= days_of_month(month, year))
		day -= days_of_month(month++, year);
	text_add(&text, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", year, month + 1, (int)day + 1, ms / 3600000,
	         ms / 60000 % 60, ms / 1000 % 60, ms % 1000);
	return buffer;
}

const char *text_time(int64_t ms, char buffer[TEXT_TIME_SIZE])
{
	struct text text = text_in(buffer, TEXT_TIME_SIZE);
	long long tenths = ms / 100 + (ms % 100 >= 50);
	if (ms == TIME_NEVER)
		text_add(&text, "never");
	else if (ms > 0 && ms < 1000)
		text_add(&text, "%lld ms", (long long)ms);
	else if (tenths % 10 == 0)
		text_add(&text, "%lld s", tenths / 10);
	else
		text_add(&text, "%lld.%lld s", tenths / 10, tenths % 10);
	return buffer;
}

int64_t text_number(const char *digits, size_t length, int64_t most)
{
	int64_t number = 0;
	if (length == 0)
		return -1;
	for (size_t i = 0; i < length; i++) {
		int digit = digits[i] - '0';
		if (digit < 0 || digit > 9)
			return -1;
		number = number * 10 + digit;
		if (number > most)
			return -1;
	}
	return number;
}

static char lower(char letter)
{
	return letter >= 'A' && letter <= 'Z' ? (char)(letter - 'A' + 'a') : letter;
}

/* Levenshtein's distance, one row at a time; words past the row's width count as far away. */
unsigned text_distance(const char *a, const char *b)
{
	enum { WIDTH = 48 };
	unsigned row[WIDTH + 1];
	size_t width = strlen(b);
	if (width > WIDTH || strlen(a) > WIDTH)
		return WIDTH;
	for (size_t j = 0; j <= width; j++)
		row[j] = (unsigned)j;
	for (size_t i = 0; a[i] != '\0'; i++) {
		unsigned diagonal = row[0];
		row[0] = (unsigned)i + 1;
		for (size_t j = 0; j < width; j++) {
			unsigned change = diagonal + (lower(a[i]) != lower(b[j]));
			unsigned other = (row[j] < row[j + 1] ? row[j] : row[j + 1]) + 1;
			diagonal = row[j + 1];
			row[j + 1] = change < other ? change : other;
		}
	}
	return row[width];
}
