/* SPDX-License-Identifier: MIT */
/* Which profile is meant, what it is, and its nodes. */
#include "cmd/minikube/minikube.h"

#include <stdlib.h>
#include <string.h>

#include "cmd/lib/message.h"
#include "cmd/lib/programs.h"

#define NODES_MAX 1000u

void mk_close(struct minikube *mk)
{
	free(mk->program);
	free(mk->profile);
	free(mk->runtime);
	free(mk->driver);
	free(mk->status);
	str_list_free(&mk->nodes);
	*mk = (struct minikube){0};
}

/* Names become words of command lines: minikube's own are of these. */
static bool is_name(const char *s)
{
	return *s && *s != '-' && s[strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")] == '\0';
}

/* `minikube profile` prints the active one, behind a mark in some versions. */
static int find_active(struct minikube *mk)
{
	static const char *const args[] = {"profile", NULL};
	struct mk_said said;
	int r = mk_run(mk, NULL, &said, args);
	const char *word;

	if (r == 0) {
		said.out[strcspn(said.out, "\r\n")] = '\0';
		word = strrchr(said.out, ' ');
		word = word ? word + 1 : said.out;
		if (is_name(word))
			mk->profile = xstrdup(word);
		else
			r = complain(-1, "cannot tell which profile of minikube is active; name one with --profile");
	} else if (r > 0) {
		r = complain(-1, "cannot tell which profile of minikube is active: %s", mk_reason(&said));
	}
	mk_said_free(&said);
	return r ? -1 : 0;
}

static char *text_of(const json_t *o, const char *key, const char *otherwise)
{
	const char *s = json_string_value(json_object_get(o, key));

	return xstrdup(s && *s ? s : otherwise);
}

/* All names, for the sentence that one is not among them. */
static char *names_of(const json_t *profiles)
{
	char *all = xstrdup("");
	size_t i;
	json_t *p;

	json_array_foreach(profiles, i, p) {
		const char *name = json_string_value(json_object_get(p, "Name"));
		char *longer = xasprintf("%s%s%s", all, *all ? ", " : "", name ? name : "?");

		free(all);
		all = longer;
	}
	return all;
}

static int take_profile(struct minikube *mk, const json_t *root)
{
	const json_t *valid = json_object_get(root, "valid"), *kube;
	size_t i;
	json_t *p;
	char *all;

	json_array_foreach(valid, i, p) {
		const char *name = json_string_value(json_object_get(p, "Name"));

		if (!name || strcmp(name, mk->profile) != 0)
			continue;
		kube = json_object_get(json_object_get(p, "Config"), "KubernetesConfig");
		mk->status = text_of(p, "Status", "Unknown");
		mk->runtime = text_of(kube, "ContainerRuntime", "docker");
		mk->driver = text_of(json_object_get(p, "Config"), "Driver", "?");
		return 0;
	}
	if (json_array_size(valid) == 0)
		return complain(-1, "minikube has no profile %s, nor any other; this makes one: minikube start%s%s --container-runtime=containerd",
			mk->profile, strcmp(mk->profile, "minikube") ? " -p " : "", strcmp(mk->profile, "minikube") ? mk->profile : "");
	all = names_of(valid);
	complain(-1, "minikube has no profile %s; it has: %s", mk->profile, all);
	free(all);
	return -1;
}

static int read_profile(struct minikube *mk)
{
	static const char *const args[] = {"profile", "list", "--output", "json", NULL};
	struct mk_said said;
	int r = mk_run(mk, NULL, &said, args);
	json_t *root = r < 0 ? NULL : json_loads(said.out, 0, NULL);

	if (r >= 0 && !json_is_object(root))
		r = complain(-1, "minikube does not list its profiles: %s", mk_reason(&said));
	else if (r >= 0)
		r = take_profile(mk, root); /* with an exit status too, if some profile is broken */
	json_decref(root);
	mk_said_free(&said);
	return r ? -1 : 0;
}

static int read_nodes(struct minikube *mk)
{
	static const char *const args[] = {"node", "list", NULL};
	struct mk_said said;
	char *save = NULL;
	int r = mk_run(mk, NULL, &said, args);

	if (r > 0)
		r = complain(-1, "minikube does not list the nodes of %s: %s", mk->profile, mk_reason(&said));
	for (char *line = r ? NULL : strtok_r(said.out, "\r\n", &save); line && mk->nodes.count < NODES_MAX; line = strtok_r(NULL, "\r\n", &save)) {
		line[strcspn(line, " \t")] = '\0';
		if (is_name(line))
			str_list_add(&mk->nodes, xstrdup(line));
	}
	if (r == 0 && mk->nodes.count == 0)
		r = complain(-1, "minikube lists no nodes of the profile %s", mk->profile);
	mk_said_free(&said);
	return r ? -1 : 0;
}

static int check_running(const struct minikube *mk)
{
	bool usual = strcmp(mk->profile, "minikube") == 0;
	const char *dash = usual ? "" : " -p ", *name = usual ? "" : mk->profile;

	if (strcmp(mk->status, "Running") == 0 || strcmp(mk->status, "OK") == 0)
		return 0;
	if (strcmp(mk->status, "Degraded") == 0) {
		warn("of the profile %s something does not run; minikube status%s%s says what", mk->profile, dash, name);
		return 0;
	}
	if (strcmp(mk->status, "Paused") == 0)
		return complain(-1, "the profile %s is paused; this ends that: minikube unpause%s%s", mk->profile, dash, name);
	return complain(-1, "the profile %s does not run (minikube calls it %s); this starts it: minikube start%s%s", mk->profile, mk->status,
		dash, name);
}

int mk_open(struct minikube *mk, const char *profile, bool running)
{
	*mk = (struct minikube){.program = find_in_path("minikube")};
	if (!mk->program)
		return complain(-1, "there is no minikube in PATH; https://minikube.sigs.k8s.io/docs/start says how it is installed");
	if (profile && !is_name(profile))
		return complain(-1, "%s is no name of a profile", profile);
	if (profile)
		mk->profile = xstrdup(profile);
	else if (find_active(mk))
		return -1;
	if (read_profile(mk) || (running && check_running(mk)))
		return -1;
	return running ? read_nodes(mk) : 0;
}

int mk_choose_nodes(struct minikube *mk, const struct str_list *names)
{
	struct str_list chosen = {0};

	if (names->count == 0)
		return 0;
	for (size_t i = 0; i < names->count; i++) {
		const char *found = NULL;

		/* m02 is the short name of PROFILE-m02, in minikube too. */
		for (size_t n = 0; n < mk->nodes.count && !found; n++) {
			size_t len = strlen(mk->profile);
			const char *node = mk->nodes.items[n];

			if (strcmp(node, names->items[i]) == 0 ||
				(strncmp(node, mk->profile, len) == 0 && node[len] == '-' && strcmp(node + len + 1, names->items[i]) == 0))
				found = node;
		}
		if (!found) {
			str_list_free(&chosen);
			return complain(-1, "the profile %s has no node %s; minikube node list -p %s shows them", mk->profile, names->items[i],
				mk->profile);
		}
		str_list_add(&chosen, xstrdup(found));
	}
	str_list_free(&mk->nodes);
	mk->nodes = chosen;
	return 0;
}

int mk_ssh(const struct minikube *mk, const char *node, const char *line, struct mk_said *said)
{
	const char *const args[] = {"ssh", "-n", node, "--", line, NULL};
	int r = mk_run(mk, NULL, said, args);
	size_t len = 0;

	for (const char *s = said->out; *s; s++)
		if (*s != '\r')
			said->out[len++] = *s;
	said->out[len] = '\0';
	said->out_len = len;
	return r;
}
