// SPDX-License-Identifier: GPL-2.0-only
/*
 * splice_write: an output device fetches the pages of a pipe, whatever they are, and has them until it has played them.
 * What it cannot fetch is copied, and counted. The device is a simulated sink, which checks the pattern. Speaks TAP.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "shared/memory.h"
#include "shared/module.h"
#include "shared/ring.h"
#include "shared/sink.h"
#include "shared/tap.h"
#include "shared/task.h"

#define PIPE	(16 * PAGE)
#define JUNK	0xa5
#define SOURCE	"/dev/zcdma0"
#define SINK_OF "/dev/zcdma1" /* where there is a source, too */

static struct ring create(unsigned model, uint64_t rate)
{
	struct zcdma_dev_setup s = ring_wanted(model);

	s.rate = rate;
	return ring_create(O_RDWR, s);
}

static void make_pipe(int fd[2])
{
	EXPECT(!pipe2(fd, O_CLOEXEC));
	/* The default, also where that of this user is used up. */
	EXPECT(fcntl(fd[1], F_SETPIPE_SZ, PIPE) >= (int)PIPE);
}

static void close_pipe(const int fd[2])
{
	EXPECT(!close(fd[0]) && !close(fd[1]));
}

/* Splice all that a pipe holds. */
static void splice_all(int from, const struct ring *r, size_t len)
{
	while (len) {
		ssize_t n = splice(from, NULL, r->fd, NULL, len, 0);

		EXPECT(n > 0);
		len -= (size_t)n;
	}
}

/* Write pieces of the pattern from @offset on into a pipe, of which each has pages of its own, and splice them. */
static void splice_new_pages(const struct ring *r, const int fd[2], size_t len, uint64_t offset)
{
	static char data[PIPE];

	sink_fill(data, len, offset);
	EXPECT(write(fd[1], data, len) == (ssize_t)len);
	splice_all(fd[0], r, len);
}

/* Have pages that are free used by others, so that whoever still reads them reads something else. */
static void use_free_pages(void)
{
	char *volatile all;
	int fd[2];
	static char junk[PIPE];

	memset(junk, JUNK, sizeof(junk));
	for (unsigned i = 0; i < 16; i++) {
		make_pipe(fd);
		EXPECT(write(fd[1], junk, sizeof(junk)) == sizeof(junk));
		if (i % 2) /* the others go with the process */
			close_pipe(fd);
	}
	all = mmap(NULL, 1024 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	EXPECT(all != MAP_FAILED);
	memset(all, JUNK, 1024 * PAGE);
}

static void expect_no_copy(const struct ring *r, uint64_t bytes)
{
	struct zcdma_dev_stats s = ring_stats(r->fd);

	EXPECT(s.splice_bytes == bytes && !s.splice_copied_bytes && !s.write_bytes);
}

/* Play what is queued, and expect it to have been right and not copied. */
static void expect_fetched(struct ring *r, uint64_t bytes)
{
	ring_go(r);
	EXPECT(!fsync(r->fd));
	sink_expect_played(r, bytes);
	expect_no_copy(r, bytes);
	ring_end(r);
}

static void what_is_in_a_pipe_is_played(unsigned model)
{
	static const size_t lengths[] = { 1, 7, PAGE, PAGE + 1, 5 * PAGE - 3, PIPE };
	struct ring r = create(model, 0);
	uint64_t offset = 0;
	int fd[2];

	EXPECT(ring_info(r.fd).frags_max == 256 && ring_info(r.fd).frag_align == 1);
	make_pipe(fd);
	ring_go(&r);
	for (unsigned i = 0; i < 10 * sizeof(lengths) / sizeof(lengths[0]); i++) {
		size_t len = lengths[i % (sizeof(lengths) / sizeof(lengths[0]))];

		splice_new_pages(&r, fd, len, offset);
		offset += len;
	}
	close_pipe(fd);
	expect_fetched(&r, offset);
}

/* The pages are the device's until it has played them, though the pipe is gone, and whoever wrote them. */
static void what_is_queued_is_held(unsigned model)
{
	struct ring r = create(model, 0);
	int fd[2];

	make_pipe(fd);
	for (unsigned i = 0; i < BLOCKS; i++)
		splice_new_pages(&r, fd, PIPE, i * PIPE);
	close_pipe(fd);
	EXPECT(ring_stats(r.fd).full == BLOCKS);
	use_free_pages();
	expect_fetched(&r, BLOCKS * PIPE);
}

static int file_of_pattern(size_t len)
{
	int file = memfd_create("pattern", MFD_CLOEXEC);
	char *data = malloc(len);

	EXPECT(file >= 0 && data);
	sink_fill(data, len, 0);
	EXPECT(write(file, data, len) == (ssize_t)len && !lseek(file, 0, SEEK_SET));
	free(data);
	return file;
}

/* Move @len bytes of a file or a socket to the device. */
static void splice_from(int from, const struct ring *r, size_t len)
{
	int fd[2];

	make_pipe(fd);
	while (len) {
		ssize_t n = splice(from, NULL, fd[1], NULL, len < PIPE ? len : PIPE, 0);

		EXPECT(n > 0);
		splice_all(fd[0], r, (size_t)n);
		len -= (size_t)n;
	}
	close_pipe(fd);
}

static void pages_of_a_file_are_played(unsigned model)
{
	const size_t len = 3 * BLOCK + 123;
	struct ring r = create(model, 0);
	int file = file_of_pattern(len);

	ring_go(&r);
	splice_from(file, &r, len);
	EXPECT(!close(file));
	expect_fetched(&r, len);
}

static void sendfile_plays(unsigned model)
{
	const size_t len = 3 * BLOCK + 123;
	struct ring r = create(model, 0);
	int file = file_of_pattern(len);
	size_t done = 0;

	ring_go(&r);
	while (done < len) {
		ssize_t n = sendfile(r.fd, file, NULL, len - done);

		EXPECT(n > 0);
		done += (size_t)n;
	}
	EXPECT(!close(file));
	expect_fetched(&r, len);
}

static void a_file_may_be_cut_meanwhile(unsigned model)
{
	struct ring r = create(model, 0);
	int file = file_of_pattern(BLOCKS * PIPE);
	static char junk[BLOCKS * PIPE];

	splice_from(file, &r, BLOCKS * PIPE);
	EXPECT(!ftruncate(file, 0));
	memset(junk, JUNK, sizeof(junk));
	EXPECT(pwrite(file, junk, sizeof(junk), 0) == sizeof(junk));
	EXPECT(!close(file));
	use_free_pages();
	expect_fetched(&r, BLOCKS * PIPE);
}

/* What is in a pipe and cut off there, before it came to the device, is the pipe's business: here, it is there still. */
static void a_file_may_be_cut_before(unsigned model)
{
	struct ring r = create(model, 0);
	int file = file_of_pattern(PIPE), fd[2];

	make_pipe(fd);
	EXPECT(splice(file, NULL, fd[1], NULL, PIPE, 0) == (ssize_t)PIPE);
	EXPECT(!ftruncate(file, 0));
	ring_go(&r);
	EXPECT(!fcntl(fd[0], F_SETFL, O_NONBLOCK));
	(void)!splice(fd[0], NULL, r.fd, NULL, PIPE, SPLICE_F_NONBLOCK);
	EXPECT(!fsync(r.fd) && !close(file));
	sink_expect("wrong_bytes", "0");
	close_pipe(fd);
	ring_end(&r);
}

/* Play memory of this process that is unmapped before it is played; with SPLICE_F_GIFT the pipe owns it. */
static void vmspliced(unsigned model, unsigned flags)
{
	struct ring r = create(model, 0);
	struct iovec v = { .iov_len = PIPE };
	int fd[2];

	make_pipe(fd);
	for (unsigned i = 0; i < BLOCKS; i++) {
		v.iov_base = mmap(NULL, PIPE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
				  -1, 0);
		EXPECT(v.iov_base != MAP_FAILED);
		sink_fill(v.iov_base, PIPE, i * PIPE);
		EXPECT(vmsplice(fd[1], &v, 1, flags) == (ssize_t)PIPE);
		splice_all(fd[0], &r, PIPE);
		EXPECT(!munmap(v.iov_base, PIPE));
	}
	close_pipe(fd);
	use_free_pages();
	expect_fetched(&r, BLOCKS * PIPE);
}

static void memory_of_a_process_is_played(unsigned model)
{
	vmspliced(model, 0);
}

static void a_gift_is_played(unsigned model)
{
	vmspliced(model, SPLICE_F_GIFT);
}

#define SENT (4 * BLOCK + 321)

static void *send_pattern(void *arg)
{
	int fd = *(int *)arg;
	char *data = malloc(SENT);

	EXPECT(data);
	sink_fill(data, SENT, 0);
	for (size_t done = 0; done < SENT;) {
		ssize_t n = send(fd, data + done, SENT - done, 0);

		EXPECT(n > 0);
		done += (size_t)n;
	}
	free(data);
	return NULL;
}

static void pages_of_a_socket_are_played(unsigned model)
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	struct ring r = create(model, 0);
	int door = socket(AF_INET, SOCK_STREAM, 0), out = socket(AF_INET, SOCK_STREAM, 0), in;
	socklen_t size = sizeof(to);
	struct zcdma_dev_stats s;
	struct task task;

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	EXPECT(!bind(door, (struct sockaddr *)&to, sizeof(to)) && !listen(door, 1));
	EXPECT(!getsockname(door, (struct sockaddr *)&to, &size));
	EXPECT(!connect(out, (struct sockaddr *)&to, sizeof(to)));
	in = accept(door, NULL, NULL);
	EXPECT(in >= 0);
	ring_go(&r);
	task = task_start(send_pattern, &out);
	splice_from(in, &r, SENT);
	task_join(&task);
	EXPECT(!fsync(r.fd));
	sink_expect_played(&r, SENT);
	s = ring_stats(r.fd);
	EXPECT(s.splice_bytes + s.splice_copied_bytes == SENT && s.splice_bytes > SENT / 2);
	EXPECT(!close(door) && !close(out) && !close(in));
	ring_end(&r);
}

/* Blocks, writes and pages go to the device in the order in which they came. */
static void all_keep_their_order(unsigned model)
{
	struct ring r = create(model, 0);
	struct zcdma_dev_give g = { .size = sizeof(g), .length = BLOCK / 2 };
	struct zcdma_dev_block b;
	uint64_t offset = 0;
	char data[333];
	int fd[2];

	make_pipe(fd);
	ring_go(&r);
	for (unsigned i = 0; i < 3 * BLOCKS; i++) {
		splice_new_pages(&r, fd, PAGE + i, offset);
		offset += PAGE + i;
		sink_fill(data, sizeof(data), offset);
		EXPECT(write(r.fd, data, sizeof(data)) == sizeof(data));
		offset += sizeof(data);
		splice_new_pages(&r, fd, 2 * PAGE, offset);
		offset += 2 * PAGE;
		b = ring_take(&r);
		sink_fill(r.map + b.mmap_offset, g.length, offset);
		g.index = b.index;
		EXPECT(!ioctl(r.fd, ZCDMA_IOC_GIVE, &g));
		offset += g.length;
	}
	EXPECT(!fsync(r.fd));
	sink_expect_played(&r, offset);
	close_pipe(fd);
	ring_end(&r);
}

static void it_waits_as_it_should(unsigned model)
{
	struct ring r = create(model, 0);
	int fd[2];

	make_pipe(fd);
	EXPECT_ERRNO(splice(fd[0], NULL, r.fd, NULL, 1, SPLICE_F_NONBLOCK), EAGAIN);
	for (unsigned i = 0; i < BLOCKS; i++)
		splice_new_pages(&r, fd, 1, i);
	EXPECT(write(fd[1], "x", 1) == 1);
	EXPECT_ERRNO(splice(fd[0], NULL, r.fd, NULL, 1, SPLICE_F_NONBLOCK), EAGAIN);
	EXPECT(!fcntl(r.fd, F_SETFL, O_NONBLOCK));
	EXPECT_ERRNO(splice(fd[0], NULL, r.fd, NULL, 1, 0), EAGAIN);
	ring_go(&r);
	EXPECT(!fsync(r.fd));
	EXPECT(splice(fd[0], NULL, r.fd, NULL, 1, 0) == 1);
	EXPECT(!close(fd[1]));
	EXPECT(splice(fd[0], NULL, r.fd, NULL, 1, 0) == 0);
	EXPECT(!close(fd[0]));
	ring_end(&r);
}

struct waiting {
	const struct ring *ring;
	int pipe;
	ssize_t result;
	int error;
};

static void *splice_a_page(void *arg)
{
	struct waiting *w = arg;

	w->result = splice(w->pipe, NULL, w->ring->fd, NULL, PAGE, 0);
	w->error = errno;
	return NULL;
}

static void ignore(int signal)
{
	(void)signal;
}

/* One that waits for a pipe keeps nothing from others, and ends by a signal. */
static void a_pipe_without_data_stalls_nothing(unsigned model)
{
	struct sigaction action = { .sa_handler = ignore };
	struct ring r = create(model, 0);
	struct waiting w = { .ring = &r };
	struct task task;
	int fd[2];

	EXPECT(!sigaction(SIGUSR1, &action, NULL));
	make_pipe(fd);
	w.pipe = fd[0];
	ring_go(&r);
	task = task_start(splice_a_page, &w);
	task_wait_asleep(&task);
	EXPECT(!fsync(r.fd) && ring_stats(r.fd).free == BLOCKS);
	EXPECT(!pthread_kill(task.thread, SIGUSR1));
	task_join(&task);
	EXPECT(w.result < 0 && w.error == EINTR);
	task = task_start(splice_a_page, &w);
	task_wait_asleep(&task);
	EXPECT(write(fd[1], "\x34", 1) == 1);
	task_join(&task);
	EXPECT(w.result == 1 && !fsync(r.fd));
	close_pipe(fd);
	ring_end(&r);
}

static void it_goes_while_pages_are_queued(unsigned model)
{
	struct ring r = create(model, BLOCK);
	struct waiting for_pipe = { .ring = &r }, for_block = { .ring = &r };
	struct task tasks[2];
	int fd[2], empty[2];

	make_pipe(fd);
	make_pipe(empty);
	ring_go(&r);
	for (unsigned i = 0; i < BLOCKS; i++)
		splice_new_pages(&r, fd, PIPE, i * PIPE);
	EXPECT(write(fd[1], "x", 1) == 1);
	for_pipe.pipe = empty[0];
	for_block.pipe = fd[0];
	tasks[0] = task_start(splice_a_page, &for_pipe);
	task_wait_asleep(&tasks[0]);
	ring_stop(&r); /* so that no block comes free by being played */
	for (unsigned i = 0; i < BLOCKS; i++)
		splice_new_pages(&r, fd, 1, i);
	EXPECT(write(fd[1], "x", 1) == 1);
	tasks[1] = task_start(splice_a_page, &for_block);
	task_wait_asleep(&tasks[1]);
	device_unbind();
	task_join(&tasks[1]);
	EXPECT(for_block.result < 0 && for_block.error == ENODEV);
	EXPECT(write(empty[1], "x", 1) == 1);
	task_join(&tasks[0]);
	EXPECT(for_pipe.result < 0 && for_pipe.error == ENODEV);
	device_bind();
	close_pipe(fd);
	close_pipe(empty);
	ring_end(&r);
	what_is_in_a_pipe_is_played(model);
}

/*
 * What holds pages pays for them, while it does.
 */

static void pages_are_charged_while_they_are_held(unsigned model)
{
	struct ring r;
	int fd[2];

	memory_limit((BLOCKS * BLOCK) + 20 * PAGE);
	r = create(model, 0);
	make_pipe(fd);
	/* The ring and 16 pages are within the limit, and the next 16 are not. */
	splice_new_pages(&r, fd, PIPE, 0);
	EXPECT(ring_stats(r.fd).splice_bytes == PIPE);
	splice_new_pages(&r, fd, PIPE, PIPE);
	EXPECT(ring_stats(r.fd).splice_copied_by[ZCDMA_DEV_COPIED_MEMLOCK] == PIPE);
	EXPECT(ring_stats(r.fd).splice_copied_bytes == PIPE);
	ring_go(&r);
	EXPECT(!fsync(r.fd));
	for (uint64_t i = 2; i < 20; i++) {
		splice_new_pages(&r, fd, PIPE, i * PIPE);
		EXPECT(!fsync(r.fd));
	}
	EXPECT(ring_stats(r.fd).splice_bytes == 19 * PIPE);
	sink_expect_played(&r, 20 * PIPE);
	close_pipe(fd);
	ring_end(&r);
}

/*
 * Devices that take less.
 */

static void load(const char *parameters)
{
	EXPECT(!module_unload() && !module_load(parameters));
}

/* Splice lengths that a device does not take as they are, and return what was counted. */
static struct zcdma_dev_stats splice_odd_lengths(unsigned model)
{
	static const size_t lengths[] = { PAGE, 1, 511, 2 * PAGE, 700, 3 * PAGE + 324, 512, PAGE };
	struct ring r = create(model, 0);
	struct zcdma_dev_stats s;
	uint64_t offset = 0;
	int fd[2];

	ring_go(&r);
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		make_pipe(fd); /* so that each begins a page of its own */
		splice_new_pages(&r, fd, lengths[i], offset);
		close_pipe(fd);
		offset += lengths[i];
	}
	EXPECT(!fsync(r.fd));
	sink_expect_played(&r, offset);
	s = ring_stats(r.fd);
	EXPECT(s.splice_bytes + s.splice_copied_bytes == offset);
	ring_end(&r);
	return s;
}

static void a_device_with_alignment(unsigned model)
{
	struct zcdma_dev_stats s;

	load("devices=0 sinks=1 frag_align=512");
	s = splice_odd_lengths(model);
	EXPECT(s.splice_copied_by[ZCDMA_DEV_COPIED_ALIGN] == s.splice_copied_bytes);
	EXPECT(s.splice_bytes >= 4 * PAGE && s.splice_copied_bytes >= 1 + 511);
}

static void a_device_without_pieces(unsigned model)
{
	struct zcdma_dev_stats s;

	load("devices=0 sinks=1 frags=0");
	s = splice_odd_lengths(model);
	EXPECT(!s.splice_bytes);
	EXPECT(s.splice_copied_by[ZCDMA_DEV_COPIED_DEVICE] == s.splice_copied_bytes);
}

static void a_device_with_few_pieces(unsigned model)
{
	struct ring r;
	int fd[2];

	load("devices=0 sinks=1 frags=3");
	r = create(model, 0);
	make_pipe(fd);
	ring_go(&r);
	splice_new_pages(&r, fd, PIPE, 0);
	close_pipe(fd);
	EXPECT(!fsync(r.fd) && ring_stats(r.fd).blocks == (PIPE / PAGE + 2) / 3);
	expect_fetched(&r, PIPE);
}

/*
 * Device to device
 */

static bool drained(int fd)
{
	struct zcdma_dev_stats s = ring_stats(fd);

	return !s.draining;
}

/* A block of the one drains until the other has played it, or has dropped it. */
static void a_block_goes_from_device_to_device(unsigned model)
{
	struct zcdma_dev_setup wanted = ring_wanted(model);
	struct zcdma_dev_block b;
	struct ring in, out;
	int fd[2];

	load("devices=1 sinks=1");
	make_pipe(fd);
	ring_device = SOURCE;
	in = ring_create(O_RDONLY, wanted);
	ring_device = SINK_OF;
	out = create(ZCDMA_DEV_COMPOUND, 0);
	ring_go(&in);
	for (unsigned i = 0; i < 2; i++) {
		b = ring_take(&in);
		for (size_t done = 0; done < BLOCK;) {
			off_t at = (off_t)(b.position + done);
			ssize_t n = splice(in.fd, &at, fd[1], NULL, BLOCK - done, 0);

			EXPECT(n > 0);
			splice_all(fd[0], &out, (size_t)n);
			done += (size_t)n;
		}
		EXPECT(!ring_give(&in, b.index));
	}
	EXPECT(ring_stats(in.fd).draining == 2);
	ring_go(&out);
	EXPECT(!fsync(out.fd));
	sink_expect_played(&out, 2 * BLOCK);
	expect_no_copy(&out, 2 * BLOCK);
	WAIT_FOR(drained(in.fd));
	/* What a stop drops is let go, too: a device of a byte a second cannot have played it by then. */
	ring_end(&out);
	out = create(ZCDMA_DEV_COMPOUND, 1);
	b = ring_take(&in);
	EXPECT(splice(in.fd, &(off_t){ (off_t)b.position }, fd[1], NULL, PAGE, 0) == (ssize_t)PAGE);
	splice_all(fd[0], &out, PAGE);
	EXPECT(!ring_give(&in, b.index) && !drained(in.fd));
	ring_go(&out);
	ring_stop(&out);
	WAIT_FOR(drained(in.fd));
	/* And what the device had when it went. */
	b = ring_take(&in);
	EXPECT(splice(in.fd, &(off_t){ (off_t)b.position }, fd[1], NULL, PAGE, 0) == (ssize_t)PAGE);
	splice_all(fd[0], &out, PAGE);
	EXPECT(!ring_give(&in, b.index) && !drained(in.fd));
	ring_end(&out);
	WAIT_FOR(drained(in.fd));
	close_pipe(fd);
	ring_end(&in);
}

/* A page of a block keeps all of the block, which is one large page. */
static void a_large_page_is_charged_whole(unsigned model)
{
	struct zcdma_dev_block b;
	struct ring in, out;
	int fd[2];

	load("devices=1 sinks=1");
	memory_limit(2 * BLOCKS * BLOCK + 20 * PAGE);
	make_pipe(fd);
	ring_device = SOURCE;
	in = ring_create(O_RDONLY, ring_wanted(model));
	EXPECT(in.setup.chunks == 1);
	ring_device = SINK_OF;
	out = create(model, 0);
	ring_go(&in);
	b = ring_take(&in);
	EXPECT(splice(in.fd, &(off_t){ (off_t)b.position }, fd[1], NULL, PAGE, 0) == (ssize_t)PAGE);
	splice_all(fd[0], &out, PAGE);
	EXPECT(ring_stats(out.fd).splice_copied_by[ZCDMA_DEV_COPIED_MEMLOCK] == PAGE);
	close_pipe(fd);
	ring_end(&out);
	ring_end(&in);
}

static const struct tap_test tests[] = {
	{ "what is in a pipe is played without a copy", what_is_in_a_pipe_is_played, TAP_ALL },
	{ "what is queued is held", what_is_queued_is_held, TAP_ALL },
	{ "pages of a file are played", pages_of_a_file_are_played, 0x4 },
	{ "sendfile() plays", sendfile_plays, 0x4 },
	{ "a file may be cut while its pages are queued", a_file_may_be_cut_meanwhile, 0x4 },
	{ "a file may be cut while its pages are in the pipe", a_file_may_be_cut_before, 0x4 },
	{ "memory of a process is played", memory_of_a_process_is_played, 0x4 },
	{ "a gift is played", a_gift_is_played, 0x4 },
	{ "pages of a socket are played", pages_of_a_socket_are_played, TAP_ALL },
	{ "blocks, writes and pages keep their order", all_keep_their_order, TAP_ALL },
	{ "it waits, and does not where it must not", it_waits_as_it_should, 0x4 },
	{ "a pipe without data stalls nothing", a_pipe_without_data_stalls_nothing, 0x4 },
	{ "it goes while pages are queued", it_goes_while_pages_are_queued, TAP_ALL },
	{ "pages are charged while they are held", pages_are_charged_while_they_are_held, 0x4 },
};

static const struct tap_test others[] = {
	{ "a device that wants its pieces aligned", a_device_with_alignment, TAP_ALL },
	{ "a device that fetches nothing but its ring", a_device_without_pieces, 0x5 },
	{ "a device that takes three pieces", a_device_with_few_pieces, 0x4 },
	{ "a block goes from device to device", a_block_goes_from_device_to_device, TAP_PAGED },
	{ "a large page is charged whole", a_large_page_is_charged_whole, 0x4 },
};

int main(void)
{
	device_name = "zcdma-sink.0";
	load("devices=0 sinks=1");
	TAP_RUN_ALL(tests);
	TAP_RUN_ALL(others);
	return 0;
}
