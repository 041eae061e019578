// SPDX-License-Identifier: GPL-2.0-only
/* Privileges, dropped as tcpdump does it: root becomes somebody else, and capabilities go. */
#include "cli/privilege.h"

#include <cap-ng.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "cli/live.h"
#include "cli/status.h"

#define NOBODY 65534

struct who {
	uid_t uid;
	gid_t gid;
};

static bool parse_id(const char *name, unsigned *id)
{
	const char *text = getenv(name);
	char *end;

	if (!text || *text < '1' || *text > '9')
		return false;
	errno = 0;
	*id = (unsigned)strtoul(text, &end, 10);
	return !*end && !errno;
}

/* Choose the user that started the program, by sudo or as a setuid program; else the user nobody. */
static struct who choose(void)
{
	struct who who = { getuid(), getgid() };

	if (who.uid)
		return who;
	if (parse_id("SUDO_UID", &who.uid) && parse_id("SUDO_GID", &who.gid))
		return who;
	return (struct who){ NOBODY, NOBODY };
}

static int set_groups(struct who who)
{
	const struct passwd *pw = getpwuid(who.uid);

	return pw ? initgroups(pw->pw_name, who.gid) : setgroups(0, NULL);
}

static int become(struct who who)
{
	if (geteuid() && geteuid() == who.uid && getegid() == who.gid)
		return 0;
	if (!geteuid() && set_groups(who))
		return -errno;
	if (setresgid(who.gid, who.gid, who.gid) || setresuid(who.uid, who.uid, who.uid))
		return -errno;
	return 0;
}

static int drop_capabilities(void)
{
	/* Not the bounding set: its removal takes CAP_SETPCAP, and after the next line nothing can gain what is in it. */
	capng_clear(CAPNG_SELECT_CAPS);
	if (capng_apply(CAPNG_SELECT_CAPS))
		return -EPERM;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ? -errno : 0;
}

/*
 * The root of a user namespace may have nobody else to become: an ordinary user outside, it has nothing
 * to lose but its capabilities.
 */
int privilege_drop(struct report *r)
{
	const struct who who = choose();
	char hint[96];
	int rc = become(who);

	if (rc && rc != -EPERM && rc != -EINVAL)
		return report_system_error(r, STATUS_ERROR, rc, NULL, "become user %u: %s", who.uid,
					   strerror(-rc));
	if (rc)
		report_verbose(r, "stays user %u, as it cannot become user %u: %s", geteuid(),
			       who.uid, strerror(-rc));
	rc = drop_capabilities();
	if (rc)
		return report_system_error(r, STATUS_ERROR, rc, NULL, "drop capabilities: %s",
					   strerror(-rc));
	report_verbose(r, "goes on without privileges, as user %u", geteuid());
	snprintf(hint, sizeof(hint),
		 "give a file in a folder where user %u may write: root's rights are given up",
		 geteuid());
	return live_check(r, hint) ? STATUS_OK : STATUS_ERROR;
}
