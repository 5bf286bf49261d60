/* SPDX-License-Identifier: MIT */
/* mount, umount2, pivot_root: flags, errors, bind mounts, propagation, restrictions of less privileged namespaces. */
#include "cred_util.h"
#include <sys/vfs.h>

/* The lines of mountinfo below the test's directory, without numbers that differ. */
static void show_mounts(const char *what)
{
	char line[4096], root[256], at[256], opts[256], *dash, here[256];
	FILE *f = fopen("/proc/self/mountinfo", "r");
	int groups[64], n = 0;

	getcwd(here, sizeof(here));
	printf(" mounts %s\n", what);
	while (f && fgets(line, sizeof(line), f)) {
		char *tag, *save;

		if (sscanf(line, "%*d %*d %*s %255s %255s %255s", root, at, opts) != 3 || strncmp(at, here, strlen(here)) || !at[strlen(here)])
			continue;
		dash = strstr(line, " - ");
		printf("  %s %s %s", at + strlen(here), strcmp(root, "/") ? "part" : root, opts);
		*dash = 0;
		if ((tag = strstr(line, "shared:")))
			printf(" shared");
		if ((tag = strstr(line, "master:")))
			printf(" slave");
		if ((tag = strstr(line, "unbindable")))
			printf(" unbindable");
		printf(" %.*s\n", strcmp(root, "/") ? 0 : (int)strcspn(dash + 3, " "), dash + 3);
	}
	if (f)
		fclose(f);
}

#define M(src, at, type, flags, data) OK(mount(src, at, type, flags, data))

static void errors(void)
{
	int fd = open("file", O_CREAT | O_RDWR, 0644);

	M("t", "nowhere", "tmpfs", 0, NULL);
	M("t", "file", "tmpfs", 0, NULL);
	M("t", "a", "nosuchfs", 0, NULL);
	M("t", "a", NULL, 0, NULL);
	OK(mount((char *)8, "a", "tmpfs", 0, NULL));
	OK(mount("t", (char *)8, "tmpfs", 0, NULL));
	OK(mount("t", "a", (char *)8, 0, NULL));
	M("nowhere", "a", NULL, MS_BIND, NULL);
	M("", "a", NULL, MS_BIND, NULL);
	M(NULL, "a", NULL, MS_BIND, NULL);
	M("file", "a", NULL, MS_BIND, NULL);
	M("a", "file", NULL, MS_BIND, NULL);
	M("b", "a", NULL, MS_MOVE, NULL);
	M(NULL, "a", NULL, MS_REMOUNT, NULL);
	M(NULL, "a", NULL, MS_REMOUNT | MS_BIND, NULL);
	M(NULL, "a", NULL, MS_PRIVATE, NULL);
	OK(umount("a"));
	OK(umount("nowhere"));
	OK(umount2("a", 64));
	OK(umount2("a", MNT_EXPIRE | MNT_FORCE));
	M("t", "a", "tmpfs", 0, NULL);
	M(NULL, "a", NULL, MS_SHARED | MS_PRIVATE, NULL);
	M(NULL, "a", NULL, MS_SHARED | MS_RDONLY, NULL);
	OK(umount2("a", MNT_EXPIRE | MNT_FORCE));
	OK(umount2("a", MNT_EXPIRE));
	OK(umount2("a", MNT_EXPIRE));
	OK(umount2("a", MNT_EXPIRE));
	M("t", "a", "tmpfs", 0, NULL);
	OK(umount2("a", MNT_EXPIRE));
	OK(access("a", F_OK));
	OK(umount2("a", MNT_EXPIRE));
	OK(umount2("a", MNT_EXPIRE));
	M("t", "a", "tmpfs", 0, NULL);
	CHILD {
		chdir("a");
		OK(umount("../a"));
		OK(umount2("../a", MNT_DETACH));
		T(getcwd((char[256]){0}, 256) != NULL);
	}
	M("t", "a", "tmpfs", 0, "size=banana");
	M("t", "a", "tmpfs", 0, "mode=700,uid=5,gid=6");
	struct stat st;
	stat("a", &st);
	printf("mode %o %d %d\n", st.st_mode, st.st_uid, st.st_gid);
	symlink("a", "link");
	OK(umount2("link", UMOUNT_NOFOLLOW));
	OK(umount2("link", 0));
	M("file", "file2", NULL, MS_BIND, NULL);
	OK(creat("file2", 0600) >= 0);
	M("file", "file2", NULL, MS_BIND, NULL);
	OK(unlink("file2"));
	OK(rename("file2", "file3"));
	OK(umount("file2"));
	CHILD {
		OK(setresuid(7, 7, 7));
		M("t", "a", "tmpfs", 0, NULL);
		OK(umount("a"));
		OK(umount("nowhere"));
		OK(syscall(SYS_pivot_root, "nowhere", "a"));
	}
	close(fd);
}

static void flags(void)
{
	M("t", "a", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME, NULL);
	show_mounts("flags");
	M(NULL, "a", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL);
	show_mounts("read only");
	OK(mkdir("a/x", 0755));
	M(NULL, "a", NULL, MS_REMOUNT | MS_BIND | MS_NODIRATIME, NULL);
	show_mounts("nodiratime");
	OK(mkdir("a/x", 0755));
	M("a/x", "b", NULL, MS_BIND | MS_RDONLY, NULL);
	show_mounts("bound");
	OK(mkdir("b/y", 0755));
	M(NULL, "b", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL);
	OK(mkdir("b/z", 0755));
	OK(rmdir("a/x/y"));
	OK(umount("b"));
	OK(umount("a"));
}

static void trees(void)
{
	M("t", "a", "tmpfs", 0, NULL);
	mkdir("a/1", 0755);
	mkdir("a/2", 0755);
	mkdir("a/1/sub", 0755);
	M("t1", "a/1", "tmpfs", 0, NULL);
	mkdir("a/1/in", 0755);
	M("t2", "a/1/in", "tmpfs", 0, NULL);
	M("a", "b", NULL, MS_BIND, NULL);
	T(access("b/1/in", F_OK));
	OK(umount("b"));
	M("a", "b", NULL, MS_BIND | MS_REC, NULL);
	T(access("b/1/in", F_OK));
	show_mounts("recursive bind");
	OK(umount("b"));
	OK(umount2("b", MNT_DETACH));
	show_mounts("detached");
	M("a/1", "b", NULL, MS_MOVE, NULL);
	show_mounts("moved");
	M("b", "b/in", NULL, MS_MOVE, NULL);
	OK(umount2("b", MNT_DETACH));
	M("a", "a", NULL, MS_BIND, NULL);
	M("t3", "a", "tmpfs", 0, NULL);
	show_mounts("stacked");
	OK(umount("a"));
	OK(umount("a"));
	OK(umount("a"));
	OK(umount("a"));
}

static void propagation(void)
{
	M("t", "a", "tmpfs", 0, NULL);
	M(NULL, "a", NULL, MS_SHARED, NULL);
	mkdir("a/1", 0755);
	mkdir("a/2", 0755);
	M("a", "b", NULL, MS_BIND, NULL);
	M("a", "c", NULL, MS_BIND, NULL);
	M(NULL, "c", NULL, MS_SLAVE, NULL);
	M("c", "d", NULL, MS_BIND, NULL);
	M(NULL, "d", NULL, MS_SHARED, NULL);
	show_mounts("peers");
	M("x", "a/1", "tmpfs", 0, NULL);
	show_mounts("one for all");
	M("y", "c/2", "tmpfs", 0, NULL);
	show_mounts("a slave's own");
	M("y", "d/2", "tmpfs", 0, NULL);
	show_mounts("a shared slave's own");
	OK(umount("b/1"));
	show_mounts("gone everywhere");
	M("a", "e", NULL, MS_MOVE, NULL);
	M(NULL, "e", NULL, MS_UNBINDABLE, NULL);
	M(NULL, "a", NULL, MS_UNBINDABLE, NULL);
	M("a", "e", NULL, MS_BIND, NULL);
	show_mounts("unbindable");
	CHILD {
		OK(unshare(CLONE_NEWNS));
		show_mounts("copy of the namespace");
		M("z", "b/1", "tmpfs", 0, NULL);
		show_mounts("mounted in the copy");
	}
	show_mounts("seen outside");
	CHILD {
		OK(unshare(CLONE_NEWUSER | CLONE_NEWNS));
		M("z", "b/2", "tmpfs", 0, NULL);
		show_mounts("in a slave namespace");
	}
	show_mounts("not seen outside");
	for (const char *p = "abcde"; *p; p++)
		while (!umount2((char[]){*p, 0}, MNT_DETACH))
			;
	show_mounts("end");
}

static void restricted(void)
{
	M("t", "a", "tmpfs", MS_NOEXEC | MS_RDONLY, NULL);
	M("t", "b", "tmpfs", 0, NULL);
	mkdir("b/in", 0755);
	M("t", "b/in", "tmpfs", 0, NULL);
	CHILD {
		OK(unshare(CLONE_NEWUSER | CLONE_NEWNS));
		write_file("/proc/self/uid_map", "0 0 1");
		write_file("/proc/self/setgroups", "deny");
		write_file("/proc/self/gid_map", "0 0 1");
		OK(umount("a"));
		OK(umount2("b/in", MNT_DETACH));
		M(NULL, "a", NULL, MS_REMOUNT | MS_BIND, NULL);
		M(NULL, "a", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL);
		M(NULL, "a", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOEXEC, NULL);
		M(NULL, "a", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOEXEC | MS_NOSUID, NULL);
		M(NULL, "a", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOEXEC | MS_NOATIME, NULL);
		M(NULL, "a", NULL, MS_REMOUNT | MS_RDONLY | MS_NOEXEC, NULL);
		M("b", "c", NULL, MS_BIND, NULL);
		M("b", "c", NULL, MS_BIND | MS_REC, NULL);
		OK(umount("c/in"));
		OK(umount("c"));
		OK(umount2("c", MNT_DETACH));
		M("b/in", "c", NULL, MS_MOVE, NULL);
		M("a", "c", NULL, MS_BIND, NULL);
		M(NULL, "c", NULL, MS_REMOUNT | MS_BIND, NULL);
		OK(umount("c"));
		M("t", "c", "tmpfs", 0, NULL);
		OK(mknod("c/null", S_IFCHR | 0666, 0x103));
		OK(mknod("c/fifo", S_IFIFO | 0666, 0));
		M("p", "c", "proc", 0, NULL);
		M("p", "c", "ramfs", 0, NULL);
		M("p", "c", "devpts", 0, NULL);
		OK(umount("c"));
		OK(umount("c"));
	}
	OK(umount("a"));
	OK(umount2("b", MNT_DETACH));
}

static void pivot(void)
{
	char cwd[256];

	M("t", "a", "tmpfs", 0, NULL);
	mkdir("a/old", 0755);
	mkdir("a/dir", 0755);
	OK(syscall(SYS_pivot_root, "a/dir", "a/dir"));
	OK(syscall(SYS_pivot_root, "a", "nowhere"));
	M(NULL, "a", NULL, MS_SHARED, NULL);
	OK(syscall(SYS_pivot_root, "a", "a/old"));
	M(NULL, "a", NULL, MS_PRIVATE, NULL);
	CHILD {
		OK(unshare(CLONE_NEWNS));
		OK(syscall(SYS_pivot_root, "a", "a/old"));
		printf("cwd %d\n", (int)(getcwd(cwd, sizeof(cwd)) && !strncmp(cwd, "/old", 4)));
		OK(chdir("/"));
		OK(access("/old/proc", F_OK));
		OK(access("/dir", F_OK));
		OK(umount2("/old", MNT_DETACH));
		OK(access("/old/proc", F_OK));
	}
	CHILD {
		OK(unshare(CLONE_NEWNS));
		OK(chdir("a"));
		OK(syscall(SYS_pivot_root, ".", "."));
		OK(access("dir", F_OK));
		OK(umount2(".", MNT_DETACH));
		OK(access("/dir", F_OK));
		OK(umount2(".", MNT_DETACH) == -1 ? -1 : 0);
	}
	OK(umount("a"));
}

static void show_cwd(const char *when)
{
	char link[256] = "", cwd[256] = "";

	readlink("/proc/self/cwd", link, sizeof(link) - 1);
	errno = 0;
	syscall(SYS_getcwd, cwd, sizeof(cwd));
	printf("%s: %s, %s\n", when, link, cwd);
}

/* A tree that was let go, and what lies outside of the root. */
static void outside(void)
{
	CHILD {
		OK(mount("t", "/mnt", "tmpfs", 0, NULL));
		OK(mkdir("/mnt/in", 0755));
		OK(mkdir("/mnt/in/deep", 0755));
		OK(chdir("/mnt/in"));
		show_cwd("mounted");
		OK(chroot("/mnt/in/deep"));
		OK(access("/proc", F_OK));
		OK(mkdir("/mnt/in/deep/proc", 0755));
		OK(chroot("."));
	}
	CHILD {
		OK(chdir("/mnt/in"));
		OK(umount2("/mnt", MNT_DETACH));
		show_cwd("detached");
		OK(chdir("deep"));
		show_cwd("below");
		OK(chdir("../../.."));
		show_cwd("top");
	}
}

int main(void)
{
	for (const char *p = "abcde"; *p; p++)
		mkdir((char[]){*p, 0}, 0755);
	OK(unshare(CLONE_NEWNS));
	OK(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
	errors();
	flags();
	trees();
	propagation();
	restricted();
	pivot();
	outside();
	return 0;
}
