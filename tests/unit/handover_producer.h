/* SPDX-License-Identifier: GPL-2.0-only */
/* A producer that hands its ring over, as a thread. Include it after cmocka.h. */
#ifndef TEST_PRODUCER_H
#define TEST_PRODUCER_H

#include <pthread.h>
#include <stdio.h>

#include "handover/connect.h"
#include "source/source.h"
#include "handover.h"
#include "lab.h"

#define FIND_MS 100 /* for a consumer that listens */

/* A producer's run, which closes its end of the pipe when it has finished. */
struct producer {
	pthread_t thread;
	const char *spec;
	unsigned blocks;
	unsigned doubt,
		lost;  /* blocks before which data may be missing, and datagrams are; 0: none */
	bool dies;     /* after the last block, without an end message */
	int found, rc; /* what came of it */
	char error[256];
	uint64_t reused, given;	  /* blocks, by how they came back */
	uint64_t bytes;		  /* that the path counts */
	uint64_t pending;	  /* blocks that are waited for at the end */
	struct zcdma_ctx *ctx;	  /* for interrupt() */
	_Atomic bool interrupted; /* while it waited for its ring to be taken */
	void *_Atomic page;	  /* its mapping of the page */
};

static inline void reap(struct producer *p, struct zcdma_source *src, struct zcdma_path *path)
{
	struct zcdma_block b;

	while (zc_path_reap(path, &b)) {
		bool give = b.flags & ZC_BLOCK_REPLACE;

		p->given += give;
		p->reused += !give;
		zc_source_put(src, &b, give ? ZC_PUT_REPLACE : ZC_PUT_REUSE);
	}
}

static inline int send_blocks(struct producer *p, struct zcdma_ctx *c, struct zcdma_source *src,
			      struct zcdma_path *path)
{
	struct zcdma_block b;
	int rc = zcdma_source_start(src);

	for (unsigned i = 0; !rc && i < p->blocks; i++) {
		reap(p, src, path);
		while (!rc && (rc = zc_source_take(src, 0, &b)) == -EAGAIN) {
			rc = zc_wait(c, src, path, ZC_WAIT_BLOCK | ZC_WAIT_COMPLETION, LIMIT_MS);
			reap(p, src, path);
		}
		if (rc != 1)
			return rc;
		if (i && i == p->doubt)
			b.flags |= ZCDMA_BLOCK_DISCONTINUITY;
		if (i && i == p->lost)
			b.lost[ZCDMA_LOST_NETWORK] = (struct zcdma_loss){ 3, ZCDMA_UNKNOWN };
		while ((rc = zc_path_try(path, &b)) == ZC_SENT_BUSY) {
			rc = zc_wait(c, src, path, ZC_WAIT_ROOM, LIMIT_MS);
			if (rc)
				return rc;
			reap(p, src, path);
		}
		if (rc == ZC_SENT_DONE)
			zc_source_put(src, &b, ZC_PUT_REUSE);
		rc = rc < 0 ? rc : 0;
	}
	return rc;
}

static inline int open_path(struct producer *p, struct zcdma_handover *reader,
			    struct zcdma_source *src, struct zcdma_path **path)
{
	int rc;

	while ((rc = zcdma_path_open_handover(reader, src, path)) == -EINTR) {
		zcdma_resume(p->ctx);
		p->interrupted = true;
	}
	return rc;
}

static inline void *produce(void *arg)
{
	struct producer *p = arg;
	struct zcdma_handover *reader;
	struct zcdma_path_stats s;
	struct zcdma_source *src = NULL;
	struct zcdma_path *path = NULL;
	struct zcdma_ctx *c;

	p->found = p->rc = zcdma_new(&c);
	if (p->rc)
		return NULL;
	p->ctx = c;
	p->found = p->rc = zcdma_handover_find(c, pipe_fd[1], FIND_MS, &reader);
	if (!p->rc) {
		p->rc = zcdma_source_open(c, p->spec, &src);
		if (!p->rc)
			p->found = p->rc = open_path(p, reader, src, &path);
		if (p->rc)
			zcdma_handover_free(reader);
	}
	if (path) {
		p->page = reader->page.map;
		p->rc = send_blocks(p, c, src, path);
		if (!p->rc)
			p->rc = zc_path_end(path, !p->dies, UINT64_MAX);
		reap(p, src, path);
		zcdma_path_get_stats(path, &s, sizeof(s));
		p->bytes = s.bytes;
		p->pending = s.pending_blocks;
	}
	snprintf(p->error, sizeof(p->error), "%s", zcdma_error(c));
	zcdma_path_close(path);
	zcdma_source_close(src);
	zcdma_free(c);
	close_end(1);
	return NULL;
}

static inline void start(struct producer *p)
{
	assert_int_equal(pthread_create(&p->thread, NULL, produce, p), 0);
}

static inline void join(struct producer *p)
{
	struct timespec limit;

	clock_gettime(CLOCK_REALTIME, &limit);
	limit.tv_sec += LIMIT_MS / 1000;
	if (pthread_timedjoin_np(p->thread, NULL, &limit))
		fail_msg("the producer has not finished in %u ms", LIMIT_MS);
}

#endif
