/* SPDX-License-Identifier: MIT */
/*
 * /proc/PID/maps and smaps: the host's text about the stub, rewritten in the guest's names. The stub's own lines are left out, pieces of
 * one guest mapping that the host has in several are put together again, and of the main stack, which is mapped whole from the start,
 * only what has been reached is shown.
 */
#include "host/file.h"
#include "kernel/kernel.h"
#include "kernel/task.h"
#include "mm/map.h"
#include "mm/vma.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>

/* --- the records of files ------------------------------------------------------------------------------------------------ */

struct mm_file_map *mm_find_file_map(struct mm *mm, const struct mm_vma *l)
{
	struct mm_file_map *m;

	list_for_each_entry(m, &mm->file_maps, link)
		if (m->host_ino == l->ino && major(m->host_dev) == l->maj && minor(m->host_dev) == l->min &&
		    l->off >= m->host_off && l->off < m->host_off + PAGE_UP(m->len))
			return m;
	return NULL;
}

void mm_prune_file_maps(struct mm *mm)
{
	struct mm_file_map *m, *tmp;
	struct mm_vmas vs;

	if (mm_vmas_get(mm, &vs) < 0)
		return;
	list_for_each_entry(m, &mm->file_maps, link)
		m->seen = false;
	for (size_t i = 0; i < vs.n; i++) {
		m = vs.v[i].ino ? mm_find_file_map(mm, &vs.v[i]) : NULL;
		if (m)
			m->seen = true;
	}
	mm_vmas_free(&vs);
	list_for_each_entry_safe(m, tmp, &mm->file_maps, link) {
		if (m->seen)
			continue;
		mm->n_file_maps--;
		mm_file_map_free(m);
	}
}

ssize_t mm_shared_inos(struct mm *mm, uint64_t **ret)
{
	uint64_t *v = NULL, *p;
	struct mm_vmas vs;
	ssize_t found = 0;
	int r = mm_vmas_get(mm, &vs);

	if (r < 0)
		return r;
	for (size_t i = 0; i < vs.n; i++) {
		if (!vs.v[i].memfd_shared)
			continue;
		if (found % 64 == 0) {
			p = reallocarray(v, (size_t)found + 64, sizeof(*v));
			if (!p) {
				free(v);
				mm_vmas_free(&vs);
				return -ENOMEM;
			}
			v = p;
		}
		v[found++] = vs.v[i].ino;
	}
	mm_vmas_free(&vs);
	*ret = v;
	return found;
}

/* --- the main stack ------------------------------------------------------------------------------------------------------- */

#define STACK_SHOWN (132ull << 10) /* what execve(2) sets up on Linux */

/* The lowest page of [from, to) that the host has, or *to*. */
static uint64_t lowest_present(struct mm *mm, uint64_t from, uint64_t to)
{
	uint64_t words[512], at = from;
	int fd = mm_open_host(mm, "pagemap");

	if (fd < 0)
		return from;
	while (at < to) {
		uint64_t pages = (to - at) / PAGE_SIZE_;
		ssize_t n = host_pread(fd, words, pages < 512 ? pages * 8 : sizeof(words), at / PAGE_SIZE_ * 8);

		if (n < 8)
			break;
		for (ssize_t i = 0; i < n / 8; i++, at += PAGE_SIZE_)
			if (words[i] >> 62) { /* present or swapped */
				host_close(fd);
				return at;
			}
	}
	host_close(fd);
	return to;
}

uint64_t mm_stack_shown(struct mm *mm)
{
	uint64_t low = mm->stack_low, top = mm->stack_top, first;

	if (!top || top - low <= STACK_SHOWN)
		return low;
	first = lowest_present(mm, low, top - STACK_SHOWN);
	return first < top - STACK_SHOWN ? first : top - STACK_SHOWN;
}

/* --- lines ------------------------------------------------------------------------------------------------------------------ */

struct view { /* a mapping as the guest is told of it */
	uint64_t start, end, off, ino, dev;
	int prot;
	bool shared, vvar;
	uint64_t host_ino;
	const struct mm_file_map *file; /* or NULL */
	char *name;			/* malloc'ed, or NULL */
	char *figures;			/* of smaps: the lines behind, malloc'ed, or NULL */
};

static char *view_name(struct task *viewer, struct mm *mm, const struct mm_vma *l, const struct mm_file_map *m)
{
	static const char *const special[] = {
		[MM_VMA_VDSO] = "[vdso]", [MM_VMA_VVAR] = "[vvar]", [MM_VMA_VSYSCALL] = "[vsyscall]"};
	char buf[4200];

	if (m && m->area)
		return strdup("[picket]");
	if (m) {
		if (!m->path.dentry || vfs_path_string(viewer, &m->path, buf, sizeof(buf)) < 0)
			return NULL;
		return strdup(buf);
	}
	if (l->memfd_shared)
		return strdup("/dev/zero (deleted)");
	if (l->kind >= MM_VMA_VDSO)
		return strdup(special[l->kind]);
	if (l->kind != MM_VMA_ANON)
		return NULL;
	if (l->start <= mm->brk && l->end >= mm->start_brk && mm->brk > mm->start_brk)
		return strdup("[heap]");
	if (l->start <= mm->start_stack && l->end >= mm->start_stack)
		return strdup("[stack]");
	return NULL;
}

static void view_make(struct task *viewer, struct mm *mm, const struct mm_vma *l, uint64_t stack, struct view *v)
{
	struct mm_file_map *m = l->ino ? mm_find_file_map(mm, l) : NULL;

	*v = (struct view){.start = l->start, .end = l->end, .prot = l->prot, .shared = l->shared, .file = m,
		.host_ino = l->ino, .vvar = l->kind == MM_VMA_VVAR};
	if (m) {
		v->off = l->off - m->host_off + m->file_off;
		v->ino = m->inode ? m->inode->ino : 0;
		v->dev = m->inode && m->inode->sb ? m->inode->sb->dev : 0;
		v->shared |= m->shared;
	} else if (l->memfd_shared) {
		v->off = l->off;
		v->ino = l->ino;
		v->dev = makedev(0, 1);
	}
	if (l->kind == MM_VMA_ANON && l->start >= mm->stack_low && l->end <= mm->stack_top && v->start < stack)
		v->start = stack < l->end ? stack : l->end;
	v->name = view_name(viewer, mm, l, m);
}

static void view_drop(struct view *v)
{
	free(v->name);
	free(v->figures);
	v->name = v->figures = NULL;
}

/* Two of the host's that are one of the guest's: of one file, one behind the other. */
static bool one_mapping(const struct view *a, const struct view *b)
{
	if (a->vvar && b->vvar)
		return a->end == b->start;
	return a->file && b->file && a->file->inode && a->file->inode == b->file->inode && a->end == b->start &&
	       a->host_ino != b->host_ino && /* else the host had its reasons */
	       a->prot == b->prot && a->shared == b->shared && b->off == a->off + (a->end - a->start);
}

/* Add the figures of *b* to those of *a*: the same lines in the same order. */
static void add_figures(struct view *a, const struct view *b)
{
	char *sum = NULL, *p = a->figures, *q = b->figures;
	size_t size = 0;
	FILE *out;

	if (!p || !q || !(out = open_memstream(&sum, &size)))
		return;
	while (*p && *q) {
		char *pe = strchrnul(p, '\n'), *qe = strchrnul(q, '\n'), *colon = memchr(p, ':', (size_t)(pe - p));
		uint64_t x, y;
		char *qc = memchr(q, ':', (size_t)(qe - q));

		if (colon && qc && pe - p > 3 && !memcmp(pe - 3, " kB", 3) && !memmem(p, (size_t)(pe - p), "PageSize", 8)) {
			x = strtoull(colon + 1, NULL, 10);
			y = strtoull(qc + 1, NULL, 10);
			fprintf(out, "%.*s:%*s%8" PRIu64 " kB\n", (int)(colon - p), p, (int)(15 - (colon - p)), "", x + y);
		} else {
			fprintf(out, "%.*s\n", (int)(pe - p), p);
		}
		p = *pe ? pe + 1 : pe;
		q = *qe ? qe + 1 : qe;
	}
	if (fclose(out)) {
		free(sum);
		return;
	}
	free(a->figures);
	a->figures = sum;
}

static void print_line(const struct view *v, uint64_t start, uint64_t end, const char *name, FILE *out)
{
	int pad = fprintf(out, "%08" PRIx64 "-%08" PRIx64 " %c%c%c%c %08" PRIx64 " %02x:%02x %" PRIu64 " ", start, end,
			  v->prot & PROT_READ ? 'r' : '-', v->prot & PROT_WRITE ? 'w' : '-', v->prot & PROT_EXEC ? 'x' : '-',
			  v->shared ? 's' : 'p', v->file || v->ino ? v->off + (start - v->start) : 0, major(v->dev),
			  minor(v->dev), v->ino);

	if (name)
		fprintf(out, "%*s%s", pad < 73 ? 73 - pad : 0, "", name);
	fputc('\n', out);
}

/* A private anonymous mapping, cut where its name changes. mm->lock is held. */
static void print_named(struct mm *mm, const struct view *v, FILE *out)
{
	struct mm_note *n = mm_note_find(mm, MM_NOTE_NAME, v->start);
	uint64_t at = v->start;
	char name[300];

	while (n && n->start < v->end) {
		if (n->start > at) {
			print_line(v, at, n->start, v->name, out);
			at = n->start;
		}
		snprintf(name, sizeof(name), "[anon:%s]", n->name ? n->name : "");
		print_line(v, at, n->end < v->end ? n->end : v->end, v->name ? v->name : name, out);
		at = n->end < v->end ? n->end : v->end;
		n = mm_note_next(mm, MM_NOTE_NAME, n);
	}
	if (at < v->end)
		print_line(v, at, v->end, v->name, out);
}

static void print_view(struct mm *mm, const struct view *v, FILE *out)
{
	const char *rest;

	if (v->start >= v->end)
		return;
	if (!v->figures) {
		if (!v->file && !v->ino && !v->shared && !v->name)
			print_named(mm, v, out);
		else
			print_line(v, v->start, v->end, v->name, out);
		return;
	}
	print_line(v, v->start, v->end, v->name, out);
	fprintf(out, "Size:           %8" PRIu64 " kB\n", (v->end - v->start) / 1024);
	rest = strncmp(v->figures, "Size:", 5) ? v->figures : strchrnul(v->figures, '\n');
	fputs(*rest == '\n' ? rest + 1 : rest, out);
}

/* The host's lines behind a mapping's in smaps: from *s* up to the next mapping. */
static char *take_figures(const char *s, const char **next)
{
	const char *p = s;
	struct mm_vma l;

	while (*p && !mm_vma_parse(p, &l)) {
		p = strchrnul(p, '\n');
		p += *p == '\n';
	}
	*next = p;
	return strndup(s, (size_t)(p - s));
}

/* mm->lock is held. */
static void show_all(struct task *viewer, struct mm *mm, const char *s, bool smaps, uint64_t stack, FILE *out)
{
	struct view last = {0}, v;
	struct mm_vma l;

	while (s && *s) {
		bool is_line = mm_vma_parse(s, &l);

		s = strchrnul(s, '\n');
		s += *s == '\n';
		if (!is_line || !mm_vma_is_guests(mm, &l))
			continue;
		view_make(viewer, mm, &l, stack, &v);
		if (smaps)
			v.figures = take_figures(s, &s);
		if (one_mapping(&last, &v)) {
			last.end = v.end;
			last.host_ino = v.host_ino;
			if (smaps)
				add_figures(&last, &v);
			view_drop(&v);
			continue;
		}
		print_view(mm, &last, out);
		view_drop(&last);
		last = v;
	}
	print_view(mm, &last, out);
	view_drop(&last);
}

ssize_t mm_show_maps(struct task *viewer, struct mm *mm, bool smaps, char **ret)
{
	char *host = NULL, *text = NULL;
	size_t size = 0;
	uint64_t stack;
	ssize_t n = mm_read_host(mm, smaps ? "smaps" : "maps", &host);
	FILE *out;

	if (n < 0)
		return n;
	out = open_memstream(&text, &size);
	if (!out) {
		free(host);
		return -ENOMEM;
	}
	stack = mm_stack_shown(mm);
	lock_acquire(&mm->lock);
	show_all(viewer, mm, host, smaps, stack, out);
	lock_release(&mm->lock);
	free(host);
	if (fclose(out)) {
		free(text);
		return -ENOMEM;
	}
	*ret = text;
	return (ssize_t)size;
}
