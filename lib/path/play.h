/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* copy, to a device that plays. */
#ifndef ZCDMA_PATH_PLAY_H
#define ZCDMA_PATH_PLAY_H

#include "path/path.h"

/*
 * Open the device that @address names, as zc_player_is_named() knows it, have @src fill its ring if it can, and open the path
 * for @ops, which has to be zc_path_copy. Returns 0, or a negative errno with the error message set.
 */
int zc_path_open_device(struct zcdma_ctx *ctx, struct zcdma_source *src,
			const struct zc_path_ops *ops, const char *address,
			struct zcdma_path **out);

#endif
