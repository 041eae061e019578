// SPDX-License-Identifier: GPL-2.0-only
/* The nearest of several names, by edit distance. */
#include <stdbool.h>
#include <string.h>

#include "cli/suggest.h"

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Levenshtein's distance, of which one row at a time is enough. */
static size_t edit_distance(const char *a, const char *b)
{
	size_t row[SUGGEST_LONGEST + 1], columns = strlen(b), above, corner;

	for (size_t j = 0; j <= columns; j++)
		row[j] = j;
	for (size_t i = 1; a[i - 1]; i++) {
		corner = row[0];
		row[0] = i;
		for (size_t j = 1; j <= columns; j++) {
			above = row[j];
			row[j] = least(least(above, row[j - 1]) + 1,
				       corner + (a[i - 1] != b[j - 1]));
			corner = above;
		}
	}
	return row[columns];
}

void suggest_try(struct suggestion *s, const char *candidate)
{
	size_t len = strlen(s->to), distance;

	if (len < 2 || len > SUGGEST_LONGEST || strlen(candidate) > SUGGEST_LONGEST)
		return;

	/* The beginning of a name is as good a guess as one wrong letter. */
	distance = strncmp(s->to, candidate, len) ? edit_distance(s->to, candidate) : 1;
	if (distance > 1 + len / 4 || (s->name && distance >= s->distance))
		return;
	s->name = candidate;
	s->distance = distance;
}
