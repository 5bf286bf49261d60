/* SPDX-License-Identifier: MIT */
/*
 * The empty root. The new mount interface (fsopen(2) and others) is used because its mounts are descriptors: the
 * private /proc never has a path, and no directory of the host is needed as a mount point.
 */
#include "rootless/root.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <fcntl.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <stdint.h>

/* Of <linux/mount.h>, which cannot be included together with every libc's <sys/mount.h>. */
#define NEW_FSOPEN_CLOEXEC 0x1
#define NEW_FSMOUNT_CLOEXEC 0x1
#define NEW_FSCONFIG_SET_STRING 1
#define NEW_FSCONFIG_CMD_CREATE 6
#define NEW_ATTR_RDONLY 0x1
#define NEW_ATTR_NOSUID 0x2
#define NEW_ATTR_NODEV 0x4
#define NEW_ATTR_NOEXEC 0x8
#define NEW_MOVE_F_EMPTY_PATH 0x4
#define NEW_OPEN_TREE_CLONE 0x1
#define NEW_AT_RECURSIVE 0x8000

struct new_mount_attr {
	uint64_t set;
	uint64_t clear;
	uint64_t propagation;
	uint64_t userns_fd;
};

/* A new detached mount of a file system type, with an option if `key` is not NULL. Returns its descriptor. */
static int new_mount(const char *type, const char *key, const char *value, unsigned int attrs)
{
	int fs = (int)syscall(SYS_fsopen, type, NEW_FSOPEN_CLOEXEC);
	int fd = -1, saved;

	if (fs < 0)
		return -errno;
	if ((!key || syscall(SYS_fsconfig, fs, NEW_FSCONFIG_SET_STRING, key, value, 0) == 0) &&
		syscall(SYS_fsconfig, fs, NEW_FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0)
		fd = (int)syscall(SYS_fsmount, fs, NEW_FSMOUNT_CLOEXEC, attrs);
	saved = errno;
	close(fs);
	return fd < 0 ? -saved : fd;
}

int root_private_proc(bool only_processes)
{
	const unsigned int attrs = NEW_ATTR_RDONLY | NEW_ATTR_NOSUID | NEW_ATTR_NODEV | NEW_ATTR_NOEXEC;

	return only_processes ? new_mount("proc", "subset", "pid", attrs) : new_mount("proc", NULL, NULL, attrs);
}

static int set_attributes(int fd, unsigned int flags, uint64_t attrs)
{
	struct new_mount_attr attr = {.set = attrs};

	return syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH | flags, &attr, sizeof(attr)) < 0 ? -errno : 0;
}

int root_network_parameters(void)
{
	int tree = (int)syscall(SYS_open_tree, AT_FDCWD, "/proc/sys/net", NEW_OPEN_TREE_CLONE | NEW_AT_RECURSIVE | O_CLOEXEC);
	int r;

	if (tree < 0)
		return -errno;
	r = set_attributes(tree, NEW_AT_RECURSIVE, NEW_ATTR_RDONLY | NEW_ATTR_NOSUID | NEW_ATTR_NODEV | NEW_ATTR_NOEXEC);
	if (r < 0)
		close(tree);
	return r < 0 ? r : tree;
}

/* Put a read-only view of the host's `path` (absolute) at the same place below the mount `root`. */
static int show(int root, const char *path)
{
	char target[64];
	struct stat st;
	ssize_t n;
	int tree, fd, r;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (S_ISLNK(st.st_mode)) {
		n = readlink(path, target, sizeof(target) - 1);
		if (n < 0)
			return -errno;
		target[n] = '\0';
		return symlinkat(target, root, path + 1) < 0 ? -errno : 0;
	}
	tree = (int)syscall(SYS_open_tree, AT_FDCWD, path, NEW_OPEN_TREE_CLONE | NEW_AT_RECURSIVE | O_CLOEXEC);
	if (tree < 0)
		return -errno;
	r = set_attributes(tree, NEW_AT_RECURSIVE, NEW_ATTR_RDONLY | NEW_ATTR_NOSUID | NEW_ATTR_NODEV);
	if (r == 0 && S_ISDIR(st.st_mode)) {
		r = mkdirat(root, path + 1, 0755) < 0 ? -errno : 0;
	} else if (r == 0) {
		fd = openat(root, path + 1, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
		r = fd < 0 ? -errno : close(fd);
	}
	if (r == 0 && syscall(SYS_move_mount, tree, "", root, path + 1, NEW_MOVE_F_EMPTY_PATH) < 0)
		r = -errno;
	close(tree);
	return r;
}

static int show_libraries(int root)
{
	static const char *const paths[] = {"/usr", "/lib", "/lib64", "/lib32", "/etc/ld.so.cache"};
	int r = mkdirat(root, "etc", 0755) < 0 ? -errno : 0;

	for (size_t i = 0; r == 0 && i < sizeof(paths) / sizeof(paths[0]); i++)
		r = show(root, paths[i]);
	return r;
}

int root_prepare(int libraries)
{
	int root = new_mount("tmpfs", "size", "64k", NEW_ATTR_NOSUID | NEW_ATTR_NODEV);
	int r;

	if (root < 0)
		return root;
	r = syscall(SYS_move_mount, root, "", AT_FDCWD, "/", NEW_MOVE_F_EMPTY_PATH) < 0 ? -errno : 0;
	if (r == 0 && libraries)
		r = show_libraries(root);
	if (r < 0)
		close(root);
	return r < 0 ? r : root;
}

int root_enter(int root)
{
	int r = 0;

	/* The tmpfs lies over the old root; pivot_root(".", ".") stacks the old one on it, and it is taken off. */
	if (fchdir(root) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		r = -errno;
	if (r == 0)
		r = set_attributes(root, 0, NEW_ATTR_RDONLY | NEW_ATTR_NOSUID | NEW_ATTR_NODEV);
	close(root);
	return r;
}

/* Whether two descriptors are the same directory. */
static bool same_directory(int a, int b)
{
	struct stat x, y;

	return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

int root_confine(int fd, bool writable)
{
	uint64_t attrs = NEW_ATTR_NOSUID | NEW_ATTR_NODEV | (writable ? 0 : NEW_ATTR_RDONLY);
	char link[32], path[PATH_MAX];
	ssize_t n;
	int tree, r;

	/* The caller's descriptor belongs to another mount namespace, of which nothing can be copied: its path can. */
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	if (n < 0)
		return -errno;
	path[n] = '\0';
	tree = (int)syscall(SYS_open_tree, AT_FDCWD, path, NEW_OPEN_TREE_CLONE | NEW_AT_RECURSIVE | O_CLOEXEC);
	if (tree < 0)
		return -errno;
	r = same_directory(tree, fd) ? set_attributes(tree, NEW_AT_RECURSIVE, attrs) : -ESTALE;
	if (r == 0) {
		r = openat(tree, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		r = r < 0 ? -errno : r;
	}
	close(tree);
	return r;
}

int root_loopback_up(void)
{
	struct ifreq req = {.ifr_name = "lo"};
	int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int r = 0;

	if (sock < 0)
		return -errno;
	if (ioctl(sock, SIOCGIFFLAGS, &req) < 0) {
		r = -errno;
	} else {
		req.ifr_flags = (short)(req.ifr_flags | IFF_UP | IFF_RUNNING);
		if (ioctl(sock, SIOCSIFFLAGS, &req) < 0)
			r = -errno;
	}
	close(sock);
	return r;
}
