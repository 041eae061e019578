/* SPDX-License-Identifier: GPL-2.0-only */
/* The PCI device edu, below the driver. What fails ends the test. */
#ifndef PCI_H
#define PCI_H

#include <linux/pci_regs.h>
#include <stdbool.h>
#include <stdint.h>

/* Clear bits of its command register, behind the driver's back. */
void pci_command_clear(uint16_t bits);

/* From its driver and back. */
void pci_unbind(void);
void pci_bind(void);

/* Reset it by sysfs. False: this kernel knows no way to. */
bool pci_reset(void);

/* QEMU takes it out of its slot, some time after this. */
void pci_unplug(void);

/* Its root port reports an error of the link (PCI_ERR_UNC_DLP), which is fatal to the devices below the port. */
void pci_fatal_error(void);

#endif /* PCI_H */
