/*
 * The signal mask, the wait for a signal, the clock, and signal names.
 *
 * lull blocks all signals and takes them from the queue one by one: the kernel does not discard a blocked signal, not
 * even for PID 1 with the default action (kernel/signal.c, sig_ignored). The calls are made without the C library,
 * whose functions leave out signals 32 to 34.
 */
#ifndef LULL_SIGNALS_H
#define LULL_SIGNALS_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	SIGNALS_MAX = 64,   /* the highest signal number */
	SIGNALS_RTMIN = 34, /* glibc's SIGRTMIN, as kill(1) has it; musl's is 35 */
	SIGNAL_NAME_SIZE = 16,
};

/* The kernel's signal mask: bit n - 1 stands for signal n. */
typedef uint64_t signal_mask;

#define SIGNAL_BIT(signo) ((signal_mask)1 << ((signo)-1))

/* Returns whether the set has the signal, 1 to 64. */
static inline bool signal_set_has(signal_mask set, int signo)
{
	return set >> (signo - 1) & 1;
}

/* Blocks all signals. Sets *before to the mask before. Returns 0, or -1 with errno. */
int signals_block(signal_mask *before);

/* Sets the signal mask. Safe between vfork(2) and exec. Returns 0, or -1 with errno. */
int signals_set_mask(signal_mask mask);

/*
 * Waits for a signal until deadline_ms, a time of signals_now_ms(), or TIME_NEVER. Returns its number and fills *info,
 * or returns 0: at the deadline, but also before if the wait was interrupted or failed. The caller must read the clock.
 */
int signals_wait(siginfo_t *info, int64_t deadline_ms);

/* Returns a new descriptor that is readable while a signal is pending, signalfd(2), close-on-exec; or -1 with errno. */
int signals_descriptor(void);

/* Returns CLOCK_REALTIME in ms since 1970. It may jump: only for dates that are printed. */
int64_t signals_wall_ms(void);

/* Returns CLOCK_MONOTONIC in ms or us. By system call: to find the vDSO's function costs 6 us once and saves 0.2 us. */
int64_t signals_now_ms(void);
int64_t signals_now_us(void);

/* Returns the number, 1 to 64, of "TERM", "SIGTERM", "15", "RTMIN+3" or "rtmax-1"; -1: that is no signal. */
int signal_parse(const char *name, size_t length);

/* Writes "SIGTERM", "SIGRTMIN+3" or "signal 32" to `buffer`, and returns it. */
const char *signal_name(int signo, char buffer[SIGNAL_NAME_SIZE]);

/* Returns the name as kill(1) takes it after -s: "TERM", "RTMIN+3", "32". It is in `buffer`, not at its start. */
const char *signal_short_name(int signo, char buffer[SIGNAL_NAME_SIZE]);

#endif
