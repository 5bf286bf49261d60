/* SPDX-License-Identifier: MIT */
/* The headers of a tar archive (ustar, pax, GNU), read once into a sorted table. */
#include "archive_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK 512u
#define MEMBERS_MAX 200000u
#define PAX_MAX (1u << 20)

/* ---- Names ---- */

char *archive_normalise(const char *base, const char *name)
{
	char *out = malloc((base ? strlen(base) : 0) + strlen(name) + 3);
	size_t n = 0;

	if (!out)
		return NULL;
	if (base && *name != '/' && strrchr(base, '/')) {
		n = (size_t)(strrchr(base, '/') - base);
		memcpy(out, base, n);
	}
	while (*name) {
		size_t len = strcspn(name, "/");

		if (len == 2 && !memcmp(name, "..", 2)) {
			while (n && out[--n] != '/')
				continue;
		} else if (len && !(len == 1 && *name == '.')) {
			if (n)
				out[n++] = '/';
			memcpy(out + n, name, len);
			n += len;
		}
		name += len + (name[len] == '/');
	}
	out[n] = '\0';
	return out;
}

/* ---- Reading tar headers ---- */

struct header {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type, link[100], magic[6],
		version[2], uname[32], gname[32], major[8], minor[8], prefix[155], pad[12];
};
_Static_assert(sizeof(struct header) == BLOCK, "a tar header is one block");

struct scan {
	struct archive *a;
	uint64_t pos, end;
	char *long_name, *long_link; /* for the next member, from pax or GNU records */
	uint64_t pax_size;
	bool has_pax_size;
	const char *source; /* its name, for errors */
	struct snap_error *e;
};

static int damaged(struct scan *s, const char *why)
{
	return snap_fail(s->e, EBADMSG, "%s is damaged at byte %llu: %s", s->source, (unsigned long long)s->pos, why);
}

/* Octal with blanks around, or GNU's base 256. -1 if it is no number that fits. */
static int parse_number(const char *field, size_t len, uint64_t *out)
{
	uint64_t n = 0;
	size_t i = 0;

	if ((unsigned char)field[0] == 0x80) {
		for (i = 1; i < len; i++) {
			if (n >> 55)
				return -1;
			n = n << 8 | (unsigned char)field[i];
		}
		*out = n;
		return 0;
	}
	while (i < len && field[i] == ' ')
		i++;
	for (; i < len && field[i] >= '0' && field[i] <= '7'; i++)
		n = n << 3 | (uint64_t)(field[i] - '0');
	if (i < len && field[i] && field[i] != ' ')
		return -1;
	*out = n;
	return 0;
}

static bool checksum_ok(const struct header *h)
{
	const unsigned char *p = (const unsigned char *)h;
	uint64_t want, sum = 0;

	for (size_t i = 0; i < BLOCK; i++)
		sum += i >= 148 && i < 156 ? ' ' : p[i];
	return !parse_number(h->checksum, sizeof(h->checksum), &want) && want == sum;
}

int archive_pread(int fd, void *buf, size_t len, uint64_t off)
{
	char *p = buf;

	while (len) {
		ssize_t n = pread(fd, p, len, (off_t)off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EBADMSG;
		p += n;
		off += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

/* The records of a pax header: "LEN KEY=VALUE\n". */
static int take_pax(struct scan *s, char *text, size_t len)
{
	char *p = text, *end = text + len;

	while (p < end) {
		char *key, *value, *tail;
		unsigned long n = strtoul(p, &key, 10);
		char **keep = NULL;

		if (n < 5 || n > (size_t)(end - p) || *key != ' ' || p[n - 1] != '\n')
			return damaged(s, "a pax record is not valid");
		tail = p + n - 1;
		*tail = '\0';
		key++;
		value = strchr(key, '=');
		if (!value)
			return damaged(s, "a pax record is not valid");
		*value++ = '\0';
		if (!strcmp(key, "path"))
			keep = &s->long_name;
		else if (!strcmp(key, "linkpath"))
			keep = &s->long_link;
		else if (!strcmp(key, "size")) {
			s->pax_size = strtoull(value, NULL, 10);
			s->has_pax_size = true;
		}
		if (keep) {
			free(*keep);
			*keep = strndup(value, ARCHIVE_NAME_MAX);
		}
		p += n;
	}
	return 0;
}

/* A member whose data describes the next one: pax, or GNU's long name and link. */
static int take_extension(struct scan *s, char type, uint64_t size)
{
	char *text, **keep = type == 'L' ? &s->long_name : &s->long_link;
	int r;

	if (size > PAX_MAX)
		return damaged(s, "an extended header is too long");
	text = calloc(1, size + 1);
	if (!text)
		return snap_fail(s->e, ENOMEM, "out of memory");
	if (archive_pread(s->a->fd, text, size, s->pos))
		r = damaged(s, "it ends too early");
	else if (type == 'x')
		r = take_pax(s, text, size);
	else {
		free(*keep);
		*keep = strndup(text, ARCHIVE_NAME_MAX);
		r = 0;
	}
	free(text);
	return r;
}

static int add_entry(struct scan *s, const struct header *h, uint64_t size)
{
	struct archive *a = s->a;
	char name[260], link[101];
	const char *full = s->long_name, *target = s->long_link;
	struct entry *entry;

	if (!full) {
		bool ustar = !memcmp(h->magic, "ustar", 6) && h->prefix[0];

		snprintf(name, sizeof(name), "%.*s%s%.100s", ustar ? 155 : 0, h->prefix, ustar ? "/" : "", h->name);
		full = name;
	}
	if (!target) {
		snprintf(link, sizeof(link), "%.100s", h->link);
		target = link;
	}
	if (a->count == MEMBERS_MAX)
		return damaged(s, "it has too many members");
	if (a->count == a->room) {
		size_t room = a->room ? a->room * 2 : 64;

		entry = realloc(a->entries, room * sizeof(*entry));
		if (!entry)
			return snap_fail(s->e, ENOMEM, "out of memory");
		a->entries = entry;
		a->room = room;
	}
	entry = &a->entries[a->count];
	*entry = (struct entry){.off = s->pos, .size = size, .order = a->count};
	entry->name = archive_normalise(NULL, full);
	if (h->type == '1')
		entry->link = archive_normalise(NULL, target);
	else if (h->type == '2')
		entry->link = archive_normalise(entry->name, target);
	if (!entry->name || ((h->type == '1' || h->type == '2') && !entry->link)) {
		free(entry->name);
		return snap_fail(s->e, ENOMEM, "out of memory");
	}
	a->count++;
	return 0;
}

static void scan_reset(struct scan *s)
{
	free(s->long_name);
	free(s->long_link);
	s->long_name = s->long_link = NULL;
	s->has_pax_size = false;
}

/* One header and what it stands for. 1 at the end of the archive. */
static int scan_step(struct scan *s)
{
	struct header h;
	uint64_t size;
	int r = 0;

	if (s->pos == s->end)
		return 1;
	if (s->end - s->pos < BLOCK || archive_pread(s->a->fd, &h, BLOCK, s->pos))
		return damaged(s, "it ends in the middle of a header");
	if (!h.name[0] && !h.type && !h.checksum[0])
		return 1;
	if (!checksum_ok(&h) || parse_number(h.size, sizeof(h.size), &size))
		return s->pos ? damaged(s, "a header is not valid")
			      : snap_fail(s->e, EINVAL, "%s is no tar archive, nor one that gzip or zstd has packed",
					s->source);
	if (s->has_pax_size && !strchr("xgLK", h.type))
		size = s->pax_size;
	if (h.type && strchr("123456", h.type))
		size = 0;
	s->pos += BLOCK;
	if (size > s->end - s->pos)
		return damaged(s, "a member is cut short");
	if (h.type && strchr("xLK", h.type)) {
		r = take_extension(s, h.type, size);
	} else if (h.type != 'g') {
		if (!h.type || strchr("0127", h.type))
			r = add_entry(s, &h, size);
		scan_reset(s);
	}
	if (size > UINT64_MAX - BLOCK)
		return damaged(s, "a size overflows");
	size = (size + BLOCK - 1) / BLOCK * BLOCK;
	s->pos = size > s->end - s->pos ? s->end : s->pos + size;
	return r;
}

static int by_name(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int c = strcmp(x->name, y->name);

	return c ? c : x->order > y->order ? -1 : 1;
}

int archive_scan(struct archive *a, const char *source, struct snap_error *e)
{
	struct scan s = {.a = a, .source = source, .e = e};
	struct stat st;
	int r;

	if (fstat(a->fd, &st))
		return snap_fail_errno(e, errno, "cannot read the archive");
	s.end = (uint64_t)st.st_size;
	do
		r = scan_step(&s);
	while (!r);
	scan_reset(&s);
	if (r < 0)
		return r;
	if (a->count)
		qsort(a->entries, a->count, sizeof(*a->entries), by_name);
	return 0;
}

bool archive_is_tar(int fd)
{
	struct stat st;
	struct header h;

	return !fstat(fd, &st) && S_ISREG(st.st_mode) && !archive_pread(fd, &h, BLOCK, 0) && checksum_ok(&h);
}
