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
	int signo = (int)BELL_SIGNO(n->data.args[0]);
	siginfo_t info;

	e->full = true;
	gthread_load_regs(th);
	if (BELL_KIND(n->data.args[0]) == BELL_FAILED) {
		e->kind = ENTRY_FAILED;
		return;
	}
	if (signo == STUB_SIG_INTERRUPT) {
		e->kind = ENTRY_INTERRUPT;
		e->after_syscall = th->after_syscall;
		th->after_syscall = false;
		count_entry(&th->as->counts.interrupts, 1);
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
		count_entry(&th->as->counts.full, 1);
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
	count_entry(&th->as->counts.faults, 1);
}

bool gthread_take_call(struct gthread *th)
{
	struct guest_syscall *c = &th->slot_call;

	c->nr = __atomic_load_n(&th->slot->nr, __ATOMIC_RELAXED);
	memcpy(c->args, th->slot->args, sizeof(c->args));
	c->ip = __atomic_load_n(&th->slot->ip, __ATOMIC_RELAXED) + 2; /* behind the instruction, as a notification shows it */
	return c->nr < LIGHT_MAP * 64 && (th->as->p->light[c->nr / 64] >> c->nr % 64 & 1) && window_begin(th, c->nr, c->args);
}

static void light_entry(struct gthread *th, const struct seccomp_notif *n, struct guest_entry *e)
{
	e->kind = ENTRY_SYSCALL;
	if (th->by_slot) {
		e->call = th->slot_call;
		count_entry(&th->as->counts.light, 1);
		poller_consider(th);
		return;
	}
	e->call.nr = (uint32_t)n->data.nr;
	memcpy(e->call.args, n->data.args, sizeof(e->call.args));
	e->call.ip = n->data.instruction_pointer;
	count_entry(&th->as->counts.light, 1);
}

/* -512 to -517 are restart codes to the host's kernel too; none may reach it. */
static int64_t no_restart_code(int64_t ret)
{
	return ret <= -512 && ret >= -517 ? -EINTR : ret;
}

void gthread_drop_tail(struct gthread *th)
{
	if (th->tail_stub_fd) {
		aspace_fd_free(th->as, th->tail_stub_fd);
		atomic_fetch_sub(&th->as->n_tail_fds, 1);
		th->tail_stub_fd = 0;
	}
	th->tail = th->tail_checked = false;
}

static void add_order(struct slot *s, unsigned *n, uint64_t nr, uint64_t a0, uint64_t a1, uint64_t a2)
{
	s->orders[(*n)++] = (struct stub_order){.nr = nr, .args = {a0, a1, a2}};
}

/* What we have done to *th* is there for whoever serves it next. Its owner alone calls this. */
static void hand_over(struct gthread *th)
{
	atomic_store_explicit(&th->handed, atomic_load_explicit(&th->handed, memory_order_relaxed) + 1, memory_order_release);
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
		then = th->tail_checked ? THEN_RESUME_IF : THEN_RESUME_RAX;
	}
	s->n_orders = n;
	s->then = then;
	hand_over(th);
	if (!n) {
		notify_reply(l, id, BELL_RESUME);
		return;
	}
	if (fd >= 0) {
		int r = stay_and_give(th, id, &(struct order_fd){fd, stub_fd}, 1);

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

/*
 * The interrupt of a thread that stands in stub_site: noted in the slot, where the stub finds it at the end. A signal to a stub that
 * spins on another processor might come after the guest has gone on.
 */
static void slot_interrupt(struct gthread *th)
{
	th->signal_sent = true;
	__atomic_store_n(&th->slot->fast_pending, 1, __ATOMIC_RELAXED);
}

/* An entry is over: the guest goes on. False if the client has to be asked again because of an interrupt. */
static bool finish(struct worker *w, struct gthread *th, const struct seccomp_notif *n, bool full, int64_t ret)
{
	struct listener *l = th->as->l;
	bool go_on = !full && !th->by_slot && th->go_on && filter_may_continue((uint32_t)n->data.nr);

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
		if (th->by_slot)
			slot_interrupt(th);
		else
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

		if (th->by_slot) {
			th->by_slot = false;
			window_end(th);
			th->slot->ret = no_restart_code(ret);
			hand_over(th);
			notify_reply(l, id, BELL_RESUME);
			return true;
		}
		hand_over(th);
		if (go_on)
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
	gthread_drop_tail(th);
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
		if ((e.kind == ENTRY_SYSCALL || e.kind == ENTRY_FAILED) && full && !th->rax_set && (!th->tail || th->tail_checked)) {
			th->regs.rax = (uint64_t)ret;
			th->regs_dirty = true;
		}
		e = (struct guest_entry){.kind = ENTRY_INTERRUPT, .full = true};
	} while (!finish(w, th, n, full, ret));
	w->current = NULL;
	gthread_put(th);
}

/* --- the poller's entries ----------------------------------------------------------------------- */

/*
 * Requests in the slot (docs/fastpath.md). Whose a request is, is decided by the thread's state under l->lock, not by the state word in
 * the slot: the poller only reads that, and writes it once, with the answer, so that the line goes over and back once. A stub that
 * has waited long enough takes its request back and rings; if the poller has it, the bell is answered when the poller is done.
 */

/* Take the request as ours. False: it is not there any more, or not for us. */
static bool fast_begin(struct gthread *th)
{
	struct listener *l = th->as->l;
	bool mine = false;

	lock_acquire(&l->lock);
	/* Still there: one that has been taken back meanwhile may have been served and answered. */
	if (th->state == TH_OUT && !th->dead && __atomic_load_n(&th->slot->fast_state, __ATOMIC_ACQUIRE) == FAST_REQ) {
		th->state = TH_LIGHT;
		th->fast = mine = true;
	}
	lock_release(&l->lock);
	atomic_load_explicit(&th->handed, memory_order_acquire);
	return mine;
}

/*
 * Put *state* where the stub looks for it. True: it has taken the request back, and has rung or is about to. l->lock is held.
 */
static bool fast_publish(struct gthread *th, uint32_t state)
{
	return __atomic_exchange_n(&th->slot->fast_state, state, __ATOMIC_SEQ_CST) != FAST_REQ;
}

/* The answer is *ret*. Returns the bell to answer, or 0. l->lock is held. */
static uint64_t fast_reply(struct gthread *th, int64_t ret)
{
	uint64_t bell = 0;

	window_end(th);
	th->slot->ret = ret;
	th->fast_ret = ret;
	th->fast = false;
	th->state = TH_OUT;
	hand_over(th);
	if (!fast_publish(th, FAST_REPLY))
		return 0;
	if (th->fast_rang)
		bell = th->notif_id;
	else
		th->fast_owed = true;
	th->fast_rang = false;
	return bell;
}

/* The call shall come by a bell. True: it has come already, and is to be served as if it came now. l->lock is held. */
static bool fast_refuse(struct gthread *th)
{
	bool rang;

	th->window.n = 0;
	hand_over(th);
	fast_publish(th, FAST_SLOW);
	rang = th->fast_rang;
	th->fast = th->fast_rang = false;
	if (rang) {
		th->by_slot = true;
		th->as->l->n_out--;
		atomic_fetch_add(&th->as->l->n_active, 1);
	} else {
		th->state = TH_OUT;
	}
	return rang;
}

/* Another worker serves the call for which *th* has rung. */
static void serve_elsewhere(struct gthread *th)
{
	if (!gthread_take_call(th))
		th->slot_call.nr = UINT32_MAX; /* changed under our eyes: no such call */
	worker_serves(th, &(struct seccomp_notif){.id = th->notif_id, .pid = (uint32_t)th->tid});
}

static void fast_end(struct worker *w, struct gthread *th, int64_t ret, bool refused)
{
	struct listener *l = th->as->l;
	bool elsewhere = false;
	uint64_t bell = 0;

	lock_acquire(&l->lock);
	if (th->dead) {
		lock_release(&l->lock);
		gthread_report_gone(th, true);
		return;
	}
	if (th->interrupted || th->reenter) {
		th->after_syscall = th->reenter;
		th->interrupted = th->reenter = false;
		slot_interrupt(th); /* of a refused call behind the bell by which it comes: its -EINTR is nobody's */
	}
	if (refused)
		elsewhere = fast_refuse(th);
	else
		bell = fast_reply(th, no_restart_code(ret));
	lock_release(&l->lock);
	if (bell)
		notify_reply(l, bell, BELL_RESUME);
	if (elsewhere)
		serve_elsewhere(th);
}

void gthread_serve_fast(struct worker *w, struct gthread *th)
{
	struct guest_entry e = {.kind = ENTRY_SYSCALL, .polled = true};
	struct platform *p = w->p;
	int64_t ret = -ENOSYS;
	bool refused = false;

	if (!fast_begin(th))
		return;
	if (gthread_take_call(th)) {
		th->rax_set = th->exiting = th->reenter = false;
		e.call = th->slot_call;
		w->current = th;
		w->gave_up = false;
		ret = p->client->entry(th, &e);
		w->current = NULL;
		refused = w->gave_up && ret < 0;
		w->gave_up = false; /* says nothing of what this worker serves next */
		count_entry(&th->as->counts.polled, 1);
	} else {
		refused = true;
	}
	fast_end(w, th, ret, refused);
	if (w->keep)
		gthread_put(w->keep);
	w->keep = NULL;
}

/* May the call begin anew after its first sleep was refused? Those that have done nothing by then, whatever they found. */
static bool may_give_up(const struct guest_syscall *c)
{
	const uint64_t waitall = 0x100; /* MSG_WAITALL: sleeps with a part of the data taken */

	switch (c->nr) {
	case __NR_read:
	case __NR_readv:
	case __NR_accept:
	case __NR_accept4:
	case __NR_epoll_wait:
	case __NR_poll:
	case __NR_select:
	case __NR_wait4:
	case __NR_waitid:
	case __NR_nanosleep:
	case __NR_clock_nanosleep:
		return true;
	case __NR_recvfrom:
		return !(c->args[3] & waitall);
	case __NR_recvmsg:
		return !(c->args[2] & waitall);
	case __NR_epoll_pwait: /* a mask of its own has been exchanged by then */
		return !c->args[4];
	case __NR_ppoll:
		return !c->args[3];
	case __NR_pselect6:
		return !c->args[5];
	default:
		return false;
	}
}

bool platform_give_up(struct platform *p, const struct platform_waker *waker)
{
	struct worker *w = worker_self(p);

	if (!w->polling || !w->current || w->gave_up || atomic_load(&waker->word) == WAKER_WOKEN || !may_give_up(&w->current->slot_call))
		return false;
	w->gave_up = true;
	w->hops++;
	return true;
}

bool platform_gave_up(struct platform *p)
{
	return worker_self(p)->gave_up;
}
