// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * xdp: - the payload of the datagrams that arrive at an interface, before the network stack sees them. It is gathered
 * from the frames into blocks, which is the one copy that user space makes.
 */
#include <stdlib.h>
#include <string.h>

#include "net/xdp.h"
#include "source/options.h"
#include "source/packets.h"

struct xdp_options {
	uint64_t port, queue, copy, seq, checksum;
};

/* .queue is one more, as 0 stands for an option that was not given. */
struct xdp_source {
	struct zc_packet_source base;
	struct xdp_options opt;
	char *iface;
	struct zc_xdp *xdp;
};

static int parse_port(const char *text, uint64_t *value)
{
	return zc_option_within(text, value, 1, UINT16_MAX);
}

static int parse_queue(const char *text, uint64_t *value)
{
	int rc = zc_option_number(text, value);

	return rc ? rc : (*value)++ <= INT16_MAX ? 0 : -ERANGE;
}

static const struct zc_option options[] = {
	{ "port", offsetof(struct xdp_options, port), parse_port, "a number from 1 to 65535" },
	{ "queue", offsetof(struct xdp_options, queue), parse_queue, "a number from 0 on" },
	{ "copy", offsetof(struct xdp_options, copy), NULL, NULL },
	{ "seq", offsetof(struct xdp_options, seq), zc_packets_parse_seq, ZC_PACKETS_SEQ_TAKES },
	{ "checksum", offsetof(struct xdp_options, checksum), zc_packets_parse_checksum,
	  "auto or off" },
};

static int next_packet(struct zc_packet_source *base, struct zc_packet *packet)
{
	return zc_xdp_next(((struct xdp_source *)base)->xdp, packet);
}

static const struct zc_packet_ops from_xdp = { .next = next_packet };

static void close_source(struct zcdma_source *src)
{
	struct xdp_source *x = (struct xdp_source *)src;

	zc_packets_close(&x->base);
	zc_xdp_close(x->xdp);
	free(x->iface);
}

/* Parse "IFACE[,OPTIONS]". */
static int parse(struct xdp_source *x, const char *arg)
{
	struct zcdma_source *src = &x->base.base.src;
	const size_t len = strcspn(arg, ",");
	int rc;

	x->iface = strndup(arg, len);
	if (!x->iface)
		return zc_fail(src->ctx, ENOMEM, "source %s", src->name);
	rc = zc_source_options_parse(src, arg + len + (arg[len] == ','));
	if (!rc && !len) {
		rc = zc_fail_plain(src->ctx, EINVAL, "source %s: it names no interface", src->name);
		zc_hint(src->ctx, "for example xdp:eth0,port=5000");
	}
	return rc;
}

static int xdp_open_spec(struct zcdma_source *src, const char *arg)
{
	struct xdp_source *x = (struct xdp_source *)src;
	int rc;

	zc_packets_init(&x->base, &from_xdp);
	rc = parse(x, arg);
	if (rc)
		close_source(src);
	return rc;
}

static int open_poll(struct xdp_source *x)
{
	int rc = 0, fd;

	for (unsigned i = 0; !rc && (fd = zc_xdp_fd(x->xdp, i)) >= 0; i++)
		rc = zc_packets_watch(&x->base, fd);
	return rc;
}

/* Attach to the interface; it stays attached when the ring is made anew. */
static int attach(struct xdp_source *x)
{
	struct zcdma_source_info *info = &x->base.base.src.info;
	const struct zc_xdp_options how = {
		.iface = x->iface,
		.queue = (int)x->opt.queue - 1,
		.port = (uint16_t)x->opt.port,
		.from = x->opt.copy ? ZC_XDP_NATIVE : ZC_XDP_ZEROCOPY,
	};
	int rc;

	if (x->xdp)
		return 0;
	rc = zc_xdp_open(x->base.base.src.ctx, &how, &x->xdp);
	if (rc)
		return rc;
	info->endless = info->privileged = true;
	x->base.kernel_copies = zc_xdp_mode(x->xdp) != ZC_XDP_ZEROCOPY;
	info->mode = zc_xdp_mode_name(zc_xdp_mode(x->xdp));
	rc = zc_packets_open_payload(&x->base, x->iface, x->opt.seq, x->opt.checksum);
	if (!rc)
		rc = open_poll(x);
	if (!rc)
		return 0;
	zc_packets_close(&x->base);
	zc_xdp_close(x->xdp);
	x->xdp = NULL;
	return rc;
}

static int xdp_activate(struct zcdma_source *src, unsigned uses)
{
	struct xdp_source *x = (struct xdp_source *)src;
	int rc = attach(x);

	return rc ? rc : zc_pool_source_activate(&x->base.base, uses);
}

static void xdp_get_stats(struct zcdma_source *src, struct zcdma_source_stats *stats)
{
	struct xdp_source *x = (struct xdp_source *)src;
	struct zc_xdp_stats s;

	zc_packets_get_stats(&x->base, stats);
	zc_xdp_get_stats(x->xdp, &s);
	stats->packets.dropped = s.dropped;
}

const struct zc_source_ops zc_source_xdp = {
	.type = {
		.name = "xdp",
		.syntax = "xdp:IFACE[,port=N,queue=N,copy,seq=FIELD,checksum=off]",
		.summary = "payload of datagrams, taken at the interface before the network stack",
	},
	.size = sizeof(struct xdp_source),
	.options = options,
	.option_count = ARRAY_SIZE(options),
	.option_values = offsetof(struct xdp_source, opt),
	.open = xdp_open_spec,
	.activate = xdp_activate,
	.deactivate = zc_pool_source_deactivate,
	.next = zc_packets_next,
	.put = zc_pool_source_put,
	.stop = zc_packets_stop,
	.get_stats = xdp_get_stats,
	.share = zc_pool_source_share,
	.close = close_source,
};
