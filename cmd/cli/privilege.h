/* SPDX-License-Identifier: GPL-2.0-only */
/* Privileges, which capturing takes for a moment. */
#ifndef CLI_PRIVILEGE_H
#define CLI_PRIVILEGE_H

#include "cli/report.h"

/*
 * Give up what root or capabilities allow, irrevocably, once everything is open: packets are other
 * people's bytes. What is replaced during the run has to be in reach of the user that is left. Returns 0, or an exit
 * status after a reported error.
 */
int privilege_drop(struct report *r);

#endif
