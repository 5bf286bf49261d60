/* SPDX-License-Identifier: MIT */
/* Address spaces: their stubs' slots, descriptors' numbers and memory; listeners. */
#include "platform/internal.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <unistd.h>

struct listener *listener_new(struct platform *p, int fd)
{
	struct listener *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	refs_init(&l->refs);
	l->p = p;
	l->fd = fd;
	lock_init(&l->lock, RANK_PLATFORM);
	list_init(&l->waiters);
	list_init(&l->births);
	for (unsigned i = 0; i < TID_BUCKETS; i++)
		list_init(&l->first_tids[i]);
	l->tids = l->first_tids;
	l->n_buckets = TID_BUCKETS;
	return l;
}

void listener_put(struct listener *l)
{
	if (!refs_put(&l->refs))
		return;
	close(l->fd);
	lock_destroy(&l->lock);
	if (l->tids != l->first_tids)
		free(l->tids);
	free(l);
}

/* Four times as many lists; without memory the old ones do. l->lock is held. */
static void grow_tids(struct listener *l)
{
	unsigned n = l->n_buckets * 4;
	struct list_head *v = calloc(n, sizeof(*v));
	struct gthread *th, *tmp;

	if (!v)
		return;
	for (unsigned i = 0; i < n; i++)
		list_init(&v[i]);
	for (unsigned i = 0; i < l->n_buckets; i++)
		list_for_each_entry_safe (th, tmp, &l->tids[i], tid_link) {
			list_del(&th->tid_link);
			list_add(&th->tid_link, &v[(unsigned)th->tid & (n - 1)]);
		}
	if (l->tids != l->first_tids)
		free(l->tids);
	l->tids = v;
	l->n_buckets = n;
}

void listener_add(struct listener *l, struct gthread *th)
{
	if (++l->n_threads > l->n_buckets * 4)
		grow_tids(l);
	list_add(&th->tid_link, &l->tids[(unsigned)th->tid & (l->n_buckets - 1)]);
}

struct gthread *listener_find(struct listener *l, pid_t tid)
{
	struct gthread *th;

	list_for_each_entry (th, &l->tids[(unsigned)tid & (l->n_buckets - 1)], tid_link)
		if (th->tid == tid)
			return th;
	return NULL;
}

int slots_new(uint8_t **ret_map)
{
	int fd = memfd_create("slots", MFD_CLOEXEC);
	void *map;

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)SLOTS_SIZE) < 0 || (map = mmap(NULL, SLOTS_SIZE, PROT_READ | PROT_WRITE,
							     MAP_SHARED | MAP_NORESERVE, fd, 0)) == MAP_FAILED) {
		int err = -errno;

		close(fd);
		return err;
	}
	*ret_map = map;
	return fd;
}

struct usage_final {
	struct refs refs;
	_Atomic bool known;
	struct aspace_usage u;
};

struct usage_final *aspace_usage_get(struct aspace *as)
{
	refs_get(&as->final->refs);
	return as->final;
}

struct usage_final *usage_final_ref(struct usage_final *f)
{
	refs_get(&f->refs);
	return f;
}

void usage_final_put(struct usage_final *f)
{
	if (f && refs_put(&f->refs))
		free(f);
}

bool usage_final_read(struct usage_final *f, struct aspace_usage *ret)
{
	if (!atomic_load_explicit(&f->known, memory_order_acquire))
		return false;
	*ret = f->u;
	return true;
}

void aspace_set_usage(struct aspace *as, const struct rusage *ru)
{
	as->final->u = (struct aspace_usage){
		.max_rss = (uint64_t)ru->ru_maxrss,
		.min_flt = (uint64_t)ru->ru_minflt,
		.maj_flt = (uint64_t)ru->ru_majflt,
		.nvcsw = (uint64_t)ru->ru_nvcsw,
		.nivcsw = (uint64_t)ru->ru_nivcsw,
	};
	atomic_store_explicit(&as->final->known, true, memory_order_release);
}

struct aspace *aspace_alloc(struct platform *p, struct listener *l, uint8_t *slots)
{
	struct aspace *as = calloc(1, sizeof(*as));

	if (!as)
		return NULL;
	as->final = calloc(1, sizeof(*as->final));
	if (!as->final) {
		free(as);
		return NULL;
	}
	refs_init(&as->final->refs);
	refs_init(&as->refs);
	as->p = p;
	as->l = l;
	refs_get(&l->refs);
	as->slots = slots;
	lock_init(&as->lock, RANK_PLATFORM_INNER);
	list_init(&as->threads);
	list_init(&as->pid_link);
	return as;
}

void aspace_get(struct aspace *as)
{
	refs_get(&as->refs);
}

void aspace_put(struct aspace *as)
{
	if (!refs_put(&as->refs))
		return;
	if (as->slots)
		munmap(as->slots, SLOTS_SIZE);
	listener_put(as->l);
	usage_final_put(as->final);
	lock_destroy(&as->lock);
	free(as);
}

void aspace_publish(struct aspace *as, pid_t pid)
{
	struct platform *p = as->p;

	refs_get(&as->refs); /* dropped by aspace_died() */
	as->l->n_aspaces++;
	as->pid = pid;
	lock_acquire(&p->lock);
	list_add(&as->pid_link, &p->pids[(unsigned)pid % TID_BUCKETS]);
	p->n_aspaces++;
	if (pid > p->max_pid)
		p->max_pid = pid;
	lock_release(&p->lock);
}

struct aspace *aspace_by_pid(struct platform *p, pid_t pid)
{
	struct aspace *as, *found = NULL;

	lock_acquire(&p->lock);
	list_for_each_entry (as, &p->pids[(unsigned)pid % TID_BUCKETS], pid_link)
		if (as->pid == pid) {
			refs_get(&as->refs);
			found = as;
			break;
		}
	lock_release(&p->lock);
	return found;
}

/* --- slots and descriptor numbers -------------------------------------------------------------- */

static bool test_bit(const uint64_t *map, unsigned n)
{
	return map[n / 64] >> n % 64 & 1;
}

static void set_bit(uint64_t *map, unsigned n, bool on)
{
	if (on)
		map[n / 64] |= 1ull << n % 64;
	else
		map[n / 64] &= ~(1ull << n % 64);
}

static struct slot *slot_at(struct aspace *as, unsigned nr)
{
	return (struct slot *)(void *)(as->slots + nr * SLOT_SIZE);
}

int aspace_slot_alloc(struct aspace *as)
{
	int found = -EAGAIN;

	lock_acquire(&as->lock);
	/* Low numbers first: their pages are there already. */
	for (unsigned w = 0; w < SLOT_COUNT / 64 && found < 0; w++) {
		uint64_t maybe = ~as->slot_used[w] | as->slot_leaving[w];

		for (; maybe && found < 0; maybe &= maybe - 1) {
			unsigned nr = w * 64 + (unsigned)__builtin_ctzll(maybe);

			/* An ordered exit frees the slot, and the stack it ran on, once the host thread has left it. */
			if (test_bit(as->slot_leaving, nr) &&
				__atomic_load_n(&slot_at(as, nr)->ctid, __ATOMIC_ACQUIRE) != 0)
				continue;
			set_bit(as->slot_leaving, nr, false);
			set_bit(as->slot_used, nr, true);
			memset(slot_at(as, nr), 0, offsetof(struct slot, orders)); /* what its last thread left */
			found = (int)nr;
		}
	}
	lock_release(&as->lock);
	return found;
}

void aspace_slot_free(struct aspace *as, unsigned nr, bool leaving)
{
	lock_acquire(&as->lock);
	set_bit(as->slot_leaving, nr, leaving);
	set_bit(as->slot_used, nr, leaving);
	lock_release(&as->lock);
}

/* A free one of the numbers [first, end), behind *next. as->lock is held. */
static int take_fd(struct aspace *as, unsigned first, unsigned end, unsigned *next)
{
	for (unsigned i = 0; first + i < end; i++) {
		unsigned k = first + (*next + i) % (end - first);

		if (test_bit(as->fd_used, k - STUB_FD_FIRST))
			continue;
		set_bit(as->fd_used, k - STUB_FD_FIRST, true);
		*next = k - first + 1;
		return (int)k;
	}
	return -EMFILE;
}

/* Numbers that a process's first, small table of descriptors holds: higher ones cost it memory. */
#define FD_SMALL 64u

/*
 * Round about: a number is not used again soon, so that closing a descriptor under an order hits nothing else. Where no number for
 * whole files is free, another one does: the mapping is asked for then.
 */
int aspace_fd_alloc(struct aspace *as, bool whole)
{
	const unsigned end = STUB_FD_FIRST + as->p->n_stub_fds;
	int found = -EMFILE;

	lock_acquire(&as->lock);
	if (whole && end >= STUB_FD_WHOLE_END)
		found = take_fd(as, STUB_FD_FIRST, STUB_FD_WHOLE_END, &as->fd_next_whole);
	if (found < 0)
		found = take_fd(as, STUB_FD_WHOLE_END, end < FD_SMALL ? end : FD_SMALL, &as->fd_next);
	if (found < 0)
		found = take_fd(as, FD_SMALL, end, &as->fd_next_far);
	lock_release(&as->lock);
	return found;
}

void aspace_fd_free(struct aspace *as, unsigned fd)
{
	lock_acquire(&as->lock);
	set_bit(as->fd_used, fd - STUB_FD_FIRST, false);
	lock_release(&as->lock);
}

/* --- death ------------------------------------------------------------------------------------- */

static void queue_gone(struct gthread *th)
{
	if (th->gone_queued)
		return;
	th->gone_queued = true;
	if (worker_assign(th->as->p, &(struct job){.kind = JOB_GONE, .th = th}) < 0)
		th->gone_queued = false;
}

void aspace_kill(struct aspace *as)
{
	struct listener *l = as->l;
	struct gthread *th;

	lock_acquire(&l->lock);
	as->killed = true;
	if (!as->dead && as->pid > 0)
		kill(as->pid, SIGKILL);
	if (as->dead)
		list_for_each_entry (th, &as->threads, as_link)
			if (th->state == TH_HELD)
				queue_gone(th);
	lock_release(&l->lock);
}

int aspace_limit(struct aspace *as, int resource, uint64_t bytes)
{
	struct rlimit rl;

	if (as->dead || as->pid <= 0)
		return -ESRCH;
	if (prlimit(as->pid, (enum __rlimit_resource)resource, NULL, &rl) < 0)
		return -errno;
	rl.rlim_cur = bytes < rl.rlim_max ? bytes : rl.rlim_max; /* only the soft limit: it may be raised again */
	return prlimit(as->pid, (enum __rlimit_resource)resource, &rl, NULL) < 0 ? -errno : 0;
}

int aspace_death_signal(struct aspace *as)
{
	return as->dead && as->segv ? SIGSEGV : SIGKILL;
}

bool aspace_is_dead(struct aspace *as)
{
	return as->dead;
}

/* Mark every thread dead. Returns, referenced, one thread that still has to be told; NULL when all have been. */
static struct gthread *next_victim(struct aspace *as, bool *report)
{
	struct gthread *th;

	while (!list_empty(&as->threads)) {
		th = list_first(&as->threads, struct gthread, as_link);
		if (th->told_dead)
			break; /* those who have been told stand behind the others */
		th->told_dead = true;
		list_del(&th->as_link);
		list_add_tail(&th->as_link, &as->threads);
		if (th->state == TH_HELD && !as->killed)
			continue; /* somebody still prepares it; told by aspace_kill() or gthread_start() */
		*report = (th->state == TH_OUT || th->state == TH_HELD) && !th->gone_queued;
		if (*report) {
			th->state = TH_GONE;
			gthread_detach(th);
		} else {
			refs_get(&th->refs);
			th->telling = true;
		}
		return th;
	}
	return NULL;
}

/* The owner must not go away under thread_dying(): a report that comes meanwhile is made here, behind it. */
static void tell_dying(struct gthread *th)
{
	struct listener *l = th->as->l;
	bool gone, unexpected;

	if (th->as->p->client->thread_dying)
		th->as->p->client->thread_dying(th);
	lock_acquire(&l->lock);
	th->telling = false;
	gone = th->gone_deferred;
	unexpected = th->gone_unexpected;
	lock_release(&l->lock);
	if (gone)
		gthread_report_gone(th, unexpected);
	gthread_put(th);
}

/* p->lock held. */
static void keep_counts(struct platform *p, const struct entry_counts *c)
{
	count_entry(&p->gone.light, c->light);
	count_entry(&p->gone.full, c->full);
	count_entry(&p->gone.polled, c->polled);
	count_entry(&p->gone.interrupts, c->interrupts);
	count_entry(&p->gone.faults, c->faults);
	count_entry(&p->gone.orders, c->orders);
}

void aspace_died(struct aspace *as)
{
	struct platform *p = as->p;
	struct listener *l = as->l;
	struct gthread *th;
	bool report;

	lock_acquire(&p->lock);
	list_del(&as->pid_link);
	p->n_aspaces--;
	keep_counts(p, &as->counts);
	lock_release(&p->lock);

	lock_acquire(&l->lock);
	as->dead = true;
	if (--l->n_aspaces == 0)
		l->dead = true;
	list_for_each_entry (th, &as->threads, as_link) {
		th->dead = true;
		if (th->state == TH_OUT || th->fast || (th->state == TH_HELD && !th->rung))
			l->n_out--;
		wait_point_wake(&th->ring);
	}
	while ((th = next_victim(as, &report))) {
		lock_release(&l->lock);
		if (report) {
			gthread_report_gone(th, true);
		} else {
			tell_dying(th);
		}
		lock_acquire(&l->lock);
	}
	listener_kick(l);
	lock_release(&l->lock);
	aspace_put(as);
}

/* --- memory ------------------------------------------------------------------------------------ */

uint64_t aspace_min(struct aspace *as)
{
	return STUB_GUEST_MIN;
}

uint64_t aspace_max(struct aspace *as)
{
	return STUB_GUEST_MAX;
}

uint64_t aspace_vdso(struct aspace *as)
{
	return as->p->hello.vdso;
}

uint64_t aspace_fast_entry(struct aspace *as)
{
	return as->p->hello.fast_entry;
}

pid_t aspace_host_pid(struct aspace *as)
{
	return as->pid;
}

static bool below_stub(uint64_t addr, uint64_t len)
{
	uint64_t end;

	return !__builtin_add_overflow(addr, len, &end) && end <= STUB_GUEST_MAX;
}

/* One process_vm_* call; a partial copy returns its length, nothing at all -EFAULT. */
static ssize_t transfer(struct aspace *as, const struct iovec *giov, size_t n, void *buf, size_t len, bool write)
{
	struct iovec local = {.iov_base = buf, .iov_len = len};
	ssize_t r;

	if (as->dead)
		return -EFAULT; /* the number may be another's */
	r = write ? process_vm_writev(as->pid, &local, 1, giov, n, 0)
		  : process_vm_readv(as->pid, &local, 1, giov, n, 0);
	return r < 0 ? -EFAULT : r;
}

/*
 * Copy by the window of the call that the calling thread serves, if it is one by the slot and the range is in its window. False: it is
 * not.
 */
static bool by_window(struct aspace *as, uint64_t addr, void *buf, size_t len, bool write)
{
	struct gthread *th = worker_serving();
	const uint8_t *p;

	if (!th || !th->window.n || th->as != as)
		return false;
	if (write)
		return window_out(th, addr, buf, len);
	p = window_in(th, addr, len);
	if (p)
		memcpy(buf, p, len);
	return p;
}

size_t aspace_read_window(struct aspace *as, uint64_t addr, void *buf, size_t max)
{
	struct gthread *th = worker_serving();
	const uint8_t *p;
	size_t n;

	if (!th || !th->window.n || th->as != as)
		return 0;
	p = window_in_some(th, addr, &n);
	if (!p)
		return 0;
	if (n > max)
		n = max;
	memcpy(buf, p, n);
	return n;
}

static int copy_range(struct aspace *as, uint64_t addr, void *buf, size_t len, size_t *done, bool write)
{
	size_t n = 0;
	int err = 0;

	if (by_window(as, addr, buf, len, write)) {
		if (done)
			*done = len;
		return 0;
	}

	if (len && addr >= STUB_GUEST_MAX) {
		err = -EFAULT;
	} else if (!below_stub(addr, len)) {
		err = -EFAULT; /* copy what lies below, as a fault in the middle would */
		len = STUB_GUEST_MAX - addr;
	}
	while (n < len && addr < STUB_GUEST_MAX) {
		struct iovec g = {.iov_base = (void *)(uintptr_t)(addr + n), .iov_len = len - n};
		ssize_t r = transfer(as, &g, 1, (char *)buf + n, len - n, write);

		if (r <= 0) {
			err = -EFAULT;
			break;
		}
		n += (size_t)r;
	}
	if (done)
		*done = n;
	return err;
}

int aspace_read(struct aspace *as, uint64_t addr, void *buf, size_t len, size_t *done)
{
	return copy_range(as, addr, buf, len, done, false);
}

int aspace_write(struct aspace *as, uint64_t addr, const void *buf, size_t len, size_t *done)
{
	return copy_range(as, addr, (void *)(uintptr_t)buf, len, done, true);
}

/* At most this many ranges in one host call. */
#define IOV_BATCH 64

static ssize_t copy_vector(
	struct aspace *as, const struct guest_iovec *giov, size_t n, uint8_t *buf, size_t len, bool write)
{
	size_t done = 0;

	if (n == 1 && len <= giov->len && by_window(as, giov->base, buf, len, write))
		return (ssize_t)len;
	while (n > 0 && done < len) {
		struct iovec iov[IOV_BATCH];
		size_t k = 0, want = 0;
		ssize_t r;

		for (; k < n && k < IOV_BATCH && want < len - done; k++) {
			size_t part = giov[k].len < len - done - want ? giov[k].len : len - done - want;

			if (!below_stub(giov[k].base, part))
				break;
			iov[k].iov_base = (void *)(uintptr_t)giov[k].base;
			iov[k].iov_len = part;
			want += part;
		}
		if (k == 0)
			return done ? (ssize_t)done : -EFAULT;
		r = want ? transfer(as, iov, k, buf + done, want, write) : 0;
		if (r < 0)
			return done ? (ssize_t)done : r;
		done += (size_t)r;
		if ((size_t)r < want)
			return done ? (ssize_t)done : -EFAULT;
		giov += k;
		n -= k;
	}
	return (ssize_t)done;
}

ssize_t aspace_readv(struct aspace *as, const struct guest_iovec *giov, size_t n, void *buf, size_t len)
{
	return copy_vector(as, giov, n, buf, len, false);
}

ssize_t aspace_writev(struct aspace *as, const struct guest_iovec *giov, size_t n, const void *buf, size_t len)
{
	return copy_vector(as, giov, n, (uint8_t *)(uintptr_t)buf, len, true);
}
