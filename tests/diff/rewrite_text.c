/* SPDX-License-Identifier: MIT */
/* The C library's text, read by system calls, is that of its file: calls with and without marshalled memory, ptrace, /proc. */
#include "rewrite_util.h"

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>

#define LEN 65536

static uint8_t file[LEN], got[LEN];

static void same(const char *what, ssize_t n, size_t len)
{
	printf("%s: %s\n", what, n == (ssize_t)len && !memcmp(file, got, len) ? "as in the file" : "different");
}

static ssize_t through_pipe(uintptr_t addr, size_t len, size_t piece)
{
	int p[2];
	size_t done = 0;

	if (pipe(p))
		return -1;
	while (done < len) {
		size_t n = piece < len - done ? piece : len - done;

		if (write(p[1], (void *)(addr + done), n) != (ssize_t)n || read(p[0], got + done, n) != (ssize_t)n)
			break;
		done += n;
	}
	close(p[0]);
	close(p[1]);
	return (ssize_t)done;
}

static ssize_t by_ptrace(uintptr_t addr, size_t len)
{
	pid_t pid = fork();
	size_t done = 0;

	if (!pid) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	for (; done < len; done += sizeof(long)) {
		long v = ptrace(PTRACE_PEEKTEXT, pid, (void *)(addr + done), NULL);

		memcpy(got + done, &v, sizeof(v));
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return (ssize_t)done;
}

static void look(const char *name)
{
	uintptr_t fn = (uintptr_t)dlsym(RTLD_DEFAULT, name), at = fn & ~4095ul;
	struct iovec local = {got, LEN}, remote = {(void *)at, LEN};
	int fd;

	if (!text_of(fn) || at < text_of(fn)->start)
		at = fn;
	while (text_of(at + LEN - 1) != text_of(at))
		at -= 4096;
	remote.iov_base = (void *)at;
	if (in_file(at, file, LEN)) {
		printf("%s: no file\n", name);
		return;
	}
	printf("%s\n", name);
	same("write, 4096 at once", through_pipe(at, LEN, 4096), LEN);
	same("write, 100 at once", through_pipe(at, 20000, 100), 20000);
	same("write, 7 at once", through_pipe(at, 3000, 7), 3000);
	fd = open("/proc/self/mem", O_RDONLY);
	same("/proc/self/mem", pread(fd, got, LEN, (off_t)at), LEN);
	close(fd);
	same("process_vm_readv", process_vm_readv(getpid(), &local, 1, &remote, 1, 0), LEN);
	same("process_vm_writev from it", process_vm_writev(getpid(), &remote, 1, &local, 1, 0), LEN);
	same("ptrace", by_ptrace(at, 4096), 4096);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	find_texts();
	look("getppid");
	look("write");
	look("openat");
	return 0;
}
