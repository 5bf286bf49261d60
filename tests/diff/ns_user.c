/* SPDX-License-Identifier: MIT */
/* User namespaces: making them, writing the maps, ids seen from inside, capabilities, NS_GET_* ioctls. */
#include "cred_util.h"
#include <linux/nsfs.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>

static int map(const char *file, const char *text)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/%s", file);
	return write_file(path, text);
}

static void show_maps(void)
{
	show_file("/proc/self/uid_map");
	show_file("/proc/self/gid_map");
	show_file("/proc/self/setgroups");
}

/* In a child with a new user namespace whose maps the parent writes. */
static void from_outside(const char *uids, const char *gids, void (*inside)(void))
{
	int up[2], down[2], status;
	char path[64], c;
	pid_t pid;

	pipe(up);
	pipe(down);
	fflush(stdout);
	pid = fork();
	if (!pid) {
		OK(unshare(CLONE_NEWUSER));
		fflush(stdout);
		write(up[1], "x", 1);
		close(down[1]);
		read(down[0], &c, 1);
		inside();
		fflush(stdout);
		_exit(0);
	}
	read(up[0], &c, 1);
	snprintf(path, sizeof(path), "/proc/%d/uid_map", pid);
	T(write_file(path, uids));
	snprintf(path, sizeof(path), "/proc/%d/gid_map", pid);
	T(write_file(path, gids));
	fflush(stdout);
	close(down[1]);
	waitpid(pid, &status, 0);
	close(up[0]);
	close(up[1]);
	close(down[0]);
}

static void many_ids(void)
{
	gid_t g[2] = {1, 5};
	struct stat st;

	show_maps();
	show_ids("inside");
	OK(setgroups(2, g));
	g[0] = 50;
	OK(setgroups(1, g));
	OK(setresuid(3, 3, 3));
	show_ids("as 3");
	OK(setresuid(50, 50, 50));
	OK(creat("of-three", 0644));
	OK(stat("of-three", &st));
	printf("owner %u %u\n", st.st_uid, st.st_gid);
}

static void show_owner(const char *name)
{
	struct stat st;

	if (stat(name, &st))
		printf("%s: %s\n", name, name_of(errno));
	else
		printf("%s: %u %u %o\n", name, st.st_uid, st.st_gid, st.st_mode);
}

static void as_root_inside(void)
{
	int fd;

	show_owner("out-root");
	show_owner("out-seven");
	show_owner("out-mapped");
	OK(chown("out-mapped", 2, 2));
	OK(chown("out-mapped", 60, 2));
	OK(chown("out-seven", 0, 0));
	OK(chmod("out-seven", 0600));
	OK(open("out-secret", O_RDONLY));
	OK(open("out-mapped-secret", O_RDONLY));
	OK(sethostname("x", 1));
	OK(mknod("dev", S_IFCHR | 0600, makedev(1, 3)));
	OK(unshare(CLONE_NEWUTS));
	OK(sethostname("x", 1));
	OK(mount("t", ".", "tmpfs", 0, NULL));
	OK(unshare(CLONE_NEWNS));
	OK(mount("t", ".", "tmpfs", 0, NULL));
	fd = open("/proc/self/ns/uts", O_RDONLY);
	OK(ioctl(fd, NS_GET_USERNS));
	OK(ioctl(fd, NS_GET_PARENT));
	T(ioctl(fd, NS_GET_NSTYPE));
	close(fd);
	fd = open("/proc/self/ns/user", O_RDONLY);
	uid_t owner = 99;
	T(ioctl(fd, NS_GET_OWNER_UID, &owner));
	printf("owner %u\n", owner);
	OK(ioctl(fd, NS_GET_PARENT));
	OK(ioctl(fd, NS_GET_USERNS));
	T(ioctl(fd, 0xb7ff));
	OK(setns(fd, CLONE_NEWUSER));
	OK(setns(fd, CLONE_NEWUTS));
	OK(setns(0, CLONE_NEWUTS));
	OK(setns(-1, CLONE_NEWUTS));
}

static void file(const char *name, uid_t uid, gid_t gid, mode_t mode)
{
	int fd = open(name, O_CREAT | O_WRONLY, 0600);

	fchown(fd, uid, gid);
	fchmod(fd, mode);
	close(fd);
}

int main(void)
{
	chmod(".", 0777);
	umask(022);
	OK(unshare(0x10));
	OK(unshare(CLONE_NEWUSER | CLONE_IO));
	CHILD {
		OK(unshare(CLONE_NEWUSER));
		show_maps();
		show_ids("unmapped");
		OK(setuid(0));
		OK(setresgid(-1, -1, -1));
		OK(setgroups(0, NULL));
		OK(map("uid_map", "0 0 1\n") > 0);
		T(map("uid_map", "0 0 1\n"));
		T(map("gid_map", "junk"));
		T(map("gid_map", ""));
		T(map("gid_map", "0 0"));
		T(map("gid_map", "0 0 0"));
		T(map("gid_map", "0 0 1 1"));
		T(map("gid_map", "0 4294967295 1"));
		T(map("gid_map", "0 0 1\n0 1 1"));
		T(map("gid_map", "0 0 1\n1 0 1"));
		T(map("gid_map", "-1 0 1"));
		T(map("setgroups", "maybe"));
		T(map("setgroups", "deny"));
		T(map("setgroups", "allow"));
		T(map("gid_map", "0 0 1"));
		T(map("setgroups", "deny"));
		show_maps();
		show_ids("root");
		OK(setgroups(0, NULL));
		OK(unshare(CLONE_NEWUSER | CLONE_NEWUTS));
		show_ids("again");
	}
	CHILD {
		OK(setresgid(7, 7, 7));
		OK(setresuid(7, 7, 7));
		prctl(PR_SET_DUMPABLE, 1);
		OK(unshare(CLONE_NEWUTS));
		OK(unshare(CLONE_NEWUSER | CLONE_NEWUTS | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWPID));
		T(map("uid_map", "0 0 1"));
		T(map("uid_map", "0 7 2"));
		T(map("gid_map", "0 7 1"));
		T(map("setgroups", "deny\n"));
		T(map("uid_map", "0 7 1"));
		T(map("gid_map", "3 7 1"));
		show_maps();
		show_ids("user as root");
		OK(sethostname("abc", 3));
	}
	from_outside("0 1 10\n10 20 5\n", "0 1 10", many_ids);
	from_outside("0 1 10", "0 1 10\n", many_ids);
	file("out-root", 0, 0, 0644);
	file("out-seven", 7, 7, 0644);
	file("out-mapped", 105, 105, 0644);
	file("out-secret", 7, 7, 0600);
	file("out-mapped-secret", 102, 102, 0600);
	from_outside("0 100 10", "0 100 10", as_root_inside);
	CHILD {
		int n = 0;

		while (n < 100 && !unshare(CLONE_NEWUSER)) {
			n++;
			map("uid_map", "0 0 1");
			map("setgroups", "deny");
			map("gid_map", "0 0 1");
		}
		printf("nested: %s\n", name_of(errno));
	}
	CHILD {
		mkdir("root", 0755);
		OK(chroot("root"));
		OK(unshare(CLONE_NEWUSER));
	}
	return 0;
}
