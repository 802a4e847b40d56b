/*
 * Runs a command on a new pseudo-terminal, as leader of a session, and simulates the user of the terminal.
 *
 *   pty [--pid1] [STEP]... -- COMMAND...
 *     expect:REGEX   waits until the output after the last match matches (extended; a step fails after 20 s)
 *     run:LINE       waits for the prompt of a shell, types the line, and reads its echo as a match
 *     type:TEXT      types; \n and \xHH are as in C
 *     until:COMMAND  runs the command with bash until it succeeds; $PID is the PID of pty's command
 *     signal:N       sends the command a signal
 *     size:RxC       changes the size of the window
 *     hangup         closes the terminal
 *
 * With --pid1 the command is PID 1 of a new PID namespace, with its own /proc and mounts. Prints all output. Exits with
 * the command's status, or 128 + the signal that killed it; 99 if a step failed.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <regex.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PATIENCE_MS = 20000, TICK_MS = 10, FAILED = 99 };

static const char PROMPT[] = "prompt> ";

struct terminal {
	int master;
	pid_t pid;
	bool ended; /* the command was reaped */
	int status;
	size_t length; /* of the output */
	size_t matched;
	char output[1 << 20];
};

static int64_t now_ms(void)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void check(bool good, const char *what)
{
	if (good)
		return;
	perror(what);
	exit(FAILED);
}

/* --- The command ------------------------------------------------------------------------------------------------ */

static void own_proc(void)
{
	check(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0, "mount /");
	check(mount("proc", "/proc", "proc", 0, NULL) == 0, "mount /proc");
}

/*
 * Resets all signals, as login(1) does: a shell starts background jobs with SIGINT ignored. By system call, since the
 * C library reserves signals 32 and 33.
 */
static void default_signals(void)
{
	const unsigned long action[8] = {0}; /* SIG_DFL, no flags, no mask */
	const uint64_t none = 0;
	(void)syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, 8L);
	for (int signo = 1; signo < NSIG; signo++)
		(void)syscall(SYS_rt_sigaction, signo, action, NULL, 8L);
}

static void become_command(const char *slave_name, bool pid1, char **command)
{
	default_signals();
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (pid1)
		own_proc();
	check(setsid() > 0, "setsid");
	int slave = open(slave_name, O_RDWR);
	check(slave >= 0 && ioctl(slave, TIOCSCTTY, 0) == 0, "TIOCSCTTY");
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		(void)dup2(slave, fd);
	if (slave > STDERR_FILENO)
		(void)close(slave);
	(void)execvp(command[0], command);
	perror(command[0]);
	_exit(127);
}

static void start(struct terminal *terminal, bool pid1, char **command)
{
	char slave_name[64];
	char pid[16];
	terminal->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	check(terminal->master >= 0 && unlockpt(terminal->master) == 0 &&
	              ptsname_r(terminal->master, slave_name, sizeof slave_name) == 0,
	      "posix_openpt");
	(void)setenv("PS1", PROMPT, 1);
	terminal->pid = (pid_t)syscall(SYS_clone, SIGCHLD | (pid1 ? CLONE_NEWPID | CLONE_NEWNS : 0), 0L, 0L, 0L, 0L);
	check(terminal->pid >= 0, "clone");
	if (terminal->pid == 0)
		become_command(slave_name, pid1, command);
	(void)snprintf(pid, sizeof pid, "%d", terminal->pid);
	(void)setenv("PID", pid, 1);
}

/* --- The output ------------------------------------------------------------------------------------------------- */

/* Reads output, and waits for it for a short time. Returns false if there was none. */
static bool read_output(struct terminal *terminal)
{
	struct pollfd wait = {.fd = terminal->master, .events = POLLIN};
	size_t space = sizeof terminal->output - 1 - terminal->length;
	(void)poll(&wait, 1, TICK_MS);
	if ((wait.revents & POLLIN) == 0) {
		if (wait.revents != 0)
			(void)poll(NULL, 0, TICK_MS);
		return false;
	}
	ssize_t got = read(terminal->master, terminal->output + terminal->length, space);
	if (got <= 0)
		return false;
	for (ssize_t i = 0; i < got; i++)
		if (terminal->output[terminal->length + (size_t)i] == '\0')
			terminal->output[terminal->length + (size_t)i] = '?';
	terminal->length += (size_t)got;
	terminal->output[terminal->length] = '\0';
	return true;
}

static bool has_ended(struct terminal *terminal)
{
	if (!terminal->ended)
		terminal->ended = waitpid(terminal->pid, &terminal->status, WNOHANG) == terminal->pid;
	return terminal->ended;
}

static bool matches(struct terminal *terminal, const regex_t *regex)
{
	regmatch_t match;
	if (regexec(regex, terminal->output + terminal->matched, 1, &match, 0) != 0)
		return false;
	terminal->matched += (size_t)match.rm_eo;
	return true;
}

static bool expect(struct terminal *terminal, const char *pattern)
{
	regex_t regex;
	int64_t end_ms = now_ms() + PATIENCE_MS;
	check(regcomp(&regex, pattern, REG_EXTENDED) == 0, pattern);
	bool found = matches(terminal, &regex);
	for (bool over = false; !found && !over; found = matches(terminal, &regex)) {
		over = has_ended(terminal) || now_ms() > end_ms;
		while (read_output(terminal))
			continue;
	}
	regfree(&regex);
	return found;
}

/* --- The steps -------------------------------------------------------------------------------------------------- */

static bool type(const struct terminal *terminal, const char *text)
{
	char bytes[1024];
	size_t length = 0;
	unsigned code;
	for (; *text != '\0' && length < sizeof bytes; text++) {
		bytes[length] = *text;
		if (strncmp(text, "\\n", 2) == 0) {
			bytes[length] = '\n';
			text++;
		} else if (sscanf(text, "\\x%2x", &code) == 1) {
			bytes[length] = (char)code;
			text += 3;
		}
		length++;
	}
	return write(terminal->master, bytes, length) == (ssize_t)length;
}

static bool run(struct terminal *terminal, const char *line)
{
	return expect(terminal, PROMPT) && type(terminal, line) && type(terminal, "\\n") && expect(terminal, "\n");
}

static bool succeeds(const char *command)
{
	int status = -1;
	pid_t pid = fork();
	if (pid == 0) {
		(void)(freopen("/dev/null", "w", stdout) && freopen("/dev/null", "w", stderr));
		(void)execlp("bash", "bash", "-c", command, NULL);
		_exit(127);
	}
	return waitpid(pid, &status, 0) == pid && status == 0;
}

static bool until(struct terminal *terminal, const char *command)
{
	int64_t end_ms = now_ms() + PATIENCE_MS;
	while (!succeeds(command)) {
		if (now_ms() > end_ms)
			return false;
		(void)read_output(terminal);
	}
	return true;
}

static bool resize(const struct terminal *terminal, const char *words)
{
	struct winsize size = {0};
	return sscanf(words, "%hux%hu", &size.ws_row, &size.ws_col) == 2 &&
	       ioctl(terminal->master, TIOCSWINSZ, &size) == 0;
}

static bool hang_up(struct terminal *terminal)
{
	int master = terminal->master;
	terminal->master = -1;
	return close(master) == 0;
}

static const char *after(const char *step, const char *name)
{
	size_t length = strlen(name);
	return strncmp(step, name, length) == 0 ? step + length : NULL;
}

static bool run_step(struct terminal *terminal, const char *step)
{
	const char *words;
	if ((words = after(step, "expect:")) != NULL)
		return expect(terminal, words);
	if ((words = after(step, "run:")) != NULL)
		return run(terminal, words);
	if ((words = after(step, "type:")) != NULL)
		return type(terminal, words);
	if ((words = after(step, "until:")) != NULL)
		return until(terminal, words);
	if ((words = after(step, "signal:")) != NULL)
		return kill(terminal->pid, atoi(words)) == 0;
	if ((words = after(step, "size:")) != NULL)
		return resize(terminal, words);
	if (strcmp(step, "hangup") == 0)
		return hang_up(terminal);
	return false;
}

static int finish(struct terminal *terminal)
{
	int64_t end_ms = now_ms() + PATIENCE_MS;
	while (!has_ended(terminal) && now_ms() < end_ms)
		(void)read_output(terminal);
	while (read_output(terminal))
		continue;
	if (!terminal->ended)
		return FAILED;
	return WIFSIGNALED(terminal->status) ? 128 + WTERMSIG(terminal->status) : WEXITSTATUS(terminal->status);
}

int main(int argc, char **argv)
{
	static struct terminal terminal;
	char **step = argv + 1;
	bool pid1 = argc > 1 && strcmp(*step, "--pid1") == 0;
	if (pid1)
		step++;
	char **command = step;
	while (*command != NULL && strcmp(*command, "--") != 0)
		command++;
	if (*command == NULL || command[1] == NULL)
		return FAILED;
	start(&terminal, pid1, command + 1);
	while (step < command && run_step(&terminal, *step))
		step++;
	int status = FAILED;
	if (step == command)
		status = finish(&terminal);
	if (status == FAILED) {
		dprintf(STDERR_FILENO, "pty: failed: %s\n", step < command ? *step : "the command does not end");
		(void)kill(terminal.pid, SIGKILL);
	}
	(void)write(STDOUT_FILENO, terminal.output, terminal.length);
	return status;
}
