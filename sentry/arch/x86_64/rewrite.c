/* SPDX-License-Identifier: MIT */
/*
 * The planner. The text is cut at everything that is known to begin (functions, sections, targets) into *chunks*; only chunks that hold the bytes of a
 * `syscall` are decoded, twice: once to find sites and their windows, once for jumps into those windows. A jump target between window and
 * `syscall` does no harm: the bytes there stay, and who comes that way makes the call plainly.
 */
#include "rewrite.h"
#include "insn.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define PAGE 4096u
#define RUN_MAX 32u	 /* instructions remembered of a basic block */
#define NR_MAX 600u	 /* system call numbers are below */
#define WINDOWS_MAX 4u	 /* tried for each site */
#define TO_SYSCALL_MAX 96u
#define CLEAN_MIN 16u	 /* instructions in a row that give faith in a sweep that has met data */
#define CHAIN_STARTS 48u /* see agrees() */
#define TRAMP_ALIGN 16u

/* A place where the text is cut. */
struct cut {
	uint32_t at;
	int8_t func, code; /* functions, code ranges that begin (1) or end (-1) here */
};

struct window {
	uint32_t at;
	uint8_t len;
	uint8_t branch; /* from at to a short conditional branch before the site, or 0 */
	bool several;	/* more than one instruction: no indirect jump of the function's may lead into it */
	bool bad;	/* something jumps into it */
};

struct candidate {
	uint32_t site; /* the syscall */
	uint8_t n;
	struct window w[WINDOWS_MAX]; /* the one next to the site first */
};

struct chunk {
	uint32_t start, end;
	bool certain; /* a function begins at start */
	bool sure;    /* an instruction does */
};

struct planner {
	const struct rewrite_input *in;
	uint32_t off; /* of text[0] from the base */
	uint32_t len;
	struct cut *cuts;
	size_t n_cuts;
	struct candidate *cand;
	size_t n_cand, max_cand;
	struct rewrite_plan plan;
};

/* The straight run of instructions before the one that is looked at. */
struct run {
	uint32_t at[RUN_MAX];
	struct insn insn[RUN_MAX];
	unsigned n, last; /* how many; the newest is [last] */
	bool entry;	  /* nothing but them since a function's start */
};

static void run_push(struct run *r, uint32_t at, const struct insn *in)
{
	r->last = (r->last + 1) % RUN_MAX;
	r->at[r->last] = at;
	r->insn[r->last] = *in;
	if (r->n < RUN_MAX)
		r->n++;
}

/* The i-th newest. */
static unsigned run_index(const struct run *r, unsigned i)
{
	return (r->last + RUN_MAX - i) % RUN_MAX;
}

/* Numbers that the stub never takes: native by the filter, or always full. */
static bool always_plain(uint32_t nr)
{
	static const uint16_t nrs[] = {9, 10, 11, 12, 15, 24, 25, 26, 28, 30, 56, 57, 58, 59, 60, 67, 158, 202, 231, 322, 324, 334, 435, 449};

	for (size_t i = 0; i < sizeof(nrs) / sizeof(nrs[0]); i++)
		if (nrs[i] == nr)
			return true;
	return false;
}

/* Does the instruction set eax to a constant? */
static bool sets_eax(const uint8_t *p, const struct insn *in, uint32_t *ret)
{
	if (in->map != 0 || (in->prefixes && (in->prefixes > 1 || p[0] != 0x48)))
		return false;
	if ((in->op == 0x31 || in->op == 0x33) && p[in->len - 1] == 0xc0)
		*ret = 0;
	else if (in->op == 0xb8 && in->len == 5)
		memcpy(ret, p + 1, 4);
	else if (in->op == 0xc7 && p[in->prefixes + 1] == 0xc0 && in->len >= 6)
		memcpy(ret, p + in->len - 4, 4);
	else
		return false;
	return true;
}

/* --- cuts ------------------------------------------------------------------------------------------------------------ */

static int cut_order(const void *a, const void *b)
{
	const struct cut *x = a, *y = b;

	return x->at < y->at ? -1 : x->at > y->at;
}

static void add_cut(struct planner *pl, uint64_t addr, int func, int code)
{
	uint64_t at = addr - pl->in->addr;

	if (addr >= pl->in->addr && at <= pl->len)
		pl->cuts[pl->n_cuts++] = (struct cut){(uint32_t)at, (int8_t)func, (int8_t)code};
}

static void add_range(struct planner *pl, const struct rewrite_range *r, bool func)
{
	uint64_t end, text_end = pl->in->addr + pl->len;

	if (__builtin_add_overflow(r->addr, r->len, &end) || !r->len || r->addr < pl->in->addr || r->addr >= text_end)
		return;
	if (end > text_end)
		end = text_end;
	add_cut(pl, r->addr, func, !func);
	add_cut(pl, end, -func, -!func);
}

static int make_cuts(struct planner *pl)
{
	const struct rewrite_input *in = pl->in;

	pl->cuts = calloc(2 * (in->n_code + in->n_funcs) + in->n_targets + 1, sizeof(*pl->cuts));
	if (!pl->cuts)
		return -ENOMEM;
	for (size_t i = 0; i < in->n_code; i++)
		add_range(pl, &in->code[i], false);
	for (size_t i = 0; i < in->n_funcs; i++)
		add_range(pl, &in->funcs[i], true);
	for (size_t i = 0; i < in->n_targets; i++)
		add_cut(pl, in->targets[i], 0, 0);
	qsort(pl->cuts, pl->n_cuts, sizeof(*pl->cuts), cut_order);
	return 0;
}

/* --- sites ----------------------------------------------------------------------------------------------------------- */

static bool is_branch(const struct insn *in)
{
	return in->kind == INSN_JCC && !in->prefixes && in->map == 0 && in->op >= 0x70 && in->op <= 0x7f;
}

static bool is_long_branch(const struct insn *in)
{
	return in->kind == INSN_JCC && in->map == 1 && in->prefixes == 1;
}

/* Trampolines lie between the distance and the distance and as much again as the text may be long. */
static bool reaches_back(int64_t disp)
{
	return disp - (int64_t)(TRAMP_DISTANCE + REWRITE_TEXT_MAX) >= INT32_MIN;
}

/* Can it be carried out TRAMP_DISTANCE further on? */
static bool movable(const uint8_t *p, const struct insn *in)
{
	int32_t disp;

	if (is_branch(in) || is_long_branch(in))
		return reaches_back(in->rel);
	if (in->kind != INSN_PLAIN)
		return false;
	if (!in->disp_off)
		return true;
	memcpy(&disp, p + in->disp_off, 4);
	return !in->addr32 && reaches_back(disp);
}

static bool in_one_16(const struct planner *pl, uint32_t at)
{
	return ((pl->in->addr + at) & 15) <= 16 - REWRITE_JUMP;
}

/*
 * Where no function is known to begin, boundaries rest on a sweep of unknown beginnings. Chains of instructions that begin at any of the bytes
 * before the window nearly all fall in with the true ones: three quarters of them must pass the window's start or the instruction behind it, and the site.
 */
static bool agrees(const struct planner *pl, const struct window *w, uint32_t site)
{
	uint32_t from = w->at > CHAIN_STARTS ? w->at - CHAIN_STARTS : 0;
	unsigned chains = 0, good = 0;
	struct insn in;

	for (uint32_t s = from; s < w->at; s++) {
		bool hit = false;
		uint32_t at = s;

		while (at < site && insn_decode(pl->in->text + at, pl->len - at, &in)) {
			hit |= at == w->at;
			at += in.len;
		}
		if (at < site)
			continue; /* runs into no instruction: says nothing */
		chains++;
		good += hit && at == site;
	}
	return good * 4 >= chains * 3;
}

static int add_candidate(struct planner *pl, const struct candidate *c)
{
	struct candidate *n;

	if (pl->n_cand == pl->max_cand) {
		size_t max = pl->max_cand ? pl->max_cand * 2 : 256;

		n = realloc(pl->cand, max * sizeof(*n));
		if (!n)
			return -ENOMEM;
		pl->cand = n;
		pl->max_cand = max;
	}
	pl->cand[pl->n_cand++] = *c;
	return 0;
}

/*
 * A window of several instructions, where no single one is long enough: only in the first instructions of a function, which nobody can
 * come to but from their start, if no jump of the function itself leads into the window.
 */
static void several(const struct run *run, uint32_t site, struct candidate *c)
{
	for (unsigned i = 0; i < run->n; i++) {
		struct window w = {.at = run->at[run_index(run, i)], .several = true};
		unsigned k = i;

		if (site - w.at > TO_SYSCALL_MAX || run->insn[run_index(run, i)].kind != INSN_PLAIN)
			return;
		for (; w.len < REWRITE_JUMP && k != UINT_MAX; k--)
			w.len = (uint8_t)(w.len + run->insn[run_index(run, k)].len);
		if (w.len >= REWRITE_JUMP) {
			c->w[c->n++] = w;
			return;
		}
	}
}

/* A syscall at *site* behind *run*. */
static int look_at_site(struct planner *pl, const struct run *run, uint32_t site, bool certain)
{
	const uint8_t *at_site = pl->in->text + site;
	struct candidate c = {.site = site};
	bool have_nr = false, plain = false, doubt = false, branched = false;
	uint32_t nr, branch = 0;

	pl->plan.n_syscalls++;
	/* rt_sigreturn, wherever the sweep believes that its mov begins: unwinders look at these bytes. */
	plain = site >= 5 && !memcmp(at_site - 4, "\x0f\0\0", 4);
	for (unsigned i = 0; i < run->n && c.n < WINDOWS_MAX; i++) {
		unsigned k = run_index(run, i);
		const struct insn *in = &run->insn[k];
		const uint8_t *p = pl->in->text + run->at[k];
		struct window w = {.at = run->at[k], .len = in->len};

		if (!movable(p, in) || site - w.at > TO_SYSCALL_MAX)
			break;
		if (in->kind == INSN_JCC) {
			if (branched || c.n || !have_nr)
				break; /* over one branch, if there is nothing nearer, and not for what may be a lock's way to futex(2) */
			branched = true;
			branch = is_branch(in) ? w.at : 0;
			continue;
		}
		if (!branched && sets_eax(p, in, &nr)) {
			plain |= (!have_nr && always_plain(nr)) || nr == 15;
			have_nr |= nr < NR_MAX;
		}
		if (w.len < REWRITE_JUMP || (pl->in->atomic && !in_one_16(pl, w.at)))
			continue;
		/* Data among code that nothing tells apart: random bytes seldom give a number. */
		if (!certain && (!have_nr || !agrees(pl, &w, site))) {
			doubt = true;
			continue;
		}
		w.branch = (uint8_t)(branch ? branch - w.at : 0);
		c.w[c.n++] = w;
	}
	if (!c.n && run->entry && !pl->in->atomic)
		several(run, site, &c);
	if (plain)
		pl->plan.n_plain++;
	else if (c.n)
		return add_candidate(pl, &c);
	else if (doubt)
		pl->plan.n_doubt++;
	else
		pl->plan.n_no_window++;
	return 0;
}

static bool has_syscall(const struct planner *pl, const struct chunk *c)
{
	const uint8_t *p = pl->in->text + c->start, *end = pl->in->text + c->end;

	while (end - p >= 2) {
		p = memchr(p, 0x0f, (size_t)(end - p) - 1);
		if (!p)
			return false;
		if (p[1] == 0x05)
			return true;
		p++;
	}
	return false;
}

/* Forget what a chunk has brought from candidate *from* on. */
static void drop_candidates(struct planner *pl, size_t from)
{
	pl->plan.n_doubt += (uint32_t)(pl->n_cand - from);
	pl->n_cand = from;
}

static int find_sites(struct planner *pl, const struct chunk *c)
{
	unsigned clean = c->sure ? CLEAN_MIN : 0;
	size_t first = pl->n_cand;
	struct run run = {.n = 0, .entry = c->certain};
	uint32_t at = c->start;
	struct insn in;
	int r = 0;

	while (!r && at < c->end) {
		if (!insn_decode(pl->in->text + at, pl->len - at, &in)) {
			if (c->sure)
				drop_candidates(pl, first); /* data among the code of a function: where does it end? */
			run.n = 0;
			run.entry = false;
			clean = 0;
			at++;
			continue;
		}
		if (in.kind == INSN_SYSCALL && in.len == 2) { /* with a prefix the way back would not be S+2 */
			if (clean >= CLEAN_MIN) {
				r = look_at_site(pl, &run, at, c->sure);
			} else {
				pl->plan.n_syscalls++;
				pl->plan.n_doubt++;
			}
		}
		if (in.kind == INSN_PLAIN || in.kind == INSN_JCC)
			run_push(&run, at, &in);
		else
			run.n = 0;
		run.entry &= in.kind == INSN_PLAIN;
		if (clean < CLEAN_MIN)
			clean++;
		at += in.len;
	}
	if (at != c->end)
		drop_candidates(pl, first); /* the last one overlaps what is known to begin there */
	return r;
}

/* Does a jump to *at* go into a window? The candidates of one chunk lie together, sorted by site. */
static void note_jump(struct candidate *cand, size_t n, uint32_t at)
{
	size_t lo = 0, hi = n;

	while (lo < hi) { /* the first whose site lies behind at */
		size_t mid = (lo + hi) / 2;

		if (cand[mid].site <= at)
			lo = mid + 1;
		else
			hi = mid;
	}
	/* Windows reach TO_SYSCALL_MAX back, but not over another site: the run ends there. */
	if (lo == n)
		return;
	for (unsigned i = 0; i < cand[lo].n; i++)
		if (at > cand[lo].w[i].at && at < cand[lo].w[i].at + cand[lo].w[i].len)
			cand[lo].w[i].bad = true;
}

/* A jump whose targets are not known. */
static void note_wild(struct candidate *cand, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (unsigned k = 0; k < cand[i].n; k++)
			cand[i].w[k].bad |= cand[i].w[k].several;
}

static void find_jumps(struct planner *pl, const struct chunk *c, size_t first)
{
	struct candidate *cand = pl->cand + first;
	size_t n = pl->n_cand - first;
	uint32_t at = c->start;
	bool wild = false;
	struct insn in;

	while (at < c->end) {
		if (!insn_decode(pl->in->text + at, pl->len - at, &in)) {
			at++;
			continue;
		}
		at += in.len;
		if (in.kind == INSN_JCC || in.kind == INSN_JMP || in.kind == INSN_CALL) {
			int64_t to = (int64_t)at + in.rel;

			if (to >= c->start && to < c->end)
				note_jump(cand, n, (uint32_t)to);
		}
		wild |= in.kind == INSN_JMP_REG;
	}
	if (wild)
		note_wild(cand, n);
}

static int look_at_chunk(struct planner *pl, const struct chunk *c)
{
	size_t first = pl->n_cand;
	int r;

	if (!has_syscall(pl, c))
		return 0;
	r = find_sites(pl, c);
	if (!r && pl->n_cand > first)
		find_jumps(pl, c, first);
	return r;
}

static int look_at_chunks(struct planner *pl)
{
	int func = 0, code = 0, r = 0;

	for (size_t i = 0; !r && i + 1 < pl->n_cuts;) {
		struct chunk c = {.start = pl->cuts[i].at};
		size_t k = i;

		while (k < pl->n_cuts && pl->cuts[k].at == c.start) {
			func += pl->cuts[k].func;
			code += pl->cuts[k].code;
			c.certain |= pl->cuts[k].func > 0;
			k++;
		}
		i = k;
		if (k == pl->n_cuts)
			break;
		c.end = pl->cuts[k].at;
		c.sure = c.certain || (pl->in->pure && code > 0);
		if (func > 0 || code > 0)
			r = look_at_chunk(pl, &c);
	}
	return r;
}

/* --- the plan -------------------------------------------------------------------------------------------------------- */

static bool choose(struct planner *pl, const struct candidate *c, struct rewrite_site *s)
{
	for (unsigned i = 0; i < c->n; i++) {
		if (c->w[i].bad)
			continue;
		*s = (struct rewrite_site){
			.window = c->w[i].at + pl->off,
			.to_syscall = (uint8_t)(c->site - c->w[i].at),
			.window_len = c->w[i].len,
			.branch = c->w[i].branch,
		};
		memcpy(s->orig, pl->in->text + c->w[i].at, REWRITE_JUMP);
		return true;
	}
	return false;
}

static int make_plan(struct planner *pl)
{
	struct rewrite_plan *plan = &pl->plan;
	uint32_t at = REWRITE_AREA_HEAD;

	if (!pl->n_cand)
		return 0;
	plan->sites = calloc(pl->n_cand, sizeof(*plan->sites));
	if (!plan->sites)
		return -ENOMEM;
	for (size_t i = 0; i < pl->n_cand; i++) {
		struct rewrite_site *s = &plan->sites[plan->n_sites];

		if (at > REWRITE_TEXT_MAX - 256)
			break;
		if (!choose(pl, &pl->cand[i], s)) {
			plan->n_no_window++;
			continue;
		}
		s->tramp = at;
		plan->area_len = at + rewrite_tramp_len(s);
		at = (plan->area_len + TRAMP_ALIGN - 1) & ~(TRAMP_ALIGN - 1);
		plan->n_sites++;
	}
	return 0;
}

int rewrite_plan(const struct rewrite_input *in, struct rewrite_plan *ret)
{
	struct planner pl = {.in = in, .off = (uint32_t)(in->addr & (PAGE - 1)), .len = (uint32_t)in->len};
	int r;

	if (in->len + PAGE > REWRITE_TEXT_MAX || in->addr > INT64_MAX - 2 * TRAMP_DISTANCE)
		return -EINVAL;
	if (in->n_code > REWRITE_TEXT_MAX || in->n_funcs > REWRITE_TEXT_MAX || in->n_targets > REWRITE_TEXT_MAX)
		return -EINVAL;
	r = make_cuts(&pl);
	if (!r)
		r = look_at_chunks(&pl);
	if (!r)
		r = make_plan(&pl);
	free(pl.cuts);
	free(pl.cand);
	if (r)
		rewrite_plan_free(&pl.plan);
	else
		*ret = pl.plan;
	return r;
}

void rewrite_plan_free(struct rewrite_plan *plan)
{
	free(plan->sites);
	*plan = (struct rewrite_plan){0};
}

/* --- carrying it out ------------------------------------------------------------------------------------------------- */

/* From a window's or trampoline's first byte to the other's. */
static int64_t distance(const struct rewrite_site *s)
{
	return (int64_t)TRAMP_DISTANCE + s->tramp - s->window;
}

void rewrite_jump(const struct rewrite_site *s, uint8_t jump[REWRITE_JUMP])
{
	int32_t rel = (int32_t)(distance(s) - REWRITE_JUMP);

	jump[0] = 0xe9;
	memcpy(jump + 1, &rel, 4);
}

static void put_rel(uint8_t *p, int64_t rel)
{
	int32_t rel32 = (int32_t)rel;

	memcpy(p, &rel32, 4);
}

/* The displaced instructions, each at its new place. */
static void copy_insns(const struct rewrite_site *s, const uint8_t *orig, uint8_t *tramp)
{
	unsigned to = 0;
	int32_t disp;
	struct insn in;

	for (unsigned at = 0; at < s->to_syscall; at += in.len) {
		int64_t shift = distance(s) + to - at;

		if (!insn_decode(orig + at, s->to_syscall - at, &in))
			return; /* never: the planner has been here */
		if (s->branch && at == s->branch) {
			tramp[to] = 0x0f;
			tramp[to + 1] = (uint8_t)(in.op + 0x10);
			put_rel(tramp + to + 2, in.rel - shift - REWRITE_LONGER);
			to += 2 + REWRITE_LONGER;
			continue;
		}
		memcpy(tramp + to, orig + at, in.len);
		if (in.disp_off) {
			memcpy(&disp, orig + at + in.disp_off, 4);
			put_rel(tramp + to + in.disp_off, disp - shift);
		} else if (is_long_branch(&in)) {
			put_rel(tramp + to + 2, in.rel - shift);
		}
		to += in.len;
	}
}

void rewrite_tramp(const struct rewrite_site *s, const uint8_t *orig, uint8_t *tramp)
{
	uint32_t len = rewrite_copy_len(s);
	int32_t rel;

	copy_insns(s, orig, tramp);
	tramp += len;
	rel = (int32_t)(-distance(s) - (len - s->to_syscall) - 7);
	memcpy(tramp, "\x48\x8d\x0d", 3); /* lea S(%rip), %rcx */
	memcpy(tramp + 3, &rel, 4);
	rel = -(int32_t)(s->tramp + len + REWRITE_TAIL);
	memcpy(tramp + 7, "\xff\x25", 2); /* jmp *P(%rip) */
	memcpy(tramp + 9, &rel, 4);
}

void rewrite_head(uint8_t area[REWRITE_AREA_HEAD], uint64_t entry)
{
	uint64_t magic = REWRITE_MAGIC;

	memcpy(area, &entry, 8);
	memcpy(area + 8, &magic, 8);
}

void rewrite_apply(const struct rewrite_input *in, const struct rewrite_plan *plan, uint8_t *text, uint8_t *area, uint64_t entry)
{
	uint32_t off = (uint32_t)(in->addr & (PAGE - 1));

	if (!plan->n_sites)
		return;
	rewrite_head(area, entry);
	for (uint32_t i = 0; i < plan->n_sites; i++) {
		const struct rewrite_site *s = &plan->sites[i];

		rewrite_tramp(s, in->text + (s->window - off), area + s->tramp);
		rewrite_jump(s, text + (s->window - off));
	}
}
