/* SPDX-License-Identifier: MIT */
/* picket inspect: what is known of sandboxes and images, in the shape that docker's has. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/commands.h"
#include "cmd/image/describe.h"
#include "cmd/lib/jtext.h"
#include "cmd/lib/message.h"
#include "cmd/lib/template.h"
#include "cmd/sandbox/describe.h"
#include "fuse-snap/store.h"

enum kind { KIND_ANY, KIND_SANDBOX, KIND_IMAGE };

struct inspect {
	const struct inspect_options *o;
	struct template *template;
	enum kind kind;
	struct store *store; /* opened when it is needed */
	json_t *all;
};

static int parse_kind(const char *type, enum kind *ret)
{
	static const struct {
		const char *word;
		enum kind kind;
	} words[] = {{"container", KIND_SANDBOX}, {"sandbox", KIND_SANDBOX}, {"image", KIND_IMAGE}};

	*ret = KIND_ANY;
	if (!type || !*type)
		return 0;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(type, words[i].word) == 0) {
			*ret = words[i].kind;
			return 0;
		}
	}
	return complain(EXIT_FAILED, "--type takes container, sandbox or image, not \"%s\"", type);
}

/* The sandbox of that name, NULL if there is none; *err holds why. */
static json_t *sandbox(const struct inspect *in, const char *name, char **err, int *result)
{
	struct entry e;
	json_t *v;

	*result = entry_find(name, &e, err);
	if (*result)
		return NULL;
	v = inspect_entry(&e, in->o->size);
	entry_free(&e);
	return v;
}

static json_t *image(struct inspect *in, const char *name, struct snap_error *e, int *result)
{
	struct image_ref ref;

	*result = in->store ? 0 : store_open(NULL, &in->store, e);
	if (*result == 0)
		*result = store_resolve(in->store, name, &ref, e);
	return *result ? NULL : inspect_image(in->store, &ref);
}

/* A new reference; NULL after a complaint. */
static json_t *find(struct inspect *in, const char *name)
{
	struct snap_error e = {0};
	char *err = NULL;
	json_t *v = NULL;
	int r = -ENOENT, s = -ENOENT;

	if (in->kind != KIND_IMAGE)
		v = sandbox(in, name, &err, &s);
	if (!v && in->kind != KIND_SANDBOX && s == -ENOENT)
		v = image(in, name, &e, &r);
	if (!v && s != -ENOENT)
		complain(EXIT_FAILED, "%s", err);
	else if (!v && in->kind == KIND_SANDBOX)
		complain(EXIT_FAILED, "%s", err);
	else if (!v && (in->kind == KIND_IMAGE || (r != -ENOENT && r != -EINVAL)))
		complain(EXIT_FAILED, "%s", e.text);
	else if (!v)
		complain(EXIT_FAILED, "no such sandbox or image: %s; picket ps -a and picket images list them", name);
	free(err);
	return v;
}

/* A line by the template. */
static int show(const struct inspect *in, json_t *v)
{
	char *err = NULL;
	int r = template_run(in->template, v, stdout, &err);

	putchar('\n');
	if (r)
		complain(EXIT_FAILED, "--format: %s", err);
	free(err);
	return r ? EXIT_FAILED : 0;
}

static int inspect_one(struct inspect *in, const char *name)
{
	json_t *v = find(in, name);
	int status = 0;

	if (!v)
		return EXIT_FAILED;
	if (in->template)
		status = show(in, v);
	else
		json_array_append(in->all, v);
	json_decref(v);
	return status;
}

int cmd_inspect(const void *opts, int argc, char **argv)
{
	struct inspect in = {.o = opts};
	char *err = NULL;
	int status = parse_kind(in.o->type, &in.kind);

	if (status)
		return status;
	if (in.o->format && *in.o->format && strcmp(in.o->format, "json") != 0) {
		in.template = template_parse(in.o->format, &err);
		if (!in.template)
			complain(EXIT_FAILED, "--format: %s", err);
		free(err);
		if (!in.template)
			return EXIT_FAILED;
	}
	in.all = json_array();
	for (int i = 0; i < argc; i++)
		if (inspect_one(&in, argv[i]))
			status = EXIT_FAILED;
	if (!in.template) {
		json_dumpf(in.all, stdout, in.o->format && *in.o->format ? JSON_COMPACT : JSON_INDENT(4));
		putchar('\n');
	}
	json_decref(in.all);
	template_free(in.template);
	store_close(in.store);
	return status ? status : finish_output();
}
