// SPDX-License-Identifier: LGPL-2.1-or-later
/* The link types of a file that has several: libpcap's handle for each, and the filter in its terms. */
#include "packet/link_types.h"

#include <stdio.h>
#include <string.h>

/* Have libpcap open an empty file, as the numbers in files differ from those of libpcap's functions. */
static pcap_t *open_empty(int linktype)
{
	struct pcap_file_header header = {
		.magic = 0xa1b23c4d,
		.version_major = PCAP_VERSION_MAJOR,
		.version_minor = PCAP_VERSION_MINOR,
		.snaplen = 262144,
		.linktype = (bpf_u_int32)linktype,
	};
	FILE *file = fmemopen(&header, sizeof(header), "r");
	char words[PCAP_ERRBUF_SIZE];
	pcap_t *pcap = NULL;

	if (file)
		pcap = pcap_fopen_offline_with_tstamp_precision(file, PCAP_TSTAMP_PRECISION_NANO,
								words);
	if (file && !pcap)
		fclose(file);
	return pcap;
}

int zc_filter_fail(struct zcdma_ctx *ctx, const char *filter, pcap_t *pcap)
{
	int rc = zc_fail_plain(ctx, EINVAL, "filter '%s': %s", filter, pcap_geterr(pcap));

	zc_hint(ctx, "see pcap-filter(7) for the language, as in filter=udp port 5000");
	return rc;
}

static int add(struct zc_link_types *l, int linktype)
{
	struct zc_link_type *link = &l->link[l->count];

	*link = (struct zc_link_type){ .linktype = linktype, .pcap = open_empty(linktype) };
	if (!link->pcap)
		return zc_fail(l->ctx, ENOMEM, "read packets of link type %d", linktype);
	link->filtered = l->filter;
	if (l->filter &&
	    pcap_compile(link->pcap, &link->program, l->filter, 1, PCAP_NETMASK_UNKNOWN)) {
		int rc = zc_filter_fail(l->ctx, l->filter, link->pcap);

		pcap_close(link->pcap);
		return rc;
	}
	l->count++;
	return 0;
}

int zc_link_types_find(struct zc_link_types *l, int linktype, const struct zc_link_type **out)
{
	int rc;

	for (unsigned i = 0; i < l->count; i++) {
		*out = &l->link[i];
		if ((*out)->linktype == linktype)
			return 0;
	}
	if (l->count == ARRAY_SIZE(l->link))
		return zc_fail_plain(l->ctx, EINVAL, "read packets: more than %zu link types",
				     ARRAY_SIZE(l->link));
	rc = add(l, linktype);
	*out = &l->link[l->count - !rc];
	return rc;
}

bool zc_link_type_takes(const struct zc_link_type *link, const struct zc_packet *p)
{
	const struct pcap_pkthdr h = { .caplen = p->captured, .len = p->len };

	return !link->filtered || pcap_offline_filter(&link->program, &h, p->data);
}

void zc_link_types_drop(struct zc_link_types *l)
{
	while (l->count) {
		struct zc_link_type *link = &l->link[--l->count];

		if (link->filtered)
			pcap_freecode(&link->program);
		pcap_close(link->pcap);
	}
}
