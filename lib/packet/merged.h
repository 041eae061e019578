/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Datagrams that offload put together into one packet, or did not split yet, by the numbers in them. */
#ifndef ZCDMA_PACKET_MERGED_H
#define ZCDMA_PACKET_MERGED_H

#include "packet/reorder.h"

/*
 * Find the size of the datagrams that @len bytes at @data consist of: all but the last have it, and each holds the number
 * after that of the one before. @known is the size that such datagrams of the same sender had, or 0. Returns @len if
 * it is one datagram, or if that is not certain.
 */
size_t zc_merged_size(const struct zc_reorder_field *field, const uint8_t *data, size_t len,
		      size_t known);

#endif
