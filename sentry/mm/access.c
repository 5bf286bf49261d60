/* SPDX-License-Identifier: MIT */
/* Another process's memory as a tracer sees it: page protection does not count. ptrace(2), /proc/PID/mem. */
#include "host/file.h"
#include "mm/map.h"
#include "mm/vma.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

/* The vdso lies above the guest's own range, and debuggers read it. */
#define VDSO_PAGES 4

static bool readable(struct mm *mm, uint64_t addr, size_t len)
{
	uint64_t end, vdso = aspace_vdso(mm->as);

	if (__builtin_add_overflow(addr, len, &end))
		return false;
	return end <= aspace_max(mm->as) || (vdso && addr >= vdso && end <= vdso + VDSO_PAGES * PAGE_SIZE_);
}

/* What protection hides, through the host's /proc/PID/mem. */
static size_t peek_forced(struct mm *mm, uint64_t addr, uint8_t *buf, size_t len)
{
	int fd = mm_open_host(mm, "mem");
	size_t done = 0;

	if (fd < 0)
		return 0;
	while (done < len) {
		uint64_t at = addr + done;
		size_t n = PAGE_SIZE_ - (at & ~PAGE_MASK_);
		ssize_t r;

		if (n > len - done)
			n = len - done;
		r = readable(mm, at, n) ? host_pread(fd, buf + done, n, at) : -EIO;
		if (r <= 0)
			break;
		done += (size_t)r;
	}
	host_close(fd);
	return done;
}

size_t mm_peek(struct mm *mm, uint64_t addr, void *buf, size_t len)
{
	size_t done = 0;

	if (aspace_read(mm->as, addr, buf, len, &done))
		done += peek_forced(mm, addr + done, (uint8_t *)buf + done, len - done);
	patched_originals(mm, addr, buf, done);
	return done;
}

/*
 * Through a page that is not writable: it is made so for the moment. Only private mappings, as Linux has it: the copy is the
 * process's own.
 */
static size_t poke_page(struct gthread *th, struct mm *mm, uint64_t addr, const void *buf, size_t len)
{
	uint64_t page = addr & PAGE_MASK_;
	struct mm_vma v;
	size_t done = 0;

	if (!th || addr >= aspace_max(mm->as) || mm_vma_at(mm, addr, &v) || v.shared || (v.prot & PROT_WRITE))
		return 0;
	if (gthread_mprotect(th, page, PAGE_SIZE_, v.prot | PROT_READ | PROT_WRITE) < 0)
		return 0;
	aspace_write(mm->as, addr, buf, len, &done);
	gthread_mprotect(th, page, PAGE_SIZE_, v.prot);
	return done;
}

size_t mm_poke(struct gthread *th, struct mm *mm, uint64_t addr, const void *buf, size_t len)
{
	const uint8_t *from = buf;
	size_t done = 0;

	while (done < len) {
		uint64_t at = addr + done;
		size_t n = PAGE_SIZE_ - (at & ~PAGE_MASK_), part = 0;

		if (n > len - done)
			n = len - done;
		if (patched_restore(th, mm, at, n))
			break;
		if (aspace_write(mm->as, at, from + done, n, &part))
			part += poke_page(th, mm, at + part, from + done + part, n - part);
		done += part;
		if (part < n)
			break;
	}
	return done;
}
