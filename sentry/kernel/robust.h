/* SPDX-License-Identifier: MIT */
#pragma once

struct task;

/* Walk the robust futex list of an exiting task: its locks are marked FUTEX_OWNER_DIED and one waiter each is woken. */
void robust_list_exit(struct task *t);
