/* SPDX-License-Identifier: MIT */
/* shmget(2), shmat(2), shmdt(2), shmctl(2). */
#include "ipc_util.h"

#define PAGE 4096
#ifndef SHM_EXEC
#define SHM_EXEC 0100000
#endif

static long nattch(int id)
{
	struct shmid_ds ds;

	return shmctl(id, IPC_STAT, &ds) ? -1 : (long)ds.shm_nattch;
}

static void getting(void)
{
	int k;

	SHOW("size 0", shmget(IPC_PRIVATE, 0, 0600));
	SHOW("absent", shmget(0x42, 10, 0600));
	k = shmget(0x42, 5000, IPC_CREAT | 0600);
	SHOW("made", k);
	printf("same %d\n", shmget(0x42, 0, 0) == k);
	SHOW("greater", shmget(0x42, 5001, 0));
	SHOW("excl", shmget(0x42, 10, IPC_CREAT | IPC_EXCL));
	SHOW("enormous", shmget(IPC_PRIVATE, SIZE_MAX, 0600));
	SHOW("huge pages of odd size", shmget(IPC_PRIVATE, PAGE, IPC_CREAT | SHM_HUGETLB | 13 << 26 | 0600));
	SHOW("rmid", shmctl(k, IPC_RMID, NULL));
	SHOW("gone", shmctl(k, IPC_RMID, NULL));
	SHOW("gone", shmget(0x42, 0, 0));
	SHOW("attach gone", shmat(k, NULL, 0) == (void *)-1 ? -1 : 0);
	SHOW("attach -1", shmat(-1, NULL, 0) == (void *)-1 ? -1 : 0);
	SHOW("bad id", shmctl(-1, IPC_STAT, NULL));
	SHOW("bad command", shmctl(0, -1, NULL));
}

static long at(int id, const void *addr, int flags)
{
	void *p = shmat(id, addr, flags);

	return p == (void *)-1 ? -1 : 0;
}

static void attaching(void)
{
	int id = shmget(IPC_PRIVATE, 5000, 0600);
	char *p = shmat(id, NULL, 0), *q, *hole;
	struct shmid_ds ds;

	printf("attached %d aligned %d\n", p != (void *)-1, ((uintptr_t)p & (PAGE - 1)) == 0);
	VALUE("nattch", nattch(id));
	q = shmat(id, NULL, SHM_RDONLY);
	VALUE("nattch", nattch(id));
	strcpy(p, "shared");
	printf("%s, last page %d\n", q, p[5999]);
	SHOW("detach middle", shmdt(p + PAGE));
	SHOW("detach odd", shmdt(p + 1));
	SHOW("detach null", shmdt(NULL));
	SHOW("detach", shmdt(p));
	SHOW("detach again", shmdt(p));
	VALUE("nattch", nattch(id));
	printf("%s\n", q);
	hole = mmap(NULL, 4 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	SHOW("at taken", at(id, hole, 0));
	SHOW("at odd", at(id, hole + 100, 0));
	SHOW("remap null", at(id, NULL, SHM_REMAP));
	p = shmat(id, hole + PAGE + 5, SHM_RND | SHM_REMAP);
	printf("remapped %ld\n", (long)(p - hole));
	printf("%s\n", p);
	munmap(hole, PAGE);
	munmap(hole + 3 * PAGE, PAGE);
	VALUE("nattch", nattch(id));
	munmap(p, PAGE);
	VALUE("nattch, a half unmapped", nattch(id));
	SHOW("detach by the lost half", shmdt(p));
	VALUE("nattch", nattch(id));
	munmap(q, 2 * PAGE);
	VALUE("nattch, unmapped", nattch(id));
	SHOW("stat", shmctl(id, IPC_STAT, &ds));
	printf("size %zu mode %o cpid %d lpid %d times %d %d %d\n", ds.shm_segsz, ds.shm_perm.mode, ds.shm_cpid == getpid(),
	       ds.shm_lpid == getpid(), ds.shm_atime != 0, ds.shm_dtime != 0, ds.shm_ctime != 0);
	SHOW("rmid", shmctl(id, IPC_RMID, NULL));
}

static void processes(void)
{
	int id = shmget(0x99, 3 * PAGE, IPC_CREAT | 0600);
	volatile int *p = shmat(id, NULL, 0);
	struct shmid_ds ds;
	pid_t a = fork();
	int up[2], down[2];
	char c;

	if (!a) {
		p[0] = 77;
		printf("child sees %ld\n", nattch(id));
		_exit(0);
	}
	reap(a);
	printf("value %d nattch %ld\n", p[0], nattch(id));
	shmctl(id, IPC_STAT, &ds);
	printf("lpid is the child's %d\n", ds.shm_lpid == a);
	pipe(up);
	pipe(down);
	a = fork();
	if (!a) {
		write(up[1], "x", 1);
		read(down[0], &c, 1);
		fcntl(up[1], F_SETFD, 0);
		execl("/bin/sh", "sh", "-c", "echo x >&$0; read x", (char[]){(char)('0' + up[1]), 0}, NULL);
		_exit(1);
	}
	read(up[0], &c, 1);
	VALUE("while the child lives", nattch(id));
	close(down[0]);
	write(down[1], "x", 1);
	read(up[0], &c, 1);
	VALUE("after its exec", nattch(id));
	kill(a, SIGKILL);
	reap(a);
	SHOW("rmid", shmctl(id, IPC_RMID, NULL));
	SHOW("stat", shmctl(id, IPC_STAT, &ds));
	printf("mode %o key %x nattch %ld\n", ds.shm_perm.mode, ds.shm_perm.__key, (long)ds.shm_nattch);
	SHOW("key gone", shmget(0x99, 0, 0));
	{
		volatile int *q = shmat(id, NULL, 0);

		printf("attach marked %d\n", q[0]);
		shmdt((void *)q);
	}
	printf("value %d\n", p[0]);
	shmdt((void *)p);
	SHOW("destroyed", shmctl(id, IPC_STAT, &ds));
	id = shmget(IPC_PRIVATE, PAGE, 0600);
	a = fork();
	if (!a) {
		shmat(id, NULL, 0);
		shmctl(id, IPC_RMID, NULL);
		VALUE("marked", nattch(id));
		_exit(0);
	}
	reap(a);
	SHOW("destroyed by exit", shmctl(id, IPC_STAT, &ds));
}

static void control(void)
{
	int id = shmget(IPC_PRIVATE, PAGE, 0604);
	struct shmid_ds ds;
	struct shm_info si;
	struct shminfo li;
	char *p;

	SHOW("stat", shmctl(id, IPC_STAT, &ds));
	printf("mode %o\n", ds.shm_perm.mode);
	ds.shm_perm.mode = 07777;
	SHOW("set", shmctl(id, IPC_SET, &ds));
	shmctl(id, IPC_STAT, &ds);
	printf("mode %o\n", ds.shm_perm.mode);
	SHOW("lock", shmctl(id, SHM_LOCK, NULL));
	shmctl(id, IPC_STAT, &ds);
	printf("mode %o\n", ds.shm_perm.mode);
	SHOW("unlock", shmctl(id, SHM_UNLOCK, NULL));
	shmctl(id, IPC_STAT, &ds);
	printf("mode %o\n", ds.shm_perm.mode);
	SHOW("stat fault", shmctl(id, IPC_STAT, (void *)8));
	SHOW("set fault", shmctl(id, IPC_SET, (void *)8));
	SHOW("bad command", shmctl(id, 99, &ds));
	VALUE("info", shmctl(0, IPC_INFO, (void *)&li) >= 0);
	printf("%lu %lu %lu %lu\n", li.shmmax, li.shmmin, li.shmmni, li.shmall);
	VALUE("info", shmctl(0, SHM_INFO, (void *)&si) >= 0);
	printf("used %d total %lu rss %lu\n", si.used_ids, si.shm_tot, si.shm_rss);
	p = shmat(id, NULL, 0);
	p[0] = 1;
	shmctl(0, SHM_INFO, (void *)&si);
	printf("used %d total %lu rss %lu\n", si.used_ids, si.shm_tot, si.shm_rss);
	printf("by place %d\n", shmctl(id & 0x7fff, SHM_STAT, &ds) == id);
	printf("any %d\n", shmctl(id & 0x7fff, 15, &ds) == id);
	SHOW("empty place", shmctl(3000, SHM_STAT, &ds));
	shmctl(id, IPC_RMID, NULL);
	shmdt(p);
}

static void names(void)
{
	int id = shmget(0x123abc, 2 * PAGE, IPC_CREAT | 0600);
	char *p = shmat(id, NULL, 0), line[512];
	FILE *f = fopen("/proc/self/maps", "r");

	while (fgets(line, sizeof(line), f)) {
		unsigned long a, b, off, ino;
		char perms[8], dev[16], name[200];

		if (sscanf(line, "%lx-%lx %7s %lx %15s %lu %199[^\n]", &a, &b, perms, &off, dev, &ino, name) == 7 &&
		    a == (unsigned long)p)
			printf("%lu %s %lx ino is id %d %s\n", b - a, perms, off, ino == (unsigned long)id, name);
	}
	fclose(f);
	shmctl(id, IPC_RMID, NULL);
	f = fopen("/proc/sysvipc/shm", "r");
	fgets(line, sizeof(line), f);
	while (fgets(line, sizeof(line), f)) {
		int key, i;
		unsigned mode, nat;
		unsigned long size;

		sscanf(line, "%d %d %o %lu %*u %*u %u", &key, &i, &mode, &size, &nat);
		printf("key %x mine %d mode %o size %lu nattch %u\n", key, i == id, mode, size, nat);
	}
	fclose(f);
	shmdt(p);
}

static void rights(void)
{
	int id = shmget(0x31, PAGE, IPC_CREAT | 0400);
	pid_t a = fork();
	struct shmid_ds ds;

	if (!a) {
		syscall(SYS_capset, (uint32_t[]){0x20080522, 0}, (uint32_t[6]){0});
		SHOW("rw", at(id, NULL, 0));
		SHOW("ro", at(id, NULL, SHM_RDONLY));
		SHOW("exec", at(id, NULL, SHM_RDONLY | SHM_EXEC));
		SHOW("get rw", shmget(0x31, 0, 0600));
		SHOW("get r", shmget(0x31, 0, 0400));
		shmctl(id, IPC_STAT, &ds);
		ds.shm_perm.mode = 0;
		SHOW("set", shmctl(id, IPC_SET, &ds));
		SHOW("stat", shmctl(id, IPC_STAT, &ds));
		SHOW("lock", shmctl(id, SHM_LOCK, NULL));
		SHOW("rmid", shmctl(id, IPC_RMID, NULL));
		_exit(0);
	}
	reap(a);
}

/* What mmap(2)'s calls do with an attachment, and odd addresses. */
static void mappings(void)
{
	int id = shmget(IPC_PRIVATE, 2 * PAGE, 0600);
	char *p = shmat(id, NULL, 0), *q;

	SHOW("beyond the end of memory", at(id, (void *)0x7ffffffff000, 0));
	SHOW("not an address", at(id, (void *)0xffff800000000000, 0));
	SHOW("around the end", at(id, (void *)-4096ul, 0));
	p[0] = 'a';
	q = mremap(p, 0, 2 * PAGE, MREMAP_MAYMOVE);
	printf("doubled %d: %c\n", q != MAP_FAILED && q != p, q[0]);
	q[1] = 'b';
	printf("the same memory: %c, attached %ld\n", p[1], nattch(id));
	SHOW("detach the double", shmdt(q));
	SHOW("shrink", mremap(p, 2 * PAGE, PAGE, 0) == p ? 0 : -1);
	q = mmap(NULL, 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	SHOW("move", mremap(p, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, q) == (void *)q ? 0 : -1);
	SHOW("detach where it was", shmdt(p));
	printf("%c, attached %ld\n", q[1], nattch(id));
	SHOW("detach", shmdt(q));
	q = shmat(id, NULL, SHM_RDONLY);
	shmctl(id, IPC_RMID, NULL);
	SHOW("double of a marked one", mremap(q, 0, PAGE, MREMAP_MAYMOVE) == MAP_FAILED ? -1 : 0);
	VALUE("attached", nattch(id));
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	getting();
	attaching();
	processes();
	control();
	names();
	mappings();
	rights();
	return 0;
}
