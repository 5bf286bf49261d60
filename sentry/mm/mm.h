/* SPDX-License-Identifier: MIT */
/*
 * Address-space bookkeeping. Memory itself is the host's business (the stub's): the sentry knows only what Linux's
 * interfaces need: brk, argument and environment ranges, the executable, and which file stands behind which mapping.
 */
#pragma once

#include "lib/list.h"
#include "lib/lock.h"
#include "lib/refs.h"
#include "mm/notes.h"
#include "mm/patched.h"
#include "vfs/vfs.h"

#include <stdint.h>

struct kernel;
struct task;
struct aspace;

struct mm_file_map { /* a host file that was mapped on order: names the line of /proc/PID/maps with this device and inode */
	struct list_head link;
	uint64_t host_dev, host_ino;
	uint64_t host_off, len; /* range of the host file */
	uint64_t file_off;	 /* the guest file's offset that host_off stands for */
	struct path path;	 /* held; dentry NULL: anonymous shared memory */
	struct inode *inode;	 /* held */
	bool shared;		 /* MAP_SHARED, whatever it is on the host */
	bool area;		 /* trampolines (docs/fastpath.md), of no file of the guest's */
	bool seen;		 /* while pruning */
};

struct mm {
	struct refs refs;
	struct kernel *kernel;
	struct aspace *as;	 /* held */
	struct lock lock;	 /* RANK_MM: brk and file_maps */
	uint64_t start_brk, brk, brk_mapped, brk_before;
	uint64_t start_code, end_code, start_data, end_data, start_stack;
	uint64_t stack_low, stack_top; /* the main stack as it is mapped */
	uint64_t arg_start, arg_end, env_start, env_end;
	bool brk_busy;		 /* a thread is moving brk */
	struct path exe;	 /* held */
	struct list_head file_maps;
	struct list_head shm;	 /* attached System V segments (ipc/shm.h) */
	int pid;		 /* whose it is: the last to detach them, when it ends */
	unsigned n_file_maps, prune_at;
	struct list_head notes[MM_NOTE_KINDS]; /* of mm_note; lock */
	unsigned n_notes;
	unsigned char auxv[512];
	unsigned auxv_len;
	uint64_t looked_at;	 /* the memory watch's last look that counted it; its own */
	_Atomic bool shares;	 /* memory that others may see has been mapped for writing */
	_Atomic int n_groups;	 /* thread groups that live in it: more than one between vfork and exec */
	struct user_ns *user_ns; /* of its program, held: who may look into it though it is not dumpable. NULL: the initial one */
	bool limited;	  /* the stub has limits of its own */
	struct patched patched; /* rewritten text; a lock of its own */
	bool own_text;	  /* the program may read text and run what it made of it: what it maps is the file's (mm/twin.h) */
	_Atomic bool lock_future; /* mlockall(MCL_FUTURE); changed under lock, also read without it */
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
void mm_prune_file_maps(struct mm *mm);
struct mm_vma;
/* The record of the host file that a mapping shows, or NULL; mm->lock is held. */
struct mm_file_map *mm_find_file_map(struct mm *mm, const struct mm_vma *v);

/*
 * Read and write *len* bytes as a tracer does, past the protection of pages: how many bytes there were. Writing to a page that is not
 * writable needs *th*, a thread of the address space that stands still in a full entry (else NULL), since it takes orders.
 */
struct gthread;
size_t mm_peek(struct mm *mm, uint64_t addr, void *buf, size_t len);
size_t mm_poke(struct gthread *th, struct mm *mm, uint64_t addr, const void *buf, size_t len);

struct mm_usage { /* pages */
	uint64_t size, peak, resident, hwm, anon, file, shmem;
	uint64_t data, stack, text, lib, pte, swap, locked; /* data: without the stack */
};
int mm_usage(struct mm *mm, struct mm_usage *u);
/* Resident pages, and those of them that are of files or shared memory: a cheaper question. */
int mm_resident(struct mm *mm, uint64_t *resident, uint64_t *shared);
/*
 * Put RLIMIT_AS and RLIMIT_DATA of *tg* into force in its address space, which it has for itself. setrlimit(2), execve(2); fork's child has
 * its parent's.
 */
struct thread_group;
void mm_apply_limits(struct mm *mm, struct thread_group *tg);
/* Pages that the stub itself keeps mapped. */
uint64_t mm_stub_pages(struct mm *mm);
/* The lowest address of the main stack that the guest has come to (execve(2) sets up 132 KiB). */
uint64_t mm_stack_shown(struct mm *mm);
/* The host's inode numbers of all shared anonymous memory that is mapped, in *ret* (malloc'ed); their number or a negative errno. */
ssize_t mm_shared_inos(struct mm *mm, uint64_t **ret);
