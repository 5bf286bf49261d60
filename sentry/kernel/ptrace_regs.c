/* SPDX-License-Identifier: MIT */
/* Registers of a stopped tracee. ptrace(2), struct user of sys/user.h. */
#include "kernel/ptrace_regs.h"
#include "kernel/task.h"
#include "mm/mm.h"

#include <cpuid.h>
#include <elf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/user.h>

#define FXSAVE_SW 464 /* what is left to software in an FXSAVE area */
#define XSTATE_HEADER 512
#define USER_FLAGS 0x250dd5ull
#define USER_SIZE 928 /* the kernel's struct user, which has two words more than that of sys/user.h */

_Static_assert(sizeof(struct guest_regs) == PTRACE_REGS_SIZE, "the order of struct user_regs_struct");
_Static_assert(sizeof(struct user_regs_struct) == PTRACE_REGS_SIZE, "the same");

void ptrace_get_regs(struct task *t, struct guest_regs *regs)
{
	gthread_get_regs(t->th, regs);
}

/* A selector of a process: of its own ring, or none. */
static bool bad_selector(uint64_t v)
{
	return (uint16_t)v && (v & 3) != 3;
}

int ptrace_set_regs(struct task *t, const struct guest_regs *regs)
{
	struct guest_regs r = *regs, old;

	if (bad_selector(r.cs) || !(uint16_t)r.cs || bad_selector(r.ss) || !(uint16_t)r.ss || bad_selector(r.ds) ||
	    bad_selector(r.es) || bad_selector(r.fs) || bad_selector(r.gs))
		return -EIO;
	if (r.fs_base >= aspace_max(t->mm->as) || r.gs_base >= aspace_max(t->mm->as))
		return -EIO;
	gthread_get_regs(t->th, &old);
	r.eflags = (r.eflags & USER_FLAGS) | (old.eflags & ~USER_FLAGS);
	r.ds = r.es = r.fs = r.gs = 0;
	if (r.rip >= 1ull << 47)
		r.rip = (1ull << 47) - 1; /* as good as any address that faults; the host does not load others */
	gthread_set_regs(t->th, &r);
	return 0;
}

int ptrace_peek_user(struct task *t, uint64_t off, uint64_t *val)
{
	const size_t dr = offsetof(struct user, u_debugreg);
	struct guest_regs regs;

	if (off % 8 || off >= USER_SIZE)
		return -EIO;
	*val = 0;
	if (off < sizeof(regs)) {
		ptrace_get_regs(t, &regs);
		memcpy(val, (uint8_t *)&regs + off, 8);
	} else if (off >= dr && off < dr + 64) {
		*val = ptrace_debug_get(t, (unsigned)(off - dr) / 8);
	}
	return 0;
}

int ptrace_poke_user(struct task *t, uint64_t off, uint64_t val)
{
	const size_t dr = offsetof(struct user, u_debugreg);
	struct guest_regs regs;

	if (off % 8 || off >= USER_SIZE)
		return -EIO;
	if (off < sizeof(regs)) {
		ptrace_get_regs(t, &regs);
		memcpy((uint8_t *)&regs + off, &val, 8);
		return ptrace_set_regs(t, &regs);
	}
	return off >= dr && off < dr + 64 ? ptrace_debug_set(t, (unsigned)(off - dr) / 8, val) : -EIO;
}

/* --- regsets ------------------------------------------------------------------------------------------------------------ */

static struct guest_xstate *xstate_of(struct task *t)
{
	struct guest_xstate *xs = aligned_alloc(64, (sizeof(*xs) + 63) & ~(size_t)63);

	if (xs && gthread_get_xstate(t->th, xs)) {
		free(xs);
		return NULL;
	}
	return xs;
}

/* Guests have no AMX: its configuration stands in the host's area, and debuggers older than it could not write the set back. */
#define AMX_FEATURES (3ull << 17)

static uint64_t shown_features(const struct guest_xstate *xs)
{
	uint64_t features;

	memcpy(&features, xs->data + FXSAVE_SW + 8, sizeof(features));
	return features & ~AMX_FEATURES;
}

static size_t shown_size(const struct guest_xstate *xs)
{
	uint64_t features = shown_features(xs);
	size_t size = XSTATE_HEADER + 64;

	for (unsigned i = 2; i < 63; i++) {
		unsigned len, offset, c, d;

		if (!(features >> i & 1))
			continue;
		__cpuid_count(0xd, i, len, offset, c, d);
		if (offset + len > size && offset + len <= xs->size)
			size = offset + len;
	}
	return size;
}

unsigned ptrace_regset_unit(struct task *t, unsigned type, size_t *size)
{
	struct guest_xstate *xs;

	switch (type) {
	case NT_PRSTATUS:
		*size = PTRACE_REGS_SIZE;
		return 8;
	case NT_PRFPREG:
		*size = PTRACE_FPREGS_SIZE;
		return 4;
	case NT_X86_XSTATE:
		xs = xstate_of(t);
		*size = xs ? shown_size(xs) : 0;
		free(xs);
		return *size ? 8 : 0;
	default:
		return 0;
	}
}

/* The software's words of the area hold the mask of features here, not what a signal frame has there. */
static void show_xstate(struct guest_xstate *xs)
{
	uint64_t features = shown_features(xs), bv;

	memcpy(&bv, xs->data + XSTATE_HEADER, sizeof(bv));
	bv &= features;
	memcpy(xs->data + XSTATE_HEADER, &bv, sizeof(bv));
	memset(xs->data + FXSAVE_SW, 0, XSTATE_HEADER - FXSAVE_SW);
	memcpy(xs->data + FXSAVE_SW, &features, sizeof(features));
}

int64_t ptrace_get_regset(struct task *t, unsigned type, uint8_t **ret)
{
	struct guest_xstate *xs;
	size_t size;
	uint8_t *p;

	if (type == NT_PRSTATUS) {
		p = malloc(PTRACE_REGS_SIZE);
		if (!p)
			return -ENOMEM;
		ptrace_get_regs(t, (void *)p);
		*ret = p;
		return PTRACE_REGS_SIZE;
	}
	if (type != NT_PRFPREG && type != NT_X86_XSTATE)
		return -EINVAL;
	xs = xstate_of(t);
	if (!xs)
		return -EIO;
	size = type == NT_PRFPREG ? PTRACE_FPREGS_SIZE : shown_size(xs);
	show_xstate(xs);
	if (type == NT_PRFPREG)
		memset(xs->data + FXSAVE_SW, 0, XSTATE_HEADER - FXSAVE_SW);
	p = malloc(size);
	if (p)
		memcpy(p, xs->data, size);
	free(xs);
	*ret = p;
	return p ? (int64_t)size : -ENOMEM;
}

static int set_fp(struct task *t, unsigned type, const uint8_t *data, size_t len)
{
	struct guest_xstate *xs = xstate_of(t);
	uint64_t bv, old, features;
	int r;

	if (!xs)
		return -EIO;
	if (type == NT_X86_XSTATE && len != shown_size(xs)) {
		free(xs);
		return -EFAULT; /* the whole, as Linux wants it */
	}
	features = shown_features(xs);
	memcpy(&old, xs->data + XSTATE_HEADER, sizeof(old));
	memcpy(xs->data, data, len);
	if (type == NT_X86_XSTATE) {
		memcpy(&bv, xs->data + XSTATE_HEADER, sizeof(bv));
		if (bv & ~features) {
			free(xs);
			return -EINVAL;
		}
		bv |= old & ~features;
		memcpy(xs->data + XSTATE_HEADER, &bv, sizeof(bv));
	}
	if (type == NT_PRFPREG) {
		memcpy(&bv, xs->data + XSTATE_HEADER, sizeof(bv));
		bv |= 3; /* x87 and SSE are given */
		memcpy(xs->data + XSTATE_HEADER, &bv, sizeof(bv));
	}
	r = gthread_set_xstate(t->th, xs);
	free(xs);
	return r;
}

int ptrace_set_regset(struct task *t, unsigned type, const uint8_t *data, size_t len)
{
	struct guest_regs regs;

	if (type != NT_PRSTATUS)
		return set_fp(t, type, data, len);
	ptrace_get_regs(t, &regs);
	memcpy(&regs, data, len);
	return ptrace_set_regs(t, &regs);
}
