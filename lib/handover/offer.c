// SPDX-License-Identifier: LGPL-2.1-or-later
/* handover: offers the ring of a source to the reader of a pipe, which accepts or refuses it. */
#include <fcntl.h>
#include <unistd.h>

#include "handover/producer.h"

int zc_producer_share_ring(struct handover *h)
{
	const struct zcdma_source *src = h->path.src;
	struct zc_ring_desc ring;
	int fd;

	if (!src->ops->share)
		return zc_fail_plain(h->path.ctx, EOPNOTSUPP,
				     "no hand-over of %s: it has no ring to share", src->name);
	fd = src->ops->share(src, &ring);
	if (fd < 0)
		return fd;
	zc_ho_describe(&h->offer, &ring);
	if (src->info.simulated >= 0)
		h->offer.flags = src->info.simulated ? ZC_HO_SIMULATED : ZC_HO_MEASURED;
	return fd;
}

/* Check that a descriptor is free for the answer, which passes the reader's end of the pipe. Returns 0 or -EOPNOTSUPP. */
static int check_room_for_answer(const struct zcdma_handover *peer)
{
	int spare = fcntl(peer->sock, F_DUPFD_CLOEXEC, 0);

	if (spare < 0)
		return zc_reader_fail(peer->ctx, errno);
	close(spare);
	return 0;
}

static int send_offer(struct handover *h, struct zcdma_handover *peer, int fd)
{
	struct zc_ho_msg msg;
	int rc, page = -1;

	if (peer->offered)
		return 0;
	rc = check_room_for_answer(peer);
	if (rc)
		return rc;
	if (peer->version >= 2) {
		page = zc_shared_page_create(&peer->page, h->offer.blocks);
		if (page < 0)
			return zc_reader_fail(peer->ctx, -page);
	}
	zc_ho_begin(&msg, ZC_HO_OFFER, 1);
	msg.head.version = (uint16_t)(page < 0 ? ZC_HO_OLDEST : ZC_HO_VERSION);
	msg.offer = h->offer;
	peer->offered = !zc_ho_send(peer->sock, &msg, (const int[]){ fd, peer->pipe_fd, page });
	if (page >= 0)
		close(page);
	return peer->offered ? 0 : zc_reader_none(peer->ctx, "its reader hung up");
}

static int receive_answer(struct zcdma_handover *peer)
{
	int fds[ZC_HO_FDS], rc;
	struct zc_ho_msg msg;
	bool good;

	/* Without a limit: the reader may be busy with the ring of another writer to the pipe. */
	rc = zc_reader_receive(peer, &msg, fds, -1);
	if (rc < 0)
		return rc;
	good = msg.head.type == ZC_HO_ACCEPT &&
	       msg.head.version == (peer->page.map ? ZC_HO_VERSION : ZC_HO_OLDEST) &&
	       zc_ho_is_end(fds[0], peer->pipe_fd, O_RDONLY);
	zc_local_close(fds, ZC_HO_FDS);
	return good ? 0 : zc_reader_none(peer->ctx, "the process that answered does not read it");
}

int zc_producer_offer_ring(struct handover *h, struct zcdma_handover *peer, int fd)
{
	int rc = send_offer(h, peer, fd);

	return rc ? rc : receive_answer(peer);
}
