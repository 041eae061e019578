// SPDX-License-Identifier: GPL-2.0-only
/* Frames and files of frames, spoiled. The same on every run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those four */
#include <cmocka.h>

#include <fcntl.h>
#include <netinet/in.h>
#include <pcap/dlt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "packet/capture.h"
#include "frames.h"

static const char *const files[] = {
	"tests/data/ethernet.pcap",
	"tests/data/cooked.pcap",
	"tests/data/cooked2.pcap",
	"tests/data/two.pcapng",
};

static const int linktypes[] = {
	DLT_EN10MB, DLT_LINUX_SLL, DLT_LINUX_SLL2, DLT_RAW, DLT_NULL, DLT_LOOP, DLT_IEEE802_11,
};

static struct seed {
	int linktype;
	uint32_t len;
	uint8_t *frame;
} seeds[160];
static size_t seed_count;

static void add_seed(int linktype, const void *frame, uint32_t len)
{
	struct seed *s = &seeds[seed_count++];

	assert_true(seed_count <= ARRAY_SIZE(seeds));
	*s = (struct seed){ .linktype = linktype, .len = len, .frame = malloc(len) };
	assert_non_null(s->frame);
	memcpy(s->frame, frame, len);
}

static void add_file(struct zcdma_ctx *ctx, const char *path)
{
	const struct zc_capture_options from = { .path = path };
	struct zc_capture *packets;
	struct zc_packet p;

	assert_int_equal(zc_capture_open(ctx, &from, &packets), 0);
	while (zc_capture_next(packets, &p) == 1)
		add_seed(p.linktype, p.data, p.captured);
	zc_capture_close(packets);
}

/* What no file here has: tags, options, extension headers. */
static void add_built(void)
{
	static struct bytes b;

	put_ethernet(&b, 0x88a8);
	put(&b, "\0\1\x81\0\0\2\x86\xdd", 8);
	put_ipv6(&b, IPPROTO_HOPOPTS, 8 + 16 + 8 + 24 + 8 + 4);
	put(&b, "\x3c\0\1\4\0\0\0\0\x2c\1\1\x0c\0\0\0\0\0\0\0\0\0\0\0\0", 24);
	put(&b, "\x33\0\0\0\0\0\0\1", 8);
	put(&b, "\x11\4\0\0\0\0\0\1\0\0\0\1abcdefghijkl", 24);
	put_udp(&b, "data", 4);
	add_seed(DLT_EN10MB, b.at, b.len);
	b.len = 0;
	put(&b, "\2\0\0\0", 4);
	put_ipv4(&b, IPPROTO_TCP, 20 + 40 + 4, 10);
	put_tcp(&b, 10, "data", 4);
	add_seed(DLT_NULL, b.at, b.len);
	add_seed(DLT_RAW, b.at + 4, b.len - 4);
}

static int setup(void **state)
{
	struct zcdma_ctx *ctx;

	(void)state;
	if (zcdma_new(&ctx))
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		add_file(ctx, files[i]);
	zcdma_free(ctx);
	add_built();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	while (seed_count)
		free(seeds[--seed_count].frame);
	return 0;
}

/* Check what must be true of every parsed frame. */
static void assert_sane(const struct zc_frame *f, const uint8_t *frame, uint32_t captured,
			uint32_t len)
{
	if (f->kind != ZC_FRAME_TCP && f->kind != ZC_FRAME_UDP)
		return;
	assert_true(f->version == 4 || f->version == 6);
	assert_true(f->payload >= frame && f->payload + f->captured <= frame + captured);
	assert_true(f->captured <= f->len && f->len <= len);
	assert_true(f->segment >= frame && f->segment <= f->payload);
	assert_true(f->segment + f->segment_captured == f->payload + f->captured);
	assert_true(f->segment_captured <= f->segment_len && f->segment_len <= len);
	zc_frame_checksum(f);
}

/* Parse spoiled frames in memory that ends with the frame, so that a sanitizer sees a read beyond it. */
static void spoiled_frames(void **state)
{
	unsigned kinds[ZC_FRAME_MALFORMED + 1] = { 0 };

	(void)state;
	for (int i = 0; i < 400000; i++) {
		const struct seed *s = &seeds[random_number() % seed_count];
		uint32_t captured = one_in(4) ? (uint32_t)(random_number() % (s->len + 1)) : s->len;
		uint32_t len = one_in(8) ? (uint32_t)random_number() : s->len;
		int linktype = one_in(8) ? linktypes[random_number() % ARRAY_SIZE(linktypes)]
					 : s->linktype;
		uint8_t *frame = malloc(captured ? captured : 1);
		struct zc_frame f;

		assert_non_null(frame);
		memcpy(frame, s->frame, captured);
		mutate(frame, one_in(2) ? zc_min(captured, 64u) : captured);
		f = parse_frame(linktype, frame, captured, len);
		assert_sane(&f, frame, captured, len);
		kinds[f.kind]++;
		free(frame);
	}
	/* Some of each, or the test tests nothing. */
	for (size_t kind = 0; kind < ARRAY_SIZE(kinds); kind++)
		assert_in_range(kinds[kind], 400, 300000);
}

static size_t load(const char *path, uint8_t *data, size_t size)
{
	FILE *f = fopen(path, "r");
	size_t len;

	assert_non_null(f);
	len = fread(data, 1, size, f);
	fclose(f);
	return len;
}

/* Read packets until the end, or an error, which must have a message. Returns how many were read. */
static unsigned read_all(struct zcdma_ctx *ctx, const char *path)
{
	const struct zc_capture_options from = { .path = path };
	struct zc_capture *packets;
	struct zc_packet p;
	unsigned count = 0;
	int rc = zc_capture_open(ctx, &from, &packets);

	if (rc) {
		assert_true(rc == -EINVAL || rc == -EIO);
		assert_true(*zcdma_error(ctx));
		return 0;
	}
	while ((rc = zc_capture_next(packets, &p)) == 1) {
		uint8_t *frame = malloc(p.captured ? p.captured : 1);
		struct zc_frame f;

		assert_non_null(frame);
		memcpy(frame, p.data, p.captured);
		f = parse_frame(p.linktype, frame, p.captured, p.len);
		assert_sane(&f, frame, p.captured, p.len);
		free(frame);
		count++;
	}
	assert_true(!rc || (rc == -EIO && *zcdma_error(ctx)));
	zc_capture_close(packets);
	return count;
}

static void spoiled_files(void **state)
{
	static uint8_t original[65536], data[65536];
	unsigned whole = 0;
	struct zcdma_ctx *ctx;
	char path[32];
	int fd = memfd_create("test", MFD_CLOEXEC);

	(void)state;
	assert_int_equal(zcdma_new(&ctx), 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	for (int i = 0; i < 4000; i++) {
		size_t len = load(files[(size_t)i % ARRAY_SIZE(files)], original, sizeof(original));

		memcpy(data, original, len);
		if (one_in(4))
			len = random_number() % (len + 1);
		mutate(data, one_in(2) ? zc_min(len, (size_t)64) : len);
		mutate(data, len);
		assert_int_equal(ftruncate(fd, 0), 0);
		assert_int_equal(pwrite(fd, data, len, 0), len);
		whole += read_all(ctx, path) > 5;
	}
	assert_in_range(whole, 400, 3600);
	close(fd);
	zcdma_free(ctx);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(spoiled_frames),
		cmocka_unit_test(spoiled_files),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
