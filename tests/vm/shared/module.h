/* SPDX-License-Identifier: GPL-2.0-only */
/* The module and its device coming and going. */
#ifndef MODULE_H
#define MODULE_H

/* 0 or -errno. The module is that in the folder $VM_KMOD, with the fault $VM_FAULT where it is one that has faults. */
int module_load(const char *parameters);
int module_unload(void);

/* What DEVICE is on the platform bus: the simulated one that captures, unless a program says otherwise. */
extern const char *device_name;

/* /dev/zcdma0's driver leaves it, and comes back. These end a test that fails. */
void device_unbind(void);
void device_bind(void);
/* Returns 0, or -1 where that fails. */
int device_try_bind(void);

#endif /* MODULE_H */
