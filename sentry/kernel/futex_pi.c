/* SPDX-License-Identifier: MIT */
/*
 * Mutexes with priority inheritance: the word holds the owner's thread number, so the host cannot serve them. There are no
 * priorities to inherit here; what counts is who owns and who is next. futex(2), FUTEX_LOCK_PI and following.
 *
 * The word is changed by orders, over which no lock is held: a call that works on a word has its futex_pi *busy*, and others
 * wait for their turn. Waiters leave on their own, so one that is about to get the lock is marked FUTEX_GRANTING first.
 */
#include "kernel/futex_internal.h"
#include "kernel/pid_ns.h"
#include "kernel/task.h"

#include <linux/futex.h>
#include <stdlib.h>

#define CHAIN_MAX 1024 /* as Linux: longer chains of owners count as a deadlock */

static int own_nr(const struct task *t)
{
	return task_vnr(t, t);
}

/* --- the lock's state ----------------------------------------------------------------------------------------------- */

/* Table locked. */
static struct futex_pi *find_pi(struct futex_table *f, const struct futex_key *key)
{
	struct futex_pi *pi;

	list_for_each_entry(pi, &f->pis[futex_bucket(key)], link)
		if (futex_key_eq(&pi->key, key))
			return pi;
	return NULL;
}

static struct futex_pi *make_pi(struct futex_table *f, const struct futex_key *key)
{
	struct futex_pi *pi = calloc(1, sizeof(*pi));

	if (!pi)
		return NULL;
	pi->key = *key;
	list_init(&pi->waiters);
	list_init(&pi->owned);
	wait_queue_init(&pi->idle);
	list_add(&pi->link, &f->pis[futex_bucket(key)]);
	return pi;
}

/* Table locked. */
static void set_owner(struct futex_pi *pi, struct task *owner)
{
	list_del(&pi->owned);
	pi->owner = owner;
	if (owner)
		list_add(&pi->owned, &owner->pi_owned);
}

/* Table locked. */
static void drop_pi(struct futex_pi *pi)
{
	if (pi->users || !list_empty(&pi->waiters))
		return;
	set_owner(pi, NULL);
	list_del(&pi->link);
	lock_destroy(&pi->idle.lock);
	free(pi);
}

/* The lock's state, for this call alone: until leave_pi(). */
static int enter_pi(struct task *t, struct futex_table *f, const struct futex_key *key, struct futex_pi **ret)
{
	struct task_waiter w;
	struct futex_pi *pi;
	int r = 0;

	task_waiter_init(&w, t, EPOLLIN);
	lock_acquire(&f->lock);
	pi = find_pi(f, key);
	if (!pi)
		pi = make_pi(f, key);
	if (!pi) {
		lock_release(&f->lock);
		return -ENOMEM;
	}
	pi->users++;
	if (pi->busy)
		wait_queue_add(&pi->idle, &w.waiter);
	while (pi->busy && !r) {
		lock_release(&f->lock);
		r = task_block_killable(t, -1);
		lock_acquire(&f->lock);
	}
	wait_queue_remove(&w.waiter);
	if (r) {
		pi->users--;
		drop_pi(pi);
	} else {
		pi->busy = true;
		*ret = pi;
	}
	lock_release(&f->lock);
	return r;
}

static void leave_pi(struct futex_table *f, struct futex_pi *pi)
{
	LOCK_SCOPE(&f->lock);

	pi->busy = false;
	pi->users--;
	wait_queue_wake(&pi->idle, EPOLLIN);
	drop_pi(pi);
}

static int read_word(struct task *t, uint64_t addr, uint32_t *ret)
{
	return copy_in(t, ret, addr, sizeof(*ret));
}

/* 0, -EAGAIN: it holds something else, -EFAULT. */
static int change_word(struct task *t, uint64_t addr, uint32_t old, uint32_t new)
{
	uint32_t seen;
	int r = gthread_cmpxchg32(t->th, addr, old, new, &seen);

	return r ? r : seen == old ? 0 : -EAGAIN;
}

/* --- locking -------------------------------------------------------------------------------------------------------- */

/* Table locked. Would *who*, waiting for *pi*, wait for itself? */
static bool deadlock(const struct futex_pi *pi, const struct task *who)
{
	const struct task *o = pi->owner;

	for (int n = 0; o && n < CHAIN_MAX; n++) {
		if (o == who)
			return true;
		o = o->pi_blocked_on ? o->pi_blocked_on->owner : NULL;
	}
	return o;
}

/* Table locked. Do the word and the known owner fit together? */
static int check_owner(const struct task *t, const struct futex_pi *pi, uint32_t word)
{
	uint32_t nr = word & FUTEX_TID_MASK;

	if (word & FUTEX_OWNER_DIED) {
		if (!pi->owner)
			return nr ? -EINVAL : 0;
		if (!nr)
			return 0;
	} else if (!pi->owner) {
		return -EINVAL;
	}
	return nr == (uint32_t)task_vnr(t, pi->owner) ? 0 : -EINVAL;
}

/* The first waiter makes the owner known. */
static int learn_owner(struct task *t, struct futex_table *f, struct futex_pi *pi, uint64_t addr, uint32_t word)
{
	struct task *o = task_find_vnr(t, (int)(word & FUTEX_TID_MASK));
	uint32_t now;
	bool gone = true;

	if (o) {
		lock_acquire(&f->lock);
		gone = o->futex_dead;
		if (!gone)
			set_owner(pi, o);
		lock_release(&f->lock);
		task_put(o);
	}
	if (!gone)
		return 0;
	/* Its end may have changed the word meanwhile. */
	if (read_word(t, addr, &now))
		return -EFAULT;
	return now == word ? -ESRCH : -EAGAIN;
}

static int take_free(struct task *t, struct futex_table *f, struct futex_pi *pi, uint64_t addr, uint32_t word,
		     const struct futex_waiter *w, bool set_waiters)
{
	uint32_t new = (word & FUTEX_OWNER_DIED) | (uint32_t)own_nr(w->task) | (set_waiters ? FUTEX_WAITERS : 0);
	int r = change_word(t, addr, word, new);

	if (r)
		return r;
	lock_acquire(&f->lock);
	set_owner(pi, set_waiters ? w->task : NULL);
	lock_release(&f->lock);
	return 1;
}

/*
 * The lock is ours to work on. Take it for *w*, or queue *w*. Returns 1: taken, 0: queued (or, with *try_only*, not taken), -EAGAIN:
 * the word has changed under us, or an error.
 */
static int lock_or_queue(struct task *t, struct futex_table *f, struct futex_pi *pi, uint64_t addr, struct futex_waiter *w,
			 bool set_waiters, bool try_only)
{
	uint32_t word;
	bool known;
	int r;

	if (read_word(t, addr, &word))
		return -EFAULT;
	if ((word & FUTEX_TID_MASK) == (uint32_t)own_nr(w->task))
		return -EDEADLK;
	lock_acquire(&f->lock);
	known = !list_empty(&pi->waiters);
	r = known ? check_owner(t, pi, word) : 0;
	lock_release(&f->lock);
	if (r)
		return r;
	if (!known) {
		if (!(word & FUTEX_TID_MASK))
			return take_free(t, f, pi, addr, word, w, set_waiters);
		r = word & FUTEX_WAITERS ? 0 : change_word(t, addr, word, word | FUTEX_WAITERS);
		if (!r)
			r = learn_owner(t, f, pi, addr, word | FUTEX_WAITERS);
		if (r)
			return r;
	}
	if (try_only)
		return 0;
	LOCK_SCOPE(&f->lock);
	if (deadlock(pi, w->task))
		return -EDEADLK;
	if (!known && !pi->owner)
		return -EAGAIN; /* it has died just now */
	w->pi = pi;
	w->state = FUTEX_WAITING;
	w->task->pi_blocked_on = pi;
	list_add_tail(&w->link, &pi->waiters);
	return 0;
}

/* The owner died, and the lock is ours: write that into the word. */
static int write_inherited(struct task *t, uint64_t addr)
{
	uint32_t word, new = (uint32_t)own_nr(t) | FUTEX_WAITERS | FUTEX_OWNER_DIED;
	int r;

	do {
		if (read_word(t, addr, &word))
			return -EFAULT;
		r = change_word(t, addr, word, new);
	} while (r == -EAGAIN && !(atomic_load(&t->flags) & TIF_KILLED));
	return r;
}

/* Table locked. Take *w* off its queue; returns what has become of it: 1 locked, else *why*. */
static int settle(struct futex_waiter *w, int why)
{
	struct futex_pi *pi = w->pi;

	w->task->pi_blocked_on = NULL;
	if (w->state == FUTEX_WOKEN || w->state == FUTEX_INHERITED)
		return 1;
	list_del(&w->link);
	if (pi)
		drop_pi(pi);
	return why;
}

static bool decided(struct futex_table *f, const struct futex_waiter *w)
{
	LOCK_SCOPE(&f->lock);

	return w->state != FUTEX_WAITING && w->state != FUTEX_GRANTING;
}

/* Sleep until the lock is ours. 1: it is; else why not. */
static int wait_for_lock(struct task *t, struct futex_table *f, struct futex_waiter *w, const struct futex_time *until)
{
	int r = 0;

	for (;;) {
		if (!decided(f, w))
			r = futex_block(t, until);
		lock_acquire(&f->lock);
		if (w->state != FUTEX_GRANTING && (r || w->state != FUTEX_WAITING))
			break;
		lock_release(&f->lock);
		if (r) /* whoever is giving it over wakes us */
			platform_sleep(t->kernel->platform, &t->waker, -1);
		r = 0;
	}
	r = settle(w, r);
	lock_release(&f->lock);
	return r;
}

int64_t futex_lock_pi(struct task *t, uint64_t addr, bool shared, bool try_only, const struct futex_time *until)
{
	struct futex_table *f = futex_table(t->kernel);
	struct futex_waiter w = {.task = t};
	struct futex_pi *pi;
	int r = futex_key_get(t, addr, shared, &w.key);

	if (!r && !f)
		r = -ENOMEM;
	if (r)
		return r;
	list_init(&w.link);
	do {
		r = enter_pi(t, f, &w.key, &pi);
		if (r)
			return r == -ERESTARTSYS ? -ERESTARTNOINTR : r;
		r = lock_or_queue(t, f, pi, addr, &w, false, try_only);
		leave_pi(f, pi);
	} while (r == -EAGAIN && !signal_pending(t));
	if (r == -EAGAIN)
		return -ERESTARTNOINTR;
	if (r)
		return r > 0 ? 0 : r;
	if (try_only)
		return -EWOULDBLOCK;
	r = wait_for_lock(t, f, &w, until);
	if (r == 1)
		return w.state == FUTEX_INHERITED ? write_inherited(t, addr) : 0;
	return r == -ERESTARTSYS ? -ERESTARTNOINTR : r;
}

/* --- unlocking ------------------------------------------------------------------------------------------------------ */

/* Table locked. The lock is *w*'s now. */
static void grant(struct futex_pi *pi, struct futex_waiter *w, enum futex_state how)
{
	list_del(&w->link);
	w->state = how;
	w->task->pi_blocked_on = NULL; /* now, not when it runs: others look along the chain */
	set_owner(pi, w->task);
	task_wake(w->task);
}

static int give_over(struct task *t, struct futex_table *f, struct futex_pi *pi, uint64_t addr, uint32_t word)
{
	struct futex_waiter *top = NULL;
	int r = 0, nr = 0;

	lock_acquire(&f->lock);
	if (!list_empty(&pi->waiters)) {
		top = list_first(&pi->waiters, struct futex_waiter, link);
		if (pi->owner != t)
			r = -EINVAL;
		else
			top->state = FUTEX_GRANTING;
		nr = own_nr(top->task);
	}
	lock_release(&f->lock);
	if (r)
		return r;
	if (!top)
		return change_word(t, addr, word, 0);
	r = change_word(t, addr, word, FUTEX_WAITERS | (uint32_t)nr);
	lock_acquire(&f->lock);
	if (r) {
		top->state = FUTEX_WAITING;
		task_wake(top->task);
	} else {
		grant(pi, top, FUTEX_WOKEN);
	}
	lock_release(&f->lock);
	return r == -EAGAIN ? 1 : r;
}

int64_t futex_unlock_pi(struct task *t, uint64_t addr, bool shared)
{
	struct futex_table *f = futex_table(t->kernel);
	struct futex_key key;
	struct futex_pi *pi;
	uint32_t word, before = 0;
	int r = futex_key_get(t, addr, shared, &key);

	if (!r && !f)
		r = -ENOMEM;
	for (bool again = false; !r; again = true) {
		if (read_word(t, addr, &word))
			return -EFAULT;
		if ((word & FUTEX_TID_MASK) != (uint32_t)own_nr(t))
			return again ? -EINVAL : -EPERM;
		if (again && word == before)
			return -EINVAL;
		before = word;
		r = enter_pi(t, f, &key, &pi);
		if (r)
			return r == -ERESTARTSYS ? -ERESTARTNOINTR : r;
		r = give_over(t, f, pi, addr, word);
		leave_pi(f, pi);
		if (r == 1)
			r = 0; /* a waiter's bit came in between */
		else
			return r;
	}
	return r;
}

void futex_release_owned(struct task *t, bool dead)
{
	struct futex_table *f;
	struct futex_pi *pi;

	/* Then the table: whoever makes the first one meanwhile sees that nobody may wait for this task. */
	atomic_store(&t->futex_dead, dead);
	f = atomic_load(&t->kernel->futexes);
	if (!f)
		return;
	LOCK_SCOPE(&f->lock);
	while (!list_empty(&t->pi_owned)) {
		pi = list_first(&t->pi_owned, struct futex_pi, owned);
		set_owner(pi, NULL);
		if (!list_empty(&pi->waiters))
			grant(pi, list_first(&pi->waiters, struct futex_waiter, link), FUTEX_INHERITED);
	}
}

/* --- condition variables -------------------------------------------------------------------------------------------- */

int64_t futex_wait_requeue_pi(struct task *t, uint64_t addr, bool shared, uint32_t val, const struct futex_time *until,
			      uint64_t addr2)
{
	struct futex_table *f = futex_table(t->kernel);
	struct futex_waiter w = {.task = t};
	uint32_t word;
	int r;

	if (addr == addr2)
		return -EINVAL;
	r = futex_key_get(t, addr, shared, &w.key);
	if (!r)
		r = futex_key_get(t, addr2, shared, &w.key2);
	if (!r && !f)
		r = -ENOMEM;
	if (r)
		return r;
	lock_acquire(&f->lock);
	list_add_tail(&w.link, &f->waiters[futex_bucket(&w.key)]);
	lock_release(&f->lock);
	r = read_word(t, addr, &word);
	if (r || word != val) {
		lock_acquire(&f->lock);
		if (!w.pi && w.state == FUTEX_WAITING) {
			list_del(&w.link);
			lock_release(&f->lock);
			return r ? r : -EWOULDBLOCK;
		}
		lock_release(&f->lock);
	}
	r = wait_for_lock(t, f, &w, until);
	if (r == 1)
		return w.state == FUTEX_INHERITED ? write_inherited(t, addr2) : 0;
	if (r != -ERESTARTSYS)
		return r;
	/* Once moved, the word would be found changed: say so at once, as Linux does. */
	return w.pi ? -EWOULDBLOCK : -ERESTARTNOINTR;
}

/* Table locked. The next waiter that is to move, marked so that it stays. */
static struct futex_waiter *next_to_move(struct futex_table *f, const struct futex_key *key, const struct futex_key *key2, int *err)
{
	struct futex_waiter *w;

	list_for_each_entry(w, &f->waiters[futex_bucket(key)], link) {
		if (!futex_key_eq(&w->key, key))
			continue;
		if (!futex_key_eq(&w->key2, key2)) {
			*err = -EINVAL;
			return NULL;
		}
		w->state = FUTEX_GRANTING;
		list_del(&w->link);
		return w;
	}
	return NULL;
}

/* Move one waiter to the lock, or give it to it. 1: done, 0: none is left. */
static int move_one(struct task *t, struct futex_table *f, struct futex_pi *pi, const struct futex_key *key, uint64_t addr2)
{
	struct futex_waiter *w;
	struct task *who;
	int r = 0;

	lock_acquire(&f->lock);
	w = next_to_move(f, key, &pi->key, &r);
	who = w ? w->task : NULL;
	if (who)
		task_get(who);
	lock_release(&f->lock);
	if (!w)
		return r;
	do {
		r = lock_or_queue(t, f, pi, addr2, w, true, false);
	} while (r == -EAGAIN && !signal_pending(t));
	/* From the queue it may have gone already, and *w* with it. */
	if (r == 0) {
		task_wake(who); /* it may have waited for us to leave it alone */
		task_put(who);
		return 1;
	}
	lock_acquire(&f->lock);
	w->pi = pi;
	if (r == 1) {
		w->state = FUTEX_WOKEN;
	} else {
		w->state = FUTEX_WAITING;
		w->pi = NULL;
		list_add(&w->link, &f->waiters[futex_bucket(key)]);
	}
	task_wake(who);
	lock_release(&f->lock);
	task_put(who);
	return r;
}

int64_t futex_cmp_requeue_pi(struct task *t, uint64_t addr, bool shared, int requeue, uint64_t addr2, uint32_t cmp)
{
	struct futex_table *f = futex_table(t->kernel);
	struct futex_key key, key2;
	struct futex_pi *pi;
	uint32_t word;
	int r, done = 0;

	if (requeue < 0 || addr == addr2)
		return -EINVAL;
	r = futex_key_get(t, addr, shared, &key);
	if (!r)
		r = futex_key_get(t, addr2, shared, &key2);
	if (!r && futex_key_eq(&key, &key2))
		r = -EINVAL;
	if (!r && !f)
		r = -ENOMEM;
	if (!r && read_word(t, addr, &word))
		r = -EFAULT;
	if (!r && word != cmp)
		r = -EAGAIN;
	if (!r)
		r = enter_pi(t, f, &key2, &pi);
	if (r)
		return r == -ERESTARTSYS ? -ERESTARTNOINTR : r;
	do {
		r = move_one(t, f, pi, &key, addr2);
		done += r == 1;
	} while (r == 1 && done <= requeue); /* one may be woken, so many moved */
	leave_pi(f, pi);
	return r < 0 && !done ? r : done;
}
