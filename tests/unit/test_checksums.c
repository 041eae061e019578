// SPDX-License-Identifier: GPL-2.0-only
/* What wrong checksums prove, by those that were before them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those four */
#include <cmocka.h>

#include "packet/checksums.h"

/* Note @count packets. Returns whether one of them is proven to be damaged. */
static bool note(struct zc_checksums *s, enum zc_checksum sum, unsigned count)
{
	bool damaged = false;

	while (count--)
		damaged |= zc_checksums_prove_damage(s, sum);
	return damaged;
}

/* A wrong checksum proves damage where more than eight times as many right ones as others were before it. */
static void many_right_ones_make_a_wrong_one_a_proof(void **state)
{
	struct zc_checksums s = { 0 };

	(void)state;
	assert_false(note(&s, ZC_CHECKSUM_WRONG, 1));
	assert_false(note(&s, ZC_CHECKSUM_RIGHT, 8));
	assert_false(note(&s, ZC_CHECKSUM_WRONG, 1)); /* 8 to 1: not more */
	assert_false(note(&s, ZC_CHECKSUM_RIGHT, 9));
	assert_true(note(&s, ZC_CHECKSUM_WRONG, 1));  /* 17 to 2 */
	assert_false(note(&s, ZC_CHECKSUM_WRONG, 1)); /* 17 to 3 */
}

static void each_kind_that_is_not_right_counts_against_it(void **state)
{
	static const enum zc_checksum others[] = { ZC_CHECKSUM_WRONG, ZC_CHECKSUM_OFFLOADED,
						   ZC_CHECKSUM_ZERO };

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		struct zc_checksums s = { 0 };

		note(&s, ZC_CHECKSUM_RIGHT, 16);
		note(&s, others[i], 2);
		assert_int_equal(s.right, 16);
		assert_int_equal(s.others, 2);
		assert_false(note(&s, ZC_CHECKSUM_WRONG, 1));
	}
}

static void only_a_wrong_one_is_damage(void **state)
{
	struct zc_checksums s = { .right = 1000 };

	(void)state;
	assert_false(note(&s, ZC_CHECKSUM_ZERO, 1));
	assert_false(note(&s, ZC_CHECKSUM_OFFLOADED, 1));
	assert_false(note(&s, ZC_CHECKSUM_RIGHT, 1));
	assert_true(note(&s, ZC_CHECKSUM_WRONG, 1));
}

static void zero_is_suspicious_beside_right_ones(void **state)
{
	struct zc_checksums s = { .zero = 3 };

	(void)state;
	assert_int_equal(zc_checksums_unchecked(&s), 0);
	note(&s, ZC_CHECKSUM_RIGHT, 1);
	assert_int_equal(zc_checksums_unchecked(&s), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(many_right_ones_make_a_wrong_one_a_proof),
		cmocka_unit_test(each_kind_that_is_not_right_counts_against_it),
		cmocka_unit_test(only_a_wrong_one_is_damage),
		cmocka_unit_test(zero_is_suspicious_beside_right_ones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
