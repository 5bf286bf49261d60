/* SPDX-License-Identifier: MIT */
/*
 * Owners of files: who gets what is made, who may give away, what that does to set-ID bits and capabilities; directories that hand down their
 * group; files without a name, fifos, sockets, links, whiteouts, devices.
 */
#include "cred_util.h"

#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE 1
#define RENAME_EXCHANGE 2
#endif

static void show(const char *path)
{
	struct stat st;

	if (lstat(path, &st))
		printf("%s: %s\n", path, name_of(errno));
	else
		printf("%s: %o %d:%d links %d size %d\n", path, st.st_mode, (int)st.st_uid, (int)st.st_gid, S_ISDIR(st.st_mode) ? 0 : (int)st.st_nlink,
			S_ISDIR(st.st_mode) ? 0 : (int)st.st_size);
}

/* Run *what* as another user. */
static void as(uid_t uid, gid_t gid, const char *who, void (*what)(void))
{
	const gid_t more[] = {gid, 77};
	int status;
	pid_t pid;

	printf("-- %s\n", who);
	fflush(stdout);
	pid = fork();
	if (!pid) {
		setgroups(2, more);
		setresgid(gid, gid, gid);
		setresuid(uid, uid, uid);
		what();
		fflush(stdout);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	printf("status %x\n", status);
}

static void make(const char *prefix)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	char path[64];
	int fd;

	chdir(prefix);
	fd = open("file", O_CREAT | O_EXCL | O_RDWR, 0640);
	write(fd, "x", 1);
	close(fd);
	close(open("odd", O_CREAT | O_WRONLY, 0604)); /* others may more than the group */
	close(open("suid", O_CREAT | O_WRONLY, 06755));
	close(open("none", O_CREAT | O_WRONLY, 0));
	T(open("none", O_RDONLY) < 0);
	mkdir("dir", 0751);
	mkdir("sticky", 01777);
	symlink("target", "link");
	mkfifo("fifo", 0622);
	mknod("node", S_IFREG | 0600, 0);
	link("file", "hard");
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	strcpy(un.sun_path, "sock");
	T(bind(fd, (void *)&un, sizeof(un)));
	close(fd);
	for (const char *const *p = (const char *const[]){"file", "odd", "suid", "none", "dir", "sticky", "link", "fifo", "node", "hard", "sock", NULL}; *p;
		p++) {
		snprintf(path, sizeof(path), "%s", *p);
		show(path);
	}
	chdir("..");
}

static void make_plain(void)
{
	make("plain");
}

static void make_set(void)
{
	make("set");
}

static void give(void)
{
	chdir("given");
	OK(chown("f", 1000, -1));
	OK(chown("f", 1001, -1));
	OK(chown("f", -1, 77));
	OK(chown("f", -1, 78));
	OK(chown("f", 1000, 77));
	OK(chown("f", -1, -1));
	show("f");
	OK(chmod("f", 06777));
	show("f");
	OK(chown("f", -1, 1000));
	show("f");
	OK(lchown("l", -1, 77));
	OK(lchown("theirs", -1, 77));
	OK(chmod("theirs", 0777));
	OK(chmod("g", 02775));
	show("g"), show("l");
	OK(chown("nowhere", 1000, 1000));
	OK(unlink("sticky/theirs"));
	OK(unlink("sticky/mine"));
	OK(rename("sticky/theirs2", "sticky/x"));
}

static void chown_as_root(void)
{
	int fd = open("r", O_CREAT | O_RDWR, 0755);

	chmod("r", 06755);
	OK(fchown(fd, 5, 6));
	show("r");
	chmod("r", 02745); /* mandatory locking, once: not taken */
	OK(fchown(fd, 7, -1));
	show("r");
	chmod("r", 04755);
	T(write(fd, "abc", 3));
	T(ftruncate(fd, 1));
	close(fd);
	mkdir("rd", 0755);
	chmod("rd", 06775);
	OK(chown("rd", 8, 9));
	show("rd");
	OK(chown("r", 1u << 30, 0) < 0 ? (errno == EINVAL ? 0 : -1) : 0);
	symlink("r", "rl");
	OK(lchown("rl", 11, 12));
	OK(chown("rl", 13, 14));
	show("rl"), show("r");
	mkfifo("rf", 0600);
	OK(chown("rf", 3, 4));
	OK(chmod("rf", 0666));
	show("rf");
	OK(fchownat(AT_FDCWD, "rl", 15, 16, AT_SYMLINK_NOFOLLOW));
	show("rl");
}

static void no_name(void)
{
	char path[64];
	struct stat st;
	int fd = open("set", O_TMPFILE | O_RDWR, 0664);

	T(fd < 0);
	fstat(fd, &st);
	printf("%o %d:%d links %d\n", st.st_mode, (int)st.st_uid, (int)st.st_gid, (int)st.st_nlink);
	T(write(fd, "hello", 5));
	OK(fchown(fd, 21, 22));
	OK(fchmod(fd, 0751));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	OK(linkat(AT_FDCWD, path, AT_FDCWD, "named", AT_SYMLINK_FOLLOW));
	OK(linkat(AT_FDCWD, path, AT_FDCWD, "named", AT_SYMLINK_FOLLOW));
	OK(linkat(fd, "", AT_FDCWD, "named2", AT_EMPTY_PATH));
	show("named"), show("named2");
	T(write(fd, "!", 1));
	close(fd);
	show("named");
	fd = open("named", O_RDWR);
	OK(fsetxattr(fd, "user.k", "v", 1, 0));
	close(fd);
	fd = open(".", O_TMPFILE | O_RDWR | O_EXCL, 0600);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	OK(linkat(AT_FDCWD, path, AT_FDCWD, "never", AT_SYMLINK_FOLLOW));
	T(open("set", O_TMPFILE | O_RDONLY, 0600));
	close(fd);
}

static void capabilities(void)
{
	struct vfs_cap_data d = {.magic_etc = VFS_CAP_REVISION_2 | VFS_CAP_FLAGS_EFFECTIVE, .data = {{1 << CAP_NET_RAW, 0}}}, got;
	int fd = open("capable", O_CREAT | O_RDWR, 0755);

	OK(fsetxattr(fd, "security.capability", &d, sizeof(d), 0));
	T(getxattr("capable", "security.capability", &got, sizeof(got)));
	T(memcmp(&d, &got, sizeof(d)));
	OK(chown("capable", 1, 1));
	T(getxattr("capable", "security.capability", &got, sizeof(got)));
	OK(fsetxattr(fd, "security.capability", &d, sizeof(d), 0));
	T(write(fd, "x", 1));
	T(getxattr("capable", "security.capability", &got, sizeof(got)));
	OK(removexattr("capable", "security.capability"));
	close(fd);
}

static void capabilities_of_others(void)
{
	struct vfs_cap_data d = {.magic_etc = VFS_CAP_REVISION_2, .data = {{1 << CAP_NET_RAW, 0}}};

	close(open("given/own", O_CREAT | O_RDWR, 0755));
	OK(setxattr("given/own", "security.capability", &d, sizeof(d), 0));
	OK(setxattr("given/own", "user.x", "y", 1, 0));
	OK(setxattr("given/theirs", "user.x", "y", 1, 0));
	OK(setxattr("given/own", "trusted.x", "y", 1, 0));
}

static void names(void)
{
	close(creat("na", 0600));
	close(creat("nb", 0644));
	OK(renameat2(AT_FDCWD, "na", AT_FDCWD, "nb", RENAME_NOREPLACE));
	OK(renameat2(AT_FDCWD, "na", AT_FDCWD, "nb", RENAME_EXCHANGE));
	show("na"), show("nb");
	OK(mknod("w", S_IFCHR | 0600, makedev(0, 0)));
	show("w");
	OK(chown("w", 3, 3));
	OK(mknod("null", S_IFCHR | 0600, makedev(1, 3)) < 0 ? 0 : 0);
	unlink("null");
	OK(link("w", "w2"));
	show("w2");
	OK(rename("nb", "given"));
	OK(rmdir("set"));
}

int main(void)
{
	umask(0);
	mkdir("plain", 0777);
	mkdir("set", 0777);
	chown("set", 0, 50);
	chmod("set", 02777);
	make_plain();
	OK(system("rm -r plain/*"));
	as(1000, 1000, "user, plain", make_plain);
	OK(system("rm -r plain/*"));
	as(1000, 1000, "user, set", make_set);
	OK(system("rm -r set/*"));
	as(1000, 50, "group, set", make_set);
	mkdir("given", 0777);
	mkdir("given/sticky", 01777);
	for (const char *const *p = (const char *const[]){"f", "g", "theirs", "sticky/theirs", "sticky/theirs2", "sticky/mine", NULL}; *p; p++) {
		char path[64];

		snprintf(path, sizeof(path), "given/%s", *p);
		close(creat(path, 0666));
		if (!strstr(path, "theirs"))
			chown(path, 1000, strstr(path, "/g") ? 99 : 1000);
	}
	symlink("f", "given/l");
	lchown("given/l", 1000, 1000);
	as(1000, 1000, "giving away", give);
	chown_as_root();
	no_name();
	capabilities();
	as(1000, 1000, "attributes", capabilities_of_others);
	names();
	return 0;
}
