// SPDX-License-Identifier: GPL-2.0-only
/*
 * Write 32-bit registers of a device that no driver has, in this order: poke ADDRESS VALUE..., where a
 * VALUE of "-" reads the register instead.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static int poke(int fd, uint32_t address, const char *value)
{
	const uint32_t page = (uint32_t)sysconf(_SC_PAGESIZE);
	volatile uint32_t *map =
		mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)(address & -page));

	if (map == MAP_FAILED)
		return -1;
	if (strcmp(value, "-"))
		map[address % page / sizeof(*map)] = (uint32_t)strtoul(value, NULL, 0);
	else
		(void)map[address % page / sizeof(*map)];
	return munmap((void *)map, page);
}

int main(int argc, char **argv)
{
	int fd = open("/dev/mem", O_RDWR | O_SYNC | O_CLOEXEC);

	for (int i = 1; i + 1 < argc; i += 2) {
		if (poke(fd, (uint32_t)strtoul(argv[i], NULL, 0), argv[i + 1])) {
			perror(argv[i]);
			return 1;
		}
	}
	return 0;
}
