/* SPDX-License-Identifier: MIT */
/* The network of a container: the namespace that its monitor is in, and what the sentry is told of it. */
#include <stdlib.h>
#include <string.h>

#include "cmd/lib/str.h"
#include "cmd/runtime/log.h"
#include "cmd/runtime/monitor_priv.h"
#include "cmd/runtime/spec/spec.h"

static bool of_network(const char *name)
{
	return strncmp(name, "net.", 4) == 0 || strncmp(name, "net/", 4) == 0;
}

int monitor_network_enter(struct monitor *m, struct sandbox_options *so)
{
	const struct spec *s = m->o->spec;
	const struct spec_namespace *ns = &s->ns[SPEC_NS_NETWORK];
	struct netns_sysctl *sysctls = xcalloc(s->n_sysctls + 1, sizeof(*sysctls));
	struct netns_request r = {.kind = !ns->given ? NETNS_CALLER : ns->path ? NETNS_PATH : NETNS_NEW, .path = ns->path, .sysctls = sysctls};
	char *err = NULL;

	for (size_t i = 0; i < s->n_sysctls; i++)
		if (of_network(s->sysctls[i].name))
			sysctls[r.n_sysctls++] = (struct netns_sysctl){s->sysctls[i].name, s->sysctls[i].value};
	m->sysctls = sysctls;
	m->network = netns_enter(&r, &err);
	if (m->network == NETNS_FAILED) {
		fail("%s", err ? err : "out of memory");
		free(err);
		return -1;
	}
	so->host_network = m->network != NETNS_REFUSED && !s->network_none;
	if (m->network == NETNS_REFUSED) { /* they are set where the namespace is made */
		so->sysctls = sysctls;
		so->n_sysctls = r.n_sysctls;
	}
	return 0;
}

void monitor_network_records(struct monitor *m)
{
	const struct spec *s = m->o->spec;
	char *name;

	launch_record(&m->launch, CONFIG_NETWORK, s->network_none ? "none" : m->network == NETNS_HOST ? "host" : "given");
	for (size_t i = 0; i < s->n_sysctls; i++) {
		if (!netns_is_guests(s->sysctls[i].name))
			continue;
		name = xstrdup(s->sysctls[i].name);
		for (char *c = name; *c; c++)
			*c = *c == '/' ? '.' : *c;
		launch_record(&m->launch, CONFIG_SYSCTL, name, s->sysctls[i].value);
		free(name);
	}
}
