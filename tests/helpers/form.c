/*
 * Formats data with lull's functions. A test compares the output.
 *
 *   form date         prints the date of each number on stdin, in ms since 1970
 *   form json SIZE    prints each record on stdin as a JSON string in a buffer of SIZE bytes, and a newline; a record
 *                     is a length of two bytes, little endian, and its bytes
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/text.h"

static void print_dates(void)
{
	char buffer[TEXT_TIME_SIZE];
	long long wall_ms;
	while (scanf("%lld", &wall_ms) == 1)
		puts(text_date(wall_ms, buffer));
}

/* Each buffer has the size of its contents, so that a sanitizer reports accesses beyond them. */
static int print_strings(size_t size)
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
		(void)text_add_json(&text, record, length);
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
		print_dates();
		return 0;
	}
	if (argc == 3 && strcmp(argv[1], "json") == 0)
		return print_strings((size_t)atoi(argv[2]));
	return 2;
}
