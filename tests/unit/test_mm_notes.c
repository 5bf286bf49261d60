/* SPDX-License-Identifier: MIT */
/* Notes about ranges of an address space, and lines of the host's list of mappings. */
#include "kernel/kernel.h"
#include "kernel/kernel_main.h"
#include "mm/mm.h"
#include "mm/vma.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* The end of the first process is for the program that has one. */
void kernel_session_exited(struct session *s, int code)
{
}

void kernel_init_exited(struct kernel *k, int code)
{
}

void kernel_memory_over(struct kernel *k, bool over)
{
}

void kernel_oom(struct kernel *k, int pid, const char *comm)
{
}

static struct mm *new_mm(void)
{
	struct mm *mm = calloc(1, sizeof(*mm));

	mm->kernel = calloc(1, sizeof(*mm->kernel));
	mm_notes_init(mm);
	return mm;
}

static void end_mm(struct mm *mm)
{
	mm_notes_free(mm);
	assert_int_equal(mm->n_notes, 0);
	assert_int_equal(mm->kernel->memory_used, 0);
	free(mm->kernel);
	free(mm);
}

/* All notes of locks as text: "1-4:0 ". */
static void expect(struct mm *mm, const char *want)
{
	struct mm_note *n = mm_note_find(mm, MM_NOTE_LOCK, 0);
	char got[400] = "", one[64];

	for (; n; n = mm_note_next(mm, MM_NOTE_LOCK, n)) {
		snprintf(one, sizeof(one), "%d-%d:%d%s ", (int)n->start, (int)n->end, (int)n->val, n->name ? n->name : "");
		strcat(got, one);
	}
	assert_string_equal(got, want);
}

static void set(struct mm *mm, int from, int to, int val, const char *name)
{
	assert_int_equal(mm_note_set(mm, MM_NOTE_LOCK, (uint64_t)from, (uint64_t)to, (uint64_t)val, name), 0);
}

static void test_ranges(void **state)
{
	struct mm *mm = new_mm();

	set(mm, 10, 20, 0, NULL);
	set(mm, 30, 40, 0, NULL);
	expect(mm, "10-20:0 30-40:0 ");
	set(mm, 20, 30, 0, NULL); /* joins both */
	expect(mm, "10-40:0 ");
	set(mm, 15, 18, 1, NULL); /* cuts a piece out */
	expect(mm, "10-15:0 15-18:1 18-40:0 ");
	mm_note_clear(mm, MM_NOTE_LOCK, 12, 25);
	expect(mm, "10-12:0 25-40:0 ");
	set(mm, 5, 50, 2, "a");
	expect(mm, "5-50:2a ");
	set(mm, 50, 60, 2, "b"); /* another name: not joined */
	expect(mm, "5-50:2a 50-60:2b ");
	set(mm, 0, 5, 2, "a");
	expect(mm, "0-50:2a 50-60:2b ");
	mm_note_clear(mm, MM_NOTE_LOCK, 0, UINT64_MAX);
	expect(mm, "");
	set(mm, 7, 7, 0, NULL); /* empty */
	expect(mm, "");
	end_mm(mm);
}

static void test_find(void **state)
{
	struct mm *mm = new_mm();

	set(mm, 10, 20, 0, NULL);
	assert_int_equal(mm_note_find(mm, MM_NOTE_LOCK, 5)->start, 10);
	assert_int_equal(mm_note_find(mm, MM_NOTE_LOCK, 19)->start, 10);
	assert_null(mm_note_find(mm, MM_NOTE_LOCK, 20));
	assert_null(mm_note_find(mm, MM_NOTE_NAME, 5));
	end_mm(mm);
}

static void test_fork(void **state)
{
	struct mm *mm = new_mm(), *child = new_mm();

	set(mm, 10, 20, 0, NULL);
	mm_note_set(mm, MM_NOTE_NAME, 1, 2, 0, "x");
	mm_notes_copy(child, mm);
	assert_null(mm_note_find(child, MM_NOTE_LOCK, 0)); /* locks are not inherited */
	assert_string_equal(mm_note_find(child, MM_NOTE_NAME, 0)->name, "x");
	end_mm(child);
	end_mm(mm);
}

static void test_bounded(void **state)
{
	struct mm *mm = new_mm();
	int r = 0;

	for (uint64_t i = 0; !r && i < 100000; i++)
		r = mm_note_set(mm, MM_NOTE_POLICY, 2 * i, 2 * i + 1, i, NULL);
	assert_int_equal(r, -ENOMEM);
	end_mm(mm);
}

static void test_lines(void **state)
{
	struct mm_vma v;

	assert_true(mm_vma_parse("7f00-8f00 rw-s 00001000 fe:0a 1234                       /memfd:shared (deleted)\n", &v));
	assert_int_equal(v.start, 0x7f00);
	assert_int_equal(v.end, 0x8f00);
	assert_int_equal(v.off, 0x1000);
	assert_int_equal(v.maj, 0xfe);
	assert_int_equal(v.min, 10);
	assert_int_equal(v.ino, 1234);
	assert_int_equal(v.prot, PROT_READ | PROT_WRITE);
	assert_true(v.shared && v.memfd_shared && v.kind == MM_VMA_FILE);
	assert_true(mm_vma_parse("7f00-8f00 ---p 00000000 00:00 0 \n", &v));
	assert_true(v.kind == MM_VMA_ANON && !v.shared && !v.prot);
	assert_true(mm_vma_parse("7f00-8f00 r-xp 00000000 00:00 0    [vdso]\n", &v));
	assert_int_equal(v.kind, MM_VMA_VDSO);
	assert_true(mm_vma_parse("7f00-8f00 r--p 00000000 00:00 0    [vvar_vclock]", &v));
	assert_int_equal(v.kind, MM_VMA_VVAR);
	assert_false(mm_vma_parse("Size:               1234 kB\n", &v));
	assert_false(mm_vma_parse("Rss:                   0 kB", &v));
	assert_false(mm_vma_parse("", &v));
	assert_false(mm_vma_parse("7f00-8f00", &v));
	assert_false(mm_vma_parse("7f00-8f00 rw", &v));
	assert_false(mm_vma_parse("7f00-8f00 rw-p 0000", &v));
}

static void test_cover(void **state)
{
	struct mm_vma v[] = {{.start = 10, .end = 20}, {.start = 20, .end = 30}, {.start = 40, .end = 50}};
	struct mm_vmas vs = {.v = v, .n = 3};

	assert_true(mm_vmas_cover(&vs, 10, 30));
	assert_true(mm_vmas_cover(&vs, 15, 25));
	assert_false(mm_vmas_cover(&vs, 9, 30));
	assert_false(mm_vmas_cover(&vs, 10, 31));
	assert_false(mm_vmas_cover(&vs, 25, 45));
	assert_false(mm_vmas_cover(&vs, 40, 51));
	assert_false(mm_vmas_cover(&vs, 60, 61));
	assert_int_equal(mm_vma_find(&vs, 30)->start, 40);
	assert_null(mm_vma_find(&vs, 50));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ranges), cmocka_unit_test(test_find),  cmocka_unit_test(test_fork),
		cmocka_unit_test(test_bounded), cmocka_unit_test(test_lines), cmocka_unit_test(test_cover),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
