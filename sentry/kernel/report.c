/* SPDX-License-Identifier: MIT */
/* Collecting what a run has touched. The guest chooses what comes in here: everything is bounded, and escaped on its way out. */
#include "kernel/report.h"

#include "kernel/report_internal.h"
#include "kernel/task.h"
#include "mm/mm.h"
#include "lib/list.h"
#include "syscalls/syscalls.h"
#include "vfs/touched.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX (1u << 20) /* bytes of all keys of one table */

static const unsigned limits[REPORT_TABLES] = {
	[REPORT_FILES] = 8192, [REPORT_HOSTS] = 2048, [REPORT_CALLS] = 512, [REPORT_PROGRAMS] = 2048, [REPORT_INSIDE] = 4096, [REPORT_NAMES] = 4096};

static uint32_t hash(const char *s, size_t len)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < len; i++)
		h = (h ^ (uint8_t)s[i]) * 16777619u;
	return h;
}

/* The entry of *key*, made if it is not there; NULL: the table is full, which is counted. tb->lock held. */
static struct report_entry *entry_of(struct report_table *tb, const char *key, size_t len, bool *is_new)
{
	struct report_entry **slot = &tb->buckets[hash(key, len) % REPORT_BUCKETS], *e;

	*is_new = false;
	for (e = *slot; e; e = e->chain)
		if (e->len == len && !memcmp(e->key, key, len))
			return e;
	e = tb->n < tb->max && tb->text + len < TEXT_MAX ? calloc(1, sizeof(*e) + len + 1) : NULL;
	if (!e) {
		tb->lost++;
		return NULL;
	}
	memcpy(e->key, key, len);
	e->len = len;
	e->chain = *slot;
	*slot = e;
	*tb->last = e;
	tb->last = &e->next;
	tb->n++;
	tb->text += len;
	*is_new = true;
	return e;
}

int report_create(struct kernel *k, bool host_network)
{
	struct report *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	for (unsigned i = 0; i < REPORT_TABLES; i++) {
		lock_init(&r->tables[i].lock, RANK_LEAF);
		r->tables[i].last = &r->tables[i].first;
		r->tables[i].max = limits[i];
	}
	r->host_network = host_network;
	k->report = r;
	k->observed = true;
	return 0;
}

/* --- files ------------------------------------------------------------------------------------------------------------------ */

/* Where programs write whatever they do: nobody wants to be told of it. */
static bool is_scratch(const char *path, size_t len)
{
	static const char *const dirs[] = {"/tmp", "/var/tmp", "/run", "/root", "/home", "/dev", "/var/cache", "/var/log"};

	for (unsigned i = 0; i < ARRAY_SIZE(dirs); i++) {
		size_t n = strlen(dirs[i]);

		if (len >= n && !memcmp(path, dirs[i], n) && (len == n || path[n] == '/'))
			return true;
	}
	return false;
}

void report_begin(struct kernel *k)
{
	if (k->report)
		k->mounts->root->root->sb->reported = strdup("");
}

void report_file(struct kernel *k, const char *path, size_t len, enum touched how, bool inside)
{
	struct report_table *tb = &k->report->tables[inside ? REPORT_INSIDE : REPORT_FILES];
	struct report_entry *e;
	bool is_new;

	if (inside && is_scratch(path, len))
		return;
	lock_acquire(&tb->lock);
	e = entry_of(tb, path, len, &is_new);
	if (e) {
		if (is_new)
			e->there_before = how != TOUCHED_MADE;
		e->there = how != TOUCHED_REMOVED;
		e->bits |= how;
		e->count++;
	}
	lock_release(&tb->lock);
}

/* --- programs --------------------------------------------------------------------------------------------------------------- */

static void count_key(struct report_table *tb, const char *key, size_t len)
{
	struct report_entry *e;
	bool is_new;

	lock_acquire(&tb->lock);
	e = entry_of(tb, key, len, &is_new);
	if (e)
		e->count++;
	lock_release(&tb->lock);
}

void report_program(struct task *t, struct file *f)
{
	char path[VFS_PATH_MAX];
	ssize_t n = vfs_path_string(t, &f->path, path, sizeof(path));

	if (n > 0)
		count_key(&t->kernel->report->tables[REPORT_PROGRAMS], path, (size_t)n);
}

/* --- calls ------------------------------------------------------------------------------------------------------------------- */

static bool is_refusal(int64_t ret)
{
	switch (ret) {
	case -ENOSYS:
	case -EPERM:
	case -EACCES:
	case -EROFS:
	case -EOPNOTSUPP:
	case -EAFNOSUPPORT:
	case -EPROTONOSUPPORT:
	case -ESOCKTNOSUPPORT:
		return true;
	default:
		return false;
	}
}

/* The first path among the arguments, as the guest wrote it. */
static void sample_path(struct task *t, const struct syscall_desc *d, const struct guest_syscall *c, char *buf, size_t size)
{
	const char *kind = d ? d->args : NULL;

	*buf = 0;
	for (unsigned i = 0; kind && i < 6; i++) {
		size_t n = strcspn(kind, ",");

		if (n == 4 && !memcmp(kind, "path", 4)) {
			if (!c->args[i] || copy_in_str(t, buf, c->args[i], size) < 0)
				*buf = 0;
			return;
		}
		kind = kind[n] ? kind + n + 1 : NULL;
	}
}

void report_call(struct task *t, const struct syscall_desc *d, const struct guest_syscall *c, int64_t ret)
{
	struct report_table *tb = &t->kernel->report->tables[REPORT_CALLS];
	char key[64], path[REPORT_SAMPLE] = "";
	struct report_entry *e;
	bool is_new = false;
	int n;

	if (!is_refusal(ret))
		return;
	n = snprintf(key, sizeof(key), "%lu %d", (unsigned long)c->nr, (int)-ret);
	lock_acquire(&tb->lock);
	e = entry_of(tb, key, (size_t)n, &is_new);
	if (e)
		e->count++;
	lock_release(&tb->lock);
	if (!is_new)
		return;
	sample_path(t, d, c, path, sizeof(path)); /* may fault: not under the lock */
	lock_acquire(&tb->lock);
	e->desc = d;
	e->number = c->nr;
	e->err = (int)-ret;
	e->extra = *path ? strdup(path) : NULL;
	lock_release(&tb->lock);
}

/* --- hosts -------------------------------------------------------------------------------------------------------------------- */

static bool address_text(const struct sockaddr *a, socklen_t len, char *buf, size_t size, unsigned *port, bool *loopback)
{
	struct sockaddr_in in;
	struct sockaddr_in6 in6;

	if (len >= sizeof(in) && a->sa_family == AF_INET) {
		memcpy(&in, a, sizeof(in));
		*port = ntohs(in.sin_port);
		*loopback = (ntohl(in.sin_addr.s_addr) >> 24) == 127 || !in.sin_addr.s_addr;
		return inet_ntop(AF_INET, &in.sin_addr, buf, (socklen_t)size);
	}
	if (len >= sizeof(in6) - 4 && a->sa_family == AF_INET6) {
		memset(&in6, 0, sizeof(in6));
		memcpy(&in6, a, len < sizeof(in6) ? len : sizeof(in6));
		*port = ntohs(in6.sin6_port);
		*loopback = IN6_IS_ADDR_LOOPBACK(&in6.sin6_addr) || IN6_IS_ADDR_UNSPECIFIED(&in6.sin6_addr);
		if (IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr)) {
			*loopback = in6.sin6_addr.s6_addr[12] == 127;
			return inet_ntop(AF_INET, &in6.sin6_addr.s6_addr[12], buf, (socklen_t)size);
		}
		return inet_ntop(AF_INET6, &in6.sin6_addr, buf, (socklen_t)size);
	}
	return false;
}

static char *name_of(struct report *r, const char *address)
{
	struct report_table *tb = &r->tables[REPORT_NAMES];
	size_t len = strlen(address);
	char *name = NULL;

	lock_acquire(&tb->lock);
	for (struct report_entry *e = tb->buckets[hash(address, len) % REPORT_BUCKETS]; e; e = e->chain)
		if (e->len == len && !memcmp(e->key, address, len))
			name = e->extra ? strdup(e->extra) : NULL;
	lock_release(&tb->lock);
	return name;
}

void report_contact(struct kernel *k, bool tcp, const struct sockaddr *addr, socklen_t len, int err)
{
	struct report_table *tb = &k->report->tables[REPORT_HOSTS];
	char address[INET6_ADDRSTRLEN], key[INET6_ADDRSTRLEN + 16];
	bool loopback, is_new;
	struct report_entry *e;
	unsigned port;
	char *name;
	int n;

	/* The sandbox's own loopback is no other host. */
	if (!address_text(addr, len, address, sizeof(address), &port, &loopback) || (loopback && !k->report->host_network))
		return;
	n = snprintf(key, sizeof(key), "%s %u %s", tcp ? "tcp" : "udp", port, address);
	name = name_of(k->report, address);
	lock_acquire(&tb->lock);
	e = entry_of(tb, key, (size_t)n, &is_new);
	if (e) {
		e->count++;
		if (!err)
			e->there = true;
		else if (err != -EINPROGRESS && err != -EALREADY && err != -EINTR)
			e->err = -err;
		if (name) {
			free(e->extra);
			e->extra = name;
			name = NULL;
		}
	}
	lock_release(&tb->lock);
	free(name);
}

void report_learn(struct kernel *k, const char *address, const char *name)
{
	struct report_table *tb = &k->report->tables[REPORT_NAMES];
	struct report_entry *e;
	bool is_new;

	lock_acquire(&tb->lock);
	e = entry_of(tb, address, strlen(address), &is_new);
	if (e) {
		free(e->extra);
		e->extra = strdup(name);
	}
	lock_release(&tb->lock);
}

uint64_t report_memory(struct kernel *k, uint64_t now)
{
	uint64_t peak = atomic_load(&k->report->memory_peak);

	while (now > peak && !atomic_compare_exchange_weak(&k->report->memory_peak, &peak, now))
		;
	return now > peak ? now : peak;
}
