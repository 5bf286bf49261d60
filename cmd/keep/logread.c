/* SPDX-License-Identifier: MIT */
/*
 * The reader of the log. It holds one file open. Where a file ends and has been rotated away, its successor is found by
 * its inode: the one that stands one number below it now.
 */
#include "cmd/keep/logread.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/keep/log.h"
#include "cmd/lib/str.h"
#include "cmd/lib/when.h"

#define FILES_MAX 10000
#define BUFFER (256 << 10) /* more than any line: 16 KiB, each byte six at most */

struct log_reader {
	char *dir;
	int dirfd;
	int fd;
	struct stat st; /* of fd */
	char *buf;
	size_t start, end; /* what is read and not yet given out */
	json_t *line;	   /* whose strings were given out */
};

static int open_number(const struct log_reader *r, int number, struct stat *st)
{
	char *path = number ? xasprintf("%s/" LOG_NAME ".%d", r->dir, number) : xasprintf("%s/" LOG_NAME, r->dir);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	free(path);
	if (fd >= 0 && (fstat(fd, st) < 0 || !S_ISREG(st->st_mode))) {
		close(fd);
		fd = -1;
		errno = ENOENT;
	}
	return fd;
}

/* The number of the oldest file; -1 if there is none. */
static int oldest(const struct log_reader *r)
{
	struct stat st;
	int n = -1;

	for (int i = 0; i < FILES_MAX; i++) {
		int fd = open_number(r, i, &st);

		if (fd < 0 && i > 0)
			break;
		if (fd >= 0) {
			close(fd);
			n = i;
		}
	}
	return n;
}

static bool same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* The file behind ours: one number below it, or the oldest where ours is gone. True: r->fd is that one. Lock held. */
static bool next_file(struct log_reader *r)
{
	int last = oldest(r), number = last;
	struct stat st;

	for (int i = 0; i <= last; i++) {
		int fd = open_number(r, i, &st);

		if (fd >= 0)
			close(fd);
		if (fd >= 0 && same(&st, &r->st)) {
			number = i - 1;
			break;
		}
	}
	if (number < 0)
		return false; /* ours is the newest */
	last = open_number(r, number, &st);
	if (last < 0)
		return false;
	close(r->fd);
	r->fd = last;
	r->st = st;
	return true;
}

/* Nothing is renamed while the lock is held; who cannot have it goes without. */
static void lock(const struct log_reader *r, int how)
{
	while (flock(r->dirfd, how) < 0 && errno == EINTR)
		;
}

static bool advance(struct log_reader *r)
{
	bool found;

	lock(r, LOCK_SH);
	found = next_file(r);
	lock(r, LOCK_UN);
	return found;
}

/* More bytes of this file. False: it ends here. */
static bool fill(struct log_reader *r)
{
	ssize_t n;

	memmove(r->buf, r->buf + r->start, r->end - r->start);
	r->end -= r->start;
	r->start = 0;
	if (r->end == BUFFER)
		r->end = 0; /* no line of a log is so long: damaged */
	n = read(r->fd, r->buf + r->end, BUFFER - r->end);
	if (n > 0)
		r->end += (size_t)n;
	return n > 0;
}

/* A whole line into *text; false if there is none yet. */
static bool next_text(struct log_reader *r, char **text, size_t *len)
{
	bool ended = false;

	for (;;) {
		char *end = memchr(r->buf + r->start, '\n', r->end - r->start);

		if (end) {
			*text = r->buf + r->start;
			*len = (size_t)(end - *text);
			r->start += *len + 1;
			return true;
		}
		if (fill(r)) {
			ended = false;
			continue;
		}
		/* After the news that there is a newer file nothing more is written to ours: once more, then on. */
		if (!ended) {
			struct stat st;
			int fd = open_number(r, 0, &st);
			bool newest = fd < 0 || same(&st, &r->st);

			if (fd >= 0)
				close(fd);
			if (newest)
				return false;
			ended = true;
			continue;
		}
		if (!advance(r))
			return false;
		r->start = r->end = 0; /* half a line that a crash left */
		ended = false;
	}
}

int log_reader_next(struct log_reader *r, struct log_line *line)
{
	char *text;
	size_t len;

	while (next_text(r, &text, &len)) {
		const json_t *log, *stream, *when;

		json_decref(r->line);
		r->line = json_loadb(text, len, JSON_ALLOW_NUL, NULL);
		log = json_object_get(r->line, "log");
		stream = json_object_get(r->line, "stream");
		when = json_object_get(r->line, "time");
		if (!json_is_string(log) || !json_is_string(stream) || !json_is_string(when) ||
			parse_when(json_string_value(when), 0, &line->time) < 0)
			continue;
		line->data = json_string_value(log);
		line->len = json_string_length(log);
		line->error = strcmp(json_string_value(stream), "stderr") == 0;
		return 1;
	}
	return 0;
}

/* ---- The end of the log ---- */

/* Lines that end in this file behind *at, counted from its end until `want`; *at is then where they begin. */
static int64_t count_back(int fd, off_t size, int64_t want, off_t *at)
{
	char buf[65536];
	int64_t lines = 0;
	off_t pos = size;

	while (pos > 0) {
		size_t n = pos < (off_t)sizeof(buf) ? (size_t)pos : sizeof(buf);

		pos -= (off_t)n;
		if (pread(fd, buf, n, pos) != (ssize_t)n)
			break;
		for (size_t i = n; i-- > 0;) {
			if (buf[i] != '\n')
				continue;
			if (lines == want) {
				*at = pos + (off_t)i + 1;
				return lines;
			}
			lines++;
		}
	}
	*at = 0;
	return lines;
}

/* Go to where the last `tail` lines begin. */
static void seek_tail(struct log_reader *r, int64_t tail)
{
	for (int i = 0;; i++) {
		struct stat st;
		int fd = open_number(r, i, &st);
		off_t at;

		if (fd < 0)
			return;
		tail -= count_back(fd, st.st_size, tail, &at);
		if (r->fd >= 0)
			close(r->fd);
		r->fd = fd;
		r->st = st;
		lseek(fd, at, SEEK_SET);
		if (tail <= 0)
			return;
	}
}

struct log_reader *log_reader_open(const char *dir, int64_t tail)
{
	struct log_reader *r = xcalloc(1, sizeof(*r));
	int number;

	*r = (struct log_reader){.dir = xstrdup(dir), .fd = -1, .buf = xrealloc(NULL, BUFFER)};
	r->dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	lock(r, LOCK_SH);
	if (tail >= 0) {
		seek_tail(r, tail);
	} else {
		number = oldest(r);
		r->fd = number < 0 ? -1 : open_number(r, number, &r->st);
	}
	lock(r, LOCK_UN);
	if (r->fd >= 0)
		return r;
	log_reader_close(r);
	errno = ENOENT;
	return NULL;
}

void log_reader_close(struct log_reader *r)
{
	json_decref(r->line);
	if (r->fd >= 0)
		close(r->fd);
	if (r->dirfd >= 0)
		close(r->dirfd);
	free(r->buf);
	free(r->dir);
	free(r);
}
