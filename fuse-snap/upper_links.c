/* SPDX-License-Identifier: MIT */
/*
 * Lower files with several names of which one was changed: the layer has the changed object once more as index/NUMBER, and all
 * lower names show it (docs/kept-format.md). The names are the lower tree's to tell.
 */
#include "upper_priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NUMBERS_MAX 4000000u

struct numbers {
	uint64_t *items;
	size_t n, room;
};

static int add_number(struct numbers *ns, uint64_t number)
{
	if (ns->n == ns->room) {
		size_t room = ns->room ? ns->room * 2 : 32;
		uint64_t *p = room > NUMBERS_MAX ? NULL : reallocarray(ns->items, room, sizeof(*p));

		if (!p)
			return -ENOMEM;
		ns->items = p;
		ns->room = room;
	}
	ns->items[ns->n++] = number;
	return 0;
}

static int list_numbers(int upper_fd, struct numbers *ns)
{
	int fd = upper_open_beneath(upper_fd, "index", O_RDONLY | O_DIRECTORY), r = 0;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (!d) {
		r = fd < 0 ? fd : -errno;
		if (fd >= 0)
			close(fd);
		return r == -ENOENT ? 0 : r;
	}
	while (r == 0 && (e = readdir(d))) {
		char *end;
		uint64_t number = strtoull(e->d_name, &end, 16);

		if (end == e->d_name + 16 && !*end)
			r = add_number(ns, number);
	}
	closedir(d);
	return r;
}

static int compare_numbers(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

bool upper_number_in(const uint64_t *numbers, size_t n, uint64_t number)
{
	return bsearch(&number, numbers, n, sizeof(number), compare_numbers);
}

static int add_link(void *ctx, uint64_t number, const char *path)
{
	struct upper_links *l = ctx;
	struct upper_link *p;

	if (l->n == l->room) {
		size_t room = l->room ? l->room * 2 : 32;

		p = room > NUMBERS_MAX ? NULL : reallocarray(l->items, room, sizeof(*p));
		if (!p)
			return -ENOMEM;
		l->items = p;
		l->room = room;
	}
	p = &l->items[l->n];
	p->number = number;
	p->path = strdup(path);
	if (!p->path)
		return -ENOMEM;
	l->n++;
	return 0;
}

static int compare_links(const void *a, const void *b)
{
	return strcmp(((const struct upper_link *)a)->path, ((const struct upper_link *)b)->path);
}

int upper_links_load(int upper_fd, struct upper_lower *lower, struct upper_links *ret)
{
	struct numbers ns = {0};
	int r;

	*ret = (struct upper_links){0};
	if (!lower->links)
		return 0;
	r = list_numbers(upper_fd, &ns);
	if (r == 0 && ns.n) {
		qsort(ns.items, ns.n, sizeof(*ns.items), compare_numbers);
		r = lower->links(lower, ns.items, ns.n, add_link, ret);
	}
	free(ns.items);
	if (r < 0)
		upper_links_free(ret);
	else if (ret->n)
		qsort(ret->items, ret->n, sizeof(*ret->items), compare_links);
	return r;
}

void upper_links_free(struct upper_links *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->items[i].path);
	free(l->items);
	*l = (struct upper_links){0};
}

const struct upper_link *upper_links_find(const struct upper_links *l, const char *path)
{
	const struct upper_link key = {.path = (char *)(uintptr_t)path};

	return l->n ? bsearch(&key, l->items, l->n, sizeof(key), compare_links) : NULL;
}

/* The first that does not come before *path*. */
static size_t lower_bound(const struct upper_links *l, const char *path)
{
	size_t from = 0, to = l->n;

	while (from < to) {
		size_t mid = from + (to - from) / 2;

		if (strcmp(l->items[mid].path, path) < 0)
			from = mid + 1;
		else
			to = mid;
	}
	return from;
}

int upper_links_below(const struct upper_links *l, const char *dir, int (*each)(void *ctx, const char *name), void *ctx)
{
	size_t len = strlen(dir), last = 0;
	char prefix[4097], name[256];
	int r = 0;

	if (!l->n || len > sizeof(prefix) - 2)
		return 0;
	memcpy(prefix, dir, len);
	if (len)
		prefix[len++] = '/';
	prefix[len] = '\0';
	for (size_t i = lower_bound(l, prefix); r == 0 && i < l->n && strncmp(l->items[i].path, prefix, len) == 0; i++) {
		const char *rest = l->items[i].path + len;
		size_t n = strcspn(rest, "/");

		if (n > 255 || (last == n && memcmp(name, rest, n) == 0))
			continue; /* the same directory as the one before */
		memcpy(name, rest, n);
		name[n] = '\0';
		last = n;
		r = each(ctx, name);
	}
	return r;
}
