// SPDX-License-Identifier: LGPL-2.1-or-later
/* Reads packets, by libpcap or from a pcapng file; capture_live.c and capture_file.c open them. */
#include "packet/capture.h"

#include <pcap/pcap.h>
#include <stdlib.h>
#include <string.h>

#include "packet/frame_parse.h"
#include "packet/capture_handle.h"
#include "packet/pcapng.h"

/* Compile the filter; for a pcapng file with several link types, for the first one, to find errors in it. */
static int set_filter(struct zc_capture *p)
{
	const char *filter = p->filter;
	const struct zc_link_type *link;
	struct bpf_program program;
	int rc;

	if (!filter)
		return 0;
	if (p->pcapng) {
		const int linktype = zc_pcapng_linktype(p->pcapng);

		p->link_types.filter = filter;
		/* That of a pipe is not there yet. */
		if (linktype < 0 && p->fd >= 0)
			return 0;
		return zc_link_types_find(&p->link_types, linktype < 0 ? DLT_EN10MB : linktype,
					  &link);
	}
	if (pcap_compile(p->pcap, &program, filter, 1, PCAP_NETMASK_UNKNOWN))
		return zc_filter_fail(p->ctx, filter, p->pcap);
	/* After a packet that the filter does not take libpcap would read the next one at once, and wait for it. */
	if (p->saved) {
		p->program = program;
		p->filtered = true;
		return 0;
	}
	rc = pcap_setfilter(p->pcap, &program);
	pcap_freecode(&program);
	return rc ? zc_fail_plain(p->ctx, EINVAL, "filter '%s': %s", filter, pcap_geterr(p->pcap))
		  : 0;
}

/* Returns whether it is known what the packets are. */
static bool is_begun(const struct zc_capture *p)
{
	return p->pcap || p->pcapng;
}

int zc_capture_open(struct zcdma_ctx *ctx, const struct zc_capture_options *from,
		    struct zc_capture **out)
{
	const char *name = from->iface ? from->iface : from->path;
	struct zc_capture *p = calloc(1, sizeof(*p));
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
	rc = from->iface ? zc_capture_open_live(p, from) : zc_capture_open_saved(p, from->path);
	if (rc)
		goto err_close;
	p->link_types.ctx = ctx;
	p->filter = from->filter;
	rc = is_begun(p) ? set_filter(p) : 0;
	if (rc)
		goto err_close;
	*out = p;
	return 0;

err_close:
	zc_capture_close(p);
	return rc;
}

/*
 * Returns the time in nanoseconds since 1970; .tv_usec holds the fraction in p->fraction_ns. Files hold 32 bits of
 * the seconds without a sign, up to 2106, which libpcap extends with a sign.
 */
static uint64_t time_of(const struct zc_capture *p, const struct pcap_pkthdr *h)
{
	const uint64_t seconds = p->live ? (uint64_t)h->ts.tv_sec : (uint32_t)h->ts.tv_sec;

	return seconds * 1000000000u + (uint64_t)(uint32_t)h->ts.tv_usec * p->fraction_ns;
}

/* Report a failed read. libpcap names a file that ends too early by these words only. */
static int fail_read(struct zc_capture *p)
{
	const char *words = pcap_geterr(p->pcap);

	if (!strncmp(words, "truncated dump file", strlen("truncated dump file")))
		return zc_capture_fail_cut(p->ctx, p->name);
	return zc_fail_plain(p->ctx, EIO, "read packets of %s: %s", p->name, words);
}

/*
 * Read the next packet by libpcap. For an interface that went down, libpcap waits until it is up again, and sets a
 * timeout for polling whether it still exists.
 */
static int next_by_libpcap(struct zc_capture *p, struct zc_packet *packet)
{
	struct pcap_pkthdr *h;
	const uint8_t *data;
	int n;

	do
		n = p->saved && !zc_capture_has_packet(p) ? 0 : pcap_next_ex(p->pcap, &h, &data);
	while (n == 1 && p->filtered && !pcap_offline_filter(&p->program, h, data));

	if (!n && pcap_get_required_select_timeout(p->pcap))
		return zc_fail_plain(p->ctx, ENETDOWN, "capture on %s: the interface went down",
				     p->name);
	if (!n)
		return -EAGAIN;
	if (n == PCAP_ERROR_BREAK)
		return 0;
	if (n < 0)
		return fail_read(p);
	*packet = (struct zc_packet){
		.time_ns = time_of(p, h),
		.timed = true,
		.data = data,
		.captured = h->caplen,
		.len = h->len,
		.linktype = pcap_datalink(p->pcap),
		.packet_type = -1,
	};
	return 1;
}

static int fail_linktype(struct zc_capture *p, int linktype)
{
	const char *name = pcap_datalink_val_to_name(linktype);
	int rc = zc_fail_plain(p->ctx, EINVAL, "read packets of %s: unknown link type %s (%d)",
			       p->name, name ? name : "without a name", linktype);

	zc_hint(p->ctx, "zcdma(7) lists the link types that are known");
	return rc;
}

/* Count the packet by whether its link type is known. */
static void note_linktype(struct zc_capture *p, int linktype)
{
	const bool known = zc_frame_knows(linktype);

	p->known += known;
	p->unknown += !known;
	if (!known)
		p->unknown_linktype = linktype;
}

/* Read the next packet of a pcapng file that the filter takes. */
static int next_of_pcapng(struct zc_capture *p, struct zc_packet *packet)
{
	const struct zc_link_type *link;
	int rc;

	do {
		rc = zc_pcapng_next(p->pcapng, packet);
		/* A pipe with an error before its first interface is not a capture: so says zc_capture_open() of a file. */
		if (rc == -EIO && zc_pcapng_linktype(p->pcapng) < 0)
			rc = -EINVAL;
		if (!rc && p->must_know && p->unknown && !p->known)
			return fail_linktype(p, p->unknown_linktype);
		if (rc != 1)
			return rc;
		rc = zc_link_types_find(&p->link_types, packet->linktype, &link);
		if (rc)
			return rc;
		packet->linktype = pcap_datalink(link->pcap);
	} while (!zc_link_type_takes(link, packet));
	note_linktype(p, packet->linktype);
	return 1;
}

/* Begin a pipe, as soon as it says what it is. Returns as zc_capture_begin_saved() does. */
static int begin(struct zc_capture *p)
{
	int rc = zc_capture_begin_saved(p);

	if (!rc)
		rc = set_filter(p);
	return !rc && p->must_know ? zc_capture_check_linktype(p) : rc;
}

int zc_capture_next(struct zc_capture *p, struct zc_packet *packet)
{
	int rc = is_begun(p) ? 0 : begin(p);

	if (rc)
		return rc;
	return p->pcapng ? next_of_pcapng(p, packet) : next_by_libpcap(p, packet);
}

int zc_capture_linktype(const struct zc_capture *p)
{
	return p->pcap ? pcap_datalink(p->pcap) : -1;
}

int zc_capture_check_linktype(struct zc_capture *p)
{
	const int linktype = zc_capture_linktype(p);

	p->must_know = true;
	return linktype < 0 || zc_frame_knows(linktype) ? 0 : fail_linktype(p, linktype);
}

int zc_capture_fd(const struct zc_capture *p)
{
	return p->fd;
}

int zc_capture_origin(const struct zc_capture *p)
{
	return p->origin;
}

void zc_capture_get_stats(struct zc_capture *p, struct zc_capture_stats *stats)
{
	struct pcap_stat s;

	*stats = (struct zc_capture_stats){ 0 };
	if (!p->live || pcap_stats(p->pcap, &s))
		return;
	stats->received = s.ps_recv;
	stats->dropped = s.ps_drop;
	stats->dropped_by_interface = s.ps_ifdrop;
}

void zc_capture_close(struct zc_capture *p)
{
	if (!p)
		return;
	if (p->filtered)
		pcap_freecode(&p->program);
	if (p->pcap)
		pcap_close(p->pcap);
	zc_link_types_drop(&p->link_types);
	zc_capture_close_saved(p);
	free(p->name);
	free(p);
}
