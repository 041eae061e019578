// SPDX-License-Identifier: GPL-2.0-only
/* Recording around an event. */
#include "record/trigger.h"

#include <stdlib.h>

#include "cli/clock.h"
#include "cli/opts.h"
#include "cli/signals.h"
#include "cli/xalloc.h"
#include "record/split.h"

/* At most three blocks of four are held: the device goes on with the fourth. */
#define HELD_OF_FOUR 3

bool trigger_parse(struct report *r, const char *before, const char *after, const char *trigger,
		   struct trigger *tr)
{
	static const char *const triggers[] = { "signal:USR2", NULL };

	if (trigger && opts_choice(r, "--trigger", trigger, triggers) < 0)
		return false;
	if (!trigger && (before || after))
		return report_error(r, STATUS_ERROR, "add --trigger=signal:USR2",
				    "%s: nothing triggers a recording",
				    before ? "--before" : "--after") == STATUS_OK;
	tr->on = trigger;
	return time_parse(r, "--before", before, &tr->before_ns) &&
	       time_parse(r, "--after", after, &tr->after_ns);
}

void trigger_open(struct trigger *tr, struct transfer *t)
{
	struct zcdma_source_info info;

	if (!tr->on)
		return;
	signals_trigger_at_usr2();
	tr->seen = signals_triggers();
	zcdma_source_get_info(t->src, &info, sizeof(info));
	tr->room = info.blocks * HELD_OF_FOUR / 4;
	if (!tr->room)
		tr->room = 1;
	tr->held = xalloc(calloc(tr->room, sizeof(*tr->held)));
}

bool trigger_fired(struct trigger *tr)
{
	const unsigned now = signals_triggers();

	if (!tr->on || now == tr->seen)
		return false;
	tr->seen = now;
	tr->events += !tr->open;
	tr->open = true;
	tr->until_ns = now_ns() + tr->after_ns;
	return true;
}

bool trigger_take(struct trigger *tr, struct zcdma_block *b)
{
	if (!tr->count)
		return false;
	*b = tr->held[tr->first];
	tr->first = (tr->first + 1) % tr->room;
	tr->count--;
	return true;
}

static void release_oldest(struct trigger *tr, struct zcdma_source *src)
{
	struct zcdma_block b;

	if (trigger_take(tr, &b))
		zcdma_block_release(src, &b);
}

/* Say once that the ring is too small for what was asked for. */
static void note_full(struct trigger *tr, struct transfer *t, uint64_t held_ns)
{
	if (tr->full_noted)
		return;
	tr->full_noted = true;
	report_note(t->report,
		    "--before: the ring holds %.3f s of data, and no more (try more blocks=)",
		    (double)held_ns / 1e9);
}

void trigger_hold(struct trigger *tr, struct transfer *t, const struct zcdma_block *b)
{
	while (tr->count && b->time_ns - tr->held[tr->first].time_ns > tr->before_ns)
		release_oldest(tr, t->src);
	if (tr->count == tr->room) {
		note_full(tr, t, b->time_ns - tr->held[tr->first].time_ns);
		release_oldest(tr, t->src);
	}
	tr->held[(tr->first + tr->count++) % tr->room] = *b;
}

void trigger_close(struct trigger *tr, struct zcdma_source *src)
{
	while (tr->count)
		release_oldest(tr, src);
	free(tr->held);
	tr->held = NULL;
}
