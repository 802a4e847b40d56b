/*
 * Sends a signal by system call: send PID SIGNAL [VALUE]. With a value it sends it like sigqueue(3). With "flood" as
 * the value, it sends the signal repeatedly until the process has exited.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	siginfo_t info = {.si_code = SI_QUEUE};
	if (argc < 3)
		return 2;
	pid_t pid = atoi(argv[1]);
	int signo = atoi(argv[2]);
	if (argc == 3)
		return kill(pid, signo) == 0 ? 0 : (perror("kill"), 1);
	if (strcmp(argv[3], "flood") == 0) {
		while (kill(pid, signo) == 0)
			continue;
		return 0;
	}
	info.si_signo = signo;
	info.si_pid = getpid();
	info.si_uid = getuid();
	info.si_value.sival_int = atoi(argv[3]);
	return syscall(SYS_rt_sigqueueinfo, pid, signo, &info) == 0 ? 0 : (perror("rt_sigqueueinfo"), 1);
}
