/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * checkspeed: measures the speed of a check against memcmp() over the same bytes. It runs both in
 * turns, as only that makes the figures of a shared machine comparable, by the time that the thread
 * has a processor. Prints the medians and their ratio.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <zcdma/verify.h>

#include "internal.h"

#define HOT    ((size_t)1 << 20)   /* stays in a cache */
#define COLD   ((size_t)256 << 20) /* does not */
#define PIECE  ((size_t)1 << 20)   /* fed to the check at once */
#define ROUNDS 9

/* Read all of the @len bytes at @data. Returns false if they are not found correct. */
typedef bool contender(struct zcdma_ctx *ctx, const uint8_t *data, const uint8_t *copy, size_t len);

static bool run_memcmp(struct zcdma_ctx *ctx, const uint8_t *data, const uint8_t *copy, size_t len)
{
	(void)ctx;
	return !memcmp(data, copy, len);
}

static bool run_match(struct zcdma_ctx *ctx, const uint8_t *data, const uint8_t *copy, size_t len)
{
	(void)ctx;
	(void)copy;
	return zcdma_pattern_match(data, len, 0, 0) == len;
}

static bool run_check(struct zcdma_ctx *ctx, const uint8_t *data, const uint8_t *copy, size_t len)
{
	struct zcdma_check_result result;
	struct zcdma_check *check;

	(void)copy;
	if (zcdma_check_pattern(ctx, 0, &check))
		return false;
	for (size_t done = 0; done < len; done += PIECE)
		zcdma_check_feed(check, data + done, zc_min(len - done, PIECE));
	zcdma_check_end(check);
	zcdma_check_get_result(check, &result);
	zcdma_check_free(check);
	return result.bytes == len;
}

/* The others are compared with the first one. */
static const struct {
	const char *name;
	contender *run;
} contenders[] = {
	{ "memcmp", run_memcmp },
	{ "zcdma_pattern_match", run_match },
	{ "zcdma_check_feed", run_check },
};

static uint64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int compare(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static bool measure(struct zcdma_ctx *ctx, const char *title, const uint8_t *data,
		    const uint8_t *copy, size_t len, unsigned repeats)
{
	double rate[ARRAY_SIZE(contenders)][ROUNDS];
	char size[32];

	for (unsigned round = 0; round < ROUNDS; round++) {
		for (size_t i = 0; i < ARRAY_SIZE(contenders); i++) {
			uint64_t start = cpu_ns();

			for (unsigned n = 0; n < repeats; n++) {
				if (!contenders[i].run(ctx, data, copy, len))
					return false;
			}
			rate[i][round] = (double)len * repeats / (double)(cpu_ns() - start);
		}
	}
	printf("%s, %s:\n", title, zcdma_size_format(len, size, sizeof(size)));
	for (size_t i = 0; i < ARRAY_SIZE(contenders); i++) {
		qsort(rate[i], ROUNDS, sizeof(rate[i][0]), compare);
		printf("  %-20s %6.2f GB/s  %.2f of memcmp\n", contenders[i].name,
		       rate[i][ROUNDS / 2], rate[i][ROUNDS / 2] / rate[0][ROUNDS / 2]);
	}
	return true;
}

/* A linear congruential generator by Knuth: each stream is the same in each run. */
static uint64_t next_random(uint64_t *state)
{
	*state = *state * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return *state >> 16;
}

static void fill_garbage(uint8_t *data, size_t len)
{
	uint64_t state = 1, word;

	for (size_t i = 0; i + sizeof(word) <= len; i += sizeof(word)) {
		word = next_random(&state);
		memcpy(data + i, &word, sizeof(word));
	}
}

/* Three words of the stream, and three from elsewhere. */
static void fill_jumps(uint8_t *data, size_t len)
{
	uint64_t state = 1;

	for (size_t i = 0; i + 24 <= len; i += 24)
		zcdma_pattern_fill(data + i, 24, next_random(&state) % COLD * 8, 0);
}

/* What is not a correct stream must not be much slower. */
static const struct {
	const char *name;
	void (*fill)(uint8_t *data, size_t len);
} wrong_streams[] = {
	{ "garbage", fill_garbage },
	{ "a jump each 24 bytes", fill_jumps },
};

static bool measure_wrong(struct zcdma_ctx *ctx, uint8_t *data, size_t len)
{
	double rate[ROUNDS];

	for (size_t i = 0; i < ARRAY_SIZE(wrong_streams); i++) {
		wrong_streams[i].fill(data, len);
		for (unsigned round = 0; round < ROUNDS; round++) {
			uint64_t start = cpu_ns();

			if (!run_check(ctx, data, NULL, len))
				return false;
			rate[round] = (double)len / (double)(cpu_ns() - start);
		}
		qsort(rate, ROUNDS, sizeof(rate[0]), compare);
		printf("%s:\n  %-20s %6.2f GB/s\n", wrong_streams[i].name, "zcdma_check_feed",
		       rate[ROUNDS / 2]);
	}
	return true;
}

int main(void)
{
	uint8_t *data = malloc(COLD), *copy = malloc(COLD);
	struct zcdma_ctx *ctx;
	bool ok;

	if (!data || !copy || zcdma_new(&ctx)) {
		fputs("checkspeed: out of memory\n", stderr);
		return 2;
	}
	zcdma_pattern_fill(data, COLD, 0, 0);
	memcpy(copy, data, COLD);
	ok = measure(ctx, "hot", data, copy, HOT, 200) &&
	     measure(ctx, "cold", data, copy, COLD, 1) && measure_wrong(ctx, data, COLD);
	zcdma_free(ctx);
	free(copy);
	free(data);
	return ok ? 0 : 2;
}
