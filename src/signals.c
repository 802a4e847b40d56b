/*
 * Owns the signal mask, the wait for a signal, the clock, and the signals' names. Never knows what a signal means to
 * the app.
 */
#include "signals.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <strings.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "text.h"

/*
 * On 32-bit machines these calls have a second version with 64-bit times, which kernels before 5.1 and some seccomp
 * profiles reject: then the first version is called. On 64-bit machines both are the same.
 */
#ifdef SYS_rt_sigtimedwait_time64
enum { CALL_SIGTIMEDWAIT = SYS_rt_sigtimedwait_time64, CALL_CLOCK_GETTIME = SYS_clock_gettime64 };
#else
enum { CALL_SIGTIMEDWAIT = SYS_rt_sigtimedwait, CALL_CLOCK_GETTIME = SYS_clock_gettime };
#endif
/* musl's name for the first version. */
#ifdef SYS_clock_gettime32
enum { CALL_CLOCK_GETTIME_OLD = SYS_clock_gettime32 };
#else
enum { CALL_CLOCK_GETTIME_OLD = SYS_clock_gettime };
#endif
enum { CALL_SIGTIMEDWAIT_OLD = SYS_rt_sigtimedwait };

/* The kernel's struct timespec of the second version, and of the first. */
struct kernel_time {
	int64_t seconds;
	int64_t nanoseconds;
};

struct old_kernel_time {
	long seconds;
	long nanoseconds;
};

enum {
	FAILED_WAIT_MS = 10, /* pause if rt_sigtimedwait(2) fails, so that the loop does not spin */
	TICK_MS = 10,        /* unit of times(2), which replaces a denied clock_gettime(2): USER_HZ is 100 */
};

static const char NAMES[][8] = {
	[SIGHUP] = "HUP",   [SIGINT] = "INT",   [SIGQUIT] = "QUIT",   [SIGILL] = "ILL",       [SIGTRAP] = "TRAP",
	[SIGABRT] = "ABRT", [SIGBUS] = "BUS",   [SIGFPE] = "FPE",     [SIGKILL] = "KILL",     [SIGUSR1] = "USR1",
	[SIGSEGV] = "SEGV", [SIGUSR2] = "USR2", [SIGPIPE] = "PIPE",   [SIGALRM] = "ALRM",     [SIGTERM] = "TERM",
	[SIGCHLD] = "CHLD", [SIGCONT] = "CONT", [SIGSTOP] = "STOP",   [SIGTSTP] = "TSTP",     [SIGTTIN] = "TTIN",
	[SIGTTOU] = "TTOU", [SIGURG] = "URG",   [SIGXCPU] = "XCPU",   [SIGXFSZ] = "XFSZ",     [SIGVTALRM] = "VTALRM",
	[SIGPROF] = "PROF", [SIGIO] = "IO",     [SIGWINCH] = "WINCH", [SIGSTKFLT] = "STKFLT", [SIGPWR] = "PWR",
	[SIGSYS] = "SYS",
};

enum { NAMES_COUNT = sizeof NAMES / sizeof NAMES[0] };

static const struct {
	char name[5];
	int signo;
} ALIASES[] = {{"IOT", SIGABRT}, {"CLD", SIGCHLD}, {"POLL", SIGIO}};

int signals_block(signal_mask *before)
{
	const signal_mask all = ~(signal_mask)0;
	return (int)syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, before, sizeof all);
}

int signals_set_mask(signal_mask mask)
{
	return (int)syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, sizeof mask);
}

int signals_descriptor(void)
{
	const signal_mask all = ~(signal_mask)0;
	return (int)syscall(SYS_signalfd4, -1L, &all, sizeof all, (long)(O_CLOEXEC | O_NONBLOCK));
}

static int64_t read_clock_us(long clock)
{
	struct kernel_time now = {0};
	struct old_kernel_time old = {0};
	if (syscall(CALL_CLOCK_GETTIME, clock, &now) == 0)
		return now.seconds * 1000000 + now.nanoseconds / 1000;
	if (syscall(CALL_CLOCK_GETTIME_OLD, clock, &old) == 0)
		return (int64_t)old.seconds * 1000000 + old.nanoseconds / 1000;
	return (int64_t)syscall(SYS_times, NULL) * TICK_MS * 1000;
}

int64_t signals_now_us(void)
{
	return read_clock_us(CLOCK_MONOTONIC);
}

int64_t signals_now_ms(void)
{
	return read_clock_us(CLOCK_MONOTONIC) / 1000;
}

int64_t signals_wall_ms(void)
{
	return read_clock_us(CLOCK_REALTIME) / 1000;
}

/* `limit` is how long to wait; NULL: for ever. Returns the signal, or -1 with errno. */
static long wait_for_signal(siginfo_t *info, const struct kernel_time *limit)
{
	const signal_mask all = ~(signal_mask)0;
	long signo = syscall(CALL_SIGTIMEDWAIT, &all, info, limit, sizeof all);
	if (signo > 0 || errno == EAGAIN || errno == EINTR)
		return signo;
	struct old_kernel_time old = {0};
	if (limit != NULL)
		old = (struct old_kernel_time){.seconds = (long)limit->seconds,
		                               .nanoseconds = (long)limit->nanoseconds};
	return syscall(CALL_SIGTIMEDWAIT_OLD, &all, info, limit != NULL ? &old : NULL, sizeof all);
}

int signals_wait(siginfo_t *info, int64_t deadline_ms)
{
	struct kernel_time wait = {0};
	int64_t left_ms = deadline_ms != TIME_NEVER ? deadline_ms - signals_now_ms() : 0;
	if (left_ms > 0)
		wait = (struct kernel_time){.seconds = left_ms / 1000, .nanoseconds = left_ms % 1000 * 1000000};
	long signo = wait_for_signal(info, deadline_ms != TIME_NEVER ? &wait : NULL);
	if (signo < 0 && errno != EAGAIN && errno != EINTR)
		(void)poll(NULL, 0, FAILED_WAIT_MS);
	return signo > 0 ? (int)signo : 0;
}

static int parse_realtime(const char *name, size_t length)
{
	bool from_min = length >= 5 && strncasecmp(name, "RTMIN", 5) == 0;
	bool from_max = length >= 5 && strncasecmp(name, "RTMAX", 5) == 0;
	int64_t offset = 0;
	if (!from_min && !from_max)
		return -1;
	if (length > 5 && name[5] != (from_min ? '+' : '-'))
		return -1;
	if (length > 5)
		offset = text_number(name + 6, length - 6, SIGNALS_MAX - SIGNALS_RTMIN);
	if (offset < 0)
		return -1;
	return from_min ? SIGNALS_RTMIN + (int)offset : SIGNALS_MAX - (int)offset;
}

static bool is_signal_name(const char *name, size_t length, const char *known)
{
	return length > 0 && strlen(known) == length && strncasecmp(name, known, length) == 0;
}

int signal_parse(const char *name, size_t length)
{
	int64_t number = text_number(name, length, SIGNALS_MAX);
	if (number >= 0)
		return number > 0 ? (int)number : -1;
	if (length > 3 && strncasecmp(name, "SIG", 3) == 0) {
		name += 3;
		length -= 3;
	}
	for (int signo = 1; signo < NAMES_COUNT; signo++)
		if (is_signal_name(name, length, NAMES[signo]))
			return signo;
	for (size_t i = 0; i < sizeof ALIASES / sizeof ALIASES[0]; i++)
		if (is_signal_name(name, length, ALIASES[i].name))
			return ALIASES[i].signo;
	return parse_realtime(name, length);
}

const char *signal_name(int signo, char buffer[SIGNAL_NAME_SIZE])
{
	struct text text = text_in(buffer, SIGNAL_NAME_SIZE);
	if (signo > 0 && signo < NAMES_COUNT && NAMES[signo][0] != '\0')
		text_add(&text, "SIG%s", NAMES[signo]);
	else if (signo == SIGNALS_RTMIN)
		text_add(&text, "SIGRTMIN");
	else if (signo == SIGNALS_MAX)
		text_add(&text, "SIGRTMAX");
	else if (signo > SIGNALS_RTMIN && signo < SIGNALS_MAX)
		text_add(&text, "SIGRTMIN+%d", signo - SIGNALS_RTMIN);
	else
		text_add(&text, "signal %d", signo);
	return buffer;
}

const char *signal_short_name(int signo, char buffer[SIGNAL_NAME_SIZE])
{
	const char *name = signal_name(signo, buffer);
	return name + (name[0] == 'S' ? sizeof "SIG" : sizeof "signal ") - 1;
}
