/* SPDX-License-Identifier: MIT */
/* Weak place-holders of parts that are not in the tree yet; goes when they land. */
#include "vfs/vfs.h"
#include "fs/fs.h"
#include "vfs/notify.h"
#include "vfs/locks.h"
#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#define W __attribute__((weak))
W void fsnotify_inode_slow(struct inode *inode, uint32_t mask, uint32_t cookie, const char *name){}
W void fsnotify_dentry_slow(struct dentry *d, uint32_t mask){}
W void fsnotify_inode_deleted_slow(struct inode *inode){}
W uint32_t fsnotify_cookie(struct inode *dir){return 0;}
W void fsnotify_inode_free(struct inode *inode){}
W void locks_close(struct fd_table *ft, struct file *f){}
W void locks_file_gone(struct file *f){}
W void locks_inode_free(struct inode *inode){}
