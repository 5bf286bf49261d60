/* SPDX-License-Identifier: MIT */
/* Who is told of events of one inode: inode->watches. Shared by inotify.c and dnotify.c. */
#pragma once

#include "lib/list.h"
#include "lib/lock.h"

#include <stdint.h>

struct inode;

struct watch_list { /* lives as long as the inode */
	struct lock lock; /* RANK_WATCHES */
	struct list_head watches;   /* of inotify */
	struct list_head dnotifies; /* of F_NOTIFY; directories only */
};

struct watch_list *watch_list_get(struct inode *inode); /* made at first use; NULL: out of memory */
/* An event of an entry of the directory: mask IN_*. wl->lock held. */
void dnotify_tell(struct watch_list *wl, uint32_t mask);
