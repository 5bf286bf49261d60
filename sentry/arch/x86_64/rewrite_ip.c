/* SPDX-License-Identifier: MIT */
/* From trampolines and jumps back to the original text. Tables come from storage: rewrite_sites_valid() first. */
#include "rewrite.h"

#include <string.h>

bool rewrite_sites_valid(const struct rewrite_site *sites, size_t n, uint64_t text_len, uint64_t area_len)
{
	uint64_t text_at = 0, area_at = REWRITE_AREA_HEAD;

	if (text_len > REWRITE_TEXT_MAX || area_len > REWRITE_TEXT_MAX)
		return false;
	for (size_t i = 0; i < n; i++) {
		const struct rewrite_site *s = &sites[i];

		if (s->window < text_at || s->tramp < area_at || s->window_len < REWRITE_JUMP || s->to_syscall < s->window_len ||
			(s->branch && (s->branch < s->window_len || s->branch >= s->to_syscall)))
			return false;
		text_at = (uint64_t)s->window + s->to_syscall + 2; /* the syscall itself */
		area_at = (uint64_t)s->tramp + rewrite_tramp_len(s);
		if (text_at > text_len || area_at > area_len)
			return false;
	}
	return true;
}

/* How many sites have their window (or trampoline) at or before *at*. */
static size_t count_to(const struct rewrite_site *sites, size_t n, uint64_t at, bool tramp)
{
	size_t lo = 0, hi = n;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if ((tramp ? sites[mid].tramp : sites[mid].window) <= at)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

const struct rewrite_site *rewrite_site_of_ip(const struct rewrite_site *sites, size_t n, uint64_t base, uint64_t ip)
{
	uint64_t at = ip - (base + TRAMP_DISTANCE);
	size_t i = count_to(sites, n, at, true);

	if (!i || at - sites[i - 1].tramp >= rewrite_tramp_len(&sites[i - 1]))
		return NULL;
	return &sites[i - 1];
}

bool rewrite_ip_original(const struct rewrite_site *sites, size_t n, uint64_t base, uint64_t ip, uint64_t *ret)
{
	const struct rewrite_site *s = rewrite_site_of_ip(sites, n, base, ip);
	uint64_t in;

	if (!s)
		return false;
	in = ip - (base + TRAMP_DISTANCE) - s->tramp;
	if (s->branch && in > s->branch)
		in = in < s->branch + 2 + REWRITE_LONGER ? s->branch : in - REWRITE_LONGER;
	*ret = base + s->window + (in < s->to_syscall ? in : s->to_syscall);
	return true;
}

bool rewrite_ip_resume(const struct rewrite_site *sites, size_t n, uint64_t base, uint64_t ip, uint64_t *ret)
{
	const struct rewrite_site *s = rewrite_site_at(sites, n, base, ip, 1);

	if (!s || ip == base + s->window)
		return false;
	*ret = base + TRAMP_DISTANCE + s->tramp + (ip - base - s->window);
	return true;
}

const struct rewrite_site *rewrite_site_at(const struct rewrite_site *sites, size_t n, uint64_t base, uint64_t addr, uint64_t len)
{
	uint64_t end, from;
	size_t i;

	if (__builtin_add_overflow(addr, len, &end))
		end = UINT64_MAX;
	if (end <= base)
		return NULL;
	from = addr > base ? addr - base : 0;
	/* The first window that ends behind from. */
	i = from >= REWRITE_JUMP ? count_to(sites, n, from - REWRITE_JUMP, false) : 0;
	return i < n && sites[i].window < end - base ? &sites[i] : NULL;
}

void rewrite_originals(const struct rewrite_site *sites, size_t n, uint64_t base, uint64_t addr, uint8_t *buf, size_t len)
{
	const struct rewrite_site *s = rewrite_site_at(sites, n, base, addr, len);

	for (; s && s < sites + n && base + s->window < addr + len; s++) {
		uint64_t at = base + s->window;
		size_t skip = at < addr ? (size_t)(addr - at) : 0; /* of the jump, not read */
		size_t pos = at < addr ? 0 : (size_t)(at - addr), left = len - pos;
		size_t have = REWRITE_JUMP - skip < left ? REWRITE_JUMP - skip : left;
		uint8_t jump[REWRITE_JUMP];

		rewrite_jump(s, jump);
		if (!memcmp(buf + pos, jump + skip, have))
			memcpy(buf + pos, s->orig + skip, have);
	}
}
