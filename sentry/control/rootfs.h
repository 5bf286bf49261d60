/* SPDX-License-Identifier: MIT */
/*
 * The sandbox's mount tree, built from the launch configuration. Order at start:
 *
 *   rootfs_mount_root(k, c)       k->mounts with the root mount: the overlay over what the configuration names
 *   (init task with root credentials; its root and cwd are the root mount)
 *   rootfs_populate(init, c)      binds, tmpfs, /proc /sys /dev …, file records; mount points that are missing are made
 *   rootfs_resolve_user(init, …)  USER[:GROUP] by the sandbox's own /etc/passwd and /etc/group
 *   rootfs_enter_cwd(init, …)     the working directory, created if missing
 *
 * All return 0 or a negative errno and put a sentence into *err*.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct kernel;
struct config;
struct config_tmpfs;
struct config_layer;
struct config_bare;
struct path;
struct super_block;
struct task;

struct rootfs_error {
	char text[512];
};

struct rootfs_user {
	uint32_t uid, gid;
	uint32_t *groups; /* malloc'ed; supplementary, from /etc/group */
	uint32_t n_groups;
	char home[4096];  /* of /etc/passwd, "/" if unknown */
};

/* Takes over the descriptors of the root and the packs. */
int rootfs_mount_root(struct kernel *k, const struct config *c, struct rootfs_error *err);
/* *init* has root's credentials and stands at the root. Takes over the descriptors of the binds. */
int rootfs_populate(struct task *init, const struct config *c, struct rootfs_error *err);
/* A tmpfs as `--tmpfs` makes them; *size*: its default, 0: none. */
int rootfs_mount_tmpfs(struct task *t, const struct config_tmpfs *m, uint64_t size, struct rootfs_error *err);
/* Mount *sb* (reference consumed) at *path*, which is made if missing: a directory, or a file for a single-file volume. */
int rootfs_mount_at(struct task *t, const char *path, struct super_block *sb, unsigned flags, struct rootfs_error *err);
/* The sandbox ends in order: what is kept is left so. */
void rootfs_ended(struct kernel *k);
/* mkdir -p inside. */
int rootfs_make_dirs(struct task *t, const char *path);
/* A named volume or a copy-on-write share: rootfs_layers.c. Takes over its descriptors. */
int rootfs_mount_layer(struct task *t, const struct config *c, const struct config_layer *l, struct rootfs_error *err);
/* The sentence for what cannot be opened; returns *r*. */
int rootfs_layer_error(struct rootfs_error *err, int r, const char *what);
int rootfs_resolve_user(struct task *init, const char *spec, struct rootfs_user *ret, struct rootfs_error *err);
/* *u* is in these groups too, names or numbers (--group-add). */
int rootfs_add_groups(struct task *init, const char *const *names, size_t n, struct rootfs_user *u, struct rootfs_error *err);
/* Set init->fs->cwd; then, for --read-only, the root mount becomes read-only. The last step. */
int rootfs_enter_cwd(struct task *init, const char *cwd, const struct rootfs_user *owner, struct rootfs_error *err);
/* Copy what is in *from* into the empty directory *target*, with owners and modes. */
int rootfs_copy_up(struct task *t, const struct path *from, const char *target, struct rootfs_error *err);
/* rootfs_bare.c: the tree of a container that picket-runtime makes. */
int rootfs_populate_bare(struct task *init, const struct config_bare *c, struct rootfs_error *err);
/* Its terminal, which is there now, at /dev/console. */
void rootfs_bare_console(struct task *init);
/* Home directory of user *uid* by the sandbox's /etc/passwd, "/" if unknown. *home* has 4096 bytes. -ENOMEM. */
int rootfs_find_home(struct task *t, uint32_t uid, char *home);
