/*
 * The readiness endpoint's requests: the verdict is that of a second parser, in whatever pieces a request comes, and
 * does not change. Input: a byte for the pieces, and the request.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/http.h"
#include "fuzz.h"

enum { PIECES = 4 };

static const size_t PIECE[PIECES] = {0, 1, 7, 1024}; /* 0: whole */

/* Each piece in an allocation of its own. The pieces differ in length, by `odd`. */
static enum http_verdict read_in_pieces(const char *bytes, size_t length, size_t most, unsigned odd)
{
	struct http_request request = {0};
	enum http_verdict verdict = HTTP_INCOMPLETE;
	for (size_t at = 0; at < length && verdict == HTTP_INCOMPLETE;) {
		size_t piece = most == 0 ? length : most + (odd >> at % 7 & 1);
		if (piece > length - at)
			piece = length - at;
		char *own = malloc(piece);
		demand(own != NULL, "there is memory");
		memcpy(own, bytes + at, piece);
		verdict = http_read(&request, own, piece);
		free(own);
		at += piece;
	}
	return verdict;
}

/* --- A second parser: by lines ------------------------------------------------------------------------------------ */

static bool only(const char *bytes, size_t length, bool (*may)(unsigned char byte))
{
	for (size_t i = 0; i < length; i++)
		if (!may((unsigned char)bytes[i]))
			return false;
	return true;
}

static bool in_method(unsigned char byte)
{
	return byte > ' ' && byte < 0x7f;
}

static bool in_target(unsigned char byte)
{
	return byte > ' ' && byte != 0x7f;
}

static bool in_field(unsigned char byte)
{
	return (byte >= ' ' && byte != 0x7f) || byte == '\t';
}

static bool is(const char *bytes, size_t length, const char *word)
{
	return length == strlen(word) && memcmp(bytes, word, length) == 0;
}

static enum http_verdict verdict_on(const char *line, size_t length)
{
	const char *end = line + length;
	const char *target = memchr(line, ' ', length);
	if (target == NULL || target == line)
		return HTTP_MALFORMED;
	size_t method = (size_t)(target++ - line);
	const char *version = memchr(target, ' ', (size_t)(end - target));
	if (version == NULL || version == target || !only(line, method, in_method) ||
	    !only(target, (size_t)(version - target), in_target))
		return HTTP_MALFORMED;
	if (end - ++version != 8 || memcmp(version, "HTTP/1.", 7) != 0 || !isdigit((unsigned char)version[7]))
		return HTTP_MALFORMED;
	if (is(line, method, "GET") || is(line, method, "OPTIONS"))
		return HTTP_GET;
	return is(line, method, "HEAD") ? HTTP_HEAD : HTTP_NOT_ALLOWED;
}

/* The line at *at without its end; false if it has none. */
static bool line_at(const char **at, const char *end, size_t *length)
{
	const char *stop = memchr(*at, '\n', (size_t)(end - *at));
	if (stop == NULL)
		return false;
	*length = (size_t)(stop - *at) - (stop > *at && stop[-1] == '\r');
	*at = stop + 1;
	return true;
}

/* The verdict on a head. HTTP_INCOMPLETE: it is not whole, or its last line is invalid. */
static enum http_verdict reference(const char *bytes, size_t length)
{
	const char *end = bytes + length;
	const char *at = bytes;
	size_t size;
	while (at < end && (*at == '\r' || *at == '\n'))
		at++;
	const char *first = at;
	if (!line_at(&at, end, &size))
		return HTTP_INCOMPLETE;
	enum http_verdict verdict = verdict_on(first, size);
	for (const char *line = at; verdict != HTTP_MALFORMED; line = at) {
		if (!line_at(&at, end, &size))
			return HTTP_INCOMPLETE;
		if (size == 0)
			return at - bytes > HTTP_HEAD_MAX ? HTTP_MALFORMED : verdict;
		if (!only(line, size, in_field))
			return HTTP_MALFORMED;
	}
	return verdict;
}

static void check_answer(enum http_verdict verdict)
{
	for (int readiness = READINESS_STARTING; readiness <= READINESS_ENDED; readiness++) {
		char bytes[HTTP_RESPONSE_SIZE];
		struct text answer = TEXT_IN(bytes);
		http_add_response(&answer, verdict, (enum readiness)readiness);
		const char *status = verdict == HTTP_NOT_ALLOWED    ? "HTTP/1.1 405 "
		                     : verdict == HTTP_MALFORMED    ? "HTTP/1.1 400 "
		                     : readiness == READINESS_READY ? "HTTP/1.1 200 "
		                                                    : "HTTP/1.1 503 ";
		demand(strncmp(bytes, status, strlen(status)) == 0, "the status is that of the verdict");
		demand(answer.length < sizeof bytes - 1 && strstr(bytes, "\r\n\r\n") != NULL, "an answer is whole");
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, data + size};
	unsigned odd = input_byte(&input);
	size_t length;
	const char *bytes = input_bytes(&input, &length);
	enum http_verdict whole = read_in_pieces(bytes, length, 0, 0);
	enum http_verdict wanted = reference(bytes, length);
	for (int i = 1; i < PIECES; i++)
		demand(read_in_pieces(bytes, length, PIECE[i], odd) == whole, "pieces do not matter");
	if (length >= HTTP_HEAD_MAX)
		demand(whole != HTTP_INCOMPLETE, "a head has an end");
	demand(whole == wanted || (wanted == HTTP_INCOMPLETE && whole == HTTP_MALFORMED),
	       "the verdict is that on its lines");
	if (whole != HTTP_INCOMPLETE)
		check_answer(whole);
	input_free();
	return 0;
}
