/*
 * Parsing of values from the command line and the environment. A value has one of the forms that the manual lists, or
 * it is invalid: nothing is guessed.
 */
#ifndef LULL_VALUES_H
#define LULL_VALUES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The longest valid time, a year: the sum of a whole plan cannot overflow. */
#define TIME_LONGEST_MS INT64_C(31536000000)

/* "5", "250ms", "1.5s", "2m", "1h", "1m30s" in ms; -1: invalid, a fraction of a millisecond, or longer than a year. */
int64_t time_parse(const char *value, size_t length);

/* "1 true yes on", "0 false no off", in any case: 1 or 0; -1: invalid. */
int boolean_parse(const char *value);

/* "TERM,QUIT": adds bit n - 1 for each signal n. Returns the first invalid item, NULL if there is none. */
const char *signals_parse(const char *list, uint64_t *signals);

/* "TERM:QUIT,HUP:0": sets table[FROM] = TO. Returns the first invalid item, NULL if there is none. */
const char *rewrite_parse(const char *list, uint8_t table[65]);

/* "0,143": sets bit n % 64 of codes[n / 64] for each exit code n. Returns the first invalid item, NULL if there is
 * none. */
const char *codes_parse(const char *list, uint64_t codes[4]);

enum { PORTS_MAX = 8 };

/* The ports that the app serves. */
struct ports {
	int count; /* 0: unknown */
	uint16_t list[PORTS_MAX];
};

/* "8080,8443": adds the ports. Returns the first item that is invalid or one too many, NULL if there is none. */
const char *ports_parse(const char *list, struct ports *ports);

bool ports_have(const struct ports *ports, int port);

/* Where to listen. */
struct address {
	int family;        /* AF_INET, AF_INET6; AF_UNSPEC: every address of both */
	uint8_t bytes[16]; /* in network order: 4 or 16 of them; 0 for every address */
	int port;          /* 0: nowhere */
};

/* "8080", "127.0.0.1:8080", "[::1]:8080". Returns 0, or -1. */
int address_parse(const char *value, struct address *address);

/* Can lull receive this signal and forward it? Not SIGKILL and SIGSTOP, which cannot be caught, and not SIGCHLD. */
bool signal_can_be_forwarded(int signo);

#endif
