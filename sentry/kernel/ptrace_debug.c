/* SPDX-License-Identifier: MIT */
/*
 * Debug registers. The processor's own cannot be set for a stub, so a thread that has any runs in single steps, and the
 * sentry looks after each: execution breakpoints by address, write watchpoints by the value. Watching reads is refused.
 */
#include "kernel/ptrace.h"
#include "kernel/task_internal.h"
#include "mm/mm.h"

#define DR_STATUS 6
#define DR_CONTROL 7
#define STATUS_STEP (1ull << 14)

static unsigned kind(uint64_t control, unsigned i)
{
	return control >> (16 + 4 * i) & 3; /* 0 execute, 1 write, 2 I/O, 3 read or write */
}

static unsigned length(uint64_t control, unsigned i)
{
	static const uint8_t bytes[] = {1, 2, 8, 4};

	return bytes[control >> (18 + 4 * i) & 3];
}

static bool enabled(uint64_t control, unsigned i)
{
	return control >> (2 * i) & 3;
}

static uint64_t value_at(struct task *t, uint64_t addr, unsigned len)
{
	uint64_t v = 0;

	if (t->mm)
		mm_peek(t->mm, addr, &v, len);
	return v;
}

void ptrace_debug_arm(struct task *t)
{
	uint64_t c = t->pt.dr[DR_CONTROL];

	for (unsigned i = 0; i < 4; i++)
		if (enabled(c, i) && kind(c, i) == 1)
			t->pt.watched[i] = value_at(t, t->pt.dr[i], length(c, i));
}

bool ptrace_debug_check(struct task *t, bool step)
{
	uint64_t c = t->pt.dr[DR_CONTROL], hits = 0;
	struct guest_regs regs;

	gthread_get_regs(t->th, &regs);
	for (unsigned i = 0; i < 4; i++) {
		if (!enabled(c, i))
			continue;
		if (kind(c, i) == 0) {
			hits |= (uint64_t)(regs.rip == t->pt.dr[i]) << i;
		} else {
			uint64_t v = value_at(t, t->pt.dr[i], length(c, i));

			hits |= (uint64_t)(v != t->pt.watched[i]) << i;
			t->pt.watched[i] = v;
		}
	}
	t->pt.dr[DR_STATUS] = hits | (step ? STATUS_STEP : 0);
	return hits;
}

int ptrace_debug_set(struct task *t, unsigned nr, uint64_t value)
{
	if (nr == 4 || nr == 5 || nr > 7)
		return -EIO;
	if (nr < 4 && value >= aspace_max(t->mm->as))
		return -EINVAL;
	if (nr == DR_CONTROL) {
		for (unsigned i = 0; i < 4; i++)
			if (enabled(value, i) && kind(value, i) >= 2)
				return kind(value, i) == 2 ? -EINVAL : -EOPNOTSUPP;
	}
	t->pt.dr[nr] = value;
	ptrace_debug_arm(t);
	return 0;
}

uint64_t ptrace_debug_get(const struct task *t, unsigned nr)
{
	return nr < 8 && nr != 4 && nr != 5 ? t->pt.dr[nr] : 0;
}
