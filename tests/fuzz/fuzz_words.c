/*
 * Booleans, numbers, lists of ports and addresses, compared with the C library; distances of words.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "fuzz.h"

static int boolean_of(const char *word)
{
	static const char *const ON[] = {"1", "true", "yes", "on"};
	static const char *const OFF[] = {"0", "false", "no", "off"};
	for (size_t i = 0; i < sizeof ON / sizeof ON[0]; i++) {
		if (strcasecmp(word, ON[i]) == 0)
			return 1;
		if (strcasecmp(word, OFF[i]) == 0)
			return 0;
	}
	return -1;
}

static long long number_of(const char *word, long long most)
{
	for (const char *at = word; *at != '\0'; at++)
		if (!isdigit((unsigned char)*at))
			return -1;
	errno = 0;
	long long number = strtoll(word, NULL, 10);
	return word[0] == '\0' || errno != 0 || number > most ? -1 : number;
}

static int port_of(const char *word)
{
	long long port = number_of(word, 65535);
	return port > 0 ? (int)port : -1;
}

/* Split at the last colon, with or without brackets. */
static int address_of(const char *word, struct address *address)
{
	char *host = fuzz_copy(word);
	char *colon = strrchr(host, ':');
	*address = (struct address){.family = AF_UNSPEC, .port = port_of(colon != NULL ? colon + 1 : word)};
	if (address->port < 0)
		return -1;
	if (colon == NULL)
		return 0;
	*colon = '\0';
	size_t length = strlen(host);
	bool brackets = length > 2 && host[0] == '[' && host[length - 1] == ']';
	if (brackets)
		*--colon = '\0';
	address->family = brackets ? AF_INET6 : AF_INET;
	return inet_pton(address->family, host + brackets, address->bytes) == 1 ? 0 : -1;
}

static void check_address(const char *word)
{
	struct address read;
	struct address wanted;
	int taken = address_parse(word, &read);
	demand(taken == address_of(word, &wanted), "an address is what the C library takes, and a port");
	if (taken < 0)
		return;
	demand(read.family == wanted.family && read.port == wanted.port, "family and port are those of the word");
	demand(memcmp(read.bytes, wanted.bytes, sizeof read.bytes) == 0, "the bytes are those of the word");
}

/* A list is its items, each a port that is added unless it is there already. */
static void check_ports(const char *list)
{
	struct ports read = {.count = 0};
	struct ports wanted = {.count = 0};
	const char *invalid = NULL;
	const char *item = list;
	while (item != NULL && invalid == NULL) {
		const char *comma = strchr(item, ',');
		char *word = fuzz_copy(item);
		if (comma != NULL)
			word[comma - item] = '\0';
		int port = port_of(word);
		bool known = false;
		for (int i = 0; i < wanted.count; i++)
			known = known || wanted.list[i] == port;
		if (port < 0 || (!known && wanted.count == PORTS_MAX))
			invalid = item;
		else if (!known)
			wanted.list[wanted.count++] = (uint16_t)port;
		item = comma != NULL ? comma + 1 : NULL;
	}
	demand(ports_parse(list, &read) == invalid, "the first item that is not a port, or one too many, is rejected");
	demand(read.count == wanted.count, "each port is in the list once");
	for (int i = 0; i < read.count; i++)
		demand(read.list[i] == wanted.list[i], "the ports are those of the list");
}

static void check_distance(const char *a, const char *b)
{
	unsigned distance = text_distance(a, b);
	demand(distance == text_distance(b, a), "a distance is the same from both ends");
	if (strlen(a) > 48 || strlen(b) > 48)
		return;
	demand((distance == 0) == (strcasecmp(a, b) == 0), "no distance is from a word to itself");
	size_t longer = strlen(a) > strlen(b) ? strlen(a) : strlen(b);
	size_t shorter = strlen(a) + strlen(b) - longer;
	demand(distance <= longer && distance >= longer - shorter, "a distance is not more than the longer word");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const int64_t MOST = INT64_C(100000000000000000);
	struct input input = {data, data + size};
	const char *first = input_line(&input);
	const char *word = first != NULL ? first : "";
	demand(boolean_parse(word) == boolean_of(word), "a switch is on, off or invalid");
	demand(text_number(word, strlen(word), MOST) == number_of(word, MOST), "a number is a number");
	check_ports(word);
	check_address(word);
	check_distance(word, input_rest(&input));
	input_free();
	return 0;
}
