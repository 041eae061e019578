// SPDX-License-Identifier: LGPL-2.1-or-later
/* 802.11: data frames that are not encrypted, and radiotap before them. */
#include "packet/layer.h"

#define RADIOTAP_TSFT	 (1u << 0)
#define RADIOTAP_FLAGS	 (1u << 1)
#define RADIOTAP_MORE	 (1u << 31)
#define RADIOTAP_PADDED	 0x20
#define RADIOTAP_BAD_FCS 0x40

/* Returns the flags field of a header of @len bytes, or 0 without one. www.radiotap.org/fields */
static uint8_t radiotap_flags(const uint8_t *h, uint32_t len)
{
	const uint32_t present = zc_le32(h + 4);
	uint32_t at = 8, word = present;

	while (word & RADIOTAP_MORE && at + 4 <= len) {
		word = zc_le32(h + at);
		at += 4;
	}
	if (present & RADIOTAP_TSFT)
		at = (at + 7) / 8 * 8 + 8;
	return present & RADIOTAP_FLAGS && at < len ? h[at] : 0;
}

struct zc_layer zc_take_radiotap(struct zc_rest *r, struct zc_frame *f)
{
	const uint8_t *h = zc_layer_peek(r, 8);
	uint32_t len;
	uint8_t flags;

	if (!h)
		return zc_layer_end(f, r->len < 8 ? ZC_FRAME_MALFORMED : ZC_FRAME_CUT);
	len = (uint32_t)h[3] << 8 | h[2];
	if (h[0] || len < 8)
		return zc_layer_end(f, ZC_FRAME_MALFORMED);
	if (!zc_layer_take(r, len, f))
		return ZC_LAYER_END;
	flags = radiotap_flags(h, len);
	if (flags & RADIOTAP_BAD_FCS)
		return zc_layer_end(f, ZC_FRAME_MALFORMED);
	r->aligned = flags & RADIOTAP_PADDED;
	return (struct zc_layer){ zc_take_wifi };
}

/* Returns whether the frame has data that is not encrypted: version 0 and type 2 (IEEE 802.11, 9.2.4.1). */
static bool has_data(const uint8_t *h)
{
	const bool null = h[0] & 0x40, encrypted = h[1] & 0x40;

	return (h[0] & 0x0f) == 8 && !null && !encrypted;
}

/* Take 802.11. Several packets in one frame (A-MSDU) are not parsed. */
struct zc_layer zc_take_wifi(struct zc_rest *r, struct zc_frame *f)
{
	const uint8_t *h = zc_layer_peek(r, 24);
	uint32_t addresses, len;
	bool qos;

	if (!h)
		return zc_layer_end(f, r->captured < r->len ? ZC_FRAME_CUT : ZC_FRAME_OTHER);
	if (!has_data(h))
		return zc_layer_end(f, ZC_FRAME_OTHER);
	qos = h[0] & 0x80;
	addresses = (h[1] & 3) == 3 ? 30 : 24;
	len = addresses + (qos ? 2 : 0) + (qos && h[1] & 0x80 ? 4 : 0);
	if (r->aligned)
		len = (len + 3) & ~3u;
	if (!zc_layer_take(r, len, f))
		return ZC_LAYER_END;
	if (qos && h[addresses] & 0x80)
		return zc_layer_end(f, ZC_FRAME_OTHER);
	if (h[1] & 4 || h[22] & 15)
		return zc_layer_end(f, ZC_FRAME_FRAGMENT);
	return zc_layer_of_type(0);
}
