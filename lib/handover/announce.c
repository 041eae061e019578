// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Bytes that go through a pipe to a reader that would take a ring: their end is a message too, so that the reader knows a
 * writer that has finished from one that failed or was killed.
 */
#include "handover/connect.h"

/* Returns 0 or a negative errno. */
static int send_bytes(const struct zcdma_handover *h, bool none)
{
	struct zc_ho_msg msg;

	if (h->version < 2)
		return -EPROTONOSUPPORT;
	zc_ho_begin(&msg, ZC_HO_BYTES, 1);
	msg.head.version = (uint16_t)h->version;
	msg.bytes.none = none;
	return zc_ho_send(h->sock, &msg, (const int[]){ h->pipe_fd });
}

ZC_PUBLIC int zcdma_handover_announce(struct zcdma_handover *h)
{
	const int rc = send_bytes(h, false);

	if (!rc)
		return 0;
	return zc_reader_none(h->ctx, rc == -EPROTONOSUPPORT ? zc_ho_reason(ZC_HO_VERSION_UNKNOWN)
							     : "its reader hung up");
}

/* To a reader that is gone, nothing matters any more. */
ZC_PUBLIC void zcdma_handover_end(struct zcdma_handover *h)
{
	struct zc_ho_msg msg;

	zc_ho_begin(&msg, ZC_HO_END, 1);
	msg.head.version = (uint16_t)h->version;
	(void)!zc_ho_send(h->sock, &msg, NULL);
	zcdma_handover_free(h);
}

ZC_PUBLIC void zcdma_handover_fail(struct zcdma_handover *h)
{
	(void)!send_bytes(h, true);
	zcdma_handover_free(h);
}
