/* SPDX-License-Identifier: MIT */
/* Trees: links, renames, removal, listing while it changes, files without names, sparse files, mappings. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static void say(const char *what, long r)
{
	printf("%s: %ld %s\n", what, r, r < 0 ? strerror(errno) : "");
}

static void put(const char *name, const char *text)
{
	int fd = open(name, O_CREAT | O_WRONLY | O_TRUNC, 0644);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		say(name, -1);
	close(fd);
}

static void get(const char *name)
{
	char buf[256];
	int fd = open(name, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof(buf));

	if (n < 0)
		say(name, -1);
	else
		printf("%s = '%.*s'\n", name, (int)n, buf);
	close(fd);
}

static int cmp(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void list(const char *dir)
{
	char *names[64];
	struct dirent *d;
	int n = 0;
	DIR *dp = opendir(dir);

	if (!dp) {
		say(dir, -1);
		return;
	}
	while ((d = readdir(dp)) && n < 64)
		if (asprintf(&names[n++], "%s(%d)", d->d_name, d->d_type) < 0)
			exit(1);
	closedir(dp);
	qsort(names, (size_t)n, sizeof(names[0]), cmp);
	printf("%s:", dir);
	for (int i = 0; i < n; i++)
		printf(" %s", names[i]);
	printf("\n");
}

static void links(const char *name)
{
	struct stat st;

	if (lstat(name, &st) < 0)
		say(name, -1);
	else
		printf("%s: mode %o links %ld\n", name, st.st_mode, (long)st.st_nlink);
}

static void hard_links(void)
{
	struct stat a, b;

	put("a", "data");
	say("link", link("a", "b"));
	say("link again", link("a", "b"));
	say("link dir", link(".", "c"));
	stat("a", &a);
	stat("b", &b);
	printf("same inode %d\n", a.st_ino == b.st_ino && a.st_dev == b.st_dev);
	links("a");
	say("rename onto its link", rename("a", "b"));
	list(".");
	say("unlink", unlink("a"));
	links("b");
	say("symlink", symlink("b", "s"));
	say("link to symlink", linkat(AT_FDCWD, "s", AT_FDCWD, "s2", 0));
	links("s2");
	say("link through symlink", linkat(AT_FDCWD, "s", AT_FDCWD, "b2", AT_SYMLINK_FOLLOW));
	links("b2");
	unlink("s"), unlink("s2"), unlink("b2"), unlink("b");
}

static void renames(void)
{
	mkdir("d", 0755), mkdir("e", 0755), mkdir("d/sub", 0755);
	put("d/f", "f"), put("g", "g");
	links("d");
	say("dir onto full dir", rename("e", "d"));
	say("dir onto file", rename("e", "g"));
	say("file onto dir", rename("g", "e"));
	say("into itself", rename("d", "d/sub/x"));
	say("missing", rename("nothing", "x"));
	say("dot", rename("d/.", "x"));
	say("noreplace", syscall(SYS_renameat2, AT_FDCWD, "g", AT_FDCWD, "d/f", RENAME_NOREPLACE));
	say("exchange", syscall(SYS_renameat2, AT_FDCWD, "g", AT_FDCWD, "d", RENAME_EXCHANGE));
	list("g");
	get("d");
	say("exchange back", syscall(SYS_renameat2, AT_FDCWD, "g", AT_FDCWD, "d", RENAME_EXCHANGE));
	say("exchange missing", syscall(SYS_renameat2, AT_FDCWD, "g", AT_FDCWD, "x", RENAME_EXCHANGE));
	say("flags", syscall(SYS_renameat2, AT_FDCWD, "g", AT_FDCWD, "x", 64));
	say("dir onto empty", rename("d", "e"));
	list("e");
	links("e");
	say("trailing slash", rename("e/", "d/"));
	say("file, trailing slash", rename("g/", "h"));
	say("rmdir full", rmdir("d"));
	say("rmdir file", rmdir("g"));
	say("unlink dir", unlink("d"));
	say("rmdir dot", rmdir("d/."));
	say("rmdir dotdot", rmdir("d/sub/.."));
	unlink("d/f"), rmdir("d/sub"), unlink("g");
	say("rmdir", rmdir("d"));
	list(".");
}

static void removed_dir(void)
{
	char buf[128];
	int fd;

	mkdir("gone", 0755);
	fd = open("gone", O_RDONLY | O_DIRECTORY);
	rmdir("gone");
	say("create in removed", openat(fd, "x", O_CREAT | O_WRONLY, 0644));
	say("mkdir in removed", mkdirat(fd, "x", 0755));
	say("read removed", syscall(SYS_getdents64, fd, buf, sizeof(buf)));
	close(fd);
}

static void nameless(void)
{
	struct stat st;
	int fd = open(".", O_TMPFILE | O_RDWR, 0600);
	char buf[16];

	if (fd >= 0) {
		say("write", write(fd, "tmp", 3));
		fstat(fd, &st);
		printf("links %ld size %ld\n", (long)st.st_nlink, (long)st.st_size);
		close(fd);
	}
	fd = open("u", O_CREAT | O_RDWR, 0644);
	unlink("u");
	say("write unlinked", write(fd, "hello", 5));
	say("pread", pread(fd, buf, sizeof(buf), 1));
	fstat(fd, &st);
	printf("links %ld size %ld\n", (long)st.st_nlink, (long)st.st_size);
	close(fd);
}

/* Every name that stays is seen once, whatever happens to others meanwhile. */
static void listing_changes(void)
{
	int seen[100] = {0}, extra = 0, bad = 0;
	char name[32];
	struct dirent *d;
	DIR *dp;

	mkdir("many", 0755);
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "many/n%d", i);
		put(name, "");
	}
	dp = opendir("many");
	for (int i = 0; (d = readdir(dp)); i++) {
		int k;

		if (sscanf(d->d_name, "n%d", &k) == 1)
			seen[k]++;
		else if (d->d_name[0] != '.')
			extra++;
		if (d->d_name[0] == 'n' && k % 2) {
			snprintf(name, sizeof(name), "many/n%d", k);
			unlink(name);
		}
	}
	for (int i = 0; i < 100; i += 2)
		bad += seen[i] != 1;
	printf("wrong %d\n", bad);
	rewinddir(dp);
	extra = 0;
	while ((d = readdir(dp)))
		extra++;
	printf("left %d\n", extra);
	closedir(dp);
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "many/n%d", i);
		unlink(name);
	}
	say("rmdir many", rmdir("many"));
}

static void data(void)
{
	int fd = open("data", O_CREAT | O_RDWR, 0644), ap;
	char buf[64] = "";
	char *m, *p;

	say("pwrite", pwrite(fd, "end", 3, 10000));
	say("seek hole", lseek(fd, 0, SEEK_HOLE) >= 0 ? 0 : -1);
	say("seek end", lseek(fd, -3, SEEK_END));
	say("read", read(fd, buf, 3));
	m = mmap(NULL, 16384, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	p = mmap(NULL, 16384, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	printf("mapped '%.3s' '%.3s'\n", m + 10000, p + 10000);
	memcpy(m, "mem", 3);
	say("pread after store", pread(fd, buf, 3, 0));
	printf("'%.3s' private '%.3s'\n", buf, p);
	memcpy(p + 10000, "own", 3);
	say("pwrite", pwrite(fd, "sys", 3, 0));
	printf("shared '%.3s' private end '%.3s' shared end '%.3s'\n", m, p + 10000, m + 10000);
	ap = open("data", O_WRONLY | O_APPEND);
	say("append", write(ap, "+", 1));
	say("size", lseek(fd, 0, SEEK_END));
	say("truncate", ftruncate(fd, 2));
	say("size", lseek(fd, 0, SEEK_END));
	say("extend", ftruncate(fd, 5000));
	say("read", pread(fd, buf, 4, 0));
	printf("%d %d %d %d\n", buf[0], buf[1], buf[2], buf[3]);
	say("msync", msync(m, 4096, MS_SYNC));
	munmap(m, 16384), munmap(p, 16384);
	say("fallocate", posix_fallocate(fd, 0, 20000));
	say("size", lseek(fd, 0, SEEK_END));
	say("negative", ftruncate(fd, -1));
	close(ap), close(fd);
	fd = open("data", O_RDONLY);
	say("truncate read-only", ftruncate(fd, 0));
	say("map write", mmap(NULL, 4096, PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED ? -1 : 0);
	m = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	fd = open("data", O_WRONLY);
	say("write", pwrite(fd, "seen", 4, 0));
	printf("read-only shared '%.4s'\n", m);
	/* Linux refuses this, the sandbox makes it private: either way the file does not change. */
	if (mprotect(m, 4096, PROT_READ | PROT_WRITE) == 0)
		memcpy(m, "evil", 4);
	munmap(m, 4096);
	close(fd);
	fd = open("data", O_RDONLY);
	say("pread", pread(fd, buf, 4, 0));
	printf("'%.4s'\n", buf);
	close(fd);
	unlink("data");
}

static void attributes(void)
{
	struct timespec ts[2] = {{1000, 5}, {2000, 6}}, omit[2] = {{0, UTIME_OMIT}, {3000, 7}};
	struct stat st;

	put("at", "x");
	say("chmod", chmod("at", 04751));
	links("at");
	say("utimens", utimensat(AT_FDCWD, "at", ts, 0));
	say("utimens omit", utimensat(AT_FDCWD, "at", omit, 0));
	stat("at", &st);
	printf("%ld.%ld %ld.%ld\n", st.st_atim.tv_sec, st.st_atim.tv_nsec, st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
	say("bad nsec", utimensat(AT_FDCWD, "at", (struct timespec[2]){{0, -5}, {0, 0}}, 0));
	say("chown", chown("at", 0, 0));
	links("at");
	unlink("at");
}

int main(void)
{
	setvbuf(stdout, NULL, _IONBF, 0);
	umask(022);
	hard_links();
	renames();
	removed_dir();
	nameless();
	listing_changes();
	data();
	attributes();
	return 0;
}
