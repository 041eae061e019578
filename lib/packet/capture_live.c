// SPDX-License-Identifier: LGPL-2.1-or-later
/* Opens the packets of an interface. */
#include <limits.h>
#include <net/if.h>
#include <string.h>

#include "packet/capture_handle.h"

/* Larger than any packet, whatever offload has put together (but for BIG TCP). */
#define SNAPLEN 262144

/* An eighth of a second at 500 MB/s. */
#define RING_BYTES (64u << 20)

/*
 * With TPACKET_V3 the kernel fills blocks with as many packets as fit, and passes on one that is not
 * full after this time. libpcap's immediate mode has no blocks: each packet, however small, takes as
 * much of the ring as the largest, 256 KiB, and a burst of small ones overflows it.
 */
#define PASS_ON_MS 1

static const struct {
	int status, err;
} failures[] = {
	{ PCAP_ERROR_NO_SUCH_DEVICE, ENODEV },
	{ PCAP_ERROR_PERM_DENIED, EPERM },
	{ PCAP_ERROR_PROMISC_PERM_DENIED, EPERM },
	{ PCAP_ERROR_IFACE_NOT_UP, ENETDOWN },
};

/* Set a hint with the names of the interfaces. */
static void hint_interfaces(struct zcdma_ctx *ctx)
{
	struct if_nameindex *list = if_nameindex();
	char names[256] = "";
	size_t len = 0;

	for (size_t i = 0; list && list[i].if_index && len < sizeof(names); i++)
		len += (size_t)snprintf(names + len, sizeof(names) - len, "%s, ", list[i].if_name);
	zc_hint(ctx, "the interfaces are %.*sand any, which is all of them", (int)sizeof(names),
		names);
	if (list)
		if_freenameindex(list);
}

static int fail_activate(struct zc_capture *p, int status)
{
	const char *words = pcap_geterr(p->pcap);
	int err = EIO, rc;

	for (size_t i = 0; i < ARRAY_SIZE(failures); i++) {
		if (failures[i].status == status)
			err = failures[i].err;
	}
	/* The kernel refuses the socket before anything asks for the interface. */
	if (err == EPERM && strcmp(p->name, "any") != 0 && !if_nametoindex(p->name))
		err = ENODEV;
	if (err == EIO)
		return zc_fail_plain(p->ctx, err, "capture on %s: %s", p->name,
				     *words ? words : pcap_statustostr(status));
	rc = zc_fail(p->ctx, err, "capture on %s", p->name);
	if (err == ENODEV)
		hint_interfaces(p->ctx);
	else if (err == EPERM)
		zc_hint(p->ctx,
			"start it with sudo, or give the program CAP_NET_RAW for good: sudo setcap cap_net_raw+ep \"$(command -v zcdma)\"");
	else
		zc_hint(p->ctx, "sudo ip link set %s up", p->name);
	return rc;
}

static void configure(struct zc_capture *p, const struct zc_capture_options *from)
{
	const uint64_t ring = from->ring_bytes ? from->ring_bytes : RING_BYTES;

	pcap_set_snaplen(p->pcap, from->snaplen ? (int)from->snaplen : SNAPLEN);
	pcap_set_buffer_size(p->pcap, (int)zc_min(ring, (uint64_t)INT_MAX));
	pcap_set_promisc(p->pcap, 1);
	pcap_set_timeout(p->pcap, PASS_ON_MS);
	p->fraction_ns = pcap_set_tstamp_precision(p->pcap, PCAP_TSTAMP_PRECISION_NANO) ? 1000 : 1;
}

int zc_capture_open_live(struct zc_capture *p, const struct zc_capture_options *from)
{
	char words[PCAP_ERRBUF_SIZE];
	int status;

	p->pcap = pcap_create(from->iface, words);
	if (!p->pcap)
		return zc_fail_plain(p->ctx, EIO, "capture on %s: %s", p->name, words);
	configure(p, from);
	status = pcap_activate(p->pcap);
	if (status < 0) /* more than 0 is a warning */
		return fail_activate(p, status);
	if (pcap_setnonblock(p->pcap, 1, words))
		return zc_fail_plain(p->ctx, EIO, "capture on %s: %s", p->name, words);
	p->live = true;
	p->fd = pcap_get_selectable_fd(p->pcap);
	return 0;
}
