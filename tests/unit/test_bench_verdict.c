// SPDX-License-Identifier: GPL-2.0-only
/* The verdict of a bench, from figures that are given. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "bench/crossover.h"
#include "bench/rows.h"
#include "bench/stats.h"
#include "bench/table.h"

static const struct zcdma_path_type copy = { .name = "copy", .required_caps = ZCDMA_CAP_MEMORY };
static const struct zcdma_path_type gift = { .name = "gift", .required_caps = ZCDMA_CAP_STREAM };
static const struct zcdma_path_type pin = { .name = "pin",
					    .required_caps = ZCDMA_CAP_MEMORY | ZCDMA_CAP_RING };
static const struct zcdma_path_type null = { .name = "null" };

static char said[4096];

/* What the report would print. */
void report_paragraph(struct report *r, const char *fmt, ...)
{
	size_t len = strlen(said);
	va_list ap;

	(void)r;
	va_start(ap, fmt);
	vsnprintf(said + len, sizeof(said) - len, fmt, ap);
	va_end(ap);
}

void report_line(struct report *r, const char *label, const char *before)
{
	(void)r;
	(void)label;
	(void)before;
}

/* Values of the document, which these tests do not look at. */
#define IGNORE(name, type)                                                                   \
	void report_##name(struct report *r, const char *key, type value, const char *after) \
	{                                                                                    \
		(void)r;                                                                     \
		(void)key;                                                                   \
		(void)value;                                                                 \
		(void)after;                                                                 \
	}

IGNORE(count, uint64_t)
IGNORE(bytes, uint64_t)
IGNORE(number, double)
IGNORE(text, const char *)
IGNORE(flag, int)

void report_table(struct report *r, const char *key, const struct report_column *columns,
		  unsigned count)
{
	(void)r;
	(void)key;
	(void)columns;
	(void)count;
}

/* A row of the document, until the next one. */
static json_t *listed;

json_t *report_row(struct report *r, const char *const cells[])
{
	(void)r;
	(void)cells;
	json_decref(listed);
	listed = json_object();
	return listed;
}

static json_int_t listed_number(const char *key)
{
	return json_integer_value(json_object_get(listed, key));
}

static struct bench_row row[32];
static struct bench_rows rows = { .row = row };

void bench_rows_add(struct bench_rows *to, const struct bench_row *one)
{
	to->row[to->count++] = *one;
}

static int setup(void **state)
{
	(void)state;
	memset(row, 0, sizeof(row));
	rows.count = 0;
	said[0] = '\0';
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	json_decref(listed);
	listed = NULL;
	return 0;
}

/* By how much the repeats of a row differ from what is given. */
static const double noise[] = { 1, 0.99, 1.01, 0.98, 1.02 };

#define REPEATS (sizeof(noise) / sizeof(noise[0]))

/* A row of five runs of a second: CPU seconds per GB of both ends. */
static struct bench_row *add(const struct zcdma_path_type *path, const char *memory, uint64_t block,
			     double gb, double sender, double receiver)
{
	struct bench_row *one = &row[rows.count++];

	*one = (struct bench_row){
		.path = path, .memory = memory, .block_bytes = block, .count = REPEATS
	};
	for (unsigned i = 0; i < REPEATS; i++)
		one->sample[i] = (struct bench_sample){
			.bytes = (uint64_t)(gb * noise[i] * 1e9),
			.seconds = 1,
			.cpu_seconds = sender * noise[i] * gb * noise[i],
			.receiver_cpu_ns = receiver < 0 ? -1 : receiver * noise[i],
			.system_seconds = 10,
			.block_bytes = block,
		};
	return one;
}

static const char memfd[] = "memfd", huge[] = "huge", vvar[] = "vvar";

static bool says(const char *text)
{
	return strstr(said, text);
}

static struct bench_outcome outcome = {
	.rows = &rows, .crossing = &rows, .net = "loopback", .done = 9, .planned = 9
};

static void the_cheapest_of_the_fastest_is_the_best(void **state)
{
	(void)state;
	add(&gift, vvar, 4096, 0, 0, 0)->count = 0; /* did not run */
	add(&copy, memfd, 4096, 5, 0.2, 0.1);
	add(&gift, memfd, 4096, 9.5, 0.2, 0.1);
	add(&gift, huge, 4096, 10, 0.3, 0.1);
	add(&gift, vvar, 4096, 1, 0.01, 0.01); /* cheap, and slow */
	add(&null, memfd, 4096, 1000, 0, -1);  /* sends nothing */
	for (unsigned i = 0; i < REPEATS; i++)
		row[rows.count - 1].sample[i].receiver_cpu_ns = -1;
	bench_verdict(NULL, &outcome);
	assert_true(says("gift from memfd (9.50 GB/s, 0.300 CPU s/GB of both ends)"));
	assert_true(says("Compared to copy from memfd: throughput 1.90 times (1.83 to 1.98);"));
	assert_true(says("CPU time of both ends 1.00 times (0.96 to 1.04, so not distinct)"));
	assert_false(says("Not distinct from it"));
}

/* A share that is not known is not said to be one. */
static void only_a_known_share_fell_back(void **state)
{
	struct bench_row *one;

	(void)state;
	add(&copy, memfd, 4096, 5, 0.2, 0.1);
	one = add(&gift, memfd, 4096, 5, 0.2, 0.1);
	for (unsigned i = 0; i < REPEATS; i++)
		one->sample[i].fell_back_bytes = one->sample[i].bytes;
	bench_verdict(NULL, &outcome);
	assert_true(says("gift fell back: the kernel copied 100 %"));
	said[0] = '\0';
	json_decref(listed);
	listed = NULL;
	for (unsigned i = 0; i < REPEATS; i++)
		one->sample[i].unknown_bytes = 1;
	bench_verdict(NULL, &outcome);
	assert_false(says("fell back"));
}

static void what_is_as_good_is_named_and_the_first_is_chosen(void **state)
{
	(void)state;
	add(&copy, memfd, 4096, 5, 0.2, 0.1);
	add(&gift, memfd, 4096, 5.01, 0.199, 0.0999);
	bench_verdict(NULL, &outcome);
	assert_true(says("Best over loopback with blocks of 4.00 KiB: copy from memfd"));
	assert_true(says("Not distinct from it: gift from memfd."));
}

static void a_cost_is_one_that_all_rows_have(void **state)
{
	(void)state;
	add(&copy, memfd, 4096, 5, 0.2, 0.1);
	add(&gift, memfd, 4096, 5, 0.1, -1);
	bench_verdict(NULL, &outcome);
	assert_true(says("gift from memfd (5.00 GB/s, 0.100 CPU s/GB of the sender)"));
	assert_true(says("CPU time of the sender 0.50 times"));
	/* Not the whole system's, which does other work too. */
	assert_false(says("system"));
}

static void few_runs_are_never_distinct(void **state)
{
	(void)state;
	add(&copy, memfd, 4096, 5, 0.2, 0.1)->count = 2;
	add(&gift, memfd, 4096, 9, 0.1, 0.1)->count = 2;
	bench_verdict(NULL, &outcome);
	assert_true(says("use --repeat=3 or more"));
}

/* Rows of five sizes: what the path costs, and what copying does. */
static void add_sizes(const double *path, const double *plain)
{
	for (unsigned i = 0; i < 5; i++)
		add(&gift, memfd, 4096u << i, 5, path[i], 0.1);
	for (unsigned i = 0; i < 5; i++)
		add(&copy, memfd, 4096u << i, 5, plain[i], 0.1);
}

static struct bench_crossing cross(void)
{
	return bench_crossing(&rows, &row[0], bench_both_cpu);
}

static void it_pays_from_where_a_step_fits(void **state)
{
	static const double path[] = { 0.5, 0.4, 0.3, 0.2, 0.1 };
	static const double plain[] = { 0.3, 0.3, 0.3, 0.3, 0.3 };
	struct bench_crossing c;

	(void)state;
	add_sizes(path, plain);
	c = cross();
	assert_int_equal(c.first, 4096);
	assert_int_equal(c.last, 4096 << 4);
	assert_int_equal(c.from, 4096 << 3);
	assert_int_equal(c.surely_from, 4096 << 3);
	assert_int_equal(c.surely_less, 4096 << 1);
	assert_int_equal(c.but_not, 0);
	bench_verdict(NULL, &outcome);
	assert_true(says(
		"gift from memfd costs less CPU time of both ends than copy from blocks of 32.00 KiB on; surely more up to 8.00 KiB; surely less from 32.00 KiB."));
	assert_int_equal(listed_number("from_block_bytes"), 4096 << 3);
	assert_int_equal(listed_number("surely_more_to_block_bytes"), 4096 << 1);
	assert_int_equal(listed_number("surely_less_from_block_bytes"), 4096 << 3);
}

static void a_noisy_size_does_not_undo_the_answer(void **state)
{
	static const double path[] = { 0.5, 0.1, 0.1, 0.1, 0.1 };
	static const double plain[] = { 0.3, 0.3, 0.3, 0.3, 0.3 };
	struct bench_crossing c;

	(void)state;
	add_sizes(path, plain);
	/* The largest blocks ran while something else did. */
	for (unsigned i = 0; i < REPEATS; i++)
		row[4].sample[i].cpu_seconds *= i < 2 ? 10 : 2.2;
	c = cross();
	assert_int_equal(c.from, 8192);
	assert_int_equal(c.but_not, 0);
	for (unsigned i = 0; i < REPEATS; i++)
		row[4].sample[i].cpu_seconds *= 10;
	c = cross();
	assert_int_equal(c.from, 8192);
	assert_int_equal(c.but_not, 4096 << 4);
	bench_verdict(NULL, &outcome);
	assert_true(says("from blocks of 8.00 KiB on, but not at 64.00 KiB;"));
}

static void it_pays_always_or_never(void **state)
{
	static const double less[] = { 0.1, 0.1, 0.1, 0.1, 0.1 };
	static const double more[] = { 0.3, 0.3, 0.3, 0.3, 0.3 };

	(void)state;
	add_sizes(less, more);
	bench_verdict(NULL, &outcome);
	assert_true(says("than copy at every size of a block; surely less from 4.00 KiB."));
	setup(state);
	add_sizes(more, less);
	assert_int_equal(cross().from, 0);
	bench_verdict(NULL, &outcome);
	assert_true(says(
		"costs no less CPU time of both ends than copy at any size of a block; surely more up to 64.00 KiB."));
	setup(state);
	add_sizes(more, more);
	assert_int_equal(cross().from, 0);
	bench_verdict(NULL, &outcome);
	assert_true(says("are nowhere distinct in CPU time of both ends: from which size"));
	assert_false(says("less CPU time"));
}

static const struct bench_way plain_stream = { .name = "read", .into = "buffer", .plain = true };
static const struct bench_way stream = { .name = "whole", .into = "ring" };
static const struct bench_way plain_datagrams = {
	.name = "each", .into = "buffer", .datagrams = true, .plain = true
};
static const struct bench_way datagrams = { .name = "merged", .into = "ring", .datagrams = true };

/* Add a row of a way to receive that loses @lost of ten bytes. */
static void add_way(const struct bench_way *way, double gb, double sender, double receiver,
		    unsigned lost)
{
	struct bench_row *one = add(NULL, way->into, 4096, gb, sender, receiver);

	one->way = way;
	for (unsigned i = 0; way->datagrams && i < REPEATS; i++) {
		one->sample[i].offered_bytes = 10;
		one->sample[i].lost_bytes = lost;
	}
}

static void ways_to_receive_are_judged_with_those_of_their_kind(void **state)
{
	(void)state;
	add_way(&plain_stream, 5, 0.1, 0.2, 0);
	add_way(&stream, 5, 0.1, 0.1, 0);
	add_way(&plain_datagrams, 1, 0.1, 0.8, 3);
	/* What its sender pays is not what decides, as that pays for what is lost too. */
	add_way(&datagrams, 2, 9, 0.4, 1);
	bench_verdict(NULL, &outcome);
	assert_true(says(
		"Best to receive a stream over loopback: whole (5.00 GB/s, 0.200 CPU s/GB of both ends)"));
	assert_true(says("Compared to read: throughput 1.00 times"));
	assert_true(says("CPU time of both ends 0.67 times"));
	assert_true(says(
		"Best to receive datagrams over loopback: merged (2.00 GB/s, 0.400 CPU s/GB of the receiver, 10.0 % of the datagrams lost)"));
	assert_true(says("Compared to each: throughput 2.00 times"));
	assert_true(says("CPU time of the receiver 0.50 times"));
}

/* Streams that none of the ways received have no verdict. */
static void datagrams_alone_are_judged_alone(void **state)
{
	(void)state;
	add_way(&stream, 5, 0.1, 0.1, 0);
	row[0].count = 0;
	add_way(&plain_datagrams, 1, 0.1, 0.8, 0);
	bench_verdict(NULL, &outcome);
	assert_false(says("a stream"));
	assert_true(says("Best to receive datagrams over loopback: each"));
	assert_false(says("Compared to"));
}

static void only_what_copying_can_be_beside_is_compared_to_it(void **state)
{
	(void)state;
	add(&gift, huge, 4096, 10, 0.1, 0.1);
	assert_null(bench_best_uncopied(&rows));
	assert_null(cross().row);
	add(&copy, memfd, 4096, 5, 0.2, 0.1);
	assert_null(bench_best_uncopied(&rows));
	add(&gift, memfd, 4096, 5, 0.2, 0.1);
	assert_ptr_equal(bench_best_uncopied(&rows), &row[2]);
}

static void what_ran_before_is_not_measured_again(void **state)
{
	static struct bench_row other[16];
	struct bench_rows crossing = { .row = other };
	unsigned given = 0;

	(void)state;
	add(&copy, memfd, 1 << 20, 5, 0.2, 0.1);
	add(&gift, memfd, 1 << 20, 5, 0.1, 0.1);
	bench_cross_plan(&rows, &row[1], 64 << 20, &crossing);
	assert_int_equal(crossing.count, 12);
	for (unsigned i = 0; i < crossing.count; i++) {
		given += other[i].given;
		assert_int_equal(other[i].given, other[i].block_bytes == 1 << 20);
		assert_int_equal(other[i].count, other[i].given ? REPEATS : 0);
	}
	assert_int_equal(given, 2);
	crossing.count = 0;
	bench_cross_plan(&rows, &row[1], 4 << 20, &crossing); /* two blocks of 4 MiB do not fit */
	assert_int_equal(crossing.count, 10);
}

static void memory_without_pages_is_named(void **state)
{
	(void)state;
	add(&copy, vvar, 4096, 5, 0.2, 0.1);
	add(&gift, vvar, 4096, 0, 0, 0);
	row[1].count = 0;
	row[1].failed.rc = -EFAULT;
	bench_verdict(NULL, &outcome);
	assert_true(says("Bad address: vvar has no pages"));
	row[1].failed.rc = -EPERM;
	said[0] = '\0';
	bench_verdict(NULL, &outcome);
	assert_false(says("Bad address"));
}

static void a_ring_that_cannot_be_registered_may_have_pages(void **state)
{
	(void)state;
	add(&copy, memfd, 4096, 5, 0.2, 0.1);
	add(&pin, memfd, 4096, 0, 0, 0);
	row[1].count = 0;
	row[1].failed.rc = -EFAULT;
	bench_verdict(NULL, &outcome);
	assert_false(says("VM_PFNMAP"));
}

static void an_interrupted_bench_says_so_and_no_more(void **state)
{
	struct bench_outcome cut = outcome;

	(void)state;
	cut.interrupted = true;
	cut.done = 4;
	add(&copy, memfd, 4096, 5, 0.2, 0.1);
	add(&gift, memfd, 4096, 9, 0.1, 0.1);
	row[1].failed.rc = -EFAULT;
	bench_verdict(NULL, &cut);
	assert_true(says("Interrupted by a signal after 4 of 9 runs"));
	assert_false(says("Best over"));
	assert_false(says("Bad address"));
}

static void where_nothing_ran_there_is_nothing_to_say(void **state)
{
	(void)state;
	add(&null, memfd, 4096, 1000, 0, 0);
	bench_verdict(NULL, &outcome);
	assert_string_equal(said, "");
}

/* Check that a line of the plot begins with the first good row of a path and its memory. */
static void lines_of_a_plot(void **state)
{
	static const bool begins[] = { true, false, false, true, false };

	(void)state;
	add(&copy, memfd, 4096, 1, 1, 1);
	add(&copy, memfd, 8192, 1, 1, 1);
	add(&copy, huge, 4096, 1, 1, 1)->count = 0; /* it failed */
	add(&copy, huge, 8192, 1, 1, 1);
	add(&copy, huge, 16384, 1, 1, 1);
	for (unsigned i = 0; i < rows.count; i++)
		assert_int_equal(bench_begins_line(&rows, i), begins[i]);
}

/* The best, what is not distinct from it, what it is compared to; and the same among what does not copy. */
static void what_may_be_named_goes_on(void **state)
{
	static const struct {
		const struct zcdma_path_type *path;
		const char *memory;
		double gb;
		bool goes_on;
	} wanted[] = {
		{ &copy, memfd, 10, true },  { &gift, memfd, 5, true }, { &pin, memfd, 1, false },
		{ &null, memfd, 99, false }, { &copy, huge, 7, false }, { &gift, huge, 4, false },
		{ &copy, vvar, 10, true },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		add(wanted[i].path, wanted[i].memory, 4096, wanted[i].gb, 0.2, 0.1);
	/* One of its five runs is slow: for all that is known, it is as fast. */
	row[6].sample[0].bytes /= 2;
	add(&gift, huge, 8192, 0, 0, 0)->count = 0; /* did not run */
	for (unsigned i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		assert_int_equal(bench_may_be_best(&rows, &row[i]), wanted[i].goes_on);
	assert_false(bench_may_be_best(&rows, &row[rows.count - 1]));
}

static void a_size_is_settled_when_its_two_are_distinct(void **state)
{
	(void)state;
	add(&copy, memfd, 4096, 5, 0.2, 0.1);
	add(&gift, memfd, 4096, 5, 0.3, 0.1);
	add(&copy, memfd, 8192, 5, 0.2, 0.1);
	add(&gift, memfd, 8192, 5, 0.2001, 0.1);
	add(&gift, memfd, 16384, 5, 0.2, 0.1); /* has nothing beside it */
	for (unsigned i = 0; i < rows.count; i++)
		assert_int_equal(bench_cross_in_doubt(&rows, &row[i]), i == 2 || i == 3);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(lines_of_a_plot),
		TEST(the_cheapest_of_the_fastest_is_the_best),
		TEST(only_a_known_share_fell_back),
		TEST(what_is_as_good_is_named_and_the_first_is_chosen),
		TEST(a_cost_is_one_that_all_rows_have),
		TEST(few_runs_are_never_distinct),
		TEST(it_pays_from_where_a_step_fits),
		TEST(a_noisy_size_does_not_undo_the_answer),
		TEST(it_pays_always_or_never),
		TEST(ways_to_receive_are_judged_with_those_of_their_kind),
		TEST(datagrams_alone_are_judged_alone),
		TEST(only_what_copying_can_be_beside_is_compared_to_it),
		TEST(what_ran_before_is_not_measured_again),
		TEST(memory_without_pages_is_named),
		TEST(a_ring_that_cannot_be_registered_may_have_pages),
		TEST(what_may_be_named_goes_on),
		TEST(a_size_is_settled_when_its_two_are_distinct),
		TEST(an_interrupted_bench_says_so_and_no_more),
		TEST(where_nothing_ran_there_is_nothing_to_say),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
