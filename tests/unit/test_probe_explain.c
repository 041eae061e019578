// SPDX-License-Identifier: GPL-2.0-only
/* Causes of an EFAULT that are in no file: memory of this process that the kernel refuses to pin. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "probe/explain.h"
#include "probe/method.h"
#include "probe/probe.h"
#include "probe/speed.h"

/* From Linux 6.13 on. */
#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

#define BYTES 65536

static struct zcdma_ctx *ctx;

static int begin(void **state)
{
	(void)state;
	return zcdma_new(&ctx);
}

static int end(void **state)
{
	(void)state;
	zcdma_free(ctx);
	return 0;
}

static struct zcdma_probe probe(void *addr)
{
	struct zc_mapping m = { .addr = addr, .bytes = BYTES, .writable = true };
	struct zcdma_probe p = { .bytes = 0 };

	zc_probe_look_up(&m, &p);
	assert_int_equal(zc_probe_try(ctx, &m, 0, &p), 0);
	return p;
}

static void test_secret(void **state)
{
	int fd = -1;
	struct zcdma_probe p;
	void *addr;

	(void)state;
	/* 32-bit ARM has no such call, and ends who makes one of no number (bad_syscall() in arch/arm/kernel/traps.c). */
#ifdef SYS_memfd_secret
	fd = (int)syscall(SYS_memfd_secret, 0);
#endif
	if (fd < 0) {
		print_message("no memfd_secret: %s\n", strerror(errno));
		skip();
	}
	assert_int_equal(ftruncate(fd, BYTES), 0);
	addr = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(addr, MAP_FAILED);
	memset(addr, 1, BYTES);
	p = probe(addr);
	assert_int_equal(p.method[ZCDMA_METHOD_SEND].answer, ZCDMA_ANSWER_WORKS);
	assert_non_null(strstr(p.cause, "memfd_secret()"));
	munmap(addr, BYTES);
	close(fd);
}

static void test_userfaultfd(void **state)
{
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);
	void *addr = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register r = { .range = { (uintptr_t)addr, BYTES },
				     .mode = UFFDIO_REGISTER_MODE_MISSING };
	struct zcdma_probe p;

	(void)state;
	if (fd < 0 || ioctl(fd, UFFDIO_API, &api) < 0 || ioctl(fd, UFFDIO_REGISTER, &r) < 0) {
		print_message("no userfaultfd: %s\n", strerror(errno));
		skip();
	}
	p = probe(addr);
	assert_non_null(strstr(p.cause, "userfaultfd"));
	/* What cannot be read is not measured. */
	assert_int_equal(p.read_bytes_per_second, 0);
	munmap(addr, BYTES);
	close(fd);
}

/* Guard pages look like memory in smaps, and have none. */
static void test_guard(void **state)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	unsigned char *addr =
		mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct zcdma_probe p;

	(void)state;
	if (madvise(addr + BYTES - page, page, MADV_GUARD_INSTALL) < 0) {
		print_message("no guard pages: %s\n", strerror(errno));
		skip();
	}
	p = probe(addr);
	assert_int_equal(p.method[ZCDMA_METHOD_SEND].err, EFAULT);
	assert_non_null(strstr(p.cause, "guard pages"));
	assert_int_equal(p.read_bytes_per_second, 0);
	munmap(addr, BYTES);
}

/* Causes of mappings that only drivers make. */
static void test_flags(void **state)
{
	static const struct {
		const char *vmflags;
		enum zc_owner owner;
		bool copy, pages; /* which is EFAULT */
		const char *cause;
	} rows[] = {
		{ "rd sh pf io", ZC_OWNER_ANY, false, true, "VM_PFNMAP: bare page frame numbers" },
		{ "rd sh pf io", ZC_OWNER_V4L2, false, true, "VM_PFNMAP: the driver maps its own" },
		{ "rd sh pf io", ZC_OWNER_DMABUF, false, true, "VM_PFNMAP: the dma-buf" },
		{ "rd sh pf io", ZC_OWNER_MMIO, false, true, "VM_PFNMAP: these are registers" },
		{ "rd sh pf io", ZC_OWNER_PCI, false, true, "VM_PFNMAP: a PCI BAR" },
		{ "rd sh pf io", ZC_OWNER_ZCDMA, false, true, "VM_PFNMAP: coherent memory" },
		{ "rd sh io", ZC_OWNER_ANY, false, true, "VM_IO: the driver says" },
		{ "rd sh mm", ZC_OWNER_ANY, false, true, "no struct pages" },
		{ "rd sh pf io", ZC_OWNER_ANY, true, true, "not even a plain copy" },
		{ "rd sh pf io", ZC_OWNER_ANY, false, false, "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct zc_mapping m = { .owner = rows[i].owner };
		struct zcdma_probe p = { .bytes = BYTES };

		snprintf(p.vmflags, sizeof(p.vmflags), "%s", rows[i].vmflags);
		for (int method = 0; method < ZCDMA_METHODS; method++) {
			const bool fails =
				method == ZCDMA_METHOD_SEND ? rows[i].copy : rows[i].pages;

			p.method[method].answer = fails ? ZCDMA_ANSWER_FAILS : ZCDMA_ANSWER_WORKS;
			p.method[method].err = fails ? EFAULT : 0;
		}
		zc_probe_explain(&m, &p);
		if (strncmp(p.cause, rows[i].cause, strlen(rows[i].cause)) != 0)
			fail_msg("%zu: not \"%s\" but \"%s\"", i, rows[i].cause, p.cause);
		assert_int_equal(!p.cause[0], !p.hint[0]);
	}
}

/* Errors of registering that are not EFAULT. */
static void test_registering(void **state)
{
	char text[160] = "";

	(void)state;
	zc_method_registered.describe(EOPNOTSUPP, text, sizeof(text));
	assert_non_null(strstr(text, "(DAX)"));
	zc_method_registered.describe(ENOMEM, text, sizeof(text));
	assert_non_null(strstr(text, "RLIMIT_MEMLOCK"));
	assert_non_null(strstr(text, "CMA"));
}

static void test_speed(void **state)
{
	void *addr = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct zcdma_probe p = probe(addr);

	(void)state;
	assert_true(p.read_bytes_per_second > 0);
	assert_true(p.anonymous_bytes_per_second > 0);
	assert_string_equal(p.cause, "");
	munmap(addr, BYTES);
	/* 97 MB/s are those of uncached memory, and half of the speed may be anything. */
	assert_true(zc_read_is_uncached(97000000, 8000000000));
	assert_false(zc_read_is_uncached(4000000000, 8000000000));
	assert_false(zc_read_is_uncached(0, 8000000000));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_secret), TEST(test_userfaultfd), TEST(test_guard),
		TEST(test_flags),  TEST(test_registering), TEST(test_speed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
