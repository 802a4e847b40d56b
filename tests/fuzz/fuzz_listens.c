/*
 * Listening sockets: the answers of sock_diag(7), and the tables in /proc/net, read in any pieces. Input: three bytes
 * (how, and a port), then the two answers, or files.
 */
#include <stdio.h>
#include <string.h>

#include "../../src/listens.h"
#include "fuzz.h"
#include "world.h"

enum { LINES_MOST = 1000, LINE_MOST = 4000, BY_FAMILY = 20 };

/* 1, 0 or -1, as the file's own function for one port. */
static int find_listener(int port, bool *no_diag)
{
	const struct ports ports = {.count = 1, .list = {(uint16_t)port}};
	int closed = find_closed_port(&ports, no_diag);
	demand(closed == -1 || closed == 0 || closed == port, "the port that is closed is the one that was asked for");
	return closed < 0 ? -1 : closed == 0;
}

static bool says_found(const char *answer, size_t length)
{
	uint16_t type = 0;
	if (length > 4)
		memcpy(&type, answer + 4, length > 5 ? 2 : 1);
	return type == BY_FAMILY;
}

static void check_answer(struct input *input, int port)
{
	bool no_diag = false;
	size_t length;
	world.answer = input_bytes(input, &length);
	world.answer_length = length;
	int found = find_listener(port, &no_diag);
	uint32_t head[6];
	memcpy(head, world.query, sizeof head);
	demand(head[0] == 72 && head[5] == 1U << 10, "the query is in the byte order of the machine");
	demand(world.query[24] == port >> 8 && world.query[25] == (port & 0xff), "the port is in network order");
	size_t half = length / 2;
	demand(found >= -1 && found <= 1, "a process listens, none does, or it is not known");
	demand(found != 1 || says_found(world.answer, half) || says_found(world.answer + half, length - half),
	       "who listens was in the answer");
	demand(!no_diag || found < 0, "what answers is asked again");
}

/* By its fields: "0: ADDRESS:PORT ADDRESS:0000 0A". */
static bool line_listens(const char *line, size_t length, const char *digits)
{
	const char *end = line + length;
	const char *field[3];
	for (int i = 0; i < 3; i++) {
		const char *colon = memchr(line, ':', (size_t)(end - line));
		if (colon == NULL)
			return false;
		field[i] = line = colon + 1;
	}
	return end - field[2] >= 7 && memcmp(field[2], "0000 0A", 7) == 0 && field[2] - field[1] > 4 &&
	       memcmp(field[1], digits, 4) == 0;
}

/* 1, 0, or -1 if the table is too long. */
static int reference(const char *path, const char *digits)
{
	for (size_t i = 0; i < world.files_count; i++) {
		if (strcmp(world.files[i].path, path) != 0)
			continue;
		const char *at = world.files[i].bytes;
		const char *end = at + world.files[i].length;
		int lines = 0;
		for (const char *stop; (stop = memchr(at, '\n', (size_t)(end - at))) != NULL; at = stop + 1) {
			if (++lines >= LINES_MOST || stop - at >= LINE_MOST)
				return -1;
			if (line_listens(at, (size_t)(stop - at), digits))
				return 1;
		}
		return end - at >= LINE_MOST ? -1 : 0;
	}
	return -2;
}

static void check_files(struct input *input, int port)
{
	char digits[8];
	bool no_diag = false;
	snprintf(digits, sizeof digits, "%04X", (unsigned)port);
	world_add_files((const char *)input->at, (size_t)(input->end - input->at));
	int four = reference("/proc/net/tcp", digits);
	int six = reference("/proc/net/tcp6", digits);
	int found = find_listener(port, &no_diag);
	demand(no_diag && find_listener(port, &no_diag) == found, "without sock_diag it is not tried again");
	world.read_most = 0;
	demand(four == -1 || six == -1 || find_listener(port, NULL) == found, "pieces do not matter");
	if (four == 1 || (four == 0 && six == 1))
		demand(found == 1, "who listens is found");
	if (four == 0 && (six == 0 || six == -2))
		demand(found == 0, "no socket is found that does not listen");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, data + size};
	world_begin();
	unsigned how = input_byte(&input);
	int port = (int)(input_byte(&input) << 8 | input_byte(&input)) | 1;
	world.read_most = how / 2 % 64;
	if (how % 2)
		check_answer(&input, port);
	else
		check_files(&input, port);
	world_end();
	input_free();
	return 0;
}
