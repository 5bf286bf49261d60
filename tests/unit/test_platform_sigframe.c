/* SPDX-License-Identifier: MIT */
/* Signal frames: what is built can be taken apart again, and lies where Linux puts it. */
#include "arch/arch.h"
#include "arch/x86_64/sigframe.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include <cmocka.h>

#define SIZE 2696 /* of an AVX-512 state */

static struct guest_xstate *make_xstate(void)
{
	struct guest_xstate *xs = aligned_alloc(64, sizeof(*xs));

	assert_non_null(xs);
	xs->size = SIZE;
	for (unsigned i = 0; i < SIZE; i++)
		xs->data[i] = (uint8_t)(i * 7);
	return xs;
}

static void test_round_trip(void **state)
{
	struct arch_sigframe sf = {.handler = 0x4000,
		.restorer = 0x5000,
		.mask = 0x1234,
		.sas_sp = 0x9000,
		.sas_size = 8192,
		.sas_flags = 2,
		.trapno = 14,
		.error_code = 4,
		.cr2 = 0x77};
	struct guest_regs
		regs = {.rip = 0x1111, .rsp = 0x7000000, .rax = 1, .rbx = 2, .rdi = 3, .r15 = 4, .eflags = 0x646},
		before = regs, after = {.fs_base = 9};
	struct guest_xstate *xs = make_xstate();
	static uint8_t buf[ARCH_SIGFRAME_MAX];
	struct arch_sigframe out;
	uint64_t addr, fp;
	size_t len;

	sf.info[0] = 11;
	len = arch_sigframe_build(&sf, &regs, xs, regs.rsp - ARCH_REDZONE, buf, &addr);
	assert_int_equal((addr + 8) % 16, 0);
	assert_true(addr + len <= before.rsp - ARCH_REDZONE);
	assert_int_equal(regs.rsp, addr);
	assert_int_equal(regs.rip, sf.handler);
	assert_int_equal(regs.rdi, 11);
	assert_int_equal(regs.eflags & 0x400, 0);
	memcpy(&fp, buf, 8);
	assert_int_equal(fp, sf.restorer);
	{ /* as the C library sees it */
		ucontext_t uc;

		memcpy(&uc, buf + (regs.rdx - addr), 304);
		assert_int_equal(uc.uc_mcontext.gregs[REG_RIP], 0x1111);
		assert_int_equal(uc.uc_mcontext.gregs[REG_TRAPNO], 14);
		assert_int_equal(uc.uc_mcontext.gregs[REG_CR2], 0x77);
	}

	regs.rsp += 8; /* the handler returns */
	assert_int_equal(arch_sigreturn_addr(&regs), addr);
	arch_sigreturn_parse(buf, &after, &out, &fp);
	assert_int_equal(after.rip, before.rip);
	assert_int_equal(after.rsp, before.rsp);
	assert_int_equal(after.r15, 4);
	assert_int_equal(after.fs_base, 9);
	assert_int_equal(out.mask, 0x1234);
	assert_int_equal(out.sas_size, 8192);
	assert_int_equal(fp % 64, 0);
	assert_int_equal(arch_xstate_frame_size(buf + (fp - addr), xs), SIZE);
	assert_memory_equal(buf + (fp - addr), xs->data, X86_FX_SW);
	assert_memory_equal(buf + (fp - addr) + 512, xs->data + 512, SIZE - 512);
	free(xs);
}

static void test_hostile_sizes(void **state)
{
	struct guest_xstate *host = make_xstate();
	struct x86_fx_sw sw = {.magic1 = X86_FP_MAGIC1, .xstate_size = SIZE + 8, .extended_size = SIZE + 12};
	uint8_t fx[512] = {0};

	assert_int_equal(arch_xstate_frame_size(fx, host), 512);
	memcpy(fx + X86_FX_SW, &sw, sizeof(sw));
	assert_int_equal(arch_xstate_frame_size(fx, host), 512);
	sw.xstate_size = UINT32_MAX;
	memcpy(fx + X86_FX_SW, &sw, sizeof(sw));
	assert_int_equal(arch_xstate_frame_size(fx, host), 512);
	sw.xstate_size = SIZE;
	sw.extended_size = SIZE + 4;
	memcpy(fx + X86_FX_SW, &sw, sizeof(sw));
	assert_int_equal(arch_xstate_frame_size(fx, host), SIZE);
	free(host);
}

static void test_without_xstate(void **state)
{
	struct arch_sigframe sf = {.handler = 1}, out;
	struct guest_regs regs = {.rsp = 0x10001, .rip = 5}, back = {0};
	static uint8_t buf[ARCH_SIGFRAME_MAX];
	uint64_t addr, fp = 1;
	size_t len = arch_sigframe_build(&sf, &regs, NULL, regs.rsp, buf, &addr);

	assert_int_equal(len, ARCH_SIGFRAME_HEAD);
	assert_int_equal((addr + 8) % 16, 0);
	arch_sigreturn_parse(buf, &back, &out, &fp);
	assert_int_equal(fp, 0);
	assert_int_equal(back.rip, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_hostile_sizes),
		cmocka_unit_test(test_without_xstate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
