/* SPDX-License-Identifier: MIT */
/* Writing the id maps of user namespaces: /proc/PID/{uid_map,gid_map,projid_map,setgroups}. user_namespaces(7). */
#include "kernel/cred.h"
#include "kernel/errno.h"
#include "kernel/user_ns.h"

#include <stdlib.h>
#include <string.h>

struct draft { /* a map under construction; lower ids are the parent's until resolve() */
	struct id_extent e[ID_EXTENTS_MAX];
	uint32_t n;
};

static bool blank(char c)
{
	return c == ' ' || c == '\t';
}

/* A number and the blanks behind it. */
static int parse_number(const char **at, uint32_t *ret)
{
	uint64_t v = 0;
	const char *p = *at;

	while (blank(*p))
		p++;
	if (*p < '0' || *p > '9')
		return -EINVAL;
	for (; *p >= '0' && *p <= '9'; p++) {
		v = v * 10 + (uint64_t)(*p - '0');
		if (v > UINT32_MAX)
			return -EINVAL;
	}
	if (*p && !blank(*p) && *p != '\n')
		return -EINVAL;
	*at = p;
	*ret = (uint32_t)v;
	return 0;
}

static bool overlaps(uint32_t a, uint32_t b, uint32_t count_a, uint32_t count_b)
{
	return a < (uint64_t)b + count_b && b < (uint64_t)a + count_a;
}

static int add_extent(struct draft *d, const struct id_extent *n)
{
	uint32_t end;

	if (n->first == ID_INVALID || n->lower == ID_INVALID || !n->count)
		return -EINVAL;
	if (__builtin_add_overflow(n->first, n->count, &end) || __builtin_add_overflow(n->lower, n->count, &end))
		return -EINVAL;
	for (uint32_t i = 0; i < d->n; i++)
		if (overlaps(n->first, d->e[i].first, n->count, d->e[i].count) ||
			overlaps(n->lower, d->e[i].lower, n->count, d->e[i].count))
			return -EINVAL;
	if (d->n == ID_EXTENTS_MAX)
		return -EINVAL;
	d->e[d->n++] = *n;
	return 0;
}

static int parse(const char *text, struct draft *d)
{
	while (*text) {
		struct id_extent n;

		if (parse_number(&text, &n.first) || parse_number(&text, &n.lower) || parse_number(&text, &n.count))
			return -EINVAL;
		while (blank(*text))
			text++;
		if (*text && *text != '\n')
			return -EINVAL;
		if (*text)
			text++;
		if (add_extent(d, &n))
			return -EINVAL;
	}
	return d->n ? 0 : -EINVAL;
}

/* Id 0 of the parent may be mapped only by who could give files capabilities there: they would count for this root too.
 */
static bool may_map_root(const struct user_ns *ns, const struct cred *opener, const struct draft *d)
{
	bool maps_root = false;

	for (uint32_t i = 0; i < d->n; i++)
		maps_root |= d->e[i].lower == 0;
	if (!maps_root)
		return true;
	if (opener->user_ns == ns)
		return ns->parent_could_setfcap;
	return cred_ns_capable(opener, ns->parent, CAP_SETFCAP);
}

/* One's own id, alone, may be mapped by anybody. */
static bool maps_self(
	const struct user_ns *ns, enum id_kind_map which, const struct cred *opener, const struct draft *d)
{
	uint32_t lower = d->e[0].lower;

	if (d->n != 1 || d->e[0].count != 1 || ns->owner != opener->euid)
		return false;
	if (which == MAP_UIDS)
		return make_kuid(ns->parent, lower) == opener->euid;
	return which == MAP_GIDS && atomic_load(&ns->setgroups_denied) && make_kgid(ns->parent, lower) == opener->egid;
}

static bool permitted(const struct user_ns *ns, enum id_kind_map which, const struct cred *opener,
	const struct cred *writer, const struct draft *d)
{
	int cap = which == MAP_UIDS ? CAP_SETUID : CAP_SETGID;

	if (which == MAP_UIDS && !may_map_root(ns, opener, d))
		return false;
	if (which == MAP_PROJIDS || maps_self(ns, which, opener, d))
		return true;
	return cred_ns_capable(writer, ns->parent, cap) && cred_ns_capable(opener, ns->parent, cap);
}

static struct id_map *map_of(struct user_ns *ns, enum id_kind_map which)
{
	return which == MAP_UIDS ? &ns->uids : which == MAP_GIDS ? &ns->gids : &ns->projids;
}

/* The kernel id of *first*, all of whose *count* ids lie in one range of the map: between two there may be ids that are not the parent's. */
static bool range_down(const struct user_ns *ns, const struct id_map *m, uint32_t first, uint32_t count, uint32_t *ret)
{
	uint32_t n = atomic_load_explicit(&m->n, memory_order_acquire);

	if (!ns->parent)
		return true;
	for (uint32_t i = 0; i < n; i++) {
		const struct id_extent *e = &m->extents[i];

		if (first < e->first || first - e->first >= e->count || e->count - (first - e->first) < count)
			continue;
		*ret = e->lower + (first - e->first);
		return true;
	}
	return false;
}

/* Turn the parent's ids into kernel ids. A range must lie in one range of the parent's. */
static int resolve(struct user_ns *parent, enum id_kind_map which, struct draft *d)
{
	struct id_map *m = map_of(parent, which);

	for (uint32_t i = 0; i < d->n; i++) {
		struct id_extent *e = &d->e[i];

		if (!range_down(parent, m, e->lower, e->count, &e->lower))
			return -EPERM;
	}
	return 0;
}

/* ns->lock is held. */
static int store_map(struct user_ns *ns, enum id_kind_map which, const struct cred *opener, const struct cred *writer,
	const char *text, struct draft *d)
{
	struct id_map *m = map_of(ns, which);
	int r;

	if (atomic_load(&m->n))
		return -EPERM;
	if (which != MAP_PROJIDS && !cred_ns_capable(opener, ns, CAP_SYS_ADMIN))
		return -EPERM;
	r = parse(text, d);
	if (r)
		return r;
	if (!permitted(ns, which, opener, writer, d))
		return -EPERM;
	r = resolve(ns->parent, which, d);
	if (r)
		return r;
	m->extents = malloc(d->n * sizeof(*m->extents));
	if (!m->extents)
		return -ENOMEM;
	memcpy(m->extents, d->e, d->n * sizeof(*m->extents));
	atomic_store_explicit(&m->n, d->n, memory_order_release);
	return 0;
}

int user_ns_write_map(struct user_ns *ns, enum id_kind_map which, const struct cred *opener, const struct cred *writer,
	const char *text)
{
	struct draft *d;
	int r;

	if (!ns->parent || (opener->user_ns != ns && opener->user_ns != ns->parent))
		return -EPERM;
	d = calloc(1, sizeof(*d));
	if (!d)
		return -ENOMEM;
	lock_acquire(&ns->lock);
	r = store_map(ns, which, opener, writer, text, d);
	lock_release(&ns->lock);
	free(d);
	return r;
}

int user_ns_write_setgroups(struct user_ns *ns, const char *text)
{
	bool allow = !strncmp(text, "allow", 5);
	int r = 0;

	if (strlen(text) > 7 || (!allow && strncmp(text, "deny", 4) != 0))
		return -EINVAL;
	text += allow ? 5 : 4;
	if (text[strspn(text, " \t\n\v\f\r")])
		return -EINVAL;
	LOCK_SCOPE(&ns->lock);
	if (allow)
		r = atomic_load(&ns->setgroups_denied) ? -EPERM : 0;
	else if (atomic_load(&ns->gids.n))
		r = -EPERM;
	else
		atomic_store(&ns->setgroups_denied, true);
	return r;
}
