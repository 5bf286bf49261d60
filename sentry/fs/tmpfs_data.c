/* SPDX-License-Identifier: MIT */
/*
 * Data of regular files of tmpfs. A small file is a table of pages in sentry memory; once it is larger than TMPFS_SMALL, or
 * mapped, it moves into a memfd of its own, whose host size is the file's size: mappings in the guest and reads here then see the same
 * bytes. inode.lock is held in all functions.
 */
#include "fs/tmpfs.h"
#include "host/file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct tmpfs_data *data_of(struct inode *inode)
{
	return &tmpfs_i(inode)->data;
}

static uint64_t pages_of(uint64_t bytes)
{
	return bytes / TMPFS_PAGE + !!(bytes % TMPFS_PAGE);
}

int tmpfs_charge(struct inode *inode, uint64_t pages)
{
	struct tmpfs_sb *ts = tmpfs_sb(inode);
	uint64_t before = atomic_fetch_add(&ts->pages, pages);

	if ((ts->max_pages && before + pages > ts->max_pages) || kernel_charge_files(ts->kernel, pages * TMPFS_PAGE) < 0) {
		atomic_fetch_sub(&ts->pages, pages);
		return -ENOSPC;
	}
	data_of(inode)->used += pages;
	return 0;
}

void tmpfs_uncharge(struct inode *inode, uint64_t pages)
{
	struct tmpfs_sb *ts = tmpfs_sb(inode);

	atomic_fetch_sub(&ts->pages, pages);
	kernel_uncharge(ts->kernel, pages * TMPFS_PAGE);
	data_of(inode)->used -= pages;
}

/* Make the books agree with what the host has allocated. Never fails: what is there is there. */
static void recount(struct inode *inode)
{
	struct tmpfs_data *d = data_of(inode);
	struct tmpfs_sb *ts = tmpfs_sb(inode);
	uint64_t now, more;
	struct statx st;

	if (d->memfd < 0 || host_stat(d->memfd, "", &st) < 0)
		return;
	now = st.stx_blocks / (TMPFS_PAGE / 512);
	if (now <= d->used) {
		tmpfs_uncharge(inode, d->used - now);
		return;
	}
	more = now - d->used;
	atomic_fetch_add(&ts->pages, more);
	atomic_fetch_add(&ts->kernel->memory_used, more * TMPFS_PAGE);
	d->used = now;
}

uint64_t tmpfs_data_pages(struct inode *inode)
{
	if (data_of(inode)->mapped)
		recount(inode);
	return data_of(inode)->used;
}

/* --- pages ------------------------------------------------------------------------------------------------------------ */

static int reserve_table(struct tmpfs_data *d, uint64_t n)
{
	uint32_t cap = d->n_pages ? d->n_pages : 1;
	uint8_t **pages;

	if (n <= d->n_pages)
		return 0;
	while (cap < n)
		cap *= 2;
	pages = realloc(d->pages, cap * sizeof(*pages));
	if (!pages)
		return -ENOMEM;
	memset(pages + d->n_pages, 0, (cap - d->n_pages) * sizeof(*pages));
	d->pages = pages;
	d->n_pages = cap;
	return 0;
}

static int get_page(struct inode *inode, uint64_t index, uint8_t **ret)
{
	struct tmpfs_data *d = data_of(inode);
	uint8_t *page;
	int r;

	if (index < d->n_pages && d->pages[index]) {
		*ret = d->pages[index];
		return 0;
	}
	r = reserve_table(d, index + 1);
	if (!r)
		r = tmpfs_charge(inode, 1);
	if (r < 0)
		return r;
	page = calloc(1, TMPFS_PAGE);
	if (!page) {
		tmpfs_uncharge(inode, 1);
		return -ENOMEM;
	}
	*ret = d->pages[index] = page;
	return 0;
}

static void drop_page(struct inode *inode, uint64_t index)
{
	struct tmpfs_data *d = data_of(inode);

	if (index >= d->n_pages || !d->pages[index])
		return;
	free(d->pages[index]);
	d->pages[index] = NULL;
	tmpfs_uncharge(inode, 1);
}

static void zero_range(struct inode *inode, uint64_t from, uint64_t to)
{
	struct tmpfs_data *d = data_of(inode);

	while (from < to) {
		uint64_t index = from / TMPFS_PAGE, off = from % TMPFS_PAGE;
		uint64_t n = TMPFS_PAGE - off < to - from ? TMPFS_PAGE - off : to - from;

		if (index >= d->n_pages)
			return;
		if (n == TMPFS_PAGE)
			drop_page(inode, index);
		else if (d->pages[index])
			memset(d->pages[index] + off, 0, n);
		from += n;
	}
}

static ssize_t read_pages(struct inode *inode, struct uio *dst, uint64_t pos, size_t len)
{
	struct tmpfs_data *d = data_of(inode);
	size_t done = 0;

	while (done < len) {
		uint64_t index = (pos + done) / TMPFS_PAGE, off = (pos + done) % TMPFS_PAGE;
		size_t n = TMPFS_PAGE - off < len - done ? TMPFS_PAGE - off : len - done;
		uint8_t *page = index < d->n_pages ? d->pages[index] : NULL;
		ssize_t r = page ? uio_put(dst, page + off, n) : uio_put_zero(dst, n);

		if (r <= 0)
			return done ? (ssize_t)done : r;
		done += (size_t)r;
		if ((size_t)r < n)
			break;
	}
	return (ssize_t)done;
}

static ssize_t write_pages(struct inode *inode, struct uio *src, uint64_t pos)
{
	size_t len = src->left, done = 0;

	while (done < len) {
		uint64_t index = (pos + done) / TMPFS_PAGE, off = (pos + done) % TMPFS_PAGE;
		size_t n = TMPFS_PAGE - off < len - done ? TMPFS_PAGE - off : len - done;
		uint8_t *page;
		ssize_t r = get_page(inode, index, &page);

		if (!r)
			r = uio_take(src, page + off, n);
		if (r <= 0)
			return done ? (ssize_t)done : r;
		done += (size_t)r;
		if ((size_t)r < n)
			break;
	}
	return (ssize_t)done;
}

/* --- memfd -------------------------------------------------------------------------------------------------------------- */

static int copy_pages(struct tmpfs_data *d, int fd)
{
	for (uint32_t i = 0; i < d->n_pages; i++) {
		ssize_t r;

		if (!d->pages[i])
			continue;
		r = host_pwrite(fd, d->pages[i], TMPFS_PAGE, (uint64_t)i * TMPFS_PAGE);
		if (r != (ssize_t)TMPFS_PAGE)
			return r < 0 ? (int)r : -ENOSPC;
	}
	return 0;
}

int tmpfs_to_memfd(struct inode *inode)
{
	struct tmpfs_data *d = data_of(inode);
	int fd, r;

	if (d->memfd >= 0)
		return 0;
	fd = host_memfd("tmpfs");
	if (fd < 0)
		return fd == -EMFILE ? -ENFILE : fd;
	r = copy_pages(d, fd);
	if (!r)
		r = host_ftruncate(fd, inode->size);
	if (!r && (d->seals & ~(unsigned)F_SEAL_SEAL))
		r = host_add_seals(fd, d->seals & ~(unsigned)F_SEAL_SEAL);
	if (r < 0) {
		host_close(fd);
		return r;
	}
	for (uint32_t i = 0; i < d->n_pages; i++)
		free(d->pages[i]);
	free(d->pages);
	d->pages = NULL;
	d->n_pages = 0;
	d->memfd = fd;
	return 0;
}

/* Is every page below the size allocated? Then what a write adds is known without asking the host. */
static bool dense(struct inode *inode)
{
	return !data_of(inode)->mapped && data_of(inode)->used == pages_of(inode->size);
}

static ssize_t write_memfd(struct inode *inode, struct uio *src, uint64_t pos)
{
	struct tmpfs_data *d = data_of(inode);
	uint64_t end = pos + src->left, first = pos / TMPFS_PAGE, last = pages_of(end), worst;
	bool was_dense = dense(inode) && pos <= inode->size;
	ssize_t n;
	int r;

	if (was_dense)
		worst = last > d->used ? last - d->used : 0;
	else
		worst = last - first;
	r = tmpfs_charge(inode, worst);
	if (r < 0)
		return r;
	n = host_file_from_uio(inode->sb->kernel->platform, d->memfd, pos, src->left, src);
	if (!was_dense || n != (ssize_t)(end - pos))
		recount(inode);
	return n;
}

/* --- operations --------------------------------------------------------------------------------------------------------- */

ssize_t tmpfs_data_read(struct inode *inode, struct uio *dst, uint64_t pos)
{
	struct tmpfs_data *d = data_of(inode);
	uint64_t size = inode->size;
	size_t len = dst->left;

	if (pos >= size)
		return 0;
	if (len > size - pos)
		len = size - pos;
	return d->memfd < 0 ? read_pages(inode, dst, pos, len) :
			      host_file_to_uio(inode->sb->kernel->platform, d->memfd, pos, len, dst);
}

ssize_t tmpfs_data_write(struct inode *inode, struct uio *src, uint64_t pos)
{
	struct tmpfs_data *d = data_of(inode);
	uint64_t end = pos + src->left;
	ssize_t n;

	if (pos > INT64_MAX || end > INT64_MAX)
		return -EFBIG;
	if (d->seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE))
		return -EPERM;
	if ((d->seals & F_SEAL_GROW) && end > inode->size)
		return -EPERM;
	if (!src->left)
		return 0;
	if (d->memfd < 0 && end > TMPFS_SMALL) {
		int r = tmpfs_to_memfd(inode);

		if (r < 0)
			return r == -ENFILE ? -ENOSPC : r;
	}
	n = d->memfd < 0 ? write_pages(inode, src, pos) : write_memfd(inode, src, pos);
	if (n > 0) {
		if (pos + (uint64_t)n > inode->size)
			inode->size = pos + (uint64_t)n;
		inode_touch_mtime(inode);
	}
	return n;
}

int tmpfs_truncate(struct inode *inode, uint64_t size)
{
	struct tmpfs_data *d = data_of(inode);
	uint64_t old = inode->size;
	int r = 0;

	if (size > INT64_MAX)
		return -EFBIG;
	if (((d->seals & F_SEAL_SHRINK) && size < old) || ((d->seals & F_SEAL_GROW) && size > old))
		return -EPERM;
	if (d->memfd < 0 && size > TMPFS_SMALL)
		r = tmpfs_to_memfd(inode);
	if (r < 0)
		return r;
	if (d->memfd >= 0) {
		r = host_ftruncate(d->memfd, size);
		if (r < 0)
			return r;
		inode->size = size;
		recount(inode);
		return 0;
	}
	if (size < old)
		zero_range(inode, size, pages_of(old) * TMPFS_PAGE);
	inode->size = size;
	return 0;
}

static int fallocate_memfd(struct inode *inode, int mode, uint64_t off, uint64_t len)
{
	struct tmpfs_data *d = data_of(inode);
	uint64_t need = mode & FALLOC_FL_PUNCH_HOLE ? 0 : pages_of(off + len) - off / TMPFS_PAGE;
	int r = tmpfs_charge(inode, need);

	if (!r)
		r = host_fallocate(d->memfd, mode, (int64_t)off, (int64_t)len);
	recount(inode);
	return r;
}

static int fallocate_pages(struct inode *inode, int mode, uint64_t off, uint64_t len)
{
	uint8_t *page;
	int r = 0;

	if (mode & FALLOC_FL_PUNCH_HOLE) {
		zero_range(inode, off, off + len);
		return 0;
	}
	for (uint64_t i = off / TMPFS_PAGE; i < pages_of(off + len) && !r; i++)
		r = get_page(inode, i, &page);
	return r;
}

int tmpfs_fallocate(struct inode *inode, int mode, uint64_t off, uint64_t len)
{
	struct tmpfs_data *d = data_of(inode);
	bool punch = mode & FALLOC_FL_PUNCH_HOLE;
	int r = 0;

	if (punch && (d->seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)))
		return -EPERM;
	if (!(mode & FALLOC_FL_KEEP_SIZE) && off + len > inode->size && (d->seals & F_SEAL_GROW))
		return -EPERM;
	if (!punch && d->memfd < 0 && off + len > TMPFS_SMALL)
		r = tmpfs_to_memfd(inode);
	if (!r)
		r = d->memfd >= 0 ? fallocate_memfd(inode, mode, off, len) : fallocate_pages(inode, mode, off, len);
	if (r < 0)
		return r;
	if (!(mode & FALLOC_FL_KEEP_SIZE) && off + len > inode->size)
		inode->size = off + len;
	if (punch)
		inode_touch_mtime(inode);
	else
		inode->ctime = inode_now(inode);
	return 0;
}

int64_t tmpfs_data_seek(struct inode *inode, uint64_t off, bool hole)
{
	struct tmpfs_data *d = data_of(inode);
	uint64_t size = inode->size;

	if (off >= size)
		return -ENXIO;
	if (d->memfd >= 0)
		return host_lseek(d->memfd, (int64_t)off, hole ? SEEK_HOLE : SEEK_DATA);
	for (uint64_t i = off / TMPFS_PAGE; i * TMPFS_PAGE < size; i++) {
		bool data = i < d->n_pages && d->pages[i];

		if (data != hole)
			return (int64_t)(i * TMPFS_PAGE > off ? i * TMPFS_PAGE : off);
	}
	return hole ? (int64_t)size : -ENXIO;
}

void tmpfs_data_free(struct inode *inode)
{
	struct tmpfs_data *d = data_of(inode);

	for (uint32_t i = 0; i < d->n_pages; i++)
		free(d->pages[i]);
	free(d->pages);
	if (d->mapped)
		shared_mem_del(inode->sb->kernel, &d->shared);
	if (d->memfd >= 0)
		host_close(d->memfd);
	tmpfs_uncharge(inode, d->used);
	free(d->name);
}
