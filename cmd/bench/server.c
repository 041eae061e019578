// SPDX-License-Identifier: GPL-2.0-only
/*
 * The other end of a bench. It sends where it is asked to (bench/request.h); else it reads as any program would, into memory, and when the stream has ended it
 * answers on the same connection what that cost: so no second connection is needed, and another receiver,
 * such as verify --listen, will do.
 */
#include "bench/server.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <zcdma/verify.h>

#include "bench/child.h"
#include "bench/request.h"
#include "cli/clock.h"
#include "cli/signals.h"

/* A receiver that has all of it answers at once, or not at all. */
#define ANSWER_MS 10000

/* How long a stream may be silent. */
#define SILENCE_SECONDS 60

/* As much as iperf3 reads at a time. */
#define READ_BYTES (128 << 10)

/*
 * Read to the end, or until nothing comes for too long: *@silent. *@good: what @check, unless NULL, thinks of the
 * bytes. Returns how many there were.
 */
static uint64_t read_all(int fd, struct zcdma_check *check, bool *good, bool *silent)
{
	static char buf[READ_BYTES];
	uint64_t bytes = 0;
	ssize_t n;

	while ((n = recv(fd, buf, sizeof(buf), 0)) > 0 || (n < 0 && errno == EINTR)) {
		if (n < 0)
			continue;
		bytes += (uint64_t)n;
		if (check && zcdma_check_feed(check, buf, (size_t)n))
			*good = false;
	}
	*silent = n < 0 && errno == EAGAIN;
	*good &= !n;
	return bytes;
}

static bool is_correct(struct zcdma_check *check)
{
	struct zcdma_check_result result;

	if (zcdma_check_end(check))
		return false;
	zcdma_check_get_result(check, &result);
	return !result.faults;
}

void bench_peer_take(int fd, bool wanted, time_t silence_seconds)
{
	const struct timeval silence = { .tv_sec = silence_seconds };
	struct bench_request request;
	struct zcdma_check *check = NULL;
	struct zcdma_ctx *ctx;
	bool good = true, silent;
	uint64_t bytes;
	int rc;

	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &silence, sizeof(silence));
	rc = bench_request_read(fd, &request);
	if (rc == 1)
		bench_request_serve(fd, &request);
	if (rc)
		return;
	if (wanted && (zcdma_new(&ctx) || zcdma_check_pattern(ctx, 0, &check)))
		return;
	bytes = read_all(fd, check, &good, &silent);
	if (silent) {
		fprintf(stderr, "zcdma bench: nothing came for %ld s: connection closed\n",
			(long)silence_seconds);
		return;
	}
	good &= !check || is_correct(check);
	dprintf(fd, "{\"received_bytes\": %llu, \"cpu_seconds\": %.6f, \"correct\": %s}\n",
		(unsigned long long)bytes, cpu_seconds(RUSAGE_SELF),
		!check ? "null"
		: good ? "true"
		       : "false");
}

unsigned bench_peer_reap(unsigned running)
{
	while (running && !signals_stop()) {
		pid_t pid = waitpid(-1, NULL, running < BENCH_PEER_STREAMS ? WNOHANG : 0);

		if (pid < 0 && errno == ECHILD)
			return 0;
		if (!pid)
			break;
		running -= pid > 0;
	}
	return running;
}

int bench_peer_serve(struct zcdma_ctx *ctx, const int *listeners, unsigned count, bool check)
{
	unsigned running = 0;

	while (!signals_stop()) {
		int fd = zcdma_accept_any(ctx, listeners, count, NULL, 0);
		pid_t pid;

		if (fd == -EINTR)
			zcdma_resume(ctx);
		if (fd < 0 && fd != -EINTR)
			return fd;
		if (fd < 0)
			continue;
		pid = bench_fork();
		if (!pid) {
			/* A sender that is stopped ends its stream, and wants the answer. */
			signal(SIGINT, SIG_IGN);
			bench_peer_take(fd, check, SILENCE_SECONDS);
			_exit(0);
		}
		close(fd);
		running = bench_peer_reap(running + (pid > 0));
	}
	return 0;
}

/* Read the answer, a line of JSON, to the end of the connection. Returns NULL if it is not one. */
static json_t *read_answer(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char text[256];
	size_t len = 0;
	ssize_t n = 1;

	while (n > 0 && len < sizeof(text) && poll(&p, 1, ANSWER_MS) == 1) {
		n = recv(fd, text + len, sizeof(text) - len, 0);
		len += n > 0 ? (size_t)n : 0;
	}
	return json_loadb(text, len, 0, NULL);
}

void bench_peer_ask(int fd, uint64_t sent_bytes, struct bench_sample *s)
{
	socklen_t len = sizeof(int);
	json_t *answer, *correct;
	double bytes, cpu;
	int type = 0;

	/* Datagrams are not answered. */
	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0 || type != SOCK_STREAM)
		return;
	answer = read_answer(fd);
	if (json_unpack(answer, "{s:F, s:F, s:o}", "received_bytes", &bytes, "cpu_seconds", &cpu,
			"correct", &correct))
		goto out;
	s->checked = !json_is_null(correct);
	s->correct = json_is_true(correct);
	if (bytes > 0)
		s->receiver_cpu_ns = cpu * 1e9 / bytes;
	if (bytes != (double)sent_bytes) {
		s->rc = -EIO;
		s->incomplete = true;
		snprintf(s->error, sizeof(s->error),
			 "%" PRIu64 " bytes were sent, and %.0f arrived", sent_bytes, bytes);
	}
out:
	json_decref(answer);
}
