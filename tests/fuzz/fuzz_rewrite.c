/* SPDX-License-Identifier: MIT */
/*
 * The rewriter on hostile text, hints and files. What it plans must hold: tables are valid, windows and sites are what they are said to be,
 * every trampoline decodes to the displaced instructions, and originals come back.
 */
#include "insn.h"
#include "rewrite_elf.h"

#include <stdlib.h>
#include <string.h>

static void must(int ok)
{
	if (!ok)
		abort();
}

static void check_plan(const struct rewrite_input *in, const struct rewrite_plan *p)
{
	uint8_t *text = malloc(in->len), *area = calloc(1, p->area_len + 1u);
	uint64_t off = in->addr & 4095, ip;

	must(text && area);
	must(rewrite_sites_valid(p->sites, p->n_sites, in->len + off, p->area_len));
	memcpy(text, in->text, in->len);
	rewrite_apply(in, p, text, area, 0x1122334455667788);
	for (uint32_t i = 0; i < p->n_sites; i++) {
		const struct rewrite_site *s = &p->sites[i];
		const uint8_t *w = in->text + (s->window - off), *t = area + s->tramp;
		unsigned at = 0, to = 0;

		must(w[s->to_syscall] == 0x0f && w[s->to_syscall + 1] == 0x05);
		while (at < s->to_syscall) {
			struct insn a, b;

			must(insn_decode(w + at, s->to_syscall - at, &a) && insn_decode(t + to, rewrite_copy_len(s) - to, &b));
			must(a.kind == b.kind && (a.kind == INSN_PLAIN || a.kind == INSN_JCC));
			must(b.len == a.len + (s->branch && at == s->branch ? REWRITE_LONGER : 0));
			if (a.kind == INSN_JCC)
				must((int64_t)s->window + at + a.len + a.rel == (int64_t)TRAMP_DISTANCE + s->tramp + to + b.len + b.rel);
			must(rewrite_ip_original(p->sites, p->n_sites, 0, TRAMP_DISTANCE + s->tramp + to, &ip) && ip == s->window + at);
			at += a.len;
			to += b.len;
		}
		must(at == s->to_syscall && !memcmp(t + to, "\x48\x8d\x0d", 3));
		must(rewrite_ip_original(p->sites, p->n_sites, 0, TRAMP_DISTANCE + s->tramp, &ip) && ip == s->window);
	}
	rewrite_originals(p->sites, p->n_sites, in->addr & ~4095ull, in->addr, text, in->len);
	must(!memcmp(text, in->text, in->len));
	free(text);
	free(area);
}

static void fuzz_text(const uint8_t *data, size_t size)
{
	struct rewrite_range r[8];
	uint64_t targets[4];
	struct rewrite_input in = {.addr = 0x10000, .funcs = r, .code = r + 4, .targets = targets};
	struct rewrite_plan p;
	uint8_t *text;

	if (size < 44)
		return;
	in.n_funcs = data[0] % 5;
	in.n_code = data[1] % 5;
	in.n_targets = data[2] % 5;
	in.atomic = data[3] & 1;
	in.addr += data[3] & 0xf0;
	for (unsigned i = 0; i < 8; i++) {
		uint16_t v[2];

		memcpy(v, data + 4 + 4 * i, 4);
		r[i] = (struct rewrite_range){in.addr + v[0] % 600 - 8, v[1]};
	}
	for (unsigned i = 0; i < 4; i++)
		targets[i] = in.addr + data[36 + 2 * i];
	in.len = size - 44;
	text = malloc(in.len + 1);
	memcpy(text, data + 44, in.len);
	in.text = text;
	if (!rewrite_plan(&in, &p)) {
		check_plan(&in, &p);
		rewrite_plan_free(&p);
	}
	free(text);
}

static void fuzz_elf(const uint8_t *data, size_t size)
{
	struct rewrite_elf e;

	if (rewrite_elf_plan(data, size, &e))
		return;
	for (unsigned i = 0; i < e.n; i++) {
		struct rewrite_input in = {.text = data + e.seg[i].offset, .len = e.seg[i].len, .addr = e.seg[i].vaddr};

		check_plan(&in, &e.seg[i].plan);
	}
	rewrite_elf_free(&e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rewrite_site s[4] = {{0}};

	if (size >= 4 && !memcmp(data, "\177ELF", 4))
		fuzz_elf(data, size);
	else
		fuzz_text(data, size);
	/* A table from storage. */
	memcpy(s, data, size < sizeof(s) ? size : sizeof(s));
	if (rewrite_sites_valid(s, 4, 4096, 4096)) {
		uint8_t buf[64] = {0};
		uint64_t ip;

		rewrite_originals(s, 4, 0x1000, 0x1000, buf, sizeof(buf));
		for (unsigned i = 0; i < 4096; i++)
			must(!rewrite_ip_original(s, 4, 0x1000, 0x1000 + TRAMP_DISTANCE + i, &ip) || ip < 0x1000 + 4096);
	}
	return 0;
}
