// SPDX-License-Identifier: LGPL-2.1-or-later
/* Checks of a stream: what they share. */
#include <stdlib.h>

#include "verify/check.h"

void *zc_check_alloc(struct zcdma_check *check, size_t bytes)
{
	void *data;

	if (check->budget && !zc_budget_take(check->budget, bytes))
		return NULL;
	data = calloc(1, bytes);
	if (!data && check->budget)
		zc_budget_return(check->budget, bytes);
	return data;
}

void zc_check_release(struct zcdma_check *check, void *data, size_t bytes)
{
	if (data && check->budget)
		zc_budget_return(check->budget, bytes);
	free(data);
}

ZC_PUBLIC const char *zcdma_fault_name(enum zcdma_fault_kind kind)
{
	static const char *const names[ZCDMA_FAULT_KINDS] = {
		[ZCDMA_FAULT_GAP] = "gap",	   [ZCDMA_FAULT_REPEAT] = "repeat",
		[ZCDMA_FAULT_STALE] = "stale",	   [ZCDMA_FAULT_OVERWRITTEN] = "overwritten",
		[ZCDMA_FAULT_GARBAGE] = "garbage",
	};

	return (unsigned)kind < ZCDMA_FAULT_KINDS ? names[kind] : "unknown";
}

ZC_PUBLIC int zcdma_check_feed(struct zcdma_check *check, const void *data, size_t len)
{
	if (check->ended)
		return zc_fail_plain(check->ctx, EINVAL, "check: the stream has ended already");
	check->ops->feed(check, data, len);
	return 0;
}

ZC_PUBLIC int zcdma_check_skip(struct zcdma_check *check, uint64_t len)
{
	if (check->ended)
		return zc_fail_plain(check->ctx, EINVAL, "check: the stream has ended already");
	if (check->ops->skip)
		check->ops->skip(check, len);
	return 0;
}

ZC_PUBLIC int zcdma_check_end(struct zcdma_check *check)
{
	if (!check->ended)
		check->ops->end(check);
	check->ended = true;
	return 0;
}

ZC_PUBLIC void zcdma_check_get_result(const struct zcdma_check *check,
				      struct zcdma_check_result *result)
{
	if (check->ended)
		*result = check->result;
	else
		check->ops->peek(check, result);
}

ZC_PUBLIC int zcdma_check_get_fault(const struct zcdma_check *check, unsigned i,
				    struct zcdma_fault *fault)
{
	if (!check->kept || i >= zc_min(check->result.faults, ZCDMA_FAULTS_KEPT))
		return 0;
	*fault = check->kept[i];
	return 1;
}

ZC_PUBLIC int zcdma_check_get_recorded_loss(const struct zcdma_check *check, unsigned i,
					    struct zcdma_recorded_loss *loss)
{
	const struct zcdma_recorded_loss *found =
		check->ops->loss ? check->ops->loss(check, i) : NULL;

	if (!found)
		return 0;
	*loss = *found;
	return 1;
}

ZC_PUBLIC const char *zcdma_loss_cause_name(enum zcdma_loss_cause cause)
{
	static const char *const names[ZCDMA_LOSS_CAUSES] = {
		[ZCDMA_LOST_DEVICE] = "device",
		[ZCDMA_LOST_HANDOVER] = "hand-over",
		[ZCDMA_LOST_NETWORK] = "network",
	};

	return (unsigned)cause < ZCDMA_LOSS_CAUSES ? names[cause] : "unknown";
}

ZC_PUBLIC void zcdma_check_free(struct zcdma_check *check)
{
	if (!check)
		return;
	zc_check_release(check, check->kept, ZCDMA_FAULTS_KEPT * sizeof(*check->kept));
	check->ops->free(check);
}
