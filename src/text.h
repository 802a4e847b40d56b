/*
 * Text in a buffer of the caller: bounded, always terminated, without heap and stdio.
 */
#ifndef LULL_TEXT_H
#define LULL_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Later than any other time: there is none. */
#define TIME_NEVER INT64_MAX

struct text {
	char *bytes; /* always terminated */
	size_t size; /* of the buffer */
	size_t length;
};

/* An empty text in a buffer of `size` bytes, at least 1. */
static inline struct text text_in(char *buffer, size_t size)
{
	buffer[0] = '\0';
	return (struct text){.bytes = buffer, .size = size, .length = 0};
}

/* The same for an array, which must not be a pointer. */
#define TEXT_IN(array) text_in((array), sizeof(array))

/* Returns whether the buffer is full: then something may have been left out. */
static inline bool text_is_full(const struct text *text)
{
	return text->length == text->size - 1;
}

/* Removes what was added after the text had this length. */
static inline void text_cut(struct text *text, size_t length)
{
	text->bytes[length] = '\0';
	text->length = length;
}

enum { TEXT_TIME_SIZE = 32 };

/*
 * Adds to the text. What does not fit is left out. The formats are those of printf(3), but only %s, %c, %d, %u, %lld,
 * %%, %01d to %09d for numbers that are not negative, and %.*s, whose string must have that length.
 */
void text_add(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_vadd(struct text *text, const char *format, va_list arguments) __attribute__((format(printf, 2, 0)));

/* Returns the length of the UTF-8 character at `bytes`, or 0 if there is none. `left` is at least 1. */
size_t text_character(const char *bytes, size_t left);

/* Returns whether the byte is an ASCII control character. */
static inline bool text_is_control(char byte)
{
	return (unsigned char)byte < ' ' || byte == 0x7f;
}

/*
 * Adds `bytes` as a JSON string, RFC 8259, with its quotes. A byte that is not part of valid UTF-8 becomes U+FFFD. What
 * does not fit is left out, whole characters at a time; the last quote is there if the buffer has space for two.
 * Returns whether all characters fit.
 */
bool text_add_json(struct text *text, const char *bytes, size_t length);

/* Replaces control characters and bytes that are not UTF-8 by '?': names of processes may hold any bytes. */
void text_make_printable(struct text *text);

/* Writes a time, in ms since 1970, as "2026-11-22T20:11:14.123Z", for the years 0 to 9999. Returns `buffer`. */
const char *text_date(int64_t wall_ms, char buffer[TEXT_TIME_SIZE]);

/* Writes a duration: "250 ms", "12.3 s", "10 s" or "never". Returns `buffer`. */
const char *text_time(int64_t ms, char buffer[TEXT_TIME_SIZE]);

/* Returns the decimal number that the `length` bytes are, from 0 to `most` (at most 10^17), or -1. */
int64_t text_number(const char *digits, size_t length, int64_t most);

/* Returns how many letters must be added, removed or changed to make one string of the other. Case is ignored. */
unsigned text_distance(const char *a, const char *b);

#endif
