// SPDX-License-Identifier: GPL-2.0-only
/*
 * Datagrams of any length, in any order, some of them spoiled: right ones are not a fault, and one with a single
 * wrong byte is, if it is long enough to name its place.
 */
#include <string.h>

#include <zcdma/verify.h>

#include "internal.h"
#include "bytes.h"
#include "fuzz.h"

#define LONG 24 /* bytes that hold two words, and a third or parts of two */

const char *const fuzz_seeds[] = { NULL };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes in = { data, size };
	const uint64_t seed = take_byte(&in) & 1 ? 0 : UINT64_C(0x123456789abcdef);
	uint64_t next = 0, count = 0, bytes = 0;
	bool spoiled = false, spoiled_long = false;
	struct zcdma_check_result now, r;
	struct zcdma_check *check;
	struct zcdma_ctx *ctx;
	uint8_t buf[256];

	fuzz_assert(!zcdma_new(&ctx) && !zcdma_check_datagrams(ctx, seed, &check));
	while (in.left) {
		unsigned what = take_byte(&in);
		size_t len = 1 + take_byte(&in) % sizeof(buf);

		if (what & 1)
			len = 1 + len % 22;
		if (what & 2)
			next = take_short(&in);
		zcdma_pattern_fill(buf, len, next, seed);
		next += len;
		if ((what & 12) == 12) {
			buf[take_byte(&in) % len] ^= (uint8_t)(1 + take_byte(&in) % 255);
			spoiled = true;
			spoiled_long |= len >= LONG;
		}
		fuzz_assert(!zcdma_check_feed(check, buf, len));
		count++;
		bytes += len;
	}
	zcdma_check_get_result(check, &now);
	zcdma_check_end(check);
	zcdma_check_get_result(check, &r);
	fuzz_assert(!memcmp(&now, &r, sizeof(r)));
	fuzz_assert(spoiled || !r.faults);
	fuzz_assert(!spoiled_long || r.faults);
	fuzz_assert(r.bytes == bytes && r.datagrams == count && r.lost_bytes <= r.end_offset);
	fuzz_assert(r.unplaced + r.duplicates + r.late <= count);
	zcdma_check_free(check);
	zcdma_free(ctx);
	return 0;
}
