// SPDX-License-Identifier: GPL-2.0-only
/*
 * A connection as it may be captured, written as the input says: out of order, acknowledged first, sent again, cut,
 * copied, among resets and SYNs of others. What was sent is known, so that the verdict is, too: no fault where
 * nothing was spoiled, a fault where something was and all of it was seen, and every packet in a counter.
 */
#include <arpa/inet.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <pcap/pcap.h>
#include <string.h>

#include <zcdma/verify.h>

#include "internal.h"
#include "bytes.h"
#include "fuzz.h"

#define PACKETS 300
#define LONGEST 3000
#define PEER	500u /* sequence number of the receiver's SYN */

#define FARTHEST (1u << 29)  /* offset after which the stream does not leap any more */
#define STRANGER 0x70000000u /* the SYNs of others are this far away */

const char *const fuzz_seeds[] = { NULL };

static struct {
	uint8_t file[PACKETS * (LONGEST + 80)];
	size_t len;
	uint32_t first; /* sequence number of offset 0 */
	uint64_t seed;
	uint64_t next; /* offset after the last data */
	uint64_t top;  /* after the highest */
	unsigned packets, data_packets;
	uint16_t ip_id;
	uint32_t microsecond;
	bool begun;	 /* a SYN came before any data */
	bool spoiled;	 /* a byte was sent that is not the stream's */
	bool astray;	 /* something was sent that no receiver would have taken */
	bool reset, fin; /* the sender did so, and may have gone on */
} run;

struct segment {
	bool back; /* by the receiver */
	uint8_t flags;
	uint32_t seq, ack;
	const void *data;
	uint32_t len, captured;
};

static void put(const void *data, size_t len)
{
	fuzz_assert(run.len + len <= sizeof(run.file));
	memcpy(run.file + run.len, data, len);
	run.len += len;
}

/* Checksums of 0 are left to a network card. */
static void put_segment(const struct segment *s)
{
	const uint32_t size = 40 + s->len, captured = 40 + s->captured;
	const uint32_t record[4] = { 1, run.microsecond, captured, size };
	const struct iphdr ip = { .version = 4,
				  .ihl = 5,
				  .ttl = 64,
				  .protocol = IPPROTO_TCP,
				  .id = htons(run.ip_id),
				  .tot_len = htons((uint16_t)size),
				  .saddr = htonl(s->back ? 0x0a000002 : 0x0a000001),
				  .daddr = htonl(s->back ? 0x0a000001 : 0x0a000002) };
	const struct tcphdr tcp = { .th_sport = htons(s->back ? 9000 : 1234),
				    .th_dport = htons(s->back ? 1234 : 9000),
				    .th_seq = htonl(s->seq),
				    .th_ack = htonl(s->ack),
				    .th_flags = s->flags,
				    .th_off = 5 };

	if (run.packets == PACKETS)
		return;
	put(record, sizeof(record));
	put(&ip, sizeof(ip));
	put(&tcp, sizeof(tcp));
	put(s->data, s->captured);
	run.packets++;
	run.data_packets += s->len > 0;
}

static void put_back(uint8_t flags, uint32_t seq, uint32_t ack)
{
	put_segment(&(struct segment){
		.back = true, .flags = flags, .seq = seq, .ack = ack, .data = "" });
}

static void put_ack(uint64_t offset)
{
	put_back(TH_ACK, PEER + 1, run.first + (uint32_t)offset);
}

static void put_flags(uint8_t flags, uint32_t seq)
{
	put_segment(&(struct segment){ .flags = flags, .seq = seq, .ack = PEER + 1, .data = "" });
}

/* The stream's bytes, of which the one at @spoiled is another; UINT32_MAX: none. */
static void put_data(uint64_t offset, uint32_t len, uint32_t captured, uint32_t spoiled)
{
	static uint8_t data[LONGEST];

	zcdma_pattern_fill(data, len, offset, run.seed);
	if (spoiled < len)
		data[spoiled] ^= 0xff;
	run.spoiled |= spoiled < captured;
	put_segment(&(struct segment){ .flags = TH_ACK,
				       .seq = run.first + (uint32_t)offset,
				       .ack = PEER + 1,
				       .data = data,
				       .len = len,
				       .captured = captured });
	run.next = offset + len;
	run.top = zc_max(run.top, run.next);
}

static uint64_t before(uint64_t offset, uint64_t bytes)
{
	return offset - zc_min(offset, bytes);
}

/* A SYN, or one of somebody else's, which nobody answers. */
static void put_syn(struct bytes *b)
{
	unsigned which = take_byte(b);

	if (which & 1 && run.data_packets) {
		put_flags(TH_SYN, STRANGER + run.first + which);
		return;
	}
	run.begun |= !run.data_packets;
	put_flags(TH_SYN, run.first - 1);
	if (which & 2)
		put_back(TH_SYN | TH_ACK, PEER, run.first);
}

/* A reset, at any place near the newest, of either end. */
static void put_reset(struct bytes *b)
{
	unsigned which = take_byte(b);
	int32_t from = (int32_t)(take_short(b) % 4096) - 2048;

	run.reset = true;
	if (which & 1)
		put_back(TH_RST, PEER + 1 + (which & 2 ? (uint32_t)from : 0), 0);
	else
		put_flags(TH_RST, run.first + (uint32_t)run.top + (which & 2 ? (uint32_t)from : 0));
}

static void put_new(struct bytes *b, uint64_t offset, bool spoil)
{
	uint32_t len = 1 + take_short(b) % LONGEST;

	put_data(offset, len, len, spoil ? take_short(b) % len : UINT32_MAX);
}

/* Do what the next bytes say. */
static void step(struct bytes *b)
{
	unsigned op = take_byte(b);
	uint32_t len;

	run.ip_id++;
	run.microsecond += 1 + (op & 16);
	switch (op & 15) {
	case 0:
	case 1:
	case 2:
		put_new(b, run.next, false);
		break;
	case 3: /* again, or late */
		put_new(b, before(run.next, take_short(b) % 8192), false);
		break;
	case 4: /* something is missing before it */
		put_new(b, run.next + take_short(b) % 8192, false);
		break;
	case 5: /* acknowledged, sent or not */
		put_ack(before(run.top + take_short(b) % 8192, 4096));
		break;
	case 6:
		put_ack(run.top);
		break;
	case 7:
		put_syn(b);
		break;
	case 8:
		run.fin = true;
		put_flags(TH_FIN | TH_ACK, run.first + (uint32_t)run.top);
		put_ack(run.top + (op & 16 ? 1 : 0));
		break;
	case 9:
		put_reset(b);
		break;
	case 10:
		put_new(b, run.next, true);
		break;
	case 11:
		put_new(b, before(run.next, take_short(b) % 8192), true);
		break;
	case 12: /* a keep-alive */
		if (run.top)
			put_data(run.top - 1, 1, 1, UINT32_MAX);
		break;
	case 13: /* cut by the snap length */
		len = 1 + take_short(b) % LONGEST;
		put_data(run.next, len, take_short(b) % len, UINT32_MAX);
		break;
	case 14: /* a copy of what comes next, then that */
		len = 1 + take_short(b) % LONGEST;
		put_data(run.next, len, len, UINT32_MAX);
		put_data(run.next - len, len, len, UINT32_MAX);
		break;
	case 15: /* far away, but never where the SYNs of others are */
		if (run.top > FARTHEST)
			break;
		run.astray = true;
		put_new(b, run.next + (1u << (20 + (op >> 4 & 7))), false);
		break;
	}
}

static void put_rest(void)
{
	put_data(run.top, 100, 100, UINT32_MAX);
	put_flags(TH_FIN | TH_ACK, run.first + (uint32_t)run.top);
	put_back(TH_FIN | TH_ACK, PEER + 1, run.first + (uint32_t)run.top + 1);
	put_flags(TH_ACK, run.first + (uint32_t)run.top + 1);
}

/* What follows a single fault, or hides it. */
static bool is_excused(const struct zcdma_wire_stream *s)
{
	return s->counters.uncaptured_bytes || s->counters.uncompared_bytes ||
	       s->counters.strayed || s->counters.keepalives || s->counters.cut_bytes ||
	       !s->from_start;
}

static void check_stream(const struct zcdma_wire_stream *s, bool unchecked)
{
	fuzz_assert(s->counters.uncaptured_bytes <= s->bytes);
	fuzz_assert(s->counters.differing <= s->counters.retransmitted);
	fuzz_assert(s->counters.differing_bytes <= s->counters.retransmitted_bytes);
	if (s->checked)
		fuzz_assert(s->result.bytes + s->counters.uncaptured_bytes == s->bytes);
	if (!run.spoiled && s->checked)
		fuzz_assert(!s->result.faults);
	if (!run.spoiled)
		fuzz_assert(!s->counters.differing);
	fuzz_assert(!(unchecked && s->checked));
}

/* The verdict on all streams; @whole: the connection went on to its end. */
static void check_streams(struct zcdma_wire *w, bool unchecked, bool whole)
{
	struct zcdma_wire_stats stats;
	struct zcdma_wire_stream s;
	uint64_t packets = 0;
	bool wrong = false, excused = false;
	unsigned streams = 0;

	while (zcdma_wire_next_stream(w, &s)) {
		check_stream(&s, unchecked);
		packets += s.counters.packets + s.counters.strayed;
		wrong |= s.result.faults || s.counters.differing;
		excused |= is_excused(&s);
		streams++;
		if (whole) {
			fuzz_assert(s.end == ZCDMA_WIRE_FIN);
			fuzz_assert(s.bytes == run.top);
		}
	}
	zcdma_wire_get_stats(w, &stats);
	fuzz_assert(!stats.unfollowed && !stats.unlisted);
	fuzz_assert(packets == run.data_packets);
	if (run.spoiled && !unchecked && run.begun)
		fuzz_assert(wrong || excused);
	if (whole)
		fuzz_assert(streams == 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct pcap_file_header head = { 0xa1b2c3d4, 2, 4, 0, 0, 262144, DLT_RAW };
	struct bytes b = { data, size };
	unsigned choice = take_byte(&b);
	struct zcdma_wire_options options = { .unchecked = choice & 1, .block_bytes = 4096 };
	struct zcdma_ctx *ctx;
	struct zcdma_wire *w;
	bool whole;
	int rc;

	memset(&run, 0, sizeof(run));
	run.seed = options.seed = choice & 2 ? 77 : 0;
	run.first = choice & 4 ? 0xfffff000u : 1000;
	put(&head, sizeof(head));
	if (choice & 8) {
		run.begun = true;
		put_flags(TH_SYN, run.first - 1);
		put_back(TH_SYN | TH_ACK, PEER, run.first);
	}
	while (b.left && run.packets < PACKETS - 6)
		step(&b);
	whole = choice & 16 && run.begun && !run.astray && !run.fin;
	if (whole)
		put_rest();
	options.file = fuzz_file(0, run.file, run.len);
	fuzz_assert(!zcdma_new(&ctx));
	fuzz_assert(!zcdma_wire_open(ctx, &options, &w));
	while ((rc = zcdma_wire_run(w, 0)) == 1)
		;
	fuzz_assert(!rc);
	zcdma_wire_end(w);
	check_streams(w, options.unchecked, whole);
	zcdma_wire_close(w);
	zcdma_free(ctx);
	return 0;
}
