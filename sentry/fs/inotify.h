/* SPDX-License-Identifier: MIT */
/* inotify(7): what its system calls need. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct file;
struct inode;
struct kernel;

/* flags: IN_NONBLOCK. -EMFILE: too many instances. */
int inotify_create(struct kernel *k, int flags, struct file **ret);
bool inotify_is(const struct file *f);
/* Watch *inode*: the watch descriptor (an existing one is changed). -ENOSPC, -EEXIST (IN_MASK_CREATE), -ENOMEM. */
int inotify_add(struct file *f, struct inode *inode, uint32_t mask);
/* -EINVAL: no such watch. */
int inotify_remove(struct file *f, int wd);
