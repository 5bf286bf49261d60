/* SPDX-License-Identifier: MIT */
/* One entry of a guest thread: what it is, asking the client, the answer. */
#include "platform/internal.h"

#include "arch/x86_64/sigframe.h"

#include <asm/unistd.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#define ARCH_SET_GS 0x1001
#define ARCH_SET_FS 0x1002

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
	memcpy(&info, gthread_in_stack(th, n->data.args[2], sizeof(info)), sizeof(info));
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

bool gthread_take_call(struct gthread *th)
{
	struct guest_syscall *c = &th->slot_call;

	c->nr = __atomic_load_n(&th->slot->nr, __ATOMIC_RELAXED);
	memcpy(c->args, th->slot->args, sizeof(c->args));
	c->ip = __atomic_load_n(&th->slot->ip, __ATOMIC_RELAXED) + 2; /* behind the instruction, as a notification shows it */
	return filter_is_light((uint32_t)c->nr) && window_begin(th, c->nr, c->args);
}

static void light_entry(struct gthread *th, const struct seccomp_notif *n, struct guest_entry *e)
{
	e->kind = ENTRY_SYSCALL;
	if (th->by_slot) {
		e->call = th->slot_call;
		th->as->p->stats.light++;
		poller_consider(th);
		return;
	}
	e->call.nr = (uint32_t)n->data.nr;
	memcpy(e->call.args, n->data.args, sizeof(e->call.args));
	e->call.ip = n->data.instruction_pointer;
	th->as->p->stats.light++;
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
	if (gthread_gs_wanted(th) != th->gs_loaded)
		add_order(s, &n, __NR_arch_prctl, ARCH_SET_GS, gthread_gs_wanted(th), 0);
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

/*
 * A host process whose first thread has ended has lost its memory for process_vm_readv(2) and /proc, while the others go on in
 * it: the host thread of the first stays, asleep, until the process is killed.
 */
static bool is_main(const struct gthread *th)
{
	return th->tid == th->as->pid;
}

/* The thread ends: its last orders. */
static void answer_exit(struct gthread *th, uint64_t clear_tid)
{
	struct slot *s = th->slot;
	unsigned n = 0;

	/* Before anybody may think the thread gone and free its memory, where the host still writes. */
	if (th->rseq.addr)
		s->orders[n++] = (struct stub_order){.nr = __NR_rseq, .args = {th->rseq.addr, th->rseq.len, 1, th->rseq.sig}};
	/* FUTEX_WAKE_OP: store 0, then wake, shared as Linux does; a fault hurts nobody. */
	if (clear_tid)
		s->orders[n++] = (struct stub_order){.nr = __NR_futex, .args = {clear_tid, 5, INT32_MAX, 0, clear_tid, 0}};
	s->n_orders = n;
	s->then = is_main(th) ? THEN_PARK : THEN_EXIT;
	notify_reply(th->as->l, th->notif_id, BELL_ORDERS);
}

static void finish_exit(struct gthread *th)
{
	struct listener *l = th->as->l;
	struct aspace *as = th->as;
	bool dead;

	if (th->clear_tid % 4) { /* not for a futex to write */
		const uint32_t zero = 0;

		aspace_write(as, th->clear_tid, &zero, sizeof(zero), NULL);
		th->clear_tid = 0;
	}
	lock_acquire(&l->lock);
	dead = th->dead;
	th->state = TH_GONE;
	gthread_detach(th); /* what this host thread rings from now on is a breach */
	lock_release(&l->lock);
	if (!dead)
		answer_exit(th, th->clear_tid);
	if (dead || !is_main(th)) /* who is parked stands on its slot's stack */
		aspace_slot_free(as, th->slot_nr, true);
	gthread_report_gone(th, dead);
}

/* An entry is over: the guest goes on. False if the client has to be asked again because of an interrupt. */
static bool finish(struct worker *w, struct gthread *th, const struct seccomp_notif *n, bool full, int64_t ret)
{
	struct listener *l = th->as->l;
	bool go_on = !full && th->go_on && filter_may_continue((uint32_t)n->data.nr);

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
		th->after_syscall = th->reenter && !go_on; /* a result of the host's is in the registers then */
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
		if (th->by_slot) {
			th->by_slot = false;
			window_end(th);
			th->slot->ret = no_restart_code(ret);
			notify_reply(l, id, BELL_RESUME);
		} else if (go_on)
			notify_continue(l, id);
		else
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
	th->rax_set = th->exiting = th->reenter = th->go_on = false;
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
	} while (!finish(w, th, n, full, ret));
	w->current = NULL;
	gthread_put(th);
}

/* --- the fast entry ---------------------------------------------------------------------------- */

/* Put the answer where the stub looks for it; it may have rung, or be about to. l->lock is held. Returns the bell to
 * answer. */
static uint64_t fast_reply(struct gthread *th, int64_t ret, uint32_t state)
{
	struct slot *s = th->slot;
	uint32_t busy = FAST_BUSY;

	th->fast = false;
	window_end(th);
	s->ret = ret;
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
	uint64_t bell = 0;
	bool mine = false;

	lock_acquire(&l->lock);
	if (th->state == TH_OUT && !th->dead) {
		th->fast = true;
		if (gthread_take_call(th)) {
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
	e->call = th->slot_call;
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
