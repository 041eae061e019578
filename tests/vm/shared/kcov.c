// SPDX-License-Identifier: GPL-2.0-only
/* Which places in the modules the calls of each thread reach. */
#include <fcntl.h>
#include <inttypes.h>
#include <linux/kcov.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kcov.h"
#include "tap.h"

#define WORDS	  (16 * 1024) /* places in a row that a thread records */
#define PLACES	  (64 * 1024) /* of the hash table; the module has some thousands */
#define FUNCTIONS 4096

/* The addresses that were reached: a hash table, in which nothing is ever removed. */
static struct reached {
	uint64_t count;
	uint64_t place[PLACES];
} * reached;

/* [0] is how many follow. */
static __thread uint64_t *trace;

void kcov_init(void)
{
	/* Filled as it goes on, it would look like a leak. */
	reached = mmap(NULL, sizeof(*reached), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	EXPECT(reached != MAP_FAILED);
}

void kcov_follow(void)
{
	int fd = open("/sys/kernel/debug/kcov", O_RDWR | O_CLOEXEC);
	void *map;

	if (fd < 0)
		return;
	EXPECT(!ioctl(fd, KCOV_INIT_TRACE, WORDS));
	map = mmap(NULL, WORDS * sizeof(uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	EXPECT(map != MAP_FAILED);
	EXPECT(!ioctl(fd, KCOV_ENABLE, KCOV_TRACE_PC));
	trace = map;
}

void kcov_begin(void)
{
	if (trace)
		__atomic_store_n(&trace[0], 0, __ATOMIC_RELAXED);
}

/* Returns whether it was not there. */
static bool add(uint64_t place)
{
	uint64_t *slot;

	for (size_t i = place * 0x9e3779b97f4a7c15 >> 48;; i++) {
		uint64_t none = 0;

		slot = &reached->place[i % PLACES];
		if (__atomic_load_n(slot, __ATOMIC_RELAXED) == place)
			return false;
		if (__atomic_compare_exchange_n(slot, &none, place, false, __ATOMIC_RELAXED,
						__ATOMIC_RELAXED))
			break;
		if (none == place)
			return false;
	}
	__atomic_add_fetch(&reached->count, 1, __ATOMIC_RELAXED);
	return true;
}

bool kcov_end(void)
{
	bool found = false;
	uint64_t n;

	if (!trace)
		return false;
	n = __atomic_load_n(&trace[0], __ATOMIC_RELAXED);
	for (uint64_t i = 1; i <= n && i < WORDS; i++)
		found |= add(trace[i]);
	return found;
}

size_t kcov_reached(void)
{
	return reached->count;
}

struct function {
	uint64_t start;
	char name[64];
};

static int compare(const void *a, const void *b)
{
	const struct function *f = a, *g = b;

	return (f->start > g->start) - (f->start < g->start);
}

/* The modules' functions, by address. */
static size_t read_functions(struct function *f)
{
	FILE *symbols = fopen("/proc/kallsyms", "re");
	char line[256], type, module[64];
	size_t n = 0;

	EXPECT(symbols);
	while (n < FUNCTIONS && fgets(line, sizeof(line), symbols)) {
		if (sscanf(line, "%" SCNx64 " %c %63s %63s", &f[n].start, &type, f[n].name,
			   module) == 4 &&
		    (type == 't' || type == 'T') && strncmp(module, "[zcdma", 6) == 0 &&
		    strncmp(f[n].name, "_sub_", 5)) /* those that KASAN adds */
			n++;
	}
	fclose(symbols);
	qsort(f, n, sizeof(*f), compare);
	return n;
}

void kcov_print_missed(void)
{
	static struct function functions[FUNCTIONS];
	static bool seen[FUNCTIONS];
	size_t n = read_functions(functions), missed = 0;

	for (size_t i = 0; i < PLACES; i++) {
		for (size_t k = n; reached->place[i] && k-- > 0;) {
			if (functions[k].start <= reached->place[i]) {
				seen[k] = true;
				break;
			}
		}
	}
	for (size_t k = 0; k < n; k++)
		missed += !seen[k];
	printf("# %zu of %zu functions reached; not these:", n - missed, n);
	for (size_t k = 0; k < n; k++) {
		if (!seen[k])
			printf(" %s", functions[k].name);
	}
	putchar('\n');
}
