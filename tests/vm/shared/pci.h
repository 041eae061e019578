/* SPDX-License-Identifier: GPL-2.0-only */
/* The PCI device edu, below the driver. What fails ends the test. */
#ifndef PCI_H
#define PCI_H

#include <linux/pci_regs.h>
#include <stdbool.h>
#include <stdint.h>

/* Clear @bits of the device's command register, without the driver's knowledge. */
void pci_command_clear(uint16_t bits);

/* Unbind the device from its driver, and bind it again. */
void pci_unbind(void);
void pci_bind(void);

/* Reset the device by sysfs. Returns false if this kernel has no way to do so. */
bool pci_reset(void);

/* Have QEMU take the device out of its slot, which happens some time after the call. */
void pci_unplug(void);

/* Have the root port report an error of the link (PCI_ERR_UNC_DLP), fatal to the devices below it. */
void pci_fatal_error(void);

#endif /* PCI_H */
