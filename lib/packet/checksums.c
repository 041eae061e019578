// SPDX-License-Identifier: LGPL-2.1-or-later
/* What a wrong checksum proves, which depends on the sender's other checksums. */
#include "packet/checksums.h"

/* Right checksums for each other one. Networks damage far fewer, and incomplete sums are rarely right by chance. */
#define RULE 8

bool zc_checksums_prove_damage(struct zc_checksums *s, enum zc_checksum sum)
{
	const bool rule = s->right > RULE * s->others;

	s->right += sum == ZC_CHECKSUM_RIGHT;
	s->others +=
		sum == ZC_CHECKSUM_WRONG || sum == ZC_CHECKSUM_OFFLOADED || sum == ZC_CHECKSUM_ZERO;
	return sum == ZC_CHECKSUM_WRONG && rule;
}

uint64_t zc_checksums_unchecked(const struct zc_checksums *s)
{
	return s->right ? s->zero : 0;
}
