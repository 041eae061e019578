// SPDX-License-Identifier: GPL-2.0-only
/* pcapng files of several sections, interfaces and link types, in both byte orders, and ones that lie. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those four */
#include <cmocka.h>

#include <linux/if_packet.h>
#include <pcap/dlt.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "packet/capture.h"

#define SECOND UINT64_C(1000000000)

static struct zcdma_ctx *ctx;

/* A file that is being put together. */
static struct {
	bool big_endian;
	size_t len, block;
	uint8_t at[65536];
	char path[32];
	int fd;
} file;

static void put(const void *data, size_t len)
{
	assert_true(file.len + len <= sizeof(file.at));
	memcpy(file.at + file.len, data, len);
	file.len += len;
}

static void put_number(uint64_t value, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++) {
		unsigned shift = 8 * (file.big_endian ? bytes - 1 - i : i);

		file.at[file.len++] = (uint8_t)(value >> shift);
	}
}

static void set_number(size_t at, uint64_t value, unsigned bytes)
{
	size_t len = file.len;

	file.len = at;
	put_number(value, bytes);
	file.len = len;
}

static void begin(uint32_t type)
{
	file.block = file.len;
	put_number(type, 4);
	put_number(0, 4);
}

static void end(void)
{
	uint32_t len;

	while (file.len % 4)
		file.at[file.len++] = 0;
	len = (uint32_t)(file.len - file.block) + 4;
	put_number(len, 4);
	set_number(file.block + 4, len, 4);
}

static void section(bool big_endian)
{
	file.big_endian = big_endian;
	begin(0x0a0d0d0a);
	put_number(0x1a2b3c4d, 4);
	put_number(1, 2);
	put_number(0, 2);
	put_number(UINT64_MAX, 8);
	end();
}

/* With the option that has the resolution of times, unless that is 6, and the one for their offset. */
static void interface(uint16_t linktype, uint32_t snaplen, uint8_t resolution, int64_t offset)
{
	begin(1);
	put_number(linktype, 2);
	put_number(0, 2);
	put_number(snaplen, 4);
	if (resolution != 6) {
		put_number(9, 2);
		put_number(1, 2);
		put(&resolution, 1);
		put("\0\0", 3);
	}
	if (offset) {
		put_number(14, 2);
		put_number(8, 2);
		put_number((uint64_t)offset, 8);
	}
	put_number(0, 4);
	end();
}

static void packet(uint32_t on, uint64_t time, const char *data)
{
	begin(6);
	put_number(on, 4);
	put_number(time >> 32, 4);
	put_number((uint32_t)time, 4);
	put_number(strlen(data), 4);
	put_number(strlen(data) + 100, 4);
	put(data, strlen(data));
	end();
}

static void simple(uint32_t len, const char *data)
{
	begin(3);
	put_number(len, 4);
	put(data, strlen(data));
	end();
}

static int setup(void **state)
{
	(void)state;
	file.len = 0;
	file.fd = memfd_create("ng", MFD_CLOEXEC);
	snprintf(file.path, sizeof(file.path), "/proc/self/fd/%d", file.fd);
	return zcdma_new(&ctx);
}

static int teardown(void **state)
{
	(void)state;
	close(file.fd);
	zcdma_free(ctx);
	return 0;
}

static int open_filtered(size_t len, const char *filter, struct zc_capture **packets)
{
	const struct zc_capture_options from = { .path = file.path, .filter = filter };

	assert_int_equal(ftruncate(file.fd, 0), 0);
	assert_int_equal(pwrite(file.fd, file.at, len, 0), len);
	return zc_capture_open(ctx, &from, packets);
}

static struct zc_capture *open_all(void)
{
	struct zc_capture *packets;

	assert_int_equal(open_filtered(file.len, NULL, &packets), 0);
	return packets;
}

static struct zc_packet next(struct zc_capture *packets)
{
	struct zc_packet p;

	assert_int_equal(zc_capture_next(packets, &p), 1);
	return p;
}

static void assert_end(struct zc_capture *packets)
{
	struct zc_packet p;

	assert_int_equal(zc_capture_next(packets, &p), 0);
	zc_capture_close(packets);
}

/* Packets before the error, which the message has. */
static void assert_fails(unsigned packets_before, const char *message)
{
	struct zc_capture *packets;
	struct zc_packet p;
	int rc = open_filtered(file.len, NULL, &packets);

	while (!rc && packets_before--)
		assert_int_equal(zc_capture_next(packets, &p), 1);
	if (!rc) {
		rc = zc_capture_next(packets, &p);
		zc_capture_close(packets);
	}
	assert_int_equal(rc, -EIO);
	if (!strstr(zcdma_error(ctx), message))
		fail_msg("%s, not: %s", zcdma_error(ctx), message);
}

static void sections_of_both_orders(void **state)
{
	struct zc_capture *packets;
	struct zc_packet p;

	(void)state;
	for (int i = 0; i < 4; i++) {
		section(i & 1);
		interface(101, 0, 6, 0);
		packet(0, (uint64_t)i * 1000000 + 7, "data!");
	}
	packets = open_all();
	for (unsigned i = 0; i < 4; i++) {
		p = next(packets);
		assert_int_equal(p.linktype, DLT_RAW);
		assert_int_equal(p.captured, 5);
		assert_int_equal(p.len, 105);
		assert_memory_equal(p.data, "data!", 5);
		assert_true(p.timed);
		assert_int_equal(p.time_ns, i * SECOND + 7000);
		/* Each section has interfaces of its own. */
		assert_int_equal(p.interface, i + 1);
	}
	assert_end(packets);
}

static void interfaces(void **state)
{
	struct zc_capture *packets;
	struct zc_packet p;

	(void)state;
	section(false);
	interface(1, 96, 6, 0);
	interface(276, 65535, 9, 0);
	packet(1, 5, "one");
	interface(147, 0, 6, 0); /* as late as that */
	packet(2, 5, "two");
	packet(0, 5, "three");
	packets = open_all();
	p = next(packets);
	assert_int_equal(p.linktype, DLT_LINUX_SLL2);
	assert_int_equal(p.interface, 2);
	assert_int_equal(p.time_ns, 5);
	p = next(packets);
	assert_int_equal(p.linktype, DLT_USER0);
	p = next(packets);
	assert_int_equal(p.linktype, DLT_EN10MB);
	assert_int_equal(p.interface, 1);
	assert_int_equal(p.time_ns, 5000);
	assert_end(packets);
}

static void resolutions(void **state)
{
	static const struct {
		uint8_t resolution;
		int64_t offset;
		uint64_t time, ns;
	} cases[] = {
		{ 0, 0, 3, 3 * SECOND },
		{ 3, 0, 2001, 2 * SECOND + 1000000 },
		{ 9, 0, UINT64_C(4000000000000000001), UINT64_C(4000000000000000001) },
		{ 12, 0, UINT64_C(5000000000999), 5 * SECOND },
		{ 19, 0, UINT64_C(10000000010000000000), SECOND + 1 },
		{ 0x80, 0, 9, 9 * SECOND },
		{ 0x80 | 10, 0, 1024 + 512, SECOND + SECOND / 2 },
		{ 0x80 | 32, 0, UINT64_C(0x180000000), SECOND + SECOND / 2 },
		{ 0x80 | 63, 0, UINT64_C(0xc000000000000000), SECOND + SECOND / 2 },
		{ 6, 1700000000, 2000000, 1700000002 * SECOND },
		{ 9, -5, UINT64_C(7000000001), 2 * SECOND + 1 },
	};
	struct zc_capture *packets;

	(void)state;
	section(true);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		interface(1, 0, cases[i].resolution, cases[i].offset);
		packet((uint32_t)i, cases[i].time, "");
	}
	packets = open_all();
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct zc_packet p = next(packets);

		if (p.time_ns != cases[i].ns)
			fail_msg("resolution %u: %ju, not %ju", cases[i].resolution,
				 (uintmax_t)p.time_ns, (uintmax_t)cases[i].ns);
	}
	assert_end(packets);
}

static void simple_packets(void **state)
{
	struct zc_capture *packets;
	struct zc_packet p;

	(void)state;
	section(false);
	interface(1, 4, 6, 0);
	simple(3, "abc");
	simple(9, "abcd"); /* nine bytes, cut to the snap length */
	packets = open_all();
	p = next(packets);
	assert_false(p.timed);
	assert_int_equal(p.captured, 3);
	assert_int_equal(p.len, 3);
	p = next(packets);
	assert_int_equal(p.captured, 4);
	assert_int_equal(p.len, 9);
	assert_end(packets);
}

/* What is unknown, however long, is skipped; the obsolete packet block is read, and a packet's direction. */
static void other_blocks(void **state)
{
	static char junk[40000];
	struct zc_capture *packets;
	struct zc_packet p;

	(void)state;
	section(false);
	begin(0x80000bad);
	put(junk, sizeof(junk));
	end();
	interface(1, 0, 6, 0);
	begin(5); /* statistics */
	end();
	begin(2);
	put_number(0, 2);
	put_number(77, 2);
	put_number(0, 4);
	put_number(8, 4);
	put_number(3, 4);
	put_number(3, 4);
	put("old", 3);
	end();
	begin(6);
	put_number(0, 4);
	put_number(0, 8);
	put_number(1, 4);
	put_number(1, 4);
	put("x\0\0\0", 4);
	put_number(1, 2); /* a comment */
	put_number(2, 2);
	put("hi\0\0", 4);
	put_number(2, 2);
	put_number(4, 2);
	put_number(2, 4);
	end();
	packets = open_all();
	p = next(packets);
	assert_memory_equal(p.data, "old", 3);
	assert_int_equal(p.time_ns, 8000);
	assert_int_equal(p.packet_type, -1);
	assert_int_equal(next(packets).packet_type, PACKET_OUTGOING);
	assert_end(packets);
}

static void no_packets(void **state)
{
	(void)state;
	section(false);
	assert_end(open_all());
	interface(1, 0, 6, 0);
	assert_end(open_all());
}

/* Compiled for each link type: where the addresses are differs. */
static void filters(void **state)
{
	static const char ip[] = "\x45\1\1\x14\1\1\1\1\1\x11\1\1\1\1\1\1\1\1\1\1";
	char ethernet[64];
	struct zc_capture *packets;
	struct zc_packet p;

	(void)state;
	snprintf(ethernet, sizeof(ethernet), "\2\2\2\2\2\2\2\2\2\2\2\2\x86\xddnot IPv4");
	section(false);
	interface(1, 0, 6, 0);
	interface(101, 0, 6, 0);
	packet(0, 0, ethernet);
	packet(1, 0, ip);
	packet(0, 0, ethernet);
	assert_int_equal(open_filtered(file.len, "ip", &packets), 0);
	p = next(packets);
	assert_int_equal(p.linktype, DLT_RAW);
	assert_end(packets);
	assert_int_equal(open_filtered(file.len, "ip prot", &packets), -EINVAL);
	assert_non_null(strstr(zcdma_error(ctx), "syntax error"));
}

static void unknown_link_types(void **state)
{
	struct zc_capture *packets;
	struct zc_packet p;

	(void)state;
	section(false);
	interface(147, 0, 6, 0);
	interface(1, 0, 6, 0);
	packet(0, 0, "x");
	packets = open_all();
	assert_int_equal(zc_capture_check_linktype(packets), 0);
	next(packets);
	assert_int_equal(zc_capture_next(packets, &p), -EINVAL);
	assert_non_null(strstr(zcdma_error(ctx), "(147)"));
	zc_capture_close(packets);
	packet(1, 0, "x");
	packets = open_all();
	assert_int_equal(zc_capture_check_linktype(packets), 0);
	next(packets);
	next(packets);
	assert_end(packets);
}

/* At every byte: what is whole is read, and the rest is an error unless it is nothing. */
static void cut_files(void **state)
{
	size_t ends[4], whole = 0;

	(void)state;
	section(false);
	interface(1, 0, 6, 0);
	for (size_t i = 0; i < 4; i++) {
		ends[i] = file.len;
		packet(0, i, "packet");
	}
	for (size_t len = ends[0]; len < file.len; len++) {
		struct zc_capture *packets;
		struct zc_packet p;
		int rc;

		while (whole < 3 && len >= ends[whole + 1])
			whole++;
		assert_int_equal(open_filtered(len, NULL, &packets), 0);
		for (size_t i = 0; i < whole; i++)
			next(packets);
		rc = zc_capture_next(packets, &p);
		assert_int_equal(rc, len == ends[whole] ? 0 : -EIO);
		if (rc)
			assert_non_null(strstr(zcdma_error(ctx), "in the middle of a packet"));
		zc_capture_close(packets);
	}
}

static void lies(void **state)
{
	static const uint32_t lengths[] = { 0, 4, 8, 11, 13, 0xfffffff1 };
	size_t at;

	(void)state;
	section(false);
	interface(1, 0, 6, 0);
	packet(0, 0, "right");
	at = file.len;
	packet(0, 0, "data");
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		set_number(at + 4, lengths[i], 4);
		assert_fails(1, "a length that no block has");
	}
	set_number(at + 4, 0xfffffff0, 4);
	assert_fails(1, "longer than 16 MiB");
	set_number(at, 0x777, 4); /* unknown, and longer than the file */
	assert_fails(1, "in the middle of a packet");
	set_number(at, 6, 4);
	set_number(at + 4, file.len - at, 4);
	set_number(file.len - 4, 44, 4);
	assert_fails(1, "two lengths");
	set_number(file.len - 4, file.len - at, 4);
	set_number(at + 8, 1, 4);
	assert_fails(1, "an interface that is not in the file");
	set_number(at + 8, 0, 4);
	set_number(at + 20, 5, 4);
	assert_fails(1, "longer than its block");
	set_number(at + 20, 0xffffffff, 4);
	assert_fails(1, "longer than its block");
	file.len = at;
	interface(1, 0, 20, 0);
	assert_fails(1, "resolution");
	file.len = at;
	interface(1, 0, 0x80 | 64, 0);
	assert_fails(1, "resolution");
	file.len = at;
	section(false);
	set_number(at + 8, 0, 4);
	assert_fails(1, "byte order");
	set_number(at + 8, 0x1a2b3c4d, 4);
	set_number(at + 12, 2, 2);
	assert_fails(1, "another version");
	file.len = at;
	begin(6);
	end();
	assert_fails(1, "too short");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(sections_of_both_orders),
		TEST(interfaces),
		TEST(resolutions),
		TEST(simple_packets),
		TEST(other_blocks),
		TEST(no_packets),
		TEST(filters),
		TEST(unknown_link_types),
		TEST(cut_files),
		TEST(lies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
