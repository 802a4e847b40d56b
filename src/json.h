/*
 * Strings as JSON has them, whatever bytes they are made of: RFC 8259.
 */
#ifndef LULL_JSON_H
#define LULL_JSON_H

#include <stddef.h>

#include "text.h"

/*
 * Adds `bytes` in quotes. A byte that is not part of valid UTF-8 becomes U+FFFD. What does not fit is left out, whole
 * characters at a time; the last quote is always there, as long as there is room for two.
 */
void json_add(struct text *text, const char *bytes, size_t length);

#endif
