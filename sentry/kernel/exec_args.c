/* SPDX-License-Identifier: MIT */
/* Argument and environment strings of execve. */
#include "kernel/exec_args.h"
#include "mm/mm.h"

#include <stdlib.h>
#include <string.h>

#define STRING_MAX (128u << 10) /* MAX_ARG_STRLEN */
#define COUNT_MAX (1u << 20)
#define BATCH 64

void exec_args_init(struct exec_args *a, uint64_t stack_limit)
{
	memset(a, 0, sizeof(*a));
	a->stack = stack_limit;
	/* As Linux: a quarter of the stack's limit, at most 6 MiB, at least 128 KiB. */
	a->limit = stack_limit / 4 > 6u << 20 ? 6u << 20 : stack_limit / 4;
	if (a->limit < STRING_MAX)
		a->limit = STRING_MAX;
}

void exec_args_free(struct exec_args *a)
{
	free(a->buf);
	free(a->argv);
	free(a->envp);
	free(a->page);
}

static int room(struct exec_args *a, size_t n)
{
	size_t cap = a->cap ? a->cap : 4096;
	char *p;

	while (cap < a->len + n)
		cap *= 2;
	if (cap == a->cap)
		return 0;
	p = realloc(a->buf, cap);
	if (!p)
		return -ENOMEM;
	a->buf = p;
	a->cap = cap;
	return 0;
}

/* Linux's sum: the strings, AT_EXECFN's too, and a pointer for each. The strings must fit the stack as it may grow, too. */
static int check_limit(const struct exec_args *a)
{
	return a->len + (a->argc + a->envc) * 8ul > a->limit || ((a->len + 8 + 4095) & ~4095ul) > a->stack ? -E2BIG : 0;
}

static int push(uint32_t **v, unsigned *n, unsigned *cap, uint32_t off)
{
	if (*n == *cap) {
		unsigned c = *cap ? *cap * 2 : 32;
		uint32_t *p = realloc(*v, c * sizeof(*p));

		if (!p)
			return -ENOMEM;
		*v = p;
		*cap = c;
	}
	(*v)[(*n)++] = off;
	return 0;
}

static int add(struct exec_args *a, bool env, const char *s)
{
	size_t n = strlen(s) + 1;
	int r = n > STRING_MAX ? -E2BIG : room(a, n);

	if (r)
		return r;
	memcpy(a->buf + a->len, s, n);
	r = env ? push(&a->envp, &a->envc, &a->cap_envp, (uint32_t)a->len)
		: push(&a->argv, &a->argc, &a->cap_argv, (uint32_t)a->len);
	a->len += n;
	return r ? r : check_limit(a);
}

/* A page of the guest's memory: strings mostly lie side by side, and one copy by the host brings many. */
struct exec_page {
	uint64_t at;
	size_t len;
	char bytes[4096];
};

/* The string at *ptr*, if it ends in its page; else NULL. */
static const char *string_in_page(struct exec_args *a, struct task *t, uint64_t ptr, size_t *len)
{
	const size_t off = ptr & 4095;
	struct exec_page *p = a->page;
	const char *nul;

	if (!p) {
		p = a->page = malloc(sizeof(*p));
		if (!p)
			return NULL;
		p->len = 0;
	}
	if (!p->len || p->at != ptr - off) {
		p->at = ptr - off;
		aspace_read(t->mm->as, p->at, p->bytes, sizeof(p->bytes), &p->len);
	}
	nul = off < p->len ? memchr(p->bytes + off, 0, p->len - off) : NULL;
	*len = nul ? (size_t)(nul - p->bytes) - off : 0;
	return nul ? p->bytes + off : NULL;
}

static int add_guest(struct exec_args *a, bool env, struct task *t, uint64_t ptr)
{
	size_t max = 4096, len;
	const char *s = string_in_page(a, t, ptr, &len);
	ssize_t n = (ssize_t)len;
	int r;

	if (s) {
		r = room(a, len + 1);
		if (r)
			return r;
		memcpy(a->buf + a->len, s, len + 1);
	}
	while (!s) {
		r = room(a, max);
		if (r)
			return r;
		n = copy_in_str(t, a->buf + a->len, ptr, max);
		if (n >= 0)
			break;
		if (n != -ENAMETOOLONG)
			return (int)n;
		if (max == STRING_MAX)
			return -E2BIG;
		max = STRING_MAX;
	}
	r = env ? push(&a->envp, &a->envc, &a->cap_envp, (uint32_t)a->len)
		: push(&a->argv, &a->argc, &a->cap_argv, (uint32_t)a->len);
	a->len += (size_t)n + 1;
	return r ? r : check_limit(a);
}

/* Pointers are read in batches up to the page's end: the array may end right before unmapped memory. */
static int add_vector(struct exec_args *a, bool env, struct task *t, uint64_t vec)
{
	uint64_t ptrs[BATCH];

	for (unsigned total = 0; vec && total < COUNT_MAX;) {
		size_t n = (4096 - (vec & 4095)) / 8;
		int r;

		if (n == 0)
			n = 1;
		if (n > BATCH)
			n = BATCH;
		r = copy_in(t, ptrs, vec, n * 8);
		for (size_t i = 0; !r && i < n; i++) {
			if (!ptrs[i])
				return 0;
			r = add_guest(a, env, t, ptrs[i]);
		}
		if (r)
			return r;
		vec += n * 8;
		total += (unsigned)n;
	}
	return vec ? -E2BIG : 0;
}

int exec_args_from_guest(struct exec_args *a, struct task *t, uint64_t argv, uint64_t envp)
{
	int r = add_vector(a, false, t, argv);

	if (!r && !a->argc)
		r = add(a, false, ""); /* as Linux since 5.18: argv[0] is always there */
	return r ? r : add_vector(a, true, t, envp);
}

int exec_args_from_strings(struct exec_args *a, char *const *argv, char *const *envp)
{
	int r = 0;

	for (; !r && *argv; argv++)
		r = add(a, false, *argv);
	for (; !r && *envp; envp++)
		r = add(a, true, *envp);
	return r;
}

int exec_args_script(struct exec_args *a, const char *path, const char *interp, const char *arg)
{
	const char *front[3] = {interp, arg ? arg : path, arg ? path : NULL};
	unsigned n = arg ? 3 : 2;
	int r = 0;

	for (unsigned i = 0; !r && i < n; i++)
		r = add(a, false, front[i]);
	if (r)
		return r;
	/* The new ones stand at the end; they replace argv[0]. */
	uint32_t tmp[3];

	memcpy(tmp, a->argv + a->argc - n, n * sizeof(*tmp));
	memmove(a->argv + n, a->argv + 1, (a->argc - n - 1) * sizeof(*tmp));
	memcpy(a->argv, tmp, n * sizeof(*tmp));
	a->argc -= 1;
	strncpy(a->script_path, interp, sizeof(a->script_path) - 1);
	return 0;
}

int exec_args_finish(struct exec_args *a, const char *execfn)
{
	struct exec_args n = {.limit = a->limit, .stack = a->stack};
	int r = 0;

	for (unsigned i = 0; !r && i < a->argc; i++)
		r = add(&n, false, a->buf + a->argv[i]);
	n.env_off = n.len;
	for (unsigned i = 0; !r && i < a->envc; i++)
		r = add(&n, true, a->buf + a->envp[i]);
	n.env_end_off = n.execfn_off = n.len;
	if (!r)
		r = room(&n, strlen(execfn) + 1);
	if (r) {
		exec_args_free(&n);
		return r;
	}
	memcpy(n.buf + n.len, execfn, strlen(execfn) + 1);
	n.len += strlen(execfn) + 1;
	r = check_limit(&n);
	if (r) {
		exec_args_free(&n);
		return r;
	}
	exec_args_free(a);
	*a = n;
	return 0;
}
