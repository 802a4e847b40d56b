/*
 * The app for measurements. It has no C library, so that it starts quickly. It writes records with times to descriptor
 * OUT, and reads orders from descriptor IN.
 *
 *   app stamp         writes the times of its start and its exit, and exits
 *   app pause         writes a record when it runs, and sleeps
 *   app echo          writes the time and the value of each SIGUSR1 and SIGPWR; exits on SIGTERM
 *   app leave CPU     moves to that processor; when IN is closed, writes the time and exits
 *   app crowd LIVE    makes LIVE orphans that do not exit; then makes others for each order from IN: see app.h
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "app.h"

enum { MOST_ORPHANS = 4096 };

static pid_t orphans[MOST_ORPHANS];

static int64_t now_ns(void)
{
	struct timespec now;
	(void)syscall(SYS_clock_gettime, (long)CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static void write_record(int64_t first, int64_t second)
{
	struct record record;
	record.first = first;
	record.second = second;
	(void)syscall(SYS_write, (long)APP_OUT, &record, sizeof record);
}

static long number(const char *digits)
{
	long value = 0;
	for (; digits != NULL && *digits >= '0' && *digits <= '9'; digits++)
		value = value * 10 + *digits - '0';
	return value;
}

static void block_all(void)
{
	const unsigned long all = ~0UL;
	(void)syscall(SYS_rt_sigprocmask, (long)SIG_BLOCK, &all, NULL, sizeof all);
}

static int echo(void)
{
	const unsigned long all = ~0UL;
	siginfo_t info;
	block_all();
	write_record(0, 0);
	for (;;) {
		long signo = syscall(SYS_rt_sigtimedwait, &all, &info, NULL, sizeof all);
		if (signo == SIGTERM)
			return 0;
		if (signo == SIGUSR1 || signo == SIGPWR)
			write_record(now_ns(), info.si_code == SI_QUEUE ? info.si_value.sival_int : 0);
	}
}

static int leave(long cpu)
{
	unsigned long mask[16];
	char byte;
	for (unsigned i = 0; i < sizeof mask / sizeof mask[0]; i++)
		mask[i] = (unsigned)cpu / 64 == i ? 1UL << cpu % 64 : 0;
	block_all();
	(void)syscall(SYS_sched_setaffinity, 0L, sizeof mask, mask);
	write_record(0, 0);
	while (syscall(SYS_read, (long)APP_IN, &byte, 1L) > 0)
		continue;
	write_record(now_ns(), 0);
	return 0;
}

/* --- Orphans ------------------------------------------------------------------------------------------------------ */

/*
 * Starts a process in the same memory, with these flags of clone(2). It exits when it has read a byte from `fd`. It
 * must not use the stack, which it shares with its parent.
 */
pid_t park(int fd, int flags);
__asm__(".globl park\n"
        "park:\n"
        "	mov %rdi, %r8\n"
        "	mov %rsi, %rdi\n"
        "	xor %esi, %esi\n"
        "	xor %edx, %edx\n"
        "	xor %r10d, %r10d\n"
        "	mov $56, %eax\n" /* clone */
        "	syscall\n"
        "	test %rax, %rax\n"
        "	jnz 1f\n"
        "	mov %r8, %rdi\n"
        "	lea parked(%rip), %rsi\n"
        "	mov $1, %edx\n"
        "	xor %eax, %eax\n" /* read */
        "	syscall\n"
        "	xor %edi, %edi\n"
        "	mov $231, %eax\n" /* exit_group */
        "	syscall\n"
        "	hlt\n"
        "1:	ret\n"
        ".lcomm parked, 8\n");

/*
 * A process between makes the children, and its exit makes them orphans. They run until they have read a byte from
 * `fd`. The app exits if the limit of processes is too low.
 */
static void make_orphans(long count, int fd)
{
	int status = 0;
	pid_t between = vfork();
	if (between == 0) {
		for (long i = 0; i < count; i++)
			if ((orphans[i % MOST_ORPHANS] = park(fd, CLONE_VM | SIGCHLD)) < 0)
				(void)syscall(SYS_exit_group, 1L);
		(void)syscall(SYS_exit_group, 0L);
	}
	(void)syscall(SYS_wait4, (long)between, &status, 0L, NULL);
	if (status != 0)
		(void)syscall(SYS_exit_group, 1L);
}

static void let_exit(int fd)
{
	(void)syscall(SYS_write, (long)fd, "", 1L);
}

/* A zombie has exited as well. */
static void wait_for_exit(pid_t pid)
{
	struct pollfd wait;
	wait.fd = (int)syscall(SYS_pidfd_open, (long)pid, 0L);
	wait.events = POLLIN;
	if (wait.fd < 0)
		return;
	(void)syscall(SYS_poll, &wait, 1L, -1L);
	(void)syscall(SYS_close, (long)wait.fd);
}

/* Returns when all have exited. The init is stopped meanwhile, so all of them are zombies. */
static void make_ready(long count, const int gate[2])
{
	make_orphans(count, gate[0]);
	for (long i = 0; i < count; i++)
		let_exit(gate[1]);
	for (long i = 0; i < count; i++)
		wait_for_exit(orphans[i]);
}

static void trickle(long count, const int gate[2])
{
	struct timespec pause;
	for (long i = 0; i < count; i++) {
		pause.tv_sec = 0;
		pause.tv_nsec = APP_TRICKLE_NS;
		make_orphans(1, gate[0]);
		orphans[i] = orphans[0];
		let_exit(gate[1]);
		(void)syscall(SYS_nanosleep, &pause, NULL);
	}
}

static long count_unreaped(long count)
{
	long unreaped = 0;
	for (long i = 0; i < count; i++)
		unreaped += syscall(SYS_kill, (long)orphans[i], 0L) == 0;
	return unreaped;
}

static int crowd(long live)
{
	int gate[2], shut[2];
	struct record order;
	(void)syscall(SYS_pipe2, shut, (long)O_CLOEXEC);
	(void)syscall(SYS_pipe2, gate, (long)O_CLOEXEC);
	block_all();
	if (live > 0)
		make_orphans(live, shut[0]);
	write_record(0, 0);
	while (syscall(SYS_read, (long)APP_IN, &order, sizeof order) == sizeof order) {
		long count = order.second < MOST_ORPHANS ? order.second : MOST_ORPHANS;
		if (order.first == ORDER_READY)
			make_ready(count, gate);
		else if (order.first == ORDER_TRICKLE)
			trickle(count, gate);
		write_record(0, count_unreaped(count));
	}
	return 0;
}

int main(int argc, char **argv)
{
	int64_t begun_ns = now_ns();
	const char *word = argc > 1 ? argv[1] : "stamp";
	long value = argc > 2 ? number(argv[2]) : 0;
	if (word[0] == 's') {
		write_record(begun_ns, now_ns());
		return 0;
	}
	if (word[0] == 'e')
		return echo();
	if (word[0] == 'l')
		return leave(value);
	if (word[0] == 'c')
		return crowd(value);
	block_all();
	write_record(0, 0);
	for (;;)
		(void)syscall(SYS_pause);
}
