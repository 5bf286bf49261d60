/* SPDX-License-Identifier: MIT */
/* The records of the launch configuration by which a container is described in full: each mount, each device, the five sets of capabilities. */
#include "control/config.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define MOUNTS_MAX 8192u
#define DEVICES_MAX 16384u
#define PATHS_MAX 8192u
#define KEPT (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME | MS_NODIRATIME | MS_STRICTATIME | MS_RELATIME)
#define PROPAGATIONS (MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE)

static int refuse(const char **err, const char *why)
{
	*err = why;
	return -EINVAL;
}

static int number(const char *s, unsigned base, uint64_t max, uint64_t *ret, const char **err)
{
	uint64_t v = 0;

	if (!*s)
		return refuse(err, "not a number");
	for (; *s; s++)
		if (*s < '0' || *s >= (char)('0' + base) || __builtin_mul_overflow(v, base, &v) ||
			__builtin_add_overflow(v, (uint64_t)(*s - '0'), &v) || v > max)
			return refuse(err, "not a number, or out of range");
	*ret = v;
	return 0;
}

static int small(const char *s, unsigned base, uint32_t max, uint32_t *ret, const char **err)
{
	uint64_t v;
	int r = number(s, base, max, &v, err);

	if (!r)
		*ret = (uint32_t)v;
	return r;
}

static int absolute(const char *path, const char **err)
{
	return path[0] != '/' || strlen(path) >= PATH_MAX ? refuse(err, "not an absolute path") : 0;
}

/* Room for one more of *n*: the array is grown by doubling. NULL with or without *err (no memory). */
static void *one_more(void *array, size_t n, size_t elem, size_t max, const char **err)
{
	if (n >= max) {
		*err = "too many records of one kind";
		return NULL;
	}
	return n & (n - 1) ? array : reallocarray(array, n ? n * 2 : 1, elem);
}

static int no_room(const char *err)
{
	return err ? -EINVAL : -ENOMEM;
}

static int record_ids(struct config_bare *b, char *const *a, const char **err)
{
	struct config_ids ids = {.umask = UINT32_MAX};
	int r = small(a[0], 10, UINT32_MAX - 1, &ids.uid, err);

	if (!r)
		r = small(a[1], 10, UINT32_MAX - 1, &ids.gid, err);
	if (!r && strcmp(a[2], "-1") != 0)
		r = small(a[2], 8, 0777, &ids.umask, err);
	if (r)
		return r;
	b->ids = ids;
	b->ids_given = true;
	return 0;
}

static int record_sets(struct config_bare *b, char *const *a, const char **err)
{
	uint64_t v[5];

	for (int i = 0; i < 5; i++)
		if (number(a[i], 10, INT64_MAX, &v[i], err))
			return -EINVAL;
	b->sets = (struct config_cap_sets){.bounding = v[0], .effective = v[1], .permitted = v[2], .inheritable = v[3], .ambient = v[4]};
	b->sets_given = true;
	return 0;
}

static int record_mount(struct config_bare *b, char *const *a, const char **err)
{
	struct config_mount m = {.target = a[0], .type = a[1], .source = a[2], .fd = -1, .options = a[6]}, *v;
	uint64_t fd;
	int r = absolute(a[0], err);

	m.kind = strcmp(a[1], "bind") == 0 ? CONFIG_MOUNT_BIND : strcmp(a[1], "node") == 0 ? CONFIG_MOUNT_NODE : CONFIG_MOUNT_FS;
	if (!r && m.kind == CONFIG_MOUNT_BIND) {
		r = number(a[3], 10, INT_MAX, &fd, err);
		m.fd = r ? -1 : (int)fd;
	} else if (!r && strcmp(a[3], "-1") != 0) {
		r = refuse(err, "a descriptor for what is not a bind");
	}
	if (!r)
		r = small(a[4], 10, UINT32_MAX, &m.flags, err);
	if (!r)
		r = small(a[5], 10, UINT32_MAX, &m.propagation, err);
	if (!r && ((m.flags & ~(uint32_t)KEPT) || (m.propagation & ~(uint32_t)(PROPAGATIONS | MS_REC))))
		r = refuse(err, "unknown flags of a mount");
	if (!r && strlen(m.options) >= 4096)
		r = refuse(err, "options of a mount are too long");
	if (r)
		return r;
	v = one_more(b->mounts, b->n_mounts, sizeof(*v), MOUNTS_MAX, err);
	if (!v)
		return no_room(*err);
	b->mounts = v;
	v[b->n_mounts++] = m;
	return 0;
}

/* path, c b or p, major, minor, mode (octal), uid, gid */
static int record_device(struct config_bare *b, char *const *a, const char **err)
{
	static const char types[] = "cbp";
	static const uint32_t modes[] = {S_IFCHR, S_IFBLK, S_IFIFO};
	const char *type = a[1][0] && !a[1][1] ? strchr(types, a[1][0]) : NULL;
	struct config_device d = {.path = a[0]}, *v;
	uint32_t major, minor;
	int r = absolute(a[0], err);

	if (!r && !type)
		r = refuse(err, "not a type of device");
	if (!r)
		r = small(a[2], 10, 4095, &major, err);
	if (!r)
		r = small(a[3], 10, 1048575, &minor, err);
	if (!r)
		r = small(a[4], 8, 07777, &d.mode, err);
	if (!r)
		r = small(a[5], 10, UINT32_MAX - 1, &d.uid, err);
	if (!r)
		r = small(a[6], 10, UINT32_MAX - 1, &d.gid, err);
	if (r)
		return r;
	v = one_more(b->devices, b->n_devices, sizeof(*v), DEVICES_MAX, err);
	if (!v)
		return no_room(*err);
	d.mode |= modes[type - types];
	d.rdev = *type == 'p' ? 0 : makedev(major, minor);
	b->devices = v;
	v[b->n_devices++] = d;
	return 0;
}

static int record_path(const char ***list, size_t *n, const char *path, const char **err)
{
	const char **v;
	int r = absolute(path, err);

	if (r)
		return r;
	v = one_more(*list, *n, sizeof(*v), PATHS_MAX, err);
	if (!v)
		return no_room(*err);
	*list = v;
	v[(*n)++] = path;
	return 0;
}

int config_bare_record(struct config_bare *b, enum config_keyword kw, char *const *a, const char **err)
{
	*err = NULL;
	switch (kw) {
	case CONFIG_BARE:
		b->on = true;
		return 0;
	case CONFIG_IDS:
		return record_ids(b, a, err);
	case CONFIG_CAP_SETS:
		return record_sets(b, a, err);
	case CONFIG_MOUNT:
		return record_mount(b, a, err);
	case CONFIG_DEVICES:
		b->devices_given = true;
		return 0;
	case CONFIG_DEVICE:
		return record_device(b, a, err);
	case CONFIG_MASK:
		return record_path(&b->masked, &b->n_masked, a[0], err);
	case CONFIG_READONLY:
		return record_path(&b->readonly, &b->n_readonly, a[0], err);
	case CONFIG_PROPAGATION: {
		int r = small(a[0], 10, UINT32_MAX, &b->propagation, err);

		return r || !(b->propagation & ~(uint32_t)(PROPAGATIONS | MS_REC)) ? r : refuse(err, "unknown propagation");
	}
	default:
		return refuse(err, "unknown keyword");
	}
}

void config_bare_free(struct config_bare *b)
{
	free(b->mounts);
	free(b->devices);
	free(b->masked);
	free(b->readonly);
}
