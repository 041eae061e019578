// SPDX-License-Identifier: GPL-2.0-only
/* The reference counts of a ring, as the driver shows them in debugfs. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "counts.h"
#include "tap.h"

#define FOLDER "/sys/kernel/debug/zcdma/zcdma0/"

static FILE *open_file(const char *path, const char *title)
{
	char line[128];
	FILE *f = fopen(path, "re");

	EXPECT(f);
	EXPECT(fgets(line, sizeof(line), f) && !strcmp(line, title));
	return f;
}

void counts_read(struct counts *c)
{
	FILE *f = open_file(FOLDER "pages", "index count refs maps in_flight\n");
	struct count *at = c->count;

	for (c->n = 0; fscanf(f, "%u %u %d %d %d", &at->block, &at->number, &at->refs, &at->maps,
			      &at->in_flight) == 5;
	     at++)
		EXPECT(++c->n < COUNTS_MAX);
	EXPECT(feof(f));
	fclose(f);
}

int counts_maps(const struct counts *c, unsigned block)
{
	int sum = 0;

	for (size_t i = 0; i < c->n; i++)
		sum += c->count[i].block == block ? c->count[i].maps : 0;
	return sum;
}

int counts_in_flight(const struct counts *c, unsigned block)
{
	int sum = 0;

	for (size_t i = 0; i < c->n; i++)
		sum += c->count[i].block == block ? c->count[i].in_flight : 0;
	return sum;
}

void counts_state(unsigned block, char *state)
{
	FILE *f = open_file(FOLDER "blocks", "index state seq refs maps in_flight\n");
	unsigned index;

	while (fscanf(f, "%u %15s %*u %*d %*d %*d", &index, state) == 2 && index != block)
		;
	EXPECT(index == block);
	fclose(f);
}
