/* SPDX-License-Identifier: MIT */
/* Mappings of files agree with read and write; truncation under a mapping. */
#include "fs_util.h"

#include <setjmp.h>
#include <sys/mman.h>

static sigjmp_buf env;

static void on_bus(int s)
{
	siglongjmp(env, s);
}

int main(void)
{
	char buf[16] = {0};
	char *p, *q, *priv;
	int fd;

	make_file("f", "hello", 0644);
	fd = open("f", O_RDWR);
	p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	SHOW(p == MAP_FAILED ? -1 : 0);
	q = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	priv = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	memcpy(p, "HE", 2);
	printf("%.5s %.5s\n", q, priv);
	VALUE(pread(fd, buf, 16, 0));
	puts(buf);
	VALUE(pwrite(fd, "LLO world", 9, 2));
	printf("%.11s\n", q);
	priv[0] = 'p';
	printf("%.5s %.5s\n", q, priv);
	printf("tail %d\n", p[100]);
	signal(SIGBUS, on_bus);
	if (!sigsetjmp(env, 1)) {
		p[4096] = 1;
		puts("no fault");
	} else {
		puts("SIGBUS");
	}
	SHOW(ftruncate(fd, 5000));
	p[4096] = 'x';
	VALUE(pread(fd, buf, 1, 4096));
	printf("%c\n", buf[0]);
	SHOW(ftruncate(fd, 100));
	if (!sigsetjmp(env, 1)) {
		p[4096] = 1;
		puts("no fault");
	} else {
		puts("SIGBUS");
	}
	SHOW(msync(p, 8192, MS_SYNC));
	close(fd);
	unlink("f");
	p[0] = 'U';
	printf("%.5s\n", q);
	fd = open("ro", O_CREAT | O_RDWR, 0644);
	VALUE(write(fd, "ro", 2));
	close(fd);
	fd = open("ro", O_RDONLY);
	SHOW(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED ? -1 : 0);
	SHOW(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0) == MAP_FAILED ? -1 : 0);
	SHOW(mmap(NULL, 0, PROT_READ, MAP_PRIVATE, fd, 0) == MAP_FAILED ? -1 : 0);
	SHOW(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 1) == MAP_FAILED ? -1 : 0);
	SHOW(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, open(".", O_RDONLY), 0) == MAP_FAILED ? -1 : 0);
	fd = open("ro", O_WRONLY);
	SHOW(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0) == MAP_FAILED ? -1 : 0);
	return 0;
}
