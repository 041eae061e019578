// SPDX-License-Identifier: LGPL-2.1-or-later
/* How fast the processor reads a mapping: uncached memory, as dma_mmap_coherent() maps it on many machines, is far slower. */
#include "probe/speed.h"

#include <sys/mman.h>

#include "internal.h"

/* The fastest of these counts: others take the processor now and then. */
#define PASSES 5

#define MOST_BYTES ((size_t)64 * 1024)

/* Read each word once. */
static uint64_t pass_ns(const volatile uint64_t *words, size_t count)
{
	const uint64_t start = zc_now_ns();

	for (size_t i = 0; i < count; i++)
		(void)words[i];
	return zc_now_ns() - start;
}

uint64_t zc_read_speed(const void *addr, size_t len)
{
	const size_t count = zc_min(len, MOST_BYTES) / sizeof(uint64_t);
	uint64_t best = UINT64_MAX;

	/* One more, which has the pages mapped. */
	for (int i = 0; i <= PASSES; i++) {
		const uint64_t ns = pass_ns(addr, count);

		if (i)
			best = zc_min(best, ns);
	}
	return best ? count * sizeof(uint64_t) * 1000000000u / best : 0;
}

uint64_t zc_read_speed_anonymous(size_t len)
{
	void *addr = mmap(NULL, len, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	uint64_t speed;

	if (addr == MAP_FAILED)
		return 0;
	speed = zc_read_speed(addr, len);
	munmap(addr, len);
	return speed;
}
