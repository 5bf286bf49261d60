/* SPDX-License-Identifier: MIT */
/* The stub's filter, run by a small interpreter over the calls that matter. */
#include "platform/internal.h"

#include <asm/unistd.h>
#include <linux/audit.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct sock_filter prog[STUB_FILTER_MAX];
static unsigned prog_len;

#define GUEST_IP 0x401000ull
#define A SECCOMP_RET_ALLOW
#define N SECCOMP_RET_USER_NOTIF
#define T SECCOMP_RET_TRAP
#define K SECCOMP_RET_KILL_PROCESS

static uint32_t run(const struct seccomp_data *d)
{
	uint32_t acc = 0, x = 0;

	for (unsigned pc = 0; pc < prog_len; pc++) {
		const struct sock_filter *f = &prog[pc];
		bool taken = false;

		switch (f->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			memcpy(&acc, (const uint8_t *)d + f->k, sizeof(acc));
			continue;
		case BPF_ALU | BPF_AND | BPF_K:
			acc &= f->k;
			continue;
		case BPF_RET | BPF_K:
			return f->k;
		case BPF_JMP | BPF_JEQ | BPF_K:
			taken = acc == f->k;
			break;
		case BPF_JMP | BPF_JGE | BPF_K:
			taken = acc >= f->k;
			break;
		case BPF_MISC | BPF_TAX:
			x = acc;
			continue;
		case BPF_JMP | BPF_JEQ | BPF_X:
			taken = acc == x;
			break;
		case BPF_JMP | BPF_JGT | BPF_X:
			taken = acc > x;
			break;
		case BPF_JMP | BPF_JGT | BPF_K:
			taken = acc > f->k;
			break;
		case BPF_JMP | BPF_JSET | BPF_K:
			taken = acc & f->k;
			break;
		default:
			fail_msg("unknown instruction %x", f->code);
		}
		pc += taken ? f->jt : f->jf;
	}
	fail_msg("the program does not end");
	return 0;
}

static uint32_t call_at(uint64_t ip, int nr, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3)
{
	struct seccomp_data d = {
		.nr = nr, .arch = AUDIT_ARCH_X86_64, .instruction_pointer = ip, .args = {a0, a1, a2, a3, 0, 0}};

	return run(&d);
}

static uint32_t call(int nr, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3)
{
	return call_at(GUEST_IP, nr, a0, a1, a2, a3);
}

static int setup(void **state)
{
	prog_len = filter_build(prog, STUB_FILTER_MAX);
	return prog_len ? 0 : -1;
}

static void test_native(void **state)
{
	assert_int_equal(call(__NR_mmap, 0, 4096, 3, 0x22), A);
	assert_int_equal(call(__NR_mmap, 0x10000, 4096, 3, 0x32), A);
	assert_int_equal(call(__NR_mmap, STUB_GUEST_MAX - 4096, 4096, 3, 0x32), A);
	assert_int_equal(call(__NR_munmap, 0x10000, STUB_LEN_MAX - 1, 0, 0), A);
	assert_int_equal(call(__NR_mprotect, 0x10000, 4096, 7, 0), A);
	assert_int_equal(call(__NR_madvise, 0x10000, 4096, 4, 0), A);
	assert_int_equal(call(__NR_madvise, 0x10000, 4096, 25, 0), A);
	assert_int_equal(call(__NR_mremap, 0x10000, 8192, 4096, 1), A);
	assert_int_equal(call(__NR_mremap, 0x10000, 4096, 4096, 1), A);
	assert_int_equal(call(__NR_mremap, 0x10000, 0x100000000, 0xfffff000, 1), A);
	assert_int_equal(call(__NR_futex, 0, 0x80, 0, 0), A);
	assert_int_equal(call(__NR_futex, 0, 0x189, 0, 0), A);
	assert_int_equal(call(__NR_futex, 0, 5, 0, 0), A);
	assert_int_equal(call(__NR_sched_yield, 0, 0, 0, 0), A);
	assert_int_equal(call(__NR_arch_prctl, 0x1002, 0, 0, 0), A);
}

/* What reaches the stub, locks memory, touches files or other processes is not native. */
static void test_not_native(void **state)
{
	assert_int_equal(call(__NR_mmap, STUB_GUEST_MAX, 4096, 3, 0x32), T);
	assert_int_equal(call(__NR_mmap, STUB_TEXT, 4096, 3, 0x32), T);
	assert_int_equal(call(__NR_mmap, 0x10000, STUB_LEN_MAX, 3, 0x22), T);
	assert_int_equal(call(__NR_mmap, 0, 4096, 3, 0x02), T);
	assert_int_equal(call(__NR_mmap, 0, 4096, 3, 0x21), T);
	assert_int_equal(call(__NR_mmap, 0, 4096, 3, 0x23), T);
	assert_int_equal(call(__NR_mmap, 0, 4096, 3, 0x122), T);
	assert_int_equal(call(__NR_mmap, 0, 4096, 3, 0x2022), T);
	assert_int_equal(call(__NR_mmap, 0, 4096, 3, 0x40022), T);
	assert_int_equal(call(__NR_munmap, STUB_TEXT, 4096, 0, 0), T);
	assert_int_equal(call(__NR_munmap, ~0ull, 4096, 0, 0), T);
	assert_int_equal(call(__NR_mprotect, STUB_SLOTS, 4096, 7, 0), T);
	assert_int_equal(call(__NR_mprotect, 0x10000, 4096, 0x01000001, 0), T);
	assert_int_equal(call(__NR_madvise, 0x10000, 4096, 9, 0), T);
	assert_int_equal(call(__NR_madvise, 0x10000, 4096, 12, 0), T);
	assert_int_equal(call(__NR_madvise, 0x10000, 4096, 100, 0), T);
	assert_int_equal(call(__NR_mremap, 0x10000, 4096, 4096, 3), T);
	assert_int_equal(call(__NR_mremap, 0x10000, 4096, 8192, 1), T); /* growing would show what is behind a mapping */
	assert_int_equal(call(__NR_mremap, 0x10000, 0xfffff000, 0x100000000, 1), T);
	assert_int_equal(call(__NR_mremap, 0x10000, 4096, STUB_LEN_MAX, 1), T);
	assert_int_equal(call(__NR_futex, 0, 6, 0, 0), N);
	assert_int_equal(call(__NR_futex, 0, 11, 0, 0), N);
	assert_int_equal(call(__NR_arch_prctl, 0x1001, 0, 0, 0), T);
	assert_int_equal(call(__NR_arch_prctl, 0x1003, 0, 0, 0), T);
	assert_int_equal(call(__NR_arch_prctl, 0x1004, 0, 0, 0), T);
	assert_int_equal(call(__NR_arch_prctl, 0x1000, 0, 0, 0), N);
	assert_int_equal(call(__NR_arch_prctl, 0x1005, 0, 0, 0), N);
	assert_int_equal(call(__NR_arch_prctl, 0x1011, 0, 0, 0), N);
	assert_int_equal(call(__NR_arch_prctl, 0x1022, 0, 0, 0), N);
}

static void test_asked(void **state)
{
	static const int full[] = {__NR_clone, __NR_fork, __NR_vfork, __NR_execve, __NR_execveat, __NR_exit,
		__NR_exit_group, __NR_rt_sigreturn, __NR_brk, __NR_shmat, __NR_shmdt, __NR_msync, 435};

	for (unsigned i = 0; i < ARRAY_SIZE(full); i++)
		assert_int_equal(call(full[i], 0, 0, 0, 0), T);
	for (int nr = 0; nr < 1100; nr++) {
		uint32_t r = call(nr, ~0ull, ~0ull, ~0ull, ~0ull);

		if (nr == __NR_sched_yield)
			assert_int_equal(r, A);
		else
			assert_true(r == N || r == T);
	}
	assert_int_equal(call(STUB_BELL, 0, 0, 0, 0), N);
	assert_int_equal(call(0x40000000 | __NR_read, 0, 0, 0, 0), N);
}

static void test_stub(void **state)
{
	const uint64_t ip = STUB_TEXT + 0x40;

	assert_int_equal(call_at(ip, STUB_BELL, 0, 0, 0, 0), N);
	assert_int_equal(call_at(ip, __NR_clone, 0, 0, 0, 0), N);
	assert_int_equal(call_at(ip, __NR_mmap, 0, 4096, 1, 2), N);
	assert_int_equal(call_at(ip, __NR_mmap, STUB_SLOTS, 4096, 3, 0x32), A);
	assert_int_equal(call_at(ip, __NR_mmap, 0, 4096, 3, 0x40022), K);
	assert_int_equal(call_at(ip, __NR_mremap, 0x10000, 8192, 8192, 3), A);
	assert_int_equal(call_at(ip, __NR_mremap, 0x10000, 8192, 12288, 3), K); /* a guest may jump here */
	assert_int_equal(call_at(ip, __NR_futex, 0, 1, 0, 0), A);
	assert_int_equal(call_at(ip, __NR_futex, 0, 6, 0, 0), K); /* no priority inheritance for anybody */
	assert_int_equal(call_at(ip, __NR_rt_sigreturn, 0, 0, 0, 0), A);
	assert_int_equal(call_at(ip, __NR_exit, 0, 0, 0, 0), A);
	assert_int_equal(call_at(ip, __NR_prctl, 1, 9, 0, 0), A);
	assert_int_equal(call_at(ip, __NR_prctl, 1, 0, 0, 0), K);
	assert_int_equal(call_at(ip, __NR_prctl, 4, 0, 0, 0), K);
	assert_int_equal(call_at(ip, __NR_sendmsg, 0, 0, 0, 0), A);
	assert_int_equal(call_at(ip, __NR_sendmsg, 64, 0, 0, 0), K);
	assert_int_equal(call_at(ip, __NR_read, 0, 0, 0, 0), K);
	assert_int_equal(call_at(ip, __NR_openat, 0, 0, 0, 0), K);
	assert_int_equal(call_at(ip, __NR_fork, 0, 0, 0, 0), K);
	assert_int_equal(call_at(0xffffffffff600400ull, __NR_time, 0, 0, 0, 0), T);
	/* The fast entry's call is the guest's own. */
	assert_int_equal(call_at(STUB_FAST + 0xe2, __NR_read, 0, 0, 0, 0), N);
	assert_int_equal(call_at(STUB_FAST + 0xe2, __NR_clone, 0, 0, 0, 0), T);
}

static void test_foreign(void **state)
{
	struct seccomp_data d = {.nr = 1, .arch = AUDIT_ARCH_I386};

	assert_int_equal(run(&d), K);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_native),
		cmocka_unit_test(test_not_native),
		cmocka_unit_test(test_asked),
		cmocka_unit_test(test_stub),
		cmocka_unit_test(test_foreign),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
