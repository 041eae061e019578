// SPDX-License-Identifier: GPL-2.0-only
/* The receiver of a bench: how its answer changes a run's result, and how many streams it reads at once. */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "bench/request.h"
#include "bench/server.h"
#include "cli/signals.h"

/* Return the result of a run of @sent bytes after the receiver's @answer. */
static struct bench_sample ask(uint64_t sent, const char *answer)
{
	struct bench_sample s = { .receiver_cpu_ns = -1 };
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	assert_int_equal(write(ends[1], answer, strlen(answer)), strlen(answer));
	close(ends[1]);
	bench_peer_ask(ends[0], sent, &s);
	close(ends[0]);
	return s;
}

static void an_answer_says_what_receiving_cost(void **state)
{
	struct bench_sample s =
		ask(2000, "{\"received_bytes\": 2000, \"cpu_seconds\": 1e-6, \"correct\": null}\n");

	(void)state;
	assert_int_equal(s.rc, 0);
	assert_true(s.receiver_cpu_ns > 0.49 && s.receiver_cpu_ns < 0.51);
	assert_false(s.checked);
	s = ask(8, "{\"received_bytes\": 8, \"cpu_seconds\": 0, \"correct\": false}\n");
	assert_true(s.checked && !s.correct && !s.rc);
	s = ask(8, "{\"received_bytes\": 8, \"cpu_seconds\": 0, \"correct\": true}\n");
	assert_true(s.checked && s.correct && !s.rc);
}

static void another_number_of_bytes_is_an_error(void **state)
{
	static const char *const answers[] = {
		"{\"received_bytes\": 7, \"cpu_seconds\": 0, \"correct\": true}\n",
		"{\"received_bytes\": 9, \"cpu_seconds\": 0, \"correct\": null}\n",
		"{\"received_bytes\": 0, \"cpu_seconds\": 0, \"correct\": true}\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		struct bench_sample s = ask(8, answers[i]);

		assert_true(s.rc && s.incomplete);
		assert_non_null(strstr(s.error, "8 bytes were sent"));
	}
}

/* Check receivers without a valid answer: verify --listen sends nothing, other programs may send anything. */
static void a_receiver_that_does_not_answer_is_none_to_compare(void **state)
{
	static const char *const answers[] = { "", "hello\n", "{\"received_bytes\": 3}\n" };

	(void)state;
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		struct bench_sample s = ask(8, answers[i]);

		assert_true(!s.rc && !s.checked && s.receiver_cpu_ns < 0);
	}
}

static void serve(struct zcdma_ctx *ctx, int listener)
{
	signals_watch(ctx);
	_exit(bench_peer_serve(ctx, &listener, 1, false) != 0);
}

static int connect_to(int listener)
{
	struct sockaddr_in sa;
	socklen_t len = sizeof(sa);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(getsockname(listener, (struct sockaddr *)&sa, &len), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&sa, len), 0);
	return fd;
}

/* Wait up to @ms for an answer from the receiver at @fd. Returns false if there is not one. */
static bool answers(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char c;

	return poll(&p, 1, ms) == 1 && recv(fd, &c, 1, 0) == 1 && c == '{';
}

/* The first streams stay open, so that the last one is read only when one of them ends. */
static void more_streams_than_it_reads_at_once_wait(void **state)
{
	struct zcdma_addr addr = { .host = "127.0.0.1", .port = "0" };
	struct zcdma_ctx *ctx;
	int fd[BENCH_PEER_STREAMS + 1], listener, status = -1;
	pid_t pid;

	(void)state;
	assert_int_equal(zcdma_new(&ctx), 0);
	listener = zcdma_listen(ctx, &addr);
	assert_true(listener >= 0);
	pid = fork();
	if (!pid)
		serve(ctx, listener);
	for (unsigned i = 0; i <= BENCH_PEER_STREAMS; i++)
		fd[i] = connect_to(listener);
	shutdown(fd[BENCH_PEER_STREAMS - 1], SHUT_WR);
	shutdown(fd[BENCH_PEER_STREAMS], SHUT_WR);
	/* This answer shows that all streams but the last were accepted. Its end makes room for the last. */
	assert_true(answers(fd[BENCH_PEER_STREAMS - 1], 30000));
	assert_true(answers(fd[BENCH_PEER_STREAMS], 30000));
	kill(pid, SIGTERM);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	for (unsigned i = 0; i <= BENCH_PEER_STREAMS; i++)
		close(fd[i]);
	close(listener);
	zcdma_free(ctx);
}

/* Without a timeout, a client that is dead or not a sender would keep its place without end. */
static void a_silent_stream_is_closed(void **state)
{
	int fds[2], status = -1;
	struct pollfd p;
	pid_t pid;
	char c;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	pid = fork();
	if (!pid) {
		bench_peer_take(fds[1], false, 1);
		_exit(0);
	}
	close(fds[1]);
	p = (struct pollfd){ .fd = fds[0], .events = POLLIN };
	assert_int_equal(send(fds[0], "x", 1, 0), 1);
	/* The receiver closes the stream without an answer. */
	assert_int_equal(poll(&p, 1, 30000), 1);
	assert_int_equal(recv(fds[0], &c, 1, 0), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	close(fds[0]);
}

static void no_more_streams_than_that_are_read_at_once(void **state)
{
	unsigned running = 0;

	(void)state;
	for (unsigned i = 0; i < 3 * BENCH_PEER_STREAMS; i++) {
		if (!fork()) {
			usleep(20000); /* longer than it takes to start too many, if nothing waits */
			_exit(0);
		}
		running = bench_peer_reap(running + 1);
		assert_true(running < BENCH_PEER_STREAMS);
	}
	while (waitpid(-1, NULL, 0) > 0)
		;
	/* All children have been waited for. */
	assert_int_equal(bench_peer_reap(BENCH_PEER_STREAMS), 0);
}

/* Read what @text of a connection is. Returns as bench_request_read(), and how much of it is left in *@left. */
static int read_request(const char *text, struct bench_request *request, size_t *left)
{
	int ends[2], rc;
	char rest[1024];
	ssize_t n;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	assert_int_equal(write(ends[1], text, strlen(text)), strlen(text));
	close(ends[1]);
	rc = bench_request_read(ends[0], request);
	n = recv(ends[0], rest, sizeof(rest), 0);
	*left = n > 0 ? (size_t)n : 0;
	close(ends[0]);
	return rc;
}

static void a_stream_is_not_taken_for_a_request(void **state)
{
	static const char *const streams[] = { "", "x", "{\"bench_re", "{\"bench_request\" :1}",
					       "data that is longer than a request begins with" };
	struct bench_request request;
	size_t left;

	(void)state;
	for (size_t i = 0; i < sizeof(streams) / sizeof(streams[0]); i++) {
		assert_int_equal(read_request(streams[i], &request, &left), 0);
		assert_int_equal(left, strlen(streams[i]));
	}
}

static void a_request_is_read_as_it_was_made(void **state)
{
	const struct bench_request asked = {
		.port = 65535, .datagrams = true, .check = true, .congestion = "reno"
	};
	struct bench_request request = { 0 };
	int ends[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	assert_int_equal(bench_request_ask(ends[1], &asked), 0);
	assert_int_equal(bench_request_read(ends[0], &request), 1);
	assert_int_equal(request.port, 65535);
	assert_true(request.datagrams && request.check);
	assert_string_equal(request.congestion, "reno");
	close(ends[0]);
	close(ends[1]);
}

static void a_request_without_sense_is_refused(void **state)
{
	static const char *const requests[] = {
		"{\"bench_request\":1}\n",
		"{\"bench_request\":1,\"port\":0,\"datagrams\":true,\"check\":false,\"congestion\":\"\"}\n",
		"{\"bench_request\":1,\"port\":65536,\"datagrams\":true,\"check\":false,\"congestion\":\"\"}\n",
		"{\"bench_request\":2,\"port\":9,\"datagrams\":true,\"check\":false,\"congestion\":\"\"}\n",
		"{\"bench_request\":1,\"port\":9,\"datagrams\":true,\"check\":false,\"congestion\":\"0123456789abcdef\"}\n",
		"{\"bench_request\":1,\"port\":9",
	};
	struct bench_request request;
	size_t left;

	(void)state;
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
		assert_int_equal(read_request(requests[i], &request, &left), -EPROTO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_answer_says_what_receiving_cost),
		cmocka_unit_test(another_number_of_bytes_is_an_error),
		cmocka_unit_test(a_receiver_that_does_not_answer_is_none_to_compare),
		cmocka_unit_test(more_streams_than_it_reads_at_once_wait),
		cmocka_unit_test(a_stream_is_not_taken_for_a_request),
		cmocka_unit_test(a_request_is_read_as_it_was_made),
		cmocka_unit_test(a_request_without_sense_is_refused),
		cmocka_unit_test(a_silent_stream_is_closed),
		cmocka_unit_test(no_more_streams_than_that_are_read_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
