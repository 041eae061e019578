// SPDX-License-Identifier: GPL-2.0-only
/* probe: what is this mapping, and which methods of sending accept it? What can this network interface do? */
#include <errno.h>
#include <glob.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <zcdma/probe.h>

#include "applet.h"
#include "cli/xalloc.h"
#include "cli/opts.h"
#include "probe/interfaces.h"
#include "probe/probed.h"

#define DEVICE "/dev/zcdma0"

/* Enough to see what a BAR answers; a server has dozens of devices that all answer the same. */
#define PCI_ROWS       4
#define PCI_DEVICES    "/sys/bus/pci/devices"
#define IORESOURCE_MEM 0x200 /* linux/ioport.h */

struct probe {
	struct report *r;
	struct zcdma_ctx *ctx;
	uint64_t bytes, offset;
	int read_device;
	struct probed probed;
};

/*
 * Probing
 */

static struct zcdma_probe *new_row(struct probe *all, bool asked)
{
	struct probed *probed = &all->probed;
	struct probed_row *row;

	probed->rows = xalloc(reallocarray(probed->rows, probed->count + 1, sizeof(*probed->rows)));
	row = &probed->rows[probed->count++];
	row->asked = asked;
	return &row->p;
}

static int probe_builtins(struct probe *all)
{
	int rc = 0;

	for (unsigned i = 0; !rc && zcdma_probe_name(i); i++)
		rc = zcdma_probe_builtin(all->ctx, i, new_row(all, false));
	return rc;
}

static int probe_path(struct probe *all, const char *path, bool asked)
{
	unsigned flags = (all->read_device ? ZCDMA_PROBE_READ_DEVICE : 0) |
			 (all->probed.writable ? ZCDMA_PROBE_WRITABLE : 0);
	int rc = 0;

	for (unsigned i = 0; !rc && i < zcdma_probe_count(path); i++)
		rc = zcdma_probe_path(all->ctx, path, i, all->offset, (size_t)all->bytes, flags,
				      new_row(all, asked));
	return rc;
}

/* Only a device of the driver has several models. */
static int probe_device(struct probe *all)
{
	return zcdma_probe_count(DEVICE) > 1 ? probe_path(all, DEVICE, false) : 0;
}

/* Find the first BAR of @device that is memory and can be mapped. Returns false if there is not one. */
static bool find_bar(const char *device, char *path, size_t len)
{
	uint64_t flags;
	bool found = false;
	FILE *f;

	snprintf(path, len, "%s/resource", device);
	f = fopen(path, "re");
	if (!f)
		return false;
	for (int bar = 0; bar < 6 && fscanf(f, "%*x %*x %" SCNx64, &flags) == 1; bar++) {
		snprintf(path, len, "%s/resource%d", device, bar);
		found = flags & IORESOURCE_MEM && !access(path, F_OK);
		if (found)
			break;
	}
	fclose(f);
	return found;
}

static int probe_pci(struct probe *all)
{
	size_t bars = 0, unreadable = 0;
	glob_t devices;
	int rc = 0;

	if (glob(PCI_DEVICES "/*", 0, NULL, &devices))
		return 0;
	for (size_t i = 0; i < devices.gl_pathc && !rc; i++) {
		char path[256];

		if (!find_bar(devices.gl_pathv[i], path, sizeof(path)))
			continue;
		if (access(path, R_OK))
			unreadable++;
		else if (bars++ < PCI_ROWS)
			rc = probe_path(all, path, false);
	}
	globfree(&devices);
	if (unreadable)
		report_note(all->r,
			    "PCI resources of %zu devices are skipped: only root may map them",
			    unreadable);
	if (bars > PCI_ROWS)
		report_note(
			all->r,
			"PCI resources of %zu more devices are skipped; give their names: " PCI_DEVICES
			"/*/resource0",
			bars - PCI_ROWS);
	return rc;
}

/* Probe what was asked for by name: paths first, then the interfaces in one report. */
static int probe_named(struct probe *all, const char *const *names, int count)
{
	const char **interfaces = xalloc(calloc((size_t)count + 1, sizeof(*interfaces)));
	int rc = 0, found = 0;

	for (int i = 0; !rc && i < count; i++) {
		if (is_interface(names[i]))
			interfaces[found++] = names[i];
		else
			rc = probe_path(all, names[i], true);
	}
	if (!rc && all->probed.count)
		probed_report(&all->probed, all->r);
	if (!rc && found)
		rc = report_interfaces(all->r, all->ctx, interfaces);
	free(interfaces);
	return rc;
}

static int probe_default(struct probe *all)
{
	int rc = probe_builtins(all);

	if (!rc)
		rc = probe_device(all);
	if (!rc)
		rc = probe_pci(all);
	if (!rc)
		probed_report(&all->probed, all->r);
	return rc;
}

/* What failed, as the reason begins with its call: "mmap: No such device". */
static const struct {
	const char *call, *operation;
} operations[] = {
	{ "open: ", "open" },
	{ "mmap: ", "map" },
	{ NULL, NULL },
};

static int fail_row(struct report *r, const struct zcdma_probe *p)
{
	const char *hint = p->hint[0] ? p->hint : NULL;
	const char *operation = "probe", *reason = p->reason;

	for (size_t i = 0; operations[i].call; i++) {
		const size_t len = strlen(operations[i].call);

		if (strncmp(p->reason, operations[i].call, len))
			continue;
		operation = operations[i].operation;
		reason += len;
	}

	if (!hint && p->err == ENOENT && !strpbrk(p->name, "/:") && strcmp(p->name, "udmabuf"))
		hint = "no interface has this name either; ip link lists them";
	return report_system_error(r, STATUS_ERROR, -p->err, hint, "%s %s: %s", operation,
				   opts_word(p->name), reason);
}

static int probe_all(struct probe *all, const char *const *names, int count)
{
	int rc = zcdma_new(&all->ctx);
	const struct probed_row *error;

	if (rc)
		return report_error(all->r, STATUS_ERROR, NULL, "start: %s", strerror(-rc));
	rc = count ? probe_named(all, names, count) : probe_default(all);
	if (rc)
		return report_ctx_error(all->r, STATUS_ERROR, all->ctx, rc);
	error = probed_error(&all->probed);
	return error ? fail_row(all->r, &error->p) : STATUS_OK;
}

static bool any_path(const struct opts *opts)
{
	for (int i = 0; i < opts->count; i++)
		if (!is_interface(opts->args[i]))
			return true;
	return false;
}

static bool check_values(struct probe *all, const char *bytes, const char *offset, bool paths)
{
	if (!opts_size(all->r, "--bytes", bytes, &all->bytes))
		return false;
	/* 0 is a good offset, though no good size. */
	if (offset && strcmp(offset, "0") && !opts_size(all->r, "--offset", offset, &all->offset))
		return false;
	if (all->bytes > SIZE_MAX / 2) {
		report_error(all->r, STATUS_ERROR, NULL, "--bytes %s: too large", bytes);
		return false;
	}
	if ((bytes || offset || all->probed.writable) && !paths) {
		report_error(all->r, STATUS_ERROR, NULL, "%s: needs a PATH",
			     bytes    ? "--bytes"
			     : offset ? "--offset"
				      : "--writable");
		return false;
	}
	return true;
}

int probe_main(struct report *r, int argc, char **argv)
{
	struct probe all = { .r = r };
	const char *bytes = NULL, *offset = NULL;
	const struct poptOption table[] = {
		{ "bytes", 0, POPT_ARG_STRING, &bytes, 0,
		  "how much of each PATH (default: 64K, or what there is)", "SIZE" },
		{ "offset", 0, POPT_ARG_STRING, &offset, 0,
		  "where in each PATH to begin, a multiple of the page size", "SIZE" },
		{ "read-device", 0, POPT_ARG_NONE, &all.read_device, 0,
		  "let send, MSG_ZEROCOPY and O_DIRECT read device memory, which can have side effects",
		  NULL },
		{ "writable", 0, POPT_ARG_NONE, &all.probed.writable, 0,
		  "map each PATH for writing too, as io_uring wants it; nothing is written", NULL },
		POPT_TABLEEND,
	};
	struct opts opts = {
		.usage = "[OPTION...] [PATH|IFACE...]",
		.about =
			"Maps memory of every kind that a process can have, or each PATH (a device, a file, heap:NAME, udmabuf, dmabuf:FD), and tries which methods of sending the kernel accepts from there. PATHs are mapped read-only, unless --writable is given. Of a network interface IFACE it says what it can do to send and receive without a copy.",
		.table = table,
		.max_args = -1,
	};
	int status;

	if (opts_parse(&opts, r, argc, argv, &status)) {
		status = STATUS_ERROR;
		if (check_values(&all, bytes, offset, any_path(&opts)))
			status = probe_all(&all, opts.args, opts.count);
	}
	zcdma_free(all.ctx);
	free(all.probed.rows);
	opts_free(&opts);
	return status;
}
