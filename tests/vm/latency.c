// SPDX-License-Identifier: GPL-2.0-only
/*
 * latency: how long a word takes from the device, which writes it, to a program at the other end of a TCP connection.
 * The simulated device's clock is the machine's, and its rate is exact, so a word's offset says when it was written.
 * Speaks TAP; the figures are comments, and decide nothing.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "shared/ring.h"
#include "shared/tap.h"

#define RATE  (4u << 20) /* a block of the usual size takes 62.5 ms */
#define BYTES (2u << 20)

/* What the receiver finds, in memory that it shares. */
struct found {
	uint64_t start_ns; /* when the device wrote its first word */
	uint64_t words, sum_ns, worst_ns;
	bool right;
};

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void note(struct found *f, uint64_t offset, uint64_t now)
{
	uint64_t written = f->start_ns + (uint64_t)((double)offset * 1e9 / RATE);
	uint64_t late = now > written ? now - written : 0;

	f->words++;
	f->sum_ns += late;
	f->worst_ns = late > f->worst_ns ? late : f->worst_ns;
}

static void receive(int fd, struct found *f)
{
	static unsigned char data[1 << 16];
	uint64_t offset = 0, now;
	ssize_t n;

	f->right = true;
	while ((n = recv(fd, data, sizeof(data), 0)) > 0) {
		now = now_ns();
		f->right = f->right && is_pattern(data, (size_t)n, offset);
		for (uint64_t end = offset + (uint64_t)n; offset < end; offset++) {
			if (!(offset % 8))
				note(f, offset, now);
		}
	}
	f->right = f->right && offset >= BYTES;
}

/* A connection of TCP over loopback. */
static void connect_pair(int fd[2])
{
	struct sockaddr_in addr = { .sin_family = AF_INET };
	socklen_t len = sizeof(addr);
	int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1;

	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	EXPECT(!bind(listener, (struct sockaddr *)&addr, len) && !listen(listener, 1));
	EXPECT(!getsockname(listener, (struct sockaddr *)&addr, &len));
	fd[0] = socket(AF_INET, SOCK_STREAM, 0);
	EXPECT(!connect(fd[0], (struct sockaddr *)&addr, len));
	fd[1] = accept(listener, NULL, NULL);
	EXPECT(fd[1] >= 0 && !close(listener));
	EXPECT(!setsockopt(fd[0], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)));
}

static void send_all(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t n = send(fd, data, len, 0);

		EXPECT(n > 0);
		data += n;
		len -= (size_t)n;
	}
}

/* Send the stream until BYTES of it are sent; the ring is given back as it goes. */
static void send_stream(int fd, struct found *f, uint64_t timeout_ns)
{
	struct zcdma_dev_setup s = ring_wanted(ZCDMA_DEV_COMPOUND);
	uint64_t sent = 0;
	struct ring r;

	s.rate = RATE;
	s.timeout_ns = timeout_ns;
	s.blocks = 64;
	r = ring_create(O_RDONLY, s);
	ring_go(&r);
	while (sent < BYTES) {
		struct zcdma_dev_block b = ring_take(&r);

		EXPECT(b.offset == sent && !b.flags);
		if (!sent)
			f->start_ns = b.device_time;
		send_all(fd, ring_data(&r, &b), b.length);
		sent += b.length;
		EXPECT(!ring_give(&r, b.index));
	}
	ring_stop(&r);
	ring_end(&r);
}

static void measure(uint64_t timeout_ns, const char *name)
{
	struct found *f =
		mmap(NULL, sizeof(*f), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int fd[2];
	pid_t pid;

	EXPECT(f != MAP_FAILED);
	connect_pair(fd);
	pid = fork();
	EXPECT(pid >= 0);
	if (!pid) {
		close(fd[0]);
		receive(fd[1], f);
		_exit(0);
	}
	close(fd[1]);
	send_stream(fd[0], f, timeout_ns);
	close(fd[0]);
	EXPECT(waitpid(pid, NULL, 0) == pid);
	EXPECT(f->right && f->words >= BYTES / 8);
	printf("# timeout %s: a word takes %.3f ms in the mean, %.3f ms at worst\n", name,
	       (double)f->sum_ns / (double)f->words / 1e6, (double)f->worst_ns / 1e6);
}

static void every_word_arrives(unsigned unused)
{
	(void)unused;
	measure(0, "none (blocks of 62.5 ms)");
	measure(10000000, "10 ms");
	measure(1000000, "1 ms");
	measure(200000, "0.2 ms");
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "every word arrives, whatever the timeout", every_word_arrives, 0 },
	};

	TAP_RUN_ALL(tests);
	return 0;
}
