/* SPDX-License-Identifier: MIT */
/* RLIMIT_AS and RLIMIT_DATA: mmap, brk, mremap and fork under them; exec keeps them; raising and taking away. */
#include "mm_util.h"

#include <sys/resource.h>

static void set(int what, rlim_t n)
{
	struct rlimit rl;

	getrlimit(what, &rl);
	rl.rlim_cur = n;
	say("setrlimit", setrlimit(what, &rl));
}

static void try(const char *when, size_t len)
{
	char *p = map(when, NULL, len, RW, ANON, -1, 0);

	if (p != MAP_FAILED)
		munmap(p, len);
}

int main(int argc, char **argv)
{
	char *p, *q;
	int st;

	setbuf(stdout, NULL);
	if (argc > 1) {
		try("after exec: 8 MB", 8 << 20);
		try("after exec: 1 GB", 1 << 30);
		return 0;
	}
	p = mmap(NULL, 16 << 20, RW, ANON, -1, 0);
	try("1 GB", 1 << 30);
	set(RLIMIT_AS, 128 << 20);
	try("64 MB", 64 << 20);
	try("1 GB", 1 << 30);
	map("1 GB without access", NULL, 1 << 30, PROT_NONE, ANON | MAP_NORESERVE, -1, 0);
	map("1 GB of a file", NULL, 1 << 30, PROT_READ, MAP_PRIVATE, open("/bin/sh", O_RDONLY), 0);
	map("1 GB, shared", NULL, 1 << 30, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	q = mremap(p, 16 << 20, 1 << 30, MREMAP_MAYMOVE);
	say("mremap to 1 GB", q == MAP_FAILED ? -1 : 0);
	printf("sbrk 1 GB: %d\n", sbrk(1 << 30) == (void *)-1);
	printf("malloc 1 GB: %d\n", malloc(1 << 30) != NULL);
	if (!fork()) {
		try("child: 64 MB", 64 << 20);
		try("child: 1 GB", 1 << 30);
		execl("/proc/self/exe", argv[0], "x", NULL);
		_exit(1);
	}
	wait(&st);
	if (!vfork()) {
		execl("/proc/self/exe", argv[0], "x", NULL);
		_exit(1);
	}
	wait(&st);
	set(RLIMIT_AS, RLIM_INFINITY);
	try("again 1 GB", 1 << 30);
	set(RLIMIT_DATA, 64 << 20);
	try("data: 16 MB", 16 << 20);
	try("data: 1 GB", 1 << 30);
	map("data: 1 GB, read-only", NULL, 1 << 30, PROT_READ, ANON | MAP_NORESERVE, -1, 0);
	map("data: 1 GB, shared", NULL, 1 << 30, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	set(RLIMIT_DATA, RLIM_INFINITY);
	if (!fork())
		return munmap(NULL, 0x7ffffffff000);
	wait(&st);
	printf("everything unmapped: signal %d\n", WTERMSIG(st));
	try("again 1 GB", 1 << 30);
	return 0;
}
