/* SPDX-License-Identifier: MIT */
/* What the parts of stub_site share: entry.S, site.c (dispatch, signals) and those that answer. */
#pragma once

#include "layout.h"

#define MARSHAL_NR 464 /* numbers from here on are made plainly; marshal.h */

/* slot.saved: the guest's registers. */
#define REG_IP 0     /* S */
#define REG_AX 1     /* the number */
#define REG_STATUS 2 /* the status flags as lahf and seto leave them */
#define REG_DI 3
#define REG_SI 4
#define REG_DX 5
#define REG_R10 6
#define REG_R8 7
#define REG_R9 8
#define REG_BX 9
#define REG_BP 10
#define REG_R12 11
#define REG_R13 12
#define REG_R14 13
#define REG_R15 14
#define REG_SP 15
#define REG_FLAGS 16 /* all flags, where the registers above are saved */

/* stub_how[]: one byte for each number. 0: plain. */
#define HOW_ANSWER 1 /* needs FAST_ANSWER … */
#define HOW_CALL 2   /* … or FAST_RING in slot.mode */
#define HOW_IDENT 4  /* a word of slot.ident, whose index is in the bits above */
#define HOW_SHIFT 3
#define HOW_WORD 0x38

#ifndef __ASSEMBLER__
struct fast_result {
	long ret;
	long served; /* 0: make the call plainly */
};

#pragma GCC visibility push(hidden)
/* The C part of stub_site, on the slot's own stack. */
struct fast_result stub_fast_call(struct slot *s);
/* The answer from the table of names, or NAMES_ASK; names.c. */
#define NAMES_ASK 1
long stub_names_call(struct slot *s, uint32_t nr);
/* A signal while the ip is in stub_site. True: nothing more to do; else *sig* is to be served. */
int site_signal(struct slot *s, long *sig, void *uc);
/* Before the variables become read-only. */
void site_init(void);
#define STUB_HOW_SIZE 4096 /* a page of its own */
extern uint8_t stub_how[STUB_HOW_SIZE];
#pragma GCC visibility pop

/* Code of stub_site's that runs on behalf of the guest: an interrupt in it waits, a fault is one of the call's memory. */
#define FAST_CODE __attribute__((section(".text.fastc")))
#endif
