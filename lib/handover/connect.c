// SPDX-License-Identifier: LGPL-2.1-or-later
/* Finds the reader at the other end of a pipe, to hand a ring over to it. */
#include "handover/connect.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "handover/pipe_peer.h"

/* How often to look for a reader; a fork and an exec take a few of these. */
#define FIND_NAP_MS 1

/* How much longer to wait for a reader that runs this program, and is not ready yet. */
#define LONGER_NS 400000000u

int zc_reader_none(struct zcdma_ctx *ctx, const char *why)
{
	return zc_fail_plain(ctx, EOPNOTSUPP, "no hand-over through the pipe: %s", why);
}

int zc_reader_fail(struct zcdma_ctx *ctx, int err)
{
	zc_fail(ctx, err, "no hand-over through the pipe");
	return -EOPNOTSUPP;
}

static int fail_connect(struct zcdma_ctx *ctx, int rc)
{
	if (rc == -EINTR)
		return rc;
	if (rc == -ENOTSUP)
		return zc_fail_plain(ctx, EOPNOTSUPP, "no hand-over: it is not a pipe");
	if (rc == -ECONNREFUSED)
		return zc_reader_none(ctx,
				      "no zcdma of this network namespace reads its other end");
	if (rc == -EAGAIN)
		return zc_reader_none(ctx, "too many others try it too");
	return zc_reader_fail(ctx, -rc);
}

/* Connect to a reader, which may not listen yet. Returns the socket, or a negative errno with the error message set. */
static int connect_reader(struct zcdma_ctx *ctx, int pipe_fd, int timeout_ms)
{
	uint64_t end = zc_now_ns() + (uint64_t)timeout_ms * 1000000u;
	bool longer = false;
	int rc, nap;

	for (;;) {
		rc = zc_ho_connect(pipe_fd);
		if (rc != -ECONNREFUSED && rc != -EAGAIN)
			break;
		if (zc_now_ns() >= end) {
			/* The reader may be slow to start on a busy machine. */
			if (longer || !zc_pipe_peer_is_like_us(pipe_fd))
				break;
			longer = true;
			end += LONGER_NS;
		}
		nap = zc_poll(ctx, pipe_fd, 0, FIND_NAP_MS);
		if (nap == -EINTR)
			rc = -EINTR;
		if (nap != -ETIMEDOUT) /* a signal, or the pipe has lost its reader */
			break;
	}
	return rc < 0 ? fail_connect(ctx, rc) : rc;
}

int zc_reader_receive(struct zcdma_handover *h, struct zc_ho_msg *msg, int *fds, int timeout_ms)
{
	int rc = zc_poll(h->ctx, h->sock, POLLIN, timeout_ms);

	if (rc == -EINTR)
		return rc;
	if (rc == -ETIMEDOUT)
		return zc_reader_none(h->ctx, "its reader does not answer");
	rc = zc_ho_recv(h->sock, msg, fds);
	if (!rc)
		return zc_reader_none(h->ctx, "its reader hung up");
	if (rc < 0)
		return zc_reader_none(h->ctx, rc == -EPROTONOSUPPORT
						      ? zc_ho_reason(ZC_HO_VERSION_UNKNOWN)
						      : "its reader breaks the protocol");
	if (msg->head.type != ZC_HO_REFUSE)
		return 1;
	return zc_reader_none(h->ctx, zc_ho_reason(msg->refuse.reason));
}

/* Returns whether the reader has answered that it does not know our version. */
static bool is_older(const struct zc_ho_msg *msg)
{
	return msg->head.type == ZC_HO_REFUSE && msg->refuse.reason == ZC_HO_VERSION_UNKNOWN;
}

/*
 * Exchange names of the pipe, and the version. The ends themselves follow when both sides are known not to keep them:
 * until then closing an end must have its usual effect. Returns 0, -EPROTONOSUPPORT if the reader does not know .version,
 * or another negative errno.
 */
static int handshake(struct zcdma_handover *h)
{
	int name = zc_ho_name_pipe(h->pipe_fd), fds[ZC_HO_FDS], rc;
	struct zc_ho_msg msg = { .head = { 0 } };
	bool good;

	if (name == -ENOENT)
		return zc_reader_none(h->ctx, "/proc is not mounted");
	if (name < 0)
		return zc_reader_fail(h->ctx, -name);
	zc_ho_begin(&msg, ZC_HO_HELLO, 0);
	msg.head.version = (uint16_t)h->version;
	/* If it fails, the reader may have refused the connection before, which is received next. */
	(void)!zc_ho_send(h->sock, &msg, &name);
	close(name);
	rc = zc_reader_receive(h, &msg, fds, ZC_HO_ANSWER_MS);
	if (rc < 0)
		return is_older(&msg) ? -EPROTONOSUPPORT : rc;
	good = msg.head.type == ZC_HO_WELCOME && msg.head.version <= h->version &&
	       zc_ho_is_name(fds[0], h->pipe_fd);
	zc_local_close(fds, ZC_HO_FDS);
	if (!good)
		return zc_reader_none(h->ctx, "the process that answered does not read it");
	h->uses = msg.welcome.flags;
	h->version = msg.head.version;
	return 0;
}

/* Connect to the reader, and agree with it, in .version. Returns as handshake(). */
static int meet(struct zcdma_handover *h, int timeout_ms)
{
	h->sock = connect_reader(h->ctx, h->pipe_fd, timeout_ms);
	if (h->sock < 0)
		return h->sock;
	return zc_local_same_user(h->sock) ? handshake(h)
					   : zc_reader_none(h->ctx, "another user reads it");
}

ZC_PUBLIC int zcdma_handover_find(struct zcdma_ctx *ctx, int fd, int timeout_ms,
				  struct zcdma_handover **out)
{
	struct zcdma_handover *h = malloc(sizeof(*h));
	int rc;

	if (!h)
		return zc_fail(ctx, ENOMEM, "hand-over");
	*h = (struct zcdma_handover){ .ctx = ctx, .pipe_fd = fd, .version = ZC_HO_VERSION };
	rc = meet(h, timeout_ms);
	if (rc == -EPROTONOSUPPORT) {
		/* It has hung up, and takes another connection. */
		close(h->sock);
		h->version = ZC_HO_OLDEST;
		rc = meet(h, timeout_ms);
	}
	if (rc) {
		zcdma_handover_free(h);
		return rc == -EPROTONOSUPPORT ? -EOPNOTSUPP : rc;
	}
	*out = h;
	return 0;
}

ZC_PUBLIC void zcdma_handover_free(struct zcdma_handover *h)
{
	if (!h)
		return;
	zc_shared_page_unmap(&h->page);
	if (h->sock >= 0)
		close(h->sock);
	free(h);
}
