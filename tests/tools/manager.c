// SPDX-License-Identifier: GPL-2.0-only
/*
 * manager LOG COMMAND...: starts a command as a service manager does. Passes it a socket that listens on a port of
 * 127.0.0.1, for which a word "PORT" in the command stands; watches it with WATCHDOG_USEC of 0.2 s; and writes to the
 * file LOG what it says, see sd_notify(3) and sd_listen_fds(3). Exits as the command does.
 */
#include <arpa/inet.h>
#include <err.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define PASSED 3 /* SD_LISTEN_FDS_START */

static int listen_somewhere(char *port, size_t len)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t at_len = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0 || bind(fd, (const struct sockaddr *)&at, sizeof(at)) || listen(fd, 1) ||
	    getsockname(fd, (struct sockaddr *)&at, &at_len))
		err(2, "listen");
	snprintf(port, len, "127.0.0.1:%d", ntohs(at.sin_port));
	return fd;
}

/* An abstract name, which nothing need remove. */
static int notify_socket(char *name, size_t len)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	snprintf(name, len, "@zcdma-manager-%d", (int)getpid());
	memcpy(at.sun_path, name, strlen(name));
	at.sun_path[0] = '\0';
	if (fd < 0 || bind(fd, (const struct sockaddr *)&at,
			   (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name))))
		err(2, "bind %s", name);
	return fd;
}

static void run(char **argv, int listener, const char *notify)
{
	char pid[16];

	prctl(PR_SET_PDEATHSIG, SIGKILL); /* as what a test ends is the manager */
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	setenv("LISTEN_PID", pid, 1);
	setenv("LISTEN_FDS", "1", 1);
	setenv("NOTIFY_SOCKET", notify, 1);
	setenv("WATCHDOG_PID", pid, 1);
	setenv("WATCHDOG_USEC", "200000", 1);
	if (dup2(listener, PASSED) < 0)
		err(2, "dup2");
	execvp(argv[0], argv);
	err(2, "%s", argv[0]);
}

/* Write what is said until nobody is left to say anything. */
static int watch(int fd, FILE *log, pid_t child)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	char state[1024];
	int status, ended;
	ssize_t n;

	do {
		ended = waitpid(child, &status, WNOHANG) == child;
		while (poll(&ready, 1, ended ? 0 : 20) > 0) {
			n = recv(fd, state, sizeof(state) - 1, 0);
			if (n < 0)
				err(2, "recv");
			state[n] = '\0';
			fprintf(log, "%s\n", state);
			fflush(log);
		}
	} while (!ended);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(int argc, char **argv)
{
	char port[32], name[64];
	int listener = listen_somewhere(port, sizeof(port)),
	    notify = notify_socket(name, sizeof(name));
	FILE *log = argc > 2 ? fopen(argv[1], "we") : NULL;
	pid_t child;

	if (!log)
		errx(2, "usage: manager LOG COMMAND...");
	for (int i = 2; i < argc; i++)
		if (!strcmp(argv[i], "PORT") || !strcmp(argv[i], "tcp:PORT"))
			argv[i] = strchr(argv[i], ':') ? strcat(strcpy(malloc(64), "tcp:"), port)
						       : port;
	fprintf(log, "PORT=%s\n", port);
	fflush(log);
	child = fork();
	if (!child)
		run(argv + 2, listener, name);
	return watch(notify, log, child);
}
