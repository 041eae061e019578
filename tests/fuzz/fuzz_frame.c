// SPDX-License-Identifier: GPL-2.0-only
/* A frame of any link layer: what is found lies within it. */
#include "packet/frame_parse.h"
#include "packet/layer.h"
#include "fuzz.h"

const char *const fuzz_seeds[] = { NULL };

/* The bytes at @at are of the frame. */
static void check_part(const uint8_t *frame, size_t size, const uint8_t *at, size_t len)
{
	fuzz_assert(at >= frame && at <= frame + size && len <= (size_t)(frame + size - at));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const unsigned options = fuzz_options(data, &size), more = fuzz_options(data, &size);
	const struct zc_packet p = {
		.data = data,
		.captured = (uint32_t)size,
		.len = (uint32_t)size + more * 16,
		.linktype = (int)zc_link_layers.row[options % zc_link_layers.rows].number,
	};
	struct zc_frame f;

	zc_frame_parse(&p, &f);
	fuzz_assert(f.kind <= ZC_FRAME_MALFORMED);
	if (f.kind != ZC_FRAME_TCP && f.kind != ZC_FRAME_UDP)
		return 0;
	fuzz_assert(f.version == 4 || f.version == 6);
	fuzz_assert(f.captured <= f.len && f.len <= p.len);
	fuzz_assert(f.segment_captured <= f.segment_len && f.segment_len <= p.len);
	check_part(data, size, f.segment, f.segment_captured);
	check_part(data, size, f.payload, f.captured);
	fuzz_assert(f.payload + f.captured == f.segment + f.segment_captured);
	zc_frame_checksum(&f);
	return 0;
}
