// SPDX-License-Identifier: GPL-2.0-only
/* Methods out of a mapping, on mappings whose right answers are known. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "internal.h"
#include "probe/methods.h"
#include "probe/scratch.h"

static struct zcdma_ctx *ctx;
static size_t page;

static int setup(void **state)
{
	(void)state;
	page = (size_t)sysconf(_SC_PAGESIZE);
	return zcdma_new(&ctx);
}

static int teardown(void **state)
{
	(void)state;
	zcdma_free(ctx);
	return 0;
}

static struct zcdma_method_result try_method(enum zcdma_method method, const void *addr, size_t len)
{
	struct zcdma_method_result res;

	memset(&res, 'x', sizeof(res));
	assert_int_equal(zc_method_try(ctx, method, addr, len, false, &res), 0);
	return res;
}

static unsigned open_files(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

/* Check every method over several steps, with a length that is not a multiple of a step. */
static void pages_work(void **state)
{
	size_t len = 2 * 1024 * 1024 + page;
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned before = open_files();

	(void)state;
	assert_ptr_not_equal(p, MAP_FAILED);
	for (int method = 0; method < ZCDMA_METHODS; method++) {
		struct zcdma_method_result res = try_method(method, p, len);

		if (res.answer == ZCDMA_ANSWER_UNTRIED)
			print_message("%s: untried: %s\n", zcdma_method_name(method), res.text);
		else if (res.answer == ZCDMA_ANSWER_FAILS)
			fail_msg("%s: %s", zcdma_method_name(method), res.text);
	}
	assert_int_equal(open_files(), before);
	munmap(p, len);
}

static const void *disk_fails_for;

/* Stands before libc's: a disk that does not take the data of some pages. */
ssize_t pwrite64(int fd, const void *buf, size_t len, off64_t at)
{
	ssize_t (*real)(int, const void *, size_t, off64_t) =
		(ssize_t(*)(int, const void *, size_t, off64_t))dlsym(RTLD_NEXT, "pwrite64");

	if (disk_fails_for && buf == disk_fails_for) {
		errno = EIO;
		return -1;
	}
	return real(fd, buf, len, at);
}

static void an_error_of_the_disk_is_not_the_mappings(void **state)
{
	void *p = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct zcdma_method_result res;

	(void)state;
	assert_ptr_not_equal(p, MAP_FAILED);
	disk_fails_for = p;
	res = try_method(ZCDMA_METHOD_DIRECT, p, page);
	disk_fails_for = NULL;
	munmap(p, page);
	if (strstr(res.text, "no file is known to take O_DIRECT")) {
		print_message("%s\n", res.text);
		skip();
	}
	assert_int_equal(res.answer, ZCDMA_ANSWER_UNTRIED);
	assert_int_equal(res.err, 0);
	assert_string_equal(res.text,
			    "the disk of the file to write to failed: Input/output error");
}

/* Check a mapping longer than its file: a read beyond the file in this process would raise SIGBUS. */
static void only_the_first_pages_work(void **state)
{
	static const enum zcdma_method all[] = { ZCDMA_METHOD_SEND, ZCDMA_METHOD_ZEROCOPY,
						 ZCDMA_METHOD_VMSPLICE, ZCDMA_METHOD_DIRECT };
	int fd = memfd_create("test", MFD_CLOEXEC);
	char expected[64];
	void *p;

	(void)state;
	assert_int_equal(ftruncate(fd, (off_t)(3 * page)), 0);
	p = mmap(NULL, 8 * page, PROT_READ, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(p, MAP_FAILED);
	snprintf(expected, sizeof(expected), "from byte %zu on", 3 * page);
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		struct zcdma_method_result res = try_method(all[i], p, 8 * page);

		if (res.answer == ZCDMA_ANSWER_UNTRIED)
			continue;
		assert_int_equal(res.answer, ZCDMA_ANSWER_FAILS);
		assert_int_equal(res.err, EFAULT);
		assert_non_null(strstr(res.text, expected));
	}
	munmap(p, 8 * page);
	close(fd);
}

/* Check pages that cannot be pinned although no flag in smaps says so: only a try shows it. */
static void secret_memory(void **state)
{
	int fd = -1;
	struct zc_vma vma;
	void *p;

	(void)state;
#ifdef SYS_memfd_secret
	fd = (int)syscall(SYS_memfd_secret, FD_CLOEXEC);
#endif
	if (fd < 0) {
		print_message("no memfd_secret(): %s\n", strerror(errno));
		skip();
	}
	assert_int_equal(ftruncate(fd, (off_t)page), 0);
	p = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(p, MAP_FAILED);
	assert_int_equal(zc_vma_find(p, &vma), 0);
	assert_false(zc_vmflags_have(vma.flags, "pf") || zc_vmflags_have(vma.flags, "io"));
	assert_int_equal(try_method(ZCDMA_METHOD_SEND, p, page).answer, ZCDMA_ANSWER_WORKS);
	assert_int_equal(try_method(ZCDMA_METHOD_VMSPLICE, p, page).err, EFAULT);
	munmap(p, page);
	close(fd);
}

/* Try vmsplice() under a filter that refuses it. Runs in a child, as the filter cannot be removed. */
static int without_vmsplice(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_vmsplice, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = { .len = ARRAY_SIZE(filter), .filter = filter };
	struct zcdma_method_result res;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		return 77;
	if (zc_method_try(ctx, ZCDMA_METHOD_VMSPLICE, filter, sizeof(filter), false, &res))
		return 1;
	return res.err == EPERM && strstr(res.text, "seccomp") ? 0 : 1;
}

static void refused_by_seccomp(void **state)
{
	pid_t child = fork();
	int status;

	(void)state;
	if (!child)
		_exit(without_vmsplice());
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* Check that an interrupted try returns -EINTR instead of an answer. */
static void interrupted(void **state)
{
	struct zcdma_method_result res;
	char byte = 0;
	int rc;

	(void)state;
	zcdma_interrupt(ctx);
	rc = zc_method_try(ctx, ZCDMA_METHOD_ZEROCOPY, &byte, 1, false, &res);
	zcdma_resume(ctx);
	if (rc == 0 && res.answer == ZCDMA_ANSWER_UNTRIED)
		skip(); /* no loopback, so nothing to wait for */
	assert_int_equal(rc, -EINTR);
}

static int accept_file(int fd)
{
	return fd < 0 ? -EBADF : 0;
}

static int refuse_file(int fd)
{
	return fd < 0 ? -EBADF : -ENOSPC;
}

static void scratch_file(void **state)
{
	int fd = zc_scratch_open(0, accept_file);
	char byte = 'x';

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, &byte, 1, 0), 1);
	assert_int_equal(pread(fd, &byte, 1, 0), 1);
	close(fd);
	assert_int_equal(zc_scratch_open(0, refuse_file), -ENOSPC);
}

static void test_names(void **state)
{
	(void)state;
	for (enum zcdma_method method = 0; method < ZCDMA_METHODS; method++)
		assert_string_not_equal(zcdma_method_name(method), "unknown");
	assert_string_equal(zcdma_method_name(ZCDMA_METHODS), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(pages_work),
		cmocka_unit_test(an_error_of_the_disk_is_not_the_mappings),
		cmocka_unit_test(only_the_first_pages_work),
		cmocka_unit_test(secret_memory),
		cmocka_unit_test(refused_by_seccomp),
		cmocka_unit_test(interrupted),
		cmocka_unit_test(scratch_file),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
