/* SPDX-License-Identifier: MIT */
/* picket import: a tar archive of a whole tree (picket export, docker export) as an image of one layer. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "cmd/image/publish.h"
#include "cmd/lib/message.h"
#include "cmd/sandbox/commit_config.h"
#include "fuse-snap/store.h"

#define CHUNK 65536u

/* By the first bytes: what packs archives and is not unpacked here. */
static const char *packed_with(const unsigned char *p, size_t len)
{
	static const struct {
		const char *program, *magic;
		size_t len;
	} kinds[] = {{"gzip", "\x1f\x8b", 2}, {"zstd", "\x28\xb5\x2f\xfd", 4}, {"xz", "\xfd" "7zXZ", 5}, {"bzip2", "BZh", 3}};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (len >= kinds[i].len && memcmp(p, kinds[i].magic, kinds[i].len) == 0)
			return kinds[i].program;
	return NULL;
}

/* Copy the archive behind the place of its header. 0, or an exit status after a complaint. */
static int copy_layer(int in, const char *source, int fd, struct digest *diffid)
{
	unsigned char *buf = xcalloc(1, CHUNK);
	uint64_t len = 0;
	struct sha256 hash;
	int r = publish_layer_begin(fd);
	ssize_t n = 0;

	sha256_init(&hash);
	while (r == 0 && (n = read(in, buf, CHUNK)) != 0) {
		const char *packer = n > 0 && len == 0 ? packed_with(buf, (size_t)n) : NULL;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			r = complain(EXIT_FAILED, "cannot read %s: %s", source, strerror(errno));
		else if (packer)
			r = complain(EXIT_FAILED, "%s is compressed: %s -dc %s | picket import - takes it", source, packer, source);
		else if (write(fd, buf, (size_t)n) != n)
			r = complain(EXIT_FAILED, "cannot write the layer: %s", strerror(errno));
		sha256_update(&hash, buf, n > 0 ? (size_t)n : 0);
		len += n > 0 ? (uint64_t)n : 0;
	}
	sha256_final(&hash, diffid);
	free(buf);
	if (r == 0 && len == 0)
		r = complain(EXIT_FAILED, "%s is empty", source);
	return r ? r : publish_layer_end(fd, len);
}

static json_t *new_config(const struct import_options *o, const char *source, const struct digest *diffid)
{
	char text[DIGEST_TEXT_LEN + 1], *when = publish_now(), *by = xasprintf("Imported from %s", source);
	json_t *root = json_pack("{s:s, s:s, s:s, s:{}, s:{s:s, s:[s]}, s:[{s:s, s:s}]}", "created", when, "architecture", "amd64",
		"os", "linux", "config", "rootfs", "type", "layers", "diff_ids", digest_text(diffid, text), "history", "created",
		when, "comment", o->message ? o->message : by);

	free(when);
	free(by);
	for (size_t i = 0; root && i < o->changes.count; i++) {
		if (commit_change(json_object_get(root, "config"), o->changes.items[i])) {
			json_decref(root);
			return NULL;
		}
	}
	if (!root)
		complain(EXIT_FAILED, "the comment is no text in UTF-8");
	return root;
}

static int import_from(int in, const char *source, const char *name, const struct import_options *o, struct digest *id)
{
	struct store_txn *txn = NULL;
	struct digest diffid;
	struct snap_error e;
	struct store *s;
	json_t *config;
	int fd, r;

	if (store_open(NULL, &s, &e) < 0)
		return complain(EXIT_FAILED, "%s", e.text);
	if (store_begin(s, &txn, &e) < 0 || store_txn_tmp(txn, &fd, &e) < 0) {
		r = complain(EXIT_FAILED, "%s", e.text);
	} else {
		r = copy_layer(in, source, fd, &diffid);
		config = r ? NULL : new_config(o, source, &diffid);
		r = config ? publish_image(fd, config, name, id) : EXIT_FAILED;
		json_decref(config);
		close(fd);
	}
	store_end(txn);
	store_close(s);
	return r;
}

int cmd_import(const void *opts, int argc, char **argv)
{
	const struct import_options *o = opts;
	char name[REF_NAME_MAX + 1], text[DIGEST_TEXT_LEN + 1];
	bool standard = strcmp(argv[0], "-") == 0;
	struct digest id;
	int in, r = argc > 1 ? publish_name(argv[1], name) : 0;

	if (r)
		return r;
	if (standard && isatty(STDIN_FILENO))
		return complain(EXIT_FAILED, "picket import reads an archive from standard input, which is a terminal; name a file");
	in = standard ? STDIN_FILENO : open(argv[0], O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (in < 0)
		return complain(EXIT_FAILED, "cannot read %s: %s", argv[0], strerror(errno));
	r = import_from(in, argv[0], argc > 1 ? name : NULL, o, &id);
	if (!standard)
		close(in);
	if (r)
		return r;
	puts(digest_text(&id, text));
	return finish_output();
}
