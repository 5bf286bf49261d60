/* SPDX-License-Identifier: MIT */
/* An entry as docker's inspect shows a container. */
#include <unistd.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "cmd/keep/ask.h"
#include "cmd/keep/health.h"
#include "cmd/commands.h"
#include "cmd/image/describe.h"
#include "cmd/keep/volumes.h"
#include "cmd/lib/jtext.h"
#include "cmd/run/environment.h"
#include "cmd/run/ports.h"
#include "cmd/run/volume.h"
#include "cmd/sandbox/describe.h"
#include "cmd/sandbox/inspect_limits.h"
#include "cmd/sandbox/port.h"
#include "fuse-snap/store.h"
#include "net/slirp.h"

/* All there is to tell from. */
struct view {
	const struct entry *e;
	const struct run_options *o; /* never NULL */
	json_t *image;		     /* its configuration */
	struct run_record record;
};

static void set(json_t *object, const char *key, json_t *value)
{
	json_object_set_new(object, key, value);
}

static void set_time(json_t *object, const char *key, int64_t ns)
{
	char *text = time_rfc3339(ns);

	set(object, key, json_string(text));
	free(text);
}

/* What the keeper knows of its checks; null where there are none. */
static json_t *health(const struct entry *e)
{
	int dir = *e->state.health ? open(e->dir, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
	json_t *v = NULL;

	if (dir >= 0 && jfile_read(dir, HEALTH_NAME, 1 << 20, &v) < 0)
		v = json_pack("{s:s, s:i, s:[]}", "Status", e->state.health, "FailingStreak", 0, "Log");
	if (dir >= 0)
		close(dir);
	return v ? v : json_null();
}

static json_t *state(const struct view *v)
{
	const struct entry_state *s = &v->e->state;
	json_t *object = json_object();
	bool up = s->status == ENTRY_RUNNING || s->status == ENTRY_PAUSED;

	set(object, "Status", json_string(entry_status_name(s->status)));
	set(object, "Running", json_boolean(up || s->status == ENTRY_RESTARTING));
	set(object, "Paused", json_boolean(s->status == ENTRY_PAUSED));
	set(object, "Restarting", json_boolean(s->status == ENTRY_RESTARTING));
	set(object, "OOMKilled", json_boolean(s->oom_killed));
	set(object, "Dead", json_false());
	set(object, "Pid", json_integer(up ? s->sentry : 0));
	set(object, "ExitCode", json_integer(s->exit_code));
	set(object, "Error", jtext(s->error));
	set_time(object, "StartedAt", s->started);
	set_time(object, "FinishedAt", s->finished);
	set(object, "Health", health(v->e));
	return object;
}

/* ---- Mounts ---- */

static json_t *mount_json(const char *type, const char *source, const char *target, bool writable)
{
	json_t *m = json_object();

	set(m, "Type", json_string(type));
	if (strcmp(type, "volume") == 0)
		set(m, "Name", jtext(source));
	set(m, "Source", jtext(source));
	set(m, "Destination", jtext(target));
	set(m, "Mode", json_string(writable ? "" : "ro"));
	set(m, "RW", json_boolean(writable));
	set(m, "Propagation", json_string(strcmp(type, "bind") == 0 ? "rprivate" : ""));
	return m;
}

/* A volume without a name has one by sandbox and place; in memory there is none. */
static void add_anonymous(const struct view *v, json_t *mounts, const char *target, bool writable)
{
	char *name = v->e->temporary ? xstrdup("") : volume_anonymous_name(v->e->id, target);

	json_array_append_new(mounts, mount_json("volume", name, target, writable));
	free(name);
}

/* -v SRC:DST[:OPTIONS], or DST alone. */
static void add_volume(const struct view *v, json_t *mounts, const char *text)
{
	char *copy = xstrdup(text), *source = copy, *target = strchr(copy, ':'), *options;

	if (target)
		*target++ = '\0';
	options = target ? strchr(target, ':') : NULL;
	if (options)
		*options++ = '\0';
	if (target)
		json_array_append_new(mounts, mount_json(*source == '/' ? "bind" : "volume", source, target,
						      !options || strncmp(options, "ro", 2) != 0));
	else
		add_anonymous(v, mounts, source, true);
	free(copy);
}

static void add_mount(const struct view *v, json_t *mounts, const char *text)
{
	char *copy = xstrdup(text), *save = NULL;
	const char *type = "volume", *source = "", *target = "";
	bool writable = true;

	for (char *w = strtok_r(copy, ",", &save); w; w = strtok_r(NULL, ",", &save)) {
		char *value = strchr(w, '=');

		if (value)
			*value++ = '\0';
		if (strcmp(w, "ro") == 0 || strcmp(w, "readonly") == 0)
			writable = value && strcmp(value, "false") == 0;
		else if (value && strcmp(w, "type") == 0)
			type = value;
		else if (value && (strcmp(w, "src") == 0 || strcmp(w, "source") == 0))
			source = value;
		else if (value && (strcmp(w, "dst") == 0 || strcmp(w, "target") == 0 || strcmp(w, "destination") == 0))
			target = value;
	}
	if (strcmp(type, "volume") == 0 && !*source)
		add_anonymous(v, mounts, target, writable);
	else
		json_array_append_new(mounts, mount_json(type, source, target, writable));
	free(copy);
}

static json_t *mounts(const struct view *v)
{
	const struct run_options *o = v->o;
	json_t *list = json_array(), *value;
	const char *place;

	for (size_t i = 0; i < o->volumes.count; i++)
		add_volume(v, list, o->volumes.items[i]);
	for (size_t i = 0; i < o->mounts.count; i++)
		add_mount(v, list, o->mounts.items[i]);
	for (size_t i = 0; i < o->shares.count; i++)
		json_array_append_new(list, mount_json("bind", o->shares.items[i], o->shares.items[i], true));
	for (size_t i = 0; i < o->shares_ro.count; i++)
		json_array_append_new(list, mount_json("bind", o->shares_ro.items[i], o->shares_ro.items[i], false));
	json_object_foreach(json_object_get(v->image, "Volumes"), place, value)
		if (place[0] == '/' && place[1] && !volume_is_taken(o, place))
			add_anonymous(v, list, place, true);
	return list;
}

/* ---- Config and HostConfig ---- */

/* What the image says, where no option says otherwise. */
static json_t *of_image(const struct view *v, const char *key, json_t *otherwise)
{
	json_t *value = json_object_get(v->image, key);

	if (!value)
		return otherwise;
	json_decref(otherwise);
	return json_incref(value);
}

static json_t *environment(const struct view *v, const char *hostname)
{
	struct str_list env = {0};
	json_t *list;

	collect_environment(&env, v->o, v->record.env, hostname);
	list = jtext_list(&env);
	str_list_free(&env);
	return list;
}

static json_t *config(const struct view *v)
{
	const struct run_options *o = v->o;
	const struct entry_config *c = &v->e->config;
	const char *hostname = o->hostname ? o->hostname : v->e->short_id;
	const char *user = o->user ? o->user : v->record.user, *workdir = o->workdir ? o->workdir : v->record.workdir;
	json_t *object = json_object(), *entry = of_image(v, "Entrypoint", json_null());

	set(object, "Hostname", jtext(hostname));
	set(object, "Domainname", json_string(""));
	set(object, "User", jtext(user));
	set(object, "AttachStdin", json_boolean(o->interactive && !o->detach));
	set(object, "AttachStdout", json_boolean(!o->detach));
	set(object, "AttachStderr", json_boolean(!o->detach));
	set(object, "ExposedPorts", of_image(v, "ExposedPorts", json_object()));
	set(object, "Tty", json_boolean(o->tty));
	set(object, "OpenStdin", json_boolean(o->interactive));
	set(object, "StdinOnce", json_boolean(o->interactive && !o->detach));
	set(object, "Env", environment(v, hostname));
	set(object, "Cmd", c->arguments.count || o->entrypoint ? jtext_list(&c->arguments)
								: of_image(v, "Cmd", jtext_list(&c->command)));
	set(object, "Healthcheck", of_image(v, "Healthcheck", json_null()));
	set(object, "Image", jtext(c->image));
	set(object, "Volumes", of_image(v, "Volumes", json_null()));
	set(object, "WorkingDir", jtext(workdir));
	if (o->entrypoint) {
		json_decref(entry);
		entry = *o->entrypoint ? json_pack("[o]", jtext(o->entrypoint)) : json_null();
	}
	set(object, "Entrypoint", entry);
	set(object, "Labels", labels_object(v->e));
	set(object, "StopSignal",
		o->stop_signal ? jtext(o->stop_signal) : of_image(v, "StopSignal", json_string("SIGTERM")));
	if (o->stop_timeout)
		set(object, "StopTimeout", json_integer(atoll(o->stop_timeout)));
	return object;
}

/* "on-failure:3" */
static json_t *restart_policy(const struct run_options *o)
{
	const char *text = o->restart ? o->restart : "no", *colon = strchr(text, ':');
	json_t *object = json_object();

	set(object, "Name", json_stringn(text, colon ? (size_t)(colon - text) : strlen(text)));
	set(object, "MaximumRetryCount", json_integer(colon ? atoi(colon + 1) : 0));
	return object;
}

/* What was asked for. */
static json_t *port_bindings(const struct run_options *o)
{
	struct port_list list = {0};
	json_t *object = json_object();
	char *err = NULL;

	for (size_t i = 0; i < o->net.publish.count; i++)
		if (ports_parse(o->net.publish.items[i], &list, &err) < 0)
			break;
	for (size_t i = 0; i < list.count; i++) {
		const struct port *p = &list.items[i];
		char *key = xasprintf("%u/%s", p->guest, p->udp ? "udp" : "tcp");
		char *host = p->host ? xasprintf("%u", p->host) : xstrdup("");

		if (!json_object_get(object, key))
			set(object, key, json_array());
		json_array_append_new(json_object_get(object, key),
			json_pack("{s:s, s:s}", "HostIp", strcmp(p->ip, "0.0.0.0") == 0 ? "" : p->ip, "HostPort", host));
		free(key);
		free(host);
	}
	ports_free(&list);
	free(err);
	return object;
}

static json_t *host_config(const struct view *v)
{
	const struct run_options *o = v->o;
	json_t *object = json_object(), *tmpfs = json_object();

	for (size_t i = 0; i < o->tmpfs.count; i++) {
		const char *text = o->tmpfs.items[i], *colon = strchr(text, ':');
		char *target = xstrndup(text, colon ? (size_t)(colon - text) : strlen(text));

		set(tmpfs, target, jtext(colon ? colon + 1 : ""));
		free(target);
	}
	set(object, "Binds", o->volumes.count ? jtext_list(&o->volumes) : json_null());
	set(object, "ContainerIDFile", json_string(""));
	set(object, "NetworkMode", json_string(o->network ? o->network : "slirp"));
	set(object, "PortBindings", port_bindings(o));
	set(object, "PublishAllPorts", json_boolean(o->net.publish_all));
	set(object, "ExtraHosts", o->net.add_host.count ? jtext_list(&o->net.add_host) : json_null());
	set(object, "Dns", jtext_list(&o->net.dns));
	set(object, "LogConfig", json_pack("{s:s, s:{}}", "Type", o->log_driver ? o->log_driver : "json-file", "Config"));
	set(object, "RestartPolicy", restart_policy(o));
	set(object, "AutoRemove", json_boolean(v->e->config.dropped));
	set(object, "Privileged", json_false());
	set(object, "ReadonlyRootfs", json_boolean(o->read_only));
	set(object, "Tmpfs", tmpfs);
	set(object, "Memory", json_integer(o->memory));
	set(object, "NanoCpus", json_integer(o->limits.cpus ? (json_int_t)(atof(o->limits.cpus) * 1e9) : 0));
	set(object, "ShmSize", json_integer(o->limits.shm_size));
	set(object, "CapAdd", o->limits.cap_add.count ? jtext_list(&o->limits.cap_add) : json_null());
	set(object, "CapDrop", o->limits.cap_drop.count ? jtext_list(&o->limits.cap_drop) : json_null());
	set(object, "PidsLimit", o->pids ? json_integer(o->pids) : json_null());
	set(object, "Init", json_boolean(o->init));
	inspect_limits(o, object);
	return object;
}

static json_t *network(const struct view *v)
{
	const char *mode = v->o->network ? v->o->network : "slirp", *kind = network_mode(v->o);
	bool up = (v->e->state.status == ENTRY_RUNNING || v->e->state.status == ENTRY_PAUSED) &&
		  kind && strcmp(kind, "slirp") == 0;
	const char *address = up ? SLIRP_GUEST_ADDRESS : "", *gateway = up ? SLIRP_GATEWAY : "";
	json_t *object = json_object(), *networks = json_object();

	set(networks, mode,
		json_pack("{s:s, s:s, s:i}", "IPAddress", address, "Gateway", gateway, "IPPrefixLen", up ? 24 : 0));
	set(object, "Ports", entry_ports_object(v->e));
	set(object, "Gateway", json_string(gateway));
	set(object, "IPAddress", json_string(address));
	set(object, "IPPrefixLen", json_integer(up ? 24 : 0));
	set(object, "MacAddress", json_string(""));
	set(object, "Networks", networks);
	return object;
}

/* The keeper knows; one that does not answer soon is not waited for. */
static json_t *exec_ids(const struct entry *e)
{
	const struct timeval patience = {.tv_sec = 1};
	json_t *request, *answer = NULL, *list = NULL;
	int sock = e->state.status == ENTRY_RUNNING || e->state.status == ENTRY_PAUSED ? keeper_connect(e) : -1;

	if (sock < 0)
		return json_null();
	request = json_pack("{s:s}", "do", "state");
	setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (keeper_send(sock, request, NULL, 0) == 0 && keeper_receive(sock, &answer) == 0)
		list = json_incref(json_object_get(answer, "execs"));
	close(sock);
	json_decref(request);
	json_decref(answer);
	if (json_array_size(list))
		return list;
	json_decref(list);
	return json_null();
}

static json_t *make(const struct view *v, bool sizes)
{
	const struct entry *e = v->e;
	const struct str_list *command = &e->config.command;
	json_t *object = json_object(), *args = json_array();

	for (size_t i = 1; i < command->count; i++)
		json_array_append_new(args, jtext(command->items[i]));
	set(object, "Id", json_string(e->id));
	set_time(object, "Created", e->config.created);
	set(object, "Path", jtext(command->count ? command->items[0] : ""));
	set(object, "Args", args);
	set(object, "State", state(v));
	set(object, "Image", jtext(e->config.image_id));
	set(object, "LogPath", json_sprintf("%s/log.json", e->dir));
	set(object, "Name", json_sprintf("/%s", e->config.name));
	set(object, "RestartCount", json_integer((json_int_t)e->state.restarts));
	set(object, "ExecIDs", exec_ids(e));
	set(object, "Driver", json_string("picket"));
	set(object, "Platform", json_string("linux"));
	set(object, "HostConfig", host_config(v));
	if (sizes)
		set(object, "SizeRw", json_integer((json_int_t)entry_size(e)));
	set(object, "Mounts", mounts(v));
	set(object, "Config", config(v));
	set(object, "NetworkSettings", network(v));
	return object;
}

json_t *inspect_entry(const struct entry *e, bool sizes)
{
	static const struct run_options none = {.resolved = true};
	struct run_options resolved = none;
	struct view v = {.e = e, .o = &resolved};
	struct str_list words;
	struct digest config_digest;
	struct parsed p;
	struct store *s;
	bool options = entry_options(e, &p, &words) == 0;
	json_t *result;

	if (options)
		resolved = *(const struct run_options *)p.opts;
	resolved.resolved = true;
	if (*e->config.image_id && digest_parse(e->config.image_id, &config_digest) == 0 && store_open(NULL, &s, NULL) == 0) {
		v.image = image_config(s, &config_digest);
		if (store_get_record(s, &config_digest, &v.record, NULL) < 0)
			v.record = (struct run_record){0};
		store_close(s);
	}
	if (!v.image)
		v.image = json_object();
	result = make(&v, sizes);
	json_decref(v.image);
	run_record_free(&v.record);
	if (options)
		entry_options_free(&p, &words);
	return result;
}
