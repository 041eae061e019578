/* SPDX-License-Identifier: GPL-2.0-only */
/* verify -i and -r: what was on the wire. */
#ifndef WIRE_H
#define WIRE_H

#include <popt.h>

#include "report.h"
#include "stream.h"

/* -i, -r and what goes with them: an included table for popt. */
extern struct poptOption wire_options[];

struct wire {
	struct report *r;
	struct zcdma_ctx *ctx;
	const struct expectation *expect;
	bool unchecked;	  /* --pattern none */
	unsigned streams; /* live: end with so many connections */
};

/* Was -i or -r given, was it -i? False after an error: both, or what goes with them alone. */
bool wire_parse(struct report *r, bool *wanted, bool *live);

/* Check what is captured, and report it. The exit status. */
int wire_verify(const struct wire *w);

/* The report on @wire, whose results are final. The exit status. @live: it was no file. */
int wire_report(const struct wire *w, struct zcdma_wire *wire, double seconds, bool live);

#endif
