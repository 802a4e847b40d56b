/*
 * Fields of a JSON object.
 */
#ifndef LULL_FIELDS_H
#define LULL_FIELDS_H

#include <stdarg.h>

#include "text.h"

/*
 * Adds a `,"name":value` for each "name=%d" in the format, which a space separates. The types are those of printf(3):
 *
 *   %d    a number
 *   %lld  a number; TIME_NEVER: null
 *   %i    the name of a signal, as a string; 0: null
 *   %s    a string; NULL: null. A byte that is not part of valid UTF-8 becomes U+FFFD.
 *   %p    a string that is JSON already
 *
 * A field that does not fit is left out whole, so the object stays valid.
 */
void fields_add(struct text *fields, const char *format, ...) __attribute__((format(printf, 2, 3)));
void fields_vadd(struct text *fields, const char *format, va_list arguments) __attribute__((format(printf, 2, 0)));

#endif
