// SPDX-License-Identifier: LGPL-2.1-or-later
/* The bytes of a capture file, read ahead. */
#include "packet/capture_bytes.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LEAST_ROOM 65536u

static size_t known(const struct zc_capture_bytes *s)
{
	return s->len - s->taken;
}

/* Make the buffer hold @size bytes from the next one on. Returns false without memory for it. */
static bool make_room(struct zc_capture_bytes *s, size_t size)
{
	size_t room = s->room ? s->room : LEAST_ROOM;
	uint8_t *larger;

	if (s->taken) {
		memmove(s->buffer, s->buffer + s->taken, known(s));
		s->len = known(s);
		s->taken = 0;
	}
	while (room < size)
		room *= 2;
	if (room == s->room)
		return true;
	larger = realloc(s->buffer, room);
	if (!larger)
		return false;
	s->buffer = larger;
	s->room = room;
	return true;
}

/* Read once into the buffer, which has room. Returns false if there is nothing to read for now. */
static bool read_once(struct zc_capture_bytes *s)
{
	const ssize_t n = read(s->fd, s->buffer + s->len, s->room - s->len);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n > 0)
		s->len += (size_t)n;
	else
		s->ended = true;
	s->err = n < 0 ? errno : 0;
	return true;
}

bool zc_capture_bytes_have(struct zc_capture_bytes *s, size_t size)
{
	struct pollfd fd = { .fd = s->fd, .events = POLLIN };

	if (known(s) >= size)
		return true;
	/* Without memory for more than there is, a read waits for the rest. */
	if (!make_room(s, size))
		return true;
	while (known(s) < size && !s->ended) {
		if (poll(&fd, 1, 0) <= 0 || !read_once(s))
			return false;
	}
	return true;
}

ssize_t zc_capture_bytes_read(struct zc_capture_bytes *s, void *to, size_t size)
{
	struct pollfd fd = { .fd = s->fd, .events = POLLIN };

	while (!known(s) && !s->ended) {
		if (!make_room(s, 1)) {
			errno = ENOMEM;
			return -1;
		}
		if (!read_once(s))
			poll(&fd, 1, -1);
	}
	if (!known(s)) {
		errno = s->err;
		return s->err ? -1 : 0;
	}
	size = zc_capture_bytes_peek(s, to, size);
	s->taken += size;
	return (ssize_t)size;
}

size_t zc_capture_bytes_peek(const struct zc_capture_bytes *s, void *to, size_t size)
{
	size = zc_min(size, known(s));
	if (size)
		memcpy(to, s->buffer + s->taken, size);
	return size;
}

int zc_capture_fail_cut(struct zcdma_ctx *ctx, const char *name)
{
	int rc = zc_fail_plain(ctx, EIO, "read packets of %s: it ends in the middle of a packet",
			       name);

	zc_hint(ctx, "the packets before that were read; capture again, or copy the whole file");
	return rc;
}
