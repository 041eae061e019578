// SPDX-License-Identifier: GPL-2.0-only
/* The bookkeeping of completions: ranges, out of order, merged, wrapped, nonsense. Each scene is a row. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those four */
#include <cmocka.h>

#include "path/completion.h"

#define MOST_STEPS 16

enum act {
	NOTHING,  /* ends the steps of a scene */
	SEND,	  /* block .index in .sends pieces of .len bytes */
	PART,	  /* the same, and the block is not finished */
	COMPLETE, /* sends .lo to .hi: .sends of them count, .len bytes in all */
	REAP,	  /* block .index comes back */
	REAP_NONE,
	PENDING, /* .sends */
};

struct step {
	enum act act;
	union {
		uint32_t lo, index;
	};
	uint32_t hi;
	uint32_t sends;
	uint64_t len;
	uint32_t times; /* for .index and those after it; 0: once */
};

struct scene {
	const char *name;
	uint32_t first; /* number of the first send */
	struct step steps[MOST_STEPS];
	unsigned left; /* blocks that are not back at the end */
};

/* clang-format off */
static const struct scene scenes[] = {
	{ .name = "a block is done when all its sends are", .steps = {
		{ SEND, { 5 }, 0, 3, 100 },
		{ COMPLETE, { 0 }, 0, 1, 100 },
		{ COMPLETE, { 2 }, 2, 1, 100 },
		{ REAP_NONE },
		{ PENDING, .sends = 2 }, /* from send 1 on */
		{ COMPLETE, { 1 }, 1, 1, 100 },
		{ REAP, { 5 } },
		{ REAP_NONE },
		{ PENDING, .sends = 0 },
	} },
	{ .name = "a block that is still being sent is not done", .steps = {
		{ PART, { 1 }, 0, 1, 100 },
		{ COMPLETE, { 0 }, 0, 1, 100 },
		{ REAP_NONE },
		{ SEND, { 1 }, 0, 1, 100 },
		{ REAP_NONE },
		{ COMPLETE, { 1 }, 1, 1, 100 },
		{ REAP, { 1 } },
	} },
	{ .name = "merged and out of order", .steps = {
		{ SEND, { 0 }, 0, 2, 10, .times = 6 },
		{ COMPLETE, { 6 }, 9, 4, 40 },
		{ REAP, { 3 }, .times = 2 },
		{ REAP_NONE },
		{ COMPLETE, { 0 }, 5, 6, 60 },
		{ REAP, { 0 }, .times = 3 },
		{ COMPLETE, { 10 }, 11, 2, 20 },
		{ REAP, { 5 } },
	} },
	{ .name = "reported twice counts once", .steps = {
		{ SEND, { 0 }, 0, 1, 10, .times = 4 },
		{ COMPLETE, { 1 }, 2, 2, 20 },
		{ COMPLETE, { 1 }, 2, 0, 0 },
		{ COMPLETE, { 0 }, 3, 2, 20 },
		{ COMPLETE, { 0 }, 3, 0, 0 },
		{ PENDING, .sends = 0 },
	}, .left = 4 },
	{ .name = "numbers wrap", .first = UINT32_MAX - 1, .steps = {
		{ SEND, { 0 }, 0, 1, 10, .times = 4 },
		{ COMPLETE, { UINT32_MAX }, 0, 2, 20 },
		{ REAP, { 1 }, .times = 2 },
		{ COMPLETE, { UINT32_MAX - 1 }, 1, 2, 20 },
		{ REAP, { 0 } },
		{ REAP, { 3 } },
	} },
	{ .name = "nonsense is ignored", .steps = {
		{ COMPLETE, { 0 }, UINT32_MAX, 0, 0 },
		{ SEND, { 7 }, 0, 2, 10 },
		{ COMPLETE, { 5 }, 9, 0, 0 },
		{ COMPLETE, { 9 }, 5, 0, 0 },
		{ COMPLETE, { 1 }, 0, 0, 0 },
		{ COMPLETE, { UINT32_MAX - 5 }, UINT32_MAX, 0, 0 },
		/* A range that begins before the window and ends in it counts for its part in the window. */
		{ COMPLETE, { UINT32_MAX - 5 }, 0, 1, 10 },
		{ COMPLETE, { 1 }, 1000, 1, 10 },
		{ REAP, { 7 } },
	} },
	/* More than the first window holds, across a wrap of its slots. */
	{ .name = "the window grows", .steps = {
		{ SEND, { 0 }, 0, 1, 1, .times = 40 },
		{ COMPLETE, { 0 }, 29, 30, 30 },
		{ REAP, { 0 }, .times = 30 },
		{ SEND, { 40 }, 0, 1, 1, .times = 960 },
		{ COMPLETE, { 31 }, 999, 969, 969 },
		{ COMPLETE, { 30 }, 30, 1, 1 },
		{ REAP, { 31 }, .times = 969 },
		{ REAP, { 30 } },
	} },
	/* A number outside of the window has the slot of one that is inside. */
	{ .name = "a full window", .steps = {
		{ SEND, { 0 }, 0, 1, 1, .times = 64 },
		{ COMPLETE, { UINT32_MAX - 5 }, UINT32_MAX, 0, 0 },
		{ COMPLETE, { 64 }, 70, 0, 0 },
		{ PENDING, .sends = 64 },
	}, .left = 64 },
	/* The sanitizers look. */
	{ .name = "what is pending is freed", .steps = {
		{ SEND, { 0 }, 0, 3, 10 },
		{ PART, { 1 }, 0, 1, 1 },
	}, .left = 1 },
};
/* clang-format on */

static void send_block(struct zc_tracker *t, const struct step *s, uint32_t index)
{
	const struct zcdma_block b = { .index = index, .len = s->sends * s->len };

	for (unsigned i = 0; i < s->sends; i++) {
		assert_int_equal(zc_tracker_prepare(t, &b), 0);
		zc_tracker_sent(t, s->len);
	}
	if (s->act == SEND)
		assert_true(zc_tracker_finish_block(t));
}

static void play_step(struct zc_tracker *t, const struct step *s, uint32_t index)
{
	struct zc_completed done;
	struct zcdma_block b;

	switch (s->act) {
	case COMPLETE:
		done = zc_tracker_complete(t, s->lo, s->hi);
		assert_int_equal(done.sends, s->sends);
		assert_int_equal(done.bytes, s->len);
		break;
	case REAP:
		assert_true(zc_tracker_reap(t, &b));
		assert_int_equal(b.index, index);
		break;
	case REAP_NONE:
		assert_false(zc_tracker_reap(t, &b));
		break;
	case PENDING:
		assert_int_equal(zc_tracker_pending(t), s->sends);
		break;
	default:
		send_block(t, s, index);
	}
}

static void play(void **state)
{
	const struct scene *scene = *state;
	struct zc_tracker t;

	zc_tracker_init(&t);
	t.first = t.next = scene->first;
	for (const struct step *s = scene->steps; s->act != NOTHING; s++) {
		for (uint32_t i = 0; i < (s->times ? s->times : 1); i++)
			play_step(&t, s, s->index + i);
	}
	assert_int_equal(t.blocks, scene->left);
	zc_tracker_free(&t);
}

static void an_empty_block_is_not_finished(void **state)
{
	struct zc_tracker t;

	(void)state;
	zc_tracker_init(&t);
	assert_false(zc_tracker_finish_block(&t));
	zc_tracker_free(&t);
}

int main(void)
{
	struct CMUnitTest tests[sizeof(scenes) / sizeof(scenes[0]) + 1] = {
		cmocka_unit_test(an_empty_block_is_not_finished),
	};

	for (size_t i = 0; i < sizeof(scenes) / sizeof(scenes[0]); i++)
		tests[i + 1] = (struct CMUnitTest){ .name = scenes[i].name,
						    .test_func = play,
						    .initial_state = (void *)&scenes[i] };
	return cmocka_run_group_tests_name("completion", tests, NULL, NULL);
}
