/* SPDX-License-Identifier: MIT */
/* prctl(PR_SET_VMA): names of anonymous memory, shown in /proc/PID/maps. */
#include "kernel/task_internal.h"
#include "mm/map.h"
#include "mm/vma.h"
#include "syscalls/prctl.h"

#include <string.h>

#define NAME_MAX_ 80 /* ANON_VMA_NAME_MAX_LEN, with its NUL */

static bool char_ok(char c)
{
	return c > 0x1f && c < 0x7f && !strchr("\\`$[]", c);
}

static int get_name(struct task *t, uint64_t addr, char *name)
{
	ssize_t n = copy_in_str(t, name, addr, NAME_MAX_);

	if (n < 0)
		return n == -ENAMETOOLONG ? -EINVAL : (int)n;
	for (ssize_t i = 0; i < n; i++)
		if (!char_ok(name[i]))
			return -EINVAL;
	return 0;
}

/* What lies there must be anonymous, up to the first hole or file; what lies before that is named. */
static int nameable(const struct mm_vmas *vs, uint64_t start, uint64_t end, uint64_t *upto)
{
	const struct mm_vma *v = mm_vma_find(vs, start);

	for (*upto = start; *upto < end; v++) {
		if (!v || v == vs->v + vs->n || v->start > *upto)
			return -ENOMEM;
		if (v->kind != MM_VMA_ANON)
			return -EBADF;
		*upto = v->end < end ? v->end : end;
	}
	return 0;
}

int64_t prctl_set_vma(struct task *t, const uint64_t *a)
{
	uint64_t len = PAGE_UP(a[3]), end, upto;
	struct mm *mm = t->mm;
	struct mm_vmas vs;
	char name[NAME_MAX_];
	int r, s = 0;

	if (a[1] != 0) /* PR_SET_VMA_ANON_NAME */
		return -EINVAL;
	r = a[4] ? get_name(t, a[4], name) : 0;
	if (r)
		return r;
	if ((a[2] & ~PAGE_MASK_) || (a[3] && !len) || __builtin_add_overflow(a[2], len, &end))
		return -EINVAL;
	if (end == a[2])
		return 0;
	r = mm_vmas_get(mm, &vs);
	if (r)
		return r == -ENOENT ? 0 : r;
	r = nameable(&vs, a[2], end, &upto);
	mm_vmas_free(&vs);
	LOCK_SCOPE(&mm->lock);
	if (a[4])
		s = mm_note_set(mm, MM_NOTE_NAME, a[2], upto, 0, name);
	else
		mm_note_clear(mm, MM_NOTE_NAME, a[2], upto);
	return r ? r : s;
}
