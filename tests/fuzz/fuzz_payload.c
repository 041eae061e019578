// SPDX-License-Identifier: GPL-2.0-only
/* A capture file through the source pcap: - what comes out does not depend on how many blocks are held. */
#include <errno.h>
#include <string.h>
#include <sys/prctl.h>
#include <xxhash.h>

#include "internal.h"
#include "../unit/lab.h"
#include "fuzz.h"

const char *const fuzz_seeds[] = {
	"tests/data/ethernet.pcap", "tests/data/cooked.pcap",	"tests/data/cooked2.pcap",
	"tests/data/two.pcapng",    "tests/data/wire/udp.pcap", NULL,
};

/* What came out of a source. */
struct outcome {
	int rc;
	uint64_t bytes, hash;
	struct zcdma_packet_stats stats;
};

static void release(struct zcdma_source *src, struct zcdma_block *held, unsigned *count)
{
	while (*count)
		zc_source_put(src, &held[--*count], ZC_PUT_REUSE);
}

/* Read all of it, and hold up to @most blocks at a time. */
static void drain(struct zcdma_source *src, unsigned most, uint8_t *out, size_t room,
		  struct outcome *o)
{
	struct zcdma_block held[16];
	unsigned count = 0;

	for (;;) {
		struct zcdma_block *b = &held[count];

		o->rc = zc_source_take(src, 0, b);
		if (o->rc == -EAGAIN && count) {
			release(src, held, &count);
			continue;
		}
		if (o->rc != 1)
			break;
		fuzz_assert(b->offset == o->bytes && b->len && b->len <= 1 << 20);
		if (o->bytes + b->len <= room)
			memcpy(out + o->bytes, b->data, b->len);
		o->bytes += b->len;
		if (++count == most)
			release(src, held, &count);
	}
	release(src, held, &count);
	o->hash = XXH3_64bits(out, o->bytes < room ? o->bytes : room);
}

/* False: it cannot be opened. */
static bool run(const char *path, const char *options, unsigned most, uint8_t *out, size_t room,
		struct outcome *o)
{
	struct zcdma_source *src;
	struct zcdma_ctx *ctx;
	char spec[160];
	bool opened;

	memset(o, 0, sizeof(*o));
	fuzz_assert(!zcdma_new(&ctx));
	snprintf(spec, sizeof(spec), "pcap:%s%s", path, options);
	opened = !lab_open(ctx, spec, 0, &src);
	if (opened) {
		struct zcdma_source_stats stats;

		zcdma_source_start(src);
		drain(src, most, out, room, o);
		zcdma_source_get_stats(src, &stats, sizeof(stats));
		o->stats = stats.packets;
		zcdma_source_close(src);
	}
	if (!opened || o->rc < 0)
		fuzz_assert(*zcdma_error(ctx));
	zcdma_free(ctx);
	return opened;
}

/*
 * Opening a ring looks up the size of its pages in /proc/self/smaps, which takes 50 ms with the mappings of the
 * address sanitizer. Without huge pages there is nothing to look up.
 */
static void __attribute__((constructor)) disable_huge_pages(void)
{
	fuzz_assert(!prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const options[] = {
		"",
		",payload",
		",payload,seq=0:4be",
		",payload,seq=1:1le",
		",payload,seq=0:8le",
		",payload,filter=udp",
		",payload,seq=2:2be,filter=udp port 5000",
		",filter=tcp",
	};
	static uint8_t one[1 << 20], other[1 << 20];
	const unsigned choice = fuzz_options(data, &size);
	const char *option = options[choice & 7];
	struct outcome a, b;

	if (!run(fuzz_file(0, data, size), option, 1, one, sizeof(one), &a))
		return 0;
	fuzz_assert(
		run(fuzz_file(0, data, size), option, 2 + (choice >> 4), other, sizeof(other), &b));
	fuzz_assert(a.rc == b.rc && a.bytes == b.bytes && a.hash == b.hash);
	fuzz_assert(!memcmp(&a.stats, &b.stats, sizeof(a.stats)));
	/* Whole packets are a file again, which comes out as it went in. */
	if ((choice & 7) || !a.bytes || a.bytes > sizeof(one))
		return 0;
	fuzz_assert(run(fuzz_file(1, one, a.bytes), "", 1, other, sizeof(other), &b));
	fuzz_assert(!b.rc && a.bytes == b.bytes && a.hash == b.hash);
	fuzz_assert(a.stats.packets == b.stats.packets);
	return 0;
}
