/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Fakes of functions of the C library, under the names that it gives them where _FORTIFY_SOURCE is on, as Ubuntu's
 * compiler has it. A test that has a poll() or an open() of its own includes it.
 */
#ifndef TEST_FORTIFIED_H
#define TEST_FORTIFIED_H

#include <fcntl.h>
#include <poll.h>

/* poll() itself: where a test has none of its own, the name stands for what calls __poll_chk(). */
int unchecked_poll(struct pollfd *p, nfds_t n, int timeout_ms) __asm__("poll");
int __poll_chk(struct pollfd *p, nfds_t n, int timeout_ms, size_t room);
int __open64_2(const char *path, int flags);

int __poll_chk(struct pollfd *p, nfds_t n, int timeout_ms, size_t room)
{
	(void)room;
	return unchecked_poll(p, n, timeout_ms);
}

int __open64_2(const char *path, int flags)
{
	return open(path, flags, 0);
}

#endif
