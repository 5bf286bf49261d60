/* SPDX-License-Identifier: MIT */
/* Text that is mapped from elsewhere than its file (docs/twins.md) is the file's for whoever reads it by a call, and works wherever it is mapped. */
#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define FAR 0x60000000ul

static char path[4096];
static unsigned long start, len, off; /* of the C library's text */
static unsigned char *file;

static int find(struct dl_phdr_info *i, size_t size, void *arg)
{
	for (int k = 0; k < i->dlpi_phnum; k++) {
		const ElfW(Phdr) *p = &i->dlpi_phdr[k];

		if (p->p_type != PT_LOAD || !(p->p_flags & PF_X) || !strstr(i->dlpi_name, "libc."))
			continue;
		start = (i->dlpi_addr + p->p_vaddr) & ~4095ul;
		off = p->p_offset & ~4095ul;
		len = (p->p_filesz + (p->p_vaddr & 4095) + 4095) & ~4095ul;
		snprintf(path, sizeof(path), "%s", i->dlpi_name);
		return 1;
	}
	return 0;
}

static void same(const char *what, const void *a)
{
	printf("%s: %s\n", what, a && a != MAP_FAILED && !memcmp(a, file, len) ? "the file" : "something else");
}

/* By a call, not by loads. */
static void same_by_call(const char *what, void *at)
{
	unsigned char *buf = malloc(len);
	struct iovec to = {buf, len}, from = {at, len};
	ssize_t n = process_vm_readv(getpid(), &to, 1, &from, 1, 0);
	int mem = open("/proc/self/mem", O_RDONLY), fds[2];

	printf("%s: %s", what, n == (ssize_t)len && !memcmp(buf, file, len) ? "the file" : "something else");
	memset(buf, 0, len);
	n = pread(mem, buf, len, (off_t)(uintptr_t)at);
	printf(", mem %s", n == (ssize_t)len && !memcmp(buf, file, len) ? "too" : "not");
	close(mem);
	memset(buf, 0, len);
	if (pipe(fds))
		return;
	for (size_t done = 0; done < len; done += 4096)
		if (write(fds[1], (char *)at + done, 4096) != 4096 || read(fds[0], buf + done, 4096) != 4096)
			break;
	printf(", a pipe %s\n", !memcmp(buf, file, len) ? "too" : "not");
	close(fds[0]);
	close(fds[1]);
	free(buf);
}

static void views(int fd)
{
	same("read-only", mmap(NULL, len, PROT_READ, MAP_PRIVATE, fd, (off_t)off));
	same("executable, anywhere", mmap(NULL, len, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, (off_t)off));
	same("executable, shared", mmap(NULL, len, PROT_READ | PROT_EXEC, MAP_SHARED, fd, (off_t)off));
	same("executable, to be written to", mmap(NULL, len, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE, fd, (off_t)off));
}

/* At a fixed place, once, again over itself, and where something lies in the way. */
static void fixed(int fd)
{
	char *at = mmap(NULL, len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *far;

	for (int i = 0; i < 3; i++)
		if (mmap(at, len, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED, fd, (off_t)off) != at)
			printf("no mapping\n");
	same_by_call("fixed", at);
	munmap(at, len);
	if (mmap(at, len, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED, fd, (off_t)off) != at)
		printf("no mapping\n");
	same_by_call("fixed again", at);
	printf("a part: %d\n", mmap(at, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED, fd, (off_t)off) == at);
	same_by_call("after a part", at);
	munmap(at, len);
	/* Below what is mapped already, so that both places are free. */
	at = (char *)0x200000000;
	far = mmap(at + FAR, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	printf("something far away: %d\n", far == at + FAR);
	strcpy(far, "mine");
	if (mmap(at, len, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED_NOREPLACE, fd, (off_t)off) != at)
		printf("no mapping\n");
	same("beside it", at);
	printf("it is %s\n", far);
	munmap(at, len);
	munmap(far, 4096);
	/* Given to the program to write to: it reads what it has written. */
	if (mmap(at, len, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED, fd, (off_t)off) != at)
		printf("no mapping\n");
	printf("mprotect: %d\n", mprotect(at, 4096, PROT_READ | PROT_WRITE));
	memcpy(at, file, 4096);
	printf("mprotect: %d\n", mprotect(at, 4096, PROT_READ | PROT_EXEC));
	same_by_call("written over", at);
	munmap(at, len);
}

/* A second C library, as often as one likes. */
static void loaded(void)
{
	int ok = 0;

	for (int i = 0; i < 12; i++) {
		void *lib = dlmopen(LM_ID_NEWLM, "libc.so.6", RTLD_NOW);
		pid_t (*get)(void) = lib ? (pid_t (*)(void))dlsym(lib, "getppid") : NULL;
		void *(*map)(void *, size_t, int, int, int, off_t) =
			lib ? (void *(*)(void *, size_t, int, int, int, off_t))dlsym(lib, "mmap") : NULL;

		ok += get && get() == getppid() && map(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED;
		if (lib)
			dlclose(lib);
	}
	printf("loaded %d times\n", ok);
}

/* The library's own pages change their protection while it is used. */
static void cycles(void)
{
	int ok = 0;

	for (int i = 0; i < 50; i++) {
		ok += !mprotect((void *)start, len, PROT_READ | PROT_WRITE | PROT_EXEC) && getppid() >= 0;
		*(volatile char *)(start + 8192) = *(volatile char *)(start + 8192);
		ok += !mprotect((void *)start, len, PROT_READ | PROT_EXEC) && getppid() >= 0;
	}
	printf("cycles %d\n", ok);
}

static void *caller(void *arg)
{
	int ok = 0;

	for (int i = 0; i < 2000; i++)
		ok += getppid() >= 0 && !access("/", F_OK);
	*(int *)arg = ok;
	return NULL;
}

static void family(char *self)
{
	int ok[4] = {0}, st;
	pthread_t th[4];
	pid_t pid;

	for (int i = 0; i < 4; i++)
		pthread_create(&th[i], NULL, caller, &ok[i]);
	for (int i = 0; i < 10; i++) {
		pid = fork();
		if (!pid) {
			if (i % 2)
				execl(self, self, "child", (char *)NULL);
			_exit(getppid() >= 0 && !access("/", F_OK) ? 0 : 1);
		}
		if (waitpid(pid, &st, 0) != pid || st)
			printf("a child: %#x\n", (unsigned)st);
	}
	for (int i = 0; i < 4; i++)
		pthread_join(th[i], NULL);
	printf("threads %d %d %d %d\n", ok[0], ok[1], ok[2], ok[3]);
}

static void names(void)
{
	unsigned long a, b;
	char line[4400], perms[8];
	FILE *f = fopen("/proc/self/maps", "r");

	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "%lx-%lx %7s", &a, &b, perms) == 3 && a <= start && b > start)
			printf("text: %d %s %d\n", a == start && b == start + len, perms, strstr(line, strrchr(path, '/')) != NULL);
	fclose(f);
}

int main(int argc, char **argv)
{
	int fd;

	if (argc > 1)
		return getppid() >= 0 && !access("/", F_OK) ? 0 : 1;
	dl_iterate_phdr(find, NULL);
	fd = open(path, O_RDONLY);
	file = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	printf("the text of the C library: %d\n", pread(fd, file, len, (off_t)off) == (ssize_t)len);
	names();
	same_by_call("where it runs", (void *)start);
	views(fd);
	fixed(fd);
	loaded();
	cycles();
	same_by_call("after all", (void *)start);
	family(argv[0]);
	return 0;
}
