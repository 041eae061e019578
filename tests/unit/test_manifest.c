// SPDX-License-Identifier: GPL-2.0-only
/* Manifests: written, read back, and refused. */
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

#include "manifest_run.h"

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

/* As along splice, which takes a block from its descriptor. */
static void what_is_not_in_memory_is_an_error(void **state)
{
	const struct zcdma_block b = { .len = 10, .fd = STDIN_FILENO, .fd_offset = -1 };
	struct zcdma_manifest *m;

	(void)state;
	assert_int_equal(zcdma_manifest_create(ctx, path, &m), 0);
	assert_int_equal(zcdma_manifest_add(m, &b), -EINVAL);
	assert_non_null(strstr(zcdma_error(ctx), "what is not in memory has no hash"));
	assert_int_equal(zcdma_manifest_close(m), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_text),
		cmocka_unit_test(it_is_read_back),
		cmocka_unit_test(the_hash_is_xxh3),
		cmocka_unit_test(what_cannot_be_written),
		cmocka_unit_test(what_is_not_in_memory_is_an_error),
		cmocka_unit_test(what_cannot_be_read),
		cmocka_unit_test(a_cut_one_is_read),
		cmocka_unit_test(lost_blocks_are_counted),
		cmocka_unit_test(losses_are_read),
		cmocka_unit_test(the_hash_may_be_sha256),
		cmocka_unit_test(any_bytes_are_survived),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
