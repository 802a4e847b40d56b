/*
 * An app that prints the signals that it gets. It makes system calls directly, so that it also gets the signals that
 * the C library reserves.
 *
 *   probe [WORD]...
 *     exit=SIG:STATUS   exits with STATUS when SIG (a number) arrives; "exit=15:143"
 *     die=SIG           exits by the default action of SIG when it arrives
 *     raise=SIG         sends itself SIG, with its default action
 *     late=SIG:MS       MS after the first SIG, prints "saved" and exits with 0; handles signals until then
 *     ping=SIG:COUNT    on SIG sends signal 40 to its parent COUNT times, waits each time until it is forwarded, and
 *                       prints the longest time in us and the median: "pinged most US middle US"
 *     times             appends the time to each line: " at MS", by the clock of /proc/uptime
 *     fork              first starts a child with the same words except this one, in the same process group
 *     moves             moves to the process group of its parent
 *     join              waits for its children before it exits
 *     orphan            like fork, but the child becomes an orphan: its parent exits immediately
 *     chain=US          starts a child that starts another one US later and exits, and so on for 10 s
 *     tower=N           starts N processes, each a child of the one before; the last one prints "tower"
 *     many=N            starts N children that exit by the default action of a signal
 *     thread            ends its first thread; another one continues
 *     once              removes the handler of a signal when it arrives, as Node.js does for process.once()
 *     awake             wakes up every 5 ms
 *     state             prints mask, ignored signals, directory, descriptors and group before "ready"
 *
 * Prints "ready PID", then "got SIG code CODE from PID value VALUE" for each signal. Each line is one write to stdout.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static uint64_t all_signals = ~UINT64_C(0);
static int statuses[65];
static uint64_t dies;
static int late_signo;
static int late_ms;
static int prints_times;
static int is_once;  /* the handler of a signal is removed when it arrives */
static int is_awake; /* wakes up every few milliseconds */
static int ping_signo;
static int ping_count;
static int joins;
static int continues_in_thread;

static void print_status_line(const char *key)
{
	char line[256];
	FILE *status = fopen("/proc/self/status", "re");
	while (status != NULL && fgets(line, sizeof line, status) != NULL)
		if (strncmp(line, key, strlen(key)) == 0)
			printf("%s", line);
	if (status != NULL)
		(void)fclose(status);
}

static void print_state(void)
{
	char directory[4096];
	print_status_line("SigBlk:");
	print_status_line("SigIgn:");
	printf("cwd %s\n", getcwd(directory, sizeof directory) != NULL ? directory : "?");
	printf("pid %d parent %d group %d session %d foreground %d\n", getpid(), getppid(), getpgrp(), getsid(0),
	       tcgetpgrp(0));
	printf("fds");
	DIR *fds = opendir("/proc/self/fd");
	for (struct dirent *fd; fds != NULL && (fd = readdir(fds)) != NULL;)
		if (fd->d_name[0] != '.' && atoi(fd->d_name) != dirfd(fds))
			printf(" %s", fd->d_name);
	if (fds != NULL)
		(void)closedir(fds);
	printf("\n");
	for (char **entry = environ; *entry != NULL; entry++)
		if (strncmp(*entry, "LULL_", 5) == 0 || strncmp(*entry, "LISTEN_", 7) == 0)
			printf("env %s\n", *entry);
	(void)fflush(stdout);
}

static int64_t now_ms(void)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_BOOTTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void start_chain(useconds_t pause_us)
{
	int64_t end_ms = now_ms() + 10000;
	if (fork() != 0)
		return;
	while (now_ms() < end_ms) {
		if (fork() != 0)
			_exit(0);
		usleep(pause_us);
	}
	_exit(0);
}

/* Ignores all signals that can be ignored. */
static void block_all(void)
{
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all_signals, NULL, 8L);
}

static void start_tower(int height)
{
	if (fork() != 0)
		return;
	block_all();
	while (--height > 0 && fork() == 0)
		continue;
	if (height == 0)
		dprintf(1, "tower\n");
	for (;;)
		pause();
}

static void start_many(int count)
{
	while (count-- > 0)
		if (fork() == 0)
			for (;;)
				pause();
}

/* By system call, to include signals 32 and 33, which posix_spawn(3) leaves ignored. */
static void default_action(int signo)
{
	const long plain[4] = {0};
	syscall(SYS_rt_sigaction, signo, plain, NULL, 8L);
}

static void raise_default(int signo)
{
	const uint64_t none = 0;
	default_action(signo);
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, 8L);
	(void)kill(getpid(), signo);
}

static void parse(char **words)
{
	int signo;
	int status;
	for (; *words != NULL; words++) {
		if (sscanf(*words, "exit=%d:%d", &signo, &status) == 2)
			statuses[signo] = status;
		else if (sscanf(*words, "die=%d", &signo) == 1) {
			default_action(signo);
			dies |= UINT64_C(1) << (signo - 1);
		} else if (sscanf(*words, "late=%d:%d", &signo, &status) == 2) {
			late_signo = signo;
			late_ms = status;
		} else if (sscanf(*words, "ping=%d:%d", &signo, &status) == 2) {
			ping_signo = signo;
			ping_count = status;
		} else if (sscanf(*words, "raise=%d", &signo) == 1)
			raise_default(signo);
		else if (strcmp(*words, "times") == 0)
			prints_times = 1;
		else if (strcmp(*words, "state") == 0)
			print_state();
		else if (strcmp(*words, "fork") == 0 && fork() != 0)
			continue;
		else if (strcmp(*words, "moves") == 0)
			(void)setpgid(0, getpgid(getppid()));
		else if (strcmp(*words, "join") == 0)
			joins = 1;
		else if (strcmp(*words, "once") == 0)
			is_once = 1;
		else if (strcmp(*words, "awake") == 0)
			is_awake = 1;
		else if (sscanf(*words, "chain=%d", &signo) == 1)
			start_chain((useconds_t)signo);
		else if (sscanf(*words, "tower=%d", &signo) == 1)
			start_tower(signo);
		else if (sscanf(*words, "many=%d", &signo) == 1)
			start_many(signo);
		else if (strcmp(*words, "thread") == 0)
			continues_in_thread = 1;
		else if (strcmp(*words, "orphan") == 0 && fork() == 0) {
			if (fork() != 0)
				_exit(0);
		} else if (strcmp(*words, "orphan") == 0)
			(void)wait(NULL);
	}
}

static int64_t now_us(void)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int compare(const void *a, const void *b)
{
	const int *first = a;
	const int *second = b;
	return (*first > *second) - (*first < *second);
}

static void ping(void)
{
	static int took_us[10000];
	const uint64_t back = UINT64_C(1) << 39;
	int count = ping_count < 10000 ? ping_count : 10000;
	for (int i = 0; i < count; i++) {
		int64_t start_us = now_us();
		(void)kill(getppid(), 40);
		(void)syscall(SYS_rt_sigtimedwait, &back, NULL, NULL, 8L);
		took_us[i] = (int)(now_us() - start_us);
		usleep(1000);
	}
	qsort(took_us, (size_t)count, sizeof took_us[0], compare);
	dprintf(1, "pinged most %d middle %d\n", took_us[count - 1], took_us[count / 2]);
}

/* Waits for a signal, until saves_at_ms if that is not 0. Returns the signal, or 0 or less if there was none. */
static long wait_for_signal(const uint64_t *blocked, siginfo_t *info, int64_t saves_at_ms)
{
	int64_t left_ms = saves_at_ms - now_ms();
	if (saves_at_ms != 0 && left_ms <= 0) {
		dprintf(1, "saved\n");
		exit(0);
	}
	struct timespec left = {.tv_sec = left_ms / 1000, .tv_nsec = left_ms % 1000 * 1000000};
	if (is_awake)
		left = (struct timespec){.tv_nsec = 5000000};
	return syscall(SYS_rt_sigtimedwait, blocked, info, saves_at_ms != 0 || is_awake ? &left : NULL, 8L);
}

static void never_called(int signo)
{
	(void)signo;
}

/*
 * Installs a handler for each signal, as real apps do: /proc shows handlers, but not that a process waits for a
 * signal. The handlers are not called, since the signals are blocked.
 */
static void catch_all(uint64_t blocked)
{
	const void *const handler[4] = {(const void *)never_called};
	for (int signo = 1; signo <= 64; signo++)
		if (blocked >> (signo - 1) & 1)
			syscall(SYS_rt_sigaction, signo, handler, NULL, 8L);
}

static void *live(void *unused)
{
	uint64_t blocked = all_signals & ~dies;
	int64_t saves_at_ms = 0;
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &blocked, NULL, 8L);
	catch_all(blocked);
	dprintf(1, "ready %d\n", getpid());
	for (;;) {
		siginfo_t info;
		char when[32] = "";
		long signo = wait_for_signal(&blocked, &info, saves_at_ms);
		if (signo <= 0)
			continue;
		if (is_once)
			default_action((int)signo);
		if (prints_times)
			snprintf(when, sizeof when, " at %lld", (long long)now_ms());
		dprintf(1, "got %ld code %d from %d value %d%s\n", signo, info.si_code, info.si_pid,
		        info.si_value.sival_int, when);
		while (joins && statuses[signo] >= 0 && wait(NULL) > 0)
			continue;
		if (statuses[signo] >= 0)
			exit(statuses[signo]);
		if (signo == ping_signo)
			ping();
		if (signo == late_signo && saves_at_ms == 0)
			saves_at_ms = now_ms() + late_ms;
	}
	return unused;
}

int main(int argc, char **argv)
{
	pthread_t thread;
	(void)argc;
	memset(statuses, -1, sizeof statuses);
	parse(argv + 1);
	if (!continues_in_thread)
		live(NULL);
	block_all();
	if (pthread_create(&thread, NULL, live, NULL) != 0)
		return 1;
	pthread_exit(NULL);
}
