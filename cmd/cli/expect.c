// SPDX-License-Identifier: GPL-2.0-only
/* --expect: which applet can be asked for what. */
#include "cli/expect.h"

#include <string.h>

#include "cli/opts.h"

static const struct {
	const char *name, *applets[6];
} table[EXPECTATIONS] = {
	[EXPECT_ZEROCOPY] = { "zerocopy", { "zcsend", "capture", "verify", "play", "disk" } },
	[EXPECT_COPIED] = { "copied", { "zcsend" } },
	[EXPECT_COMPLETE] = { "complete", { "verify", "capture" } },
};

static bool is_for(enum expect expect, const char *applet)
{
	for (const char *const *name = table[expect].applets; *name; name++) {
		if (!strcmp(*name, applet))
			return true;
	}
	return false;
}

bool expect_parse(struct report *r, const char *applet, const char *text, enum expect *expect)
{
	const char *names[EXPECTATIONS + 1] = { NULL };
	enum expect of[EXPECTATIONS];
	int count = 0, choice;

	*expect = EXPECT_NOTHING;
	if (!text)
		return true;
	for (int i = EXPECT_NOTHING + 1; i < EXPECTATIONS; i++) {
		if (!is_for((enum expect)i, applet))
			continue;
		of[count] = (enum expect)i;
		names[count++] = table[i].name;
	}
	choice = opts_choice(r, "--expect", text, names);
	if (choice >= 0)
		*expect = of[choice];
	return choice >= 0;
}

const char *expect_name(enum expect expect)
{
	return table[expect].name;
}
