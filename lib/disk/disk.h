/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A disk: for each queue of its ublk device an io_uring and a connection, which one thread serves. ublk.c adds and
 * removes the device, queues.c its queues, queue.c takes a queue's requests and completes them, wire.c sends them to the
 * server and receives the answers, connection.c connects and loses it, loop.c runs all of that.
 */
#ifndef ZCDMA_DISK_DISK_H
#define ZCDMA_DISK_DISK_H

#include <pthread.h>

#include <zcdma/disk.h>

#include "disk/nbd.h"
#include "disk/ublk_abi.h"
#include "path/uring_compat.h"

/* Requests at a time of each queue, unless asked otherwise; the most; and the most bytes of one. */
#define ZC_DISK_DEPTH	     64
#define ZC_DISK_DEPTH_MOST   ZCDMA_DISK_DEPTH_MOST
#define ZC_DISK_REQUEST_MOST (1u << 20)

/* Bytes at a time through memory of ours: it is to stay in the processor's cache. */
#define ZC_DISK_CHUNK (256u << 10)

#define ZC_DISK_NO_TAG ZC_DISK_DEPTH_MOST

/* The most sends without a copy whose pages are not free yet. */
#define ZC_DISK_PENDING 4096

/* What a user_data holds: an event, and from this bit on a tag. */
#define ZC_DISK_TAG_SHIFT 8

/* What a completion is of. */
enum zc_disk_event {
	ZC_DISK_FETCH, /* of a tag: a request */
	ZC_DISK_SEND,  /* its tag is the number of one without a copy */
	ZC_DISK_RECEIVE,
	ZC_DISK_CALL,
	ZC_DISK_WAKE,
	ZC_DISK_TICK,
	ZC_DISK_CANCEL,
	ZC_DISK_EVENTS,
};

enum zc_disk_state {
	ZC_DISK_IN_KERNEL, /* the kernel has it: no request, or a completed one */
	ZC_DISK_QUEUED,	   /* to be sent */
	ZC_DISK_SENT,	   /* it, or a part of it */
	ZC_DISK_GONE,	   /* the kernel gives out no more of it */
};

struct zc_disk_slot {
	enum zc_disk_state state;
	uint16_t command, flags; /* of NBD */
	uint32_t len;
	uint64_t offset;
	uint64_t since_ns;
	uint32_t generation; /* counts the requests of this tag: an old answer has another */
	uint64_t covers;     /* of a flush: .written as it was sent */
	bool answered;	     /* while its data is still being sent */
	int result;
};

struct zc_disk_wire {
	int fd; /* -1: not connected */
	bool lost;
	bool silent; /* lost, as its server does not answer: wait until it has ended the connection too */
	bool sorted; /* lost, and its requests have failed, or wait for another */
	uint64_t lost_ns;
	bool sending, receiving; /* an operation is in flight */
	uint64_t heard_ns;	 /* when something came, or was taken, last */
	uint64_t retry_ns;	 /* when to connect again */
	/* Tags to be sent, in a ring. */
	uint16_t queue[ZC_DISK_DEPTH_MOST];
	unsigned queue_first, queued;
	/* What is being sent: requests, and the data of the last of them. */
	struct zc_nbd_request requests[ZC_DISK_DEPTH_MOST];
	size_t requests_len, requests_sent;
	unsigned from; /* tag, or ZC_DISK_NO_TAG */
	uint32_t from_done;
	/* What is being received: a reply, or data of a request. */
	struct zc_nbd_reply reply;
	size_t reply_len;
	unsigned into;
	uint32_t into_done;
	/* Sends without a copy: the bytes of each whose pages may still be read, by its number. 0: the number is free. */
	uint32_t pending[ZC_DISK_PENDING];
	unsigned pending_next;
	bool without_copy; /* the send in flight is one */
	unsigned char discarded[4096];
	unsigned char *in, *out; /* ZCDMA_DISK_COPY_USER */
	uint32_t out_len, out_sent;
};

/*
 * A queue of the device, and the connection that its requests go over. One thread serves it, and no other changes it.
 */
struct zc_disk_queue {
	struct zcdma_disk *d;
	unsigned number;
	struct zcdma_ctx *
		ctx; /* for its errors, and to interrupt it; of the first the disk's, else its own */
	pthread_t thread;
	bool has_thread; /* the first has none: the caller's serves it */
	bool away;	 /* under the disk's lock: its connection is lost */
	bool ended;	 /* its requests fail, as the disk is dead */
	struct io_uring ring;
	bool has_ring;
	uint64_t refused_ns;	/* since when the kernel takes no submissions, or 0 */
	struct zc_error broken; /* as that went on: nothing is served any more */
	union {
		struct io_uring_sqe sqe;
		unsigned char bytes[128];
	} unused;	   /* in place of submissions then */
	bool wakes, ticks; /* these are armed */
	bool calling;
	int answer;
	bool fetched; /* the kernel has had each tag */
	/* Writes that were answered, and those of them that a flush was answered for. */
	uint64_t written, flushed;
	bool unsure; /* a connection that is over answered some that the next flush need not be for */
	const struct ublksrv_io_desc *requests;
	struct zc_disk_slot slots[ZC_DISK_DEPTH_MOST];
	unsigned asked; /* slots that are ZC_DISK_SENT */
	struct zc_disk_wire wire;
	struct zcdma_disk_stats stats; /* zc_disk_count() alone changes them */
};

struct zcdma_disk {
	struct zcdma_ctx *ctx;
	struct zcdma_disk_options options;
	struct zc_nbd_target target;
	struct zc_nbd_export export;
	struct zcdma_disk_info info;
	char path[32];

	int control_fd;
	int char_fd;
	uint64_t device_flags;
	bool added;
	bool starting;	      /* an interrupt ends it */
	atomic_bool stopping; /* and nothing else has it: a server that is lost is not waited for */
	atomic_bool dead;     /* the server is lost for good: each request fails */
	atomic_bool quitting; /* threads end, and leave the device as it is */
	unsigned depth;
	struct zc_disk_queue *queues[ZCDMA_DISK_CONNECTIONS_MOST];
	unsigned queue_count;	  /* the device has as many, once it is added */
	pthread_mutex_t lock;	  /* of what follows, and of what the queues have under it */
	struct zc_error why_dead; /* or why a connection was lost last */
	uint64_t reconnects;
	char why_lost[sizeof(((struct zc_error *)0)->error)]; /* the caller's copy of that */
};

/* Make a disk of @o that is not connected, and has no device. Returns NULL without memory. */
struct zcdma_disk *zc_disk_new(struct zcdma_ctx *ctx, const struct zcdma_disk_options *o);

/* Add @n to a figure of the queue that the calling thread serves; others may read it. */
static inline void zc_disk_count(uint64_t *figure, uint64_t n)
{
	__atomic_store_n(figure, *figure + n, __ATOMIC_RELAXED);
}

static inline void zc_disk_set_state(struct zc_disk_queue *q, unsigned tag,
				     enum zc_disk_state state)
{
	struct zc_disk_slot *s = &q->slots[tag];

	q->asked += (state == ZC_DISK_SENT) - (s->state == ZC_DISK_SENT);
	s->state = state;
}

/*
 * queues.c
 */

/* Add a queue that is not connected, whose errors are @ctx's, or with NULL its own. Returns NULL without memory. */
struct zc_disk_queue *zc_queues_new(struct zcdma_disk *d, struct zcdma_ctx *ctx);

/*
 * Add queues until there are @count, each with a connection that agreed on the same export, and an io_uring. Returns 0
 * or a negative errno with the error message set.
 */
int zc_queues_connect(struct zcdma_disk *d, unsigned count);

/* Have each queue but the first served. Returns 0 or a negative errno with the error message set. */
int zc_queues_start(struct zcdma_disk *d);

/* Have each queue but the first, and but @q, look at what has changed of the disk. */
void zc_queues_wake(struct zcdma_disk *d, const struct zc_disk_queue *q);

/* Wait until the threads have ended, as the device is stopped, or .quitting is set. */
void zc_queues_join(struct zcdma_disk *d);

/* Returns whether a connection is lost. */
bool zc_queues_are_away(const struct zcdma_disk *d);

/* Returns why one was lost last, which stays as it is until the next call, or NULL. */
const char *zc_queues_lost_reason(const struct zcdma_disk *d);

/* Returns the figures of all of them. */
struct zcdma_disk_stats zc_queues_stats(const struct zcdma_disk *d);

/* Free all queues. Returns false if memory has to stay: what could not be waited for may still use it. */
bool zc_queues_free(struct zcdma_disk *d);

/*
 * loop.c
 */

/* Make the io_uring. Returns 0 or a negative errno with the error message set. */
int zc_disk_ring_open(struct zc_disk_queue *q);

/*
 * Get a submission for @opcode, all zeros else, whose completion is an @event of @tag. Never NULL: what is not submitted, as
 * the ring broke, is the caller's too.
 */
struct io_uring_sqe *zc_disk_sqe(struct zc_disk_queue *q, uint8_t opcode, int fd,
				 enum zc_disk_event event, unsigned tag);

/* Returns the tag of a completion. */
static inline unsigned zc_disk_tag(const struct io_uring_cqe *cqe)
{
	return (unsigned)(cqe->user_data >> ZC_DISK_TAG_SHIFT);
}

/*
 * Serve until @done returns true, -1 ms being without a limit. Returns 0; -ETIMEDOUT; with @can_interrupt -EINTR after
 * zcdma_interrupt(); or another negative errno with the error message set.
 */
int zc_disk_run(struct zc_disk_queue *q, bool (*done)(const struct zc_disk_queue *q),
		int timeout_ms, bool can_interrupt);

/* Returns whether an event ZC_DISK_CALL has completed, since .calling was set. */
bool zc_disk_has_answer(const struct zc_disk_queue *q);

/* Serve until the operation @sqe, an event ZC_DISK_CALL, has completed. Returns its result. */
int zc_disk_call(struct zc_disk_queue *q, struct io_uring_sqe *sqe);

/*
 * ublk.c. These return 0 or a negative errno with the error message set.
 */

int zc_ublk_open(struct zcdma_disk *d);	 /* the control device */
int zc_ublk_add(struct zcdma_disk *d);	 /* the device, or take one over that waits for a process */
int zc_ublk_start(struct zcdma_disk *d); /* once each tag is fetched */

/* Stop the device, so that the kernel has no request left, and delete it. */
void zc_ublk_remove(struct zcdma_disk *d);

/*
 * queue.c
 */

/* Map the kernel's descriptions of requests. Returns 0 or a negative errno with the error message set. */
int zc_queue_map(struct zc_disk_queue *q);
void zc_queue_unmap(struct zc_disk_queue *q);

/* Ask for the first request of each tag. */
void zc_queue_fetch(struct zc_disk_queue *q);

/* Handle a completion of a tag: a request, or the end of the device. */
void zc_queue_take(struct zc_disk_queue *q, unsigned tag, int result);

/* Complete a request with @result, bytes or a negative errno. */
void zc_queue_complete(struct zc_disk_queue *q, unsigned tag, int result);

/* Returns whether no tag is the kernel's, or a request. */
bool zc_queue_is_gone(const struct zc_disk_queue *q);

/*
 * wire.c
 */

/* Queue a request to be sent. */
void zc_wire_queue(struct zc_disk_queue *q, unsigned tag);

/* Handle completions. */
void zc_wire_sent(struct zc_disk_queue *q, const struct io_uring_cqe *cqe);
void zc_wire_received(struct zc_disk_queue *q, int result);

/* Submit what can be sent and received next. */
void zc_wire_go_on(struct zc_disk_queue *q);

/*
 * connection.c
 */

/* Begin with a connection. */
void zc_conn_attach(struct zc_disk_queue *q, int fd);

/* The connection is over, by the context's last error, @rc. What is in flight ends by this, and the rest follows then. */
void zc_conn_lose(struct zc_disk_queue *q, int rc);

/* Give the server up: each request, of each queue, fails from now on. The error is the context's last one. */
void zc_conn_give_up(struct zc_disk_queue *q, int rc);

/* Handle what came by a lost connection: its data, its end, or an error. */
void zc_conn_discard(struct zc_disk_queue *q, int result);

/* Submit what is next, or end a lost connection once nothing of it is in flight. */
void zc_conn_go_on(struct zc_disk_queue *q);

/* Look for requests that time out, and connect again where it is time. */
void zc_conn_tick(struct zc_disk_queue *q);

/* End the connection in the protocol's way, if nothing is in flight. */
void zc_conn_close(struct zc_disk_queue *q);

/*
 * guard.c
 */

/* Keep the process from waiting for the device that it serves. Returns 0 or a negative errno with the error message set. */
int zc_disk_guard(struct zcdma_ctx *ctx);

#endif
