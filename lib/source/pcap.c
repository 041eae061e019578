// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * pcap: - the packets of an interface or of a file, as a pcap stream, or the payload in them. Several of
 * them go into a block, each whole; a block goes on when nothing more is there.
 */
#include <pcap/dlt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "source/options.h"
#include "packet/payload.h"
#include "memory/block_pool.h"
#include "source/source.h"

#define BLOCK_SIZE (1u << 20)
#define BLOCKS	   16

/* How long a datagram waits for an earlier one where nothing else comes. */
#define PATIENCE_NS 100000000

struct pcap_options {
	char *filter;
	uint64_t payload, seq, checksum, snaplen, buffer;
};

struct pcap_source {
	struct zcdma_source src;
	struct pcap_options opt;
	char *from; /* the interface or the file */
	struct zc_capture *packets;
	struct zc_payload *payload; /* or NULL: whole packets */
	struct zc_pool pool;
	int timer_fd; /* that patience has an end; or -1 */
	bool patient; /* it runs */
	bool ended, stopped;
	struct zc_error failed; /* after the blocks before, or .rc 0 */

	/* The next piece of the stream: what is in .header, then .data. */
	bool has_piece;
	size_t header_len, len;
	const uint8_t *data;
	uint8_t header[ZC_CAPTURE_HEADER + ZC_PACKET_HEADER];
	bool has_header; /* the one of the file is a piece, or was ... */
	int linktype;	 /* ... and has that link type */

	uint64_t offset, seq;
};

/*
 * Options
 */

static int parse_snaplen(const char *text, uint64_t *value)
{
	int rc = zc_option_number(text, value);

	return rc ? rc : *value >= 1 && *value <= 262144 ? 0 : -ERANGE;
}

static int parse_buffer(const char *text, uint64_t *value)
{
	int rc = zcdma_size_parse(text, value);

	return rc ? rc : *value >= 65536 && *value <= INT32_MAX ? 0 : -ERANGE;
}

/* "OFFSET:WIDTHbe" or "...le": one number holds it all. */
#define SEQ_LITTLE (UINT64_C(1) << 63)
#define SEQ_WIDTH  (UINT64_C(1) << 32)

static int parse_seq(const char *text, uint64_t *value)
{
	unsigned offset, width;
	char order[3] = "";
	int end = 0;

	if (sscanf(text, "%5u:%1u%2[a-z]%n", &offset, &width, order, &end) != 3 || text[end] ||
	    *text < '0' || *text > '9')
		return -EINVAL;
	if (offset > 65535 || !width || width > 8 || (strcmp(order, "be") && strcmp(order, "le")))
		return -EINVAL;
	*value = offset | width * SEQ_WIDTH | (*order == 'l' ? SEQ_LITTLE : 0);
	return 0;
}

static int parse_checksum(const char *text, uint64_t *value)
{
	static const char *const names[] = { "auto", "off", NULL };

	return zc_option_name(text, names, value);
}

static const struct zc_option options[] = {
	{ "filter", offsetof(struct pcap_options, filter), NULL, "an expression, as tcpdump does" },
	{ "payload", offsetof(struct pcap_options, payload), NULL, NULL },
	{ "seq", offsetof(struct pcap_options, seq), parse_seq,
	  "OFFSET:WIDTHbe or OFFSET:WIDTHle, of 1 to 8 bytes, for example 0:4be" },
	{ "checksum", offsetof(struct pcap_options, checksum), parse_checksum, "auto or off" },
	{ "snaplen", offsetof(struct pcap_options, snaplen), parse_snaplen,
	  "a number of bytes from 1 to 262144" },
	{ "buffer", offsetof(struct pcap_options, buffer), parse_buffer,
	  "a size from 64K to below 2G" },
};

/* Remove quotes that the shell has left. */
static void strip_quotes(char *text)
{
	size_t len = strlen(text);

	if (len < 2 || (*text != '\'' && *text != '"') || text[len - 1] != *text)
		return;
	memmove(text, text + 1, len - 2);
	text[len - 2] = '\0';
}

/* Parse "NAME[,OPTIONS]". */
static int parse(struct pcap_source *p, const char *arg)
{
	struct zcdma_source *src = &p->src;
	size_t len = strcspn(arg, ",");
	int rc;

	p->from = strndup(arg, len);
	if (!p->from)
		return zc_fail(src->ctx, ENOMEM, "source %s", src->name);
	rc = zc_options_parse(src, arg + len + (arg[len] == ','));
	if (!rc && !len) {
		rc = zc_fail_plain(src->ctx, EINVAL,
				   "source %s: it names neither an interface nor a file",
				   src->name);
		zc_hint(src->ctx, "for example pcap:eth0 or pcap:trace.pcap");
	}
	return rc;
}

/* Check what the options say together. Returns 0 or -EINVAL. */
static int check_options(const struct pcap_source *p)
{
	const struct zcdma_source *src = &p->src;

	if (p->opt.seq && !p->opt.payload)
		return zc_fail_plain(src->ctx, EINVAL,
				     "source %s: seq= is for the payload: add payload", src->name);
	if (p->opt.checksum && !p->opt.payload)
		return zc_fail_plain(src->ctx, EINVAL,
				     "source %s: checksum= is for the payload: add payload",
				     src->name);
	return 0;
}

/*
 * Opening
 */

static bool is_file(const char *name)
{
	return !strcmp(name, "-") || strchr(name, '/') || !access(name, F_OK);
}

static int open_packets(struct pcap_source *p)
{
	struct zcdma_source *src = &p->src;
	const bool file = is_file(p->from);
	struct zc_capture_options from = {
		.iface = file ? NULL : p->from,
		.path = p->from,
		.snaplen = (uint32_t)p->opt.snaplen,
		.ring_bytes = p->opt.buffer,
	};
	int rc;

	if (p->opt.filter)
		strip_quotes(p->opt.filter);
	from.filter = p->opt.filter;
	if (file && (p->opt.snaplen || p->opt.buffer))
		return zc_fail_plain(
			src->ctx, EINVAL,
			"source %s: snaplen= and buffer= are for an interface, and %s is a file",
			src->name, p->from);
	src->info.endless = src->info.privileged = !file;
	src->info.simulated = file ? -1 : 0;
	rc = zc_capture_open(src->ctx, &from, &p->packets);
	if (!rc)
		src->origin_fd = zc_capture_origin(p->packets);
	if (rc == -ENODEV) {
		struct zc_error e;

		zc_error_keep(&e, src->ctx, rc);
		zc_hint(src->ctx, "give the name of a file or an interface; %s", e.hint);
	}
	return rc;
}

/* Add the header of the pcap stream, as a piece of its own or with the first packet. */
static int add_file_header(struct pcap_source *p, int linktype)
{
	p->has_header = p->has_piece = true;
	p->linktype = linktype;
	p->header_len = ZC_CAPTURE_HEADER;
	return zc_capture_header(p->packets, linktype, p->header);
}

static int open_payload(struct pcap_source *p)
{
	const struct zc_reorder_field field = {
		.offset = (uint32_t)(p->opt.seq & 0xffff),
		.width = (uint32_t)(p->opt.seq / SEQ_WIDTH) & 15,
		.little_endian = p->opt.seq & SEQ_LITTLE,
	};
	int rc;

	if (!p->opt.payload) {
		const int linktype = zc_capture_linktype(p->packets);

		p->src.info.packets = ZCDMA_PACKETS_WHOLE;
		return linktype < 0 ? 0 : add_file_header(p, linktype);
	}
	p->src.info.packets = p->opt.seq ? ZCDMA_PACKETS_NUMBERED : ZCDMA_PACKETS_PAYLOAD;
	rc = zc_capture_check_linktype(p->packets);
	return rc ? rc : zc_payload_new(p->src.ctx, p->from, &field, p->opt.checksum, &p->payload);
}

static int watch(int epoll_fd, int fd)
{
	struct epoll_event e = { .events = EPOLLIN };

	return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &e);
}

/* Open the timer, and a descriptor to poll for both packets and the timer. */
static int open_timer(struct pcap_source *p)
{
	const int fd = zc_capture_fd(p->packets);

	p->src.poll_fd = fd;
	if (!p->opt.seq || fd < 0)
		return 0;
	p->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	p->src.poll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (p->timer_fd < 0 || p->src.poll_fd < 0 || watch(p->src.poll_fd, fd) ||
	    watch(p->src.poll_fd, p->timer_fd))
		return zc_fail(p->src.ctx, errno, "source %s: its timer", p->src.name);
	return 0;
}

static int open_ring(struct pcap_source *p, unsigned flags)
{
	struct zcdma_source_info *info = &p->src.info;
	const struct zc_ring *ring = &p->pool.ring;
	int rc = zc_pool_alloc(p->src.ctx, &p->pool, BLOCK_SIZE, BLOCKS, flags);

	if (rc)
		return rc;
	info->block_size = ring->block_size;
	info->blocks = ring->blocks;
	info->page_size = ring->page_size;
	info->caps = ring->fd < 0 ? ZCDMA_CAP_MEMORY
				  : ZCDMA_CAP_MEMORY | ZCDMA_CAP_FD | ZCDMA_CAP_OFFSET;
	zc_source_offer_ring(&p->src, ring);
	return 0;
}

static void pcap_deactivate(struct zcdma_source *src)
{
	struct pcap_source *p = (struct pcap_source *)src;

	zc_pool_free(&p->pool);
	p->pool = (struct zc_pool){ .unused = NULL };
	src->ring = NULL;
}

static void close_packets(struct pcap_source *p)
{
	if (p->timer_fd >= 0)
		close(p->timer_fd);
	if (p->src.poll_fd >= 0 && p->src.poll_fd != zc_capture_fd(p->packets))
		close(p->src.poll_fd);
	zc_payload_free(p->payload);
	zc_capture_close(p->packets);
	p->timer_fd = p->src.poll_fd = -1;
	p->payload = NULL;
	p->packets = NULL;
}

static void close_source(struct zcdma_source *src)
{
	struct pcap_source *p = (struct pcap_source *)src;

	close_packets(p);
	free(p->opt.filter);
	free(p->from);
}

static int pcap_open_spec(struct zcdma_source *src, const char *arg)
{
	struct pcap_source *p = (struct pcap_source *)src;
	int rc;

	p->timer_fd = -1;
	rc = parse(p, arg);
	if (rc)
		close_source(src);
	return rc;
}

/* Open all. Packets stay open when the ring is made anew, as standard input cannot be read again. */
static int open_all(struct pcap_source *p)
{
	int rc = check_options(p);

	if (rc || p->packets)
		return rc;
	rc = open_packets(p);
	if (!rc)
		rc = open_payload(p);
	if (!rc)
		rc = open_timer(p);
	if (rc)
		close_packets(p);
	return rc;
}

static int pcap_activate(struct zcdma_source *src, unsigned uses)
{
	struct pcap_source *p = (struct pcap_source *)src;
	int rc = open_all(p);

	return rc ? rc : open_ring(p, uses);
}

/*
 * Packets, and pieces of the stream
 */

/* Returns whether the time to wait for missing datagrams is over; starts it if a datagram waits. */
static bool patience_has_ended(struct pcap_source *p)
{
	const struct itimerspec t = { .it_value.tv_nsec = PATIENCE_NS };
	uint64_t times;

	if (p->timer_fd < 0)
		return false;
	if (p->patient && read(p->timer_fd, &times, sizeof(times)) > 0) {
		p->patient = false;
		return true;
	}
	if (!p->patient && zc_payload_waits(p->payload))
		p->patient = !timerfd_settime(p->timer_fd, 0, &t, NULL);
	return false;
}

static int fail_linktypes(struct pcap_source *p, int linktype)
{
	int rc = zc_fail_plain(
		p->src.ctx, EINVAL,
		"source %s: packets of the link types %d and %d do not go into one pcap stream",
		p->src.name, p->linktype, linktype);

	zc_hint(p->src.ctx, "choose some with filter=, or take their payload");
	return rc;
}

/* Take the packet whole, with its header. Returns 1 or a negative errno. */
static int take_whole(struct pcap_source *p, const struct zc_packet *packet)
{
	int rc = p->has_header ? 0 : add_file_header(p, packet->linktype);

	if (rc)
		return rc;
	if (packet->linktype != p->linktype)
		return fail_linktypes(p, packet->linktype);
	p->src.stats.packets.packets++;
	zc_packet_header(packet, p->header + p->header_len);
	p->header_len += ZC_PACKET_HEADER;
	p->data = packet->data;
	p->len = packet->captured;
	p->has_piece = true;
	return 1;
}

/* Take a packet. Returns 1, 0 at the end, or a negative errno. */
static int take_packet(struct pcap_source *p)
{
	struct zc_packet packet;
	int rc = p->stopped ? 0 : zc_capture_next(p->packets, &packet);

	if (rc != 1)
		return rc;
	if (p->payload) {
		rc = zc_payload_put(p->payload, &packet);
		return rc ? rc : 1;
	}
	return take_whole(p, &packet);
}

/* Stop waiting for datagrams, as no packet came, for now or at the end. Returns 0 or a negative errno. */
static int wait_no_longer(struct pcap_source *p, int rc)
{
	p->ended = !rc;
	if (p->ended && !p->payload && !p->has_header)
		return add_file_header(p, DLT_EN10MB);
	if (!p->payload)
		return rc;
	if (p->ended)
		return zc_payload_end(p->payload);
	if (rc != -EAGAIN || !patience_has_ended(p))
		return rc;
	zc_payload_flush(p->payload);
	return 0;
}

/* Find the next piece. Returns 1, 0 at the end, -EAGAIN if none is there yet, or another negative errno. */
static int find_piece(struct pcap_source *p)
{
	int rc;

	while (!p->has_piece) {
		rc = p->payload ? zc_payload_get(p->payload, &p->data, &p->len) : 0;
		if (rc < 0)
			return rc;
		p->has_piece = rc;
		if (rc || p->ended)
			break;
		rc = take_packet(p);
		if (rc <= 0)
			rc = wait_no_longer(p, rc);
		if (rc < 0)
			return rc;
	}
	return p->has_piece;
}

/*
 * Blocks
 */

static void append_piece(struct pcap_source *p, uint8_t *to)
{
	memcpy(to, p->header, p->header_len);
	if (p->len)
		memcpy(to + p->header_len, p->data, p->len);
	p->header_len = p->len = 0;
	p->has_piece = false;
	if (p->payload)
		zc_payload_done(p->payload);
}

/*
 * Put pieces into @block of @size bytes, for as long as there are some and they fit. Their bytes, and
 * what find_piece() said last in *@rc.
 */
static size_t fill(struct pcap_source *p, uint8_t *block, size_t size, int *rc)
{
	size_t filled = 0;

	while ((*rc = find_piece(p)) == 1 && p->header_len + p->len <= size - filled) {
		size_t len = p->header_len + p->len;

		append_piece(p, block + filled);
		filled += len;
	}
	return filled;
}

static void make_block(struct pcap_source *p, size_t len, struct zcdma_block *b)
{
	const struct zc_ring *ring = &p->pool.ring;
	const uint32_t index = zc_pool_take(&p->pool);

	*b = (struct zcdma_block){
		.data = zc_ring_block(ring, index),
		.len = len,
		.offset = p->offset,
		.seq = p->seq++,
		.time_ns = zc_now_ns(),
		.index = index,
		.fd = ring->fd,
		.fd_offset = ring->fd < 0 ? -1 : (int64_t)(index * ring->block_size),
	};
	p->offset += len;
	p->src.stats.copied_bytes += len;
}

static int pcap_next_block(struct zcdma_source *src, size_t max, struct zcdma_block *b)
{
	struct pcap_source *p = (struct pcap_source *)src;
	/* A file of packets ends with a whole one. */
	const size_t size = p->payload ? BLOCK_SIZE : zc_min(max, (size_t)BLOCK_SIZE);
	size_t len;
	int rc;

	if (p->pool.error)
		return zc_fail(src->ctx, -p->pool.error, "fresh pages for %s", src->name);
	if (p->failed.rc)
		return zc_error_again(&p->failed, src->ctx);
	src->starved = !p->pool.unused_count;
	if (src->starved)
		return -EAGAIN;
	len = fill(p, zc_ring_block(&p->pool.ring, zc_pool_next(&p->pool)), size, &rc);
	/* An error comes after what was read before it. */
	if (rc < 0 && rc != -EAGAIN)
		zc_error_keep(&p->failed, src->ctx, rc);
	if (len) {
		make_block(p, len, b);
		return 1;
	}
	if (rc == 1 && size == BLOCK_SIZE)
		return zc_fail_plain(src->ctx, EMSGSIZE,
				     "source %s: a packet of %zu bytes is larger than a block",
				     src->name, p->len);
	return rc == 1 ? 0 : rc;
}

static void pcap_put(struct zcdma_source *src, const struct zcdma_block *b, enum zc_put how)
{
	struct pcap_source *p = (struct pcap_source *)src;

	src->stats.replaced += how == ZC_PUT_REPLACE;
	zc_pool_put(&p->pool, b->index, how);
	src->starved = !p->pool.unused_count;
}

static void pcap_stop(struct zcdma_source *src)
{
	((struct pcap_source *)src)->stopped = true;
}

static void pcap_get_stats(struct zcdma_source *src, struct zcdma_source_stats *stats)
{
	struct pcap_source *p = (struct pcap_source *)src;
	struct zc_capture_stats s;

	stats->next_seq = p->seq;
	if (p->payload)
		zc_payload_get_stats(p->payload, &stats->packets);
	zc_capture_get_stats(p->packets, &s);
	stats->packets.dropped = s.dropped;
	stats->packets.dropped_by_interface = s.dropped_by_interface;
}

static int pcap_share(const struct zcdma_source *src, struct zc_ho_offer *offer)
{
	return zc_source_share_ring(src, &((const struct pcap_source *)src)->pool.ring, offer);
}

const struct zc_source_ops zc_source_pcap = {
	.type = {
		.name = "pcap",
		.syntax = "pcap:IFACE|FILE[,filter=EXPRESSION,payload,seq=FIELD,checksum=off,snaplen=N,buffer=SIZE]",
		.summary = "packets of an interface or of a file, or their payload",
	},
	.size = sizeof(struct pcap_source),
	.options = options,
	.option_count = ARRAY_SIZE(options),
	.option_values = offsetof(struct pcap_source, opt),
	.open = pcap_open_spec,
	.activate = pcap_activate,
	.deactivate = pcap_deactivate,
	.next = pcap_next_block,
	.put = pcap_put,
	.stop = pcap_stop,
	.get_stats = pcap_get_stats,
	.share = pcap_share,
	.close = close_source,
};
