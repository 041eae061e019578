// SPDX-License-Identifier: GPL-2.0-only
/*
 * stall: memory of the caller's that does not answer, as that of a userfaultfd or of a FUSE file, does
 * not keep the device from going. Speaks TAP.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shared/module.h"
#include "shared/ring.h"
#include "shared/tap.h"
#include "shared/task.h"

/* A page that is not there, or cannot be written to, until go_on(). */
struct stalled {
	int uffd;
	char *page;
	bool protected;
};

static struct stalled stall(bool protected, const void *data, size_t len)
{
	struct stalled s = { .protected = protected };
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .mode = protected ? UFFDIO_REGISTER_MODE_WP
							 : UFFDIO_REGISTER_MODE_MISSING };

	s.uffd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
	if (s.uffd < 0)
		tap_skip("this kernel has no userfaultfd");
	s.page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	EXPECT(s.page != MAP_FAILED);
	if (protected)
		memcpy(s.page, data, len);
	reg.range.start = (uintptr_t)s.page;
	reg.range.len = PAGE;
	EXPECT(!ioctl(s.uffd, UFFDIO_API, &api));
	if (protected && !(api.features & UFFD_FEATURE_PAGEFAULT_FLAG_WP))
		tap_skip("this kernel's userfaultfd does not protect from writing");
	EXPECT(!ioctl(s.uffd, UFFDIO_REGISTER, &reg));
	if (protected) {
		struct uffdio_writeprotect wp = { .range = reg.range,
						  .mode = UFFDIO_WRITEPROTECT_MODE_WP };

		EXPECT(!ioctl(s.uffd, UFFDIO_WRITEPROTECT, &wp));
	}
	return s;
}

/* The kernel asks for the page. */
static void wait_for_fault(const struct stalled *s)
{
	struct uffd_msg msg;

	EXPECT(read(s->uffd, &msg, sizeof(msg)) == sizeof(msg) &&
	       msg.event == UFFD_EVENT_PAGEFAULT);
}

static void go_on(const struct stalled *s, const void *data, size_t len)
{
	static char page[PAGE] __attribute__((aligned(PAGE)));

	if (s->protected) {
		struct uffdio_writeprotect wp = { .range = { (uintptr_t)s->page, PAGE } };

		EXPECT(!ioctl(s->uffd, UFFDIO_WRITEPROTECT, &wp));
	} else {
		struct uffdio_copy copy = { .dst = (uintptr_t)s->page,
					    .src = (uintptr_t)page,
					    .len = PAGE };

		memcpy(page, data, len);
		EXPECT(!ioctl(s->uffd, UFFDIO_COPY, &copy));
	}
}

/* A call in another thread, with the page as its argument. */
struct caller {
	int fd;
	unsigned cmd; /* 0: read() */
	char *page;
	off_t position;
	bool positioned;
	int error;
};

static void *call(void *arg)
{
	struct caller *c = arg;
	long ret = c->cmd	   ? ioctl(c->fd, c->cmd, c->page)
		   : c->positioned ? pread(c->fd, c->page, PAGE, c->position)
				   : read(c->fd, c->page, PAGE);

	c->error = ret < 0 ? errno : 0;
	return (void *)(intptr_t)ret;
}

/* The device goes and comes while the call waits; then the call ends, and so does what it made. */
static intptr_t device_goes(struct caller *c, const struct stalled *s, const void *data, size_t len)
{
	struct task task;
	intptr_t ret;

	c->page = s->page;
	task = task_start(call, c);
	wait_for_fault(s);
	device_unbind();
	device_bind();
	go_on(s, data, len);
	ret = (intptr_t)task_join(&task);
	EXPECT(!close(c->fd));
	return ret;
}

static void expect_a_new_ring_works(unsigned model)
{
	struct ring r = ring_start(model, ZCDMA_DEV_TRACK);

	ring_run_for(&r, 2 * BLOCKS);
	ring_end(&r);
}

/* Before the call is known to be right: it finds the device gone. */
static void an_argument_stalls(unsigned model)
{
	struct zcdma_dev_setup setup = ring_wanted(model);
	struct stalled s = stall(false, NULL, 0);
	struct caller c = { .fd = ring_open(O_RDONLY), .cmd = ZCDMA_IOC_SETUP };

	EXPECT(device_goes(&c, &s, &setup, sizeof(setup)) == -1 && c.error == ENODEV);
	expect_a_new_ring_works(model);
}

/* It succeeded, and the ring went with the device. */
static void the_answer_of_a_setup_stalls(unsigned model)
{
	struct zcdma_dev_setup setup = ring_wanted(model);
	struct stalled s = stall(true, &setup, sizeof(setup));
	struct caller c = { .fd = ring_open(O_RDONLY), .cmd = ZCDMA_IOC_SETUP };

	EXPECT(device_goes(&c, &s, NULL, 0) == 0);
	expect_a_new_ring_works(model);
}

static void the_answer_of_a_take_stalls(unsigned model)
{
	struct ring r = ring_start(model, ZCDMA_DEV_TRACK);
	struct zcdma_dev_block b = { .size = sizeof(b) };
	struct stalled s = stall(true, &b, sizeof(b));
	struct caller c = { .fd = r.fd, .cmd = ZCDMA_IOC_TAKE };

	EXPECT(!munmap(r.map, r.setup.ring_bytes));
	EXPECT(device_goes(&c, &s, NULL, 0) == 0);
	memcpy(&b, s.page, sizeof(b));
	EXPECT(b.length == BLOCK && b.seq == 0);
	expect_a_new_ring_works(model);
}

/* What was copied is right, and the next call finds the device gone. */
static void a_read_stalls(unsigned model)
{
	struct ring r = ring_start(model, ZCDMA_DEV_TRACK);
	struct stalled s = stall(false, NULL, 0);
	struct caller c = { .fd = r.fd };

	EXPECT(!munmap(r.map, r.setup.ring_bytes));
	EXPECT(device_goes(&c, &s, "", 1) == PAGE && is_pattern(s.page, PAGE, 0));
	expect_a_new_ring_works(model);
}

/* One reader at a time, wherever its memory is: the next one gets what comes after it. */
static void readers_keep_their_order(unsigned model)
{
	struct ring r = ring_start(model, ZCDMA_DEV_TRACK);
	struct stalled s = stall(false, NULL, 0);
	struct caller c = { .fd = r.fd, .page = s.page };
	static char data[PAGE];
	struct task task = task_start(call, &c);

	wait_for_fault(&s);
	EXPECT(!fcntl(r.fd, F_SETFL, O_NONBLOCK));
	EXPECT_ERRNO(read(r.fd, data, PAGE), EAGAIN);
	go_on(&s, "", 1);
	EXPECT(task_join(&task) == (void *)PAGE && is_pattern(s.page, PAGE, 0));
	EXPECT(read(r.fd, data, PAGE) == PAGE && is_pattern(data, PAGE, PAGE));
	ring_end(&r);
}

/* What is read from a block that is given back meanwhile stays what it was. */
static void a_pread_keeps_its_block(unsigned model)
{
	struct ring r = ring_start(model, ZCDMA_DEV_TRACK);
	struct stalled s = stall(false, NULL, 0);
	struct zcdma_dev_block b = ring_take(&r);
	struct caller c = {
		.fd = r.fd, .page = s.page, .position = (off_t)b.position, .positioned = true
	};
	struct task task = task_start(call, &c);

	wait_for_fault(&s);
	EXPECT(!ring_give(&r, b.index));
	ring_run_for(&r, 2 * BLOCKS);
	EXPECT(ring_stats(r.fd).draining == 1);
	go_on(&s, "", 1);
	EXPECT(task_join(&task) == (void *)PAGE && is_pattern(s.page, PAGE, b.offset));
	ring_run_until(&r, b.index);
	ring_end(&r);
}

int main(void)
{
	static const struct tap_test tests[] = {
		{ "the device goes while an argument stalls", an_argument_stalls, 0x4 },
		{ "the device goes while the answer of a setup stalls",
		  the_answer_of_a_setup_stalls, TAP_ALL },
		{ "the device goes while the answer of a take stalls", the_answer_of_a_take_stalls,
		  TAP_ALL },
		{ "readers keep their order while one of them stalls", readers_keep_their_order,
		  TAP_ALL },
		{ "a block stays as it is while a pread() stalls", a_pread_keeps_its_block,
		  TAP_ALL },
		{ "the device goes while a read() stalls", a_read_stalls, TAP_ALL },
	};

	TAP_RUN_ALL(tests);
	return 0;
}
