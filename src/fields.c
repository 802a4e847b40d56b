/*
 * Owns the form of messages with fields. Never prints, never leaves half a field.
 */
#include "fields.h"

#include <string.h>

#include "signals.h"

/* Returns whether the whole string fits. */
static bool add_string(struct text *message, struct text *field, const char *value)
{
	text_add(message, "%s", value != NULL ? value : "?");
	if (value != NULL)
		return text_add_json(field, value, strlen(value));
	text_add(field, "null");
	return true;
}

static void add_number(struct text *message, struct text *field, long long number, bool is_time)
{
	char time[TEXT_TIME_SIZE];
	if (number == TIME_NEVER)
		text_add(field, "null");
	else
		text_add(field, "%lld", number);
	if (is_time)
		text_add(message, "%s", text_time(number, time));
	else
		text_add(message, "%lld", number);
}

/* Adds the value for a conversion, without its `%`, to both. Returns false if the field is full. */
static bool add_conversion(struct text *message, struct text *field, const char *conversion, va_list *arguments)
{
	char name[SIGNAL_NAME_SIZE];
	int signo;
	bool is_whole = true;
	switch (*conversion) {
	case 's':
		is_whole = add_string(message, field, va_arg(*arguments, const char *));
		break;
	case 'i':
		signo = va_arg(*arguments, int);
		is_whole = add_string(message, field, signo != 0 ? signal_name(signo, name) : NULL);
		break;
	case 'p':
		text_add(field, "%s", (const char *)va_arg(*arguments, void *));
		break;
	case 'd':
		add_number(message, field, va_arg(*arguments, int), false);
		break;
	default: /* %lld, %lli */
		add_number(message, field, va_arg(*arguments, long long), conversion[2] == 'i');
		break;
	}
	return is_whole && !text_is_full(field);
}

void fields_vadd(struct text *message, struct text *fields, const char *format, va_list arguments)
{
	char nothing[1];
	struct text discard = TEXT_IN(nothing);
	struct text *field = &discard;
	size_t length = 0;
	size_t name;
	bool fits = true;
	va_list rest;
	va_copy(rest, arguments); /* add_conversion() needs its address, and a parameter may be an array */
	if (message == NULL)
		message = &discard;
	for (const char *at = format; *at != '\0'; at++) {
		switch (*at) {
		case '{':
			field = fields;
			length = fields->length;
			name = strcspn(++at, "=");
			text_add(fields, ",\"%.*s\":", (int)name, at);
			at += name;
			break;
		case '}':
			if (!fits)
				text_cut(fields, length);
			field = &discard;
			break;
		case '|':
			message = &discard;
			break;
		case '%':
			fits = add_conversion(message, field, ++at, &rest);
			at += *at == 'l' ? sizeof "ld" - 1 : 0;
			break;
		default:
			text_add(message, "%c", *at);
			break;
		}
	}
	va_end(rest);
}

void fields_add(struct text *message, struct text *fields, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	fields_vadd(message, fields, format, arguments);
	va_end(arguments);
}
