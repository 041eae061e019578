// SPDX-License-Identifier: GPL-2.0-only
/*
 * nth: the n-th thing in a call that can fail does, for n = 1, 2, 3, ... until the call passes without:
 * an allocation, or a copy from or to user space. Whatever the call returns, nothing leaks, the states of the
 * blocks add up, and the same call works right after. Wants a kernel with CONFIG_FAULT_INJECTION_DEBUG_FS
 * (Documentation/fault-injection/fault-injection.rst), root, a device of two channels, and a third
 * device, which plays. Speaks TAP.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shared/memory.h"
#include "shared/module.h"
#include "shared/nth.h"
#include "shared/ring.h"
#include "shared/tap.h"

#define FAIL_NTH   "/proc/thread-self/fail-nth"
#define INJECTIONS 2000		/* more than any call has */
#define LIMIT	   (64UL << 20) /* for rings, so that it shows what is charged */
#define MODELS	   (ZCDMA_DEV_IMPORTED + 1)

static const struct direction *direction;

static bool is_for(const struct call *call, unsigned model)
{
	return !call->paged || model != ZCDMA_DEV_COHERENT;
}

/* Make the call where it may say that there is nothing yet. */
static int make(const struct call *call, struct state *s)
{
	int rc;

	for (unsigned n = 0; (rc = call->make(s)) == -EAGAIN && n < tap_limit(20000); n++)
		usleep(500);
	return rc;
}

static struct state state_before(size_t end, unsigned model)
{
	struct state s = nth_begin(direction, model);

	for (size_t i = 0; i < end; i++) {
		const struct call *call = &direction->calls[i];

		if (!is_for(call, model))
			continue;
		if (call->prepare)
			call->prepare(&s);
		EXPECT(!make(call, &s));
	}
	return s;
}

static void expect_states_add_up(int fd)
{
	struct zcdma_dev_stats s;

	if (fd < 0)
		return;
	s = ring_stats(fd);
	if (s.free + s.filling + s.full + s.held + s.draining != s.ring_blocks)
		printf("# free %u filling %u full %u held %u draining %u of %u\n", s.free,
		       s.filling, s.full, s.held, s.draining, s.ring_blocks);
	EXPECT(s.free + s.filling + s.full + s.held + s.draining == s.ring_blocks);
}

static int fail_nth;

/*
 * Let the @n-th thing fail from here on; 0: nothing. Returns whether what was asked for before is still to
 * come: reading and writing the number may be what fails.
 */
static bool inject(int n)
{
	char text[16] = "";
	const bool failed = pread(fail_nth, text, sizeof(text) - 1, 0) < 0;

	for (int i = 0; dprintf(fail_nth, "%d", n) < 0; i++)
		EXPECT(i < 2 && errno == EFAULT);
	return failed || atoi(text);
}

/* Errors that say that something failed, and none that blames the caller. */
static bool is_plausible(int rc)
{
	static const int errors[] = { ENOMEM, EFAULT, EAGAIN, ENOBUFS, EINTR };

	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		if (rc == -errors[i])
			return true;
	}
	/* Where udmabuf cannot allocate what maps a buffer it says EINVAL, which the driver takes for an exporter that cannot. */
	return !rc || (rc == -EOPNOTSUPP && direction->warns);
}

/* One injection. False: the call has fewer than @n places where something can fail. */
static bool try_nth(const struct call *call, unsigned model, int n, unsigned *failed)
{
	struct state s = state_before(call - direction->calls, model);
	bool left;
	int rc;

	if (call->prepare)
		call->prepare(&s);
	inject(n);
	rc = call->make(&s);
	left = inject(0);
	if (!is_plausible(rc))
		printf("# n = %d: %s\n", n, strerror(-rc));
	EXPECT(is_plausible(rc));
	EXPECT(!left || !rc);
	*failed += !left && rc;
	expect_states_add_up(s.r.fd);
	/* It left nothing that stands in the way of the same call. */
	if (!left && rc)
		EXPECT(!make(call, &s));
	nth_end(&s);
	return !left;
}

static const struct call *tested;

static void survives(unsigned model)
{
	unsigned failed = 0;
	int n;

	EXPECT((fail_nth = open(FAIL_NTH, O_RDWR | O_CLOEXEC)) >= 0);
	for (n = 1; n < INJECTIONS && try_nth(tested, model, n, &failed); n++)
		;
	EXPECT(n < INJECTIONS);
	printf("# %d injections survived, %u of them as an error\n", n - 1, failed);
}

/* So that the tests below are about what fails; and what is allocated once, and kept, is not leaked. */
static void works(unsigned model)
{
	for (unsigned i = 0; i < 2; i++) {
		struct state s = state_before(direction->count, model);

		nth_end(&s);
	}
}

/* Have the kernel warn of a call's failure, where it does so once, before that call is tested. */
static void warns(unsigned model)
{
	struct state s;
	bool left = false;

	EXPECT((fail_nth = open(FAIL_NTH, O_RDWR | O_CLOEXEC)) >= 0);
	memory_write("/dev/kmsg", "zcdma-vm: faults are expected from here on");
	for (int n = 1; n < INJECTIONS && !left; n++) {
		s = state_before(tested - direction->calls, model);
		inject(n);
		tested->make(&s);
		left = inject(0);
		nth_end(&s);
	}
	memory_write("/dev/kmsg", "zcdma-vm: faults are expected no more");
	EXPECT(left);
}

static struct memory before;

/* Have the driver take back the pages that came home from pipes: until then they are charged. */
static void settle(void)
{
	WAIT_FOR(ring_limits().memlock_bytes == LIMIT);
}

static void nothing_is_left(unsigned unused)
{
	(void)unused;
	settle();
	expect_memory_back(&before, 0, 0);
}

/*
 * Leave the allocations of dma-debug alone: it switches itself off when one fails. @points is the folder of a kind
 * of faults.
 */
static void spare_dma_debug(const char *points)
{
	FILE *symbols = fopen("/proc/kallsyms", "re");
	char line[256], name[64], path[128], text[32];
	unsigned long address, start = 0, end = ~0UL;

	EXPECT(symbols);
	while (fgets(line, sizeof(line), symbols)) {
		if (sscanf(line, "%lx %*c %63s", &address, name) == 2 &&
		    !strcmp(name, "add_dma_entry"))
			start = address;
	}
	rewind(symbols);
	while (start && fgets(line, sizeof(line), symbols)) {
		if (sscanf(line, "%lx", &address) == 1 && address > start && address < end)
			end = address;
	}
	fclose(symbols);
	if (!start)
		return;
	snprintf(path, sizeof(path), "%s/reject-end", points);
	snprintf(text, sizeof(text), "%#lx", end);
	memory_write(path, text);
	snprintf(path, sizeof(path), "%s/reject-start", points);
	snprintf(text, sizeof(text), "%#lx", start);
	memory_write(path, text);
}

/* Those of allocations that may wait fail as well, and none is written to the log with a backtrace. */
static void configure(void)
{
	spare_dma_debug("/sys/kernel/debug/failslab");
	spare_dma_debug("/sys/kernel/debug/fail_page_alloc");
	memory_write("/sys/kernel/debug/failslab/ignore-gfp-wait", "N");
	memory_write("/sys/kernel/debug/failslab/verbose", "0");
	memory_write("/sys/kernel/debug/fail_page_alloc/ignore-gfp-wait", "N");
	memory_write("/sys/kernel/debug/fail_page_alloc/ignore-gfp-highmem", "N");
	memory_write("/sys/kernel/debug/fail_page_alloc/min-order", "0");
	memory_write("/sys/kernel/debug/fail_page_alloc/verbose", "0");
	memory_write("/sys/kernel/debug/fail_usercopy/verbose", "0");
}

/* The driver makes the device anew each time: its probe. */
static void adding_survives(unsigned unused)
{
	unsigned failed = 0;
	bool left = false;
	int n;

	(void)unused;
	EXPECT((fail_nth = open(FAIL_NTH, O_RDWR | O_CLOEXEC)) >= 0);
	for (n = 1; n < INJECTIONS && !left; n++) {
		int rc;

		device_unbind();
		inject(n);
		rc = device_try_bind();
		left = inject(0);
		EXPECT(!left || !rc);
		if (!rc)
			continue;
		failed++;
		device_bind();
	}
	EXPECT(left);
	printf("# %d injections survived, %u of them as an error\n", n - 2, failed);
}

static void test_adding(void)
{
	settle();
	before = memory_now();
	tap_run(adding_survives, 0, "a device that is added survives whatever fails in that");
	tap_run(nothing_is_left, 0, "a device that is added leaks nothing, whatever fails in that");
}

static const char *name_of(unsigned model)
{
	return model < 4 ? tap_models[model] : "imported";
}

static void test_call(const struct call *call)
{
	static const char text[] = "whatever fails in it";

	tested = call;
	for (unsigned model = 0; model < MODELS; model++) {
		if (direction->models & 1 << model && call->make == direction->warns)
			tap_run(warns, model, "%s: the kernel has warned of %s", name_of(model),
				call->name);
	}
	settle();
	before = memory_now();
	for (unsigned model = 0; model < MODELS; model++) {
		if (direction->models & 1 << model && is_for(call, model))
			tap_run(survives, model, "%s: %s survives %s", name_of(model), call->name,
				text);
	}
	tap_run(nothing_is_left, 0, "%s leaks nothing, %s", call->name, text);
}

static void test_direction(void)
{
	for (unsigned model = 0; model < MODELS; model++) {
		if (direction->models & 1 << model)
			tap_run(works, model, "%s: every call of %s works where nothing fails",
				name_of(model), direction->name);
	}
	for (size_t i = 0; i < direction->count; i++)
		test_call(&direction->calls[i]);
}

int main(void)
{
	if (access(FAIL_NTH, W_OK)) {
		puts("ok - every call survives whatever fails in it # skip this kernel injects no faults");
		return 0;
	}
	configure();
	memory_limit(LIMIT);
	for (size_t i = 0; i < nth_direction_count; i++) {
		direction = &nth_directions[i];
		ring_device = direction->device;
		test_direction();
	}
	ring_device = DEVICE;
	test_adding();
	return 0;
}
