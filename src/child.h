/*
 * The app as a process: started, signalled, reaped; and the terminal that it may have.
 */
#ifndef LULL_CHILD_H
#define LULL_CHILD_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

#include "lifecycle.h"
#include "signals.h"

struct child {
	pid_t self;   /* lull's own */
	pid_t parent; /* lull's parent at the start; 0: in another PID namespace, or --parent-death was not given */
	pid_t pid;    /* the app's; 0 once it was reaped: then nobody may be signalled by that number */
	pid_t group;  /* the process group that the app leads, which may outlive it; 0 when it shares lull's */
	bool init;    /* lull is PID 1 */
	enum job job;
	bool foreground; /* the app's group was made the terminal's foreground group */
	int last_word;   /* as in struct start; 0 once it was sent */
};

/* What a program starts with: for the app as lull itself was started. */
struct start {
	char **command; /* with `shell`: part of an argv, and the argument before it may be overwritten */
	char **envp;
	signal_mask mask;
	bool group;    /* asked for: the app leads a group of its own at a prompt too */
	bool session;  /* the app leads a session of its own, and has the terminal that is stdin */
	bool shell;    /* a text file that the kernel does not take is run by /bin/sh */
	int last_word; /* a signal for the app's group when the app has ended; 0: none */
};

enum start_failure {
	START_FORK = 1, /* there is no process; errno says why */
	START_EXEC,     /* the process could not become the command; errno says why, as execve(2) */
};

/*
 * Makes lull a reaper of orphans if it is not PID 1 and `subreaper` is set. Asks for a signal when lull's parent dies
 * (parent_death 0: none): SIGKILL or SIGSTOP itself, otherwise one for child_parent_death(). Returns 0, or -1 with
 * errno.
 */
int child_prepare(struct child *child, bool subreaper, int parent_death);

/* Whether lull is a subreaper: it may have inherited that from the program that became lull by exec. */
bool child_is_subreaper(void);

/*
 * Checks a signal that lull took. The kernel also sends the parent-death signal when only the thread of the parent that
 * started lull ends. Returns false if that is the reason: the signal is to be ignored. If the parent died, *info
 * becomes `parent_death` from the parent.
 */
bool child_parent_death(const struct child *child, int parent_death, siginfo_t *info);

/*
 * fork(2) as the kernel does it: the C library's may leave the caller another signal mask if rt_sigprocmask(2) fails.
 * The parent gets exit_signal when the child exits; only if that is SIGCHLD, wait(2) without __WCLONE returns it.
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
 * Becomes the command, as the app would be started but for group and terminal. Returns only with errno, as execve(2).
 */
void child_become(const struct start *start);

/*
 * Starts the app, in a process group of its own except at a prompt, as the foreground job where lull was that.
 * Returns 0 once the command runs, or why it does not. LISTEN_PID that names lull names the app in its environment.
 */
int child_start(struct child *child, const struct start *start);

/* Closes all descriptors from `first` on. */
void child_close_from(int first);

/*
 * Closes what lull was started with except stderr, leaves the working directory, and gives back what the start needed
 * of the stack. The descriptors in `keep`, from 3
 * up or -1, ascending, stay open and take the places of stdin and stdout: they are 0 and 1 afterwards, and
 * close-on-exec. Where dup3(2) fails they stay where they are.
 */
void child_release_inherited(int keep[2]);

/* Sends the app, or with `group` its process group, a signal; the app where that has no group. 0, or -1 with errno. */
int child_signal(const struct child *child, int signo, bool group);

/* The same to the app alone with the value and the sender of `info`; without them where the queue is full. */
int child_queue(const struct child *child, const siginfo_t *info);

/* SIGCONT to the app and its group. */
void child_continue(const struct child *child);

/* Stops lull, as signo stopped the app, so that the shell above notices; returns when lull is continued. */
void child_suspend(struct child *child, int signo);

/* Gives the terminal back to lull's own group. */
void child_hand_back(const struct child *child);

enum reaped_kind {
	REAPED_NOTHING,   /* no child has anything to say */
	REAPED_NONE_LEFT, /* there is no child */
	REAPED_FAILED,    /* that could not be asked: to be asked again, but not at once */
	REAPED_APP,
	REAPED_APP_STOPPED,
	REAPED_APP_CONTINUED,
	REAPED_ORPHAN,
	REAPED_OTHER, /* an orphan was stopped or continued, or a child that lull was made to trace runs untraced */
};

struct reaped {
	enum reaped_kind kind;
	pid_t pid;
	int status;      /* an exit code, or 128 + the signal that ended it */
	bool by_signal;  /* ended by a signal */
	int stop_signal; /* REAPED_APP_STOPPED: what stopped it */
};

enum { CHILD_ANY = -1 };

/* One wait(2) that does not wait, for this child or CHILD_ANY; one that is no child has nothing to say. */
struct reaped child_reap(struct child *child, pid_t pid);

/* After that: may there be another to reap? */
bool child_reap_goes_on(const struct reaped *last);

#endif
