/* SPDX-License-Identifier: MIT */
/* The host's list of a stub's mappings. */
#include "mm/vma.h"
#include "host/file.h"
#include "kernel/kernel.h"
#include "mm/mm.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define TEXT_MAX (64u << 20)

int mm_open_host(struct mm *mm, const char *name)
{
	struct kernel *k = mm->kernel;
	char pid[16];
	int dir, fd;

	if (k->proc_fd < 0)
		return -ENOENT;
	snprintf(pid, sizeof(pid), "%d", (int)aspace_host_pid(mm->as));
	dir = host_open_beneath(k->proc_fd, pid, O_PATH | O_DIRECTORY, 0);
	if (dir < 0)
		return dir;
	fd = host_open_beneath(dir, name, O_RDONLY, 0);
	host_close(dir);
	return fd;
}

ssize_t mm_read_host(struct mm *mm, const char *name, char **ret)
{
	size_t cap = 16384, len = 0;
	int fd = mm_open_host(mm, name);
	char *buf, *p;
	ssize_t n;

	if (fd < 0)
		return fd;
	buf = malloc(cap);
	for (n = buf ? 1 : -ENOMEM; n > 0;) {
		if (cap - len < 8192) {
			p = cap < TEXT_MAX ? realloc(buf, cap *= 2) : NULL;
			if (!p) {
				n = -ENOMEM;
				break;
			}
			buf = p;
		}
		n = host_pread(fd, buf + len, cap - len - 1, len);
		len += n > 0 ? (size_t)n : 0;
	}
	host_close(fd);
	if (n < 0) {
		free(buf);
		return n;
	}
	buf[len] = 0;
	*ret = buf;
	return (ssize_t)len;
}

/* --- lines ------------------------------------------------------------------------------------------------------------ */

/* A number in hexadecimal (or decimal) that *end* follows; moves *s* behind it. */
static bool number(const char **s, unsigned base, char end, uint64_t *ret)
{
	const char *p = *s;
	uint64_t v = 0;

	for (;; p++) {
		unsigned d = *p >= '0' && *p <= '9' ? (unsigned)(*p - '0')
			     : *p >= 'a' && *p <= 'f' ? (unsigned)(*p - 'a') + 10
						      : 99;

		if (d >= base)
			break;
		v = v * base + d;
	}
	if (p == *s || *p != end)
		return false;
	*s = p + (end ? 1 : 0);
	*ret = v;
	return true;
}

bool mm_vma_parse(const char *s, struct mm_vma *v)
{
	uint64_t maj, min;
	const char *perms;

	memset(v, 0, sizeof(*v));
	if (!number(&s, 16, '-', &v->start) || !number(&s, 16, ' ', &v->end) || strnlen(s, 5) < 5)
		return false;
	perms = s;
	s += 5;
	if (!number(&s, 16, ' ', &v->off) || !number(&s, 16, ':', &maj) || !number(&s, 16, ' ', &min))
		return false;
	if (!number(&s, 10, ' ', &v->ino) && !number(&s, 10, '\n', &v->ino) && !number(&s, 10, 0, &v->ino))
		return false;
	v->maj = (unsigned)maj;
	v->min = (unsigned)min;
	v->prot = (uint8_t)((perms[0] == 'r' ? PROT_READ : 0) | (perms[1] == 'w' ? PROT_WRITE : 0) |
			    (perms[2] == 'x' ? PROT_EXEC : 0));
	v->shared = perms[3] == 's';
	s += strspn(s, " ");
	v->memfd_shared = !strncmp(s, "/memfd:shared", 13);
	v->kind = v->ino			   ? MM_VMA_FILE
		  : !strncmp(s, "[vdso]", 6) ? MM_VMA_VDSO
		  : !strncmp(s, "[vvar", 5)  ? MM_VMA_VVAR
		  : !strncmp(s, "[vsys", 5)  ? MM_VMA_VSYSCALL
					     : MM_VMA_ANON;
	return true;
}

bool mm_vma_is_guests(struct mm *mm, const struct mm_vma *v)
{
	/* The stub itself, its slots and stacks lie above; the vdso and vvar too, but those are the guest's as well. */
	return v->end <= aspace_max(mm->as) || v->kind >= MM_VMA_VDSO;
}

/* --- the list ------------------------------------------------------------------------------------------------------------ */

int mm_vmas_get(struct mm *mm, struct mm_vmas *ret)
{
	struct mm_vmas vs = {0};
	size_t cap = 0;
	char *text, *s;
	ssize_t n = mm_read_host(mm, "maps", &text);

	if (n < 0)
		return (int)n;
	vs.kernel = mm->kernel;
	vs.charged = 2 * (uint64_t)n;
	if (kernel_charge(vs.kernel, vs.charged)) {
		free(text);
		return -ENOMEM;
	}
	for (s = text; s && *s; s = strchr(s, '\n'), s = s ? s + 1 : NULL) {
		struct mm_vma v, *p;

		if (!mm_vma_parse(s, &v) || !mm_vma_is_guests(mm, &v))
			continue;
		if (vs.n == cap) {
			p = reallocarray(vs.v, cap = cap ? cap * 2 : 64, sizeof(*p));
			if (!p) {
				free(text);
				mm_vmas_free(&vs);
				return -ENOMEM;
			}
			vs.v = p;
		}
		vs.v[vs.n++] = v;
	}
	free(text);
	*ret = vs;
	return 0;
}

void mm_vmas_free(struct mm_vmas *vs)
{
	if (vs->charged)
		kernel_uncharge(vs->kernel, vs->charged);
	free(vs->v);
	*vs = (struct mm_vmas){0};
}

const struct mm_vma *mm_vma_find(const struct mm_vmas *vs, uint64_t addr)
{
	size_t lo = 0, hi = vs->n;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (vs->v[mid].end > addr)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo < vs->n ? &vs->v[lo] : NULL;
}

bool mm_vmas_cover(const struct mm_vmas *vs, uint64_t addr, uint64_t end)
{
	const struct mm_vma *v = mm_vma_find(vs, addr);

	for (; addr < end; v++) {
		if (!v || v == vs->v + vs->n || v->start > addr)
			return false;
		addr = v->end;
	}
	return true;
}

int mm_vma_at(struct mm *mm, uint64_t addr, struct mm_vma *ret)
{
	const struct mm_vma *v;
	struct mm_vmas vs;
	int r = mm_vmas_get(mm, &vs);

	if (r < 0)
		return r;
	v = mm_vma_find(&vs, addr);
	if (v && v->start <= addr)
		*ret = *v;
	else
		r = -EFAULT;
	mm_vmas_free(&vs);
	return r;
}
