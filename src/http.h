/*
 * As much of HTTP as a readiness endpoint needs: where the head of a request ends, what it asks, and the answer.
 *
 * Pure: bytes in, verdict out, and no byte is kept but those of the method.
 */
#ifndef LULL_HTTP_H
#define LULL_HTTP_H

#include <stddef.h>
#include <stdint.h>

#include "text.h"

enum {
	HTTP_HEAD_MOST = 8192,  /* bytes that the head of a request may have */
	HTTP_ANSWER_SIZE = 256, /* room for any answer */
	HTTP_METHOD_LENGTH = 8, /* of a longer method only the beginning is kept */
};

enum http_verdict {
	HTTP_MORE,          /* the head is not complete */
	HTTP_ASKED,         /* GET or OPTIONS */
	HTTP_ASKED_NO_BODY, /* HEAD */
	HTTP_NOT_ALLOWED,   /* another method */
	HTTP_MALFORMED,     /* no HTTP/1, or a head of more than HTTP_HEAD_MOST */
};

/* A request as far as it has come; all zero at first. */
struct http_request {
	uint16_t length; /* of the head */
	uint8_t place;   /* in the head: enum place of http.c */
	uint8_t at;      /* in the word that stands there */
	char method[HTTP_METHOD_LENGTH];
};

/* What the endpoint says when it is asked. */
enum http_readiness {
	HTTP_READY,
	HTTP_STARTING,
	HTTP_DRAINING,
};

/* Takes the bytes that come next. Once the verdict is not HTTP_MORE, the rest is no matter. RFC 9112, section 2. */
enum http_verdict http_read(struct http_request *request, const char *bytes, size_t length);

/* Adds the whole answer to a verdict other than HTTP_MORE. */
void http_answer(struct text *answer, enum http_verdict verdict, enum http_readiness readiness);

#endif
