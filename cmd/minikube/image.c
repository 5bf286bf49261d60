/* SPDX-License-Identifier: MIT */
/*
 * Images to Minikube and from it. minikube reports success of transfers that brought nothing (a compressed archive, an
 * image whose layers the node has thrown away), so that an image arrived is told by its ID, on the side it went to.
 */
#include "cmd/minikube/minikube.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "cmd/image/save.h"
#include "cmd/lib/message.h"
#include "cmd/lib/programs.h"
#include "fuse-snap/refname.h"
#include "fuse-snap/store.h"

#define PREFIX "minikube:"

const char *mk_image_name(const char *reference)
{
	return strncmp(reference, PREFIX, strlen(PREFIX)) == 0 ? reference + strlen(PREFIX) : NULL;
}

json_t *mk_images(const struct minikube *mk)
{
	static const char *const args[] = {"image", "ls", "--format", "json", NULL};
	struct mk_said said;
	int r = mk_run(mk, NULL, &said, args);
	json_t *list = r ? NULL : json_loads(said.out, 0, NULL);

	if (r >= 0 && !json_is_array(list)) {
		json_decref(list);
		list = NULL;
		complain(-1, "minikube does not list the images of %s: %s", mk->profile, mk_reason(&said));
	}
	mk_said_free(&said);
	return list;
}

/* With or without sha256: before it, as the container runtime writes it. */
static bool id_of(const char *text, struct digest *id)
{
	char *whole;
	bool ok;

	if (!text)
		return false;
	whole = xasprintf("%s%s", strchr(text, ':') ? "" : "sha256:", text);
	ok = digest_parse(whole, id) == 0;
	free(whole);
	return ok;
}

bool mk_image_id(const json_t *image, struct digest *id)
{
	return id_of(json_string_value(json_object_get(image, "id")), id);
}

static const json_t *find_id(const json_t *images, const struct digest *id)
{
	struct digest have;
	size_t i;
	json_t *image;

	json_array_foreach(images, i, image)
		if (mk_image_id(image, &have) && digest_equal(&have, id))
			return image;
	return NULL;
}

/* A file in a directory of its own, so that nothing is guessed: the archive on its way. */
static int make_file(char **path)
{
	const char *tmp = getenv("TMPDIR");
	int fd;

	*path = xasprintf("%s/picket-image.XXXXXX.tar", tmp && *tmp == '/' ? tmp : "/tmp");
	fd = mkostemps(*path, 4, O_CLOEXEC);
	if (fd < 0)
		complain(-1, "cannot make the file %s: %s", *path, strerror(errno));
	return fd;
}

/* ---- To Minikube ---- */

/* Whether each node has it: minikube's list is of all nodes together. */
static int check_nodes(const struct minikube *mk, const char *name, const struct digest *id)
{
	char hex[DIGEST_HEX_LEN + 1];
	struct mk_said said;
	int r = 0;

	digest_hex(id, hex);
	for (size_t i = 0; i < mk->nodes.count; i++) {
		int failed = mk_ssh(mk, mk->nodes.items[i], "sudo crictl images --quiet --no-trunc", &said);

		if (failed)
			r = complain(-1, "cannot tell whether %s is on the node %s: %s", name, mk->nodes.items[i], mk_reason(&said));
		else if (!strstr(said.out, hex))
			r = complain(-1, "%s did not arrive on the node %s, though minikube said nothing of a failure", name, mk->nodes.items[i]);
		mk_said_free(&said);
	}
	return r;
}

static int check_arrived(const struct minikube *mk, char *const *names, const struct digest *ids, int count)
{
	json_t *images = mk_images(mk);
	int r = images ? 0 : -1;

	for (int i = 0; images && i < count; i++) {
		char hex[DIGEST_HEX_LEN + 1];

		if (!find_id(images, &ids[i]))
			r = complain(-1, "%s (%.12s) did not arrive in the profile %s, though minikube said nothing of a failure", names[i],
				digest_hex(&ids[i], hex), mk->profile);
		else if (mk->nodes.count > 1 && check_nodes(mk, names[i], &ids[i]))
			r = -1;
	}
	json_decref(images);
	return r;
}

static int load_file(const struct minikube *mk, const char *path)
{
	const char *const args[] = {"image", "load", path, NULL};
	struct mk_said said;
	int r = mk_run(mk, NULL, &said, args);

	if (r > 0)
		r = complain(-1, "minikube could not load the archive: %s", mk_reason(&said));
	mk_said_free(&said);
	return r ? -1 : 0;
}

static int load_images(const struct minikube *mk, int count, char **names, bool quiet)
{
	struct digest *ids = xcalloc((size_t)count, sizeof(*ids));
	struct stat st;
	char *path, size[32], hex[DIGEST_HEX_LEN + 1];
	int fd = make_file(&path), r = fd < 0 ? -1 : 0;

	if (r == 0 && save_images(fd, count, names, ids))
		r = -1;
	if (r == 0 && !quiet)
		fprintf(stderr, "%s to the profile %s (%s, %zu node%s)\n", human_size(fstat(fd, &st) == 0 ? (uint64_t)st.st_size : 0, size, sizeof(size)),
			mk->profile, mk->runtime, mk->nodes.count, mk->nodes.count == 1 ? "" : "s");
	if (fd >= 0)
		close(fd);
	r = r ? r : load_file(mk, path);
	if (fd >= 0)
		unlink(path);
	r = r ? r : check_arrived(mk, names, ids, count);
	for (int i = 0; r == 0 && i < count; i++)
		printf("Loaded image: %s (%.12s)\n", names[i], digest_hex(&ids[i], hex));
	free(path);
	free(ids);
	return r;
}

int cmd_minikube_load(const void *opts, int argc, char **argv)
{
	const struct minikube_options *o = opts;
	struct minikube mk;
	int r = mk_open(&mk, o->profile, true);

	r = r ? r : load_images(&mk, argc, argv, o->quiet);
	mk_close(&mk);
	return r ? EXIT_FAILED : finish_output();
}

/* ---- From Minikube ---- */

static bool same_name(const char *text, const char *canonical)
{
	char have[REF_NAME_MAX + 1];
	struct ref_name ref;

	return text && ref_parse(text, &ref, NULL) == 0 && strcmp(ref_canonical(&ref, have), canonical) == 0;
}

/* By name, or by the beginning of an ID. *tag: what it is called there. */
static const json_t *find_image(const json_t *images, const char *name, const char **tag)
{
	char canonical[REF_NAME_MAX + 1], local[REF_NAME_MAX + 1] = "", hex[DIGEST_HEX_LEN + 1];
	bool hexadecimal = strlen(name) >= 4 && name[strspn(name, "0123456789abcdef")] == '\0';
	struct ref_name ref;
	struct digest id;
	size_t i, n;
	json_t *image, *text;

	if (ref_parse(name, &ref, NULL))
		return NULL;
	ref_canonical(&ref, canonical);
	/* What is built there may be called localhost/NAME. */
	if (snprintf(local, sizeof(local), "localhost/%s", ref_familiar(canonical)) >= (int)sizeof(local))
		local[0] = '\0';
	json_array_foreach(images, i, image) {
		json_array_foreach(json_object_get(image, "repoTags"), n, text) {
			*tag = json_string_value(text);
			if (same_name(*tag, canonical) || (*local && *tag && (strcmp(*tag, local) == 0)))
				return image;
		}
	}
	json_array_foreach(images, i, image) {
		if (!hexadecimal || !mk_image_id(image, &id) || strncmp(digest_hex(&id, hex), name, strlen(name)) != 0)
			continue;
		*tag = json_string_value(json_array_get(json_object_get(image, "repoTags"), 0));
		return image;
	}
	return NULL;
}

/* Give the image that the store has the name it has there. 0; -ENOENT if the store has it not. */
static int name_in_store(const struct digest *id, const char *tag, char **stored)
{
	char text[DIGEST_TEXT_LEN + 1], canonical[REF_NAME_MAX + 1];
	struct store_txn *txn = NULL;
	struct image_ref ref;
	struct ref_name name;
	struct snap_error e;
	struct store *s;
	int r = store_open(NULL, &s, &e);

	if (r < 0)
		return complain(-EIO, "%s", e.text);
	r = store_begin(s, &txn, &e);
	r = r ? r : store_resolve(s, digest_text(id, text), &ref, &e);
	if (r == 0 && !digest_equal(&ref.config, id))
		r = -ENOENT;
	*stored = NULL;
	if (r == 0 && tag && ref_parse(tag, &name, NULL) == 0 && *name.tag) {
		ref_canonical(&name, canonical);
		if (strcmp(ref.name, canonical) != 0) {
			strcpy(ref.name, canonical);
			r = store_set_ref(txn, &ref, &e);
		}
		*stored = xstrdup(ref_familiar(canonical));
	} else if (r == 0) {
		*stored = xstrdup(text);
	}
	store_end(txn);
	store_close(s);
	if (r && r != -ENOENT)
		complain(-1, "%s", e.text);
	return r;
}

static int load_into_store(const char *path, const char *tag)
{
	struct str_list args = {0};
	int r, saved, null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	str_list_add(&args, NULL);
	str_list_add(&args, xstrdup("load"));
	if (tag) {
		str_list_add(&args, xstrdup("--ref"));
		str_list_add(&args, xstrdup(tag));
	}
	str_list_add(&args, xstrdup("--"));
	str_list_add(&args, xstrdup(path));
	/* Its list of names is not what this command answers. */
	fflush(stdout);
	saved = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	dup2(null, STDOUT_FILENO);
	r = run_fetch(args.items);
	dup2(saved, STDOUT_FILENO);
	close(saved);
	close(null);
	str_list_free(&args);
	return r;
}

/* What makes minikube give an empty or broken archive is mostly one thing. */
static int explain_empty(const struct minikube *mk, const char *name)
{
	return complain(-1, "minikube gave no whole archive of %s: nodes throw the layers of images away once they are unpacked, above all of those "
			    "that came with minikube; picket pull %s fetches it from its registry, or load it anew there: minikube -p %s image load",
		name, name, mk->profile);
}

static int transfer(const struct minikube *mk, const char *name, const char *tag, const struct digest *id, bool quiet)
{
	const char *there = tag ? tag : name;
	struct mk_said said = {0};
	struct stat st;
	char *path;
	int fd = make_file(&path), r = fd < 0 ? -1 : 0;

	if (r == 0) {
		const char *const args[] = {"image", "save", there, path, NULL};

		if (!quiet)
			fprintf(stderr, "%s from the profile %s\n", there, mk->profile);
		r = mk_run(mk, NULL, &said, args);
		/* By its name: minikube may write another file in its place. */
		if (r > 0)
			r = complain(-1, "minikube could not save %s: %s", there, mk_reason(&said));
		else if (r == 0 && (stat(path, &st) < 0 || st.st_size < 1024))
			r = explain_empty(mk, there);
		mk_said_free(&said);
	}
	if (r == 0 && load_into_store(path, tag))
		r = explain_empty(mk, there);
	if (fd >= 0) {
		close(fd);
		unlink(path);
	}
	free(path);
	return r ? -1 : 0;
}

static int fetch_from(const struct minikube *mk, const char *name, bool quiet, char **stored)
{
	json_t *images = mk_images(mk);
	const char *tag = NULL;
	const json_t *image = images ? find_image(images, name, &tag) : NULL;
	char hex[DIGEST_HEX_LEN + 1];
	struct digest id;
	int r = images ? 0 : -1;

	if (r == 0 && !image)
		r = complain(-1, "the profile %s of minikube has no image %s; minikube -p %s image ls shows what it has", mk->profile, name, mk->profile);
	else if (r == 0 && !mk_image_id(image, &id))
		r = complain(-1, "minikube does not tell the ID of %s", name);
	if (r == 0) {
		r = name_in_store(&id, tag, stored);
		if (r == -ENOENT) {
			r = transfer(mk, name, tag, &id, quiet);
			r = r ? r : name_in_store(&id, tag, stored);
			if (r == -ENOENT)
				complain(-1, "what minikube gave for %s is another image than it has (%.12s is what was asked for)", name,
					digest_hex(&id, hex));
		}
	}
	json_decref(images);
	return r;
}

int mk_fetch_image(const char *name, const char *profile, bool quiet, char **stored)
{
	struct minikube mk;
	int r = *name ? mk_open(&mk, profile, true) : complain(-1, "minikube: is followed by the name of an image: minikube:app");

	if (*name) {
		r = r ? r : fetch_from(&mk, name, quiet, stored);
		mk_close(&mk);
	}
	return r ? EXIT_FAILED : EXIT_OK;
}
