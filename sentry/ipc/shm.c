/* SPDX-License-Identifier: MIT */
/* System V shared memory: segments and their attachments. shmget(2), shmop(2). */
#include "ipc/shm.h"
#include "host/file.h"
#include "ipc/internal.h"
#include "mm/map.h"

#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>

#ifndef SHM_EXEC
#define SHM_EXEC 0100000
#endif
#define HUGE_SHIFT 26
#define HUGE_MASK 0x3f

/* --- the file of a segment ------------------------------------------------------------------------------------------- */

/*
 * What a segment's inode knows of it. Records of mappings (mm/map.h) hold the inode longer than anybody holds the segment, whose
 * memory must not stay for that.
 */
struct shm_file {
	struct lock lock; /* RANK_LEAF */
	int fd;		  /* the segment's; -1: it is gone */
};

/* For mremap(2), which asks the file for more of it. */
static int segment_mmap(struct task *t, struct file *f, uint64_t off, uint64_t len, int prot, int flags, struct mmap_info *ret)
{
	struct shm_file *sf = f->inode->priv;
	LOCK_SCOPE(&sf->lock);
	int fd = sf->fd < 0 ? -ENOMEM : host_dup(sf->fd);

	if (fd < 0)
		return -ENOMEM;
	*ret = (struct mmap_info){.host_fd = fd, .host_off = off, .host_len = UINT64_MAX, .dup = true};
	return 0;
}

static const struct file_ops segment_fops = {.mmap = segment_mmap};

static void segment_free_inode(struct inode *inode)
{
	struct shm_file *sf = inode->priv;

	if (sf) {
		lock_destroy(&sf->lock);
		free(sf);
	}
	inode_free(inode);
}

static const struct super_ops shmfs_ops = {.free_inode = segment_free_inode};

int shm_fs_create(struct ipc_ns *ns)
{
	ns->shmfs = super_alloc(ns->kernel, "tmpfs", &shmfs_ops, NULL);
	return ns->shmfs ? 0 : -ENOMEM;
}

static struct inode *segment_inode(struct ipc_ns *ns, int fd)
{
	struct shm_file *sf = malloc(sizeof(*sf));
	struct inode *inode = sf ? inode_alloc(ns->shmfs, NULL, &segment_fops, S_IFREG | 0777) : NULL;

	if (!inode) {
		free(sf);
		return NULL;
	}
	lock_init(&sf->lock, RANK_LEAF);
	sf->fd = fd;
	inode->priv = sf;
	return inode;
}

static void segment_forget(struct inode *inode)
{
	struct shm_file *sf = inode->priv;
	LOCK_SCOPE(&sf->lock);

	sf->fd = -1;
}

/* --- segments -------------------------------------------------------------------------------------------------------- */

static void segment_free(struct shm_segment *s)
{
	struct kernel *k = s->ns->kernel;

	if (s->inode)
		segment_forget(s->inode);
	if (s->fd >= 0) {
		shared_mem_del(k, &s->shared);
		host_close(s->fd);
	}
	if (s->path.dentry)
		dentry_put(s->path.dentry);
	kernel_uncharge(k, sizeof(*s));
	free(s);
}

void shm_segment_put(struct shm_segment *s)
{
	if (refs_put(&s->refs))
		segment_free(s);
}

/* The memory, and what it is called in /proc/PID/maps. */
static int segment_file(struct shm_segment *s)
{
	struct kernel *k = s->ns->kernel;
	struct inode *inode;
	struct statx st;
	char name[40];
	int r;

	s->fd = host_memfd("sysv");
	if (s->fd < 0)
		return s->fd == -EMFILE ? -ENFILE : s->fd;
	r = host_ftruncate(s->fd, s->pages * PAGE_SIZE_);
	if (!r)
		r = host_stat(s->fd, "", &st);
	if (r)
		return -ENOMEM;
	s->ino = st.stx_ino;
	s->maj = st.stx_dev_major;
	s->min = st.stx_dev_minor;
	s->shared.fd = s->fd;
	shared_mem_add(k, &s->shared);
	inode = segment_inode(s->ns, s->fd);
	if (!inode)
		return -ENOMEM;
	snprintf(name, sizeof(name), "/SYSV%08x (deleted)", (unsigned)s->obj.key);
	s->path.dentry = d_alloc_anon(inode, name);
	if (!s->path.dentry) {
		inode_put(inode);
		return -ENOMEM;
	}
	s->inode = inode; /* the dentry's */
	return 0;
}

static int segment_alloc(struct ipc_ns *ns, int32_t key, uint64_t size, int flags, struct shm_segment **ret)
{
	struct shm_segment *s;
	int r;

	if (kernel_charge_files(ns->kernel, sizeof(*s)))
		return -ENOMEM;
	s = calloc(1, sizeof(*s));
	if (!s) {
		kernel_uncharge(ns->kernel, sizeof(*s));
		return -ENOMEM;
	}
	refs_init(&s->refs);
	list_init(&s->attaches);
	s->ns = ns;
	s->fd = -1;
	s->size = size;
	s->pages = PAGE_UP(size) / PAGE_SIZE_;
	s->obj.key = key;
	s->obj.mode = (uint32_t)flags & 0777;
	s->ctime = time(NULL);
	r = segment_file(s);
	if (r)
		segment_free(s);
	else
		*ret = s;
	return r;
}

/* What Linux refuses before it looks at memory. lock held. */
static int check_new(struct task *t, struct ipc_ns *ns, uint64_t size, int flags)
{
	uint64_t pages = size / PAGE_SIZE_ + (size % PAGE_SIZE_ != 0), total = t->kernel->memory_limit;
	int huge = flags >> HUGE_SHIFT & HUGE_MASK;

	if (!total)
		total = t->kernel->memory_total;
	if (!size || size > ns->shm_max)
		return -EINVAL;
	if (pages > UINT64_MAX / PAGE_SIZE_ || ns->shm_pages + pages < pages || ns->shm_pages + pages > ns->shm_all)
		return -ENOSPC;
	if (ns->shm.in_use >= ns->shm_mni)
		return -ENOSPC;
	if (flags & SHM_HUGETLB) {
		if (huge && huge != 21 && huge != 30)
			return -EINVAL;
		return ipc_capable(t, CAP_IPC_LOCK) ? -ENOMEM : -EPERM; /* none are reserved for the sandbox */
	}
	if (pages > (uint64_t)INT64_MAX / PAGE_SIZE_ || (!(flags & SHM_NORESERVE) && total && pages > total / PAGE_SIZE_))
		return -ENOMEM;
	return 0;
}

static int segment_new(struct task *t, struct ipc_ns *ns, int32_t key, uint64_t size, int flags)
{
	struct shm_segment *s;
	int r = check_new(t, ns, size, flags);

	if (!r)
		r = segment_alloc(ns, key, size, flags, &s);
	if (r)
		return r;
	r = ipc_add(t, &ns->shm, &s->obj, ns->shm_mni);
	if (r < 0) {
		shm_segment_put(s);
		return r;
	}
	s->cpid = ipc_self(t);
	s->inode->ino = (uint64_t)r;
	s->inode->uid = s->obj.uid;
	s->inode->gid = s->obj.gid;
	ns->shm_pages += s->pages;
	return r;
}

int shm_get(struct task *t, int32_t key, uint64_t size, int flags)
{
	struct ipc_ns *ns = task_ipc_ns(t);
	struct ipc_obj *o = NULL;
	int r;

	LOCK_SCOPE(&ns->shm.lock);
	r = ipc_get_old(&ns->shm, key, flags, &o);
	if (r)
		return r > 0 ? segment_new(t, ns, key, size, flags) : r;
	if (shm_of(o)->size < size)
		return -EINVAL;
	r = ipc_permission(t, o, flags);
	return r ? r : o->id;
}

void shm_remove(struct ipc_ns *ns, struct shm_segment *s)
{
	lock_assert_held(&ns->shm.lock);
	if (s->removed)
		return;
	s->removed = true;
	ipc_remove(&ns->shm, &s->obj);
	ns->shm_pages -= s->pages;
	shm_segment_put(s);
}

/* Those that *pid* made (0: that have no maker) lose their maker; with shm_rmid_forced those that nobody has attached go. */
static void orphan(struct ipc_ns *ns, int pid)
{
	LOCK_SCOPE(&ns->shm.lock);
	for (int i = ns->shm.in_use ? ns->shm.max_idx : -1; i >= 0; i--) {
		struct ipc_obj *o = ipc_at(&ns->shm, i);
		struct shm_segment *s = o ? shm_of(o) : NULL;

		if (!s || (pid ? s->cpid != pid : !s->orphan))
			continue;
		s->orphan = true;
		if (ns->shm_rmid_forced && list_empty(&s->attaches))
			shm_remove(ns, s);
	}
}

void shm_exit(struct task *t)
{
	struct ipc_ns *ns = task_ipc_ns(t);

	if (ns)
		orphan(ns, ipc_self(t));
}

void shm_remove_orphans(struct ipc_ns *ns)
{
	orphan(ns, 0);
}

void shm_ns_gone(struct ipc_ns *ns)
{
	LOCK_SCOPE(&ns->shm.lock);
	for (int i = ns->shm.max_idx; i >= 0; i--) {
		struct ipc_obj *o = ipc_at(&ns->shm, i);

		if (o)
			shm_remove(ns, shm_of(o));
	}
	if (ns->shmfs)
		super_put(ns->shmfs);
	ns->shmfs = NULL;
}

/* --- attachments --------------------------------------------------------------------------------------------------------- */

/* mm->lock held. The record of *s* in *mm*, or NULL. At most one a segment: short. */
static struct shm_attach *attach_find(struct mm *mm, const struct shm_segment *s)
{
	struct shm_attach *a;

	list_for_each_entry(a, &mm->shm, mm_link)
		if (a->seg == s)
			return a;
	return NULL;
}

/* mm->lock held. */
static int attach_new(struct mm *mm, struct shm_segment *s, struct shm_attach **ret)
{
	struct shm_attach *a;

	if (kernel_charge(mm->kernel, sizeof(*a)))
		return -ENOMEM;
	a = malloc(sizeof(*a));
	if (!a) {
		kernel_uncharge(mm->kernel, sizeof(*a));
		return -ENOMEM;
	}
	*a = (struct shm_attach){.seg = s, .mm = mm};
	refs_get(&s->refs);
	ipc_ns_get(s->ns);
	list_add_tail(&a->mm_link, &mm->shm);
	lock_acquire(&s->ns->shm.lock);
	list_add_tail(&a->seg_link, &s->attaches);
	lock_release(&s->ns->shm.lock);
	*ret = a;
	return 0;
}

/* mm->lock held, or nobody else knows the mm. One that is marked and has no others goes. */
static void attach_drop(struct shm_attach *a)
{
	struct shm_segment *s = a->seg;
	struct ipc_ns *ns = s->ns;

	list_del(&a->mm_link);
	lock_acquire(&ns->shm.lock);
	list_del(&a->seg_link);
	s->dtime = time(NULL);
	s->lpid = a->mm->pid ? a->mm->pid : s->lpid;
	if (((s->obj.mode & SHM_DEST) || ns->shm_rmid_forced) && list_empty(&s->attaches))
		shm_remove(ns, s);
	lock_release(&ns->shm.lock);
	kernel_uncharge(a->mm->kernel, sizeof(*a));
	free(a);
	shm_segment_put(s);
	ipc_ns_put(ns);
}

int shm_mm_copy(struct mm *from, struct mm *to)
{
	struct shm_attach *a, *copy;
	int r;

	lock_assert_held(&from->lock);
	list_for_each_entry(a, &from->shm, mm_link) {
		r = attach_new(to, a->seg, &copy);
		if (r)
			return r;
		copy->n = a->n + a->busy; /* the child may have been made with or without */
	}
	return 0;
}

void shm_mm_gone(struct mm *mm)
{
	while (!list_empty(&mm->shm))
		attach_drop(list_first(&mm->shm, struct shm_attach, mm_link));
}

/* How often *mm* has *s* mapped; its record goes when it has not. Takes mm->lock. */
static unsigned count_in(struct mm *mm, struct shm_segment *s)
{
	struct mm_vmas vs = {0};
	struct shm_attach *a;
	unsigned n = 0;
	int r;
	LOCK_SCOPE(&mm->lock);

	a = attach_find(mm, s);
	if (!a)
		return 0;
	r = mm_vmas_get(mm, &vs);
	for (size_t i = 0; i < vs.n; i++)
		n += shm_is_mapping(s, &vs.v[i]);
	mm_vmas_free(&vs);
	if (r)
		n = a->n;
	if (!n && a->busy)
		return 1;
	if (!n)
		attach_drop(a);
	return n;
}

/* The address spaces that have attached *s*, held. */
static unsigned collect_mms(struct ipc_ns *ns, struct shm_segment *s, struct mm ***ret)
{
	unsigned n = 0, cap = 0;
	struct shm_attach *a;
	struct mm **v;
	LOCK_SCOPE(&ns->shm.lock);

	list_for_each_entry(a, &s->attaches, seg_link)
		cap++;
	v = cap ? malloc(cap * sizeof(struct mm *)) : NULL;
	if (!v)
		return 0;
	list_for_each_entry(a, &s->attaches, seg_link)
		if (refs_tryget(&a->mm->refs))
			v[n++] = a->mm;
	*ret = v;
	return n;
}

unsigned shm_count(struct ipc_ns *ns, struct shm_segment *s)
{
	struct mm **v = NULL;
	unsigned n = collect_mms(ns, s, &v), sum = 0;

	for (unsigned i = 0; i < n; i++) {
		sum += count_in(v[i], s);
		mm_put(v[i]);
	}
	free(v);
	return sum;
}

/* --- shmat(2) -------------------------------------------------------------------------------------------------------------- */

static int attach_address(struct task *t, uint64_t *addr, uint64_t size, int flags, int *map_flags)
{
	uint64_t end;

	if (!*addr)
		return flags & SHM_REMAP ? -EINVAL : 0;
	if (*addr & ~PAGE_MASK_) {
		if (!(flags & SHM_RND))
			return -EINVAL;
		*addr &= PAGE_MASK_;
		if (!*addr && (flags & SHM_REMAP))
			return -EINVAL;
	}
	if (__builtin_add_overflow(*addr, size, &end))
		return -EINVAL;
	if (end > aspace_max(t->mm->as))
		return -ENOMEM;
	if (*addr)
		*map_flags |= flags & SHM_REMAP ? MAP_FIXED : MAP_FIXED_NOREPLACE;
	return 0;
}

/* The segment *id* for one who may do *mode* with it, held. marked: it is to be destroyed. */
static int look_up(struct task *t, struct ipc_ns *ns, int id, int mode, struct shm_segment **ret, bool *marked)
{
	struct ipc_obj *o;
	int r;

	LOCK_SCOPE(&ns->shm.lock);
	o = ipc_find(&ns->shm, id);
	r = o ? ipc_permission(t, o, mode) : -EINVAL;
	if (r)
		return r;
	*ret = shm_of(o);
	*marked = o->mode & SHM_DEST;
	refs_get(&(*ret)->refs);
	return 0;
}

static void note_map(struct mm *mm, struct shm_segment *s)
{
	struct mm_file_map m = {.len = s->pages * PAGE_SIZE_, .host_dev = makedev(s->maj, s->min), .host_ino = s->ino,
		.path = s->path, .inode = s->inode, .shared = true};

	mm_note_file(mm, &m);
}

/* The record of a mapping that is about to be made. */
static int attach_begin(struct task *t, struct shm_segment *s)
{
	struct shm_attach *a;
	int r = 0;
	LOCK_SCOPE(&t->mm->lock);

	t->mm->pid = ipc_self(t);
	a = attach_find(t->mm, s);
	if (!a)
		r = attach_new(t->mm, s, &a);
	if (!r)
		a->busy++;
	return r;
}

/* The mapping is made, or has failed with *at*. */
static void attach_end(struct task *t, struct shm_segment *s, int64_t at)
{
	struct shm_attach *a;
	LOCK_SCOPE(&t->mm->lock);

	a = attach_find(t->mm, s); /* a busy one stays */
	a->busy--;
	if (at < 0) {
		if (!a->n && !a->busy)
			attach_drop(a);
		return;
	}
	a->n++;
	lock_acquire(&s->ns->shm.lock);
	s->atime = time(NULL);
	s->lpid = ipc_self(t);
	lock_release(&s->ns->shm.lock);
}

static int64_t attach(struct task *t, struct shm_segment *s, uint64_t addr, int flags)
{
	int prot = PROT_READ | (flags & SHM_RDONLY ? 0 : PROT_WRITE) | (flags & SHM_EXEC ? PROT_EXEC : 0);
	/* A shared mapping that must not be written is a private one on the host: see map_file(). */
	int map = flags & SHM_RDONLY ? MAP_PRIVATE : MAP_SHARED;
	int64_t at;
	int r = attach_address(t, &addr, s->pages * PAGE_SIZE_, flags, &map);

	if (!r)
		r = attach_begin(t, s);
	if (r)
		return r;
	at = gthread_mmap(t->th, addr, s->pages * PAGE_SIZE_, prot, map, s->fd, 0);
	attach_end(t, s, at);
	if (at >= 0)
		note_map(t->mm, s);
	return at == -EEXIST ? -EINVAL : at;
}

int64_t shm_attach(struct task *t, int id, uint64_t addr, int flags)
{
	int mode = (flags & SHM_RDONLY ? 0444 : 0666) | (flags & SHM_EXEC ? 0111 : 0);
	struct ipc_ns *ns = task_ipc_ns(t);
	struct shm_segment *s;
	bool marked;
	int64_t r;

	if (id < 0 || ((addr & ~PAGE_MASK_) && !(flags & SHM_RND)) || (!addr && (flags & SHM_REMAP)))
		return -EINVAL;
	r = look_up(t, ns, id, mode, &s, &marked);
	if (r)
		return r;
	/* One that is marked may have lost its last attachment unseen. */
	if (marked && !shm_count(ns, s))
		r = -EINVAL;
	else
		r = attach(t, s, addr, flags);
	shm_segment_put(s);
	return r;
}

/* --- shmdt(2) --------------------------------------------------------------------------------------------------------------- */

/* The segment that *v* is a mapping of, held with its namespace, or NULL. */
static struct shm_segment *segment_of(struct mm *mm, const struct mm_vma *v)
{
	struct shm_attach *a;
	LOCK_SCOPE(&mm->lock);

	list_for_each_entry(a, &mm->shm, mm_link) {
		if (shm_is_mapping(a->seg, v)) {
			refs_get(&a->seg->refs);
			ipc_ns_get(a->seg->ns);
			return a->seg;
		}
	}
	return NULL;
}

/* The same for the first mapping of what was attached at *addr*. */
static struct shm_segment *attached_at(struct mm *mm, const struct mm_vmas *vs, uint64_t addr)
{
	struct shm_segment *s = NULL;

	for (size_t i = 0; i < vs->n && !s; i++)
		if (vs->v[i].ino && vs->v[i].start >= addr && vs->v[i].start - addr == vs->v[i].off)
			s = segment_of(mm, &vs->v[i]);
	return s;
}

static void note_detach(struct task *t, struct shm_segment *s)
{
	struct shm_attach *a;
	LOCK_SCOPE(&t->mm->lock);

	t->mm->pid = ipc_self(t);
	a = attach_find(t->mm, s);
	if (a && a->n)
		a->n--;
	lock_acquire(&s->ns->shm.lock);
	s->dtime = time(NULL);
	s->lpid = ipc_self(t);
	lock_release(&s->ns->shm.lock);
}

int shm_detach(struct task *t, uint64_t addr)
{
	struct shm_segment *s;
	struct mm_vmas vs;
	struct ipc_ns *ns;
	int r;

	if (addr & ~PAGE_MASK_)
		return -EINVAL;
	r = mm_vmas_get(t->mm, &vs);
	if (r)
		return r;
	s = attached_at(t->mm, &vs, addr);
	if (!s) {
		mm_vmas_free(&vs);
		return -EINVAL;
	}
	for (size_t i = 0; i < vs.n; i++) {
		const struct mm_vma *v = &vs.v[i];

		if (shm_is_mapping(s, v) && v->start >= addr && v->start - addr == v->off && v->end - addr <= s->pages * PAGE_SIZE_)
			gthread_munmap(t->th, v->start, v->end - v->start);
	}
	mm_vmas_free(&vs);
	ns = s->ns;
	note_detach(t, s);
	count_in(t->mm, s);
	shm_segment_put(s);
	ipc_ns_put(ns);
	return 0;
}
