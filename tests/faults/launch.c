/*
 * Starts the command of a fault test, once strace(1) is attached:
 *
 *   launch SOCKET [-1] [-t] [-z] [-p CALL:COUNT] COMMAND [ARG]...
 *
 *   SOCKET         a descriptor: launch writes the PID there, and starts the command when the peer has shut it down
 *   -1             runs the command as PID 1 of a PID namespace with its own /proc; exits with its status
 *   -t             runs the command as leader of a session whose terminal is stdin
 *   -z             starts a child that is a zombie, for the command to reap
 *   -p CALL:COUNT  first makes the call, by number, COUNT times, with arguments without effect: strace counts for each
 *                  process separately, and a fault for the n-th call of a child must be the command's n-th call
 *
 * After strace is attached, launch makes only epoll_wait, the calls of -p and execve: tests/faults/faults depends on
 * this. Without arguments it is a pre-stop program, which prints that it runs.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void check(int result, const char *what)
{
	if (result >= 0)
		return;
	perror(what);
	exit(99);
}

/* Returns only in the child, which is PID 1: a descriptor to write to when it is ready. */
static int enter_namespaces(int socket)
{
	int status;
	int ends[2];
	char byte;
	check(pipe2(ends, O_CLOEXEC), "pipe");
	pid_t pid = (pid_t)syscall(SYS_clone, CLONE_NEWPID | CLONE_NEWNS | SIGCHLD, 0L, 0L, 0L, 0L);
	check(pid, "clone");
	if (pid == 0) {
		check(prctl(PR_SET_PDEATHSIG, SIGKILL), "prctl");
		check(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL), "mount /");
		check(mount("proc", "/proc", "proc", 0, NULL), "mount /proc");
		return ends[1];
	}
	check(read(ends[0], &byte, 1) == 1 ? 0 : -1, "the child");
	check(dprintf(socket, "%d\n", pid), "write");
	close(socket);
	for (int fd = 0; fd < 3; fd++)
		close(fd);
	check(waitpid(pid, &status, 0), "waitpid");
	exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

/* Waits until strace is attached. As PID 1, writes a byte to the parent first, which then writes the PID. */
static void wait_for_gate(int socket, int ready)
{
	struct epoll_event event = {.events = EPOLLIN};
	int gate = epoll_create1(EPOLL_CLOEXEC);
	check(epoll_ctl(gate, EPOLL_CTL_ADD, socket, &event), "epoll_ctl");
	check(ready >= 0 ? (int)write(ready, "", 1) : dprintf(socket, "%d\n", getpid()), "write");
	while (epoll_wait(gate, &event, 1, -1) != 1)
		continue;
}

int main(int argc, char **argv)
{
	int option;
	int ready = -1;
	long call = -1;
	int count = 0;
	if (argc < 3)
		return dprintf(1, "pre-stop ran\n") > 0 ? 0 : 1;
	int socket = atoi(argv[1]);
	argv++, argc--;
	while ((option = getopt(argc, argv, "+1tzp:")) > 0) {
		if (option == '1')
			ready = enter_namespaces(socket);
		else if (option == 't')
			check(setsid() >= 0 ? ioctl(0, TIOCSCTTY, 0) : -1, "terminal");
		else if (option == 'z' && fork() == 0)
			_exit(0);
		else if (option == 'p')
			check(sscanf(optarg, "%ld:%d", &call, &count) == 2 ? 0 : -1, optarg);
	}
	check(fcntl(socket, F_SETFD, FD_CLOEXEC), "fcntl");
	wait_for_gate(socket, ready);
	while (count-- > 0)
		(void)syscall(call, -1L, -1L, -1L, -1L, -1L, -1L);
	execv(argv[optind], argv + optind);
	perror(argv[optind]);
	return 99;
}
