/*
 * Owns the form of fields in JSON. Never prints, never leaves half a field.
 */
#include "fields.h"

#include <string.h>

#include "signals.h"

/* Returns whether it fits. */
static bool add_string(struct text *fields, const char *value)
{
	if (value != NULL)
		return text_add_json(fields, value, strlen(value));
	text_add(fields, "null");
	return true;
}

/* Adds the value for a letter of the format. Returns whether it fits. */
static bool add_value(struct text *fields, char letter, va_list *arguments)
{
	char name[SIGNAL_NAME_SIZE];
	long long number;
	int signo;
	switch (letter) {
	case 's':
		return add_string(fields, va_arg(*arguments, const char *));
	case 'i':
		signo = va_arg(*arguments, int);
		return add_string(fields, signo != 0 ? signal_name(signo, name) : NULL);
	case 'p':
		text_add(fields, "%s", (const char *)va_arg(*arguments, void *));
		return true;
	case 'd':
		text_add(fields, "%d", va_arg(*arguments, int));
		return true;
	default: /* %lld */
		number = va_arg(*arguments, long long);
		if (number == TIME_NEVER)
			text_add(fields, "null");
		else
			text_add(fields, "%lld", number);
		return true;
	}
}

void fields_vadd(struct text *fields, const char *format, va_list arguments)
{
	va_list rest;
	va_copy(rest, arguments);
	while (*format != '\0') {
		size_t length = fields->length;
		size_t name = strcspn(format, "=");
		text_add(fields, ",\"%.*s\":", (int)name, format);
		format += name + sizeof "=%" - 1;
		if (!add_value(fields, *format, &rest) || text_is_full(fields))
			text_cut(fields, length);
		format += strcspn(format, " ");
		format += *format == ' ';
	}
	va_end(rest);
}

void fields_add(struct text *fields, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	fields_vadd(fields, format, arguments);
	va_end(arguments);
}
