/*
 * Owns standard error. Never blocks, never touches stdout, never changes a flag of the descriptor: the app shares it.
 */
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "helper.h"
#include "signals.h"
#include "text.h"

/* pwritev2(2) by its number, and its flag by its value: musl has them from 1.2.5 on. */
enum { WRITE_NOWAIT = 0x8 };

void log_init(struct log *log, enum log_level level, enum log_format format, struct helpers *helpers,
              char held[LOG_LINE_SIZE])
{
	log->fd = STDERR_FILENO;
	log->level = level;
	log->format = format;
	log->dropped = 0;
	log->mode = 0;
	log->is_direct = true;
	log->helpers = helpers;
	log->queue[0] = -1;
	log->queue[1] = -1;
	log->is_holding = false;
	log->held_length = 0;
	log->held = held;
}

/* Once: on a network file system fstat(2) may block as write(2) does. */
static void look_at_file(struct log *log)
{
	struct stat status;
	if (fstat(log->fd, &status) == 0)
		log->mode = status.st_mode;
	else if (errno == EBADF)
		log->fd = -1;
}

void log_app_runs(struct log *log)
{
	look_at_file(log);
	log->is_direct = false;
}

/* A pipe that nobody reads is not: the write would only raise SIGPIPE. */
static bool is_writable(int fd)
{
	struct pollfd wait = {.fd = fd, .events = POLLOUT};
	return poll(&wait, 1, 0) == 1 && (wait.revents & (POLLOUT | POLLERR)) == POLLOUT;
}

/*
 * A pipe of our own always has room for one line, and splice(2) moves a line on without waiting, whatever the flags of
 * the other pipe. For kernels before 6.5, where a pipe does not take RWF_NOWAIT.
 */
static bool write_by_splice(int fd, const struct text *line)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) < 0)
		return false;
	bool sent = write(ends[1], line->bytes, line->length) == (ssize_t)line->length &&
	            splice(ends[0], NULL, fd, NULL, line->length, SPLICE_F_NONBLOCK) == (ssize_t)line->length;
	(void)close(ends[0]);
	(void)close(ends[1]);
	return sent;
}

static bool write_pipe(int fd, const struct text *line)
{
	struct iovec part = {.iov_base = line->bytes, .iov_len = line->length};
	if (syscall(SYS_pwritev2, fd, &part, 1L, -1L, -1L, WRITE_NOWAIT) >= 0)
		return true;
	if (errno == EAGAIN || errno == EPIPE)
		return false;
	return write_by_splice(fd, line);
}

/*
 * A terminal has no call that does not wait; a descriptor of our own may have the flag for it. /dev/tty is open to
 * everybody, where the terminal itself belongs to another user.
 */
static int open_terminal(int fd)
{
	const int flags = O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	int own = open("/proc/self/fd/2", flags);
	return own < 0 && tcgetpgrp(fd) >= 0 ? open("/dev/tty", flags) : own;
}

static bool write_terminal(int fd, const struct text *line)
{
	int own = open_terminal(fd);
	if (own < 0)
		return false;
	bool sent = write(own, line->bytes, line->length) >= 0;
	(void)close(own);
	return sent;
}

static bool write_by_helper(struct log *log, const struct text *line);

static bool write_line(struct log *log, const struct text *line)
{
	int fd = log->fd;
	if (log->mode == 0)
		look_at_file(log);
	if (S_ISCHR(log->mode))
		return write_terminal(fd, line);
	if (log->mode == 0 || !is_writable(fd))
		return false;
	if (S_ISSOCK(log->mode))
		return send(fd, line->bytes, line->length, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
	if (S_ISFIFO(log->mode))
		return write_pipe(fd, line);
	if (log->is_direct)
		return write(fd, line->bytes, line->length) >= 0;
	return write_by_helper(log, line);
}

static const char *level_name(enum log_level level)
{
	switch (level) {
	case LOG_ERROR:
		return "error";
	case LOG_WARNING:
		return "warning";
	case LOG_NOTICE:
		return "info";
	case LOG_VERBOSE:
		break;
	}
	return "debug";
}

typedef bool line_writer(struct log *log, const struct text *line);

/* The message loses what does not fit, and the line is a whole object all the same. */
static bool write_json(struct log *log, enum log_level level, const struct text *message, line_writer *write_whole)
{
	char bytes[LOG_LINE_SIZE];
	char date[TEXT_TIME_SIZE];
	struct text line = text_in(bytes, sizeof bytes - 2);
	text_add(&line, "{\"time\":\"%s\",\"level\":\"%s\",\"message\":", text_date(signals_wall_ms(), date),
	         level_name(level));
	text_add_json(&line, message->bytes, message->length);
	line.size = sizeof bytes;
	text_add(&line, "}\n");
	return write_whole(log, &line);
}

/* Empties the line but for what comes before the message, with room for a newline at the end. */
static void begin(const struct log *log, enum log_level level, struct text *line)
{
	line->length = 0;
	line->size = LOG_LINE_SIZE - 1;
	if (log->format == LOG_TEXT)
		text_add(line, level == LOG_WARNING ? "lull: warning: " : "lull: ");
}

static bool finish(struct log *log, enum log_level level, struct text *line, line_writer *write_whole)
{
	if (log->format == LOG_JSON)
		return write_json(log, level, line, write_whole);
	text_make_printable(line);
	line->size = LOG_LINE_SIZE;
	text_add(line, "\n");
	return write_whole(log, line);
}

/* Says how many lines were lost. False when that was lost too. */
static bool say_dropped(struct log *log)
{
	char bytes[LOG_LINE_SIZE];
	struct text line = TEXT_IN(bytes);
	begin(log, LOG_WARNING, &line);
	text_add(&line, "lines lost, since writing them would have waited: %u", log->dropped);
	if (!finish(log, LOG_WARNING, &line, write_line))
		return false;
	log->dropped = 0;
	return true;
}

static void put_line(struct log *log, const struct text *line)
{
	if ((log->dropped > 0 && !say_dropped(log)) || !write_line(log, line))
		log->dropped++;
}

/* --- A regular file ---------------------------------------------------------------------------------------------- */

/*
 * In the helper: writes lines until lull has closed its end. A line is taken from the queue when it was written, so
 * that none is lost with a helper that is killed.
 */
static int write_queued(const void *context)
{
	struct log log = *(const struct log *)context; /* its own count of lines that were lost */
	char bytes[LOG_LINE_SIZE];
	ssize_t length;
	log.dropped = 0;
	log.is_direct = true;
	while ((length = recv(STDIN_FILENO, bytes, sizeof bytes, MSG_PEEK)) > 0) {
		const struct text line = {.bytes = bytes, .size = sizeof bytes, .length = (size_t)length};
		put_line(&log, &line);
		(void)recv(STDIN_FILENO, bytes, sizeof bytes, 0);
	}
	return 0;
}

/* Starts a helper if there is none. One that was killed with all processes left its lines in the queue. */
static bool has_helper(struct log *log)
{
	int error;
	(void)helper_has_exited(log->helpers, HELPER_LOG, &error);
	return helper_is_running(log->helpers, HELPER_LOG) ||
	       helper_start(log->helpers, HELPER_LOG, log->queue[1], write_queued, log) == 0;
}

/* The queue keeps lines apart, and whole. Both ends may be 0 or 1, which helper_start() allows. */
static bool write_by_helper(struct log *log, const struct text *line)
{
	const int type = SOCK_SEQPACKET | SOCK_CLOEXEC;
	if ((log->queue[0] < 0 && socketpair(AF_UNIX, type, 0, log->queue) < 0) || !has_helper(log))
		return write(log->fd, line->bytes, line->length) >= 0;
	return send(log->queue[0], line->bytes, line->length, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
}

void log_finish(struct log *log)
{
	if (log->queue[0] < 0)
		return;
	(void)shutdown(log->queue[0], SHUT_WR);
	while (has_helper(log) && helper_wait(log->helpers, HELPER_LOG, signals_now_ms()) == EINTR)
		continue; /* it was killed with all processes: another one writes the rest */
}

/* --- Lines ------------------------------------------------------------------------------------------------------- */

void log_hold(struct log *log)
{
	log->is_holding = true;
}

void log_release(struct log *log)
{
	log->is_holding = false;
	for (char *at = log->held, *end = at + log->held_length; at < end;) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		const struct text line = {.bytes = at, .length = (size_t)(newline + 1 - at)};
		put_line(log, &line);
		at += line.length;
	}
	log->held_length = 0;
}

/* Without room for the line those before it are written now. */
static bool keep_line(struct log *log, const struct text *line)
{
	if (log->is_holding && line->length > LOG_LINE_SIZE - log->held_length) {
		log_release(log);
		log_hold(log);
	}
	if (log->is_holding) {
		memcpy(log->held + log->held_length, line->bytes, line->length);
		log->held_length += line->length;
	} else {
		put_line(log, line);
	}
	return true;
}

void log_line(struct log *log, enum log_level level, const char *format, ...)
{
	if (level > log->level || log->fd < 0)
		return;
	char bytes[LOG_LINE_SIZE];
	struct text line = TEXT_IN(bytes);
	va_list arguments;
	va_start(arguments, format);
	begin(log, level, &line);
	text_vadd(&line, format, arguments);
	va_end(arguments);
	(void)finish(log, level, &line, keep_line);
}
