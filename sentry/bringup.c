/* SPDX-License-Identifier: MIT */
/* Weak place-holders of parts that are not in the tree yet; goes when they land. */
#include "vfs/vfs.h"
#include "fs/fs.h"
#include "vfs/notify.h"
#include "vfs/locks.h"
#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#define W __attribute__((weak))
static int mk(struct kernel *k, struct super_block **r){ return tmpfs_create(k,NULL,r);}
W int procfs_create(struct kernel *k, struct super_block **r){return mk(k,r);}
#include "kernel/cred.h"
W int sysfs_create(struct kernel *k, struct super_block **r){
	struct inode *d, *d2; struct cred *c = cred_alloc_root();
	mk(k,r); d=(*r)->root->inode;
	lock_acquire(&d->lock); d->ops->create(d,"fs",2,0040755,0,c,&d2); lock_release(&d->lock);
	lock_acquire(&d2->lock); d2->ops->create(d2,"cgroup",6,0040755,0,c,&d); lock_release(&d2->lock);
	return 0;}
W int cgroupfs_create(struct kernel *k, struct super_block **r){return mk(k,r);}
W void fsnotify_inode_slow(struct inode *inode, uint32_t mask, uint32_t cookie, const char *name){}
W void fsnotify_dentry_slow(struct dentry *d, uint32_t mask){}
W void fsnotify_inode_deleted_slow(struct inode *inode){}
W uint32_t fsnotify_cookie(struct inode *dir){return 0;}
W void fsnotify_inode_free(struct inode *inode){}
W void locks_close(struct fd_table *ft, struct file *f){}
W void locks_file_gone(struct file *f){}
W void locks_inode_free(struct inode *inode){}
