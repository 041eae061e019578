// SPDX-License-Identifier: GPL-2.0-only
/* A session of random calls: its files, pipes and sockets, and a ring to begin with. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "calls_parts.h"

static bool connect_pair(int pair[2])
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(to);
	const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool done;

	pair[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	done = !bind(listener, (struct sockaddr *)&to, sizeof(to)) && !listen(listener, 1) &&
	       !getsockname(listener, (struct sockaddr *)&to, &len) &&
	       !connect(pair[0], (struct sockaddr *)&to, len) &&
	       (pair[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0;
	close(listener);
	return done;
}

/* The ring of those before may still be going. */
static void begin_with_ring(struct session *s, uint64_t seed)
{
	for (unsigned i = 0; i < 100 && !call_setup(s, seed + i); i++)
		usleep(5000);
}

struct session *session_create(uint64_t seed)
{
	struct session *s = calloc(1, sizeof(*s));
	const int yes = 1;
	bool done = s && calls_catch_faults();

	for (size_t i = 0; done && i < FILES; i++)
		s->file[i] = open(ring_device, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	s->channel = strcmp(ring_device, DEVICE) ? -1 : open("/dev/zcdma1", O_RDWR | O_CLOEXEC);
	for (size_t i = 0; done && i < PIPES; i++)
		done = !pipe2(s->pipe[i], O_CLOEXEC | O_NONBLOCK);
	for (size_t i = 0; done && i < SOCKETS; i++) {
		done = i < 2 ? connect_pair(s->socket[i])
			     : !socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s->socket[i]);
		fcntl(s->socket[i][0], F_SETFL, O_NONBLOCK);
		setsockopt(s->socket[i][0], SOL_SOCKET, SO_ZEROCOPY, &yes, sizeof(yes));
	}
	if (!done || !make_imports(s))
		return NULL;
	s->plays = ring_limits().flags & ZCDMA_DEV_INFO_OUT;
	begin_with_ring(s, seed);
	s->disk = open("/dev/ram0", O_RDWR | O_DIRECT | O_CLOEXEC); /* where there is one */
	return s;
}
