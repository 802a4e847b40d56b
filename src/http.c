/*
 * Owns the syntax of HTTP. Never makes a call, never stores a request.
 */
#include "http.h"

#include <string.h>

enum part { METHOD, TARGET, VERSION, FIELD };

static enum http_verdict classify_method(const char *method)
{
	if (strcmp(method, "HEAD") == 0)
		return HTTP_HEAD;
	return strcmp(method, "GET") == 0 || strcmp(method, "OPTIONS") == 0 ? HTTP_GET : HTTP_NOT_ALLOWED;
}

/* The method or the target: ends at a space. Empty lines before a request are skipped: RFC 9112, section 2.2. */
static enum http_verdict read_word(struct http_request *request, unsigned char byte)
{
	bool is_method = request->part == METHOD;
	if (is_method && request->at == 0 && (byte == '\r' || byte == '\n'))
		return HTTP_INCOMPLETE;
	if (byte == ' ' && request->at > 0) {
		request->part++;
		request->at = 0;
		return HTTP_INCOMPLETE;
	}
	if (byte <= ' ' || byte == 0x7f || (is_method && byte > 0x7f))
		return HTTP_MALFORMED;
	if (is_method && request->at < HTTP_METHOD_SIZE - 1)
		request->method[request->at] = (char)byte;
	request->at++;
	return HTTP_INCOMPLETE;
}

/* The version or a field line: ends with LF or CR LF. An empty field line ends the head. */
static enum http_verdict read_line(struct http_request *request, unsigned char byte)
{
	static const char NAME[] = "HTTP/1."; /* and one digit */
	const size_t digit = sizeof NAME - 1;
	size_t at = request->at++;
	bool is_field = request->part == FIELD;
	if (!is_field && at < digit)
		return byte == (unsigned char)NAME[at] ? HTTP_INCOMPLETE : HTTP_MALFORMED;
	if (!is_field && at == digit)
		return byte >= '0' && byte <= '9' ? HTTP_INCOMPLETE : HTTP_MALFORMED;
	if (byte == '\n') {
		bool is_empty = is_field && at == request->after_cr;
		request->part = FIELD;
		request->at = 0;
		request->after_cr = false;
		return is_empty ? classify_method(request->method) : HTTP_INCOMPLETE;
	}
	if (request->after_cr)
		return HTTP_MALFORMED;
	request->after_cr = byte == '\r';
	bool is_text = is_field && (byte >= ' ' || byte == '\t') && byte != 0x7f;
	return request->after_cr || is_text ? HTTP_INCOMPLETE : HTTP_MALFORMED;
}

enum http_verdict http_read(struct http_request *request, const char *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		unsigned char byte = (unsigned char)bytes[i];
		enum http_verdict verdict =
			request->part <= TARGET ? read_word(request, byte) : read_line(request, byte);
		if (verdict != HTTP_INCOMPLETE)
			return verdict;
		if (++request->length >= HTTP_HEAD_MAX)
			return HTTP_MALFORMED;
	}
	return HTTP_INCOMPLETE;
}

void http_add_response(struct text *response, enum http_verdict verdict, enum readiness readiness)
{
	static const char *const BODIES[] = {
		[READINESS_STARTING] = "starting\n",
		[READINESS_READY] = "ready\n",
		[READINESS_DRAINING] = "draining\n",
		[READINESS_ENDED] = "draining\n",
	};
	const char *status = readiness == READINESS_READY ? "200 OK" : "503 Service Unavailable";
	const char *body = BODIES[readiness];
	const char *allow = "";
	if (verdict == HTTP_NOT_ALLOWED) {
		status = "405 Method Not Allowed";
		body = "method not allowed\n";
		allow = "Allow: GET, HEAD, OPTIONS\r\n";
	} else if (verdict == HTTP_MALFORMED) {
		status = "400 Bad Request";
		body = "bad request\n";
	}
	text_add(response,
	         "HTTP/1.1 %s\r\nContent-Type: text/plain\r\nContent-Length: %u\r\n%s"
	         "Cache-Control: no-store\r\nConnection: close\r\n\r\n%s",
	         status, (unsigned)strlen(body), allow, verdict == HTTP_HEAD ? "" : body);
}
