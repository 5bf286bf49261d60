/* SPDX-License-Identifier: MIT */
/*
 * The table of names that stubs answer stat(2) from: docs/names.md says what is in it and why it is exact.
 *
 * Whoever changes what stat could say of an object that has a name brackets the change by names_begin() and names_end(), and says
 * between the first and the change what it is about. All of them are cheap for what was never exported.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct dentry;
struct fs_context;
struct inode;
struct kernel;
struct kstat;
struct path;
struct task;

/* Make the table, before the platform starts. Returns a descriptor for it, or -1: there is none, and all goes without. */
int names_create(struct kernel *k);
/* Somebody gets to see another tree than the others: nothing is exported any more, ever. */
void names_off(struct kernel *k);

void names_begin(struct kernel *k);
void names_end(struct kernel *k);
/* The attributes of *inode* are about to change; NULL is allowed. */
void names_inode(struct inode *inode);
/* What *d* stands for under its name. */
void names_dentry(struct dentry *d);
/* Everything: mounts. */
void names_all(struct kernel *k);

static inline void names_end_cleanup_(struct kernel **k)
{
	names_end(*k);
}
#define NAMES_CHANGE(of)                                                                                               \
	__attribute__((cleanup(names_end_cleanup_))) struct kernel *names_scope_ = (of);                               \
	names_begin(names_scope_)

/* Working directories. A context that comes, goes, and whose directory is another (fs.lock held). */
void names_context_moved(struct kernel *k, struct fs_context *fs);
void names_context_gone(struct kernel *k, struct fs_context *fs);
/* The number of *t*'s context for its slot; 0: it asks. */
uint32_t names_context(struct task *t);

/* stat of *path* by *t* has just succeeded, or said ENOENT: put it into the table if that can be. No locks held. */
void names_export(struct task *t, const char *path, bool nofollow);
