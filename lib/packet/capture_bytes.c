// SPDX-License-Identifier: LGPL-2.1-or-later
/* The bytes of a capture file, read ahead. */
#include "packet/capture_bytes.h"

#include <poll.h>
#include <string.h>
#include <unistd.h>

/* Read into the buffer after what is there. Returns as read(2) does. */
static ssize_t refill(struct zc_capture_bytes *s)
{
	ssize_t n;

	if (s->taken == s->len)
		s->taken = s->len = 0;
	while ((n = read(s->fd, s->buffer + s->len, sizeof(s->buffer) - s->len)) < 0) {
		struct pollfd fd = { .fd = s->fd, .events = POLLIN };

		if (errno == EAGAIN)
			poll(&fd, 1, -1);
		else if (errno != EINTR)
			break;
	}
	if (n > 0)
		s->len += (size_t)n;
	return n;
}

ssize_t zc_capture_bytes_read(struct zc_capture_bytes *s, void *to, size_t size)
{
	if (s->taken == s->len) {
		ssize_t n = refill(s);

		if (n <= 0)
			return n;
	}
	size = zc_min(size, s->len - s->taken);
	memcpy(to, s->buffer + s->taken, size);
	s->taken += size;
	return (ssize_t)size;
}

size_t zc_capture_bytes_peek(struct zc_capture_bytes *s, void *to, size_t size)
{
	while (s->len - s->taken < size && refill(s) > 0)
		;
	size = zc_min(size, s->len - s->taken);
	memcpy(to, s->buffer + s->taken, size);
	return size;
}

bool zc_capture_bytes_is_idle(const struct zc_capture_bytes *s)
{
	struct pollfd fd = { .fd = s->fd, .events = POLLIN };

	if (s->taken < s->len || (s->file && ftello(s->file) < s->given))
		return false;
	return poll(&fd, 1, 0) <= 0;
}

int zc_capture_fail_cut(struct zcdma_ctx *ctx, const char *name)
{
	int rc = zc_fail_plain(ctx, EIO, "read packets of %s: it ends in the middle of a packet",
			       name);

	zc_hint(ctx, "the packets before that were read; capture again, or copy the whole file");
	return rc;
}
