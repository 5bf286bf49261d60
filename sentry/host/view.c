/* SPDX-License-Identifier: MIT */
/* Views of host files; see view.h. */
#include "host/view.h"

#include "vfs/uio.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE 4096ull

struct host_view {
	_Atomic uintptr_t start; /* 0: free */
	_Atomic size_t len;	 /* whole pages */
	uint64_t bytes;		 /* of the file */
	_Atomic bool broken;
};

/* A signal handler has no other way to them. A slot is claimed by its length, and of use from its start on. */
static struct host_view views[HOST_VIEWS_MAX];
static atomic_uint n_views, next_view;

static struct host_view *view_at(uintptr_t addr)
{
	for (unsigned i = 0; i < HOST_VIEWS_MAX; i++) {
		uintptr_t start = atomic_load(&views[i].start);

		if (start && addr >= start && addr - start < atomic_load(&views[i].len))
			return &views[i];
	}
	return NULL;
}

static void on_sigbus(int sig, siginfo_t *info, void *uc)
{
	uintptr_t page = (uintptr_t)info->si_addr & ~(uintptr_t)(PAGE - 1);
	struct host_view *v = view_at(page);
	int saved = errno;

	if (v)
		atomic_store(&v->broken, true);
	/* What is not of a view is a fault of our own: it comes again, and kills. */
	if (!v || mmap((void *)page, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
		signal(SIGBUS, SIG_DFL);
	errno = saved;
}

int host_views_init(void)
{
	struct sigaction sa = {.sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO};

	sigemptyset(&sa.sa_mask);
	return sigaction(SIGBUS, &sa, NULL) < 0 ? -errno : 0;
}

static struct host_view *claim(size_t len)
{
	if (atomic_fetch_add(&n_views, 1) >= HOST_VIEWS_MAX) {
		atomic_fetch_sub(&n_views, 1);
		return NULL;
	}
	for (;;) { /* there is a free one */
		struct host_view *v = &views[atomic_fetch_add_explicit(&next_view, 1, memory_order_relaxed) % HOST_VIEWS_MAX];
		size_t none = 0;

		if (atomic_compare_exchange_strong(&v->len, &none, len))
			return v;
	}
}

static void release(struct host_view *v)
{
	atomic_store(&v->start, 0);
	atomic_store(&v->len, 0);
	atomic_fetch_sub(&n_views, 1);
}

struct host_view *host_view_map(int fd, uint64_t len)
{
	struct host_view *v;
	size_t size;
	void *map;

	if (!len || len > SIZE_MAX / 4)
		return NULL;
	size = (len + PAGE - 1) & ~(PAGE - 1);
	v = claim(size);
	if (!v)
		return NULL;
	map = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED) {
		release(v);
		return NULL;
	}
	v->bytes = len;
	atomic_store(&v->broken, false);
	atomic_store(&v->start, (uintptr_t)map);
	return v;
}

void host_view_unmap(struct host_view *v)
{
	if (!v)
		return;
	munmap((void *)atomic_exchange(&v->start, 0), v->len); /* what is mapped there next is none of ours to mend */
	release(v);
}

ssize_t host_view_to_uio(const struct host_view *v, uint64_t off, size_t len, struct uio *dst)
{
	uint64_t have = off < v->bytes ? v->bytes - off : 0;
	ssize_t n;

	if (len > dst->left)
		len = dst->left;
	if (len > have)
		len = have;
	if (!len || atomic_load_explicit(&v->broken, memory_order_relaxed))
		return 0;
	n = uio_put(dst, (const uint8_t *)v->start + off, len);
	if (n > 0 && atomic_load(&v->broken)) {
		uio_rewind(dst, (size_t)n);
		return 0;
	}
	return n > 0 ? n : 0;
}
