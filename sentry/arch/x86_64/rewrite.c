/* SPDX-License-Identifier: MIT */
/*
 * The planner. The text is cut at everything that is known to begin (functions, sections, targets) into *chunks*; only chunks that hold the bytes of a
 * `syscall` are decoded, twice: once to find sites and their windows, once for jumps into those windows. A jump target between window and
 * `syscall` does no harm: the bytes there stay, and who comes that way makes the call plainly.
 */
#include "rewrite.h"
#include "insn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PAGE 4096u
#define RUN_MAX 32u	 /* instructions remembered of a basic block */
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
	bool bad; /* something jumps into it */
};

struct candidate {
	uint32_t site; /* the syscall */
	uint8_t n;
	struct window w[WINDOWS_MAX]; /* the one next to the site first */
};

struct chunk {
	uint32_t start, end;
	bool certain; /* a function begins at start */
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
	if (in->op == 0xb8 && in->len == 5)
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

/* Can it be carried out TRAMP_DISTANCE further on? */
static bool movable(const uint8_t *p, const struct insn *in)
{
	int32_t disp;

	if (in->kind != INSN_PLAIN)
		return false;
	if (!in->disp_off)
		return true;
	memcpy(&disp, p + in->disp_off, 4);
	/* Trampolines lie between the distance and the distance and as much again as the text may be long. */
	return !in->addr32 && (int64_t)disp - (int64_t)(TRAMP_DISTANCE + REWRITE_TEXT_MAX) >= INT32_MIN;
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

/* A syscall at *site* behind *run*. */
static int look_at_site(struct planner *pl, const struct run *run, uint32_t site, bool certain)
{
	struct candidate c = {.site = site};
	bool have_nr = false, plain = false, doubt = false;
	uint32_t nr;

	pl->plan.n_syscalls++;
	for (unsigned i = 0; i < run->n && c.n < WINDOWS_MAX; i++) {
		unsigned k = run_index(run, i);
		const uint8_t *p = pl->in->text + run->at[k];
		struct window w = {run->at[k], run->insn[k].len, false};

		if (!movable(p, &run->insn[k]) || site - w.at > TO_SYSCALL_MAX)
			break;
		if (sets_eax(p, &run->insn[k], &nr)) {
			plain |= (!have_nr && always_plain(nr)) || nr == 15;
			have_nr = true;
		}
		if (w.len < REWRITE_JUMP || (pl->in->atomic && !in_one_16(pl, w.at)))
			continue;
		if (!certain && !agrees(pl, &w, site)) {
			doubt = true;
			continue;
		}
		c.w[c.n++] = w;
	}
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
	unsigned clean = c->certain ? CLEAN_MIN : 0;
	size_t first = pl->n_cand;
	struct run run = {.n = 0};
	uint32_t at = c->start;
	struct insn in;
	int r = 0;

	while (!r && at < c->end) {
		if (!insn_decode(pl->in->text + at, pl->len - at, &in)) {
			if (c->certain)
				drop_candidates(pl, first); /* data among the code of a function: where does it end? */
			run.n = 0;
			clean = 0;
			at++;
			continue;
		}
		if (in.kind == INSN_SYSCALL) {
			if (clean >= CLEAN_MIN) {
				r = look_at_site(pl, &run, at, c->certain);
			} else {
				pl->plan.n_syscalls++;
				pl->plan.n_doubt++;
			}
		}
		if (in.kind == INSN_PLAIN)
			run_push(&run, at, &in);
		else
			run.n = 0;
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

static void find_jumps(struct planner *pl, const struct chunk *c, size_t first)
{
	struct candidate *cand = pl->cand + first;
	size_t n = pl->n_cand - first;
	uint32_t at = c->start;
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
	}
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

void rewrite_tramp(const struct rewrite_site *s, const uint8_t *orig, uint8_t *tramp)
{
	int32_t rel, disp;
	struct insn in;

	memcpy(tramp, orig, s->to_syscall);
	for (unsigned at = 0; at < s->to_syscall; at += in.len) {
		if (!insn_decode(orig + at, s->to_syscall - at, &in))
			break; /* never: the planner has been here */
		if (in.disp_off) {
			memcpy(&disp, orig + at + in.disp_off, 4);
			disp = (int32_t)(disp - distance(s));
			memcpy(tramp + at + in.disp_off, &disp, 4);
		}
	}
	tramp += s->to_syscall;
	rel = (int32_t)(-distance(s) - 7);
	memcpy(tramp, "\x48\x8d\x0d", 3); /* lea S(%rip), %rcx */
	memcpy(tramp + 3, &rel, 4);
	rel = -(int32_t)(s->tramp + s->to_syscall + REWRITE_TAIL);
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
