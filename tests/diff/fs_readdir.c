/* SPDX-License-Identifier: MIT */
/* readdir(3) while the directory changes; seekdir; getdents64's errors. */
#include "fs_util.h"

#include <dirent.h>
#include <stdbool.h>

static int order(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void list(const char *dir)
{
	char *names[2000];
	size_t n = 0;
	struct dirent *e;
	DIR *d = opendir(dir);

	while ((e = readdir(d)) && n < 2000) {
		if (asprintf(&names[n], "%s%s", e->d_name, e->d_type == DT_DIR ? "/" : e->d_type == DT_LNK ? "@" : "") < 0)
			return;
		n++;
	}
	closedir(d);
	qsort(names, n, sizeof(names[0]), order);
	for (size_t i = 0; i < n; i++)
		printf("%s ", names[i]);
	printf("(%zu)\n", n);
}

int main(void)
{
	bool seen[500] = {false};
	char name[32], buf[1024];
	struct dirent *e;
	int fd, n = 0, twice = 0;
	long pos;
	DIR *d;

	mkdir("d", 0755);
	mkdir("d/sub", 0755);
	make_file("d/f", "", 0644);
	SHOW(symlink("x", "d/l"));
	list("d");
	list("d/sub");
	mkdir("many", 0755);
	for (int i = 0; i < 500; i++) {
		snprintf(name, sizeof(name), "many/%d", i);
		make_file(name, "", 0600);
	}
	d = opendir("many");
	while ((e = readdir(d))) { /* each name exactly once although those seen go away */
		if (e->d_name[0] == '.')
			continue;
		twice += seen[atoi(e->d_name)];
		seen[atoi(e->d_name)] = true;
		n++;
		snprintf(name, sizeof(name), "many/%s", e->d_name);
		unlink(name);
	}
	printf("seen %d twice %d\n", n, twice);
	closedir(d);
	list("many");
	SHOW(rmdir("many"));

	d = opendir("d");
	readdir(d);
	readdir(d);
	pos = telldir(d);
	e = readdir(d);
	snprintf(name, sizeof(name), "%s", e->d_name);
	readdir(d);
	seekdir(d, pos);
	e = readdir(d);
	printf("same after seekdir: %d\n", e && !strcmp(name, e->d_name));
	rewinddir(d);
	for (n = 0; readdir(d); n++)
		;
	printf("after rewind %d\n", n);
	closedir(d);

	fd = open("d", O_RDONLY);
	SHOW(syscall(SYS_getdents64, fd, buf, 8));
	SHOW(syscall(SYS_getdents64, fd, buf, 24) > 0 ? 0 : -1);
	SHOW(syscall(SYS_getdents64, fd, NULL, 1024));
	VALUE(lseek(fd, 0, SEEK_SET));
	SHOW(syscall(SYS_getdents64, fd, buf, sizeof(buf)));
	VALUE(syscall(SYS_getdents64, fd, buf, sizeof(buf)));
	fd = open("d/f", O_RDONLY);
	SHOW(syscall(SYS_getdents64, fd, buf, sizeof(buf)));
	fd = open("d/sub", O_RDONLY);
	SHOW(rmdir("d/sub"));
	SHOW(syscall(SYS_getdents64, fd, buf, sizeof(buf)));
	SHOW(openat(fd, "x", O_CREAT | O_RDWR, 0600));
	SHOW(fchdir(fd));
	SHOW(getcwd(buf, sizeof(buf)) ? 0 : -1);
	SHOW(mkdir("x", 0700));
	SHOW(open(".", O_RDONLY));
	SHOW(chdir(".."));
	SHOW(open("f", O_RDONLY));
	return 0;
}
