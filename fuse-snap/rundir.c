/* SPDX-License-Identifier: MIT */
/* The directory for sockets and the state of running things. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client.h"

static int path_of(char *buf, size_t len)
{
	const char *env = getenv("XDG_RUNTIME_DIR");
	int n;

	if (env && *env == '/')
		n = snprintf(buf, len, "%s/picket", env);
	else
		n = snprintf(buf, len, "/tmp/picket-%u", (unsigned int)geteuid());
	return n < 0 || (size_t)n >= len ? -ENAMETOOLONG : 0;
}

/* /tmp is everybody's: another user may have made the directory, or a link, first. */
static int check_mine(const char *path, struct snap_error *e)
{
	struct stat st;

	if (lstat(path, &st))
		return snap_fail_errno(e, errno, "cannot use the runtime directory %s", path);
	if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid())
		return snap_fail(e, EPERM, "the runtime directory %s belongs to somebody else", path);
	if ((st.st_mode & 0777) != 0700 && chmod(path, 0700))
		return snap_fail_errno(e, errno, "cannot close the runtime directory %s to others", path);
	return 0;
}

int snap_runtime_dir(char *buf, size_t len, struct snap_error *e)
{
	int r = path_of(buf, len);

	if (r)
		return snap_fail_errno(e, -r, "the runtime directory's path is too long");
	if (mkdir(buf, 0700) && errno != EEXIST)
		return snap_fail_errno(e, errno, "cannot make the runtime directory %s", buf);
	return check_mine(buf, e);
}
