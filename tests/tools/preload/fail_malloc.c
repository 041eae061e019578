// SPDX-License-Identifier: GPL-2.0-only
/*
 * A library for LD_PRELOAD: of the allocations that begin in the program after main(), fail number FAIL_MALLOC,
 * and make the file FAIL_MALLOC_DONE once it has. malloc(), calloc() and realloc() count, as do those of strdup()
 * and its like.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *old, size_t size);

static long left;

static void __attribute__((constructor)) read_number(void)
{
	const char *number = getenv("FAIL_MALLOC");

	left = number ? atol(number) : 0;
}

static bool is_to_fail(void)
{
	const char *done = getenv("FAIL_MALLOC_DONE");
	int fd;

	if (__atomic_load_n(&left, __ATOMIC_RELAXED) <= 0 ||
	    __atomic_sub_fetch(&left, 1, __ATOMIC_RELAXED))
		return false;
	fd = done ? open(done, O_WRONLY | O_CREAT, 0600) : -1;
	if (fd >= 0)
		close(fd);
	errno = ENOMEM;
	return true;
}

void *malloc(size_t size)
{
	return is_to_fail() ? NULL : __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
	return is_to_fail() ? NULL : __libc_calloc(n, size);
}

void *realloc(void *old, size_t size)
{
	return is_to_fail() ? NULL : __libc_realloc(old, size);
}
