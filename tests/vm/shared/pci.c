// SPDX-License-Identifier: GPL-2.0-only
/* The PCI device edu, below the driver. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "pci.h"
#include "tap.h"

#define DEVICES "/sys/bus/pci/devices/"
#define DRIVER	"/sys/bus/pci/drivers/zcdma-edu/"
#define ID	"0x11e8\n"

static int open_file(const char *device, const char *name, int flags)
{
	char path[512];

	snprintf(path, sizeof(path), DEVICES "%s/%s", device, name);
	return open(path, flags | O_CLOEXEC);
}

/* Its name among the PCI devices, "0000:01:00.0", whether or not it has a driver. */
static const char *find_device(void)
{
	static char name[256];
	DIR *dir = opendir(DEVICES);
	struct dirent *entry;

	EXPECT(dir);
	while ((entry = readdir(dir))) {
		int fd = open_file(entry->d_name, "device", O_RDONLY);
		char id[16] = "";

		if (fd < 0)
			continue;
		EXPECT(read(fd, id, sizeof(id) - 1) > 0 && !close(fd));
		if (!strcmp(id, ID))
			snprintf(name, sizeof(name), "%s", entry->d_name);
	}
	closedir(dir);
	EXPECT(name[0]);
	return name;
}

void pci_command_clear(uint16_t bits)
{
	int fd = open_file(find_device(), "config", O_RDWR);
	uint16_t command;

	EXPECT(pread(fd, &command, sizeof(command), PCI_COMMAND) == sizeof(command));
	command &= (uint16_t)~bits;
	EXPECT(pwrite(fd, &command, sizeof(command), PCI_COMMAND) == sizeof(command));
	EXPECT(!close(fd));
}

static void write_to(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	EXPECT(write(fd, text, strlen(text)) == (ssize_t)strlen(text) && !close(fd));
}

void pci_unbind(void)
{
	write_to(DRIVER "unbind", find_device());
}

void pci_bind(void)
{
	write_to(DRIVER "bind", find_device());
}

bool pci_reset(void)
{
	int fd = open_file(find_device(), "reset", O_WRONLY);

	if (fd < 0)
		return false;
	EXPECT(write(fd, "1", 1) == 1 && !close(fd));
	return true;
}

static void monitor(const char *command)
{
	write_to("/dev/vport0p2", command);
}

void pci_unplug(void)
{
	monitor("device_del edu\n");
}

void pci_fatal_error(void)
{
	monitor("pcie_aer_inject_error bay DLP\n");
}
