/*
 * The app's process: started, signalled, suspended, reaped; and the terminal that it may have.
 */
#ifndef LULL_CHILD_H
#define LULL_CHILD_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

#include "lifecycle.h"
#include "signals.h"

struct child {
	pid_t self;            /* lull's own PID */
	pid_t parent;          /* lull's parent at the start; 0: in another PID namespace, or without --parent-death */
	pid_t pid;             /* the app's; 0 once it was reaped: the PID may belong to another process then */
	pid_t group;           /* the process group that the app leads, which may outlive it; 0: the app is in lull's */
	bool init;             /* lull is PID 1 */
	enum job job;          /* as child_start() found it */
	bool foreground;       /* the app's group was made the terminal's foreground group */
	int group_exit_signal; /* as in struct start; 0 once it was sent */
};

/* How to start a program. */
struct start {
	char **command;   /* ends with NULL; with `shell` part of an argv: the pointer before it may be overwritten */
	char **envp;      /* the environment */
	signal_mask mask; /* the signal mask */
	bool group;       /* the app leads a process group also where lull is a job of a shell */
	bool session;     /* the app leads a session, whose controlling terminal is stdin */
	bool shell;       /* a text file without a "#!" line is run by /bin/sh */
	int group_exit_signal; /* sent to the app's group when the app has exited; 0: none */
};

enum start_failure {
	START_FORK = 1, /* no process could be started; errno is that of fork(2) */
	START_EXEC,     /* the command could not be executed; errno is that of execve(2) */
};

/*
 * Initializes *child. With `subreaper`, makes lull a subreaper unless it is PID 1, prctl(2). If parent_death is not 0,
 * requests a signal for the death of lull's parent: SIGKILL or SIGSTOP itself, otherwise one for child_parent_death().
 * Returns 0, or -1 with errno: that signal could not be requested.
 */
int child_prepare(struct child *child, bool subreaper, int parent_death);

/* Returns whether lull is a subreaper. That attribute is kept over exec, so it may have been inherited. */
bool child_is_subreaper(void);

/*
 * Checks a signal that lull took. The kernel also sends the parent-death signal when only the thread of the parent that
 * started lull ends. Returns false if that is the reason: the signal is to be ignored. If the parent died, *info
 * becomes `parent_death` from the parent.
 */
bool child_parent_death(const struct child *child, int parent_death, siginfo_t *info);

/*
 * fork(2) without the C library's, which may leave the caller another signal mask if rt_sigprocmask(2) fails. The
 * parent gets exit_signal when the child exits; only if that is SIGCHLD, wait(2) without __WCLONE returns it.
 */
pid_t child_fork(int exit_signal);

enum spawn_wait {
	SPAWN_WAIT,    /* until the program runs or exec has failed: lull does nothing else meanwhile */
	SPAWN_NO_WAIT, /* exec may take any time */
};

/*
 * Starts a program in a child that runs prepare(context) first, with all signals blocked; with SPAWN_WAIT it shares the
 * caller's memory. Only command, envp, mask and shell of `start` are used. Returns the PID, or -1 with errno. *failure
 * is for child_read_failure(): with SPAWN_WAIT immediately, otherwise when the child was reaped.
 */
pid_t child_spawn(const struct start *start, enum spawn_wait wait, void (*prepare)(void *context), void *context,
                  int *failure);

/*
 * Returns why exec failed, as errno, or 0 if the program runs or the pipe could not be made. Blocks until one of them
 * is certain. Closes *failure and sets it to -1.
 */
int child_read_failure(int *failure);

/*
 * Replaces lull by the command. Only command, envp, mask and shell of `start` are used. Returns only if that failed,
 * with errno as of execve(2).
 */
void child_become(const struct start *start);

/*
 * Starts the app: in a process group of its own unless lull is a job of a shell, and in the foreground if lull is.
 * LISTEN_PID is changed in its environment if it is lull's PID. Returns 0 once the command runs, otherwise an enum
 * start_failure with errno.
 */
int child_start(struct child *child, const struct start *start);

/* Closes the descriptors from `first` to `last`, ~0U for all. Errors are ignored. */
void child_close_range(int first, unsigned last);

/*
 * Closes the descriptors that lull was started with except stderr, and changes to the root directory. The descriptors
 * in `keep`, ascending, each above 2, or -1, stay open: they become 0 and 1, close-on-exec, and `keep` is updated. If
 * dup3(2) fails they keep their numbers.
 */
void child_release_inherited(int keep[2]);

/*
 * Sends a signal to the app, or with `group` to its process group if it leads one. Returns 0, or -1 with errno: ESRCH
 * if the app was reaped.
 */
int child_signal(const struct child *child, int signo, bool group);

/*
 * Sends the signal of `info` to the app with the sender and the value, rt_sigqueueinfo(2); without them if that fails,
 * as it does if the queue is full. Returns as child_signal().
 */
int child_queue(const struct child *child, const siginfo_t *info);

/* Sends SIGCONT to the app's process group, or to the app. */
void child_continue(const struct child *child);

/* Stops lull after signo has stopped the app, so that the shell notices. Returns when lull is continued. */
void child_suspend(struct child *child, int signo);

/* Makes lull's group the terminal's foreground group again, if the app's was that. */
void child_restore_terminal(const struct child *child);

enum reaped_kind {
	REAPED_NOTHING,   /* no child has changed its state */
	REAPED_NONE_LEFT, /* there is no child */
	REAPED_FAILED,    /* waitpid(2) failed: to be called again, but not immediately */
	REAPED_APP,
	REAPED_APP_STOPPED,
	REAPED_APP_CONTINUED,
	REAPED_ORPHAN,
	REAPED_OTHER, /* an orphan was stopped or continued, or a traced child was detached */
};

struct reaped {
	enum reaped_kind kind;
	pid_t pid;
	int status;      /* the exit code, or 128 + the signal that killed it */
	bool by_signal;  /* it was killed by a signal */
	int stop_signal; /* REAPED_APP_STOPPED: the signal that stopped it */
};

enum { CHILD_ANY = -1 };

/*
 * Calls waitpid(2) once, without waiting, for a PID or CHILD_ANY. Returns what it found: REAPED_NOTHING also for a PID
 * that is no child.
 */
struct reaped child_reap(struct child *child, pid_t pid);

/* Returns whether another child may be reaped after `last`. */
bool child_reap_goes_on(const struct reaped *last);

#endif
