/*
 * Runs a command under a seccomp filter that denies some system calls: deny ERRNO CALL[,CALL]... COMMAND [ARG]...
 * ERRNO is EPERM, ENOSYS or ENOENT. CALL is a name or a number. "netlink" and "inet6" deny only socket(2) for these
 * families.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/filter.h>
#include <linux/prctl.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define SKIP_UNLESS(value, count) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(value), 0, count)
#define RETURN(value) BPF_STMT(BPF_RET | BPF_K, (uint32_t)(value))

enum { PROGRAM_MOST = 128 };

/*
 * One name may be several system calls, since the call that a C library makes depends on the architecture. It may also
 * be one call with a given first argument.
 */
static const struct {
	const char *name;
	long number;
	int argument; /* 0: any */
} CALLS[] = {
	{"prctl", SYS_prctl, 0},
	{"netlink", SYS_socket, AF_NETLINK},
	{"inet6", SYS_socket, AF_INET6},
	{"accept4", SYS_accept4, 0},
	{"chdir", SYS_chdir, 0},
	{"fcntl", SYS_fcntl, 0},
	{"fstat", SYS_fstat, 0},
	{"fstat", SYS_newfstatat, 0},
	{"getdents64", SYS_getdents64, 0},
	{"ioctl", SYS_ioctl, 0},
	{"pipe2", SYS_pipe2, 0},
	{"poll", SYS_ppoll, 0},
	{"prlimit64", SYS_prlimit64, 0},
	{"pwritev2", SYS_pwritev2, 0},
	{"rt_sigqueueinfo", SYS_rt_sigqueueinfo, 0},
	{"setpgid", SYS_setpgid, 0},
	{"setsockopt", SYS_setsockopt, 0},
	{"shutdown", SYS_shutdown, 0},
	{"signalfd4", SYS_signalfd4, 0},
	{"splice", SYS_splice, 0},
	{"waitid", SYS_waitid, 0},
	{"pidfd_send_signal", 424, 0},
	{"pidfd_open", 434, 0},
	{"close_range", 436, 0},
#ifdef SYS_poll
	{"poll", SYS_poll, 0},
#endif
};

/* Adds the instructions that deny `call`. Returns the number of calls of that name. */
static int add_call(struct sock_fprog *program, const char *call, int error)
{
	int found = 0;
	if (call[0] >= '0' && call[0] <= '9') {
		const struct sock_filter numbered[] = {
			LOAD(nr),
			SKIP_UNLESS(atoi(call), 1),
			RETURN(SECCOMP_RET_ERRNO | error),
		};
		memcpy(program->filter + program->len, numbered, sizeof numbered);
		program->len += sizeof numbered / sizeof numbered[0];
		return 1;
	}
	for (size_t i = 0; i < sizeof CALLS / sizeof CALLS[0]; i++) {
		if (strcmp(CALLS[i].name, call) != 0)
			continue;
		found++;
		const struct sock_filter part[] = {
			LOAD(nr),
			SKIP_UNLESS(CALLS[i].number, 3),
			LOAD(args[0]),
			SKIP_UNLESS(CALLS[i].argument, 1),
			RETURN(SECCOMP_RET_ERRNO | error),
		};
		const struct sock_filter plain[] = {
			LOAD(nr),
			SKIP_UNLESS(CALLS[i].number, 1),
			RETURN(SECCOMP_RET_ERRNO | error),
		};
		int argued = CALLS[i].argument != 0;
		size_t size = argued ? sizeof part : sizeof plain;
		memcpy(program->filter + program->len, argued ? part : plain, size);
		program->len += (unsigned short)(size / sizeof part[0]);
	}
	return found;
}

int main(int argc, char **argv)
{
	struct sock_filter filter[PROGRAM_MOST];
	struct sock_fprog program = {.filter = filter};
	if (argc < 4)
		return 2;
	int error = strcmp(argv[1], "ENOENT") == 0 ? ENOENT : ENOSYS;
	if (strcmp(argv[1], "EPERM") == 0)
		error = EPERM;
	for (char *call = strtok(argv[2], ","); call != NULL; call = strtok(NULL, ",")) {
		if (program.len > PROGRAM_MOST - 16 || add_call(&program, call, error) == 0) {
			fprintf(stderr, "deny: %s: no such call here\n", call);
			return 2;
		}
	}
	const struct sock_filter allow = RETURN(SECCOMP_RET_ALLOW);
	filter[program.len++] = allow;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0) {
		perror("deny");
		return 2;
	}
	(void)execvp(argv[3], argv + 3);
	perror(argv[3]);
	return 2;
}
