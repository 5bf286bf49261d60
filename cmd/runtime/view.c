/* SPDX-License-Identifier: MIT */
/* The monitor's mount and UTS namespaces. */
#include "cmd/runtime/view.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cmd/lib/str.h"
#include "cmd/runtime/log.h"
#include "cmd/runtime/spec/spec.h"

#ifndef MOUNT_ATTR_NOSYMFOLLOW
#define MOUNT_ATTR_NOSYMFOLLOW 0x00200000
#endif

/*
 * Rootless engines enter the pid namespace too, which only who made it may. What remains of the sentry ends with its first
 * process: the monitor.
 */
pid_t view_fork(void)
{
	long pid = syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, NULL, NULL, NULL, NULL);

	return pid < 0 ? fork() : (pid_t)pid;
}

/* ---- Names ---- */

static void join_names(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd >= 0 && setns(fd, CLONE_NEWUTS) < 0)
		debug("cannot enter the UTS namespace %s: its names are not known", path);
	if (fd >= 0)
		close(fd);
}

/* Containers of a pod join the first one's names through /proc/PID/ns/uts. The program itself asks the sentry; who may not do this does without. */
void view_names(const struct spec *s)
{
	if (s->ns[SPEC_NS_UTS].path)
		join_names(s->ns[SPEC_NS_UTS].path);
	if (!s->ns[SPEC_NS_UTS].given || s->ns[SPEC_NS_UTS].path || unshare(CLONE_NEWUTS) < 0)
		return;
	if (s->hostname && sethostname(s->hostname, strlen(s->hostname)) < 0)
		return;
	if (s->domainname && setdomainname(s->domainname, strlen(s->domainname)) < 0)
		return;
}

/* ---- Mounts ---- */

static const struct open_how beneath = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};

static int tree_of(const char *path, bool recursive)
{
	return (int)syscall(SYS_open_tree, AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (recursive ? AT_RECURSIVE : 0));
}

static int put(int tree, int at)
{
	return (int)syscall(SYS_move_mount, tree, "", at, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
}

static void make_readonly(int tree, bool recursive)
{
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};

	syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), &attr, sizeof(attr));
}

/*
 * The monitor's pid namespace. Its links are not followed: /proc/1/root is the host's root, and who enters to copy a file follows the links that the guest
 * has made. A kernel that does not know of that (before 5.14) shows none.
 */
static void mount_proc(int at)
{
	const unsigned int attrs = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NOSYMFOLLOW;
	int fs = (int)syscall(SYS_fsopen, "proc", FSOPEN_CLOEXEC), tree = -1;

	if (fs >= 0 && syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0)
		tree = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, attrs);
	if (tree >= 0)
		put(tree, at);
	if (tree >= 0)
		close(tree);
	if (fs >= 0)
		close(fs);
	close(at);
}

/* The root file system is the guest's: its links lead nowhere but to itself. What is not there is left out. */
static void bind_one(const struct spec *s, const struct spec_mount *b, int root)
{
	char *source = *b->source == '/' ? xstrdup(b->source) : xasprintf("%s/%s", s->bundle, b->source);
	int tree = tree_of(source, b->recursive), at = (int)syscall(SYS_openat2, root, b->target, &beneath, sizeof(beneath));

	if (tree >= 0 && b->readonly)
		make_readonly(tree, (b->recursive_flags & MS_RDONLY) != 0);
	if (tree >= 0 && at >= 0)
		put(tree, at);
	if (tree >= 0)
		close(tree);
	if (at >= 0)
		close(at);
	free(source);
}

/* The container's tree becomes the root of the namespace, and all that came along from the host is let go of. */
static void exchange_root(const struct spec *s, int root)
{
	int proc = (int)syscall(SYS_openat2, root, "proc", &beneath, sizeof(beneath));

	/* The monitor, the sentry, and a stub for each process of the guest's. */
	if (proc >= 0)
		mount_proc(proc);
	for (size_t i = 0; i < s->n_mounts; i++)
		if (s->mounts[i].type == SPEC_BIND)
			bind_one(s, &s->mounts[i], root);
	if (s->root_readonly)
		make_readonly(root, false);
	if (fchdir(root) == 0 && syscall(SYS_pivot_root, ".", ".") == 0)
		umount2(".", MNT_DETACH);
}

void view_mounts(const struct spec *s)
{
	int host = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC), root = -1;

	if (host < 0 || unshare(CLONE_NEWNS) < 0) {
		if (host >= 0)
			close(host);
		return;
	}
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0)
		root = tree_of(s->root, true);
	if (root >= 0 && syscall(SYS_move_mount, root, "", AT_FDCWD, s->root, MOVE_MOUNT_F_EMPTY_PATH) == 0)
		exchange_root(s, root);
	/* Ours are still the paths of the host, in its own namespace: the guest writes into the tree that is the namespace's. */
	if (fchdir(host) < 0 || chroot(".") < 0)
		_exit(1);
	if (root >= 0)
		close(root);
	close(host);
}
