/* SPDX-License-Identifier: MIT */
/* Minikube: commands and options. */
#include "cmd/table/table_rows.h"

#define MINIKUBE(field) offsetof(struct minikube_options, field)
#define PROFILE_ROW \
	{"profile", 'p', OPT_STRING, MINIKUBE(profile), "PROFILE", "the profile (default: minikube's active one)", COMPLETE_PROFILE}
#define NODE_ROW \
	{"node", 'n', OPT_LIST, MINIKUBE(nodes), "NODE", "this node alone (default: all; may be repeated)", COMPLETE_NODE}

static const struct opt_spec enable_opts[] = {
	PROFILE_ROW,
	NODE_ROW,
	{"archive", 0, OPT_STRING, MINIKUBE(archive), "FILE", "what the nodes get, as ./bootstrap node makes it (default: the programs of this picket)",
		COMPLETE_FILE},
};

static const struct opt_spec node_opts[] = {
	PROFILE_ROW,
	NODE_ROW,
};

static const struct opt_spec status_opts[] = {
	PROFILE_ROW,
	NODE_ROW,
	{"format", 0, OPT_CHOICE, MINIKUBE(format), "FORMAT", "text (default) or json", COMPLETE_WORDS, "text json"},
};

static const struct opt_spec load_opts[] = {
	PROFILE_ROW,
	{"quiet", 'q', OPT_FLAG, MINIKUBE(quiet), NULL, "show no progress"},
};

static const struct cmd_spec commands[] = {
	{"minikube enable", "[OPTIONS]", "let pods of a Minikube cluster run under Picket",
		"Puts picket-runtime on the nodes, adds the runtime picket to containerd's configuration there, restarts containerd if that is "
		"new to it, and makes the RuntimeClass picket. Can be run again at any time: after a new node, after a new picket, and after a "
		"start of a Minikube that is a virtual machine, which begins with the configuration it came with.\n"
		"The profile must use containerd: minikube start --container-runtime=containerd.",
		OPTS(enable_opts, minikube_options), 0, 0, .failure = EXIT_FAILED, .run = cmd_minikube_enable,
		.examples = "minikube enable # then pods with runtimeClassName: picket\n"
			    "minikube enable -p dev --node m02 # one node of the profile dev"},
	{"minikube disable", "[OPTIONS]", "take Picket off a Minikube cluster",
		"containerd's configuration is byte for byte what it was. Programs that still run sandboxes stay until these have ended; the "
		"command says so, and can be run again.",
		OPTS(node_opts, minikube_options), 0, 0, .failure = EXIT_FAILED, .run = cmd_minikube_disable,
		.examples = "minikube disable # all nodes of the active profile"},
	{"minikube status", "[OPTIONS]", "say which nodes of a Minikube cluster have Picket",
		"The exit status is 0 if all have it and the RuntimeClass is there.", OPTS(status_opts, minikube_options), 0, 0,
		.failure = EXIT_FAILED, .run = cmd_minikube_status, .examples = "minikube status --format json # for programs"},
	{"minikube load", "[OPTIONS] IMAGE…", "give images of the store to a Minikube cluster",
		"Whatever the container runtime there. That each image arrived is checked by its ID, on every node. The other way is picket pull "
		"minikube:IMAGE, or to run it at once: picket run minikube:IMAGE.",
		OPTS(load_opts, minikube_options), 1, -1, .complete = COMPLETE_IMAGE, .failure = EXIT_FAILED, .run = cmd_minikube_load,
		.examples = "minikube load app:2 # then pods with image: app:2, imagePullPolicy: Never"},
};

const struct cmd_group minikube_group = {commands, COUNT(commands), NULL, 0};
