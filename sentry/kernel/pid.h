/* SPDX-License-Identifier: MIT */
/* Numbers of tasks. Process groups and sessions are found by walking thread groups: sandboxes are small. */
#pragma once

#include "kernel/task.h"

int pid_table_create(struct kernel *k);
/* Reserve the next free number and enter *t* under it. tasklist_lock held. -EAGAIN: no number or over the task limit. */
int pid_attach(struct kernel *k, struct task *t);
/* The same with the number *tid*. -EEXIST: it is taken. */
int pid_attach_as(struct kernel *k, struct task *t, int tid);
/* A process group or session goes by *nr* from now on: the number is not given away before the last member is gone. tasklist_lock held. */
void pid_group_used(struct kernel *k, int nr);
/* Take the number *tid* over from *from* (exec from a thread that is not the leader). tasklist_lock held. */
void pid_replace(struct kernel *k, int tid, struct task *to);
void pid_detach(struct kernel *k, int tid);
/* May the user of *t* have no more tasks (RLIMIT_NPROC)? tasklist_lock held. */
bool pid_over_limit(struct task *t);
/* The task of a number, no reference; tasklist_lock held. */
struct task *pid_task(struct kernel *k, int tid);
/* Does any process of group *pgid* (in session *sid*, or any if 0) exist? tasklist_lock held. */
bool pgrp_exists(struct kernel *k, int pgid, int sid);
/* Next thread group with pid >= *pid* in number order, no reference; tasklist_lock held. */
struct thread_group *tg_next(struct kernel *k, int pid);
