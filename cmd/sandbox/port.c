/* SPDX-License-Identifier: MIT */
/* picket port, and the ports in ps and inspect. */
#include "cmd/sandbox/port.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/commands.h"
#include "cmd/lib/message.h"
#include "cmd/run/ports.h"

/* Ports are there while the sandbox runs; a file that a killed keeper has left says nothing. */
static struct port_list read_ports(const struct entry *e)
{
	struct port_list list = {0};
	char *err = NULL, *dir, *path;

	if (e->state.status != ENTRY_RUNNING && e->state.status != ENTRY_PAUSED)
		return list;
	dir = entry_runtime(e, false, &err);
	if (dir) {
		path = xasprintf("%s/ports", dir);
		ports_read(path, &list);
		free(path);
	}
	free(dir);
	free(err);
	return list;
}

char *entry_ports_text(const struct entry *e)
{
	struct port_list list = read_ports(e);
	char *text = ports_text(&list);

	ports_free(&list);
	return text;
}

json_t *entry_ports_object(const struct entry *e)
{
	struct port_list list = read_ports(e);
	json_t *object = json_object();

	for (size_t i = 0; i < list.count; i++) {
		const struct port *p = &list.items[i];
		char key[16], host[8];
		json_t *places;

		snprintf(key, sizeof(key), "%u/%s", p->guest, p->udp ? "udp" : "tcp");
		snprintf(host, sizeof(host), "%u", p->host);
		places = json_object_get(object, key);
		if (!places) {
			places = json_array();
			json_object_set_new(object, key, places);
		}
		json_array_append_new(places, json_pack("{s:s, s:s}", "HostIp", p->ip, "HostPort", host));
	}
	ports_free(&list);
	return object;
}

/* "80", "53/udp". 0, or -1. */
static int parse_wanted(const char *text, struct port *ret)
{
	char *copy = xstrdup(text), *slash = strchr(copy, '/');
	int64_t v;
	int r = 0;

	if (slash)
		*slash++ = '\0';
	ret->udp = slash && strcmp(slash, "udp") == 0;
	if ((slash && !ret->udp && strcmp(slash, "tcp") != 0) || parse_number(copy, 1, 65535, &v) < 0)
		r = -1;
	else
		ret->guest = (uint16_t)v;
	free(copy);
	return r;
}

int cmd_port(const void *opts, int argc, char **argv)
{
	struct port wanted = {0};
	struct port_list list;
	struct entry e;
	char *err = NULL;
	bool found = false;
	int status = 0;

	if (argc > 1 && parse_wanted(argv[1], &wanted) < 0)
		return complain(EXIT_FAILED, "\"%s\" is no port: 80, 80/tcp or 53/udp", argv[1]);
	if (entry_find(argv[0], &e, &err) < 0) {
		status = complain(EXIT_FAILED, "%s", err);
		free(err);
		return status;
	}
	list = read_ports(&e);
	for (size_t i = 0; i < list.count; i++) {
		const struct port *p = &list.items[i];

		if (argc == 1)
			printf("%u/%s -> %s:%u\n", p->guest, p->udp ? "udp" : "tcp", p->ip, p->host);
		else if (p->guest == wanted.guest && p->udp == wanted.udp)
			printf("%s:%u\n", p->ip, p->host);
		else
			continue;
		found = true;
	}
	if (argc > 1 && !found)
		status = complain(EXIT_FAILED, "no port %u/%s of %s is published", wanted.guest, wanted.udp ? "udp" : "tcp", argv[0]);
	ports_free(&list);
	entry_free(&e);
	return status ? status : finish_output();
}
