/* SPDX-License-Identifier: MIT */
/* The rewriter: lengths of instructions, plans for hand-assembled text, and rewritten text that runs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "insn.h"
#include "rewrite_elf.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define B(...) ((const uint8_t[]){__VA_ARGS__})
#define BASE 0x10000000ull

/* --- lengths --- */

static void test_lengths(void **state)
{
	static const struct {
		uint8_t len, kind, disp;
		uint8_t bytes[INSN_MAX];
	} t[] = {
		{1, INSN_PLAIN, 0, {0x90}},
		{2, INSN_SYSCALL, 0, {0x0f, 0x05}},
		{5, INSN_PLAIN, 0, {0xb8, 39, 0, 0, 0}},
		{4, INSN_PLAIN, 0, {0x66, 0xb8, 39, 0}},
		{10, INSN_PLAIN, 0, {0x48, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8}},
		{7, INSN_PLAIN, 0, {0x48, 0xc7, 0xc0, 39, 0, 0, 0}},
		{5, INSN_PLAIN, 0, {0x4c, 0x8b, 0x4c, 0x24, 8}},
		{7, INSN_PLAIN, 3, {0x48, 0x8d, 0x0d, 1, 2, 3, 4}},
		{7, INSN_PLAIN, 2, {0x83, 0x3d, 1, 2, 3, 4, 9}},
		{10, INSN_PLAIN, 2, {0xc7, 0x05, 1, 2, 3, 4, 5, 6, 7, 8}},
		{9, INSN_PLAIN, 3, {0x66, 0xc7, 0x05, 1, 2, 3, 4, 5, 6}},
		{7, INSN_PLAIN, 0, {0x48, 0x8b, 0x04, 0x25, 1, 2, 3}}, /* cut: 8 */
		{2, INSN_JCC, 0, {0x74, 0x10}},
		{6, INSN_JCC, 0, {0x0f, 0x84, 1, 2, 3, 4}},
		{5, INSN_JMP, 0, {0xe9, 1, 2, 3, 4}},
		{5, INSN_CALL, 0, {0xe8, 1, 2, 3, 4}},
		{6, INSN_JMP_REG, 2, {0xff, 0x25, 1, 2, 3, 4}},
		{2, INSN_CALL_REG, 0, {0xff, 0xd0}},
		{1, INSN_RET, 0, {0xc3}},
		{2, INSN_TRAP, 0, {0x0f, 0x0b}},
		{4, INSN_PLAIN, 0, {0xf3, 0x0f, 0x1e, 0xfa}},
		{9, INSN_PLAIN, 0, {0x66, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0}},
		{4, INSN_PLAIN, 0, {0xc5, 0xf5, 0xef, 0xc0}},
		{6, INSN_PLAIN, 0, {0xc4, 0xe3, 0x7d, 0x19, 0xc0, 1}},
		{6, INSN_PLAIN, 0, {0x62, 0xf1, 0x7d, 0x48, 0xef, 0xc0}},
		{7, INSN_PLAIN, 0, {0x62, 0xf3, 0x7d, 0x48, 0x3e, 0xc0, 1}},
		{10, INSN_PLAIN, 6, {0x62, 0xf1, 0x7c, 0x48, 0x10, 0x05, 1, 2, 3, 4}},
		{10, INSN_PLAIN, 0, {0xf7, 0x84, 0x24, 1, 2, 3, 4, 5, 6, 7}}, /* cut: 11 */
		{2, INSN_PLAIN, 0, {0xf7, 0xd8}},
		{9, INSN_PLAIN, 0, {0xa1, 1, 2, 3, 4, 5, 6, 7, 8}},
		{6, INSN_JCC, 0, {0xc7, 0xf8, 1, 2, 3, 4}},
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct insn in;
		unsigned len = insn_decode(t[i].bytes, t[i].len, &in);

		if (i == 11 || i == 27) {
			assert_int_equal(len, 0);
			assert_int_equal(insn_decode(t[i].bytes, INSN_MAX, &in), t[i].len + 1);
			continue;
		}
		assert_int_equal(len, t[i].len);
		assert_int_equal(in.kind, t[i].kind);
		assert_int_equal(in.disp_off, t[i].disp);
	}
}

static void test_no_instruction(void **state)
{
	struct insn in;

	assert_int_equal(insn_decode(B(0x06), 1, &in), 0);
	assert_int_equal(insn_decode(B(0x0f, 0x04), 2, &in), 0);
	assert_int_equal(insn_decode(B(0x48), 1, &in), 0);
	assert_int_equal(insn_decode(B(0x66, 0xc5, 0xf5, 0xef, 0xc0), 5, &in), 0);
	assert_int_equal(insn_decode(B(0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x90), 16, &in), 0);
	assert_int_equal(insn_decode(B(0x90), 0, &in), 0);
}

/* --- plans --- */

static int plan(const uint8_t *text, size_t len, struct rewrite_plan *p)
{
	const struct rewrite_range all = {BASE, len};
	const struct rewrite_input in = {.text = text, .len = len, .addr = BASE, .funcs = &all, .n_funcs = 1};

	return rewrite_plan(&in, p);
}

static unsigned sites(const uint8_t *text, size_t len)
{
	struct rewrite_plan p;
	unsigned n;

	assert_int_equal(plan(text, len, &p), 0);
	n = p.n_sites;
	assert_true(rewrite_sites_valid(p.sites, n, len, p.area_len));
	rewrite_plan_free(&p);
	return n;
}
#define SITES(...) sites(B(__VA_ARGS__), sizeof(B(__VA_ARGS__)))

static void test_windows(void **state)
{
	/* mov $39,%eax; syscall; ret */
	assert_int_equal(SITES(0xb8, 39, 0, 0, 0, 0x0f, 0x05, 0xc3), 1);
	/* the same with mov $15, $202: left */
	assert_int_equal(SITES(0xb8, 15, 0, 0, 0, 0x0f, 0x05, 0xc3), 0);
	assert_int_equal(SITES(0x48, 0xc7, 0xc0, 15, 0, 0, 0, 0x0f, 0x05, 0xc3), 0);
	assert_int_equal(SITES(0xb8, 202, 0, 0, 0, 0x0f, 0x05, 0xc3), 0);
	/* one that begins a byte too early */
	assert_int_equal(SITES(0x00, 0x48, 0xc7, 0xc0, 15, 0, 0, 0, 0x0f, 0x05, 0x0f, 0x0b), 0);
	/* xor %edi,%edi between */
	assert_int_equal(SITES(0xb8, 39, 0, 0, 0, 0x31, 0xff, 0x0f, 0x05, 0xc3), 1);
	/* nothing of five bytes: several, at a function's start */
	assert_int_equal(SITES(0x89, 0xf8, 0x31, 0xff, 0x0f, 0x05, 0xc3), 0);
	assert_int_equal(SITES(0x89, 0xf8, 0x31, 0xff, 0x31, 0xf6, 0x0f, 0x05, 0xc3), 1);
	assert_int_equal(SITES(0x89, 0xf8, 0x31, 0xff, 0x31, 0xf6, 0x0f, 0x05, 0xff, 0xe0), 0);
	assert_int_equal(SITES(0x89, 0xf8, 0x31, 0xff, 0x31, 0xf6, 0x0f, 0x05, 0xeb, 0xf8), 0);
	assert_int_equal(SITES(0x89, 0xf8, 0x31, 0xff, 0x31, 0xf6, 0x0f, 0x05, 0xeb, 0xf6), 1);
	assert_int_equal(SITES(0xff, 0xd0, 0x89, 0xf8, 0x31, 0xff, 0x31, 0xf6, 0x0f, 0x05, 0xc3), 0);
	/* a call, a branch between */
	assert_int_equal(SITES(0xb8, 39, 0, 0, 0, 0xff, 0xd0, 0x0f, 0x05, 0xc3), 0);
	assert_int_equal(SITES(0xb8, 39, 0, 0, 0, 0x74, 0x00, 0x0f, 0x05, 0xc3), 0);
	/* over one branch, if the number stands behind it */
	assert_int_equal(SITES(0xbf, 1, 0, 0, 0, 0x74, 0x04, 0x31, 0xc0, 0x0f, 0x05, 0xc3), 1);
	assert_int_equal(SITES(0xbf, 1, 0, 0, 0, 0x74, 0x06, 0x74, 0x04, 0x31, 0xc0, 0x0f, 0x05, 0xc3), 0);
	assert_int_equal(SITES(0xbf, 1, 0, 0, 0, 0xe3, 0x04, 0x31, 0xc0, 0x0f, 0x05, 0xc3), 0);
	/* a jump to the window, to behind it: harmless; into it: not */
	assert_int_equal(SITES(0xb8, 39, 0, 0, 0, 0x0f, 0x05, 0xeb, 0xf7), 1);
	assert_int_equal(SITES(0xb8, 39, 0, 0, 0, 0x0f, 0x05, 0xeb, 0xfc), 1);
	assert_int_equal(SITES(0xb8, 39, 0, 0, 0, 0x0f, 0x05, 0xeb, 0xf9), 0);
	/* the bytes of a syscall in another instruction */
	assert_int_equal(SITES(0xb8, 39, 0, 0, 0, 0xb8, 0x0f, 0x05, 0, 0, 0xc3), 0);
	/* with a prefix */
	assert_int_equal(SITES(0xb8, 39, 0, 0, 0, 0x48, 0x0f, 0x05, 0xc3), 0);
	/* data in the function */
	assert_int_equal(SITES(0xb8, 39, 0, 0, 0, 0x0f, 0x05, 0xc3, 0x06, 0x06), 0);
	/* the last instruction is longer than the function */
	assert_int_equal(SITES(0xb8, 39, 0, 0, 0, 0x0f, 0x05, 0xb8, 0), 0);
	/* two in a row: the second has no window of its own */
	assert_int_equal(SITES(0xb8, 39, 0, 0, 0, 0x0f, 0x05, 0x0f, 0x05, 0xc3), 1);
	/* over a branch: its target must be in reach from the trampoline too */
	assert_int_equal(SITES(0xb9, 1, 0, 0, 0, 0x0f, 0x8c, 1, 2, 3, 0, 0x31, 0xc0, 0x0f, 0x05, 0xc3), 1);
	assert_int_equal(SITES(0xb9, 1, 0, 0, 0, 0x0f, 0x8c, 1, 2, 3, 0x8c, 0x31, 0xc0, 0x0f, 0x05, 0xc3), 0);
	/* libc's syscall(): mov %r9,%r8; mov 8(%rsp),%r9; syscall */
	assert_int_equal(SITES(0x4d, 0x89, 0xc8, 0x4c, 0x8b, 0x4c, 0x24, 8, 0x0f, 0x05, 0xc3), 1);
}

/* Hints from a hostile file: sizes and places without sense. */
static void test_hints(void **state)
{
	static const uint8_t text[] = {0xb8, 39, 0, 0, 0, 0x0f, 0x05, 0xc3};
	const struct rewrite_range wild[] = {
		{0, UINT64_MAX}, {UINT64_MAX, UINT64_MAX}, {BASE + 3, UINT64_MAX - BASE - 3}, {BASE, 0}, {BASE + 8, 8}, {BASE - 1, 4}};
	const uint64_t targets[] = {0, UINT64_MAX, BASE + 2, BASE + 8, BASE + 9};
	struct rewrite_input in = {.text = text, .len = sizeof(text), .addr = BASE, .code = wild, .n_code = 6, .funcs = wild, .n_funcs = 6,
		.targets = targets, .n_targets = 5};
	struct rewrite_plan p;

	assert_int_equal(rewrite_plan(&in, &p), 0);
	assert_int_equal(p.n_sites, 0); /* a target in the window */
	rewrite_plan_free(&p);
	in.len = REWRITE_TEXT_MAX;
	assert_int_equal(rewrite_plan(&in, &p), -22);
}

/* A file whose headers name the same bytes again and again stays as it is, and costs no time. */
static void test_repeated(void **state)
{
	enum { SECTIONS = 4000, TABLE = 4096, LEN = 1 << 20 };
	Elf64_Ehdr eh = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT}, .e_type = ET_DYN, .e_machine = EM_X86_64, .e_phoff = 64,
		.e_phentsize = sizeof(Elf64_Phdr), .e_phnum = 1, .e_shoff = TABLE, .e_shentsize = sizeof(Elf64_Shdr), .e_shnum = 2};
	const Elf64_Phdr ph = {.p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_filesz = LEN, .p_memsz = LEN};
	const Elf64_Shdr sh = {.sh_type = SHT_SYMTAB, .sh_size = LEN, .sh_entsize = sizeof(Elf64_Sym)};
	uint8_t *file = calloc(1, LEN);
	struct rewrite_elf e;

	memcpy(file + 64, &ph, sizeof(ph));
	for (unsigned i = 0; i < SECTIONS; i++)
		memcpy(file + TABLE + i * sizeof(sh), &sh, sizeof(sh));
	memcpy(file + LEN / 2, "\xb8\x27\0\0\0\x0f\x05", 7);
	memcpy(file, &eh, sizeof(eh));
	assert_int_equal(rewrite_elf_plan(file, LEN, &e), 0);
	assert_int_equal(e.n, 1);
	rewrite_elf_free(&e);
	eh.e_shnum = SECTIONS;
	memcpy(file, &eh, sizeof(eh));
	assert_int_equal(rewrite_elf_plan(file, LEN, &e), 0);
	assert_int_equal(e.n, 0);
	rewrite_elf_free(&e);
	free(file);
}

/* A sweep from a section's start trusts a site only if the chains around agree. */
static void test_sections(void **state)
{
	uint8_t text[200];
	const struct rewrite_range all = {BASE, sizeof(text)};
	struct rewrite_input in = {.text = text, .len = sizeof(text), .addr = BASE, .code = &all, .n_code = 1};
	struct rewrite_plan p;

	memset(text, 0x90, sizeof(text));
	memcpy(text + 100, "\xb8\x27\0\0\0\x0f\x05", 7);
	assert_int_equal(rewrite_plan(&in, &p), 0);
	assert_int_equal(p.n_sites, 1);
	assert_int_equal(p.sites[0].window, 100);
	rewrite_plan_free(&p);
	text[102] = 9; /* no number */
	assert_int_equal(rewrite_plan(&in, &p), 0);
	assert_int_equal(p.n_sites, 0);
	rewrite_plan_free(&p);
	text[102] = 0;
	text[96] = 0x06; /* data right before it */
	assert_int_equal(rewrite_plan(&in, &p), 0);
	assert_int_equal(p.n_sites, 0);
	assert_int_equal(p.n_doubt, 1);
	rewrite_plan_free(&p);
}

static void test_translation(void **state)
{
	/* mov $39,%eax; xor %edi,%edi; syscall; ret; the same again */
	const uint8_t text[] = {0xb8, 39, 0, 0, 0, 0x31, 0xff, 0x0f, 0x05, 0xc3, 0xb8, 40, 0, 0, 0, 0x0f, 0x05, 0xc3};
	const uint64_t at = 0x7f0000001000ull, area = at + TRAMP_DISTANCE;
	struct rewrite_input in = {.text = text, .len = sizeof(text), .addr = BASE, .funcs = &(struct rewrite_range){BASE, sizeof(text)}, .n_funcs = 1};
	uint8_t copy[sizeof(text)], tramps[256] = {0}, buf[sizeof(text)];
	struct rewrite_plan p;
	uint64_t ip;

	memcpy(copy, text, sizeof(text));
	assert_int_equal(rewrite_plan(&in, &p), 0);
	assert_int_equal(p.n_sites, 2);
	assert_true(p.area_len <= sizeof(tramps));
	rewrite_apply(&in, &p, copy, tramps, 0x1234);
	assert_memory_equal(tramps, "\x34\x12\0\0\0\0\0\0", 8);
	assert_int_equal(copy[0], 0xe9);
	assert_memory_equal(copy + 5, text + 5, 5);
	assert_memory_equal(tramps + p.sites[0].tramp, text, 7);

	for (unsigned i = 0; i < rewrite_tramp_len(&p.sites[0]); i++) {
		assert_true(rewrite_ip_original(p.sites, 2, at, area + p.sites[0].tramp + i, &ip));
		assert_int_equal(ip, at + (i < 7 ? i : 7));
	}
	assert_false(rewrite_ip_original(p.sites, 2, at, area, &ip));
	assert_false(rewrite_ip_original(p.sites, 2, at, area + p.sites[0].tramp + rewrite_tramp_len(&p.sites[0]), &ip));
	assert_true(rewrite_ip_original(p.sites, 2, at, area + p.sites[1].tramp, &ip));
	assert_int_equal(ip, at + 10);
	assert_false(rewrite_ip_original(p.sites, 2, at, at, &ip));

	/* Every piece of the text reads as the original. */
	for (unsigned from = 0; from < sizeof(text); from++)
		for (unsigned len = 0; len <= sizeof(text) - from; len++) {
			memcpy(buf, copy + from, len);
			rewrite_originals(p.sites, 2, at, at + from, buf, len);
			assert_memory_equal(buf, text + from, len);
		}
	/* What is not our jump stays. */
	memset(buf, 0xcc, sizeof(buf));
	rewrite_originals(p.sites, 2, at, at, buf, sizeof(buf));
	assert_int_equal(buf[0], 0xcc);
	assert_ptr_equal(rewrite_site_at(p.sites, 2, at, at + 4, 1), &p.sites[0]);
	assert_ptr_equal(rewrite_site_at(p.sites, 2, at, at + 5, 6), &p.sites[1]);
	assert_null(rewrite_site_at(p.sites, 2, at, at + 5, 5));
	assert_null(rewrite_site_at(p.sites, 2, at, at + 15, UINT64_MAX));
	assert_null(rewrite_site_at(p.sites, 2, at, 0, at));
	rewrite_plan_free(&p);
}

static void test_tables(void **state)
{
	struct rewrite_site s[2] = {{.window = 0, .tramp = 16, .to_syscall = 5, .window_len = 5}, {.window = 7, .tramp = 34, .to_syscall = 5, .window_len = 5}};

	assert_true(rewrite_sites_valid(s, 2, 14, 52));
	assert_false(rewrite_sites_valid(s, 2, 13, 52));
	assert_false(rewrite_sites_valid(s, 2, 14, 51));
	s[1].window = 6;
	assert_false(rewrite_sites_valid(s, 2, 14, 52));
	s[1].window = 7;
	s[1].tramp = 33;
	assert_false(rewrite_sites_valid(s, 2, 14, 52));
	s[1].tramp = UINT32_MAX;
	assert_false(rewrite_sites_valid(s, 2, 14, 52));
	s[1] = (struct rewrite_site){.window = 7, .tramp = 34, .to_syscall = 4, .window_len = 5};
	assert_false(rewrite_sites_valid(s, 2, 14, 52));
	s[0].tramp = 8;
	assert_false(rewrite_sites_valid(s, 1, 14, 52));
}

/* A branch that is longer in the trampoline. */
static void test_translation_branch(void **state)
{
	const uint8_t text[] = {0xbf, 1, 0, 0, 0, 0x74, 0x04, 0x31, 0xc0, 0x0f, 0x05, 0xc3};
	const uint64_t at = 0x7f0000001000ull;
	struct rewrite_plan p;
	uint64_t ip;

	assert_int_equal(plan(text, sizeof(text), &p), 0);
	assert_int_equal(p.n_sites, 1);
	assert_int_equal(p.sites[0].branch, 5);
	for (unsigned i = 0; i < rewrite_tramp_len(&p.sites[0]); i++) {
		assert_true(rewrite_ip_original(p.sites, 1, at, at + TRAMP_DISTANCE + p.sites[0].tramp + i, &ip));
		assert_int_equal(ip - at, i < 5 ? i : i < 11 ? 5 : i < 13 ? i - 4 : 9);
	}
	for (unsigned i = 0; i < sizeof(text); i++) {
		bool moved = rewrite_ip_resume(p.sites, 1, at, at + i, &ip);

		assert_int_equal(moved, i > 0 && i < 5);
		assert_true(!moved || ip == at + TRAMP_DISTANCE + p.sites[0].tramp + i);
	}
	rewrite_plan_free(&p);
}

/* --- running it: stub_site's place is taken by jmp *%rcx (plain) or by an answer --- */

static void *at_address(uint64_t addr, size_t len)
{
	void *p = mmap((void *)addr, len, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	assert_ptr_equal(p, (void *)addr);
	return p;
}

static void run_text(const uint8_t *text, size_t len, uint64_t data, const uint8_t *site, size_t site_len, long want)
{
	const uint64_t base = 0x200000000ull;
	uint8_t *code = at_address(base, 8192), *area = at_address(base + TRAMP_DISTANCE, 4096);
	long (*fn)(long) = (long (*)(long))(uintptr_t)base;
	struct rewrite_input in = {.text = text, .len = len, .addr = base, .funcs = &(struct rewrite_range){base, len}, .n_funcs = 1};
	struct rewrite_plan p;

	memcpy(code, text, len);
	memcpy(code + 4096, &data, 8);
	memcpy(area + 2048, site, site_len);
	assert_int_equal(rewrite_plan(&in, &p), 0);
	assert_int_equal(p.n_sites, 1);
	rewrite_apply(&in, &p, code, area, base + TRAMP_DISTANCE + 2048);
	assert_int_equal(fn(5), want);
	rewrite_plan_free(&p);
	munmap(code, 8192);
	munmap(area, 4096);
}

static void test_run(void **state)
{
	/* push %rbx; mov 0xff5(%rip),%rax (base + 0x1000 - 8 …); syscall; pop %rbx; ret: the window is relative to rip */
	uint8_t text[] = {0x53, 0x48, 0x8b, 0x05, 0xf8, 0x0f, 0, 0, 0x0f, 0x05, 0x5b, 0xc3};
	static const uint8_t plain[] = {0xff, 0xe1};				 /* jmp *%rcx */
	static const uint8_t served[] = {0xb8, 77, 0, 0, 0, 0x48, 0x83, 0xc1, 2, 0xff, 0xe1}; /* mov $77,%eax; add $2,%rcx; jmp *%rcx */
	/* mov $1000,%eax; stc; syscall … with flags kept: setc %al; movzx %al,%eax */
	static const uint8_t flags[] = {0xb8, 0x27, 0, 0, 0, 0xf9, 0x0f, 0x05, 0x0f, 0x92, 0xc0, 0x0f, 0xb6, 0xc0, 0xc3};
	static const uint8_t back[] = {0x48, 0x8d, 0x49, 2, 0xff, 0xe1}; /* lea 2(%rcx),%rcx; jmp *%rcx */

	run_text(text, sizeof(text), SYS_getpid, plain, sizeof(plain), getpid());
	run_text(text, sizeof(text), SYS_getppid, plain, sizeof(plain), getppid());
	run_text(text, sizeof(text), SYS_getpid, served, sizeof(served), 77);
	run_text(flags, sizeof(flags), 0, back, sizeof(back), 1);
	/* cmp $5,%rdi with a long form; je/jne +6; mov $39; … : the branch is taken, or not */
	run_text(B(0x48, 0x81, 0xff, 5, 0, 0, 0, 0x75, 0x05, 0x31, 0xc0, 0x0f, 0x05, 0xc3, 0xb8, 9, 0, 0, 0, 0xc3), 20, 0, served, sizeof(served), 77);
	run_text(B(0x48, 0x81, 0xff, 5, 0, 0, 0, 0x74, 0x05, 0x31, 0xc0, 0x0f, 0x05, 0xc3, 0xb8, 9, 0, 0, 0, 0xc3), 20, 0, served, sizeof(served), 9);
	run_text(B(0x48, 0x81, 0xff, 5, 0, 0, 0, 0x0f, 0x84, 0x05, 0, 0, 0, 0x31, 0xc0, 0x0f, 0x05, 0xc3, 0xb8, 9, 0, 0, 0, 0xc3), 24, 0, served, sizeof(served), 9);
	/* several: mov %rdi,%rax; mov %rax,%rdx; … lea 2(%rdx),%rax behind the answer */
	run_text(B(0x48, 0x89, 0xf8, 0x48, 0x89, 0xc2, 0x0f, 0x05, 0x48, 0x8d, 0x42, 2, 0xc3), 13, 0, served, sizeof(served), 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_no_instruction),
		cmocka_unit_test(test_windows),
		cmocka_unit_test(test_hints),
		cmocka_unit_test(test_repeated),
		cmocka_unit_test(test_sections),
		cmocka_unit_test(test_translation),
		cmocka_unit_test(test_translation_branch),
		cmocka_unit_test(test_tables),
		cmocka_unit_test(test_run),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
