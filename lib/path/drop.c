// SPDX-License-Identifier: LGPL-2.1-or-later
/* Gives a path up while the source's others go on. */
#include <netinet/in.h>
#include <sys/socket.h>

#include "path/reuse.h"

/*
 * Reset the connection, which empties its queue (tcp_disconnect() in net/ipv4/tcp.c), and keep the socket: the completions
 * of what was in the queue are read from it, and a socket that is closed drops them.
 */
static void disconnect(struct zcdma_path *path)
{
	const struct sockaddr none = { .sa_family = AF_UNSPEC };

	if (path->sink.kind == ZC_SINK_SOCKET && !path->datagram)
		(void)connect(path->sink.fd, &none, sizeof(none));
}

ZC_PUBLIC void zcdma_path_drop(struct zcdma_path *path)
{
	if (path->dropped)
		return;
	path->dropped = true;
	if (!path->failed.rc)
		zc_path_break(path,
			      zc_fail_plain(path->ctx, ECANCELED, "path %s to %s: it was dropped",
					    path->ops->type.name, path->sink.name));
	(path->ops->drop ? path->ops->drop : disconnect)(path);
	zc_reuse_unqueue(path);
	zc_reuse_reap(path);
	zc_source_watch(path->src);
}
