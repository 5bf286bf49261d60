/* SPDX-License-Identifier: MIT */
/* The archive of a new image. */
#include "cmd/image/publish.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cmd/image/tarout.h"
#include "cmd/lib/message.h"
#include "cmd/lib/programs.h"
#include "cmd/lib/str.h"

#define LAYER_NAME "layer.tar"
#define BLOCK 512
#define LAYER_MAX 077777777777ull /* what a plain header can say */

int publish_name(const char *text, char canonical[REF_NAME_MAX + 1])
{
	struct ref_name ref;
	struct snap_error e;

	if (ref_parse(text, &ref, &e) < 0)
		return complain(EXIT_FAILED, "%s", e.text);
	if (!*ref.tag || ref.has_digest)
		return complain(EXIT_FAILED, "an image is given a name with a tag, not with a digest: %s", text);
	ref_canonical(&ref, canonical);
	return 0;
}

char *publish_now(void)
{
	char text[64], fraction[16];
	struct timespec ts;
	struct tm tm;

	clock_gettime(CLOCK_REALTIME, &ts);
	gmtime_r(&ts.tv_sec, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(fraction, sizeof(fraction), ".%09ldZ", ts.tv_nsec);
	return xasprintf("%s%s", text, fraction);
}

int publish_layer_begin(int fd)
{
	return lseek(fd, BLOCK, SEEK_SET) < 0 ? complain(EXIT_FAILED, "cannot write the layer: %s", strerror(errno)) : 0;
}

int publish_layer_end(int fd, uint64_t len)
{
	const struct tar_entry e = {.type = '0', .path = LAYER_NAME, .mode = 0644, .size = len};
	struct tarout *t = xcalloc(1, sizeof(*t));
	int r = 0;

	if (len > LAYER_MAX) {
		r = complain(EXIT_FAILED, "the layer is too large: 8 GiB are possible");
	} else {
		tarout_begin(t, fd, NULL);
		t->len = len;
		tarout_pad(t);
		r = tarout_flush(t);
		tarout_begin(t, fd, NULL);
		tarout_entry(t, &e);
		r = r < 0 || lseek(fd, 0, SEEK_SET) < 0 || tarout_flush(t) < 0 || lseek(fd, 0, SEEK_END) < 0;
		if (r)
			complain(EXIT_FAILED, "cannot write the layer: %s", strerror(t->err ? t->err : errno));
	}
	free(t);
	return r ? EXIT_FAILED : 0;
}

/* The documents behind the layer. */
static int put_documents(int fd, json_t *config, const char *name, struct digest *id)
{
	struct tarout *t = xcalloc(1, sizeof(*t));
	char *text = json_dumps(config, JSON_COMPACT | JSON_PRESERVE_ORDER), *manifest, path[128];
	json_t *layers = json_array(), *doc;
	char hex[DIGEST_HEX_LEN + 1];
	size_t n = json_array_size(json_object_get(json_object_get(config, "rootfs"), "diff_ids"));
	int r;

	sha256_of(text, strlen(text), id);
	snprintf(path, sizeof(path), "%s.json", digest_hex(id, hex));
	for (size_t i = 0; i + 1 < n; i++) { /* the store has them: they are in no archive */
		char *base = xasprintf("base-%zu.tar", i);

		json_array_append_new(layers, json_string(base));
		free(base);
	}
	json_array_append_new(layers, json_string(LAYER_NAME));
	doc = json_pack("[{s:s, s:[], s:o}]", "Config", path, "RepoTags", "Layers", layers);
	if (name)
		json_array_append_new(json_object_get(json_array_get(doc, 0), "RepoTags"), json_string(name));
	manifest = json_dumps(doc, JSON_COMPACT);
	tarout_begin(t, fd, NULL);
	tarout_file(t, path, text, strlen(text));
	tarout_file(t, "manifest.json", manifest, strlen(manifest));
	r = tarout_end(t) < 0 ? complain(EXIT_FAILED, "cannot write the image: %s", strerror(t->err)) : 0;
	free(text);
	free(manifest);
	json_decref(doc);
	free(t);
	return r;
}

/* Let picket-fetch take the archive in; what it says on standard output is not for our caller. */
static int take_in(int fd)
{
	struct str_list args = {0};
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC), in = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3),
	    out = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3), r;

	str_list_add(&args, NULL);
	str_list_add(&args, xstrdup("load"));
	str_list_add(&args, xstrdup("--quiet"));
	str_list_add(&args, xstrdup("--"));
	str_list_add(&args, xstrdup("-"));
	lseek(fd, 0, SEEK_SET);
	fflush(stdout);
	dup2(fd, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	r = run_fetch(args.items);
	if (in >= 0)
		dup2(in, STDIN_FILENO);
	else
		close(STDIN_FILENO);
	if (out >= 0)
		dup2(out, STDOUT_FILENO);
	close(in);
	close(out);
	close(null);
	str_list_free(&args);
	return r ? EXIT_FAILED : 0;
}

int publish_image(int fd, json_t *config, const char *name, struct digest *id)
{
	int r = put_documents(fd, config, name, id);

	return r ? r : take_in(fd);
}
