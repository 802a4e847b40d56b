/*
 * Starts inits as PID 1 of a PID namespace, with app.c as their app, and measures them. All of them run on one
 * processor, in turns. Prints numbers, one line for each measurement. A line starts with the index of the program in
 * the command line. bench makes tables of the numbers.
 *
 *   measure start ROUNDS APP PROGRAM...      ns from execve until the app runs, ns from the app's exit to the init's
 *   measure signals COUNT APP PROGRAM...     the init's CPU ns for a signal that is sent alone, and for one of a burst;
 *                                            whether a value arrives; ns until each signal sent alone has arrived
 *   measure ready COUNT APP PROGRAM...       the init's CPU ns for each of COUNT orphans that wait to be reaped
 *   measure trickle COUNT LIVE APP PROGRAM...  the same for orphans that exit one after the other among LIVE others
 *   measure flood ROUNDS APP PROGRAM...      ns from the app's exit to the init's while signals arrive continuously;
 *                                            -1: longer than LEAVE_MS
 *   measure life SIGNALS APP PROGRAM...      for strace, prints nothing: SIGNALS signals, then SIGTERM, on which the
 *                                            app exits; -1: no signal, the app exits by itself
 *   measure orphans COUNT APP PROGRAM...     for strace, prints nothing: COUNT orphans, each after the one before was
 *                                            reaped
 *   measure hold WORD APP PROGRAM...         the inits' PIDs; they run with `app WORD` until stdin is closed
 *
 * With "-" as the program there is no init: the app is PID 1.
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "app.h"

enum {
	LEAVE_MS = 3000, /* the longest wait for the init's exit in a flood */
	FLOOD_MS = 20,   /* from the start of the flood to the app's exit */
	BEGIN_MS = 10,   /* an init sleeps after this time */
	SETTLE_MS = 100, /* an init has done delayed work after this time */
	SETTLES = 100,   /* checks whether all orphans are reaped, at most */
	WARM_UP = 50,    /* signals that are not counted */
	FLOODERS = 2,
	MOST_HELD = 32,        /* inits that idle at the same time */
	LEAST_FD_TO_CLOSE = 5, /* the app uses those below */
};

/* --- Times and processors ----------------------------------------------------------------------------------------- */

static int64_t now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static void sleep_ms(int ms)
{
	nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L}, NULL);
}

static int64_t cpu_ns(pid_t pid)
{
	clockid_t clock;
	struct timespec used;
	if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &used) < 0)
		err(1, "the processor time of %d", (int)pid);
	return used.tv_sec * INT64_C(1000000000) + used.tv_nsec;
}

static void pin(int cpu)
{
	cpu_set_t set;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof set, &set) < 0)
		err(1, "sched_setaffinity");
}

/* Returns the processor for the inits: the last one, because the first one handles most interrupts. */
static int choose_cpu(void)
{
	cpu_set_t set;
	int last = 0;
	if (sched_getaffinity(0, sizeof set, &set) < 0)
		err(1, "sched_getaffinity");
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &set))
			last = cpu;
	return last;
}

/* Returns another processor, for processes that must not delay the inits, or the same if there is only one. */
static int other_cpu(const cpu_set_t *set, int cpu, int which)
{
	int found = cpu;
	for (int other = 0; other < CPU_SETSIZE && which >= 0; other++)
		if (other != cpu && CPU_ISSET(other, set)) {
			found = other;
			which--;
		}
	return found;
}

/* --- One init and its app ----------------------------------------------------------------------------------------- */

struct run {
	const char *program;
	const char *words[5];
	int from_app, to_app; /* the ends of the app's pipes in this process */
	int from_log;         /* not read: the pipe's buffer is large enough */
	int app_out, app_in;  /* the app's ends */
	int log;              /* the init's stderr: a pipe, as in a container */
	pid_t pid;
	volatile int64_t begun_ns; /* just before execve */
};

/* Runs in the child, which shares the memory but not the descriptors. */
static int become(void *shared)
{
	static char *const ENVIRONMENT[] = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
	                                    "HOSTNAME=bench", "HOME=/root", NULL};
	struct run *run = shared;
	int out = fcntl(run->app_out, F_DUPFD, LEAST_FD_TO_CLOSE);
	int in = fcntl(run->app_in, F_DUPFD, LEAST_FD_TO_CLOSE);
	int log = fcntl(run->log, F_DUPFD, LEAST_FD_TO_CLOSE);
	int nothing = open("/dev/null", O_RDWR);
	(void)dup2(nothing, STDIN_FILENO);
	(void)dup2(nothing, STDOUT_FILENO);
	(void)dup2(log, STDERR_FILENO);
	(void)dup2(out, APP_OUT);
	(void)dup2(in, APP_IN);
	(void)syscall(SYS_close_range, LEAST_FD_TO_CLOSE, ~0U, 0);
	run->begun_ns = now_ns();
	execve(run->program, (char **)run->words, ENVIRONMENT);
	_exit(127);
}

static void start(struct run *run, const char *program, const char *app, const char *word, const char *value)
{
	static char stack[65536] __attribute__((aligned(16)));
	bool none = strcmp(program, "-") == 0;
	int out[2], in[2], log[2], words = 0;
	if (pipe2(out, O_CLOEXEC) < 0 || pipe2(in, O_CLOEXEC) < 0 || pipe2(log, O_CLOEXEC) < 0)
		err(1, "pipe");
	run->program = none ? app : program;
	if (!none)
		run->words[words++] = program;
	run->words[words++] = app;
	run->words[words++] = word;
	run->words[words++] = value;
	run->words[words] = NULL;
	run->from_app = out[0];
	run->to_app = in[1];
	run->app_out = out[1];
	run->app_in = in[0];
	run->from_log = log[0];
	run->log = log[1];
	run->pid = clone(become, stack + sizeof stack, CLONE_VM | CLONE_VFORK | CLONE_NEWPID | SIGCHLD, run);
	if (run->pid < 0)
		err(1, "clone");
	close(out[1]);
	close(in[0]);
	close(log[1]);
}

static struct record read_record(const struct run *run)
{
	struct record record;
	if (read(run->from_app, &record, sizeof record) != sizeof record)
		errx(1, "%s: no record from its app", run->program);
	return record;
}

static void send_order(const struct run *run, enum order order, long count)
{
	struct record record = {.first = order, .second = count};
	if (write(run->to_app, &record, sizeof record) != sizeof record)
		err(1, "%s: its app", run->program);
}

static void close_pipes(const struct run *run)
{
	close(run->from_app);
	close(run->to_app);
	close(run->from_log);
}

static void end(struct run *run)
{
	kill(run->pid, SIGKILL);
	waitpid(run->pid, NULL, 0);
	close_pipes(run);
}

/* The order differs in each round, so that no program always runs after the same other. */
static int turn(int round, int i, int count)
{
	static const int STEPS[] = {1, 7, 5, 3, 11, 13};
	int step = STEPS[round / count % (int)(sizeof STEPS / sizeof STEPS[0])];
	return count % step == 0 && step != 1 ? (i + round) % count : (i * step + round) % count;
}

/* --- Measurements ------------------------------------------------------------------------------------------------- */

static void measure_start(int rounds, const char *app, char **programs, int count)
{
	for (int round = 0; round < rounds; round++)
		for (int i = 0; i < count; i++) {
			struct run run;
			int which = turn(round, i, count);
			start(&run, programs[which], app, "stamp", NULL);
			waitpid(run.pid, NULL, 0);
			int64_t ended_ns = now_ns();
			struct record record = read_record(&run);
			close_pipes(&run);
			printf("%d %lld %lld\n", which, (long long)(record.first - run.begun_ns),
			       (long long)(ended_ns - record.second));
		}
}

/* Sends each signal after the one before has arrived: the kernel merges pending ones. Returns CPU ns for one signal. */
static int64_t send_alone(const struct run *run, int signals, int64_t *latency_ns)
{
	int64_t before_ns = 0;
	for (int i = -WARM_UP; i < signals; i++) {
		if (i == 0)
			before_ns = cpu_ns(run->pid);
		int64_t sent_ns = now_ns();
		kill(run->pid, SIGUSR1);
		struct record record = read_record(run);
		if (i >= 0)
			latency_ns[i] = record.first - sent_ns;
	}
	return (cpu_ns(run->pid) - before_ns) / signals;
}

/* Sends different signals as fast as possible. The app writes a record for the last: it has the highest number. */
static int64_t send_bursts(const struct run *run, int bursts)
{
	static const int SIGNALS[] = {SIGHUP, SIGINT,  SIGQUIT, SIGABRT,   SIGUSR2, SIGPIPE,  SIGALRM, SIGSTKFLT,
	                              SIGURG, SIGXCPU, SIGXFSZ, SIGVTALRM, SIGPROF, SIGWINCH, SIGIO,   SIGPWR};
	enum { COUNT = sizeof SIGNALS / sizeof SIGNALS[0] };
	int64_t before_ns = 0;
	for (int i = -1; i < bursts; i++) {
		if (i == 0)
			before_ns = cpu_ns(run->pid);
		for (int signal = 0; signal < COUNT; signal++)
			kill(run->pid, SIGNALS[signal]);
		(void)read_record(run);
	}
	return (cpu_ns(run->pid) - before_ns) / bursts / COUNT;
}

static void measure_signals(int signals, const char *app, char **programs, int count)
{
	int64_t *latency_ns = calloc((size_t)signals, sizeof *latency_ns);
	for (int which = 0; which < count && latency_ns != NULL; which++) {
		struct run run;
		start(&run, programs[which], app, "echo", NULL);
		(void)read_record(&run);
		int64_t alone_ns = send_alone(&run, signals, latency_ns);
		int64_t burst_ns = send_bursts(&run, signals / 10);
		sigqueue(run.pid, SIGUSR1, (union sigval){.sival_int = 42});
		bool has_value = read_record(&run).second == 42;
		printf("%d %lld %lld %d", which, (long long)alone_ns, (long long)burst_ns, has_value);
		for (int i = 0; i < signals; i++)
			printf(" %lld", (long long)latency_ns[i]);
		printf("\n");
		end(&run);
	}
	free(latency_ns);
}

/* Waits until all orphans are reaped, and the init has done delayed work. */
static void settle(const struct run *run, long orphans)
{
	long unreaped = 1;
	for (int i = 0; i < SETTLES && unreaped > 0; i++) {
		sleep_ms(SETTLE_MS);
		send_order(run, ORDER_COUNT, orphans);
		unreaped = read_record(run).second;
	}
	if (unreaped > 0)
		errx(1, "%s: %ld of %ld orphans were never reaped", run->program, unreaped, orphans);
}

/* The orphans exit while the init is stopped, so it gets all of them together. */
static void exit_orphans_together(const struct run *run, int orphans)
{
	int status;
	kill(run->pid, SIGSTOP);
	waitpid(run->pid, &status, WUNTRACED);
	send_order(run, ORDER_READY, orphans);
	(void)read_record(run);
	kill(run->pid, SIGCONT);
}

static void measure_reaping(int orphans, const char *live, const char *app, char **programs, int count)
{
	for (int which = 0; which < count; which++) {
		struct run run;
		start(&run, programs[which], app, "crowd", live != NULL ? live : "0");
		(void)read_record(&run);
		sleep_ms(live != NULL ? SETTLE_MS : BEGIN_MS);
		int64_t before_ns = cpu_ns(run.pid);
		if (live == NULL) {
			exit_orphans_together(&run, orphans);
		} else {
			send_order(&run, ORDER_TRICKLE, orphans);
			(void)read_record(&run);
		}
		settle(&run, orphans);
		printf("%d %lld\n", which, (long long)((cpu_ns(run.pid) - before_ns) / orphans));
		end(&run);
	}
}

/* Signals with numbers below SIGCHLD, which the kernel delivers before it. */
static void flood(pid_t pid)
{
	static const int SIGNALS[] = {SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2, SIGPIPE, SIGALRM, SIGSTKFLT};
	for (unsigned i = 0;; i++)
		kill(pid, SIGNALS[i % (sizeof SIGNALS / sizeof SIGNALS[0])]);
}

static pid_t start_flooder(const struct run *run, int cpu)
{
	pid_t pid = fork();
	if (pid != 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	close_pipes(run);
	pin(cpu);
	flood(run->pid);
	return 0;
}

static int64_t leave(const char *app, const char *program, const cpu_set_t *all, int cpu)
{
	struct run run;
	char app_cpu[16];
	pid_t flooders[FLOODERS];
	snprintf(app_cpu, sizeof app_cpu, "%d", other_cpu(all, cpu, 0));
	start(&run, program, app, "leave", app_cpu);
	(void)read_record(&run);
	for (int i = 0; i < FLOODERS; i++)
		flooders[i] = start_flooder(&run, other_cpu(all, cpu, i + 1));
	sleep_ms(FLOOD_MS);
	struct pollfd ended = {.fd = (int)syscall(SYS_pidfd_open, run.pid, 0), .events = POLLIN};
	close(run.to_app);
	bool left = poll(&ended, 1, LEAVE_MS) == 1;
	int64_t left_ns = now_ns();
	for (int i = 0; i < FLOODERS; i++) {
		kill(flooders[i], SIGKILL);
		waitpid(flooders[i], NULL, 0);
	}
	int64_t took_ns = left ? left_ns - read_record(&run).first : -1;
	close(ended.fd);
	run.to_app = open("/dev/null", O_RDWR | O_CLOEXEC);
	end(&run);
	return took_ns;
}

static void measure_flood(int rounds, const char *app, char **programs, int count, const cpu_set_t *all, int cpu)
{
	for (int round = 0; round < rounds; round++)
		for (int i = 0; i < count; i++) {
			int which = turn(round, i, count);
			printf("%d %lld\n", which, (long long)leave(app, programs[which], all, cpu));
		}
}

static void live(int signals, const char *app, char **programs, int count)
{
	for (int i = 0; i < count; i++) {
		struct run run;
		start(&run, programs[i], app, signals >= 0 ? "echo" : "leave", signals >= 0 ? NULL : "0");
		(void)read_record(&run);
		for (int sent = 0; sent < signals; sent++) {
			kill(run.pid, SIGUSR1);
			(void)read_record(&run);
		}
		if (signals >= 0)
			kill(run.pid, SIGTERM);
		else
			close(run.to_app);
		waitpid(run.pid, NULL, 0);
	}
}

static void make_lone_orphans(int count, const char *app, char **programs, int inits)
{
	for (int i = 0; i < inits; i++) {
		struct run run;
		start(&run, programs[i], app, "crowd", "0");
		(void)read_record(&run);
		for (int made = 0; made < count; made++) {
			send_order(&run, ORDER_TRICKLE, 1);
			(void)read_record(&run);
			settle(&run, 1);
		}
		end(&run);
	}
}

static void hold(const char *word, const char *app, char **programs, int count)
{
	struct run runs[MOST_HELD];
	char byte;
	if (count > MOST_HELD)
		errx(2, "more than %d programs", MOST_HELD);
	for (int i = 0; i < count; i++) {
		start(&runs[i], programs[i], app, word, NULL);
		(void)read_record(&runs[i]);
		printf("%d%c", (int)runs[i].pid, i + 1 < count ? ' ' : '\n');
	}
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		continue;
	for (int i = 0; i < count; i++)
		end(&runs[i]);
}

int main(int argc, char **argv)
{
	cpu_set_t all;
	const char *what = argc > 4 ? argv[1] : "";
	int number = argc > 4 ? atoi(argv[2]) : 0;
	int cpu = choose_cpu();
	sched_getaffinity(0, sizeof all, &all);
	pin(cpu);
	if (strcmp(what, "start") == 0)
		measure_start(number, argv[3], argv + 4, argc - 4);
	else if (strcmp(what, "signals") == 0)
		measure_signals(number, argv[3], argv + 4, argc - 4);
	else if (strcmp(what, "ready") == 0)
		measure_reaping(number, NULL, argv[3], argv + 4, argc - 4);
	else if (strcmp(what, "trickle") == 0)
		measure_reaping(number, argv[3], argv[4], argv + 5, argc - 5);
	else if (strcmp(what, "flood") == 0)
		measure_flood(number, argv[3], argv + 4, argc - 4, &all, cpu);
	else if (strcmp(what, "life") == 0)
		live(number, argv[3], argv + 4, argc - 4);
	else if (strcmp(what, "orphans") == 0)
		make_lone_orphans(number, argv[3], argv + 4, argc - 4);
	else if (strcmp(what, "hold") == 0)
		hold(argv[2], argv[3], argv + 4, argc - 4);
	else
		errx(2, "see the head of measure.c");
	return 0;
}
