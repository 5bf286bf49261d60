/* SPDX-License-Identifier: MIT */
/* Transactions: the shared lock, a directory for temporaries, blobs and records. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store_priv.h"

/*
 * Whoever gets the exclusive lock knows that no transaction is alive, so all temporaries are a crash's. Then it becomes
 * the shared one; between the two a collection may slip in, and finds nothing of ours yet.
 */
static int lock_shared(const struct store *s, int fd)
{
	if (!store_flock(fd, LOCK_EX | LOCK_NB))
		store_clean_tmp(s);
	return store_flock(fd, LOCK_SH);
}

static int make_tmp(struct store_txn *t)
{
	uint64_t rnd = 0;

	if (getrandom(&rnd, sizeof(rnd), GRND_NONBLOCK) != sizeof(rnd))
		rnd = (uintptr_t)t;
	snprintf(t->tmp, sizeof(t->tmp), STORE_TMP "/%d-%016llx", getpid(), (unsigned long long)rnd);
	if (mkdirat(t->store->dirfd, t->tmp, 0700))
		return -errno;
	t->tmp_fd = openat(t->store->dirfd, t->tmp, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return t->tmp_fd < 0 ? -errno : 0;
}

int store_begin(struct store *s, struct store_txn **ret, struct snap_error *e)
{
	struct store_txn *t = calloc(1, sizeof(*t));
	int r;

	if (!t)
		return snap_fail_errno(e, ENOMEM, "cannot write to the store");
	t->store = s;
	t->tmp_fd = -1;
	pthread_mutex_init(&t->lock, NULL);
	t->lock_fd = openat(s->dirfd, "lock", O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	r = t->lock_fd < 0 ? -errno : lock_shared(s, t->lock_fd);
	if (!r)
		r = make_tmp(t);
	if (!r)
		store_reserve_keep(s);
	if (r) {
		store_end(t);
		return snap_fail_errno(e, -r, "cannot write to the store in %s", s->path);
	}
	*ret = t;
	return 0;
}

void store_end(struct store_txn *t)
{
	if (!t)
		return;
	if (t->tmp_fd >= 0)
		close(t->tmp_fd);
	if (*t->tmp)
		store_remove_tree(t->store, t->tmp, NULL);
	dedup_free(t->dedup);
	if (t->lock_fd >= 0)
		close(t->lock_fd);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

struct store *store_txn_store(const struct store_txn *t)
{
	return t->store;
}

struct store_name txn_name(struct store_txn *t)
{
	struct store_name n;

	snprintf(n.s, sizeof(n.s), "%s/%u", t->tmp, atomic_fetch_add(&t->next, 1));
	return n;
}

int store_txn_tmp(struct store_txn *t, int *ret_fd, struct snap_error *e)
{
	struct store_name n = txn_name(t);
	int fd = openat(t->store->dirfd, n.s, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0)
		return snap_fail_errno(e, errno, "cannot write to the store in %s", t->store->path);
	unlinkat(t->store->dirfd, n.s, 0);
	*ret_fd = fd;
	return 0;
}

/* Write a temporary, synced, and give it its name. An existing file of that name is replaced. */
static int publish_file(struct store_txn *t, const char *path, const void *data, size_t len)
{
	struct store_name tmp = txn_name(t);
	int r = store_write_file(t->store, tmp.s, data, len);

	if (!r && renameat(t->store->dirfd, tmp.s, t->store->dirfd, path))
		r = -errno;
	return r;
}

/* ---- Blobs ---- */

bool store_has_blob(const struct store *s, const struct digest *d)
{
	return store_exists(s, store_name(STORE_BLOBS, d, NULL).s);
}

int store_put_blob(struct store_txn *t, const struct digest *d, const void *data, size_t len, struct snap_error *e)
{
	struct store_name n = store_name(STORE_BLOBS, d, NULL);
	struct digest got;
	char a[DIGEST_TEXT_LEN + 1], b[DIGEST_TEXT_LEN + 1];
	int r;

	sha256_of(data, len, &got);
	if (!digest_equal(d, &got))
		return snap_fail(e, EBADMSG, "the digest of a blob is wrong: it should be %s but is %s",
			digest_text(d, a), digest_text(&got, b));
	if (store_exists(t->store, n.s))
		return 0;
	r = publish_file(t, n.s, data, len);
	return r ? snap_fail_errno(e, -r, "cannot write to the store in %s", t->store->path) : 0;
}

int store_get_blob(const struct store *s, const struct digest *d, void **ret, size_t *len, struct snap_error *e)
{
	char text[DIGEST_TEXT_LEN + 1];
	struct digest got;
	size_t n;
	void *p;
	int r = store_read_file(s, store_name(STORE_BLOBS, d, NULL).s, STORE_BLOB_MAX, &p, &n);

	if (r)
		return snap_fail_errno(e, -r, "cannot read blob %s of the store in %s", digest_text(d, text), s->path);
	sha256_of(p, n, &got);
	if (!digest_equal(d, &got)) {
		free(p);
		return snap_fail(e, EUCLEAN, "blob %s of the store in %s is damaged: pull the image again",
			digest_text(d, text), s->path);
	}
	*ret = p;
	*len = n;
	return 0;
}

/* ---- Run records: keyword and argument, each with a NUL behind ---- */

struct text {
	char *p;
	size_t len;
	size_t cap;
	bool failed;
};

static void put(struct text *t, const char *s)
{
	size_t n = strlen(s) + 1;

	if (t->failed)
		return;
	if (t->len + n > t->cap) {
		size_t cap = (t->len + n) * 2;
		char *p = realloc(t->p, cap);

		t->failed = !p;
		if (!p)
			return;
		t->p = p;
		t->cap = cap;
	}
	memcpy(t->p + t->len, s, n);
	t->len += n;
}

struct record_field {
	const char *word;
	size_t off;
	bool list;
};

#define RECORD_LIST(word, field)                                                                                       \
	{                                                                                                              \
		word, offsetof(struct run_record, field), true                                                         \
	}
#define RECORD_TEXT(word, field)                                                                                       \
	{                                                                                                              \
		word, offsetof(struct run_record, field), false                                                        \
	}

static const struct record_field fields[] = {
	RECORD_LIST("env", env),
	RECORD_LIST("entrypoint", entrypoint),
	RECORD_LIST("cmd", cmd),
	RECORD_LIST("label", labels),
	RECORD_LIST("volume", volumes),
	RECORD_LIST("port", ports),
	RECORD_TEXT("user", user),
	RECORD_TEXT("workdir", workdir),
	RECORD_TEXT("stop-signal", stop_signal),
	RECORD_LIST("health-test", health_test),
	RECORD_TEXT("health-interval", health_interval),
	RECORD_TEXT("health-timeout", health_timeout),
	RECORD_TEXT("health-start-period", health_start_period),
	RECORD_TEXT("health-start-interval", health_start_interval),
	RECORD_TEXT("health-retries", health_retries),
	RECORD_TEXT("arch", arch),
	RECORD_TEXT("os", os),
};

#define FIELDS (sizeof(fields) / sizeof(*fields))
#define RECORD_HEAD "picket-run-1"
#define RECORD_MAX (16u << 20)
#define RECORD_LIST_MAX 16384u

static char ***record_list(const struct record_field *f, const struct run_record *r)
{
	return (char ***)((uintptr_t)r + f->off);
}

static char **record_text(const struct record_field *f, const struct run_record *r)
{
	return (char **)((uintptr_t)r + f->off);
}

static void put_field(struct text *t, const struct record_field *f, const struct run_record *r)
{
	if (f->list) {
		size_t n = 0;

		for (char **p = *record_list(f, r); p && *p; p++) {
			if (n++ == RECORD_LIST_MAX)
				t->failed = true;
			put(t, f->word);
			put(t, *p);
		}
	} else if (*record_text(f, r)) {
		put(t, f->word);
		put(t, *record_text(f, r));
	}
}

int store_put_record(struct store_txn *t, const struct digest *config, const struct run_record *r, struct snap_error *e)
{
	struct text text = {0};
	char created[32];
	int err;

	put(&text, RECORD_HEAD);
	for (size_t i = 0; i < FIELDS; i++)
		put_field(&text, &fields[i], r);
	snprintf(created, sizeof(created), "%lld", (long long)r->created);
	put(&text, "created");
	put(&text, created);
	if (text.failed || text.len > RECORD_MAX)
		err = -EFBIG; /* or out of memory */
	else
		err = publish_file(t, store_name(STORE_RECORDS, config, NULL).s, text.p, text.len);
	free(text.p);
	return err ? snap_fail_errno(e, -err, "cannot write to the store in %s", t->store->path) : 0;
}

static int list_add(char ***list, const char *s)
{
	size_t n = 0;
	char **more;

	while (*list && (*list)[n])
		n++;
	if (n == RECORD_LIST_MAX)
		return -EUCLEAN;
	if (!(n & (n - 1))) { /* grow at powers of two */
		more = realloc(*list, (2 * n + 2) * sizeof(*more));
		if (!more)
			return -ENOMEM;
		*list = more;
	}
	(*list)[n + 1] = NULL;
	(*list)[n] = strdup(s);
	return (*list)[n] ? 0 : -ENOMEM;
}

static int take_field(struct run_record *r, const char *word, const char *arg)
{
	if (!strcmp(word, "created")) {
		r->created = strtoll(arg, NULL, 10);
		return 0;
	}
	for (size_t i = 0; i < FIELDS; i++) {
		const struct record_field *f = &fields[i];
		char **text = record_text(f, r);

		if (strcmp(word, f->word))
			continue;
		if (f->list)
			return list_add(record_list(f, r), arg);
		if (*text)
			return -EUCLEAN;
		*text = strdup(arg);
		return *text ? 0 : -ENOMEM;
	}
	return -EUCLEAN;
}

static int parse_record(const char *p, size_t len, struct run_record *ret)
{
	const char *end = p + len;
	int r = 0;

	if (!len || end[-1] || strcmp(p, RECORD_HEAD))
		return -EUCLEAN;
	p += strlen(p) + 1;
	while (p < end && !r) {
		const char *arg = p + strlen(p) + 1;

		if (arg >= end)
			return -EUCLEAN;
		r = take_field(ret, p, arg);
		p = arg + strlen(arg) + 1;
	}
	return r;
}

int store_get_record(const struct store *s, const struct digest *config, struct run_record *ret, struct snap_error *e)
{
	struct run_record rec = {0};
	char text[DIGEST_TEXT_LEN + 1];
	size_t len;
	void *p;
	int r = store_read_file(s, store_name(STORE_RECORDS, config, NULL).s, RECORD_MAX, &p, &len);

	if (!r) {
		r = parse_record(p, len, &rec);
		free(p);
	}
	if (r) {
		run_record_free(&rec);
		return snap_fail_errno(
			e, -r, "cannot read the run record of image %s in %s", digest_text(config, text), s->path);
	}
	*ret = rec;
	return 0;
}

void run_record_free(struct run_record *r)
{
	for (size_t i = 0; i < FIELDS; i++) {
		if (fields[i].list)
			store_free_names(*record_list(&fields[i], r));
		else
			free(*record_text(&fields[i], r));
	}
	*r = (struct run_record){0};
}

int store_pull_lock(struct store *s, const char *key, int *ret_fd, struct snap_error *e)
{
	struct digest d;
	int fd, r;

	sha256_of(key, strlen(key), &d);
	fd = openat(s->dirfd, store_name(STORE_LOCKS, &d, NULL).s, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	r = fd < 0 ? -errno : store_flock(fd, LOCK_EX);
	if (r) {
		if (fd >= 0)
			close(fd);
		return snap_fail_errno(e, -r, "cannot lock the store in %s", s->path);
	}
	*ret_fd = fd;
	return 0;
}
