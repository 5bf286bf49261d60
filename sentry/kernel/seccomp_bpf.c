/* SPDX-License-Identifier: MIT */
/* Classic BPF of seccomp(2): the checker and the interpreter. */
#include "kernel/seccomp_bpf.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

enum op {
	OP_NONE,
	OP_RET_K,
	OP_RET_A,
	OP_LD_ABS, /* k: word of struct seccomp_data */
	OP_LD_IMM,
	OP_LD_MEM,
	OP_LDX_IMM,
	OP_LDX_MEM,
	OP_ST,
	OP_STX,
	OP_TAX,
	OP_TXA,
	OP_JA,
	OP_JEQ_K,
	OP_JEQ_X,
	OP_JGT_K,
	OP_JGT_X,
	OP_JGE_K,
	OP_JGE_X,
	OP_JSET_K,
	OP_JSET_X,
	OP_ADD_K,
	OP_ADD_X,
	OP_SUB_K,
	OP_SUB_X,
	OP_MUL_K,
	OP_MUL_X,
	OP_DIV_K,
	OP_DIV_X,
	OP_AND_K,
	OP_AND_X,
	OP_OR_K,
	OP_OR_X,
	OP_XOR_K,
	OP_XOR_X,
	OP_LSH_K,
	OP_LSH_X,
	OP_RSH_K,
	OP_RSH_X,
	OP_NEG,
};

/* What a filter may contain; everything else is OP_NONE. */
static enum op decode(uint16_t code)
{
	switch (code) {
	case BPF_RET | BPF_K:
		return OP_RET_K;
	case BPF_RET | BPF_A:
		return OP_RET_A;
	case BPF_LD | BPF_W | BPF_ABS:
		return OP_LD_ABS;
	case BPF_LD | BPF_W | BPF_LEN:
	case BPF_LD | BPF_IMM:
		return OP_LD_IMM;
	case BPF_LDX | BPF_W | BPF_LEN:
	case BPF_LDX | BPF_IMM:
		return OP_LDX_IMM;
	case BPF_LD | BPF_MEM:
		return OP_LD_MEM;
	case BPF_LDX | BPF_MEM:
		return OP_LDX_MEM;
	case BPF_ST:
		return OP_ST;
	case BPF_STX:
		return OP_STX;
	case BPF_MISC | BPF_TAX:
		return OP_TAX;
	case BPF_MISC | BPF_TXA:
		return OP_TXA;
	case BPF_JMP | BPF_JA:
		return OP_JA;
#define PAIR(class, what, name)                                                                                        \
	case class | what | BPF_K:                                                                                     \
		return OP_##name##_K;                                                                                  \
	case class | what | BPF_X:                                                                                     \
		return OP_##name##_X
		PAIR(BPF_JMP, BPF_JEQ, JEQ);
		PAIR(BPF_JMP, BPF_JGT, JGT);
		PAIR(BPF_JMP, BPF_JGE, JGE);
		PAIR(BPF_JMP, BPF_JSET, JSET);
		PAIR(BPF_ALU, BPF_ADD, ADD);
		PAIR(BPF_ALU, BPF_SUB, SUB);
		PAIR(BPF_ALU, BPF_MUL, MUL);
		PAIR(BPF_ALU, BPF_DIV, DIV);
		PAIR(BPF_ALU, BPF_AND, AND);
		PAIR(BPF_ALU, BPF_OR, OR);
		PAIR(BPF_ALU, BPF_XOR, XOR);
		PAIR(BPF_ALU, BPF_LSH, LSH);
		PAIR(BPF_ALU, BPF_RSH, RSH);
#undef PAIR
	case BPF_ALU | BPF_NEG:
		return OP_NEG;
	default:
		return OP_NONE;
	}
}

static bool is_len(uint16_t code)
{
	return code == (BPF_LD | BPF_W | BPF_LEN) || code == (BPF_LDX | BPF_W | BPF_LEN);
}

/* --- the checker ---------------------------------------------------------------------------------------------------------- */

/* One instruction by itself; *left*: how many follow it. */
static bool insn_ok(const struct sock_filter *f, unsigned left)
{
	switch (decode(f->code)) {
	case OP_NONE:
		return false;
	case OP_LD_ABS:
		return f->k < sizeof(struct seccomp_data) && !(f->k & 3);
	case OP_LD_MEM:
	case OP_LDX_MEM:
	case OP_ST:
	case OP_STX:
		return f->k < BPF_MEMWORDS;
	case OP_DIV_K:
		return f->k != 0;
	case OP_LSH_K:
	case OP_RSH_K:
		return f->k < 32;
	case OP_JA:
		return f->k < left;
	case OP_JEQ_K:
	case OP_JEQ_X:
	case OP_JGT_K:
	case OP_JGT_X:
	case OP_JGE_K:
	case OP_JGE_X:
	case OP_JSET_K:
	case OP_JSET_X:
		return f->jt < left && f->jf < left;
	default:
		return true;
	}
}

/* Nothing is loaded from the scratch memory that was not stored on every way there. */
static bool memory_ok(const struct sock_filter *f, unsigned n)
{
	uint16_t valid_at[BPF_MAXINSNS], valid = 0;

	memset(valid_at, 0xff, n * sizeof(valid_at[0]));
	for (unsigned pc = 0; pc < n; pc++) {
		valid &= valid_at[pc];
		switch (BPF_CLASS(f[pc].code)) {
		case BPF_ST:
		case BPF_STX:
			valid |= (uint16_t)(1u << f[pc].k);
			break;
		case BPF_LD:
		case BPF_LDX:
			if (BPF_MODE(f[pc].code) == BPF_MEM && !(valid >> f[pc].k & 1))
				return false;
			break;
		case BPF_JMP:
			if (BPF_OP(f[pc].code) == BPF_JA) {
				valid_at[pc + 1 + f[pc].k] &= valid;
			} else {
				valid_at[pc + 1 + f[pc].jt] &= valid;
				valid_at[pc + 1 + f[pc].jf] &= valid;
			}
			valid = UINT16_MAX;
			break;
		default:
			break;
		}
	}
	return true;
}

int seccomp_bpf_check(const struct sock_filter *f, unsigned n)
{
	if (!n || n > BPF_MAXINSNS)
		return -EINVAL;
	for (unsigned pc = 0; pc < n; pc++)
		if (!insn_ok(&f[pc], n - pc - 1))
			return -EINVAL;
	if (BPF_CLASS(f[n - 1].code) != BPF_RET)
		return -EINVAL;
	return memory_ok(f, n) ? 0 : -EINVAL;
}

static unsigned jump_cost(const struct sock_filter *f)
{
	unsigned n = BPF_SRC(f->code) == BPF_K && (int32_t)f->k < 0; /* the constant goes to a register first */

	if (!f->jf || (!f->jt && BPF_OP(f->code) != BPF_JSET))
		return n + 1;
	return n + 2;
}

unsigned seccomp_bpf_cost(const struct sock_filter *f, unsigned n)
{
	unsigned sum = 3; /* the start */

	for (unsigned i = 0; i < n; i++) {
		if (BPF_CLASS(f[i].code) == BPF_JMP && BPF_OP(f[i].code) != BPF_JA)
			sum += jump_cost(&f[i]);
		else if (f[i].code == (BPF_RET | BPF_K))
			sum += 2;
		else if (f[i].code == (BPF_ALU | BPF_DIV | BPF_X))
			sum += 5; /* the look for zero */
		else
			sum++;
	}
	return sum;
}

void seccomp_bpf_decode(struct seccomp_prog *to, const struct sock_filter *f, unsigned n)
{
	to->n = n;
	for (unsigned i = 0; i < n; i++) {
		uint32_t k = is_len(f[i].code) ? (uint32_t)sizeof(struct seccomp_data) : f[i].k;
		enum op op = decode(f[i].code);

		to->insn[i] = (struct seccomp_insn){.op = (uint8_t)op, .jt = f[i].jt, .jf = f[i].jf, .k = op == OP_LD_ABS ? k / 4 : k};
	}
}

/* --- the interpreter ------------------------------------------------------------------------------------------------------- */

static uint32_t word(const struct seccomp_data *data, uint32_t i)
{
	uint32_t w;

	memcpy(&w, (const char *)data + i * sizeof(w), sizeof(w));
	return w;
}

#define JUMP(condition)                                                                                                \
	i += (condition) ? i->jt : i->jf;                                                                              \
	break

uint32_t seccomp_bpf_run(const struct seccomp_prog *p, const struct seccomp_data *data)
{
	uint32_t a = 0, x = 0, mem[BPF_MEMWORDS] = {0};

	/* Jumps go forward only, and the last instruction returns. */
	for (const struct seccomp_insn *i = p->insn;; i++) {
		switch ((enum op)i->op) {
		case OP_RET_K:
			return i->k;
		case OP_RET_A:
			return a;
		case OP_LD_ABS:
			a = word(data, i->k);
			break;
		case OP_LD_IMM:
			a = i->k;
			break;
		case OP_LD_MEM:
			a = mem[i->k];
			break;
		case OP_LDX_IMM:
			x = i->k;
			break;
		case OP_LDX_MEM:
			x = mem[i->k];
			break;
		case OP_ST:
			mem[i->k] = a;
			break;
		case OP_STX:
			mem[i->k] = x;
			break;
		case OP_TAX:
			x = a;
			break;
		case OP_TXA:
			a = x;
			break;
		case OP_JA:
			i += i->k;
			break;
		case OP_JEQ_K:
			JUMP(a == i->k);
		case OP_JEQ_X:
			JUMP(a == x);
		case OP_JGT_K:
			JUMP(a > i->k);
		case OP_JGT_X:
			JUMP(a > x);
		case OP_JGE_K:
			JUMP(a >= i->k);
		case OP_JGE_X:
			JUMP(a >= x);
		case OP_JSET_K:
			JUMP(a & i->k);
		case OP_JSET_X:
			JUMP(a & x);
		case OP_ADD_K:
			a += i->k;
			break;
		case OP_ADD_X:
			a += x;
			break;
		case OP_SUB_K:
			a -= i->k;
			break;
		case OP_SUB_X:
			a -= x;
			break;
		case OP_MUL_K:
			a *= i->k;
			break;
		case OP_MUL_X:
			a *= x;
			break;
		case OP_DIV_K:
			a /= i->k;
			break;
		case OP_DIV_X:
			if (!x)
				return 0; /* SECCOMP_RET_KILL_THREAD */
			a /= x;
			break;
		case OP_AND_K:
			a &= i->k;
			break;
		case OP_AND_X:
			a &= x;
			break;
		case OP_OR_K:
			a |= i->k;
			break;
		case OP_OR_X:
			a |= x;
			break;
		case OP_XOR_K:
			a ^= i->k;
			break;
		case OP_XOR_X:
			a ^= x;
			break;
		case OP_LSH_K:
			a <<= i->k;
			break;
		case OP_LSH_X:
			a <<= x & 31;
			break;
		case OP_RSH_K:
			a >>= i->k;
			break;
		case OP_RSH_X:
			a >>= x & 31;
			break;
		case OP_NEG:
			a = -a;
			break;
		case OP_NONE:
		default:
			return SECCOMP_RET_KILL_PROCESS;
		}
	}
}

bool seccomp_bpf_constant(const struct seccomp_prog *p, uint32_t arch, uint32_t nr, uint32_t *verdict)
{
	uint32_t a = 0;

	for (const struct seccomp_insn *i = p->insn;; i++) {
		switch ((enum op)i->op) {
		case OP_RET_K:
			*verdict = i->k;
			return true;
		case OP_LD_ABS:
			if (i->k == offsetof(struct seccomp_data, nr) / 4)
				a = nr;
			else if (i->k == offsetof(struct seccomp_data, arch) / 4)
				a = arch;
			else
				return false;
			break;
		case OP_JA:
			i += i->k;
			break;
		case OP_JEQ_K:
			JUMP(a == i->k);
		case OP_JGT_K:
			JUMP(a > i->k);
		case OP_JGE_K:
			JUMP(a >= i->k);
		case OP_JSET_K:
			JUMP(a & i->k);
		case OP_AND_K:
			a &= i->k;
			break;
		default:
			return false;
		}
	}
}

bool seccomp_bpf_always_allows(const struct seccomp_prog *p, uint32_t arch, uint32_t nr)
{
	uint32_t verdict;

	if (!seccomp_bpf_constant(p, arch, nr, &verdict))
		return false;
	verdict &= SECCOMP_RET_ACTION_FULL;
	return verdict == SECCOMP_RET_ALLOW || verdict == SECCOMP_RET_LOG;
}
