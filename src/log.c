/*
 * Owns standard error. Never blocks, never touches stdout, never changes a flag of the descriptor: the app shares it.
 */
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "json.h"
#include "signals.h"
#include "text.h"

/* pwritev2(2) by its number, and its flag by its value: musl has them from 1.2.5 on. */
enum { WRITE_NOWAIT = 0x8 };

void log_init(struct log *log, enum log_level level, enum log_format format)
{
	*log = (struct log){.fd = STDERR_FILENO, .level = level, .format = format};
}

void log_app_runs(struct log *log)
{
	if (fcntl(log->fd, F_GETFD) < 0 && errno == EBADF)
		log->fd = -1;
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

static bool write_line(const struct log *log, const struct text *line)
{
	int fd = log->fd;
	struct stat status;
	if (fstat(fd, &status) < 0)
		return false;
	if (S_ISCHR(status.st_mode))
		return write_terminal(fd, line);
	if (!is_writable(fd))
		return false;
	if (S_ISSOCK(status.st_mode))
		return send(fd, line->bytes, line->length, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
	if (S_ISFIFO(status.st_mode))
		return write_pipe(fd, line);
	return write(fd, line->bytes, line->length) >= 0;
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

/* The message loses what does not fit, and the line is a whole object all the same. */
static bool write_json(const struct log *log, enum log_level level, const struct text *message)
{
	char bytes[LOG_LINE_SIZE];
	char date[TEXT_TIME_SIZE];
	struct text line = text_in(bytes, sizeof bytes - 2);
	text_add(&line, "{\"time\":\"%s\",\"level\":\"%s\",\"message\":", text_date(signals_wall_ms(), date),
	         level_name(level));
	json_add(&line, message->bytes, message->length);
	line.size = sizeof bytes;
	text_add(&line, "}\n");
	return write_line(log, &line);
}

/* Empties the line but for what comes before the message, with room for a newline at the end. */
static void begin(const struct log *log, enum log_level level, struct text *line)
{
	line->length = 0;
	line->size = LOG_LINE_SIZE - 1;
	if (log->format == LOG_TEXT)
		text_add(line, level == LOG_WARNING ? "lull: warning: " : "lull: ");
}

static bool finish(const struct log *log, enum log_level level, struct text *line)
{
	if (log->format == LOG_JSON)
		return write_json(log, level, line);
	text_make_printable(line);
	line->size = LOG_LINE_SIZE;
	text_add(line, "\n");
	return write_line(log, line);
}

/* Says how many lines were lost. False when that was lost too. */
static bool say_dropped(struct log *log, struct text *line)
{
	begin(log, LOG_WARNING, line);
	text_add(line, "lines lost, since writing them would have waited: %u", log->dropped);
	if (!finish(log, LOG_WARNING, line))
		return false;
	log->dropped = 0;
	return true;
}

void log_line(struct log *log, enum log_level level, const char *format, ...)
{
	if (level > log->level || log->fd < 0)
		return;
	char bytes[LOG_LINE_SIZE];
	struct text line = TEXT_IN(bytes);
	bool sent = log->dropped == 0 || say_dropped(log, &line);
	if (sent) {
		va_list arguments;
		va_start(arguments, format);
		begin(log, level, &line);
		text_vadd(&line, format, arguments);
		va_end(arguments);
		sent = finish(log, level, &line);
	}
	if (!sent)
		log->dropped++;
}
