// SPDX-License-Identifier: GPL-2.0-only
/* The pipe's two ends: where they meet, and what proves that a process has one, or a ring. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those four */
#include <cmocka.h>

#include <fcntl.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "handover.h"

static void test_meeting(void **state)
{
	int other[2], a, b;

	(void)state;
	assert_int_equal(zc_ho_connect(pipe_fd[1]), -ECONNREFUSED);
	a = zc_ho_listen(pipe_fd[0]);
	assert_true(a >= 0);
	assert_int_equal(zc_ho_listen(pipe_fd[0]), -EADDRINUSE);
	b = connect_pipe();
	assert_true(zc_local_same_user(b));
	close(b);
	assert_int_equal(pipe2(other, O_CLOEXEC), 0);
	assert_int_equal(zc_ho_connect(other[1]), -ECONNREFUSED);
	assert_int_equal(zc_ho_connect(a), -ENOTSUP);
	close(other[0]);
	close(other[1]);
	close(a);
}

/* Check a namespace without a mapping, where root and all other users have the same number. */
static void test_unmapped_is_nobody(void **state)
{
	int status;
	pid_t pid = fork();

	(void)state;
	if (!pid) {
		int pair[2];

		if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) || !zc_local_same_user(pair[0]))
			_exit(1);
		if (unshare(CLONE_NEWUSER))
			_exit(77);
		if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) || zc_local_same_user(pair[0]))
			_exit(2);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
		print_message("no user namespaces here\n");
		skip();
	}
	assert_int_equal(status, 0);
}

static void test_proof(void **state)
{
	int other[2], file, name;

	(void)state;
	assert_true(zc_ho_is_end(pipe_fd[1], pipe_fd[0], O_WRONLY));
	assert_true(zc_ho_is_end(pipe_fd[0], pipe_fd[1], O_RDONLY));
	assert_false(zc_ho_is_end(pipe_fd[0], pipe_fd[0], O_WRONLY));
	assert_false(zc_ho_is_end(pipe_fd[1], pipe_fd[1], O_RDONLY));
	assert_int_equal(pipe2(other, O_CLOEXEC), 0);
	assert_false(zc_ho_is_end(other[1], pipe_fd[0], O_WRONLY));
	file = open("/dev/null", O_WRONLY | O_CLOEXEC);
	assert_false(zc_ho_is_end(file, pipe_fd[0], O_WRONLY));
	assert_false(zc_ho_is_end(-1, pipe_fd[0], O_WRONLY));

	name = zc_ho_name_pipe(pipe_fd[1]);
	assert_true(zc_ho_is_name(name, pipe_fd[0]));
	assert_false(zc_ho_is_name(name, other[0]));
	assert_false(zc_ho_is_name(pipe_fd[1], pipe_fd[0]));
	assert_false(zc_ho_is_name(-1, pipe_fd[0]));
	assert_false(zc_ho_is_end(name, pipe_fd[0], O_WRONLY));
	/* It does not keep the pipe from ending. */
	close_end(1);
	assert_int_equal(read(pipe_fd[0], &(char){ 0 }, 1), 0);
	close(name);
	close(file);
	close(other[0]);
	close(other[1]);
}

static void assert_no_ring(int fd)
{
	struct zc_ho_offer offer = ring_offer;

	for (offer.ring = 0; offer.ring < ZC_HO_RINGS; offer.ring++) {
		offer.stride = offer.ring == ZC_HO_FILE ? 0 : BLOCK;
		assert_int_equal(zc_ho_check_ring(&offer, fd), -EPROTO);
	}
	close(fd);
}

static int reopen(int fd, int flags)
{
	char name[32];

	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	return open(name, flags | O_CLOEXEC);
}

static void test_rings(void **state)
{
	struct zc_ho_offer offer = ring_offer;
	int good = make_ring(), open_ended = make_memfd(4 * BLOCK, F_SEAL_GROW);
	int small = make_memfd(4 * BLOCK - 1, SEALS), reading = reopen(good, O_RDONLY);

	(void)state;
	assert_int_equal(zc_ho_check_ring(&offer, good), 0);
	assert_int_equal(zc_ho_check_ring(&offer, reading), 0);
	assert_int_equal(zc_ho_check_ring(&offer, open_ended), -EPROTO);
	assert_int_equal(zc_ho_check_ring(&offer, small), -EPROTO);
	offer.ring = ZC_HO_DEVICE;
	assert_int_equal(zc_ho_check_ring(&offer, good), -EPROTO);
	offer.ring = ZC_HO_FILE;
	assert_int_equal(zc_ho_check_ring(&offer, good), 0);
	close(open_ended);
	close(small);
	close(reading);

	/* Some of these are devices that can be mapped, but not devices of zcdma. */
	assert_no_ring(open("/dev/null", O_RDWR | O_CLOEXEC));
	assert_no_ring(open("/dev/zero", O_RDWR | O_CLOEXEC));
	assert_no_ring(open("/dev/full", O_RDWR | O_CLOEXEC));
	assert_no_ring(open("/", O_RDONLY | O_CLOEXEC));
	assert_no_ring(dup(pipe_fd[0]));
	assert_no_ring(eventfd(0, EFD_CLOEXEC));
	assert_no_ring(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
	assert_no_ring(reopen(good, O_PATH));
	assert_no_ring(reopen(good, O_WRONLY));
	close(good);
	assert_no_ring(-1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_PIPE(test_meeting),
		cmocka_unit_test(test_unmapped_is_nobody),
		WITH_PIPE(test_proof),
		WITH_PIPE(test_rings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
