/* SPDX-License-Identifier: MIT */
/*
 * The C part of stub_site: answers that need more than a load, and asking. It runs on the slot's own stack with the guest's registers
 * in the slot. Whatever it reads of the guest's memory may fault: the handler (site.c) then makes the call plainly, or, once the
 * sentry has been asked, ends it with EFAULT.
 */
#include "site.h"

#include "marshal.h"

#define SPINS_HARD 64u	   /* without a pause */
#define SPIN_TICKS 45000u /* then: some 20 microseconds */
#define VIEW_READ_MAX 0x20000 /* an interrupt waits for the copy */
#define UNBLOCKABLE (1ull << 8 | 1ull << 18) /* SIGKILL, SIGSTOP */

static const struct fast_result plain = {0, 0};

static inline __attribute__((always_inline)) struct fast_result served(long ret)
{
	return (struct fast_result){ret, 1};
}

static inline __attribute__((always_inline)) void copy(void *to, const void *from, uint64_t len)
{
	__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(len) : : "memory");
}

/* A write that changes nothing, to each page of a range. */
static inline __attribute__((always_inline)) void touch(uint64_t addr, uint64_t len)
{
	for (uint64_t a = addr; len; a = (a | 4095) + 1) {
		__asm__ volatile("lock addb $0, (%0)" : : "r"(a) : "memory", "cc");
		if ((a | 4095) >= addr + len - 1)
			break;
	}
}

/* Copy a string of the guest's; its size with the terminator, or 0 if it does not fit. */
static inline __attribute__((always_inline)) uint32_t copy_string(uint8_t *to, uint64_t from, uint32_t room)
{
	uint32_t n = 0;

	while (n < room) {
		if (n + 8 <= room && ((from + n) & 4095) <= 4088) {
			uint64_t v = *(const volatile uint64_t *)(from + n);
			uint64_t zero = (v - 0x0101010101010101ull) & ~v & 0x8080808080808080ull;

			*(volatile uint64_t *)(to + n) = v;
			if (zero)
				return n + (uint32_t)(__builtin_ctzll(zero) >> 3) + 1;
			n += 8;
			continue;
		}
		to[n] = *(const volatile uint8_t *)(from + n);
		if (!to[n++])
			return n;
	}
	return 0;
}

/* Copy in what goes in, and see that what comes out can be written. False: make the call plainly. */
static inline __attribute__((always_inline)) int marshal_in(struct slot *s, const struct marshal *m)
{
	unsigned strings = 0;

	for (unsigned i = 0; i < m->n; i++) {
		const struct marshal_seg *g = &m->seg[i];

		if (g->string) {
			uint32_t n = copy_string(s->window + g->off, g->addr, g->len);

			if (!n || strings > 1)
				return 0;
			s->str_len[strings++] = (uint16_t)n;
			continue;
		}
		if (g->dir & MARSHAL_IN)
			copy(s->window + g->off, (const void *)g->addr, g->len);
		if (g->dir & MARSHAL_OUT)
			touch(g->addr, g->len);
	}
	return 1;
}

static inline __attribute__((always_inline)) void marshal_out(struct slot *s, const struct marshal *m)
{
	for (unsigned i = 0; i < m->n; i++) {
		const struct marshal_seg *g = &m->seg[i];
		uint32_t from = s->out[i].from, to = s->out[i].to;

		if ((g->dir & MARSHAL_OUT) && from < to && to <= g->len)
			copy((void *)(g->addr + from), s->window + g->off + from, to - from);
	}
}

static inline __attribute__((always_inline)) void ring(long kind)
{
	register long rdi __asm__("rdi") = kind;
	long r = STUB_BELL;

	__asm__ volatile("syscall" : "+a"(r) : "r"(rdi) : "rcx", "r11", "memory");
	if (r < 0) /* the sentry is gone */
		__asm__ volatile("syscall" : : "a"(231L), "D"(1L) : "rcx", "r11", "memory");
}

static inline __attribute__((always_inline)) uint32_t this_cpu(void)
{
	uint64_t v;

	__asm__ volatile("rdpid %0" : "=r"(v));
	return (uint32_t)v;
}

static inline __attribute__((always_inline)) void put_request(struct slot *s)
{
	s->nr = (uint32_t)s->saved[REG_AX];
	s->args[0] = s->saved[REG_DI];
	s->args[1] = s->saved[REG_SI];
	s->args[2] = s->saved[REG_DX];
	s->args[3] = s->saved[REG_R10];
	s->args[4] = s->saved[REG_R8];
	s->args[5] = s->saved[REG_R9];
	s->ip = s->saved[REG_IP];
}

static inline __attribute__((always_inline)) uint64_t ticks(void)
{
	uint32_t lo, hi;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return (uint64_t)hi << 32 | lo;
}

/* Wait until the state is REPLY or SLOW; what it was last. How long a `pause` takes differs tenfold between processors. */
static inline __attribute__((always_inline)) uint32_t spin(struct slot *s)
{
	uint64_t until = 0;
	uint32_t state;

	for (unsigned i = 1; (state = __atomic_load_n(&s->fast_state, __ATOMIC_ACQUIRE)) < FAST_REPLY; i++) {
		if (i < SPINS_HARD)
			continue;
		__asm__ volatile("pause");
		if (i % 64)
			continue;
		if (!until)
			until = ticks() + SPIN_TICKS;
		else if (ticks() > until)
			break;
	}
	return state;
}

/* With a poller on another processor: true when it has answered. */
static inline __attribute__((always_inline)) int ask_poller(struct slot *s)
{
	uint32_t cpu, state, req = FAST_REQ;

	if (!__atomic_load_n(&s->poller_on, __ATOMIC_RELAXED))
		return 0;
	cpu = this_cpu();
	if (cpu == s->poller_cpu)
		return 0;
	s->cpu = cpu;
	__atomic_store_n(&s->fast_state, FAST_REQ, __ATOMIC_RELEASE);
	state = spin(s);
	if (state < FAST_REPLY) { /* take it back; if the sentry has begun with it, it waits for the bell */
		if (__atomic_compare_exchange_n(&s->fast_state, &req, FAST_IDLE, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
			return 0;
		state = __atomic_load_n(&s->fast_state, __ATOMIC_ACQUIRE);
	}
	s->fast_state = FAST_IDLE;
	return state == FAST_REPLY;
}

static inline __attribute__((always_inline)) struct fast_result ask(struct slot *s)
{
	struct marshal m;

	put_request(s);
	if (!marshal_plan(s->nr, s->args, &m) || !marshal_in(s, &m))
		return plain;
	for (unsigned i = 0; i < SLOT_SEGS; i++)
		s->out[i].from = s->out[i].to = 0;
	__atomic_store_n(&s->fast_phase, 1, __ATOMIC_RELAXED);
	__asm__ volatile("" : : : "memory");
	if (!ask_poller(s)) {
		put_request(s); /* a poller may have put its answer there */
		ring(BELL_CALL);
	}
	marshal_out(s, &m);
	return served(s->ret);
}

/*
 * rt_sigprocmask(2): exchange the mask, then look whether any signal is pending; the sentry says so first and looks at the mask then.
 * If there is one the sentry makes the change.
 */
static inline __attribute__((always_inline)) struct fast_result sigprocmask_here(struct slot *s)
{
	uint64_t how = s->saved[REG_DI], set = s->saved[REG_SI], oset = s->saved[REG_DX];
	uint64_t old = s->sigmask, new, v;

	if (s->saved[REG_R10] != 8)
		return plain;
	if (set) {
		v = *(const volatile uint64_t *)set;
		if ((uint32_t)how == 0)
			new = old | v;
		else if ((uint32_t)how == 1)
			new = old & ~v;
		else if ((uint32_t)how == 2)
			new = v;
		else
			return plain;
		new &= ~UNBLOCKABLE;
	} else {
		new = old;
	}
	if (oset)
		touch(oset, 8);
	if (new != old) {
		__atomic_exchange_n(&s->sigmask, new, __ATOMIC_SEQ_CST);
		if (__atomic_load_n(&s->sigpending, __ATOMIC_SEQ_CST)) {
			__atomic_store_n(&s->sigmask, old, __ATOMIC_SEQ_CST);
			return plain;
		}
	}
	__atomic_store_n(&s->fast_phase, 1, __ATOMIC_RELAXED);
	if (oset)
		*(volatile uint64_t *)oset = old;
	return served(0);
}

/* rt_sigaction(2) that asks for what has never been changed. */
static inline __attribute__((always_inline)) struct fast_result sigaction_here(struct slot *s)
{
	uint64_t signo = (uint32_t)s->saved[REG_DI], old = s->saved[REG_DX];

	if (s->saved[REG_SI] || !old || s->saved[REG_R10] != 8 || signo - 1 >= 64 || !(s->sig_default >> (signo - 1) & 1))
		return plain;
	touch(old, 32);
	__atomic_store_n(&s->fast_phase, 1, __ATOMIC_RELAXED);
	for (unsigned i = 0; i < 4; i++)
		((volatile uint64_t *)old)[i] = 0;
	return served(0);
}

#define SS_ONSTACK 1u
#define SS_DISABLE 2u
#define SS_AUTODISARM (1u << 31)

/* sigaltstack(2) that only asks. */
static inline __attribute__((always_inline)) struct fast_result sigaltstack_here(struct slot *s)
{
	uint64_t old = s->saved[REG_SI], sp = s->altstack.sp, size = s->altstack.size, below = s->saved[REG_SP] - sp;
	uint32_t flags = size ? s->altstack.flags & SS_AUTODISARM : SS_DISABLE;

	if (s->saved[REG_DI] || !old)
		return plain;
	if (size && !flags && below - 1 < size) /* 1 to size bytes above its lowest */
		flags = SS_ONSTACK;
	touch(old, 24);
	__atomic_store_n(&s->fast_phase, 1, __ATOMIC_RELAXED);
	((volatile uint64_t *)old)[0] = sp;
	((volatile uint64_t *)old)[1] = flags;
	((volatile uint64_t *)old)[2] = size;
	return served(0);
}

/* getcpu(2), as the vdso says it. */
static inline __attribute__((always_inline)) struct fast_result getcpu_here(struct slot *s)
{
	uint64_t cpu = s->saved[REG_DI], node = s->saved[REG_SI];
	uint32_t v = this_cpu();

	if (cpu)
		touch(cpu, 4);
	if (node)
		touch(node, 4);
	__atomic_store_n(&s->fast_phase, 1, __ATOMIC_RELAXED);
	if (cpu)
		*(volatile uint32_t *)cpu = v & 0xfff;
	if (node)
		*(volatile uint32_t *)node = v >> 12;
	return served(0);
}

/*
 * pread(2) within a view. What is at its end, and what faults, is asked for: until the last byte is copied nothing has happened.
 */
static inline __attribute__((always_inline)) struct fast_result pread_here(struct slot *s)
{
	uint64_t buf = s->saved[REG_SI], len = s->saved[REG_DX], off = s->saved[REG_R10];
	uint32_t fd_plus_1 = (uint32_t)s->saved[REG_DI] + 1;

	for (unsigned i = 0; i < SLOT_VIEWS; i++) {
		const struct slot_view *v = &s->views[i];

		if (!fd_plus_1 || __atomic_load_n(&v->fd_plus_1, __ATOMIC_ACQUIRE) != fd_plus_1)
			continue;
		if (!len || len > VIEW_READ_MAX || off >= v->size || len > v->size - off)
			break;
		copy((void *)buf, (const void *)(v->base + off), len);
		s->view_calls++;
		s->view_bytes += len;
		return served((long)len);
	}
	return plain;
}

FAST_CODE struct fast_result stub_fast_call(struct slot *s)
{
	uint32_t nr = (uint32_t)s->saved[REG_AX], mode = s->mode;

	__atomic_store_n(&s->fast_phase, 0, __ATOMIC_RELAXED);
	if (mode & FAST_ANSWER) {
		if (nr == __NR_rt_sigprocmask)
			return sigprocmask_here(s);
		if (nr == __NR_sigaltstack)
			return sigaltstack_here(s);
		if (nr == __NR_getcpu)
			return getcpu_here(s);
		if (nr == __NR_rt_sigaction || nr == __NR_pread64) {
			struct fast_result r = nr == __NR_pread64 ? pread_here(s) : sigaction_here(s);

			if (r.served)
				return r;
		}
		if (s->names) {
			long r = stub_names_call(s, nr);

			if (r != NAMES_ASK)
				return served(r);
		}
	}
	if (!(mode & FAST_RING))
		return plain;
	return ask(s);
}
