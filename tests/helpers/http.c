/*
 * Tests that the HTTP parser returns the same result for each way to split a request. Prints TAP.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/http.h"

static const struct {
	const char *bytes;
	enum http_verdict verdict;
} CASES[] = {
	{"GET / HTTP/1.1\r\n\r\n", HTTP_GET},
	{"GET / HTTP/1.0\n\n", HTTP_GET},
	{"GET / HTTP/1.1\r\n\n", HTTP_GET},
	{"GET / HTTP/1.1\n\r\n", HTTP_GET},
	{"OPTIONS * HTTP/1.0\r\n\r\n", HTTP_GET},
	{"OPTIONS / HTTP/1.1\r\nHost: a\r\nUser-Agent: b\tc\r\n\r\n", HTTP_GET},
	{"HEAD /\xc3\xa4?x=%20 HTTP/1.1\r\nX: \xff\r\n folded\r\n\r\n", HTTP_HEAD},
	{"GET / HTTP/1.1\r\nX\n\nGET / HTTP/9", HTTP_GET},
	{"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", HTTP_NOT_ALLOWED},
	{"GETS / HTTP/1.1\r\n\r\n", HTTP_NOT_ALLOWED},
	{"GE / HTTP/1.1\r\n\r\n", HTTP_NOT_ALLOWED},
	{"OPTIONSX / HTTP/1.1\r\n\r\n", HTTP_NOT_ALLOWED},
	{"AVERYVERYVERYLONGMETHOD / HTTP/1.1\r\n\r\n", HTTP_NOT_ALLOWED},
	{"get / HTTP/1.1\r\n\r\n", HTTP_NOT_ALLOWED},
	{"GET / HTTP/1.1\r\nX: y\r\n", HTTP_INCOMPLETE},
	{"GET / HTTP/1.1\r\n\r", HTTP_INCOMPLETE},
	{"GET / HTTP/1.1", HTTP_INCOMPLETE},
	{"GET", HTTP_INCOMPLETE},
	{"", HTTP_INCOMPLETE},
	{"\r\n", HTTP_INCOMPLETE},
	{"\r\n\nGET / HTTP/1.1\r\n\r\n", HTTP_GET},
	{"\r\n / HTTP/1.1\r\n\r\n", HTTP_MALFORMED},
	{" / HTTP/1.1\r\n\r\n", HTTP_MALFORMED},
	{"GET\r\n", HTTP_MALFORMED},
	{"GET /\r\n", HTTP_MALFORMED},
	{"GET  / HTTP/1.1\r\n", HTTP_MALFORMED},
	{"GET /  HTTP/1.1\r\n", HTTP_MALFORMED},
	{"GET /a b HTTP/1.1\r\n", HTTP_MALFORMED},
	{"GET / HTTP/2.0\r\n", HTTP_MALFORMED},
	{"GET / HTTP/1.x\r\n", HTTP_MALFORMED},
	{"GET / HTTP/1.11\r\n", HTTP_MALFORMED},
	{"GET / http/1.1\r\n", HTTP_MALFORMED},
	{"GET / HTTP/1.1 \r\n", HTTP_MALFORMED},
	{"GET / HTTP/1.1\r\r\n", HTTP_MALFORMED},
	{"GET / HTTP/1.1\r\n\rX", HTTP_MALFORMED},
	{"GET / HTTP/1.1\r\nX: \x01", HTTP_MALFORMED},
	{"GET / HTTP/1.1\r\nX: \x7f", HTTP_MALFORMED},
	{"\x16\x03\x01\x02", HTTP_MALFORMED},
	{"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", HTTP_MALFORMED},
};

enum { CASES_COUNT = sizeof CASES / sizeof CASES[0], RANDOM_ROUNDS = 200000 };

/* Splits the request before byte i if bit i % 32 of `cuts` is set. */
static enum http_verdict read_in_pieces(const char *bytes, size_t length, unsigned cuts)
{
	struct http_request request = {0};
	enum http_verdict verdict = HTTP_INCOMPLETE;
	size_t from = 0;
	for (size_t i = 1; i <= length && verdict == HTTP_INCOMPLETE; i++) {
		if (i < length && !(cuts >> (i % 32) & 1))
			continue;
		verdict = http_read(&request, bytes + from, i - from);
		from = i;
	}
	return verdict;
}

static bool test_known_requests(void)
{
	for (size_t i = 0; i < CASES_COUNT; i++)
		for (unsigned cuts = 0; cuts <= 32; cuts++) {
			size_t length = strlen(CASES[i].bytes);
			unsigned mask = cuts < 32 ? 1U << cuts : ~0U;
			if (read_in_pieces(CASES[i].bytes, length, mask) == CASES[i].verdict)
				continue;
			printf("# case %zu, cut %u: %s\n", i, cuts, CASES[i].bytes);
			return false;
		}
	return true;
}

static bool test_size_limit(void)
{
	static const char BEGIN[] = "GET / HTTP/1.1\r\nX: ";
	static char head[HTTP_HEAD_MAX + 100];
	for (size_t length = HTTP_HEAD_MAX - 10; length < HTTP_HEAD_MAX + 10; length++) {
		memset(head, 'x', sizeof head);
		memcpy(head, BEGIN, sizeof BEGIN - 1);
		memcpy(head + length - 4, "\r\n\r\n", 4);
		enum http_verdict wanted = length <= HTTP_HEAD_MAX ? HTTP_GET : HTTP_MALFORMED;
		if (read_in_pieces(head, length, 0) != wanted || read_in_pieces(head, length, ~0U) != wanted)
			return false;
	}
	return true;
}

/* Changes random bytes of the requests. The result is unknown, but must be the same for each split. */
static bool test_damaged_requests(void)
{
	static const char BYTES[] = "\r\n\r\n :/.1HTPGET\t\x7f";
	char bytes[256];
	for (int round = 0; round < RANDOM_ROUNDS; round++) {
		const char *origin = CASES[rand() % CASES_COUNT].bytes;
		size_t length = strlen(origin);
		memcpy(bytes, origin, length);
		for (int changes = rand() % 4; changes > 0 && length > 0; changes--)
			bytes[(size_t)rand() % length] = BYTES[rand() % (int)sizeof BYTES];
		unsigned cuts = (unsigned)rand() * 2U + (unsigned)(rand() & 1);
		if (read_in_pieces(bytes, length, 0) != read_in_pieces(bytes, length, cuts))
			return false;
	}
	return true;
}

static bool test_responses(void)
{
	for (int verdict = HTTP_GET; verdict <= HTTP_MALFORMED; verdict++)
		for (int readiness = READINESS_STARTING; readiness <= READINESS_ENDED; readiness++) {
			char bytes[HTTP_RESPONSE_SIZE];
			struct text text = TEXT_IN(bytes);
			http_add_response(&text, (enum http_verdict)verdict, (enum readiness)readiness);
			const char *body = strstr(bytes, "\r\n\r\n");
			const char *field = strstr(bytes, "Content-Length: ");
			if (text.length >= sizeof bytes - 1 || body == NULL || field == NULL)
				return false;
			size_t length = (size_t)atoi(field + strlen("Content-Length: "));
			if (length == 0 || strlen(body + 4) != (verdict == HTTP_HEAD ? 0 : length))
				return false;
		}
	return true;
}

/* Returns the number of failures. */
static int report(int number, bool passed, const char *title)
{
	printf("%sok %d - http: %s\n", passed ? "" : "not ", number, title);
	return passed ? 0 : 1;
}

int main(void)
{
	int failed = 0;
	printf("1..4\n");
	failed += report(1, test_known_requests(), "known requests, split at each byte");
	failed += report(2, test_size_limit(), "a head of at most 8 kB");
	failed += report(3, test_damaged_requests(), "damaged requests, whole and split");
	failed += report(4, test_responses(), "each response fits its buffer and has the right Content-Length");
	return failed != 0;
}
