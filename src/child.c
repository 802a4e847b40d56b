/*
 * Owns fork, process group, terminal, exec, kill, reap and status. Never knows of delays, plans or phases.
 */
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "exec.h"
#include "text.h"

enum { CALL_CLOSE_RANGE = 436 }; /* on all but alpha and mips; musl and older headers have no name for it */

static const char LISTEN_PID[] = "LISTEN_PID=";
static const char LISTEN_PIDFDID[] = "LISTEN_PIDFDID=";

/* --- Before ----------------------------------------------------------------------------------------------------- */

/*
 * The signal that lull asks the kernel for. The C libraries use it inside a process, so no other program sends it. With
 * the one from --parent-death itself, a signal that the living parent sends could not be told from a thread that ended.
 */
enum { PARENT_DEATH = 32 };

/* A parent that dies before prctl(2) takes effect sends nothing. */
static int set_parent_death(struct child *child, int parent_death)
{
	bool direct = parent_death == SIGKILL || parent_death == SIGSTOP;
	int signo = direct ? parent_death : PARENT_DEATH;
	child->parent = getppid();
	if (prctl(PR_SET_PDEATHSIG, (long)signo) < 0)
		return -1;
	pid_t parent = getppid();
	bool is_known = child->parent >= 0 && parent >= 0; /* the call is not denied */
	return !is_known || parent == child->parent ? 0 : kill(child->self, signo);
}

int child_prepare(struct child *child, bool subreaper, int parent_death)
{
	pid_t self = gettid(); /* the process' number is its first thread's, which musl has asked for at its start... */
	if (self <= 0)
		self = getpid(); /* ...where that was not denied */
	*child = (struct child){.self = self, .init = self == 1};
	child->job = child->init ? JOB_INIT : JOB_NONE;
	if (!child->init && subreaper)
		(void)prctl(PR_SET_CHILD_SUBREAPER, 1L);
	return parent_death != 0 ? set_parent_death(child, parent_death) : 0;
}

bool child_is_subreaper(void)
{
	int is_subreaper = 0;
	return prctl(PR_GET_CHILD_SUBREAPER, &is_subreaper) == 0 && is_subreaper != 0;
}

bool child_parent_death(const struct child *child, int parent_death, siginfo_t *info)
{
	bool is_ours = info->si_pid == child->parent || info->si_pid == child->self;
	if (parent_death == 0 || info->si_signo != PARENT_DEATH || info->si_code != SI_USER || !is_ours)
		return true;
	if (child->parent != 0 && getppid() == child->parent)
		return false;
	info->si_signo = parent_death;
	info->si_pid = child->parent;
	return true;
}

/* --- The terminal ------------------------------------------------------------------------------------------------ */

/* The controlling terminal, wherever the standard descriptors lead; -1: none. */
static int open_terminal(void)
{
	int terminal = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (terminal >= 0 || errno == ENXIO)
		return terminal;
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (tcgetpgrp(fd) >= 0)
			return fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	return -1;
}

/* A group from outside the PID namespace (unshare, bwrap, nsenter) has no number here: both calls say 0 of any such. */
static bool has_foreign_group(void)
{
	return getpgrp() == 0;
}

static bool is_foreground(int terminal)
{
	return !has_foreign_group() && tcgetpgrp(terminal) == getpgrp();
}

/*
 * Only what the app has is taken from it, or what nobody has any more, as a job of a shell that was killed with it:
 * whoever else is in the foreground meanwhile shall stay there.
 */
static void take_back(const struct child *child, int terminal)
{
	pid_t group = tcgetpgrp(terminal);
	bool deserted = group > 1 && kill(-group, 0) < 0 && errno == ESRCH;
	if (child->foreground && (group == child->group || deserted))
		(void)tcsetpgrp(terminal, getpgrp());
}

void child_hand_back(const struct child *child)
{
	int terminal = child->foreground ? open_terminal() : -1;
	if (terminal < 0)
		return;
	take_back(child, terminal);
	(void)close(terminal);
}

/* --- Start ------------------------------------------------------------------------------------------------------- */

/* How the child becomes the app. It may share lull's memory until exec. */
struct attempt {
	const struct start *start;
	int terminal;      /* to give to the app, or -1 */
	bool has_terminal; /* lull has a terminal, given to the app or not */
	bool own_group;    /* the app leads a process group */
	bool ignore_sigchld;
	char **listen_pid; /* the entry of the environment that has lull's PID, or NULL */
	char listen_pid_entry[sizeof LISTEN_PID + 12];
};

void child_become(const struct start *start)
{
	signal_mask before;
	if (signals_restore(start->mask) < 0)
		return;
	errno = exec_command(start->command, start->envp, start->shell);
	(void)signals_block(&before);
}

/*
 * Runs in the child. `report` is the end of a pipe that gets why exec failed, or -1. It is one of 0 to 2 where those
 * are closed, and prepare() may replace them.
 */
_Noreturn static void become_program(const struct start *start, void (*prepare)(void *context), void *context,
                                     int report)
{
	if (report >= 0 && report <= STDERR_FILENO)
		report = fcntl(report, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	prepare(context);
	int error = signals_restore(start->mask) == 0 ? exec_command(start->command, start->envp, start->shell) : errno;
	(void)write(report, &error, sizeof error);
	_exit(error == ENOENT ? 127 : 126);
}

pid_t child_fork(int exit_signal)
{
	long flags = exit_signal;
#ifdef __s390__ /* clone(2), "C library/kernel differences" */
	return (pid_t)syscall(SYS_clone, 0L, flags, 0L, 0L, 0L);
#else
	return (pid_t)syscall(SYS_clone, flags, 0L, 0L, 0L, 0L);
#endif
}

/*
 * vfork(2) may be fork(2), under an emulator and in older versions of musl: nothing is read from shared memory. Where
 * pipe2(2) is missing, musl's has an end that the program may inherit, and lull would wait for its exit.
 */
pid_t child_spawn(const struct start *start, enum spawn_wait wait, void (*prepare)(void *context), void *context,
                  int *failure)
{
	int ends[2] = {-1, -1};
	(void)syscall(SYS_pipe2, ends, O_CLOEXEC);
	pid_t pid = wait == SPAWN_WAIT ? vfork() : child_fork(SIGCHLD);
	if (pid == 0)
		become_program(start, prepare, context, ends[1]);
	int error = errno;
	*failure = ends[0];
	/* As long as this end is open, a read would wait for ever. */
	bool is_lost = ends[1] >= 0 && close(ends[1]) < 0;
	if (pid < 0 || is_lost) {
		(void)close(ends[0]);
		*failure = -1;
	}
	errno = error;
	return pid;
}

int child_read_failure(int *failure)
{
	int error = 0;
	if (*failure < 0)
		return 0;
	if (read(*failure, &error, sizeof error) != (ssize_t)sizeof error)
		error = 0;
	(void)close(*failure);
	*failure = -1;
	return error;
}

static void ignore_until_exec(int signo)
{
	(void)signo;
}

/*
 * Stopped before exec, the child would keep lull waiting in clone(2), deaf. exec(2) makes the default of a handler
 * again.
 */
static void outlast_stops(void)
{
	static const int STOPS[] = {SIGTSTP, SIGTTIN, SIGTTOU};
	for (size_t i = 0; i < sizeof STOPS / sizeof STOPS[0]; i++) {
		struct sigaction inherited = {0};
		const struct sigaction pass = {.sa_handler = ignore_until_exec};
		if (sigaction(STOPS[i], NULL, &inherited) == 0 && inherited.sa_handler == SIG_DFL)
			(void)sigaction(STOPS[i], &pass, NULL);
	}
}

/* Runs in the child. All signals are blocked, so taking the terminal does not stop it. */
static void prepare_app(void *context)
{
	struct attempt *attempt = context;
	if (attempt->start->session && setsid() >= 0)
		(void)ioctl(STDIN_FILENO, TIOCSCTTY, 0L);
	else if (attempt->own_group)
		(void)setpgid(0, 0);
	if (attempt->terminal >= 0)
		(void)tcsetpgrp(attempt->terminal, getpid());
	if (attempt->ignore_sigchld)
		(void)signal(SIGCHLD, SIG_IGN);
	if (attempt->listen_pid != NULL) {
		struct text entry = TEXT_IN(attempt->listen_pid_entry);
		text_add(&entry, "%s%d", LISTEN_PID, (int)getpid());
		*attempt->listen_pid = attempt->listen_pid_entry;
	}
	if (attempt->has_terminal)
		outlast_stops();
}

/* Sockets that systemd passed to lull are the app's: sd_listen_fds(3). Finds the entry, and drops its companion. */
static char **find_listen_pid(char **envp)
{
	char self[16];
	struct text pid = TEXT_IN(self);
	char **found = NULL;
	for (char **entry = envp; *entry != NULL; entry++) {
		if (strncmp(*entry, LISTEN_PID, sizeof LISTEN_PID - 1) != 0)
			continue;
		if (pid.length == 0)
			text_add(&pid, "%d", (int)getpid());
		if (strcmp(*entry + sizeof LISTEN_PID - 1, self) == 0)
			found = entry;
	}
	if (found == NULL)
		return NULL;
	char **kept = envp;
	for (char **entry = envp; *entry != NULL; entry++) {
		if (strncmp(*entry, LISTEN_PIDFDID, sizeof LISTEN_PIDFDID - 1) == 0)
			continue;
		if (entry == found)
			found = kept;
		*kept++ = *entry;
	}
	*kept = NULL;
	return found;
}

/*
 * Decides who has the terminal and which group the app is in. Returns the terminal to give away, or -1: what could not
 * be given back to a foreign group is not taken from it, and the shell above that group manages it.
 */
static int share_terminal(struct child *child, struct attempt *attempt, int terminal)
{
	if (terminal < 0)
		return -1;
	if (!child->init)
		child->job = JOB_PROMPT;
	else if (has_foreign_group())
		child->job = JOB_NONE;
	attempt->own_group = child->job == JOB_INIT || attempt->start->group;
	child->foreground = attempt->own_group && is_foreground(terminal);
	return child->foreground ? terminal : -1;
}

/* An inherited SIG_IGN would have the kernel throw the app's status away. Returns whether there was one. */
static bool default_sigchld(void)
{
	struct sigaction before = {0};
	const struct sigaction plain = {.sa_handler = SIG_DFL};
	return sigaction(SIGCHLD, &plain, &before) == 0 && before.sa_handler == SIG_IGN;
}

int child_start(struct child *child, const struct start *start)
{
	struct attempt attempt;
	attempt.start = start;
	attempt.own_group = true;
	attempt.listen_pid = find_listen_pid(start->envp);
	char *listen_pid_before = attempt.listen_pid != NULL ? *attempt.listen_pid : NULL;
	attempt.ignore_sigchld = default_sigchld();
	/* A leader that gives it up sends itself SIGHUP and SIGCONT: what comes from lull itself is not passed on. */
	if (start->session)
		(void)ioctl(STDIN_FILENO, TIOCNOTTY);
	int terminal = start->session ? -1 : open_terminal();
	attempt.has_terminal = terminal >= 0;
	attempt.terminal = share_terminal(child, &attempt, terminal);
	int failure;
	pid_t pid = child_spawn(start, SPAWN_WAIT, prepare_app, &attempt, &failure);
	int fork_error = errno;
	int error = child_read_failure(&failure);
	if (attempt.listen_pid != NULL)
		*attempt.listen_pid = listen_pid_before;
	if (terminal >= 0)
		(void)close(terminal);
	if (pid < 0) {
		errno = fork_error;
		return START_FORK;
	}
	pid_t group = getpgid(pid);
	child->group = attempt.own_group && (group == pid || group < 0) ? pid : 0; /* setpgid(2) may be denied */
	if (error != 0) {
		(void)waitpid(pid, NULL, 0);
		child_hand_back(child);
		errno = error;
		return START_EXEC;
	}
	child->pid = pid;
	child->last_word = start->last_word;
	return 0;
}

/* --- After ------------------------------------------------------------------------------------------------------ */

/* getdents64(2) */
struct descriptor_entry {
	uint64_t inode;
	int64_t offset;
	unsigned short length;
	unsigned char type;
	char name[];
};

static void close_entries(const char *entries, long filled, int directory, int first, unsigned last)
{
	for (long at = 0; at < filled;) {
		const struct descriptor_entry *entry = (const void *)(entries + at);
		int fd = (int)text_number(entry->name, strlen(entry->name), INT_MAX);
		at += entry->length;
		if (fd >= first && (unsigned)fd <= last && fd != directory)
			(void)close(fd);
	}
}

/* Closing while reading skips none: the position in the directory is a descriptor's number. */
static bool close_listed(int first, unsigned last)
{
	char entries[1024] __attribute__((aligned(8)));
	long filled;
	int directory = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (directory < 0)
		return false;
	while ((filled = syscall(SYS_getdents64, directory, entries, sizeof entries)) > 0)
		close_entries(entries, filled, directory, first, last);
	(void)close(directory);
	return filled == 0;
}

/* Descriptors may be above the limit, which may have been lowered after they were opened. Without /proc they stay. */
static void close_between(int first, unsigned last)
{
	if (syscall(CALL_CLOSE_RANGE, (unsigned)first, last, 0) == 0 || close_listed(first, last))
		return;
	struct rlimit limit = {.rlim_cur = 1024};
	(void)getrlimit(RLIMIT_NOFILE, &limit);
	const rlim_t most = 1 << 20;
	const rlim_t end = limit.rlim_cur < most ? limit.rlim_cur : most;
	for (int fd = first; (rlim_t)fd < end && (unsigned)fd <= last; fd++)
		(void)close(fd);
}

void child_close_from(int first)
{
	close_between(first, ~0U);
}

/* What is kept comes in ascending order, as it was opened. One that can not be moved stays where it is. */
void child_release_inherited(int keep[2])
{
	int first = STDERR_FILENO + 1;
	for (int fd = STDIN_FILENO; fd <= STDOUT_FILENO; fd++) {
		int moved = keep[fd] >= 0 ? dup3(keep[fd], fd, O_CLOEXEC) : -1;
		if (moved < 0)
			(void)close(fd);
		if (moved < 0 && keep[fd] >= first) {
			close_between(first, (unsigned)keep[fd] - 1);
			first = keep[fd] + 1;
		} else {
			keep[fd] = moved;
		}
	}
	child_close_from(first);
	(void)chdir("/");
}

int child_signal(const struct child *child, int signo, bool group)
{
	if (child->pid == 0) {
		errno = ESRCH;
		return -1;
	}
	bool to_group = group && child->group != 0;
	int sent = kill(to_group ? -child->group : child->pid, signo);
	if (sent < 0 && to_group && errno == ESRCH)
		sent = kill(child->pid, signo); /* it has left that group */
	return sent;
}

int child_queue(const struct child *child, const siginfo_t *info)
{
	if (child->pid != 0 && syscall(SYS_rt_sigqueueinfo, child->pid, info->si_signo, info) == 0)
		return 0;
	return child_signal(child, info->si_signo, false);
}

void child_continue(const struct child *child)
{
	(void)child_signal(child, SIGCONT, true);
}

/*
 * With every signal blocked only SIGSTOP stops; the others are let through for a moment, also one that lull was started
 * with ignored. SIGTSTP stands for SIGSTOP, which would stop us for ever where no shell is above: the kernel drops
 * SIGTSTP there (an orphaned process group).
 */
static void stop_self(const struct child *child, int signo)
{
	bool whole_job = child->group != 0 && signo != SIGSTOP;
	int own = signo == SIGSTOP ? SIGTSTP : signo;
	(void)signal(own, SIG_DFL);
	(void)kill(whole_job ? 0 : child->self, own);
	(void)signals_restore(~SIGNAL_BIT(own));
	(void)signals_restore(~(signal_mask)0);
}

/* Nothing has come of the stop meanwhile: stopping now would leave the app running under a lull that is stopped. */
static bool is_still_stopped(const struct child *child)
{
	siginfo_t state = {0};
	int asked = waitid(P_PID, (id_t)child->pid, &state, WCONTINUED | WEXITED | WNOHANG | WNOWAIT);
	return asked < 0 || state.si_pid == 0;
}

/*
 * An app that shares lull's group was stopped with it, and is continued with it. One in a group of its own (--group)
 * gives the terminal back first and gets it again when lull is brought to the foreground; when it stopped only because
 * lull has the terminal already, it gets that at once. What the terminal stops is the whole job: lull's group, with the
 * script or the pipeline that it is part of. After SIGSTOP it is continued by the shell's SIGCONT alone, passed on.
 */
void child_suspend(struct child *child, int signo)
{
	if (!is_still_stopped(child))
		return;
	int terminal = child->group != 0 ? open_terminal() : -1;
	bool wants_terminal = signo == SIGTTIN || signo == SIGTTOU;
	if (terminal < 0 || !wants_terminal || !is_foreground(terminal)) {
		if (terminal >= 0)
			take_back(child, terminal);
		stop_self(child, signo);
	}
	if (terminal < 0)
		return;
	bool given = is_foreground(terminal) && tcsetpgrp(terminal, child->group) == 0;
	child->foreground = child->foreground || given;
	(void)close(terminal);
	if (signo != SIGSTOP && (given || !wants_terminal))
		child_continue(child);
}

static bool stops_job(int signo)
{
	return signo == SIGSTOP || signo == SIGTSTP || signo == SIGTTIN || signo == SIGTTOU;
}

/*
 * A child that called ptrace(PTRACE_TRACEME) stops at each signal until lull, its tracer, continues it. Lets it run
 * untraced, with its signal. After exec(2) that is a SIGTRAP from itself, which is for the tracer. Returns whether it
 * was traced.
 */
static bool detach_traced(pid_t pid, int signo)
{
	siginfo_t info = {0};
	if (signo == SIGTRAP && ptrace(PTRACE_GETSIGINFO, pid, NULL, &info) == 0 && info.si_code == SI_USER &&
	    info.si_pid == pid)
		signo = 0;
	return syscall(SYS_ptrace, (long)PTRACE_DETACH, (long)pid, 0L, (long)signo) == 0;
}

static struct reaped describe(const struct child *child, pid_t pid, int status)
{
	struct reaped reaped = {.kind = REAPED_OTHER, .pid = pid};
	bool app = pid == child->pid;
	if (WIFEXITED(status) || WIFSIGNALED(status)) {
		reaped.kind = app ? REAPED_APP : REAPED_ORPHAN;
		reaped.by_signal = WIFSIGNALED(status);
		reaped.status = reaped.by_signal ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	} else if (WIFCONTINUED(status)) {
		reaped.kind = app ? REAPED_APP_CONTINUED : REAPED_OTHER;
	} else if (!detach_traced(pid, WSTOPSIG(status)) && app && stops_job(WSTOPSIG(status))) {
		reaped.kind = REAPED_APP_STOPPED;
		reaped.stop_signal = WSTOPSIG(status);
	}
	return reaped;
}

/*
 * Until the app is reaped nobody else can have its number, which is its group's too: that is when the group gets the
 * last word. Returns whom to wait for, as waitpid(2) has it, or 0: nobody has anything to say.
 */
static pid_t say_last_word(struct child *child, pid_t pid)
{
	siginfo_t next = {0};
	if (child->last_word == 0 || waitid(pid == CHILD_ANY ? P_ALL : P_PID, (id_t)pid, &next,
	                                    WEXITED | WSTOPPED | WCONTINUED | WNOHANG | WNOWAIT) < 0)
		return pid;
	bool ended = next.si_code == CLD_EXITED || next.si_code == CLD_KILLED || next.si_code == CLD_DUMPED;
	if (next.si_pid == child->pid && ended) {
		(void)kill(-child->group, child->last_word);
		child->last_word = 0;
	}
	return next.si_pid;
}

struct reaped child_reap(struct child *child, pid_t pid)
{
	int status = 0;
	pid_t next = say_last_word(child, pid);
	pid_t found = next != 0 ? waitpid(next, &status, WNOHANG | WUNTRACED | WCONTINUED) : 0;
	if (found == 0 || (found < 0 && errno == ECHILD && pid != CHILD_ANY))
		return (struct reaped){.kind = REAPED_NOTHING};
	if (found < 0)
		return (struct reaped){.kind = errno == ECHILD ? REAPED_NONE_LEFT : REAPED_FAILED};
	struct reaped reaped = describe(child, found, status);
	if (reaped.kind == REAPED_APP)
		child->pid = 0;
	return reaped;
}

bool child_reap_goes_on(const struct reaped *last)
{
	return last->kind != REAPED_NOTHING && last->kind != REAPED_NONE_LEFT && last->kind != REAPED_FAILED;
}
