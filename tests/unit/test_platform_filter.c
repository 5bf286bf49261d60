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

static struct sock_filter first[STUB_FILTER_MAX], watch[STUB_WATCH_MAX];
static unsigned first_len, watch_len;

#define GUEST_IP 0x401000ull
#define A SECCOMP_RET_ALLOW
#define N SECCOMP_RET_USER_NOTIF
#define T SECCOMP_RET_TRAP
#define K SECCOMP_RET_KILL_PROCESS
#define NATIVE_IP (STUB_FAST + 0x102)

static uint32_t run_prog(const struct sock_filter *prog, unsigned prog_len, const struct seccomp_data *d)
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

static uint32_t run(const struct seccomp_data *d)
{
	return run_prog(first, first_len, d);
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
	first_len = filter_build(first, STUB_FILTER_MAX, true);
	watch_len = filter_build_watch(watch, STUB_WATCH_MAX, NATIVE_IP);
	return first_len && watch_len ? 0 : -1;
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
	assert_int_equal(call(449 /* futex_waitv */, 0x10000, 1, 0, 0), A);
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
	assert_int_equal(call(__NR_futex, 0, 6, 0, 0), T);
	assert_int_equal(call(__NR_futex, 0, 11, 0, 0), T);
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
		__NR_exit_group, __NR_rt_sigreturn, __NR_brk, __NR_shmat, __NR_shmdt, __NR_msync, __NR_io_setup, __NR_io_destroy,
		435};

	for (unsigned i = 0; i < ARRAY_SIZE(full); i++)
		assert_int_equal(call(full[i], 0, 0, 0, 0), T);
	for (int nr = 0; nr < 1100; nr++) {
		uint32_t r = call(nr, ~0ull, ~0ull, ~0ull, ~0ull);

		if (nr == __NR_sched_yield || nr == 449 /* futex_waitv */)
			assert_int_equal(r, A);
		else
			assert_true(r == N || r == T);
	}
	assert_int_equal(call(STUB_BELL, 0, 0, 0, 0), N);
	assert_int_equal(call(0x40000000 | __NR_read, 0, 0, 0, 0), N);
}

/* What no answer of the sentry's lets the host carry out. */
static void test_never_hosted(void **state)
{
	static const int never[] = {__NR_unshare, __NR_setns, __NR_mount, __NR_umount2, __NR_pivot_root, __NR_chroot, __NR_bpf, __NR_keyctl, __NR_add_key,
		__NR_request_key, __NR_userfaultfd, __NR_perf_event_open, __NR_ptrace, __NR_process_vm_readv, __NR_process_vm_writev, __NR_socketpair,
		__NR_init_module, __NR_finit_module, __NR_kexec_load, __NR_open_by_handle_at, 425 /* io_uring_setup */, 426, 427, 428 /* open_tree */, 429,
		430, 431, 432, 433, 442 /* mount_setattr */};
	uint64_t light[LIGHT_MAP];

	filter_light_map(light);
	assert_true(light[__NR_read / 64] >> __NR_read % 64 & 1);
	for (unsigned i = 0; i < ARRAY_SIZE(never); i++) {
		assert_int_equal(call(never[i], 0, 0, 0, 0), T);
		assert_int_equal(call_at(STUB_FAST + 0xe2, never[i], 0, 0, 0, 0), T);
		assert_false(light[never[i] / 64] >> never[i] % 64 & 1);
	}
	assert_int_equal(call(__NR_socket, 1 /* AF_UNIX */, 1, 0, 0), T);
	assert_int_equal(call(__NR_socket, 16 /* AF_NETLINK */, 3, 0, 0), T);
	assert_int_equal(call(__NR_socket, 2, 1, 0, 0), N);
	assert_int_equal(call(__NR_socket, 10, 1, 0, 0), N);
}

/* Files: the stub's code maps some of its own accord, where nothing can come of it. */
static uint32_t stub_maps(uint64_t addr, uint64_t len, uint64_t flags, uint64_t fd)
{
	struct seccomp_data d = {.nr = __NR_mmap, .arch = AUDIT_ARCH_X86_64, .instruction_pointer = STUB_TEXT + 0x40,
		.args = {addr, len, 3, flags, fd, 0}};

	return run(&d);
}

static void test_stub_maps(void **state)
{
	assert_int_equal(stub_maps(0, 4096, 2, STUB_FD_FIRST), A);
	assert_int_equal(stub_maps(0x10000, 4096, 0x12, STUB_FD_WHOLE_END - 1), A);
	assert_int_equal(stub_maps(0, 4096, 2, STUB_FD_FIRST - 1), N);
	assert_int_equal(stub_maps(0, 4096, 2, STUB_FD_WHOLE_END), N);
	assert_int_equal(stub_maps(0, 4096, 2, 1ull << 32 | STUB_FD_FIRST), N); /* as a forked child's first one */
	assert_int_equal(stub_maps(0, 4096, 1, STUB_FD_FIRST), N);
	assert_int_equal(stub_maps(0, 4096, 3, STUB_FD_FIRST), N);
	assert_int_equal(stub_maps(STUB_GUEST_MAX, 4096, 0x12, STUB_FD_FIRST), N);
	assert_int_equal(stub_maps(STUB_TEXT, 4096, 0x12, STUB_FD_FIRST), N);
	assert_int_equal(stub_maps(0x10000, STUB_LEN_MAX, 0x12, STUB_FD_FIRST), N);
	assert_int_equal(stub_maps(0, 4096, 0x102, STUB_FD_FIRST), K);
	assert_int_equal(stub_maps(0, 4096, 0x2002, STUB_FD_FIRST), K);
	assert_int_equal(call(__NR_mmap, 0, 4096, 3, 2), T); /* elsewhere never */
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
	assert_int_equal(call_at(ip, __NR_prctl, 4, 1, 0, 0), A); /* a stub is looked into, the zygote is not */
	assert_int_equal(call_at(ip, __NR_sendmsg, 0, 0, 0, 0), A);
	assert_int_equal(call_at(ip, __NR_sendmsg, 64, 0, 0, 0), K);
	assert_int_equal(call_at(ip, __NR_read, 0, 0, 0, 0), K);
	assert_int_equal(call_at(ip, __NR_openat, 0, 0, 0, 0), K);
	assert_int_equal(call_at(ip, __NR_fork, 0, 0, 0, 0), K);
	assert_int_equal(call_at(ip, __NR_seccomp, 1, 1, 0, 0), N);
	assert_int_equal(call_at(0xffffffffff600400ull, __NR_time, 0, 0, 0, 0), T);
	/* The fast entry's call is the guest's own. */
	assert_int_equal(call_at(STUB_FAST + 0xe2, __NR_read, 0, 0, 0, 0), N);
	assert_int_equal(call_at(STUB_FAST + 0xe2, __NR_clone, 0, 0, 0, 0), T);
}

static uint32_t watch_at(uint64_t ip, int nr, const uint64_t *a)
{
	struct seccomp_data d = {.nr = nr, .arch = AUDIT_ARCH_X86_64, .instruction_pointer = ip};
	uint32_t r;

	memcpy(d.args, a, sizeof(d.args));
	r = run_prog(watch, watch_len, &d);
	assert_true(r == A || r == T);
	/* Exactly what the first one lets a guest do. */
	if (ip == GUEST_IP)
		assert_int_equal(r, run(&d) == A ? T : A);
	return r;
}

static void test_watch(void **state)
{
	static const uint64_t values[] = {0, 1, 3, 4, 9, 0x22, 0x32, 0x80, 0x189, 0x1002, 4096, 8192, 0x10000, STUB_GUEST_MAX,
		STUB_TEXT, STUB_LEN_MAX, ~0ull};
	static const int nrs[] = {__NR_mmap, __NR_munmap, __NR_mprotect, __NR_madvise, __NR_mremap, __NR_futex,
		__NR_arch_prctl, __NR_sched_yield, __NR_read, __NR_seccomp, __NR_clone, STUB_BELL};
	const unsigned n = ARRAY_SIZE(values);
	uint32_t seed = 1;

	for (unsigned i = 0; i < ARRAY_SIZE(nrs); i++)
		for (unsigned k = 0; k < 4000; k++) {
			uint64_t a[6];

			for (unsigned j = 0; j < 6; j++) {
				seed = seed * 1664525 + 1013904223;
				a[j] = values[(seed >> 16) % n];
			}
			watch_at(GUEST_IP, nrs[i], a);
			assert_int_equal(watch_at(STUB_TEXT + 0x40, nrs[i], a), A);
			if (nrs[i] == __NR_futex)
				assert_int_equal(watch_at(NATIVE_IP, nrs[i], a), A);
			else
				assert_int_equal(watch_at(NATIVE_IP, nrs[i], a), watch_at(GUEST_IP, nrs[i], a));
			assert_int_equal(watch_at(NATIVE_IP + 2, nrs[i], a), watch_at(GUEST_IP, nrs[i], a));
		}
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
		cmocka_unit_test(test_never_hosted),
		cmocka_unit_test(test_stub), cmocka_unit_test(test_stub_maps),
		cmocka_unit_test(test_watch),
		cmocka_unit_test(test_foreign),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
