/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a check is made of: a reader, which cuts the stream into runs and knows where each comes
 * from (check_pattern.c, check_manifest.c), and a judge, which knows what is wrong with them
 * (check_runs.c).
 */
#ifndef ZCDMA_VERIFY_CHECK_H
#define ZCDMA_VERIFY_CHECK_H

#include "util/budget.h"
#include "internal.h"

#include <zcdma/verify.h>

/* Bytes of the received stream that belong together. */
struct zc_run {
	uint64_t pos; /* in what was received */
	uint64_t len;
	int64_t delta; /* they are the sent stream's from offset .pos + .delta on ... */
	bool garbage;  /* ... unless this says that they are nothing of it */
};

/* Runs that wait for what comes after them to be judged. The more, the longer a muddle is undone. */
#define ZC_RUNS 16

struct zc_judge {
	int64_t home;  /* delta of right data */
	uint64_t mark; /* offset up to which right data has come; set while runs wait */
	uint64_t end;  /* offset at which the sent stream ends; 0 where nobody knows */
	unsigned waiting;
	struct zc_run run[ZC_RUNS]; /* the oldest first */
};

struct zc_check_ops {
	void (*feed)(struct zcdma_check *check, const uint8_t *data, size_t len);
	/* So many bytes were not seen; UINT64_MAX: all the rest. NULL: that means nothing. */
	void (*skip)(struct zcdma_check *check, uint64_t len);
	/* The result if the stream ended here, though it may not. */
	void (*peek)(const struct zcdma_check *check, struct zcdma_check_result *result);
	void (*end)(struct zcdma_check *check);
	void (*free)(struct zcdma_check *check);
	/* The sent stream's bytes [@from, @to) have arrived right. May be NULL. */
	void (*right)(struct zcdma_check *check, uint64_t from, uint64_t to);
	/* The number of the block that @offset of the sent stream is in. May be NULL. */
	uint64_t (*block)(const struct zcdma_check *check, uint64_t offset);
};

struct zcdma_check {
	const struct zc_check_ops *ops;
	struct zcdma_ctx *ctx;
	size_t size;		  /* bytes of the structure */
	struct zc_budget *budget; /* for what is allocated later, or NULL */
	bool ended;
	bool peeking; /* a copy, to see what the result would be: no fault is kept */
	struct zcdma_check_result
		result; /* a reader counts .bytes and .blocks; the rest is judged */
	struct zc_judge judge;
	struct zcdma_fault *kept; /* the first ZCDMA_FAULTS_KEPT; NULL before the first */
};

/*
 * Look for two words of the pattern that agree, anywhere in @buf from *@at on, and set *@at to where they
 * begin or to where the search can go on with more bytes. Where a byte of 0xff stands right before two
 * words of the stream, those one byte earlier agree too, by a carry: the later ones are meant. (The other
 * way round it cannot be: the top byte of the second would differ.)
 */
bool zc_pattern_find(const void *buf, size_t len, uint64_t seed, size_t *at);

/* Allocate what is needed later, of zeros, within the budget. Returns NULL if there is none left. */
void *zc_check_alloc(struct zcdma_check *check, size_t bytes);

/* Free @data, @bytes from zc_check_alloc(); NULL is fine. */
void zc_check_release(struct zcdma_check *check, void *data, size_t bytes);

/* Count a fault, in the order of positions; one without length is none. */
void zc_check_fault(struct zcdma_check *check, enum zcdma_fault_kind kind, uint64_t pos,
		    uint64_t len, uint64_t distance);

/* Begin another check against the manifest of @check, which is one of zcdma_check_manifest(). */
int zc_check_manifest_again(const struct zcdma_check *check, struct zcdma_check **another);

/* Judge the next run, which begins where the one before ends. One without length is none. */
void zc_check_run(struct zcdma_check *check, const struct zc_run *run);

/* What follows was not seen: those that wait stand where other data should, unless they are right. */
void zc_check_runs_settle(struct zcdma_check *check);

/* No run follows: judge those that wait. */
void zc_check_runs_end(struct zcdma_check *check);

#endif
