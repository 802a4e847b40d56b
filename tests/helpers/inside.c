/*
 * An app that makes only system calls that lull makes too, so that both can run under a seccomp filter for lull. It is
 * built with lull's flags, because the C library makes calls when a program starts.
 *
 *   inside            as the pre-stop program: prints a line and exits
 *   inside WORD...    prints "ready", then "got SIG inside" for each signal; exits on SIGTERM with 0, on SIGUSR1 with 3
 *     ignore          does not exit on them
 *     listen          listens on port 8081 of 127.0.0.1, from SIGUSR2 on
 *     orphan          first starts a child that does the same, but does not exit on SIGUSR1
 */
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static const uint64_t ALL_SIGNALS = ~UINT64_C(0);

static void print(const char *text)
{
	(void)!write(1, text, strlen(text));
}

static void print_signal(long signo)
{
	char line[] = "got 00 inside\n";
	line[4] = (char)('0' + signo / 10);
	line[5] = (char)('0' + signo % 10);
	if (signo < 10)
		memmove(line + 4, line + 5, sizeof " inside\n" + 1);
	print(line);
}

static bool has(char **words, const char *word)
{
	for (; *words != NULL; words++)
		if (strcmp(*words, word) == 0)
			return true;
	return false;
}

static void start_listening(void)
{
	const struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_port = htons(8081), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(fd, (const struct sockaddr *)&address, sizeof address) == 0 && listen(fd, 1) == 0)
		print("listening\n");
}

int main(int argc, char **argv)
{
	bool is_orphan = false;
	bool ignore = has(argv, "ignore");
	if (argc == 1) {
		print("pre-stop ran\n");
		return 0;
	}
	(void)syscall(SYS_rt_sigprocmask, SIG_SETMASK, &ALL_SIGNALS, NULL, sizeof ALL_SIGNALS);
	if (has(argv, "orphan"))
		is_orphan = syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL) == 0;
	print("ready\n");
	for (;;) {
		siginfo_t info;
		long signo = syscall(SYS_rt_sigtimedwait, &ALL_SIGNALS, &info, NULL, sizeof ALL_SIGNALS);
		print_signal(signo > 0 ? signo : 0);
		if (signo == SIGUSR2 && has(argv, "listen"))
			start_listening();
		if (signo == SIGUSR1 && !is_orphan && !ignore)
			return 3;
		if (signo == SIGTERM && !ignore)
			return 0;
	}
}
