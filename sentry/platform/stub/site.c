/* SPDX-License-Identifier: MIT */
/* Signals that hit stub_site, and its table of numbers. */
#include "site.h"

#include "marshal.h"

#pragma GCC visibility push(hidden)
extern char stub_site[], site_swapped[], site_other[], site_stored[], site_saved[], site_call[], site_called[], site_checked[],
	site_trap[], site_jump[], site_end[], site_fault[], stub_fastc[], stub_fastc_end[];
#pragma GCC visibility pop

uint8_t stub_how[STUB_HOW_SIZE] __attribute__((aligned(STUB_HOW_SIZE)));

/* uc_mcontext's registers, as words. */
enum { R8, R9, R10, R11, R12, R13, R14, R15, RDI, RSI, RBP, RBX, RDX, RAX, RCX, RSP, RIP, EFL };
#define UC_REGS 40

#define EFAULT 14
#define SIG_ILL 4
#define SIG_TRAP 5
#define SIG_BUS 7
#define SIG_SEGV 11

#define STATUS 0xd5ull /* what lahf saves */
#define OVERFLOW 0x800ull

/* The call has not begun: have the registers as they were at the site. */
static void back_to_site(const struct slot *s, volatile uint64_t *g)
{
	const uint64_t rip = g[RIP];
	uint64_t ip = s->saved[REG_IP];

	if (rip >= (uint64_t)stub_site && rip < (uint64_t)site_saved) {
		if (rip < (uint64_t)site_swapped || rip == (uint64_t)site_other)
			ip = g[RCX];
		else
			ip = g[R11];
		if (rip > (uint64_t)site_stored)
			g[RAX] = s->saved[REG_AX];
	} else {
		uint64_t status = s->saved[REG_STATUS];

		g[EFL] = (g[EFL] & ~(STATUS | OVERFLOW)) | (status >> 8 & STATUS) | (status & 1 ? OVERFLOW : 0);
		g[RAX] = s->saved[REG_AX];
		if (rip < (uint64_t)stub_site || rip >= (uint64_t)site_end ||
			(rip >= (uint64_t)site_call && rip < (uint64_t)site_called)) {
			g[RDI] = s->saved[REG_DI], g[RSI] = s->saved[REG_SI], g[RDX] = s->saved[REG_DX];
			g[R10] = s->saved[REG_R10], g[R8] = s->saved[REG_R8], g[R9] = s->saved[REG_R9];
			g[RBX] = s->saved[REG_BX], g[RBP] = s->saved[REG_BP], g[RSP] = s->saved[REG_SP];
			g[R12] = s->saved[REG_R12], g[R13] = s->saved[REG_R13];
			g[R14] = s->saved[REG_R14], g[R15] = s->saved[REG_R15];
			g[EFL] = (g[EFL] & ~0x400ull) | (s->saved[REG_FLAGS] & 0x400);
		}
	}
	g[RIP] = g[RCX] = ip;
}

static int is_fault(long sig)
{
	return sig == SIG_SEGV || sig == SIG_BUS || sig == SIG_TRAP;
}

/* With what was only noted until now. */
static int then_pending(struct slot *s, long *sig)
{
	if (!__atomic_exchange_n(&s->fast_pending, 0, __ATOMIC_RELAXED))
		return 1;
	*sig = STUB_SIG_INTERRUPT;
	return 0;
}

int site_signal(struct slot *s, long *sig, void *uc)
{
	volatile uint64_t *g = (volatile uint64_t *)((char *)uc + UC_REGS);
	const uint64_t rip = g[RIP];
	const int in_site = rip >= (uint64_t)stub_site && rip < (uint64_t)site_end;

	if (!in_site && (rip < (uint64_t)stub_fastc || rip >= (uint64_t)stub_fastc_end))
		return 0;
	if (*sig == SIG_ILL && rip == (uint64_t)site_trap) {
		s->fast_pending = 0;
		g[RIP] = g[RCX] = g[R11];
		*sig = STUB_SIG_INTERRUPT;
		return 0;
	}
	if (*sig == STUB_SIG_INTERRUPT) {
		if (in_site && rip < (uint64_t)site_saved) {
			back_to_site(s, g);
			return 0;
		}
		if (rip >= (uint64_t)site_checked && rip <= (uint64_t)site_jump) {
			g[RIP] = g[RCX] = g[R11];
			return 0;
		}
		__atomic_store_n(&s->fast_pending, 1, __ATOMIC_RELAXED);
		return 1;
	}
	if (!is_fault(*sig))
		return 0;
	if (in_site && rip >= (uint64_t)site_checked && rip <= (uint64_t)site_jump) { /* a step, or S is no address */
		g[RIP] = g[RCX] = g[R11];
		return 0;
	}
	if (!in_site && s->fast_phase) {
		if (*sig == SIG_TRAP)
			return 1; /* it does not step in here */
		g[RIP] = (uint64_t)site_fault;
		g[RAX] = (uint64_t)-EFAULT;
		g[RDX] = 1;
		g[RCX] = (uint64_t)s;
		return 1;
	}
	back_to_site(s, g);
	return then_pending(s, sig);
}

void site_init(void)
{
	static const struct {
		uint16_t nr;
		uint8_t word;
	} ident[] = {
		{__NR_getpid, offsetof(struct slot_ident, pid) / 4},
		{__NR_gettid, offsetof(struct slot_ident, tid) / 4},
		{__NR_getppid, offsetof(struct slot_ident, ppid) / 4},
		{__NR_getuid, offsetof(struct slot_ident, uid) / 4},
		{__NR_geteuid, offsetof(struct slot_ident, euid) / 4},
		{__NR_getgid, offsetof(struct slot_ident, gid) / 4},
		{__NR_getegid, offsetof(struct slot_ident, egid) / 4},
	};

	for (unsigned nr = 0; nr < MARSHAL_NR; nr++)
		stub_how[nr] = marshal_table[nr][0] & M_SLOT ? HOW_CALL : 0;
	for (unsigned i = 0; i < sizeof(ident) / sizeof(ident[0]); i++)
		stub_how[ident[i].nr] = (uint8_t)(HOW_ANSWER | HOW_IDENT | ident[i].word << HOW_SHIFT);
	stub_how[__NR_rt_sigprocmask] |= HOW_ANSWER;
	stub_how[__NR_sigaltstack] |= HOW_ANSWER;
	stub_how[__NR_getcpu] |= HOW_ANSWER;
}
