/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Paths to a device that plays: copy, and those that splice pages to it. */
#ifndef ZCDMA_PATH_PLAY_H
#define ZCDMA_PATH_PLAY_H

#include "path/path.h"
#include "path/player.h"

/*
 * Open the device that @address names, as zc_player_is_named() knows it, and the path to it for @ops: zc_path_copy, for which
 * @src fills the device's ring if it can, zc_path_vmsplice or zc_path_splice; or NULL, for the one that suits @src. Returns
 * 0, or a negative errno with the error message set.
 */
int zc_path_open_device(struct zcdma_ctx *ctx, struct zcdma_source *src,
			const struct zc_path_ops *ops, const char *address,
			struct zcdma_path **out);

/*
 * Open the path of @ops, which splices, to @player, which is the path's where that succeeds; else it is closed. Returns the
 * same.
 */
int zc_play_splice_open(struct zcdma_ctx *ctx, struct zcdma_source *src,
			const struct zc_path_ops *ops, struct zc_player *player,
			struct zcdma_path **out);

#endif
