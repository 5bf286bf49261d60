/* SPDX-License-Identifier: MIT */
/*
 * System calls as a rewritten call site makes them (docs/fastpath.md): by a jump to stub_site, with rcx = the address of the original
 * instruction. Where there is none (natively) the instruction itself is executed.
 */
#pragma once

#include <stdint.h>
#include <sys/auxv.h>

#define AT_PICKET_FASTCALL 0x70696b65

static uint64_t fast_site;

static inline void fast_begin(void)
{
	fast_site = getauxval(AT_PICKET_FASTCALL);
}

/* Checks besides that all registers and flags but rax, rcx and r11 are kept. */
static inline long fast6(long nr, long a0, long a1, long a2, long a3, long a4, long a5)
{
	register long r10 __asm__("r10") = a3;
	register long r8 __asm__("r8") = a4;
	register long r9 __asm__("r9") = a5;
	long ret = nr;

	__asm__ volatile("test %[site], %[site]\n\t"
			 "lea 1f(%%rip), %%rcx\n\t"
			 "jz 1f\n\t"
			 "jmp *%[site]\n"
			 "1: syscall"
			 : "+a"(ret), "+D"(a0), "+S"(a1), "+d"(a2), "+r"(r10), "+r"(r8), "+r"(r9)
			 : [site] "b"(fast_site)
			 : "rcx", "r11", "memory", "cc");
	return ret;
}

#define FAST_1(nr, a, b, c, d, e, f, ...) fast6((long)(nr), (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
#define fast(...) FAST_1(__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)
