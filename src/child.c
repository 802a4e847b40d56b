/*
 * Owns the app's process, in the order of its life: prepare, start, signal, suspend, reap, restore the terminal. Also
 * starts the pre-stop program. Never knows delays or phases.
 */
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
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

/* --- Prepare ---------------------------------------------------------------------------------------------------- */

/*
 * The signal that lull requests from the kernel for --parent-death. C libraries keep this number for themselves
 * (signal(7)), so no other program sends it. With the signal of --parent-death itself, lull could not distinguish a
 * signal from the living parent from the exit of one of the parent's threads.
 */
enum { PARENT_DEATH = 32 };

/* If the parent exits before prctl(2) takes effect, the kernel sends nothing. */
static int request_parent_death_signal(struct child *child, int parent_death)
{
	bool is_uncatchable = parent_death == SIGKILL || parent_death == SIGSTOP;
	int signo = is_uncatchable ? parent_death : PARENT_DEATH;
	child->parent = getppid();
	if (prctl(PR_SET_PDEATHSIG, (long)signo) < 0)
		return -1;
	pid_t parent = getppid();
	bool is_known = child->parent >= 0 && parent >= 0; /* getppid(2) is not denied by seccomp(2) */
	return !is_known || parent == child->parent ? 0 : kill(child->self, signo);
}

/*
 * gettid(2) and getpid(2) are the same in the first thread. musl has the result of gettid(2) from its own start, so it
 * takes no system call: getpid(2) would be a twelfth before the app runs.
 */
int child_prepare(struct child *child, bool subreaper, int parent_death)
{
	pid_t self = gettid();
	if (self <= 0) /* musl's call at its start was denied by seccomp(2) */
		self = getpid();
	*child = (struct child){.self = self, .init = self == 1, .job = self == 1 ? JOB_INIT : JOB_NONE};
	if (!child->init && subreaper)
		(void)prctl(PR_SET_CHILD_SUBREAPER, 1L);
	return parent_death != 0 ? request_parent_death_signal(child, parent_death) : 0;
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

/* --- The terminal ----------------------------------------------------------------------------------------------- */

/* Returns a descriptor of lull's controlling terminal, or -1 if it has none. */
static int open_controlling_terminal(void)
{
	int terminal = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (terminal >= 0 || errno == ENXIO)
		return terminal;
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (tcgetpgrp(fd) >= 0)
			return fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	return -1;
}

/* getpgrp(2) and tcgetpgrp(3) return 0 for a process group from outside the PID namespace (unshare, bwrap, nsenter). */
static bool has_foreign_group(void)
{
	return getpgrp() == 0;
}

static bool is_foreground(int terminal)
{
	return !has_foreign_group() && tcgetpgrp(terminal) == getpgrp();
}

/*
 * Makes lull's group the foreground group, if the app's group is that, or a group without processes. Another program
 * may have become the foreground job meanwhile, and stays it.
 */
static void become_foreground(const struct child *child, int terminal)
{
	pid_t group = tcgetpgrp(terminal);
	bool is_empty = group > 1 && kill(-group, 0) < 0 && errno == ESRCH;
	if (child->foreground && (group == child->group || is_empty))
		(void)tcsetpgrp(terminal, getpgrp());
}

/* --- Start ------------------------------------------------------------------------------------------------------ */

void child_become(const struct start *start)
{
	signal_mask before;
	if (signals_set_mask(start->mask) < 0)
		return;
	errno = exec_command(start->command, start->envp, start->shell);
	(void)signals_block(&before);
}

/*
 * Runs in the child. `report` is the end of a pipe for the errno of a failed exec, or -1. It may be one of 0 to 2,
 * which prepare() may replace.
 */
_Noreturn static void run_program(const struct start *start, void (*prepare)(void *context), void *context, int report)
{
	if (report >= 0 && report <= STDERR_FILENO)
		report = fcntl(report, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	prepare(context);
	int error =
		signals_set_mask(start->mask) == 0 ? exec_command(start->command, start->envp, start->shell) : errno;
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
 * The app is started by vfork(2), as fork(2) takes 46 us more (docs/development/decisions.md). It may be fork(2) all
 * the same, under qemu-user and in older versions of musl, so the errno of a failed exec comes through a pipe. To read
 * it from memory that vfork(2) shares would save 7 us.
 * pipe2(2) by syscall(2): where it is missing, musl uses pipe(2), and a child of the app could keep its end open for
 * ever.
 */
pid_t child_spawn(const struct start *start, enum spawn_wait wait, void (*prepare)(void *context), void *context,
                  int *failure)
{
	int ends[2] = {-1, -1};
	(void)syscall(SYS_pipe2, ends, O_CLOEXEC);
	pid_t pid = wait == SPAWN_WAIT ? vfork() : child_fork(SIGCHLD);
	if (pid == 0)
		run_program(start, prepare, context, ends[1]);
	int error = errno;
	bool is_open = ends[1] >= 0 && close(ends[1]) < 0; /* then read(2) would wait for ever */
	*failure = ends[0];
	if (pid < 0 || is_open) {
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

static const char LISTEN_PID[] = "LISTEN_PID=";

/* What the child does to become the app. It may share lull's memory until exec. */
struct launch {
	const struct start *start;
	int terminal;         /* lull's controlling terminal, or -1 */
	bool gives_terminal;  /* the app's group becomes the foreground group */
	bool leads_group;     /* the app leads a process group */
	bool ignores_sigchld; /* lull was started with SIGCHLD ignored */
	char **listen_pid;    /* the entry of the environment that has lull's PID, or NULL */
	char listen_pid_bytes[sizeof LISTEN_PID + 12];
};

static void do_nothing(int signo)
{
	(void)signo;
}

/*
 * If the terminal stopped the child before exec, lull would wait in vfork(2) and handle no signal. exec(2) resets a
 * handler to the default action.
 */
static void catch_terminal_stops(void)
{
	static const int STOPS[] = {SIGTSTP, SIGTTIN, SIGTTOU};
	for (size_t i = 0; i < sizeof STOPS / sizeof STOPS[0]; i++) {
		struct sigaction inherited = {0};
		const struct sigaction caught = {.sa_handler = do_nothing};
		if (sigaction(STOPS[i], NULL, &inherited) == 0 && inherited.sa_handler == SIG_DFL)
			(void)sigaction(STOPS[i], &caught, NULL);
	}
}

/* Runs in the child. All signals are blocked, so tcsetpgrp(3) from a background group does not stop it. */
static void prepare_app(void *context)
{
	struct launch *launch = context;
	if (launch->start->session && setsid() >= 0)
		(void)ioctl(STDIN_FILENO, TIOCSCTTY, 0L);
	else if (launch->leads_group)
		(void)setpgid(0, 0);
	if (launch->gives_terminal)
		(void)tcsetpgrp(launch->terminal, getpid());
	if (launch->ignores_sigchld)
		(void)signal(SIGCHLD, SIG_IGN);
	if (launch->listen_pid != NULL) {
		struct text entry = TEXT_IN(launch->listen_pid_bytes);
		text_add(&entry, "%s%d", LISTEN_PID, (int)getpid());
		*launch->listen_pid = launch->listen_pid_bytes;
	}
	if (launch->terminal >= 0)
		catch_terminal_stops();
}

static bool is_listen_pid(const char *entry, pid_t pid)
{
	const size_t length = sizeof LISTEN_PID - 1;
	return strncmp(entry, LISTEN_PID, length) == 0 &&
	       text_number(entry + length, strlen(entry + length), INT_MAX) == pid;
}

static char **find_listen_pid(char **envp, pid_t pid)
{
	while (*envp != NULL && !is_listen_pid(*envp, pid))
		envp++;
	return *envp != NULL ? envp : NULL;
}

/*
 * Decides which group the app is in, and whether that becomes the foreground group. If lull's own group is a foreign
 * one, the terminal stays with it: lull could not restore it.
 */
static void plan_job(struct child *child, struct launch *launch)
{
	if (launch->terminal < 0)
		return;
	if (!child->init)
		child->job = JOB_PROMPT;
	else if (has_foreign_group())
		child->job = JOB_NONE;
	launch->leads_group = child->job == JOB_INIT || launch->start->group;
	child->foreground = launch->leads_group && is_foreground(launch->terminal);
	launch->gives_terminal = child->foreground;
}

/* With an inherited SIG_IGN the kernel would discard the app's exit status. Returns whether SIGCHLD was ignored. */
static bool reset_sigchld(void)
{
	struct sigaction before = {0};
	const struct sigaction plain = {.sa_handler = SIG_DFL};
	return sigaction(SIGCHLD, &plain, &before) == 0 && before.sa_handler == SIG_IGN;
}

/*
 * A session leader that gives up its terminal sends SIGHUP and SIGCONT to itself; lull forwards no signal of its own.
 * LISTEN_PID is set by systemd for the process that it starts, sd_listen_fds(3): its sockets are for the app.
 * LISTEN_PIDFDID, the number of lull's pidfd, is not the app's.
 */
static void prepare_launch(struct child *child, const struct start *start, struct launch *launch)
{
	*launch = (struct launch){.start = start, .terminal = -1, .leads_group = true};
	launch->ignores_sigchld = reset_sigchld();
	launch->listen_pid = find_listen_pid(start->envp, child->self);
	if (launch->listen_pid != NULL) {
		exec_unset(start->envp, "LISTEN_PIDFDID=");
		launch->listen_pid = find_listen_pid(start->envp, child->self); /* the entries have moved */
	}
	if (start->session)
		(void)ioctl(STDIN_FILENO, TIOCNOTTY);
	else
		launch->terminal = open_controlling_terminal();
	plan_job(child, launch);
}

int child_start(struct child *child, const struct start *start)
{
	struct launch launch;
	prepare_launch(child, start, &launch);
	char *listen_pid_before = launch.listen_pid != NULL ? *launch.listen_pid : NULL;
	int failure;
	pid_t pid = child_spawn(start, SPAWN_WAIT, prepare_app, &launch, &failure);
	int fork_error = errno;
	int error = child_read_failure(&failure);
	if (launch.listen_pid != NULL)
		*launch.listen_pid = listen_pid_before; /* the child may have shared lull's memory */
	if (launch.terminal >= 0)
		(void)close(launch.terminal);
	if (pid < 0) {
		errno = fork_error;
		return START_FORK;
	}
	pid_t group = getpgid(pid);
	bool is_leader = group == pid || group < 0; /* setpgid(2) may be denied */
	child->group = launch.leads_group && is_leader ? pid : 0;
	if (error != 0) {
		(void)waitpid(pid, NULL, 0);
		child_restore_terminal(child);
		errno = error;
		return START_EXEC;
	}
	child->pid = pid;
	child->group_exit_signal = start->group_exit_signal;
	return 0;
}

/* --- Inherited descriptors -------------------------------------------------------------------------------------- */

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

/* The position in this directory is a descriptor's number, so closing meanwhile skips none. */
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

/*
 * close_range(2) needs Linux 5.9. The limit is the last resort: if it was lowered after descriptors above it were
 * opened, these stay open.
 */
void child_close_range(int first, unsigned last)
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

void child_release_inherited(int keep[2])
{
	int first = STDERR_FILENO + 1;
	child_close_range(STDIN_FILENO, STDOUT_FILENO);
	for (int fd = STDIN_FILENO; fd <= STDOUT_FILENO; fd++) {
		int moved = keep[fd] >= 0 ? dup3(keep[fd], fd, O_CLOEXEC) : -1;
		if (moved < 0 && keep[fd] >= first) {
			child_close_range(first, (unsigned)keep[fd] - 1);
			first = keep[fd] + 1;
		} else {
			keep[fd] = moved;
		}
	}
	child_close_range(first, ~0U);
	(void)chdir("/");
}

/* --- Signal ----------------------------------------------------------------------------------------------------- */

int child_signal(const struct child *child, int signo, bool group)
{
	if (child->pid == 0) {
		errno = ESRCH;
		return -1;
	}
	bool to_group = group && child->group != 0;
	int sent = kill(to_group ? -child->group : child->pid, signo);
	if (sent < 0 && to_group && errno == ESRCH)
		sent = kill(child->pid, signo); /* the app has left the group */
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

/* --- Suspend ---------------------------------------------------------------------------------------------------- */

/*
 * Unblocks the signal for the moment that it takes to stop, with the default action: lull may have been started with it
 * ignored. SIGTSTP is used in place of SIGSTOP, because the kernel discards it if no shell could continue lull (an
 * orphaned process group).
 */
static void stop_self(const struct child *child, int signo)
{
	bool whole_job = child->group != 0 && signo != SIGSTOP;
	int own = signo == SIGSTOP ? SIGTSTP : signo;
	(void)signal(own, SIG_DFL);
	(void)kill(whole_job ? 0 : child->self, own);
	(void)signals_set_mask(~SIGNAL_BIT(own));
	(void)signals_set_mask(~(signal_mask)0);
}

/* If the app was continued or has exited meanwhile, lull must not stop. */
static bool is_still_stopped(const struct child *child)
{
	siginfo_t state = {0};
	int result = waitid(P_PID, (id_t)child->pid, &state, WCONTINUED | WEXITED | WNOHANG | WNOWAIT);
	return result < 0 || state.si_pid == 0;
}

/*
 * An app in lull's group was stopped with it, and is continued with it. For an app in its own group (--group) lull
 * restores the terminal, stops, and gives the terminal to the app again when lull is in the foreground. If the app
 * stopped because it needs the terminal and lull is in the foreground, lull does not stop. What the terminal stops is
 * the whole job: lull's group, with the script or the pipeline that it is part of. An app that was stopped by SIGSTOP
 * is continued only by the shell's SIGCONT, which lull forwards.
 */
void child_suspend(struct child *child, int signo)
{
	if (!is_still_stopped(child))
		return;
	int terminal = child->group != 0 ? open_controlling_terminal() : -1;
	bool wants_terminal = signo == SIGTTIN || signo == SIGTTOU;
	if (terminal < 0 || !wants_terminal || !is_foreground(terminal)) {
		if (terminal >= 0)
			become_foreground(child, terminal);
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

/* --- Reap ------------------------------------------------------------------------------------------------------- */

static bool stops_job(int signo)
{
	return signo == SIGSTOP || signo == SIGTSTP || signo == SIGTTIN || signo == SIGTTOU;
}

/*
 * A child that called ptrace(PTRACE_TRACEME) stops at each signal until lull, its tracer, continues it. Detaches it,
 * with its signal; but the SIGTRAP after exec(2), which comes from the child itself, is for the tracer only. Returns
 * whether the child was traced.
 */
static bool detach_traced(pid_t pid, int signo)
{
	siginfo_t info = {0};
	if (signo == SIGTRAP && ptrace(PTRACE_GETSIGINFO, pid, NULL, &info) == 0 && info.si_code == SI_USER &&
	    info.si_pid == pid)
		signo = 0;
	return syscall(SYS_ptrace, (long)PTRACE_DETACH, (long)pid, 0L, (long)signo) == 0;
}

static struct reaped decode_status(const struct child *child, pid_t pid, int status)
{
	struct reaped reaped = {.kind = REAPED_OTHER, .pid = pid};
	bool is_app = pid == child->pid;
	if (WIFEXITED(status) || WIFSIGNALED(status)) {
		reaped.kind = is_app ? REAPED_APP : REAPED_ORPHAN;
		reaped.by_signal = WIFSIGNALED(status);
		reaped.status = reaped.by_signal ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	} else if (WIFCONTINUED(status)) {
		reaped.kind = is_app ? REAPED_APP_CONTINUED : REAPED_OTHER;
	} else if (!detach_traced(pid, WSTOPSIG(status)) && is_app && stops_job(WSTOPSIG(status))) {
		reaped.kind = REAPED_APP_STOPPED;
		reaped.stop_signal = WSTOPSIG(status);
	}
	return reaped;
}

/*
 * Sends group_exit_signal if the app has exited. As long as it is not reaped, no other group can have its PID. Returns
 * the PID for waitpid(2), or 0: no child has changed its state.
 */
static pid_t signal_group_at_exit(struct child *child, pid_t pid)
{
	siginfo_t next = {0};
	if (child->group_exit_signal == 0 || waitid(pid == CHILD_ANY ? P_ALL : P_PID, (id_t)pid, &next,
	                                            WEXITED | WSTOPPED | WCONTINUED | WNOHANG | WNOWAIT) < 0)
		return pid;
	bool ended = next.si_code == CLD_EXITED || next.si_code == CLD_KILLED || next.si_code == CLD_DUMPED;
	if (next.si_pid == child->pid && ended) {
		(void)kill(-child->group, child->group_exit_signal);
		child->group_exit_signal = 0;
	}
	return next.si_pid;
}

struct reaped child_reap(struct child *child, pid_t pid)
{
	int status = 0;
	pid_t next = signal_group_at_exit(child, pid);
	pid_t found = next != 0 ? waitpid(next, &status, WNOHANG | WUNTRACED | WCONTINUED) : 0;
	if (found == 0 || (found < 0 && errno == ECHILD && pid != CHILD_ANY))
		return (struct reaped){.kind = REAPED_NOTHING};
	if (found < 0)
		return (struct reaped){.kind = errno == ECHILD ? REAPED_NONE_LEFT : REAPED_FAILED};
	struct reaped reaped = decode_status(child, found, status);
	if (reaped.kind == REAPED_APP)
		child->pid = 0;
	return reaped;
}

bool child_reap_goes_on(const struct reaped *last)
{
	return last->kind != REAPED_NOTHING && last->kind != REAPED_NONE_LEFT && last->kind != REAPED_FAILED;
}

/* --- Restore the terminal --------------------------------------------------------------------------------------- */

void child_restore_terminal(const struct child *child)
{
	int terminal = child->foreground ? open_controlling_terminal() : -1;
	if (terminal < 0)
		return;
	become_foreground(child, terminal);
	(void)close(terminal);
}
