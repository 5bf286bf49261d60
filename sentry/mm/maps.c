/* SPDX-License-Identifier: MIT */
/* /proc/PID/maps and friends: the host's text about the stub, rewritten in the guest's names. */
#include "host/file.h"
#include "kernel/kernel.h"
#include "kernel/task.h"
#include "mm/map.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>

#define MAPS_TEXT_MAX (16u << 20)

/* Read /proc/PID/NAME of the stub whole; malloc'ed, NUL-terminated. */
static ssize_t read_host(struct mm *mm, struct kernel *k, const char *name, char **ret)
{
	char path[48], *buf = NULL;
	size_t cap = 0, len = 0;
	int fd;

	if (k->proc_fd < 0)
		return -ENOENT;
	snprintf(path, sizeof(path), "%d", (int)aspace_host_pid(mm->as));
	fd = host_open_beneath(k->proc_fd, path, O_PATH | O_DIRECTORY, 0);
	if (fd >= 0) {
		int dir = fd;

		fd = host_open_beneath(dir, name, O_RDONLY, 0);
		host_close(dir);
	}
	if (fd < 0)
		return fd;
	for (;;) {
		ssize_t n;

		if (cap - len < 4096) {
			char *p = cap < MAPS_TEXT_MAX ? realloc(buf, cap = cap ? cap * 2 : 32768) : NULL;

			if (!p) {
				free(buf);
				host_close(fd);
				return -ENOMEM;
			}
			buf = p;
		}
		n = host_pread(fd, buf + len, cap - len - 1, len);
		if (n <= 0) {
			host_close(fd);
			if (n < 0 && !len) {
				free(buf);
				return n;
			}
			break;
		}
		len += (size_t)n;
	}
	buf[len] = 0;
	*ret = buf;
	return (ssize_t)len;
}

struct maps_line {
	uint64_t start, end, off, ino;
	unsigned maj, min;
	char perms[5];
	const char *name;
};

static bool parse_line(const char *s, struct maps_line *l)
{
	int at = 0;

	if (sscanf(s, "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %x:%x %" SCNu64 " %n", &l->start, &l->end, l->perms, &l->off,
		   &l->maj, &l->min, &l->ino, &at) < 7)
		return false;
	l->name = s + at;
	return true;
}

static int line_prot(const struct maps_line *l)
{
	return (l->perms[0] == 'r' ? PROT_READ : 0) | (l->perms[1] == 'w' ? PROT_WRITE : 0) |
	       (l->perms[2] == 'x' ? PROT_EXEC : 0);
}

int mm_anon_prot(struct mm *mm, struct kernel *k, uint64_t addr, uint64_t len)
{
	char *host = NULL, *line, *save = NULL;
	struct maps_line l;
	int r = -EFAULT;

	if (read_host(mm, k, "maps", &host) < 0)
		return PROT_READ | PROT_WRITE;
	for (line = strtok_r(host, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (!parse_line(line, &l) || addr < l.start || addr >= l.end)
			continue;
		if (len <= l.end - addr)
			r = l.ino || l.perms[3] != 'p' ? -ENOMEM : line_prot(&l);
		break;
	}
	free(host);
	return r;
}

static struct mm_file_map *find_map(struct mm *mm, const struct maps_line *l)
{
	struct mm_file_map *m;

	list_for_each_entry(m, &mm->file_maps, link)
		if (m->host_ino == l->ino && major(m->host_dev) == l->maj && minor(m->host_dev) == l->min &&
		    l->off >= m->host_off && l->off < m->host_off + PAGE_UP(m->len))
			return m;
	return NULL;
}

void mm_prune_file_maps(struct mm *mm, struct kernel *k)
{
	struct mm_file_map *m, *tmp;
	char *host = NULL, *line, *save = NULL;
	struct maps_line l;

	if (read_host(mm, k, "maps", &host) < 0)
		return;
	list_for_each_entry(m, &mm->file_maps, link)
		m->seen = false;
	for (line = strtok_r(host, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		m = parse_line(line, &l) && l.ino ? find_map(mm, &l) : NULL;
		if (m)
			m->seen = true;
	}
	free(host);
	list_for_each_entry_safe(m, tmp, &mm->file_maps, link) {
		if (m->seen)
			continue;
		list_del(&m->link);
		mm->n_file_maps--;
		mm_file_map_free(m);
	}
}

static void show_line(struct task *viewer, struct mm *mm, const struct maps_line *l, FILE *out)
{
	char name[4200] = "";
	uint64_t off = 0, ino = 0, dev = 0;
	struct mm_file_map *m = l->ino ? find_map(mm, l) : NULL;
	int pad;

	if (m) {
		off = l->off - m->host_off + m->file_off;
		ino = m->inode ? m->inode->ino : 0;
		dev = m->inode && m->inode->sb ? m->inode->sb->dev : 0;
		if (m->path.dentry && vfs_path_string(viewer, &m->path, name, sizeof(name)) < 0)
			name[0] = 0;
	} else if (l->ino) {
		snprintf(name, sizeof(name), "/dev/zero (deleted)");
		off = l->off;
	} else if (l->start >= mm->start_brk && l->start < PAGE_UP(mm->brk_mapped)) {
		snprintf(name, sizeof(name), "[heap]");
	} else if (l->end == mm->start_stack) {
		snprintf(name, sizeof(name), "[stack]");
	} else if (l->name[0] == '[') {
		snprintf(name, sizeof(name), "%.*s", (int)strcspn(l->name, "\n"), l->name);
	}
	pad = fprintf(out, "%08" PRIx64 "-%08" PRIx64 " %s %08" PRIx64 " %02x:%02x %" PRIu64, l->start, l->end, l->perms, off,
		      major(dev), minor(dev), ino);
	if (name[0])
		fprintf(out, "%*s%s", pad < 73 ? 73 - pad : 1, "", name);
	fputc('\n', out);
}

static bool guest_line(struct mm *mm, const struct maps_line *l)
{
	/* The stub itself, its slots and stacks lie above; the vdso and vvar too, but those are the guest's as well. */
	return l->end <= aspace_max(mm->as) || !strncmp(l->name, "[vdso]", 6) || !strncmp(l->name, "[vvar", 5);
}

ssize_t mm_show_maps(struct task *viewer, struct mm *mm, bool smaps, char **ret)
{
	char *host = NULL, *line, *save = NULL, *text = NULL;
	size_t size = 0;
	bool show = false;
	ssize_t n = read_host(mm, viewer->kernel, smaps ? "smaps" : "maps", &host);
	FILE *out;

	if (n < 0)
		return n;
	out = open_memstream(&text, &size);
	if (!out) {
		free(host);
		return -ENOMEM;
	}
	lock_acquire(&mm->lock);
	for (line = strtok_r(host, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		struct maps_line l;

		if (parse_line(line, &l)) {
			show = guest_line(mm, &l);
			if (show)
				show_line(viewer, mm, &l, out);
		} else if (show) {
			fprintf(out, "%s\n", line); /* smaps: the figures below a mapping */
		}
	}
	lock_release(&mm->lock);
	free(host);
	if (fclose(out)) {
		free(text);
		return -ENOMEM;
	}
	*ret = text;
	return (ssize_t)size;
}

/*
 * The stub keeps everything between the guest's space and the end of user space mapped, but for a few guard pages. It is not
 * the guest's size.
 */
#define USER_SPACE_END 0x7ffffffff000ull
#define STUB_GUARD_PAGES 28

int mm_usage(struct mm *mm, struct mm_usage *u)
{
	uint64_t reserved = (USER_SPACE_END - aspace_max(mm->as)) / 4096 - STUB_GUARD_PAGES;

	char *text;
	ssize_t n = read_host(mm, mm->kernel, "statm", &text);
	int got;

	if (n < 0)
		return (int)n;
	got = sscanf(text, "%" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %*u %" SCNu64, &u->size, &u->resident, &u->shared,
		     &u->text, &u->data);
	free(text);
	if (got == 5)
		u->size = u->size > reserved ? u->size - reserved : u->resident;
	return got == 5 ? 0 : -EIO;
}

ssize_t mm_shared_inos(struct mm *mm, uint64_t **ret)
{
	uint64_t *v = NULL, *p;
	struct maps_line l;
	char *text, *s;
	ssize_t n = read_host(mm, mm->kernel, "maps", &text), found = 0;

	if (n < 0)
		return n;
	for (s = text; s && *s; s = strchr(s, '\n'), s = s ? s + 1 : NULL) {
		if (!parse_line(s, &l) || strncmp(l.name, "/memfd:shared", 13))
			continue;
		if (found % 64 == 0) {
			p = reallocarray(v, (size_t)found + 64, sizeof(*v));
			if (!p) {
				free(v);
				free(text);
				return -ENOMEM;
			}
			v = p;
		}
		v[found++] = l.ino;
	}
	free(text);
	*ret = v;
	return found;
}
