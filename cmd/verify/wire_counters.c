// SPDX-License-Identifier: GPL-2.0-only
/* The counters of a stream on the wire, in one table. */
#include "verify/wire.h"

#define COUNTER(key, member)                                      \
	{                                                         \
		key, offsetof(struct zcdma_wire_counters, member) \
	}

const struct wire_counter wire_counters[] = {
	COUNTER("packets", packets),
	COUNTER("unseen_bytes", uncaptured_bytes),
	COUNTER("late_bytes", late_bytes),
	COUNTER("cut_bytes", cut_bytes),
	COUNTER("capture_duplicates", capture_duplicates),
	COUNTER("retransmitted_packets", retransmitted),
	COUNTER("retransmitted_bytes", retransmitted_bytes),
	COUNTER("differing_packets", differing),
	COUNTER("differing_bytes", differing_bytes),
	COUNTER("uncompared_bytes", uncompared_bytes),
	COUNTER("out_of_order_packets", out_of_order),
	COUNTER("keepalives", keepalives),
	COUNTER("given_up", given_up),
	COUNTER("strayed_packets", strayed),
	COUNTER("ignored_resets", ignored_resets),
};

const size_t wire_counter_count = sizeof(wire_counters) / sizeof(wire_counters[0]);

_Static_assert(sizeof(wire_counters) / sizeof(wire_counters[0]) ==
		       sizeof(struct zcdma_wire_counters) / sizeof(uint64_t),
	       "a counter is missing in the table");

uint64_t wire_counter(const struct zcdma_wire_counters *from, size_t i)
{
	return *(const uint64_t *)((const char *)from + wire_counters[i].offset);
}

void wire_counters_add(struct zcdma_wire_counters *to, const struct zcdma_wire_counters *from)
{
	for (size_t i = 0; i < wire_counter_count; i++)
		*(uint64_t *)((char *)to + wire_counters[i].offset) += wire_counter(from, i);
}
