/*
 * Owns what a JSON string may hold. Never adds half a character.
 */
#include "json.h"

/* Adds what stands for the character at `at`. Returns how many bytes that was. */
static size_t add_character(struct text *piece, const char *at, size_t left)
{
	size_t length = text_character(at, left);
	if (length == 0)
		text_add(piece, "\xef\xbf\xbd");
	else if (text_is_control(*at))
		text_add(piece, "\\u00%d%c", *at >> 4, "0123456789abcdef"[*at & 15]);
	else
		text_add(piece, "%s%.*s", *at == '"' || *at == '\\' ? "\\" : "", (int)length, at);
	return length > 0 ? length : 1;
}

void json_add(struct text *text, const char *bytes, size_t length)
{
	text_add(text, "\"");
	for (size_t at = 0; at < length;) {
		char buffer[8];
		struct text piece = TEXT_IN(buffer);
		at += add_character(&piece, bytes + at, length - at);
		if (text->length + piece.length + sizeof "\"" > text->size)
			break;
		text_add(text, "%s", buffer);
	}
	text_add(text, "\"");
}
