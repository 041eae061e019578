/* SPDX-License-Identifier: GPL-2.0-only */
/* A cgroup for each controller. These end a test that fails. */
#ifndef CGROUP_H
#define CGROUP_H

/* Join the cgroup of @controller, which is made with this value of its @setting. */
void cgroup_join(const char *controller, const char *setting, const char *value);

/* Return the number in a file of it. */
long cgroup_number(const char *controller, const char *setting);

#endif /* CGROUP_H */
