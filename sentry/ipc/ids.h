/* SPDX-License-Identifier: MIT */
/* Between the kinds of System V IPC: tables of ids, permissions. */
#pragma once

#include "ipc/ipc.h"

void ipc_ids_init(struct ipc_ids *ids);
void ipc_ids_free(struct ipc_ids *ids);

/*
 * Enter *o* (key and mode set) with *t* as creator and owner. lock held. The id, or -ENOSPC above *limit* objects, -ENOMEM.
 */
int ipc_add(struct task *t, struct ipc_ids *ids, struct ipc_obj *o, unsigned limit);
void ipc_remove(struct ipc_ids *ids, struct ipc_obj *o);
/* lock held; NULL: no such id (-EINVAL), no such key. */
struct ipc_obj *ipc_find(struct ipc_ids *ids, int id);
struct ipc_obj *ipc_find_key(struct ipc_ids *ids, int32_t key);
/* The object at a place of the table (SHM_STAT and kin), or NULL. */
struct ipc_obj *ipc_at(struct ipc_ids *ids, int idx);

/* The right to do what the mode bits *flags* (of any class) say: 0 or -EACCES. */
int ipc_permission(struct task *t, const struct ipc_obj *o, int flags);
/* The right to change or remove: owner, creator, CAP_SYS_ADMIN; -EPERM. */
int ipc_may_change(struct task *t, const struct ipc_obj *o);
bool ipc_capable(struct task *t, int cap); /* towards the task's ipc namespace */

/*
 * semget(2), shmget(2), msgget(2) without making anything: the object of *key* that is to be used (*ret), 1: make one,
 * -ENOENT, -EEXIST. The caller checks size and then permission. lock held.
 */
int ipc_get_old(struct ipc_ids *ids, int32_t key, int flags, struct ipc_obj **ret);

/* struct ipc_perm of the guest, from and to. */
void ipc_perm_fill(struct task *t, const struct ipc_obj *o, struct ipc_perm *p);
/* -EINVAL: an owner that is none. */
int ipc_perm_set(struct task *t, struct ipc_obj *o, const struct ipc_perm *p);
/* The owners as /proc/sysvipc shows them to *t*: "  uid   gid  cuid  cgid" without ends. */
void ipc_show_owners(struct task *t, const struct ipc_obj *o, struct seq *s);

/* A sleeper's end: result, as set by who served it, or IPC_WAITING. */
#define IPC_WAITING 1
/* The number of the process *t*, for GETPID and kin. */
static inline int ipc_self(struct task *t)
{
	return t->tg->pid;
}
