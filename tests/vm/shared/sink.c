// SPDX-License-Identifier: GPL-2.0-only
/* The simulated device that plays. */
#include <stdio.h>
#include <string.h>

#include "sink.h"
#include "tap.h"

#define SINK "/sys/bus/platform/devices/zcdma-sink.0/"

void sink_fill(void *to, size_t len, uint64_t offset)
{
	unsigned char *byte = to;

	for (size_t i = 0; i < len; i++, offset++)
		byte[i] = (unsigned char)(((offset / 8) ^ SEED) >> offset % 8 * 8);
}

void sink_expect(const char *name, const char *value)
{
	char path[128], line[64];
	FILE *file;

	snprintf(path, sizeof(path), SINK "%s", name);
	file = fopen(path, "re");
	EXPECT(file && fgets(line, sizeof(line), file) && !fclose(file));
	line[strcspn(line, "\n")] = '\0';
	if (strcmp(line, value)) {
		printf("# %s: %s, not %s\n", name, line, value);
		EXPECT(!"the sink found what it should");
	}
}

void sink_expect_played(const struct ring *r, uint64_t bytes)
{
	char text[32];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)bytes);
	sink_expect("checked_bytes", text);
	sink_expect("wrong_bytes", "0");
	sink_expect("first_wrong", "none");
	EXPECT(ring_stats(r->fd).bytes == bytes && !ring_stats(r->fd).failed);
}
