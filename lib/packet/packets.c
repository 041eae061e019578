// SPDX-License-Identifier: LGPL-2.1-or-later
/* Packets, by libpcap: what opens them is in live.c and saved.c. */
#include "packets.h"

#include <pcap/pcap.h>
#include <stdlib.h>
#include <string.h>

#include "frame.h"
#include "handle.h"

static int set_filter(struct zc_packets *p, const char *filter)
{
	struct bpf_program program;
	int rc;

	if (pcap_compile(p->pcap, &program, filter, 1, PCAP_NETMASK_UNKNOWN))
		return zc_fail_plain(p->ctx, EINVAL, "filter '%s': %s", filter,
				     pcap_geterr(p->pcap));
	rc = pcap_setfilter(p->pcap, &program);
	pcap_freecode(&program);
	return rc ? zc_fail_plain(p->ctx, EINVAL, "filter '%s': %s", filter, pcap_geterr(p->pcap))
		  : 0;
}

int zc_packets_open(struct zcdma_ctx *ctx, const struct zc_packets_from *from,
		    struct zc_packets **out)
{
	const char *name = from->iface ? from->iface : from->path;
	struct zc_packets *p = calloc(1, sizeof(*p));
	int rc;

	if (!p)
		return zc_fail(ctx, ENOMEM, "read packets of %s", name);
	p->ctx = ctx;
	p->fd = p->origin = -1;
	p->name = strdup(strcmp(name, "-") || from->iface ? name : "standard input");
	if (!p->name) {
		rc = zc_fail(ctx, ENOMEM, "read packets of %s", name);
		goto err_close;
	}
	rc = from->iface ? zc_packets_open_live(p, from) : zc_packets_open_saved(p, from->path);
	if (rc)
		goto err_close;
	rc = from->filter ? set_filter(p, from->filter) : 0;
	if (rc)
		goto err_close;
	*out = p;
	return 0;

err_close:
	zc_packets_close(p);
	return rc;
}

/*
 * With the precision that was asked for, .tv_usec holds nanoseconds. Files hold 32 bits of the seconds without a
 * sign, which libpcap takes for one with a sign: they reach to 2106.
 */
static uint64_t time_of(const struct zc_packets *p, const struct pcap_pkthdr *h)
{
	const uint64_t seconds = p->live ? (uint64_t)h->ts.tv_sec : (uint32_t)h->ts.tv_sec;

	return seconds * 1000000000u + (uint64_t)(uint32_t)h->ts.tv_usec * p->fraction_ns;
}

/*
 * Where an interface went down, libpcap waits for it to come back, and wants to be asked all the time
 * whether it still exists.
 */
int zc_packets_next(struct zc_packets *p, struct zc_packet *packet)
{
	struct pcap_pkthdr *h;
	const uint8_t *data;
	int n = zc_packets_saved_is_idle(p) ? 0 : pcap_next_ex(p->pcap, &h, &data);

	if (!n && pcap_get_required_select_timeout(p->pcap))
		return zc_fail_plain(p->ctx, ENETDOWN, "capture on %s: the interface went down",
				     p->name);
	if (!n)
		return -EAGAIN;
	if (n == PCAP_ERROR_BREAK)
		return 0;
	if (n < 0)
		return zc_fail_plain(p->ctx, EIO, "read packets of %s: %s", p->name,
				     pcap_geterr(p->pcap));
	*packet = (struct zc_packet){
		.time_ns = time_of(p, h),
		.data = data,
		.captured = h->caplen,
		.len = h->len,
		.linktype = pcap_datalink(p->pcap),
		.packet_type = -1,
	};
	return 1;
}

int zc_packets_linktype(const struct zc_packets *p)
{
	return pcap_datalink(p->pcap);
}

int zc_packets_check_linktype(const struct zc_packets *p)
{
	int linktype = pcap_datalink(p->pcap);
	const char *name = pcap_datalink_val_to_name(linktype);

	if (zc_frame_knows(linktype))
		return 0;
	return zc_fail_plain(p->ctx, EINVAL,
			     "packets of %s: their link type, %s (%d), is not known here", p->name,
			     name ? name : "one without a name", linktype);
}

int zc_packets_fd(const struct zc_packets *p)
{
	return p->fd;
}

int zc_packets_origin(const struct zc_packets *p)
{
	return p->origin;
}

void zc_packets_get_stats(struct zc_packets *p, struct zc_packets_stats *stats)
{
	struct pcap_stat s;

	*stats = (struct zc_packets_stats){ 0 };
	if (!p->live || pcap_stats(p->pcap, &s))
		return;
	stats->received = s.ps_recv;
	stats->dropped = s.ps_drop;
	stats->dropped_by_interface = s.ps_ifdrop;
}

void zc_packets_close(struct zc_packets *p)
{
	if (!p)
		return;
	if (p->pcap)
		pcap_close(p->pcap);
	free(p->name);
	free(p);
}
