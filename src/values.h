/*
 * Words of the command line and the environment that stand for values. Nothing is guessed: a word is one of the forms
 * that the manual lists, or it is refused.
 */
#ifndef LULL_VALUES_H
#define LULL_VALUES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The longest time that is taken, a year: sums of a whole plan stay far from overflow. */
#define TIME_LONGEST_MS INT64_C(31536000000)

/* "5", "250ms", "1.5s", "2m", "1h", "1m30s" in ms; -1: no time, finer than a millisecond, or longer than a year. */
int64_t time_parse(const char *word, size_t length);

/* "1 true yes on", "0 false no off", in any case: 1 or 0; -1: neither. */
int boolean_parse(const char *word);

/* "TERM,QUIT": adds bit n - 1 for each signal n. Returns 0, or -1 with *bad at the word that is none. */
int signals_parse(const char *list, uint64_t *signals, const char **bad);

/* "TERM:QUIT,HUP:0": sets table[FROM] = TO. Returns 0, or -1 with *bad at the pair that is none. */
int rewrite_parse(const char *list, uint8_t table[65], const char **bad);

/* "0,143": sets bit n % 64 of codes[n / 64]. Returns 0, or -1 with *bad at the code that is not 0 to 255. */
int codes_parse(const char *list, uint64_t codes[4], const char **bad);

/* A TCP port, "8080": 1 to 65535, or -1. */
int port_parse(const char *word);

/* Where to listen. */
struct address {
	int family;        /* AF_INET, AF_INET6; AF_UNSPEC: every address of both */
	uint8_t bytes[16]; /* in network order: 4 or 16 of them; 0 where every address is meant */
	int port;          /* 0: nowhere */
};

/* "8080", "127.0.0.1:8080", "[::1]:8080". Returns 0, or -1. */
int address_parse(const char *word, struct address *address);

/* May lull be told to do something on this signal: not KILL or STOP, which nobody can catch, and not CHLD. */
bool signal_is_passed_on(int signo);

#endif
