/* SPDX-License-Identifier: MIT */
/* picket mount and picket umount: picket-snapd serves the tree; the kernel's list of mounts says where. */
#include "cmd/mounts.h"

#include <mntent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/commands.h"
#include "cmd/message.h"

/* The type of picket-snapd's tree mounts. */
#define MOUNT_TYPE "fuse.picket"

void mounts_each(void (*fn)(void *arg, const char *dir), void *arg)
{
	FILE *f = setmntent("/proc/self/mounts", "re");
	struct mntent *m;

	while (f && (m = getmntent(f)))
		if (strcmp(m->mnt_type, MOUNT_TYPE) == 0)
			fn(arg, m->mnt_dir);
	if (f)
		endmntent(f);
}

int cmd_mount(const void *opts, int argc, char **argv)
{
	return complain(EXIT_FAILED, "images cannot be mounted yet");
}

int cmd_umount(const void *opts, int argc, char **argv)
{
	return complain(EXIT_FAILED, "images cannot be mounted yet");
}
