// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What is wrong with a stream, judged from its runs.
 *
 * Right data has the delta "home". Data from further on may follow a gap, or may have overwritten the right
 * data; older data may have replaced the right data, or repeat what came before it. Only what follows shows
 * which. So runs wait until the stream is back at home (then they stood in the place of right data), or until
 * one of them is long enough to be the right data itself, and its delta becomes home.
 */
#include "verify/check.h"

static uint64_t run_from(const struct zc_run *r)
{
	return r->pos + (uint64_t)r->delta;
}

static uint64_t run_to(const struct zc_run *r)
{
	return run_from(r) + r->len;
}

static bool is_home(const struct zcdma_check *c, const struct zc_run *r)
{
	return !r->garbage && r->delta == c->judge.home;
}

/* Remember a fault; without memory it is only counted. */
static void keep_fault(struct zcdma_check *c, const struct zcdma_fault *fault)
{
	if (!c->result.faults)
		c->result.first = *fault;
	if (c->peeking)
		return;
	if (!c->kept)
		c->kept = zc_check_alloc(c, ZCDMA_FAULTS_KEPT * sizeof(*c->kept));
	if (c->kept)
		c->kept[c->result.faults] = *fault;
}

void zc_check_fault(struct zcdma_check *c, enum zcdma_fault_kind kind, uint64_t pos, uint64_t len,
		    uint64_t distance)
{
	struct zcdma_check_result *result = &c->result;

	if (!len)
		return;
	if (result->faults < ZCDMA_FAULTS_KEPT)
		keep_fault(c, &(struct zcdma_fault){ kind, pos, len, distance });
	result->faults++;
	result->kind[kind].count++;
	result->kind[kind].bytes += len;
	if (kind == ZCDMA_FAULT_GAP)
		result->missing_bytes += len;
	else
		result->bad_bytes += len;
}

static void right(struct zcdma_check *c, uint64_t from, uint64_t to)
{
	if (c->ops->right)
		c->ops->right(c, from, to);
}

/* Accept the run as right: its delta is home. */
static void accept_run(struct zcdma_check *c, const struct zc_run *r)
{
	right(c, run_from(r), run_to(r));
	c->judge.home = r->delta;
	c->judge.mark = run_to(r);
}

/* Judge the run as data in the place of other data, unless it is right. */
static void judge_in_place(struct zcdma_check *c, const struct zc_run *r)
{
	int64_t ahead = r->delta - c->judge.home;

	if (is_home(c, r))
		accept_run(c, r);
	else if (r->garbage)
		zc_check_fault(c, ZCDMA_FAULT_GARBAGE, r->pos, r->len, 0);
	else if (ahead > 0)
		zc_check_fault(c, ZCDMA_FAULT_OVERWRITTEN, r->pos, r->len, (uint64_t)ahead);
	else
		zc_check_fault(c, ZCDMA_FAULT_STALE, r->pos, r->len, (uint64_t)-ahead);
}

/* Accept the run as right but for what it repeats: its delta is home from now on. */
static void believe_run(struct zcdma_check *c, const struct zc_run *r)
{
	struct zc_judge *j = &c->judge;
	int64_t ahead = r->delta - j->home;
	struct zc_run rest = *r;

	if (ahead > 0) {
		zc_check_fault(c, ZCDMA_FAULT_GAP, r->pos, (uint64_t)ahead, 0);
	} else if (ahead < 0 && run_from(r) < j->mark) {
		rest.pos += zc_min(j->mark - run_from(r), r->len);
		rest.len -= rest.pos - r->pos;
		zc_check_fault(c, ZCDMA_FAULT_REPEAT, r->pos, rest.pos - r->pos, (uint64_t)-ahead);
	}
	accept_run(c, &rest);
}

/*
 * Returns whether a run is right although it is not a proof by itself; the stream has not come back to the home of
 * that time. @next is a later run that is right, or NULL.
 */
static bool is_credible(const struct zcdma_check *c, const struct zc_run *r,
			const struct zc_run *next)
{
	const struct zc_judge *j = &c->judge;

	if (r->garbage)
		return false;
	/* Newer data is right if it has not been overtaken. */
	if (r->delta > j->home)
		return !next || run_to(r) <= run_from(next);
	/* Older data is a repeat if it has come to its end, and the stream did not jump then. */
	if (next)
		return run_to(r) >= j->mark && next->delta <= r->delta;
	return run_to(r) > j->mark || (run_to(r) == j->mark && j->mark >= j->end);
}

static void judge_oldest(struct zcdma_check *c, const struct zc_run *next)
{
	struct zc_judge *j = &c->judge;
	const struct zc_run *oldest = &j->run[j->oldest++ % ZC_RUNS];

	if (is_credible(c, oldest, next))
		believe_run(c, oldest);
	else
		judge_in_place(c, oldest);
}

/*
 * Returns whether the run alone proves a new home: it is longer than its distance from the old one. Newer data has
 * then come to where the old home would only repeat it, and older data to what is new.
 */
static bool is_proof(const struct zcdma_check *c, const struct zc_run *r)
{
	int64_t ahead = r->delta - c->judge.home;

	return !r->garbage && r->len > (uint64_t)(ahead < 0 ? -ahead : ahead);
}

/* Flat, as are the steps of a reader: where a stream jumps every few bytes, calls would be a third of the time. */
__attribute__((flatten)) void zc_check_run(struct zcdma_check *c, const struct zc_run *r)
{
	struct zc_judge *j = &c->judge;

	if (!r->len)
		return;
	if (zc_judge_waiting(j) == ZC_RUNS)
		judge_oldest(c, r->garbage ? NULL : r);
	/* Right data had come up to here. */
	if (!zc_judge_waiting(j))
		j->mark = r->pos + (uint64_t)j->home;
	if (is_home(c, r)) {
		zc_check_runs_settle(c);
		accept_run(c, r);
	} else if (is_proof(c, r)) {
		while (zc_judge_waiting(j))
			judge_oldest(c, r);
		believe_run(c, r);
	} else {
		j->run[j->next++ % ZC_RUNS] = *r;
	}
}

void zc_check_runs_end(struct zcdma_check *c)
{
	while (zc_judge_waiting(&c->judge))
		judge_oldest(c, NULL);
}

void zc_check_runs_settle(struct zcdma_check *c)
{
	struct zc_judge *j = &c->judge;

	while (zc_judge_waiting(j))
		judge_in_place(c, &j->run[j->oldest++ % ZC_RUNS]);
}
