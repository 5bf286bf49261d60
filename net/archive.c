/* SPDX-License-Identifier: MIT */
/* Access to the members of an image archive or of a directory. */
#include "archive_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LINKS_MAX 8
#define SPOOL_BUFFER (1u << 20)

/* ---- Opening ---- */

struct spool {
	int in, out;
	unsigned char *in_buf, *out_buf;
	size_t in_at, in_len;
	int err;
};

static const void *spool_peek(void *arg, size_t *len)
{
	struct spool *s = arg;

	/* The kind of compression is told by the first bytes: fill up, a pipe may give few at a time. */
	while (s->in_at == s->in_len || (!s->in_at && s->in_len < 8)) {
		ssize_t n;

		if (s->in_at == s->in_len)
			s->in_at = s->in_len = 0;
		n = read(s->in, s->in_buf + s->in_len, SPOOL_BUFFER - s->in_len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			s->err = errno;
			return NULL;
		}
		if (!n)
			break;
		s->in_len += (size_t)n;
	}
	*len = s->in_len - s->in_at;
	return s->in_buf + s->in_at;
}

static void spool_consume(void *arg, size_t len)
{
	struct spool *s = arg;

	s->in_at += len;
}

static void *spool_reserve(void *arg, size_t *len)
{
	struct spool *s = arg;

	*len = SPOOL_BUFFER;
	return s->err ? NULL : s->out_buf;
}

static void spool_commit(void *arg, size_t len)
{
	struct spool *s = arg;

	for (size_t done = 0; done < len && !s->err;) {
		ssize_t n = write(s->out, s->out_buf + done, len - done);

		if (n < 0 && errno != EINTR)
			s->err = errno;
		else if (n > 0)
			done += (size_t)n;
	}
}

/* Unpack (or just copy) into a nameless file, which then takes the place of a->fd. */
static int archive_spool(struct archive *a, const char *source, struct store_txn *txn,
	const struct inflate_limits *limits, struct snap_error *e)
{
	struct inflate_io io = {spool_peek, spool_consume, spool_reserve, spool_commit, NULL};
	struct spool s = {.in = a->fd, .out = -1, .in_buf = malloc(SPOOL_BUFFER), .out_buf = malloc(SPOOL_BUFFER)};
	int r;

	io.arg = &s;
	r = s.in_buf && s.out_buf ? store_txn_tmp(txn, &s.out, e) : snap_fail(e, ENOMEM, "out of memory");
	if (!r)
		r = inflate_stream(&io, limits, "archive", e);
	if (s.err)
		r = snap_fail_errno(e, s.err, "cannot unpack %s", strcmp(source, "-") ? source : "standard input");
	free(s.in_buf);
	free(s.out_buf);
	if (r) {
		if (s.out >= 0)
			close(s.out);
		return r;
	}
	close(a->fd);
	a->fd = s.out;
	return 0;
}

int archive_open(const char *source, struct store_txn *txn, const struct inflate_limits *limits, struct archive **ret,
	struct snap_error *e)
{
	struct archive *a = calloc(1, sizeof(*a));
	struct stat st;
	int r = 0;

	if (!a)
		return snap_fail(e, ENOMEM, "out of memory");
	a->fd = strcmp(source, "-") ? open(source, O_RDONLY | O_CLOEXEC) : fcntl(0, F_DUPFD_CLOEXEC, 3);
	if (a->fd < 0 || fstat(a->fd, &st)) {
		r = snap_fail_errno(e, errno, "cannot open %s", strcmp(source, "-") ? source : "standard input");
	} else if (isatty(a->fd)) {
		r = snap_fail(e, EINVAL,
			"an image archive is not read from a terminal: name a file, or redirect standard input");
	} else if (S_ISDIR(st.st_mode)) {
		a->directory = true;
	} else {
		if (!archive_is_tar(a->fd))
			r = archive_spool(a, source, txn, limits, e);
		if (!r)
			r = archive_scan(a, strcmp(source, "-") ? source : "standard input", e);
	}
	if (r)
		archive_close(a);
	else
		*ret = a;
	return r;
}

void archive_close(struct archive *a)
{
	if (!a)
		return;
	for (size_t i = 0; i < a->count; i++) {
		free(a->entries[i].name);
		free(a->entries[i].link);
	}
	free(a->entries);
	if (a->fd >= 0)
		close(a->fd);
	free(a);
}

/* ---- Members ---- */

static int find_file(const struct archive *a, const char *name, struct member *out)
{
	struct open_how how = {
		.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK, .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
	struct stat st;
	int fd = (int)syscall(SYS_openat2, a->fd, name, &how, sizeof(how));

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		close(fd);
		return -ENOENT;
	}
	*out = (struct member){.fd = fd, .owned = true, .size = (uint64_t)st.st_size};
	return 0;
}

/* The first of equal names (the last in the archive), by bisection. */
static const struct entry *find_entry(const struct archive *a, const char *name)
{
	size_t low = 0, high = a->count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (strcmp(a->entries[mid].name, name) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low < a->count && !strcmp(a->entries[low].name, name) ? &a->entries[low] : NULL;
}

int archive_find(const struct archive *a, const char *name, struct member *out)
{
	const struct entry *entry;
	char *plain;

	if (strlen(name) > ARCHIVE_NAME_MAX)
		return -ENOENT;
	plain = archive_normalise(NULL, name);
	if (!plain)
		return -ENOMEM;
	if (a->directory) {
		int r = find_file(a, plain, out);

		free(plain);
		return r;
	}
	entry = find_entry(a, plain);
	free(plain);
	for (int hops = 0; entry && entry->link; hops++) {
		if (hops == LINKS_MAX)
			return -ELOOP;
		entry = find_entry(a, entry->link);
	}
	if (!entry)
		return -ENOENT;
	*out = (struct member){.fd = a->fd, .off = entry->off, .size = entry->size};
	return 0;
}

void member_close(struct member *m)
{
	if (m->owned)
		close(m->fd);
	*m = (struct member){.fd = -1};
}

int archive_read(
	const struct archive *a, const char *name, size_t limit, void **data, size_t *len, struct snap_error *e)
{
	struct member m;
	char *text;
	int r = archive_find(a, name, &m);

	if (r)
		return snap_fail(e, -r, "the archive has no '%s'", name);
	if (m.size > limit) {
		r = snap_fail(e, EFBIG, "'%s' in the archive has %llu bytes, more than the limit of %zu", name,
			(unsigned long long)m.size, limit);
		member_close(&m);
		return r;
	}
	text = calloc(1, m.size + 1);
	if (!text)
		r = snap_fail(e, ENOMEM, "out of memory");
	else if (archive_pread(m.fd, text, m.size, m.off))
		r = snap_fail(e, EIO, "cannot read '%s' from the archive", name);
	if (r) {
		free(text);
	} else {
		*data = text;
		*len = m.size;
	}
	member_close(&m);
	return r;
}
