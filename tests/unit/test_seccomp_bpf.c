/* SPDX-License-Identifier: MIT */
/* The checker and the interpreter of guests' seccomp filters. */
#include "kernel/seccomp_bpf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants those before it */
#include <cmocka.h>
#include <errno.h>

#define RET(v) BPF_STMT(BPF_RET | BPF_K, v)
#define N(f) (sizeof(f) / sizeof((f)[0]))

static struct seccomp_prog *compile(const struct sock_filter *f, unsigned n)
{
	struct seccomp_prog *p = calloc(1, sizeof(*p) + n * sizeof(p->insn[0]));

	assert_non_null(p);
	assert_int_equal(seccomp_bpf_check(f, n), 0);
	seccomp_bpf_decode(p, f, n);
	return p;
}

static uint32_t run(const struct sock_filter *f, unsigned n, const struct seccomp_data *d)
{
	struct seccomp_prog *p = compile(f, n);
	uint32_t r = seccomp_bpf_run(p, d);

	free(p);
	return r;
}

static void arithmetic(void **state)
{
	struct seccomp_data d = {.nr = 7, .args = {0x100000005ull, 3}};
	static const struct {
		uint16_t op;
		uint32_t k, want;
	} cases[] = {{BPF_ADD, 2, 7}, {BPF_SUB, 6, UINT32_MAX}, {BPF_MUL, 0x40000000, 0x40000000}, {BPF_DIV, 2, 2}, {BPF_AND, 4, 4},
		{BPF_OR, 8, 13}, {BPF_XOR, 1, 4}, {BPF_LSH, 31, 0x80000000}, {BPF_RSH, 1, 2}};

	for (size_t i = 0; i < N(cases); i++) {
		struct sock_filter k[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 16), BPF_STMT(BPF_ALU | cases[i].op | BPF_K, cases[i].k),
			BPF_STMT(BPF_RET | BPF_A, 0)};
		struct sock_filter x[] = {BPF_STMT(BPF_LDX | BPF_IMM, cases[i].k), BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 16),
			BPF_STMT(BPF_ALU | cases[i].op | BPF_X, 0), BPF_STMT(BPF_RET | BPF_A, 0)};

		assert_int_equal(run(k, N(k), &d), cases[i].want);
		assert_int_equal(run(x, N(x), &d), cases[i].want);
	}
}

static void edges(void **state)
{
	struct seccomp_data d = {.nr = 7};
	struct sock_filter div0[] = {BPF_STMT(BPF_LDX | BPF_IMM, 0), BPF_STMT(BPF_ALU | BPF_DIV | BPF_X, 0), RET(SECCOMP_RET_ALLOW)};
	struct sock_filter shift[] = {BPF_STMT(BPF_LDX | BPF_IMM, 33), BPF_STMT(BPF_LD | BPF_IMM, 1),
		BPF_STMT(BPF_ALU | BPF_LSH | BPF_X, 0), BPF_STMT(BPF_RET | BPF_A, 0)};
	struct sock_filter len[] = {BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0), BPF_STMT(BPF_RET | BPF_A, 0)};
	struct sock_filter start[] = {BPF_STMT(BPF_MISC | BPF_TXA, 0), BPF_STMT(BPF_RET | BPF_A, 0)};

	assert_int_equal(run(div0, N(div0), &d), 0);
	assert_int_equal(run(shift, N(shift), &d), 2);
	assert_int_equal(run(len, N(len), &d), 64);
	assert_int_equal(run(start, N(start), &d), 0);
}

static void refused(void **state)
{
	static const struct sock_filter bad[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 64), BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 1),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0xfffff000), BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 0), BPF_STMT(BPF_LD | BPF_W | BPF_IND, 0),
		BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, 1), BPF_STMT(BPF_ALU | BPF_DIV | BPF_K, 0), BPF_STMT(BPF_ALU | BPF_LSH | BPF_K, 32),
		BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, 32), BPF_STMT(BPF_ST, 16), BPF_STMT(BPF_STX, 16), BPF_STMT(BPF_LD | BPF_MEM, 0),
		BPF_STMT(BPF_LDX | BPF_MEM, 0), BPF_STMT(BPF_JMP | BPF_JA, 1), BPF_STMT(BPF_JMP | BPF_JA, UINT32_MAX),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0), BPF_JUMP(BPF_JMP | BPF_JSET | BPF_X, 0, 0, 255), BPF_STMT(BPF_RET | BPF_X, 0),
		BPF_STMT(0xffff, 0)};

	for (size_t i = 0; i < N(bad); i++) {
		struct sock_filter f[] = {bad[i], RET(SECCOMP_RET_ALLOW)};

		assert_int_equal(seccomp_bpf_check(f, 2), -EINVAL);
	}
	assert_int_equal(seccomp_bpf_check(bad, 0), -EINVAL);
	assert_int_equal(seccomp_bpf_check((const struct sock_filter[]){BPF_STMT(BPF_LD | BPF_IMM, 0)}, 1), -EINVAL);
}

static void memory(void **state)
{
	/* stored on one of two ways only */
	struct sock_filter half[] = {BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1), BPF_STMT(BPF_ST, 3), BPF_STMT(BPF_LD | BPF_MEM, 3),
		RET(0)};
	struct sock_filter both[] = {BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 2), BPF_STMT(BPF_ST, 3), BPF_STMT(BPF_JMP | BPF_JA, 1),
		BPF_STMT(BPF_STX, 3), BPF_STMT(BPF_LD | BPF_MEM, 3), RET(0)};

	assert_int_equal(seccomp_bpf_check(half, N(half)), -EINVAL);
	assert_int_equal(seccomp_bpf_check(both, N(both)), 0);
}

static void constant(void **state)
{
	struct sock_filter f[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 4), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0xc000003e, 1, 0), RET(0),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0), BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 100, 3, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 50, 0, 1), BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 16), RET(SECCOMP_RET_ALLOW),
		RET(SECCOMP_RET_LOG)};
	struct seccomp_prog *p = compile(f, N(f));

	assert_true(seccomp_bpf_always_allows(p, 0xc000003e, 1));
	assert_false(seccomp_bpf_always_allows(p, 0xc000003e, 50)); /* it looks at an argument */
	assert_true(seccomp_bpf_always_allows(p, 0xc000003e, 100)); /* it would be logged */
	assert_false(seccomp_bpf_always_allows(p, 0x40000003, 1));
	free(p);
}

static void cost(void **state)
{
	struct sock_filter f[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 1),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x80000000, 0, 1), BPF_STMT(BPF_ALU | BPF_DIV | BPF_X, 0), BPF_STMT(BPF_RET | BPF_A, 0)};

	assert_int_equal(seccomp_bpf_cost(f, N(f)), 3 + 1 + 1 + 3 + 5 + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(arithmetic), cmocka_unit_test(edges),	  cmocka_unit_test(refused),
		cmocka_unit_test(memory),     cmocka_unit_test(constant), cmocka_unit_test(cost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
