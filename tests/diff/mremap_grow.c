/* SPDX-License-Identifier: MIT */
/* mremap of private anonymous memory: growing in place and elsewhere, shrinking, moving; realloc, which lives on it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE 4096u
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

static void say(const char *what, const void *r)
{
	printf("%s: %s\n", what, r == MAP_FAILED ? strerror(errno) : "ok");
}

static void test_realloc(void)
{
	size_t n = 1000, sum = 0;
	unsigned char *p = malloc(n);

	memset(p, 1, n);
	while (n < 64u << 20) {
		size_t more = n * 3 / 2;

		p = realloc(p, more);
		memset(p + n, 1, more - n);
		n = more;
	}
	for (size_t i = 0; i < n; i++)
		sum += p[i];
	printf("realloc: %s\n", sum == n ? "whole" : "damaged");
	free(p);
}

int main(void)
{
	unsigned char *p = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, ANON, -1, 0), *q, *block, *to;

	p[0] = 5;
	p[2 * PAGE - 1] = 7;
	q = mremap(p, 2 * PAGE, 300 * PAGE, MREMAP_MAYMOVE);
	say("grow", q);
	printf("%d %d %d\n", q[0], q[2 * PAGE - 1], q[300 * PAGE - 1]);
	q[300 * PAGE - 1] = 1;
	p = mremap(q, 300 * PAGE, PAGE, 0);
	say("shrink", p);
	printf("same place: %d, %d\n", p == q, p[0]);

	block = mmap(NULL, 64 * PAGE, PROT_READ | PROT_WRITE, ANON, -1, 0);
	memset(block, 9, 64 * PAGE);
	to = mmap(NULL, 256 * PAGE, PROT_NONE, ANON, -1, 0);
	q = mremap(block, 64 * PAGE, 128 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to);
	say("grow to a place", q);
	printf("there: %d, %d %d %d\n", q == to, q[0], q[64 * PAGE - 1], q[64 * PAGE]);
	say("grow where it is not", mremap(block, PAGE, 2 * PAGE, MREMAP_MAYMOVE));
	say("unaligned", mremap(q + 1, PAGE, 2 * PAGE, MREMAP_MAYMOVE));
	say("to nothing", mremap(q, PAGE, 0, MREMAP_MAYMOVE));
	say("old length 0", mremap(q, 0, PAGE, MREMAP_MAYMOVE));
	test_realloc();
	return 0;
}
