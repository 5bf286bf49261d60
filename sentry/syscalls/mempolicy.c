/* SPDX-License-Identifier: MIT */
/*
 * NUMA memory policies as a machine with one node, number 0, has them: they are checked and remembered, and nothing depends on them.
 * set_mempolicy(2), mbind(2), get_mempolicy(2), migrate_pages(2), move_pages(2).
 */
#include "kernel/pid_ns.h"
#include "kernel/ptrace.h"
#include "kernel/task_internal.h"
#include "host/file.h"
#include "mm/map.h"
#include "mm/vma.h"
#include "syscalls/syscalls.h"

#include <linux/mempolicy.h>
#include <string.h>

#ifndef MPOL_PREFERRED_MANY
#define MPOL_PREFERRED_MANY 5
#endif
#define MODES 6 /* of Linux 6.1 */
#define MODE_FLAGS_ ((1 << 15) | (1 << 14) | (1 << 13)) /* STATIC_NODES, RELATIVE_NODES, NUMA_BALANCING */
#define STATIC_OR_RELATIVE ((1 << 15) | (1 << 14))
#define NODES_MAX 1024 /* MAX_NUMNODES */
#define WITH_NODE (1u << 16) /* in a remembered policy: it names node 0 */

/* A node mask: bit 0 of *ret is node 0, bit 1 any other node. */
static int get_nodes(struct task *t, uint64_t addr, uint64_t max, unsigned *ret)
{
	uint64_t words[NODES_MAX / 64] = {0}, n;

	*ret = 0;
	if (!addr || !--max)
		return 0;
	if (max > 4096 * 8)
		return -EINVAL;
	for (uint64_t i = 0; i * 64 < max; i++) {
		uint64_t w;

		if (copy_in(t, &w, addr + i * 8, 8))
			return -EFAULT;
		if (max - i * 64 < 64)
			w &= (1ull << (max - i * 64)) - 1;
		if (w && i >= NODES_MAX / 64)
			return -EINVAL;
		if (i < NODES_MAX / 64)
			words[i] = w;
	}
	n = words[0] & ~1ull;
	for (unsigned i = 1; i < NODES_MAX / 64; i++)
		n |= words[i];
	*ret = (unsigned)(words[0] & 1) | (n ? 2 : 0);
	return 0;
}

/* A policy from the guest, as it is remembered. *mode without its flags. */
static int make_policy(struct task *t, int arg, uint64_t mask, uint64_t max, uint32_t *ret)
{
	int flags = arg & MODE_FLAGS_, mode = arg & ~MODE_FLAGS_, r;
	unsigned nodes;

	if (mode < 0 || mode >= MODES || (flags & STATIC_OR_RELATIVE) == STATIC_OR_RELATIVE)
		return -EINVAL;
	if ((flags & (1 << 13)) && mode != MPOL_BIND)
		return -EINVAL;
	r = get_nodes(t, mask, max, &nodes);
	if (r)
		return r;
	if (mode == MPOL_DEFAULT) {
		*ret = 0;
		return nodes ? -EINVAL : 0;
	}
	if (mode == MPOL_PREFERRED && !nodes)
		mode = MPOL_LOCAL;
	if (mode == MPOL_LOCAL) {
		*ret = MPOL_LOCAL;
		return nodes || (flags & STATIC_OR_RELATIVE) ? -EINVAL : 0;
	}
	if (!(nodes & 1) && !((flags & (1 << 14)) && nodes)) /* relative nodes wrap around */
		return -EINVAL;
	*ret = (uint32_t)(mode | flags) | WITH_NODE;
	return 0;
}

int64_t sys_set_mempolicy(struct task *t, const uint64_t *a)
{
	uint32_t policy;
	int r = make_policy(t, ARG_INT(a, 0), a[1], a[2], &policy);

	if (!r)
		t->mempolicy = policy;
	return r;
}

int64_t sys_mbind(struct task *t, const uint64_t *a)
{
	int flags = ARG_INT(a, 5), r;
	uint64_t len = PAGE_UP(a[1]), end;
	struct mm *mm = t->mm;
	struct mm_vmas vs;
	uint32_t policy;

	if (flags & ~7)
		return -EINVAL;
	if ((flags & 4) && !task_capable(t, CAP_SYS_NICE))
		return -EPERM;
	r = make_policy(t, ARG_INT(a, 2), a[3], a[4], &policy);
	if (r)
		return r;
	if ((a[0] & ~PAGE_MASK_) || __builtin_add_overflow(a[0], len, &end))
		return -EINVAL;
	if (end == a[0])
		return 0;
	r = mm_vmas_get(mm, &vs);
	if (!r) {
		r = mm_vmas_cover(&vs, a[0], end) ? 0 : -EFAULT;
		mm_vmas_free(&vs);
		if (r)
			return r;
	}
	LOCK_SCOPE(&mm->lock);
	if (policy)
		return mm_note_set(mm, MM_NOTE_POLICY, a[0], end, policy, NULL);
	mm_note_clear(mm, MM_NOTE_POLICY, a[0], end);
	return 0;
}

static int put_nodes(struct task *t, uint64_t addr, uint64_t max, bool node0)
{
	uint64_t bytes = (max - 1 + 63) / 64 * 8, w = node0;

	if (bytes > 4096)
		return -EINVAL;
	for (uint64_t i = 0; i < bytes; i += 8, w = 0)
		if (copy_out(t, addr + i, &w, 8))
			return -EFAULT;
	return 0;
}

/* The policy that holds for *addr*; with node also the page's node. */
static int policy_at(struct task *t, uint64_t addr, bool node, uint32_t *policy, int *ret_node)
{
	struct mm_note *n;
	struct mm_vma v;
	char c;
	int r = mm_vma_at(t->mm, addr, &v);

	if (r == -EFAULT)
		return r;
	if (node && copy_in(t, &c, addr, 1)) /* the page is brought in */
		return -EFAULT;
	LOCK_SCOPE(&t->mm->lock);
	n = mm_note_find(t->mm, MM_NOTE_POLICY, addr);
	if (n && n->start <= addr)
		*policy = (uint32_t)n->val;
	*ret_node = 0;
	return 0;
}

int64_t sys_get_mempolicy(struct task *t, const uint64_t *a)
{
	int flags = ARG_INT(a, 4), answer, node = 0, r;
	uint32_t policy = t->mempolicy;
	bool nodes;

	if (a[1] && a[2] < 1)
		return -EINVAL;
	if (flags & ~(MPOL_F_NODE | MPOL_F_ADDR | MPOL_F_MEMS_ALLOWED))
		return -EINVAL;
	if (flags & MPOL_F_MEMS_ALLOWED) {
		if (flags & (MPOL_F_NODE | MPOL_F_ADDR))
			return -EINVAL;
		policy = WITH_NODE;
		answer = 0;
		goto out;
	}
	if (!(flags & MPOL_F_ADDR) && a[3])
		return -EINVAL;
	if (flags & MPOL_F_ADDR) {
		r = policy_at(t, a[3], flags & MPOL_F_NODE, &policy, &node);
		if (r)
			return r;
	}
	if ((flags & MPOL_F_NODE) && !(flags & MPOL_F_ADDR) && (policy & 0xfff) != MPOL_INTERLEAVE)
		return -EINVAL;
	answer = flags & MPOL_F_NODE ? node : (int)(policy & 0xffff);
out:
	nodes = policy & WITH_NODE;
	if (a[0] && copy_out(t, a[0], &answer, sizeof(answer)))
		return -EFAULT;
	return a[1] ? put_nodes(t, a[1], a[2], nodes) : 0;
}

int64_t sys_set_mempolicy_home_node(struct task *t, const uint64_t *a)
{
	uint64_t end;

	if ((a[0] & ~PAGE_MASK_) || a[3] || a[2] != 0 || __builtin_add_overflow(a[0], PAGE_UP(a[1]), &end))
		return -EINVAL;
	return 0;
}

/* --- of other processes --------------------------------------------------------------------------------------------------- */

static struct mm *mm_of(struct task *t, int pid, int *err)
{
	struct task *x;
	struct mm *mm;

	*err = -ESRCH;
	if (!pid) {
		mm_get(t->mm);
		return t->mm;
	}
	x = task_find_vnr(t, pid);
	if (!x)
		return NULL;
	mm = ptrace_mm_get(t, x, true);
	*err = ptrace_may_attach(t, x) ? -EINVAL : -EPERM;
	task_put(x);
	return mm;
}

int64_t sys_migrate_pages(struct task *t, const uint64_t *a)
{
	unsigned from, to;
	struct mm *mm;
	int r = get_nodes(t, a[2], a[1], &from), err;

	if (!r)
		r = get_nodes(t, a[3], a[1], &to);
	if (r)
		return r;
	mm = mm_of(t, ARG_INT(a, 0), &err);
	if (!mm)
		return err;
	mm_put(mm);
	if ((to & 2) && !task_capable(t, CAP_SYS_NICE))
		return -EPERM;
	return to & 1 ? 0 : -EINVAL;
}

/* Where a page is: node 0, -ENOENT (not brought in), -EFAULT (nothing mapped). */
static int page_status(const struct mm_vmas *vs, int pagemap, uint64_t addr)
{
	const struct mm_vma *v = mm_vma_find(vs, addr);
	uint64_t word = 0;

	if (!v || v->start > addr)
		return -EFAULT;
	if (pagemap < 0 || host_pread(pagemap, &word, sizeof(word), addr / PAGE_SIZE_ * 8) != sizeof(word))
		return 0;
	return word >> 63 ? 0 : -ENOENT;
}

static int64_t move_pages_of(struct task *t, struct mm *mm, const uint64_t *a)
{
	struct mm_vmas vs = {0};
	int pagemap = mm_open_host(mm, "pagemap");
	int64_t r = mm_vmas_get(mm, &vs);

	if (r == -ENOENT)
		r = 0;
	for (uint64_t i = 0; !r && i < a[1]; i++) {
		uint64_t page;
		int node = 0, status;

		if (copy_in(t, &page, a[2] + i * 8, 8) || (a[3] && copy_in(t, &node, a[3] + i * 4, 4))) {
			r = -EFAULT;
			break;
		}
		if (node) {
			r = -ENODEV;
			break;
		}
		status = page_status(&vs, pagemap, page & PAGE_MASK_);
		if (copy_out(t, a[4] + i * 4, &status, 4))
			r = -EFAULT;
		if (atomic_load(&t->flags) & TIF_KILLED)
			r = -EINTR;
	}
	mm_vmas_free(&vs);
	if (pagemap >= 0)
		host_close(pagemap);
	return r;
}

int64_t sys_move_pages(struct task *t, const uint64_t *a)
{
	struct mm *mm;
	int64_t r;
	int err;

	if (a[5] & ~6ull) /* MPOL_MF_MOVE, MPOL_MF_MOVE_ALL */
		return -EINVAL;
	if ((a[5] & 4) && !task_capable(t, CAP_SYS_NICE))
		return -EPERM;
	mm = mm_of(t, ARG_INT(a, 0), &err);
	if (!mm)
		return err;
	r = move_pages_of(t, mm, a);
	mm_put(mm);
	return r;
}
