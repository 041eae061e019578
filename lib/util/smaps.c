// SPDX-License-Identifier: LGPL-2.1-or-later
/* Mappings of this process as /proc/self/smaps describes them. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <zcdma/probe.h>

#include "internal.h"

#define SMAPS "/proc/self/smaps"

/* Bytes that are mapped by PMD or hugetlb pages; older kernels lack some keys. */
static const char *const huge_keys[] = {
	"AnonHugePages:",  "ShmemPmdMapped:",  "FilePmdMapped:",
	"Shared_Hugetlb:", "Private_Hugetlb:",
};

/* Parse the first line of a mapping, "START-END PERMS OFFSET DEV INODE   NAME". Returns false for any other line. */
static bool parse_header(const char *line, struct zc_vma *vma)
{
	const char *name;
	int at = 0;

	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %*s %*s %*s %*s %n", &vma->start, &vma->end,
		   &at) < 2)
		return false;
	name = at ? line + at : "";
	vma->huge_bytes = 0;
	vma->kernel_page_size = 0;
	vma->flags[0] = '\0';
	snprintf(vma->name, sizeof(vma->name), "%s", name);
	return true;
}

static bool kilobytes(const char *line, const char *key, size_t *bytes)
{
	size_t len = strlen(key);

	if (strncmp(line, key, len))
		return false;
	*bytes = (size_t)strtoull(line + len, NULL, 10) * 1024;
	return true;
}

static void parse_value(const char *line, struct zc_vma *vma)
{
	size_t bytes;

	if (!strncmp(line, "VmFlags: ", 9)) {
		snprintf(vma->flags, sizeof(vma->flags), "%s", line + 9);
		return;
	}
	if (kilobytes(line, "KernelPageSize:", &vma->kernel_page_size))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(huge_keys); i++)
		if (kilobytes(line, huge_keys[i], &bytes))
			vma->huge_bytes += bytes;
}

int zc_smaps_find(FILE *smaps, uint64_t addr, const char *name, struct zc_vma *vma)
{
	char *line = NULL;
	size_t size = 0;
	bool found = false;

	while (getline(&line, &size, smaps) >= 0) {
		struct zc_vma next;

		line[strcspn(line, "\n")] = '\0';
		/* The kernel puts a space after the flags, and after a mapping without a name. */
		for (size_t len = strlen(line); len && line[len - 1] == ' '; len--)
			line[len - 1] = '\0';
		if (!parse_header(line, &next)) {
			if (found)
				parse_value(line, vma);
			continue;
		}
		if (found)
			break;
		found = name ? !strcmp(next.name, name) : addr >= next.start && addr < next.end;
		if (found)
			*vma = next;
	}
	free(line);
	return found ? 0 : -ENOENT;
}

static int find(uint64_t addr, const char *name, struct zc_vma *vma)
{
	FILE *smaps = fopen(SMAPS, "re");
	int rc;

	if (!smaps)
		return -errno;
	rc = zc_smaps_find(smaps, addr, name, vma);
	fclose(smaps);
	return rc;
}

int zc_vma_find(const void *addr, struct zc_vma *vma)
{
	return find((uintptr_t)addr, NULL, vma);
}

int zc_vma_find_name(const char *name, struct zc_vma *vma)
{
	return find(0, name, vma);
}

/* proc_pid_pagemap(5) */
#define PAGEMAP_PRESENT (UINT64_C(1) << 63)
#define PAGEMAP_FRAME	((UINT64_C(1) << 55) - 1)

/* Returns the physical address of the page at @addr, or 0 if it is not present or hidden. */
static uint64_t physical(const void *addr)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	uint64_t entry = 0;

	if (fd < 0)
		return 0;
	if (pread(fd, &entry, sizeof(entry), (off_t)((uintptr_t)addr / page * sizeof(entry))) !=
	    sizeof(entry))
		entry = 0;
	close(fd);
	return entry & PAGEMAP_PRESENT ? (entry & PAGEMAP_FRAME) * page : 0;
}

int zc_iomem_find(FILE *iomem, uint64_t at)
{
	uint64_t start, end;
	char line[128], name[64];
	bool visible = false;

	while (fgets(line, sizeof(line), iomem)) {
		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " : %63[^\n]", &start, &end, name) != 3)
			continue;
		visible |= end != 0;
		if (visible && !strcmp(name, "System RAM") && at >= start && at <= end)
			return 1;
	}
	return visible ? 0 : -EPERM;
}

int zc_is_ram(const void *addr)
{
	uint64_t at = physical(addr);
	FILE *iomem = at ? fopen("/proc/iomem", "re") : NULL;
	int rc;

	if (!iomem)
		return -EPERM;
	rc = zc_iomem_find(iomem, at);
	fclose(iomem);
	return rc;
}

bool zc_vmflags_have(const char *vmflags, const char *flag)
{
	size_t len = strlen(flag);

	for (const char *word = vmflags; *word;) {
		size_t n = strcspn(word, " ");

		if (n == len && !strncmp(word, flag, len))
			return true;
		word += n;
		word += strspn(word, " ");
	}
	return false;
}

/* The flags that decide how a mapping can be used. */
static const struct {
	const char *flag; /* as show_smap_vma_flags() abbreviates it */
	const char *word;
} words[] = {
	{ "pf", "VM_PFNMAP" }, { "io", "VM_IO" },    { "mm", "VM_MIXEDMAP" }, { "ht", "hugetlb" },
	{ "sh", "shared" },    { "wr", "writable" }, { "ex", "executable" },
};

ZC_PUBLIC const char *zcdma_vmflags_words(const char *vmflags, char *buf, size_t len)
{
	size_t used = 0;

	if (len)
		buf[0] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(words) && used < len; i++) {
		if (!zc_vmflags_have(vmflags, words[i].flag))
			continue;
		used += (size_t)snprintf(buf + used, len - used, "%s%s", used ? " " : "",
					 words[i].word);
	}
	if (!used && zc_vmflags_have(vmflags, "rd"))
		snprintf(buf, len, "readable");
	return buf;
}
