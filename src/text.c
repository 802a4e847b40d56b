/*
 * Owns text in a buffer. Never writes past the buffer, allocates or prints.
 */
#include "text.h"

#include <string.h>

static void add_bytes(struct text *text, const char *bytes, size_t length)
{
	size_t left = text->size - 1 - text->length;
	if (length > left)
		length = left;
	memcpy(text->bytes + text->length, bytes, length);
	text->length += length;
	text->bytes[text->length] = '\0';
}

/* Adds a decimal number with at least `width` digits. */
static void add_decimal(struct text *text, long long number, int width)
{
	char digits[24];
	size_t at = sizeof digits;
	unsigned long long rest = number < 0 ? 0ULL - (unsigned long long)number : (unsigned long long)number;
	for (; rest != 0 || width > 0; width--) {
		digits[--at] = (char)('0' + rest % 10);
		rest /= 10;
	}
	if (number < 0)
		digits[--at] = '-';
	add_bytes(text, digits + at, sizeof digits - at);
}

void text_vadd(struct text *text, const char *format, va_list arguments)
{
	const char *string;
	char letter;
	int length;
	for (const char *at = format; *at != '\0'; at++) {
		if (*at != '%') {
			add_bytes(text, at, 1);
			continue;
		}
		switch (*++at) {
		case 's':
			string = va_arg(arguments, const char *);
			add_bytes(text, string, strlen(string));
			break;
		case '.': /* %.*s */
			length = va_arg(arguments, int);
			add_bytes(text, va_arg(arguments, const char *), (size_t)length);
			at += 2;
			break;
		case 'c':
			letter = (char)va_arg(arguments, int);
			add_bytes(text, &letter, 1);
			break;
		case 'd':
			add_decimal(text, va_arg(arguments, int), 1);
			break;
		case 'u':
			add_decimal(text, va_arg(arguments, unsigned), 1);
			break;
		case 'l': /* %lld */
			add_decimal(text, va_arg(arguments, long long), 1);
			at += 2;
			break;
		case '0': /* %0Nd */
			add_decimal(text, va_arg(arguments, int), at[1] - '0');
			at += 2;
			break;
		default:
			add_bytes(text, at, 1);
			break;
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

/* Overlong forms and surrogates are not UTF-8: RFC 3629, section 3. */
size_t text_character(const char *bytes, size_t left)
{
	const unsigned char *at = (const unsigned char *)bytes;
	if (at[0] < 0x80)
		return 1;
	size_t length = at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
	if (at[0] < 0xc2 || at[0] > 0xf4 || length > left)
		return 0;
	unsigned code = at[0] & (0x7fU >> length);
	for (size_t i = 1; i < length; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (at[i] & 0x3f);
	}
	bool is_overlong = (length == 3 && code < 0x800) || (length == 4 && code < 0x10000);
	bool is_surrogate = code >= 0xd800 && code <= 0xdfff;
	return is_overlong || is_surrogate || code > 0x10ffff ? 0 : length;
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

/* Adds the first character of `bytes` to `piece`, escaped. Returns its length. */
static size_t add_escaped(struct text *piece, const char *bytes, size_t left)
{
	size_t length = text_character(bytes, left);
	if (length == 0)
		text_add(piece, "\xef\xbf\xbd");
	else if (text_is_control(*bytes))
		text_add(piece, "\\u00%d%c", *bytes >> 4, "0123456789abcdef"[*bytes & 15]);
	else
		text_add(piece, "%s%.*s", *bytes == '"' || *bytes == '\\' ? "\\" : "", (int)length, bytes);
	return length > 0 ? length : 1;
}

bool text_add_json(struct text *text, const char *bytes, size_t length)
{
	size_t at = 0;
	text_add(text, "\"");
	while (at < length) {
		char buffer[8];
		struct text piece = TEXT_IN(buffer);
		size_t next = at + add_escaped(&piece, bytes + at, length - at);
		if (text->length + piece.length + sizeof "\"" > text->size)
			break;
		text_add(text, "%s", buffer);
		at = next;
	}
	text_add(text, "\"");
	return at == length;
}

static int is_leap(int year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int days_of_month(int month, int year)
{
	static const signed char DAYS[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	return DAYS[month] + (month == 1 && is_leap(year));
}

/* gmtime_r(3) would do the same, and make the program 1 kB larger. */
const char *text_date(int64_t wall_ms, char buffer[TEXT_TIME_SIZE])
{
	enum { DAY_MS = 86400000, DAYS_BEFORE_1970 = 719528, DAYS_OF_400_YEARS = 146097 };
	struct text text = text_in(buffer, TEXT_TIME_SIZE);
	int64_t since_0_ms = wall_ms + (int64_t)DAYS_BEFORE_1970 * DAY_MS;
	int ms = (int)(since_0_ms % DAY_MS);
	int day = (int)(since_0_ms / DAY_MS);
	int year = day / DAYS_OF_400_YEARS * 400;
	int month = 0;
	day %= DAYS_OF_400_YEARS;
	for (; day >= 365 + is_leap(year); year++)
		day -= 365 + is_leap(year);
	for (; day >= days_of_month(month, year); month++)
		day -= days_of_month(month, year);
	text_add(&text, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", year, month + 1, day + 1, ms / 3600000, ms / 60000 % 60,
	         ms / 1000 % 60, ms % 1000);
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

/* The Levenshtein distance, with one row of its matrix. A longer string counts as far from all others. */
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
