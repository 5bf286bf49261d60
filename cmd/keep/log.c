/* SPDX-License-Identifier: MIT */
/* The writer of the log. */
#include "cmd/keep/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cmd/lib/escape.h"
#include "cmd/lib/message.h"
#include "cmd/lib/str.h"

#define FILES_MAX 1000
#define BATCH 65536 /* of lines written at once, in bytes */

struct log {
	char *dir;
	int dirfd; /* locked while files are renamed: readers hold the lock while they look for a file */
	int fd;
	int64_t size;
	struct log_options o;
	bool failed;
	struct {
		char data[LOG_LINE_MAX];
		size_t len;
	} part[2]; /* of output and error output: the beginning of a line */
	char *lines; /* to be written */
	size_t len, room;
};

static int open_file(struct log *l)
{
	char *path = xasprintf("%s/" LOG_NAME, l->dir);
	struct stat st;

	l->fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (l->fd >= 0 && fstat(l->fd, &st) == 0)
		l->size = st.st_size;
	free(path);
	return l->fd;
}

static int one_option(const char *word, struct log_options *ret)
{
	if (strncmp(word, "max-size=", 9) == 0 && (strcmp(word + 9, "-1") == 0 || parse_size(word + 9, &ret->max_size) == 0))
		return 0;
	if (strncmp(word, "max-file=", 9) == 0 && parse_number(word + 9, 1, FILES_MAX, &ret->max_files) == 0)
		return 0;
	return complain(-1, "--log-opt \"%s\" is none that there is: max-size=BYTES (10m), max-file=N (1 to %d)", word, FILES_MAX);
}

int log_options_parse(const char *driver, const struct str_list *words, struct log_options *ret)
{
	*ret = (struct log_options){.none = driver && strcmp(driver, "none") == 0, .max_files = 1};
	for (size_t i = 0; i < words->count; i++)
		if (one_option(words->items[i], ret) < 0)
			return -1;
	if (ret->max_files > 1 && !ret->max_size)
		return complain(-1, "--log-opt max-file needs max-size: without it there is one file alone");
	return 0;
}

struct log *log_open(const char *dir, const struct log_options *o)
{
	struct log *l = xcalloc(1, sizeof(*l));

	l->dir = xstrdup(dir);
	l->o = *o;
	l->fd = -1;
	l->dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (open_file(l) >= 0)
		return l;
	complain(-1, "cannot open the log %s/" LOG_NAME ": %s", dir, strerror(errno));
	log_close(l);
	return NULL;
}

/*
 * The oldest file goes, each other moves up by one. A reader that has a file open reads it to its end and finds the next
 * by its number (inode), so nothing is lost to it. With one file alone it begins anew, as docker's does.
 */
static void rotate(struct log *l)
{
	/* The program is not made to wait for a reader: the file grows on until next time. */
	if (flock(l->dirfd, LOCK_EX | LOCK_NB) < 0)
		return;
	close(l->fd);
	for (int i = (int)l->o.max_files - 1; i >= 1; i--) {
		char *from = i == 1 ? xasprintf("%s/" LOG_NAME, l->dir) : xasprintf("%s/" LOG_NAME ".%d", l->dir, i - 1);
		char *to = xasprintf("%s/" LOG_NAME ".%d", l->dir, i);

		rename(from, to);
		free(from);
		free(to);
	}
	if (l->o.max_files == 1) {
		char *path = xasprintf("%s/" LOG_NAME, l->dir);

		unlink(path);
		free(path);
	}
	l->size = 0;
	open_file(l);
	flock(l->dirfd, LOCK_UN);
}

static void failed(struct log *l)
{
	if (!l->failed)
		warn("cannot write the log in %s: %s; what the program writes now is not kept", l->dir, strerror(errno));
	l->failed = true;
}

/* What a full disk cut off is taken back: the file never holds half a line. */
static void write_out(struct log *l, const char *data, size_t len)
{
	ssize_t n;

	if (l->fd < 0)
		open_file(l); /* it could not be opened when it was to begin anew */
	do {
		n = l->fd < 0 ? -1 : write(l->fd, data, len);
	} while (n < 0 && errno == EINTR);
	if (n == (ssize_t)len) {
		l->size += n;
		l->failed = false;
		return;
	}
	if (n > 0 && ftruncate(l->fd, l->size) == 0)
		errno = ENOSPC;
	failed(l);
}

static bool too_long(const struct log *l, size_t more)
{
	return l->o.max_size && l->size + (int64_t)more > l->o.max_size;
}

/* One write(2) a batch of lines; all but the last fit into the file. */
static void write_lines(struct log *l)
{
	const char *last = l->len ? memrchr(l->lines, '\n', l->len - 1) : NULL;
	size_t fits = too_long(l, l->len) ? (last ? (size_t)(last - l->lines) + 1 : 0) : l->len;

	if (fits)
		write_out(l, l->lines, fits);
	if (fits < l->len) {
		if (l->size)
			rotate(l);
		write_out(l, l->lines + fits, l->len - fits);
	}
	l->len = 0;
}

static void put(struct log *l, const char *text, size_t len)
{
	if (l->room - l->len < len) {
		l->room = 2 * (l->len + len);
		l->lines = xrealloc(l->lines, l->room);
	}
	memcpy(l->lines + l->len, text, len);
	l->len += len;
}

static void add_line(struct log *l, int which, const char *stamp)
{
	const char *stream = which ? "\",\"stream\":\"stderr\",\"time\":\"" : "\",\"stream\":\"stdout\",\"time\":\"";
	char escaped[6 * 64];
	size_t at = 0;

	put(l, "{\"log\":\"", 8);
	while (at < l->part[which].len) {
		size_t n = json_escape(l->part[which].data, l->part[which].len, &at, escaped, sizeof(escaped));

		put(l, escaped, n);
	}
	put(l, stream, strlen(stream));
	put(l, stamp, strlen(stamp));
	put(l, "\"}\n", 3);
	l->part[which].len = 0;
}

static void now(char *stamp, size_t size)
{
	struct timespec ts;
	struct tm tm;
	size_t n;

	clock_gettime(CLOCK_REALTIME, &ts);
	gmtime_r(&ts.tv_sec, &tm);
	n = strftime(stamp, size, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(stamp + n, size - n, ".%09ldZ", ts.tv_nsec);
}

/* A cut that the length makes does not fall into a character. */
static size_t whole_characters(const char *data, size_t len)
{
	size_t back = 0;

	while (back < 3 && back < len && ((unsigned char)data[len - 1 - back] & 0xc0) == 0x80)
		back++;
	if (back < len && (unsigned char)data[len - 1 - back] >= 0xc0)
		return utf8_char(data + len - 1 - back, back + 1) ? len : len - 1 - back;
	return len;
}

/* The buffer is full without a line end: all but the beginning of a character that goes on. */
static void cut_line(struct log *l, int which, const char *stamp)
{
	size_t len = l->part[which].len, whole = whole_characters(l->part[which].data, len);
	char rest[4];

	memcpy(rest, l->part[which].data + whole, len - whole);
	l->part[which].len = whole;
	add_line(l, which, stamp);
	memcpy(l->part[which].data, rest, len - whole);
	l->part[which].len = len - whole;
}

void log_write(struct log *l, bool error, const char *data, size_t len)
{
	int which = error ? 1 : 0;
	char stamp[48];

	now(stamp, sizeof(stamp));
	while (len) {
		const char *end = memchr(data, '\n', len);
		size_t n = end ? (size_t)(end - data) + 1 : len, room = LOG_LINE_MAX - l->part[which].len;

		if (n > room) {
			n = room;
			end = NULL;
		}
		memcpy(l->part[which].data + l->part[which].len, data, n);
		l->part[which].len += n;
		data += n;
		len -= n;
		if (end)
			add_line(l, which, stamp);
		else if (l->part[which].len == LOG_LINE_MAX)
			cut_line(l, which, stamp);
		if (l->len >= BATCH || too_long(l, l->len))
			write_lines(l);
	}
	write_lines(l);
}

void log_flush(struct log *l)
{
	char stamp[48];

	now(stamp, sizeof(stamp));
	for (int i = 0; i < 2; i++)
		if (l->part[i].len)
			add_line(l, i, stamp);
	write_lines(l);
}

void log_close(struct log *l)
{
	if (l->fd >= 0)
		close(l->fd);
	if (l->dirfd >= 0)
		close(l->dirfd);
	free(l->lines);
	free(l->dir);
	free(l);
}
