/* SPDX-License-Identifier: MIT */
/*
 * Locked memory. A stub may lock nothing on the host (a guest shall not pin the host's memory), so locking brings pages in, is counted
 * against RLIMIT_MEMLOCK and shown; what it does not do is to keep the host from swapping them out.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct mm;
struct task;

/* May *t* have *more* bytes locked? 0, -EPERM (the limit is 0 and no capability), or *over* (negative errno). */
int mm_may_lock(struct task *t, uint64_t more, int over);
/* Bytes that are locked now. */
uint64_t mm_locked(struct mm *mm);
/*
 * mlock(2), mlock2(2) of whole pages [start, end), inside a full entry: 0, -ENOMEM (also: not all is mapped), -EAGAIN, -EPERM. With
 * onfault pages are not brought in.
 */
int64_t mm_lock_range(struct task *t, uint64_t start, uint64_t end, bool onfault);
int64_t mm_unlock_range(struct task *t, uint64_t start, uint64_t end);
/* mlockall(2): flags checked. */
int64_t mm_lock_all(struct task *t, int flags);
void mm_unlock_all(struct mm *mm);
/* A mapping that the sentry has just made: locked if *locked* or if mlockall(MCL_FUTURE) says so. */
void mm_lock_new(struct task *t, uint64_t start, uint64_t end, bool locked);
