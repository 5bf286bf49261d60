/* SPDX-License-Identifier: MIT */
/*
 * What stat(2) says of a path, again and again, while another process changes it: what it said before must not be said again. The calls of
 * this program go the way of rewritten call sites where there is one, so that they are answered without entering (docs/names.md).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define STUB_FAST 0x7f8000020000ull /* sentry/platform/stub/layout.h */

static int fast;
static sigjmp_buf nothing_there;

static void on_segv(int sig)
{
	siglongjmp(nothing_there, 1);
}

static void find_way(void)
{
	signal(SIGSEGV, on_segv);
	signal(SIGBUS, on_segv);
	if (!sigsetjmp(nothing_there, 1))
		fast = *(volatile unsigned char *)STUB_FAST != 0;
	signal(SIGSEGV, SIG_DFL);
	signal(SIGBUS, SIG_DFL);
}

static long call(long nr, long a, long b, long c, long d)
{
	register long r10 __asm__("r10") = d;
	long r = nr;

	if (fast)
		__asm__ volatile("lea 1f(%%rip), %%rcx\n\t jmp *%[f]\n1: syscall"
				 : "+a"(r) : "D"(a), "S"(b), "d"(c), "r"(r10), [f] "r"(STUB_FAST) : "rcx", "r11", "memory");
	else
		__asm__ volatile("syscall" : "+a"(r) : "D"(a), "S"(b), "d"(c), "r"(r10) : "rcx", "r11", "memory");
	return r;
}

static struct stat last;

static long sstat(const char *p)
{
	return call(SYS_stat, (long)p, (long)&last, 0, 0);
}

static long slstat(const char *p)
{
	return call(SYS_lstat, (long)p, (long)&last, 0, 0);
}

/* Look often enough that it is known, and say what it is. */
static void show(const char *what, const char *p)
{
	long r = 0, l, o, a;

	for (int i = 0; i < 3; i++)
		r = sstat(p);
	printf("%s: %s: stat %ld", what, p, r);
	if (!r)
		printf(" %o %ld %ld %u:%u", last.st_mode, S_ISDIR(last.st_mode) ? 0 : (long)last.st_size, (long)last.st_nlink, last.st_uid, last.st_gid);
	for (int i = 0; i < 3; i++)
		l = slstat(p);
	printf(" lstat %ld", l);
	if (!l)
		printf(" %o", last.st_mode);
	for (int i = 0; i < 3; i++) {
		a = call(SYS_access, (long)p, F_OK, 0, 0);
		o = call(SYS_openat, AT_FDCWD, (long)p, O_RDONLY | O_CLOEXEC, 0);
		if (o >= 0)
			close((int)o);
	}
	printf(" access %ld open %ld\n", a, o >= 0 ? 0 : o);
}

/* Another process changes; by plain calls of the C library. */
#define OTHER(...)                                                                                                     \
	do {                                                                                                           \
		pid_t pid_ = fork();                                                                                   \
		if (!pid_) {                                                                                           \
			__VA_ARGS__;                                                                                   \
			_exit(0);                                                                                      \
		}                                                                                                      \
		waitpid(pid_, NULL, 0);                                                                                \
	} while (0)

static void write_file(const char *p, int flags, const char *text)
{
	int fd = open(p, flags | O_WRONLY, 0644);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		perror(p);
	close(fd);
}

static void names(void)
{
	show("nothing", "d/f");
	OTHER(mkdir("d", 0755));
	show("mkdir", "d");
	show("mkdir", "d/f");
	OTHER(write_file("d/f", O_CREAT | O_EXCL, "hello"));
	show("create", "d/f");
	OTHER(link("d/f", "d/g"));
	show("link", "d/f");
	show("link", "d/g");
	OTHER(unlink("d/f"));
	show("unlink", "d/f");
	show("unlink", "d/g");
	OTHER(rename("d/g", "d/f"));
	show("rename", "d/g");
	show("rename", "d/f");
	OTHER(rename("d", "e"));
	show("rename dir", "d/f");
	show("rename dir", "e/f");
	OTHER(mkdir("d", 0700));
	show("new dir", "d/f");
	OTHER(syscall(SYS_renameat2, AT_FDCWD, "d", AT_FDCWD, "e", 2 /* exchange */));
	show("exchange", "d/f");
	show("exchange", "e/f");
	OTHER(symlink("d", "s"); symlink("f", "d/l"); symlink("nowhere", "d/x"));
	show("link", "s/f");
	show("link", "d/l");
	show("link", "s/l");
	show("link", "d/x");
	OTHER(unlink("s"); symlink("e", "s"));
	show("other link", "s/f");
	show("other link", "s");
	OTHER(write_file("d/nowhere", O_CREAT, ""));
	show("target made", "d/x");
	OTHER(unlink("d/nowhere"));
	show("target gone", "d/x");
	OTHER(mknod("d/p", S_IFIFO | 0600, 0));
	show("fifo", "e/p");
	OTHER(rmdir("e"));
	show("rmdir", "e");
	show("rmdir", "e/p");
	show("not a dir", "d/f/x");
	show("dots", "./d/../d/f");
	show("slash", "d/");
}

static void attributes(void)
{
	struct timeval tv[2] = {{1000, 5}, {2000, 7}};

	OTHER(chmod("d/f", 0600));
	show("chmod", "d/f");
	OTHER(write_file("d/f", O_APPEND, " world"));
	show("append", "d/f");
	OTHER(truncate("d/f", 3));
	show("truncate", "d/f");
	OTHER(write_file("d/f", O_TRUNC, ""));
	show("cut", "d/f");
	OTHER(utimes("d/f", tv));
	show("utimes", "d/f");
	for (int i = 0; i < 3; i++)
		sstat("d/f");
	printf("times %ld.%06ld %ld.%06ld\n", (long)last.st_atim.tv_sec, last.st_atim.tv_nsec / 1000, (long)last.st_mtim.tv_sec,
		last.st_mtim.tv_nsec / 1000);
	OTHER({
		int fd = open("d/f", O_RDWR);
		char *m;

		ftruncate(fd, 8192);
		m = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		m[5000] = 1;
		fallocate(fd, 0, 0, 100);
	});
	show("mapped", "d/f");
	for (int i = 0; i < 3; i++)
		sstat("d/f");
	printf("mapped %ld\n", (long)last.st_blocks);
	for (int i = 0; i < 40; i++) {
		char text[20];

		snprintf(text, sizeof(text), "%0*d", i % 17 + 1, i);
		OTHER(write_file("d/f", O_TRUNC, text));
		if (sstat("d/f") || last.st_size != i % 17 + 1)
			printf("size %d: %ld\n", i, (long)last.st_size);
	}
}

static void dirs(void)
{
	show("cwd", "f");
	chdir("d");
	show("cwd", "f");
	show("cwd", "d/f");
	chdir("..");
	show("cwd", "f");
	OTHER(chdir("d"); show("other's cwd", "f"); show("other's cwd", "d/f"));
	show("cwd", "d/f");
	OTHER(unshare(CLONE_FS); chdir("d"); show("own cwd", "l"));
	OTHER(mkdir("gone", 0755); chdir("gone"); show("in it", "x"); rmdir("../gone"); show("removed", "x"); show("removed", "."));
}

/* One renames back and forth: at each moment one name is there, and the other is not, or at least not both times nothing. */
static void storm(void)
{
	int bad = 0, *stop = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid;

	write_file("a", O_CREAT, "x");
	pid = fork();
	if (!pid) {
		for (int i = 0; i < 3000; i++) {
			rename("a", "b");
			__atomic_store_n(&stop[1], 2 * i + 1, __ATOMIC_SEQ_CST);
			rename("b", "a");
			__atomic_store_n(&stop[1], 2 * i + 2, __ATOMIC_SEQ_CST);
		}
		__atomic_store_n(&stop[0], 1, __ATOMIC_SEQ_CST);
		_exit(0);
	}
	while (!__atomic_load_n(&stop[0], __ATOMIC_SEQ_CST)) {
		int before = __atomic_load_n(&stop[1], __ATOMIC_SEQ_CST);
		const char *there = before & 1 ? "b" : "a", *next = before & 1 ? "a" : "b";
		long first = sstat(there), second = sstat(next);

		/* While the mark stays at most one rename, from *there* to *next*, is under way. */
		if (first && second && __atomic_load_n(&stop[1], __ATOMIC_SEQ_CST) == before)
			bad++;
	}
	waitpid(pid, NULL, 0);
	printf("storm: %d; %ld %ld\n", bad, sstat("a"), sstat("b"));
}

/* Who is told of a change sees it at once. */
static void told(void)
{
	int p[2], q[2];
	pid_t pid;
	char c;

	if (pipe(p) < 0 || pipe(q) < 0)
		return;
	pid = fork();
	for (int i = 0; !pid && i < 500; i++) {
		if (read(p[0], &c, 1) != 1)
			_exit(1);
		if (i & 1)
			unlink("t");
		else
			write_file("t", O_CREAT, "x");
		if (write(q[1], "x", 1) != 1 || i == 499)
			_exit(0);
	}
	for (int i = 0; i < 500; i++) {
		long want = i & 1 ? -ENOENT : 0;

		if (write(p[1], "x", 1) != 1 || read(q[0], &c, 1) != 1 || sstat("t") != want || sstat("t") != want)
			printf("told: %d\n", i);
	}
	waitpid(pid, NULL, 0);
}

static void bad_memory(void)
{
	char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	munmap(page + 4096, 4096);
	strcpy(page + 4096 - 4, "d/f");
	for (int i = 0; i < 3; i++)
		printf("end of page %ld\n", sstat(page + 4096 - 4));
	memcpy(page + 4096 - 3, "d/f", 3);
	printf("beyond %ld\n", sstat(page + 4096 - 3));
	printf("no room %ld\n", call(SYS_stat, (long)"d/f", (long)(page + 4096 - 100), 0, 0));
	printf("nowhere %ld %ld\n", call(SYS_stat, (long)"d/f", 1, 0, 0), call(SYS_stat, 1, (long)&last, 0, 0));
	printf("absent %ld\n", call(SYS_stat, (long)"no/such", 1, 0, 0));
	printf("flags %ld %ld\n", call(SYS_newfstatat, AT_FDCWD, (long)"d/f", (long)&last, 1), call(SYS_access, (long)"d/f", 8, 0, 0));
	printf("open %ld %ld\n", call(SYS_openat, AT_FDCWD, (long)"no/such", O_CREAT | O_RDWR, 0600),
		call(SYS_openat, 77, (long)"nothing", O_RDONLY, 0));
}

/* A directory that not all may search is nothing to be told of. */
static void rights(void)
{
	show("open", "d/f");
	OTHER(chmod("d", 0));
	show("closed to others", "d/f");
	OTHER(chmod("d", 0755));
	show("open again", "d/f");
}

static void roots(void)
{
	show("root", "/names-root");
	OTHER(mkdir("r", 0755); write_file("r/names-root", O_CREAT, "x");
		if (chroot("r") == 0) {
			show("chroot", "/names-root");
			show("chroot", "/d/f");
		});
	show("root", "/names-root");
}

static int wipe(const char *name, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(name);
}

int main(void)
{
	char dir[] = "/tmp/names.XXXXXX";

	setvbuf(stdout, NULL, _IONBF, 0);
	find_way();
	umask(022);
	if (!mkdtemp(dir) || chmod(dir, 0755) < 0 || chdir(dir) < 0)
		return 1;
	names();
	attributes();
	dirs();
	storm();
	told();
	bad_memory();
	rights();
	roots();
	nftw(dir, wipe, 16, FTW_DEPTH | FTW_PHYS);
	return 0;
}
