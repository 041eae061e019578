// SPDX-License-Identifier: GPL-2.0-only
/*
 * Blocks of an IIO device, without a driver: its calls are answered here, as Documentation/iio/iio_dmabuf_api.rst says. It
 * fills what is queued with the pattern, as soon as it has it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those four */
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/sync_file.h>
#include <linux/udmabuf.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <zcdma.h>
#include <zcdma/verify.h>

#include "fortified.h"
#include "pair.h"
#include "source_figures.h"
#include "transfer.h"

#include "slow_reader.h"

#define SEED  5
#define BLOCK 16384u
#define MOST  1024

/* As in linux/iio/buffer.h of Linux 6.10. */
struct iio_dmabuf {
	uint32_t fd, flags;
	uint64_t bytes_used;
};

#define GET_FD	_IOWR('i', 0x91, int)
#define ATTACH	_IOW('i', 0x92, int)
#define DETACH	_IOW('i', 0x93, int)
#define ENQUEUE _IOW('i', 0x94, struct iio_dmabuf)

static struct {
	/* What a test may set. */
	int fd, udmabuf_error, get_error, attach_error, queue_error, enable_error;
	const char *direction; /* or NULL */
	int status;	       /* of transfers from now on: 1, or a negative errno */
	unsigned most;	       /* blocks; 0: any number */
	bool gone, holds, trap;
	/* What it finds. */
	unsigned attached, begins, ends, filled;
	/* The queue. */
	bool on;
	int enable_fd;
	struct {
		int memfd, fence;
		uint64_t offset;
		bool attached;
	} dmabufs[MOST]; /* by descriptor */
	int queue[MOST];
	unsigned queued;
} dev;

static void fill(int dmabuf)
{
	static unsigned char block[BLOCK];

	zcdma_pattern_fill(block, BLOCK, (uint64_t)dev.filled++ * BLOCK, SEED);
	assert_true(pwrite(dev.dmabufs[dmabuf].memfd, block, dev.trap ? 4096 : BLOCK,
			   (off_t)dev.dmabufs[dmabuf].offset) > 0);
	assert_int_equal(eventfd_write(dev.dmabufs[dmabuf].fence, 1), 0);
}

/* Fill what is queued, as far as the device goes on. */
static void go(void)
{
	while (dev.on && dev.queued && !dev.holds && (!dev.most || dev.filled < dev.most)) {
		int dmabuf = dev.queue[0];

		memmove(dev.queue, dev.queue + 1, --dev.queued * sizeof(dev.queue[0]));
		fill(dmabuf);
	}
}

static int enqueue(const struct iio_dmabuf *b)
{
	if (dev.queue_error)
		return dev.queue_error;
	if (!dev.dmabufs[b->fd].attached)
		return EPERM;
	assert_int_equal(b->bytes_used, BLOCK);
	dev.dmabufs[b->fd].fence = eventfd(0, EFD_CLOEXEC);
	dev.queue[dev.queued++] = (int)b->fd;
	go();
	return 0;
}

static int attach(int fd, bool on)
{
	if (on && dev.attach_error)
		return dev.attach_error;
	assert_true(dev.dmabufs[fd].attached != on);
	dev.dmabufs[fd].attached = on;
	dev.attached += on;
	return 0;
}

static int export(const struct udmabuf_create *c)
{
	int fd = (int)syscall(SYS_fcntl, dev.fd, F_DUPFD_CLOEXEC, 100);

	dev.dmabufs[fd].memfd = (int)c->memfd;
	dev.dmabufs[fd].offset = c->offset;
	dev.dmabufs[fd].attached = false;
	return fd;
}

static int answer(int fd, unsigned long request, void *arg)
{
	switch (request) {
	case GET_FD:
		*(int *)arg = (int)syscall(SYS_fcntl, dev.fd, F_DUPFD_CLOEXEC, 3);
		if (dev.get_error)
			close(*(int *)arg);
		return dev.get_error;
	case ATTACH:
	case DETACH:
		return attach(*(int *)arg, request == ATTACH);
	case ENQUEUE:
		return enqueue(arg);
	case DMA_BUF_IOCTL_SYNC:
		if (((struct dma_buf_sync *)arg)->flags & DMA_BUF_SYNC_END)
			dev.ends++;
		else
			dev.begins++;
		return 0;
	case DMA_BUF_IOCTL_EXPORT_SYNC_FILE:
		((struct dma_buf_export_sync_file *)arg)->fd = dev.dmabufs[fd].fence;
		return 0;
	case SYNC_IOC_FILE_INFO:
		((struct sync_file_info *)arg)->status = dev.status;
		return 0;
	}
	return ENOTTY;
}

/* These come before those of the C library. */
int ioctl(int fd, unsigned long request, ...)
{
	va_list ap;
	void *arg;
	int err;

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	if (request == UDMABUF_CREATE)
		return export(arg);
	if (_IOC_TYPE(request) != 'i' && _IOC_TYPE(request) != 'b' && _IOC_TYPE(request) != '>')
		return (int)syscall(SYS_ioctl, fd, request, arg);
	err = answer(fd, request, arg);
	errno = err;
	return err ? -1 : 0;
}

static int open_null(int err)
{
	errno = err;
	return err ? -1 : (int)syscall(SYS_openat, AT_FDCWD, "/dev/null", O_RDWR | O_CLOEXEC, 0);
}

int open(const char *name, int flags, ...)
{
	va_list ap;
	mode_t mode;

	va_start(ap, flags);
	mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(ap, mode_t) : 0;
	va_end(ap);
	if (!strcmp(name, "/dev/udmabuf"))
		return open_null(dev.udmabuf_error);
	if (strncmp(name, "/sys/dev/char/", 14) != 0 || !strstr(name, "/buffer0/enable"))
		return (int)syscall(SYS_openat, AT_FDCWD, name, flags, mode);
	dev.enable_fd = open_null(dev.enable_error);
	return dev.enable_fd;
}

ssize_t write(int fd, const void *buf, size_t len)
{
	if (fd != dev.enable_fd)
		return syscall(SYS_write, fd, buf, len);
	dev.on = *(const char *)buf == '1';
	dev.enable_fd = -1;
	go();
	return (ssize_t)len;
}

int access(const char *name, int mode)
{
	if (!strncmp(name, "/sys/dev/char/", 14)) {
		errno = ENOENT;
		return dev.gone ? -1 : 0;
	}
	return (int)syscall(SYS_faccessat, AT_FDCWD, name, mode);
}

/* Have a new device, and return the address of its ring with @options. */
static const char *converter(const char *options)
{
	static char address[128];

	memset(&dev, 0, sizeof(dev));
	dev.enable_fd = -1;
	dev.status = 1;
	dev.fd = memfd_create("converter", MFD_CLOEXEC);
	snprintf(address, sizeof(address), "iio:/proc/self/fd/%d,block=16K%s%s", dev.fd,
		 *options ? "," : "", options);
	return address;
}

static int end(void **state)
{
	int rc = close_transfer(state);

	close(dev.fd);
	return rc;
}

static void prepare(const char *spec, const char *name)
{
	assert_int_equal(zcdma_source_open(ctx, spec, &src), 0);
	assert_int_equal(zcdma_source_prepare(src, name), 0);
}

static struct zcdma_source_stats stats(void)
{
	return source_stats(src);
}

static struct zcdma_block take(unsigned number)
{
	struct zcdma_block b;

	assert_int_equal(zcdma_source_next(src, 10000, &b), 1);
	assert_int_equal(b.len, BLOCK);
	assert_int_equal(zcdma_pattern_match(b.data, b.len, (uint64_t)number * BLOCK, SEED), BLOCK);
	return b;
}

static void fails(int rc, const char *text, const char *hint)
{
	struct zcdma_block b;

	for (int i = 0; i < 2; i++) {
		assert_int_equal(zcdma_source_next(src, 0, &b), rc);
		if (!strstr(zcdma_error(ctx), text))
			fail_msg("not \"%s\" in \"%s\"", text, zcdma_error(ctx));
		if (hint)
			assert_non_null(strstr(zcdma_hint(ctx), hint));
	}
}

/* Opening, preparing or starting @spec is an error with this text. */
static void refuses(const char *spec, int rc, const char *text, const char *hint)
{
	int got = zcdma_source_open(ctx, spec, &src);

	if (got)
		src = NULL;
	else
		got = zcdma_source_prepare(src, NULL) ?: zcdma_source_start(src);
	assert_int_equal(got, rc);
	if (!strstr(zcdma_error(ctx), text))
		fail_msg("not \"%s\" in \"%s\"", text, zcdma_error(ctx));
	if (hint && (!zcdma_hint(ctx) || !strstr(zcdma_hint(ctx), hint)))
		fail_msg("not \"%s\" in \"%s\"", hint, zcdma_hint(ctx));
	zcdma_source_close(src);
	src = NULL;
	close(dev.fd);
}

static void test_blocks(void **state)
{
	struct zcdma_block b;

	(void)state;
	prepare(converter("blocks=4"), NULL);
	for (unsigned i = 0; i < 20; i++) {
		b = take(i);
		assert_int_equal(b.seq, i);
		assert_int_equal(b.offset, i * BLOCK);
		assert_int_equal(zcdma_block_release(src, &b), 0);
	}
	assert_int_equal(stats().copied_bytes, 0);
	assert_int_equal(dev.attached, 4);
	/* The processor's look at each block ended before it was the device's again. */
	assert_int_equal(dev.begins, 20);
	assert_int_equal(dev.ends, 20);
	zcdma_source_close(src);
	src = NULL;
	assert_false(dev.on);
}

/* A device that had no block, or may have had none, has lost an unknown number of samples. */
static void test_late(void **state)
{
	struct zcdma_block b[4], more;

	(void)state;
	prepare(converter("blocks=4"), NULL);
	assert_int_equal(zcdma_source_start(src), 0);
	for (unsigned i = 0; i < 4; i++) {
		b[i] = take(i);
		assert_int_equal(b[i].flags, 0);
	}
	assert_int_equal(zcdma_source_next(src, -1, &more), -ENOBUFS);
	dev.holds = true;
	assert_int_equal(zcdma_block_release(src, &b[0]), 0);
	assert_int_equal(zcdma_block_release(src, &b[1]), 0);
	assert_int_equal(zcdma_source_next(src, 0, &more), -EAGAIN);
	dev.holds = false;
	go();
	assert_int_equal(take(4).flags, ZCDMA_BLOCK_DISCONTINUITY);
	assert_int_equal(take(5).flags, 0);
	assert_int_equal(stats().discontinuities, 1);
	assert_true(stats().overruns == ZCDMA_UNKNOWN);
	assert_true(stats().lost_bytes == ZCDMA_UNKNOWN);
}

static void test_stop(void **state)
{
	struct zcdma_block b;

	(void)state;
	prepare(converter("blocks=4"), NULL);
	dev.most = 3;
	take(0);
	zcdma_source_stop(src);
	take(1);
	take(2);
	assert_int_equal(zcdma_source_next(src, 10000, &b), 0);
}

static void test_trap(void **state)
{
	(void)state;
	prepare(converter(""), NULL);
	dev.trap = true;
	fails(-EIO, "of block 0 12288 of 16384 bytes were not written", "use read:");
}

/* The transfer that is under way ends with an error, and what is queued later never ends. */
static void test_unplugged(void **state)
{
	struct zcdma_block b;

	(void)state;
	prepare(converter("blocks=4"), NULL);
	b = take(0);
	assert_int_equal(zcdma_block_release(src, &b), 0);
	dev.gone = true;
	dev.status = -EINTR;
	fails(-ENODEV, "read /proc/self/fd/", "the device was removed");
}

static void test_unplugged_without_blocks(void **state)
{
	struct zcdma_block b[2];

	(void)state;
	prepare(converter("blocks=2"), NULL);
	b[0] = take(0);
	b[1] = take(1);
	dev.gone = dev.holds = true;
	assert_int_equal(zcdma_block_release(src, &b[0]), 0);
	fails(-ENODEV, "read /proc/self/fd/", "the device was removed");
}

static void test_refusals(void **state)
{
	const char *spec = converter("");

	(void)state;
	dev.get_error = ENOTTY;
	refuses(spec, -EINVAL, "not an IIO device with a buffer", NULL);
	spec = converter("");
	dev.get_error = EBUSY;
	refuses(spec, -EBUSY, "get the buffer of /proc", "one program at a time");
	spec = converter("");
	dev.udmabuf_error = ENOENT;
	refuses(spec, -ENOENT, "open /dev/udmabuf: No such file", "Debian's, from 6.12 on");
	spec = converter("");
	dev.attach_error = ENOTTY;
	refuses(spec, -EOPNOTSUPP, "this kernel has no dma-bufs for IIO", "6.10");
	spec = converter("");
	dev.attach_error = EPERM;
	refuses(spec, -EOPNOTSUPP, "its driver takes no dma-bufs", "read:/proc/self/fd/");
	spec = converter("");
	dev.queue_error = EIO;
	refuses(spec, -EIO, "queue a block of /proc", NULL);
	spec = converter("");
	dev.enable_error = EACCES;
	refuses(spec, -EACCES, "enable the buffer of /proc/self/fd/", "/sys/dev/char/");
	spec = converter("");
	dev.enable_error = EINVAL;
	refuses(spec, -EINVAL, "enable the buffer of", "enable a channel first");
	refuses("iio:/nonexistent", -EOPNOTSUPP, "open /nonexistent: no driver", NULL);
	refuses(converter("blocks=1"), -ERANGE, "blocks=1 is not valid", NULL);
}

/*
 * The rule of reuse: the device fills a block as soon as it has it, while the receiver has not read yet.
 */
static void test_reuse(void **state)
{
	const char *const paths[] = { "copy", "zerocopy", "vmsplice", "splice", "sendfile" };
	const size_t all = 48 * BLOCK;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		assert_int_equal(zcdma_source_open(ctx, converter("blocks=4"), &src), 0);
		zcdma_source_set_limit(src, all, 0);
		send_all(paths[i]);
		assert_int_equal(received_len, all);
		assert_int_equal(zcdma_pattern_match(received, all, 0, SEED), all);
		assert_int_equal(dev.attached, 4 + stats().replaced);
		close_transfer(NULL);
		close(dev.fd);
		open_transfer(NULL);
	}
	converter("");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_transfer, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_blocks),   TEST(test_late),	   TEST(test_stop),
		TEST(test_trap),     TEST(test_unplugged), TEST(test_unplugged_without_blocks),
		TEST(test_refusals), TEST(test_reuse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
