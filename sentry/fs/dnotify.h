/* SPDX-License-Identifier: MIT */
/* Directory notification by signals: F_NOTIFY of fcntl(2). */
#pragma once

struct file;
struct fd_table;
struct inode;
struct task;

/* F_NOTIFY: mask DN_*; none but DN_MULTISHOT: no more. -ENOTDIR, -ENOMEM. */
int dnotify_set(struct task *t, struct file *f, int fd, unsigned long mask);
/* A descriptor of the file was closed by the owner of *ft*: what that table asked for ends. */
void dnotify_closed(struct file *f, const struct fd_table *ft);
