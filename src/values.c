/*
 * Owns the syntax of values. Never knows which option a value belongs to.
 */
#include "values.h"

#include <arpa/inet.h>
#include <signal.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "signals.h"
#include "text.h"

static const struct {
	char name[3];
	int64_t ms;
} UNITS[] = {{"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};

enum { UNITS_COUNT = sizeof UNITS / sizeof UNITS[0], UNIT_SECONDS = 2 };

static size_t count_digits(const char *at, const char *end)
{
	size_t count = 0;
	while (at + count < end && at[count] >= '0' && at[count] <= '9')
		count++;
	return count;
}

/* The index of the unit at *at, which is moved past it, or -1. `from` is the largest valid one. None means seconds. */
static int parse_unit(const char **at, const char *end, int from, bool first)
{
	size_t length = 0;
	while (*at + length < end && ((*at)[length] < '0' || (*at)[length] > '9'))
		length++;
	if (length == 0)
		return first ? UNIT_SECONDS : -1;
	for (int i = from; i < UNITS_COUNT; i++) {
		if (strlen(UNITS[i].name) == length && memcmp(*at, UNITS[i].name, length) == 0) {
			*at += length;
			return i;
		}
	}
	return -1;
}

/* The digits after a decimal point in ms, for a unit of unit_ms; -1: not a whole number of ms. */
static int64_t parse_fraction(const char *digits, size_t length, int64_t unit_ms)
{
	enum { LONGEST = 9 };
	int64_t scale = 1;
	int64_t value = text_number(digits, length, INT64_C(999999999));
	if (length > LONGEST || value < 0)
		return -1;
	for (size_t i = 0; i < length; i++)
		scale *= 10;
	return value * unit_ms % scale == 0 ? value * unit_ms / scale : -1;
}

/* One number and its unit in ms, or -1. *unit is the largest valid unit, and then the largest for the next part. */
static int64_t parse_part(const char **at, const char *end, int *unit, bool first)
{
	size_t digits = count_digits(*at, end);
	int64_t whole = text_number(*at, digits, TIME_LONGEST_MS);
	*at += digits;
	size_t places = 0;
	const char *fraction = *at;
	if (*at < end && **at == '.') {
		fraction = *at + 1;
		places = count_digits(fraction, end);
		*at = fraction + places;
		if (places == 0)
			return -1;
	}
	int found = parse_unit(at, end, *unit, first);
	if (whole < 0 || found < 0 || whole > TIME_LONGEST_MS / UNITS[found].ms)
		return -1;
	*unit = found + 1;
	int64_t rest_ms = places > 0 ? parse_fraction(fraction, places, UNITS[found].ms) : 0;
	return rest_ms < 0 ? -1 : whole * UNITS[found].ms + rest_ms;
}

int64_t time_parse(const char *value, size_t length)
{
	const char *end = value + length;
	int64_t total_ms = 0;
	int unit = 0;
	for (const char *at = value; at < end || at == value;) {
		int64_t part_ms = parse_part(&at, end, &unit, at == value);
		total_ms += part_ms;
		if (part_ms < 0 || total_ms > TIME_LONGEST_MS)
			return -1;
	}
	return total_ms;
}

int boolean_parse(const char *value)
{
	static const char FORMS[][6] = {"0", "1", "false", "true", "no", "yes", "off", "on"};
	for (size_t i = 0; i < sizeof FORMS / sizeof FORMS[0]; i++)
		if (strcasecmp(value, FORMS[i]) == 0)
			return i % 2 == 1;
	return -1;
}

bool signal_can_be_forwarded(int signo)
{
	return signo > 0 && signo != SIGKILL && signo != SIGSTOP && signo != SIGCHLD;
}

/* The next item of a list, up to the comma. Moves *at past it; NULL after the last one. */
static const char *next_item(const char **at, size_t *length)
{
	const char *item = *at;
	*length = strcspn(item, ",");
	*at = item[*length] == ',' ? item + *length + 1 : NULL;
	return item;
}

const char *signals_parse(const char *list, uint64_t *signals)
{
	for (size_t length; list != NULL;) {
		const char *item = next_item(&list, &length);
		int signo = signal_parse(item, length);
		if (!signal_can_be_forwarded(signo))
			return item;
		*signals |= SIGNAL_BIT(signo);
	}
	return NULL;
}

const char *rewrite_parse(const char *list, uint8_t table[65])
{
	for (size_t length; list != NULL;) {
		const char *item = next_item(&list, &length);
		const char *colon = memchr(item, ':', length);
		if (colon == NULL)
			return item;
		size_t rest = length - (size_t)(colon + 1 - item);
		bool drop = rest == 1 && colon[1] == '0';
		int from = signal_parse(item, (size_t)(colon - item));
		int to = drop ? 0 : signal_parse(colon + 1, rest);
		if (!signal_can_be_forwarded(from) || to < 0)
			return item;
		table[from] = (uint8_t)to;
	}
	return NULL;
}

const char *codes_parse(const char *list, uint64_t codes[4])
{
	for (size_t length; list != NULL;) {
		const char *item = next_item(&list, &length);
		int64_t code = text_number(item, length, 255);
		if (code < 0)
			return item;
		codes[code / 64] |= UINT64_C(1) << (code % 64);
	}
	return NULL;
}

static int parse_port(const char *digits, size_t length)
{
	int64_t port = text_number(digits, length, UINT16_MAX);
	return port > 0 ? (int)port : -1;
}

bool ports_have(const struct ports *ports, int port)
{
	for (int i = 0; i < ports->count; i++)
		if (ports->list[i] == port)
			return true;
	return false;
}

const char *ports_parse(const char *list, struct ports *ports)
{
	for (size_t length; list != NULL;) {
		const char *item = next_item(&list, &length);
		int port = parse_port(item, length);
		if (ports_have(ports, port))
			continue;
		if (port < 0 || ports->count == PORTS_MAX)
			return item;
		ports->list[ports->count++] = (uint16_t)port;
	}
	return NULL;
}

int address_parse(const char *value, struct address *address)
{
	const char *colon = strrchr(value, ':');
	*address = (struct address){.family = AF_UNSPEC, .port = 0};
	const char *digits = colon != NULL ? colon + 1 : value;
	address->port = parse_port(digits, strlen(digits));
	if (colon == NULL || address->port < 0)
		return address->port < 0 ? -1 : 0;
	char host[INET6_ADDRSTRLEN];
	size_t length = (size_t)(colon - value);
	bool brackets = length > 2 && value[0] == '[' && value[length - 1] == ']';
	size_t skipped = brackets ? 1 : 0;
	length -= 2 * skipped;
	if (length >= sizeof host)
		return -1;
	memcpy(host, value + skipped, length);
	host[length] = '\0';
	address->family = brackets ? AF_INET6 : AF_INET;
	return inet_pton(address->family, host, address->bytes) == 1 ? 0 : -1;
}
