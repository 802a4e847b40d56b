/*
 * Runs a command under a seccomp profile: deny ERRNO CALL[,CALL]... COMMAND [ARG]...
 * ERRNO is EPERM or ENOSYS.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/filter.h>
#include <linux/prctl.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define SKIP_UNLESS(value, count) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(value), 0, count)
#define RETURN(value) BPF_STMT(BPF_RET | BPF_K, (uint32_t)(value))

enum { PROGRAM_MOST = 128 };

/* One name may stand for several calls: which of them a C library makes depends on the architecture. */
static const struct {
	const char *name;
	long number;
} CALLS[] = {
	{"prctl", SYS_prctl},         {"chdir", SYS_chdir},       {"fcntl", SYS_fcntl},
	{"fstat", SYS_fstat},         {"fstat", SYS_newfstatat},  {"getdents64", SYS_getdents64},
	{"ioctl", SYS_ioctl},         {"pipe2", SYS_pipe2},       {"poll", SYS_ppoll},
	{"prlimit64", SYS_prlimit64}, {"pwritev2", SYS_pwritev2}, {"rt_sigqueueinfo", SYS_rt_sigqueueinfo},
	{"setpgid", SYS_setpgid},     {"splice", SYS_splice},     {"waitid", SYS_waitid},
	{"pidfd_send_signal", 424},   {"pidfd_open", 434},        {"close_range", 436},
#ifdef SYS_poll
	{"poll", SYS_poll},
#endif
};

/* Adds the instructions that answer `call` with the error. Returns how many calls there are of that name. */
static int add_call(struct sock_fprog *program, const char *call, int error)
{
	int found = 0;
	for (size_t i = 0; i < sizeof CALLS / sizeof CALLS[0]; i++) {
		if (strcmp(CALLS[i].name, call) != 0)
			continue;
		found++;
		const struct sock_filter part[] = {
			LOAD(nr),
			SKIP_UNLESS(CALLS[i].number, 1),
			RETURN(SECCOMP_RET_ERRNO | error),
		};
		memcpy(program->filter + program->len, part, sizeof part);
		program->len += sizeof part / sizeof part[0];
	}
	return found;
}

int main(int argc, char **argv)
{
	struct sock_filter filter[PROGRAM_MOST];
	struct sock_fprog program = {.filter = filter};
	if (argc < 4)
		return 2;
	int error = strcmp(argv[1], "EPERM") == 0 ? EPERM : ENOSYS;
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
