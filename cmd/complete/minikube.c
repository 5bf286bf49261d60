/* SPDX-License-Identifier: MIT */
/* Names that minikube knows. It is asked only where one of them is being typed; it says nothing, nothing is offered. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/complete/complete.h"
#include "cmd/lib/programs.h"
#include "cmd/minikube/minikube.h"
#include "fuse-snap/refname.h"

#define PREFIX "minikube:"

static bool ask(const char *profile, const char *const *args, struct mk_said *said)
{
	struct minikube mk = {.program = find_in_path("minikube"), .profile = profile ? xstrdup(profile) : NULL};
	bool ok = mk.program && mk_run(&mk, NULL, said, args) == 0;

	if (mk.program && !ok)
		mk_said_free(said);
	mk_close(&mk);
	return ok;
}

void offer_minikube_images(struct completion *c)
{
	static const char *const args[] = {"image", "ls", NULL};
	char canonical[REF_NAME_MAX + 1], *program, *save = NULL;
	struct mk_said said;

	if (strncmp(c->value, PREFIX, strlen(PREFIX)) != 0) {
		program = find_in_path("minikube");
		if (program)
			offer(c, PREFIX, "an image that Minikube has");
		free(program);
		return;
	}
	if (!ask(NULL, args, &said))
		return;
	for (char *line = strtok_r(said.out, "\r\n", &save); line; line = strtok_r(NULL, "\r\n", &save)) {
		struct ref_name ref;
		char *text;

		if (ref_parse(line, &ref, NULL) || !*ref.tag)
			continue;
		text = xasprintf(PREFIX "%s", ref_familiar(ref_canonical(&ref, canonical)));
		offer(c, text, NULL);
		free(text);
	}
	mk_said_free(&said);
}

void offer_profiles(struct completion *c)
{
	/* Light: without a look at each machine. */
	static const char *const args[] = {"profile", "list", "--light", "--output", "json", NULL};
	struct mk_said said;
	json_t *root, *p;
	size_t i;

	if (!ask(NULL, args, &said))
		return;
	root = json_loads(said.out, 0, NULL);
	json_array_foreach(json_object_get(root, "valid"), i, p) {
		const char *name = json_string_value(json_object_get(p, "Name"));
		const char *runtime = json_string_value(json_object_get(json_object_get(json_object_get(p, "Config"), "KubernetesConfig"), "ContainerRuntime"));

		if (name)
			offer(c, name, runtime);
	}
	json_decref(root);
	mk_said_free(&said);
}

void offer_nodes(struct completion *c)
{
	static const char *const args[] = {"node", "list", NULL};
	struct mk_said said;
	char *save = NULL;

	if (!ask(c->profile, args, &said))
		return;
	for (char *line = strtok_r(said.out, "\r\n", &save); line; line = strtok_r(NULL, "\r\n", &save)) {
		line[strcspn(line, " \t")] = '\0';
		offer(c, line, NULL);
	}
	mk_said_free(&said);
}
