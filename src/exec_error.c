/*
 * Owns the explanation of a failed exec. Never starts anything, never changes the outcome.
 */
#include "exec_error.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "exec.h"

/* The start of a file, with all that the kernel reads to choose a program format. */
struct head {
	unsigned char bytes[4096];
	size_t length;
};

/* The names are those of uname(2). */
static const struct {
	unsigned short number;
	char name[12];
} MACHINES[] = {
	{EM_386, "i386"},    {EM_X86_64, "x86_64"}, {EM_ARM, "arm"},   {EM_AARCH64, "aarch64"}, {EM_RISCV, "riscv64"},
	{EM_PPC64, "ppc64"}, {EM_S390, "s390x"},    {EM_MIPS, "mips"}, {258, "loongarch64"},
};

/* --- Which file -------------------------------------------------------------------------------------------------- */

/* Returns whether a directory of `path` has such a file, executable or not. */
static bool find_in_path(const char *command, const char *path, struct text *file)
{
	while (exec_next_file(&path, command, file))
		if (access(file->bytes, F_OK) == 0)
			return true;
	return false;
}

static bool find_file(const char *command, char *const *envp, struct text *file, struct text *why)
{
	if (command[0] == '\0') {
		text_add(why, "the command name is empty");
		return false;
	}
	if (strchr(command, '/') != NULL) {
		text_add(file, "%s", command);
		if (access(command, F_OK) == 0 || (errno != ENOENT && errno != ENOTDIR))
			return true;
		text_add(why, errno == ENOTDIR ? "a part of its path is not a directory" : "no such file");
		return false;
	}
	const char *path = exec_path(envp);
	if (find_in_path(command, path != NULL ? path : EXEC_PATH_DEFAULT, file))
		return true;
	if (path != NULL)
		text_add(why, "not found in PATH, which is \"%s\"", path);
	else
		text_add(why, "not found, and PATH is not set");
	return false;
}

/* --- What is wrong with it --------------------------------------------------------------------------------------- */

static void read_head(const char *file, struct head *head)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t length = fd >= 0 ? read(fd, head->bytes, sizeof head->bytes) : -1;
	head->length = length > 0 ? (size_t)length : 0;
	if (fd >= 0)
		(void)close(fd);
}

static bool begins_with(const struct head *head, const char *magic, size_t length)
{
	return head->length >= length && memcmp(head->bytes, magic, length) == 0;
}

/* Adds the interpreter of a "#!" line. Returns false if there is no such line. */
static bool find_interpreter(const struct head *head, struct text *interpreter)
{
	size_t at = 2;
	if (!begins_with(head, "#!", 2))
		return false;
	while (at < head->length && (head->bytes[at] == ' ' || head->bytes[at] == '\t'))
		at++;
	while (at < head->length && strchr(" \t\n", head->bytes[at]) == NULL)
		text_add(interpreter, "%c", head->bytes[at++]);
	return true;
}

static bool copy_string(const struct head *head, uint64_t offset, uint64_t size, struct text *to)
{
	if (offset >= head->length || size == 0 || size > head->length - offset)
		return false;
	text_add(to, "%.*s", (int)size - 1, (const char *)head->bytes + offset);
	return true;
}

/* Adds the loader of a dynamically linked program, elf(5) PT_INTERP. Returns false if the file names none. */
static bool find_loader(const struct head *head, struct text *loader)
{
	Elf64_Ehdr elf;
	if (!begins_with(head, ELFMAG, SELFMAG) || head->length < sizeof elf || head->bytes[EI_CLASS] != ELFCLASS64)
		return false;
	memcpy(&elf, head->bytes, sizeof elf);
	for (unsigned i = 0; i < elf.e_phnum; i++) {
		Elf64_Phdr segment;
		uint64_t offset = elf.e_phoff + (uint64_t)i * sizeof segment;
		if (offset > head->length || head->length - offset < sizeof segment)
			return false;
		memcpy(&segment, head->bytes + offset, sizeof segment);
		if (segment.p_type == PT_INTERP)
			return copy_string(head, segment.p_offset, segment.p_filesz, loader);
	}
	return false;
}

/* execve(2) returns ENOENT also if the interpreter or the loader of an existing file is missing. */
static void explain_missing(const struct head *head, struct text *why)
{
	char bytes[256];
	struct text needed = TEXT_IN(bytes);
	if (find_interpreter(head, &needed)) {
		bool crlf = needed.length > 0 && bytes[needed.length - 1] == '\r';
		if (crlf)
			bytes[needed.length - 1] = '\0';
		text_add(why, "the file exists, but its interpreter \"%s\" does not", bytes);
		if (crlf)
			text_add(why, ": the line ends in CR LF; use LF");
	} else if (find_loader(head, &needed)) {
		text_add(why, "the file exists, but the loader it was linked for, \"%s\", does not", bytes);
	} else {
		text_add(why, "the file exists, but the interpreter or loader it needs does not");
	}
}

static const char *machine_of(const struct head *head)
{
	bool big_endian = head->bytes[EI_DATA] == ELFDATA2MSB;
	unsigned machine = head->bytes[big_endian ? 19 : 18] | (unsigned)head->bytes[big_endian ? 18 : 19] << 8;
	for (size_t i = 0; i < sizeof MACHINES / sizeof MACHINES[0]; i++)
		if (MACHINES[i].number == machine)
			return MACHINES[i].name;
	return "another machine";
}

static void explain_format(const struct head *head, struct text *why)
{
	struct utsname here = {.machine = ""};
	if (head->length == 0) {
		text_add(why, "the file is empty, or cannot be read");
		return;
	}
	if (!begins_with(head, ELFMAG, SELFMAG) || head->length < 20) {
		text_add(why, "%s",
		         begins_with(head, "#!", 2) ? "its #! line names no interpreter"
		                                    : "it has no #! line, and is not a program of this system");
		return;
	}
	(void)uname(&here);
	const char *built_for = machine_of(head);
	if (strcmp(built_for, here.machine) == 0)
		text_add(why, "it was built for this machine, but is damaged");
	else
		text_add(why, "it was built for %s, and this machine is %s", built_for, here.machine);
}

static void explain_access(const char *file, struct text *why)
{
	struct stat status;
	struct statvfs system;
	if (stat(file, &status) < 0)
		text_add(why, "permission denied on a parent directory (needs x)");
	else if (S_ISDIR(status.st_mode))
		text_add(why, "it is a directory");
	else if (!S_ISREG(status.st_mode))
		text_add(why, "it is not a regular file");
	else if ((status.st_mode & 0111) == 0)
		text_add(why, "it is not executable; use chmod +x");
	else if (statvfs(file, &system) == 0 && (system.f_flag & ST_NOEXEC) != 0)
		text_add(why, "its file system is mounted noexec");
	else
		text_add(why, "this user has no permission to execute it or its interpreter");
}

void exec_error_explain(const char *command, char *const *envp, int error, struct text *why)
{
	char path[PATH_MAX];
	struct text file = TEXT_IN(path);
	struct head head;
	if (!find_file(command, envp, &file, why)) {
		if (error == EACCES)
			text_add(why, "; permission denied on one of these directories (needs x)");
		return;
	}
	read_head(path, &head);
	switch (error) {
	case ENOENT:
		explain_missing(&head, why);
		break;
	case ENOEXEC:
		explain_format(&head, why);
		break;
	case EACCES:
		explain_access(path, why);
		break;
	case E2BIG:
		text_add(why, "its arguments and environment are too long");
		break;
	default:
		text_add(why, "%s", strerror(error));
		break;
	}
}
