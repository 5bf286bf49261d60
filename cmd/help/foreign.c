/* SPDX-License-Identifier: MIT */
#include "cmd/help/foreign.h"

#include <stddef.h>
#include <string.h>

#define BUILDS "images are built elsewhere (podman build, buildah, docker build); picket load takes their archives, picket commit makes " \
	       "one of a sandbox"
#define PUSHES "images are sent elsewhere: picket save IMAGE -o FILE, then skopeo copy docker-archive:FILE docker://NAME"
#define LOGINS "picket pull reads ~/.docker/config.json, as docker login writes it, or skopeo login --authfile ~/.docker/config.json"
#define SWARMS "sandboxes are of this machine alone"

static const struct {
	const char *name, *why;
} commands[] = {
	{"build", BUILDS},
	{"builder", BUILDS},
	{"buildx", BUILDS},
	{"bake", BUILDS},
	{"push", PUSHES},
	{"manifest", PUSHES},
	{"login", LOGINS},
	{"logout", LOGINS},
	{"search", "registries are searched with their web pages, or podman search"},
	{"network", "sandboxes have a network of their own (slirp), the host's, another sandbox's (--network container:NAME), or none"},
	{"compose", "several sandboxes are started by a script; --network container:NAME lets them share a network"},
	{"swarm", SWARMS},
	{"service", SWARMS},
	{"stack", SWARMS},
	{"node", SWARMS},
	{"secret", "secrets are given to a run: picket run --secret"},
	{"context", SWARMS},
	{"plugin", "there is no daemon that would load one"},
	{"checkpoint", "the state of a running program cannot be saved; picket commit saves its files"},
	{"trust", "an image's content is checked by its digest: picket pull NAME@sha256:..."},
};

const char *foreign_command(const char *name)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(name, commands[i].name) == 0)
			return commands[i].why;
	return NULL;
}
