/*
 * Sends a signal to an init at each moment of its start and exit, with the app of storm.c. Runs in a new PID namespace
 * with its own /proc.
 *
 *   race steps FILE init|plain call|instruction WHEN SIGNAL LOST_MS FIRST LAST STRIDE -- COMMAND...
 *       Starts COMMAND repeatedly under ptrace(2), as PID 1 of another namespace or not. Stops it, and its child
 *       before exec, at the FIRST-th entry or exit of a system call, or at the FIRST-th instruction. Sends SIGNAL to
 *       it there and continues it. Repeats this STRIDE later, up to LAST or the end. WHEN selects the places:
 *         start     from exec on, until the app handles signals
 *         end       from the app's exit on. Before the signal, a stranger gets the app's PID if it is free: a process
 *                   that lull must not signal
 *         deep      the same, but a remaining process has a child, which exits there and whose PID the stranger gets
 *       Prints a line for each place:
 *         AT app|init CALL in|out blocked|open SIGNAL came TIMES status STATUS stranger MADE HIT
 *   race rounds FILE init|plain WHEN SIGNAL LOST_MS COUNT -- COMMAND...
 *       Starts COMMAND COUNT times with all signals blocked, and sends it SIGNAL at a random moment of its start or,
 *       for "end", until an app has exited that exits immediately. Prints "once N lost N twice N status N hung N"
 *   race clock PID SECONDS
 *       Changes the time of day that PID reads by SECONDS, alternately forward and back. When PID exits, prints
 *       "monotonic read N" and so on for each clock
 *   race spin
 *       Keeps a processor busy
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "storm.h"

enum {
	HUNG_MS = 10000, /* a wait that takes longer counts as hung */
	IDLE_MS = 5,     /* a process without a ptrace stop for this time sleeps */
};

static volatile uint64_t *shared;

static int64_t now_us(void)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void die(const char *what)
{
	perror(what);
	exit(99);
}

static void open_shared(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	void *memory = fd < 0 ? MAP_FAILED : mmap(NULL, SHARED_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED)
		die(path);
	shared = memory;
	(void)close(fd);
}

static void send_signal(pid_t pid, int signo)
{
	siginfo_t info = {.si_signo = signo, .si_code = SI_QUEUE};
	info.si_pid = getpid();
	info.si_value.sival_int = 7;
	if (signo >= 34)
		(void)syscall(SYS_rt_sigqueueinfo, pid, signo, &info);
	else
		(void)kill(pid, signo);
}

static int shell_status(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static void mount_proc(void)
{
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 || mount("proc", "/proc", "proc", 0, NULL) < 0)
		die("mount");
}

static pid_t start_in_namespace(int flags)
{
	pid_t pid = (pid_t)syscall(SYS_clone, (long)(flags | SIGCHLD), 0L, 0L, 0L, 0L);
	if (pid < 0)
		die("clone");
	return pid;
}

/* Returns the PID in this namespace of the process that has this PID in its innermost namespace. */
static pid_t outer_pid(uint64_t inner)
{
	char line[256];
	pid_t found = 0;
	DIR *proc = opendir("/proc");
	for (struct dirent *entry; found == 0 && proc != NULL && (entry = readdir(proc)) != NULL;) {
		char path[300];
		(void)snprintf(path, sizeof path, "/proc/%s/status", entry->d_name);
		FILE *status = entry->d_name[0] >= '1' && entry->d_name[0] <= '9' ? fopen(path, "re") : NULL;
		while (status != NULL && fgets(line, sizeof line, status) != NULL) {
			const char *last = strrchr(line, '\t');
			if (strncmp(line, "NSpid:", 6) == 0 && last != NULL && strtoull(last, NULL, 10) == inner &&
			    atoi(entry->d_name) != 1)
				found = atoi(entry->d_name);
		}
		if (status != NULL)
			(void)fclose(status);
	}
	if (proc != NULL)
		(void)closedir(proc);
	return found;
}

/* --- Strangers -------------------------------------------------------------------------------------------------- */

enum { MADE_NOT, MADE, MADE_FAILED };

static void be_stranger(void)
{
	const uint64_t all = ~UINT64_C(0);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)setsid();
	shared[STRANGER_MADE] = MADE;
	for (;;)
		if (syscall(SYS_rt_sigtimedwait, &all, NULL, NULL, 8L) > 0)
			shared[STRANGER]++;
}

/*
 * Starts a process with that PID, whose parent is outside the namespace. Returns its parent, or 0 if the PID is not
 * free.
 */
static pid_t make_stranger(pid_t init, int in_namespace, uint64_t number)
{
	const uint64_t all = ~UINT64_C(0);
	shared[STRANGER_MADE] = MADE_NOT;
	pid_t parent = fork();
	if (parent == 0) {
		int status;
		pid_t tid = (pid_t)number;
		struct clone_args args = {
			.exit_signal = SIGCHLD, .set_tid = (uint64_t)(uintptr_t)&tid, .set_tid_size = 1};
		syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, NULL, 8L);
		int held = (int)syscall(SYS_pidfd_open, init, 0L);
		long pid = in_namespace && setns(held, CLONE_NEWPID) < 0 ? -1 : syscall(SYS_clone3, &args, sizeof args);
		if (pid == 0)
			be_stranger();
		if (pid < 0) {
			shared[STRANGER_MADE] = MADE_FAILED;
			_exit(errno);
		}
		/* The kernel kills it when the init of the namespace exits. */
		if (waitpid((pid_t)pid, &status, 0) == pid && !in_namespace)
			shared[STRANGER]++;
		_exit(0);
	}
	while (parent > 0 && shared[STRANGER_MADE] == MADE_NOT)
		sched_yield();
	if (parent > 0 && shared[STRANGER_MADE] == MADE)
		return parent;
	(void)waitpid(parent, NULL, 0);
	return 0;
}

/* --- Step by step ----------------------------------------------------------------------------------------------- */

enum when { WHEN_START, WHEN_END, WHEN_DEEP };

struct steps {
	int in_namespace;
	int by_instruction;
	enum when when;
	int signo;
	int lost_ms;
	char **command;
};

/* One run. */
struct trial {
	const struct steps *steps;
	long at; /* the place where the signal is sent */
	long seen;
	pid_t init;
	pid_t app;
	pid_t stranger_parent;
	int counting;
	int sent;
	int gone;
	int status;
	int64_t stopped_us; /* the last ptrace stop */
	/* the place */
	int of_app;
	long call;
	int is_exit;
	int open; /* the signal was neither blocked nor caught there */
};

/* Whether the process waits for signals: its mask in /proc is then without these. */
static int is_waiting(pid_t pid)
{
	char path[64];
	long call = -1;
	(void)snprintf(path, sizeof path, "/proc/%d/syscall", pid);
	FILE *file = fopen(path, "re");
	if (file != NULL && fscanf(file, "%ld", &call) != 1)
		call = -1;
	if (file != NULL)
		(void)fclose(file);
	return call == SYS_rt_sigtimedwait;
}

static int is_open(pid_t pid, int signo)
{
	char path[64];
	char line[256];
	unsigned long long mask = 0;
	unsigned long long masks = 0;
	(void)snprintf(path, sizeof path, "/proc/%d/status", pid);
	FILE *status = fopen(path, "re");
	while (status != NULL && fgets(line, sizeof line, status) != NULL)
		if (sscanf(line, "SigBlk: %llx", &mask) == 1 || sscanf(line, "SigCgt: %llx", &mask) == 1)
			masks |= mask;
	if (status != NULL)
		(void)fclose(status);
	return (masks >> (signo - 1) & 1) == 0 && !is_waiting(pid);
}

/* Returns the PID for the stranger. With WHEN_DEEP it first kills the process that has it. */
static uint64_t pid_to_reuse(const struct trial *trial)
{
	if (trial->steps->when == WHEN_END)
		return shared[APP_PID];
	pid_t bottom = outer_pid(shared[LEFT_PID]);
	int64_t end_us = now_us() + 200000;
	if (bottom > 0)
		(void)kill(bottom, SIGKILL);
	while (bottom > 0 && kill(bottom, 0) == 0 && now_us() < end_us)
		sched_yield();
	return shared[LEFT_PID];
}

static void fire(struct trial *trial, pid_t pid)
{
	struct __ptrace_syscall_info info = {0};
	const struct steps *steps = trial->steps;
	(void)ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof info, &info);
	trial->of_app = pid != trial->init;
	trial->is_exit = info.op == PTRACE_SYSCALL_INFO_EXIT;
	if (info.op == PTRACE_SYSCALL_INFO_ENTRY)
		trial->call = (long)info.entry.nr;
	trial->open = is_open(trial->init, steps->signo);
	if (steps->when != WHEN_START)
		trial->stranger_parent = make_stranger(trial->init, steps->in_namespace, pid_to_reuse(trial));
	send_signal(trial->init, steps->signo);
	trial->sent = 1;
}

static void go_on(const struct trial *trial, pid_t pid, int signo)
{
	int wanted = trial->steps->by_instruction && trial->counting ? PTRACE_SINGLESTEP : PTRACE_SYSCALL;
	(void)ptrace(trial->sent ? PTRACE_CONT : wanted, pid, 0L, (long)signo);
}

static void count_stop(struct trial *trial, pid_t pid)
{
	struct __ptrace_syscall_info info = {0};
	if (!trial->counting || trial->sent)
		return;
	if (!trial->steps->by_instruction && ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof info, &info) > 0 &&
	    info.op == PTRACE_SYSCALL_INFO_ENTRY)
		trial->call = (long)info.entry.nr;
	if (++trial->seen == trial->at)
		fire(trial, pid);
}

static void on_stop(struct trial *trial, pid_t pid, int status)
{
	int signo = WSTOPSIG(status);
	int event = status >> 16;
	trial->stopped_us = now_us();
	if (event == PTRACE_EVENT_EXEC && pid != trial->init) {
		trial->app = pid;
		count_stop(trial, pid);
		(void)ptrace(PTRACE_DETACH, pid, 0L, 0L);
		return;
	}
	if (event == PTRACE_EVENT_EXEC)
		trial->counting = trial->steps->when == WHEN_START;
	if (event == PTRACE_EVENT_EXEC || signo == (SIGTRAP | 0x80) ||
	    (event == 0 && signo == SIGTRAP && trial->steps->by_instruction)) {
		count_stop(trial, pid);
		signo = 0;
	}
	go_on(trial, pid, event != 0 ? 0 : signo);
}

/* Waits for stops and exits that are pending. Returns whether there were any. */
static int follow(struct trial *trial)
{
	int status;
	pid_t pid = waitpid(-1, &status, WNOHANG | __WALL);
	if (pid <= 0)
		return 0;
	if (WIFSTOPPED(status))
		on_stop(trial, pid, status);
	else if (pid == trial->init) {
		trial->gone = 1;
		trial->status = shell_status(status);
	} else if (pid == trial->stranger_parent)
		trial->stranger_parent = 0;
	return 1;
}

static int is_idle(const struct trial *trial)
{
	return shared[READY] && now_us() - trial->stopped_us > IDLE_MS * 1000;
}

static uint64_t came(const struct steps *steps)
{
	return shared[COUNTS + steps->signo];
}

/* Continues the init until `enough` returns true, the init has exited, or the limit is over. */
static void follow_until(struct trial *trial, int (*enough)(const struct trial *), int limit_ms)
{
	int64_t end_us = now_us() + (int64_t)limit_ms * 1000;
	for (int idle = 0; !trial->gone && !enough(trial) && now_us() < end_us;) {
		idle = follow(trial) ? 0 : idle + 1;
		if (idle > 2000)
			usleep(50);
	}
}

static int is_sent_or_idle(const struct trial *trial)
{
	return trial->sent || is_idle(trial);
}

static int has_come(const struct trial *trial)
{
	return came(trial->steps) > 0;
}

static int is_ready(const struct trial *trial)
{
	(void)trial;
	return shared[READY] != 0;
}

static int never(const struct trial *trial)
{
	(void)trial;
	return 0;
}

static void launch(struct trial *trial)
{
	int gate[2];
	char byte;
	const struct steps *steps = trial->steps;
	if (pipe2(gate, O_CLOEXEC) < 0)
		die("pipe");
	trial->init = start_in_namespace(steps->in_namespace ? CLONE_NEWPID | CLONE_NEWNS : 0);
	if (trial->init == 0) {
		if (steps->in_namespace)
			mount_proc();
		(void)close(gate[1]);
		(void)!read(gate[0], &byte, 1);
		(void)execv(steps->command[0], steps->command);
		_exit(99);
	}
	(void)close(gate[0]);
	if (ptrace(PTRACE_SEIZE, trial->init, 0L,
	           PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEEXEC | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK |
	                   PTRACE_O_TRACEVFORK | PTRACE_O_EXITKILL) < 0)
		die("seize");
	(void)close(gate[1]);
}

static void end_all(void)
{
	(void)kill(-1, SIGKILL);
	while (waitpid(-1, NULL, __WALL) > 0)
		continue;
}

static void finish(struct trial *trial)
{
	follow_until(trial, never, HUNG_MS);
	int hung = !trial->gone;
	if (hung)
		(void)kill(trial->init, SIGKILL);
	follow_until(trial, never, HUNG_MS);
	if (hung)
		trial->status = -1;
	usleep(trial->stranger_parent > 0 ? 1000 : 0);
	(void)follow(trial);
	if (trial->stranger_parent > 0)
		(void)kill(trial->stranger_parent, SIGKILL);
	end_all();
}

/* Returns false if there is no such place any more. */
static int try_at(const struct steps *steps, long at)
{
	struct trial trial = {.steps = steps, .at = at, .call = -1, .stopped_us = now_us()};
	for (int i = 0; i < PIDS; i++)
		shared[i] = 0;
	launch(&trial);
	if (steps->when == WHEN_START) {
		follow_until(&trial, is_sent_or_idle, HUNG_MS);
		trial.counting = 0;
		if (trial.sent && !trial.gone) {
			follow_until(&trial, is_ready, HUNG_MS);
			follow_until(&trial, has_come, trial.open ? 20 : steps->lost_ms);
		}
		if (!trial.gone && (steps->signo != SIGTERM || came(steps) == 0))
			(void)kill(trial.init, SIGTERM);
	} else {
		follow_until(&trial, is_idle, HUNG_MS);
		trial.counting = 1;
		if (trial.app > 0)
			(void)kill(trial.app, 52);
		/* The remaining process exits when its child has exited. */
		if (steps->when == WHEN_DEEP) {
			follow_until(&trial, is_sent_or_idle, HUNG_MS);
			if (!trial.sent)
				(void)pid_to_reuse(&trial);
		}
	}
	finish(&trial);
	if (!trial.sent)
		return 0;
	printf("%ld %s %ld %s %s started %d came %llu status %d stranger %d %llu\n", at, trial.of_app ? "app" : "init",
	       trial.call, trial.is_exit ? "out" : "in", trial.open ? "open" : "blocked", trial.app > 0,
	       (unsigned long long)came(steps), trial.status, shared[STRANGER_MADE] == MADE,
	       (unsigned long long)shared[STRANGER]);
	(void)fflush(stdout);
	return 1;
}

static enum when when_of(const char *word)
{
	if (strcmp(word, "start") == 0)
		return WHEN_START;
	return strcmp(word, "end") == 0 ? WHEN_END : WHEN_DEEP;
}

static int steps(char **words)
{
	struct steps steps = {.in_namespace = strcmp(words[0], "init") == 0,
	                      .by_instruction = strcmp(words[1], "instruction") == 0,
	                      .when = when_of(words[2]),
	                      .signo = atoi(words[3]),
	                      .lost_ms = atoi(words[4]),
	                      .command = words + 9};
	long last = atol(words[6]);
	for (long at = atol(words[5]); at <= last; at += atol(words[7]))
		if (!try_at(&steps, at))
			break;
	return 0;
}

/* --- At random -------------------------------------------------------------------------------------------------- */

struct tally {
	int once, lost, twice, status, hung;
};

/* Waits until *number is not 0, or the process has exited. Does not reap it. */
static int until(const volatile uint64_t *number, pid_t pid, int limit_ms)
{
	int64_t end_us = now_us() + (int64_t)limit_ms * 1000;
	for (int spins = 0; now_us() < end_us; spins++) {
		siginfo_t info = {0};
		if (number != NULL && *number > 0)
			return 1;
		if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == pid)
			return 1;
		if (spins > 200)
			usleep(20);
	}
	return 0;
}

/* The command inherits the signal mask of this process. */
static pid_t launch_blocked(int in_namespace, char **command)
{
	pid_t pid = start_in_namespace(in_namespace ? CLONE_NEWPID : 0);
	if (pid == 0) {
		(void)execv(command[0], command);
		_exit(99);
	}
	return pid;
}

static void wait_us(int64_t us)
{
	int64_t end_us = now_us() + us;
	while (now_us() < end_us)
		continue;
}

/* How long a round takes without a signal, on average. */
static int64_t measure(const struct steps *steps)
{
	int64_t sum_us = 0;
	for (int i = 0; i < 10; i++) {
		for (int slot = 0; slot < PIDS; slot++)
			shared[slot] = 0;
		int64_t begun_us = now_us();
		pid_t pid = launch_blocked(steps->in_namespace, steps->command);
		(void)until(steps->when == WHEN_END ? NULL : &shared[READY], pid, HUNG_MS);
		sum_us += now_us() - begun_us;
		end_all();
	}
	return sum_us / 10;
}

static void round_once(const struct steps *steps, int64_t delay_us, struct tally *tally)
{
	int status = 0;
	int signo = steps->signo;
	for (int slot = 0; slot < PIDS; slot++)
		shared[slot] = 0;
	pid_t pid = launch_blocked(steps->in_namespace, steps->command);
	wait_us(delay_us);
	send_signal(pid, signo);
	if (steps->when == WHEN_START) {
		(void)until(&shared[READY], pid, HUNG_MS);
		(void)until(&shared[COUNTS + signo], pid, steps->lost_ms);
		if (signo != SIGTERM || shared[COUNTS + signo] == 0)
			(void)kill(pid, SIGTERM);
	}
	int hung = !until(NULL, pid, HUNG_MS);
	if (hung)
		(void)kill(pid, SIGKILL);
	(void)waitpid(pid, &status, 0);
	uint64_t times = shared[COUNTS + signo];
	tally->hung += hung;
	tally->status += !hung && shell_status(status) != 42;
	tally->once += times == 1;
	tally->lost += times == 0;
	tally->twice += times > 1;
	end_all();
}

static int rounds(char **words)
{
	struct tally tally = {0};
	struct steps steps = {.in_namespace = strcmp(words[0], "init") == 0,
	                      .when = when_of(words[1]),
	                      .signo = atoi(words[2]),
	                      .lost_ms = atoi(words[3]),
	                      .command = words + 6};
	const uint64_t all = ~UINT64_C(0);
	int count = atoi(words[4]);
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, NULL, 8L);
	int64_t span_us = measure(&steps) * 5 / 4;
	srandom((unsigned)now_us());
	for (int i = 0; i < count; i++)
		round_once(&steps, random() % (span_us + 1), &tally);
	printf("once %d lost %d twice %d status %d hung %d within_us %lld\n", tally.once, tally.lost, tally.twice,
	       tally.status, tally.hung, (long long)span_us);
	return 0;
}

/* --- The clock -------------------------------------------------------------------------------------------------- */

/* How often the process has read each clock. */
struct clock_reads {
	int monotonic, realtime, other;
	long offset; /* of the next result, in s */
};

static void on_call(pid_t pid, struct clock_reads *reads, const struct __ptrace_syscall_info *entry)
{
	if (entry->entry.nr != SYS_clock_gettime) {
#ifdef SYS_time
		reads->other += entry->entry.nr == SYS_time;
#endif
		reads->other += entry->entry.nr == SYS_gettimeofday;
		return;
	}
	reads->monotonic += entry->entry.args[0] == CLOCK_MONOTONIC;
	reads->other += entry->entry.args[0] > CLOCK_MONOTONIC;
	if (entry->entry.args[0] != CLOCK_REALTIME)
		return;
	reads->realtime++;
	errno = 0;
	long seconds = ptrace(PTRACE_PEEKDATA, pid, entry->entry.args[1], 0L);
	if (errno == 0)
		(void)ptrace(PTRACE_POKEDATA, pid, entry->entry.args[1], seconds + reads->offset);
	reads->offset = -reads->offset;
}

static int change_clock(pid_t pid, long seconds)
{
	int status;
	struct clock_reads reads = {.offset = seconds};
	struct __ptrace_syscall_info entry = {0};
	if (ptrace(PTRACE_SEIZE, pid, 0L, PTRACE_O_TRACESYSGOOD) < 0 || ptrace(PTRACE_INTERRUPT, pid, 0L, 0L) < 0)
		die("ptrace");
	while (waitpid(pid, &status, __WALL) == pid && WIFSTOPPED(status)) {
		struct __ptrace_syscall_info info = {0};
		int is_call = WSTOPSIG(status) == (SIGTRAP | 0x80);
		if (is_call)
			(void)ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof info, &info);
		if (is_call && info.op == PTRACE_SYSCALL_INFO_ENTRY)
			entry = info;
		else if (is_call && entry.op == PTRACE_SYSCALL_INFO_ENTRY)
			on_call(pid, &reads, &entry);
		else if (status >> 16 == PTRACE_EVENT_STOP && reads.offset == seconds)
			(void)!write(1, "tracing\n", 8);
		(void)ptrace(PTRACE_SYSCALL, pid, 0L, is_call || status >> 16 != 0 ? 0L : (long)WSTOPSIG(status));
	}
	printf("monotonic read %d\nrealtime read %d\nother read %d\n", reads.monotonic, reads.realtime, reads.other);
	return 0;
}

int main(int argc, char **argv)
{
	int status;
	if (argc == 4 && strcmp(argv[1], "clock") == 0)
		return change_clock(atoi(argv[2]), atol(argv[3]));
	while (argc == 2 && strcmp(argv[1], "spin") == 0)
		continue;
	if (argc < 8)
		return 2;
	open_shared(argv[2]);
	pid_t pid = start_in_namespace(CLONE_NEWPID | CLONE_NEWNS);
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		mount_proc();
		exit(strcmp(argv[1], "steps") == 0 ? steps(argv + 3) : rounds(argv + 3));
	}
	(void)waitpid(pid, &status, 0);
	return shell_status(status);
}
