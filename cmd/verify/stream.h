/* SPDX-License-Identifier: GPL-2.0-only */
/* One stream that verify checks, in a thread of its own. */
#ifndef VERIFY_STREAM_H
#define VERIFY_STREAM_H

#include <pthread.h>
#include <stdatomic.h>

#include <zcdma.h>
#include <zcdma/verify.h>

#include "cli/report.h"
#include "verify/losses.h"

/* What a stream is checked against. */
struct expectation {
	uint64_t seed;
	const char *manifest; /* NULL: the pattern */
	bool hashes;	      /* of frames are enough, where there are some */
	uint64_t bytes;	      /* its length; 0: any length from 1 on */
	bool complete;	      /* it must be known that nothing is missing */
};

struct stream {
	/* Set before stream_start(). */
	const struct expectation *expect;
	struct zcdma_ctx *owner; /* interrupted when the stream has ended */
	const struct report *report;
	const char *spec;     /* the source, or NULL and ... */
	const char *handover; /* its option of that name, or NULL */
	bool verbose;	      /* fill in .why */
	double idle_seconds;  /* how long nothing may come; 0: without a limit */
	int fd;		      /* ... a connection, which is closed at the end, from ... */
	char from[256];	      /* ... this address; a source sets it to its name */

	/* While it runs. */
	_Atomic uint64_t bytes;
	atomic_bool ended;

	/* Afterwards. */
	struct zcdma_check_result result;
	struct zcdma_fault faults[ZCDMA_FAULTS_KEPT]; /* the first ones */
	unsigned fault_count;
	struct recorded_losses losses; /* of the manifest; stream_free() frees them */
	struct zcdma_source_stats source;
	char copies_reason[256], copies_hint[128]; /* of .source, or empty */
	int simulated;				   /* as zcdma_source_info has it */
	bool by_hash;		     /* its frames were checked by their hashes alone */
	bool framed;		     /* it has an end of its own, and says what is missing */
	bool received;		     /* datagrams, of a source: what is missing was lost */
	double seconds, cpu_seconds; /* from the first byte on; the CPU's of this thread */
	int rc;			     /* a negative errno where it could not be read to its end */
	bool opened;		     /* false: .rc is about the start, and nothing was read */
	char error[512], hint[512];
	const char *end; /* over UDP, what ended it, in a word; else NULL */
	char why[320];	 /* why it was not a hand-over, or empty */

	pthread_t thread;
};

/* Start to read and check. False, with .rc and .error, where that is not possible. */
bool stream_start(struct stream *s);

/* Keep what @check, which has ended, found in the stream. */
void stream_keep_result(struct stream *s, const struct zcdma_check *check);

/* Free what it kept. */
void stream_free(struct stream *s);

/* Wait for the end of a stream that stream_start() began. */
void stream_join(struct stream *s);

#endif
