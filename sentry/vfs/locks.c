/* SPDX-License-Identifier: MIT */
/*
 * Advisory locks. One lock of the sandbox (RANK_FILE_LOCKS) guards all tables: lock calls are short and rare beside reads and
 * writes, and the search for deadlocks needs a view of them all.
 */
#include "kernel/pid_ns.h"
#include "vfs/locks.h"

#include "kernel/task.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/sysmacros.h>

#define LOCK_COST 128u	 /* charged for each lock */
#define DEADLOCK_DEPTH 64 /* longest chain of waiters that is followed */
#define END_OF_FILE INT64_MAX
#define OUTSIDE_NS 20000000 /* how long until one looks again whether somebody outside the sandbox is still in the way */
#define PIECES_MAX 1024u    /* of what an unlock leaves free at once towards the outside; the rest goes with a later one */

enum lock_kind { KIND_POSIX, KIND_OFD, KIND_FLOCK };

struct file_lock {
	struct list_head link;
	enum lock_kind kind;
	int type;	     /* F_RDLCK, F_WRLCK */
	int64_t start, end;  /* inclusive */
	const void *owner;   /* descriptor table, or open file */
	int pid;
};

struct file_lock_list { /* inode->locks; lives as long as the inode */
	struct list_head records, flocks; /* of file_lock; records by start within an owner */
	struct wait_queue wait;		  /* sleepers for any lock of this inode */
	struct list_head all;		  /* locks_state.lists */
	struct inode *inode;		  /* not held */
};

struct lock_waiter { /* a POSIX lock that is waited for */
	struct list_head link; /* locks_state.blocked */
	const void *owner, *blocker;
};

struct locks_state {
	struct lock lock;
	struct list_head lists, blocked;
};

static struct locks_state *state_of(struct kernel *k)
{
	struct locks_state *s = atomic_load_explicit(&k->locks, memory_order_acquire), *none = NULL;

	if (s)
		return s;
	s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	lock_init(&s->lock, RANK_FILE_LOCKS);
	list_init(&s->lists);
	list_init(&s->blocked);
	if (!atomic_compare_exchange_strong(&k->locks, &none, s)) {
		lock_destroy(&s->lock);
		free(s);
		s = none;
	}
	return s;
}

static struct file_lock_list *list_get(struct locks_state *s, struct inode *inode)
{
	struct file_lock_list *l;

	LOCK_SCOPE(&s->lock);
	l = inode->locks;
	if (l)
		return l;
	l = calloc(1, sizeof(*l));
	if (!l)
		return NULL;
	list_init(&l->records);
	list_init(&l->flocks);
	wait_queue_init(&l->wait);
	l->inode = inode;
	list_add_tail(&l->all, &s->lists);
	atomic_store_explicit(&inode->locks, l, memory_order_release);
	return l;
}

static struct file_lock *lock_alloc(struct kernel *k)
{
	struct file_lock *fl;

	if (kernel_charge(k, LOCK_COST) < 0)
		return NULL;
	fl = calloc(1, sizeof(*fl));
	if (!fl)
		kernel_uncharge(k, LOCK_COST);
	else
		list_init(&fl->link);
	return fl;
}

static void lock_free(struct kernel *k, struct file_lock *fl)
{
	if (!fl)
		return;
	list_del(&fl->link);
	free(fl);
	kernel_uncharge(k, LOCK_COST);
}

/* --- towards others than the sandbox ------------------------------------------------------------------------------------------ */

static void outside_prepare(struct inode *inode, bool flock)
{
	if (inode->ops && inode->ops->lock_prepare)
		inode->ops->lock_prepare(inode, flock);
}

static int outside_lock(struct inode *inode, bool flock, int type, int64_t start, int64_t end)
{
	return inode->ops && inode->ops->lock ? inode->ops->lock(inode, flock, type, start, end) : 0;
}

/* The first place from *at* on that no lock is on; *ret_end*: where the next lock begins, less one. False: there is none up to *last*. */
static bool next_free(const struct file_lock_list *l, int64_t at, int64_t last, int64_t *ret_start, int64_t *ret_end)
{
	const struct file_lock *fl;
	bool moved = true;

	while (moved) {
		moved = false;
		list_for_each_entry(fl, &l->records, link) {
			if (fl->start > at || fl->end < at)
				continue;
			if (fl->end >= last)
				return false;
			at = fl->end + 1;
			moved = true;
		}
	}
	*ret_start = at;
	*ret_end = last;
	list_for_each_entry(fl, &l->records, link)
		if (fl->start > at && fl->start <= *ret_end)
			*ret_end = fl->start - 1;
	return true;
}

/* What the sandbox holds no longer between two places, others may have. */
static void outside_unlock(const struct file_lock_list *l, int64_t start, int64_t end)
{
	int64_t from, to;

	if (!l->inode->ops || !l->inode->ops->lock)
		return;
	for (unsigned i = 0; i < PIECES_MAX && next_free(l, start, end, &from, &to); i++) {
		outside_lock(l->inode, false, F_UNLCK, from, to);
		if (to >= end)
			break;
		start = to + 1;
	}
}

/* The whole-file lock towards others becomes the strongest of those that are left. */
static void outside_unflock(const struct file_lock_list *l)
{
	const struct file_lock *fl;
	int type = F_UNLCK;

	list_for_each_entry(fl, &l->flocks, link)
		if (type == F_UNLCK || fl->type == F_WRLCK)
			type = fl->type;
	outside_lock(l->inode, true, type, 0, END_OF_FILE);
}

/* Nobody outside says when he is done: one looks again after a while. *why*: what the last attempt failed for. */
static int block_for(struct task *t, bool outside)
{
	int r = task_block(t, outside ? kernel_now_mono() + OUTSIDE_NS : -1);

	return r == -ETIMEDOUT ? 0 : r;
}

/* --- record locks -------------------------------------------------------------------------------------------------------- */

static bool overlap(const struct file_lock *a, const struct file_lock *b)
{
	return a->start <= b->end && b->start <= a->end;
}

static bool same_owner(const struct file_lock *a, const struct file_lock *b)
{
	return a->kind == b->kind && a->owner == b->owner;
}

static struct file_lock *find_conflict(const struct list_head *head, const struct file_lock *want)
{
	struct file_lock *fl;

	list_for_each_entry(fl, head, link)
		if (!same_owner(fl, want) && overlap(fl, want) && (fl->type == F_WRLCK || want->type == F_WRLCK))
			return fl;
	return NULL;
}

/* Do two ranges of one type make one? */
static bool touch(const struct file_lock *a, const struct file_lock *b)
{
	return overlap(a, b) || (a->end != END_OF_FILE && a->end + 1 == b->start) ||
	       (b->end != END_OF_FILE && b->end + 1 == a->start);
}

/* Cut *want*'s range out of *fl*. *spare* is used up if a piece is left on both sides. */
static void cut(struct kernel *k, struct file_lock *fl, const struct file_lock *want, struct file_lock **spare)
{
	bool left = fl->start < want->start, right = fl->end > want->end;

	if (left && right) {
		struct file_lock *tail = *spare;

		*spare = NULL;
		*tail = *fl;
		tail->start = want->end + 1;
		list_add(&tail->link, &fl->link);
		fl->end = want->start - 1;
	} else if (left) {
		fl->end = want->start - 1;
	} else if (right) {
		fl->start = want->end + 1;
	} else {
		lock_free(k, fl);
	}
}

/*
 * Lay *want* over the owner's locks. *fresh* becomes the lock itself (unless it is an unlock), *spare* the second half of one
 * that is split; what is not used is left to the caller.
 */
static void apply(struct kernel *k, struct file_lock_list *l, struct file_lock *want, struct file_lock **fresh,
		  struct file_lock **spare)
{
	struct file_lock *fl, *tmp;

	list_for_each_entry_safe(fl, tmp, &l->records, link) {
		if (!same_owner(fl, want))
			continue;
		if (fl->type == want->type) {
			if (!touch(fl, want))
				continue;
			want->start = fl->start < want->start ? fl->start : want->start;
			want->end = fl->end > want->end ? fl->end : want->end;
			lock_free(k, fl);
		} else if (overlap(fl, want)) {
			cut(k, fl, want, spare);
		}
	}
	if (want->type == F_UNLCK)
		return;
	**fresh = *want;
	list_add_tail(&(*fresh)->link, &l->records);
	*fresh = NULL;
}

static const void *waits_for(const struct locks_state *s, const void *owner)
{
	struct lock_waiter *w;

	list_for_each_entry(w, &s->blocked, link)
		if (w->owner == owner)
			return w->blocker;
	return NULL;
}

/* Would *owner*, waiting for *blocker*, wait for itself? */
static bool deadlock(const struct locks_state *s, const void *owner, const void *blocker)
{
	for (int i = 0; blocker && i < DEADLOCK_DEPTH; i++) {
		if (blocker == owner)
			return true;
		blocker = waits_for(s, blocker);
	}
	return false;
}

struct set_request {
	struct task *t;
	struct locks_state *s;
	struct file_lock_list *l;
	struct file_lock *want, *fresh, *spare;
	struct task_waiter tw;
	struct lock_waiter lw;
	bool outside; /* it is somebody outside the sandbox who is in the way */
};

/* Try once. -EAGAIN: somebody is in the way; noted as a waiter if *wait*. */
static int try_record(struct set_request *q, bool wait)
{
	struct file_lock *blocker;

	LOCK_SCOPE(&q->s->lock);
	list_del(&q->lw.link);
	blocker = q->want->type == F_UNLCK ? NULL : find_conflict(&q->l->records, q->want);
	q->outside = false;
	if (!blocker && q->want->type != F_UNLCK &&
	    outside_lock(q->l->inode, false, q->want->type, q->want->start, q->want->end) < 0) {
		q->outside = true;
		return -EAGAIN;
	}
	if (!blocker) {
		const int64_t start = q->want->start, end = q->want->end;

		apply(q->t->kernel, q->l, q->want, &q->fresh, &q->spare);
		if (q->want->type == F_UNLCK)
			outside_unlock(q->l, start, end);
		/* A smaller or weaker lock may let others in. */
		wait_queue_wake(&q->l->wait, EPOLLIN);
		return 0;
	}
	if (wait && q->want->kind == KIND_POSIX && blocker->kind == KIND_POSIX) {
		if (deadlock(q->s, q->want->owner, blocker->owner))
			return -EDEADLK;
		q->lw.owner = q->want->owner;
		q->lw.blocker = blocker->owner;
		list_add_tail(&q->lw.link, &q->s->blocked);
	}
	return -EAGAIN;
}

static int wait_record(struct set_request *q)
{
	int r;

	task_waiter_init(&q->tw, q->t, EPOLLIN);
	wait_queue_add(&q->l->wait, &q->tw.waiter);
	while ((r = try_record(q, true)) == -EAGAIN) {
		r = block_for(q->t, q->outside);
		if (r < 0)
			break;
	}
	wait_queue_remove(&q->tw.waiter);
	lock_acquire(&q->s->lock);
	list_del(&q->lw.link);
	lock_release(&q->s->lock);
	return r;
}

static int set_record(struct task *t, struct file *f, struct file_lock *want, bool wait)
{
	struct set_request q = {.t = t, .s = state_of(t->kernel), .want = want};
	int r;

	if (!q.s)
		return -ENOLCK;
	if (want->type == F_UNLCK && !f->inode->locks)
		return 0;
	q.l = list_get(q.s, f->inode);
	if (want->type != F_UNLCK)
		outside_prepare(f->inode, false);
	q.fresh = lock_alloc(t->kernel);
	q.spare = lock_alloc(t->kernel);
	list_init(&q.lw.link);
	if (!q.l || !q.fresh || !q.spare)
		r = -ENOLCK;
	else
		r = wait ? wait_record(&q) : try_record(&q, false);
	lock_free(t->kernel, q.fresh);
	lock_free(t->kernel, q.spare);
	return r;
}

static int ask_outside(struct inode *inode, const struct file_lock *want, struct flock *out)
{
	struct flock fl = {.l_type = (short)want->type, .l_whence = SEEK_SET, .l_start = want->start,
		.l_len = want->end == END_OF_FILE ? 0 : want->end - want->start + 1};

	if (inode->ops && inode->ops->lock_ask && inode->ops->lock_ask(inode, &fl) == 0 && fl.l_type != F_UNLCK)
		*out = fl;
	else
		out->l_type = F_UNLCK;
	return 0;
}

static int get_record(struct task *t, struct file *f, const struct file_lock *want, struct flock *out)
{
	struct locks_state *s = state_of(t->kernel);
	struct file_lock_list *l = f->inode->locks;
	struct file_lock *fl = NULL;

	if (!s)
		return -ENOLCK;
	outside_prepare(f->inode, false);
	LOCK_SCOPE(&s->lock);
	if (l)
		fl = find_conflict(&l->records, want);
	if (!fl)
		return ask_outside(f->inode, want, out);
	*out = (struct flock){
		.l_type = (short)fl->type,
		.l_whence = SEEK_SET,
		.l_start = fl->start,
		.l_len = fl->end == END_OF_FILE ? 0 : fl->end - fl->start + 1,
		.l_pid = fl->kind == KIND_OFD ? -1 : fl->pid,
	};
	return 0;
}

/* The range of a struct flock, as POSIX has it: a negative length lies before start, zero reaches to the end. */
static int range_of(struct file *f, const struct flock *in, int64_t *start, int64_t *end)
{
	int64_t s = 0;
	struct kstat st;
	int r;

	if (in->l_whence == SEEK_CUR) {
		s = f->pos;
	} else if (in->l_whence == SEEK_END) {
		r = inode_getattr(f->inode, &st);
		if (r < 0)
			return r;
		s = (int64_t)st.size;
	} else if (in->l_whence != SEEK_SET) {
		return -EINVAL;
	}
	if (__builtin_add_overflow(s, in->l_start, &s))
		return -EOVERFLOW;
	if (s < 0)
		return -EINVAL;
	*end = END_OF_FILE;
	if (in->l_len > 0 && __builtin_add_overflow(s, in->l_len - 1, end))
		return -EOVERFLOW;
	if (in->l_len < 0) {
		*end = s - 1;
		if (__builtin_add_overflow(s, in->l_len, &s) || s < 0)
			return -EINVAL;
	}
	*start = s;
	return 0;
}

static int check_mode(const struct file *f, int type)
{
	int acc = f->flags & O_ACCMODE;

	if (type == F_RDLCK && acc == O_WRONLY)
		return -EBADF;
	if (type == F_WRLCK && acc == O_RDONLY)
		return -EBADF;
	return type == F_RDLCK || type == F_WRLCK || type == F_UNLCK ? 0 : -EINVAL;
}

static bool is_ofd(int cmd)
{
	return cmd == F_OFD_GETLK || cmd == F_OFD_SETLK || cmd == F_OFD_SETLKW;
}

/*
 * Another thread may have closed the descriptor before the lock was there: its close(2) has not seen the lock, which nobody would
 * ever drop.
 */
static int drop_if_closed(struct task *t, struct file *f, int fd, struct file_lock *lock)
{
	struct file *now = fd < 0 ? NULL : fd_get_path(t, fd);
	bool same = fd < 0 || now == f;

	if (now)
		file_put(now);
	if (same)
		return 0;
	lock->type = F_UNLCK;
	set_record(t, f, lock, false);
	return -EBADF;
}

int64_t locks_fcntl(struct task *t, struct file *f, int fd, int cmd, uint64_t arg)
{
	bool get = cmd == F_GETLK || cmd == F_OFD_GETLK, wait = cmd == F_SETLKW || cmd == F_OFD_SETLKW;
	struct file_lock want = {.kind = is_ofd(cmd) ? KIND_OFD : KIND_POSIX, .pid = t->tg->pid}, asked;
	struct flock fl;
	int r = copy_in(t, &fl, arg, sizeof(fl));

	if (r < 0)
		return r;
	if (want.kind == KIND_OFD && fl.l_pid != 0)
		return -EINVAL;
	if (get && fl.l_type != F_RDLCK && fl.l_type != F_WRLCK)
		return -EINVAL;
	r = range_of(f, &fl, &want.start, &want.end);
	if (r < 0)
		return r;
	want.type = fl.l_type;
	want.owner = want.kind == KIND_OFD ? (const void *)f : t->fds;
	if (get) {
		r = get_record(t, f, &want, &fl);
		if (!r && fl.l_pid > 0)
			fl.l_pid = pid_vnr(t, fl.l_pid);
		return r < 0 ? r : copy_out(t, arg, &fl, sizeof(fl));
	}
	r = check_mode(f, want.type);
	if (r < 0)
		return r;
	asked = want;
	r = set_record(t, f, &want, wait);
	return r || asked.kind == KIND_OFD || asked.type == F_UNLCK ? r : drop_if_closed(t, f, fd, &asked);
}

/* --- flock ----------------------------------------------------------------------------------------------------------------- */

/*
 * One attempt. A lock of the other type is given up first, as Linux does: converting is not atomic, and a failed conversion without
 * waiting loses the lock.
 */
static int try_flock(struct kernel *k, struct locks_state *s, struct file_lock_list *l, struct file *f, int type,
		     struct file_lock **fresh, bool *outside)
{
	struct file_lock want = {.kind = KIND_FLOCK, .type = type, .end = END_OF_FILE, .owner = f}, *fl, *tmp;
	bool gave_up = false;

	*outside = false;
	LOCK_SCOPE(&s->lock);
	list_for_each_entry_safe(fl, tmp, &l->flocks, link) {
		if (fl->owner != f)
			continue;
		if (fl->type == type)
			return 0;
		lock_free(k, fl);
		gave_up = true;
		wait_queue_wake(&l->wait, EPOLLIN);
	}
	if (gave_up)
		outside_unflock(l);
	if (type == F_UNLCK)
		return 0;
	if (find_conflict(&l->flocks, &want))
		return -EAGAIN;
	if (outside_lock(l->inode, true, type, 0, END_OF_FILE) < 0) {
		*outside = true;
		return -EAGAIN;
	}
	want.pid = (*fresh)->pid;
	**fresh = want;
	list_add_tail(&(*fresh)->link, &l->flocks);
	*fresh = NULL;
	return 0;
}

static int wait_flock(struct task *t, struct locks_state *s, struct file_lock_list *l, struct file *f, int type,
		      struct file_lock **fresh)
{
	struct task_waiter tw;
	bool outside;
	int r;

	task_waiter_init(&tw, t, EPOLLIN);
	wait_queue_add(&l->wait, &tw.waiter);
	while ((r = try_flock(t->kernel, s, l, f, type, fresh, &outside)) == -EAGAIN) {
		r = block_for(t, outside);
		if (r < 0)
			break;
	}
	wait_queue_remove(&tw.waiter);
	return r;
}

int locks_flock(struct task *t, struct file *f, int op)
{
	static const int types[] = {[LOCK_SH] = F_RDLCK, [LOCK_EX] = F_WRLCK, [LOCK_UN] = F_UNLCK};
	int kind = op & ~LOCK_NB, r;
	struct locks_state *s;
	struct file_lock_list *l;
	struct file_lock *fresh;
	bool outside;

	if (kind != LOCK_SH && kind != LOCK_EX && kind != LOCK_UN)
		return -EINVAL;
	if (kind == LOCK_UN && !f->inode->locks)
		return 0;
	s = state_of(t->kernel);
	l = s ? list_get(s, f->inode) : NULL;
	fresh = l ? lock_alloc(t->kernel) : NULL;
	if (!fresh)
		return -ENOLCK;
	fresh->pid = t->tg->pid;
	outside_prepare(f->inode, true);
	if (kind == LOCK_UN || (op & LOCK_NB))
		r = try_flock(t->kernel, s, l, f, types[kind], &fresh, &outside);
	else
		r = wait_flock(t, s, l, f, types[kind], &fresh);
	lock_free(t->kernel, fresh);
	return r;
}

/* --- release ----------------------------------------------------------------------------------------------------------------- */

static void drop_owned(struct kernel *k, struct inode *inode, const void *owner)
{
	struct file_lock_list *l = inode->locks;
	struct locks_state *s = k->locks;
	struct file_lock *fl, *tmp;
	bool records = false, flocks = false;

	if (!l || !s)
		return;
	LOCK_SCOPE(&s->lock);
	list_for_each_entry_safe(fl, tmp, &l->records, link) {
		if (fl->owner == owner) {
			lock_free(k, fl);
			records = true;
		}
	}
	list_for_each_entry_safe(fl, tmp, &l->flocks, link) {
		if (fl->owner == owner) {
			lock_free(k, fl);
			flocks = true;
		}
	}
	if (records)
		outside_unlock(l, 0, END_OF_FILE);
	if (flocks)
		outside_unflock(l);
	if (records || flocks)
		wait_queue_wake(&l->wait, EPOLLIN);
}

void locks_close(struct fd_table *ft, struct file *f)
{
	drop_owned(f->inode->sb->kernel, f->inode, ft);
}

void locks_file_gone(struct file *f)
{
	drop_owned(f->inode->sb->kernel, f->inode, f);
}

void locks_inode_free(struct inode *inode)
{
	struct kernel *k = inode->sb->kernel;
	struct file_lock_list *l = inode->locks;
	struct locks_state *s = k->locks;
	struct file_lock *fl, *tmp;

	if (!l)
		return;
	lock_acquire(&s->lock);
	list_del(&l->all);
	list_for_each_entry_safe(fl, tmp, &l->records, link)
		lock_free(k, fl);
	list_for_each_entry_safe(fl, tmp, &l->flocks, link)
		lock_free(k, fl);
	lock_release(&s->lock);
	lock_destroy(&l->wait.lock);
	free(l);
	inode->locks = NULL;
}

/* --- /proc/locks ------------------------------------------------------------------------------------------------------------- */

static void show_one(FILE *out, unsigned n, const struct inode *inode, const struct file_lock *fl)
{
	static const char *const kinds[] = {"POSIX ", "OFDLCK", "FLOCK "};
	char end[24] = "EOF";

	if (fl->end != END_OF_FILE)
		snprintf(end, sizeof(end), "%lld", (long long)fl->end);
	fprintf(out, "%u: %s ADVISORY  %s %d %02x:%02x:%llu %lld %s\n", n, kinds[fl->kind],
		fl->type == F_WRLCK ? "WRITE" : "READ", fl->kind == KIND_OFD ? -1 : fl->pid, major(inode->sb->dev),
		minor(inode->sb->dev), (unsigned long long)inode->ino, (long long)fl->start, end);
}

ssize_t locks_show(struct kernel *k, char **ret)
{
	struct locks_state *s = state_of(k);
	struct file_lock_list *l;
	struct file_lock *fl;
	char *text = NULL;
	size_t size = 0;
	unsigned n = 0;
	FILE *out = s ? open_memstream(&text, &size) : NULL;

	if (!out)
		return -ENOMEM;
	lock_acquire(&s->lock);
	list_for_each_entry(l, &s->lists, all) {
		list_for_each_entry(fl, &l->records, link)
			show_one(out, ++n, l->inode, fl);
		list_for_each_entry(fl, &l->flocks, link)
			show_one(out, ++n, l->inode, fl);
	}
	lock_release(&s->lock);
	if (fclose(out) != 0) {
		free(text);
		return -ENOMEM;
	}
	*ret = text;
	return (ssize_t)size;
}

static size_t show_owned(const struct list_head *list, const struct fd_table *ft, struct file *f, char *buf, size_t size,
	unsigned *n)
{
	const struct file_lock *fl;
	size_t len = 0;

	list_for_each_entry(fl, list, link) {
		FILE *out;

		if (fl->owner != ft && fl->owner != f)
			continue;
		if (size - len < 128)
			break;
		out = fmemopen(buf + len, size - len, "w");
		if (!out)
			break;
		fputs("lock:\t", out);
		show_one(out, ++*n, f->inode, fl);
		fflush(out);
		len += (size_t)ftell(out);
		fclose(out);
	}
	return len;
}

size_t locks_show_file(const struct fd_table *ft, struct file *f, char *buf, size_t size)
{
	struct file_lock_list *l = atomic_load(&f->inode->locks);
	struct locks_state *s = l ? state_of(f->inode->sb->kernel) : NULL;
	unsigned n = 0;
	size_t len;

	if (!s)
		return 0;
	LOCK_SCOPE(&s->lock);
	len = show_owned(&l->flocks, ft, f, buf, size, &n);
	return len + show_owned(&l->records, ft, f, buf + len, size - len, &n);
}
