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

#include "fields.h"
#include "helper.h"
#include "signals.h"
#include "text.h"

enum {
	WRITE_NOWAIT = 0x8, /* RWF_NOWAIT of pwritev2(2): musl has both since 1.2.5 */
	FIELDS_SIZE = 2560, /* of the fields of a line in JSON; the message is cut to what they leave */
};

void log_init(struct log *log, enum log_level level, enum log_format format, struct helpers *helpers,
              char held[LOG_LINE_SIZE])
{
	*log = (struct log){.fd = STDERR_FILENO,
	                    .level = level,
	                    .format = format,
	                    .is_direct = true,
	                    .queue = {-1, -1},
	                    .helpers = helpers};
	log->held = held;
}

/* Called once: on a network file system fstat(2) may block as write(2) does. */
static void read_file_type(struct log *log)
{
	struct stat status;
	if (fstat(log->fd, &status) == 0)
		log->mode = status.st_mode;
	else if (errno == EBADF)
		log->fd = -1;
}

void log_app_runs(struct log *log)
{
	read_file_type(log);
	log->is_direct = false;
}

/* A pipe without a reader is not writable: the write would only raise SIGPIPE. */
static bool is_writable(int fd)
{
	struct pollfd polled = {.fd = fd, .events = POLLOUT};
	return poll(&polled, 1, 0) == 1 && (polled.revents & (POLLOUT | POLLERR)) == POLLOUT;
}

/*
 * Two ways, neither of which changes the flags of the pipe or needs the right to open it. RWF_NOWAIT, since Linux 6.5,
 * is one call of 1.2 us, and a pipe takes 800 lines of 80 bytes. Before 6.5: splice(2) from a pipe of lull's own, which
 * is five calls, 7.7 us, and a pipe takes 16 lines, each in a page of its own.
 */
static bool write_pipe(int fd, const struct text *line)
{
	struct iovec part = {.iov_base = line->bytes, .iov_len = line->length};
	int own[2];
	if (syscall(SYS_pwritev2, fd, &part, 1L, -1L, -1L, WRITE_NOWAIT) >= 0)
		return true;
	if (errno == EAGAIN || errno == EPIPE || pipe2(own, O_CLOEXEC) < 0)
		return false;
	bool sent = write(own[1], line->bytes, line->length) == (ssize_t)line->length &&
	            splice(own[0], NULL, fd, NULL, line->length, SPLICE_F_NONBLOCK) == (ssize_t)line->length;
	(void)close(own[0]);
	(void)close(own[1]);
	return sent;
}

/*
 * A terminal has no call with a flag not to wait, so it is opened again with O_NONBLOCK. If it belongs to another user,
 * lull can open it as /dev/tty only.
 */
static bool write_terminal(int fd, const struct text *line)
{
	const int flags = O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	int own = open("/proc/self/fd/2", flags);
	if (own < 0 && tcgetpgrp(fd) >= 0)
		own = open("/dev/tty", flags);
	if (own < 0)
		return false;
	bool sent = write(own, line->bytes, line->length) >= 0;
	(void)close(own);
	return sent;
}

static bool write_by_helper(struct log *log, const struct text *line);

/* Returns false if the line is lost. */
static bool write_line(struct log *log, const struct text *line)
{
	int fd = log->fd;
	if (log->mode == 0)
		read_file_type(log);
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

/* Begins a line in `bytes`, with space for a newline. */
static struct text begin_line(const struct log *log, enum log_level level, char bytes[LOG_LINE_SIZE])
{
	struct text line = text_in(bytes, LOG_LINE_SIZE - 1);
	if (log->format == LOG_TEXT)
		text_add(&line, level == LOG_WARNING ? "lull: warning: " : "lull: ");
	return line;
}

/* Replaces the message by a JSON object. What does not fit is cut off the message. event NULL: there is none. */
static void make_json(struct text *line, enum log_level level, const char *event, const char *fields)
{
	static const char *const LEVELS[] = {
		[LOG_ERROR] = "error", [LOG_WARNING] = "warning", [LOG_NOTICE] = "info", [LOG_VERBOSE] = "debug"};
	char message[LOG_LINE_SIZE];
	char date[TEXT_TIME_SIZE];
	size_t length = line->length;
	memcpy(message, line->bytes, length);
	size_t fields_length = strlen(fields);
	*line = text_in(line->bytes, LOG_LINE_SIZE - 2 - fields_length);
	text_add(line, "{\"time\":\"%s\",\"level\":\"%s\"", text_date(signals_wall_ms(), date), LEVELS[level]);
	if (event != NULL)
		text_add(line, ",\"event\":\"%s\"", event);
	text_add(line, ",\"message\":");
	(void)text_add_json(line, message, length);
	line->size += fields_length + 1;
	text_add(line, "%s}", fields);
}

/* Makes a whole line in `bytes`. event NULL: a line without an event, in a format of text_add(). */
__attribute__((format(printf, 5, 0))) static struct text make_line(const struct log *log, enum log_level level,
                                                                   char bytes[LOG_LINE_SIZE], const char *event,
                                                                   const char *format, va_list arguments)
{
	char fields_bytes[FIELDS_SIZE];
	struct text fields = text_in(fields_bytes, log->format == LOG_JSON ? FIELDS_SIZE : 1);
	struct text line = begin_line(log, level, bytes);
	if (event != NULL)
		fields_vadd(&line, &fields, format, arguments);
	else
		text_vadd(&line, format, arguments);
	if (log->format == LOG_JSON)
		make_json(&line, level, event, fields_bytes);
	else
		text_make_printable(&line);
	line.size = LOG_LINE_SIZE;
	text_add(&line, "\n");
	return line;
}

__attribute__((format(printf, 5, 6))) static struct text make_event(const struct log *log, enum log_level level,
                                                                    char bytes[LOG_LINE_SIZE], const char *event,
                                                                    const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	struct text line = make_line(log, level, bytes, event, format, arguments);
	va_end(arguments);
	return line;
}

/* Logs how many lines were lost. Returns false if that line is lost too. */
static bool write_dropped(struct log *log)
{
	char bytes[LOG_LINE_SIZE];
	const struct text line =
		make_event(log, LOG_WARNING, bytes, "log_lines_dropped",
	                   "{count=%d} log line%s dropped: writing %s would have blocked", (int)log->dropped,
	                   log->dropped > 1 ? "s" : "", log->dropped > 1 ? "them" : "it");
	if (!write_line(log, &line))
		return false;
	log->dropped = 0;
	return true;
}

static void put_line(struct log *log, const struct text *line)
{
	if ((log->dropped > 0 && !write_dropped(log)) || !write_line(log, line))
		log->dropped++;
}

/* --- A regular file ---------------------------------------------------------------------------------------------- */

/*
 * In the helper: writes lines until lull closes its end. A line is removed from the queue after it was written, so a
 * helper that is killed loses none.
 */
static int write_queued(const void *context)
{
	struct log log = *(const struct log *)context; /* its own count of lost lines */
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

/* Starts a helper if none runs. If it was killed with all processes, its lines are still in the queue. */
static bool ensure_helper(struct log *log)
{
	int error;
	(void)helper_has_exited(log->helpers, HELPER_LOG, &error);
	return helper_is_running(log->helpers, HELPER_LOG) ||
	       helper_start(log->helpers, HELPER_LOG, log->queue[1], write_queued, log) == 0;
}

/* SOCK_SEQPACKET keeps lines whole. Both sockets may be 0 or 1, which helper_start() allows. */
static bool write_by_helper(struct log *log, const struct text *line)
{
	const int type = SOCK_SEQPACKET | SOCK_CLOEXEC;
	if ((log->queue[0] < 0 && socketpair(AF_UNIX, type, 0, log->queue) < 0) || !ensure_helper(log))
		return write(log->fd, line->bytes, line->length) >= 0;
	return send(log->queue[0], line->bytes, line->length, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
}

void log_finish(struct log *log)
{
	if (log->queue[0] < 0)
		return;
	(void)shutdown(log->queue[0], SHUT_WR);
	while (ensure_helper(log) && helper_wait(log->helpers, HELPER_LOG, signals_now_ms()) == EINTR)
		continue; /* it was killed with all processes: the next one writes the rest */
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

__attribute__((format(printf, 4, 0))) static void
log_arguments(struct log *log, enum log_level level, const char *event, const char *format, va_list arguments)
{
	char bytes[LOG_LINE_SIZE];
	if (level > log->level || log->fd < 0)
		return;
	const struct text line = make_line(log, level, bytes, event, format, arguments);
	bool is_holding = log->is_holding;
	if (is_holding && line.length > LOG_LINE_SIZE - log->held_length) {
		log_release(log); /* no space: the lines before are written now */
		log_hold(log);
	}
	if (is_holding) {
		memcpy(log->held + log->held_length, line.bytes, line.length);
		log->held_length += line.length;
	} else {
		put_line(log, &line);
	}
}

void log_line(struct log *log, enum log_level level, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	log_arguments(log, level, NULL, format, arguments);
	va_end(arguments);
}

void log_event(struct log *log, enum log_level level, const char *event, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	log_arguments(log, level, event, format, arguments);
	va_end(arguments);
}
