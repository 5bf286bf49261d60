/* SPDX-License-Identifier: MIT */
/* Files of partial downloads. Their content is not trusted: it goes through the same digest as what the network sends.
 */
#include "partial.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static int partial_dir(const struct store *s)
{
	if (mkdirat(store_dirfd(s), "partial", 0700) && errno != EEXIST)
		return -1;
	return openat(store_dirfd(s), "partial", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* Lock the file; -EAGAIN if somebody has it or it was removed between open and lock. */
static int partial_lock(int fd)
{
	struct stat st;

	if (flock(fd, LOCK_EX | LOCK_NB))
		return errno == EWOULDBLOCK ? -EAGAIN : -errno;
	if (fstat(fd, &st))
		return -errno;
	return st.st_nlink ? 0 : -EAGAIN;
}

int partial_open(struct partial *p, const struct store *s, const struct digest *d, uint64_t size, struct snap_error *e)
{
	struct stat st;
	int r;

	*p = (struct partial){.fd = -1};
	digest_hex(d, p->name);
	p->dir_fd = partial_dir(s);
	if (p->dir_fd < 0)
		return snap_fail_errno(e, errno, "cannot make %s/partial", store_path(s));
	p->fd = openat(p->dir_fd, p->name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (p->fd < 0) {
		r = snap_fail_errno(e, errno, "cannot make a file in %s/partial", store_path(s));
		close(p->dir_fd);
		return r;
	}
	r = partial_lock(p->fd);
	if (!r && fstat(p->fd, &st))
		r = -errno;
	if (r) {
		close(p->fd);
		close(p->dir_fd);
		p->fd = p->dir_fd = -1;
		return r == -EAGAIN ? r : snap_fail_errno(e, -r, "cannot lock a file in %s/partial", store_path(s));
	}
	p->have = (uint64_t)st.st_size;
	if (p->have > size)
		partial_empty(p);
	return 0;
}

void partial_append(struct partial *p, const void *data, size_t len)
{
	const char *from = data;

	if (p->have == UINT64_MAX)
		return;
	while (len && p->fd >= 0) {
		ssize_t n = pwrite(p->fd, from, len, (off_t)p->have);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			/* A full disk: the space is needed for the layer itself. The lock stays. */
			partial_empty(p);
			p->have = UINT64_MAX;
			return;
		}
		from += n;
		p->have += (uint64_t)n;
		len -= (size_t)n;
	}
}

void partial_empty(struct partial *p)
{
	if (p->fd >= 0 && ftruncate(p->fd, 0))
		unlinkat(p->dir_fd, p->name, 0);
	p->have = 0;
}

void partial_close(struct partial *p, bool keep)
{
	if (p->fd < 0)
		return;
	if (!keep || !p->have || p->have == UINT64_MAX)
		unlinkat(p->dir_fd, p->name, 0);
	close(p->fd);
	close(p->dir_fd);
	p->fd = p->dir_fd = -1;
}

void partial_drop(const struct store *s, const struct digest *d)
{
	char path[DIGEST_HEX_LEN + 16], hex[DIGEST_HEX_LEN + 1];
	int fd;

	snprintf(path, sizeof(path), "partial/%s", digest_hex(d, hex));
	fd = openat(store_dirfd(s), path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return;
	if (!partial_lock(fd))
		unlinkat(store_dirfd(s), path, 0);
	close(fd);
}

void partial_clean(const struct store *s, int64_t age)
{
	int dir_fd = partial_dir(s);
	DIR *dir = dir_fd >= 0 ? fdopendir(dir_fd) : NULL;
	struct dirent *entry;

	if (!dir) {
		if (dir_fd >= 0)
			close(dir_fd);
		return;
	}
	while ((entry = readdir(dir))) {
		struct stat st;
		int fd;

		if (strlen(entry->d_name) != DIGEST_HEX_LEN)
			continue;
		fd = openat(dir_fd, entry->d_name, O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
		if (fd < 0)
			continue;
		if (!fstat(fd, &st) && (st.st_mtime + age < time(NULL) || !st.st_size) && !partial_lock(fd))
			unlinkat(dir_fd, entry->d_name, 0);
		close(fd);
	}
	closedir(dir);
}
