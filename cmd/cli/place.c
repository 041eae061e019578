// SPDX-License-Identifier: GPL-2.0-only
/* Where a file is, or will be once it is made. */
#include "cli/place.h"

#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* As many as the kernel follows: MAXSYMLINKS in include/linux/namei.h. */
#define MOST_LINKS 40

/* Put what the link @path points to in its place. Returns false if it is not a link, or that is too long. */
static bool follow(char path[PATH_MAX])
{
	char target[PATH_MAX], folder[PATH_MAX];
	ssize_t len = readlink(path, target, sizeof(target) - 1);

	if (len <= 0)
		return false;
	target[len] = '\0';
	if (*target == '/') {
		memcpy(path, target, (size_t)len + 1);
		return true;
	}
	memcpy(folder, path, PATH_MAX);
	return snprintf(path, PATH_MAX, "%s/%s", dirname(folder), target) < PATH_MAX;
}

/* Find where a file that is not there will be made: links that lead to nothing are followed. */
static bool find_new(const char *given, struct place *place)
{
	char path[PATH_MAX], folder[PATH_MAX];
	const char *slash;
	struct stat st;

	if (strlen(given) >= sizeof(path))
		return false;
	strcpy(path, given);
	for (int i = 0; i < MOST_LINKS && follow(path); i++)
		;
	memcpy(folder, path, sizeof(folder));
	slash = strrchr(path, '/');
	slash = slash ? slash + 1 : path;
	if (!*slash || strlen(slash) > NAME_MAX || stat(dirname(folder), &st) < 0)
		return false;
	*place = (struct place){ .dev = st.st_dev, .ino = st.st_ino };
	strcpy(place->name, slash);
	return true;
}

bool place_find(const char *path, struct place *place)
{
	struct stat st;

	if ((path ? stat(path, &st) : fstat(STDOUT_FILENO, &st)) < 0)
		return path && find_new(path, place);
	*place = (struct place){ .dev = st.st_dev, .ino = st.st_ino };
	return !S_ISCHR(st.st_mode) && !S_ISDIR(st.st_mode);
}

bool place_is_same(const struct place *a, const struct place *b)
{
	return a->dev == b->dev && a->ino == b->ino && !strcmp(a->name, b->name);
}

/* Check that mkdir -p makes @folder: it is missing, and no link to nothing is in its way. */
static bool is_missing(const char *folder)
{
	char path[PATH_MAX];
	struct stat st;

	if (snprintf(path, sizeof(path), "%s", folder) >= PATH_MAX || !stat(path, &st))
		return false;
	while (stat(path, &st) < 0) {
		char *above;

		if (errno != ENOENT || !lstat(path, &st))
			return false;
		above = dirname(path);
		memmove(path, above, strlen(above) + 1);
	}
	return S_ISDIR(st.st_mode);
}

void place_hint_folder(const char *folder, int err, char *hint, size_t len)
{
	*hint = '\0';
	if (err == ENOENT && is_missing(folder))
		snprintf(hint, len, "make the folder: mkdir -p %s", folder);
	else if (err == EACCES)
		snprintf(hint, len, "name a file where user %u may write", geteuid());
}

void place_hint(const char *given, int err, char *hint, size_t len)
{
	char path[PATH_MAX];
	struct stat st;

	*hint = '\0';
	if (snprintf(path, sizeof(path), "%s", given) >= PATH_MAX)
		return;
	if (err == EISDIR && !stat(path, &st) && S_ISDIR(st.st_mode)) {
		snprintf(hint, len, "name a file in it: %s/NAME", path);
		return;
	}
	for (int i = 0; i < MOST_LINKS && follow(path); i++)
		;
	place_hint_folder(dirname(path), err, hint, len);
}
