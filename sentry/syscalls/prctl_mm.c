/* SPDX-License-Identifier: MIT */
/*
 * PR_SET_MM: where a program says its arguments, environment and sections are. The sentry uses the ranges for /proc alone, and reads
 * them as the program's own memory; the heap's are not moved.
 */
#include "kernel/task_internal.h"
#include "mm/mm.h"
#include "syscalls/prctl.h"

#include <linux/prctl.h>
#include <string.h>

#define AUXV_BYTES (sizeof(((struct mm *)NULL)->auxv))

static void get_map(struct mm *mm, struct prctl_mm_map *m)
{
	*m = (struct prctl_mm_map){
		.start_code = mm->start_code,
		.end_code = mm->end_code,
		.start_data = mm->start_data,
		.end_data = mm->end_data,
		.start_brk = mm->start_brk,
		.brk = mm->brk,
		.start_stack = mm->start_stack,
		.arg_start = mm->arg_start,
		.arg_end = mm->arg_end,
		.env_start = mm->env_start,
		.env_end = mm->env_end,
		.exe_fd = UINT32_MAX,
	};
}

/* mm->lock held */
static int check_map(const struct mm *mm, const struct prctl_mm_map *m)
{
	const uint64_t v[] = {m->start_code, m->end_code, m->start_data, m->end_data, m->start_brk, m->brk,
			      m->start_stack, m->arg_start, m->arg_end, m->env_start, m->env_end};

	for (size_t i = 0; i < ARRAY_SIZE(v); i++)
		if (v[i] < aspace_min(mm->as) || v[i] >= aspace_max(mm->as))
			return -EINVAL;
	if (m->start_code >= m->end_code || m->start_data > m->end_data || m->start_brk > m->brk || m->arg_start > m->arg_end ||
	    m->env_start > m->env_end)
		return -EINVAL;
	return m->start_brk != mm->start_brk || m->brk != mm->brk ? -EINVAL : 0;
}

static void set_map(struct mm *mm, const struct prctl_mm_map *m)
{
	mm->start_code = m->start_code;
	mm->end_code = m->end_code;
	mm->start_data = m->start_data;
	mm->end_data = m->end_data;
	mm->start_stack = m->start_stack;
	mm->arg_start = m->arg_start;
	mm->arg_end = m->arg_end;
	mm->env_start = m->env_start;
	mm->env_end = m->env_end;
}

/* The vector that /proc/PID/auxv shows; it ends in AT_NULL whatever the program wrote. */
static int64_t set_auxv(struct task *t, uint64_t addr, uint64_t len)
{
	unsigned char v[AUXV_BYTES] = {0};

	if (len > sizeof(v))
		return -EINVAL;
	if (copy_in(t, v, addr, len))
		return -EFAULT;
	memset(v + sizeof(v) - 16, 0, 16);
	lock_acquire(&t->mm->lock);
	memcpy(t->mm->auxv, v, sizeof(v));
	t->mm->auxv_len = sizeof(v);
	lock_release(&t->mm->lock);
	return 0;
}

static int64_t set_whole(struct task *t, uint64_t addr, uint64_t size)
{
	struct prctl_mm_map m;
	int64_t r;

	if (size != sizeof(m))
		return -EINVAL;
	if (copy_in(t, &m, addr, sizeof(m)))
		return -EFAULT;
	if (!m.auxv != !m.auxv_size || m.auxv_size > AUXV_BYTES || m.exe_fd != UINT32_MAX)
		return -EINVAL;
	lock_acquire(&t->mm->lock);
	r = check_map(t->mm, &m);
	if (!r)
		set_map(t->mm, &m);
	lock_release(&t->mm->lock);
	return r || !m.auxv ? r : set_auxv(t, (uint64_t)(uintptr_t)m.auxv, m.auxv_size);
}

/* Where one option stores its address. */
static __u64 *field_of(struct prctl_mm_map *m, uint64_t option)
{
	switch (option) {
	case PR_SET_MM_START_CODE:
		return &m->start_code;
	case PR_SET_MM_END_CODE:
		return &m->end_code;
	case PR_SET_MM_START_DATA:
		return &m->start_data;
	case PR_SET_MM_END_DATA:
		return &m->end_data;
	case PR_SET_MM_START_STACK:
		return &m->start_stack;
	case PR_SET_MM_START_BRK:
		return &m->start_brk;
	case PR_SET_MM_BRK:
		return &m->brk;
	case PR_SET_MM_ARG_START:
		return &m->arg_start;
	case PR_SET_MM_ARG_END:
		return &m->arg_end;
	case PR_SET_MM_ENV_START:
		return &m->env_start;
	case PR_SET_MM_ENV_END:
		return &m->env_end;
	}
	return NULL;
}

static int64_t set_one(struct task *t, uint64_t option, uint64_t addr)
{
	bool of_stack = option == PR_SET_MM_START_STACK || (option >= PR_SET_MM_ARG_START && option <= PR_SET_MM_ENV_END);
	struct prctl_mm_map m;
	__u64 *field;
	uint8_t byte;
	int64_t r;

	if (addr >= aspace_max(t->mm->as) || addr < aspace_min(t->mm->as))
		return -EINVAL;
	lock_acquire(&t->mm->lock);
	get_map(t->mm, &m);
	lock_release(&t->mm->lock);
	field = field_of(&m, option);
	if (!field)
		return -EINVAL;
	*field = addr;
	lock_acquire(&t->mm->lock);
	r = check_map(t->mm, &m);
	lock_release(&t->mm->lock);
	if (!r && of_stack && copy_in(t, &byte, addr, 1))
		r = -EFAULT; /* there must be memory */
	if (r)
		return r;
	lock_acquire(&t->mm->lock);
	set_map(t->mm, &m);
	lock_release(&t->mm->lock);
	return 0;
}

int64_t prctl_set_mm(struct task *t, const uint64_t *a)
{
	const uint32_t size = sizeof(struct prctl_mm_map);
	uint64_t option = a[1];

	if (a[4] || (a[3] && option != PR_SET_MM_AUXV && option != PR_SET_MM_MAP && option != PR_SET_MM_MAP_SIZE))
		return -EINVAL;
	if (option == PR_SET_MM_MAP_SIZE)
		return copy_out(t, a[2], &size, sizeof(size));
	if (option == PR_SET_MM_MAP)
		return set_whole(t, a[2], a[3]);
	if (!task_capable(t, CAP_SYS_RESOURCE))
		return -EPERM;
	if (option == PR_SET_MM_AUXV)
		return set_auxv(t, a[2], a[3]);
	return set_one(t, option, a[2]);
}
