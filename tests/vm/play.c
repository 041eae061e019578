// SPDX-License-Identifier: GPL-2.0-only
/*
 * play: what goes to an output device arrives there whole and in order, however it is given, and what did not arrive
 * is known. The device is a simulated sink, which checks the pattern. Speaks TAP.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "shared/control.h"
#include "shared/fault.h"
#include "shared/module.h"
#include "shared/ring.h"
#include "shared/sink.h"
#include "shared/tap.h"
#include "shared/task.h"

static int give(const struct ring *r, unsigned index, size_t length)
{
	struct zcdma_dev_give g = { .size = sizeof(g), .index = index, .length = length };

	return ioctl(r->fd, ZCDMA_IOC_GIVE, &g) ? -errno : 0;
}

/* Take a block, fill it with what comes at @offset of the stream, and queue it. */
static void play(const struct ring *r, size_t length, uint64_t offset)
{
	struct zcdma_dev_block b = ring_take(r);

	EXPECT(!b.length);
	sink_fill(r->map + b.mmap_offset, length, offset);
	EXPECT(!give(r, b.index, length));
}

static struct ring create(unsigned model, uint64_t rate)
{
	struct zcdma_dev_setup s = ring_wanted(model);

	s.rate = rate;
	return ring_create(O_RDWR, s);
}

/* All blocks are queued before the start, and then one when there is one: the queue is long, and short. */
static void blocks_are_played_in_order(unsigned model)
{
	struct ring r = create(model, 0);
	uint64_t offset = 0;

	EXPECT(ring_info(r.fd).flags & ZCDMA_DEV_INFO_OUT);
	EXPECT(ring_info(r.fd).length_align == 1);
	for (unsigned i = 0; i < 3 * BLOCKS; i++) {
		size_t length = i % 3 ? BLOCK - 100 * i - i % 2 : BLOCK;

		if (i == BLOCKS)
			ring_go(&r);
		play(&r, length, offset);
		offset += length;
	}
	EXPECT(!fsync(r.fd));
	sink_expect_played(&r, offset);
	EXPECT(ring_stats(r.fd).blocks == 3 * BLOCKS && ring_stats(r.fd).free == BLOCKS);
	ring_end(&r);
}

/* The same through the control page: full has the empty blocks. */
static void blocks_are_played_from_the_page(unsigned model)
{
	struct control c = control_start(model);
	uint64_t offset = 0;
	char byte = 0;

	for (unsigned i = 0; i < 5 * BLOCKS; i++) {
		size_t length = i % 3 ? BLOCK - 100 * i - i % 2 : BLOCK;
		struct zcdma_dev_block b = control_take(&c);

		EXPECT(!b.length && !b.flags);
		sink_fill(c.ring.map + b.mmap_offset, length, offset);
		control_give(&c, b.index, length);
		offset += length;
	}
	EXPECT_ERRNO(write(c.ring.fd, &byte, 1), EBUSY);
	EXPECT(!fsync(c.ring.fd));
	sink_expect_played(&c.ring, offset);
	EXPECT(ring_stats(c.ring.fd).blocks == 5 * BLOCKS && ring_stats(c.ring.fd).held == BLOCKS);
	EXPECT(!c.page->refused);
	control_end(&c);
}

/* A length that no block has is refused, and one of 0 returns the block empty. */
static void lengths_in_the_page_are_checked(unsigned model)
{
	struct control c = control_start(model);
	struct zcdma_dev_block b = control_take(&c);

	control_put(&c, b.index, BLOCK + 1);
	control_put(&c, b.index, ~0ULL);
	control_put(&c, BLOCKS, 1);
	control_kick(&c);
	EXPECT(c.page->refused == 3 && ring_stats(c.ring.fd).held == BLOCKS);
	control_put(&c, b.index, 0);
	control_kick(&c);
	EXPECT(c.page->refused == 3 && ring_stats(c.ring.fd).held == BLOCKS);
	for (unsigned i = 0; i < BLOCKS; i++)
		EXPECT(control_take(&c).index == (b.index + 1 + i) % BLOCKS);
	control_end(&c);
}

/* What STOP drops comes back, and says so. */
static void stop_returns_blocks_to_the_page(unsigned model)
{
	struct zcdma_dev_setup s = ring_wanted(model);
	unsigned dropped = 0;
	struct control c;

	s.rate = BLOCK / 8;
	c = control_create(s);
	ring_go(&c.ring);
	for (unsigned i = 0; i < 4; i++)
		control_give(&c, control_take(&c).index, BLOCK);
	ring_stop(&c.ring);
	EXPECT(c.page->flags & ZCDMA_DEV_CONTROL_ENDED);
	for (unsigned i = 0; i < BLOCKS; i++) {
		struct zcdma_dev_block b = control_take(&c);

		EXPECT(!b.flags || b.error == ECANCELED);
		dropped += !!b.flags;
	}
	/* One may have been played. */
	EXPECT(dropped >= 3 && dropped <= 4);
	control_end(&c);
}

/* Four threads queue blocks at the same time: each is played once, in the order in which they were queued. */
static pthread_mutex_t order = PTHREAD_MUTEX_INITIALIZER;
static uint64_t shared_offset;

static void *play_some(void *arg)
{
	for (unsigned i = 0; i < tap_repeat(200); i++) {
		EXPECT(!pthread_mutex_lock(&order));
		play(arg, PAGE, shared_offset);
		shared_offset += PAGE;
		EXPECT(!pthread_mutex_unlock(&order));
	}
	return NULL;
}

static void *write_nothing(void *arg)
{
	for (unsigned i = 0; i < tap_repeat(200); i++)
		EXPECT(!fsync(((struct ring *)arg)->fd));
	return NULL;
}

static void threads_keep_the_order(unsigned model)
{
	struct ring r = create(model, 0);
	struct task tasks[4];

	shared_offset = 0;
	ring_go(&r);
	for (size_t i = 0; i < 4; i++)
		tasks[i] = task_start(i ? play_some : write_nothing, &r);
	for (size_t i = 0; i < 4; i++)
		task_join(&tasks[i]);
	EXPECT(!fsync(r.fd));
	sink_expect_played(&r, shared_offset);
	ring_end(&r);
}

static void written_data_is_played(unsigned model)
{
	static const size_t lengths[] = {
		1, 7, PAGE, BLOCK - 3, 3 * BLOCK + 5, 2 * BLOCKS * BLOCK
	};
	struct ring r = create(model, 0);
	char *data = malloc(2 * BLOCKS * BLOCK), *volatile nowhere = NULL;
	uint64_t offset = 0;

	ring_go(&r);
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		sink_fill(data, lengths[i], offset);
		EXPECT(write(r.fd, data, lengths[i]) == (ssize_t)lengths[i]);
		offset += lengths[i];
		/* A part of a block is not played until it is asked for. */
		if (i == 1) {
			EXPECT(!ring_stats(r.fd).blocks);
			EXPECT(!fsync(r.fd) && ring_stats(r.fd).bytes == 8);
		}
	}
	EXPECT(!fsync(r.fd));
	sink_expect_played(&r, offset);
	EXPECT(ring_stats(r.fd).write_bytes == offset);
	EXPECT_ERRNO(write(r.fd, nowhere, 1), EFAULT);
	free(data);
	ring_end(&r);
}

static void a_wrong_byte_is_found(unsigned model)
{
	struct ring r = create(model, 0);
	struct zcdma_dev_block b;

	ring_go(&r);
	play(&r, BLOCK, 0);
	b = ring_take(&r);
	sink_fill(r.map + b.mmap_offset, BLOCK, BLOCK);
	r.map[b.mmap_offset + 12345] ^= 1;
	r.map[b.mmap_offset + 12350] ^= 1;
	EXPECT(!give(&r, b.index, BLOCK));
	EXPECT(!fsync(r.fd));
	sink_expect("wrong_bytes", "2");
	sink_expect("first_wrong", "274489");
	ring_end(&r);
	/* A new ring is a new stream. */
	r = create(model, 0);
	ring_go(&r);
	play(&r, 64, 0);
	EXPECT(!fsync(r.fd));
	sink_expect_played(&r, 64);
	ring_end(&r);
}

/* What a disk writes into a held block by direct access goes to the device, and no CPU copies it. */
static void direct_reads_are_played(unsigned model)
{
	struct ring r = create(model, 0);
	int disk = open("/dev/ram0", O_RDWR | O_CLOEXEC);
	char *data = malloc(BLOCK);

	EXPECT(disk >= 0 && data);
	for (uint64_t i = 0; i < 2 * BLOCKS; i++) {
		sink_fill(data, BLOCK, i * BLOCK);
		EXPECT(pwrite(disk, data, BLOCK, (off_t)(i * BLOCK)) == BLOCK);
	}
	EXPECT(!fsync(disk) && !close(disk));
	disk = open("/dev/ram0", O_RDONLY | O_DIRECT | O_CLOEXEC);
	EXPECT(disk >= 0);
	ring_go(&r);
	for (unsigned i = 0; i < 2 * BLOCKS; i++) {
		struct zcdma_dev_block b = ring_take(&r);

		EXPECT(read(disk, r.map + b.mmap_offset, BLOCK) == BLOCK);
		EXPECT(!give(&r, b.index, BLOCK));
	}
	EXPECT(!fsync(r.fd));
	sink_expect_played(&r, (uint64_t)2 * BLOCKS * BLOCK);
	EXPECT(!ring_stats(r.fd).write_bytes && !close(disk));
	free(data);
	ring_end(&r);
}

static void what_is_no_output_s_is_refused(unsigned model)
{
	struct ring r = create(model, 0);
	struct zcdma_dev_block b = { .size = sizeof(b) };
	char data[8];
	int fd[2];

	EXPECT(!pipe(fd));
	EXPECT_ERRNO(read(r.fd, data, sizeof(data)), EINVAL);
	EXPECT_ERRNO(splice(r.fd, NULL, fd[1], NULL, PAGE, 0), EINVAL);
	b = ring_take(&r);
	EXPECT(give(&r, b.index, BLOCK + 1) == -EINVAL && give(&r, BLOCKS, 1) == -EINVAL);
	EXPECT(give(&r, (b.index + 1) % BLOCKS, 1) == -EINVAL);
	EXPECT(!give(&r, b.index, 1) && give(&r, b.index, 1) == -EINVAL);
	EXPECT(!close(fd[0]) && !close(fd[1]));
	ring_end(&r);
}

static void an_empty_block_comes_again(unsigned model)
{
	struct ring r = create(model, 0);
	struct pollfd p = { .fd = r.fd, .events = POLLIN | POLLOUT };
	struct zcdma_dev_block b = { .size = sizeof(b) };
	unsigned last = 0;

	EXPECT(!fcntl(r.fd, F_SETFL, O_NONBLOCK));
	EXPECT(poll(&p, 1, 0) == 1 && p.revents == POLLOUT);
	for (unsigned i = 0; i < BLOCKS; i++)
		last = ring_take(&r).index;
	EXPECT(poll(&p, 1, 0) == 0);
	EXPECT_ERRNO(ioctl(r.fd, ZCDMA_IOC_TAKE, &b), EAGAIN);
	EXPECT_ERRNO(write(r.fd, "x", 1), EAGAIN);
	EXPECT(!give(&r, last, 0));
	EXPECT(poll(&p, 1, 0) == 1 && p.revents == POLLOUT);
	EXPECT(ring_take(&r).index == last);
	ring_end(&r);
}

/* Before the start all waits; a stop drops what was not played, which fsync() reports once. */
static void a_stop_drops_and_says_so(unsigned model)
{
	struct ring r = create(model, BLOCK);
	uint64_t played, dropped = 0;
	struct zcdma_dev_block b;

	for (unsigned i = 0; i < BLOCKS; i++)
		play(&r, BLOCK, (uint64_t)i * BLOCK);
	EXPECT(ring_stats(r.fd).full == BLOCKS && !ring_stats(r.fd).blocks);
	EXPECT_ERRNO(fsync(r.fd), EIO);
	ring_go(&r);
	WAIT_FOR(ring_stats(r.fd).blocks >= 1);
	ring_stop(&r);
	EXPECT(ring_stats(r.fd).free == BLOCKS && ring_stats(r.fd).blocks < BLOCKS);
	EXPECT_ERRNO(fsync(r.fd), EIO);
	EXPECT(!fsync(r.fd));
	/* A block that was dropped says so, once. */
	played = ring_stats(r.fd).blocks;
	for (unsigned i = 0; i < BLOCKS; i++) {
		b = ring_take(&r);
		EXPECT(!(b.flags & ZCDMA_DEV_BLOCK_ERROR) == !b.error);
		EXPECT(!b.error || b.error == ECANCELED);
		dropped += !!b.error;
		EXPECT(!give(&r, b.index, 0));
		EXPECT(!ring_take(&r).flags);
	}
	EXPECT(dropped == BLOCKS - played);
	ring_end(&r);
}

static void underruns_are_counted(unsigned model)
{
	struct ring r = create(model, 100 * BLOCK);
	uint64_t underruns;

	ring_go(&r);
	usleep(100000);
	EXPECT(!ring_stats(r.fd).underruns); /* nothing was queued yet */
	play(&r, BLOCK, 0);
	WAIT_FOR(ring_stats(r.fd).underruns >= 2);
	play(&r, BLOCK, BLOCK);
	EXPECT(!fsync(r.fd));
	underruns = ring_stats(r.fd).underruns;
	EXPECT(ring_stats(r.fd).underrun_bytes == underruns * BLOCK);
	usleep(100000);
	EXPECT(ring_stats(r.fd).underruns == underruns); /* nothing more was to come */
	sink_expect_played(&r, 2 * BLOCK);
	ring_end(&r);
}

static void a_given_block_is_revoked(unsigned model)
{
	struct zcdma_dev_setup s = ring_wanted(model);
	struct zcdma_dev_block b;
	struct ring r;

	s.policy = ZCDMA_DEV_STRICT;
	r = ring_create(O_RDWR, s);
	b = ring_take(&r);
	sink_fill(r.map + b.mmap_offset, BLOCK, 0);
	EXPECT(!give(&r, b.index, BLOCK));
	EXPECT(fault_of_reading(r.map + b.mmap_offset) == SIGBUS);
	ring_go(&r);
	EXPECT(!fsync(r.fd));
	sink_expect_played(&r, BLOCK);
	ring_end(&r);
}

static void *wait_in_fsync(void *arg)
{
	EXPECT_ERRNO(fsync(((struct ring *)arg)->fd), ENODEV);
	return NULL;
}

static void *wait_in_write(void *arg)
{
	static char data[2 * BLOCK];
	ssize_t n;

	/* What was written before the device went is counted. */
	while ((n = write(((struct ring *)arg)->fd, data, sizeof(data))) > 0)
		;
	EXPECT(n < 0 && errno == ENODEV);
	return NULL;
}

static void it_goes_while_it_plays(unsigned model)
{
	struct ring r = create(model, BLOCK);
	struct task tasks[2];

	ring_go(&r);
	for (unsigned i = 0; i < BLOCKS; i++)
		play(&r, BLOCK, (uint64_t)i * BLOCK);
	tasks[0] = task_start(wait_in_fsync, &r);
	tasks[1] = task_start(wait_in_write, &r);
	task_wait_asleep(&tasks[0]);
	task_wait_asleep(&tasks[1]);
	EXPECT(module_unload() == -EWOULDBLOCK);
	device_unbind();
	task_join(&tasks[0]);
	task_join(&tasks[1]);
	EXPECT_ERRNO(write(r.fd, "x", 1), ENODEV);
	device_bind();
	ring_end(&r);
	blocks_are_played_in_order(model);
}

static void a_source_is_no_sink(unsigned unused)
{
	struct zcdma_dev_block b;
	struct ring r;

	(void)unused;
	EXPECT(!module_unload() && !module_load("devices=1"));
	r = ring_create(O_RDWR, ring_wanted(ZCDMA_DEV_COMPOUND));
	EXPECT(!(ring_info(r.fd).flags & ZCDMA_DEV_INFO_OUT));
	ring_go(&r);
	b = ring_take(&r);
	EXPECT(give(&r, b.index, 1) == -EINVAL && !give(&r, b.index, 0));
	EXPECT_ERRNO(write(r.fd, "x", 1), EINVAL);
	EXPECT_ERRNO(fsync(r.fd), EINVAL);
	ring_end(&r);
}

/* A loop is two devices: what is played to the second is captured from the first. */
static const char *const loop_sides[] = { "/dev/zcdma0", "/dev/zcdma1" };

static void *capture_all(void *arg)
{
	const struct ring *r = arg;
	static uint64_t offset;

	offset = 0;
	for (;;) {
		struct zcdma_dev_block b = { .size = sizeof(b) };

		if (ioctl(r->fd, ZCDMA_IOC_TAKE, &b)) {
			EXPECT(errno == ENODATA);
			return &offset;
		}
		EXPECT(b.offset == offset && is_pattern(ring_data(r, &b), b.length, offset));
		offset += b.length;
		EXPECT(!ring_give(r, b.index));
	}
}

static void what_is_played_is_captured(unsigned model)
{
	struct zcdma_dev_setup wanted = ring_wanted(model);
	struct ring in, out;
	struct task task;
	uint64_t offset = 0;

	ring_device = loop_sides[0];
	wanted.block_size = BLOCK / 2; /* so that one that is played takes several */
	in = ring_create(O_RDONLY, wanted);
	ring_device = loop_sides[1];
	out = create(model, 0);
	ring_go(&in);
	ring_go(&out);
	task = task_start(capture_all, &in);
	for (unsigned i = 0; i < 3 * BLOCKS; i++) {
		size_t length = BLOCK - (i % 2 ? 100 * i + 1 : 0);

		play(&out, length, offset);
		offset += length;
	}
	EXPECT(!fsync(out.fd));
	ring_stop(&in);
	EXPECT(*(uint64_t *)task_join(&task) == offset);
	EXPECT(!ring_stats(in.fd).overruns && ring_stats(out.fd).bytes == offset);
	ring_end(&in);
	/* The device plays while the other does not capture. */
	play(&out, BLOCK, 0);
	EXPECT(!fsync(out.fd));
	ring_end(&out);
}

/* The capturing side has no room: the one that plays waits, and stops and goes all the same. */
static void a_full_loop_stops(unsigned model)
{
	struct ring in, out;

	ring_device = loop_sides[0];
	in = ring_create(O_RDONLY, ring_wanted(model));
	ring_device = loop_sides[1];
	out = create(model, 0);
	ring_go(&in);
	ring_go(&out);
	for (unsigned i = 0; i < BLOCKS + 2; i++)
		play(&out, BLOCK, (uint64_t)i * BLOCK);
	WAIT_FOR(ring_stats(in.fd).full == BLOCKS && ring_stats(out.fd).free == BLOCKS - 2);
	ring_stop(&out);
	EXPECT(!ring_stats(in.fd).overruns && ring_stats(out.fd).blocks == BLOCKS);
	ring_go(&out);
	play(&out, BLOCK, 0);
	ring_stop(&in);
	EXPECT_ERRNO(fsync(out.fd), EIO); /* of what the stop dropped */
	ring_end(&out);
	ring_end(&in);
}

static const struct tap_test loop_tests[] = {
	{ "what is played is captured again", what_is_played_is_captured, TAP_ALL },
	{ "a loop that is full waits, and stops", a_full_loop_stops, TAP_ALL },
};

static const struct tap_test tests[] = {
	{ "blocks are played in order", blocks_are_played_in_order, TAP_ALL },
	{ "blocks are played from the control page", blocks_are_played_from_the_page, TAP_ALL },
	{ "lengths in the control page are checked", lengths_in_the_page_are_checked, TAP_ALL },
	{ "STOP returns blocks to the control page", stop_returns_blocks_to_the_page, TAP_ALL },
	{ "threads keep the order", threads_keep_the_order, TAP_ALL },
	{ "what is written is played", written_data_is_played, TAP_ALL },
	{ "a wrong byte is found", a_wrong_byte_is_found, TAP_ALL },
	{ "direct reads into a block are played", direct_reads_are_played, TAP_PAGED },
	{ "reads, and lengths that are wrong, are refused", what_is_no_output_s_is_refused,
	  TAP_ALL },
	{ "a block that is returned empty comes again", an_empty_block_comes_again, TAP_ALL },
	{ "a stop drops what was queued, and fsync() says so", a_stop_drops_and_says_so, TAP_ALL },
	{ "underruns are counted, but not at the beginning and the end", underruns_are_counted,
	  0x4 },
	{ "strict: a block that was queued is revoked", a_given_block_is_revoked, TAP_PAGED },
	{ "it goes while it plays", it_goes_while_it_plays, TAP_ALL },
	{ "a device that captures plays nothing", a_source_is_no_sink, 0 },
};

int main(void)
{
	device_name = "zcdma-sink.0";
	EXPECT(!module_unload() && !module_load("devices=0 sinks=1"));
	TAP_RUN_ALL(tests);
	EXPECT(!module_unload() && !module_load("devices=0 loops=1"));
	TAP_RUN_ALL(loop_tests);
	return 0;
}
