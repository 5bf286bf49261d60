/* SPDX-License-Identifier: MIT */
/*
 * Leases: F_SETLEASE and F_GETLEASE of fcntl(2). The holder is told by a signal when somebody opens or truncates the file in a
 * way that conflicts, and has LEASE_BREAK_SECONDS to give way.
 */
#pragma once

#include "vfs/vfs.h"

#include <stdbool.h>
#include <stdatomic.h>

#define LEASE_BREAK_SECONDS 45 /* fs.lease-break-time */

/* F_SETLEASE: type F_RDLCK, F_WRLCK, F_UNLCK; *fd*: what the signal names. -EINVAL, -EACCES, -EAGAIN, -ENOMEM. */
int lease_set(struct task *t, struct file *f, int fd, int type);
/* F_GETLEASE: the type; of one that is being broken, the type that it is to become. */
int lease_get(struct file *f);
/* The last reference to a file that has a lease is gone. */
void lease_file_gone(struct file *f);
int lease_break_slow(struct task *t, struct inode *inode, bool write, bool nonblock);

/*
 * Somebody is about to open (*write*: for writing) or truncate: sleeps until no lease is in the way. Cheap where there is
 * none. -EAGAIN (*nonblock*), -ERESTARTSYS.
 */
static inline int lease_break(struct task *t, struct inode *inode, bool write, bool nonblock)
{
	return atomic_load_explicit(&inode->leases, memory_order_relaxed) ? lease_break_slow(t, inode, write, nonblock) : 0;
}
