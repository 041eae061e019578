// SPDX-License-Identifier: GPL-2.0-only
/*
 * stall: memory of the caller's that does not answer, as that of a userfaultfd or of a FUSE file, does
 * not keep the device from going. Speaks TAP.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shared/disk.h"
#include "shared/module.h"
#include "shared/ring.h"
#include "shared/stalled.h"
#include "shared/tap.h"
#include "shared/task.h"

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

static void *go_and_come(void *gone)
{
	device_unbind();
	device_bind();
	__atomic_store_n((bool *)gone, true, __ATOMIC_RELEASE);
	return NULL;
}

/* In a thread, as one that waits for the device to go cannot fail. */
static void device_goes_and_comes(void)
{
	static bool the_device_is_back;
	struct task task = task_start(go_and_come, &the_device_is_back);

	WAIT_FOR(__atomic_load_n(&the_device_is_back, __ATOMIC_ACQUIRE));
	task_join(&task);
}

/* The device goes and comes while the call waits; then the call ends, and so does what it made. */
static intptr_t device_goes(struct caller *c, const struct stalled *s, const void *data, size_t len)
{
	struct task task;
	intptr_t ret;

	c->page = s->page;
	task = task_start(call, c);
	stalled_wait(s);
	device_goes_and_comes();
	stalled_go_on(s, data, len);
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
	struct stalled s = stalled_page(false, NULL, 0);
	struct caller c = { .fd = ring_open(O_RDONLY), .cmd = ZCDMA_IOC_SETUP };

	EXPECT(device_goes(&c, &s, &setup, sizeof(setup)) == -1 && c.error == ENODEV);
	expect_a_new_ring_works(model);
}

/* It succeeded, and the ring went with the device. */
static void the_answer_of_a_setup_stalls(unsigned model)
{
	struct zcdma_dev_setup setup = ring_wanted(model);
	struct stalled s = stalled_page(true, &setup, sizeof(setup));
	struct caller c = { .fd = ring_open(O_RDONLY), .cmd = ZCDMA_IOC_SETUP };

	EXPECT(device_goes(&c, &s, NULL, 0) == 0);
	expect_a_new_ring_works(model);
}

static void the_answer_of_a_take_stalls(unsigned model)
{
	struct ring r = ring_start(model, ZCDMA_DEV_TRACK);
	struct zcdma_dev_block b = { .size = sizeof(b) };
	struct stalled s = stalled_page(true, &b, sizeof(b));
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
	struct stalled s = stalled_page(false, NULL, 0);
	struct caller c = { .fd = r.fd };

	EXPECT(!munmap(r.map, r.setup.ring_bytes));
	EXPECT(device_goes(&c, &s, "", 1) == PAGE && is_pattern(s.page, PAGE, 0));
	expect_a_new_ring_works(model);
}

/* One reader at a time, wherever its memory is: the next one gets what comes after it. */
static void readers_keep_their_order(unsigned model)
{
	struct ring r = ring_start(model, ZCDMA_DEV_TRACK);
	struct stalled s = stalled_page(false, NULL, 0);
	struct caller c = { .fd = r.fd, .page = s.page };
	static char data[PAGE];
	struct task task = task_start(call, &c);

	stalled_wait(&s);
	EXPECT(!fcntl(r.fd, F_SETFL, O_NONBLOCK));
	EXPECT_ERRNO(read(r.fd, data, PAGE), EAGAIN);
	stalled_go_on(&s, "", 1);
	EXPECT(task_join(&task) == (void *)PAGE && is_pattern(s.page, PAGE, 0));
	EXPECT(read(r.fd, data, PAGE) == PAGE && is_pattern(data, PAGE, PAGE));
	ring_end(&r);
}

/* What is read from a block that is given back meanwhile stays what it was. */
static void a_pread_keeps_its_block(unsigned model)
{
	struct ring r = ring_start(model, ZCDMA_DEV_TRACK);
	struct stalled s = stalled_page(false, NULL, 0);
	struct zcdma_dev_block b = ring_take(&r);
	struct caller c = {
		.fd = r.fd, .page = s.page, .position = (off_t)b.position, .positioned = true
	};
	struct task task = task_start(call, &c);

	stalled_wait(&s);
	EXPECT(!ring_give(&r, b.index));
	ring_run_for(&r, 2 * BLOCKS);
	EXPECT(ring_stats(r.fd).draining == 1);
	stalled_go_on(&s, "", 1);
	EXPECT(task_join(&task) == (void *)PAGE && is_pattern(s.page, PAGE, b.offset));
	ring_run_until(&r, b.index);
	ring_end(&r);
}

/*
 * A process whose address space is locked for as long as a disk does not answer: a thread reads a page of it through
 * /proc/self/mem, with the lock held, and another waits to change the mappings. Whatever asks for the lock later waits
 * too.
 */
struct locked {
	const struct ring *ring;
	int disk;
	char *page; /* of the disk */
	int gate[2];
	struct {
		pid_t reader, mapper;
	} * tid; /* shared with the test */
	pid_t child;
};

static void *read_page(void *arg)
{
	const struct locked *l = arg;
	int mem = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	char c;

	return (void *)(intptr_t)pread(mem, &c, 1, (off_t)(uintptr_t)l->page);
}

static void *map_a_page(void *arg)
{
	const struct locked *l = arg;
	char c;

	if (read(l->gate[0], &c, 1) != 1)
		return NULL;
	return mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

__attribute__((noreturn)) static void lock_me(struct locked *l)
{
	volatile char *ring =
		mmap(NULL, l->ring->setup.ring_bytes, PROT_READ, MAP_SHARED, l->ring->fd, 0);

	EXPECT(ring != MAP_FAILED && ring[0] == ring[0]);
	l->page = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, l->disk, 0);
	EXPECT(l->page != MAP_FAILED && !madvise(l->page, PAGE, MADV_RANDOM));
	l->tid->mapper = task_start(map_a_page, l).tid;
	l->tid->reader = task_start(read_page, l).tid;
	for (;;)
		pause();
}

/* Whether a thread of the process waits where no signal but SIGKILL reaches it. */
static bool is_stuck(pid_t process, const volatile pid_t *tid)
{
	char path[64], state = 0;
	FILE *f;

	if (!*tid)
		return false;
	snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", process, *tid);
	f = fopen(path, "re");
	EXPECT(f && fscanf(f, "%*d (%*[^)]) %c", &state) == 1 && !fclose(f));
	return state == 'D';
}

static struct locked lock_a_process(const struct ring *r)
{
	struct locked l = { .ring = r, .disk = disk_suspended() };

	l.tid = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	EXPECT((void *)l.tid != MAP_FAILED && !pipe2(l.gate, O_CLOEXEC));
	l.child = fork();
	if (!l.child)
		lock_me(&l);
	EXPECT(l.child > 0);
	WAIT_FOR(is_stuck(l.child, &l.tid->reader));
	EXPECT(write(l.gate[1], "", 1) == 1);
	WAIT_FOR(is_stuck(l.child, &l.tid->mapper));
	return l;
}

static void unlock(const struct locked *l)
{
	disk_resume();
	EXPECT(!kill(l->child, SIGKILL) && waitpid(l->child, NULL, 0) == l->child);
	EXPECT(!close(l->disk));
}

static void the_lock_of_a_process_is_held(unsigned model)
{
	struct ring r = ring_start(model, ZCDMA_DEV_TRACK);
	struct locked l = lock_a_process(&r);

	device_goes_and_comes();
	unlock(&l);
	ring_end(&r);
	expect_a_new_ring_works(model);
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
		{ "the device goes while the address space of a process is locked",
		  the_lock_of_a_process_is_held, TAP_ALL },
	};

	TAP_RUN_ALL(tests);
	return 0;
}
