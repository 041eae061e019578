// SPDX-License-Identifier: GPL-2.0-only
/*
 * The path that hands a ring over, to a reader that does anything at any time: a block comes back once, only while
 * it is out, and no more is counted as sent than was.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#include "path/path.h"
#include "handover/connect.h"
#include "bytes.h"
#include "fuzz.h"
#include "../unit/lab.h"

#define PAGE   4096u
#define BLOCKS 6u    /* of the ring in memory */
#define IDS    1024u /* blocks of which the reader knows where they are */

const char *const fuzz_seeds[] = { NULL };

struct run {
	struct bytes in;
	struct zcdma_source src;
	struct zcdma_path *path;
	int reader;  /* its end of the socket */
	int pipe_rd; /* and of the pipe */
	bool file;
	bool out[ZC_HO_FILE_BLOCKS];
	bool busy; /* with the block b */
	struct zcdma_block b;
	uint64_t taken, bytes;	   /* from the source, in blocks and in bytes */
	uint32_t slot_of[IDS];	   /* as announced to the reader */
	uint64_t announced, first; /* blocks, and the first that the reader has not released */
	bool ended;
};

static int ring_fd;
static unsigned char *ring;

/*
 * The source: a ring whose blocks are always full
 */

static int share(const struct zcdma_source *src, struct zc_ring_desc *desc)
{
	const bool file = src->file_fd >= 0;

	*desc = (struct zc_ring_desc){ .kind = file ? ZC_RING_FILE : ZC_RING_MEMORY,
				       .blocks = BLOCKS,
				       .block_size = PAGE,
				       .stride = file ? 0 : PAGE,
				       .page_size = PAGE };
	return ring_fd;
}

static const struct zc_source_ops ops = { .type = { .name = "ring" }, .share = share };

static void make_ring(void)
{
	const int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

	if (ring)
		return;
	ring_fd = memfd_create("ring", MFD_ALLOW_SEALING);
	fuzz_assert(!ftruncate(ring_fd, ZC_HO_FILE_BLOCKS * PAGE));
	fuzz_assert(!fcntl(ring_fd, F_ADD_SEALS, seals));
	ring = mmap(NULL, BLOCKS * PAGE, PROT_READ, MAP_SHARED, ring_fd, 0);
	fuzz_assert(ring != MAP_FAILED);
}

/* Set @r->b to a block that is not out. Returns false if all are out. */
static bool next_block(struct run *r)
{
	unsigned i = 0;

	while (i < (r->file ? ZC_HO_FILE_BLOCKS : BLOCKS) && r->out[i])
		i++;
	if (i == (r->file ? ZC_HO_FILE_BLOCKS : BLOCKS))
		return false;
	r->b = (struct zcdma_block){ .data = r->file ? NULL : ring + i * PAGE,
				     .len = 1 + take_short(&r->in) % PAGE,
				     .index = i,
				     .seq = r->taken++,
				     .offset = r->bytes,
				     .fd = ring_fd,
				     .fd_offset = i * PAGE };
	r->bytes += r->b.len;
	r->out[i] = true;
	return true;
}

static void come_back(struct run *r, const struct zcdma_block *b)
{
	fuzz_assert(b->index < ZC_HO_FILE_BLOCKS && r->out[b->index]);
	r->out[b->index] = false;
}

/*
 * The writer
 */

static void send_block(struct run *r, unsigned how)
{
	int rc;

	(void)how;
	if (!r->busy && !next_block(r))
		return;
	rc = zc_path_try(r->path, &r->b);
	r->busy = rc == ZC_SENT_BUSY;
	r->ended = rc < 0;
	if (rc == ZC_SENT_DONE)
		come_back(r, &r->b);
}

static void reap_block(struct run *r, unsigned how)
{
	struct zcdma_block b;

	(void)how;
	if (zc_path_reap(r->path, &b))
		come_back(r, &b);
}

static void flush(struct run *r, unsigned how)
{
	(void)how;
	r->path->ops->flush(r->path);
}

static void attend(struct run *r, unsigned how)
{
	r->ended = r->path->ops->attend(r->path, how & 1 ? POLLIN : POLLIN | POLLOUT);
}

/* End the path. An interruption keeps it from waiting for a reader that never answers. */
static void finish(struct run *r, unsigned how)
{
	zcdma_interrupt(r->src.ctx);
	(void)!zc_path_end(r->path, how & 1, UINT64_MAX);
	r->ended = true;
}

/*
 * The reader
 */

static void hear(struct run *r, unsigned how)
{
	struct zc_ho_msg msg;

	(void)how;
	if (zc_ho_recv(r->reader, &msg, NULL) != 1 || msg.head.type != ZC_HO_BLOCK)
		return;
	for (uint32_t i = 0; i < msg.head.count; i++) {
		fuzz_assert(msg.block[i].id == r->announced);
		r->slot_of[r->announced++ % IDS] = msg.block[i].slot;
	}
}

/* Release a block, in most cases one that the reader has. */
static void release(struct run *r, unsigned how)
{
	uint64_t ahead = how & 1 ? take_byte(&r->in) % 4 : 0, id = r->first + ahead;
	struct zc_ho_msg msg;

	if (id >= r->announced && !(how & 4))
		return;
	zc_ho_begin(&msg, ZC_HO_RELEASE, 1);
	msg.release[0] = (struct zc_ho_release){ .id = id,
						 .how = how >> 1 & 1,
						 .slot = r->slot_of[id % IDS] };
	if (!zc_ho_send(r->reader, &msg, NULL) && !ahead)
		r->first++;
}

static void leave(struct run *r, unsigned how)
{
	struct zc_ho_msg msg;

	zc_ho_begin(&msg, ZC_HO_LEAVE, 1);
	msg.leave.id = how & 1 ? r->first : take_byte(&r->in);
	msg.leave.skip = how & 2 ? take_short(&r->in) : 0;
	msg.leave.how = how >> 2 & 1;
	(void)!zc_ho_send(r->reader, &msg, NULL);
}

static void send_raw(struct run *r, unsigned how)
{
	struct zc_ho_msg msg = { .head = { 0 } };
	const uint8_t *data;
	size_t len = take_data(&r->in, take_byte(&r->in), &data);

	memcpy(&msg, data, len);
	if (how & 1) {
		msg.head.magic = ZC_HO_MAGIC;
		msg.head.version = ZC_HO_VERSION;
		msg.head.reserved = 0;
	}
	(void)!send(r->reader, &msg, len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void read_pipe(struct run *r, unsigned how)
{
	char data[PAGE];

	(void)how;
	(void)!read(r->pipe_rd, data, sizeof(data));
}

static void hang_up(struct run *r, unsigned how)
{
	(void)how;
	shutdown(r->reader, SHUT_RDWR);
}

static void (*const steps[])(struct run *r, unsigned how) = {
	send_block, send_block, send_block, reap_block, reap_block, flush,
	attend,	    attend,	hear,	    hear,	release,    read_pipe,
};
static void (*const rare_steps[])(struct run *r, unsigned how) = {
	leave,
	send_raw,
	hang_up,
	finish,
};

static void do_step(struct run *r)
{
	unsigned op = take_byte(&r->in);
	struct zcdma_path_stats stats;

	if (op >= 4)
		steps[op % ARRAY_SIZE(steps)](r, op / ARRAY_SIZE(steps));
	else
		rare_steps[op](r, take_byte(&r->in));
	zcdma_path_get_stats(r->path, &stats, sizeof(stats));
	fuzz_assert(stats.bytes <= r->bytes);
	fuzz_assert(stats.pending_blocks <= ZC_HO_FILE_BLOCKS);
}

/* Have the ring offered and accepted. */
static void open_path(struct run *r, int pipe_wr)
{
	struct zcdma_handover *peer = calloc(1, sizeof(*peer));
	struct zc_ho_msg msg;
	int pair[2];

	fuzz_assert(peer && !socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair));
	*peer = (struct zcdma_handover){ .ctx = r->src.ctx, .pipe_fd = pipe_wr, .sock = pair[0] };
	r->reader = pair[1];
	zc_ho_begin(&msg, ZC_HO_ACCEPT, 0);
	fuzz_assert(!zc_ho_send(r->reader, &msg, &r->pipe_rd));
	fuzz_assert(!zcdma_path_open_handover(peer, &r->src, &r->path));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct run r = { .in = { data, size } };
	int ends[2];

	make_ring();
	r.file = take_byte(&r.in) & 1;
	r.src = (struct zcdma_source){ .ops = &ops,
				       .name = (char *)"ring",
				       .poll_fd = -1,
				       .active = true,
				       .uses = ZC_USE_SHARE,
				       .file_fd = r.file ? ring_fd : -1,
				       .info = { .caps = ZCDMA_CAP_MEMORY | ZCDMA_CAP_FD } };
	fuzz_assert(!zcdma_new(&r.src.ctx));
	fuzz_assert(!pipe2(ends, O_NONBLOCK));
	fcntl(ends[1], F_SETPIPE_SZ, PAGE);
	r.pipe_rd = ends[0];
	open_path(&r, ends[1]);
	while (r.in.left && !r.ended)
		do_step(&r);
	zcdma_path_close(r.path);
	close(r.reader);
	close(ends[0]);
	close(ends[1]);
	zcdma_free(r.src.ctx);
	return 0;
}
