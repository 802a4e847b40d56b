/*
 * Owns the simulated kernel. Never makes a real call for lull. Demands that descriptors are used correctly.
 */
#include "world.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>

#include "../../src/endpoint.h"
#include "fuzz.h"

/* musl's name on 32-bit machines of the call with 64-bit times. */
#ifdef SYS_clock_gettime64
enum { CALL_CLOCK_GETTIME = SYS_clock_gettime64 };
#else
enum { CALL_CLOCK_GETTIME = SYS_clock_gettime };
#endif

/* Above the descriptors of the test itself. */
enum { FIRST_FD = 1000, CALL_PIDFD_SEND_SIGNAL = 424, CALL_PIDFD_OPEN = 434 };

enum kind { CLOSED, A_FILE, A_DIRECTORY, A_PROCESS, A_SOCKET, A_LISTENER, A_CONNECTION };

struct descriptor {
	enum kind kind;
	const struct world_file *file;
	size_t at; /* in the file, or in the list of files */
	char path[128];
	pid_t pid;
	struct world_connection *connection;
};

struct world world;
static struct descriptor descriptors[WORLD_OPEN];

/* getdents64(2) */
struct entry {
	uint64_t inode;
	int64_t offset;
	unsigned short length;
	unsigned char type;
	char name[];
};

/* --- Files -------------------------------------------------------------------------------------------------------- */

void world_begin(void)
{
	world.files_count = world.written = world.sent_count = 0;
	world.read_most = 0;
	world.self = 1;
	world.now_ms = 1000000;
	world.tick_ms = 0;
	world.pidfds = true;
	world.denies = false;
	world.child = 0;
	world.answer = NULL;
	world.answer_length = 0;
	world.connections_count = world.waiting = 0;
	world.no_descriptors = world.poll_denied = false;
	world.calls = 0;
	world.accept_again_ms = 0;
	world.output[0] = '\0';
	memset(descriptors, 0, sizeof descriptors);
}

void world_end(void)
{
	for (size_t i = 0; i < WORLD_OPEN; i++)
		demand(descriptors[i].kind == CLOSED, "what was opened is closed");
}

void world_add(const char *path, const char *bytes, size_t length)
{
	if (world.files_count == WORLD_FILES || strlen(path) >= sizeof descriptors->path / 2)
		return;
	char *own = fuzz_alloc(length > 0 ? length : 1);
	memcpy(own, bytes, length);
	world.files[world.files_count++] = (struct world_file){path, own, length};
}

/* The next line that starts with an @; `end` if there is none. */
static const char *next_head(const char *at, const char *end)
{
	while (at < end && *at != '@') {
		const char *stop = memchr(at, '\n', (size_t)(end - at));
		at = stop != NULL ? stop + 1 : end;
	}
	return at;
}

void world_add_files(const char *text, size_t length)
{
	const char *end = text + length;
	for (const char *at = next_head(text, end); at < end;) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));
		if (stop == NULL)
			return;
		char *path = fuzz_alloc((size_t)(stop - at));
		memcpy(path, at + 1, (size_t)(stop - at) - 1);
		path[stop - at - 1] = '\0';
		at = next_head(stop + 1, end);
		world_add(path, stop + 1, (size_t)(at - stop - 1));
	}
}

static const struct world_file *find(const char *path)
{
	for (size_t i = 0; i < world.files_count; i++)
		if (strcmp(world.files[i].path, path) == 0)
			return &world.files[i];
	return NULL;
}

/* The first file from *at on that is somewhere below `path`; *at is moved past it. NULL: there is none. */
static const char *find_below(const char *path, size_t *at)
{
	size_t length = strlen(path);
	while (*at < world.files_count) {
		const char *own = world.files[(*at)++].path;
		if (strncmp(own, path, length) == 0 && own[length] == '/')
			return own + length + 1;
	}
	return NULL;
}

/* --- Descriptors -------------------------------------------------------------------------------------------------- */

static int fail(int error)
{
	errno = error;
	return -1;
}

static struct descriptor *descriptor_of(int fd)
{
	bool known = fd >= FIRST_FD && fd < FIRST_FD + WORLD_OPEN && descriptors[fd - FIRST_FD].kind != CLOSED;
	demand(known, "a descriptor that is used is open");
	return &descriptors[fd - FIRST_FD];
}

static int take(struct descriptor wanted)
{
	for (int i = 0; i < WORLD_OPEN; i++) {
		if (descriptors[i].kind != CLOSED)
			continue;
		descriptors[i] = wanted;
		return FIRST_FD + i;
	}
	return fail(EMFILE);
}

int world_open(const char *path, int flags, ...)
{
	size_t at = 0;
	struct descriptor own = {.kind = A_FILE, .file = (flags & O_DIRECTORY) == 0 ? find(path) : NULL};
	if (own.file == NULL) {
		own.kind = A_DIRECTORY;
		if (strlen(path) >= sizeof own.path || find_below(path, &at) == NULL)
			return fail(ENOENT);
		strcpy(own.path, path);
	}
	return take(own);
}

int world_openat(int directory, const char *path, int flags, ...)
{
	char whole[256];
	struct text text = TEXT_IN(whole);
	if (directory == AT_FDCWD && path[0] == '/')
		return world_open(path, flags);
	const struct descriptor *own = descriptor_of(directory);
	demand(own->kind == A_DIRECTORY, "what is looked into is a directory");
	text_add(&text, "%s/%s", own->path, path);
	return world_open(whole, flags);
}

ssize_t world_read(int fd, void *buffer, size_t size)
{
	struct descriptor *own = descriptor_of(fd);
	if (own->kind != A_FILE)
		return fail(EISDIR);
	size_t left = own->file->length - own->at;
	size_t most = world.read_most > 0 && world.read_most < size ? world.read_most : size;
	size_t got = left < most ? left : most;
	memcpy(buffer, own->file->bytes + own->at, got);
	own->at += got;
	return (ssize_t)got;
}

ssize_t world_write(int fd, const void *bytes, size_t length)
{
	(void)fd;
	size_t room = WORLD_OUTPUT - 1 - world.written;
	demand(length <= room, "what is written is bounded");
	memcpy(world.output + world.written, bytes, length);
	world.written += length;
	world.output[world.written] = '\0';
	return (ssize_t)length;
}

int world_close(int fd)
{
	struct descriptor *own = descriptor_of(fd);
	if (own->kind == A_CONNECTION)
		own->connection->gone = true;
	own->kind = CLOSED;
	return 0;
}

int world_access(const char *path, int mode)
{
	(void)mode;
	return find(path) != NULL ? 0 : fail(ENOENT);
}

int world_stat(const char *path, struct stat *status)
{
	*status = (struct stat){.st_mode = S_IFREG | 0755};
	return world_access(path, F_OK);
}

int world_fstat(int fd, struct stat *status)
{
	(void)fd;
	*status = (struct stat){.st_mode = S_IFREG | 0644};
	return 0;
}

int world_statvfs(const char *path, struct statvfs *status)
{
	*status = (struct statvfs){.f_flag = 0};
	return world_access(path, F_OK);
}

int world_uname(struct utsname *name)
{
	*name = (struct utsname){.machine = "x86_64"};
	return 0;
}

/* --- Processes ---------------------------------------------------------------------------------------------------- */

static int send_signal(pid_t pid, int signo)
{
	if (world.denies)
		return fail(EPERM);
	demand(world.sent_count < WORLD_SENT, "signals are not sent for ever");
	world.sent[world.sent_count++] = (struct world_signal){pid, signo};
	return 0;
}

int world_kill(pid_t pid, int signo)
{
	return send_signal(pid, signo);
}

pid_t world_getpid(void)
{
	return world.self;
}

pid_t world_getpgid(pid_t pid)
{
	return pid;
}

int world_waitid(idtype_t type, id_t id, siginfo_t *info, int options)
{
	demand(type == P_PID && (options & WNOWAIT) != 0, "a look changes nothing");
	info->si_pid = 0;
	return world.child != 0 && id == (id_t)world.child ? 0 : fail(ECHILD);
}

/* Was this name below `path` in a file before the one at `at`? */
static bool was_listed(const char *path, const char *name, size_t length, size_t before)
{
	size_t at = 0;
	for (const char *other; (other = find_below(path, &at)) != NULL && at < before;)
		if (strncmp(other, name, length) == 0 && (other[length] == '/' || other[length] == '\0'))
			return true;
	return false;
}

/* Each name in a directory once, as long as there is space for it. */
static long list(int fd, char *buffer, size_t size)
{
	struct descriptor *own = descriptor_of(fd);
	size_t filled = 0;
	demand(own->kind == A_DIRECTORY, "what is listed is a directory");
	for (;;) {
		size_t at = own->at;
		const char *name = find_below(own->path, &at);
		if (name == NULL)
			break;
		size_t length = strcspn(name, "/");
		size_t needed = (sizeof(struct entry) + length + 8) / 8 * 8;
		if (needed > size - filled)
			break;
		own->at = at;
		if (was_listed(own->path, name, length, at))
			continue;
		struct entry *entry = (void *)(buffer + filled);
		*entry = (struct entry){.length = (unsigned short)needed};
		memcpy(entry->name, name, length);
		entry->name[length] = '\0';
		filled += needed;
	}
	return (long)filled;
}

/* --- Sockets ------------------------------------------------------------------------------------------------------ */

int world_socket(int family, int type, int protocol)
{
	(void)type;
	(void)protocol;
	return family == AF_NETLINK && world.answer == NULL ? fail(EPROTONOSUPPORT)
	                                                    : take((struct descriptor){.kind = A_SOCKET});
}

int world_setsockopt(int fd, int level, int name, const void *value, socklen_t length)
{
	(void)level;
	(void)name;
	(void)value;
	(void)length;
	demand(descriptor_of(fd)->kind == A_SOCKET, "what has options is a socket");
	return 0;
}

int world_bind(int fd, const struct sockaddr *address, socklen_t length)
{
	(void)address;
	demand(descriptor_of(fd)->kind == A_SOCKET && length > 0, "what is bound is a socket");
	return 0;
}

int world_listen(int fd, int backlog)
{
	demand(descriptor_of(fd)->kind == A_SOCKET && backlog > 0, "what listens is a socket");
	descriptor_of(fd)->kind = A_LISTENER;
	return 0;
}

int world_accept4(int fd, struct sockaddr *address, socklen_t *length, int flags)
{
	demand(descriptor_of(fd)->kind == A_LISTENER && address == NULL && length == NULL, "what accepts listens");
	demand((flags & SOCK_NONBLOCK) != 0 && (flags & SOCK_CLOEXEC) != 0, "accept does not wait");
	world.calls++;
	if (world.waiting == world.connections_count)
		return fail(EAGAIN);
	if (world.no_descriptors) {
		demand(world.now_ms >= world.accept_again_ms, "no wake-up again and again");
		world.accept_again_ms = world.now_ms + ENDPOINT_PAUSE_MS;
		return fail(EMFILE);
	}
	struct world_connection *connection = &world.connections[world.waiting++];
	connection->accepted = true;
	connection->accepted_ms = world.now_ms;
	return take((struct descriptor){.kind = A_CONNECTION, .connection = connection});
}

int world_shutdown(int fd, int how)
{
	struct descriptor *own = descriptor_of(fd);
	demand(own->kind == A_CONNECTION && how == SHUT_WR, "our own side is shut");
	own->connection->shut = true;
	return own->connection->reset ? fail(ENOTCONN) : 0;
}

static bool has_something(const struct world_connection *connection)
{
	bool more = connection->at < connection->length + connection->flood;
	return more || connection->finished || connection->reset;
}

static bool is_readable(const struct descriptor *own)
{
	if (own->kind == A_LISTENER)
		return world.waiting < world.connections_count;
	return own->kind == A_CONNECTION && has_something(own->connection);
}

/* Without an event, time passes. */
int world_poll(struct pollfd *polled, nfds_t count, int wait_ms)
{
	int found = 0;
	world.calls++;
	if (world.poll_denied)
		return fail(EPERM);
	for (nfds_t i = 0; i < count; i++) {
		polled[i].revents = 0;
		if (polled[i].fd == STDERR_FILENO)
			polled[i].revents = POLLOUT;
		else if (polled[i].fd >= 0 && is_readable(descriptor_of(polled[i].fd)))
			polled[i].revents = POLLIN;
		found += polled[i].revents != 0;
	}
	if (found == 0 && wait_ms > 0)
		world.now_ms += wait_ms;
	return found;
}

static ssize_t answer(struct world_connection *connection, const void *bytes, size_t length)
{
	demand(connection->answered + length <= sizeof connection->answer, "an answer is short");
	if (connection->reset)
		return fail(EPIPE);
	memcpy(connection->answer + connection->answered, bytes, length);
	connection->answered += length;
	return (ssize_t)length;
}

ssize_t world_send(int fd, const void *bytes, size_t length, int flags)
{
	const struct descriptor *own = descriptor_of(fd);
	world.calls++;
	if (own->kind == A_CONNECTION) {
		demand((flags & MSG_DONTWAIT) != 0 && (flags & MSG_NOSIGNAL) != 0, "a response does not wait");
		return answer(own->connection, bytes, length);
	}
	demand(own->kind == A_SOCKET, "what is sent goes to a socket");
	demand(length <= sizeof world.query, "a query is short");
	memcpy(world.query, bytes, length);
	return (ssize_t)length;
}

/* The answer comes in two datagrams, each a half of it; a datagram loses what is not read. */
static ssize_t take_answer(struct descriptor *own, void *buffer, size_t size, int flags)
{
	size_t half = world.answer_length / 2;
	const char *from = own->at == 0 ? world.answer : world.answer + half;
	size_t length = own->at == 0 ? half : world.answer_length - half;
	if (own->at++ > 1 || length == 0)
		return fail(EAGAIN);
	memcpy(buffer, from, length < size ? length : size);
	return (ssize_t)(length < size || (flags & MSG_TRUNC) != 0 ? length : size);
}

static ssize_t take_request(struct world_connection *connection, char *buffer, size_t size)
{
	size_t most = world.read_most > 0 && world.read_most < size ? world.read_most : size;
	size_t got = 0;
	if (connection->reset)
		return fail(ECONNRESET);
	for (; got < most && connection->at < connection->length + connection->flood; connection->at++)
		buffer[got++] = connection->at < connection->length ? connection->bytes[connection->at] : 'x';
	if (got == 0 && !connection->finished)
		return fail(EAGAIN);
	return (ssize_t)got;
}

ssize_t world_recv(int fd, void *buffer, size_t size, int flags)
{
	struct descriptor *own = descriptor_of(fd);
	world.calls++;
	demand((flags & MSG_DONTWAIT) != 0, "recv does not wait");
	demand(own->kind == A_SOCKET || own->kind == A_CONNECTION, "what is received comes from a socket");
	return own->kind == A_SOCKET ? take_answer(own, buffer, size, flags)
	                             : take_request(own->connection, buffer, size);
}

/* --- Calls by number ---------------------------------------------------------------------------------------------- */

struct kernel_time {
	int64_t seconds;
	int64_t nanoseconds;
};

static long tell_time(struct kernel_time *time)
{
	*time = (struct kernel_time){world.now_ms / 1000, world.now_ms % 1000 * 1000000};
	world.now_ms += world.tick_ms;
	return 0;
}

static long signal_held(int fd, int signo)
{
	const struct descriptor *own = descriptor_of(fd);
	demand(own->kind == A_PROCESS, "what is signalled is a process");
	return send_signal(own->pid, signo);
}

/* Arguments have the types that were passed: a number is an int, except for sizes. */
long world_syscall(long number, ...)
{
	va_list arguments;
	long result = fail(ENOSYS);
	va_start(arguments, number);
	if (number == CALL_CLOCK_GETTIME) {
		(void)va_arg(arguments, long);
		result = tell_time(va_arg(arguments, struct kernel_time *));
	} else if (number == SYS_getdents64) {
		int fd = va_arg(arguments, int);
		char *buffer = va_arg(arguments, char *);
		result = list(fd, buffer, va_arg(arguments, size_t));
	} else if (number == CALL_PIDFD_OPEN && world.pidfds) {
		result = take((struct descriptor){.kind = A_PROCESS, .pid = va_arg(arguments, pid_t)});
	} else if (number == CALL_PIDFD_SEND_SIGNAL) {
		int fd = va_arg(arguments, int);
		result = signal_held(fd, va_arg(arguments, int));
	} else if (number == SYS_signalfd4) {
		result = take((struct descriptor){.kind = A_PROCESS});
	} else if (number == SYS_rt_sigqueueinfo) {
		pid_t pid = va_arg(arguments, pid_t);
		result = send_signal(pid, va_arg(arguments, int));
	}
	va_end(arguments);
	return result;
}
