/* SPDX-License-Identifier: MIT */
/* /proc/PID/mem of oneself and of a child, pagemap, and what maps says of mappings. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096

static void say(const char *what, long r)
{
	printf("%s: %ld%s%s\n", what, r < 0 ? -1 : r, r < 0 ? " " : "", r < 0 ? strerror(errno) : "");
}

static int open_of(pid_t pid, const char *name, int flags)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	return open(path, flags);
}

/* The line of maps that holds *p*, without addresses and numbers: permissions, offset, name. */
static void show_line(const char *what, const void *p)
{
	FILE *f = fopen("/proc/self/maps", "r");
	char line[600];

	while (fgets(line, sizeof(line), f)) {
		unsigned long a, b, off, ino;
		char perms[8], name[400] = "";
		unsigned maj, min;

		sscanf(line, "%lx-%lx %7s %lx %x:%x %lu %399[^\n]", &a, &b, perms, &off, &maj, &min, &ino, name);
		if ((unsigned long)p >= a && (unsigned long)p < b)
			printf("%s: %lu pages before, %lu behind, %s %lx %s '%s' col %d\n", what,
			       ((unsigned long)p - a) / PAGE, (b - (unsigned long)p) / PAGE, perms, off,
			       ino ? "inode" : "none", name, name[0] ? (int)(strstr(line, name) - line) : -1);
	}
	fclose(f);
}

static void test_self(void)
{
	char *p = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), buf[16];
	int fd = open_of(getpid(), "mem", O_RDWR);

	strcpy(p, "hello");
	munmap(p + 2 * PAGE, PAGE);
	say("read", pread(fd, buf, 6, (off_t)(uintptr_t)p));
	printf("%s\n", buf);
	say("write", pwrite(fd, "HELLO", 5, (off_t)(uintptr_t)p));
	printf("%s\n", p);
	mprotect(p, PAGE, PROT_NONE);
	say("read behind PROT_NONE", pread(fd, buf, 6, (off_t)(uintptr_t)p));
	mprotect(p, PAGE, PROT_READ);
	say("across the end", pread(fd, buf, 16, (off_t)(uintptr_t)(p + 2 * PAGE - 8)));
	say("unmapped", pread(fd, buf, 16, (off_t)(uintptr_t)(p + 2 * PAGE)));
	say("null", pread(fd, buf, 16, 0));
	say("write unmapped", pwrite(fd, buf, 16, (off_t)(uintptr_t)(p + 2 * PAGE)));
	say("lseek", lseek(fd, 4096, SEEK_SET));
	say("lseek on", lseek(fd, 10, SEEK_CUR));
	say("lseek end", lseek(fd, 0, SEEK_END));
	close(fd);
}

static void test_child(void)
{
	volatile char *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char c;
	int fds[2], fd;
	pid_t pid;

	pipe(fds);
	p[0] = 'p';
	pid = fork();
	if (!pid) {
		p[0] = 'c';
		write(fds[1], "x", 1);
		while (p[0] == 'c')
			usleep(1000);
		_exit(p[0]);
	}
	read(fds[0], &c, 1);
	fd = open_of(pid, "mem", O_RDWR);
	say("child's", pread(fd, &c, 1, (off_t)(uintptr_t)p));
	printf("%c, mine %c\n", c, p[0]);
	say("write child's", pwrite(fd, "w", 1, (off_t)(uintptr_t)p));
	int st;
	waitpid(pid, &st, 0);
	printf("exit %c\n", WEXITSTATUS(st));
	say("after the end", pread(fd, &c, 1, (off_t)(uintptr_t)p));
	close(fd);
}

static void test_pagemap(void)
{
	char *p = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t w[4];
	int fd = open_of(getpid(), "pagemap", O_RDONLY);

	p[PAGE] = 1;
	say("pagemap", pread(fd, w, sizeof(w), (off_t)((uintptr_t)p / PAGE * 8)));
	for (int i = 0; i < 4; i++)
		printf("present %d swapped %d file %d\n", (int)(w[i] >> 63), (int)(w[i] >> 62 & 1), (int)(w[i] >> 61 & 1));
	say("unaligned", pread(fd, w, 8, 4));
	say("odd length", pread(fd, w, 9, 0));
	say("far", pread(fd, w, 8, 1ll << 50));
	close(fd);
}

static void test_maps(void)
{
	char name[] = "/tmp/mm-proc-mem-XXXXXX";
	int fd = mkstemp(name), local = 0, ro;
	char *p, *heap = malloc(10);

	ftruncate(fd, 3 * PAGE);
	unlink(name);
	name[12] = 0;
	p = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	show_line("shared", p);
	p = mmap(NULL, 3 * PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
	printf("deleted: %d\n", p != MAP_FAILED);
	ro = open("/bin/sh", O_RDONLY);
	p = mmap(NULL, 2 * PAGE, PROT_READ, MAP_SHARED, ro, PAGE);
	show_line("shared, read-only", p);
	show_line("its second page", p + PAGE);
	p = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE, ro, 0);
	show_line("private, none", p);
	fd = memfd_create("a name", 0);
	ftruncate(fd, 2 * PAGE);
	p = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	show_line("memfd", p);
	printf("stack %d heap %d\n", !!&local, !!heap);
}

static void named(const char *what, const void *p)
{
	FILE *f = fopen("/proc/self/maps", "r");
	char line[600];

	while (fgets(line, sizeof(line), f)) {
		unsigned long a, b;

		sscanf(line, "%lx-%lx", &a, &b);
		if ((unsigned long)p >= a && (unsigned long)p < b)
			printf("%s: %s", what, strchr(line, '[') ? strchr(line, '[') : "no name\n");
	}
	fclose(f);
}

int main(void)
{
	int local;
	char *heap;

	setbuf(stdout, NULL);
	test_self();
	test_child();
	test_pagemap();
	test_maps();
	heap = sbrk(4096);
	named("stack", &local);
	named("heap", heap);
	return 0;
}
