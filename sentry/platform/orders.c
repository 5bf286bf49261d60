/* SPDX-License-Identifier: MIT */
/*
 * Orders: host calls that a stub thread makes for the sentry. They are written into its slot and started by the answer
 * to its bell; the calls that matter come back as notifications and are compared with what was ordered.
 */
#include "platform/internal.h"

#include <asm/unistd.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

bool order_expected(struct gthread *th, const struct seccomp_notif *n)
{
	if (!th->expect.armed || th->expect.nr != (uint32_t)n->data.nr ||
		memcmp(th->expect.args, n->data.args, sizeof(th->expect.args)) != 0)
		return false;
	th->expect.armed = false;
	return true;
}

/* Wait until a held thread stands in the bell. */
static int wait_until_rung(struct gthread *th)
{
	struct listener *l = th->as->l;
	int r = 0;

	if (th->state != TH_HELD)
		return 0;
	lock_acquire(&l->lock);
	if (!th->rung)
		r = worker_wait(l, &th->ring, th);
	lock_release(&l->lock);
	return r;
}

/* A mapping of a file that the stub does not make unasked; as the filter has it. */
static bool is_asked_mmap(const struct stub_order *o)
{
	return o->nr == __NR_mmap && !(o->args[3] & MAP_ANONYMOUS) &&
	       ((o->args[3] & MAP_TYPE) != MAP_PRIVATE || o->args[4] >= STUB_FD_WHOLE_END);
}

/* Note the call that the filter will show us. */
static void expect_call(struct gthread *th, const struct stub_order *o)
{
	struct expected_call *e = &th->expect;

	e->armed = false;
	if (o->nr == ORDER_FORK || o->nr == ORDER_THREAD) {
		*e = (struct expected_call){true, __NR_clone, {o->args[0], o->args[1], 0, o->args[3], 0, o->args[5]}};
	} else if (o->nr == __NR_seccomp || is_asked_mmap(o)) {
		*e = (struct expected_call){.armed = true, .nr = o->nr};
		memcpy(e->args, o->args, sizeof(e->args));
	}
}

int orders_run(struct gthread *th, struct stub_order *orders, unsigned n, const struct order_fd *fds, unsigned n_fds)
{
	struct listener *l = th->as->l;
	struct slot *s = th->slot;
	struct stub_order *list = n > STUB_ORDER_MAX ? (struct stub_order *)(void *)s->window : s->orders;
	uint64_t id;
	int r = wait_until_rung(th);

	if (r < 0)
		return r;
	memcpy(list, orders, n * sizeof(*orders));
	s->n_orders = n;
	s->rax_from = 0;
	s->then = THEN_RING;
	lock_acquire(&l->lock);
	if (th->dead) {
		lock_release(&l->lock);
		return -ESRCH;
	}
	id = th->notif_id;
	th->ordered = true;
	th->ring.done = false;
	th->ring.worker = worker_self(th->as->p);
	if (n)
		expect_call(th, &orders[0]);
	lock_release(&l->lock);
	count_entry(&th->as->counts.orders, n);

	r = stay_and_give(th, id, fds, n_fds);
	lock_acquire(&l->lock);
	if (r == 0 || r == -ENOENT) /* ENOENT: it is being killed; its death wakes us */
		r = worker_wait(l, &th->ring, th);
	th->ordered = th->expect.armed = false;
	lock_release(&l->lock);
	for (unsigned i = 0; r == 0 && i < n; i++)
		orders[i].result = (int64_t)__atomic_load_n(&list[i].result, __ATOMIC_RELAXED);
	return r;
}

/* With *src_fd* >= 0 that descriptor is the stub's *stub_fd* meanwhile. */
static int run_orders(struct gthread *th, struct stub_order *orders, unsigned n, int src_fd, unsigned stub_fd)
{
	const struct order_fd fd = {src_fd, stub_fd};

	return orders_run(th, orders, n, &fd, src_fd >= 0);
}

static int64_t order_call(
	struct gthread *th, uint64_t nr, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5)
{
	struct stub_order o = {.nr = nr, .args = {a0, a1, a2, a3, a4, a5}};
	int r = run_orders(th, &o, 1, -1, 0);

	return r < 0 ? r : o.result;
}

static bool range_ok(uint64_t addr, uint64_t len)
{
	uint64_t end;

	return !__builtin_add_overflow(addr, len, &end) && end <= STUB_GUEST_MAX;
}

/* The filter kills a stub that asks for these; the client has to settle them itself. */
#define MMAP_NEVER (MAP_HUGETLB | MAP_LOCKED | MAP_GROWSDOWN)

/* Results are addresses of the guest or errors; anything else is the guest's doing. */
static int64_t check_address(int64_t r)
{
	if (r < 0)
		return r >= -4095 ? r : -EIO;
	return (uint64_t)r < STUB_GUEST_MAX ? r : -ENOMEM;
}

static int64_t check_code(int64_t r)
{
	return r >= -4095 && r <= INT32_MAX ? r : -EIO;
}

static bool maps_whole(int flags)
{
	return (flags & MAP_TYPE) == MAP_PRIVATE && (flags & GTHREAD_MAP_WHOLE);
}

/* A mapping of a file; the range is the caller's business. */
static int64_t map_file(struct gthread *th, uint64_t addr, uint64_t len, int prot, int flags, int host_fd, uint64_t off)
{
	struct stub_order o[2] = {
		{.nr = __NR_mmap, .args = {addr, len, (unsigned)prot, (unsigned)flags & ~GTHREAD_MAP_WHOLE, UINT64_MAX, 0}}};
	int stub_fd, r;

	stub_fd = aspace_fd_alloc(th->as, maps_whole(flags));
	if (stub_fd < 0)
		return stub_fd;
	o[0].args[4] = (unsigned)stub_fd;
	o[0].args[5] = off;
	o[1] = (struct stub_order){.nr = __NR_close, .args = {(unsigned)stub_fd}};
	r = run_orders(th, o, 2, host_fd, (unsigned)stub_fd);
	aspace_fd_free(th->as, (unsigned)stub_fd);
	return r < 0 ? r : o[0].result;
}

int64_t gthread_mmap(struct gthread *th, uint64_t addr, uint64_t len, int prot, int flags, int host_fd, uint64_t off)
{
	struct stub_order o[1] = {
		{.nr = __NR_mmap, .args = {addr, len, (unsigned)prot, (unsigned)flags & ~GTHREAD_MAP_WHOLE, UINT64_MAX, 0}}};
	int r;

	if (!range_ok(addr, len))
		return flags & (MAP_FIXED | MAP_FIXED_NOREPLACE) ? -ENOMEM : -EINVAL;
	if (flags & MMAP_NEVER)
		return -EINVAL;
	if (flags & MAP_ANONYMOUS) {
		r = run_orders(th, o, 1, -1, 0);
		return r < 0 ? r : check_address(o[0].result);
	}
	return check_address(map_file(th, addr, len, prot, flags, host_fd, off));
}

uint64_t gthread_map_view(struct gthread *th, unsigned i, uint64_t len, int host_fd, uint64_t off)
{
	const uint64_t addr = STUB_VIEWS + ((uint64_t)th->slot_nr * SLOT_VIEWS + i) * VIEW_SPAN;

	if (th->slot_nr >= VIEW_SLOTS || i >= SLOT_VIEWS || !len || len > VIEW_SPAN)
		return 0;
	/* Private: the stub's code may change protections, and windows of shared mappings, and the descriptor may be one that can be written. */
	return map_file(th, addr, len, PROT_READ, MAP_PRIVATE | MAP_FIXED, host_fd, off) == (int64_t)addr ? addr : 0;
}

/*
 * A number is taken until the thread comes in again, which may be never. Beyond so many of an address space a mapping is an ordinary order, behind which its
 * number is free.
 */
#define TAIL_FDS_MAX 256u

void gthread_tail_mmap(struct gthread *th, uint64_t addr, uint64_t len, int prot, int flags, int host_fd, uint64_t off)
{
	struct stub_order o = {.nr = __NR_mmap, .args = {addr, len, (unsigned)prot, (unsigned)flags & ~GTHREAD_MAP_WHOLE, UINT64_MAX, 0}};
	int fd = -1, stub_fd = 0;
	int64_t err = !range_ok(addr, len) ? -ENOMEM : flags & MMAP_NEVER ? -EINVAL : 0;

	if (!err && !(flags & MAP_ANONYMOUS) && atomic_load(&th->as->n_tail_fds) >= TAIL_FDS_MAX) {
		th->regs.rax = (uint64_t)gthread_mmap(th, addr, len, prot, flags, host_fd, off);
		th->regs_dirty = th->rax_set = true;
		return;
	}
	if (!err && !(flags & MAP_ANONYMOUS)) {
		stub_fd = aspace_fd_alloc(th->as, maps_whole(flags));
		fd = stub_fd < 0 ? -1 : fcntl(host_fd, F_DUPFD_CLOEXEC, 3);
		if (stub_fd < 0 || fd < 0)
			err = stub_fd < 0 ? stub_fd : -errno;
		if (stub_fd > 0 && fd < 0)
			aspace_fd_free(th->as, (unsigned)stub_fd);
		o.args[4] = (unsigned)stub_fd;
		o.args[5] = off;
	}
	if (err) {
		th->regs.rax = (uint64_t)err;
		th->regs_dirty = th->rax_set = true;
		return;
	}
	th->tail = true;
	th->tail_fd = fd;
	th->tail_stub_fd = (unsigned)stub_fd;
	atomic_fetch_add(&th->as->n_tail_fds, stub_fd > 0);
	th->tail_order = o;
	lock_acquire(&th->as->l->lock);
	expect_call(th, &o);
	lock_release(&th->as->l->lock);
}

static void tail_checked(struct gthread *th, const struct stub_order *o)
{
	th->tail = th->tail_checked = true;
	th->tail_fd = -1;
	th->tail_stub_fd = 0;
	th->tail_order = *o;
}

void gthread_tail_anon(struct gthread *th, uint64_t addr, uint64_t len, int prot, int flags)
{
	tail_checked(th, &(struct stub_order){.nr = __NR_mmap,
				 .args = {addr, len, (unsigned)prot, (unsigned)flags & ~(unsigned)MMAP_NEVER, UINT64_MAX, 0}});
}

void gthread_tail_munmap(struct gthread *th, uint64_t addr, uint64_t len)
{
	tail_checked(th, &(struct stub_order){.nr = __NR_munmap, .args = {addr, len}});
}

enum gthread_settled gthread_settle(struct gthread *th, int64_t *ret)
{
	enum gthread_settled kind = th->tail_checked ? SETTLED_CHECK : SETTLED_RESULT;
	struct stub_order o[2] = {th->tail_order, {.nr = __NR_close, .args = {th->tail_stub_fd}}};
	int r;

	if (!th->tail)
		return SETTLED_NOTHING;
	r = run_orders(th, o, th->tail_fd >= 0 ? 2 : 1, th->tail_fd, th->tail_stub_fd);
	if (th->tail_fd >= 0)
		close(th->tail_fd);
	th->tail_fd = -1;
	gthread_drop_tail(th);
	*ret = r < 0 ? r : o[0].nr == __NR_mmap ? check_address(o[0].result) : check_code(o[0].result);
	return kind;
}

/* A light entry has just this call, with these arguments in registers: the host goes on with it. A full one needs an order. */
static void tail_call(struct gthread *th, uint64_t nr, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3)
{
	if (th->state == TH_LIGHT) {
		th->go_on = true;
		return;
	}
	th->tail = true;
	th->tail_fd = -1;
	th->tail_stub_fd = 0;
	th->tail_order = (struct stub_order){.nr = nr, .args = {a0, a1, a2, a3}};
}

void gthread_tail_rseq(struct gthread *th, const struct gthread_rseq *rs)
{
	const struct gthread_rseq *r = rs->addr ? rs : &th->rseq;

	tail_call(th, __NR_rseq, r->addr, r->len, rs->addr ? 0 : 1 /* RSEQ_FLAG_UNREGISTER */, r->sig);
	th->rseq = *rs;
}

const struct gthread_rseq *gthread_rseq(struct gthread *th)
{
	return &th->rseq;
}

void gthread_tail_membarrier(struct gthread *th, int cmd, unsigned flags, int cpu)
{
	tail_call(th, __NR_membarrier, (unsigned)cmd, flags, (unsigned)cpu, 0);
}

int64_t gthread_munmap(struct gthread *th, uint64_t addr, uint64_t len)
{
	return range_ok(addr, len) ? check_code(order_call(th, __NR_munmap, addr, len, 0, 0, 0, 0)) : -EINVAL;
}

int64_t gthread_mremap(
	struct gthread *th, uint64_t addr, uint64_t old_len, uint64_t new_len, int flags, uint64_t new_addr)
{
	if (!range_ok(addr, old_len) || new_len > old_len || /* never: see the filter */
		((flags & MREMAP_FIXED) && !range_ok(new_addr, new_len)))
		return -EINVAL;
	return check_address(order_call(th, __NR_mremap, addr, old_len, new_len, (unsigned)flags, new_addr, 0));
}

int64_t gthread_mprotect(struct gthread *th, uint64_t addr, uint64_t len, int prot)
{
	if (!range_ok(addr, len))
		return -ENOMEM;
	return check_code(order_call(th, __NR_mprotect, addr, len, (unsigned)prot, 0, 0, 0));
}

int64_t gthread_madvise(struct gthread *th, uint64_t addr, uint64_t len, int advice)
{
	if (!range_ok(addr, len))
		return -ENOMEM;
	return check_code(order_call(th, __NR_madvise, addr, len, (unsigned)advice, 0, 0, 0));
}

int64_t gthread_msync(struct gthread *th, uint64_t addr, uint64_t len, int flags)
{
	if (!range_ok(addr, len))
		return -ENOMEM;
	return check_code(order_call(th, __NR_msync, addr, len, (unsigned)flags, 0, 0, 0));
}

int64_t gthread_remap_pages(struct gthread *th, uint64_t addr, uint64_t len, uint64_t pgoff, int flags)
{
	if (!range_ok(addr, len))
		return -EINVAL;
	return check_code(order_call(th, __NR_remap_file_pages, addr, len, 0, pgoff, (unsigned)flags, 0));
}

int64_t gthread_mincore(struct gthread *th, uint64_t addr, unsigned pages, uint8_t *vec)
{
	int64_t r;

	if (pages > MINCORE_MAX || !range_ok(addr, pages * 4096ull))
		return -ENOMEM;
	r = check_code(order_call(
		th, __NR_mincore, addr, pages * 4096ull, gthread_slot_addr(th) + offsetof(struct slot, window), 0, 0, 0));
	if (r == 0)
		memcpy(vec, th->slot->window, pages);
	return r;
}

int64_t gthread_futex_wake(struct gthread *th, uint64_t addr, int count)
{
	struct stub_order o[2] = {
		{.nr = __NR_futex, .args = {addr, 1 /* FUTEX_WAKE */, (unsigned)count}},
		{.nr = __NR_futex, .args = {addr, 1 | 128 /* FUTEX_PRIVATE_FLAG */, (unsigned)count}},
	};
	int r;

	if (!range_ok(addr, 4))
		return -EFAULT;
	r = run_orders(th, o, 2, -1, 0);
	if (r < 0)
		return r;
	r = (int)check_code(o[0].result);
	if (r < 0)
		return r;
	return o[1].result > 0 && o[1].result <= INT32_MAX - r ? r + o[1].result : r;
}

int gthread_watch_all(struct gthread *th)
{
	struct aspace *as = th->as;
	int64_t r;

	if (atomic_load(&as->watched))
		return 0;
	r = order_call(th, __NR_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, as->p->hello.watch_prog, 0, 0, 0);
	if (r)
		return r < 0 && r >= -4095 ? (int)r : -EIO; /* positive: a thread that could not be brought in line */
	atomic_store(&as->watched, true);
	return 0;
}

bool aspace_watched(struct aspace *as)
{
	return atomic_load(&as->watched);
}

uint64_t aspace_native_call(struct aspace *as)
{
	return as->p->hello.native;
}

int gthread_cmpxchg32(struct gthread *th, uint64_t addr, uint32_t old, uint32_t new_value, uint32_t *ret_old)
{
	int64_t r;

	if (addr % 4 || !range_ok(addr, 4))
		return -EFAULT;
	r = order_call(th, ORDER_CMPXCHG, addr, old, new_value, 0, 0, 0);
	if (r < 0)
		return r >= -4095 ? (int)r : -EIO;
	*ret_old = (uint32_t)r;
	return 0;
}

/* --- lists of mappings ------------------------------------------------------------------------- */

#define LIST_FDS 8

/* The number in the stub for the descriptor of *m*. */
static int list_fd(struct aspace *as, struct order_fd *fds, unsigned *n, const struct gthread_map *m)
{
	int fd;

	for (unsigned i = 0; i < *n; i++)
		if (fds[i].src == m->host_fd)
			return (int)fds[i].fd;
	if (*n == LIST_FDS)
		return -EMFILE;
	fd = aspace_fd_alloc(as, true);
	if (fd < 0)
		return fd;
	fds[(*n)++] = (struct order_fd){m->host_fd, (unsigned)fd};
	return (unsigned)fd < STUB_FD_WHOLE_END ? fd : -EMFILE;
}

static int list_order(struct aspace *as, struct order_fd *fds, unsigned *n_fds, const struct gthread_map *m, struct stub_order *o)
{
	int fd = -1;

	if (!range_ok(m->addr, m->len) || (m->flags & MMAP_NEVER))
		return -EINVAL;
	*o = (struct stub_order){.nr = ORDER_FROM_BASE | __NR_munmap, .args = {m->addr, m->len}};
	if (m->kind == MAP_HOLE)
		return 0;
	if (m->host_fd >= 0) {
		fd = (m->flags & MAP_TYPE) == MAP_PRIVATE ? list_fd(as, fds, n_fds, m) : -EINVAL;
		if (fd < 0)
			return fd;
	}
	*o = (struct stub_order){.nr = __NR_mmap | ORDER_FROM_BASE,
		.args = {m->addr, m->len, (unsigned)m->prot, (unsigned)m->flags, (uint64_t)(int64_t)fd, m->off}};
	if (m->kind == MAP_BASE)
		o->nr = __NR_mmap | ORDER_BASE;
	else if (m->kind == MAP_AT)
		o->nr = __NR_mmap;
	else if (m->kind == MAP_TRY)
		o->nr |= ORDER_MAY_FAIL;
	return 0;
}

int gthread_map_list(struct gthread *th, struct gthread_map *m, unsigned n)
{
	struct aspace *as = th->as;
	struct order_fd fds[LIST_FDS] = {0};
	struct stub_order *o;
	unsigned n_fds = 0;
	int r = 0;

	if (!as->fresh || n > GTHREAD_MAPS_MAX)
		return -EINVAL;
	o = calloc(n + LIST_FDS, sizeof(*o));
	if (!o)
		return -ENOMEM;
	for (unsigned i = 0; !r && i < n; i++)
		r = list_order(as, fds, &n_fds, &m[i], &o[i]);
	for (unsigned i = 0; i < n_fds; i++)
		o[n + i] = (struct stub_order){.nr = __NR_close, .args = {fds[i].fd}};
	/* Nothing at first: this answer pulls the stub to our processor, which ADDFD does not do. */
	if (!r && n_fds)
		r = orders_run(th, o, 0, NULL, 0);
	if (!r)
		r = orders_run(th, o, n + n_fds, fds, n_fds);
	for (unsigned i = 0; i < n_fds; i++)
		aspace_fd_free(as, fds[i].fd);
	for (unsigned i = 0; !r && i < n; i++)
		m[i].result = check_address(o[i].result);
	free(o);
	return r;
}

int gthread_map_two(struct gthread *th, struct gthread_map m[2])
{
	struct aspace *as = th->as;
	struct order_fd fds[LIST_FDS] = {0};
	struct stub_order o[3];
	unsigned n_fds = 0;
	int r = m[0].host_fd < 0 || m[0].host_fd != m[1].host_fd ? -EINVAL : 0;

	m[0].kind = MAP_BASE;
	m[1].kind = MAP_FROM_BASE;
	for (unsigned i = 0; !r && i < 2; i++)
		r = list_order(as, fds, &n_fds, &m[i], &o[i]);
	if (!r) {
		o[1].args[0] = m[1].addr - m[0].addr;
		o[2] = (struct stub_order){.nr = __NR_close, .args = {fds[0].fd}};
		r = orders_run(th, o, 3, fds, 1);
	}
	if (n_fds)
		aspace_fd_free(as, fds[0].fd);
	for (unsigned i = 0; !r && i < 2; i++)
		m[i].result = check_address(o[i].result);
	return r;
}
