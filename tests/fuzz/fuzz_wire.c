// SPDX-License-Identifier: GPL-2.0-only
/* A capture file that is verified: every packet is in one counter, and a stream has not more gaps than bytes. */
#include "internal.h"
#include "fuzz.h"

#include <zcdma/verify.h>

const char *const fuzz_seeds[] = {
	"tests/data/ethernet.pcap",
	"tests/data/cooked.pcap",
	"tests/data/two.pcapng",
	"tests/data/wire/udp.pcap",
	"tests/data/wire/any.pcap",
	"tests/data/wire/tls-vlan.pcap",
	NULL,
};

static const char manifest[] = "# zcdma manifest 1\n"
			       "0 0 8 0000000000000000\n"
			       "1 8 16 1111111111111111\n"
			       "2 24 8 0000000000000000\n"
			       "# end 3 32\n";

static void check_stats(struct zcdma_wire *w)
{
	struct zcdma_wire_stats s;

	zcdma_wire_get_stats(w, &s);
	fuzz_assert(s.tcp + s.udp + s.others + s.fragments + s.cut + s.malformed == s.packets);
	fuzz_assert(s.checksums_right + s.checksums_offloaded + s.checksums_wrong +
			    s.checksums_unknown ==
		    s.tcp + s.udp);
	fuzz_assert(s.first_ns <= s.last_ns);
}

static void check_streams(struct zcdma_wire *w)
{
	struct zcdma_wire_stream s;

	while (zcdma_wire_next_stream(w, &s)) {
		fuzz_assert(s.counters.uncaptured_bytes <= s.bytes);
		fuzz_assert(s.counters.differing <= s.counters.retransmitted);
		fuzz_assert(s.counters.differing_bytes <= s.counters.retransmitted_bytes);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const unsigned choice = fuzz_options(data, &size);
	const struct zcdma_wire_options options = {
		.file = fuzz_file(0, data, size),
		.port = choice & 1 ? 9000 : 0,
		.manifest = choice & 2 ? fuzz_file(1, manifest, sizeof(manifest) - 1) : NULL,
		.unchecked = choice & 4,
		.seed = choice & 8 ? 7 : 0,
		.block_bytes = choice & 16 ? 0 : 4096,
	};
	struct zcdma_wire_difference d;
	struct zcdma_wire *w;
	struct zcdma_ctx *ctx;
	int rc;

	fuzz_assert(!zcdma_new(&ctx));
	if (zcdma_wire_open(ctx, &options, &w)) {
		fuzz_assert(*zcdma_error(ctx));
		zcdma_free(ctx);
		return 0;
	}
	while ((rc = zcdma_wire_run(w, 0)) == 1)
		check_streams(w);
	fuzz_assert(!rc || *zcdma_error(ctx));
	zcdma_wire_end(w);
	check_streams(w);
	check_stats(w);
	for (unsigned i = 0; zcdma_wire_get_difference(w, i, &d); i++)
		;
	zcdma_wire_close(w);
	zcdma_free(ctx);
	return 0;
}
