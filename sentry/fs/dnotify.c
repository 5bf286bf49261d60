/* SPDX-License-Identifier: MIT */
/*
 * Directory notification (F_NOTIFY): inotify's ancestor. A request belongs to an open file and the descriptor table it was
 * made through, and ends when that table closes a descriptor of the file.
 */
#include "fs/dnotify.h"

#include "fs/watch_list.h"
#include "kernel/task.h"
#include "kernel/views.h"
#include "vfs/fasync.h"
#include "vfs/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#define DN_ANY (DN_ACCESS | DN_MODIFY | DN_CREATE | DN_DELETE | DN_RENAME | DN_ATTRIB)

struct dnotify {
	struct list_head link; /* watch_list.dnotifies */
	struct file *file;     /* not held */
	const struct fd_table *table; /* not held */
	int fd;
	uint32_t mask; /* IN_* */
	bool many;     /* DN_MULTISHOT */
};

static uint32_t events_of(unsigned long dn)
{
	return (dn & DN_ACCESS ? IN_ACCESS : 0) | (dn & DN_MODIFY ? IN_MODIFY : 0) | (dn & DN_ATTRIB ? IN_ATTRIB : 0) |
	       (dn & DN_CREATE ? IN_CREATE | IN_MOVED_TO : 0) | (dn & DN_DELETE ? IN_DELETE | IN_MOVED_FROM : 0) |
	       (dn & DN_RENAME ? IN_MOVED_FROM : 0);
}

/* wl->lock held. */
static void end(struct inode *dir, struct dnotify *dn)
{
	struct kernel *k = dir->sb->kernel;

	list_del(&dn->link);
	atomic_fetch_sub(&k->n_watches, 1);
	free(dn);
	kernel_uncharge(k, sizeof(*dn));
}

void dnotify_tell(struct watch_list *wl, uint32_t mask)
{
	struct dnotify *dn, *tmp;

	list_for_each_entry_safe(dn, tmp, &wl->dnotifies, link) {
		struct inode *dir = dn->file->inode;
		struct f_owner owner;

		if (!(mask & dn->mask))
			continue;
		owner = f_owner_get(dn->file);
		f_owner_tell(dir->sb->kernel, &owner, dn->fd, POLL_MSG);
		if (!dn->many)
			end(dir, dn);
	}
}

/* NULL for *ft*: of whatever table. */
static void end_all(struct file *f, const struct fd_table *ft)
{
	struct watch_list *wl = f->inode->watches;
	struct dnotify *dn, *tmp;

	LOCK_SCOPE(&wl->lock);
	list_for_each_entry_safe(dn, tmp, &wl->dnotifies, link)
		if (dn->file == f && (!ft || dn->table == ft))
			end(f->inode, dn);
}

void dnotify_closed(struct file *f, const struct fd_table *ft)
{
	if (f->inode->watches && S_ISDIR(f->inode->mode))
		end_all(f, ft);
}

static struct dnotify *dnotify_alloc(struct kernel *k)
{
	struct dnotify *dn;

	if (kernel_charge(k, sizeof(*dn)))
		return NULL;
	dn = calloc(1, sizeof(*dn));
	if (!dn)
		kernel_uncharge(k, sizeof(*dn));
	return dn;
}

int dnotify_set(struct task *t, struct file *f, int fd, unsigned long mask)
{
	struct kernel *k = t->kernel;
	struct watch_list *wl;
	struct dnotify *dn, *fresh;

	if (!(mask & DN_ANY)) {
		dnotify_closed(f, t->fds);
		return 0;
	}
	if (!S_ISDIR(f->inode->mode))
		return -ENOTDIR;
	wl = watch_list_get(f->inode);
	fresh = wl ? dnotify_alloc(k) : NULL;
	if (!fresh)
		return -ENOMEM;
	f_owner_set(t, f, F_OWNER_PID, t->tg->pid, false);
	LOCK_SCOPE(&wl->lock);
	list_for_each_entry(dn, &wl->dnotifies, link) {
		if (dn->file != f || dn->table != t->fds)
			continue;
		dn->fd = fd;
		dn->mask |= events_of(mask);
		dn->many |= (mask & DN_MULTISHOT) != 0;
		free(fresh);
		kernel_uncharge(k, sizeof(*fresh));
		return 0;
	}
	*fresh = (struct dnotify){.file = f, .table = t->fds, .fd = fd, .mask = events_of(mask), .many = mask & DN_MULTISHOT};
	list_add_tail(&fresh->link, &wl->dnotifies);
	atomic_fetch_add(&k->n_watches, 1);
	views_forget(k, NULL);
	return 0;
}
