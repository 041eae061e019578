/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * SigMF: a JSON file beside the data that says what its samples are, with a capture segment at each place where data was
 * lost. The names of its keys are those of the specification, https://sigmf.org, version 1.2.
 */
#ifndef RECORD_SIGMF_H
#define RECORD_SIGMF_H

#include <jansson.h>

#include "cli/report.h"

struct sigmf_options {
	char type[16];	  /* "ci16_le"; empty: no metadata is written */
	unsigned bytes;	  /* of a sample */
	double rate;	  /* samples a second; 0: unknown */
	double frequency; /* Hz, with .tuned */
	bool tuned;
};

/* Parse the value @text of --sigmf, "type=ci16_le,rate=2.4e6,freq=100e6". Returns false after a reported usage error. */
bool sigmf_parse(struct report *r, const char *text, struct sigmf_options *options);

/* Returns the name of the metadata of the file @data, for the caller to free. */
char *sigmf_name(const char *data);

/* Begin the metadata of the file @data; @simulated data is called so. The caller frees it with json_decref(). */
json_t *sigmf_begin(const struct sigmf_options *options, const char *data, bool simulated);

/* What is known where a segment begins. */
struct sigmf_segment {
	uint64_t offset;	/* bytes in the file */
	uint64_t stream_offset; /* bytes in the stream of the device, or ZCDMA_UNKNOWN */
	uint64_t time_ns;	/* of the first sample, by CLOCK_MONOTONIC; 0: unknown */
};

/* Add a segment, after those before. */
void sigmf_add(json_t *meta, const struct sigmf_options *options,
	       const struct sigmf_segment *segment);

/* Remove the segments of which not even the first sample is among the @samples of the data. */
void sigmf_cut(json_t *meta, uint64_t samples);

/* Write the metadata to @fd. Returns 0 or a negative errno. */
int sigmf_write(const json_t *meta, int fd);

#endif
