/* SPDX-License-Identifier: MIT */
/* The sandbox's mount tree: the root overlay, the kernel's file systems, volumes, tmpfs, small files. */
#include "control/rootfs.h"

#include "control/config.h"
#include "fs/fs.h"
#include "fuse-snap/index.h"
#include "ipc/ipc.h"
#include "host/file.h"
#include "kernel/kernel.h"
#include "kernel/task.h"
#include "mm/twin.h"
#include "vfs/vfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define SHM_SIZE (64u << 20) /* docker's default */

__attribute__((format(printf, 3, 4))) static int fail(struct rootfs_error *err, int r, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	if (n >= 0 && (size_t)n < sizeof(err->text))
		snprintf(err->text + n, sizeof(err->text) - (size_t)n, ": %s", strerror(-r));
	return r;
}

/* --- root ---------------------------------------------------------------------------------------------------------------- */

/* *map*: the image's index, or NULL. */
static int add_twins(struct kernel *k, const struct config *c, const void *map, size_t len)
{
	struct snap_index ix;
	int r = map ? snap_index_open(map, len, &ix) : 0;

	for (size_t i = 0; r == 0 && i < c->n_twins; i++)
		r = twins_add(k, c->twins[i], map ? &ix : NULL);
	return r;
}

static int lower_snap(struct kernel *k, const struct config *c, struct super_block **ret, struct rootfs_error *err)
{
	unsigned n = 0;
	const void *map;
	size_t len;
	int *fds, r;

	r = host_map_file(c->root_fd, &map, &len);
	if (r < 0)
		return fail(err, r, "cannot map the snapshot's index");
	for (size_t i = 0; i < c->n_packs; i++)
		if (c->packs[i].number >= n)
			n = c->packs[i].number + 1;
	fds = calloc(n ? n : 1, sizeof(*fds));
	if (!fds)
		return fail(err, -ENOMEM, "cannot open the snapshot");
	for (unsigned i = 0; i < n; i++)
		fds[i] = -1;
	for (size_t i = 0; i < c->n_packs; i++)
		fds[c->packs[i].number] = c->packs[i].fd;
	r = snapfs_create(k, map, len, fds, n, ret);
	free(fds);
	if (r == -EINVAL || r == -EPROTONOSUPPORT || r == -EUCLEAN)
		return fail(err, r, "the snapshot's index is damaged or of another version");
	if (r < 0)
		return fail(err, r, "cannot open the snapshot");
	r = add_twins(k, c, map, len);
	host_close(c->root_fd);
	return r < 0 ? fail(err, r, "cannot open the snapshot") : 0;
}

static int lower_dir(struct kernel *k, const struct config *c, struct super_block **ret, struct rootfs_error *err)
{
	const struct hostfs_options opt = {.read_only = true, .lower = true};
	int r = hostfs_create(k, c->root_fd, &opt, ret);

	if (r == 0)
		r = add_twins(k, c, NULL, 0);
	if (r == -ENOSYS || r == -EPERM)
		return fail(err, r, "host directories need openat2(2): Linux 5.6, and a container that allows it");
	return r < 0 ? fail(err, r, "cannot use the root directory") : 0;
}

static int lower_host(struct kernel *k, const struct config *c, struct super_block **ret, struct rootfs_error *err)
{
	struct hostfs_entry *e = calloc(c->n_host_entries ? c->n_host_entries : 1, sizeof(*e));
	int r;

	if (!e)
		return fail(err, -ENOMEM, "cannot use the host's directories");
	for (size_t i = 0; i < c->n_host_entries; i++)
		e[i] = (struct hostfs_entry){.name = c->host_entries[i].name, .fd = c->host_entries[i].fd,
			.target = c->host_entries[i].target};
	r = hostfs_create_root(k, e, c->n_host_entries, ret);
	free(e);
	if (r == 0)
		r = add_twins(k, c, NULL, 0);
	return r < 0 ? fail(err, r, "cannot use the host's directories") : 0;
}

/* Without real owners programs of the host are the host user's: their set-user-ID bits and device numbers mean nothing inside. */
static unsigned bind_flags(const struct config_bind *b)
{
	return b->flags | (b->owners ? 0 : MS_NOSUID | MS_NODEV) | (b->writable ? 0 : MS_RDONLY);
}

/* The host's directory is the root itself. */
static int root_bind(struct kernel *k, const struct config *c, struct super_block **ret, struct rootfs_error *err)
{
	const struct hostfs_options opt = {.read_only = !c->root_bind.writable, .owners = c->root_bind.owners};
	int r = hostfs_create(k, c->root_fd, &opt, ret);

	if (r == -ENOSYS)
		return fail(err, r, "host directories need openat2(2): Linux 5.6, and a container that allows it");
	return r < 0 ? fail(err, r, "cannot use the root directory") : 0;
}

static int mount_as_root(struct kernel *k, struct super_block *sb, unsigned flags, struct rootfs_error *err)
{
	int r = k->mounts ? 0 : mount_ns_create(k, k->user_ns, true, &k->mounts);

	if (!r && !k->nsproxy->mnt) {
		mount_ns_get(k->mounts);
		k->nsproxy->mnt = k->mounts;
	}
	if (!r)
		r = mount_add(k->mounts, NULL, sb, NULL, flags, NULL);
	if (r < 0) {
		super_put(sb);
		return fail(err, r, "cannot mount the root");
	}
	return 0;
}

int rootfs_mount_root(struct kernel *k, const struct config *c, struct rootfs_error *err)
{
	struct super_block *lower, *sb;
	int r = -EINVAL;

	host_identity(&k->host_uid, &k->host_gid);
	k->host_owners = host_gives_owners();
	host_raise_nofile();
	switch (c->root) {
	case CONFIG_ROOT_IS_SNAP:
		r = lower_snap(k, c, &lower, err);
		break;
	case CONFIG_ROOT_IS_DIR:
		r = lower_dir(k, c, &lower, err);
		break;
	case CONFIG_ROOT_IS_HOST:
		r = lower_host(k, c, &lower, err);
		break;
	case CONFIG_ROOT_IS_BIND:
		r = root_bind(k, c, &sb, err);
		return r < 0 ? r : mount_as_root(k, sb, bind_flags(&c->root_bind) & ~(unsigned)MS_RDONLY, err);
	case CONFIG_ROOT_UNSET:
		r = fail(err, r, "no root file system");
		break;
	}
	if (r < 0)
		return r;
	const struct overlay_options opt = {.upper_fd = c->upper_fd, .size = c->storage_size};

	r = overlay_create(k, lower, &opt, &sb);
	if (r < 0) {
		super_put(lower);
		return rootfs_layer_error(err, r, "the sandbox's layer of writes");
	}
	return mount_as_root(k, sb, 0, err);
}

/* --- names ----------------------------------------------------------------------------------------------------------------- */

/* mkdir -p; links inside are followed inside. */
static int make_dirs(struct task *t, const char *path, uint32_t mode)
{
	char buf[VFS_PATH_MAX];
	size_t len = strlen(path);
	PATH_SCOPE p = {0};

	if (len >= sizeof(buf))
		return -ENAMETOOLONG;
	memcpy(buf, path, len + 1);
	for (size_t i = 1; i <= len; i++) {
		char c = buf[i];
		int r;

		if ((c != '/' && c != 0) || buf[i - 1] == '/')
			continue;
		buf[i] = 0;
		r = vfs_mkdir(t, AT_FDCWD, buf, mode);
		buf[i] = c;
		if (r < 0 && r != -EEXIST)
			return r;
	}
	return vfs_walk(t, AT_FDCWD, path, WALK_FOLLOW | WALK_DIRECTORY, &p);
}

int rootfs_make_dirs(struct task *t, const char *path)
{
	return make_dirs(t, path, 0755);
}

static int make_parents(struct task *t, const char *path)
{
	const char *slash = strrchr(path, '/');
	char *dir;
	int r;

	if (!slash || slash == path)
		return 0;
	dir = strndup(path, (size_t)(slash - path));
	if (!dir)
		return -ENOMEM;
	r = make_dirs(t, dir, 0755);
	free(dir);
	return r;
}

static int make_file(struct task *t, const char *path, uint32_t mode, const char *content)
{
	const struct open_how_args how = {.flags = O_WRONLY | O_CREAT | O_TRUNC, .mode = mode};
	size_t len = strlen(content), done = 0;
	FILE_SCOPE f = NULL;
	int r = make_parents(t, path);

	if (r == 0)
		r = vfs_open(t, AT_FDCWD, path, &how, &f);
	while (r == 0 && done < len) {
		char chunk[4096];
		size_t n = len - done < sizeof(chunk) ? len - done : sizeof(chunk);
		struct uio u;
		ssize_t put;

		memcpy(chunk, content + done, n);
		uio_init_kernel(&u, chunk, n);
		put = file_write(t, f, &u, -1);
		if (put <= 0)
			r = put < 0 ? (int)put : -EIO;
		else
			done += (size_t)put;
	}
	return r;
}

/* A small file of our own takes the place of what the image has there, also of a link. */
static int place_file(struct task *t, const struct config_file *f, struct rootfs_error *err)
{
	uint32_t umask = t->fs->umask;
	PATH_SCOPE p = {0};
	int r = vfs_walk(t, AT_FDCWD, f->path, 0, &p);

	if (r == 0 && !S_ISREG(p.dentry->inode->mode))
		r = vfs_unlink(t, AT_FDCWD, f->path, false);
	else if (r == -ENOENT)
		r = 0;
	t->fs->umask = 0;
	if (r == 0)
		r = make_file(t, f->path, f->mode, f->content);
	t->fs->umask = umask;
	return r < 0 ? fail(err, r, "cannot make %s", f->path) : 0;
}

/* --- mounts ------------------------------------------------------------------------------------------------------------------ */

int rootfs_mount_at(struct task *t, const char *path, struct super_block *sb, unsigned flags, struct rootfs_error *err)
{
	bool dir = S_ISDIR(sb->root->inode->mode);
	PATH_SCOPE p = {0};
	int r = vfs_walk(t, AT_FDCWD, path, WALK_FOLLOW, &p);

	if (r == -ENOENT) {
		r = dir ? make_dirs(t, path, 0755) : make_file(t, path, 0644, "");
		if (r == 0)
			r = vfs_walk(t, AT_FDCWD, path, WALK_FOLLOW, &p);
	}
	if (r == 0 && dir != S_ISDIR(p.dentry->inode->mode))
		r = dir ? -ENOTDIR : -EISDIR;
	if (r == 0 && !p.mnt->parent && p.dentry == p.mnt->root)
		r = -EBUSY; /* what is mounted over the root is seen by nobody */
	if (r == 0)
		r = mount_add(t->kernel->mounts, &p, sb, NULL, flags, NULL);
	if (r < 0) {
		super_put(sb);
		return fail(err, r, "cannot mount at %s", path);
	}
	return 0;
}

struct kernel_mount {
	const char *path;
	int (*create)(struct kernel *k, struct super_block **ret);
	unsigned flags;
};

static int shm_create(struct kernel *k, struct super_block **ret)
{
	uint64_t size = k->config->limits.shm_size;
	const struct tmpfs_options opt = {.size = size ? size : SHM_SIZE, .mode = 01777};
	int r = tmpfs_create(k, &opt, ret);

	if (r == 0)
		(*ret)->source = strdup("shm");
	return r;
}

static int pts_create(struct kernel *k, struct super_block **ret)
{
	if (!k->devpts)
		return devpts_create(k, ret);
	super_get(k->devpts);
	*ret = k->devpts;
	return 0;
}

static int mqueue_create(struct kernel *k, struct super_block **ret)
{
	super_get(k->ipc->mqfs);
	*ret = k->ipc->mqfs;
	return 0;
}

static const struct kernel_mount kernel_mounts[] = {
	{"/proc", procfs_create, MS_NOSUID | MS_NODEV | MS_NOEXEC},
	{"/sys", sysfs_create, MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY},
	{"/sys/fs/cgroup", cgroupfs_create, MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY},
	{"/dev", devfs_create, MS_NOSUID},
	{"/dev/pts", pts_create, MS_NOSUID | MS_NOEXEC},
	{"/dev/shm", shm_create, MS_NOSUID | MS_NODEV | MS_NOEXEC},
	{"/dev/mqueue", mqueue_create, MS_NOSUID | MS_NODEV | MS_NOEXEC},
};

static int mount_kernel_fs(struct task *t, struct rootfs_error *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(kernel_mounts); i++) {
		const struct kernel_mount *m = &kernel_mounts[i];
		struct super_block *sb;
		int r = m->create(t->kernel, &sb);

		if (r < 0)
			return fail(err, r, "cannot make %s", m->path);
		r = rootfs_mount_at(t, m->path, sb, m->flags, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* What `host` mode leaves out is there, empty. */
static int make_host_dirs(struct task *t, struct rootfs_error *err)
{
	static const struct {
		const char *path;
		uint32_t mode;
	} dirs[] = {{"/home", 0755}, {"/root", 0700}, {"/tmp", 01777}, {"/run", 0755}, {"/run/lock", 01777}, {"/var", 0755},
		{"/var/tmp", 01777}, {"/var/log", 0755}, {"/var/lib", 0755}, {"/var/cache", 0755}, {"/var/spool", 0755},
		{"/mnt", 0755}, {"/media", 0755}, {"/srv", 0755}};
	uint32_t umask = t->fs->umask;
	int r = 0;

	t->fs->umask = 0;
	for (size_t i = 0; i < ARRAY_SIZE(dirs) && r == 0; i++) {
		r = vfs_mkdir(t, AT_FDCWD, dirs[i].path, dirs[i].mode);
		if (r == -EEXIST)
			r = 0;
		if (r < 0)
			fail(err, r, "cannot make %s", dirs[i].path);
	}
	if (r == 0 && vfs_symlink(t, "/run", AT_FDCWD, "/var/run") == 0)
		vfs_symlink(t, "/run/lock", AT_FDCWD, "/var/lock");
	t->fs->umask = umask;
	return r;
}

/* --- tmpfs options ----------------------------------------------------------------------------------------------------------- */

static bool parse_number(const char *s, unsigned base, uint64_t *ret)
{
	char *end;

	if (*s < '0' || *s > '9')
		return false;
	errno = 0;
	*ret = strtoull(s, &end, (int)base);
	return errno == 0 && *end == 0;
}

static bool parse_size(const char *s, uint64_t *ret)
{
	static const char units[] = "kmgt";
	size_t len = strlen(s);
	char number[32];
	unsigned shift = 0;
	const char *u;

	if (len == 0 || len >= sizeof(number))
		return false;
	memcpy(number, s, len + 1);
	u = strchr(units, number[len - 1] | 0x20);
	if (u && *u) {
		shift = 10 * (unsigned)(u - units + 1);
		number[len - 1] = 0;
	}
	return parse_number(number, 10, ret) && !__builtin_mul_overflow(*ret, 1ull << shift, ret);
}

static bool tmpfs_flag(const char *word, unsigned *flags)
{
	static const struct {
		const char *word;
		unsigned set, clear;
	} words[] = {
		{"ro", MS_RDONLY, 0}, {"rw", 0, MS_RDONLY}, {"nosuid", MS_NOSUID, 0}, {"suid", 0, MS_NOSUID},
		{"nodev", MS_NODEV, 0}, {"dev", 0, MS_NODEV}, {"noexec", MS_NOEXEC, 0}, {"exec", 0, MS_NOEXEC},
		{"noatime", MS_NOATIME, 0}, {"nodiratime", MS_NODIRATIME, 0}, {"relatime", 0, MS_NOATIME},
		{"strictatime", 0, MS_NOATIME}, {"defaults", 0, 0}, {"sync", 0, 0}, {"async", 0, 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (strcmp(words[i].word, word) == 0) {
			*flags = (*flags | words[i].set) & ~words[i].clear;
			return true;
		}
	}
	return false;
}

static bool tmpfs_option(char *word, struct tmpfs_options *opt, unsigned *flags)
{
	char *value = strchr(word, '=');
	uint64_t v;

	if (!value)
		return !*word || tmpfs_flag(word, flags);
	*value++ = 0;
	if (strcmp(word, "size") == 0)
		return parse_size(value, &opt->size);
	if (strcmp(word, "nr_inodes") == 0)
		return parse_size(value, &opt->max_inodes);
	if (strcmp(word, "mode") == 0 && parse_number(value, 8, &v) && v <= 07777)
		opt->mode = (uint32_t)v;
	else if (strcmp(word, "uid") == 0 && parse_number(value, 10, &v) && v < UINT32_MAX)
		opt->uid = (uint32_t)v;
	else if (strcmp(word, "gid") == 0 && parse_number(value, 10, &v) && v < UINT32_MAX)
		opt->gid = (uint32_t)v;
	else
		return false;
	return true;
}

int rootfs_mount_tmpfs(struct task *t, const struct config_tmpfs *m, uint64_t size, struct rootfs_error *err)
{
	struct tmpfs_options opt = {.mode = 01777, .size = size};
	unsigned flags = MS_NOSUID | MS_NODEV | MS_NOEXEC; /* as docker mounts them */
	char *options = strdup(m->options), *save = NULL;
	struct super_block *sb;
	int r = options ? 0 : -ENOMEM;

	for (char *w = r == 0 ? strtok_r(options, ",", &save) : NULL; w; w = strtok_r(NULL, ",", &save)) {
		if (!tmpfs_option(w, &opt, &flags)) {
			r = fail(err, -EINVAL, "tmpfs at %s: bad option '%s'", m->target, w);
			break;
		}
	}
	free(options);
	if (r == 0)
		r = tmpfs_create(t->kernel, &opt, &sb);
	return r < 0 ? r : rootfs_mount_at(t, m->target, sb, flags, err);
}

static int mount_bind_volume(struct task *t, const struct config *c, const struct config_bind *b, struct rootfs_error *err)
{
	_Static_assert(sizeof(struct host_object) == sizeof(struct config_hide), "one layout");
	_Static_assert(sizeof(struct host_place) == sizeof(struct config_place), "one layout");
	const struct hostfs_options opt = {.read_only = !b->writable, .guard = b->writable && !b->owners, .owners = b->owners, .shared = b->owners,
		.hidden = (const struct host_object *)(const void *)c->hidden, .n_hidden = c->n_hidden,
		.places = (const struct host_place *)(const void *)c->places, .n_places = c->n_places};
	struct super_block *sb;
	int r = hostfs_create(t->kernel, b->fd, &opt, &sb);

	if (r == -ENOTSUP)
		return fail(err, r, "volume at %s: only directories and regular files can be volumes", b->target);
	if (r == -ENOSYS || r == -EPERM)
		return fail(err, r, "volumes need openat2(2): Linux 5.6, and a container that allows it");
	if (r < 0)
		return fail(err, r, "volume at %s", b->target);
	if (t->kernel->report && b->writable)
		sb->reported = strdup(b->target);
	return rootfs_mount_at(t, b->target, sb, bind_flags(b), err);
}

/* --- order ----------------------------------------------------------------------------------------------------------------- */

static unsigned depth_of(const char *path)
{
	unsigned n = 0;

	for (const char *s = path; *s; s++)
		n += *s == '/' && s[1] && s[1] != '/';
	return n;
}

struct user_mount {
	const char *target;
	const struct config_bind *bind;
	const struct config_tmpfs *tmpfs;
	const struct config_layer *layer;
	size_t order;
};

/* Parents before children, else in the order given. */
static int cmp_mounts(const void *pa, const void *pb)
{
	const struct user_mount *a = pa, *b = pb;
	unsigned da = depth_of(a->target), db = depth_of(b->target);

	if (da != db)
		return da < db ? -1 : 1;
	return a->order < b->order ? -1 : a->order > b->order;
}

static int mount_volumes(struct task *t, const struct config *c, struct rootfs_error *err)
{
	size_t n = 0;
	struct user_mount *m = calloc(c->n_binds + c->n_tmpfs + c->n_layers + 1, sizeof(*m));
	int r = 0;

	if (!m)
		return fail(err, -ENOMEM, "cannot mount volumes");
	for (size_t i = 0; i < c->n_tmpfs; i++, n++)
		m[n] = (struct user_mount){.target = c->tmpfs[i].target, .tmpfs = &c->tmpfs[i], .order = n};
	for (size_t i = 0; i < c->n_binds; i++, n++)
		m[n] = (struct user_mount){.target = c->binds[i].target, .bind = &c->binds[i], .order = n};
	for (size_t i = 0; i < c->n_layers; i++, n++)
		m[n] = (struct user_mount){.target = c->layers[i].target, .layer = &c->layers[i], .order = n};
	qsort(m, n, sizeof(*m), cmp_mounts);
	for (size_t i = 0; i < n && r == 0; i++)
		r = m[i].layer ? rootfs_mount_layer(t, c, m[i].layer, err) : m[i].bind ? mount_bind_volume(t, c, m[i].bind, err) : rootfs_mount_tmpfs(t, m[i].tmpfs, 0, err);
	free(m);
	return r;
}

int rootfs_populate(struct task *init, const struct config *c, struct rootfs_error *err)
{
	uint32_t umask = init->fs->umask;
	int r = 0;

	init->fs->umask = 022;
	if (c->bare.on) {
		r = rootfs_populate_bare(init, &c->bare, err);
		init->fs->umask = umask;
		return r;
	}
	if (c->root == CONFIG_ROOT_IS_HOST)
		r = make_host_dirs(init, err);
	if (r == 0)
		r = mount_kernel_fs(init, err);
	for (size_t i = 0; i < c->n_files && r == 0; i++)
		r = place_file(init, &c->files[i], err);
	if (r == 0)
		r = mount_volumes(init, c, err);
	init->fs->umask = umask;
	return r;
}

/* --- the working directory --------------------------------------------------------------------------------------------------- */

static int chown_path(struct task *t, const struct path *p, const struct rootfs_user *u)
{
	struct setattr a = {.valid = ATTR_UID | ATTR_GID, .uid = u->uid, .gid = u->gid};

	return vfs_setattr(t, p, &a);
}

static int make_cwd(struct task *t, const char *cwd, const struct rootfs_user *owner, struct path *ret)
{
	int r = vfs_walk(t, AT_FDCWD, cwd, WALK_FOLLOW | WALK_DIRECTORY, ret);

	if (r != -ENOENT)
		return r;
	r = make_dirs(t, cwd, 0755);
	if (r == 0)
		r = vfs_walk(t, AT_FDCWD, cwd, WALK_FOLLOW | WALK_DIRECTORY, ret);
	if (r == 0 && owner && owner->uid != 0)
		chown_path(t, ret, owner); /* on a volume it stays root's */
	return r;
}

int rootfs_enter_cwd(struct task *init, const char *cwd, const struct rootfs_user *owner, struct rootfs_error *err)
{
	PATH_SCOPE p = {0};
	int r = make_cwd(init, cwd && *cwd ? cwd : "/", owner, &p);

	if (r < 0)
		return fail(err, r, "cannot enter the working directory %s", cwd);
	fs_set_cwd(init->fs, &p);
	if (init->kernel->config && init->kernel->config->root_ro)
		init->kernel->mounts->root->flags |= MS_RDONLY;
	return 0;
}
