/*
 * What the fuzzing targets share: an input cut into words, and demands on what the product makes of it. libFuzzer calls
 * LLVMFuzzerTestOneInput() with one input after the other; a demand that does not hold ends the program, and the input
 * is kept.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../src/options.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Ends the program unless it holds. `what` says what was expected. */
void demand(bool holds, const char *what);

/* The same, and shows two words. */
void demand_same(const char *a, const char *b, const char *what);

/* An input as far as it was read. */
struct input {
	const uint8_t *at;
	const uint8_t *end;
};

/* The next byte; 0 behind the last. */
unsigned input_byte(struct input *input);

/*
 * The next line, without its end, in memory of its own, as long as it is: one byte too far is seen. A NUL in a line
 * stands for a newline. NULL behind the last.
 */
char *input_line(struct input *input);

/* All that is left, up to a NUL, in memory of its own. */
char *input_rest(struct input *input);

/* All that is left, whatever it is. Its length is in *length; there is no NUL behind it. */
char *input_bytes(struct input *input, size_t *length);

/* Memory of its own, which input_free() gives back. */
void *fuzz_alloc(size_t size);
char *fuzz_copy(const char *word);

/* Gives back the memory of all words. */
void input_free(void);

/* The next word of a list of any kind, cut at `separator`, with its length; *at is NULL behind the last. */
const char *next_of(const char **at, char separator, size_t *length);

/* Are these the same in all that matters to what lull does? Not by whom they were given. */
bool same_options(const struct options *a, const struct options *b);
bool same_plan(const struct plan *a, const struct plan *b);

/* One line of text: no control character, and UTF-8 alone. */
bool is_printable(const char *bytes, size_t length);

/*
 * The JSON string at *at, which is moved past it. Returns how many bytes it stands for, which are written to `decoded`
 * (as many as the string has are enough), or -1 when it is none: RFC 8259.
 */
long json_string(const char **at, const char *end, char *decoded);

/* Is it one JSON object of strings and whole numbers, and nothing else? */
bool is_json_object(const char *bytes, size_t length);

#endif
