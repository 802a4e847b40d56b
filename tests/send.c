/*
 * Sends a signal by the kernel's own calls: send PID SIGNAL [VALUE]. With a value as sigqueue(3) does.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
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
	info.si_signo = signo;
	info.si_pid = getpid();
	info.si_uid = getuid();
	info.si_value.sival_int = atoi(argv[3]);
	return syscall(SYS_rt_sigqueueinfo, pid, signo, &info) == 0 ? 0 : (perror("rt_sigqueueinfo"), 1);
}
