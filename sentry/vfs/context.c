/* SPDX-License-Identifier: MIT */
/* Root, working directory and umask of tasks; set-up of the internal file systems. */
#include "host/view.h"
#include "vfs/internal.h"
#include "vfs/names_table.h"

#include <stdlib.h>
#include <sys/vfs.h>

struct fs_context *fs_context_copy(struct fs_context *from)
{
	struct fs_context *fs = calloc(1, sizeof(*fs));

	if (!fs)
		return NULL;
	refs_init(&fs->refs);
	lock_init(&fs->lock, RANK_FS);
	fs->umask = 022;
	if (from) {
		lock_acquire(&from->lock);
		fs->root = from->root;
		fs->cwd = from->cwd;
		fs->umask = from->umask;
		if (fs->root.dentry)
			path_get(&fs->root);
		if (fs->cwd.dentry)
			path_get(&fs->cwd);
		fs->names_cwd = from->names_cwd;
		lock_release(&from->lock);
	}
	return fs;
}

void fs_context_put(struct fs_context *fs)
{
	if (!refs_put(&fs->refs))
		return;
	if (fs->names_nr)
		names_context_gone(fs->root.dentry->sb->kernel, fs);
	if (fs->root.dentry)
		path_put(&fs->root);
	if (fs->cwd.dentry)
		path_put(&fs->cwd);
	lock_destroy(&fs->lock);
	free(fs);
}

static void replace(struct fs_context *fs, struct path *slot, const struct path *p)
{
	struct path old;

	path_get(p);
	lock_acquire(&fs->lock);
	old = *slot;
	*slot = *p;
	if (slot == &fs->cwd)
		names_context_moved(p->dentry->sb->kernel, fs);
	lock_release(&fs->lock);
	if (old.dentry)
		path_put(&old);
}

void fs_set_cwd(struct fs_context *fs, const struct path *p)
{
	replace(fs, &fs->cwd, p);
}

void fs_set_root(struct fs_context *fs, const struct path *p)
{
	replace(fs, &fs->root, p);
}

static bool stands_at(struct fs_context *fs, const struct path *slot, const struct path *p)
{
	LOCK_SCOPE(&fs->lock);

	return slot->mnt == p->mnt && slot->dentry == p->dentry;
}

void fs_context_replace(struct fs_context *fs, const struct path *from, const struct path *to)
{
	if (stands_at(fs, &fs->root, from))
		replace(fs, &fs->root, to);
	if (stands_at(fs, &fs->cwd, from))
		replace(fs, &fs->cwd, to);
}

static int anon_statfs(struct super_block *sb, struct kstatfs *st)
{
	*st = (struct kstatfs){.type = (uint64_t)(uintptr_t)sb->priv, .bsize = 4096, .namelen = VFS_NAME_MAX};
	return 0;
}

static const struct super_ops anon_ops = {.statfs = anon_statfs};

#define MAGIC(m) ((void *)(uintptr_t)(m))

int vfs_init(struct kernel *k)
{
	int r = host_views_init();

	if (r == 0)
		r = dcache_create(k);
	if (r < 0)
		return r;
	lock_init(&k->acl_lock, RANK_LEAF);
	lock_init(&k->views_lock, RANK_LEAF);
	list_init(&k->views);
	k->pipefs = super_alloc(k, "pipefs", &anon_ops, MAGIC(0x50495045));
	k->sockfs = super_alloc(k, "sockfs", &anon_ops, MAGIC(0x534F434B));
	k->anonfs = super_alloc(k, "anon_inodefs", &anon_ops, MAGIC(0x09041934));
	return k->pipefs && k->sockfs && k->anonfs ? 0 : -ENOMEM;
}
