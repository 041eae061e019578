// SPDX-License-Identifier: LGPL-2.1-or-later
/* What the layers of a frame take their headers with. They read captured bytes only. */
#include "packet/layer.h"

struct zc_layer zc_layer_end(struct zc_frame *f, enum zc_frame_kind kind)
{
	f->kind = kind;
	return ZC_LAYER_END;
}

const uint8_t *zc_layer_peek(const struct zc_rest *r, uint32_t bytes)
{
	return r->captured < bytes ? NULL : r->at;
}

const uint8_t *zc_layer_take(struct zc_rest *r, uint32_t bytes, struct zc_frame *f)
{
	const uint8_t *taken = r->at;

	if (r->captured < bytes) {
		f->kind = r->len < bytes ? ZC_FRAME_MALFORMED : ZC_FRAME_CUT;
		return NULL;
	}
	r->at += bytes;
	r->captured -= bytes;
	r->len -= bytes;
	return taken;
}

void zc_layer_limit(struct zc_rest *r, uint32_t len)
{
	r->len = len;
	r->captured = zc_min(r->captured, len);
}

bool zc_layer_enter(struct zc_frame *f, enum zc_net kind, uint32_t id)
{
	for (unsigned i = 0; i < ZC_FRAME_NETS; i++) {
		if (f->nets.kind[i])
			continue;
		f->nets.kind[i] = (uint8_t)kind;
		f->nets.id[i] = id;
		return true;
	}
	return false;
}
