/* SPDX-License-Identifier: GPL-2.0-only */
/* What a manifest says was lost while its data was recorded. */
#ifndef VERIFY_LOSSES_H
#define VERIFY_LOSSES_H

#include "cli/report.h"

#include <zcdma/verify.h>

/* These losses, which the caller frees; all-zero is an empty list. */
struct recorded_losses {
	struct zcdma_recorded_loss *loss;
	unsigned count;
};

/* Keep the losses that @check knows. */
void recorded_losses_keep(struct recorded_losses *losses, const struct zcdma_check *check);

/* Describe @lost, and what is unknown, in @buf of @len bytes: "98 blocks (98.00 MiB) by the device". Returns @buf. */
const char *recorded_losses_describe(const struct zcdma_loss lost[ZCDMA_LOSS_CAUSES], char *buf,
				     size_t len);

/* With -v, name each place in a line of its own, of the stream @from. */
void recorded_losses_name(struct report *r, const char *from, const struct recorded_losses *losses);

/* Report the totals of @result, and the places in the JSON document. */
void recorded_losses_report(struct report *r, const struct zcdma_check_result *result,
			    const struct recorded_losses *losses);

#endif
