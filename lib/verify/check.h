/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A check has two parts: a reader, which cuts the stream into runs and finds where each comes from
 * (pattern_check.c, manifest_check.c), and a judge, which finds what is wrong with the runs (classify.c).
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
	int64_t delta; /* they are those of the sent stream from offset .pos + .delta on, ... */
	bool garbage;  /* ... unless they are not of that stream */
};

/* The most runs that wait for what follows to be judged; a power of 2. */
#define ZC_RUNS 16

struct zc_judge {
	int64_t home;	       /* delta of right data */
	uint64_t mark;	       /* offset up to which right data has come; valid while runs wait */
	uint64_t end;	       /* offset at which the sent stream ends; 0: unknown */
	unsigned oldest, next; /* the runs [.oldest, .next), modulo ZC_RUNS in .run, wait */
	struct zc_run run[ZC_RUNS];
};

static inline unsigned zc_judge_waiting(const struct zc_judge *judge)
{
	return judge->next - judge->oldest;
}

struct zc_check_ops {
	/* Check the next bytes. */
	void (*feed)(struct zcdma_check *check, const uint8_t *data, size_t len);
	/* Skip bytes that were not captured; UINT64_MAX: all the rest. NULL: the check ignores them. */
	void (*skip)(struct zcdma_check *check, uint64_t len);
	/* Get the result as if the stream ended here. */
	void (*peek)(const struct zcdma_check *check, struct zcdma_check_result *result);
	/* Make the result final. */
	void (*end)(struct zcdma_check *check);
	void (*free)(struct zcdma_check *check);
	/* Note that bytes [@from, @to) of the sent stream have arrived right. May be NULL. */
	void (*right)(struct zcdma_check *check, uint64_t from, uint64_t to);
	/* Returns the number of the block that @offset of the sent stream is in. May be NULL. */
	uint64_t (*block)(const struct zcdma_check *check, uint64_t offset);
	/* Returns the @i-th loss that was recorded, or NULL after the last. May be NULL. */
	const struct zcdma_recorded_loss *(*loss)(const struct zcdma_check *check, unsigned i);
};

struct zcdma_check {
	const struct zc_check_ops *ops;
	struct zcdma_ctx *ctx;
	size_t size;		  /* bytes of the structure */
	struct zc_budget *budget; /* for what is allocated later, or NULL */
	bool ended;
	bool peeking; /* this is a copy for .peek, which does not remember faults */
	struct zcdma_check_result
		result; /* a reader counts .bytes and .blocks; the rest is judged */
	struct zc_judge judge;
	struct zcdma_fault *kept; /* the first ZCDMA_FAULTS_KEPT; NULL before the first */
};

/* Allocate @bytes of zeros within the budget. Returns NULL if it is exceeded, or no memory is left. */
void *zc_check_alloc(struct zcdma_check *check, size_t bytes);

/* Free @data, @bytes from zc_check_alloc(); NULL is fine. */
void zc_check_release(struct zcdma_check *check, void *data, size_t bytes);

/* Count a fault, in the order of positions, unless its length is 0. */
void zc_check_fault(struct zcdma_check *check, enum zcdma_fault_kind kind, uint64_t pos,
		    uint64_t len, uint64_t distance);

/*
 * Begin another check against the manifest of @check, which zcdma_check_manifest() made. Returns 0 or -ENOMEM.
 */
int zc_check_manifest_again(const struct zcdma_check *check, struct zcdma_check **another);

/* Judge the next run, which begins where the one before ends; one of length 0 is ignored. */
void zc_check_run(struct zcdma_check *check, const struct zc_run *run);

/* Judge the waiting runs as data in the place of other data, as what follows was not captured. */
void zc_check_runs_settle(struct zcdma_check *check);

/* Judge the waiting runs, as no run follows. */
void zc_check_runs_end(struct zcdma_check *check);

#endif
