/* SPDX-License-Identifier: MIT */
/* One image out of an archive: its layers through the pipeline, then its publication. */
#include "load_priv.h"

#include "pipeline.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define READ_SIZE (1u << 20)

void load_image_clear(struct load_image *i)
{
	for (size_t n = 0; n < i->name_count; n++)
		free(i->names[n]);
	for (size_t n = 0; i->paths && n < i->layer_count; n++)
		free(i->paths[n]);
	free(i->paths);
	free(i->blobs);
	free(i->list_data);
	free(i->manifest_data);
	free(i->config_data);
	image_config_free(&i->config);
}

static int feed_member(
	struct load *l, struct pipeline *p, const struct member *m, struct bar *bar, struct snap_error *e)
{
	char *buf = malloc(READ_SIZE);
	uint64_t done = 0;
	int r = buf ? 0 : snap_fail(e, ENOMEM, "out of memory");

	while (!r && done < m->size) {
		size_t want = m->size - done < READ_SIZE ? (size_t)(m->size - done) : READ_SIZE;
		ssize_t n = pread(m->fd, buf, want, (off_t)(m->off + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (l->cancelled)
			r = snap_fail(e, ECANCELED, "cancelled");
		else if (n <= 0)
			r = snap_fail(
				e, EIO, "cannot read %s: %s", l->source, n ? strerror(errno) : "it has become shorter");
		else
			r = pipeline_feed(p, buf, (size_t)n, e);
		if (!r)
			done += (uint64_t)n;
		bar_set(bar, done);
	}
	free(buf);
	return r;
}

static int load_layer(void *arg, unsigned int worker, const struct layer_task *task, struct snap_error *e)
{
	struct load_image *i = arg;
	const char *path = i->paths[task->position];
	bool promised = !digest_is_zero(&task->digest);
	char what[300];
	struct pipeline_options opt = {
		.txn = i->l->f->txn,
		.what = what,
		.digest = promised ? &task->digest : NULL,
		.diffid = &task->diffid,
		.size = task->size,
		.limits = i->l->f->opt->limits,
	};
	struct pipeline *p;
	struct member m;
	int r;

	snprintf(what, sizeof(what), "layer %.200s", path);
	r = archive_find(i->l->archive, path, &m);
	if (r)
		return snap_fail(e, -r, "%s is incomplete: it has no '%s'", i->l->source, path);
	if (m.size != task->size)
		r = snap_fail(e, EBADMSG, "the %s has the wrong size: %llu bytes instead of %llu", what,
			(unsigned long long)m.size, (unsigned long long)task->size);
	if (!r)
		r = pipeline_start(&opt, &p, e);
	if (!r) {
		bar_set_state(task->bar, BAR_LOADING);
		r = feed_member(i->l, p, &m, task->bar, e);
		if (r)
			pipeline_abort(p);
		else
			r = pipeline_finish(p, e);
	}
	member_close(&m);
	return r;
}

static void load_cancel(void *arg)
{
	struct load_image *i = arg;

	i->l->cancelled = true;
}

static int load_layers(struct load_image *i, struct snap_error *e)
{
	const struct fetch_options *opt = i->l->f->opt;
	struct progress *progress = opt->quiet ? NULL : progress_new(opt->progress);
	struct layer_pool pool = {.workers = opt->jobs, .run = load_layer, .cancel = load_cancel, .arg = i};
	int r = layer_tasks(i->l->f, &i->config, i->blobs, NULL, progress, &pool.tasks, &pool.count, e);

	if (!r && pool.count) {
		progress_start(progress);
		r = layer_pool_run(&pool, e);
	}
	progress_free(progress);
	free(pool.tasks);
	return r;
}

static int publish(struct load_image *i, struct snap_error *e)
{
	const struct fetch_options *opt = i->l->f->opt;
	char id[DIGEST_TEXT_LEN + 1];
	int r = 0;

	if (i->list_data)
		r = store_put_blob(i->l->f->txn, &i->docs.list, i->list_data, i->list_len, e);
	for (size_t n = 0; !r && (n < i->name_count || !n); n++) {
		i->docs.name = n < i->name_count ? i->names[n] : "";
		r = image_publish(i->l->f, &i->docs, &i->config, e);
		if (r)
			break;
		i->l->loaded++;
		if (i->name_count)
			printf("%s%s\n", opt->quiet ? "" : "Loaded image: ",
				opt->quiet ? i->names[n] : ref_familiar(i->names[n]));
		else
			printf("%s%s\n", opt->quiet ? "" : "Loaded image ID: ", digest_text(&i->docs.config, id));
	}
	return r;
}

int load_image_check(const struct load_image *i, struct snap_error *e)
{
	char want[PLATFORM_TEXT_MAX], have[PLATFORM_TEXT_MAX];
	const struct fetch_options *opt = i->l->f->opt;

	if (i->config.layer_count != i->layer_count)
		return snap_fail(e, EPROTO, "%s contradicts itself: %zu layers are listed, its config has %zu", i->what,
			i->layer_count, i->config.layer_count);
	if (!platform_matches(&opt->platform, &i->config.platform))
		return snap_fail(e, ENOENT, "%s has no image for %s; it has: %s", i->what,
			platform_format(&opt->platform, want), platform_format(&i->config.platform, have));
	return 0;
}

int load_image_finish(struct load_image *i, struct snap_error *e)
{
	int r = load_layers(i, e);

	return r ? r : publish(i, e);
}
