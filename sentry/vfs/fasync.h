/* SPDX-License-Identifier: MIT */
/*
 * The owner of an open file, who is told by a signal: F_SETOWN, F_SETSIG and O_ASYNC of fcntl(2); also used by leases and
 * directory notification.
 */
#pragma once

#include "lib/wait.h"

#include <stdbool.h>
#include <stdint.h>

struct file;
struct kernel;
struct task;

struct f_owner {
	int type, pid; /* F_OWNER_*; pid 0: nobody */
	int signo;     /* F_SETSIG; 0: SIGIO without details */
	uint32_t uid, euid; /* of who set it: the signal needs the permission of kill(2) */
};

/* F_SETOWN by *t*. -ESRCH: nothing has that number. *force*: replace one that is set. */
int f_owner_set(struct task *t, struct file *f, int type, int pid, bool force);
struct f_owner f_owner_get(struct file *f);
void f_owner_set_signal(struct file *f, int signo);
/* The number of the owner for *t*; 0 when it is gone. */
int f_owner_pid(struct task *t, const struct f_owner *o);

/*
 * Tell the owner: the signal chosen by F_SETSIG with si_code *code* (POLL_IN …), si_band and si_fd, or plain SIGIO. No
 * lock may be held but those ranked below RANK_TASKLIST.
 */
void f_owner_tell(struct kernel *k, const struct f_owner *o, int fd, int code);

/* O_ASYNC was set or cleared through descriptor *fd*; f->flags still has the old value. */
int fasync_set(struct task *t, struct file *f, int fd, bool on);
/* A socket has an owner now: SIGURG, also without O_ASYNC. */
int fasync_watch_urgent(struct file *f);
/* A write found no room: room is news for the owner again. */
void fasync_no_room(struct file *f);
/* The last reference to the file is gone. */
void fasync_free(struct file *f);
/*
 * Wake-ups happen under locks; the signals they lead to are sent here. Called where no locks are held: after each system
 * call and each round of the host loop, when k->n_fasync is not 0.
 */
void fasync_send(struct kernel *k);
