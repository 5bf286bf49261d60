/* SPDX-License-Identifier: MIT */
/* The C library's text mapped again and again, cut, replaced and inherited: calls in each copy are right, and so is what is read of it. */
#include "rewrite_util.h"

#include <sys/wait.h>

#define COPIES 40

typedef int (*fn_t)(void);

static const struct text *libc_text;
static uint64_t libc_off, libc_len; /* of its segment in the file */
static size_t fn_at;		    /* of getppid in it */

static uint8_t *map_copy(int fd, int prot, int flags)
{
	uint8_t *p = mmap(NULL, libc_len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	p = mmap(p, libc_len, prot, flags | MAP_FIXED, fd, (off_t)libc_off);
	return p == MAP_FAILED ? NULL : p;
}

static int works(const uint8_t *p)
{
	return ((fn_t)(uintptr_t)(p + fn_at))() == getppid();
}

/* *len* bytes from *at* on, as system calls see them, are those of *want*. */
static int reads_as(const uint8_t *at, const uint8_t *want, size_t len)
{
	static uint8_t buf[4096];
	int p[2], r;

	if (pipe(p))
		return 0;
	r = write(p[1], at, len) == (ssize_t)len && read(p[0], buf, len) == (ssize_t)len && !memcmp(buf, want, len);
	close(p[0]);
	close(p[1]);
	return r;
}

static int child(const uint8_t *p)
{
	pid_t pid = fork();
	int st;

	if (!pid)
		_exit(works(p) ? 3 : 1);
	waitpid(pid, &st, 0);
	return WEXITSTATUS(st);
}

static void one(int fd)
{
	static uint8_t orig[4096], ours[4096];
	uint8_t *p = map_copy(fd, PROT_READ | PROT_EXEC, MAP_PRIVATE), *page = p + (fn_at & ~4095ul);

	if (pread(fd, orig, sizeof(orig), (off_t)(libc_off + (fn_at & ~4095ul))) != sizeof(orig))
		return;
	printf("a copy: %d, reads as the file %d, child %d\n", works(p), reads_as(page, orig, 4096), child(p));
	munmap(p, 4096);
	printf("cut: %d, %d\n", works(p), reads_as(page, orig, 4096));
	for (size_t i = 0; i < sizeof(ours); i++)
		ours[i] = (uint8_t)(i * 7);
	mmap(page, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	memcpy(page, ours, 4096);
	printf("replaced: reads as written %d\n", reads_as(page, ours, 4096));
	mmap(page, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED, fd, (off_t)(libc_off + (fn_at & ~4095ul)));
	printf("one page of the file: %d, %d\n", works(p), reads_as(page, orig, 4096));
	munmap(p, libc_len);

	p = map_copy(fd, PROT_READ, MAP_PRIVATE);
	mprotect(p, libc_len, PROT_READ | PROT_EXEC);
	printf("executable later: %d\n", works(p));
	munmap(p, libc_len);
	p = map_copy(fd, PROT_READ | PROT_EXEC, MAP_SHARED);
	printf("shared: %d\n", p && works(p));
	munmap(p, libc_len);
	p = map_copy(fd, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE);
	page = p + (fn_at & ~4095ul);
	printf("writable: %d, the file's bytes in memory %d\n", works(p), !memcmp(page, orig, 4096));
	munmap(p, libc_len);
}

static void many(int fd)
{
	uint8_t *copies[COPIES];
	int right = 0;

	for (int i = 0; i < COPIES; i++)
		copies[i] = map_copy(fd, PROT_READ | PROT_EXEC, MAP_PRIVATE);
	for (int i = 0; i < COPIES; i++)
		right += copies[i] && works(copies[i]);
	printf("copies that work: %d, in a child: %d\n", right, child(copies[COPIES - 1]));
	for (int i = 0; i < COPIES; i++)
		munmap(copies[i], libc_len);
	right = 0;
	for (int i = 0; i < 100; i++) { /* one after the other */
		uint8_t *p = map_copy(fd, PROT_READ | PROT_EXEC, MAP_PRIVATE);

		right += p && works(p);
		munmap(p, libc_len);
	}
	printf("one after the other: %d\n", right);
}

static void libraries(void)
{
	int ok = 0;

	for (int i = 0; i < 40; i++) {
		void *h = dlopen("libm.so.6", RTLD_NOW | RTLD_LOCAL);
		double (*f)(double) = h ? (double (*)(double))(uintptr_t)dlsym(h, "floor") : NULL;

		ok += f && f(2.5) == 2;
		if (h)
			dlclose(h);
	}
	printf("opened and closed: %d\n", ok);
}

int main(void)
{
	uintptr_t fn = (uintptr_t)dlsym(RTLD_DEFAULT, "getppid");
	int fd;

	setvbuf(stdout, NULL, _IOLBF, 0);
	find_texts();
	libc_text = text_of(fn);
	if (!libc_text)
		return 1;
	libc_off = libc_text->off & ~4095ull;
	libc_len = (libc_text->end - libc_text->start + (libc_text->off & 4095) + 4095) & ~4095ull;
	fn_at = fn - (libc_text->start & ~4095ul);
	fd = open(libc_text->path, O_RDONLY);
	one(fd);
	many(fd);
	libraries();
	return 0;
}
