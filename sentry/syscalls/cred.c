/* SPDX-License-Identifier: MIT */
/* User, group and capability calls. credentials(7), capabilities(7). */
#include "kernel/task_internal.h"
#include "syscalls/syscalls.h"

#include <linux/securebits.h>
#include <stdlib.h>

#define NO_ID UINT32_MAX

int64_t sys_getuid(struct task *t, const uint64_t *a)
{
	return t->cred->uid;
}

int64_t sys_geteuid(struct task *t, const uint64_t *a)
{
	return t->cred->euid;
}

int64_t sys_getgid(struct task *t, const uint64_t *a)
{
	return t->cred->gid;
}

int64_t sys_getegid(struct task *t, const uint64_t *a)
{
	return t->cred->egid;
}

static int64_t copy_out_ids(struct task *t, const uint64_t *a, uint32_t r, uint32_t e, uint32_t s)
{
	if (copy_out(t, a[0], &r, 4) || copy_out(t, a[1], &e, 4) || copy_out(t, a[2], &s, 4))
		return -EFAULT;
	return 0;
}

int64_t sys_getresuid(struct task *t, const uint64_t *a)
{
	return copy_out_ids(t, a, t->cred->uid, t->cred->euid, t->cred->suid);
}

int64_t sys_getresgid(struct task *t, const uint64_t *a)
{
	return copy_out_ids(t, a, t->cred->gid, t->cred->egid, t->cred->sgid);
}

/* capabilities(7), "Effect of user ID changes on capabilities". */
static void fix_caps(const struct cred *o, struct cred *n, bool keep)
{
	bool had_root = o->uid == 0 || o->euid == 0 || o->suid == 0;
	bool has_root = n->uid == 0 || n->euid == 0 || n->suid == 0;

	if (n->securebits & SECBIT_NO_SETUID_FIXUP)
		return;
	if (had_root && !has_root) {
		if (!keep)
			n->cap_permitted = n->cap_effective = 0;
		n->cap_ambient = 0;
	}
	if (o->euid == 0 && n->euid != 0)
		n->cap_effective = 0;
	else if (o->euid != 0 && n->euid == 0)
		n->cap_effective = n->cap_permitted;
}

static int64_t publish(struct task *t, struct cred *n)
{
	struct cred *o = t->cred;

	fix_caps(o, n, t->keep_caps);
	if (n->euid != o->euid || n->egid != o->egid || n->fsuid != o->fsuid || n->fsgid != o->fsgid) {
		t->tg->dumpable = false;
		t->pdeath_signal = 0;
	}
	task_cred_replace(t, n);
	return 0;
}

static int64_t refuse(struct cred *n, int err)
{
	cred_put(n);
	return err;
}

int64_t sys_setuid(struct task *t, const uint64_t *a)
{
	uint32_t id = ARG_UINT(a, 0);
	const struct cred *o = t->cred;
	struct cred *n;

	if (id == NO_ID)
		return -EINVAL;
	n = cred_copy(o);
	if (!n)
		return -ENOMEM;
	if (task_capable(t, CAP_SETUID))
		n->uid = n->suid = id;
	else if (id != o->uid && id != o->suid)
		return refuse(n, -EPERM);
	n->euid = n->fsuid = id;
	return publish(t, n);
}

int64_t sys_setgid(struct task *t, const uint64_t *a)
{
	uint32_t id = ARG_UINT(a, 0);
	const struct cred *o = t->cred;
	struct cred *n;

	if (id == NO_ID)
		return -EINVAL;
	n = cred_copy(o);
	if (!n)
		return -ENOMEM;
	if (task_capable(t, CAP_SETGID))
		n->gid = n->sgid = id;
	else if (id != o->gid && id != o->sgid)
		return refuse(n, -EPERM);
	n->egid = n->fsgid = id;
	return publish(t, n);
}

static bool one_of(uint32_t id, uint32_t x, uint32_t y, uint32_t z)
{
	return id == NO_ID || id == x || id == y || id == z;
}

int64_t sys_setresuid(struct task *t, const uint64_t *a)
{
	uint32_t r = ARG_UINT(a, 0), e = ARG_UINT(a, 1), s = ARG_UINT(a, 2);
	const struct cred *o = t->cred;
	struct cred *n = cred_copy(o);

	if (!n)
		return -ENOMEM;
	if (!task_capable(t, CAP_SETUID) && !(one_of(r, o->uid, o->euid, o->suid) && one_of(e, o->uid, o->euid, o->suid) &&
					      one_of(s, o->uid, o->euid, o->suid)))
		return refuse(n, -EPERM);
	n->uid = r == NO_ID ? o->uid : r;
	n->euid = e == NO_ID ? o->euid : e;
	n->suid = s == NO_ID ? o->suid : s;
	n->fsuid = n->euid;
	return publish(t, n);
}

int64_t sys_setresgid(struct task *t, const uint64_t *a)
{
	uint32_t r = ARG_UINT(a, 0), e = ARG_UINT(a, 1), s = ARG_UINT(a, 2);
	const struct cred *o = t->cred;
	struct cred *n = cred_copy(o);

	if (!n)
		return -ENOMEM;
	if (!task_capable(t, CAP_SETGID) && !(one_of(r, o->gid, o->egid, o->sgid) && one_of(e, o->gid, o->egid, o->sgid) &&
					      one_of(s, o->gid, o->egid, o->sgid)))
		return refuse(n, -EPERM);
	n->gid = r == NO_ID ? o->gid : r;
	n->egid = e == NO_ID ? o->egid : e;
	n->sgid = s == NO_ID ? o->sgid : s;
	n->fsgid = n->egid;
	return publish(t, n);
}

int64_t sys_setreuid(struct task *t, const uint64_t *a)
{
	uint32_t r = ARG_UINT(a, 0), e = ARG_UINT(a, 1);
	const struct cred *o = t->cred;
	struct cred *n = cred_copy(o);

	if (!n)
		return -ENOMEM;
	if (!task_capable(t, CAP_SETUID) &&
	    !(one_of(r, o->uid, o->euid, o->euid) && one_of(e, o->uid, o->euid, o->suid)))
		return refuse(n, -EPERM);
	n->uid = r == NO_ID ? o->uid : r;
	n->euid = n->fsuid = e == NO_ID ? o->euid : e;
	if (r != NO_ID || (e != NO_ID && e != o->uid))
		n->suid = n->euid;
	return publish(t, n);
}

int64_t sys_setregid(struct task *t, const uint64_t *a)
{
	uint32_t r = ARG_UINT(a, 0), e = ARG_UINT(a, 1);
	const struct cred *o = t->cred;
	struct cred *n = cred_copy(o);

	if (!n)
		return -ENOMEM;
	if (!task_capable(t, CAP_SETGID) &&
	    !(one_of(r, o->gid, o->egid, o->egid) && one_of(e, o->gid, o->egid, o->sgid)))
		return refuse(n, -EPERM);
	n->gid = r == NO_ID ? o->gid : r;
	n->egid = n->fsgid = e == NO_ID ? o->egid : e;
	if (r != NO_ID || (e != NO_ID && e != o->gid))
		n->sgid = n->egid;
	return publish(t, n);
}

/* The capabilities that concern files go and come with a file system uid of 0; capabilities(7). */
#define CAPS_OF_FILES                                                                                                  \
	(1ull << CAP_CHOWN | 1ull << CAP_MKNOD | 1ull << CAP_DAC_OVERRIDE | 1ull << CAP_DAC_READ_SEARCH |              \
	 1ull << CAP_FOWNER | 1ull << CAP_FSETID | 1ull << CAP_LINUX_IMMUTABLE | 1ull << CAP_MAC_OVERRIDE)

static void fix_file_caps(uint32_t old, struct cred *n)
{
	if (n->securebits & 1u << SECURE_NO_SETUID_FIXUP)
		return;
	if (old == 0 && n->fsuid != 0)
		n->cap_effective &= ~CAPS_OF_FILES;
	else if (old != 0 && n->fsuid == 0)
		n->cap_effective |= n->cap_permitted & CAPS_OF_FILES;
}

int64_t sys_setfsuid(struct task *t, const uint64_t *a)
{
	uint32_t id = ARG_UINT(a, 0), old = t->cred->fsuid;
	const struct cred *o = t->cred;
	struct cred *n;

	if (id == old || id == NO_ID || (!task_capable(t, CAP_SETUID) && !one_of(id, o->uid, o->euid, o->suid)))
		return old;
	n = cred_copy(o);
	if (n) {
		n->fsuid = id;
		fix_file_caps(old, n);
		publish(t, n);
	}
	return old;
}

int64_t sys_setfsgid(struct task *t, const uint64_t *a)
{
	uint32_t id = ARG_UINT(a, 0), old = t->cred->fsgid;
	const struct cred *o = t->cred;
	struct cred *n;

	if (id == old || id == NO_ID || (!task_capable(t, CAP_SETGID) && !one_of(id, o->gid, o->egid, o->sgid)))
		return old;
	n = cred_copy(o);
	if (n) {
		n->fsgid = id;
		publish(t, n);
	}
	return old;
}

int64_t sys_getgroups(struct task *t, const uint64_t *a)
{
	const struct cred *c = t->cred;
	int n = ARG_INT(a, 0);

	if (n < 0)
		return -EINVAL;
	if (n == 0)
		return c->n_groups;
	if ((uint32_t)n < c->n_groups)
		return -EINVAL;
	return copy_out(t, a[1], c->groups, c->n_groups * sizeof(uint32_t)) ? -EFAULT : (int64_t)c->n_groups;
}

int64_t sys_setgroups(struct task *t, const uint64_t *a)
{
	uint32_t count = ARG_UINT(a, 0), *groups = NULL;
	struct cred *n;

	if (!task_capable(t, CAP_SETGID))
		return -EPERM;
	if (count > CRED_NGROUPS_MAX)
		return -EINVAL;
	if (count) {
		groups = malloc(count * sizeof(*groups));
		if (!groups)
			return -ENOMEM;
		if (copy_in(t, groups, a[1], count * sizeof(*groups))) {
			free(groups);
			return -EFAULT;
		}
	}
	n = cred_copy(t->cred);
	if (!n) {
		free(groups);
		return -ENOMEM;
	}
	free(n->groups);
	n->groups = groups;
	n->n_groups = count;
	task_cred_replace(t, n);
	return 0;
}

/* --- capget, capset ------------------------------------------------------------------------------------------------- */

static int cap_version(struct task *t, uint64_t addr, struct __user_cap_header_struct *h, int *words)
{
	uint32_t v3 = _LINUX_CAPABILITY_VERSION_3;

	if (copy_in(t, h, addr, sizeof(*h)))
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

	if (r)
		return a[1] || r != -EINVAL ? r : 0;
	if (h.pid < 0)
		return -EINVAL;
	target = h.pid ? task_find(t->kernel, h.pid) : t;
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
	return a[1] && copy_out(t, a[1], d, sizeof(d[0]) * (size_t)words) ? -EFAULT : 0;
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
	if (h.pid && h.pid != t->tid)
		return -EPERM;
	if (copy_in(t, d, a[1], sizeof(d[0]) * (size_t)words))
		return -EFAULT;
	e = d[0].effective | (uint64_t)d[1].effective << 32;
	p = d[0].permitted | (uint64_t)d[1].permitted << 32;
	i = d[0].inheritable | (uint64_t)d[1].inheritable << 32;
	e &= CAP_MASK_ALL;
	p &= CAP_MASK_ALL;
	i &= CAP_MASK_ALL;
	if ((p & ~t->cred->cap_permitted) || (e & ~p))
		return -EPERM;
	if (i & ~(t->cred->cap_inheritable | t->cred->cap_bounding))
		return -EPERM;
	if (!task_capable(t, CAP_SETPCAP) && (i & ~(t->cred->cap_inheritable | t->cred->cap_permitted)))
		return -EPERM;
	n = cred_copy(t->cred);
	if (!n)
		return -ENOMEM;
	n->cap_effective = e;
	n->cap_permitted = p;
	n->cap_inheritable = i;
	n->cap_ambient &= p & i;
	task_cred_replace(t, n);
	return 0;
}
