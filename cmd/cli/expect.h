/* SPDX-License-Identifier: GPL-2.0-only */
/* --expect: what a run must turn out to be, or else its exit status is 1. */
#ifndef CLI_EXPECT_H
#define CLI_EXPECT_H

#include "cli/report.h"

enum expect {
	EXPECT_NOTHING,
	EXPECT_ZEROCOPY, /* not a byte was copied */
	EXPECT_COPIED,	 /* every byte was */
	EXPECT_COMPLETE, /* it is known that nothing is missing */
	EXPECTATIONS
};

/*
 * Take @text, the value that @applet was given; NULL asks for nothing. Returns true, or false after a usage
 * error, which has been reported.
 */
bool expect_parse(struct report *r, const char *applet, const char *text, enum expect *expect);

/* Return the option's value that asks for @expect. */
const char *expect_name(enum expect expect);

#endif
