// SPDX-License-Identifier: GPL-2.0-only
/* When a file of a recording is over, and when it is looked at although no block comes. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/clock.h"
#include "record/outputs.h"

#define SECOND 1000000000u

static struct outputs o;
static struct recording *const rec = &o.output[0];
static struct transfer t;

static int setup(void **state)
{
	static const struct finish_options nothing;

	(void)state;
	o = (struct outputs){ .count = 1, .options = { .splits = true } };
	recording_init(rec, &o.options, "run-%N.bin", NULL);
	t = (struct transfer){ .began = true, .watch_ns = 1 };
	t.report = report_new("capture");
	if (zcdma_new(&t.ctx))
		return -1;
	rec->finishing = finish_new(&nothing, t.ctx);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	record_file_free(rec->file);
	rec->file = NULL;
	finish_wait(rec->finishing, t.report, "");
	finish_free(rec->finishing);
	zcdma_free(t.ctx);
	report_free(t.report);
	return 0;
}

/* Have a file with @bytes, whose time is over @in_ns from now. */
static void have_file(uint64_t bytes, int64_t in_ns)
{
	rec->file = record_file_new(strdup("/dev/null"), NULL);
	rec->file->fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	rec->file->bytes = bytes;
	o.options.split.ns = SECOND;
	rec->due_ns = now_ns() + (uint64_t)in_ns;
}

/* Have an event, with a file or without, which ends @in_ns from now. */
static void have_event(int64_t in_ns)
{
	o.trigger.on = o.trigger.open = true;
	o.trigger.until_ns = now_ns() + (uint64_t)in_ns;
}

static void an_event_without_a_block_ends_once(void **state)
{
	(void)state;
	have_event(-(int64_t)SECOND);
	/* As long as the source may have some of it. */
	outputs_watch(&o, &t);
	assert_true(o.trigger.open);
	t.caught_up = true;
	outputs_watch(&o, &t);
	assert_false(o.trigger.open);
	assert_int_equal(t.watch_ns, 0);
}

static void a_file_without_a_byte_is_not_waited_for(void **state)
{
	(void)state;
	have_file(0, -1);
	outputs_watch(&o, &t);
	assert_non_null(rec->file);
	assert_int_equal(t.watch_ns, 0);
}

static void a_failed_recording_is_not_watched(void **state)
{
	(void)state;
	have_file(0, -1);
	have_event(SECOND);
	o.failed = -ENOSPC;
	outputs_watch(&o, &t);
	assert_int_equal(t.watch_ns, 0);
}

static void what_is_due_first_counts(void **state)
{
	(void)state;
	have_file(1, 100 * (int64_t)SECOND);
	outputs_watch(&o, &t);
	assert_int_equal(t.watch_ns, rec->due_ns);
	have_event(200 * (int64_t)SECOND);
	outputs_watch(&o, &t);
	assert_int_equal(t.watch_ns, rec->due_ns);
	rec->due_ns = now_ns() + 300 * (uint64_t)SECOND;
	outputs_watch(&o, &t);
	assert_in_range(t.watch_ns, o.trigger.until_ns, rec->due_ns - 1);
}

/* Begin a file by a block, in a folder of its own, where the one before was due at @due_ns. Returns when it began. */
static uint64_t begin_file(uint64_t limit_ns, uint64_t due_ns)
{
	char folder[] = "/tmp/zcdma-recording-XXXXXX", pattern[64], name[64];
	struct zcdma_block b;
	uint64_t before;

	assert_non_null(mkdtemp(folder));
	snprintf(pattern, sizeof(pattern), "%s/%%N", folder);
	snprintf(name, sizeof(name), "%s/000001", folder);
	rec->output = pattern;
	o.options.split.ns = limit_ns;
	rec->due_ns = due_ns;
	assert_int_equal(zcdma_source_open(t.ctx, "sim:block=4K", &t.src), 0);
	rec->fd = open(folder, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(rec->fd >= 0);
	assert_int_equal(zcdma_path_open(t.ctx, t.src, "copy", rec->fd, &rec->path), 0);
	assert_int_equal(zcdma_source_next(t.src, -1, &b), 1);
	before = now_ns();
	assert_int_equal(recording_block(rec, &t, &b), 0);
	assert_non_null(rec->file);
	unlink(name);
	rmdir(folder);
	zcdma_block_release(t.src, &b);
	zcdma_path_close(rec->path);
	zcdma_source_close(t.src);
	close(rec->fd);
	return before;
}

/* The clock began when the machine did, which may be less than the limit ago. */
static void a_first_file_has_all_its_time(void **state)
{
	const uint64_t limit = 2 * now_ns();
	uint64_t began;

	(void)state;
	began = begin_file(limit, 0);
	assert_in_range(rec->due_ns, began + limit, now_ns() + limit);
}

static void a_file_after_one_that_was_cut_early_has_no_more_time(void **state)
{
	const uint64_t limit = 1000 * (uint64_t)SECOND;
	uint64_t began;

	(void)state;
	began = begin_file(limit, now_ns() + 900 * (uint64_t)SECOND);
	assert_in_range(rec->due_ns, began + limit, now_ns() + limit);
}

/* The time that passed until the block came is not the file's. */
static void files_do_not_drift(void **state)
{
	const uint64_t due = now_ns() - SECOND;

	(void)state;
	begin_file(1000 * (uint64_t)SECOND, due);
	assert_int_equal(rec->due_ns, due + 1000 * (uint64_t)SECOND);
}

static void a_file_whose_time_is_over_before_it_begins_has_its_own(void **state)
{
	uint64_t began;

	(void)state;
	began = begin_file(1000, now_ns() - SECOND);
	assert_in_range(rec->due_ns, began + 1000, now_ns() + 1000);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(an_event_without_a_block_ends_once),
		TEST(a_file_without_a_byte_is_not_waited_for),
		TEST(a_failed_recording_is_not_watched),
		TEST(what_is_due_first_counts),
		TEST(a_first_file_has_all_its_time),
		TEST(a_file_after_one_that_was_cut_early_has_no_more_time),
		TEST(files_do_not_drift),
		TEST(a_file_whose_time_is_over_before_it_begins_has_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
