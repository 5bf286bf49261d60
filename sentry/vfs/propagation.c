/* SPDX-License-Identifier: MIT */
/*
 * Propagation: what is mounted below a shared mount appears below its peers and, one way, below their slaves.
 * mount_namespaces(7). The mount lock is held for writing throughout.
 */
#include "vfs/internal.h"

#include <sys/mount.h>

void propagation_init(struct mount *m)
{
	list_init(&m->peers);
	list_init(&m->slaves);
	list_init(&m->slave_link);
}

static struct mount *next_peer(const struct mount *m)
{
	return container_of(m->peers.next, struct mount, peers);
}

static void become_slave(struct mount *m, struct mount *master)
{
	m->master = master;
	list_add(&m->slave_link, &master->slaves);
}

/* *m* leaves its peers; its slaves, and itself, become the slaves of one of them, or of its own master. */
static void leave_peers(struct mount *m)
{
	struct mount *master = next_peer(m), *s, *tmp;

	if (master == m)
		master = m->master;
	else
		list_del(&m->peers);
	list_init(&m->peers);
	m->group = 0;
	list_for_each_entry_safe (s, tmp, &m->slaves, slave_link) {
		list_del(&s->slave_link);
		list_init(&s->slave_link);
		s->master = NULL;
		if (master)
			become_slave(s, master);
	}
	if (m->master) {
		list_del(&m->slave_link);
		list_init(&m->slave_link);
		m->master = NULL;
	}
	if (master)
		become_slave(m, master);
}

void propagation_set(struct mount *m, unsigned type)
{
	if (type == MS_SHARED) {
		if (!m->group)
			m->group = ++m->sb->kernel->dcache->next_group;
		m->unbindable = false;
		return;
	}
	leave_peers(m);
	if (type == MS_SLAVE)
		return;
	if (m->master) {
		list_del(&m->slave_link);
		list_init(&m->slave_link);
		m->master = NULL;
	}
	m->unbindable = type == MS_UNBINDABLE;
}

/* --- mounting
 * --------------------------------------------------------------------------------------------------------------- */

struct spread { /* one mount event on its way */
	struct dentry *at;
	struct user_ns *owner; /* of the namespace where it happens */
	unsigned mark, n_made;
	struct list_head made; /* by mount.link: copies, each with its place in parent and mountpoint, not hooked yet */
};

/* A copy of *source* for the receiver *m*, to be attached when all copies could be made. */
static int receive(struct spread *sp, struct mount *m, struct mount *source, unsigned how, struct mount **ret)
{
	struct mount *copy, *c;
	int r;

	/* One event makes no more mounts than a namespace may have. */
	for (c = source; c; c = mount_next(c, source))
		sp->n_made++;
	if (m->ns->n_mounts + sp->n_made > MOUNTS_MAX)
		return -ENOSPC;
	r = mount_copy_tree(source, source->root, how | COPY_UNBINDABLE, &copy);
	if (r)
		return r;
	copy->parent = m;
	mount_get(m);
	list_add_tail(&copy->link, &sp->made);
	*ret = copy;
	return 0;
}

static bool receives(const struct spread *sp, const struct mount *m)
{
	return m->ns && m->mark != sp->mark && d_is_ancestor(m->root, sp->at);
}

/* *source* stands on *m*; let *m*'s peers have it, and the slaves of all of them. Depth: slaves of slaves. */
static int spread(struct spread *sp, struct mount *m, struct mount *source, unsigned depth)
{
	struct mount *p, *s, *copy;
	int r = 0;

	if (depth > 16)
		return 0;
	m->mark = sp->mark;
	for (p = next_peer(m); !r && p != m; p = next_peer(p)) {
		if (!receives(sp, p))
			continue;
		p->mark = sp->mark;
		r = receive(sp, p, source, COPY_SHARED, &copy);
	}
	p = m;
	do {
		list_for_each_entry (s, &p->slaves, slave_link) {
			if (r || !receives(sp, s))
				continue;
			r = receive(sp, s, source, COPY_SLAVE | (s->group ? COPY_SHARED : 0), &copy);
			if (!r)
				r = spread(sp, s, copy, depth + 1);
		}
		p = next_peer(p);
	} while (!r && p != m);
	return r;
}

/* Attach a copy below what is mounted there already: that is now on top of it, as it is where the mount came from. */
static void attach_copy(struct spread *sp, struct mount *copy)
{
	struct path at = {.mnt = copy->parent, .dentry = sp->at};
	struct mount *over = mount_find_child(at.mnt, at.dentry), *parent = copy->parent;

	copy->parent = NULL;
	list_del(&copy->link);
	list_init(&copy->link);
	if (mount_attach(parent->ns, &at, copy) < 0) {
		mount_free_tree(copy);
	} else {
		if (over) {
			struct dentry *old = over->mountpoint;

			mount_unhook(over);
			mount_hook(over, copy, copy->root);
			dentry_put(old);
			mount_put(parent);
		}
		if (parent->ns->head.owner != sp->owner)
			mount_lock_tree(copy);
		copy->flags &= ~MNT_LOCKED;
	}
	mount_put(parent); /* receive()'s */
}

int propagation_attach(struct mount_ns *ns, const struct path *at, struct mount *m)
{
	struct spread sp = {.at = at->dentry, .owner = ns->head.owner};
	struct mount *c, *tmp;
	int r = 0;

	if (!at->mnt->group)
		return mount_attach(ns, at, m);
	sp.mark = ++m->sb->kernel->dcache->propagation;
	list_init(&sp.made);
	for (c = m; c; c = mount_next(c, m))
		propagation_set(c, MS_SHARED);
	r = spread(&sp, at->mnt, m, 0);
	if (!r)
		r = mount_attach(ns, at, m);
	list_for_each_entry_safe (c, tmp, &sp.made, link) {
		struct mount *parent = c->parent;

		if (!r) {
			attach_copy(&sp, c);
			continue;
		}
		list_del(&c->link);
		list_init(&c->link);
		c->parent = NULL;
		mount_free_tree(c);
		mount_put(parent);
	}
	return r;
}

/* --- unmounting
 * -------------------------------------------------------------------------------------------------------------- */

/* Chain the receivers of *m* that were not there yet through mount.copy: what goes may be one of them, so first they
 * are found. */
static struct mount *gather(struct mount *m, unsigned mark, struct mount *chain, unsigned depth)
{
	struct mount *p = m, *s;

	if (depth > 16)
		return chain;
	do {
		if (p->mark != mark) {
			p->mark = mark;
			p->copy = chain;
			chain = p;
		}
		p = next_peer(p);
	} while (p != m);
	do {
		list_for_each_entry (s, &p->slaves, slave_link)
			if (s->mark != mark)
				chain = gather(s, mark, chain, depth + 1);
		p = next_peer(p);
	} while (p != m);
	return chain;
}

/* Take down what corresponds to *m* elsewhere, unless something else stands on it. */
static void take_down_elsewhere(struct mount *m, struct list_head *gone)
{
	struct dentry *at = m->mountpoint;
	struct mount *r, *next;

	if (!m->parent || (!m->parent->group && list_empty(&m->parent->slaves)))
		return;
	r = gather(m->parent, ++m->sb->kernel->dcache->propagation, NULL, 0);
	for (; r; r = next) {
		struct mount *c = r == m->parent || !r->ns ? NULL : mount_find_child(r, at);

		next = r->copy;
		r->copy = NULL;
		if (c && c != m && list_empty(&c->children))
			mount_take_down(c, gone);
	}
}

static struct mount *first_leaf(struct mount *m)
{
	while (!list_empty(&m->children))
		m = list_first(&m->children, struct mount, child_link);
	return m;
}

void propagation_take_down(struct mount *m, struct list_head *gone)
{
	struct mount *c = first_leaf(m);

	/* Leaves first, so that whole trees go. A copy of a mount may stand in the tree itself: then begin again. */
	for (unsigned n = m->ns->n_mounts; n > 0; n--) {
		struct mount *parent = c->parent;

		take_down_elsewhere(c, gone);
		if (c == m)
			return;
		if (!parent->ns || !c->ns)
			c = first_leaf(m);
		else if (c->child_link.next != &parent->children)
			c = first_leaf(container_of(c->child_link.next, struct mount, child_link));
		else
			c = parent;
	}
}
