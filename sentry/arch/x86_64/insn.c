/* SPDX-License-Identifier: MIT */
/* Instruction lengths: prefixes, opcode maps as tables of a byte each, ModRM, SIB, displacement, immediate. */
#include "insn.h"

#include <stdbool.h>
#include <string.h>

/* What follows an opcode. */
#define NN 0x00 /* nothing */
#define XX 0x01 /* no instruction of 64-bit mode */
#define MM 0x02 /* ModRM */
#define I1 0x04 /* imm8 */
#define I2 0x08 /* imm16 */
#define IZ 0x10 /* imm32, imm16 with 0x66 */
#define IV 0x20 /* the same, imm64 with REX.W */
#define J1 0x40 /* rel8 */
#define J4 0x80 /* rel32 */
#define MI (MM | I1)
#define MZ (MM | IZ)
#define RR MM, MM, MM, MM, I1, IZ /* the first six of each arithmetic row */
#define M4 MM, MM, MM, MM
#define M8 M4, M4
#define MA M8, M8
#define N4 NN, NN, NN, NN
#define N8 N4, N4
#define X4 XX, XX, XX, XX
#define J8 J1, J1, J1, J1, J1, J1, J1, J1

/* One-byte opcodes. Prefixes, escapes and A0..A3 (64-bit addresses) are seen to before. */
static const uint8_t map0[256] = {
	RR, XX, XX, RR, XX, XX,
	RR, XX, XX, RR, XX, XX,
	RR, XX, XX, RR, XX, XX,
	RR, XX, XX, RR, XX, XX,
	N8, N8,
	N8, N8,
	XX, XX, XX, MM, XX, XX, XX, XX, IZ, MZ, I1, MI, N4,
	J8, J8,
	MI, MZ, XX, MI, M4, M8,
	N8, NN, NN, XX, NN, N4,
	NN, NN, NN, NN, N4, I1, IZ, NN, NN, N4,
	I1, I1, I1, I1, I1, I1, I1, I1, IV, IV, IV, IV, IV, IV, IV, IV,
	MI, MI, I2, NN, XX, XX, MI, MZ, I2 | I1, NN, I2, NN, NN, I1, XX, NN,
	M4, XX, XX, XX, NN, M8,
	J1, J1, J1, J1, I1, I1, I1, I1, J4, J4, XX, J1, N4,
	XX, NN, XX, XX, NN, NN, MM, MM, NN, NN, NN, NN, NN, NN, MM, MM,
};

/* 0F xx */
static const uint8_t map1[256] = {
	MM, MM, MM, MM, XX, NN, NN, NN, NN, NN, XX, NN, XX, MM, NN, MI,
	MA,
	M4, X4, M8,
	NN, NN, NN, NN, NN, NN, XX, NN, XX, XX, XX, XX, X4,
	MA,
	MA,
	MA,
	MI, MI, MI, MI, MM, MM, MM, NN, MM, MM, XX, XX, M4,
	J4, J4, J4, J4, J4, J4, J4, J4, J4, J4, J4, J4, J4, J4, J4, J4,
	MA,
	NN, NN, NN, MM, MI, MM, MM, MM, NN, NN, NN, MM, MI, MM, MM, MM,
	M8, MM, MM, MI, MM, M4,
	MM, MM, MI, MM, MI, MI, MI, MM, N8,
	MA,
	MA,
	MA,
};

struct reader {
	const uint8_t *p;
	unsigned at, end;
	bool short_of; /* a byte was asked for past the end */
};

static uint8_t next(struct reader *r)
{
	if (r->at >= r->end) {
		r->short_of = true;
		return 0;
	}
	return r->p[r->at++];
}

struct prefixes {
	bool opsize, addr32, lock, rep, repne;
	bool rex_w, vex;
};

/* Legacy prefixes and REX; returns the byte behind them. */
static uint8_t read_prefixes(struct reader *r, struct prefixes *pre)
{
	for (;;) {
		uint8_t b = next(r);

		if (r->short_of)
			return 0;
		switch (b) {
		case 0x66:
			pre->opsize = true;
			break;
		case 0x67:
			pre->addr32 = true;
			break;
		case 0xf0:
			pre->lock = true;
			break;
		case 0xf2:
			pre->repne = true;
			break;
		case 0xf3:
			pre->rep = true;
			break;
		case 0x26:
		case 0x2e:
		case 0x36:
		case 0x3e:
		case 0x64:
		case 0x65:
			break;
		default:
			if ((b & 0xf0) != 0x40)
				return b;
			pre->rex_w = b & 8;
			continue;
		}
		pre->rex_w = false; /* a REX counts right before the opcode only */
	}
}

/* The opcode map and what follows the opcode; false: none. */
static bool read_opcode(struct reader *r, struct prefixes *pre, uint8_t b, struct insn *ret, uint8_t *attr)
{
	uint8_t p0;

	if (b == 0x0f) {
		ret->map = 1;
		b = next(r);
		if (b == 0x38 || b == 0x3a) {
			ret->map = b == 0x38 ? 2 : 3;
			b = next(r);
		}
	} else if (b == 0xc5) {
		next(r);
		pre->vex = true;
		ret->map = 1;
		b = next(r);
	} else if (b == 0xc4) {
		p0 = next(r);
		pre->vex = true;
		ret->map = p0 & 0x1f;
		next(r);
		b = next(r);
	} else if (b == 0x62) {
		p0 = next(r);
		pre->vex = true;
		ret->map = p0 & 7;
		if ((p0 & 8) || !(next(r) & 4)) /* what APX has put there is not known here */
			return false;
		next(r);
		b = next(r);
	}
	ret->op = b;
	switch (ret->map) {
	case 0:
		*attr = pre->vex ? XX : map0[b];
		break;
	case 1:
		*attr = map1[b];
		if (pre->vex && b != 0x77)
			*attr = (*attr & (J1 | J4 | XX)) ? XX : MM | (*attr & I1);
		break;
	case 2:
		*attr = MM;
		break;
	case 3:
		*attr = MI;
		break;
	case 5:
	case 6:
		*attr = MM;
		break;
	default:
		*attr = XX;
	}
	return *attr != XX && !r->short_of && !(pre->vex && (pre->opsize || pre->lock || pre->rep || pre->repne));
}

/* ModRM, SIB and displacement; returns ModRM. */
static uint8_t read_modrm(struct reader *r, struct insn *ret)
{
	uint8_t modrm = next(r), mod = modrm >> 6, rm = modrm & 7;
	bool control = ret->map == 1 && ret->op >= 0x20 && ret->op <= 0x23; /* mov %cr: always registers */

	if (mod == 3 || control)
		return modrm;
	if (rm == 4 && (next(r) & 7) == 5 && mod == 0)
		r->at += 4;
	if (mod == 1)
		r->at += 1;
	if (mod == 2)
		r->at += 4;
	if (mod == 0 && rm == 5) {
		ret->disp_off = (uint8_t)r->at;
		r->at += 4;
	}
	return modrm;
}

static uint8_t kind0(uint8_t op, uint8_t modrm)
{
	uint8_t reg = (modrm >> 3) & 7;

	switch (op) {
	case 0x70 ... 0x7f:
	case 0xe0 ... 0xe3:
		return INSN_JCC;
	case 0xc7:
		return modrm == 0xf8 ? INSN_JCC : INSN_PLAIN;
	case 0xe9:
	case 0xeb:
		return INSN_JMP;
	case 0xe8:
		return INSN_CALL;
	case 0xff:
		return reg == 2 || reg == 3 ? INSN_CALL_REG : reg == 4 || reg == 5 ? INSN_JMP_REG : INSN_PLAIN;
	case 0xc2:
	case 0xc3:
	case 0xca:
	case 0xcb:
	case 0xcf:
		return INSN_RET;
	case 0xcc:
	case 0xcd:
	case 0xf1:
	case 0xf4:
		return INSN_TRAP;
	default:
		return INSN_PLAIN;
	}
}

static uint8_t kind1(uint8_t op)
{
	switch (op) {
	case 0x05:
		return INSN_SYSCALL;
	case 0x07:
		return INSN_RET;
	case 0x0b:
	case 0x34:
	case 0x35:
	case 0xb9:
	case 0xff:
		return INSN_TRAP;
	case 0x80 ... 0x8f:
		return INSN_JCC;
	default:
		return INSN_PLAIN;
	}
}

/* Opcodes whose ModRM decides whether they exist, or have an immediate. */
static bool refine(const struct insn *in, uint8_t modrm, uint8_t *attr)
{
	uint8_t reg = (modrm >> 3) & 7;

	if (in->map != 0)
		return true;
	switch (in->op) {
	case 0xf6:
		*attr |= reg < 2 ? I1 : NN;
		return true;
	case 0xf7:
		*attr |= reg < 2 ? IZ : NN;
		return true;
	case 0x8f:
		return reg == 0; /* the others are AMD's XOP */
	case 0xfe:
		return reg < 2;
	case 0xff:
		return reg != 7;
	case 0xc6:
	case 0xc7:
		return reg == 0 || modrm == 0xf8;
	default:
		return true;
	}
}

static unsigned immediate(uint8_t attr, const struct prefixes *pre)
{
	unsigned n = 0;

	if (attr & I1)
		n += 1;
	if (attr & I2)
		n += 2;
	if (attr & IZ)
		n += pre->opsize && !pre->rex_w ? 2 : 4;
	if (attr & IV)
		n += pre->rex_w ? 8 : pre->opsize ? 2 : 4;
	return n;
}

unsigned insn_decode(const uint8_t *p, size_t avail, struct insn *ret)
{
	struct reader r = {p, 0, avail < INSN_MAX ? (unsigned)avail : INSN_MAX, false};
	struct prefixes pre = {0};
	struct insn in = {0};
	uint8_t attr, modrm = 0, b = read_prefixes(&r, &pre);
	int32_t rel32;

	if (r.short_of || !read_opcode(&r, &pre, b, &in, &attr))
		return 0;
	in.prefixes = (uint8_t)(r.at - 1);
	in.addr32 = pre.addr32;
	if (attr & MM) {
		modrm = read_modrm(&r, &in);
		if (r.short_of || (!pre.vex && !refine(&in, modrm, &attr)))
			return 0;
	}
	if (in.map == 0 && in.op >= 0xa0 && in.op <= 0xa3)
		r.at += pre.addr32 ? 4 : 8;
	if (in.map == 1 && in.op == 0x78 && !pre.vex && (pre.opsize || pre.repne))
		r.at += 2; /* AMD's extrq and insertq with immediates */
	r.at += immediate(attr, &pre);
	if (attr & J1)
		r.at += 1;
	if (attr & J4)
		r.at += 4;
	if (r.at > r.end)
		return 0;
	in.len = (uint8_t)r.at;
	if (!pre.vex)
		in.kind = in.map == 0 ? kind0(in.op, modrm) : in.map == 1 ? kind1(in.op) : INSN_PLAIN;
	if (attr & J1) {
		in.rel = (int8_t)p[r.at - 1];
	} else if ((attr & J4) || (in.kind == INSN_JCC && in.op == 0xc7)) {
		memcpy(&rel32, p + r.at - 4, 4);
		in.rel = rel32;
	}
	*ret = in;
	return in.len;
}
