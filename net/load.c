/* SPDX-License-Identifier: MIT */
/*
 * picket-fetch load: a docker-archive, an OCI layout, or the two in one, into the store. Of the hybrid the OCI layout
 * is read (it has the manifests' digests); manifest.json then only adds names.
 */
#include "load_priv.h"

#include "confine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool has(const struct load *l, const char *name)
{
	struct member m;

	if (archive_find(l->archive, name, &m))
		return false;
	member_close(&m);
	return true;
}

static int load_run(struct load *l, struct snap_error *e)
{
	void *data;
	size_t len;
	int r;

	if (has(l, "manifest.json")) {
		r = archive_read(l->archive, "manifest.json", MANIFEST_MAX, &data, &len, e);
		if (r)
			return r;
		l->docker = json_parse_array(data, len, "manifest.json", e);
		free(data);
		if (!l->docker)
			return -EPROTO;
	}
	if (has(l, "index.json"))
		return load_oci(l, e);
	if (l->docker)
		return load_docker(l, e);
	return snap_fail(e, EINVAL,
		"%s is neither a docker archive nor an OCI layout: it has no manifest.json and no index.json",
		l->source);
}

int fetch_load(struct fetch *f, const char *source, struct snap_error *e)
{
	struct load l = {.f = f, .source = strcmp(source, "-") ? source : "standard input"};
	struct ref_name ref;
	int r = f->opt->ref ? ref_parse(f->opt->ref, &ref, e) : 0;

	if (r)
		return r;
	if (f->opt->ref && !*ref.tag)
		return snap_fail(e, EINVAL, "--ref takes a name with a tag, not with a digest alone: %s", f->opt->ref);
	confine(f->store, strcmp(source, "-") ? source : NULL, false);
	l.ref = f->opt->ref ? &ref : NULL;
	r = archive_open(source, f->txn, &f->opt->limits, &l.archive, e);
	if (r)
		return r;
	r = load_run(&l, e);
	json_decref(l.docker);
	archive_close(l.archive);
	return r;
}
