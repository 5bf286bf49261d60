/* SPDX-License-Identifier: MIT */
/*
 * Lengths of x86-64 instructions (64-bit mode), and the little else that moving one elsewhere needs: where a rip-relative
 * displacement lies, and whether it branches. Part of the rewriting library: nothing of the sentry is used.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define INSN_MAX 15

enum insn_kind {
	INSN_PLAIN,	/* goes on to the next instruction */
	INSN_SYSCALL,	/* syscall */
	INSN_JCC,	/* may go to target or on (jcc, loop, jrcxz, xbegin) */
	INSN_JMP,	/* goes to target */
	INSN_CALL,	/* calls target */
	INSN_JMP_REG,	/* goes where a register or memory says, or far */
	INSN_CALL_REG,	/* calls so */
	INSN_RET,	/* returns: ret, iret, sysret */
	INSN_TRAP,	/* int, int3, into, ud2, hlt, sysenter: a trap or the end of the way */
};

struct insn {
	uint8_t len;
	uint8_t kind;	  /* enum insn_kind */
	uint8_t disp_off; /* where the rip-relative disp32 lies in the instruction, or 0 */
	uint8_t addr32;	  /* 0x67 stands before it: such a displacement counts from eip */
	uint8_t op;	  /* the opcode byte */
	uint8_t map;	  /* 0: one-byte opcodes, 1: 0F, 2: 0F38, 3: 0F3A, others as VEX and EVEX number them */
	uint8_t prefixes; /* bytes before the opcode: legacy prefixes, REX, VEX, EVEX and escapes */
	int32_t rel;	  /* of a branch with a target: target - (address + len) */
};

/*
 * Decode the instruction at *p*, of which *avail* bytes may be read. Returns its length, or 0: no instruction of 64-bit mode, or it does
 * not end within avail.
 */
unsigned insn_decode(const uint8_t *p, size_t avail, struct insn *ret);
