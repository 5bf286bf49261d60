/* SPDX-License-Identifier: MIT */
/*
 * snapfs: a snapshot, read in place. Names, attributes, links and extended attributes come from the mapped index
 * (fuse-snap/index.h) without a host call; file data by pread from the pack descriptors.
 *
 * Packs are read by pread at first; one that is read often is mapped (host/view.h: where somebody truncates it, pread again says how much there is,
 * which the guest sees as EIO). Guest mappings are made straight from the pack where the range lies in one extent, else from a copy.
 *
 * The index may be hostile. Every accessor checks bounds; here follow the checks of meaning: types that are known, names
 * without '/', a directory that has one parent (the tree cannot loop: see node_get()).
 */
#include "fs/fs.h"
#include "fs/icache.h"
#include "fuse-snap/index.h"
#include "host/file.h"
#include "host/view.h"
#include "kernel/kernel.h"
#include "mm/twin.h"
#include "vfs/uio.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define SNAPFS_MAGIC 0x504b5453 /* "PKTS" */

#define READS_BEFORE_VIEW 32u /* of a pack: a small sandbox needs none */

struct snapfs_pack {
	int fd;
	_Atomic unsigned reads;
	_Atomic(struct host_view *) view;
};

struct snapfs {
	struct snap_index ix;
	struct icache cache;
	struct snapfs_pack *packs;
	unsigned n_packs;
	struct lock view_lock; /* RANK_LEAF: making views */
};

struct snap_node {
	struct icache_entry entry; /* key1: the number in the index */
	struct lock copy_lock;	   /* RANK_LEAF */
	int copy_fd;		   /* memfd with the whole data, for mappings that no extent serves; -1: none */
};

static const struct inode_ops snapfs_dir_ops, snapfs_link_ops, snapfs_other_ops;
static const struct file_ops snapfs_dir_fops, snapfs_file_fops;

static struct snapfs *fs_of(const struct inode *inode)
{
	return inode->sb->priv;
}

static uint32_t num_of(const struct inode *inode)
{
	const struct snap_node *node = inode->priv;

	return (uint32_t)node->entry.key1;
}

static void fill_inode(struct inode *inode, const struct snap_inode *rec)
{
	inode->uid = rec->uid;
	inode->gid = rec->gid;
	inode->nlink = rec->nlink;
	inode->size = rec->size;
	inode->rdev = makedev(rec->rdev_major, rec->rdev_minor);
	inode->mtime.tv_sec = rec->mtime_sec;
	inode->mtime.tv_nsec = rec->mtime_nsec < 1000000000u ? rec->mtime_nsec : 0;
	inode->atime = inode->ctime = inode->btime = inode->mtime;
}

static int kind_of(uint32_t mode, const struct inode_ops **ops, const struct file_ops **fops)
{
	*fops = NULL;
	*ops = &snapfs_other_ops;
	switch (mode & S_IFMT) {
	case S_IFDIR:
		*ops = &snapfs_dir_ops;
		*fops = &snapfs_dir_fops;
		return 0;
	case S_IFLNK:
		*ops = &snapfs_link_ops;
		return 0;
	case S_IFREG:
		*fops = &snapfs_file_fops;
		return 0;
	case S_IFCHR:
	case S_IFBLK:
	case S_IFIFO:
	case S_IFSOCK:
		return 0;
	default:
		return -EUCLEAN;
	}
}

/*
 * The inode of number *num*, held. *dir* is the number of the directory it was found in (0 for the root): a directory whose
 * recorded parent is another one is refused, so each directory is reached by one name path and the tree cannot loop.
 */
static int node_get(struct super_block *sb, uint32_t num, uint32_t dir, struct inode **ret)
{
	struct snapfs *fs = sb->priv;
	const struct snap_inode *rec = snap_inode_get(&fs->ix, num);
	const struct inode_ops *ops;
	const struct file_ops *fops;
	struct snap_node *node;
	struct inode *inode, *other;
	int r;

	if (!rec || rec->size > SNAP_MAX_SIZE || (rec->mode & ~(uint32_t)(S_IFMT | 07777)))
		return -EUCLEAN;
	if ((rec->mode & S_IFMT) == S_IFDIR && dir && (rec->parent != dir || num == SNAP_ROOT_INO))
		return -EUCLEAN;
	inode = icache_get(&fs->cache, num, 0);
	if (inode) {
		*ret = inode;
		return 0;
	}
	r = kind_of(rec->mode, &ops, &fops);
	if (r < 0)
		return r;
	node = calloc(1, sizeof(*node));
	/* Archives say what they like about links; on Linux every link is 0777. */
	inode = node ? inode_alloc(sb, ops, fops, S_ISLNK(rec->mode) ? S_IFLNK | 0777 : rec->mode) : NULL;
	if (!inode) {
		free(node);
		return -ENOMEM;
	}
	lock_init(&node->copy_lock, RANK_LEAF);
	node->copy_fd = -1;
	node->entry.key1 = num;
	node->entry.inode = inode;
	inode->priv = node;
	inode->ino = num;
	fill_inode(inode, rec);
	other = icache_insert(&fs->cache, &node->entry);
	if (other) {
		inode_put(inode);
		inode = other;
	}
	*ret = inode;
	return 0;
}

static void snapfs_free_inode(struct inode *inode)
{
	struct snap_node *node = inode->priv;

	if (node) {
		icache_remove(&fs_of(inode)->cache, &node->entry);
		host_close(node->copy_fd);
		lock_destroy(&node->copy_lock);
		free(node);
	}
	inode_free(inode);
}

static int snapfs_lookup(struct inode *dir, const char *name, size_t len, struct inode **ret)
{
	struct snap_entry e;
	int r = snap_lookup(&fs_of(dir)->ix, num_of(dir), name, len, &e);

	if (r < 0)
		return r;
	return e.ino ? node_get(dir->sb, e.ino, num_of(dir), ret) : -ENOENT;
}

static int snapfs_readlink(struct task *t, struct inode *inode, char **ret)
{
	const char *target;
	size_t len;
	int r = snap_readlink(&fs_of(inode)->ix, num_of(inode), &target, &len);

	if (r < 0)
		return r;
	if (len == 0 || len >= VFS_PATH_MAX || memchr(target, 0, len))
		return -EUCLEAN;
	*ret = strndup(target, len);
	return *ret ? 0 : -ENOMEM;
}

static ssize_t snapfs_getxattr(struct inode *inode, const char *name, void *buf, size_t size)
{
	const void *value;
	size_t len;
	int r = snap_xattr_find(&fs_of(inode)->ix, num_of(inode), name, strlen(name), &value, &len);

	if (r < 0)
		return r;
	if (size == 0)
		return (ssize_t)len;
	if (size < len)
		return -ERANGE;
	memcpy(buf, value, len);
	return (ssize_t)len;
}

static ssize_t snapfs_listxattr(struct inode *inode, char *buf, size_t size)
{
	size_t at = 0;

	for (uint32_t i = 0;; i++) {
		const char *name;
		const void *value;
		size_t name_len, len;
		int r = snap_xattr_at(&fs_of(inode)->ix, num_of(inode), i, &name, &name_len, &value, &len);

		if (r == -ENODATA)
			return (ssize_t)at;
		if (r < 0)
			return r;
		if (name_len == 0 || name_len > 255 || memchr(name, 0, name_len))
			continue;
		if (size > 0) {
			if (at + name_len + 1 > size)
				return -ERANGE;
			memcpy(buf + at, name, name_len);
			buf[at + name_len] = 0;
		}
		at += name_len + 1;
		if (at > 65536)
			return -E2BIG;
	}
}

/* --- data ---------------------------------------------------------------------------------------------------------------- */

static int pack_fd(struct snapfs *fs, uint32_t pack)
{
	return pack < fs->n_packs && fs->packs[pack].fd >= 0 ? fs->packs[pack].fd : -EIO;
}

/* The pack's view, made when it has been read often. NULL: none. */
static const struct host_view *pack_view(struct snapfs *fs, struct snapfs_pack *p)
{
	struct host_view *v = atomic_load_explicit(&p->view, memory_order_acquire);
	struct statx st;

	if (v || atomic_load_explicit(&p->reads, memory_order_relaxed) > READS_BEFORE_VIEW ||
	    atomic_fetch_add_explicit(&p->reads, 1, memory_order_relaxed) != READS_BEFORE_VIEW)
		return v;
	LOCK_SCOPE(&fs->view_lock);
	if (host_stat(p->fd, "", &st) == 0)
		v = host_view_map(p->fd, st.stx_size);
	atomic_store_explicit(&p->view, v, memory_order_release);
	return v;
}

/* Deliver one run; bytes moved, 0 only if *dst* is full. */
static ssize_t read_run(struct snapfs *fs, struct super_block *sb, const struct snap_run *run, struct uio *dst)
{
	size_t want = dst->left < run->len ? dst->left : (size_t)run->len;
	const struct host_view *v;
	ssize_t n;
	int fd;

	if (run->hole)
		return uio_put_zero(dst, want);
	fd = pack_fd(fs, run->pack);
	if (fd < 0)
		return fd;
	v = pack_view(fs, &fs->packs[run->pack]);
	n = v ? host_view_to_uio(v, run->pack_off, want, dst) : 0;
	if (n > 0)
		return n;
	n = host_file_to_uio(sb->kernel->platform, fd, run->pack_off, want, dst);
	return n == 0 ? -EIO : n; /* the pack is shorter than the index says */
}

static ssize_t read_at(struct inode *inode, struct uio *dst, uint64_t off)
{
	struct snapfs *fs = fs_of(inode);
	size_t done = 0;

	while (dst->left > 0) {
		struct snap_run run;
		ssize_t n = snap_data_at(&fs->ix, num_of(inode), off + done, &run);

		if (n == 0 && run.len == 0)
			break;
		if (n == 0)
			n = read_run(fs, inode->sb, &run, dst);
		if (n < 0)
			return done > 0 ? (ssize_t)done : n;
		done += (size_t)n;
		if (n == 0)
			break;
	}
	return (ssize_t)done;
}

static ssize_t snapfs_read(struct file *f, struct uio *dst, int64_t *pos)
{
	ssize_t n = read_at(f->inode, dst, (uint64_t)*pos);

	if (n > 0)
		*pos += n;
	return n;
}

static int seek_data_hole(struct inode *inode, uint64_t off, bool want_hole, int64_t *ret)
{
	uint64_t size = inode->size;

	if (off >= size)
		return -ENXIO;
	while (off < size) {
		struct snap_run run;
		int r = snap_data_at(&fs_of(inode)->ix, num_of(inode), off, &run);

		if (r < 0)
			return r;
		if (run.len == 0)
			break;
		if (run.hole == want_hole) {
			*ret = (int64_t)off;
			return 0;
		}
		off += run.len;
	}
	if (!want_hole)
		return -ENXIO;
	*ret = (int64_t)size;
	return 0;
}

/* SEEK_SET, SEEK_CUR and SEEK_END are the VFS's; only the sparse forms come here. */
static int64_t snapfs_lseek(struct file *f, int64_t off, int whence)
{
	int64_t at = off;
	int r;

	switch (whence) {
	case SEEK_SET:
		break;
	case SEEK_CUR:
		if (__builtin_add_overflow(f->pos, off, &at))
			return -EOVERFLOW;
		break;
	case SEEK_END:
		if (__builtin_add_overflow((int64_t)f->inode->size, off, &at))
			return -EOVERFLOW;
		break;
	case SEEK_DATA:
	case SEEK_HOLE:
		if (off < 0)
			return -ENXIO;
		r = seek_data_hole(f->inode, (uint64_t)off, whence == SEEK_HOLE, &at);
		if (r < 0)
			return r;
		break;
	default:
		return -EINVAL;
	}
	if (at < 0)
		return -EINVAL;
	f->pos = at;
	return at;
}

/* The whole file in a memfd, made at the first mapping that needs it. */
static int make_copy(struct inode *inode)
{
	int fd = host_memfd("picket-copy"), r = 0;
	uint64_t off = 0;
	uint8_t *buf;

	if (fd < 0)
		return fd;
	buf = malloc(1u << 18);
	r = buf ? host_ftruncate(fd, inode->size) : -ENOMEM;
	while (r == 0 && off < inode->size) {
		struct snap_run run;
		struct uio u;
		ssize_t n;

		r = snap_data_at(&fs_of(inode)->ix, num_of(inode), off, &run);
		if (r < 0 || run.len == 0)
			break;
		if (run.hole) {
			off += run.len;
			continue;
		}
		uio_init_kernel(&u, buf, 1u << 18);
		n = read_run(fs_of(inode), inode->sb, &run, &u);
		if (n > 0)
			n = host_pwrite(fd, buf, (size_t)n, off);
		if (n <= 0)
			r = n < 0 ? (int)n : -EIO;
		else
			off += (uint64_t)n;
	}
	free(buf);
	if (r < 0) {
		host_close(fd);
		return r;
	}
	return fd;
}

static int copy_get(struct inode *inode)
{
	struct snap_node *node = inode->priv;
	int fd;

	lock_acquire(&node->copy_lock);
	fd = node->copy_fd;
	lock_release(&node->copy_lock);
	if (fd >= 0)
		return fd;
	fd = make_copy(inode);
	if (fd < 0)
		return fd;
	lock_acquire(&node->copy_lock);
	if (node->copy_fd < 0) {
		node->copy_fd = fd;
		fd = -1;
	}
	lock_release(&node->copy_lock);
	host_close(fd);
	return node->copy_fd;
}

static int snapfs_mmap(struct task *t, struct file *f, uint64_t off, uint64_t len, int prot, int flags,
		       struct mmap_info *ret)
{
	struct inode *inode = f->inode;
	uint64_t size = inode->size, left = off < size ? size - off : 0;
	struct snap_run run = {0};
	int r, fd;

	if ((flags & MAP_SHARED) && (prot & PROT_WRITE))
		return -EACCES;
	if (left > 0) {
		r = snap_data_at(&fs_of(inode)->ix, num_of(inode), off, &run);
		if (r < 0)
			return r;
	}
	/* A run that holds all that the mapping shows of the file, and starts on a page of the pack. */
	if (!run.hole && run.len > 0 && run.pack_off % SNAP_PAGE == 0 && (run.len >= left || run.len >= len)) {
		fd = pack_fd(fs_of(inode), run.pack);
		if (fd < 0)
			return fd;
		*ret = (struct mmap_info){.host_fd = fd, .host_off = run.pack_off, .host_len = run.len};
		if ((prot & PROT_EXEC) && (flags & MAP_PRIVATE))
			ret->twin = twin_of_pack(inode->sb->kernel, run.pack, run.pack_off);
		return 0;
	}
	fd = copy_get(inode);
	if (fd < 0)
		return fd;
	*ret = (struct mmap_info){.host_fd = fd, .host_off = off, .host_len = left};
	return 0;
}

/* --- directories --------------------------------------------------------------------------------------------------------- */

/* Positions: 0 and 1 are "." and "..", then 2 + the entry's place in the index. */
static int snapfs_readdir(struct file *f, struct dir_emit *de, int64_t *pos)
{
	struct inode *dir = f->inode;
	const struct snap_inode *rec = snap_inode_get(&fs_of(dir)->ix, num_of(dir));

	if (*pos < 0)
		return -EINVAL;
	for (;; (*pos)++) {
		struct snap_entry e;
		int r;

		if (*pos < 2) {
			if (!de->emit(de, "..", (size_t)*pos + 1, *pos ? rec->parent : dir->ino, DT_DIR, *pos + 1))
				return 0;
			continue;
		}
		if (*pos - 2 > UINT32_MAX)
			return 0;
		r = snap_entry_at(&fs_of(dir)->ix, num_of(dir), (uint32_t)(*pos - 2), &e);
		if (r == -ENOENT)
			return 0;
		if (r < 0)
			return r;
		if (e.ino == 0 || memchr(e.name, '/', e.name_len) || memchr(e.name, 0, e.name_len))
			continue;
		if (!de->emit(de, e.name, e.name_len, e.ino, e.type, *pos + 1))
			return 0;
	}
}

static const struct inode_ops snapfs_dir_ops = {
	.lookup = snapfs_lookup,
	.getxattr = snapfs_getxattr,
	.listxattr = snapfs_listxattr,
};

static const struct inode_ops snapfs_link_ops = {
	.readlink = snapfs_readlink,
	.getxattr = snapfs_getxattr,
	.listxattr = snapfs_listxattr,
};

static const struct inode_ops snapfs_other_ops = {
	.getxattr = snapfs_getxattr,
	.listxattr = snapfs_listxattr,
};

static const struct file_ops snapfs_dir_fops = {
	.readdir = snapfs_readdir,
};

static const struct file_ops snapfs_file_fops = {
	.read = snapfs_read,
	.lseek = snapfs_lseek,
	.mmap = snapfs_mmap,
};

/* --- super block ----------------------------------------------------------------------------------------------------------- */

static int snapfs_statfs(struct super_block *sb, struct kstatfs *st)
{
	const struct snapfs *fs = sb->priv;

	*st = (struct kstatfs){
		.type = SNAPFS_MAGIC,
		.bsize = SNAP_PAGE,
		.blocks = fs->ix.super->data_bytes / SNAP_PAGE,
		.files = fs->ix.inode_count,
		.namelen = SNAP_NAME_MAX,
	};
	return 0;
}

static void snapfs_destroy(struct super_block *sb)
{
	struct snapfs *fs = sb->priv;

	for (unsigned i = 0; i < fs->n_packs; i++) {
		host_view_unmap(fs->packs[i].view);
		host_close(fs->packs[i].fd);
	}
	icache_destroy(&fs->cache);
	lock_destroy(&fs->view_lock);
	free(fs->packs);
	free(fs);
}

static const struct super_ops snapfs_super_ops = {
	.free_inode = snapfs_free_inode,
	.statfs = snapfs_statfs,
	.destroy = snapfs_destroy,
};

static int snapfs_alloc(const void *map, size_t len, const int *pack_fds, unsigned n_packs, struct snapfs **ret)
{
	struct snapfs *fs = calloc(1, sizeof(*fs));
	int r;

	if (!fs)
		return -ENOMEM;
	r = snap_index_open(map, len, &fs->ix);
	if (r == 0 && (fs->ix.super->flags & SNAP_FLAG_LAYER))
		r = -EINVAL;
	if (r == 0) {
		fs->packs = calloc(n_packs ? n_packs : 1, sizeof(*fs->packs));
		r = fs->packs ? icache_init(&fs->cache) : -ENOMEM;
	}
	if (r < 0) {
		free(fs->packs);
		free(fs);
		return r;
	}
	for (unsigned i = 0; i < n_packs; i++)
		fs->packs[i].fd = pack_fds[i];
	fs->n_packs = n_packs;
	lock_init(&fs->view_lock, RANK_LEAF);
	*ret = fs;
	return 0;
}

int snapfs_create(struct kernel *k, const void *map, size_t len, const int *pack_fds, unsigned n_packs,
		  struct super_block **ret)
{
	struct super_block *sb;
	struct inode *root;
	struct snapfs *fs;
	int r = snapfs_alloc(map, len, pack_fds, n_packs, &fs);

	if (r < 0)
		return r;
	sb = super_alloc(k, "snapfs", &snapfs_super_ops, fs);
	if (!sb) {
		fs->n_packs = 0; /* they stay the caller's on failure */
		icache_destroy(&fs->cache);
		lock_destroy(&fs->view_lock);
		free(fs->packs);
		free(fs);
		return -ENOMEM;
	}
	sb->posix_acl = fs->ix.xattr_count > 0;
	sb->read_only = true;
	sb->lower = true;
	r = node_get(sb, SNAP_ROOT_INO, 0, &root);
	if (r == 0) {
		r = d_alloc_root(sb, root);
		if (r < 0)
			inode_put(root);
	}
	if (r < 0) {
		fs->n_packs = 0;
		super_put(sb);
		return r;
	}
	*ret = sb;
	return 0;
}
