/*
 * The programs of tests/storms: the stage, the app, and the senders. They count in a shared file, an array of 64-bit
 * numbers; tests/storms/common.py has the same names.
 *
 *   storm stage FILE [WORD]... -- COMMAND   runs COMMAND as PID 1 of new namespaces, with its own /proc; writes to FILE
 *                                           its PID, its exit status, and when it exited
 *     user          as a user that has no other process
 *     nproc=N       with at most N processes of that user
 *     as=BYTES      with at most that much address space
 *     cgroup=PATH   in that cgroup: a cgroup.procs
 *     fds=N         with N more descriptors
 *     full          with as many bytes in its environment as the kernel accepts
 *     no-stderr     with stderr closed
 *   storm app FILE [WORD]...                handles each signal and counts it; exits on TERM with 42
 *     ignore-term   does not exit on TERM
 *     slow=MS       exits MS after TERM
 *     orphans=N     makes N orphans that wait on signal 50; kills all on 51, a tenth of them one by one on 53
 *     churn=N       makes N orphans that exit immediately on signal 50,
 *     batch=N         N at a time (default: 20),
 *     pace=MS         with a pause after each: the kernel frees memory somewhat later
 *     bomb          starts children on signal 50 until the kernel rejects it; kills them on 51, and when it exits
 *     eat           allocates memory without limit on signal 50
 *     left=MS       starts an orphan that ignores signals and exits MS after the app
 *     deep          starts an orphan that waits for a child; both ignore signals
 *     brief         exits as soon as it is ready; signal 52 makes any app exit
 *   storm send FILE PID COUNT QUEUED        sends PID COUNT signals, QUEUED of them signal 40 with a value
 *   storm flood PID                         sends PID signals until it has exited
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "storm.h"

enum { USER = 64999 };

static uint64_t *shared;
static uint64_t all_signals = ~UINT64_C(0);

static uint64_t now_ns(void)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static uint64_t add(int slot, uint64_t value)
{
	return __atomic_add_fetch(&shared[slot], value, __ATOMIC_SEQ_CST);
}

static void die(const char *what)
{
	perror(what);
	_exit(99);
}

static void open_shared(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	shared = fd < 0 ? MAP_FAILED : mmap(NULL, SHARED_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (shared == MAP_FAILED)
		die(path);
	(void)close(fd);
}

/* --- The stage -------------------------------------------------------------------------------------------------- */

static void raise_limit(int what, rlim_t least)
{
	struct rlimit limit;
	(void)getrlimit(what, &limit);
	if (limit.rlim_max < least)
		limit.rlim_max = least;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(what, &limit);
}

static void open_many(int count)
{
	raise_limit(RLIMIT_NOFILE, (rlim_t)count + 100);
	int null = open("/dev/null", O_RDONLY);
	for (int i = 1; i < count; i++)
		if (dup(null) < 0)
			die("dup");
}

static void limit(int what, rlim_t most)
{
	const struct rlimit limit = {.rlim_cur = most, .rlim_max = most};
	if (setrlimit(what, &limit) < 0)
		die("setrlimit");
}

static void enter_cgroup(const char *path)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, "0", 1) != 1)
		die(path);
	(void)close(fd);
}

/* Variables of 100 kB, in sum above the limit of execve(2), a quarter of the stack; fewer until it succeeds. */
static void exec_full(char **command)
{
	enum { WORD = 100000, WORDS = 64 };
	static char words[WORDS][WORD + 1];
	static char *environment[WORDS + 2] = {"PATH=/usr/bin:/bin"};
	struct rlimit stack;
	(void)getrlimit(RLIMIT_STACK, &stack);
	rlim_t most = stack.rlim_cur / 4 < 6 << 20 ? stack.rlim_cur / 4 : 6 << 20;
	int count = (int)(most / WORD) + 1;
	for (int i = 0; i < count; i++) {
		memset(words[i], 'x', WORD);
		words[i][3] = '=';
		environment[i + 1] = words[i];
	}
	errno = E2BIG;
	for (size_t length = WORD; errno == E2BIG && count > 0; length -= 256) {
		words[count - 1][length] = '\0';
		(void)execve(command[0], command, environment);
		if (length < 512) {
			environment[count--] = NULL;
			length = WORD + 256;
		}
	}
	die("exec");
}

static void become_init(char **words)
{
	int full = 0;
	int user = 0;
	int number;
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("proc", "/proc", "proc", 0, NULL) < 0)
		die("stage");
	raise_limit(RLIMIT_NPROC, 100000);
	for (; strcmp(*words, "--") != 0; words++) {
		if (strncmp(*words, "cgroup=", 7) == 0)
			enter_cgroup(*words + 7);
		else if (sscanf(*words, "fds=%d", &number) == 1)
			open_many(number);
		else if (sscanf(*words, "nproc=%d", &number) == 1)
			limit(RLIMIT_NPROC, (rlim_t)number);
		else if (sscanf(*words, "as=%d", &number) == 1)
			limit(RLIMIT_AS, (rlim_t)number);
		else if (strcmp(*words, "full") == 0)
			full = 1;
		else if (strcmp(*words, "user") == 0)
			user = 1;
		else if (strcmp(*words, "no-stderr") == 0)
			(void)close(STDERR_FILENO);
	}
	words++;
	if (user && (setgroups(0, NULL) < 0 || setgid(USER) < 0 || setuid(USER) < 0))
		die("setuid");
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (full)
		exec_full(words);
	(void)execv(words[0], words);
	die(words[0]);
}

static int stage(char **words)
{
	int status = 0;
	pid_t pid = (pid_t)syscall(SYS_clone, CLONE_NEWPID | CLONE_NEWNS | SIGCHLD, 0L, 0L, 0L, 0L);
	if (pid < 0)
		die("clone");
	if (pid == 0)
		become_init(words);
	shared[INIT_PID] = (uint64_t)pid;
	while (waitpid(pid, &status, 0) < 0)
		continue;
	shared[LEFT_NS] = now_ns();
	shared[LEFT_STATUS] = (uint64_t)status;
	__atomic_store_n(&shared[LEFT], 1, __ATOMIC_SEQ_CST);
	return 0;
}

/* --- The app ---------------------------------------------------------------------------------------------------- */

static int ignore_term;
static int slow_ms;
static int orphans;
static int churn;
static int batch = 20;
static int pace_ms;
static int bombs;
static int eats;
static int left_ms = -1;
static int deep;
static int brief;
static pid_t crowd; /* process group of the child processes */

static void wait_forever(void)
{
	for (;;)
		(void)syscall(SYS_rt_sigtimedwait, &all_signals, NULL, NULL, 8L);
}

/* Retries until the limit of processes permits it. */
static pid_t fork_until_done(void)
{
	pid_t pid;
	while ((pid = fork()) < 0)
		usleep(1000);
	return pid;
}

/* All become orphans at the same time, when their parent exits. */
static void make_orphans(void)
{
	crowd = fork_until_done();
	if (crowd == 0) {
		(void)setpgid(0, 0);
		for (int i = 0; i < orphans; i++) {
			pid_t pid = fork_until_done();
			if (pid == 0)
				wait_forever();
			shared[PIDS + i] = (uint64_t)pid;
			add(ORPHANS, 1);
		}
		_exit(0);
	}
	(void)waitpid(crowd, NULL, 0);
	shared[CROWD] = 1;
}

static void churn_orphans(void)
{
	if (fork_until_done() != 0)
		return;
	for (int made = 0; made < churn; made += batch) {
		pid_t parent = fork_until_done();
		for (int i = 0; parent == 0 && i < batch; i++)
			if (fork_until_done() == 0)
				_exit(0);
		if (parent == 0)
			_exit(0);
		(void)waitpid(parent, NULL, 0);
		add(ORPHANS, (uint64_t)batch);
		usleep((useconds_t)pace_ms * 1000);
	}
	shared[CROWD] = 1;
	_exit(0);
}

static void start_bombs(void)
{
	pid_t pid;
	while ((pid = fork()) >= 0) {
		if (pid == 0)
			wait_forever();
		(void)setpgid(pid, crowd);
		crowd = crowd != 0 ? crowd : pid;
		add(ORPHANS, 1);
	}
	shared[CROWD] = 1;
}

/* Allocates memory without limit, so that the OOM killer selects the app. */
static void eat(void)
{
	for (;;) {
		char *block = malloc(1 << 20);
		if (block != NULL)
			memset(block, 1, 1 << 20);
	}
}

static void start_remaining(void)
{
	pid_t parent = left_ms >= 0 || deep ? fork_until_done() : -1;
	if (parent == 0) {
		pid_t middle = fork_until_done();
		if (middle != 0)
			_exit(0);
		(void)setpgid(0, 0);
		pid_t bottom = deep ? fork_until_done() : -1;
		shared[LEFT_PID] = (uint64_t)(bottom > 0 ? bottom : getpid());
		if (bottom == 0)
			wait_forever();
		if (bottom > 0)
			(void)waitpid(bottom, NULL, 0);
		while (left_ms >= 0 && shared[APP_ENDED_NS] == 0)
			usleep(1000);
		usleep((useconds_t)(left_ms > 0 ? left_ms : 0) * 1000);
		_exit(0);
	}
	if (parent > 0)
		(void)waitpid(parent, NULL, 0);
	while (parent > 0 && shared[LEFT_PID] == 0)
		usleep(100);
}

static void end(int status)
{
	if (bombs && crowd != 0)
		(void)kill(-crowd, SIGKILL);
	shared[APP_ENDED_NS] = now_ns();
	_exit(status);
}

static void count_inherited(void)
{
	DIR *fds = opendir("/proc/self/fd");
	while (fds != NULL && readdir(fds) != NULL)
		shared[APP_FDS]++;
	if (fds != NULL)
		(void)closedir(fds);
	for (char **entry = environ; *entry != NULL; entry++)
		shared[APP_ENV] += strlen(*entry) + 1;
}

static void obey(int signo)
{
	if (signo == 50 && orphans > 0)
		make_orphans();
	if (signo == 50 && churn > 0)
		churn_orphans();
	if (signo == 50 && bombs)
		start_bombs();
	if (signo == 50 && eats)
		eat();
	if (signo == 51 && crowd > 1)
		(void)kill(-crowd, SIGKILL);
	if (signo == 52)
		end(42);
	for (int i = 0; signo == 53 && i < orphans / 10; i++) {
		(void)kill((pid_t)shared[PIDS + i], SIGKILL);
		usleep(200);
	}
}

static void count_signal(const siginfo_t *info, int signo)
{
	if (info->si_code == SI_QUEUE)
		shared[VALUES] += (uint64_t)info->si_value.sival_int;
	add(COUNTS + signo, 1);
}

static void parse(char **words)
{
	for (; *words != NULL; words++) {
		ignore_term |= strcmp(*words, "ignore-term") == 0;
		bombs |= strcmp(*words, "bomb") == 0;
		eats |= strcmp(*words, "eat") == 0;
		deep |= strcmp(*words, "deep") == 0;
		brief |= strcmp(*words, "brief") == 0;
		(void)sscanf(*words, "slow=%d", &slow_ms);
		(void)sscanf(*words, "orphans=%d", &orphans);
		(void)sscanf(*words, "churn=%d", &churn);
		(void)sscanf(*words, "batch=%d", &batch);
		(void)sscanf(*words, "pace=%d", &pace_ms);
		(void)sscanf(*words, "left=%d", &left_ms);
	}
}

static void app(char **words)
{
	uint64_t end_ns = 0;
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all_signals, NULL, 8L);
	parse(words);
	count_inherited();
	start_remaining();
	shared[APP_PID] = (uint64_t)getpid();
	__atomic_store_n(&shared[READY], 1, __ATOMIC_SEQ_CST);
	if (brief)
		end(42);
	for (;;) {
		siginfo_t info;
		struct timespec limit = {.tv_nsec = 1000000};
		long signo = syscall(SYS_rt_sigtimedwait, &all_signals, &info, end_ns != 0 ? &limit : NULL, 8L);
		if (signo > 0)
			count_signal(&info, (int)signo);
		if (signo > 0 && signo >= 50 && signo <= 53)
			obey((int)signo);
		if (signo == SIGTERM && !ignore_term && end_ns == 0)
			end_ns = now_ns() + (uint64_t)slow_ms * 1000000;
		if (end_ns != 0 && now_ns() >= end_ns)
			end(42);
	}
}

/* --- The senders ------------------------------------------------------------------------------------------------ */

static const int SORTS[] = {SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2, SIGALRM, SIGWINCH, SIGCONT, SIGURG};

/* A PID may have been reused; a pidfd is safe. */
static int hold(pid_t pid)
{
	return (int)syscall(SYS_pidfd_open, pid, 0L);
}

static long send_to(int held, int signo, siginfo_t *info)
{
	return syscall(SYS_pidfd_send_signal, held, signo, info, 0L);
}

static int queue_value(int held, int value)
{
	siginfo_t info = {.si_signo = 40, .si_code = SI_QUEUE};
	info.si_pid = getpid();
	info.si_uid = getuid();
	info.si_value.sival_int = value;
	while (send_to(held, 40, &info) < 0) {
		if (errno != EAGAIN)
			return -1;
		usleep(100);
	}
	return 0;
}

static int send_storm(int held, int count, int queued)
{
	int done = 0;
	for (int i = 0; i < count; i++) {
		int with_value = (int64_t)(i + 1) * queued / count > done;
		int sort = SORTS[(size_t)i % (sizeof SORTS / sizeof SORTS[0])];
		if (with_value ? queue_value(held, ++done) < 0 : send_to(held, sort, NULL) < 0)
			return 1;
		add(with_value ? SENT_QUEUED : SENT, 1);
		add(SENT_VALUES, with_value ? (uint64_t)done : 0);
	}
	return 0;
}

/*
 * Signals with numbers below SIGCHLD, which the kernel delivers before it. With a nice value, so that the init is not
 * delayed: the test measures the time that the init needs.
 */
static int flood(int held)
{
	(void)nice(19);
	for (size_t i = 0; send_to(held, SORTS[i % 4], NULL) == 0; i++)
		continue;
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "flood") == 0)
		return flood(hold(atoi(argv[2])));
	if (argc < 3)
		return 2;
	open_shared(argv[2]);
	if (strcmp(argv[1], "stage") == 0)
		return stage(argv + 3);
	if (strcmp(argv[1], "app") == 0)
		app(argv + 3);
	if (strcmp(argv[1], "send") == 0 && argc == 6)
		return send_storm(hold(atoi(argv[3])), atoi(argv[4]), atoi(argv[5]));
	return 2;
}
