/* SPDX-License-Identifier: MIT */
/*
 * Rewriting call sites (docs/fastpath.md): which `syscall` instructions of a piece of text can be reached by a jump instead, the patches
 * and trampolines for them, and the ways back from a trampoline to the text. A library of pure functions: no input is trusted, time is linear in
 * its size (times a logarithm), nothing of the sentry is used. All offsets count from the *base*: the page-aligned address of the text given; the
 * trampoline area lies TRAMP_DISTANCE behind the base.
 *
 *   text     window: jmp rel32 to the trampoline; what the instruction had beyond 5 bytes stays
 *   area     8 bytes: the address of stub_site; 8 bytes: REWRITE_MAGIC; then the trampolines, in the order of their windows
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REWRITE_VERSION 2u /* raised with every change of what is planned: stored copies are made anew */
#define TRAMP_DISTANCE 0x60000000ull
#define REWRITE_MAGIC 0x31706d6172546b50ull
#define REWRITE_AREA_HEAD 16u
#define REWRITE_TEXT_MAX 0x20000000ull /* 512 MiB; more text is not rewritten */
#define REWRITE_JUMP 5u		       /* bytes of a window that change */

/* One call site. Little-endian, no padding: tables are stored as they are (struct rewrite_table). */
struct rewrite_site {
	uint32_t window;     /* offset of the window instruction from the base */
	uint32_t tramp;	     /* offset of the trampoline from the area's start */
	uint8_t to_syscall;  /* bytes from the window to the `syscall` */
	uint8_t window_len;  /* of the window's instructions */
	uint8_t orig[REWRITE_JUMP]; /* what the jump replaces */
	uint8_t branch;	     /* from the window to a short conditional branch, 4 bytes longer in the trampoline; 0: none */
};
_Static_assert(sizeof(struct rewrite_site) == 16, "stored as it is");
#define REWRITE_TAIL 13u /* lea S(%rip), %rcx; jmp *P(%rip) */
#define REWRITE_LONGER 4u /* a conditional branch with rel32 than one with rel8 */
/* Bytes of the displaced instructions in the trampoline. */
static inline uint32_t rewrite_copy_len(const struct rewrite_site *s)
{
	return s->to_syscall + (s->branch ? REWRITE_LONGER : 0u);
}
/* Bytes of a site's trampoline. */
static inline uint32_t rewrite_tramp_len(const struct rewrite_site *s)
{
	return rewrite_copy_len(s) + REWRITE_TAIL;
}

struct rewrite_range {
	uint64_t addr, len;
};

/* A piece of executable text. Arrays need not be sorted; what lies outside the text is ignored. */
struct rewrite_input {
	const uint8_t *text;
	size_t len;
	uint64_t addr;			  /* where text[0] lies; the base is this rounded down to a page */
	const struct rewrite_range *code; /* where instructions are (sections): swept from each start. None: only from the starts */
	size_t n_code;
	const struct rewrite_range *funcs; /* functions (FDEs, symbols with a size): swept from each start, each on its own */
	size_t n_funcs;
	const uint64_t *targets; /* addresses where something jumps or an instruction begins for sure (entry points, pointers) */
	size_t n_targets;
	bool pure;   /* all of code[] is instructions, begun at the start of each range */
	bool atomic; /* live patching: only windows whose 5 bytes lie in 16 aligned ones */
};

struct rewrite_plan {
	struct rewrite_site *sites; /* sorted by window, which sorts them by tramp too */
	uint32_t n_sites;
	uint32_t area_len;     /* bytes of the area in use; 0 without sites */
	/* What became of the `syscall` instructions. */
	uint32_t n_syscalls;   /* found */
	uint32_t n_plain;      /* left: rt_sigreturn, and numbers that the stub makes plainly in any case */
	uint32_t n_no_window;  /* left: no instruction long enough in the basic block, or a target inside each */
	uint32_t n_doubt;      /* left: boundaries of instructions are not certain */
};

/*
 * Choose sites and windows. Returns 0 with a plan to be freed (perhaps without sites), -ENOMEM, -EINVAL (sizes).
 */
int rewrite_plan(const struct rewrite_input *in, struct rewrite_plan *ret);
void rewrite_plan_free(struct rewrite_plan *plan);

/*
 * Carry a plan out: write the jumps into *text*, a copy of the input's whole text, and the trampolines into *area* (area_len bytes, zeroed).
 * *entry* is the address of stub_site.
 */
void rewrite_apply(const struct rewrite_input *in, const struct rewrite_plan *plan, uint8_t *text, uint8_t *area, uint64_t entry);
/* The pieces of it: the area's head, the jump of a site, its trampoline (rewrite_tramp_len() bytes) made of the to_syscall bytes at *orig*. */
void rewrite_head(uint8_t area[REWRITE_AREA_HEAD], uint64_t entry);
void rewrite_jump(const struct rewrite_site *s, uint8_t jump[REWRITE_JUMP]);
void rewrite_tramp(const struct rewrite_site *s, const uint8_t *orig, uint8_t *tramp);

/*
 * Is *sites*, from storage, a table that the functions below can go through? Sorted, no overlap of windows or trampolines, all inside
 * text_len (from the base) and area_len.
 */
bool rewrite_sites_valid(const struct rewrite_site *sites, size_t n, uint64_t text_len, uint64_t area_len);

/*
 * The address in the text for an *ip* in the trampoline area of the text based at *base*: the displaced instruction's own place, S for the
 * rest of the trampoline. Returns false where ip is in no trampoline.
 */
bool rewrite_ip_original(const struct rewrite_site *sites, size_t n, uint64_t base, uint64_t ip, uint64_t *ret);

/*
 * Where a thread has to go on that shall go on at *ip* in the text: an ip behind a window's first byte, where the jump is now, means the
 * same place of the trampoline. Returns false where ip is right as it is.
 */
bool rewrite_ip_resume(const struct rewrite_site *sites, size_t n, uint64_t base, uint64_t ip, uint64_t *ret);

/* The site in whose trampoline *ip* lies, or NULL. */
const struct rewrite_site *rewrite_site_of_ip(const struct rewrite_site *sites, size_t n, uint64_t base, uint64_t ip);

/*
 * Give *buf*, [addr, addr + len) read from rewritten memory based at *base*, the original bytes: windows that hold the jump, as a whole or as
 * far as they were read, are put back; others (somebody else's bytes by now) stay.
 */
void rewrite_originals(const struct rewrite_site *sites, size_t n, uint64_t base, uint64_t addr, uint8_t *buf, size_t len);

/* The first site whose window's changed bytes overlap [addr, addr + len), or NULL. */
const struct rewrite_site *rewrite_site_at(const struct rewrite_site *sites, size_t n, uint64_t base, uint64_t addr, uint64_t len);
