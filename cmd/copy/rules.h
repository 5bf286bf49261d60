/* SPDX-License-Identifier: MIT */
/* docker cp's rules: what SRC and DST mean together. The same on both sides; who has DST asks. */
#ifndef PICKET_CMD_COPY_RULES_H
#define PICKET_CMD_COPY_RULES_H

#include <stdbool.h>

enum copy_source { COPY_FILE, COPY_DIR, COPY_CONTENTS /* DIR/. */ };

struct copy_place {
	char dir[4096];	 /* existing directory to unpack below */
	char name[4096]; /* what the source is called there; empty: as it is */
};

/* Is *path* written as a directory: with a slash, or "/." or "/.." at its end? */
bool copy_says_dir(const char *path);
bool copy_says_contents(const char *path); /* "/." at its end, or "/" or "." itself */
/* Its last component, slashes and dots at the end left out; "." where there is none. Into *ret* of *size* bytes. */
void copy_base(const char *path, char *ret, unsigned long size);

/*
 * Where does the source *what* go if it is copied to *dst*? Looks at the file system. 0, or -1 with a sentence in *err*
 * (of 4352 bytes).
 */
int copy_destination(const char *dst, enum copy_source what, struct copy_place *ret, char *err);

#endif
