// SPDX-License-Identifier: GPL-2.0-only
/*
 * caller MODE FIFO: a process of the same user that disturbs the hand-over through FIFO, without an open
 * end of it. squat: listens in the reader's place, and never answers. silent: connects to the reader,
 * and sends nothing. flood: connects again and again, and sends nonsense. Prints a line when it has
 * started, and runs until it is killed.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "handover/protocol.h"

static int squat(int fifo)
{
	return zc_ho_listen(fifo);
}

/* Connect to the reader, which may not listen yet. */
static int silent(int fifo)
{
	int sock;

	while ((sock = zc_ho_connect(fifo)) == -ECONNREFUSED)
		usleep(1000);
	return sock;
}

static int flood(int fifo)
{
	static const char *const nonsense[] = { "", "GET / HTTP/1.0", "ohcz", "zcho\001" };
	bool told = false;

	for (unsigned i = 0;; i++) {
		int sock = zc_ho_connect(fifo);
		const char *text = nonsense[i % 4];

		if (sock < 0) {
			usleep(100);
			continue;
		}
		send(sock, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT);
		close(sock);
		if (!told) {
			puts("there");
			fflush(stdout);
		}
		told = true;
	}
	return 0;
}

static const struct {
	const char *name;
	int (*run)(int fifo);
} modes[] = {
	{ "squat", squat },
	{ "silent", silent },
	{ "flood", flood },
};

int main(int argc, char **argv)
{
	/* O_PATH is enough to name the FIFO, and does not open an end of it. */
	int fifo = argc == 3 ? open(argv[2], O_PATH | O_CLOEXEC) : -1;

	for (size_t i = 0; fifo >= 0 && i < ARRAY_SIZE(modes); i++) {
		if (strcmp(argv[1], modes[i].name))
			continue;
		if (modes[i].run(fifo) < 0)
			return 1;
		puts("there");
		fflush(stdout);
		pause();
	}
	fprintf(stderr, "usage: caller squat|silent|flood FIFO\n");
	return 2;
}
