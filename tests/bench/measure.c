/*
 * Owns the measurements: starts inits as PID 1 of a PID namespace, all on one processor, in turns, with the app of
 * app.c under them. Prints numbers, one line a measurement, which starts with the program's place in the command line.
 * Never judges and never makes a table: see bench.
 *
 *   measure start ROUNDS APP PROGRAM...      ns from execve until the app runs, ns from the app's end to the init's
 *   measure signals COUNT APP PROGRAM...     the init's CPU ns for each that is sent alone, and in a burst; whether a
 *                                            value arrives; ns until each that was sent alone has arrived
 *   measure ready COUNT APP PROGRAM...       the init's CPU ns for each of COUNT orphans that wait to be reaped
 *   measure trickle COUNT LIVE APP PROGRAM...  the same for orphans that exit one after the other among LIVE others
 *   measure flood ROUNDS APP PROGRAM...      ns from the app's end to the init's while signals arrive without end; -1:
 *                                            longer than LEAVE_MS
 *   measure life SIGNALS APP PROGRAM...      nothing, to be traced: SIGNALS signals, then SIGTERM, which ends the app;
 *                                            -1: none at all, the app ends by itself
 *   measure orphans COUNT APP PROGRAM...     nothing, to be traced: COUNT orphans, each when the one before was reaped
 *   measure hold WORD APP PROGRAM...         the inits' PIDs; they run, above `app WORD`, until stdin is closed
 *
 * The program "-" is none: the app is PID 1 itself.
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
	LEAVE_MS = 3000, /* the longest wait in a flood */
	FLOOD_MS = 20,   /* how long it has lasted when the app ends */
	BEGIN_MS = 10,   /* an init is asleep by then */
	SETTLE_MS = 100, /* what an init puts off is done by then, and counted */
	SETTLES = 100,   /* so often it is looked whether all is reaped, at most */
	WARM_UP = 50,    /* signals that are not counted */
	FLOODERS = 2,
	MOST_HELD = 32,        /* inits that idle at the same time */
	LEAST_FD_TO_CLOSE = 5, /* the app has those below */
};

/* --- Small things ------------------------------------------------------------------------------------------------- */

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

/* The processor that the inits are on, which is the last: interrupts are mostly the first one's. */
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

/* Another one, for what must not be in the inits' way; the same where there is only one. */
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
	int from_app, to_app; /* our ends of its pipes */
	int from_log;         /* not read; it holds more than is written */
	int app_out, app_in;  /* its ends */
	int log;              /* its stderr: a pipe, as in a container */
	pid_t pid;
	volatile int64_t begun_ns; /* just before execve */
};

/* The child's side, in our memory, with descriptors of its own. */
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

static struct record hear(const struct run *run)
{
	struct record record;
	if (read(run->from_app, &record, sizeof record) != sizeof record)
		errx(1, "%s: no word from its app", run->program);
	return record;
}

static void tell(const struct run *run, enum order order, long count)
{
	struct record record = {.first = order, .second = count};
	if (write(run->to_app, &record, sizeof record) != sizeof record)
		err(1, "%s: its app", run->program);
}

static void forget(const struct run *run)
{
	close(run->from_app);
	close(run->to_app);
	close(run->from_log);
}

static void end(struct run *run)
{
	kill(run->pid, SIGKILL);
	waitpid(run->pid, NULL, 0);
	forget(run);
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
			struct record said = hear(&run);
			forget(&run);
			printf("%d %lld %lld\n", which, (long long)(said.first - run.begun_ns),
			       (long long)(ended_ns - said.second));
		}
}

/* Each is sent when the one before has arrived: none is lost for being the same. */
static int64_t send_alone(const struct run *run, int signals, int64_t *latency_ns)
{
	int64_t before_ns = 0;
	for (int i = -WARM_UP; i < signals; i++) {
		if (i == 0)
			before_ns = cpu_ns(run->pid);
		int64_t sent_ns = now_ns();
		kill(run->pid, SIGUSR1);
		struct record said = hear(run);
		if (i >= 0)
			latency_ns[i] = said.first - sent_ns;
	}
	return (cpu_ns(run->pid) - before_ns) / signals;
}

/* Different signals, as fast as possible. The app writes when the last has arrived, which has the highest number. */
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
		(void)hear(run);
	}
	return (cpu_ns(run->pid) - before_ns) / bursts / COUNT;
}

static void measure_signals(int signals, const char *app, char **programs, int count)
{
	int64_t *latency_ns = calloc((size_t)signals, sizeof *latency_ns);
	for (int which = 0; which < count && latency_ns != NULL; which++) {
		struct run run;
		start(&run, programs[which], app, "echo", NULL);
		(void)hear(&run);
		int64_t alone_ns = send_alone(&run, signals, latency_ns);
		int64_t burst_ns = send_bursts(&run, signals / 10);
		sigqueue(run.pid, SIGUSR1, (union sigval){.sival_int = 42});
		printf("%d %lld %lld %d", which, (long long)alone_ns, (long long)burst_ns, hear(&run).second == 42);
		for (int i = 0; i < signals; i++)
			printf(" %lld", (long long)latency_ns[i]);
		printf("\n");
		end(&run);
	}
	free(latency_ns);
}

/* Until all are reaped, and what the init has put off is done. */
static void settle(const struct run *run, long orphans)
{
	long unreaped = 1;
	for (int i = 0; i < SETTLES && unreaped > 0; i++) {
		sleep_ms(SETTLE_MS);
		tell(run, ORDER_COUNT, orphans);
		unreaped = hear(run).second;
	}
	if (unreaped > 0)
		errx(1, "%s: %ld of %ld orphans were never reaped", run->program, unreaped, orphans);
}

/* They exit while the init is stopped: it finds all of them together. */
static void end_orphans_at_once(const struct run *run, int orphans)
{
	int status;
	kill(run->pid, SIGSTOP);
	waitpid(run->pid, &status, WUNTRACED);
	tell(run, ORDER_READY, orphans);
	(void)hear(run);
	kill(run->pid, SIGCONT);
}

static void measure_reaping(int orphans, const char *live, const char *app, char **programs, int count)
{
	for (int which = 0; which < count; which++) {
		struct run run;
		start(&run, programs[which], app, "crowd", live != NULL ? live : "0");
		(void)hear(&run);
		sleep_ms(live != NULL ? SETTLE_MS : BEGIN_MS);
		int64_t before_ns = cpu_ns(run.pid);
		if (live == NULL) {
			end_orphans_at_once(&run, orphans);
		} else {
			tell(&run, ORDER_TRICKLE, orphans);
			(void)hear(&run);
		}
		settle(&run, orphans);
		printf("%d %lld\n", which, (long long)((cpu_ns(run.pid) - before_ns) / orphans));
		end(&run);
	}
}

/* Lower numbers than SIGCHLD's, which the kernel hands out first; none that ends a wait or a process of its own accord.
 */
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
	forget(run);
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
	(void)hear(&run);
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
	int64_t took_ns = left ? left_ns - hear(&run).first : -1;
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
		(void)hear(&run);
		for (int sent = 0; sent < signals; sent++) {
			kill(run.pid, SIGUSR1);
			(void)hear(&run);
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
		(void)hear(&run);
		for (int made = 0; made < count; made++) {
			tell(&run, ORDER_TRICKLE, 1);
			(void)hear(&run);
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
		(void)hear(&runs[i]);
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
