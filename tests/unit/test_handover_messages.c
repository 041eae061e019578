// SPDX-License-Identifier: GPL-2.0-only
/* The messages of the hand-over: what is valid, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those four */
#include <cmocka.h>

#include <sys/socket.h>
#include <unistd.h>

#include "path/path.h"
#include "handover.h"

static int parse(const struct zc_ho_msg *msg)
{
	return zc_ho_parse(msg, zc_ho_len(msg), fds_of((enum zc_ho_type)msg->head.type));
}

static void test_valid(void **state)
{
	(void)state;
	for (int type = ZC_HO_HELLO; type < ZC_HO_TYPES; type++) {
		struct zc_ho_msg msg = valid((enum zc_ho_type)type);

		assert_int_equal(parse(&msg), 0);
		/* Nothing is left over, and nothing is missing. */
		for (size_t len = 0; len < sizeof(msg); len++)
			assert_int_equal(zc_ho_parse(&msg, len, fds_of((enum zc_ho_type)type)),
					 len == zc_ho_len(&msg) ? 0 : -EPROTO);
		for (unsigned fds = 0; fds < 3; fds++)
			assert_int_equal(zc_ho_parse(&msg, zc_ho_len(&msg), fds),
					 fds == fds_of((enum zc_ho_type)type) ? 0 : -EPROTO);
	}
}

static void test_heads(void **state)
{
	struct zc_ho_msg msg = valid(ZC_HO_END);
	const size_t len = zc_ho_len(&msg);

	(void)state;
	/* One release is as long as an end. */
	for (unsigned type = 0; type <= UINT16_MAX; type++) {
		msg.head = valid(ZC_HO_END).head;
		msg.head.type = (uint16_t)type;
		assert_int_equal(zc_ho_parse(&msg, len, 0),
				 type == ZC_HO_END || type == ZC_HO_RELEASE ? 0 : -EPROTO);
	}
	/* A count that would overflow to the right length, for one. */
	for (unsigned shift = 0; shift < 32; shift++) {
		msg = valid(ZC_HO_BLOCK);
		msg.head.count = 1u << shift;
		assert_int_equal(zc_ho_parse(&msg, 16 + 64, 0), shift ? -EPROTO : 0);
	}
	msg = valid(ZC_HO_BLOCK);
	msg.head.count = 0;
	assert_int_equal(zc_ho_parse(&msg, 16, 0), -EPROTO);
}

static void test_offers(void **state)
{
	static const struct zc_ho_offer bad[] = {
		{ .ring = ZC_HO_RINGS, .blocks = 4, .block_size = 1, .stride = 1, .page_size = 1 },
		{ .ring = ZC_HO_MEMORY, .blocks = 0, .block_size = 1, .stride = 1, .page_size = 1 },
		{ .blocks = ZC_HO_RING_BLOCKS + 1, .block_size = 1, .stride = 1, .page_size = 1 },
		{ .blocks = 4, .block_size = 0, .stride = 1, .page_size = 1 },
		{ .blocks = 4, .block_size = 2, .stride = 1, .page_size = 1 },
		{ .blocks = 4, .block_size = 2, .stride = 0, .page_size = 1 },
		{ .blocks = 4, .block_size = 1, .stride = UINT64_MAX / 4 + 1, .page_size = 1 },
		{ .blocks = 2, .block_size = 1, .stride = UINT64_MAX / 2, .page_size = 1 },
		{ .blocks = 4, .block_size = 1, .stride = 1, .page_size = 0 },
		{ .blocks = 4, .block_size = 1, .stride = 1, .page_size = 3 },
		{ .blocks = 4, .block_size = 1, .stride = 1, .page_size = 1, .flags = 1ull << 63 },
		{ .blocks = 4, .block_size = 1, .stride = 1, .page_size = 1, .flags = 3 },
		{ .ring = ZC_HO_FILE,
		  .blocks = ZC_HO_FILE_BLOCKS + 1,
		  .block_size = 1,
		  .page_size = 1 },
		{ .ring = ZC_HO_FILE, .blocks = 1, .block_size = 0, .page_size = 1 },
		{ .ring = ZC_HO_FILE, .blocks = 1, .block_size = 1, .stride = 1, .page_size = 1 },
	};
	struct zc_ho_msg msg = valid(ZC_HO_OFFER);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		msg.offer = bad[i];
		assert_int_equal(parse(&msg), -EPROTO);
	}
	msg.offer = ring_offer;
	assert_int_equal(parse(&msg), 0);
	msg.offer = (struct zc_ho_offer){
		.ring = ZC_HO_FILE, .blocks = 64, .block_size = BLOCK, .page_size = PAGE
	};
	assert_int_equal(parse(&msg), 0);
}

/* Check an offer from a 64-bit program that a 32-bit program cannot address. */
static void test_large_offers(void **state)
{
	struct zc_ho_msg msg = valid(ZC_HO_OFFER);

	(void)state;
	msg.offer = (struct zc_ho_offer){
		.ring = ZC_HO_FILE, .blocks = 1, .block_size = UINT64_C(5) << 30, .page_size = PAGE
	};
	assert_int_equal(parse(&msg), sizeof(size_t) < 8 ? -EPROTO : 0);
}

/* Check messages that are valid but for one field. */
static void test_fields(void **state)
{
	static const struct {
		struct bad_field field;
		int err;
	} bad[] = {
		{ BAD(ZC_HO_END, head.magic, ZC_HO_MAGIC ^ 1), -EPROTO },
		{ BAD(ZC_HO_END, head.version, ZC_HO_VERSION + 1), -EPROTONOSUPPORT },
		{ BAD(ZC_HO_END, head.reserved, 1), -EPROTO },
		{ BAD(ZC_HO_BLOCK, block[ZC_HO_BLOCKS - 1].len, 0), -EPROTO },
		/* is for the other direction */
		{ BAD(ZC_HO_BLOCK, block[1].flags, ZC_BLOCK_REPLACE), -EPROTO },
		{ BAD(ZC_HO_RELEASE, release[ZC_HO_RELEASES - 1].how, 2), -EPROTO },
		{ BAD(ZC_HO_LEAVE, leave.how, 7), -EPROTO },
		{ BAD(ZC_HO_LEAVE, leave.reserved, 7), -EPROTO },
		{ BAD(ZC_HO_BYTES, bytes.none, 2), -EPROTO },
		{ BAD(ZC_HO_BYTES, bytes.reserved, 7), -EPROTO },
		{ BAD(ZC_HO_REFUSE, refuse.reason, ZC_HO_REASONS), -EPROTO },
		{ BAD(ZC_HO_WELCOME, welcome.flags, 1 << 4), -EPROTO },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct zc_ho_msg msg = spoiled(&bad[i].field);

		if (parse(&msg) != bad[i].err)
			fail_msg("field %zu: %d", i, parse(&msg));
	}
}

static void test_reasons(void **state)
{
	(void)state;
	for (uint32_t reason = 0; reason < ZC_HO_REASONS; reason++)
		assert_non_null(zc_ho_reason(reason));
}

static void test_blocks(void **state)
{
	static const struct zc_ho_offer file = { .ring = ZC_HO_FILE, .block_size = BLOCK };
	static struct zc_ho_offer device;
	static const struct {
		const struct zc_ho_offer *offer;
		uint64_t ring_offset, fd_offset, len;
		int rc;
	} blocks[] = {
		{ &ring_offer, 0, 0, BLOCK, 0 },
		{ &ring_offer, BLOCK, BLOCK, BLOCK, 0 },
		{ &ring_offer, 2 * BLOCK, 2 * BLOCK, BLOCK, 0 },
		{ &ring_offer, 3 * BLOCK, 3 * BLOCK, BLOCK, 0 },
		{ &ring_offer, 4 * BLOCK, 4 * BLOCK, 1, -EPROTO },
		{ &ring_offer, BLOCK + 1000, BLOCK + 1000, BLOCK - 1000, 0 },
		{ &ring_offer, BLOCK + 1000, BLOCK + 1000, BLOCK - 999, -EPROTO },
		{ &ring_offer, BLOCK + 1000, BLOCK, 1, -EPROTO },
		{ &ring_offer, BLOCK, 0, 1, -EPROTO },
		{ &ring_offer, 0, 0, BLOCK + 1, -EPROTO },
		{ &ring_offer, -(uint64_t)BLOCK, -(uint64_t)BLOCK, BLOCK, -EPROTO },
		{ &device, BLOCK, 123456789, BLOCK, 0 },
		{ &device, BLOCK + 1, 123456789, 1, -EPROTO },
		{ &device, BLOCK, INT64_MAX, BLOCK, -EPROTO },
		{ &device, 5 * BLOCK, 0, BLOCK, -EPROTO },
		{ &file, 12345, 12345, 17, 0 },
		{ &file, 12345, 12344, 17, -EPROTO },
		{ &file, INT64_MAX, INT64_MAX, 1, -EPROTO },
		{ &file, 0, 0, BLOCK + 1, -EPROTO },
	};

	(void)state;
	device = ring_offer;
	device.ring = ZC_HO_DEVICE;
	assert_int_equal(zc_ho_check_block(&ring_offer, &first_block, 0), 0);
	assert_int_equal(zc_ho_check_block(&ring_offer, &first_block, 1), -EPROTO);
	for (size_t i = 0; i < ARRAY_SIZE(blocks); i++) {
		const struct zc_ho_block b = { .ring_offset = blocks[i].ring_offset,
					       .fd_offset = blocks[i].fd_offset,
					       .len = blocks[i].len };

		if (zc_ho_check_block(blocks[i].offer, &b, 0) != blocks[i].rc)
			fail_msg("block %zu is not judged %d", i, blocks[i].rc);
	}
}

static void test_descriptors(void **state)
{
	struct zc_ho_msg got;
	int pair[2], fds[ZC_HO_FDS], before;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	before = count_fds();
	for (int type = ZC_HO_HELLO; type < ZC_HO_TYPES; type++) {
		struct zc_ho_msg msg = valid((enum zc_ho_type)type);
		int most = (int)fds_of((enum zc_ho_type)type);

		for (int count = 0; count <= 8; count++) {
			send_raw(pair[0], &msg, zc_ho_len(&msg), count);
			assert_int_equal(zc_ho_recv(pair[1], &got, fds),
					 count == most ? 1 : -EPROTO);
			for (int i = 0; i < ZC_HO_FDS; i++)
				assert_true((fds[i] >= 0) == (count == most && i < count));
			zc_local_close(fds, ZC_HO_FDS);
			/* Where none is expected. */
			send_raw(pair[0], &msg, zc_ho_len(&msg), count);
			assert_int_equal(zc_ho_recv(pair[1], &got, NULL),
					 count || most ? -EPROTO : 1);
		}
	}
	assert_int_equal(count_fds(), before);
	close(pair[0]);
	close(pair[1]);
}

static void test_packets(void **state)
{
	struct {
		struct zc_ho_msg msg;
		char more[64];
	} large = { .msg = valid(ZC_HO_BLOCK) };
	struct zc_ho_msg got;
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(zc_ho_recv(pair[1], &got, NULL), -EAGAIN);
	send_raw(pair[0], &large, sizeof(large), 0);
	assert_int_equal(zc_ho_recv(pair[1], &got, NULL), -EPROTO);
	send_raw(pair[0], "x", 1, 0);
	assert_int_equal(zc_ho_recv(pair[1], &got, NULL), -EPROTO);
	/* The last words of one that hangs up with unread messages. */
	assert_int_equal(say(pair[1], &large.msg, -1, -1), 0);
	assert_int_equal(say(pair[0], &large.msg, -1, -1), 0);
	close(pair[0]);
	assert_int_equal(zc_ho_recv(pair[1], &got, NULL), 1);
	assert_int_equal(got.head.count, ZC_HO_BLOCKS);
	assert_int_equal(zc_ho_recv(pair[1], &got, NULL), 0);
	assert_int_equal(zc_ho_recv(pair[1], &got, NULL), 0);
	assert_int_equal(say(pair[1], &large.msg, -1, -1), -EPIPE);
	close(pair[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_valid),	cmocka_unit_test(test_heads),
		cmocka_unit_test(test_fields),	cmocka_unit_test(test_reasons),
		cmocka_unit_test(test_offers),	cmocka_unit_test(test_large_offers),
		cmocka_unit_test(test_blocks),	cmocka_unit_test(test_descriptors),
		cmocka_unit_test(test_packets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
