/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where a file is, or will be once it is made: whether two names, which may be links, are of one,
 * and what helps where it cannot be made.
 */
#ifndef CLI_PLACE_H
#define CLI_PLACE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct place {
	dev_t dev; /* of the file, or of the folder that it will be in ... */
	ino_t ino;
	char name[NAME_MAX + 1]; /* ... with this name; empty: the file is there */
};

/*
 * Find the place of @path, or of standard output with NULL. Returns false if what is written there is not kept, as in
 * /dev/null, or if the place cannot be told.
 */
bool place_find(const char *path, struct place *place);

bool place_is_same(const struct place *a, const struct place *b);

/*
 * Write what helps where @err, an errno, says why @path cannot be opened to write to it to @hint of @len bytes, or an empty
 * text.
 */
void place_hint(const char *path, int err, char *hint, size_t len);

/* Do so where @folder cannot be opened to make files in it. */
void place_hint_folder(const char *folder, int err, char *hint, size_t len);

#endif
