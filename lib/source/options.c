// SPDX-License-Identifier: LGPL-2.1-or-later
/* The "name=value,..." of a source's spec: the options of its kind, and of the address where it has one. */
#include "source/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/address_options.h"

/* Describe the options of @src; @taker has room for "sim:". */
static struct zc_options options_of(struct zcdma_source *src, char *taker, size_t len)
{
	const struct zc_source_ops *ops = src->ops;
	struct zc_options o = {
		.ctx = src->ctx,
		.kind = "source",
		.name = src->name,
		.taker = taker,
		.sets[0] = {
			.table = ops->options,
			.count = ops->option_count,
			.stride = sizeof(struct zc_option),
			.values = (char *)src + ops->option_values,
			.seen = &src->options_seen,
		},
	};

	if (ops->address)
		o.sets[1] = zc_addr_options((struct zcdma_addr *)((char *)src + ops->address),
					    ZC_ADDR_RECEIVE);
	snprintf(taker, len, "%s:", src->info.type);
	return o;
}

int zc_source_options_parse(struct zcdma_source *src, const char *arg)
{
	char taker[32];
	const struct zc_options o = options_of(src, taker, sizeof(taker));

	return zc_options_parse(&o, arg);
}

/* What a program wants of any source, and not in a spec. */
static const struct {
	const char *name;
	size_t flag;	/* of struct zcdma_source */
	size_t allowed; /* of struct zc_source_ops: whether a kind can; 0: each can */
} uses[] = {
	{ "read", offsetof(struct zcdma_source, reads), 0 },
	{ "repeat", offsetof(struct zcdma_source, repeats),
	  offsetof(struct zc_source_ops, may_repeat) },
	{ "direct", offsetof(struct zcdma_source, direct),
	  offsetof(struct zc_source_ops, may_read_directly) },
};

static int set_use(struct zcdma_source *src, size_t use, const char *value)
{
	const bool *allowed = (const bool *)((const char *)src->ops + uses[use].allowed);

	if (value)
		return zc_fail_plain(src->ctx, EINVAL, "source %s: %s takes no value", src->name,
				     uses[use].name);
	if (uses[use].allowed && !*allowed) {
		zc_fail_plain(src->ctx, EINVAL, "source %s: %s is not for %s:", src->name,
			      uses[use].name, src->info.type);
		zc_hint(src->ctx, "file:PATH takes it");
		return -EINVAL;
	}
	*(bool *)((char *)src + uses[use].flag) = true;
	return 0;
}

/* Add an option that was set to the name in the source's info, which stays one that opens the same. Returns 0 or -ENOMEM. */
static int add_to_name(struct zcdma_source *src, const char *name, const char *value)
{
	const char *before = src->info.name;
	const size_t kind = strlen(src->info.type);
	/* A path of a device is a name too, without the kind. */
	const bool has_kind = !strncmp(before, src->info.type, kind) && before[kind] == ':';
	char *text;

	if (asprintf(&text, "%s%s%s%s%s%s%s", has_kind ? "" : src->info.type, has_kind ? "" : ":",
		     before, before[strlen(before) - 1] == ':' ? "" : ",", name, value ? "=" : "",
		     value ? value : "") < 0)
		return zc_fail(src->ctx, ENOMEM, "source %s", src->name);
	free(src->name_set);
	src->name_set = text;
	src->info.name = text;
	return 0;
}

ZC_PUBLIC int zcdma_source_set(struct zcdma_source *src, const char *name, const char *value)
{
	char taker[32];
	const struct zc_options o = options_of(src, taker, sizeof(taker));
	int rc;

	if (src->active)
		return zc_fail_plain(src->ctx, EBUSY, "source %s: set %s: its ring is made",
				     src->name, name);
	for (size_t i = 0; i < ARRAY_SIZE(uses); i++) {
		if (!strcmp(name, uses[i].name))
			return set_use(src, i, value);
	}
	rc = zc_options_set(&o, name, value);
	/* Standard input has no name that takes options. */
	return rc || src->ops == &zc_source_stdin ? rc : add_to_name(src, name, value);
}
