/* SPDX-License-Identifier: MIT */
/* User and group calls; capabilities are in caps.c. credentials(7), setuid(2) and kin. */
#include "kernel/task_internal.h"
#include "syscalls/syscalls.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define NO_ID UINT32_MAX

/*
 * User and group ids obey the same rules; one description of each kind carries the difference. An id stands in four
 * roles: real, effective, saved, file system.
 */
struct ids {
	uint32_t real, effective, saved, fs;
};

struct id_kind {
	size_t at;  /* of the four ids in struct cred */
	int cap;    /* that allows any change */
	bool users; /* changes of user ids move capabilities */
};

static const struct id_kind uids = {offsetof(struct cred, uid), CAP_SETUID, true};
static const struct id_kind gids = {offsetof(struct cred, gid), CAP_SETGID, false};

_Static_assert(offsetof(struct cred, fsuid) - offsetof(struct cred, uid) == offsetof(struct ids, fs), "order of uids");
_Static_assert(offsetof(struct cred, fsgid) - offsetof(struct cred, gid) == offsetof(struct ids, fs), "order of gids");

static struct ids get_ids(const struct task *t, const struct id_kind *kind)
{
	struct ids ids;

	memcpy(&ids, (const char *)t->cred + kind->at, sizeof(ids));
	return ids;
}

static uint32_t to_kernel(const struct task *t, const struct id_kind *kind, uint32_t id)
{
	return kind->users ? make_kuid(t->cred->user_ns, id) : make_kgid(t->cred->user_ns, id);
}

static uint32_t shown(const struct task *t, const struct id_kind *kind, uint32_t kid)
{
	return kind->users ? show_kuid(t->cred->user_ns, kid) : show_kgid(t->cred->user_ns, kid);
}

static bool may_set_any(const struct task *t, const struct id_kind *kind)
{
	return ns_capable(t, t->cred->user_ns, kind->cap);
}

static int64_t set_ids(struct task *t, const struct id_kind *kind, const struct ids *ids)
{
	struct cred *n = cred_copy(t->cred);

	if (!n)
		return -ENOMEM;
	memcpy((char *)n + kind->at, ids, sizeof(*ids));
	if (kind->users)
		cred_fix_setuid(t->cred, n);
	task_cred_commit(t, n);
	return 0;
}

/* --- reading
 * ------------------------------------------------------------------------------------------------------------- */

int64_t sys_getuid(struct task *t, const uint64_t *a)
{
	return show_kuid(t->cred->user_ns, t->cred->uid);
}

int64_t sys_geteuid(struct task *t, const uint64_t *a)
{
	return show_kuid(t->cred->user_ns, t->cred->euid);
}

int64_t sys_getgid(struct task *t, const uint64_t *a)
{
	return show_kgid(t->cred->user_ns, t->cred->gid);
}

int64_t sys_getegid(struct task *t, const uint64_t *a)
{
	return show_kgid(t->cred->user_ns, t->cred->egid);
}

static int64_t get_res(struct task *t, const struct id_kind *kind, const uint64_t *a)
{
	struct ids ids = get_ids(t, kind);
	uint32_t r = shown(t, kind, ids.real), e = shown(t, kind, ids.effective), s = shown(t, kind, ids.saved);

	if (copy_out(t, a[0], &r, 4) || copy_out(t, a[1], &e, 4) || copy_out(t, a[2], &s, 4))
		return -EFAULT;
	return 0;
}

int64_t sys_getresuid(struct task *t, const uint64_t *a)
{
	return get_res(t, &uids, a);
}

int64_t sys_getresgid(struct task *t, const uint64_t *a)
{
	return get_res(t, &gids, a);
}

/* --- setuid, setgid
 * ---------------------------------------------------------------------------------------------------------- */

static int64_t set_one(struct task *t, const struct id_kind *kind, uint32_t id)
{
	struct ids ids = get_ids(t, kind);

	id = to_kernel(t, kind, id);
	if (id == ID_INVALID)
		return -EINVAL;
	if (may_set_any(t, kind))
		ids.real = ids.saved = id;
	else if (id != ids.real && id != ids.saved)
		return -EPERM;
	ids.effective = ids.fs = id;
	return set_ids(t, kind, &ids);
}

int64_t sys_setuid(struct task *t, const uint64_t *a)
{
	return set_one(t, &uids, ARG_UINT(a, 0));
}

int64_t sys_setgid(struct task *t, const uint64_t *a)
{
	return set_one(t, &gids, ARG_UINT(a, 0));
}

/* --- setreuid, setregid
 * ------------------------------------------------------------------------------------------------------ */

/* An id of the caller's namespace, or NO_ID, which stays. -EINVAL: not mapped. */
static int translate(const struct task *t, const struct id_kind *kind, uint32_t *id)
{
	if (*id == NO_ID)
		return 0;
	*id = to_kernel(t, kind, *id);
	return *id == ID_INVALID ? -EINVAL : 0;
}

static int64_t set_re(struct task *t, const struct id_kind *kind, uint32_t r, uint32_t e)
{
	struct ids old = get_ids(t, kind), ids = old;

	if (translate(t, kind, &r) || translate(t, kind, &e))
		return -EINVAL;
	if (r != NO_ID) {
		ids.real = r;
		if (r != old.real && r != old.effective && !may_set_any(t, kind))
			return -EPERM;
	}
	if (e != NO_ID) {
		ids.effective = e;
		if (e != old.real && e != old.effective && e != old.saved && !may_set_any(t, kind))
			return -EPERM;
	}
	if (r != NO_ID || (e != NO_ID && e != old.real))
		ids.saved = ids.effective;
	ids.fs = ids.effective;
	return set_ids(t, kind, &ids);
}

int64_t sys_setreuid(struct task *t, const uint64_t *a)
{
	return set_re(t, &uids, ARG_UINT(a, 0), ARG_UINT(a, 1));
}

int64_t sys_setregid(struct task *t, const uint64_t *a)
{
	return set_re(t, &gids, ARG_UINT(a, 0), ARG_UINT(a, 1));
}

/* --- setresuid, setresgid
 * ---------------------------------------------------------------------------------------------------- */

/* Put *id* in *slot*, unless it stays. True: it is one that the caller does not have already. */
static bool put_id(uint32_t id, const struct ids *old, uint32_t *slot)
{
	if (id == NO_ID)
		return false;
	*slot = id;
	return id != old->real && id != old->effective && id != old->saved;
}

static int64_t set_res(struct task *t, const struct id_kind *kind, const uint64_t *a)
{
	uint32_t r = ARG_UINT(a, 0), e = ARG_UINT(a, 1), s = ARG_UINT(a, 2);
	struct ids old = get_ids(t, kind), ids = old;
	bool alien;

	if (translate(t, kind, &r) || translate(t, kind, &e) || translate(t, kind, &s))
		return -EINVAL;
	alien = put_id(r, &old, &ids.real);
	alien |= put_id(e, &old, &ids.effective);
	alien |= put_id(s, &old, &ids.saved);
	if (alien && !may_set_any(t, kind))
		return -EPERM;
	ids.fs = ids.effective;
	return set_ids(t, kind, &ids);
}

int64_t sys_setresuid(struct task *t, const uint64_t *a)
{
	return set_res(t, &uids, a);
}

int64_t sys_setresgid(struct task *t, const uint64_t *a)
{
	return set_res(t, &gids, a);
}

/* --- setfsuid, setfsgid: no errors, the old id either way
 * ---------------------------------------------------------------------- */

static int64_t set_fs(struct task *t, const struct id_kind *kind, uint32_t id)
{
	struct ids ids = get_ids(t, kind);
	uint32_t old = shown(t, kind, ids.fs);
	struct cred *n;

	id = to_kernel(t, kind, id);
	if (id == ID_INVALID || id == ids.fs)
		return old;
	if (id != ids.real && id != ids.effective && id != ids.saved && !may_set_any(t, kind))
		return old;
	n = cred_copy(t->cred);
	if (!n)
		return old;
	ids.fs = id;
	memcpy((char *)n + kind->at, &ids, sizeof(ids));
	if (kind->users)
		cred_fix_setfsuid(t->cred, n);
	task_cred_commit(t, n);
	return old;
}

int64_t sys_setfsuid(struct task *t, const uint64_t *a)
{
	return set_fs(t, &uids, ARG_UINT(a, 0));
}

int64_t sys_setfsgid(struct task *t, const uint64_t *a)
{
	return set_fs(t, &gids, ARG_UINT(a, 0));
}

/* --- supplementary groups
 * ----------------------------------------------------------------------------------------------------- */

int64_t sys_getgroups(struct task *t, const uint64_t *a)
{
	const struct cred *c = t->cred;
	uint32_t *out;
	int n = ARG_INT(a, 0), r;

	if (n < 0)
		return -EINVAL;
	if (n == 0 || !c->n_groups)
		return c->n_groups;
	if ((uint32_t)n < c->n_groups)
		return -EINVAL;
	out = malloc(c->n_groups * sizeof(*out));
	if (!out)
		return -ENOMEM;
	for (uint32_t i = 0; i < c->n_groups; i++)
		out[i] = show_kgid(c->user_ns, c->groups[i]);
	r = copy_out(t, a[1], out, c->n_groups * sizeof(*out));
	free(out);
	return r ? -EFAULT : (int64_t)c->n_groups;
}

/* Groups of the caller's namespace, as kernel ids, malloc'ed. */
static int copy_in_groups(struct task *t, uint64_t src, uint32_t count, uint32_t **ret)
{
	uint32_t *groups = malloc(count * sizeof(*groups));
	int r = 0;

	if (!groups)
		return -ENOMEM;
	if (copy_in(t, groups, src, count * sizeof(*groups)))
		r = -EFAULT;
	for (uint32_t i = 0; !r && i < count; i++) {
		groups[i] = make_kgid(t->cred->user_ns, groups[i]);
		r = groups[i] == ID_INVALID ? -EINVAL : 0;
	}
	if (r)
		free(groups);
	else
		*ret = groups;
	return r;
}

int64_t sys_setgroups(struct task *t, const uint64_t *a)
{
	uint32_t count = ARG_UINT(a, 0), *groups = NULL;
	struct cred *n;
	int r;

	if (!ns_capable(t, t->cred->user_ns, CAP_SETGID) || !user_ns_may_setgroups(t->cred->user_ns))
		return -EPERM;
	if (count > CRED_NGROUPS_MAX)
		return -EINVAL;
	r = count ? copy_in_groups(t, a[1], count, &groups) : 0;
	if (r)
		return r;
	n = cred_copy(t->cred);
	if (!n) {
		free(groups);
		return -ENOMEM;
	}
	cred_set_groups(n, groups, count);
	task_cred_commit(t, n);
	return 0;
}
