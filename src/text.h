/*
 * Text put together in a buffer of the caller's: bounded, always terminated, no heap, no stdio.
 */
#ifndef LULL_TEXT_H
#define LULL_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* No such time: later than any other. */
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

/* Is the buffer full? Then something may have been left out. */
static inline bool text_is_full(const struct text *text)
{
	return text->length == text->size - 1;
}

enum { TEXT_TIME_SIZE = 32 };

/*
 * Adds to the text; what does not fit is left out. Knows %s, %.*s, %c, %d, %u, %lld, %02d with its like
 * up to %09d for what is not negative, and %%, and nothing else.
 */
void text_add(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_vadd(struct text *text, const char *format, va_list arguments) __attribute__((format(printf, 2, 0)));

/* How many bytes the character at `bytes` has, in UTF-8, or 0 when it is none. */
size_t text_character(const char *bytes, size_t left);

/* Does it break a line, move a cursor or do whatever else? */
static inline bool text_is_control(char byte)
{
	return (unsigned char)byte < ' ' || byte == 0x7f;
}

/* Replaces what would break a line or move a cursor, and what is not UTF-8: a name or a value may hold anything. */
void text_make_printable(struct text *text);

/*
 * A moment, in ms since 1970 or before it, as "2026-11-22T20:11:14.123Z", written to and returned in `buffer`. For the
 * years 0 to 9999; it counts year by year.
 */
const char *text_date(int64_t wall_ms, char buffer[TEXT_TIME_SIZE]);

/* A duration for people, "250 ms", "12.3 s", "10 s", "never", written to and returned in `buffer`. */
const char *text_time(int64_t ms, char buffer[TEXT_TIME_SIZE]);

/*
 * The decimal number that is the whole of the `length` bytes at `digits`, from 0 to `most` (10^17 at most). Returns it,
 * or -1.
 */
int64_t text_number(const char *digits, size_t length, int64_t most);

/* Of two words, how many letters have to be added, taken out or changed to make one of the other; case is ignored. */
unsigned text_distance(const char *a, const char *b);

#endif
