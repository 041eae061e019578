// SPDX-License-Identifier: LGPL-2.1-or-later
/* The "name=value,..." of a source's spec: each option is looked up in the kind's table. */
#include "source/options.h"

#include <stdlib.h>
#include <string.h>

int zc_option_number(const char *text, uint64_t *value)
{
	char *end;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	*value = strtoull(text, &end, strncmp(text, "0x", 2) ? 10 : 16);
	return *end ? -EINVAL : -errno;
}

int zc_option_rate(const char *text, uint64_t *value)
{
	int rc = zcdma_size_parse(text, value);

	return rc ? rc : *value ? 0 : -ERANGE;
}

int zc_option_name(const char *text, const char *const *names, uint64_t *value)
{
	for (*value = 0; names[*value]; ++*value) {
		if (!strcmp(text, names[*value]))
			return 0;
	}
	return -EINVAL;
}

static int unknown(struct zcdma_source *src, const char *text)
{
	const struct zc_option *table = src->ops->options;
	size_t count = src->ops->option_count, len = 0;
	char names[256] = "";
	int rc = zc_fail_plain(src->ctx, EINVAL, "source %s: unknown option %s", src->name,
			       *text ? text : "(an empty one)");

	for (size_t i = 0; i < count && len < sizeof(names); i++)
		len += (size_t)snprintf(names + len, sizeof(names) - len, "%s%s%s",
					!i		 ? ""
					: i + 1 == count ? " and "
							 : ", ",
					table[i].name, table[i].takes ? "=" : "");
	if (count)
		zc_hint(src->ctx, "%s: takes %s", src->info.type, names);
	return rc;
}

static int set_text(const char *text, char **value)
{
	free(*value);
	*value = strdup(text);
	return *value ? 0 : -ENOMEM;
}

/* Set the option from @value after its "=", or NULL without one. Returns 0 or a negative errno. */
static int set(const struct zc_option *option, const char *text, void *values)
{
	void *value = (char *)values + option->offset;

	if (!text == !!option->takes)
		return -EINVAL;
	if (!text) {
		*(uint64_t *)value = 1;
		return 0;
	}
	return option->parse ? option->parse(text, value) : set_text(text, value);
}

static int set_option(struct zcdma_source *src, const char *name, const char *value)
{
	const struct zc_option *table = src->ops->options;
	int rc;

	for (size_t i = 0; i < src->ops->option_count; i++) {
		if (strcmp(name, table[i].name))
			continue;
		if (src->options_seen & UINT64_C(1) << i)
			return zc_fail_plain(src->ctx, EINVAL, "source %s: %s is given twice",
					     src->name, name);
		src->options_seen |= UINT64_C(1) << i;
		rc = set(&table[i], value, (char *)src + src->ops->option_values);
		if (!rc)
			return 0;
		zc_fail_plain(src->ctx, -rc, "source %s: %s%s%s is not valid", src->name, name,
			      value || table[i].takes ? "=" : "", value ? value : "");
		if (table[i].takes)
			zc_hint(src->ctx, "%s= takes %s", name, table[i].takes);
		else
			zc_hint(src->ctx, "%s takes no value", name);
		return rc;
	}
	return unknown(src, name);
}

static int parse_one(struct zcdma_source *src, char *text)
{
	char *value = strchr(text, '=');

	if (value)
		*value++ = '\0';
	return set_option(src, text, value);
}

int zc_options_parse(struct zcdma_source *src, const char *arg)
{
	char *copy = strdup(arg), *rest = copy, *text;
	int rc = 0;

	if (!copy)
		return zc_fail(src->ctx, ENOMEM, "source %s", src->name);
	while (!rc && *arg && (text = strsep(&rest, ",")))
		rc = parse_one(src, text);
	free(copy);
	return rc;
}

ZC_PUBLIC int zcdma_source_set(struct zcdma_source *src, const char *name, const char *value)
{
	if (src->active)
		return zc_fail_plain(src->ctx, EBUSY, "source %s: set %s: its ring is made",
				     src->name, name);
	if (strcmp(name, "read"))
		return set_option(src, name, value);
	if (value)
		return zc_fail_plain(src->ctx, EINVAL, "source %s: read takes no value", src->name);
	src->reads = true;
	return 0;
}
