/*
 * Why a command cannot be executed, for any file. Input: the command, PATH, a byte for the error, and the file.
 */
#include <errno.h>
#include <string.h>

#include "../../src/exec.h"
#include "../../src/exec_error.h"
#include "fuzz.h"
#include "world.h"

enum { WHY_SIZE = 2048 };

static const int ERRORS[] = {ENOENT, ENOEXEC, EACCES, E2BIG, ELOOP, ENOMEM};

static char *join(const char *a, const char *b)
{
	size_t size = strlen(a) + strlen(b) + 1;
	struct text text = text_in(fuzz_alloc(size), size);
	text_add(&text, "%s%s", a, b);
	return text.bytes;
}

/* The path that would be found first. */
static char *place_of(const char *command, const char *path)
{
	char bytes[4096];
	struct text file = TEXT_IN(bytes);
	const char *at = path;
	if (strchr(command, '/') == NULL && exec_next_file(&at, command, &file))
		return fuzz_copy(bytes);
	return fuzz_copy(command);
}

/* Each directory once, in order. */
static void check_path(const char *path, const char *command)
{
	char bytes[4096];
	struct text file = TEXT_IN(bytes);
	const char *at = path;
	size_t length;
	for (const char *rest = path; exec_next_file(&at, command, &file);) {
		const char *directory = next_of(&rest, ':', &length);
		demand(at == rest, "directories are taken one by one");
		demand(file.length < sizeof bytes && strncmp(bytes, directory, length < 4095 ? length : 4095) == 0,
		       "a file is looked for in its directory");
		demand(rest != NULL || at == NULL, "the last is the last");
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, data + size};
	char bytes[WHY_SIZE];
	struct text why = TEXT_IN(bytes);
	world_begin();
	const char *command = input_line(&input);
	const char *path = input_line(&input);
	if (path == NULL)
		path = "";
	if (command == NULL)
		command = "";
	char *envp[] = {join("PATH=", path), NULL};
	int error = ERRORS[input_byte(&input) % (sizeof ERRORS / sizeof ERRORS[0])];
	size_t length;
	const char *content = input_bytes(&input, &length);
	world_add(place_of(command, path), content, length);
	check_path(path, command);
	exec_error_explain(command, envp, error, &why);
	demand(why.length > 0 && why.length < WHY_SIZE, "there is a reason");
	world_end();
	input_free();
	return 0;
}
