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

void trigger_open(struct trigger *tr)
{
	if (!tr->on)
		return;
	signals_trigger_at_usr2();
	tr->seen = signals_triggers();
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

/* Have room for the blocks of the ring, which is another one where a writer hands its own over. */
static void resize(struct trigger *tr, struct zcdma_source *src)
{
	struct zcdma_source_info info;
	struct zcdma_block *held;
	unsigned room, count = 0;

	zcdma_source_get_info(src, &info, sizeof(info));
	room = info.blocks * HELD_OF_FOUR / 4;
	room = room ? room : 1;
	if (room == tr->room)
		return;
	while (tr->count > room)
		release_oldest(tr, src);
	held = xalloc(calloc(room, sizeof(*held)));
	while (trigger_take(tr, &held[count]))
		count++;
	free(tr->held);
	tr->held = held;
	tr->room = room;
	tr->first = 0;
	tr->count = count;
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
	resize(tr, t->src);
	while (tr->count && b->time_ns - tr->held[tr->first].time_ns > tr->before_ns)
		release_oldest(tr, t->src);
	if (tr->count == tr->room) {
		note_full(tr, t, b->time_ns - tr->held[tr->first].time_ns);
		release_oldest(tr, t->src);
	}
	tr->held[(tr->first + tr->count++) % tr->room] = *b;
}

bool trigger_give_back(struct trigger *tr, struct zcdma_source *src)
{
	const bool any = tr->count;

	while (tr->count)
		release_oldest(tr, src);
	return any;
}

void trigger_close(struct trigger *tr, struct zcdma_source *src)
{
	trigger_give_back(tr, src);
	free(tr->held);
	tr->held = NULL;
}
