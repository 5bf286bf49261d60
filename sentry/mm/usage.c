/* SPDX-License-Identifier: MIT */
/* How much memory a guest has: /proc/PID/statm and the Vm lines of status, from the host's figures of the stub. */
#include "kernel/kernel.h"
#include "mm/map.h"
#include "mm/mlock.h"
#include "mm/vma.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * The stub keeps everything between the guest's space and the end of user space mapped, but for a few guard pages. It is not
 * the guest's size.
 */
#define USER_SPACE_END 0x7ffffffff000ull
#define STUB_GUARD_PAGES 28

uint64_t mm_stub_pages(struct mm *mm)
{
	return (USER_SPACE_END - aspace_max(mm->as)) / PAGE_SIZE_ - STUB_GUARD_PAGES;
}

int mm_resident(struct mm *mm, uint64_t *resident, uint64_t *shared)
{
	char *text;
	ssize_t n = mm_read_host(mm, "statm", &text);
	int got;

	if (n < 0)
		return (int)n;
	got = sscanf(text, "%*u %" SCNu64 " %" SCNu64, resident, shared);
	free(text);
	return got == 2 ? 0 : -EIO;
}

/* A line of status, in pages. */
static uint64_t pages(const char *text, const char *name)
{
	const char *p = strstr(text, name);

	return p ? strtoull(p + strlen(name), NULL, 10) / 4 : 0;
}

static uint64_t minus(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

int mm_usage(struct mm *mm, struct mm_usage *u)
{
	uint64_t stub = mm_stub_pages(mm), mapped, exec, hidden;
	char *text;
	ssize_t n = mm_read_host(mm, "status", &text);

	if (n < 0)
		return (int)n;
	memset(u, 0, sizeof(*u));
	mapped = (mm->stack_top - mm->stack_low) / PAGE_SIZE_;
	u->stack = (mm->stack_top - mm_stack_shown(mm)) / PAGE_SIZE_;
	hidden = mapped - u->stack;
	u->size = minus(pages(text, "\nVmSize:"), stub + hidden);
	u->peak = minus(pages(text, "\nVmPeak:"), stub + hidden);
	u->peak = u->peak > u->size ? u->peak : u->size;
	u->anon = pages(text, "\nRssAnon:");
	u->file = pages(text, "\nRssFile:");
	u->shmem = pages(text, "\nRssShmem:");
	u->resident = u->anon + u->file + u->shmem;
	u->hwm = pages(text, "\nVmHWM:");
	u->hwm = u->hwm > u->resident ? u->hwm : u->resident;
	u->data = minus(pages(text, "\nVmData:") + pages(text, "\nVmStk:"), mapped);
	u->text = (PAGE_UP(mm->end_code) - (mm->start_code & PAGE_MASK_)) / PAGE_SIZE_;
	exec = pages(text, "\nVmExe:") + pages(text, "\nVmLib:");
	u->lib = minus(exec, u->text);
	u->pte = pages(text, "\nVmPTE:");
	u->swap = pages(text, "\nVmSwap:");
	free(text);
	u->locked = mm_locked(mm) / PAGE_SIZE_;
	return 0;
}
