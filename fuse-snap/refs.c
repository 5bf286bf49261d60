/* SPDX-License-Identifier: MIT */
/*
 * References: one text file, a line each, fields separated by tabs:
 *   NAME MANIFEST LIST CONFIG CHAIN PLATFORM PULLED LAYERS
 * It is replaced as a whole, under refs.lock.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "distance.h"
#include "store_priv.h"

#define REFS_HEAD "picket-refs 1\n"
#define REFS_MAX (64u << 20)
#define REF_FIELDS 8
#define PREFIX_MIN 4u /* hex digits that may stand for a digest */

struct refs {
	struct image_ref *v;
	size_t n;
};

/* ---- Reading ---- */

static int parse_ref(char *line, struct image_ref *r)
{
	char *f[REF_FIELDS], *p = line;
	int n = 0;

	*r = (struct image_ref){0};
	while (n < REF_FIELDS && p)
		f[n++] = strsep(&p, "\t");
	if (n < REF_FIELDS || strlen(f[0]) >= sizeof(r->name) || strlen(f[5]) >= sizeof(r->platform))
		return -EUCLEAN;
	if (digest_parse(f[1], &r->manifest) || digest_parse(f[2], &r->list) || digest_parse(f[3], &r->config) ||
		digest_parse(f[4], &r->chain))
		return -EUCLEAN;
	strcpy(r->name, f[0]);
	strcpy(r->platform, f[5]);
	r->pulled = strtoll(f[6], NULL, 10);
	r->layers = strtoull(f[7], NULL, 10);
	return 0;
}

static size_t count_lines(const char *p)
{
	size_t n = 0;

	for (; (p = strchr(p, '\n')); p++)
		n++;
	return n;
}

static int parse_refs(char *text, struct refs *refs)
{
	char *p = text + strlen(REFS_HEAD), *line;
	int r = 0;

	if (strncmp(text, REFS_HEAD, strlen(REFS_HEAD)))
		return -EUCLEAN;
	refs->v = calloc(count_lines(text) + 1, sizeof(*refs->v)); /* room for one more */
	refs->n = 0;
	if (!refs->v)
		return -ENOMEM;
	while (!r && *p) {
		line = strsep(&p, "\n");
		r = p ? parse_ref(line, &refs->v[refs->n++]) : -EUCLEAN;
	}
	if (r)
		free(refs->v);
	return r;
}

static int read_refs(const struct store *s, struct refs *refs, struct snap_error *e)
{
	size_t len;
	void *text;
	int r = store_read_file(s, "refs", REFS_MAX, &text, &len);

	if (r == -ENOENT) {
		*refs = (struct refs){calloc(1, sizeof(*refs->v)), 0};
		return refs->v ? 0 : snap_fail_errno(e, ENOMEM, "cannot read the store");
	}
	if (!r) {
		r = parse_refs(text, refs);
		free(text);
	}
	return r ? snap_fail_errno(e, -r, "cannot read the references of the store in %s", s->path) : 0;
}

/* ---- Writing ---- */

static int cmp_refs(const void *va, const void *vb)
{
	const struct image_ref *a = va, *b = vb;
	int c = strcmp(a->name, b->name);

	return c ? c : memcmp(&a->manifest, &b->manifest, sizeof(a->manifest));
}

static void print_ref(FILE *f, const struct image_ref *r)
{
	char m[DIGEST_HEX_LEN + 1], l[DIGEST_HEX_LEN + 1], c[DIGEST_HEX_LEN + 1], i[DIGEST_HEX_LEN + 1];

	fprintf(f, "%s\t%s\t%s\t%s\t%s\t%s\t%" PRId64 "\t%" PRIu64 "\n", r->name, digest_hex(&r->manifest, m),
		digest_hex(&r->list, l), digest_hex(&r->config, c), digest_hex(&r->chain, i), r->platform, r->pulled,
		r->layers);
}

static int write_refs(const struct store *s, struct refs *refs)
{
	char tmp[64], *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);
	int r;

	if (!f)
		return -ENOMEM;
	qsort(refs->v, refs->n, sizeof(*refs->v), cmp_refs);
	fputs(REFS_HEAD, f);
	for (size_t i = 0; i < refs->n; i++)
		print_ref(f, &refs->v[i]);
	r = ferror(f) ? -ENOMEM : 0;
	if (fclose(f))
		r = -ENOMEM;
	/* Only the holder of refs.lock uses this name, and it is no temporary of a transaction: not under tmp/. */
	snprintf(tmp, sizeof(tmp), "refs.new");
	unlinkat(s->dirfd, tmp, 0);
	if (!r)
		r = store_write_file(s, tmp, text, len);
	free(text);
	if (!r && renameat(s->dirfd, tmp, s->dirfd, "refs"))
		r = -errno;
	return r ? r : store_fsync_dir(s, ".");
}

/* Run @change on the references, under the lock. It returns 0 (write them), 1 (leave them), or fails with a sentence.
 */
static int change_refs(
	struct store *s, int (*change)(struct refs *, void *, struct snap_error *), void *arg, struct snap_error *e)
{
	int fd = openat(s->dirfd, "refs.lock", O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	struct refs refs;
	int r = fd < 0 ? -errno : store_flock(fd, LOCK_EX);

	if (r) {
		snap_fail_errno(e, -r, "cannot lock the references of the store in %s", s->path);
		goto out;
	}
	r = read_refs(s, &refs, e);
	if (r)
		goto out;
	r = change(&refs, arg, e);
	if (!r) {
		r = write_refs(s, &refs);
		if (r)
			snap_fail_errno(e, -r, "cannot write the references of the store in %s", s->path);
	}
	free(refs.v);
out:
	if (fd >= 0)
		close(fd);
	return r > 0 ? 0 : r;
}

static bool same_ref(const struct image_ref *a, const struct image_ref *b)
{
	return !strcmp(a->name, b->name) && (*a->name || digest_equal(&a->manifest, &b->manifest));
}

static int change_set(struct refs *refs, void *arg, struct snap_error *e)
{
	const struct image_ref *ref = arg;
	size_t i = 0;

	while (i < refs->n && !same_ref(&refs->v[i], ref))
		i++;
	refs->v[i] = *ref; /* there is room for one more */
	if (i == refs->n)
		refs->n++;
	return 0;
}

int store_set_ref(struct store_txn *t, const struct image_ref *ref, struct snap_error *e)
{
	static const char *const dirs[] = {STORE_BLOBS, STORE_LAYERS, STORE_IMAGES, STORE_RECORDS};
	struct image_ref copy = *ref;

	if (strpbrk(ref->name, "\t\n") || strpbrk(ref->platform, "\t\n"))
		return snap_fail(e, EINVAL, "an image name must not hold tabs or line ends");
	/* The names of all it depends on must be on disk before it is. */
	for (size_t i = 0; i < sizeof(dirs) / sizeof(*dirs); i++) {
		int r = store_fsync_dir(t->store, dirs[i]);

		if (r)
			return snap_fail_errno(e, -r, "cannot write to the store in %s", t->store->path);
	}
	return change_refs(t->store, change_set, &copy, e);
}

int store_list_refs(const struct store *s, struct image_ref **ret, size_t *n, struct snap_error *e)
{
	struct refs refs;
	int r = read_refs(s, &refs, e);

	if (!r) {
		*ret = refs.v;
		*n = refs.n;
	}
	return r;
}

/* ---- Resolving ---- */

/* What a person wrote, understood both as an ID and as a name. */
struct wanted {
	char hex[DIGEST_HEX_LEN + 1]; /* "" if it cannot be a prefix of a digest */
	bool has_name;
	struct ref_name name;
	char canonical[REF_NAME_MAX + 1];
};

static void want_hex(struct wanted *w, const char *text)
{
	size_t n;

	if (!strncmp(text, "sha256:", 7))
		text += 7;
	n = strspn(text, "0123456789abcdef");
	if (n >= PREFIX_MIN && n <= DIGEST_HEX_LEN && !text[n])
		strcpy(w->hex, text);
}

static int want(struct wanted *w, const char *text, struct snap_error *e)
{
	int r;

	*w = (struct wanted){0};
	want_hex(w, text);
	r = ref_parse(text, &w->name, *w->hex ? NULL : e);
	w->has_name = !r;
	if (!r)
		ref_canonical(&w->name, w->canonical);
	return *w->hex ? 0 : r;
}

static bool name_matches(const struct wanted *w, const struct image_ref *r)
{
	size_t n = strlen(w->canonical);

	if (!w->has_name || !*r->name)
		return false;
	if (w->name.has_digest) {
		if (!digest_equal(&w->name.digest, &r->manifest) && !digest_equal(&w->name.digest, &r->list))
			return false;
		if (w->name.explicit_tag)
			return !strcmp(r->name, w->canonical);
		return !strncmp(r->name, w->canonical, n) && (!r->name[n] || r->name[n] == ':' || r->name[n] == '@');
	}
	return !strcmp(r->name, w->canonical);
}

static bool hex_matches(const struct wanted *w, const struct image_ref *r)
{
	const struct digest *ids[] = {&r->config, &r->manifest, &r->list};
	char hex[DIGEST_HEX_LEN + 1];

	for (size_t i = 0; *w->hex && i < 3; i++)
		if (!digest_is_zero(ids[i]) && !strncmp(digest_hex(ids[i], hex), w->hex, strlen(w->hex)))
			return true;
	return false;
}

/* The name here that was probably meant, into `near`. */
static bool find_near(const struct refs *refs, const char *text, char near[static REF_NAME_MAX + 1])
{
	const char *slash = strrchr(text, '/'), *found = NULL;
	bool tagged = strchr(slash ? slash : text, ':');
	char name[REF_NAME_MAX + 1];
	size_t best = 0;

	for (size_t i = 0; i < refs->n; i++) {
		const char *familiar = ref_familiar(refs->v[i].name), *latest = strstr(familiar, ":latest");

		snprintf(name, sizeof(name), "%.*s", (int)(!tagged && latest && !latest[strlen(":latest")] ? (size_t)(latest - familiar) : strlen(familiar)),
			familiar);
		if (word_nearer(text, name, found, &best) == name) {
			strcpy(near, name);
			found = near;
		}
	}
	return found;
}

static int not_found(const struct refs *refs, struct snap_error *e, const char *text)
{
	char near[REF_NAME_MAX + 1];

	if (find_near(refs, text, near))
		return snap_fail(e, ENOENT,
			"no image '%.100s' here; did you mean %.100s? 'picket pull %.100s' fetches it, 'picket images' lists what is here",
			text, near, text);
	return snap_fail(e, ENOENT,
		"no image '%.200s' here: 'picket pull %.200s' fetches it, 'picket images' lists what is here", text,
		text);
}

/* A name goes before an ID. An ID may have many names; they must agree on the image. */
static int find_ref(const struct refs *refs, const char *text, bool *by_id, struct image_ref *ret, struct snap_error *e)
{
	const struct image_ref *hit = NULL;
	struct wanted w;
	int r = want(&w, text, e);

	if (r)
		return r;
	*by_id = false;
	for (size_t i = 0; i < refs->n && !hit; i++)
		if (name_matches(&w, &refs->v[i]))
			hit = &refs->v[i];
	for (size_t i = 0; i < refs->n && (!hit || *by_id); i++) {
		if (!hex_matches(&w, &refs->v[i]))
			continue;
		if (hit && !digest_equal(&hit->config, &refs->v[i].config))
			return snap_fail(e, ENOTUNIQ,
				"'%.200s' is the beginning of more than one image ID: write more digits", text);
		hit = &refs->v[i];
		*by_id = true;
	}
	if (!hit)
		return not_found(refs, e, text);
	*ret = *hit;
	return 0;
}

int store_resolve(const struct store *s, const char *text, struct image_ref *ret, struct snap_error *e)
{
	struct refs refs;
	bool by_id;
	int r = read_refs(s, &refs, e);

	if (r)
		return r;
	r = find_ref(&refs, text, &by_id, ret, e);
	free(refs.v);
	return r;
}

struct removal {
	const char *text;
	size_t removed;
};

static int change_remove(struct refs *refs, void *arg, struct snap_error *e)
{
	struct removal *rm = arg;
	struct image_ref hit;
	size_t keep = 0;
	bool by_id;
	int r = find_ref(refs, rm->text, &by_id, &hit, e);

	if (r)
		return r;
	for (size_t i = 0; i < refs->n; i++) {
		bool gone = by_id ? digest_equal(&refs->v[i].config, &hit.config) : same_ref(&refs->v[i], &hit);

		if (!gone)
			refs->v[keep++] = refs->v[i];
	}
	rm->removed = refs->n - keep;
	refs->n = keep;
	return 0;
}

int store_remove_ref(struct store *s, const char *text, size_t *removed, struct snap_error *e)
{
	struct removal rm = {.text = text};
	int r = change_refs(s, change_remove, &rm, e);

	if (store_reserve_release(s, r))
		r = change_refs(s, change_remove, &rm, e);
	if (!r && removed)
		*removed = rm.removed;
	return r;
}
