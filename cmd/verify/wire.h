/* SPDX-License-Identifier: GPL-2.0-only */
/* verify -i and -r: what was on the wire. */
#ifndef VERIFY_WIRE_H
#define VERIFY_WIRE_H

#include <popt.h>

#include "verify/outcome.h"
#include "cli/report.h"
#include "verify/stream.h"

/* -i, -r and what goes with them: an included table for popt. */
extern struct poptOption wire_options[];

struct wire {
	struct report *r;
	struct zcdma_ctx *ctx;
	const struct expectation *expect;
	bool unchecked;	  /* --pattern none */
	unsigned streams; /* live: how many connections to end after */
};

/*
 * Set *@wanted if -i or -r was given, and *@live if it was -i. Returns false after a reported error: both were
 * given, or options that need one of them.
 */
bool wire_parse(struct report *r, bool *wanted, bool *live);

/* Check what is captured, and report it. Returns the exit status. */
int wire_verify(const struct wire *w);

/* The counters of a stream, by their names in JSON. */
struct wire_counter {
	const char *key;
	size_t offset; /* in struct zcdma_wire_counters */
};

extern const struct wire_counter wire_counters[];
extern const size_t wire_counter_count;

/* Returns the counter @i of @from. */
uint64_t wire_counter(const struct zcdma_wire_counters *from, size_t i);

/* Add @from to @to. */
void wire_counters_add(struct zcdma_wire_counters *to, const struct zcdma_wire_counters *from);

/* Sums over all streams, with those that were dropped from the list, and the worst of them. */
struct wire_totals {
	uint64_t streams, bytes;
	struct zcdma_wire_counters counters;
	uint64_t faults;
	enum outcome outcome;  /* of all */
	bool broke_off;	       /* by an error, which was reported: what was not read is unknown */
	struct verdict worst;  /* of a stream */
	char from[64], to[64]; /* of that stream */
};

/* Judge a stream. */
void wire_judge(const struct wire *w, struct zcdma_wire *wire, const struct zcdma_wire_stream *s,
		struct verdict *v);

/* Add a stream to the totals. */
void wire_add(const struct wire *w, struct zcdma_wire *wire, struct wire_totals *t,
	      const struct zcdma_wire_stream *s);

/* Add the streams of the list, and report the worst that is wrong as an error. Returns the exit status. */
int wire_verdict(const struct wire *w, struct zcdma_wire *wire,
		 const struct zcdma_wire_stats *stats, struct wire_totals *t);

/* An outcome in a word: a stream that was only followed is not called correct. */
const char *wire_word(const struct wire *w, enum outcome outcome);

/*
 * Report on @wire, whose results are final; @t has the streams that are not in its list any more. @live: it was
 * not a file. Returns the exit status.
 */
int wire_report(const struct wire *w, struct zcdma_wire *wire, struct wire_totals *t,
		double seconds, bool live);

#endif
