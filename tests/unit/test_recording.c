// SPDX-License-Identifier: GPL-2.0-only
/* When a recording is looked at although no block comes: at a time to come, or for no time at all. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

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

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(an_event_without_a_block_ends_once),
		TEST(a_file_without_a_byte_is_not_waited_for),
		TEST(a_failed_recording_is_not_watched),
		TEST(what_is_due_first_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
