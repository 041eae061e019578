// SPDX-License-Identifier: LGPL-2.1-or-later
/* The kinds of sources, and from a spec to an open source of one. */
#include <string.h>

#include "source/dev_node.h"
#include "source/source.h"

static const struct zc_source_ops *const kinds[] = {
	&zc_source_sim,	 &zc_source_dev,  &zc_source_v4l2,  &zc_source_iio,
	&zc_source_read, &zc_source_file, &zc_source_stdin, &zc_source_pcap,
	&zc_source_xdp,	 &zc_source_tcp,  &zc_source_udp,
};

ZC_PUBLIC const struct zcdma_source_type *zcdma_source_type_at(unsigned i)
{
	return i < ARRAY_SIZE(kinds) ? &kinds[i]->type : NULL;
}

/* Find the kind: "sim:x" has an argument, "-" is standard input, anything else is a path of a device or a file. */
static const struct zc_source_ops *find_kind(const char *spec, const char **arg)
{
	const char *colon = strchr(spec, ':');
	size_t len = colon ? (size_t)(colon - spec) : 0;

	*arg = spec;
	if (!strcmp(spec, "-"))
		return &zc_source_stdin;
	for (size_t i = 0; colon && i < ARRAY_SIZE(kinds); i++) {
		if (strlen(kinds[i]->type.name) != len || strncmp(spec, kinds[i]->type.name, len))
			continue;
		*arg = colon + 1;
		return kinds[i];
	}
	/* "./odd:name" is a path, "odd:name" a kind that does not exist. */
	if (colon && !memchr(spec, '/', len))
		return NULL;
	return zc_dev_is(spec) ? &zc_source_dev : &zc_source_file;
}

/* Returns whether the path is the name of a kind without its colon: "sim" for "sim:". */
static bool is_kind(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (!strcmp(kinds[i]->type.name, name))
			return true;
	}
	return false;
}

ZC_PUBLIC const struct zcdma_source_type *zcdma_source_type_of(const char *spec)
{
	const char *arg;
	const struct zc_source_ops *ops = find_kind(spec, &arg);

	return ops ? &ops->type : NULL;
}

ZC_PUBLIC int zcdma_source_open(struct zcdma_ctx *ctx, const char *spec, struct zcdma_source **out)
{
	const char *arg;
	const struct zc_source_ops *ops = find_kind(spec, &arg);
	struct zcdma_source *src;
	int rc;

	if (!ops) {
		rc = zc_fail_plain(ctx, EINVAL, "source %s: unknown kind of source", spec);
		zc_hint(ctx,
			"known are sim:[OPTIONS], dev:[PATH,OPTIONS], v4l2:[PATH,OPTIONS], iio:[PATH,OPTIONS], read:PATH[,OPTIONS], file:PATH, pcap:NAME[,OPTIONS], xdp:IFACE[,OPTIONS], tcp:[HOST]:PORT[,OPTIONS], udp:[HOST]:PORT[,OPTIONS] and - (standard input); for a file whose name has a colon write file:NAME");
		return rc;
	}
	rc = zc_source_new(ctx, ops, spec, &src);
	if (rc)
		return rc;
	rc = ops->open(src, arg);
	if (rc) {
		zc_source_delete(src);
		if (rc == -ENOENT && is_kind(spec))
			zc_hint(ctx, "for that kind of source write %s:", spec);
		return rc;
	}
	*out = src;
	return 0;
}

ZC_PUBLIC int zcdma_source_open_fd(struct zcdma_ctx *ctx, int fd, const char *name,
				   struct zcdma_source **out)
{
	struct zcdma_source *src;
	int rc = zc_source_new(ctx, &zc_source_pipe, name, &src);

	if (rc)
		return rc;
	rc = zc_pipe_attach(src, fd, false);
	if (rc) {
		zc_source_delete(src);
		return rc;
	}
	*out = src;
	return 0;
}
