/* SPDX-License-Identifier: MIT */
/* Between the files of System V semaphores. Everything is guarded by ipc_ns.sem.lock. */
#pragma once

#include "ipc/ids.h"

#include <sys/sem.h>

#define SEM_VALUE_TOP 32767

struct sem_queue { /* a sleeper, on its stack */
	struct list_head link; /* sem_set.pending */
	struct task *task;
	const struct sembuf *ops, *blocking; /* blocking: the operation it waits in */
	unsigned n_ops;
	struct sem_undo *undo;
	int pid;
	int result; /* IPC_WAITING until served */
};

struct sem {
	int val, pid;
};

struct sem_set {
	struct ipc_obj obj;
	struct list_head pending; /* sem_queue, in order of arrival */
	struct list_head undos;	  /* sem_undo.set_link */
	int64_t otime, ctime;
	unsigned n;
	struct sem sems[];
};

struct sem_undo { /* what the exit of the tasks that share *list* does to one set */
	struct list_head set_link, list_link;
	struct sem_set *set; /* NULL: removed */
	struct sem_undo_list *list;
	int16_t adj[];
};

struct sem_undo_list { /* of the tasks that share it (CLONE_SYSVSEM) */
	struct refs refs;
	struct ipc_ns *ns; /* held */
	struct list_head undos;
};

/* sem.c, for sem_undo.c */
void sem_update(struct sem_set *s, bool changed);
/* Remove a set: sleepers get -EIDRM. */
void sem_set_destroy(struct ipc_ns *ns, struct sem_set *s);
/* The adjustments of *t* for *s*, made at need. -ENOMEM. */
int sem_undo_of(struct task *t, struct ipc_ns *ns, struct sem_set *s, struct sem_undo **ret);
void sem_undo_drop(struct ipc_ns *ns, struct sem_undo *u);
