// SPDX-License-Identifier: GPL-2.0-only
/* How much memory the VM has, to see what was not given back. */
#include <dirent.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "memory.h"
#include "ring.h"
#include "tap.h"

#define STACKS "/sys/kernel/debug/page_owner_stacks/show_stacks"
#define SLABS  "/sys/kernel/slab"

/* What a kernel that checks itself allocates meanwhile: stacks that it remembers, and objects of kmemleak. */
#define CHECKS_PAGES 256
#define CHECKS_SLAB  1024 /* KiB */

void memory_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	EXPECT(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

void memory_limit(size_t bytes)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };
	struct rlimit limit = { bytes, bytes };

	/* A process with that capability has no limit. */
	EXPECT(!syscall(SYS_capget, &header, data));
	data[0].effective &= ~(1U << CAP_IPC_LOCK);
	EXPECT(!syscall(SYS_capset, &header, data));
	EXPECT(!setrlimit(RLIMIT_MEMLOCK, &limit));
}

/*
 * KASAN keeps a part of what was freed (QUARANTINE_FRACTION in mm/kasan/quarantine.c), until a cache is shrunk. Only
 * in a kernel that checks itself, as it takes a while.
 */
static void empty_quarantine(void)
{
	DIR *slabs = access(STACKS, R_OK) ? NULL : opendir(SLABS);
	const struct dirent *entry;
	char path[512];
	int fd;

	while (slabs && (entry = readdir(slabs))) {
		snprintf(path, sizeof(path), SLABS "/%s/shrink", entry->d_name);
		if (entry->d_type != DT_DIR || (fd = open(path, O_WRONLY | O_CLOEXEC)) < 0)
			continue;
		(void)!write(fd, "1", 1);
		close(fd);
	}
	if (slabs)
		closedir(slabs);
}

/*
 * Whether the kernel keeps these pages when what they were allocated for is freed: of the range of vmalloc(), the page
 * tables, and what KASAN has for it until what was freed there is purged (kasan_release_vmalloc() in mm/kasan/shadow.c).
 */
static bool are_kept(const char *stack)
{
	return strstr(stack, "__pte_alloc_kernel") || strstr(stack, "kasan_populate_vmalloc");
}

static bool are_of_module(const char *stack)
{
	return strstr(stack, "[zcdma]") && !strstr(stack, "_slab") && !are_kept(stack);
}

static void print_stack(const char *stack)
{
	for (int length; *stack; stack += length + 1) {
		length = (int)strcspn(stack, "\n");
		printf("#%.*s\n", length, stack);
	}
}

/* Count the pages that the module has, into *@kept those that the kernel keeps, and print who allocated the former. */
static long pages_of_module(long *kept, bool print)
{
	FILE *stacks = fopen(STACKS, "re");
	char stack[8192] = "", *end = stack;
	long pages, sum = 0;

	*kept = 0;
	if (!stacks)
		return -1;
	/* A record has the functions of a stack, then the number of pages that it allocated. */
	while (end + 256 < stack + sizeof(stack) && fgets(end, 256, stacks)) {
		if (sscanf(end, "nr_base_pages: %ld", &pages) != 1) {
			end += strlen(end);
			continue;
		}
		end = stack;
		if (are_kept(stack))
			*kept += pages;
		if (!are_of_module(stack))
			continue;
		sum += pages;
		if (print)
			print_stack(stack);
	}
	EXPECT(feof(stacks));
	fclose(stacks);
	return sum;
}

long memory_number(const char *path, const char *name)
{
	FILE *f = fopen(path, "re");
	char line[128];
	long value = -1;

	EXPECT(f);
	while (value < 0 && fgets(line, sizeof(line), f))
		value = strncmp(line, name, strlen(name)) ? -1 : atol(line + strlen(name));
	fclose(f);
	EXPECT(value >= 0);
	return value;
}

struct memory memory_now(void)
{
	struct memory m = { 0 };
	char line[128];
	long value, kept;
	FILE *f;

	/* Memory that can be reclaimed is not a leak. */
	memory_write("/proc/sys/vm/drop_caches", "3");
	empty_quarantine();
	f = fopen("/proc/meminfo", "re");
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "MemFree: %ld", &value) == 1)
			m.free += value * 1024 / PAGE;
		if (sscanf(line, "Slab: %ld", &value) == 1)
			m.slab = value;
	}
	fclose(f);
	f = fopen("/proc/zoneinfo", "re");
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, " count: %ld", &value) == 1)
			m.free += value;
	}
	fclose(f);
	m.module = pages_of_module(&kept, false);
	m.free += kept;
	return m;
}

bool memory_comes_back(const struct memory *before, long pages, long slab)
{
	/* A kernel that checks itself takes seconds for each count. */
	const unsigned tries = before->module < 0 ? 200 : 12;
	struct memory now;
	long kept;

	/* A slab is a number of pages. */
	slab *= PAGE / 4096;
	if (before->module >= 0) {
		pages += CHECKS_PAGES;
		slab += CHECKS_SLAB;
	}
	for (unsigned i = 0; i < tries; i++) {
		now = memory_now();
		if (now.free >= before->free - pages && now.slab <= before->slab + slab &&
		    now.module <= before->module) {
			printf("# %ld pages and %ld KiB of slab less\n", before->free - now.free,
			       now.slab - before->slab);
			return true;
		}
		usleep(50000);
	}
	printf("# %ld pages and %ld KiB of slab are missing; the module has %ld pages more\n",
	       before->free - now.free, now.slab - before->slab, now.module - before->module);
	pages_of_module(&kept, true);
	return false;
}

void expect_memory_back(const struct memory *before, long pages, long slab)
{
	EXPECT(memory_comes_back(before, pages, slab));
}
