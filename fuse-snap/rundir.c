/* SPDX-License-Identifier: MIT */
/* The directory for sockets and the state of running things. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client.h"

/* The user's id outside the innermost user namespace: in one made by unshare -r everybody is 0. */
static unsigned int outer_uid(void)
{
	unsigned int inside, outside, count, uid = (unsigned int)geteuid();
	FILE *f = fopen("/proc/self/uid_map", "re");

	while (f && fscanf(f, "%u %u %u", &inside, &outside, &count) == 3) {
		if (uid >= inside && uid - inside < count) {
			uid = uid - inside + outside;
			break;
		}
	}
	if (f)
		fclose(f);
	return uid;
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

static int make_mine(const char *path, struct snap_error *e)
{
	if (mkdir(path, 0700) && errno != EEXIST)
		return snap_fail_errno(e, errno, "cannot make the runtime directory %s", path);
	return check_mine(path, e);
}

int snap_runtime_fallback(char *buf, size_t len)
{
	return (size_t)snprintf(buf, len, "/tmp/picket-%u", outer_uid()) >= len ? -ENAMETOOLONG : 0;
}

int snap_runtime_dir(char *buf, size_t len, struct snap_error *e)
{
	const char *env = getenv("PICKET_RUNTIME");
	struct snap_error ignored;

	if (env && *env == '/' && (size_t)snprintf(buf, len, "%s", env) < len)
		return make_mine(buf, e);
	env = getenv("XDG_RUNTIME_DIR");
	/* A variable that was inherited across su, or names what is gone, is as good as none. */
	if (env && *env == '/' && (size_t)snprintf(buf, len, "%s/picket", env) < len && !make_mine(buf, &ignored))
		return 0;
	if (snap_runtime_fallback(buf, len) < 0)
		return snap_fail_errno(e, ENAMETOOLONG, "the runtime directory's path is too long");
	return make_mine(buf, e);
}
