/* SPDX-License-Identifier: MIT */
/* shmctl(2), and what /proc/sysvipc/shm shows. */
#include "fs/kernfs.h"
#include "host/file.h"
#include "ipc/shm.h"
#include "kernel/pid_ns.h"

#include <linux/capability.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <time.h>

#ifndef SHM_STAT_ANY
#define SHM_STAT_ANY 15
#endif
#ifndef SHM_LOCKED
#define SHM_LOCKED 02000
#endif

/* The segment of an id, or at a place of the table, held. No permission is looked at. */
static struct shm_segment *segment_get(struct ipc_ns *ns, int id, bool place)
{
	struct ipc_obj *o;
	LOCK_SCOPE(&ns->shm.lock);

	o = place ? ipc_at(&ns->shm, id) : ipc_find(&ns->shm, id);
	if (o)
		refs_get(&shm_of(o)->refs);
	return o ? shm_of(o) : NULL;
}

static uint64_t resident(const struct shm_segment *s)
{
	struct statx st;

	return host_stat(s->fd, "", &st) ? 0 : st.stx_blocks * 512;
}

static void fill(struct task *t, struct shm_segment *s, unsigned nattch, struct shmid_ds *ds)
{
	memset(ds, 0, sizeof(*ds));
	ipc_perm_fill(t, &s->obj, &ds->shm_perm);
	ds->shm_segsz = s->size;
	ds->shm_atime = s->atime;
	ds->shm_dtime = s->dtime;
	ds->shm_ctime = s->ctime;
	ds->shm_cpid = pid_vnr(t, s->cpid);
	ds->shm_lpid = pid_vnr(t, s->lpid);
	ds->shm_nattch = nattch;
}

static int stat_segment(struct task *t, struct ipc_ns *ns, int id, int cmd, struct shmid_ds *ds)
{
	struct shm_segment *s = segment_get(ns, id, cmd != IPC_STAT);
	unsigned n;
	int r = 0;

	if (!s)
		return -EINVAL;
	n = shm_count(ns, s);
	lock_acquire(&ns->shm.lock);
	if (s->removed)
		r = -EINVAL;
	else if (cmd != SHM_STAT_ANY)
		r = ipc_permission(t, &s->obj, 0444);
	if (!r) {
		fill(t, s, n, ds);
		r = cmd == IPC_STAT ? 0 : s->obj.id;
	}
	lock_release(&ns->shm.lock);
	shm_segment_put(s);
	return r;
}

/* lock held. */
static int lock_segment(struct task *t, struct shm_segment *s, bool lock)
{
	if (!ipc_capable(t, CAP_IPC_LOCK)) {
		if (t->cred->euid != s->obj.uid && t->cred->euid != s->obj.cuid)
			return -EPERM;
		if (lock && !task_rlimit(t, RLIMIT_MEMLOCK))
			return -EPERM;
	}
	s->obj.mode = lock ? s->obj.mode | SHM_LOCKED : s->obj.mode & ~(uint32_t)SHM_LOCKED;
	return 0;
}

/* lock held. */
static int change(struct task *t, struct ipc_ns *ns, struct shm_segment *s, int cmd, const struct shmid_ds *ds, unsigned nattch)
{
	int r;

	if (cmd == SHM_LOCK || cmd == SHM_UNLOCK)
		return lock_segment(t, s, cmd == SHM_LOCK);
	r = ipc_may_change(t, &s->obj);
	if (!r && cmd == IPC_SET) {
		r = ipc_perm_set(t, &s->obj, &ds->shm_perm);
		if (!r)
			s->ctime = time(NULL);
	} else if (!r && nattch) {
		s->obj.mode |= SHM_DEST;
		s->obj.key = IPC_PRIVATE;
	} else if (!r) {
		shm_remove(ns, s);
	}
	return r;
}

static int change_segment(struct task *t, struct ipc_ns *ns, int id, int cmd, const struct shmid_ds *ds)
{
	struct shm_segment *s = segment_get(ns, id, false);
	unsigned n;
	int r;

	if (!s)
		return -EINVAL;
	n = cmd == IPC_RMID ? shm_count(ns, s) : 0;
	lock_acquire(&ns->shm.lock);
	n += cmd == IPC_RMID && !n && !list_empty(&s->attaches); /* attached meanwhile */
	r = s->removed ? -EINVAL : change(t, ns, s, cmd, ds, n);
	lock_release(&ns->shm.lock);
	shm_segment_put(s);
	return r;
}

static int limits(struct task *t, struct ipc_ns *ns, uint64_t buf)
{
	struct shminfo si = {.shmmax = ns->shm_max, .shmmin = 1, .shmmni = ns->shm_mni, .shmseg = ns->shm_mni, .shmall = ns->shm_all};
	int top;

	lock_acquire(&ns->shm.lock);
	top = ns->shm.max_idx < 0 ? 0 : ns->shm.max_idx;
	lock_release(&ns->shm.lock);
	return copy_out(t, buf, &si, sizeof(si)) ?: top;
}

static int usage(struct task *t, struct ipc_ns *ns, uint64_t buf)
{
	struct shm_info si = {0};
	int top;

	lock_acquire(&ns->shm.lock);
	si.used_ids = (int)ns->shm.in_use;
	si.shm_tot = ns->shm_pages;
	for (int i = 0; i <= ns->shm.max_idx; i++) {
		struct ipc_obj *o = ipc_at(&ns->shm, i);

		si.shm_rss += o ? resident(shm_of(o)) / 4096 : 0;
	}
	top = ns->shm.max_idx < 0 ? 0 : ns->shm.max_idx;
	lock_release(&ns->shm.lock);
	return copy_out(t, buf, &si, sizeof(si)) ?: top;
}

int64_t shm_control(struct task *t, int id, int cmd, uint64_t buf)
{
	struct ipc_ns *ns = task_ipc_ns(t);
	struct shmid_ds ds;
	int r;

	if (id < 0 || cmd < 0)
		return -EINVAL;
	switch (cmd) {
	case IPC_INFO:
		return limits(t, ns, buf);
	case SHM_INFO:
		return usage(t, ns, buf);
	case IPC_STAT:
	case SHM_STAT:
	case SHM_STAT_ANY:
		r = stat_segment(t, ns, id, cmd, &ds);
		return r < 0 ? r : copy_out(t, buf, &ds, sizeof(ds)) ?: r;
	case IPC_SET:
		return copy_in(t, &ds, buf, sizeof(ds)) ?: change_segment(t, ns, id, cmd, &ds);
	case IPC_RMID:
	case SHM_LOCK:
	case SHM_UNLOCK:
		return change_segment(t, ns, id, cmd, NULL);
	default:
		return -EINVAL;
	}
}

/* lock held. */
static void show_segment(struct task *v, struct shm_segment *g, unsigned nattch, struct seq *s)
{
	seq_printf(s, "%10d %10d  %4o %21llu %5u %5u  %5u ", g->obj.key, g->obj.id, g->obj.mode, (unsigned long long)g->size,
		(unsigned)pid_vnr(v, g->cpid), (unsigned)pid_vnr(v, g->lpid), nattch);
	ipc_show_owners(v, &g->obj, s);
	seq_printf(s, " %10llu %10llu %10llu %21llu %21llu\n", (unsigned long long)g->atime, (unsigned long long)g->dtime,
		(unsigned long long)g->ctime, (unsigned long long)resident(g), 0ull);
}

int shm_show(struct task *v, struct seq *s)
{
	struct ipc_ns *ns = task_ipc_ns(v);
	int top;

	seq_puts(s, "       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid  cgid      atime      "
		    "dtime      ctime"
		    "                   rss                  swap\n");
	lock_acquire(&ns->shm.lock);
	top = ns->shm.max_idx;
	lock_release(&ns->shm.lock);
	for (int i = 0; i <= top; i++) {
		struct shm_segment *g = segment_get(ns, i, true);
		unsigned n;

		if (!g)
			continue;
		n = shm_count(ns, g);
		lock_acquire(&ns->shm.lock);
		if (!g->removed)
			show_segment(v, g, n, s);
		lock_release(&ns->shm.lock);
		shm_segment_put(g);
	}
	return 0;
}
