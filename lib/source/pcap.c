// SPDX-License-Identifier: LGPL-2.1-or-later
/* pcap: - the packets of an interface or of a file, as a pcap stream, or the payload in them. */
#include <pcap/dlt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "source/options.h"
#include "source/packets.h"

struct pcap_options {
	char *filter;
	uint64_t payload, seq, checksum, snaplen, buffer;
};

struct pcap_source {
	struct zc_packet_source base;
	struct pcap_options opt;
	char *from; /* the interface or the file */
	struct zc_capture *packets;
	bool has_header; /* the one of the file is a piece, or was ... */
	int linktype;	 /* ... and has that link type */
};

/*
 * Options
 */

static int parse_snaplen(const char *text, uint64_t *value)
{
	return zc_option_within(text, value, 1, 262144);
}

static int parse_buffer(const char *text, uint64_t *value)
{
	int rc = zcdma_size_parse(text, value);

	return rc ? rc : *value >= 65536 && *value <= INT32_MAX ? 0 : -ERANGE;
}

static const struct zc_option options[] = {
	{ "filter", offsetof(struct pcap_options, filter), NULL, "an expression, as tcpdump does" },
	{ "payload", offsetof(struct pcap_options, payload), NULL, NULL },
	{ "seq", offsetof(struct pcap_options, seq), zc_packets_parse_seq, ZC_PACKETS_SEQ_TAKES },
	{ "checksum", offsetof(struct pcap_options, checksum), zc_packets_parse_checksum,
	  "auto or off" },
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
	struct zcdma_source *src = &p->base.base.src;
	size_t len = strcspn(arg, ",");
	int rc;

	p->from = strndup(arg, len);
	if (!p->from)
		return zc_fail(src->ctx, ENOMEM, "source %s", src->name);
	rc = zc_source_options_parse(src, arg + len + (arg[len] == ','));
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
	const struct zcdma_source *src = &p->base.base.src;

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
	struct zcdma_source *src = &p->base.base.src;
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
	src->info.endless = src->info.privileged = p->base.kernel_copies = !file;
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
	p->has_header = p->base.has_piece = true;
	p->linktype = linktype;
	p->base.header_len = ZC_CAPTURE_HEADER;
	return zc_capture_header(p->packets, linktype, p->base.header);
}

static int open_payload(struct pcap_source *p)
{
	int rc;

	if (!p->opt.payload) {
		const int linktype = zc_capture_linktype(p->packets);

		p->base.base.src.info.packets = ZCDMA_PACKETS_WHOLE;
		return linktype < 0 ? 0 : add_file_header(p, linktype);
	}
	rc = zc_capture_check_linktype(p->packets);
	return rc ? rc : zc_packets_open_payload(&p->base, p->from, p->opt.seq, p->opt.checksum);
}

/* Set what to poll; a file never waits. Returns 0, or a negative errno with the error message set. */
static int open_poll(struct pcap_source *p)
{
	const int fd = zc_capture_fd(p->packets);

	if (p->opt.seq && fd >= 0)
		return zc_packets_watch(&p->base, fd);
	p->base.base.src.poll_fd = fd;
	return 0;
}

static void close_packets(struct pcap_source *p)
{
	zc_packets_close(&p->base);
	zc_capture_close(p->packets);
	p->packets = NULL;
}

static void close_source(struct zcdma_source *src)
{
	struct pcap_source *p = (struct pcap_source *)src;

	close_packets(p);
	free(p->opt.filter);
	free(p->from);
}

static const struct zc_packet_ops from_capture;

static int pcap_open_spec(struct zcdma_source *src, const char *arg)
{
	struct pcap_source *p = (struct pcap_source *)src;
	int rc;

	zc_packets_init(&p->base, &from_capture);
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
		rc = open_poll(p);
	if (rc)
		close_packets(p);
	return rc;
}

static int pcap_activate(struct zcdma_source *src, unsigned uses)
{
	struct pcap_source *p = (struct pcap_source *)src;
	int rc = open_all(p);

	return rc ? rc : zc_pool_source_activate(&p->base.base, uses);
}

/*
 * Packets
 */

static int next_packet(struct zc_packet_source *base, struct zc_packet *packet)
{
	return zc_capture_next(((struct pcap_source *)base)->packets, packet);
}

static int fail_linktypes(struct pcap_source *p, int linktype)
{
	const struct zcdma_source *src = &p->base.base.src;
	int rc = zc_fail_plain(
		src->ctx, EINVAL,
		"source %s: packets of the link types %d and %d do not go into one pcap stream",
		src->name, p->linktype, linktype);

	zc_hint(src->ctx, "choose some with filter=, or take their payload");
	return rc;
}

/* Take the packet whole, with its header. */
static int take_whole(struct zc_packet_source *base, const struct zc_packet *packet)
{
	struct pcap_source *p = (struct pcap_source *)base;
	int rc = p->has_header ? 0 : add_file_header(p, packet->linktype);

	if (rc)
		return rc;
	if (packet->linktype != p->linktype)
		return fail_linktypes(p, packet->linktype);
	base->base.src.stats.packets.packets++;
	zc_packet_header(packet, base->header + base->header_len);
	base->header_len += ZC_PACKET_HEADER;
	base->data = packet->data;
	base->len = packet->captured;
	base->has_piece = true;
	return 0;
}

/* A file without packets is a header alone. */
static int end_whole(struct zc_packet_source *base)
{
	struct pcap_source *p = (struct pcap_source *)base;
	const int linktype = zc_capture_linktype(p->packets);

	return p->has_header ? 0 : add_file_header(p, linktype < 0 ? DLT_EN10MB : linktype);
}

static const struct zc_packet_ops from_capture = {
	.next = next_packet,
	.take_whole = take_whole,
	.end_whole = end_whole,
};

static void pcap_get_stats(struct zcdma_source *src, struct zcdma_source_stats *stats)
{
	struct pcap_source *p = (struct pcap_source *)src;
	struct zc_capture_stats s;

	zc_packets_get_stats(&p->base, stats);
	zc_capture_get_stats(p->packets, &s);
	stats->packets.dropped = s.dropped;
	stats->packets.dropped_by_interface = s.dropped_by_interface;
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
	.deactivate = zc_pool_source_deactivate,
	.next = zc_packets_next,
	.put = zc_pool_source_put,
	.stop = zc_packets_stop,
	.get_stats = pcap_get_stats,
	.share = zc_pool_source_share,
	.close = close_source,
};
