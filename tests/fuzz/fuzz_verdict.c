// SPDX-License-Identifier: GPL-2.0-only
/*
 * A stream made of pieces of the right one, and of others: it is right, byte for byte, exactly where the check finds
 * no fault, however it is cut.
 */
#include <inttypes.h>
#include <string.h>
#include <xxhash.h>

#include <zcdma/verify.h>

#include "internal.h"
#include "bytes.h"
#include "fuzz.h"

#define RIGHT 65536
#define ROOM  (4 * RIGHT)

const char *const fuzz_seeds[] = { NULL };

/* Pieces are of the first RIGHT bytes, but a stream may go on rightly after them. */
static uint8_t right[ROOM], stream[ROOM];

/* What a manifest lists: blocks of few kinds, so that some are the same. Returns its length. */
static size_t make_blocks(struct bytes *in, unsigned choice, const char **path)
{
	unsigned count = 1 + take_byte(in) % 12;
	size_t at = 0;
	char text[2048];
	int len = sprintf(text, "# zcdma manifest 1\n");

	for (unsigned i = 0; i < count; i++) {
		unsigned kind = take_byte(in);
		size_t n = 1 + (kind >> 4) * 3 + (choice & 16 ? 0 : kind % 3);

		memset(right + at, 'a' + (int)(kind % (choice & 32 ? 2 : 5)), n);
		if (choice & 64)
			right[at] = (uint8_t)kind;
		len += sprintf(text + len, "%u %zu %zu %016" PRIx64 "\n", i, at, n,
			       (uint64_t)XXH3_64bits(right + at, n));
		at += n;
	}
	len += sprintf(text + len, "# end %u %zu\n", count, at);
	*path = fuzz_file(0, text, (size_t)len);
	return at;
}

/* One piece: of the right stream, mostly from *@next on, or bytes of the input, or a flipped bit. */
static size_t add_piece(struct bytes *in, size_t most, size_t *next, size_t len)
{
	unsigned what = take_byte(in), few = what >> 3;
	size_t from = *next, n = take_byte(in);
	const uint8_t *data;

	switch (what & 7) {
	case 0:
	case 1:
		n |= take_byte(in) << 8;
		break;
	case 2:
		from = take_short(in);
		n = take_short(in);
		break;
	case 3:
		from += few;
		break;
	case 4:
		from -= zc_min(from, few);
		break;
	case 5:
		n = take_data(in, few, &data);
		memcpy(stream + len, data, n);
		*next += what & 128 ? few : 0;
		return n;
	case 6:
		if (len)
			stream[len - 1 - n % zc_min(len, (size_t)200)] ^=
				(uint8_t)(1 << (what >> 5));
		return 0;
	default:
		from &= ~(size_t)7;
		n = 8 * few;
	}
	from = zc_min(from, most);
	n = zc_min(n, most - from);
	memcpy(stream + len, right + from, n);
	*next = from + n;
	return n;
}

/* Feed it in pieces whose lengths the input says, and look at the result now and then. */
static struct zcdma_check_result check_stream(struct zcdma_check *check, struct bytes in,
					      size_t len)
{
	struct zcdma_check_result r;
	struct zcdma_fault fault;

	for (size_t at = 0, n; at < len; at += n) {
		n = in.left ? 1 + take_short(&in) % 32768 : len;
		n = zc_min(n, len - at);
		zcdma_check_feed(check, stream + at, n);
		if (n % 16 == 3)
			zcdma_check_get_result(check, &r);
	}
	zcdma_check_end(check);
	zcdma_check_get_result(check, &r);
	fuzz_assert(!zcdma_check_get_fault(check, 0, &fault) == !r.faults);
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint64_t seeds[] = { 0, 1, 255, 256, 0x0123456789abcdef, UINT64_MAX };
	struct bytes in = { data, size };
	const unsigned choice = take_byte(&in);
	const bool by_manifest = choice & 8;
	size_t most = RIGHT, next = 0, len = 0;
	struct zcdma_check *check;
	struct zcdma_check_result r;
	struct zcdma_ctx *ctx;
	const char *path;
	bool same;

	fuzz_assert(!zcdma_new(&ctx));
	if (by_manifest) {
		most = make_blocks(&in, choice, &path);
		fuzz_assert(!zcdma_check_manifest(ctx, path, &check));
	} else {
		uint64_t seed = seeds[(choice & 7) % ARRAY_SIZE(seeds)];

		zcdma_pattern_fill(right, ROOM, 0, seed);
		fuzz_assert(!zcdma_check_pattern(ctx, seed, &check));
	}
	while (in.left && len < ROOM - RIGHT)
		len += add_piece(&in, most, &next, len);
	r = check_stream(check, (struct bytes){ data, size }, len);
	same = (!by_manifest || len == most) && !memcmp(stream, right, len);
	fuzz_assert(same == !r.faults);
	fuzz_assert(r.bytes == len && r.bad_bytes <= len);
	zcdma_check_free(check);
	zcdma_free(ctx);
	return 0;
}
