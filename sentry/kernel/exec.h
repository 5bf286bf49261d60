/* SPDX-License-Identifier: MIT */
/* Running a new program. */
#pragma once

#include "kernel/task.h"

struct file;

/*
 * execve: run *exe* (held by the caller), called *path*, with the guest's argv and envp arrays. Full entries only. On
 * success the task has moved to a new address space and the old host thread is no longer its own. path_gone: that name leads nowhere
 * for the new program, so a script cannot run. What fails past the reading of the headers ends the process, as on Linux.
 */
int64_t do_execve(struct task *t, struct file *exe, const char *path, bool path_gone, uint64_t argv, uint64_t envp);
/* The first program of the sandbox; t has no address space yet. */
/* Whether *t* may execute the file *path*, as far as can be told without reading it. 0 or a negative errno. */
int kernel_exec_check(struct task *t, const char *path);
int kernel_exec_first(struct task *t, const char *path, char *const *argv, char *const *envp);
/* The same with an open file, which stays the caller's; *path* is what the program is called. */
int kernel_exec_file(struct task *t, struct file *f, const char *path, char *const *argv, char *const *envp);
