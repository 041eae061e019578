// SPDX-License-Identifier: LGPL-2.1-or-later
/* The "name=value,..." of a source's spec, and of an address: each option is looked up in the tables. */
#include "util/options.h"

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

int zc_option_within(const char *text, uint64_t *value, uint64_t least, uint64_t most)
{
	int rc = zc_option_number(text, value);

	return rc ? rc : *value >= least && *value <= most ? 0 : -ERANGE;
}

int zc_option_pages(const char *text, uint64_t *value, uint64_t most)
{
	int rc = zcdma_size_parse(text, value);

	if (rc)
		return rc;
	if (!*value || *value > most)
		return -ERANGE;
	return *value % zc_page_size() ? -EINVAL : 0;
}

const char *zc_option_path(const char *arg, const char *otherwise, char *path, size_t size)
{
	const size_t len = strcspn(arg, ",");

	if (!len || memchr(arg, '=', len) || len >= size) {
		snprintf(path, size, "%s", otherwise);
		return arg + (!len && *arg);
	}
	memcpy(path, arg, len);
	path[len] = '\0';
	return arg + len + (arg[len] == ',');
}

int zc_option_rate(const char *text, uint64_t *value)
{
	int rc = zcdma_size_parse(text, value);

	return rc ? rc : *value ? 0 : -ERANGE;
}

int zc_option_time(const char *text, uint64_t *value)
{
	static const struct {
		const char *name;
		double ns;
	} units[] = { { "us", 1e3 }, { "ms", 1e6 }, { "s", 1e9 } };
	size_t digits = strspn(text, "0123456789.");
	double number;
	char *end;

	/* strtod() itself takes a sign, "inf" and hexadecimal digits. */
	number = digits ? strtod(text, &end) : 0;
	if (!digits || end != text + digits)
		return -EINVAL;
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		if (strcmp(end, units[i].name))
			continue;
		number *= units[i].ns;
		if (number < 1 || number >= (double)INT64_MAX)
			return -ERANGE;
		*value = (uint64_t)number;
		return 0;
	}
	return -EINVAL;
}

int zc_option_name(const char *text, const char *const *names, uint64_t *value)
{
	for (*value = 0; names[*value]; ++*value) {
		if (!strcmp(text, names[*value]))
			return 0;
	}
	return -EINVAL;
}

static const struct zc_option *at(const struct zc_option_set *set, size_t i)
{
	return (const struct zc_option *)((const char *)set->table + i * set->stride);
}

/* Find all options that are listed, at most @room. Returns their number. */
static size_t list(const struct zc_options *o, const struct zc_option **found, size_t room)
{
	size_t count = 0;

	for (size_t s = 0; s < ZC_OPTION_SETS; s++) {
		const struct zc_option_set *set = &o->sets[s];

		for (size_t i = 0; i < set->count && count < room; i++) {
			if (!set->listed || set->listed(at(set, i), set->values))
				found[count++] = at(set, i);
		}
	}
	return count;
}

static int unknown(const struct zc_options *o, const char *text)
{
	const struct zc_option *found[32];
	const size_t count = list(o, found, ARRAY_SIZE(found));
	char names[400] = "";
	size_t len = 0;
	int rc = zc_fail_plain(o->ctx, EINVAL, "%s %s: unknown option %s", o->kind, o->name,
			       *text ? text : "(an empty one)");

	for (size_t i = 0; i < count && len < sizeof(names); i++)
		len += (size_t)snprintf(names + len, sizeof(names) - len, "%s%s%s",
					!i		 ? ""
					: i + 1 == count ? " and "
							 : ", ",
					found[i]->name, found[i]->takes ? "=" : "");
	if (count)
		zc_hint(o->ctx, "%s takes %s", o->taker, names);
	return rc;
}

static int set_text(const char *text, char **value)
{
	free(*value);
	*value = strdup(text);
	return *value ? 0 : -ENOMEM;
}

/* Set the option from @text after its "=", or NULL without one. Returns 0 or a negative errno. */
static int set_value(const struct zc_option *option, const char *text, void *values)
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

/* Set option @i of @set. Returns 0, or a negative errno with the error message set. */
static int set_option(const struct zc_options *o, const struct zc_option_set *set, size_t i,
		      const char *value)
{
	const struct zc_option *option = at(set, i);
	int rc;

	if (*set->seen & UINT64_C(1) << i)
		return zc_fail_plain(o->ctx, EINVAL, "%s %s: %s is given twice", o->kind, o->name,
				     option->name);
	*set->seen |= UINT64_C(1) << i;
	rc = set_value(option, value, set->values);
	if (!rc)
		return 0;
	zc_fail_plain(o->ctx, -rc, "%s %s: %s%s%s is not valid", o->kind, o->name, option->name,
		      value || option->takes ? "=" : "", value ? value : "");
	if (option->takes)
		zc_hint(o->ctx, "%s= takes %s", option->name, option->takes);
	else
		zc_hint(o->ctx, "%s takes no value", option->name);
	return rc;
}

int zc_options_set(const struct zc_options *o, const char *name, const char *value)
{
	for (size_t s = 0; s < ZC_OPTION_SETS; s++) {
		const struct zc_option_set *set = &o->sets[s];

		for (size_t i = 0; i < set->count; i++) {
			if (!strcmp(name, at(set, i)->name))
				return set_option(o, set, i, value);
		}
	}
	return unknown(o, name);
}

int zc_options_parse(const struct zc_options *o, const char *arg)
{
	char *copy = strdup(arg), *rest = copy, *text;
	int rc = 0;

	if (!copy)
		return zc_fail(o->ctx, ENOMEM, "%s %s", o->kind, o->name);
	while (!rc && *arg && (text = strsep(&rest, ","))) {
		char *value = strchr(text, '=');

		if (value)
			*value++ = '\0';
		rc = zc_options_set(o, text, value);
	}
	free(copy);
	return rc;
}
