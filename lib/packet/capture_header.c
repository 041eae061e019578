// SPDX-License-Identifier: LGPL-2.1-or-later
/* The headers of a pcap file, in this machine's byte order, as libpcap writes them. */
#include <pcap/pcap.h>
#include <string.h>

#include "packet/capture_handle.h"

#define MAGIC_NANOSECONDS 0xa1b23c4d

/* Let libpcap write the header, as its numbers of link types differ in files. */
static int dump_header(struct zcdma_ctx *ctx, pcap_t *pcap, const char *name, uint8_t *header)
{
	const uint32_t magic = MAGIC_NANOSECONDS;
	FILE *file = fmemopen(header, ZC_CAPTURE_HEADER, "w");
	pcap_dumper_t *dumper;
	int rc;

	if (!file)
		return zc_fail(ctx, errno, "write packets of %s", name);
	setbuf(file, NULL); /* fmemopen() would add a zero where it is flushed */
	dumper = pcap_dump_fopen(pcap, file);
	if (!dumper) {
		rc = zc_fail_plain(ctx, EINVAL, "write packets of %s: %s", name, pcap_geterr(pcap));
		fclose(file);
		return rc;
	}
	pcap_dump_close(dumper);
	memcpy(header, &magic, sizeof(magic));
	return 0;
}

int zc_capture_header(const struct zc_capture *p, int linktype, uint8_t header[ZC_CAPTURE_HEADER])
{
	pcap_t *pcap = p->pcap ? p->pcap : pcap_open_dead(linktype, 262144);
	int rc;

	if (!pcap)
		return zc_fail(p->ctx, ENOMEM, "write packets of %s", p->name);
	rc = dump_header(p->ctx, pcap, p->name, header);
	if (!p->pcap)
		pcap_close(pcap);
	return rc;
}

void zc_packet_header(const struct zc_packet *packet, uint8_t header[ZC_PACKET_HEADER])
{
	const uint32_t h[] = {
		(uint32_t)(packet->time_ns / 1000000000u),
		(uint32_t)(packet->time_ns % 1000000000u),
		packet->captured,
		packet->len,
	};

	memcpy(header, h, sizeof(h));
}
