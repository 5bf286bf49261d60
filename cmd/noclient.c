/* SPDX-License-Identifier: MIT */
/* In place of fuse-snap/client.c in a tree that lacks it: images cannot be opened, the rest works. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuse-snap/client.h"

int snap_open_image(struct store *s, const struct digest *chainid, const char *snapd, unsigned int flags,
	struct snap_image *out, struct snap_error *e)
{
	return snap_fail(e, ENOSYS, "this build of picket cannot open images");
}

void snap_close_image(struct snap_image *img)
{
}

int snap_runtime_dir(char *buf, size_t len, struct snap_error *e)
{
	const char *xdg = getenv("XDG_RUNTIME_DIR");
	struct stat st;

	if (xdg && *xdg == '/')
		snprintf(buf, len, "%s/picket", xdg);
	else
		snprintf(buf, len, "/tmp/picket-%u", geteuid());
	mkdir(buf, 0700);
	if (lstat(buf, &st) < 0 || !S_ISDIR(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 077))
		return snap_fail(e, EPERM, "%s is not a private directory of yours", buf);
	return 0;
}
