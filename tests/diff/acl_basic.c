/* SPDX-License-Identifier: MIT */
/* POSIX access control lists: the extended attributes, modes, inheritance and what they permit. acl(5). */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#define ACCESS "system.posix_acl_access"
#define DEFAULT "system.posix_acl_default"

enum { UO = 1, U = 2, GO = 4, G = 8, M = 16, O = 32 };

struct entry {
	uint16_t tag, perm;
	uint32_t id;
};

struct list {
	uint32_t version;
	struct entry e[16];
} __attribute__((packed));

static const char *result(int r)
{
	return r < 0 ? strerrorname_np(errno) : "ok";
}

static int set(const char *path, const char *name, const struct entry *e, int n)
{
	struct list l = {.version = 2};

	memcpy(l.e, e, sizeof(*e) * (size_t)n);
	return setxattr(path, name, &l, 4 + sizeof(*e) * (size_t)n, 0);
}

static void show(const char *path, const char *name)
{
	struct list l;
	ssize_t n = getxattr(path, name, &l, sizeof(l));

	printf("%s %s:", path, strrchr(name, '_') + 1);
	if (n < 0) {
		printf(" %s\n", strerrorname_np(errno));
		return;
	}
	for (size_t i = 0; i < ((size_t)n - 4) / 8; i++)
		printf(" %d:%d:%o", l.e[i].tag, (int)l.e[i].id, l.e[i].perm);
	printf(" (size %zd)\n", getxattr(path, name, NULL, 0));
}

static void show_mode(const char *path)
{
	struct stat st;

	lstat(path, &st);
	printf("%s mode %o\n", path, st.st_mode);
}

#define SET(path, name, ...)                                                                                           \
	do {                                                                                                           \
		struct entry e_[] = {__VA_ARGS__};                                                                     \
		printf("set %s: %s\n", path, result(set(path, name, e_, sizeof(e_) / sizeof(*e_))));                   \
	} while (0)

static void show_names(const char *path)
{
	char list[256];
	ssize_t n = listxattr(path, list, sizeof(list));

	printf("%s names:", path);
	for (ssize_t i = 0; i < n; i += (ssize_t)strlen(list + i) + 1)
		printf(" %s", list + i);
	printf("\n");
}

static void show_rules(void)
{
	struct list bad = {.version = 1};

	close(creat("f", 0640));
	mkdir("d", 0755);
	symlink("f", "l");
	show("f", ACCESS);
	SET("f", ACCESS, {UO, 6, -1}, {U, 7, 0}, {GO, 4, -1}, {M, 5, -1}, {O, 0, -1});
	show("f", ACCESS);
	show_mode("f");
	show_names("f");
	SET("f", ACCESS, {UO, 6, -1}, {GO, 4, -1}, {O, 4, -1});
	show("f", ACCESS);
	show_mode("f");
	SET("f", ACCESS, {UO, 6, -1}, {U, 7, 0}, {GO, 4, -1}, {O, 0, -1});
	SET("f", ACCESS, {GO, 6, -1}, {UO, 4, -1}, {O, 0, -1});
	SET("f", ACCESS, {UO, 6, -1}, {UO, 4, -1}, {O, 0, -1});
	SET("f", ACCESS, {UO, 9, -1}, {GO, 4, -1}, {O, 0, -1});
	SET("f", ACCESS, {UO, 6, -1}, {3, 4, -1}, {O, 0, -1});
	SET("f", DEFAULT, {UO, 6, -1}, {GO, 4, -1}, {O, 0, -1});
	printf("remove default of a file: %s\n", result(removexattr("f", DEFAULT)));
	printf("remove access: %s\n", result(removexattr("f", ACCESS)));
	printf("version: %s\n", result(setxattr("f", ACCESS, &bad, 12, 0)));
	bad.version = 2;
	printf("odd size: %s\n", result(setxattr("f", ACCESS, &bad, 7, 0)));
	printf("empty: %s\n", result(setxattr("f", ACCESS, &bad, 4, 0)));
	printf("nothing: %s\n", result(setxattr("f", ACCESS, NULL, 0, 0)));
	SET("f", ACCESS, {UO, 6, -1}, {U, 7, 0}, {GO, 4, -1}, {M, 5, -1}, {O, 0, -1});
	printf("range: %s\n", result((int)getxattr("f", ACCESS, &bad, 8)));
	printf("link: %s\n", result((int)lgetxattr("l", ACCESS, NULL, 0)));
	printf("removed: %s\n", result(removexattr("f", ACCESS)));
	show("f", ACCESS);
	show_mode("f");
}

static void show_chmod(void)
{
	SET("f", ACCESS, {UO, 6, -1}, {U, 7, 0}, {GO, 4, -1}, {M, 5, -1}, {O, 1, -1});
	chmod("f", 0712);
	show("f", ACCESS);
	show_mode("f");
	chmod("f", 02670);
	show("f", ACCESS);
	show_mode("f");
}

static void show_heirs(void)
{
	umask(077);
	SET("d", DEFAULT, {UO, 7, -1}, {U, 5, 0}, {GO, 5, -1}, {M, 7, -1}, {O, 4, -1});
	show("d", DEFAULT);
	show("d", ACCESS);
	show_names("d");
	close(open("d/file", O_CREAT | O_WRONLY, 0666));
	mkdir("d/dir", 0777);
	symlink("x", "d/link");
	show("d/file", ACCESS), show_mode("d/file");
	show("d/dir", ACCESS), show("d/dir", DEFAULT), show_mode("d/dir");
	show_mode("d/link");
	SET("d", DEFAULT, {UO, 7, -1}, {GO, 5, -1}, {O, 5, -1});
	close(open("d/plain", O_CREAT | O_WRONLY, 0666));
	show("d/plain", ACCESS), show_mode("d/plain");
	printf("remove default: %s\n", result(removexattr("d", DEFAULT)));
	close(open("d/masked", O_CREAT | O_WRONLY, 0666));
	show_mode("d/masked");
	umask(022);
}

/* What user *uid* with group *gid* may do with "r". */
static void as(const char *who, uid_t uid, gid_t gid, gid_t other)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		int rights = 0;

		setgroups(1, &other);
		setresgid(gid, gid, gid);
		setresuid(uid, uid, uid);
		for (int bit = 0; bit < 3; bit++)
			rights |= access("r", 1 << bit) ? 0 : 1 << bit;
		_exit(rights);
	}
	waitpid(pid, &status, 0);
	printf("%s: %o\n", who, WEXITSTATUS(status));
}

static void show_everybody(void)
{
	as("root", 0, 0, 0);
	as("owner", 10, 10, 10);
	as("owning group", 11, 20, 11);
	as("named user", 30, 11, 11);
	as("named user in the named group", 30, 40, 11);
	as("named group", 11, 40, 11);
	as("owning and named group", 11, 20, 40);
	as("nobody of them", 11, 11, 11);
}

static void show_rights(void)
{
	close(creat("r", 0640));
	chown("r", 10, 20);
	show_everybody();
	SET("r", ACCESS, {UO, 6, -1}, {U, 3, 30}, {GO, 4, -1}, {G, 1, 40}, {M, 7, -1}, {O, 2, -1});
	show_mode("r");
	show_everybody();
	SET("r", ACCESS, {UO, 0, -1}, {U, 7, 30}, {GO, 7, -1}, {G, 7, 40}, {M, 4, -1}, {O, 0, -1});
	show_everybody();
	SET("r", ACCESS, {UO, 0, -1}, {U, 7, 30}, {GO, 7, -1}, {G, 7, 40}, {M, 0, -1}, {O, 7, -1});
	show_everybody();
}

static void show_owner(void)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		setresgid(11, 11, 11);
		setresuid(11, 11, 11);
		SET("r", ACCESS, {UO, 6, -1}, {GO, 4, -1}, {O, 0, -1});
		printf("removed by another: %s\n", result(removexattr("r", ACCESS)));
		show("r", ACCESS);
		fflush(stdout);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	pid = fork();
	if (!pid) {
		setgroups(0, NULL);
		setresgid(10, 10, 10);
		setresuid(10, 10, 10);
		chmod("r", 02755);
		SET("r", ACCESS, {UO, 6, -1}, {U, 7, 30}, {GO, 4, -1}, {M, 5, -1}, {O, 0, -1});
		show_mode("r");
		fflush(stdout);
		_exit(0);
	}
	waitpid(pid, &status, 0);
}

/* A directory that a named user may not search, whatever its bits for others say. */
static void show_search(void)
{
	pid_t pid;
	int status;

	mkdir("s", 0755);
	close(creat("s/f", 0644));
	SET("s", ACCESS, {UO, 7, -1}, {U, 0, 30}, {GO, 5, -1}, {M, 7, -1}, {O, 5, -1});
	show_mode("s");
	fflush(stdout);
	pid = fork();
	if (!pid) {
		setresuid(30, 30, 30);
		printf("search: %s\n", result(access("s/f", R_OK)));
		fflush(stdout);
		_exit(0);
	}
	waitpid(pid, &status, 0);
}

int main(void)
{
	setvbuf(stdout, NULL, _IONBF, 0);
	umask(022);
	show_rules();
	show_chmod();
	show_heirs();
	show_rights();
	show_owner();
	show_search();
	return 0;
}
