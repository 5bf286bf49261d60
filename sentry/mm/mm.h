/* SPDX-License-Identifier: MIT */
/*
 * Address-space bookkeeping. Memory itself is the host's business (the stub's): the sentry knows only what Linux's
 * interfaces need: brk, argument and environment ranges, the executable, and which file stands behind which mapping.
 */
#pragma once

#include "lib/list.h"
#include "lib/lock.h"
#include "lib/refs.h"
#include "vfs/vfs.h"

#include <stdint.h>

struct kernel;
struct task;
struct kernel;
struct aspace;

struct mm_file_map { /* a host file that was mapped on order: names the line of /proc/PID/maps with this device and inode */
	struct list_head link;
	uint64_t host_dev, host_ino;
	uint64_t host_off, len; /* range of the host file */
	uint64_t file_off;	 /* the guest file's offset that host_off stands for */
	struct path path;	 /* held; dentry NULL: anonymous shared memory */
	struct inode *inode;	 /* held */
	bool seen;		 /* while pruning */
};

struct mm {
	struct refs refs;
	struct kernel *kernel;
	struct aspace *as;	 /* held */
	struct lock lock;	 /* RANK_MM: brk and file_maps */
	uint64_t start_brk, brk, brk_mapped;
	uint64_t start_code, end_code, start_data, end_data, start_stack;
	uint64_t arg_start, arg_end, env_start, env_end;
	bool brk_busy;		 /* a thread is moving brk */
	struct path exe;	 /* held */
	struct list_head file_maps;
	unsigned n_file_maps, prune_at;
	unsigned char auxv[512];
	unsigned auxv_len;
	_Atomic int n_groups;	 /* thread groups that live in it: more than one between vfork and exec */
	bool dumpable;
};

struct mm *mm_alloc(struct kernel *k, struct aspace *as);
struct mm *mm_copy(struct mm *from, struct aspace *as); /* fork */
void mm_get(struct mm *mm);
void mm_put(struct mm *mm);

/*
 * Text of /proc/PID/maps and smaps for *mm*, read from the host's and rewritten: host names are replaced by the guest's, the stub's
 * own lines are left out. malloc'ed, NUL-terminated; length or a negative errno.
 */
ssize_t mm_show_maps(struct task *viewer, struct mm *mm, bool smaps, char **ret);
void mm_file_map_free(struct mm_file_map *m);
/* Drop the records of what is no longer mapped: a guest unmaps without telling. mm->lock is held. */
void mm_prune_file_maps(struct mm *mm, struct kernel *k);

struct mm_usage {
	uint64_t size, resident, shared, text, data; /* pages, as /proc/PID/statm */
};
int mm_usage(struct mm *mm, struct mm_usage *u);
/* The host's inode numbers of all shared anonymous memory that is mapped, in *ret* (malloc'ed); their number or a negative errno. */
ssize_t mm_shared_inos(struct mm *mm, uint64_t **ret);
