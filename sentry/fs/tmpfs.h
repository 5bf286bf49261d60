/* SPDX-License-Identifier: MIT */
/* What the files of tmpfs share. Everything of an inode is guarded by inode.lock. */
#pragma once

#include "mm/shared.h"
#include "fs/fs.h"
#include "kernel/kernel.h"
#include "lib/lock.h"
#include "vfs/simple_xattr.h"
#include "vfs/vfs.h"

#define TMPFS_PAGE 4096u
#define TMPFS_SMALL (256u << 10) /* larger files live in a memfd of their own */

struct tmpfs_sb {
	struct kernel *kernel;
	uint64_t max_pages, max_inodes; /* 0: none */
	_Atomic uint64_t pages, inodes;
	struct lock lock;		/* RANK_LEAF: the graveyard */
	struct tmpfs_entry *graveyard;	/* entries of freed directories, emptied without recursion */
	bool draining;
};

struct tmpfs_entry {
	struct tmpfs_entry *next; /* in its bucket */
	struct inode *inode;	  /* held */
	uint64_t cookie;	  /* place in readdir, never reused in a directory */
	uint32_t slot, hash, len;
	char name[];
};

struct tmpfs_slot {
	uint64_t cookie;
	struct tmpfs_entry *entry; /* NULL: removed */
};

struct tmpfs_dir {
	struct tmpfs_entry **buckets;
	uint32_t n_buckets, n;
	struct tmpfs_slot *slots; /* by cookie */
	uint32_t n_slots, cap_slots;
	uint64_t next_cookie;
};

struct tmpfs_data {
	uint8_t **pages; /* while small; NULL pages are holes */
	uint32_t n_pages;
	int memfd;	 /* -1: in pages */
	bool mapped;	 /* a shared writable mapping allocates behind our back: ask the host for the count */
	struct shared_mem shared; /* once mapped; counted by the memory limit */
	_Atomic uint64_t used; /* pages charged; by the inode's lock, read by the memory limit without */
	unsigned seals;	 /* F_SEAL_* */
	char *name;	 /* of a memfd */
};

struct tmpfs_inode {
	struct simple_xattrs xattrs;
	uint64_t charged; /* bytes for the inode itself */
	union {
		struct tmpfs_dir dir;
		struct tmpfs_data data;
		char *target;
	};
};

static inline struct tmpfs_inode *tmpfs_i(struct inode *inode)
{
	return inode->priv;
}

static inline struct tmpfs_sb *tmpfs_sb(struct inode *inode)
{
	return inode->sb->priv;
}

extern const struct inode_ops tmpfs_dir_ops, tmpfs_file_iops, tmpfs_symlink_ops, tmpfs_special_ops;
extern const struct file_ops tmpfs_file_ops, tmpfs_dir_fops;

/* tmpfs.c */
int tmpfs_new_inode(struct super_block *sb, uint32_t mode, struct inode **ret);
int tmpfs_getattr(struct inode *inode, struct kstat *st);
int tmpfs_setattr(struct inode *inode, const struct setattr *attr);
ssize_t tmpfs_getxattr(struct inode *inode, const char *name, void *buf, size_t size);
int tmpfs_setxattr(struct inode *inode, const char *name, const void *buf, size_t size, int flags);
ssize_t tmpfs_listxattr(struct inode *inode, char *buf, size_t size);
int tmpfs_removexattr(struct inode *inode, const char *name);
#define TMPFS_COMMON_OPS                                                                                               \
	.getattr = tmpfs_getattr, .setattr = tmpfs_setattr, .getxattr = tmpfs_getxattr, .setxattr = tmpfs_setxattr,    \
	.listxattr = tmpfs_listxattr, .removexattr = tmpfs_removexattr

/* tmpfs_dir.c: free all entries without recursion. */
void tmpfs_dir_free(struct inode *dir);
/* tmpfs_data.c */
int tmpfs_truncate(struct inode *inode, uint64_t size);
void tmpfs_data_free(struct inode *inode);
/* Pages in use now. */
uint64_t tmpfs_data_pages(struct inode *inode);
int tmpfs_to_memfd(struct inode *inode);
int tmpfs_fallocate(struct inode *inode, int mode, uint64_t off, uint64_t len);
/* Take and give back pages of the file system's and the sandbox's limits: -ENOSPC, -ENOMEM. */
int tmpfs_charge(struct inode *inode, uint64_t pages);
void tmpfs_uncharge(struct inode *inode, uint64_t pages);
ssize_t tmpfs_data_read(struct inode *inode, struct uio *dst, uint64_t pos);
ssize_t tmpfs_data_write(struct inode *inode, struct uio *src, uint64_t pos);
int64_t tmpfs_data_seek(struct inode *inode, uint64_t off, bool hole);
