/* SPDX-License-Identifier: MIT */
/*
 * One base for synthetic trees (procfs, sysfs, cgroupfs): constant tables of small files with show and store functions,
 * directories whose entries are made up at look-up, and magic links.
 *
 * A node of the tree is an entry of a table together with the *object* it speaks of (a task, a descriptor number, a
 * CPU …); entries of one table are shared by all objects. Inodes are made at look-up and hold their object.
 */
#pragma once

#include "vfs/vfs.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kernel;
struct cred;
struct pid_ns;
struct task;

/* --- text under construction -------------------------------------------------------------------------------------------- */

struct seq { /* grows as needed; after a failed allocation or above SEQ_MAX every call does nothing and failed is set */
	char *buf;
	size_t len, cap;
	bool failed;
};

#define SEQ_MAX (64u << 20)

void seq_printf(struct seq *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void seq_write(struct seq *s, const void *data, size_t len);
void seq_puts(struct seq *s, const char *str);
/* As seq_puts(), but blanks, backslashes and the characters of *esc* become octal escapes. */
void seq_escape(struct seq *s, const char *str, const char *esc);
void seq_free(struct seq *s);

/* --- the tables ----------------------------------------------------------------------------------------------------------- */

struct kobj { /* what a node speaks of */
	struct kernel *kernel;
	struct task *task; /* held by the inode, or NULL */
	struct pid_ns *pid_ns; /* whose numbers this tree shows; held by the super block; NULL: of no matter */
	bool strict;	   /* no capability opens a file without a store function for writing: sysfs, /proc/sys */
	uint64_t n;	   /* descriptor number, CPU number …; the meaning is the table's */
};

struct kentry;

struct kdir_ops { /* a directory whose entries are not constant; they come behind the constant children */
	/* Find *name* (NUL-terminated). Fills in *child (preset to the parent's object; a task put there is given over held). */
	int (*lookup)(struct task *viewer, const struct kobj *dir, const char *name, const struct kentry **entry,
		      struct kobj *child);
	/*
	 * The first entry with a cookie >= *cookie: its cookie, and the name (64 bytes), entry and number. -ENOENT: no more.
	 */
	int (*next)(const struct kobj *dir, uint64_t *cookie, char *name, const struct kentry **entry, struct kobj *child);
	unsigned (*n_dirs)(const struct kobj *dir); /* how many of them are directories, for the link count; NULL: none */
};

struct kentry {
	const char *name;
	uint32_t mode; /* S_IFREG, S_IFDIR or S_IFLNK and permission bits */
	/* Regular files: produce the whole text; a negative errno fails the read. NULL: not readable. */
	int (*show)(struct task *t, const struct kobj *o, struct seq *s);
	/* Text written in one call, NUL-terminated copy of at most KERNFS_WRITE_MAX bytes. NULL: not writable. */
	int (*store)(struct task *t, const struct kobj *o, char *text, size_t len);
	/* The same for files where the rights of who opened it count. Written from the beginning, at once. */
	int (*store_as)(struct task *t, const struct cred *opener, const struct kobj *o, char *text, size_t len);
	/* Links: the text, malloc'ed; and, for magic links, the object itself. */
	int (*readlink)(struct task *t, const struct kobj *o, char **ret);
	int (*get_link)(struct task *t, const struct kobj *o, struct path *ret);
	/* Directories. */
	const struct kentry *children;
	size_t n_children;
	const struct kdir_ops *dir;
	/*
	 * Regular files: queue *w* (may be NULL) where changes wake it, and count them. A reader that polls is told once of each new
	 * count, by EPOLLERR and EPOLLPRI. NULL: always readable, nothing more.
	 */
	uint64_t (*poll)(const struct kobj *o, struct waiter *w);
	const char *text;  /* constant contents (files) or target (links), in place of show and readlink */
	bool (*live)(const struct kentry *e, struct task *t, const struct kobj *o, struct seq *s); /* instead of text, unless false; may be NULL */
	unsigned flags;	   /* KERNFS_* */
	uintptr_t arg;	   /* free for show/store functions that serve several entries */
	const struct file_ops *fops; /* regular files that are not text (NULL: text) */
	int (*open)(struct task *t, const struct kobj *o, struct file *f); /* with fops; may be NULL */
};

#define KERNFS_INSPECT 1u     /* opening and following needs task_may_inspect() of the object's task */
#define KERNFS_LIVE 2u	      /* a directory that cannot even be searched (ESRCH) when its task has been waited for */
#define KERNFS_WRITE_MAX 4095

#define KDIR(name_, mode_, table) {.name = name_, .mode = S_IFDIR | (mode_), .children = table, .n_children = ARRAY_SIZE(table)}
#define KTEXT(name_, text_) {.name = name_, .mode = S_IFREG | 0444, .text = text_}
#define KSHOW(name_, mode_, show_) {.name = name_, .mode = S_IFREG | (mode_), .show = show_}

/* A super block over *root*, a directory entry. magic: f_type of statfs(2). dynamic: names come and go by themselves. */
int kernfs_create(struct kernel *k, const char *type, uint64_t magic, const struct kentry *root, bool dynamic,
		  struct super_block **ret);

/* The same for a tree that shows the processes of a pid namespace, of which it takes a reference. */
int kernfs_create_for(struct kernel *k, const char *type, uint64_t magic, const struct kentry *root, bool dynamic,
		      struct pid_ns *ns, struct super_block **ret);

/* hidepid= and gid= of proc(5): whom directories of tasks (KERNFS_LIVE) are closed to, or hidden from. */
enum kernfs_hide { KERNFS_HIDE_NONE, KERNFS_HIDE_CLOSED, KERNFS_HIDE_INVISIBLE, KERNFS_HIDE_PTRACEABLE = 4 };
void kernfs_set_hide(struct super_block *sb, enum kernfs_hide hide, uint32_t gid);

/* The entry and object of an inode made here. */
const struct kentry *kernfs_entry(const struct inode *inode);
const struct kobj *kernfs_object(const struct inode *inode);
