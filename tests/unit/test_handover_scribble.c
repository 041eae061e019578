// SPDX-License-Identifier: GPL-2.0-only
/* A peer of a hand-over that scribbles over the page while data flows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those four */
#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "handover_consumer.h"
#include "handover_producer.h"

struct scribbler {
	pthread_t thread;
	_Atomic bool stop;
	unsigned pause_us;
	_Atomic unsigned words; /* written */
};

/* Find the consumer's mapping of the page, which has the name of a memfd, and is not the producer's. */
static uint32_t *find_page(const void *producers, size_t *count)
{
	FILE *f = fopen("/proc/self/maps", "re");
	uintptr_t from, to, at = 0;
	char line[512];

	assert_non_null(f);
	while (!at && fgets(line, sizeof(line), f)) {
		if (strstr(line, "zcdma-handover") &&
		    sscanf(line, "%" SCNxPTR "-%" SCNxPTR, &from, &to) == 2 &&
		    from != (uintptr_t)producers) {
			at = from;
			*count = (to - from) / sizeof(uint32_t);
		}
	}
	fclose(f);
	return (uint32_t *)at;
}

static uint32_t *words;
static size_t word_count;

static void *scribble(void *arg)
{
	struct scribbler *s = arg;
	uint64_t x = 88172645463325252u;

	while (!s->stop) {
		uint32_t word;

		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		/* Often the heads, and often values that are nearly right. */
		word = (uint32_t)(x >> 8) % (uint32_t)(x & 3 ? 64 : word_count);
		if (x & 4)
			__atomic_fetch_add(&words[word], (uint32_t)(x >> 40) % 8 - 3,
					   __ATOMIC_RELAXED);
		else
			__atomic_store_n(&words[word], (uint32_t)(x >> 32), __ATOMIC_RELAXED);
		s->words++;
		usleep(s->pause_us);
	}
	return NULL;
}

/* Take blocks until the stream ends, or nothing comes as a wake-up was overwritten. Returns what it ended with. */
static int read_scribbled(unsigned *blocks)
{
	struct zcdma_block b, held[3];
	unsigned count = 0;
	int rc = 1;

	while (rc == 1 || rc == -EAGAIN) {
		rc = zc_source_take(in, 0, &b);
		if (rc == -EAGAIN && zc_wait(ctx, in, NULL, ZC_WAIT_BLOCK, 20) == -ETIMEDOUT)
			break;
		if (rc != 1)
			continue;
		/* All of it is within the ring. */
		assert_in_range(b.len, 1, BLOCK);
		assert_int_equal(((const unsigned char *)b.data)[0] |
					 ((const unsigned char *)b.data)[b.len - 1],
				 ((const volatile unsigned char *)b.data)[0] |
					 ((const volatile unsigned char *)b.data)[b.len - 1]);
		(*blocks)++;
		held[count++] = b;
		if (count == ARRAY_SIZE(held))
			while (count)
				zc_source_put(in, &held[--count], ZC_PUT_REUSE);
	}
	while (count)
		zc_source_put(in, &held[--count], ZC_PUT_REUSE);
	return rc;
}

/* Wait for the producer, which sends the rest as bytes where its reader could leave. */
static void join_draining(struct producer *p)
{
	for (int ms = 0; pthread_tryjoin_np(p->thread, NULL); ms++) {
		if (ms == LIMIT_MS)
			fail_msg("the producer has not finished in %d ms", ms);
		empty_pipe();
		usleep(1000);
	}
}

/* Wait for the first word: on a slow machine the stream could end before it. */
static void wait_for_words(const struct scribbler *s)
{
	for (int ms = 0; !s->words; ms++) {
		if (ms == LIMIT_MS)
			fail_msg("nothing was written in %d ms", ms);
		usleep(1000);
	}
}

/* Returns what the consumer's stream ended with. */
static int scribble_once(unsigned pause_us, unsigned *blocks)
{
	struct producer p = { .spec = "sim:block=64K,blocks=8,fill=once", .blocks = 2000 };
	struct scribbler s = { .pause_us = pause_us };
	struct zcdma_block b;
	int rc;

	assert_int_equal(open_consumer(NULL), 0);
	start(&p);
	assert_int_equal(next(&b), 1);
	words = find_page(p.page, &word_count);
	assert_non_null(words);
	zc_source_put(in, &b, ZC_PUT_REUSE);
	assert_int_equal(pthread_create(&s.thread, NULL, scribble, &s), 0);
	wait_for_words(&s);
	rc = read_scribbled(blocks);
	s.stop = true;
	pthread_join(s.thread, NULL);
	/* The producer fails, or finds its reader gone. */
	zcdma_source_close(in);
	in = NULL;
	join_draining(&p);
	assert_true(s.words > 0);
	assert_true(p.rc == -EPROTO || p.rc == -EPIPE || !p.rc);
	assert_true(rc == -EPROTO || rc == -EPIPE || rc == -EAGAIN || !rc);
	close_consumer(NULL);
	return rc ? rc : p.rc;
}

static void test_scribbled(void **state)
{
	unsigned blocks = 0, found = 0;

	(void)state;
	/* Some flows, and some is found out, or the test tests nothing. Where others use the processors, that takes longer. */
	for (unsigned i = 0; i < 30 || (!found && i < 300); i++)
		found += scribble_once(i % 30 * 20, &blocks) == -EPROTO;
	assert_in_range(found, 1, 300);
	assert_in_range(blocks, 30, 1000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scribbled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
