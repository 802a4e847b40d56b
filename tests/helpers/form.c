/*
 * Asks the product's own code for words, for a test to compare.
 *
 *   form date         for each number on stdin, in ms since 1970, its date
 *   form json SIZE    for each record on stdin, its JSON string as text of SIZE bytes holds it, and a newline; a record
 *                     is two bytes, its length with the lower one first, and as many bytes
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/json.h"
#include "../../src/text.h"

static void tell_dates(void)
{
	char buffer[TEXT_TIME_SIZE];
	long long wall_ms;
	while (scanf("%lld", &wall_ms) == 1)
		puts(text_date(wall_ms, buffer));
}

/* The buffers are as long as what they hold, so that a sanitizer sees what is read or written beyond. */
static int tell_strings(size_t size)
{
	unsigned char head[2];
	char *bytes = malloc(size);
	if (bytes == NULL)
		return 1;
	while (fread(head, 1, sizeof head, stdin) == sizeof head) {
		size_t length = head[0] + 256U * head[1];
		char *record = malloc(length + !length);
		struct text text = text_in(bytes, size);
		if (record == NULL || fread(record, 1, length, stdin) != length)
			return 1;
		json_add(&text, record, length);
		(void)fwrite(text.bytes, 1, text.length, stdout);
		(void)putchar('\n');
		free(record);
	}
	free(bytes);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "date") == 0) {
		tell_dates();
		return 0;
	}
	if (argc == 3 && strcmp(argv[1], "json") == 0)
		return tell_strings((size_t)atoi(argv[2]));
	return 2;
}
