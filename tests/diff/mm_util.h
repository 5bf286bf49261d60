/* SPDX-License-Identifier: MIT */
/* What the mm_ programs share: results as text, and a look at whether touching an address faults. */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096ul
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
#define RW (PROT_READ | PROT_WRITE)

#pragma GCC diagnostic ignored "-Wunused-function"

static void say(const char *what, long r)
{
	if (r == -1)
		printf("%s: %s\n", what, strerrorname_np(errno));
	else
		printf("%s: %ld\n", what, r);
}

/* A mapping, whose address is not told. */
static char *map(const char *what, void *addr, size_t len, int prot, int flags, int fd, off_t off)
{
	char *p = mmap(addr, len, prot, flags, fd, off);

	printf("%s: %s\n", what, p == MAP_FAILED ? strerrorname_np(errno) : addr && (flags & MAP_FIXED) && p != addr ? "elsewhere" : "ok");
	return p;
}

static sigjmp_buf fault_jmp;
static volatile int fault_sig, fault_code;
static void *volatile fault_addr;

static void on_fault(int sig, siginfo_t *si, void *uc)
{
	fault_sig = sig;
	fault_code = si->si_code;
	fault_addr = si->si_addr;
	siglongjmp(fault_jmp, 1);
}

static void catch_faults(void)
{
	struct sigaction sa = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};

	sigaction(SIGSEGV, &sa, NULL);
	sigaction(SIGBUS, &sa, NULL);
}

/* Touch *p* and tell what happens. */
static void touch(const char *what, volatile char *p, int write)
{
	if (sigsetjmp(fault_jmp, 1)) {
		printf("%s: %s code %d%s\n", what, fault_sig == SIGBUS ? "SIGBUS" : "SIGSEGV", fault_code,
		       fault_addr == p ? "" : " at another address");
		return;
	}
	if (write)
		*p = 77;
	printf("%s: %d\n", what, *p);
}

/* An unlinked file of *len* bytes, byte i of page n is n + 1. */
static int scratch(size_t len)
{
	char name[] = "mm-scratch-XXXXXX";
	int fd = mkstemp(name);

	if (fd < 0) {
		char other[] = "/tmp/mm-scratch-XXXXXX";

		fd = mkstemp(other);
		unlink(other);
	} else {
		unlink(name);
	}
	for (size_t i = 0; i < len; i++) {
		static char buf[PAGE];
		size_t n = len - i < PAGE ? len - i : PAGE;

		memset(buf, (int)(i / PAGE + 1), n);
		write(fd, buf, n);
		i += n - 1;
	}
	return fd;
}

/* Pages of RSS-independent truth: is [p, p+len) mapped? (mincore knows.) */
static int is_mapped(void *p, size_t len)
{
	unsigned char vec[256];

	return mincore(p, len, vec) == 0;
}
