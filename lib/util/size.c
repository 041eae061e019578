// SPDX-License-Identifier: LGPL-2.1-or-later
/* Parses sizes, "4K", and formats them, "1.50 GiB". */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

static const struct {
	const char *name;
	uint64_t bytes;
} units[] = {
	{ "", 1 },
	{ "B", 1 },
	{ "K", UINT64_C(1) << 10 },
	{ "M", UINT64_C(1) << 20 },
	{ "G", UINT64_C(1) << 30 },
	{ "T", UINT64_C(1) << 40 },
	{ "KiB", UINT64_C(1) << 10 },
	{ "MiB", UINT64_C(1) << 20 },
	{ "GiB", UINT64_C(1) << 30 },
	{ "TiB", UINT64_C(1) << 40 },
	{ "kB", UINT64_C(1000) },
	{ "MB", UINT64_C(1000000) },
	{ "GB", UINT64_C(1000000000) },
	{ "TB", UINT64_C(1000000000000) },
};

static uint64_t unit_bytes(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		if (!strcmp(units[i].name, name))
			return units[i].bytes;
	}
	return 0;
}

ZC_PUBLIC int zcdma_size_parse(const char *text, uint64_t *size)
{
	unsigned long long number;
	uint64_t unit;
	char *end;

	/* strtoull() itself takes leading space and a sign. */
	if (!isdigit((unsigned char)*text))
		return -EINVAL;
	errno = 0;
	number = strtoull(text, &end, 10);
	unit = unit_bytes(end);
	if (!unit)
		return -EINVAL;
	if (errno == ERANGE || number > UINT64_MAX / unit)
		return -ERANGE;
	*size = number * unit;
	return 0;
}

ZC_PUBLIC const char *zcdma_size_format(uint64_t bytes, char *buf, size_t len)
{
	static const char *const names[] = { "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	uint64_t parts = bytes; /* 1024ths of names[i] */
	unsigned hundredths;
	unsigned i = 0;

	if (bytes < 1024) {
		snprintf(buf, len, "%u B", (unsigned)bytes);
		return buf;
	}
	/* Integers only, as a locale may have another decimal point. */
	for (; parts >= 1024 * 1024; i++)
		parts >>= 10;
	hundredths = (unsigned)(parts * 100 + 512) / 1024;
	if (hundredths >= 1024 * 100) {
		hundredths = 100;
		i++;
	}
	snprintf(buf, len, "%u.%02u %s", hundredths / 100, hundredths % 100, names[i]);
	return buf;
}
