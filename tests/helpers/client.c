/*
 * Clients of the readiness endpoint, both correct and faulty, and sockets of an app.
 *
 *   client up COMMAND [ARG]...      runs COMMAND in a new network namespace, whose loopback is up
 *   client ask HOST PORT [MS]       sends stdin, or one byte of it each MS, and prints the response until it ends
 *   client hold HOST PORT N [MS]    opens N connections; over each sends stdin, then its last byte again each MS;
 *                                   prints "open", then the number of bytes received and after how many ms the peer
 *                                   closed the first connection and the last one
 *   client storm HOST PORT N        keeps N connections open; each sends stdin, and is replaced when it has closed;
 *                                   prints "open", then "response S" for the first 100 responses of each status S;
 *                                   exits on SIGTERM
 *   client listen HOST PORT N       listens on N sockets, on PORT and the next ports; prints "listening"
 *   client serve HOST PORT N        makes N connections to a socket that listens on PORT, keeps both ends open, and
 *                                   closes the listening socket; prints "connected"
 *
 * HOST is an address. A socket that listens on "::" accepts only IPv6; with "dual" it accepts both.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static struct sockaddr_storage address;
static socklen_t address_length;
static char request[65536];
static size_t request_length;
static volatile sig_atomic_t stop_requested;

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static int64_t now_ms(void)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void set_address(const char *host, int port)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
	if (inet_pton(AF_INET, host, &v4.sin_addr) == 1) {
		memcpy(&address, &v4, address_length = sizeof v4);
		return;
	}
	if (strcmp(host, "dual") != 0 && inet_pton(AF_INET6, host, &v6.sin6_addr) != 1)
		fail(host);
	memcpy(&address, &v6, address_length = sizeof v6);
}

static int new_socket(int flags)
{
	int fd = socket(address.ss_family, SOCK_STREAM | flags, 0);
	if (fd < 0)
		fail("socket");
	return fd;
}

static int connected(void)
{
	int fd = new_socket(0);
	if (connect(fd, (struct sockaddr *)&address, address_length) < 0)
		fail("connect");
	return fd;
}

static void read_request(void)
{
	ssize_t got;
	while ((got = read(0, request + request_length, sizeof request - request_length)) > 0)
		request_length += (size_t)got;
}

static void up(char **command)
{
	struct ifreq loopback = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
	if (unshare(CLONE_NEWNET) < 0)
		fail("unshare");
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &loopback) < 0)
		fail("lo");
	execvp(command[0], command);
	fail(command[0]);
}

static int is_over(int fd)
{
	char byte;
	return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 || errno != EAGAIN;
}

static void ask(int pause_ms)
{
	char bytes[4096];
	ssize_t got;
	int fd = connected();
	read_request();
	for (size_t sent = 0, part = pause_ms > 0 ? 1 : request_length; sent < request_length; sent += part) {
		if (send(fd, request + sent, part, MSG_NOSIGNAL) < 0 || (pause_ms > 0 && is_over(fd)))
			break;
		usleep((useconds_t)pause_ms * 1000);
	}
	while ((got = recv(fd, bytes, sizeof bytes, 0)) > 0)
		fwrite(bytes, 1, (size_t)got, stdout);
	if (got < 0)
		printf("\n%s\n", strerror(errno));
}

/* Records when lull closes each connection: it closes them one at a time. */
static void hold(int count, int pause_ms)
{
	struct pollfd *all = calloc((size_t)count, sizeof *all);
	char bytes[4096];
	long received = 0;
	int64_t first_ms = -1;
	read_request();
	int64_t start_ms = now_ms();
	for (int i = 0; i < count; i++) {
		all[i] = (struct pollfd){.fd = connected(), .events = POLLIN};
		if (request_length > 0)
			(void)send(all[i].fd, request, request_length, MSG_NOSIGNAL);
	}
	printf("open\n");
	fflush(stdout);
	for (int left = count; left > 0;) {
		int ready = poll(all, (nfds_t)count, pause_ms > 0 ? pause_ms : -1);
		for (int i = 0; i < count; i++) {
			if (ready == 0 && all[i].fd >= 0)
				(void)send(all[i].fd, request + request_length - 1, 1, MSG_NOSIGNAL);
			if (all[i].revents == 0 || all[i].fd < 0)
				continue;
			ssize_t got = recv(all[i].fd, bytes, sizeof bytes, MSG_DONTWAIT);
			received += got > 0 ? got : 0;
			if (got > 0)
				continue;
			first_ms = first_ms < 0 ? now_ms() - start_ms : first_ms;
			all[i].fd = -1;
			left--;
		}
	}
	printf("received %ld first %lld last %lld\n", received, (long long)first_ms, (long long)(now_ms() - start_ms));
}

static void stop(int signo)
{
	(void)signo;
	stop_requested = 1;
}

static void begin(int poller)
{
	int fd = new_socket(SOCK_NONBLOCK);
	struct epoll_event wanted = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.u64 = (uint32_t)fd};
	if (connect(fd, (struct sockaddr *)&address, address_length) < 0 && errno != EINPROGRESS)
		fail("connect");
	if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &wanted) < 0)
		fail("epoll_ctl");
}

static int statuses[1000];

/* Returns 1 if the connection is closed. */
static int read_response(int fd)
{
	char bytes[4096];
	int status;
	ssize_t got = recv(fd, bytes, sizeof bytes - 1, 0);
	if (got < 0 && errno == EAGAIN)
		return 0;
	bytes[got > 0 ? got : 0] = '\0';
	if (got > 0 && sscanf(bytes, "HTTP/1.1 %3d ", &status) == 1 && ++statuses[status] <= 100) {
		printf("response %d\n", status);
		fflush(stdout);
	}
	return got <= 0;
}

static void storm(int count)
{
	int poller = epoll_create1(0);
	struct epoll_event events[256];
	(void)signal(SIGTERM, stop);
	read_request();
	for (int i = 0; i < count; i++)
		begin(poller);
	printf("open\n");
	fflush(stdout);
	while (!stop_requested) {
		int ready = epoll_wait(poller, events, 256, -1);
		for (int i = 0; i < ready; i++) {
			int fd = (int)events[i].data.u64;
			if ((events[i].events & EPOLLOUT) && request_length > 0)
				(void)send(fd, request, request_length, MSG_NOSIGNAL);
			if (!(events[i].events & (EPOLLIN | EPOLLERR | EPOLLHUP)) || !read_response(fd))
				continue;
			(void)close(fd);
			begin(poller);
		}
	}
}

static int listening(const char *host, int port)
{
	const int on = 1;
	const int only = strcmp(host, "dual") != 0;
	set_address(host, port);
	int fd = new_socket(0);
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (address.ss_family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof only);
	if (bind(fd, (struct sockaddr *)&address, address_length) < 0 || listen(fd, SOMAXCONN) < 0)
		fail("listen");
	return fd;
}

static void serve(const char *host, int port, int count)
{
	int fd = listening(host, port);
	for (int i = 0; i < count; i++) {
		(void)connected();
		if (accept(fd, NULL, NULL) < 0)
			fail("accept");
	}
	(void)close(fd);
}

int main(int argc, char **argv)
{
	struct rlimit limit;
	if (argc < 3)
		return 2;
	if (strcmp(argv[1], "up") == 0)
		up(argv + 2);
	if (argc < 4)
		return 2;
	int port = atoi(argv[3]);
	int count = argc > 4 ? atoi(argv[4]) : 0;
	(void)getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
	if (strcmp(argv[1], "listen") == 0) {
		for (int i = 0; i < count; i++)
			(void)listening(argv[2], port + i);
		printf("listening\n");
	} else if (strcmp(argv[1], "serve") == 0) {
		serve(argv[2], port, count);
		printf("connected\n");
	} else {
		set_address(argv[2], port);
		if (strcmp(argv[1], "ask") == 0)
			ask(count);
		else if (strcmp(argv[1], "hold") == 0)
			hold(count, argc > 5 ? atoi(argv[5]) : 0);
		else if (strcmp(argv[1], "storm") == 0)
			storm(count);
		else
			return 2;
		return 0;
	}
	fflush(stdout);
	for (;;)
		pause();
}
