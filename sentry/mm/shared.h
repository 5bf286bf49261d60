/* SPDX-License-Identifier: MIT */
/*
 * Memory in files of the host's shared memory that guest processes map: pages come to be by a touch, which nobody tells the
 * sentry. While there is a memory limit, the host is asked how many there are.
 */
#pragma once

#include "lib/list.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct kernel;

struct shared_mem {
	struct list_head link;	 /* kernel.shared_mem, under kernel.shared_lock */
	int fd;
	const _Atomic uint64_t *charged; /* pages that are on the books already, or NULL */
	uint64_t ino;
	bool anon;		 /* our own, with its descriptor: ends when no process maps it */
	bool fresh, seen;	 /* of the sweep */
};

/* *m*, with fd and charged filled in by the caller, counts until shared_mem_del(); no-op without a memory limit. */
void shared_mem_add(struct kernel *k, struct shared_mem *m);
void shared_mem_del(struct kernel *k, struct shared_mem *m);
/* Shared anonymous memory in the memfd *fd* (of which a duplicate is kept). 0 or -ENOMEM, -ENFILE. */
int shared_mem_note_anon(struct kernel *k, int fd);
/* Bytes that are held and on no book. */
uint64_t shared_mem_bytes(struct kernel *k);
/*
 * Forget anonymous memory that no process maps any more: begin, then the inode numbers that each address space maps
 * (mm_shared_inos()), then end. begin says whether there is anything to look for; negative n (it could not be read) keeps all.
 */
bool shared_mem_sweep_begin(struct kernel *k);
void shared_mem_sweep_saw(struct kernel *k, const uint64_t *inos, ssize_t n);
void shared_mem_sweep_end(struct kernel *k);
