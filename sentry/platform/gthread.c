/* SPDX-License-Identifier: MIT */
/* Guest threads: registers and extended state in the stub's signal frame, entries and their end. */
#include "platform/internal.h"

#include "arch/x86_64/sigframe.h"

#include <asm/unistd.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

_Static_assert(STUB_SIG_INTERRUPT == PLATFORM_SIG_INTERRUPT, "one signal, two names");

#define ARCH_SET_GS 0x1001
#define ARCH_SET_FS 0x1002

/* The flags a process may set: CF PF AF ZF SF TF DF OF RF AC, and ID. */
#define USER_FLAGS 0x250dd5ull
#define USER_CS 0x33
#define USER_SS 0x2b

struct gthread *gthread_alloc(struct aspace *as, void *owner, unsigned slot_nr)
{
	struct gthread *th = calloc(1, sizeof(*th));

	if (!th)
		return NULL;
	refs_init(&th->refs);
	th->as = as;
	aspace_get(as);
	atomic_init(&th->owner, owner);
	th->slot_nr = slot_nr;
	th->slot = (struct slot *)(void *)(as->slots + slot_nr * SLOT_SIZE);
	th->tail_fd = -1;
	list_init(&th->tid_link);
	list_init(&th->as_link);
	list_init(&th->ring.link);
	return th;
}

void gthread_put(struct gthread *th)
{
	if (!refs_put(&th->refs))
		return;
	if (th->tail_fd >= 0)
		close(th->tail_fd);
	aspace_put(th->as);
	free(th);
}

void gthread_attach(struct gthread *th, pid_t tid)
{
	struct listener *l = th->as->l;

	th->tid = tid;
	list_add(&th->tid_link, &l->tids[(unsigned)tid % TID_BUCKETS]);
	list_add_tail(&th->as_link, &th->as->threads);
	if (!th->as->pid)
		aspace_publish(th->as, tid);
}

void gthread_detach(struct gthread *th)
{
	list_del(&th->tid_link);
	list_del(&th->as_link);
}

void gthread_report_gone(struct gthread *th, bool unexpected)
{
	struct listener *l = th->as->l;

	lock_acquire(&l->lock);
	th->state = TH_GONE;
	gthread_detach(th);
	lock_release(&l->lock);
	th->as->p->client->thread_gone(th, unexpected);
	gthread_put(th);
}

void *gthread_owner(struct gthread *th)
{
	return atomic_load(&th->owner);
}

void gthread_set_owner(struct gthread *th, void *owner)
{
	atomic_store(&th->owner, owner);
}

struct aspace *gthread_aspace(struct gthread *th)
{
	return th->as;
}

pid_t gthread_host_tid(struct gthread *th)
{
	return th->tid;
}

/* --- the frame ------------------------------------------------------------------------------------------------------- */

uint64_t gthread_slot_addr(const struct gthread *th)
{
	return STUB_SLOTS + th->slot_nr * SLOT_SIZE;
}

/* Our mapping of *len* bytes at *addr* of the stub, if they are in the thread's own stack; else NULL. */
static void *in_stack(struct gthread *th, uint64_t addr, uint64_t len)
{
	uint64_t off = addr - gthread_slot_addr(th);

	if (off < SLOT_STACK || off > SLOT_SIZE || len > SLOT_SIZE - off)
		return NULL;
	return (uint8_t *)th->slot + off;
}

struct x86_ucontext *gthread_frame(struct gthread *th)
{
	return (void *)((uint8_t *)th->slot + (th->uc_addr - gthread_slot_addr(th)));
}

int gthread_take_frame(struct gthread *th, const struct seccomp_notif *n)
{
	uint64_t uc = n->data.args[1], info = n->data.args[2];

	if (uc % 8 || info % 8 || !in_stack(th, uc, sizeof(struct x86_ucontext)) || !in_stack(th, info, 128))
		return -EPROTO;
	th->uc_addr = uc;
	gthread_take_bases(th, n);
	return 0;
}

void gthread_take_bases(struct gthread *th, const struct seccomp_notif *n)
{
	th->fs_loaded = n->data.args[3];
	th->gs_loaded = n->data.args[4];
}

/* gs leads the fast entry to the slot; to the guest that is 0. */
static uint64_t gs_shown(const struct gthread *th)
{
	return th->gs_loaded == gthread_slot_addr(th) ? 0 : th->gs_loaded;
}

static uint64_t gs_wanted(const struct gthread *th)
{
	return !th->regs.gs_base && th->as->p->hello.fast_entry ? gthread_slot_addr(th) : th->regs.gs_base;
}

void gthread_load_regs(struct gthread *th)
{
	struct x86_sigcontext mc;

	memcpy(&mc, &gthread_frame(th)->mc, sizeof(mc));
	th->regs = (struct guest_regs){
		.r15 = mc.r15, .r14 = mc.r14, .r13 = mc.r13, .r12 = mc.r12, .rbp = mc.rbp, .rbx = mc.rbx, .r11 = mc.r11,
		.r10 = mc.r10, .r9 = mc.r9, .r8 = mc.r8, .rax = mc.rax, .rcx = mc.rcx, .rdx = mc.rdx, .rsi = mc.rsi,
		.rdi = mc.rdi, .orig_rax = UINT64_MAX, .rip = mc.rip, .cs = USER_CS, .eflags = mc.eflags, .rsp = mc.rsp,
		.ss = USER_SS, .fs_base = th->fs_loaded, .gs_base = gs_shown(th),
	};
	th->regs_dirty = false;
}

/* Write the registers into *uc*, a frame of this thread or of its child. */
void gthread_store_regs(const struct gthread *th, struct x86_ucontext *uc)
{
	const struct guest_regs *r = &th->regs;
	struct x86_sigcontext *mc = &uc->mc;

	mc->r8 = r->r8, mc->r9 = r->r9, mc->r10 = r->r10, mc->r11 = r->r11;
	mc->r12 = r->r12, mc->r13 = r->r13, mc->r14 = r->r14, mc->r15 = r->r15;
	mc->rdi = r->rdi, mc->rsi = r->rsi, mc->rbp = r->rbp, mc->rbx = r->rbx;
	mc->rdx = r->rdx, mc->rax = r->rax, mc->rcx = r->rcx, mc->rsp = r->rsp;
	mc->rip = r->rip;
	mc->eflags = (r->eflags & USER_FLAGS) | 0x202;
	mc->cs = USER_CS;
	mc->ss = USER_SS;
	mc->gs = mc->fs = 0;
}

void gthread_get_regs(struct gthread *th, struct guest_regs *regs)
{
	*regs = th->regs;
}

void gthread_set_regs(struct gthread *th, const struct guest_regs *regs)
{
	th->regs = *regs;
	th->regs.cs = USER_CS;
	th->regs.ss = USER_SS;
	th->regs.eflags = (regs->eflags & USER_FLAGS) | 0x202;
	th->regs_dirty = th->rax_set = true;
}

/* Our mapping of the frame's extended state, or NULL when the guest has damaged its frame. */
static uint8_t *frame_xstate(struct gthread *th)
{
	uint64_t addr = __atomic_load_n(&gthread_frame(th)->mc.fpstate, __ATOMIC_RELAXED);

	return addr % 64 ? NULL : in_stack(th, addr, th->as->p->xstate_size + 4ull);
}

int gthread_get_xstate(struct gthread *th, struct guest_xstate *xs)
{
	struct platform *p = th->as->p;
	const uint8_t *src = frame_xstate(th);

	if (!src)
		return -EIO;
	memcpy(xs->data, src, p->xstate_size);
	memcpy(xs->data + X86_FX_SW, p->fx_sw.bytes, sizeof(p->fx_sw.bytes));
	xs->size = p->xstate_size;
	return 0;
}

int gthread_set_xstate(struct gthread *th, const struct guest_xstate *xs)
{
	struct platform *p = th->as->p;
	uint8_t *dst = frame_xstate(th);
	struct x86_xsave_header h = {.xstate_bv = 3}; /* x87 and SSE: all that an FXSAVE area holds */
	const uint32_t magic2 = X86_FP_MAGIC2;
	uint32_t mxcsr;

	if (!dst)
		return -EIO;
	if (xs->size < X86_FXSAVE_SIZE || xs->size > p->xstate_size)
		return -EINVAL;
	if (xs->size >= X86_FXSAVE_SIZE + sizeof(h)) {
		memcpy(&h, xs->data + X86_FXSAVE_SIZE, sizeof(h));
		for (unsigned i = 0; i < ARRAY_SIZE(h.reserved); i++)
			if (h.reserved[i])
				return -EINVAL;
		if (h.xcomp_bv)
			return -EINVAL;
		h.xstate_bv &= p->xfeatures;
	}
	memcpy(&mxcsr, xs->data + X86_FX_MXCSR, sizeof(mxcsr));
	if (mxcsr & ~p->mxcsr_mask)
		return -EINVAL;
	if (xs->size < p->xstate_size && (h.xstate_bv & ~3ull))
		return -EINVAL; /* claims more than it brings */
	memset(dst, 0, p->xstate_size);
	memcpy(dst, xs->data, xs->size);
	memcpy(dst + X86_FX_SW, p->fx_sw.bytes, sizeof(p->fx_sw.bytes));
	memcpy(dst + X86_FXSAVE_SIZE, &h, sizeof(h));
	memcpy(dst + p->xstate_size, &magic2, sizeof(magic2));
	gthread_frame(th)->flags |= X86_UC_FP_XSTATE;
	return 0;
}

int gthread_learn_xstate(struct platform *p, const uint8_t *slot, uint64_t uc_addr)
{
	const struct x86_ucontext *uc = (const void *)(slot + (uc_addr - STUB_SLOTS));
	const uint8_t *fx = slot + (uc->mc.fpstate - STUB_SLOTS);
	struct x86_fx_sw sw;

	if (uc_addr - STUB_SLOTS > SLOT_SIZE - sizeof(*uc) || uc->mc.fpstate - STUB_SLOTS > SLOT_SIZE - X86_FXSAVE_SIZE)
		return -EPROTO;
	memcpy(&sw, fx + X86_FX_SW, sizeof(sw));
	if (sw.magic1 != X86_FP_MAGIC1 || sw.xstate_size < X86_FXSAVE_SIZE + X86_XSAVE_HEADER ||
		sw.xstate_size > ARCH_XSTATE_MAX)
		return -EOPNOTSUPP;
	memcpy(p->fx_sw.bytes, &sw, sizeof(sw));
	p->xstate_size = sw.xstate_size;
	p->xfeatures = sw.xfeatures;
	memcpy(&p->mxcsr_mask, fx + X86_FX_MXCSR_MASK, sizeof(p->mxcsr_mask));
	if (!p->mxcsr_mask)
		p->mxcsr_mask = 0xffbf;
	return 0;
}

/* --- interrupts ------------------------------------------------------------------------------------------------------- */

void gthread_signal(struct gthread *th)
{
	if (!th->dead && !th->signal_sent) {
		th->signal_sent = true;
		tgkill(th->as->pid, th->tid, STUB_SIG_INTERRUPT);
	}
}

void gthread_interrupt(struct gthread *th)
{
	struct listener *l = th->as->l;

	lock_acquire(&l->lock);
	if (th->state == TH_OUT)
		gthread_signal(th);
	else if (th->state != TH_GONE)
		th->interrupted = true;
	lock_release(&l->lock);
}

void gthread_reenter(struct gthread *th)
{
	th->reenter = true;
}

/* --- entries ----------------------------------------------------------------------------------------------------------- */

static void full_entry(struct gthread *th, const struct seccomp_notif *n, struct guest_entry *e)
{
	struct platform *p = th->as->p;
	int signo = (int)BELL_SIGNO(n->data.args[0]);
	siginfo_t info;

	e->full = true;
	gthread_load_regs(th);
	if (signo == STUB_SIG_INTERRUPT) {
		e->kind = ENTRY_INTERRUPT;
		e->after_syscall = th->after_syscall;
		th->after_syscall = false;
		p->stats.interrupts++;
		return;
	}
	if (signo == SIGSYS) {
		th->regs.rax &= UINT32_MAX; /* as Linux: the number is the low half */
		th->regs.orig_rax = th->regs.rax;
		e->kind = ENTRY_SYSCALL;
		e->call = (struct guest_syscall){
			.nr = th->regs.rax,
			.args = {th->regs.rdi, th->regs.rsi, th->regs.rdx, th->regs.r10, th->regs.r8, th->regs.r9},
			.ip = th->regs.rip,
		};
		p->stats.full++;
		return;
	}
	memcpy(&info, in_stack(th, n->data.args[2], sizeof(info)), sizeof(info));
	e->kind = ENTRY_FAULT;
	e->fault = (struct guest_fault){
		.signo = signo,
		.code = info.si_code,
		.addr = (uint64_t)(uintptr_t)info.si_addr,
		.trapno = gthread_frame(th)->mc.trapno,
		.error_code = gthread_frame(th)->mc.err,
	};
	p->stats.faults++;
}

static void light_entry(struct gthread *th, const struct seccomp_notif *n, struct guest_entry *e)
{
	e->kind = ENTRY_SYSCALL;
	e->call.nr = (uint32_t)n->data.nr;
	memcpy(e->call.args, n->data.args, sizeof(e->call.args));
	e->call.ip = n->data.instruction_pointer;
	th->as->p->stats.light++;
	if (e->call.ip == th->as->p->hello.fast_call)
		poller_consider(th);
}

/* -512 to -517 are restart codes to the host's kernel too; none may reach it. */
static int64_t no_restart_code(int64_t ret)
{
	return ret <= -512 && ret >= -517 ? -EINTR : ret;
}

static void release_tail(struct gthread *th)
{
	if (th->tail_stub_fd) {
		aspace_fd_free(th->as, th->tail_stub_fd);
		th->tail_stub_fd = 0;
	}
	th->tail = false;
}

static void add_order(struct slot *s, unsigned *n, uint64_t nr, uint64_t a0, uint64_t a1, uint64_t a2)
{
	s->orders[(*n)++] = (struct stub_order){.nr = nr, .args = {a0, a1, a2}};
}

/* Answer the bell in which *th* stands: registers are loaded, the last order is executed, or the thread exits. */
void gthread_answer(struct gthread *th)
{
	struct listener *l = th->as->l;
	struct slot *s = th->slot;
	const uint64_t id = th->notif_id;
	const int fd = th->tail ? th->tail_fd : -1;
	const unsigned stub_fd = th->tail_stub_fd;
	unsigned n = 0;
	uint32_t then = THEN_RESUME;

	if (th->regs_dirty)
		gthread_store_regs(th, gthread_frame(th));
	th->regs_dirty = false;
	if (th->regs.fs_base != th->fs_loaded)
		add_order(s, &n, __NR_arch_prctl, ARCH_SET_FS, th->regs.fs_base, 0);
	if (gs_wanted(th) != th->gs_loaded)
		add_order(s, &n, __NR_arch_prctl, ARCH_SET_GS, gs_wanted(th), 0);
	if (th->tail) {
		s->rax_from = n;
		s->orders[n++] = th->tail_order;
		if (fd >= 0)
			add_order(s, &n, __NR_close, stub_fd, 0, 0);
		th->tail_fd = -1;
		then = THEN_RESUME_RAX;
	}
	s->n_orders = n;
	s->then = then;
	atomic_fetch_add_explicit(&th->handed, 1, memory_order_release);
	if (!n) {
		notify_reply(l, id, BELL_RESUME);
		return;
	}
	if (fd >= 0) {
		int r = notify_reply_fd(l, id, fd, stub_fd);

		close(fd);
		if (r == 0)
			return;
		/* The descriptor could not be given: the call fails with that, the close behind it is harmless. */
	}
	notify_reply(l, id, BELL_ORDERS);
}

/* The thread ends: its last orders. */
static void answer_exit(struct gthread *th, uint64_t clear_tid)
{
	struct slot *s = th->slot;
	unsigned n = 0;

	if (clear_tid)
		add_order(s, &n, __NR_futex, clear_tid, 1 /* FUTEX_WAKE, shared as Linux does */, INT32_MAX);
	s->n_orders = n;
	s->then = THEN_EXIT;
	notify_reply(th->as->l, th->notif_id, BELL_ORDERS);
}

static void finish_exit(struct gthread *th)
{
	struct listener *l = th->as->l;
	struct aspace *as = th->as;
	bool dead;

	if (th->clear_tid) {
		const uint32_t zero = 0;

		aspace_write(as, th->clear_tid, &zero, sizeof(zero), NULL);
	}
	lock_acquire(&l->lock);
	dead = th->dead;
	th->state = TH_GONE;
	gthread_detach(th); /* what this host thread rings from now on is a breach */
	lock_release(&l->lock);
	if (!dead)
		answer_exit(th, th->clear_tid);
	aspace_slot_free(as, th->slot_nr, true);
	gthread_report_gone(th, dead);
}

/* An entry is over: the guest goes on. False if the client has to be asked again because of an interrupt. */
static bool finish(struct worker *w, struct gthread *th, bool full, int64_t ret)
{
	struct listener *l = th->as->l;

	lock_acquire(&l->lock);
	if (th->dead) {
		lock_release(&l->lock);
		gthread_report_gone(th, true);
		return true;
	}
	if (full && th->interrupted && !th->tail) {
		th->interrupted = false;
		lock_release(&l->lock);
		return false;
	}
	if (th->interrupted || th->reenter) {
		th->after_syscall = th->reenter;
		th->interrupted = th->reenter = false;
		gthread_signal(th); /* before the reply: the handler runs before any instruction of the guest */
	}
	th->state = TH_OUT;
	l->n_out++;
	if (!l->receiver)
		l->receiver = w;
	lock_release(&l->lock);
	if (full) {
		gthread_answer(th);
	} else {
		uint64_t id = th->notif_id;

		atomic_fetch_add_explicit(&th->handed, 1, memory_order_release);
		notify_reply(l, id, no_restart_code(ret));
	}
	return true;
}

void gthread_serve(struct worker *w, struct gthread *th, const struct seccomp_notif *n)
{
	const struct platform_client *client = th->as->p->client;
	struct guest_entry e = {0};
	bool full = th->state == TH_FULL;
	int64_t ret;

	refs_get(&th->refs);
	w->current = th;
	release_tail(th);
	th->rax_set = th->exiting = th->reenter = false;
	if (full)
		full_entry(th, n, &e);
	else
		light_entry(th, n, &e);
	do {
		if (e.kind == ENTRY_INTERRUPT) {
			lock_acquire(&th->as->l->lock);
			th->interrupted = th->signal_sent = false;
			lock_release(&th->as->l->lock);
		}
		ret = client->entry(th, &e);
		if (full && th->exiting) {
			finish_exit(th);
			break;
		}
		if (e.kind == ENTRY_SYSCALL && full && !th->rax_set && !th->tail) {
			th->regs.rax = (uint64_t)ret;
			th->regs_dirty = true;
		}
		e = (struct guest_entry){.kind = ENTRY_INTERRUPT, .full = true};
	} while (!finish(w, th, full, ret));
	w->current = NULL;
	gthread_put(th);
}

/* --- the fast entry ------------------------------------------------------------------------------------------------------ */

/* Put the answer where the stub looks for it; it may have rung, or be about to. l->lock is held. Returns the bell to answer. */
static uint64_t fast_reply(struct gthread *th, int64_t ret, uint32_t state)
{
	struct slot *s = th->slot;
	uint32_t busy = FAST_BUSY;

	th->fast = false;
	s->reply.ret = ret;
	if (__atomic_compare_exchange_n(&s->fast_state, &busy, state, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		return 0;
	__atomic_store_n(&s->fast_state, state, __ATOMIC_RELEASE);
	if (th->fast_rang) {
		th->fast_rang = false;
		return th->notif_id;
	}
	th->fast_owed = busy == FAST_BUSY_BELL;
	return 0;
}

/* Take the request as ours. False: the thread is not in the guest, or is asked to make the call plainly. */
static bool fast_begin(struct gthread *th, struct guest_entry *e)
{
	struct listener *l = th->as->l;
	uint64_t nr = __atomic_load_n(&th->slot->fast.nr, __ATOMIC_RELAXED), bell = 0;
	bool mine = false;

	lock_acquire(&l->lock);
	if (th->state == TH_OUT && !th->dead) {
		th->fast = true;
		if (filter_is_light((uint32_t)nr)) {
			th->state = TH_LIGHT;
			mine = true;
		} else {
			bell = fast_reply(th, 0, FAST_SLOW);
		}
	}
	lock_release(&l->lock);
	if (bell)
		notify_reply(l, bell, BELL_RESUME);
	if (!mine)
		return false;
	e->kind = ENTRY_SYSCALL;
	e->call.nr = (uint32_t)nr;
	memcpy(e->call.args, th->slot->fast.args, sizeof(e->call.args));
	e->call.ip = th->as->p->hello.fast_call;
	return true;
}

void gthread_serve_fast(struct worker *w, struct gthread *th)
{
	struct listener *l = th->as->l;
	struct guest_entry e = {0};
	uint64_t bell;
	int64_t ret;

	if (!fast_begin(th, &e))
		return;
	refs_get(&th->refs);
	th->rax_set = th->exiting = th->reenter = false;
	w->current = th;
	ret = th->as->p->client->entry(th, &e);
	w->current = NULL;
	th->as->p->stats.polled++;
	lock_acquire(&l->lock);
	if (th->dead) {
		lock_release(&l->lock);
		gthread_report_gone(th, true);
		gthread_put(th);
		return;
	}
	if (th->interrupted || th->reenter) {
		th->after_syscall = th->reenter;
		th->interrupted = th->reenter = false;
		gthread_signal(th);
	}
	th->state = TH_OUT;
	bell = fast_reply(th, no_restart_code(ret), FAST_REPLY);
	lock_release(&l->lock);
	if (bell)
		notify_reply(l, bell, BELL_RESUME);
	gthread_put(th);
}

void gthread_exit(struct gthread *th, uint64_t clear_tid)
{
	th->exiting = true;
	th->clear_tid = clear_tid;
}

int gthread_start(struct gthread *th)
{
	struct listener *l = th->as->l;
	struct worker *w = worker_self(th->as->p);

	lock_acquire(&l->lock);
	if (th->dead) {
		th->as->killed = true;
		lock_release(&l->lock);
		aspace_kill(th->as); /* reports it */
		return -ESRCH;
	}
	if (!th->rung) {
		th->start_wanted = true;
		lock_release(&l->lock);
		return 0;
	}
	th->state = TH_OUT;
	l->n_out++;
	if (th->interrupted) {
		th->interrupted = false;
		gthread_signal(th);
	}
	worker_started(w, l);
	refs_get(&th->refs); /* once answered it may come to its end at any time */
	lock_release(&l->lock);
	gthread_answer(th);
	gthread_put(th);
	return 0;
}
