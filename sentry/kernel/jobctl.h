/* SPDX-License-Identifier: MIT */
/* Sessions, process groups, and what a parent is told of its children. */
#pragma once

#include "kernel/task.h"

/* Has process group *pgid* no member with a parent in another group of the same session? Takes tasklist_lock. */
bool pgrp_is_orphaned(struct kernel *k, int pgid);
/* SIGCHLD (unless SA_NOCLDSTOP) and a wake-up for the parent's wait. */
void notify_parent_stopped(struct thread_group *tg, int signo);
/* Fill in who tells a parent of its stop or continuation, and what it has used. Takes tasklist_lock. */
void child_news_origin(struct thread_group *tg, struct ksiginfo *info);
/* SIGHUP and SIGCONT to groups that became orphaned with stopped members because *tg* ends. */
void orphaned_pgrps_on_exit(struct thread_group *tg);
