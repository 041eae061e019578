// SPDX-License-Identifier: GPL-2.0-only
/* One ring, several readers: each is a process of its own, and a block is free when each of them has given it back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those four */
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <zcdma.h>
#include <zcdma/util.h>
#include <zcdma/verify.h>

#define READERS	 3
#define BLOCKS	 64u
#define RING	 8u
#define BLOCK	 65536u
#define LIMIT_MS 20000

static struct zcdma_ctx *ctx;
static struct zcdma_source *src;

/* A reader, and the producer's path to it. */
static struct reader {
	struct zcdma_path *path;
	pid_t pid;
	int to;			       /* the writing end of its pipe */
	int told;		       /* it writes a byte here when it holds a block, ... */
	int pages;		       /* ... whose pages are in this pipe */
	int go;			       /* and goes on when it can read a byte */
	struct zcdma_path_stats stats; /* of the path, once it is closed */
} readers[READERS];

/*
 * The process that reads. It exits with 0, or with the line that failed.
 */

#define MUST(condition)                            \
	do {                                       \
		if (!(condition))                  \
			_exit(__LINE__ % 200 + 1); \
	} while (0)

static bool is_right(const struct zcdma_block *b)
{
	return zcdma_pattern_match(b->data, b->len, b->offset, 0) == b->len;
}

/* Keep a block while the producer goes on, and leave its pages in a pipe. Its data stays as it is. */
static void keep(const struct zcdma_block *b, int told, int pages, int go)
{
	struct iovec part = { .iov_base = (void *)b->data, .iov_len = 4096 };
	char byte;

	MUST(vmsplice(pages, &part, 1, 0) == 4096);
	MUST(write(told, "x", 1) == 1);
	MUST(read(go, &byte, 1) == 1);
	MUST(is_right(b));
}

static void read_ring(int told, int pages, int go)
{
	struct zcdma_source *in;
	struct zcdma_block b;
	struct zcdma_ctx *c;
	uint64_t next = 0;
	int rc;

	MUST(!zcdma_new(&c) && !zcdma_source_open(c, "-", &in));
	MUST(!zcdma_source_set(in, "handover", "require"));
	while ((rc = zcdma_source_next(in, LIMIT_MS, &b)) == 1) {
		MUST(b.seq == next++ && is_right(&b));
		if (told >= 0 && b.seq == RING / 2)
			keep(&b, told, pages, go);
		MUST(!zcdma_block_release(in, &b));
	}
	/* A reader that was dropped gets that as its error. */
	MUST(rc == (told < 0 ? 0 : -ECANCELED));
	MUST(told >= 0 || next == BLOCKS);
	zcdma_source_close(in);
	zcdma_free(c);
	_exit(0);
}

/* Start a reader, one that keeps a block or one that does not. */
static void start(struct reader *r, bool keeps)
{
	int fds[2], told[2] = { -1, -1 }, pages[2] = { -1, -1 }, go[2] = { -1, -1 };

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	if (keeps) {
		assert_int_equal(pipe2(told, O_CLOEXEC), 0);
		assert_int_equal(pipe2(pages, O_CLOEXEC), 0);
		assert_int_equal(pipe2(go, O_CLOEXEC), 0);
	}
	r->pid = fork();
	assert_true(r->pid >= 0);
	if (!r->pid) {
		dup2(fds[0], STDIN_FILENO);
		/* Every other end is the producer's, which would not see that this reader is gone. */
		for (unsigned i = 0; i < READERS; i++) {
			if (readers[i].to > 0)
				close(readers[i].to);
		}
		close(fds[0]);
		close(fds[1]);
		read_ring(told[1], pages[1], go[0]);
	}
	close(fds[0]);
	r->to = fds[1];
	r->told = told[0];
	r->pages = pages[0];
	r->go = go[1];
	if (!keeps)
		return;
	close(told[1]);
	close(pages[1]);
	close(go[0]);
}

static int exit_of(struct reader *r)
{
	int status;

	assert_int_equal(waitpid(r->pid, &status, 0), r->pid);
	r->pid = 0;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/*
 * The producer
 */

static struct zcdma_path_stats stats_of(const struct reader *r)
{
	struct zcdma_path_stats s = r->stats;

	if (r->path)
		zcdma_path_get_stats(r->path, &s, sizeof(s));
	return s;
}

/* Close the path to a reader, and the pipe, whose end the reader waits for. */
static void close_reader(struct reader *r)
{
	if (r->path)
		r->stats = stats_of(r);
	zcdma_path_close(r->path);
	r->path = NULL;
	if (r->to > 0)
		close(r->to);
	r->to = 0;
}

static int open_all(void **state)
{
	(void)state;
	memset(readers, 0, sizeof(readers));
	src = NULL;
	return zcdma_new(&ctx);
}

static int close_all(void **state)
{
	(void)state;
	for (unsigned i = 0; i < READERS; i++) {
		struct reader *r = &readers[i];

		close_reader(r);
		if (r->pid > 0) {
			kill(r->pid, SIGKILL);
			waitpid(r->pid, NULL, 0);
		}
	}
	zcdma_source_close(src);
	zcdma_free(ctx);
	return 0;
}

/* Hand a ring over to all readers, the last of which keeps a block if @keeps. */
static void hand_over(bool keeps)
{
	struct zcdma_handover *found[READERS];
	char spec[64];

	for (unsigned i = 0; i < READERS; i++)
		start(&readers[i], keeps && i == READERS - 1);
	snprintf(spec, sizeof(spec), "sim:block=%u,blocks=%u", BLOCK, RING);
	assert_int_equal(zcdma_source_open(ctx, spec, &src), 0);
	for (unsigned i = 0; i < READERS; i++)
		assert_int_equal(zcdma_handover_find(ctx, readers[i].to, LIMIT_MS, &found[i]), 0);
	assert_int_equal(zcdma_source_prepare_shared(src, NULL, found, READERS), 0);
	for (unsigned i = 0; i < READERS; i++) {
		assert_int_equal(zcdma_path_open_handover(found[i], src, &readers[i].path), 0);
		zcdma_path_set_queue(readers[i].path, RING);
		zcdma_path_set_timeout(readers[i].path, LIMIT_MS);
	}
	zcdma_source_set_limit(src, 0, BLOCKS);
}

/* Give a path that failed up. Returns whether one did. */
static bool drop_failed(void)
{
	bool any = false;

	for (unsigned i = 0; i < READERS; i++) {
		struct reader *r = &readers[i];

		if (r->pid <= 0 || !zcdma_path_process(r->path))
			continue;
		zcdma_path_drop(r->path);
		exit_of(r);
		any = true;
	}
	return any;
}

/* Send at most @blocks to each reader that is there. */
static void send_blocks(unsigned blocks)
{
	struct zcdma_block b, share;
	int rc;

	for (unsigned n = 0; n < blocks; n++) {
		while ((rc = zcdma_source_next(src, LIMIT_MS, &b)) < 0)
			assert_true(drop_failed());
		if (!rc)
			return;
		for (unsigned i = 0; i < READERS; i++) {
			struct reader *r = &readers[i];

			if (r->pid <= 0)
				continue;
			assert_int_equal(zcdma_block_share(src, &b, &share), 0);
			if (!zcdma_path_send(r->path, &share))
				continue;
			zcdma_path_drop(r->path);
			exit_of(r);
		}
		assert_int_equal(zcdma_block_release(src, &b), 0);
	}
}

static void finish(void)
{
	for (unsigned i = 0; i < READERS; i++) {
		if (readers[i].pid > 0)
			assert_int_equal(zcdma_path_finish(readers[i].path), 0);
	}
	for (unsigned i = 0; i < READERS; i++) {
		close_reader(&readers[i]);
		if (readers[i].pid > 0)
			assert_int_equal(exit_of(&readers[i]), 0);
	}
}

static void wait_until_kept(const struct reader *r)
{
	struct pollfd p = { .fd = r->told, .events = POLLIN };
	char byte;

	assert_int_equal(poll(&p, 1, LIMIT_MS), 1);
	assert_int_equal(read(r->told, &byte, 1), 1);
}

static void each_gets_everything(void **state)
{
	(void)state;
	hand_over(false);
	send_blocks(BLOCKS);
	finish();
	for (unsigned i = 0; i < READERS; i++) {
		assert_int_equal(stats_of(&readers[i]).bytes, (uint64_t)BLOCKS * BLOCK);
		assert_int_equal(stats_of(&readers[i]).pending_blocks, 0);
	}
}

/* What a killed reader had comes back with fresh pages: a pipe still has the old ones, and they stay as they were. */
static void a_killed_reader_is_not_the_end_of_the_others(void **state)
{
	struct reader *killed = &readers[READERS - 1];
	struct zcdma_source_stats s;
	unsigned char page[4096];

	(void)state;
	hand_over(true);
	send_blocks(RING / 2 + 1);
	/* The producer sends what each reader still lacks while it waits. */
	for (unsigned i = 0; i < READERS; i++)
		assert_int_equal(zcdma_path_process(readers[i].path), 0);
	wait_until_kept(killed);
	kill(killed->pid, SIGKILL);
	send_blocks(BLOCKS);
	finish();
	assert_int_equal(killed->pid, 0);
	assert_true(stats_of(killed).bytes <= (uint64_t)(RING / 2 + 1) * BLOCK);
	assert_int_equal(stats_of(killed).pending_blocks, 0);
	assert_int_equal(stats_of(&readers[0]).bytes, (uint64_t)BLOCKS * BLOCK);
	zcdma_source_get_stats(src, &s, sizeof(s));
	assert_in_range(s.replaced, 1, RING);
	assert_int_equal(read(killed->pages, page, sizeof(page)), sizeof(page));
	assert_int_equal(zcdma_pattern_match(page, sizeof(page), RING / 2 * BLOCK, 0),
			 sizeof(page));
}

/* A reader that is dropped and lives reads its block yet: it stays out of the ring until it is given back. */
static void a_dropped_reader_keeps_what_it_has(void **state)
{
	struct reader *dropped = &readers[READERS - 1];

	(void)state;
	hand_over(true);
	send_blocks(RING / 2 + 1);
	for (unsigned i = 0; i < READERS; i++)
		assert_int_equal(zcdma_path_process(readers[i].path), 0);
	wait_until_kept(dropped);
	zcdma_path_drop(dropped->path);
	dropped->pid = -dropped->pid; /* nothing is sent to it */
	send_blocks(BLOCKS / 2);
	assert_true(stats_of(dropped).pending_blocks >= 1);
	assert_int_equal(write(dropped->go, "x", 1), 1);
	dropped->pid = -dropped->pid;
	assert_int_equal(exit_of(dropped), 0);
	send_blocks(BLOCKS);
	finish();
	assert_int_equal(stats_of(dropped).pending_blocks, 0);
}

/* What the first path needs is not taken from the ring by the second. */
static void a_ring_stays_as_it_was_made_for_all(void **state)
{
	struct zcdma_handover *found[1];
	struct zcdma_path *other;
	int null;

	(void)state;
	start(&readers[0], false);
	assert_int_equal(zcdma_source_open(ctx, "sim:block=64K,blocks=8", &src), 0);
	assert_int_equal(zcdma_handover_find(ctx, readers[0].to, LIMIT_MS, found), 0);
	assert_int_equal(zcdma_source_prepare_shared(src, "copy", found, 1), 0);
	null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	assert_int_equal(zcdma_path_open(ctx, src, "copy", null, &other), 0);
	assert_int_equal(zcdma_path_open_handover(found[0], src, &readers[0].path), 0);
	zcdma_source_set_limit(src, 0, BLOCKS);
	send_blocks(BLOCKS);
	finish();
	zcdma_path_close(other);
	close(null);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_all, close_all)
	const struct CMUnitTest tests[] = {
		TEST(each_gets_everything),
		TEST(a_killed_reader_is_not_the_end_of_the_others),
		TEST(a_dropped_reader_keeps_what_it_has),
		TEST(a_ring_stays_as_it_was_made_for_all),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
