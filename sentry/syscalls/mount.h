/* SPDX-License-Identifier: MIT */
/* What mount(2) has to offer to who builds a tree from outside. */
#pragma once

#include <sys/mount.h>

struct super_block;
struct task;

/* Flags that are kept with a mount. */
#define MOUNT_KEPT_FLAGS (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME | MS_NODIRATIME | MS_STRICTATIME | MS_RELATIME)

/* A file system of *type* with the text *data* (changed), as *t* may mount it. *flags*: of the mount to be. -ENODEV: no such type. -EINVAL, -EPERM, -ENOMEM. */
int mount_make_super(struct task *t, const char *type, char *data, unsigned *flags, struct super_block **ret);
/* Its first column in /proc/mounts, unless it has one. */
void mount_name_source(struct super_block *sb, const char *source);
