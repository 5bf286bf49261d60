/* SPDX-License-Identifier: MIT */
/* Capabilities of files: the attribute security.capability. capabilities(7). */
#pragma once

#include "vfs/vfs.h"

#include <stdbool.h>
#include <stdint.h>

#define FILECAP_NAME "security.capability"

struct user_ns;

struct file_caps {
	bool present, effective;
	uint64_t permitted, inheritable;
};

/*
 * The capabilities of *inode* as far as they count in *ns*: zeroes where there are none, or where they are another root's.
 * A broken attribute is none too. -errno of the file system.
 */
int filecap_get(const struct user_ns *ns, struct inode *inode, struct file_caps *fc);
/*
 * Before the attribute is set: check the caller's right and the value's form, and turn it into what is stored: with the owner's
 * root id when he is not root of the file system's own namespace. *out* holds 24 bytes. Returns its length, -EINVAL, -EPERM.
 */
ssize_t filecap_store_form(struct task *t, const struct inode *inode, const void *value, size_t size, void *out);
/* After the attribute was read: as the reader's namespace sees it. Returns the length, -EOVERFLOW: another root's. -ERANGE. */
ssize_t filecap_read_form(struct task *t, void *value, size_t len, size_t size);
/* The contents or the owner change: capabilities go. Cheap for files known to have none. No inode lock held. */
int filecap_kill(struct inode *inode);
