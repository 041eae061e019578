/* SPDX-License-Identifier: GPL-2.0-only */
/* A disk's connection whose server stands still: the kernel's own time-out is not to end it. See test_disk.c. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "disk/disk.h"
#include "net/keep_alive.h"

#include "context.h"

#define WITHIN_MS 20000

/* Returns a socket that is connected to @server over loopback. */
static int connect_tcp(int *server)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	socklen_t len = sizeof(in);
	int listener = socket(AF_INET, SOCK_STREAM, 0), fd = socket(AF_INET, SOCK_STREAM, 0);

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(listener, (const struct sockaddr *)&in, len), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&in, &len), 0);
	assert_int_equal(connect(fd, (const struct sockaddr *)&in, len), 0);
	*server = accept(listener, NULL, NULL);
	close(listener);
	return fd;
}

static bool is_lost(const struct zc_disk_queue *q)
{
	return q->wire.lost;
}

/* The kernel would end the connection to a server that is out of room for that time, as if its machine were gone. */
static void a_silent_server_may_be_out_of_room_for_long(void **state)
{
	static struct ublksrv_io_desc requests[ZC_DISK_DEPTH] = {
		{ .op_flags = UBLK_IO_OP_READ, .nr_sectors = 8 },
	};
	const struct zcdma_disk_options options = { .recover = ZCDMA_DISK_REISSUE,
						    .timeout_ms = 100 };
	struct zcdma_disk *d = zc_disk_new(ctx, &options);
	struct zc_disk_queue *q;
	socklen_t len = sizeof(int);
	int server, ms = -1;

	(void)state;
	assert_non_null(d);
	q = d->queues[0];
	q->requests = requests;
	assert_int_equal(zc_disk_ring_open(q), 0);
	zc_conn_attach(q, connect_tcp(&server));
	zc_limit_unacknowledged(q->wire.fd, 1000);
	zc_queue_take(q, 0, UBLK_IO_RES_OK);
	assert_int_equal(zc_disk_run(q, is_lost, WITHIN_MS, false), 0);
	assert_int_equal(getsockopt(q->wire.fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, &len), 0);
	assert_int_equal(ms, 0);
	q->requests = NULL; /* not mapped */
	zcdma_disk_close(d);
	close(server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_silent_server_may_be_out_of_room_for_long),
	};

	return cmocka_run_group_tests(tests, make_ctx, free_ctx);
}
