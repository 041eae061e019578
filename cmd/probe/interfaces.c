// SPDX-License-Identifier: GPL-2.0-only
/* What network interfaces can do. */
#include "probe/interfaces.h"

#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <zcdma/probe.h>

#include "cli/report_value.h"
#include "cli/xalloc.h"

/* What each ability is good for here. */
static const char *const uses[ZCDMA_ABILITIES] = {
	[ZCDMA_ABILITY_SCATTER_GATHER] = "zcsend, splice and sendfile need it, or they copy",
	[ZCDMA_ABILITY_CHECKSUM] = "the same",
	[ZCDMA_ABILITY_TCP_SEGMENTATION] = "one large packet to the device, not 44 small ones",
	[ZCDMA_ABILITY_UDP_SEGMENTATION] = "the same for udp:",
	[ZCDMA_ABILITY_GRO] = "tcp: and udp: receive merged packets",
	[ZCDMA_ABILITY_GRO_HARDWARE] = "the device merges them",
	[ZCDMA_ABILITY_HEADER_SPLIT] = "payload in pages of its own, which can be mapped",
	[ZCDMA_ABILITY_XDP] = "xdp: takes packets in the driver",
	[ZCDMA_ABILITY_XDP_FRAGMENTS] = "XDP with packets larger than a page",
	[ZCDMA_ABILITY_XDP_ZEROCOPY] = "xdp: without the kernel's copy",
};

static const struct report_column interface_columns[] = {
	{ "interface", "interface" },
	{ "driver", "driver" },
	{ "mtu", "MTU" },
	{ "queues", "queues" },
	{ "xdp_zerocopy_segments", "frames of a packet" },
};

static const struct report_column ability_columns[] = {
	{ "interface", "interface" },
	{ "ability", "ability" },
	{ "has", "has" },
	{ "use", "what for" },
};

bool is_interface(const char *arg)
{
	return !strchr(arg, '/') && access(arg, F_OK) && if_nametoindex(arg);
}

/* Returns a cell to free, NULL for 0, which is unknown; and sets @value for the document. */
static char *count_cell(unsigned count, json_t **value)
{
	char *text;

	*value = xalloc(count ? value_count(count) : json_null());
	if (!count)
		return NULL;
	return xalloc(asprintf(&text, "%u", count) < 0 ? NULL : text);
}

static void print_interface(struct report *r, const struct zcdma_interface *i)
{
	const unsigned counts[] = { i->mtu, i->queues, i->zerocopy_segments };
	const char *cells[] = { i->name, i->driver[0] ? i->driver : NULL, NULL, NULL, NULL };
	char *text[3];
	json_t *value[3], *row;

	for (int k = 0; k < 3; k++)
		cells[2 + k] = text[k] = count_cell(counts[k], &value[k]);
	row = report_row(r, cells);
	for (int k = 0; k < 3; k++) {
		json_object_set_new(row, interface_columns[2 + k].key, value[k]);
		free(text[k]);
	}
}

static void print_ability(struct report *r, const struct zcdma_interface *i,
			  enum zcdma_ability ability)
{
	const int8_t can = i->can[ability];
	const char *cells[] = { i->name, zcdma_ability_name(ability),
				can < 0 ? NULL
				: can	? "yes"
					: "no",
				uses[ability] };
	json_t *row = report_row(r, cells);

	json_object_set_new(row, "has", can < 0 ? json_null() : json_boolean(can));
}

static void print_all(struct report *r, const struct zcdma_interface *all, size_t count)
{
	report_table(r, "interfaces", interface_columns, 5);
	for (size_t k = 0; k < count; k++)
		print_interface(r, &all[k]);
	report_table(r, "abilities", ability_columns, 4);
	for (size_t k = 0; k < count; k++)
		for (int ability = 0; ability < ZCDMA_ABILITIES; ability++)
			print_ability(r, &all[k], ability);
}

/* Say why, as "-" has no reason of its own. */
static void explain_unknown(struct report *r, const struct zcdma_interface *all, size_t count)
{
	for (size_t k = 0; k < count; k++) {
		if (all[k].can[ZCDMA_ABILITY_XDP] >= 0)
			continue;
		report_paragraph(r, "XDP: the kernel says what drivers can do from Linux 6.3 on; "
				    "capture xdp:IFACE tries it.");
		return;
	}
}

int report_interfaces(struct report *r, struct zcdma_ctx *ctx, const char *const *names)
{
	struct zcdma_interface *all;
	size_t count = 0;
	int rc = 0;

	while (names[count])
		count++;
	all = xalloc(calloc(count, sizeof(*all)));
	for (size_t k = 0; !rc && k < count; k++)
		rc = zcdma_probe_interface(ctx, names[k], &all[k]);
	if (!rc) {
		print_all(r, all, count);
		explain_unknown(r, all, count);
	}
	free(all);
	return rc;
}
