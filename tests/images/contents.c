/* SPDX-License-Identifier: MIT */
/*
 * The guest of test_contents.py: first the image as it was packed, then changes on top. Prints one line a fact.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

static void show(const char *name)
{
	struct stat st;

	if (lstat(name, &st) < 0) {
		printf("%s: %s\n", name, strerror(errno));
		return;
	}
	printf("%s: %o %u:%u links %lu size %lld mtime %lld", name, st.st_mode, st.st_uid, st.st_gid, (unsigned long)st.st_nlink,
		(long long)(S_ISDIR(st.st_mode) ? 0 : st.st_size), (long long)st.st_mtime);
	if (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode))
		printf(" device %u,%u", major(st.st_rdev), minor(st.st_rdev));
	printf("\n");
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static void list(const char *dir)
{
	struct dirent **names;
	int n = scandir(dir, &names, NULL, by_name);

	printf("%s:", dir);
	for (int i = 0; i < n; i++)
		if (names[i]->d_name[0] != '.')
			printf(" %.20s/%d", names[i]->d_name, names[i]->d_type);
	printf("\n");
}

static unsigned sum(const unsigned char *p, size_t n)
{
	unsigned s = 0;

	while (n--)
		s = s * 31 + *p++;
	return s;
}

/* The same data by read, by pread in odd pieces, by a mapping. */
static void data(const char *name)
{
	int fd = open(name, O_RDONLY);
	struct stat st;
	unsigned char *buf, *m;
	size_t at = 0;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0) {
		printf("%s: %s\n", name, strerror(errno));
		return;
	}
	buf = calloc(1, (size_t)st.st_size + 1);
	n = read(fd, buf, (size_t)st.st_size + 1);
	printf("%s: read %zd sum %u", name, n, sum(buf, (size_t)st.st_size));
	memset(buf, 0, (size_t)st.st_size);
	while ((n = pread(fd, buf + at, 1234, (off_t)at)) > 0)
		at += (size_t)n;
	printf(" pieces %u", sum(buf, (size_t)st.st_size));
	m = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	printf(" mapped %u", m == MAP_FAILED ? 0 : sum(m, (size_t)st.st_size));
	if (st.st_size > 8192) {
		unsigned char *tail = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, st.st_size / 4096 * 4096);

		printf(" tail %u rest %d", sum(tail, (size_t)st.st_size % 4096), tail[st.st_size % 4096]);
	}
	printf("\n");
	close(fd);
}

static void attributes(const char *name)
{
	char names[1024], value[64];
	ssize_t n = listxattr(name, names, sizeof(names));

	printf("%s attributes:", name);
	for (char *p = names; n > 0 && p < names + n; p += strlen(p) + 1) {
		ssize_t len = getxattr(name, p, value, sizeof(value));

		printf(" %s=%.*s", p, (int)(len > 0 ? len : 0), value);
	}
	printf("\n");
}

static void put(const char *name, int flags, const char *text)
{
	int fd = open(name, O_WRONLY | flags, 0644);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		printf("%s: %s\n", name, strerror(errno));
	close(fd);
}

int main(void)
{
	static const char *const names[] = {"dir", "suid", "fifo", "null", "empty", "owned", "h1", "h2", "link", "replaced", "gone",
		"hidden/old", "hidden/new"};
	struct stat a, b;
	char target[64] = "";

	setvbuf(stdout, NULL, _IOFBF, 1 << 16);
	chdir("/x");
	list(".");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		show(names[i]);
	readlink("link", target, sizeof(target) - 1);
	printf("link -> %s\n", target);
	lstat("h1", &a), lstat("h2", &b);
	printf("h1 and h2 are one: %d\n", a.st_ino == b.st_ino);
	attributes("xattr");
	data("small"), data("big"), data("sparse"), data("replaced");

	printf("-- changes\n");
	put("h1", O_APPEND, "+more");
	data("h2");
	lstat("h2", &b);
	printf("still one inode: %d\n", a.st_ino == b.st_ino);
	put("big", 0, "CHANGED");
	data("big");
	setxattr("xattr", "user.new", "n", 1, 0);
	attributes("xattr");
	data("xattr");
	printf("rename dir %d\n", rename("dir", "moved"));
	list("moved");
	data("moved/sub/deep");
	printf("mkdir dir %d\n", mkdir("dir", 0755));
	list("dir");
	printf("rmdir full %d\n", rmdir("moved"));
	unlink("h1");
	show("h2");
	unlink("small");
	put("small", O_CREAT | O_EXCL, "new");
	data("small");
	truncate("sparse", 100000);
	data("sparse");
	list(".");
	return 0;
}
