/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sockets between processes of one machine (unix(7), SOCK_SEQPACKET): descriptors that go with messages, and whose they are. */
#ifndef ZCDMA_UTIL_LOCAL_SOCKET_H
#define ZCDMA_UTIL_LOCAL_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define ZC_LOCAL_FDS 3 /* most that go with a message */

/* Send a message of @len bytes with @count descriptors, without waiting. Returns 0, -EAGAIN, or another negative errno. */
int zc_local_send(int sock, const void *data, size_t len, const int *fds, unsigned count);

/*
 * Receive a message of at most @size bytes with at most @most descriptors, without waiting. Puts those that came into
 * @fds, which the caller then closes, and -1 for each that did not. Returns the message's length; 0 if the other side has
 * hung up; -EAGAIN; -EPROTO for a message that is too long, or empty, or has too many descriptors, none of which stays
 * open; or another negative errno.
 */
ssize_t zc_local_recv(int sock, void *data, size_t size, int *fds, unsigned most);

/* Close @count descriptors but for those that are -1, and set them to that. */
void zc_local_close(int *fds, unsigned count);

/*
 * Returns whether the process at the other end of @sock is of our user; false if that is unknown, as in a user namespace
 * all users that are not mapped have the same number: user_namespaces(7).
 */
bool zc_local_same_user(int sock);

#endif
