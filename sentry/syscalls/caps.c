/* SPDX-License-Identifier: MIT */
/* Capabilities of the caller: capget(2), capset(2) and prctl(2)'s part of capabilities(7). */
#include "syscalls/caps.h"
#include "kernel/pid_ns.h"
#include "kernel/task_internal.h"
#include "syscalls/syscalls.h"

#include <linux/securebits.h>
#include <sys/prctl.h>

static int cap_version(struct task *t, uint64_t addr, struct __user_cap_header_struct *h, int *words)
{
	uint32_t v3 = _LINUX_CAPABILITY_VERSION_3;

	if (copy_in(t, &h->version, addr, sizeof(h->version)))
		return -EFAULT;
	switch (h->version) {
	case _LINUX_CAPABILITY_VERSION_1:
		*words = 1;
		return 0;
	case _LINUX_CAPABILITY_VERSION_2:
	case _LINUX_CAPABILITY_VERSION_3:
		*words = 2;
		return 0;
	}
	return copy_out(t, addr, &v3, sizeof(v3)) ? -EFAULT : -EINVAL;
}

int64_t sys_capget(struct task *t, const uint64_t *a)
{
	struct __user_cap_data_struct d[2];
	struct __user_cap_header_struct h;
	struct task *target;
	struct cred *c;
	int words, r = cap_version(t, a[0], &h, &words);

	if (r || !a[1])
		return !a[1] && r == -EINVAL ? 0 : r;
	if (copy_in(t, &h, a[0], sizeof(h)))
		return -EFAULT;
	if (h.pid < 0)
		return -EINVAL;
	target = h.pid ? task_find_vnr(t, h.pid) : t;
	if (!target)
		return -ESRCH;
	c = task_cred_get(target);
	for (int i = 0; i < 2; i++) {
		d[i].effective = (uint32_t)(c->cap_effective >> (32 * i));
		d[i].permitted = (uint32_t)(c->cap_permitted >> (32 * i));
		d[i].inheritable = (uint32_t)(c->cap_inheritable >> (32 * i));
	}
	cred_put(c);
	if (target != t)
		task_put(target);
	return copy_out(t, a[1], d, sizeof(d[0]) * (size_t)words) ? -EFAULT : 0;
}

/* The rules of capset(2). */
static int check_capset(struct task *t, uint64_t e, uint64_t p, uint64_t i)
{
	const struct cred *c = t->cred;

	if (!ns_capable(t, c->user_ns, CAP_SETPCAP) && (i & ~(c->cap_inheritable | c->cap_permitted)))
		return -EPERM;
	if (i & ~(c->cap_inheritable | c->cap_bounding))
		return -EPERM;
	return (p & ~c->cap_permitted) || (e & ~p) ? -EPERM : 0;
}

int64_t sys_capset(struct task *t, const uint64_t *a)
{
	struct __user_cap_data_struct d[2] = {{0}};
	struct __user_cap_header_struct h;
	uint64_t e, p, i;
	struct cred *n;
	int words, r = cap_version(t, a[0], &h, &words);

	if (r)
		return r;
	if (copy_in(t, &h, a[0], sizeof(h)))
		return -EFAULT;
	if (h.pid && h.pid != task_vnr(t, t))
		return -EPERM;
	if (copy_in(t, d, a[1], sizeof(d[0]) * (size_t)words))
		return -EFAULT;
	e = (d[0].effective | (uint64_t)d[1].effective << 32) & CAP_MASK_ALL;
	p = (d[0].permitted | (uint64_t)d[1].permitted << 32) & CAP_MASK_ALL;
	i = (d[0].inheritable | (uint64_t)d[1].inheritable << 32) & CAP_MASK_ALL;
	r = check_capset(t, e, p, i);
	if (r)
		return r;
	n = cred_copy(t->cred);
	if (!n)
		return -ENOMEM;
	n->cap_effective = e;
	n->cap_permitted = p;
	n->cap_inheritable = i;
	n->cap_ambient &= p & i;
	task_cred_commit(t, n);
	return 0;
}

/* --- prctl
 * ------------------------------------------------------------------------------------------------------------------ */

int64_t caps_drop_bounding(struct task *t, uint64_t cap)
{
	struct cred *c;

	if (!ns_capable(t, t->cred->user_ns, CAP_SETPCAP))
		return -EPERM;
	if (cap > CAP_LAST_CAP)
		return -EINVAL;
	c = cred_copy(t->cred);
	if (!c)
		return -ENOMEM;
	c->cap_bounding &= ~(1ull << cap);
	task_cred_commit(t, c);
	return 0;
}

static int64_t set_ambient(struct task *t, uint64_t ambient)
{
	struct cred *c = cred_copy(t->cred);

	if (!c)
		return -ENOMEM;
	c->cap_ambient = ambient;
	task_cred_commit(t, c);
	return 0;
}

int64_t caps_ambient(struct task *t, const uint64_t *a)
{
	const struct cred *c = t->cred;
	uint64_t bit;

	if (a[1] == PR_CAP_AMBIENT_CLEAR_ALL)
		return a[2] || a[3] || a[4] ? -EINVAL : set_ambient(t, 0);
	if (a[2] > CAP_LAST_CAP || a[3] || a[4])
		return -EINVAL;
	bit = 1ull << a[2];
	switch (a[1]) {
	case PR_CAP_AMBIENT_IS_SET:
		return !!(c->cap_ambient & bit);
	case PR_CAP_AMBIENT_RAISE:
		if (!(c->cap_permitted & c->cap_inheritable & bit) || (c->securebits & SECBIT_NO_CAP_AMBIENT_RAISE))
			return -EPERM;
		return set_ambient(t, c->cap_ambient | bit);
	case PR_CAP_AMBIENT_LOWER:
		return set_ambient(t, c->cap_ambient & ~bit);
	default:
		return -EINVAL;
	}
}

static int64_t store_securebits(struct task *t, uint32_t bits)
{
	struct cred *c = cred_copy(t->cred);

	if (!c)
		return -ENOMEM;
	c->securebits = bits;
	task_cred_commit(t, c);
	return 0;
}

int64_t caps_set_securebits(struct task *t, uint64_t bits)
{
	uint32_t old = t->cred->securebits, locks = old & SECURE_ALL_LOCKS;

	if (((locks >> 1) & (old ^ bits)) || (locks & ~bits) ||
		(bits & ~(uint64_t)(SECURE_ALL_LOCKS | SECURE_ALL_BITS)) ||
		!ns_capable(t, t->cred->user_ns, CAP_SETPCAP))
		return -EPERM;
	return store_securebits(t, (uint32_t)bits);
}

int64_t caps_set_keep(struct task *t, uint64_t on)
{
	uint32_t old = t->cred->securebits;

	if (on > 1)
		return -EINVAL;
	if (old & SECBIT_KEEP_CAPS_LOCKED)
		return -EPERM;
	return store_securebits(t, on ? old | SECBIT_KEEP_CAPS : old & ~(uint32_t)SECBIT_KEEP_CAPS);
}

int64_t caps_get_keep(const struct task *t)
{
	return !!(t->cred->securebits & SECBIT_KEEP_CAPS);
}
