/* SPDX-License-Identifier: MIT */
/* Memory policies on a machine with one node: set_mempolicy(2), get_mempolicy(2), mbind(2), migrate_pages(2), move_pages(2). */
#include "mm_util.h"

#define SET SYS_set_mempolicy
#define GET SYS_get_mempolicy

static void get(const char *what, void *addr, unsigned long flags)
{
	unsigned long mask[2] = {7, 7};
	int mode = -7;
	long r = syscall(GET, &mode, mask, 128, addr, flags);

	if (r)
		say(what, r);
	else
		printf("%s: mode %x nodes %lx %lx\n", what, mode, mask[0], mask[1]);
}

int main(void)
{
	unsigned long none = 0, zero = 1, one = 2, both = 3, big[3] = {0, 0, 1};
	char *p = mmap(NULL, 4 * PAGE, RW, ANON, -1, 0);
	void *pages[5] = {p, p + PAGE, p + 2 * PAGE, (void *)0x200000, p + 1};
	int nodes[5] = {0, 0, 0, 0, 0}, status[5] = {-100, -100, -100, -100, -100};

	setbuf(stdout, NULL);
	p[0] = 1;
	p[PAGE] = 1;
	munmap(p + 3 * PAGE, PAGE);
	get("default", NULL, 0);
	get("allowed", NULL, 4);
	get("allowed and node", NULL, 5);
	get("unknown flag", NULL, 8);
	get("address without flag", p, 0);
	get("of an address", p, 2);
	get("node of an address", p, 3);
	get("of nothing", (void *)0x200000, 2);
	get("next node", NULL, 1);
	say("short mask", syscall(GET, NULL, &none, 0, NULL, 0));
	say("nothing asked", syscall(GET, NULL, NULL, 0, NULL, 0));
	say("bad pointer", syscall(GET, (void *)8, NULL, 0, NULL, 0));
	say("bad mask", syscall(GET, NULL, (void *)8, 64, NULL, 0));
	say("bind to 0", syscall(SET, 2, &zero, 64));
	get("bound", NULL, 0);
	say("bind to 1", syscall(SET, 2, &one, 64));
	say("bind to both", syscall(SET, 2, &both, 64));
	say("bind to none", syscall(SET, 2, &none, 64));
	say("bind, no mask", syscall(SET, 2, NULL, 0));
	say("far node", syscall(SET, 2, big, 192));
	say("mask too long", syscall(SET, 2, &zero, 1 << 20));
	say("bad address", syscall(SET, 2, (void *)8, 64));
	say("interleave", syscall(SET, 3, &zero, 64));
	get("interleaved", NULL, 0);
	get("next node", NULL, 1);
	say("preferred none", syscall(SET, 1, NULL, 0));
	get("local", NULL, 0);
	say("local", syscall(SET, 4, NULL, 0));
	say("local with a node", syscall(SET, 4, &zero, 64));
	say("default with a node", syscall(SET, 0, &zero, 64));
	say("unknown mode", syscall(SET, 20, &zero, 64));
	say("negative mode", syscall(SET, -1, &zero, 64));
	say("static", syscall(SET, 2 | 1 << 15, &zero, 64));
	get("static", NULL, 0);
	say("static and relative", syscall(SET, 2 | 3 << 14, &zero, 64));
	say("default", syscall(SET, 0, NULL, 0));
	say("mbind", syscall(SYS_mbind, p, PAGE, 2, &zero, 64, 0));
	get("bound page", p, 2);
	get("page behind", p + PAGE, 2);
	say("mbind odd", syscall(SYS_mbind, p + 1, PAGE, 2, &zero, 64, 0));
	say("mbind flags", syscall(SYS_mbind, p, PAGE, 2, &zero, 64, 32));
	say("mbind across a hole", syscall(SYS_mbind, p, 8 * PAGE, 2, &zero, 64, 0));
	say("mbind nothing", syscall(SYS_mbind, p, 0, 2, &zero, 64, 0));
	say("mbind to node 1", syscall(SYS_mbind, p, PAGE, 2, &one, 64, 0));
	say("mbind move", syscall(SYS_mbind, p, PAGE, 2, &zero, 64, 3));
	say("mbind default", syscall(SYS_mbind, p, PAGE, 0, NULL, 0, 0));
	get("unbound page", p, 2);
	say("move_pages: where", syscall(SYS_move_pages, 0, 4, pages, NULL, status, 2));
	printf("%d %d %d %d\n", status[0], status[1], status[2], status[3]);
	say("move_pages: to 0", syscall(SYS_move_pages, 0, 2, pages, nodes, status, 2));
	printf("%d %d\n", status[0], status[1]);
	nodes[0] = 1;
	say("move_pages: to 1", syscall(SYS_move_pages, 0, 1, pages, nodes, status, 2));
	say("move_pages: flags", syscall(SYS_move_pages, 0, 1, pages, NULL, status, 1));
	say("move_pages: nobody", syscall(SYS_move_pages, 999999, 1, pages, NULL, status, 2));
	say("move_pages: bad pages", syscall(SYS_move_pages, 0, 1, 8, NULL, status, 2));
	say("move_pages: bad status", syscall(SYS_move_pages, 0, 1, pages, NULL, 8, 2));
	say("move_pages: none", syscall(SYS_move_pages, 0, 0, pages, NULL, status, 2));
	say("migrate_pages", syscall(SYS_migrate_pages, 0, 64, &zero, &zero));
	say("migrate_pages: nobody", syscall(SYS_migrate_pages, 999999, 64, &zero, &zero));
	say("migrate_pages: bad mask", syscall(SYS_migrate_pages, 0, 64, 8, &zero));
	return 0;
}
