/*
 * Makes the completion of a shell from its template and the table of options: copies stdin to stdout, and replaces each
 * "@@LIST@@". Runs while lull is built, and is no part of lull.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "../options.h"
#include "../signals.h"

/* What the templates call the values of an option. "any": nothing is suggested but the choices in its argument. */
static const char *value_of(const struct option *option)
{
	if (option->argument == NULL)
		return option->kind == KIND_REQUEST ? "none" : "switch";
	if (option->kind == KIND_SIGNAL)
		return "signal";
	if (option->kind == KIND_SIGNALS)
		return "signals";
	if (option->kind == KIND_REWRITES)
		return "rewrites";
	return option->kind == KIND_PATH ? "path" : "any";
}

/* Prints the words that the argument lists, after `before`: of "TIME|never" never. Returns whether there are any. */
static bool print_choices(const struct option *option, const char *before)
{
	bool found = false;
	for (const char *at = option->argument; at != NULL && *at != '\0'; at += strspn(at, "|")) {
		size_t length = strcspn(at, "|");
		if (islower((unsigned char)*at)) {
			printf("%s%.*s", found ? " " : before, (int)length, at);
			found = true;
		}
		at += length;
	}
	return found;
}

/* Prints text for single quotes, with `quote` for a quote and a backslash before each character of `special`. */
static void print_quoted(const char *text, const char *quote, const char *special)
{
	for (; *text != '\0'; text++) {
		if (*text == '\'')
			printf("%s", quote);
		else
			printf("%s%c", strchr(special, *text) != NULL ? "\\" : "", *text);
	}
}

static void print_names(const struct option *option, const char *between)
{
	if (option->letter != '\0')
		printf("-%c%s", option->letter, option->name != NULL ? between : "");
	if (option->name != NULL)
		printf("--%s", option->name);
}

static void print_all_names(const struct option *option)
{
	printf(" ");
	print_names(option, " ");
}

/* -d | --delay) kind='any' ;; */
static void print_bash(const struct option *option)
{
	printf("\t");
	print_names(option, " | ");
	printf(") kind='%s", value_of(option));
	print_choices(option, " ");
	printf("' ;;\n");
}

/* '*-d+[Wait ...]:TIME: ' \ */
static void print_zsh_row(const struct option *option, const char *dash, const char *name, const char *value)
{
	printf("\t\t'*%s%s%s[", dash, name, value);
	print_quoted(option->help, "'\\''", "[]\\");
	printf("]");
	if (*value != '\0') {
		printf(option->argument != NULL ? ":" : "::");
		print_quoted(option->argument != NULL ? option->argument : " ", "'\\''", ":\\");
		printf(":");
		if (print_choices(option, "("))
			printf(")");
		else if (strcmp(value_of(option), "any") == 0)
			printf(" ");
		else
			printf("_lull_%s", value_of(option));
	}
	printf("' \\\n");
}

static void print_zsh(const struct option *option)
{
	const char letter[] = {option->letter, '\0'};
	bool has_value = option->argument != NULL;
	bool is_switch = strcmp(value_of(option), "switch") == 0;
	if (option->letter != '\0')
		print_zsh_row(option, "-", letter, has_value ? "+" : "");
	if (option->name != NULL)
		print_zsh_row(option, "--", option->name, has_value ? "=" : is_switch ? "=-" : "");
}

/* complete -c lull -n __lull_in_options -s d -l delay -d 'Wait ...' -x -a '...' */
static void print_fish(const struct option *option)
{
	printf("complete -c lull -n __lull_in_options");
	if (option->letter != '\0')
		printf(" -s %c", option->letter);
	if (option->name != NULL)
		printf(" -l %s", option->name);
	printf(" -d '");
	print_quoted(option->help, "\\'", "\\");
	printf("'");
	if (option->argument != NULL) {
		printf(" -x -a '");
		if (!print_choices(option, "") && strcmp(value_of(option), "any") != 0)
			printf("(__lull_%s)", value_of(option));
		printf("'");
	}
	printf("\n");
}

static void print_long_with_value(const struct option *option)
{
	if (option->name != NULL && option->argument != NULL)
		printf(" --%s", option->name);
}

static void print_letter_with_value(const struct option *option)
{
	if (option->letter != '\0' && option->argument != NULL)
		printf("%c", option->letter);
}

static void print_long_switch(const struct option *option)
{
	if (option->name != NULL && strcmp(value_of(option), "switch") == 0)
		printf(" --%s", option->name);
}

/* The signals that lull can forward. The templates add the others: KILL, STOP, CHLD. */
static void print_signals(void)
{
	const char *separator = "";
	for (int signo = 1; signo <= SIGNALS_MAX; signo++) {
		char buffer[SIGNAL_NAME_SIZE];
		const char *name = signal_short_name(signo, buffer);
		if (!signal_can_be_forwarded(signo) || !isupper((unsigned char)*name))
			continue;
		printf("%s%s", separator, name);
		separator = " ";
	}
}

static const struct list {
	const char *name;
	void (*print)(const struct option *option);
} LISTS[] = {
	{"bash", print_bash},
	{"zsh", print_zsh},
	{"fish", print_fish},
	{"names", print_all_names},
	{"long with value", print_long_with_value},
	{"letters with value", print_letter_with_value},
	{"long switches", print_long_switch},
};

/* Returns false if there is no such list. */
static bool print_list(const char *name)
{
	const struct option *option;
	if (strcmp(name, "signals") == 0) {
		print_signals();
		return true;
	}
	for (size_t i = 0; i < sizeof LISTS / sizeof LISTS[0]; i++) {
		if (strcmp(name, LISTS[i].name) != 0)
			continue;
		for (size_t row = 0; (option = options_row(COMPAT_LULL, row)) != NULL; row++)
			if (option->help != NULL)
				LISTS[i].print(option);
		return true;
	}
	return false;
}

/* A list that is alone in its line ends that line itself. Returns 0, or -1 if there is no such list. */
static int print_line(char *line)
{
	bool is_alone = strncmp(line, "@@", 2) == 0 && strcmp(line + strlen(line) - 3, "@@\n") == 0;
	char *end;
	for (char *start; (start = strstr(line, "@@")) != NULL && (end = strstr(start + 2, "@@")) != NULL;
	     line = end + 2) {
		printf("%.*s", (int)(start - line), line);
		*end = '\0';
		if (!print_list(start + 2)) {
			(void)fprintf(stderr, "completion: no list \"%s\"\n", start + 2);
			return -1;
		}
	}
	printf("%s", is_alone ? "" : line);
	return 0;
}

int main(void)
{
	char line[256];
	while (fgets(line, sizeof line, stdin) != NULL)
		if (print_line(line) < 0)
			return 1;
	return ferror(stdin) || fflush(stdout) != 0 ? 1 : 0;
}
