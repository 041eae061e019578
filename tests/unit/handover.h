/* SPDX-License-Identifier: GPL-2.0-only */
/* What the tests of the hand-over share: valid messages, and random numbers to spoil them with. */
#ifndef TEST_HANDOVER_H
#define TEST_HANDOVER_H

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "handover/protocol.h"
#include "random.h"

#define PAGE	 4096u
#define BLOCK	 65536u
#define LIMIT_MS 20000 /* for what happens at once on an idle machine */
#define SEALS	 (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

static const struct zc_ho_offer ring_offer = {
	.ring = ZC_HO_MEMORY,
	.blocks = 4,
	.block_size = BLOCK,
	.stride = BLOCK,
	.page_size = PAGE,
};

/* A field of a message, and a value that it must not have. */
struct bad_field {
	enum zc_ho_type type;
	size_t at, size;
	uint64_t value;
};

/* clang-format off */
#define BAD(type, member, value) \
	{ type, offsetof(struct zc_ho_msg, member), sizeof(((struct zc_ho_msg *)NULL)->member), value }
/* clang-format on */

/* Or a valid message, at the wrong time. */
#define AS_IS(type)           \
	{                     \
		type, 0, 0, 0 \
	}

static const struct zc_ho_block first_block = { .len = BLOCK };

/* A valid message of each type, with as many bodies as there may be. */
static inline struct zc_ho_msg valid(enum zc_ho_type type)
{
	struct zc_ho_msg msg = { .head = { 0 } };
	uint32_t count = type == ZC_HO_HELLO || type == ZC_HO_ACCEPT ? 0
			 : type == ZC_HO_WAKE || type == ZC_HO_DROP  ? 0
			 : type == ZC_HO_BLOCK			     ? ZC_HO_BLOCKS
			 : type == ZC_HO_RELEASE		     ? ZC_HO_RELEASES
								     : 1;

	zc_ho_begin(&msg, type, count);
	if (type == ZC_HO_WAKE || type == ZC_HO_BYTES || type == ZC_HO_DROP)
		msg.head.version = ZC_HO_VERSION;
	if (type == ZC_HO_OFFER)
		msg.offer = ring_offer;
	for (uint32_t i = 0; type == ZC_HO_BLOCK && i < count; i++)
		msg.block[i].len = BLOCK;
	return msg;
}

/* A message that is valid but for one field. */
static inline struct zc_ho_msg spoiled(const struct bad_field *bad)
{
	struct zc_ho_msg msg = valid(bad->type);

	memcpy((char *)&msg + bad->at, &bad->value, bad->size);
	return msg;
}

static inline unsigned fds_of(enum zc_ho_type type)
{
	switch (type) {
	case ZC_HO_OFFER:
		return 2;
	case ZC_HO_HELLO:
	case ZC_HO_WELCOME:
	case ZC_HO_ACCEPT:
	case ZC_HO_BYTES:
		return 1;
	default:
		return 0;
	}
}

/* The same, of a message of any version. */
static inline unsigned fds_with(const struct zc_ho_msg *msg)
{
	const bool page = msg->head.type == ZC_HO_OFFER && msg->head.version == ZC_HO_VERSION;

	return fds_of((enum zc_ho_type)msg->head.type) + page;
}

/* Send a message with the descriptors of its type, the first of which are @a and @b. */
static inline int say(int sock, const struct zc_ho_msg *msg, int a, int b)
{
	return zc_ho_send(sock, msg, (const int[]){ a, b });
}

/* The same, with a name of the pipe @fd. */
static inline int say_name(int sock, const struct zc_ho_msg *msg, int fd)
{
	int name = zc_ho_name_pipe(fd), rc = say(sock, msg, name, -1);

	close(name);
	return rc;
}

static inline int make_memfd(size_t size, int seals)
{
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

/* Memory that is the ring of @ring_offer. */
static inline int make_ring(void)
{
	return make_memfd(4 * BLOCK, SEALS);
}

static inline int count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static int pipe_fd[2];
static int saved_stdin;

/* A pipe, whose reading end is standard input too. */
static inline int make_pipe(void **state)
{
	(void)state;
	saved_stdin = dup(STDIN_FILENO);
	return pipe2(pipe_fd, O_CLOEXEC) || dup2(pipe_fd[0], STDIN_FILENO) < 0;
}

static inline void close_end(int end)
{
	if (pipe_fd[end] >= 0)
		close(pipe_fd[end]);
	pipe_fd[end] = -1;
}

static inline int close_pipe(void **state)
{
	(void)state;
	close_end(0);
	close_end(1);
	dup2(saved_stdin, STDIN_FILENO);
	close(saved_stdin);
	return 0;
}

#define WITH_PIPE(test) cmocka_unit_test_setup_teardown(test, make_pipe, close_pipe)

/* Discard what is in the pipe. */
static inline void empty_pipe(void)
{
	char bytes[4096];
	struct pollfd p = { .fd = pipe_fd[0], .events = POLLIN };

	while (poll(&p, 1, 0) == 1 && read(pipe_fd[0], bytes, sizeof(bytes)) > 0)
		;
}

static inline int connect_pipe(void)
{
	int sock = zc_ho_connect(pipe_fd[1]);

	assert_true(sock >= 0);
	return sock;
}

/* Send @len bytes of @data with @count descriptors. */
static inline void send_raw(int sock, const void *data, size_t len, int count)
{
	struct iovec iov = { .iov_base = (void *)data, .iov_len = len };
	union {
		char buf[CMSG_SPACE(8 * sizeof(int))];
		struct cmsghdr align;
	} control = { { 0 } };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	const int fds[8] = { 0, 1, 2, 0, 1, 2, 0, 1 };

	if (count) {
		struct cmsghdr *c;

		m.msg_control = &control;
		m.msg_controllen = CMSG_SPACE((size_t)count * sizeof(int));
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN((size_t)count * sizeof(int));
		memcpy(CMSG_DATA(c), fds, (size_t)count * sizeof(int));
	}
	assert_int_equal(sendmsg(sock, &m, 0), len);
}

#endif
