// SPDX-License-Identifier: LGPL-2.1-or-later
/* The connections of a capture, as long as there is room to list them. */
#include "packet/wire_connections.h"

#include <stdlib.h>

/* Connections at once, in the list as well: ended ones make room for others. */
#define MOST_CONNECTIONS 16384u
/*
 * How long a flow of datagrams is silent, by the times of the packets, before it may be ended to make room: nothing
 * else says that it has ended. RFC 4787, 4.3, has address translators keep a flow for two minutes.
 */
#define IDLE_NS 120000000000u
/* Connections whose end was captured, and which wait for packets that are captured late. */
#define MOST_CLOSING 64

int zc_connections_init(struct zc_connections *c)
{
	TAILQ_INIT(&c->all);
	TAILQ_INIT(&c->datagrams);
	TAILQ_INIT(&c->closing);
	TAILQ_INIT(&c->clean);
	TAILQ_INIT(&c->noted);
	c->table = zc_flow_table_new();
	return c->table ? 0 : -ENOMEM;
}

static void leave_queue(struct zc_connections *c, struct zc_connection *one)
{
	if (!one->queue)
		return;
	TAILQ_REMOVE(one->queue, one, in_queue);
	c->closing_count -= one->queue == &c->closing;
	one->queue = NULL;
}

static void enter_queue(struct zc_connections *c, struct zc_connection *one,
			struct zc_connection_queue *queue)
{
	leave_queue(c, one);
	TAILQ_INSERT_TAIL(queue, one, in_queue);
	c->closing_count += queue == &c->closing;
	one->queue = queue;
}

/*
 * Ending
 */

static void end(struct zc_connections *c, struct zc_connection *one)
{
	bool clean;

	if (one->state == ZC_CONNECTION_ENDED)
		return;
	zc_wire_stream_end(&one->dir[0]);
	zc_wire_stream_end(&one->dir[1]);
	one->state = ZC_CONNECTION_ENDED;
	clean = zc_wire_stream_is_clean(&one->dir[0]) && zc_wire_stream_is_clean(&one->dir[1]);
	enter_queue(c, one, clean ? &c->clean : &c->noted);
}

/* End a connection of which all was captured; let another one wait for late packets, as long as there is room. */
static void close_down(struct zc_connections *c, struct zc_connection *one)
{
	if (zc_reassembly_is_complete(&one->dir[0].reassembly) &&
	    zc_reassembly_is_complete(&one->dir[1].reassembly)) {
		end(c, one);
		return;
	}
	if (one->state == ZC_CONNECTION_CLOSING)
		return;
	one->state = ZC_CONNECTION_CLOSING;
	if (c->closing_count == MOST_CLOSING)
		end(c, TAILQ_FIRST(&c->closing));
	enter_queue(c, one, &c->closing);
}

/* Open a connection again: it goes on, as its reset was not accepted. */
static void reopen(struct zc_connections *c, struct zc_connection *one)
{
	leave_queue(c, one);
	one->state = ZC_CONNECTION_OPEN;
	c->ended -= one->has_end;
	one->has_end = false;
}

void zc_connections_note_end(struct zc_connections *c, struct zc_connection *one)
{
	if (!zc_wire_stream_has_data(&one->dir[0]) && !zc_wire_stream_has_data(&one->dir[1]))
		return;
	c->ended += !one->has_end;
	one->has_end = true;
}

void zc_connections_note_state(struct zc_connections *c, struct zc_connection *one)
{
	const struct zc_reassembly *a = &one->dir[0].reassembly, *b = &one->dir[1].reassembly;
	bool over = zc_reassembly_is_over(a) && zc_reassembly_is_over(b);

	if (over || a->reset == ZC_TCP_RESET || b->reset == ZC_TCP_RESET) {
		zc_connections_note_end(c, one);
		close_down(c, one);
	} else if (one->state == ZC_CONNECTION_CLOSING) {
		reopen(c, one);
	}
}

void zc_connections_note_datagram(struct zc_connections *c, struct zc_connection *one)
{
	one->last_ns = c->now_ns;
	if (one->state != ZC_CONNECTION_ENDED)
		enter_queue(c, one, &c->datagrams);
}

void zc_connections_end(struct zc_connections *c)
{
	struct zc_connection *one;

	TAILQ_FOREACH(one, &c->all, in_all)
	end(c, one);
}

/*
 * Room
 */

static void remove_one(struct zc_connections *c, struct zc_connection *one)
{
	zc_flow_table_remove(c->table, &one->flow);
	TAILQ_REMOVE(&c->all, one, in_all);
	leave_queue(c, one);
	c->count--;
	zc_budget_return(&c->streams.checks, sizeof(*one));
	free(one);
}

/* Report that a stream is dropped from the list. */
static void drop_stream(struct zc_connections *c, const struct zc_wire_stream *s)
{
	const struct zcdma_wire_options *o = c->streams.options;
	struct zcdma_wire_stream stream;

	if (!zc_wire_stream_has_data(s))
		return;
	c->unlisted++;
	if (!o->dropped)
		return;
	zc_wire_stream_get(s, &stream);
	o->dropped(o->arg, &stream);
}

/* Drop an ended connection from the list; those with something to report go last. Returns false if none has ended. */
static bool drop_one(struct zc_connections *c)
{
	struct zc_connection *one = TAILQ_FIRST(&c->clean);

	if (!one)
		one = TAILQ_FIRST(&c->noted);
	if (!one)
		return false;
	drop_stream(c, &one->dir[0]);
	drop_stream(c, &one->dir[1]);
	c->listing = false;
	remove_one(c, one);
	return true;
}

/* End the flow of datagrams that has been silent for longest. Returns false unless that is long. */
static bool end_idle(struct zc_connections *c)
{
	struct zc_connection *one = TAILQ_FIRST(&c->datagrams);

	if (!one || one->last_ns + IDLE_NS > c->now_ns)
		return false;
	end(c, one);
	return true;
}

static bool make_room(struct zc_connections *c)
{
	return drop_one(c) || (end_idle(c) && drop_one(c));
}

static struct zc_connection *allocate(struct zc_connections *c)
{
	struct zc_connection *one;

	if (c->count == MOST_CONNECTIONS && !make_room(c))
		return NULL;
	while (!zc_budget_take(&c->streams.checks, sizeof(*one))) {
		if (!make_room(c))
			return NULL;
	}
	one = calloc(1, sizeof(*one));
	if (!one)
		zc_budget_return(&c->streams.checks, sizeof(*one));
	return one;
}

/* Add a connection. Returns NULL without room for it. */
static struct zc_connection *add(struct zc_connections *c, const struct zc_flow_key *key)
{
	struct zc_connection *one = allocate(c);

	if (!one)
		return NULL;
	one->flow.key = *key;
	for (unsigned i = 0; i < 2; i++)
		zc_wire_stream_begin(&one->dir[i], &c->streams, &one->flow, i);
	one->dir[0].reassembly.peer = &one->dir[1].reassembly;
	one->dir[1].reassembly.peer = &one->dir[0].reassembly;
	zc_flow_table_add(c->table, &one->flow);
	TAILQ_INSERT_TAIL(&c->all, one, in_all);
	c->count++;
	c->begun++;
	return one;
}

struct zc_connection *zc_connections_replace(struct zc_connections *c, struct zc_connection *one)
{
	const struct zc_flow_key key = one->flow.key;
	const struct zc_stray_syn syn = one->stray_syn;

	end(c, one);
	zc_flow_table_remove(c->table, &one->flow);
	one = add(c, &key);
	if (one && syn.pending)
		zc_reassembly_begin(&one->dir[syn.from].reassembly, syn.first);
	return one;
}

struct zc_connection *zc_connections_get(struct zc_connections *c, const struct zc_frame *frame,
					 unsigned *from)
{
	struct zc_flow_key key;
	struct zc_flow *flow;

	*from = zc_flow_key_of(frame, &key);
	flow = zc_flow_table_find(c->table, &key);
	return flow ? (struct zc_connection *)flow : add(c, &key);
}

bool zc_connections_next_stream(struct zc_connections *c, struct zcdma_wire_stream *stream)
{
	if (!c->listing) {
		c->listed = TAILQ_FIRST(&c->all);
		c->listed_dir = 0;
	}
	c->listing = true;
	while (c->listed) {
		const struct zc_wire_stream *s = &c->listed->dir[c->listed_dir];

		c->listed_dir = !c->listed_dir;
		if (!c->listed_dir)
			c->listed = TAILQ_NEXT(c->listed, in_all);
		if (!zc_wire_stream_has_data(s))
			continue;
		zc_wire_stream_get(s, stream);
		return true;
	}
	c->listing = false;
	return false;
}

void zc_connections_drop(struct zc_connections *c)
{
	struct zc_connection *one;

	while ((one = TAILQ_FIRST(&c->all)))
		remove_one(c, one);
	zc_flow_table_free(c->table);
}
