/* SPDX-License-Identifier: MIT */
/* memfd_create(2): files of tmpfs without a name in any tree, with seals. */
#pragma once

#include "vfs/vfs.h"

/* flags: MFD_ALLOW_SEALING, MFD_NOEXEC_SEAL and MFD_EXEC are heeded. *name* is shown as "memfd:NAME". */
int memfd_create_file(struct kernel *k, const char *name, unsigned flags, struct file **ret);
/* fcntl F_ADD_SEALS, F_GET_SEALS: -EINVAL for files that are not of tmpfs, -EPERM, -EBUSY as fcntl(2). */
int memfd_add_seals(struct file *f, unsigned seals);
int memfd_get_seals(struct file *f);
