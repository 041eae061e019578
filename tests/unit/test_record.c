// SPDX-License-Identifier: GPL-2.0-only
/* Recordings: names of files, where they are cut, the command that runs for each, and what becomes of finished files. */
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

#include "cli/status.h"
#include "record/command.h"
#include "record/finish.h"
#include "record/name.h"
#include "record/split.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void names_are_expanded(void **state)
{
	static const struct {
		const char *pattern, *name;
	} cases[] = {
		{ "run-%N.bin", "run-000007.bin" },
		{ "%Y%m%dT%H%M%S-%N", "20240229T235958-000007" },
		{ "%N-%N", "000007-000007" },
		{ "%%N-%N", "%N-000007" },
		{ "%%%N", "%000007" },
	};
	struct tm tm = { .tm_year = 124,
			 .tm_mon = 1,
			 .tm_mday = 29,
			 .tm_hour = 23,
			 .tm_min = 59,
			 .tm_sec = 58 };
	time_t when = mktime(&tm);
	char *name, longer[5000];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		name = name_expand(cases[i].pattern, 7, when);
		assert_string_equal(name, cases[i].name);
		free(name);
	}
	name = name_expand("%N", 12345678, when);
	assert_string_equal(name, "12345678");
	free(name);
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	assert_null(name_expand(longer, 1, when));
	longer[4094] = '\0';
	memcpy(longer, "%N", 2);
	assert_null(name_expand(longer, 1, when));
	assert_null(name_expand("", 1, when));
}

static void a_place_for_the_number_is_found(void **state)
{
	static const char *const with[] = { "%N", "a%Nb", "%Y-%N", "%%%N", "%%N%N" };
	static const char *const without[] = { "", "%", "N", "%%N", "a%%Nb", "%Y", "%n", "a%" };

	(void)state;
	for (size_t i = 0; i < COUNT(with); i++)
		assert_true(name_has_number(with[i]));
	for (size_t i = 0; i < COUNT(without); i++)
		assert_false(name_has_number(without[i]));
}

static void cuts_are_parsed(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes, ns;
	} good[] = {
		{ "4G", UINT64_C(4) << 30, 0 }, { "1", 1, 0 },
		{ "10MB", 10000000, 0 },	{ "60s", 0, 60000000000 },
		{ "0.5h", 0, 1800000000000 },	{ "5min", 0, 300000000000 },
		{ "100ms", 0, 100000000 },
	};
	static const char *const bad[] = { "4X",   "",	  "s",	      "-1s",
					   "1m",   "0",	  "0s",	      ".s",
					   "1e3s", "1.5", "1.2.3s",   "99999999999999h",
					   "inf",  "0G",  "0.0001ms", "4 G" };
	struct report *r = report_new("capture");
	struct split split;

	(void)state;
	report_set_mode(r, true, true, false);
	for (size_t i = 0; i < COUNT(good); i++) {
		assert_true(split_parse(r, good[i].text, &split));
		assert_int_equal(split.bytes, good[i].bytes);
		assert_int_equal(split.ns, good[i].ns);
	}
	assert_true(split_parse(r, NULL, &split));
	assert_int_equal(split.bytes + split.ns, 0);
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_false(split_parse(r, bad[i], &split));
	report_free(r);
}

static void a_command_gets_the_name_last(void **state)
{
	char why[128] = "";

	(void)state;
	assert_int_equal(command_run("test 'a b' =", "a b", why, sizeof(why)), 0);
	assert_int_equal(command_run("test ./-x =", "-x", why, sizeof(why)), 0);
	/* It reads nothing, and is in a process group of its own. */
	assert_int_equal(command_run("read x && false; test $(ps -o pgid= $$) = $$; exit $? #", "x",
				     why, sizeof(why)),
			 0);
	assert_string_equal(why, "");
	assert_int_equal(command_run("exit 3 #", "x", why, sizeof(why)), -1);
	assert_string_equal(why, "exit status 3");
	assert_int_equal(command_run("kill -9 $$ #", "x", why, sizeof(why)), -1);
	assert_string_equal(why, "signal 9 (Killed)");
	assert_int_equal(command_run("no-such-command 2>/dev/null", "x", why, sizeof(why)), -1);
	assert_string_equal(why, "exit status 127");
}

static char folder[] = "/tmp/zcdma-record-XXXXXX";

/* Make a finished file of @name in the folder, with @text in it. */
static struct record_file *make_file(const char *name, const char *text)
{
	char *path = NULL;
	struct record_file *file;

	assert_true(asprintf(&path, "%s/%s", folder, name) > 0);
	file = record_file_new(path, NULL);
	file->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	assert_true(file->fd >= 0);
	assert_int_equal(write(file->fd, text, strlen(text)), strlen(text));
	return file;
}

static bool exists(const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return !access(path, F_OK);
}

/* Finish files by @options, wait, and get the totals and the status. */
static int finish_files(const struct finish_options *options, const char *const names[],
			struct finish_totals *totals)
{
	struct report *r = report_new("capture");
	struct zcdma_ctx *ctx;
	struct finish *f;
	int status;

	report_set_mode(r, true, true, false);
	assert_int_equal(zcdma_new(&ctx), 0);
	f = finish_new(options, ctx);
	for (; *names; names++)
		finish_add(f, make_file(*names, *names), true);
	status = finish_wait(f, r, "");
	finish_get_totals(f, totals);
	finish_free(f);
	zcdma_free(ctx);
	report_free(r);
	return status;
}

static void the_last_files_are_kept(void **state)
{
	static const char *const names[] = { "a", "b", "c", "d", NULL };
	struct finish_totals totals;

	(void)state;
	assert_int_equal(
		finish_files(&(struct finish_options){ .keep = 2, .sync = true }, names, &totals),
		0);
	assert_int_equal(totals.files, 4);
	assert_int_equal(totals.removed, 2);
	assert_true(totals.synced);
	assert_false(exists("a") || exists("b"));
	assert_true(exists("c") && exists("d"));
}

/* Check that a file that another program put in the place of one of ours is not removed. */
static void files_of_others_stay(void **state)
{
	static const char *const names[] = { "e", "f", "g", NULL };
	struct finish_totals totals;
	char command[256];

	(void)state;
	snprintf(command, sizeof(command),
		 "cd %s; case $1 in */e) rm e; echo other >e;; esac; :", folder);
	assert_int_equal(finish_files(&(struct finish_options){ .keep = 1, .command = command },
				      names, &totals),
			 0);
	assert_true(exists("e") && !exists("f") && exists("g"));
	assert_int_equal(totals.removed, 1);
	assert_int_equal(totals.commands, 3);
}

static void a_command_that_fails_is_reported(void **state)
{
	static const char *const names[] = { "h", "i", NULL };
	struct finish_totals totals;

	(void)state;
	assert_int_equal(
		finish_files(&(struct finish_options){ .command = "false" }, names, &totals),
		STATUS_INCOMPLETE);
	assert_int_equal(totals.failed, 2);
	assert_true(exists("h") && exists("i"));
}

/* Check that data without a name is an error, as nothing of it is left. */
static void a_removed_file_is_an_error(void **state)
{
	struct record_file *file = make_file("j", "data");

	(void)state;
	unlink(file->name);
	record_file_finish(file, true, true);
	assert_int_equal(file->status, STATUS_INCOMPLETE);
	assert_non_null(strstr(file->error, "j: No such file"));
	record_file_free(file);
}

static int make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	char command[64];

	(void)state;
	snprintf(command, sizeof(command), "rm -r %s", folder);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_expanded),
		cmocka_unit_test(a_place_for_the_number_is_found),
		cmocka_unit_test(cuts_are_parsed),
		cmocka_unit_test(a_command_gets_the_name_last),
		cmocka_unit_test(the_last_files_are_kept),
		cmocka_unit_test(files_of_others_stay),
		cmocka_unit_test(a_command_that_fails_is_reported),
		cmocka_unit_test(a_removed_file_is_an_error),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
