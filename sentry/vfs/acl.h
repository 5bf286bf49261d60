/* SPDX-License-Identifier: MIT */
/*
 * POSIX access control lists: of an inode, and of a directory for what is made in it. They live in the inode (sentry memory), for file
 * systems whose super block says so; system.posix_acl_access and system.posix_acl_default are how programs see them. acl(5).
 */
#pragma once

#include "vfs/vfs.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct cred;
struct posix_acl;
struct user_ns;

#define ACL_ACCESS_NAME "system.posix_acl_access"
#define ACL_DEFAULT_NAME "system.posix_acl_default"

static inline bool acl_is_name(const char *name)
{
	return !__builtin_strcmp(name, ACL_ACCESS_NAME) || !__builtin_strcmp(name, ACL_DEFAULT_NAME);
}

/* 0 or -EACCES by the access list, which inode->acl says is there. For who is not the owner, and while the group bits are not zero. */
int acl_permission(const struct cred *cred, struct inode *inode, int mask);

/* The extended attributes. *value* NULL removes. Ids are those of the caller's user namespace. No locks held. */
int acl_set(struct task *t, struct inode *inode, const char *name, const void *value, size_t size);
ssize_t acl_get(struct task *t, struct inode *inode, const char *name, void *buf, size_t size);
/* Append the names of those that *inode* has to a list of *len* bytes with room for *size*; the new length. */
size_t acl_list(struct inode *inode, char *list, size_t len, size_t size);

/* Where a file system keeps the lists: have them in the inode. 0 or what reading them says. */
int acl_load(struct inode *inode);

/* The mode has been changed by chmod(2): the list follows. inode->lock held. -ENOMEM, -ENOSPC. */
int acl_chmod(struct inode *inode);

/*
 * Something is to be made in *dir*, whose lock is held (or which cannot change): *mode* loses what the umask takes, or, where the
 * directory has a default list, what that list takes. acl_birth_end() gives the lists to the new inode (NULL: there is none).
 */
struct acl_birth {
	struct posix_acl *access, *dflt;
};
int acl_birth_begin(struct task *t, struct inode *dir, uint32_t *mode, struct acl_birth *b);
void acl_birth_end(struct acl_birth *b, struct inode *inode);

/* Take over what an inode below an overlay has as extended attributes. -ENOMEM, -ENOSPC; bad ones are as none. */
int acl_from_lower(struct inode *inode, struct inode *lower);
/*
 * A list as bytes of its extended attribute with the sandbox's own ids, for a file system that keeps it: its length with *ret* malloc'ed, 0
 * with *ret* NULL where there is none, -ENOMEM. And back: -EINVAL.
 */
ssize_t acl_export(struct inode *inode, bool dflt, void **ret);
int acl_import(struct inode *inode, bool dflt, const void *value, size_t size);
/* inode_free() */
void acl_inode_free(struct inode *inode);
