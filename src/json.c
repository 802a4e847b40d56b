/*
 * Owns what a JSON string may hold. Never adds half a character.
 */
#include "json.h"

#include <stdbool.h>

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

/* How many bytes the character at `at` has, or 0 when it is none. */
static size_t character_length(const unsigned char *at, size_t left)
{
	size_t length = promised_length(at[0]);
	if (length > left || (length > 1 && !may_follow(at[0], at[1])))
		return 0;
	for (size_t i = 2; i < length; i++)
		if ((at[i] & 0xc0) != 0x80)
			return 0;
	return length;
}

/* Adds what stands for the character at `at`. Returns how many bytes that was. */
static size_t add_character(struct text *piece, const unsigned char *at, size_t left)
{
	size_t length = character_length(at, left);
	if (length == 0)
		text_add(piece, "\xef\xbf\xbd");
	else if (at[0] < ' ' || at[0] == 0x7f)
		text_add(piece, "\\u00%d%c", at[0] >> 4, "0123456789abcdef"[at[0] & 15]);
	else
		text_add(piece, "%s%.*s", at[0] == '"' || at[0] == '\\' ? "\\" : "", (int)length, (const char *)at);
	return length > 0 ? length : 1;
}

void json_add(struct text *text, const char *bytes, size_t length)
{
	const unsigned char *at = (const unsigned char *)bytes;
	const unsigned char *end = at + length;
	text_add(text, "\"");
	while (at < end) {
		char buffer[8];
		struct text piece = TEXT_IN(buffer);
		at += add_character(&piece, at, (size_t)(end - at));
		if (text->length + piece.length + sizeof "\"" > text->size)
			break;
		text_add(text, "%s", buffer);
	}
	text_add(text, "\"");
}
