/* SPDX-License-Identifier: MIT */
/*
 * Advisory locks: POSIX record locks (owner: the descriptor table), open file description locks and flock (owner: the
 * open file). fcntl_locking(2), flock(2).
 */
#pragma once

#include "vfs/vfs.h"

struct task;

/*
 * fcntl F_GETLK, F_SETLK, F_SETLKW and the F_OFD_ forms; *arg* is the guest's struct flock. F_SETLKW sleeps: 0, -EDEADLK,
 * -ERESTARTSYS. -EAGAIN, -EACCES never, -EBADF for a lock type the open mode does not allow, or if *fd* is not *f*'s any more (-1: it
 * does not matter).
 */
int64_t locks_fcntl(struct task *t, struct file *f, int fd, int cmd, uint64_t arg);
/* flock(2): op is LOCK_SH, LOCK_EX, LOCK_UN with LOCK_NB. */
int locks_flock(struct task *t, struct file *f, int op);
/*
 * A descriptor of *f* was closed: drop the POSIX locks that table *ft* holds on its inode (whatever descriptor they were made
 * through). Cheap when the inode has no locks. Called by every close, dup2 over and end of a table, before file_put().
 */
void locks_close(struct fd_table *ft, struct file *f);
/* The last reference of *f* is going: drop its OFD and flock locks. Called by file_put() before the inode is put. */
void locks_file_gone(struct file *f);
/* The inode is being freed: free inode->locks. Called by inode_put(). */
void locks_inode_free(struct inode *inode);
/*
 * The same lines, each behind "lock:\t", of the locks that *ft* (its address alone counts) and *f* hold on the inode of *f*: for
 * /proc/PID/fdinfo. Writes at most *size* bytes to *buf*; their number.
 */
size_t locks_show_file(const struct fd_table *ft, struct file *f, char *buf, size_t size);
/* Text of /proc/locks, malloc'ed; length or negative errno. */
ssize_t locks_show(struct kernel *k, char **ret);
