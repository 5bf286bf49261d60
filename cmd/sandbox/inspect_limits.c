/* SPDX-License-Identifier: MIT */
/* HostConfig: limits, rights, ports and names. */
#include "cmd/sandbox/inspect_limits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/commands.h"
#include "cmd/lib/jtext.h"
#include "cmd/run/ports.h"

#define SHM_DEFAULT (64 << 20)

static void set(json_t *object, const char *key, json_t *value)
{
	json_object_set_new(object, key, value);
}

/* docker shows null for a list of nothing. */
static json_t *list_or_null(const struct str_list *list)
{
	return list->count ? jtext_list(list) : json_null();
}

static json_t *ulimits(const struct limit_options *l)
{
	json_t *list = json_array();

	for (size_t i = 0; i < l->ulimits.count; i++) {
		const char *text = l->ulimits.items[i];
		struct ulimit u;
		char *err = NULL, *name = xstrndup(text, strcspn(text, "="));

		if (parse_ulimit(text, &u, &err) == 0)
			json_array_append_new(list,
				json_pack("{s:s, s:I, s:I}", "Name", name, "Soft", (json_int_t)u.soft, "Hard", (json_int_t)u.hard));
		free(name);
		free(err);
	}
	return list;
}

static json_t *sysctls(const struct limit_options *l)
{
	json_t *object = json_object();

	for (size_t i = 0; i < l->sysctls.count; i++) {
		char *name = xstrdup(l->sysctls.items[i]), *value = strchr(name, '=');

		if (value) {
			*value++ = '\0';
			set(object, name, jtext(value));
		}
		free(name);
	}
	return object;
}

static json_t *bindings(const struct net_options *n)
{
	struct port_list ports = {0};
	json_t *object = json_object();

	for (size_t i = 0; i < n->publish.count; i++) {
		char *err = NULL;

		ports_parse(n->publish.items[i], &ports, &err);
		free(err);
	}
	for (size_t i = 0; i < ports.count; i++) {
		const struct port *p = &ports.items[i];
		char key[16], host[16] = "";
		json_t *places;

		snprintf(key, sizeof(key), "%u/%s", p->guest, p->udp ? "udp" : "tcp");
		if (p->host)
			snprintf(host, sizeof(host), "%u", p->host);
		places = json_object_get(object, key);
		if (!places) {
			places = json_array();
			set(object, key, places);
		}
		json_array_append_new(
			places, json_pack("{s:s, s:s}", "HostIp", strcmp(p->ip, "0.0.0.0") ? p->ip : "", "HostPort", host));
	}
	ports_free(&ports);
	return object;
}

void inspect_limits(const struct run_options *o, json_t *h)
{
	const struct limit_options *l = &o->limits;
	int64_t swap = 0;

	if (l->memory_swap)
		swap = strcmp(l->memory_swap, "-1") == 0 ? -1 : parse_size(l->memory_swap, &swap) < 0 ? 0 : swap;
	set(h, "MemorySwap", json_integer(swap));
	set(h, "MemoryReservation", json_integer(l->memory_reservation));
	set(h, "NanoCpus", json_integer(l->cpus ? limits_cpus(l) : 0));
	set(h, "CpuShares", json_integer(l->cpu_shares));
	set(h, "CpuPeriod", json_integer(l->cpu_period));
	set(h, "CpuQuota", json_integer(l->cpu_quota));
	set(h, "CpusetCpus", jtext(l->cpuset));
	set(h, "Ulimits", ulimits(l));
	set(h, "ShmSize", json_integer(l->shm_size ? l->shm_size : SHM_DEFAULT));
	set(h, "OomScoreAdj", json_integer(l->oom_score_adj ? atoi(l->oom_score_adj) : 0));
	set(h, "Sysctls", sysctls(l));
	set(h, "CapAdd", list_or_null(&l->cap_add));
	set(h, "CapDrop", list_or_null(&l->cap_drop));
	set(h, "SecurityOpt", list_or_null(&l->security));
	set(h, "GroupAdd", list_or_null(&l->groups));
	set(h, "Privileged", json_false());
	set(h, "IpcMode", json_string("private"));
	set(h, "PidMode", json_string(""));
	set(h, "PortBindings", bindings(&o->net));
	set(h, "PublishAllPorts", json_boolean(o->net.publish_all));
	set(h, "Dns", jtext_list(&o->net.dns));
	set(h, "DnsOptions", jtext_list(&o->net.dns_option));
	set(h, "DnsSearch", jtext_list(&o->net.dns_search));
	set(h, "ExtraHosts", list_or_null(&o->net.add_host));
}
