// SPDX-License-Identifier: GPL-2.0-only
/* A manifest of any bytes, and a stream that is fed and skipped by it: it is refused with a message, or used. */
#include "internal.h"
#include "bytes.h"
#include "fuzz.h"

#include <zcdma/verify.h>

const char *const fuzz_seeds[] = { "tests/data/manifest.xxh", "tests/data/manifest2.xxh", NULL };

static void feed(struct zcdma_check *check, struct bytes *in)
{
	struct zcdma_check_result now, after;
	uint64_t bytes = 0, unseen = 0;
	const uint8_t *data;

	while (in->left) {
		unsigned what = take_byte(in);
		size_t n = 1 + what / 2;

		if (what & 1) {
			n = take_data(in, n, &data);
			zcdma_check_feed(check, data, n);
			bytes += n;
		} else {
			zcdma_check_skip(check, n);
			unseen += n;
		}
		zcdma_check_get_result(check, &now);
	}
	zcdma_check_end(check);
	zcdma_check_get_result(check, &after);
	fuzz_assert(after.bytes == bytes && after.uncaptured_bytes == unseen);
	fuzz_assert(after.blocks_good + after.blocks_uncaptured <=
		    after.blocks_expected + after.blocks_uncaptured);
	fuzz_assert(!after.faults == !(after.bad_bytes || after.missing_bytes));
}

/* The manifest is what comes before the first byte of 0, and the stream what comes after it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t len = 0;
	struct zcdma_check *check;
	struct zcdma_ctx *ctx;

	while (len < size && data[len])
		len++;
	fuzz_assert(!zcdma_new(&ctx));
	if (zcdma_check_manifest(ctx, fuzz_file(0, data, len), &check)) {
		fuzz_assert(*zcdma_error(ctx));
	} else {
		feed(check, &(struct bytes){ data + len, size - len });
		zcdma_check_free(check);
	}
	zcdma_free(ctx);
	return 0;
}
