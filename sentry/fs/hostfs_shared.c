/* SPDX-License-Identifier: MIT */
/* hostfs below an overlay, where files and directories are taken as stable: what was opened or listed once is kept for the next. */
#include "fs/hostfs.h"
#include "host/view.h"
#include "vfs/uio.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#define READS_BEFORE_VIEW 2u
#define VIEW_MAX (256ull << 20)	     /* bytes of a file that is mapped */
#define LISTINGS_MAX (8u << 20)	     /* bytes of names kept */

/* --- open files ---------------------------------------------------------------------------------------------------------- */

void host_shared_put(struct host_shared *s)
{
	if (!s || !refs_put(&s->refs))
		return;
	host_view_unmap(s->view);
	host_close(s->fd);
	free(s);
}

/* Take *s* off its node. hostfs.lock is held; the caller puts the reference after it. */
static void give_up(struct hostfs *fs, struct host_shared *s)
{
	s->node->open_file = NULL;
	s->node = NULL;
	list_del(&s->link);
	fs->n_shared--;
}

struct host_shared *host_shared_get(struct inode *inode)
{
	struct hostfs *fs = hostfs_of(inode);
	struct host_shared *s;

	if (!fs->lower)
		return NULL;
	lock_acquire(&fs->lock);
	s = host_node_of(inode)->open_file;
	if (s) {
		refs_get(&s->refs);
		list_del(&s->link);
		list_add(&s->link, &fs->shared_files);
	}
	lock_release(&fs->lock);
	return s;
}

struct host_shared *host_shared_add(struct inode *inode, int fd)
{
	struct hostfs *fs = hostfs_of(inode);
	struct host_node *n = host_node_of(inode);
	struct host_shared *s, *old = NULL;

	if (!fs->lower || n->pinned || !S_ISREG(inode->mode))
		return NULL;
	s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	refs_init(&s->refs); /* the caller's */
	s->fd = fd;
	s->size = inode->size;
	lock_acquire(&fs->lock);
	if (!n->open_file) { /* else another was first: this one is the caller's alone */
		if (fs->n_shared >= fs->max_shared) {
			old = container_of(fs->shared_files.prev, struct host_shared, link);
			give_up(fs, old);
		}
		refs_get(&s->refs);
		n->open_file = s;
		s->node = n;
		list_add(&s->link, &fs->shared_files);
		fs->n_shared++;
	}
	lock_release(&fs->lock);
	host_shared_put(old);
	return s;
}

/* The view is made by one reader, once: when the file is read again. */
static const struct host_view *view_of(struct host_shared *s)
{
	struct host_view *v = atomic_load_explicit(&s->view, memory_order_acquire);

	if (v || s->size > VIEW_MAX || atomic_load_explicit(&s->reads, memory_order_relaxed) > READS_BEFORE_VIEW ||
	    atomic_fetch_add_explicit(&s->reads, 1, memory_order_relaxed) != READS_BEFORE_VIEW)
		return v;
	v = host_view_map(s->fd, s->size);
	atomic_store_explicit(&s->view, v, memory_order_release);
	return v;
}

ssize_t host_shared_read(struct host_shared *s, uint64_t off, struct uio *dst)
{
	const struct host_view *v;
	ssize_t n;

	if (s->size && off >= s->size)
		return 0;
	v = view_of(s);
	n = v ? host_view_to_uio(v, off, dst->left, dst) : 0;
	return n > 0 ? n : -EAGAIN;
}

/* --- names of directories ------------------------------------------------------------------------------------------------ */

void host_listing_put(struct host_listing *l)
{
	if (!l || !refs_put(&l->refs))
		return;
	free(l->entries);
	free(l->names);
	free(l);
}

static size_t listing_size(const struct host_listing *l)
{
	return sizeof(*l) + l->room * sizeof(*l->entries) + l->names_room;
}

/* hostfs.lock is held; the caller puts what it gets after it. */
static struct host_listing *forget_listing(struct hostfs *fs, struct host_node *n)
{
	struct host_listing *l = n->listing;

	if (l) {
		n->listing = NULL;
		list_del(&n->listing_link);
		fs->listing_bytes -= listing_size(l);
	}
	return l;
}

struct host_listing *host_listing_get(struct inode *dir)
{
	struct hostfs *fs = hostfs_of(dir);
	struct host_node *n = host_node_of(dir);
	struct host_listing *l;

	if (!fs->lower)
		return NULL;
	lock_acquire(&fs->lock);
	l = n->listing;
	if (l) {
		refs_get(&l->refs);
		list_del(&n->listing_link);
		list_add(&n->listing_link, &fs->listings);
	}
	lock_release(&fs->lock);
	return l;
}

void host_listing_keep(struct inode *dir, struct host_listing *l)
{
	struct hostfs *fs = hostfs_of(dir);
	struct host_node *n = host_node_of(dir);
	bool full = true;

	if (!fs->lower || listing_size(l) > LISTINGS_MAX / 4)
		return;
	refs_get(&l->refs);
	lock_acquire(&fs->lock);
	if (!n->listing) {
		n->listing = l;
		list_add(&n->listing_link, &fs->listings);
		fs->listing_bytes += listing_size(l);
		l = NULL;
	}
	lock_release(&fs->lock);
	host_listing_put(l);
	while (full) {
		struct host_listing *old = NULL;

		lock_acquire(&fs->lock);
		full = fs->listing_bytes > LISTINGS_MAX;
		if (full)
			old = forget_listing(fs, container_of(fs->listings.prev, struct host_node, listing_link));
		lock_release(&fs->lock);
		host_listing_put(old);
	}
}

void host_node_unshare(struct inode *inode)
{
	struct hostfs *fs = hostfs_of(inode);
	struct host_node *n = host_node_of(inode);
	struct host_listing *l;
	struct host_shared *s;

	if (!fs->lower)
		return;
	lock_acquire(&fs->lock);
	l = forget_listing(fs, n);
	s = n->open_file;
	if (s)
		give_up(fs, s);
	lock_release(&fs->lock);
	host_listing_put(l);
	host_shared_put(s);
}
