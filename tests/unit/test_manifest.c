/* SPDX-License-Identifier: GPL-2.0-only */
/* Manifests: written, read back, refused, and what checks find by them. */
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#include "verify/manifest.h"
#include "results.h"

#define BLOCK	 1000
#define BLOCKS	 12
#define LAST	 300 /* bytes in the last block */
#define TOTAL	 ((BLOCKS - 1) * BLOCK + LAST)
#define GAP	 ZCDMA_FAULT_GAP
#define REPEAT	 ZCDMA_FAULT_REPEAT
#define STALE	 ZCDMA_FAULT_STALE
#define EARLY	 ZCDMA_FAULT_OVERWRITTEN
#define GARBAGE	 ZCDMA_FAULT_GARBAGE
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define OTHER	 (-1) /* a block that is not of the run */
#define END	 (-2)

static struct zcdma_ctx *ctx;
static char path[] = "/tmp/zcdma-test-manifest-XXXXXX";

static void make_block(int seed, unsigned i, uint8_t *data)
{
	/* Some bytes that differ from block to block, and from run to run. */
	for (unsigned k = 0; k < BLOCK; k++)
		data[k] = (uint8_t)(((unsigned)seed * 31 + i * 7 + 1) * (k + 3) >> 2);
}

static size_t block_len(unsigned i)
{
	return i == BLOCKS - 1 ? LAST : BLOCK;
}

static void write_manifest(int seed)
{
	struct zcdma_manifest *m;
	uint8_t data[BLOCK];

	assert_int_equal(zcdma_manifest_create(ctx, path, &m), 0);
	for (unsigned i = 0; i < BLOCKS; i++) {
		struct zcdma_block b = { .data = data, .len = block_len(i), .seq = i };

		make_block(seed, i, data);
		assert_int_equal(zcdma_manifest_add(m, &b), 0);
	}
	assert_int_equal(zcdma_manifest_close(m), 0);
}

static int setup(void **state)
{
	int fd = mkstemp(path);

	(void)state;
	if (fd < 0)
		return -1;
	close(fd);
	return zcdma_new(&ctx);
}

static int teardown(void **state)
{
	(void)state;
	zcdma_free(ctx);
	return unlink(path);
}

static void write_text(const char *text, size_t len)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
}

static void it_is_text(void **state)
{
	char line[128];
	FILE *file;
	unsigned lines = 0;

	(void)state;
	write_manifest(0);
	file = fopen(path, "r");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		if (++lines == 1)
			assert_string_equal(line, "# zcdma manifest 2\n");
		if (lines == 2)
			assert_string_equal(line, "# hash xxh3\n");
		if (lines == 6)
			assert_memory_equal(line, "1 1000 1000 - 0 0 0 ", 20);
	}
	assert_int_equal(lines, BLOCKS + 6);
	assert_string_equal(line, "# end 12 11300\n");
	fclose(file);
}

static void it_is_read_back(void **state)
{
	struct zc_manifest list;

	(void)state;
	write_manifest(0);
	assert_int_equal(zc_manifest_load(ctx, path, &list), 0);
	assert_int_equal(list.count, BLOCKS);
	assert_int_equal(list.bytes, TOTAL);
	for (unsigned i = 0; i < BLOCKS; i++) {
		assert_int_equal(list.entry[i].offset, i * BLOCK);
		assert_int_equal(list.entry[i].len, block_len(i));
	}
	zc_manifest_free(&list);
}

/* XXH3 of "abc" with 64 bits, as xxhsum -H3 has it: other tools can check a manifest. */
static void the_hash_is_xxh3(void **state)
{
	struct zcdma_block b = { .data = "abc", .len = 3 };
	struct zcdma_manifest *m;
	struct zc_manifest list;

	(void)state;
	assert_int_equal(zcdma_manifest_create(ctx, path, &m), 0);
	assert_int_equal(zcdma_manifest_add(m, &b), 0);
	assert_int_equal(zcdma_manifest_close(m), 0);
	assert_int_equal(zc_manifest_load(ctx, path, &list), 0);
	assert_memory_equal(list.entry[0].digest.byte, "\x78\xaf\x5f\x94\x89\x2f\x39\x50", 8);
	zc_manifest_free(&list);
}

static void what_cannot_be_written(void **state)
{
	static uint8_t data[BLOCK];
	struct zcdma_block b = { .data = data, .len = sizeof(data) };
	struct zc_manifest list;
	struct zcdma_manifest *m;
	int rc = 0;

	(void)state;
	assert_int_equal(zcdma_manifest_create(ctx, "/tmp", &m), -EISDIR);
	assert_non_null(strstr(zcdma_error(ctx), "/tmp"));
	assert_int_equal(zcdma_manifest_create(ctx, "/nonexistent/m", &m), -ENOENT);
	/* In the end ... */
	assert_int_equal(zcdma_manifest_create(ctx, "/dev/full", &m), 0);
	assert_int_equal(zcdma_manifest_add(m, &b), 0);
	assert_int_equal(zcdma_manifest_close(m), -ENOSPC);
	assert_non_null(strstr(zcdma_error(ctx), "/dev/full"));
	/* ... or on the way, and then in the end too. */
	assert_int_equal(zcdma_manifest_create(ctx, "/dev/full", &m), 0);
	for (unsigned i = 0; i < 10000 && !rc; i++)
		rc = zcdma_manifest_add(m, &b);
	assert_int_equal(rc, -ENOSPC);
	assert_int_equal(zcdma_manifest_close(m), -ENOSPC);
	/* One that is abandoned has no last line, and counts as cut short. */
	assert_int_equal(zcdma_manifest_create(ctx, path, &m), 0);
	assert_int_equal(zcdma_manifest_add(m, &b), 0);
	zcdma_manifest_abandon(m);
	assert_int_equal(zc_manifest_load(ctx, path, &list), 0);
	assert_int_equal(list.count, 1);
	assert_false(list.ended);
	zc_manifest_free(&list);
	/* A block that could not be added leaves no manifest that looks whole. */
	assert_int_equal(zcdma_manifest_create(ctx, path, &m), 0);
	b.len = (size_t)ZC_MANIFEST_BLOCK_MAX + 1;
	assert_int_equal(zcdma_manifest_add(m, &b), -EFBIG);
	assert_int_equal(zcdma_manifest_close(m), -EFBIG);
	assert_int_equal(zc_manifest_load(ctx, path, &list), 0);
	assert_false(list.ended);
	zc_manifest_free(&list);
}

#define HEAD  "# zcdma manifest 1\n"
#define HASH  "0123456789abcdef\n"
#define HEAD2 "# zcdma manifest 2\n# hash xxh3\n"

static void what_cannot_be_read(void **state)
{
	static const struct {
		const char *text, *error;
	} cases[] = {
		{ "", "it is empty" },
		{ "hello\n", "line 1: it is not '# zcdma manifest 1'" },
		{ "# zcdma manifest 3\n# end 0 0\n", "line 1: it is not" },
		{ "# zcdma manifest 2\n# end 0 0\n", "line 2: it is not '# hash NAME'" },
		{ "# zcdma manifest 2\n# hash md5\n", "line 2: the hash is not xxh3 or sha256" },
		{ HEAD2 "0 0 10 5 0 0 " HASH, "line 3: it is not 'SEQ" },
		{ HEAD2 "0 0 10 5 0 0 0 0 " HASH, "line 3: it is not 'SEQ" },
		{ HEAD2 "0 0 10 5 1 0 0 " HASH, "line 3: it is not 'SEQ" },
		{ HEAD2 "0 0 10 5 1/ 0 0 " HASH, "line 3: it is not 'SEQ" },
		{ HEAD2 "0 0 10 5 -/1 0 0 " HASH, "line 3: it is not 'SEQ" },
		{ HEAD2 "0 0 10 5 0 0 0 1234\n", "line 3: it is not 'SEQ" },
		{ HEAD2 "0 0 10 5 0 0 0 0123456789abcdef0\n", "line 3: it is not 'SEQ" },
		{ HEAD2 "0 0 16777217 - 1/? 0 0 -\n", "line 3: a line has at most 16 MiB" },
		{ HEAD2 "0 1 10 - 1/10 0 0 -\n", "line 3: its offset" },
		{ "# end 0 0\n", "line 1: it is not" },
		{ "# zcdma manifest 1", "line 1: it is too long, cut short" },
		{ HEAD "0 0 10 " HASH "# end 2 10\n", "line 3: it counts other blocks" },
		{ HEAD "0 0 10 " HASH "# end 1 11\n", "line 3: it counts other blocks" },
		{ HEAD "# end 1\n", "line 2: it is not '# end" },
		{ HEAD "# end 0 0 0\n", "line 2: it is not '# end" },
		{ HEAD "# end 0 0\n# end 0 0\n", "line 3: nothing may follow" },
		{ HEAD "# end 0 0\n0 0 10 " HASH, "line 3: nothing may follow" },
		{ HEAD "\n", "line 2: it is not 'SEQ" },
		{ HEAD "0 0 10\n", "line 2: it is not 'SEQ" },
		{ HEAD "0 0 10 xyz\n", "line 2: it is not 'SEQ" },
		{ HEAD "0 0 10 11112222333344445\n", "line 2: it is not 'SEQ" },
		{ HEAD "0 0 10 12 13\n", "line 2: it is not 'SEQ" },
		{ HEAD "0 0 -10 " HASH, "line 2: it is not 'SEQ" },
		{ HEAD "0  0 10 " HASH, "line 2: it is not 'SEQ" },
		{ HEAD "0 0 99999999999999999999 " HASH, "line 2: it is not 'SEQ" },
		{ HEAD "0 0 0 " HASH, "line 2: a block's length" },
		{ HEAD "0 0 1073741825 " HASH, "line 2: a block's length" },
		{ HEAD "0 1 10 " HASH, "line 2: its offset" },
		{ HEAD "0 0 10 " HASH "1 11 10 " HASH, "line 3: its offset" },
		{ HEAD "0 18446744073709551615 10 " HASH, "line 2: its offset" },
	};
	char text[400];
	struct zcdma_check *check;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		write_text(cases[i].text, strlen(cases[i].text));
		assert_int_equal(zcdma_check_manifest(ctx, path, &check), -EINVAL);
		assert_non_null(strstr(zcdma_error(ctx), cases[i].error));
		assert_non_null(strstr(zcdma_error(ctx), path));
	}
	memset(text, '1', sizeof(text));
	write_text(text, sizeof(text));
	assert_int_equal(zcdma_check_manifest(ctx, path, &check), -EINVAL);
	memset(text, 0, sizeof(text));
	write_text(text, sizeof(text));
	assert_int_equal(zcdma_check_manifest(ctx, path, &check), -EINVAL);
	assert_int_equal(zcdma_check_manifest(ctx, "/dev/zero", &check), -EINVAL);
	assert_int_equal(zcdma_check_manifest(ctx, "/tmp", &check), -EISDIR);
	assert_int_equal(zcdma_check_manifest(ctx, "/nonexistent", &check), -ENOENT);
}

/* Check that a manifest that was cut short is read up to the cut, and that its end is missing. */
static void a_cut_one_is_read(void **state)
{
	static const struct {
		const char *text;
		size_t blocks;
	} cases[] = {
		{ HEAD, 0 },
		{ HEAD "0 0 10 0123", 0 },
		{ HEAD "0 0 10 " HASH, 1 },
		{ HEAD "0 0 10 " HASH "1 1", 1 },
		{ HEAD "0 0 10 " HASH "# end 1 10", 1 },
	};
	struct zc_manifest list;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		write_text(cases[i].text, strlen(cases[i].text));
		assert_int_equal(zc_manifest_load(ctx, path, &list), 0);
		assert_int_equal(list.count, cases[i].blocks);
		assert_false(list.ended);
		zc_manifest_free(&list);
	}
	write_text(HEAD "0 0 10 " HASH "# end 1 10\n", strlen(HEAD "0 0 10 " HASH "# end 1 10\n"));
	assert_int_equal(zc_manifest_load(ctx, path, &list), 0);
	assert_true(list.ended);
	zc_manifest_free(&list);
}

/* Check that a jump in sequence numbers counts as lost blocks, and that a lower one begins another ring. */
static void lost_blocks_are_counted(void **state)
{
	static const char text[] =
		HEAD "5 0 10 " HASH "6 10 10 " HASH "9 20 10 " HASH "20 30 10 " HASH "0 40 10 " HASH
		     "1 50 10 " HASH "# end 6 60\n";
	struct zcdma_check_result r;
	struct zcdma_check *check;

	(void)state;
	write_text(text, strlen(text));
	assert_int_equal(zcdma_check_manifest(ctx, path, &check), 0);
	zcdma_check_end(check);
	zcdma_check_get_result(check, &r);
	zcdma_check_free(check);
	assert_int_equal(r.recorded_losses, 2);
	assert_int_equal(r.recorded_lost[ZCDMA_LOST_DEVICE].count, 2 + 10);
	assert_int_equal(r.recorded_lost[ZCDMA_LOST_DEVICE].bytes, ZCDMA_UNKNOWN);
	assert_int_equal(r.lost_seq, 7);
	assert_int_equal(r.lost_offset, 20);
	assert_false(r.unended);
}

/* Check what version 2 has of losses: a jump of the sequence numbers alone is not one, as blocks may be left out. */
static void losses_are_read(void **state)
{
	static const char text[] = HEAD2 "# clock 1000 1600000000000001000\n"
					 "7 0 10 2000 3/30 0 0 " HASH "12 10 10 3000 0 0 0 " HASH
					 "13 20 10 4000 ?/? 0 17/? " HASH "14 30 5 - 0 2/5 0 -\n"
					 "14 35 10 5000 0 0 0 " HASH "# clock 9 9\n# end 5 45\n";
	struct zcdma_recorded_loss loss;
	struct zcdma_check_result r;
	struct zcdma_check *check;

	(void)state;
	write_text(text, strlen(text));
	assert_int_equal(zcdma_check_manifest(ctx, path, &check), 0);
	zcdma_check_end(check);
	zcdma_check_get_result(check, &r);
	assert_int_equal(r.recorded_losses, 3);
	assert_int_equal(r.losses_unknown, 1);
	assert_int_equal(r.lost_seq, 4);
	assert_int_equal(r.lost_offset, 0);
	assert_int_equal(r.recorded_lost[ZCDMA_LOST_DEVICE].count, 3);
	assert_int_equal(r.recorded_lost[ZCDMA_LOST_DEVICE].bytes, 30);
	assert_int_equal(r.recorded_lost[ZCDMA_LOST_HANDOVER].bytes, 5);
	assert_int_equal(r.recorded_lost[ZCDMA_LOST_NETWORK].count, 17);
	assert_int_equal(r.recorded_lost[ZCDMA_LOST_NETWORK].bytes, ZCDMA_UNKNOWN);
	assert_int_equal(zcdma_check_get_recorded_loss(check, 0, &loss), 1);
	assert_int_equal(loss.seq, 7);
	assert_true(loss.time_ns == UINT64_C(1600000000000002000));
	assert_int_equal(zcdma_check_get_recorded_loss(check, 1, &loss), 1);
	assert_true(loss.lost[ZCDMA_LOST_DEVICE].count == ZCDMA_UNKNOWN);
	assert_int_equal(zcdma_check_get_recorded_loss(check, 2, &loss), 1);
	assert_int_equal(loss.filled_bytes, 5);
	assert_int_equal(loss.time_ns, 0);
	assert_int_equal(zcdma_check_get_recorded_loss(check, 3, &loss), 0);
	zcdma_check_free(check);
}

/* SHA-256 of "abc", from FIPS 180-2, B.1. */
static void the_hash_may_be_sha256(void **state)
{
	struct zcdma_block b = { .data = "abc", .len = 3 };
	struct zcdma_check_result r;
	struct zcdma_manifest *m;
	struct zcdma_check *check;
	struct zc_manifest list;

	(void)state;
	if (!ZC_HAVE_SHA256)
		skip();
	for (unsigned good = 0; good < 2; good++) {
		assert_int_equal(zcdma_manifest_create(ctx, path, &m), 0);
		assert_int_equal(zcdma_manifest_set_hash(m, "md5"), -EINVAL);
		assert_int_equal(zcdma_manifest_set_hash(m, "sha256"), 0);
		assert_int_equal(zcdma_manifest_add(m, &b), 0);
		assert_int_equal(zcdma_manifest_set_hash(m, "xxh3"), -EINVAL);
		assert_int_equal(zcdma_manifest_close(m), 0);
		assert_int_equal(zc_manifest_load(ctx, path, &list), 0);
		assert_memory_equal(
			list.entry[0].digest.byte,
			"\xba\x78\x16\xbf\x8f\x01\xcf\xea\x41\x41\x40\xde\x5d\xae\x22\x23"
			"\xb0\x03\x61\xa3\x96\x17\x7a\x9c\xb4\x10\xff\x61\xf2\x00\x15\xad",
			32);
		zc_manifest_free(&list);
		assert_int_equal(zcdma_check_manifest(ctx, path, &check), 0);
		zcdma_check_feed(check, good ? "abc" : "abd", 3);
		zcdma_check_end(check);
		zcdma_check_get_result(check, &r);
		assert_int_equal(r.faults, !good);
		zcdma_check_free(check);
	}
}

/* Check that a damaged manifest is either refused with an error message or usable. */
static void any_bytes_are_survived(void **state)
{
	static uint8_t data[5000];
	uint64_t random = 88172645463325252u;
	struct zcdma_check *check;
	char whole[4096], text[4096], damaged[32];
	/* In memory: a disk takes seconds for 3,000 of them. */
	int fd = memfd_create("damaged", MFD_CLOEXEC);
	size_t len, some;
	FILE *file;

	(void)state;
	assert_true(fd >= 0);
	snprintf(damaged, sizeof(damaged), "/proc/self/fd/%d", fd);
	write_manifest(0);
	file = fopen(path, "r");
	assert_non_null(file);
	len = fread(whole, 1, sizeof(whole), file);
	fclose(file);
	for (unsigned round = 0; round < 3000; round++) {
		memcpy(text, whole, len);
		for (unsigned i = 0; i < 1 + round % 4; i++) {
			random = random * UINT64_C(6364136223846793005) + 1442695040888963407u;
			text[(random >> 33) % len] = "0159 \n#a\0\xff"[(random >> 20) % 10];
		}
		some = round % 5 ? len : (random >> 40) % len;
		assert_int_equal(ftruncate(fd, 0), 0);
		assert_int_equal(pwrite(fd, text, some, 0), some);
		if (zcdma_check_manifest(ctx, damaged, &check)) {
			assert_non_null(strstr(zcdma_error(ctx), damaged));
			continue;
		}
		zcdma_check_feed(check, data, sizeof(data));
		zcdma_check_end(check);
		zcdma_check_free(check);
	}
	close(fd);
}

/* Receive the blocks @order (END ends it), then @extra bytes of something; check by the manifest. */
static struct zcdma_check_result check_blocks(const int *order, size_t extra)
{
	struct zcdma_check_result result, cut;
	uint8_t *stream = calloc(4 * BLOCKS, BLOCK);
	uint8_t data[BLOCK];
	struct zcdma_check *check;
	size_t len = 0;

	assert_non_null(stream);
	for (; *order != END; order++) {
		unsigned i = *order == OTHER ? 5 : (unsigned)*order;

		make_block(*order == OTHER ? 99 : 0, i, data);
		memcpy(stream + len, data, block_len(i));
		len += block_len(i);
	}
	make_block(0, 5, data);
	memcpy(stream + len, data, extra);
	len += extra;

	for (size_t most = 1; most < 5000; most = most * 7 + 3) {
		assert_int_equal(zcdma_check_manifest(ctx, path, &check), 0);
		for (size_t done = 0; done < len; done += most) {
			size_t n = len - done < most ? len - done : most;

			assert_int_equal(zcdma_check_feed(check, stream + done, n), 0);
			zcdma_check_get_result(check, &cut);
			assert_int_equal(cut.bytes, done + n);
		}
		zcdma_check_end(check);
		zcdma_check_get_result(check, most == 1 ? &result : &cut);
		if (most > 1)
			assert_same_result(&cut, &result);
		zcdma_check_free(check);
	}
	free(stream);
	assert_int_equal(result.bytes, len);
	return result;
}

#define ORDER(...) ((const int[]){ __VA_ARGS__, END })

static void expect(const int *order, size_t extra, unsigned good, const struct zcdma_fault *fault,
		   size_t count)
{
	struct zcdma_check_result r = check_blocks(order, extra);
	uint64_t bytes[ZCDMA_FAULT_KINDS] = { 0 };
	unsigned blocks = 0;

	while (order[blocks] != END)
		blocks++;
	assert_int_equal(r.blocks, blocks);
	assert_int_equal(r.blocks_good, good);
	assert_int_equal(r.faults, count);
	for (size_t i = 0; i < count; i++)
		bytes[fault[i].kind] += fault[i].length;
	for (unsigned kind = 0; kind < ZCDMA_FAULT_KINDS; kind++)
		assert_int_equal(r.kind[kind].bytes, bytes[kind]);
	assert_int_equal(r.missing_bytes, bytes[GAP]);
	if (count)
		assert_same_fault(&r.first, fault);
}

#define EXPECT(order, extra, good, ...)                                         \
	expect(order, extra, good, (const struct zcdma_fault[]){ __VA_ARGS__ }, \
	       COUNT(((const struct zcdma_fault[]){ __VA_ARGS__ })))

static void streams_are_checked(void **state)
{
	(void)state;
	write_manifest(0);
	expect(ORDER(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11), 0, 12, NULL, 0);
	/* Lost on the way. */
	EXPECT(ORDER(0, 1, 2, 5, 6, 7, 8, 9, 10, 11), 0, 10, { GAP, 3000, 2000, 0 });
	EXPECT(ORDER(4, 5, 6, 7, 8, 9, 10, 11), 0, 8, { GAP, 0, 4000, 0 });
	EXPECT(ORDER(0, 1, 2, 11), 0, 4, { GAP, 3000, 8000, 0 });
	/* Cut. */
	EXPECT(ORDER(0, 1, 2), 0, 3, { GAP, 3000, TOTAL - 3000, 0 });
	EXPECT(ORDER(0, 1, 2, 3, 4), 400, 5, { GAP, 5400, TOTAL - 5400, 0 });
	EXPECT(ORDER(END), 0, 0, { GAP, 0, TOTAL, 0 });
	/* In the place of others. */
	EXPECT(ORDER(0, 1, 2, 0, 4, 5, 6, 7, 8, 9, 10, 11), 0, 11, { STALE, 3000, 1000, 3000 });
	EXPECT(ORDER(0, 1, 2, 7, 4, 5, 6, 7, 8, 9, 10, 11), 0, 11, { EARLY, 3000, 1000, 4000 });
	EXPECT(ORDER(0, 1, OTHER, 3, 4, 5, 6, 7, 8, 9, 10, 11), 0, 11, { GARBAGE, 2000, 1000, 0 });
	EXPECT(ORDER(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11), 200, 12, { GARBAGE, TOTAL, 200, 0 });
	EXPECT(ORDER(0, 1, 2, 10, 4, 5, 6, 7, 8, 9, 10, 11), 0, 11, { EARLY, 3000, 1000, 7000 });
	/* Twice. */
	EXPECT(ORDER(0, 1, 2, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11), 0, 12,
	       { REPEAT, 3000, 2000, 2000 });
	EXPECT(ORDER(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 11), 0, 12,
	       { REPEAT, TOTAL, LAST, LAST });
	/* More than was sent. */
	EXPECT(ORDER(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 3), 0, 12,
	       { STALE, TOTAL, 1000, TOTAL - 3000 });
	/* Several. */
	EXPECT(ORDER(0, OTHER, 2, 3, 5, 6, 7, 8, 9), 0, 8, { GARBAGE, 1000, 1000, 0 },
	       { GAP, 4000, 1000, 0 }, { GAP, 9000, TOTAL - 10000, 0 });
}

static void another_run_has_no_good_block(void **state)
{
	struct zcdma_check_result r;

	(void)state;
	write_manifest(1);
	r = check_blocks(ORDER(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11), 0);
	assert_int_equal(r.blocks, BLOCKS);
	assert_int_equal(r.blocks_good, 0);
	assert_int_equal(r.faults, 1);
	assert_int_equal(r.bad_bytes, TOTAL);
	assert_int_equal(r.first.kind, GARBAGE);
}

/* The manifest lists the blocks @listed, and @received come. */
static struct zcdma_check_result check_listed(const int *listed, const int *received)
{
	struct zcdma_check_result result;
	uint8_t data[BLOCK];
	struct zcdma_block b = { .data = data, .len = BLOCK };
	struct zcdma_check *check;
	struct zcdma_manifest *m;

	assert_int_equal(zcdma_manifest_create(ctx, path, &m), 0);
	for (; *listed != END; listed++) {
		make_block(0, (unsigned)*listed, data);
		assert_int_equal(zcdma_manifest_add(m, &b), 0);
	}
	assert_int_equal(zcdma_manifest_close(m), 0);
	assert_int_equal(zcdma_check_manifest(ctx, path, &check), 0);
	for (; *received != END; received++) {
		make_block(0, (unsigned)*received, data);
		assert_int_equal(zcdma_check_feed(check, data, BLOCK), 0);
	}
	zcdma_check_end(check);
	zcdma_check_get_result(check, &result);
	zcdma_check_free(check);
	return result;
}

/* Check that blocks with the same bytes are not a fault, wherever they are. */
static void blocks_may_be_the_same(void **state)
{
	struct zcdma_check_result r;

	(void)state;
	r = check_listed(ORDER(3, 3, 3, 3, 3, 3), ORDER(3, 3, 3, 3, 3, 3));
	assert_int_equal(r.faults, 0);
	assert_int_equal(r.blocks_good, 6);
	/* The second 1 is nearer than the first. */
	r = check_listed(ORDER(0, 1, 2, 0, 1, 2, 4), ORDER(0, 1, 2, 1, 2, 4));
	assert_int_equal(r.faults, 1);
	assert_int_equal(r.kind[GAP].bytes, BLOCK);
	/* The second 3 follows 4, though the first is nearer. */
	r = check_listed(ORDER(0, 1, 2, 3, 4, 3, 6, 7), ORDER(0, 4, 3, 6, 7));
	assert_int_equal(r.faults, 1);
	assert_int_equal(r.kind[GAP].bytes, 3 * BLOCK);
}

static void a_manifest_may_have_no_blocks(void **state)
{
	struct zcdma_check_result r;
	struct zcdma_check *check;

	(void)state;
	write_text(HEAD "# end 0 0\n", strlen(HEAD "# end 0 0\n"));
	assert_int_equal(zcdma_check_manifest(ctx, path, &check), 0);
	zcdma_check_end(check);
	zcdma_check_get_result(check, &r);
	assert_int_equal(r.faults, 0);
	zcdma_check_free(check);
	assert_int_equal(zcdma_check_manifest(ctx, path, &check), 0);
	assert_int_equal(zcdma_check_feed(check, "abc", 3), 0);
	assert_int_equal(zcdma_check_feed(check, "abc", 3), 0);
	zcdma_check_end(check);
	zcdma_check_get_result(check, &r);
	assert_int_equal(r.bad_bytes, 6);
	assert_int_equal(r.first.kind, GARBAGE);
	zcdma_check_free(check);
}

/* Check that data after the last block of a manifest without an end is neither correct nor wrong. */
static void what_follows_a_cut_one_is_not_judged(void **state)
{
	struct zcdma_check_result r;
	struct zcdma_check *check;
	uint8_t data[BLOCK];
	FILE *file;

	(void)state;
	write_manifest(0);
	file = fopen(path, "r+");
	assert_non_null(file);
	assert_int_equal(fseek(file, -(long)strlen("# end 12 11300\n"), SEEK_END), 0);
	assert_int_equal(ftruncate(fileno(file), ftell(file)), 0);
	fclose(file);
	assert_int_equal(zcdma_check_manifest(ctx, path, &check), 0);
	for (unsigned i = 0; i < BLOCKS + 3; i++) {
		make_block(i < BLOCKS ? 0 : 1, i, data);
		assert_int_equal(zcdma_check_feed(check, data, i == BLOCKS - 1 ? LAST : BLOCK), 0);
	}
	zcdma_check_get_result(check, &r);
	assert_int_equal(r.faults, 0);
	zcdma_check_end(check);
	zcdma_check_get_result(check, &r);
	zcdma_check_free(check);
	assert_true(r.unended);
	assert_int_equal(r.faults, 0);
	assert_int_equal(r.blocks_good, BLOCKS);
	assert_int_equal(r.bytes, TOTAL + 3 * BLOCK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_text),
		cmocka_unit_test(it_is_read_back),
		cmocka_unit_test(the_hash_is_xxh3),
		cmocka_unit_test(what_cannot_be_written),
		cmocka_unit_test(what_cannot_be_read),
		cmocka_unit_test(a_cut_one_is_read),
		cmocka_unit_test(lost_blocks_are_counted),
		cmocka_unit_test(losses_are_read),
		cmocka_unit_test(the_hash_may_be_sha256),
		cmocka_unit_test(any_bytes_are_survived),
		cmocka_unit_test(streams_are_checked),
		cmocka_unit_test(another_run_has_no_good_block),
		cmocka_unit_test(blocks_may_be_the_same),
		cmocka_unit_test(a_manifest_may_have_no_blocks),
		cmocka_unit_test(what_follows_a_cut_one_is_not_judged),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
