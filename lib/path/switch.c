// SPDX-License-Identifier: LGPL-2.1-or-later
/* Goes on with another file, as a recording that is split does. */
#include <sys/stat.h>

#include "path/sent.h"
#include "verify/manifest.h"

static int check_files(struct zcdma_path *path, int fd)
{
	struct stat from, to;

	if (fstat(path->sink.fd, &from) || !S_ISREG(from.st_mode) || fstat(fd, &to) ||
	    !S_ISREG(to.st_mode) || zc_sink_is_direct(fd) != path->sink.direct)
		return zc_fail_plain(
			path->ctx, EINVAL,
			"switch path %s from %s: both have to be files, with O_DIRECT or without it",
			path->ops->type.name, path->sink.name);
	if (zc_source_is(path->src, &to))
		return zc_fail_plain(path->ctx, EINVAL,
				     "switch path %s from %s: the other file is the source itself",
				     path->ops->type.name, path->sink.name);
	return 0;
}

ZC_PUBLIC int zcdma_path_switch(struct zcdma_path *path, int fd)
{
	int rc = check_files(path, fd);

	if (!rc)
		rc = zcdma_path_flush(path);
	if (rc)
		return rc;
	rc = zc_path_end(path, false, UINT64_MAX);
	if (!rc)
		rc = zc_sent_count(path);
	if (!rc && path->manifest)
		rc = zc_manifest_flush(path->manifest, path->ctx);
	if (!rc)
		rc = zc_path_set_sink(path, fd);
	return rc ? zc_path_break(path, rc) : 0;
}
