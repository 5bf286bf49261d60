/* SPDX-License-Identifier: MIT */
/*
 * picket minikube enable, disable, status. What is done on a node is the node script's; here it is brought there and
 * started, and Kubernetes is told: a label on each node that has Picket, and a RuntimeClass that asks for that label.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "cmd/lib/json.h"
#include "cmd/lib/message.h"
#include "cmd/minikube/minikube.h"

#define PLACE "/var/lib/minikube/picket-in" /* on a node, while it is worked on */
#define LABEL "picket.dev/node"

static const char runtime_class[] =
	"apiVersion: node.k8s.io/v1\n"
	"kind: RuntimeClass\n"
	"metadata:\n"
	"  name: picket\n"
	"handler: picket\n"
	"overhead:\n"
	"  podFixed:\n"
	"    memory: 32Mi\n"
	"scheduling:\n"
	"  nodeSelector:\n"
	"    " LABEL ": \"true\"\n";

/* What the script said last of each thing; NULL: nothing. */
struct node_state {
	char *state, *programs, *configuration, *sandboxes, *error;
};

static void node_state_free(struct node_state *n)
{
	free(n->state);
	free(n->programs);
	free(n->configuration);
	free(n->sandboxes);
	free(n->error);
}

static void keep(char **place, const char *line, const char *key)
{
	size_t len = strlen(key);

	if (strncmp(line, key, len) != 0)
		return;
	free(*place);
	*place = xstrdup(line + len + (line[len] == ' '));
}

/* The script's lines begin with "picket: "; others are its tools'. With `show` they are shown, by the node's name. */
static void read_node(const char *node, char *text, bool show, struct node_state *n)
{
	char *save = NULL;

	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (strncmp(line, "picket: ", 8) != 0)
			continue;
		line += 8;
		keep(&n->state, line, "state:");
		keep(&n->programs, line, "programs:");
		keep(&n->configuration, line, "configuration:");
		keep(&n->sandboxes, line, "sandboxes:");
		keep(&n->error, line, "error:");
		if (show && strncmp(line, "error:", 6) != 0 && strncmp(line, "state:", 6) != 0) {
			for (char *c = line; *c; c++)
				if ((unsigned char)*c < ' ')
					*c = '?';
			printf("%s: %s\n", node, line);
		}
	}
	fflush(stdout);
}

/* Run the node script there. 0, or -1 after a complaint. */
static int run_script(const struct minikube *mk, const char *node, const char *args, bool show, struct node_state *n)
{
	char *line = xasprintf("sudo sh " PLACE "/node.sh %s", args);
	struct mk_said said;
	int r = mk_ssh(mk, node, line, &said);
	char *text = xstrdup(said.out);

	free(line);
	read_node(node, text, show, n);
	free(text);
	if (r < 0) {
		r = -1;
	} else if (n->error) {
		r = complain(-1, "%s: %s", node, n->error);
	} else if (!n->state) {
		r = complain(-1, "%s: %s", node, mk_reason(&said));
	} else {
		r = 0;
	}
	mk_said_free(&said);
	return r;
}

static int copy_to(const struct minikube *mk, const char *node, const char *file, const char *name)
{
	char *real = realpath(file, NULL), *target = xasprintf("%s:" PLACE "/%s", node, name);
	const char *const args[] = {"cp", real ? real : file, target, NULL};
	struct mk_said said;
	int r = mk_run(mk, NULL, &said, args);

	if (r > 0)
		r = complain(-1, "cannot copy %s to the node %s: %s", name, node, mk_reason(&said));
	mk_said_free(&said);
	free(target);
	free(real);
	return r ? -1 : 0;
}

static void clear_place(const struct minikube *mk, const char *node)
{
	struct mk_said said;

	mk_ssh(mk, node, "sudo rm -rf " PLACE, &said);
	mk_said_free(&said);
}

/* kubectl of the cluster's own version, by minikube. Its output, if asked for. */
static int kubectl(const struct minikube *mk, const char *input, char **out, const char *const *args)
{
	const char *all[16] = {"kubectl", "--"};
	struct mk_said said;
	int r;

	for (size_t i = 2; *args && i < 15; i++)
		all[i] = *args++;
	r = mk_run(mk, input, &said, all);
	if (r > 0)
		r = complain(-1, "kubectl: %s", mk_reason(&said));
	if (out)
		*out = r ? NULL : xstrdup(said.out);
	mk_said_free(&said);
	return r ? -1 : 0;
}

static int check_runtime(const struct minikube *mk)
{
	bool usual = strcmp(mk->profile, "minikube") == 0;
	const char *runtime = strcmp(mk->runtime, "crio") == 0 ? "cri-o" : mk->runtime;

	if (strcmp(mk->driver, "none") == 0)
		return complain(-1, "the profile %s is this machine itself (driver none): minikube copies nothing to it; run node.sh install here "
				    "as root (docs/minikube.md)", mk->profile);
	if (strcmp(mk->runtime, "containerd") == 0)
		return 0;
	return complain(-1, "the container runtime of the profile %s is %s; Kubernetes chooses other runtimes by name with containerd. It is chosen "
			    "when a profile is made: minikube start -p %s --container-runtime=containerd",
		mk->profile, runtime, usual ? "picket" : "NAME");
}

static int label_node(const struct minikube *mk, const char *node, bool there)
{
	const char *const args[] = {"label", "--overwrite", "node", node, there ? LABEL "=true" : LABEL "-", NULL};

	return kubectl(mk, NULL, NULL, args);
}

/* Applied, and looked at: what Kubernetes has is what was meant. */
static int apply_class(const struct minikube *mk)
{
	static const char *const apply[] = {"apply", "-f", "-", NULL};
	static const char *const get[] = {"get", "runtimeclass", "picket", "-o", "jsonpath={.handler}", NULL};
	char *handler = NULL;
	int r = kubectl(mk, runtime_class, NULL, apply);

	if (r == 0)
		r = kubectl(mk, NULL, &handler, get);
	if (r == 0 && strcmp(handler, "picket") != 0)
		r = complain(-1, "the cluster has a RuntimeClass picket whose handler is %s; delete it, then try again: minikube kubectl -- delete "
				 "runtimeclass picket", handler);
	free(handler);
	return r;
}

static int enable_node(const struct minikube *mk, const char *node, const char *script, const char *archive, const struct digest *sum)
{
	char hex[DIGEST_HEX_LEN + 1], *args;
	struct node_state n = {0};
	struct stat st;
	char size[32];
	int r;

	printf("%s: copying %s\n", node, human_size(stat(archive, &st) == 0 ? (uint64_t)st.st_size : 0, size, sizeof(size)));
	fflush(stdout);
	r = copy_to(mk, node, script, "node.sh");
	if (r == 0)
		r = copy_to(mk, node, archive, "archive.tar");
	args = xasprintf("install --archive " PLACE "/archive.tar --sha256 %s", digest_hex(sum, hex));
	if (r == 0)
		r = run_script(mk, node, args, true, &n);
	free(args);
	clear_place(mk, node);
	if (r == 0 && strcmp(n.state, "enabled") != 0)
		r = complain(-1, "%s: the state is %s", node, n.state);
	node_state_free(&n);
	return r ? r : label_node(mk, node, true);
}

static int enable(struct minikube *mk, const struct minikube_options *o)
{
	char *script = mk_data_file("node.sh"), *archive = NULL;
	struct digest sum;
	size_t failed = 0;
	int r = script ? mk_archive(o->archive, &archive, &sum) : -1;

	if (r == 0)
		printf("profile %s: containerd, %zu node%s\n", mk->profile, mk->nodes.count, mk->nodes.count == 1 ? "" : "s");
	for (size_t i = 0; r == 0 && i < mk->nodes.count; i++)
		if (enable_node(mk, mk->nodes.items[i], script, archive, &sum))
			failed++;
	if (r == 0 && failed == mk->nodes.count)
		r = -1;
	if (r == 0)
		r = apply_class(mk);
	if (r == 0)
		printf("RuntimeClass picket: a pod with `runtimeClassName: picket` runs under Picket\n");
	if (r == 0 && failed)
		r = complain(-1, "%zu of %zu nodes have it; the command can be run again", mk->nodes.count - failed, mk->nodes.count);
	if (archive)
		unlink(archive);
	free(archive);
	free(script);
	return r;
}

int cmd_minikube_enable(const void *opts, int argc, char **argv)
{
	const struct minikube_options *o = opts;
	struct minikube mk;
	int r = mk_open(&mk, o->profile, true);

	r = r ? r : check_runtime(&mk);
	r = r ? r : mk_choose_nodes(&mk, &o->nodes);
	r = r ? r : enable(&mk, o);
	mk_close(&mk);
	return r ? EXIT_FAILED : finish_output();
}

/* ---- disable ---- */

static int disable_node(const struct minikube *mk, const char *node, const char *script)
{
	struct node_state n = {0};
	int r = copy_to(mk, node, script, "node.sh");

	r = r ? r : run_script(mk, node, "remove", true, &n);
	clear_place(mk, node);
	if (r == 0 && strcmp(n.state, "disabled") != 0)
		r = complain(-1, "%s: the state is %s", node, n.state);
	node_state_free(&n);
	return r;
}

/* Whether a node is left that has the label. */
static int class_still_needed(const struct minikube *mk, bool *needed)
{
	static const char *const get[] = {"get", "nodes", "-l", LABEL "=true", "-o", "name", NULL};
	char *names;
	int r = kubectl(mk, NULL, &names, get);

	if (r == 0)
		*needed = names[strspn(names, " \r\n")] != '\0';
	free(names);
	return r;
}

static int disable(const struct minikube *mk)
{
	static const char *const delete[] = {"delete", "runtimeclass", "picket", "--ignore-not-found", NULL};
	char *script = mk_data_file("node.sh");
	size_t failed = 0;
	bool needed = false;
	int r = script ? 0 : -1;

	/* No new pod comes to a node that is about to lose it. */
	for (size_t i = 0; r == 0 && i < mk->nodes.count; i++)
		r = label_node(mk, mk->nodes.items[i], false);
	r = r ? r : class_still_needed(mk, &needed);
	if (r == 0 && !needed)
		r = kubectl(mk, NULL, NULL, delete);
	for (size_t i = 0; r == 0 && i < mk->nodes.count; i++)
		if (disable_node(mk, mk->nodes.items[i], script))
			failed++;
	free(script);
	return r || failed ? -1 : 0;
}

int cmd_minikube_disable(const void *opts, int argc, char **argv)
{
	const struct minikube_options *o = opts;
	struct minikube mk;
	int r = mk_open(&mk, o->profile, true);

	r = r ? r : check_runtime(&mk);
	r = r ? r : mk_choose_nodes(&mk, &o->nodes);
	r = r ? r : disable(&mk);
	mk_close(&mk);
	return r ? EXIT_FAILED : finish_output();
}

/* ---- status ---- */

static int node_status(const struct minikube *mk, const char *node, const char *script, struct node_state *n)
{
	int r = copy_to(mk, node, script, "node.sh");

	r = r ? r : run_script(mk, node, "status", false, n);
	clear_place(mk, node);
	return r;
}

static void print_status(const struct minikube *mk, const struct node_state *nodes, const char *class, struct json *j)
{
	if (!j->out) {
		for (size_t i = 0; i < mk->nodes.count; i++)
			printf("%s: %s; programs: %s; sandboxes: %s\n", mk->nodes.items[i], nodes[i].state ? nodes[i].state : "unknown",
				nodes[i].programs ? nodes[i].programs : "?", nodes[i].sandboxes ? nodes[i].sandboxes : "?");
		printf("RuntimeClass picket: %s\n", *class ? class : "none");
		return;
	}
	jw_open(j, NULL, '{');
	jw_string(j, "profile", mk->profile);
	jw_string(j, "containerRuntime", mk->runtime);
	jw_string(j, "runtimeClass", class);
	jw_open(j, "nodes", '[');
	for (size_t i = 0; i < mk->nodes.count; i++) {
		jw_open(j, NULL, '{');
		jw_string(j, "name", mk->nodes.items[i]);
		jw_string(j, "state", nodes[i].state ? nodes[i].state : "unknown");
		jw_string(j, "programs", nodes[i].programs ? nodes[i].programs : "");
		jw_string(j, "configuration", nodes[i].configuration ? nodes[i].configuration : "");
		jw_number(j, "sandboxes", nodes[i].sandboxes ? strtol(nodes[i].sandboxes, NULL, 10) : 0);
		jw_close(j, '}');
	}
	jw_close(j, ']');
	jw_close(j, '}');
	putchar('\n');
}

static int show_status(const struct minikube *mk, const struct minikube_options *o)
{
	static const char *const get[] = {"get", "runtimeclass", "picket", "--ignore-not-found", "-o", "jsonpath={.handler}", NULL};
	struct node_state *nodes = xcalloc(mk->nodes.count, sizeof(*nodes));
	struct json j = {.out = o->format && strcmp(o->format, "json") == 0 ? stdout : NULL};
	char *script = mk_data_file("node.sh"), *class = NULL;
	bool enabled = true;
	int r = script ? kubectl(mk, NULL, &class, get) : -1;

	for (size_t i = 0; r == 0 && i < mk->nodes.count; i++) {
		r = node_status(mk, mk->nodes.items[i], script, &nodes[i]);
		enabled = enabled && nodes[i].state && strcmp(nodes[i].state, "enabled") == 0;
	}
	if (r == 0)
		print_status(mk, nodes, class, &j);
	enabled = enabled && class && *class;
	for (size_t i = 0; i < mk->nodes.count; i++)
		node_state_free(&nodes[i]);
	free(nodes);
	free(class);
	free(script);
	return r ? r : enabled ? 0 : 1;
}

int cmd_minikube_status(const void *opts, int argc, char **argv)
{
	const struct minikube_options *o = opts;
	struct minikube mk;
	int r = mk_open(&mk, o->profile, true);

	r = r ? r : check_runtime(&mk);
	r = r ? r : mk_choose_nodes(&mk, &o->nodes);
	r = r ? r : show_status(&mk, o);
	mk_close(&mk);
	return r ? EXIT_FAILED : finish_output();
}
