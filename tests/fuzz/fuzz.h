/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What fuzz targets share. A target is a file fuzz_NAME.c with LLVMFuzzerTestOneInput() and fuzz_seeds: libFuzzer
 * runs it (`make fuzz`), and so does driver.c, which needs nothing but the compiler (`make check`).
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/*
 * Files to begin with besides those in tests/fuzz/corpus/NAME, NULL after the last. Without any, inputs are made of
 * random bytes.
 */
extern const char *const fuzz_seeds[];

/* What holds for every input does not hold for this one. */
#define fuzz_assert(condition)                                                                    \
	do {                                                                                      \
		if (!(condition)) {                                                               \
			fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition); \
			abort();                                                                  \
		}                                                                                 \
	} while (0)

/*
 * Returns the path of a file in memory that holds @data. The same file on each call with that @slot, so that an
 * input's file is gone with the next input.
 */
static inline const char *fuzz_file(unsigned slot, const void *data, size_t size)
{
	static struct {
		int fd;
		char path[32];
	} files[4];

	fuzz_assert(slot < sizeof(files) / sizeof(files[0]));
	if (!files[slot].fd)
		files[slot].fd = memfd_create("fuzz", MFD_CLOEXEC);
	fuzz_assert(files[slot].fd > 0 && !ftruncate(files[slot].fd, 0));
	fuzz_assert(pwrite(files[slot].fd, data, size, 0) == (ssize_t)size);
	snprintf(files[slot].path, sizeof(files[slot].path), "/proc/self/fd/%d", files[slot].fd);
	return files[slot].path;
}

/*
 * Take the last byte of an input, for options: what comes before it is a file as it stands. Returns 0 where the
 * input is empty.
 */
static inline unsigned fuzz_options(const uint8_t *data, size_t *size)
{
	return *size ? data[--*size] : 0;
}

#endif
