/*
 * A flag and its variable have one meaning and one error. Input: the name of an option, a value for its variable only,
 * and a value for both.
 */
#include <string.h>

#include "fuzz.h"

enum { WHY_SIZE = 2048 };

/* One way to give one value. */
struct attempt {
	struct options options;
	char why[WHY_SIZE];
	const char *reason; /* after the name */
	int parsed;
};

static char *join(const char *before, const char *name, const char *middle, const char *value)
{
	size_t size = strlen(before) + strlen(name) + strlen(middle) + strlen(value) + 1;
	struct text text = text_in(fuzz_alloc(size), size);
	text_add(&text, "%s%s%s%s", before, name, middle, value);
	return text.bytes;
}

static void try(struct attempt *attempt, const char *name, char **argv, char *variable)
{
	char *envp[] = {variable, NULL};
	struct text why = TEXT_IN(attempt->why);
	attempt->parsed = options_parse(&attempt->options, compat_mode_of(argv[0]), argv, envp, &why);
	attempt->reason = attempt->why;
	if (attempt->parsed == 0)
		return;
	demand(strncmp(attempt->why, name, strlen(name)) == 0, "an error begins with the name that was given");
	attempt->reason += strlen(name);
}

static void try_words(struct attempt *attempt, const char *name, char *first, char *second)
{
	static char lull[] = "lull";
	static char command[] = "command";
	char *argv[] = {lull, first, second, command, NULL};
	char *shorter[] = {lull, first, command, NULL};
	try(attempt, name, second != NULL ? argv : shorter, NULL);
}

static void try_variable(struct attempt *attempt, const struct option *option, const char *value)
{
	static char lull[] = "lull";
	static char command[] = "command";
	char *argv[] = {lull, command, NULL};
	try(attempt, option->variable, argv, join("", option->variable, "=", value));
}

static void demand_alike(const struct attempt *a, const struct attempt *b)
{
	demand(a->parsed == b->parsed, "a value is taken in every form, or in none");
	if (a->parsed < 0)
		demand_same(a->reason, b->reason, "a value is rejected for the same reason in every form");
	else
		demand(same_options(&a->options, &b->options), "a value means the same in every form");
}

static void check_letter(const struct option *option, const char *value, const struct attempt *wanted)
{
	const char flag[] = {'-', option->letter, '\0'};
	struct attempt attempt;
	if (option->letter == '\0' || option->argument == NULL)
		return;
	try_words(&attempt, flag, fuzz_copy(flag), fuzz_copy(value));
	demand_alike(&attempt, wanted);
	if (*value == '\0')
		return;
	try_words(&attempt, flag, join("", flag, "", value), NULL);
	demand_alike(&attempt, wanted);
}

/* The flag overrides the variable, unless the variable is invalid. */
static void check_beaten(const struct option *option, const char *other, char *flag, const struct attempt *wanted)
{
	static char lull[] = "lull";
	static char command[] = "command";
	char *argv[] = {lull, flag, command, NULL};
	struct attempt alone;
	struct attempt both;
	try_variable(&alone, option, other);
	if (alone.parsed < 0 || wanted->parsed < 0)
		return;
	try(&both, "", argv, join("", option->variable, "=", other));
	demand(both.parsed == 0 && same_options(&both.options, &wanted->options), "a flag overrides its variable");
}

static void check(const struct option *option, const char *other, const char *value)
{
	struct attempt flag;
	struct attempt attempt;
	const char *name = join("--", option->name, "", "");
	char *with_value = join(name, "=", "", value);
	try_words(&flag, name, with_value, NULL);
	if (option->argument != NULL) {
		try_words(&attempt, name, fuzz_copy(name), fuzz_copy(value));
		demand_alike(&attempt, &flag);
	}
	check_letter(option, value, &flag);
	check_beaten(option, other, with_value, &flag);
	try_variable(&attempt, option, value);
	if (*value != '\0')
		demand_alike(&attempt, &flag);
	else
		demand(attempt.parsed == 0, "an empty variable is not set");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, data + size};
	const struct option *option;
	const char *name = input_line(&input);
	const char *other = input_line(&input);
	const char *value = input_rest(&input);
	for (size_t i = 0; other != NULL && (option = options_row(COMPAT_LULL, i)) != NULL; i++)
		if (option->name != NULL && option->variable != NULL && strcmp(option->name, name) == 0)
			check(option, other, value);
	input_free();
	return 0;
}
