// SPDX-License-Identifier: GPL-2.0-only
/* A ring in a file on a disk that is full: an error, where writing to a hole would raise SIGBUS. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those four */
#include <cmocka.h>

#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "memory/ring.h"
#include "namespace.h"
#include "sources.h"

#define BLOCK (64u << 10)
#define DISK  (4 * BLOCK)

static char folder[] = "/tmp/zcdma-disk-XXXXXX";
static bool has_disk;
static int other_file = -1; /* takes all room of the disk, once there is some; -1: none */

/* Take the place of glibc's: another program is faster than the one that punches a hole. */
int fallocate(int fd, int mode, off_t offset, off_t len)
{
	int (*real)(int, int, off_t, off_t) =
		(int (*)(int, int, off_t, off_t))dlsym(RTLD_NEXT, "fallocate64");
	static const char zeros[4096];
	int rc = real(fd, mode, offset, len);

	while (!rc && other_file >= 0 && write(other_file, zeros, sizeof(zeros)) > 0)
		;
	return rc;
}

static int mount_disk(void **state)
{
	char size[32];

	(void)state;
	if (!mkdtemp(folder) || setenv("TMPDIR", folder, 1))
		return -1;
	snprintf(size, sizeof(size), "size=%u", DISK);
	has_disk = enter_namespaces(CLONE_NEWNS) &&
		   !mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) &&
		   !mount("tmpfs", folder, "tmpfs", 0, size);
	if (!has_disk)
		print_message("no file system can be mounted here\n");
	return zcdma_new(&ctx);
}

static int unmount_disk(void **state)
{
	(void)state;
	zcdma_free(ctx);
	return (has_disk && umount2(folder, MNT_DETACH)) || rmdir(folder);
}

static void test_larger_than_the_disk(void **state)
{
	struct zc_ring ring;
	char expected[128];

	(void)state;
	if (!has_disk)
		skip();
	assert_int_equal(zc_ring_alloc(ctx, &ring, ZC_MEMORY_FILE, BLOCK, DISK / BLOCK + 1, 0),
			 -ENOSPC);
	snprintf(expected, sizeof(expected), "memory=file: file in %s: No space left on device",
		 folder);
	assert_string_equal(zcdma_error(ctx), expected);
	assert_string_equal(zcdma_hint(ctx),
			    "set TMPDIR to a folder on a disk that has room for the ring");
	assert_int_equal(zc_ring_alloc(ctx, &ring, ZC_MEMORY_FILE, BLOCK, DISK / BLOCK, 0), 0);
	memset(ring.base, 'A', DISK);
	zc_ring_free(&ring);
}

static void begin_to_fill_the_disk(void)
{
	other_file = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	assert_true(other_file >= 0);
}

static void empty_the_disk(void)
{
	close(other_file);
	other_file = -1;
}

/* Check fresh pages whose room another file takes between the old ones' end and their allocation. */
static void test_fresh_pages(void **state)
{
	struct zc_ring ring;
	unsigned first;

	(void)state;
	if (!has_disk)
		skip();
	assert_int_equal(zc_ring_alloc(ctx, &ring, ZC_MEMORY_FILE, BLOCK, 2, ZC_USE_REPLACE), 0);
	memset(ring.base, 'A', 2 * BLOCK);
	begin_to_fill_the_disk();
	assert_int_equal(zc_ring_renew(&ring, 0, &first), -ENOSPC);
	empty_the_disk();
	assert_int_equal(zc_ring_renew(&ring, 1, &first), 1);
	assert_int_equal(first, 1);
	memset(zc_ring_block(&ring, 1), 'B', BLOCK);
	zc_ring_free(&ring);
}

/* Check that a source whose fresh pages failed delivers an error instead of the block. */
static void test_source(void **state)
{
	struct zcdma_source *src;
	struct zcdma_block b;

	(void)state;
	if (!has_disk)
		skip();
	src = start("sim:memory=file,block=64K,blocks=1", ZC_USE_REPLACE);
	b = take(src);
	begin_to_fill_the_disk();
	zc_source_put(src, &b, ZC_PUT_REPLACE);
	assert_int_equal(next(src, 0, &b), -ENOSPC);
	assert_string_equal(zcdma_error(ctx), "fresh pages for sim:memory=file,block=64K,blocks=1: "
					      "No space left on device");
	empty_the_disk();
	zcdma_source_close(src);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_larger_than_the_disk),
		cmocka_unit_test(test_fresh_pages),
		cmocka_unit_test(test_source),
	};

	return cmocka_run_group_tests(tests, mount_disk, unmount_disk);
}
