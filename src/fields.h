/*
 * Messages whose values are fields of a JSON object as well.
 */
#ifndef LULL_FIELDS_H
#define LULL_FIELDS_H

#include <stdarg.h>

#include "text.h"

/*
 * From "cannot send {signal=%i} to PID {pid=%d}|{error=%s}", adds "cannot send SIGTERM to PID 7" to `message`, and
 * `,"signal":"SIGTERM","pid":7,"error":"..."` to `fields`. What follows `|` is not in the message, and a value without
 * a name is not in the fields. `message` may be NULL. The types are those of printf(3):
 *
 *   %d    a number
 *   %lld  a number; TIME_NEVER: null
 *   %lli  the same; in the message a duration in ms, as text_time() writes it
 *   %i    a signal, by its name; 0: null
 *   %s    a string; NULL: null, "?" in the message. In a field, a byte that is not part of valid UTF-8 becomes U+FFFD.
 *   %p    a string that is JSON already, only for a field
 *
 * A field that does not fit is left out whole, so the object stays valid.
 */
void fields_add(struct text *message, struct text *fields, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void fields_vadd(struct text *message, struct text *fields, const char *format, va_list arguments)
	__attribute__((format(printf, 3, 0)));

#endif
