/* SPDX-License-Identifier: MIT */
/*
 * Secrets: /run/secrets, a small file system in memory of its own, so that they are in no upper layer. The values come in memory files, which
 * are closed when they have been copied.
 */
#include "control/secrets.h"

#include "control/config.h"
#include "fs/fs.h"
#include "host/file.h"
#include "kernel/kernel.h"
#include "kernel/task.h"
#include "vfs/vfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

#define SECRETS_DIR "/run/secrets"
#define SECRETS_SIZE (64u << 20)

static int copy_content(struct task *t, int fd, struct file *f)
{
	uint64_t at = 0;

	for (;;) {
		char chunk[4096];
		ssize_t n = host_pread(fd, chunk, sizeof(chunk), at), put;
		struct uio u;

		if (n <= 0)
			return (int)n;
		uio_init_kernel(&u, chunk, (size_t)n);
		put = file_write(t, f, &u, -1);
		explicit_bzero(chunk, sizeof(chunk));
		if (put != n)
			return put < 0 ? (int)put : -EIO;
		at += (uint64_t)n;
	}
}

static int make_secret(struct task *t, const struct config_secret *s, const struct rootfs_user *u)
{
	const struct open_how_args how = {.flags = O_WRONLY | O_CREAT | O_EXCL, .mode = 0400};
	struct setattr owner = {.valid = ATTR_UID | ATTR_GID, .uid = u->uid, .gid = u->gid};
	char path[sizeof(SECRETS_DIR) + VFS_NAME_MAX + 1];
	FILE_SCOPE f = NULL;
	PATH_SCOPE p = {0};
	int r;

	snprintf(path, sizeof(path), SECRETS_DIR "/%s", s->name);
	r = vfs_open(t, AT_FDCWD, path, &how, &f);
	if (r == 0)
		r = copy_content(t, s->fd, f);
	if (r == 0)
		r = vfs_walk(t, AT_FDCWD, path, 0, &p);
	if (r == 0)
		r = vfs_setattr(t, &p, &owner);
	host_close(s->fd);
	return r;
}

int rootfs_place_secrets(struct task *init, const struct config *c, const struct rootfs_user *u, struct rootfs_error *err)
{
	const struct config_tmpfs place = {.target = SECRETS_DIR, .options = "mode=0755,nosuid,nodev,noexec"};
	PATH_SCOPE dir = {0};
	int r;

	if (!c->n_secrets)
		return 0;
	r = rootfs_mount_tmpfs(init, &place, SECRETS_SIZE, err);
	if (r < 0)
		return r;
	for (size_t i = 0; r == 0 && i < c->n_secrets; i++) {
		r = make_secret(init, &c->secrets[i], u);
		if (r < 0)
			snprintf(err->text, sizeof(err->text), "cannot place the secret %s: %s", c->secrets[i].name, strerror(-r));
	}
	if (r == 0)
		r = vfs_walk(init, AT_FDCWD, SECRETS_DIR, WALK_FOLLOW | WALK_DIRECTORY, &dir);
	if (r == 0)
		dir.mnt->flags |= MS_RDONLY;
	return r;
}
