// SPDX-License-Identifier: LGPL-2.1-or-later
/* Datagrams that offload put together into one packet, by the numbers in them. */
#include "packet/merged.h"

/* The most that Linux puts together: UDP_GRO_CNT_MAX in net/ipv4/udp_offload.c, UDP_MAX_SEGMENTS in linux/udp.h. */
#define MOST 128

/* Bits of numbers that have to be right before a size is believed that was not known: by chance one in 2^24 is. */
#define EVIDENCE 24

/* Check that all pieces of @size bytes have their number. Returns how many pieces there are, or 0. */
static size_t count_pieces(const struct zc_reorder_field *field, const uint8_t *data, size_t len,
			   size_t size)
{
	const uint64_t mask = UINT64_MAX >> (64 - field->width * 8);
	uint64_t first, number;
	size_t n;

	if (!zc_reorder_read(field, data, len, &first))
		return 0;
	for (n = 1; n * size < len; n++) {
		if (!zc_reorder_read(field, data + n * size, len - n * size, &number) ||
		    number != ((first + n) & mask))
			return 0;
	}
	return n;
}

size_t zc_merged_size(const struct zc_reorder_field *field, const uint8_t *data, size_t len,
		      size_t known)
{
	const size_t least = (size_t)field->offset + field->width;

	if (known && known < len && known >= least && count_pieces(field, data, len, known) > 1)
		return known;
	for (size_t size = zc_max(least, (len + MOST - 1) / MOST); size + least <= len; size++) {
		const size_t n = count_pieces(field, data, len, size);

		if (n > 1 && (n - 1) * field->width * 8 >= EVIDENCE)
			return size;
	}
	return len;
}
