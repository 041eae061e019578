// SPDX-License-Identifier: LGPL-2.1-or-later
/* The greeting at the beginning of each connection of a framed stream, and its answer. */
#include <poll.h>
#include <sys/socket.h>

#include "net/socket.h"
#include "path/framing_parts.h"

static int fail_greeting(struct zcdma_ctx *ctx, const char *name, int err, const char *why)
{
	int rc = zc_fail_plain(ctx, err, "send frames to %s: %s", name, why);

	zc_hint(ctx,
		"start a receiver of frames there: zcdma capture tcp::PORT,framed, or zcdma verify --listen :PORT,framed");
	return rc;
}

int zc_framing_greet(struct zc_framing *f, int fd)
{
	const struct zc_frame hello = { .kind = ZC_FRAME_HELLO, .stream = f->stream };
	uint8_t head[ZC_FRAME_HEAD];
	ssize_t n;

	zc_frame_write(&hello, head);
	f->answer_len = 0;
	/* A new connection has room for it. */
	n = send(fd, head, sizeof(head), MSG_NOSIGNAL | MSG_DONTWAIT);
	return n < 0 ? -errno : n < (ssize_t)sizeof(head) ? -EPROTO : 0;
}

int zc_framing_read_answer(struct zcdma_ctx *ctx, struct zc_framing *f, int fd, const char *name,
			   struct zc_frame *welcome)
{
	while (f->answer_len < ZC_FRAME_HEAD) {
		ssize_t n = recv(fd, f->answer + f->answer_len, ZC_FRAME_HEAD - f->answer_len,
				 MSG_DONTWAIT);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return -EAGAIN;
		if (n < 0)
			return zc_fail(ctx, errno, "send frames to %s", name);
		if (!n)
			return fail_greeting(
				ctx, name, ECONNRESET,
				"it ended the connection, as who takes no frames, or waits for the sender of another stream");
		f->answer_len += (size_t)n;
		if (!zc_frame_begins(f->answer, f->answer_len))
			return fail_greeting(ctx, name, EPROTO, "its answer is not a frame");
	}
	switch (zc_frame_read(f->answer, welcome)) {
	case 0:
		if (welcome->kind == ZC_FRAME_WELCOME && welcome->stream == f->stream)
			return 0;
		return fail_greeting(ctx, name, EPROTO, "its answer is not one to this stream");
	case -EPROTONOSUPPORT:
		return fail_greeting(ctx, name, EPROTO, "it has another version of frames");
	default:
		return fail_greeting(ctx, name, EPROTO, "its answer is damaged");
	}
}

int zc_framing_first_greeting(struct zcdma_ctx *ctx, struct zc_framing *f, int fd)
{
	const uint64_t deadline = zc_now_ns() + ZC_FRAMING_ANSWER_NS;
	struct zc_frame welcome;
	char name[128];
	int rc = zc_framing_greet(f, fd);

	zcdma_sockname(fd, true, name, sizeof(name));
	if (rc)
		return zc_fail(ctx, -rc, "send frames to %s", name);
	while ((rc = zc_framing_read_answer(ctx, f, fd, name, &welcome)) == -EAGAIN) {
		rc = zc_poll(ctx, fd, POLLIN, zc_time_left(deadline));
		if (rc == -ETIMEDOUT)
			return fail_greeting(ctx, name, ETIMEDOUT,
					     "it does not answer as a receiver of frames does");
		if (rc)
			return rc;
	}
	return rc;
}
