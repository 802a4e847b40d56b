/*
 * Owns the words of HTTP. Never makes a call, never keeps a request.
 */
#include "http.h"

#include <stdbool.h>
#include <string.h>

/* Where in the head the next byte stands. */
enum place {
	IN_METHOD,
	IN_TARGET,
	IN_VERSION,
	AT_LINE, /* where a line begins, or the head ends */
	IN_LINE,
	BEFORE_LINE,     /* behind the CR of a line */
	BEFORE_HEAD_END, /* behind the CR of the empty line */
	HEAD_END,
	BROKEN,
};

static enum place in_method(struct http_request *request, unsigned char byte)
{
	if (byte == ' ' && request->at > 0) {
		request->at = 0;
		return IN_TARGET;
	}
	bool before = request->at == 0 && (byte == '\r' || byte == '\n'); /* RFC 9112, section 2.2 */
	if (before)
		return IN_METHOD;
	if (byte <= ' ' || byte >= 0x7f)
		return BROKEN;
	if (request->at < HTTP_METHOD_LENGTH)
		request->method[request->at++] = (char)byte;
	return IN_METHOD;
}

static enum place in_target(struct http_request *request, unsigned char byte)
{
	if (byte == ' ' && request->at > 0) {
		request->at = 0;
		return IN_VERSION;
	}
	request->at = 1;
	return byte <= ' ' || byte == 0x7f ? BROKEN : IN_TARGET;
}

static enum place in_line(unsigned char byte)
{
	if (byte == '\n')
		return AT_LINE;
	if (byte == '\r')
		return BEFORE_LINE;
	return (byte < ' ' && byte != '\t') || byte == 0x7f ? BROKEN : IN_LINE;
}

static enum place in_version(struct http_request *request, unsigned char byte)
{
	static const char VERSION[] = "HTTP/1.";
	const size_t digit = sizeof VERSION - 1;
	size_t at = request->at++;
	if (at < digit)
		return byte == (unsigned char)VERSION[at] ? IN_VERSION : BROKEN;
	if (at == digit)
		return byte >= '0' && byte <= '9' ? IN_VERSION : BROKEN;
	return byte == '\r' || byte == '\n' ? in_line(byte) : BROKEN;
}

static enum place behind(struct http_request *request, unsigned char byte)
{
	switch ((enum place)request->place) {
	case IN_METHOD:
		return in_method(request, byte);
	case IN_TARGET:
		return in_target(request, byte);
	case IN_VERSION:
		return in_version(request, byte);
	case AT_LINE:
		if (byte == '\n')
			return HEAD_END;
		return byte == '\r' ? BEFORE_HEAD_END : in_line(byte);
	case IN_LINE:
		return in_line(byte);
	case BEFORE_LINE:
		return byte == '\n' ? AT_LINE : BROKEN;
	case BEFORE_HEAD_END:
		return byte == '\n' ? HEAD_END : BROKEN;
	case HEAD_END:
	case BROKEN:
		break;
	}
	return BROKEN;
}

static enum http_verdict judge(const struct http_request *request)
{
	static const struct {
		char method[HTTP_METHOD_LENGTH];
		enum http_verdict verdict;
	} KNOWN[] = {{"GET", HTTP_ASKED}, {"OPTIONS", HTTP_ASKED}, {"HEAD", HTTP_ASKED_NO_BODY}};
	for (size_t i = 0; i < sizeof KNOWN / sizeof KNOWN[0]; i++)
		if (memcmp(request->method, KNOWN[i].method, HTTP_METHOD_LENGTH) == 0)
			return KNOWN[i].verdict;
	return HTTP_NOT_ALLOWED;
}

enum http_verdict http_read(struct http_request *request, const char *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		request->place = (uint8_t)behind(request, (unsigned char)bytes[i]);
		if (request->place == HEAD_END)
			return judge(request);
		if (request->place == BROKEN || ++request->length >= HTTP_HEAD_MOST)
			return HTTP_MALFORMED;
	}
	return HTTP_MORE;
}

void http_answer(struct text *answer, enum http_verdict verdict, enum http_readiness readiness)
{
	static const char *const WORDS[] = {
		[HTTP_READY] = "ready\n", [HTTP_STARTING] = "starting\n", [HTTP_DRAINING] = "draining\n"};
	const char *status = readiness == HTTP_READY ? "200 OK" : "503 Service Unavailable";
	const char *body = WORDS[readiness];
	const char *allow = "";
	if (verdict == HTTP_NOT_ALLOWED) {
		status = "405 Method Not Allowed";
		body = "method not allowed\n";
		allow = "Allow: GET, HEAD, OPTIONS\r\n";
	} else if (verdict == HTTP_MALFORMED) {
		status = "400 Bad Request";
		body = "bad request\n";
	}
	text_add(answer, "HTTP/1.1 %s\r\nContent-Type: text/plain\r\nContent-Length: %u\r\n%s", status,
	         (unsigned)strlen(body), allow);
	text_add(answer, "Cache-Control: no-store\r\nConnection: close\r\n\r\n%s",
	         verdict == HTTP_ASKED_NO_BODY ? "" : body);
}
