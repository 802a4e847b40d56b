/*
 * Signals as numbers, as names, and as what lull waits for.
 *
 * Everything is blocked at once and taken from the queue one by one: a blocked signal is never ignored by the kernel,
 * not even for PID 1 with the default disposition (kernel/signal.c, sig_ignored). The mask is the kernel's own, with
 * all bits set: the C libraries keep 32 to 34 for themselves in theirs.
 */
#ifndef LULL_SIGNALS_H
#define LULL_SIGNALS_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	SIGNALS_MAX = 64,   /* the highest signal number */
	SIGNALS_RTMIN = 34, /* what the world calls RTMIN (glibc's), whatever the C library of this build says */
	SIGNAL_NAME_SIZE = 16,
};

/* The kernel's signal mask: bit n - 1 stands for signal n. */
typedef uint64_t signal_mask;

#define SIGNAL_BIT(signo) ((signal_mask)1 << ((signo)-1))

static inline bool signal_set_has(signal_mask set, int signo)
{
	return set >> (signo - 1) & 1;
}

/* Blocks every signal. *before is the mask as it was. 0, or -1 with errno. */
int signals_block(signal_mask *before);

/* Sets the mask. Safe between vfork and exec. 0, or -1 with errno. */
int signals_set_mask(signal_mask mask);

/*
 * Waits for a signal until deadline_ms of signals_now_ms, TIME_NEVER for ever. Returns its number with *info filled, or
 * 0 when the time is over or the wait was interrupted; the caller looks at the clock.
 */
int signals_wait(siginfo_t *info, int64_t deadline_ms);

/* A descriptor that poll(2) finds readable while a signal is pending; close-on-exec. -1 with errno: there is none. */
int signals_descriptor(void);

/* CLOCK_REALTIME in ms since 1970, for people: it may jump. */
int64_t signals_wall_ms(void);

/* CLOCK_MONOTONIC in ms, and in us. By the raw call: setting up the vDSO costs more than it saves here. */
int64_t signals_now_ms(void);
int64_t signals_now_us(void);

/*
 * "TERM", "SIGTERM", "15", "RTMIN+3", "rtmax-1": the signal's number, 1 to 64, or -1.
 */
int signal_parse(const char *word, size_t length);

/* "SIGTERM", "SIGRTMIN+3", "signal 32", written to and returned in `buffer`. */
const char *signal_name(int signo, char buffer[SIGNAL_NAME_SIZE]);

/* The same as kill(1) takes it after -s: "TERM", "RTMIN+3", "32"; in `buffer`, but not at its begin. */
const char *signal_short_name(int signo, char buffer[SIGNAL_NAME_SIZE]);

#endif
