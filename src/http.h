/*
 * HTTP/1 for a readiness probe: reads the head of a request, writes the response. Pure: makes no call.
 */
#ifndef LULL_HTTP_H
#define LULL_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "readiness.h"
#include "text.h"

enum {
	HTTP_HEAD_MAX = 8192,     /* bytes of a request's head */
	HTTP_RESPONSE_SIZE = 256, /* a buffer for any response */
	HTTP_METHOD_SIZE = 9,     /* a longer method is cut off: it is none of those that are known */
};

enum http_verdict {
	HTTP_INCOMPLETE,  /* the head has not ended yet */
	HTTP_GET,         /* GET or OPTIONS */
	HTTP_HEAD,        /* the response has no body */
	HTTP_NOT_ALLOWED, /* another method */
	HTTP_MALFORMED,   /* not HTTP/1, or the head is longer than HTTP_HEAD_MAX */
};

/* How much of a request has been read; all zero at first. */
struct http_request {
	uint16_t length; /* bytes of the head */
	uint16_t at;     /* bytes of the current part */
	uint8_t part;    /* enum part of http.c */
	bool after_cr;   /* the last byte was the CR of a line end */
	char method[HTTP_METHOD_SIZE];
};

/* Reads the next bytes of a request. Not to be called again after a verdict other than HTTP_INCOMPLETE. */
enum http_verdict http_read(struct http_request *request, const char *bytes, size_t length);

/* Adds the whole response to a request with a verdict other than HTTP_INCOMPLETE. */
void http_add_response(struct text *response, enum http_verdict verdict, enum readiness readiness);

#endif
