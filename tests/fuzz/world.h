/*
 * A simulated kernel for lull's sources: files, a clock, sockets and signals are data. lull's sources are compiled with
 * this header before all others. No file is opened and no process is signalled; the output is kept.
 */
#ifndef FUZZ_WORLD_H
#define FUZZ_WORLD_H

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	WORLD_FILES = 64,
	WORLD_OPEN = 64,
	WORLD_SENT = 256,
	WORLD_OUTPUT = 16384,
	WORLD_CONNECTIONS = 64,
	WORLD_REQUEST = 2048,
};

struct world_file {
	const char *path;
	const char *bytes;
	size_t length;
};

/* A signal that was sent, and the state of its receiver. */
struct world_signal {
	pid_t pid;
	int signo;
};

/* A peer that connects. */
struct world_connection {
	char bytes[WORLD_REQUEST]; /* what it has sent */
	size_t length;
	size_t flood; /* how many more bytes it has sent, each an 'x' */
	size_t at;    /* how many were read */
	char answer[512];
	size_t answered; /* bytes of the answer */
	bool accepted;
	bool finished; /* it sends no more */
	bool reset;
	bool shut; /* lull has shut down its side */
	bool gone; /* lull has closed the connection */
	int64_t accepted_ms;
};

struct world {
	struct world_file files[WORLD_FILES];
	size_t files_count;
	size_t read_most;   /* bytes that one read returns; 0: as many as requested */
	pid_t self;         /* lull's own PID */
	int64_t now_ms;     /* the clock */
	int64_t tick_ms;    /* how far each reading advances it */
	bool pidfds;        /* there is pidfd_open(2) */
	bool denies;        /* no process may be signalled */
	pid_t child;        /* without /proc: the one child there is; 0: none */
	const char *answer; /* of a netlink socket; NULL: there is none */
	size_t answer_length;
	uint8_t query[128]; /* the last one to a netlink socket */
	struct world_connection connections[WORLD_CONNECTIONS];
	size_t connections_count;
	size_t waiting;          /* the first that was not accepted */
	bool no_descriptors;     /* for a new connection */
	int64_t accept_again_ms; /* when, after that, accept may be called again */
	bool poll_denied;
	long calls;                /* system calls on sockets */
	char output[WORLD_OUTPUT]; /* what was written to any descriptor; always terminated */
	size_t written;
	struct world_signal sent[WORLD_SENT];
	size_t sent_count;
};

extern struct world world;

/* An empty world. */
void world_begin(void);

/* Adds a file. */
void world_add(const char *path, const char *bytes, size_t length);

/*
 * Adds files, from text like "@/proc/7/stat\n7 (sh) S ...\n@/proc/net/tcp\n...": a path after an @ at the start of a
 * line, and the bytes after it, up to the next.
 */
void world_add_files(const char *text, size_t length);

/* Demands that no descriptor is open. */
void world_end(void);

int world_open(const char *path, int flags, ...);
int world_openat(int directory, const char *path, int flags, ...);
ssize_t world_read(int fd, void *buffer, size_t size);
ssize_t world_write(int fd, const void *bytes, size_t length);
int world_close(int fd);
int world_access(const char *path, int mode);
int world_stat(const char *path, struct stat *status);
int world_fstat(int fd, struct stat *status);
int world_statvfs(const char *path, struct statvfs *status);
int world_uname(struct utsname *name);
int world_kill(pid_t pid, int signo);
pid_t world_getpid(void);
pid_t world_getpgid(pid_t pid);
int world_waitid(idtype_t type, id_t id, siginfo_t *info, int options);
int world_socket(int family, int type, int protocol);
ssize_t world_send(int fd, const void *bytes, size_t length, int flags);
ssize_t world_recv(int fd, void *buffer, size_t size, int flags);
int world_setsockopt(int fd, int level, int name, const void *value, socklen_t length);
int world_bind(int fd, const struct sockaddr *address, socklen_t length);
int world_listen(int fd, int backlog);
int world_accept4(int fd, struct sockaddr *address, socklen_t *length, int flags);
int world_shutdown(int fd, int how);
int world_poll(struct pollfd *polled, nfds_t count, int wait_ms);
long world_syscall(long number, ...);

/* As functions only: the names are those of structs and variables as well. */
#ifdef FUZZ_PRODUCT
#define open(...) world_open(__VA_ARGS__)
#define openat(...) world_openat(__VA_ARGS__)
#define read(...) world_read(__VA_ARGS__)
#define write(...) world_write(__VA_ARGS__)
#define close(...) world_close(__VA_ARGS__)
#define access(...) world_access(__VA_ARGS__)
#define stat(...) world_stat(__VA_ARGS__)
#define fstat(...) world_fstat(__VA_ARGS__)
#define statvfs(...) world_statvfs(__VA_ARGS__)
#define uname(...) world_uname(__VA_ARGS__)
#define kill(...) world_kill(__VA_ARGS__)
#define getpid(...) world_getpid(__VA_ARGS__)
#define getpgid(...) world_getpgid(__VA_ARGS__)
#define waitid(...) world_waitid(__VA_ARGS__)
#define socket(...) world_socket(__VA_ARGS__)
#define send(...) world_send(__VA_ARGS__)
#define recv(...) world_recv(__VA_ARGS__)
#define setsockopt(...) world_setsockopt(__VA_ARGS__)
#define bind(...) world_bind(__VA_ARGS__)
#define listen(...) world_listen(__VA_ARGS__)
#define accept4(...) world_accept4(__VA_ARGS__)
#define shutdown(...) world_shutdown(__VA_ARGS__)
#define poll(...) world_poll(__VA_ARGS__)
#define syscall(...) world_syscall(__VA_ARGS__)
#endif

#endif
