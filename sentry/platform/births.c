/* SPDX-License-Identifier: MIT */
/* New threads and processes: clones ordered from a stub, and how their children are known. */
#include "platform/internal.h"

#include "arch/x86_64/sigframe.h"

#include <asm/unistd.h>
#include <errno.h>
#include <linux/sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

/* A nonce that only the ordered child knows. Each thread asks the host for many at once. */
static uint32_t new_nonce(void)
{
	static __thread uint32_t ready[32];
	static __thread unsigned left;
	uint32_t n = 0;

	while (!n) {
		if (!left) {
			if (getrandom(ready, sizeof(ready), 0) != sizeof(ready))
				continue;
			left = sizeof(ready) / sizeof(ready[0]);
		}
		n = ready[--left];
		ready[left] = 0;
	}
	return n;
}

static void birth_begin(struct birth *b, struct listener *l)
{
	b->l = l;
	b->nonce = new_nonce();
	list_init(&b->wp.link);
	b->wp.abort = &b->died;
	lock_acquire(&l->lock);
	list_add_tail(&b->link, &l->births);
	lock_acquire(&l->p->lock);
	list_add_tail(&b->all_link, &l->p->births);
	lock_release(&l->p->lock);
	lock_release(&l->lock);
}

static void birth_end(struct birth *b)
{
	struct platform *p = b->l->p;
	bool sweep;

	lock_acquire(&b->l->lock);
	list_del(&b->link);
	lock_acquire(&p->lock);
	list_del(&b->all_link);
	/* A hostile parent may have cloned as ordered and denied it: its child must not live on unknown. */
	if (b->fork && !b->wp.done)
		p->sweep_wanted = true;
	sweep = p->sweep_wanted && list_empty(&p->births);
	lock_release(&p->lock);
	lock_release(&b->l->lock);
	if (sweep)
		platform_sweep(p);
}

/* The parent says that the child has *pid*: wait for it, unless it died before it could ring. */
static int birth_wait(struct birth *b, struct gthread *parent, int64_t pid)
{
	int r;

	if (pid <= 0)
		return pid == 0 || pid < -4095 ? -EIO : (int)pid;
	lock_acquire(&b->l->lock);
	for (;;) {
		r = worker_wait(b->l, &b->wp, parent);
		if (r != -EAGAIN)
			break;
		atomic_store(&b->died, false);
		if (kill((pid_t)pid, 0) < 0)
			break;
	}
	lock_release(&b->l->lock);
	return r == -EAGAIN ? -ENOMEM : r;
}

/* The part of a slot from the signal frame up, which the child needs. */
static void copy_frame(struct gthread *from, uint8_t *to_slot)
{
	uint64_t off = from->uc_addr - gthread_slot_addr(from);

	memcpy(to_slot + off, (uint8_t *)from->slot + off, SLOT_SIZE - off);
}

static void inherit(struct gthread *child, const struct gthread *th)
{
	child->regs = th->regs;
	child->fs_loaded = th->fs_loaded;
	child->gs_loaded = th->gs_loaded;
	child->regs_dirty = true;
	child->state = TH_HELD;
}

int gthread_fork(struct gthread *th, void *owner, struct aspace **ret_as, struct gthread **ret_th)
{
	struct aspace *parent = th->as, *as;
	struct birth b = {.fork = true};
	struct stub_order o[2] = {{.nr = ORDER_FORK}};
	struct stay stay;
	uint8_t *slots;
	int memfd = slots_new(&slots), stub_fd, r;

	if (memfd < 0)
		return memfd;
	as = aspace_alloc(parent->p, parent->l, slots);
	if (!as) {
		munmap(slots, SLOTS_SIZE);
		close(memfd);
		return -ENOMEM;
	}
	as->watched = atomic_load(&parent->watched); /* if it comes while we fork, the child is asked again */
	as->slot_used[th->slot_nr / 64] = 1ull << th->slot_nr % 64;
	b.th = gthread_alloc(as, owner, th->slot_nr);
	if (b.th)
		refs_get(&b.th->refs); /* the caller's */
	stub_fd = aspace_fd_alloc(parent, false);
	if (!b.th || stub_fd < 0) {
		r = -ENOMEM;
		goto out;
	}
	copy_frame(th, (uint8_t *)b.th->slot);
	b.th->slot->ctid = 1;
	b.th->uc_addr = th->uc_addr;
	inherit(b.th, th);
	b.th->rseq = th->rseq; /* the host has copied it with the process */
	b.th->regs.rax = 0;
	birth_begin(&b, parent->l);
	b.fd = (uint64_t)b.nonce << 32 | (unsigned)stub_fd;
	o[0].args[0] = CLONE_PARENT | CLONE_CHILD_CLEARTID | SIGCHLD;
	o[0].args[2] = th->uc_addr;
	o[0].args[3] = gthread_slot_addr(th) + offsetof(struct slot, ctid);
	o[0].args[4] = b.fd;
	o[0].args[5] = b.nonce;
	o[1] = (struct stub_order){.nr = __NR_close, .args = {(unsigned)stub_fd}};
	stay_here(th, true, &stay);
	r = orders_run(th, o, 2, &(struct order_fd){memfd, (unsigned)stub_fd}, 1);
	if (r == 0)
		r = birth_wait(&b, th, o[0].result);
	birth_end(&b);
	stay_no_more(th, b.wp.done ? b.th : NULL, &stay);
	if (b.wp.done)
		r = 0;
out:
	close(memfd);
	if (stub_fd >= 0)
		aspace_fd_free(parent, (unsigned)stub_fd);
	if (r < 0) {
		if (b.th) {
			gthread_put(b.th);
			gthread_put(b.th);
		}
		aspace_put(as);
		return r;
	}
	*ret_as = as;
	*ret_th = b.th;
	return 0;
}

/* Let the copied frame speak of the new slot. */
static void relocate_frame(struct gthread *child, uint64_t delta)
{
	struct x86_ucontext *uc = gthread_frame(child);

	uc->stack = (struct x86_stack){.sp = gthread_slot_addr(child) + SLOT_STACK, .size = SLOT_SIZE - SLOT_STACK};
	uc->mc.fpstate += delta;
	uc->sigmask = 0;
}

int gthread_clone(struct gthread *th, void *owner, struct gthread **ret_th)
{
	struct aspace *as = th->as;
	struct birth b = {.fork = false};
	struct stub_order o = {.nr = ORDER_THREAD};
	struct stay stay;
	int slot = aspace_slot_alloc(as), r;
	uint64_t delta;

	if (slot < 0)
		return slot;
	b.th = gthread_alloc(as, owner, (unsigned)slot);
	if (!b.th) {
		aspace_slot_free(as, (unsigned)slot, false);
		return -ENOMEM;
	}
	refs_get(&b.th->refs); /* the caller's */
	copy_frame(th, (uint8_t *)b.th->slot);
	delta = gthread_slot_addr(b.th) - gthread_slot_addr(th);
	b.th->uc_addr = th->uc_addr + delta;
	relocate_frame(b.th, delta);
	__atomic_store_n(&b.th->slot->ctid, 1, __ATOMIC_RELEASE);
	inherit(b.th, th);
	birth_begin(&b, as->l);
	o.args[0] =
		CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | CLONE_CHILD_CLEARTID;
	o.args[1] = (b.th->uc_addr - 512) & ~63ull;
	o.args[2] = b.th->uc_addr;
	o.args[3] = gthread_slot_addr(b.th) + offsetof(struct slot, ctid);
	o.args[5] = b.nonce;
	stay_here(th, true, &stay);
	r = orders_run(th, &o, 1, NULL, 0);
	if (r == 0)
		r = birth_wait(&b, th, o.result);
	birth_end(&b);
	stay_no_more(th, b.wp.done ? b.th : NULL, &stay);
	if (b.wp.done) {
		*ret_th = b.th;
		return 0;
	}
	aspace_slot_free(as, (unsigned)slot, false);
	gthread_put(b.th);
	gthread_put(b.th);
	return r;
}
