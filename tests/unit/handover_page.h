/* SPDX-License-Identifier: GPL-2.0-only */
/* One end of a hand-over that speaks by the page, played by a test. */
#ifndef TEST_HANDOVER_PAGE_H
#define TEST_HANDOVER_PAGE_H

#include "handover/shared_page.h"
#include "handover.h"

/* A valid message of the version with a page. */
static inline struct zc_ho_msg paged(enum zc_ho_type type)
{
	struct zc_ho_msg msg = valid(type);

	msg.head.version = ZC_HO_VERSION;
	return msg;
}

/* Offer the ring of @ring_offer with a page. */
static inline int say_offer(int sock, int ring, int end, int page)
{
	const struct zc_ho_msg msg = paged(ZC_HO_OFFER);

	return zc_ho_send(sock, &msg, (const int[]){ ring, end, page });
}

/* Make a page for the ring of @ring_offer. Returns its descriptor. */
static inline int make_page(struct zc_shared_page *page)
{
	int fd = zc_shared_page_create(page, ring_offer.blocks);

	assert_true(fd >= 0);
	return fd;
}

#endif
