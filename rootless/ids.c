/* SPDX-License-Identifier: MIT */
/*
 * Which ids a sandbox has whose files have real owners, and which of them the sentry is. Identity mappings alone are made: what an id of a
 * file means stays what it means to the caller.
 */
#include "rootless/ids.h"
#include "rootless/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/securebits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Of <linux/proc_ns.h>: the number of the first user namespace is fixed. */
#define FIRST_USER_NS "user:[4026531837]"
#define EXTENTS_MAX 340 /* the kernel's limit */
/* Above what accounts, services and containers are given (systemd's table of ids), and below 2^31. */
#define UNUSED_FIRST 1879048192u
#define UNUSED_COUNT 268435456u

struct extent {
	unsigned long inside, outside, count;
};

bool ids_first_namespace(void)
{
	char link[sizeof(FIRST_USER_NS) + 8];
	ssize_t n = readlink("/proc/self/ns/user", link, sizeof(link));

	return n == (ssize_t)strlen(FIRST_USER_NS) && memcmp(link, FIRST_USER_NS, (size_t)n) == 0;
}

/* The extents of /proc/self/`file`; how many, or a negative errno. */
static int read_map(const char *file, struct extent *e)
{
	char path[32];
	FILE *f;
	int n = 0;

	snprintf(path, sizeof(path), "/proc/self/%s", file);
	f = fopen(path, "re");
	if (!f)
		return -errno;
	while (n < EXTENTS_MAX && fscanf(f, "%lu %lu %lu", &e[n].inside, &e[n].outside, &e[n].count) == 3)
		n++;
	fclose(f);
	return n > 0 ? n : -ESRCH;
}

/* All at once: the kernel takes one write. */
static int write_extents(pid_t pid, const char *file, const struct extent *e, int n)
{
	char text[EXTENTS_MAX * 36], path[48];
	int fd, r = 0;
	size_t len = 0;

	for (int i = 0; i < n; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%lu %lu %lu\n", e[i].inside, e[i].outside, e[i].count);
	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, text, len) < 0)
		r = -errno;
	close(fd);
	return r;
}

static int write_map(pid_t pid, const char *file)
{
	struct extent e[EXTENTS_MAX];
	int n = read_map(file, e);

	for (int i = 0; i < n; i++)
		e[i].outside = e[i].inside;
	return n < 0 ? n : write_extents(pid, file, e, n);
}

int ids_map_all(pid_t pid)
{
	int r = write_map(pid, "uid_map");

	return r < 0 ? r : write_map(pid, "gid_map");
}

static int write_given(pid_t pid, const char *file, const struct sandbox_id_range *r, size_t n)
{
	struct extent e[EXTENTS_MAX];

	if (n > EXTENTS_MAX)
		return -EINVAL;
	for (size_t i = 0; i < n; i++)
		e[i] = (struct extent){r[i].inside, r[i].outside, r[i].count};
	return write_extents(pid, file, e, (int)n);
}

int ids_map_given(pid_t pid, const struct sandbox_id_range *uids, size_t n_uids, const struct sandbox_id_range *gids, size_t n_gids)
{
	int r = write_given(pid, "uid_map", uids, n_uids);

	return r < 0 ? r : write_given(pid, "gid_map", gids, n_gids);
}

void ids_choose_given(const struct sandbox_id_range *r, size_t n, unsigned int *inside, unsigned int *outside)
{
	*inside = 0;
	for (size_t i = 0; i < n; i++) {
		unsigned int last = r[i].inside + r[i].count - 1;

		if (i == 0 || last > *inside) {
			*inside = last;
			*outside = r[i].outside + r[i].count - 1;
		}
	}
}

static int choose(const char *file, unsigned long wanted, unsigned int *ret)
{
	struct extent e[EXTENTS_MAX];
	int n = read_map(file, e);
	unsigned long last = 0;

	for (int i = 0; i < n; i++) {
		if (wanted >= e[i].inside && wanted - e[i].inside < e[i].count)
			last = wanted;
		else if (last != wanted && e[i].inside + e[i].count - 1 > last)
			last = e[i].inside + e[i].count - 1;
	}
	*ret = (unsigned int)last;
	return n < 0 ? n : 0;
}

int ids_choose(pid_t number, uid_t *uid, gid_t *gid)
{
	unsigned long wanted = UNUSED_FIRST + (unsigned long)number % UNUSED_COUNT;
	int r = choose("uid_map", wanted, uid);

	return r < 0 ? r : choose("gid_map", wanted, gid);
}

int ids_become(uid_t uid, gid_t gid)
{
	int bits = prctl(PR_GET_SECUREBITS, 0, 0, 0, 0);

	if (bits < 0 || prctl(PR_SET_SECUREBITS, (unsigned long)bits | SECBIT_NO_SETUID_FIXUP, 0, 0, 0) < 0)
		return -errno;
	/*
	 * The system calls themselves: a C library's would ask other threads. With all capabilities EPERM means a namespace whose maker gave up
	 * changes of groups (`unshare -r`): then they are the caller's, for good.
	 */
	if ((syscall(SYS_setgroups, 0, NULL) < 0 && errno != EPERM) || syscall(SYS_setresgid, gid, gid, gid) < 0 || syscall(SYS_setresuid, uid, uid, uid) < 0)
		return -errno;
	return 0;
}
