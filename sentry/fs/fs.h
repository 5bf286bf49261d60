/* SPDX-License-Identifier: MIT */
/*
 * Constructors of the file systems. Each returns a super block with one reference, whose root dentry is set; the caller
 * hands it to mount_add() or drops it with super_put().
 */
#pragma once

#include "vfs/vfs.h"

#include <stdbool.h>
#include <stdint.h>

struct kernel;
struct super_block;
struct inode;
struct snap_index;
struct file;
struct task;
struct thread_group;
struct pid_ns;

/* Synthetic trees (procfs/, sysfs, devfs, devpts). */
int procfs_create(struct kernel *k, struct super_block **ret);
/* The same with the processes of *ns*, of which a reference is taken. */
int procfs_create_for(struct kernel *k, struct pid_ns *ns, struct super_block **ret);
/* Options of a mount or remount: hidepid, gid (by *ns*). -EINVAL; the super block is as before then. */
struct user_ns;
int procfs_options(struct super_block *sb, const struct user_ns *ns, char *data);
int sysfs_create(struct kernel *k, struct super_block **ret);
int devfs_create(struct kernel *k, struct super_block **ret);
int devpts_create(struct kernel *k, struct super_block **ret); /* the first instance */
/* One more, by mount(2) with options *data*, which is changed. -EINVAL, -ENOMEM. */
int devpts_mount(struct task *t, char *data, struct super_block **ret);
/* The process whose directory /proc/PID *f* is, held; NULL: something else. */
struct thread_group *procfs_dir_group(const struct file *f);
/* Memory of the sandbox in KiB: what it may use, what its processes and files use. For /proc/meminfo and sysinfo(2). */
struct proc_memory {
	uint64_t total, used, anon, cached;
};
void proc_memory(struct kernel *k, struct proc_memory *m);
/* Begin to keep the load averages; once. */
void load_averages_start(struct kernel *k);
/* Of one, five and fifteen minutes, in fixed point with *shift* bits (11 or more). */
void load_averages(struct kernel *k, int shift, uint64_t ret[3]);
int cgroupfs_create(struct kernel *k, struct super_block **ret); /* /sys/fs/cgroup: cgroup2, read only */

/*
 * A file over an inherited host descriptor (standard input, output, error), which is taken over on success: pipes, sockets,
 * terminals, regular files. flags: O_ACCMODE bits. k->loop must exist.
 */
int hostfd_file_create(struct kernel *k, int host_fd, int flags, struct file **ret);

struct tmpfs_options {
	uint64_t size;	     /* bytes, 0: no limit of its own (the sandbox's memory limit holds) */
	uint64_t max_inodes; /* 0: no limit of its own */
	uint32_t mode, uid, gid; /* of the root directory */
	bool lower;	     /* its inodes stand below an overlay: see super_block.lower */
};
/* *opt* NULL: mode 1777, no limits. */
int tmpfs_create(struct kernel *k, const struct tmpfs_options *opt, struct super_block **ret);
/*
 * A regular file of a tmpfs that has no name (memfd, copied-up data of an overlay): one reference, nlink as given (0 for
 * memfd). Its data lives as long as the inode. -ENOMEM, -ENOSPC.
 */
int tmpfs_new_file(struct super_block *sb, uint32_t mode, struct inode **ret);

/* The image: an index mapped at *map* (*len* bytes; stays mapped) and the descriptors of its packs by number, -1: absent. */
int snapfs_create(struct kernel *k, const void *map, size_t len, const int *pack_fds, unsigned n_packs,
		  struct super_block **ret);

struct hostfs_options {
	bool read_only;
	bool lower;	 /* below an overlay: names are taken as stable */
	bool hide;	 /* `host` mode: hide what is not world-readable and files of secrets */
	bool owners;	 /* ids are the host's own, and files get their owners there, if the sentry has the capabilities for it */
	bool shared;	 /* others use it too: locks of files are the host's as well */
	bool guard;	 /* PICKET_FILE is shown, but neither made, changed, moved nor removed */
	const struct host_object *hidden; /* what is not shown; lives as long as the super block */
	size_t n_hidden;
	const struct host_place *places; /* names nobody inside makes, moves or removes; lives as long */
	size_t n_places;
};
/* What Picket reads from a directory of the user's (docs/cli.md): no guest may write it. */
#define PICKET_FILE ".picket.json"
struct host_object { /* of the host: major << 32 | minor, and the inode number */
	uint64_t dev, ino;
};
struct host_place { /* a name in a directory of the host */
	uint64_t dev, ino;
	const char *name;
	bool hidden; /* what has it is not shown */
};
/* A host directory or file (a single file becomes the root of the super block). *fd* is taken over on success. */
int hostfs_create(struct kernel *k, int fd, const struct hostfs_options *opt, struct super_block **ret);

/* The root of `host` mode: a directory made of named host directories and symbolic links. */
struct hostfs_entry {
	const char *name;
	int fd;		    /* taken over on success; -1: a symbolic link */
	const char *target; /* of the link */
};
int hostfs_create_root(struct kernel *k, const struct hostfs_entry *entries, size_t n, struct super_block **ret);

/* The sandbox ends: *sb*, if it is an overlay on disk, is left as one that has ended in order. */
void overlay_ended(struct super_block *sb);

struct overlay_options {
	int upper_fd;	/* a host directory for the changes (docs/kept-format.md), taken over on success; -1: they live in sentry memory */
	uint64_t size;	/* of the changes in bytes; 0: no limit */
};
/*
 * *lower*: read-only tree, reference taken over on success; NULL, with an upper directory: a volume. *opt* NULL: changes live in
 * memory, without a limit of their own. -EOPNOTSUPP: the host's file system has no user.* attributes; -EUCLEAN: it is not ours.
 */
int overlay_create(struct kernel *k, struct super_block *lower, const struct overlay_options *opt, struct super_block **ret);
