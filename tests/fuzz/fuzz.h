/*
 * What the fuzz targets share: an input split into words, and demands on the results. libFuzzer calls
 * LLVMFuzzerTestOneInput() for each input; a demand that does not hold aborts the program, and libFuzzer keeps the
 * input.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../src/options.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Aborts the program unless it holds. `what` is what was expected. */
void demand(bool holds, const char *what);

/* The same, and prints two words. */
void demand_same(const char *a, const char *b, const char *what);

/* An input, and how far it was read. */
struct input {
	const uint8_t *at;
	const uint8_t *end;
};

/* The next byte; 0 after the last. */
unsigned input_byte(struct input *input);

/*
 * The next line, without its end, in an allocation of exactly its length, so that ASan finds a read beyond it. A NUL in
 * a line stands for a newline. NULL after the last.
 */
char *input_line(struct input *input);

/* The rest of the input, up to a NUL, in an allocation of its own. */
char *input_rest(struct input *input);

/* The rest of the input, with any bytes. Its length is in *length; there is no NUL after it. */
char *input_bytes(struct input *input, size_t *length);

/* An allocation that input_free() frees. */
void *fuzz_alloc(size_t size);
char *fuzz_copy(const char *word);

/* Frees the memory of all words. */
void input_free(void);

/* The next word of a list of any kind, cut at `separator`, with its length; *at is NULL behind the last. */
const char *next_of(const char **at, char separator, size_t *length);

/* Are these the same for lull's behaviour? Where they were given does not count. */
bool same_options(const struct options *a, const struct options *b);
bool same_plan(const struct plan *a, const struct plan *b);

/* One line of text: no control character, and valid UTF-8. */
bool is_printable(const char *bytes, size_t length);

/*
 * Decodes the JSON string at *at, which is moved past it, to `decoded`, which may be as long as the string. Returns the
 * number of bytes, or -1 if it is invalid: RFC 8259.
 */
long json_string(const char **at, const char *end, char *decoded);

/* Is it one JSON object of strings, whole numbers, nulls, and lists of strings and objects, and nothing else? */
bool is_json_object(const char *bytes, size_t length);

#endif
