/* SPDX-License-Identifier: MIT */
/* Transfer of a blob or of a part of it: what comes must be exactly what was asked for; a break is resumed. */
#include "registry_priv.h"

#include <errno.h>
#include <stdio.h>

struct blob_transfer {
	const struct registry *r;
	const struct descriptor *d;
	const char *what;
	uint64_t done; /* offset of the next byte that the sink gets */
	uint64_t end;  /* offset behind the last byte that is wanted */
	bool chunk;    /* only a server that sends just the part is of use */
	uint64_t at;   /* offset of the next byte of the response under way */
	bool begun;    /* the response's headers were checked */
	registry_sink *sink;
	void *arg;
	struct snap_error *e;
	int err; /* from the sink or of ours */
};

/* Before the first byte of a response: does it begin where it should, and is it as long as it should be? */
static int blob_begin(struct blob_transfer *t, const struct http_response *resp)
{
	uint64_t length = t->d->size;

	t->begun = true;
	if (resp->status == 200 && t->chunk)
		return snap_fail(t->e, EOPNOTSUPP, "%s knows no ranges", t->r->name);
	if (resp->status == 200) {
		t->at = 0;
	} else if (resp->status == 206 && resp->range_from >= 0 && (uint64_t)resp->range_from <= t->done) {
		t->at = (uint64_t)resp->range_from;
		length = t->end - t->at;
	} else {
		return snap_fail(t->e, EPROTO, "%s answered with another part of the %s than was asked for", t->r->name,
			t->what);
	}
	if (resp->length >= 0 && (uint64_t)resp->length != length)
		return snap_fail(t->e, EBADMSG, "the %s at %s has the wrong size: %llu bytes instead of %llu", t->what,
			t->r->name, (unsigned long long)(t->d->size - length) + (unsigned long long)resp->length,
			(unsigned long long)t->d->size);
	return 0;
}

static int blob_body(void *arg, const struct http_response *resp, const void *data, size_t len)
{
	struct blob_transfer *t = arg;
	const char *p = data;
	uint64_t skip;

	if (!t->begun && (t->err = blob_begin(t, resp)))
		return -1;
	if (len > t->end - t->at) {
		t->err = snap_fail(t->e, EBADMSG, "the %s at %s is longer than the %llu bytes its manifest says",
			t->what, t->r->name, (unsigned long long)t->d->size);
		return -1;
	}
	/* A server that knows no ranges sends all again: what is already here is passed over. */
	skip = t->done - t->at < len ? t->done - t->at : len;
	t->at += len;
	if (skip == len)
		return 0;
	t->err = t->sink(t->arg, p + skip, len - skip, t->e);
	if (t->err)
		return -1;
	t->done = t->at;
	return 0;
}

/* One response of a transfer. 0: it may be complete, or is to be repeated if *again; else a failure. */
static int blob_attempt(struct registry *r, struct http_conn *c, struct request *rq, struct blob_transfer *t,
	bool *ranges, struct http_response *resp, bool *again)
{
	int err;

	*again = false;
	t->begun = false;
	rq->http.range_from = *ranges ? t->done : 0;
	rq->http.range_to = t->chunk ? t->end : 0;
	err = registry_send(r, c, rq, resp, t->e);
	if (err == -EAGAIN) {
		*again = true;
		return err;
	}
	if (err)
		return err;
	if (rq->result == HTTP_SINK)
		return t->err;
	if (rq->result == HTTP_OK) {
		atomic_store(&r->contacted, true);
		if (resp->status == 200 || resp->status == 206)
			return 0;
		if (t->chunk && (resp->status == 416 || resp->status == 501))
			return snap_fail(t->e, EOPNOTSUPP, "%s refuses ranges", r->name);
		if (rq->http.range_from && (resp->status == 416 || resp->status == 501)) {
			*ranges = false;
			*again = true;
			return registry_fail_status(r, rq, resp, t->e);
		}
	}
	*again = registry_worth_retrying(r, rq, resp);
	return rq->result == HTTP_OK ? registry_fail_status(r, rq, resp, t->e) : registry_fail_transport(r, rq, t->e);
}

static int blob_range(struct registry *r, struct http_conn *c, struct blob_transfer *t, struct snap_error *e)
{
	char path[100], what[120], hex[DIGEST_TEXT_LEN + 1];
	struct request rq = {.path = path, .what = what, .http = {.sink = blob_body, .sink_arg = t}};
	bool ranges = true, again;

	t->r = r;
	t->what = what;
	t->e = e;
	snprintf(path, sizeof(path), "blobs/%s", digest_text(&t->d->digest, hex));
	snprintf(what, sizeof(what), "blob %s", hex);
	for (unsigned int attempt = 1; t->done < t->end; attempt++) {
		struct http_response resp;
		uint64_t before = t->done;
		int err = blob_attempt(r, c, &rq, t, &ranges, &resp, &again);

		/* The end came early, and politely. */
		if (!err && t->done < t->end) {
			err = snap_fail(e, EBADMSG,
				"the %s at %s is cut short: %llu of %llu bytes came; the registry's copy may "
				"be damaged",
				what, r->name, (unsigned long long)t->done, (unsigned long long)t->d->size);
			again = true;
		}
		if (t->done > before)
			attempt = 1;
		if (err && (!again || !registry_retry_pause(r, attempt, &resp))) {
			http_response_clear(&resp);
			return http_cancelled(r->http) ? snap_fail(e, ECANCELED, "cancelled") : err;
		}
		http_response_clear(&resp);
	}
	return 0;
}

int registry_blob(struct registry *r, struct http_conn *c, const struct descriptor *d, uint64_t from,
	registry_sink *sink, void *arg, struct snap_error *e)
{
	struct blob_transfer t = {.d = d, .done = from, .end = d->size, .sink = sink, .arg = arg};

	return blob_range(r, c, &t, e);
}

int registry_blob_chunk(struct registry *r, struct http_conn *c, const struct descriptor *d, uint64_t from, uint64_t to,
	registry_sink *sink, void *arg, struct snap_error *e)
{
	struct blob_transfer t = {.d = d, .done = from, .end = to, .chunk = true, .sink = sink, .arg = arg};

	return blob_range(r, c, &t, e);
}
