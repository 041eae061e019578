// SPDX-License-Identifier: GPL-2.0-only
/* The hand-over's messages, spoiled, and with wrong descriptors. The same on every run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those four */
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "handover.h"

/* Check what must be true of every parsed message. */
static void assert_sane(const struct zc_ho_msg *msg, size_t len)
{
	uint64_t end;

	assert_int_equal(len, zc_ho_len(msg));
	assert_true(len <= sizeof(*msg));
	if (msg->head.type == ZC_HO_REFUSE)
		assert_non_null(zc_ho_reason(msg->refuse.reason));
	if (msg->head.type == ZC_HO_OFFER && msg->offer.ring != ZC_HO_FILE)
		assert_false(__builtin_mul_overflow(msg->offer.stride, msg->offer.blocks, &end));
	for (uint32_t i = 0; msg->head.type == ZC_HO_BLOCK && i < msg->head.count; i++) {
		const struct zc_ho_block *b = &msg->block[i];

		if (zc_ho_check_block(&ring_offer, b, 0))
			continue;
		assert_in_range(b->ring_offset + b->len, 1, 4 * BLOCK);
		assert_true(b->ring_offset < 4 * BLOCK);
	}
}

/* Parse spoiled messages in memory that ends with the message, so that a sanitizer sees a read beyond it. */
static void test_messages(void **state)
{
	unsigned good = 0;

	(void)state;
	for (int i = 0; i < 400000; i++) {
		enum zc_ho_type type = 1 + random_number() % (ZC_HO_TYPES - 1);
		struct zc_ho_msg msg = valid(type);
		size_t len = zc_ho_len(&msg);
		unsigned char *bytes;

		if (random_number() % 8 == 0)
			len = random_number() % (sizeof(msg) + 1);
		bytes = malloc(len ? len : 1);
		assert_non_null(bytes);
		memcpy(bytes, &msg, len);
		mutate(bytes, len);
		if (!zc_ho_parse((const struct zc_ho_msg *)bytes, len, fds_of(type))) {
			assert_sane((const struct zc_ho_msg *)bytes, len);
			good++;
		}
		free(bytes);
	}
	/* Some of both, or the test tests nothing. */
	assert_in_range(good, 40000, 360000);
}

/* Receive spoiled messages with the right number of descriptors, too many, too few or zero. */
static void test_descriptors(void **state)
{
	unsigned good = 0;
	int pair[2], fds[ZC_HO_FDS], before;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	before = count_fds();
	for (int i = 0; i < 30000; i++) {
		enum zc_ho_type type = 1 + random_number() % (ZC_HO_TYPES - 1);
		struct zc_ho_msg msg = valid(type), got;
		bool wanted = !one_in(4);
		int count = one_in(4) ? (int)(random_number() % 6) : (int)fds_of(type), rc;
		size_t len = one_in(8) ? random_number() % sizeof(msg) : zc_ho_len(&msg);

		if (one_in(2))
			mutate((unsigned char *)&msg, len);
		send_raw(pair[0], &msg, len, count);
		memset(&got, 0xa5,
		       sizeof(got)); /* so that an old message is not taken for this one */
		rc = zc_ho_recv(pair[1], &got, wanted ? fds : NULL);
		if (rc == 1) {
			assert_sane(&got, len);
			assert_int_equal(count, fds_with(&got));
			assert_true(wanted || !count);
			good++;
		} else if (rc) {
			assert_true(rc == -EPROTO || rc == -EPROTONOSUPPORT);
		} else {
			assert_true(!len && !count);
		}
		for (int k = 0; wanted && k < ZC_HO_FDS; k++)
			assert_true((fds[k] >= 0) == (rc == 1 && k < count));
		if (wanted)
			zc_local_close(fds, ZC_HO_FDS);
	}
	assert_int_equal(count_fds(), before);
	assert_in_range(good, 5000, 25000);
	close(pair[0]);
	close(pair[1]);
}

/* Check that every accepted block lies in the ring, or where a file can have bytes. */
static void test_blocks(void **state)
{
	unsigned good[ZC_HO_RINGS] = { 0 };

	(void)state;
	for (int i = 0; i < 300000; i++) {
		struct zc_ho_offer offer = ring_offer;
		struct zc_ho_block b = { .id = 5, .len = 1 + random_number() % BLOCK };
		uint64_t last;

		offer.ring = random_number() % ZC_HO_RINGS;
		offer.stride = offer.ring == ZC_HO_FILE ? 0 : BLOCK << random_number() % 2;
		b.ring_offset = random_number() % 5 * BLOCK;
		b.fd_offset = one_in(8) ? random_number() : b.ring_offset;
		mutate((unsigned char *)&b, sizeof(b));
		if (zc_ho_check_block(&offer, &b, 5))
			continue;
		good[offer.ring]++;
		assert_int_equal(b.id, 5);
		assert_in_range(b.len, 0, BLOCK);
		assert_false(__builtin_add_overflow(b.fd_offset, b.len, &last));
		assert_true(last <= INT64_MAX);
		assert_false(__builtin_add_overflow(b.ring_offset, b.len, &last));
		assert_true(last <= (offer.ring == ZC_HO_FILE ? (uint64_t)INT64_MAX
							      : offer.stride * offer.blocks));
		assert_true(offer.ring == ZC_HO_DEVICE || b.fd_offset == b.ring_offset);
	}
	for (int ring = 0; ring < ZC_HO_RINGS; ring++)
		assert_in_range(good[ring], 10000, 90000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_descriptors),
		cmocka_unit_test(test_blocks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
