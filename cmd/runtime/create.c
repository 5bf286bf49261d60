/* SPDX-License-Identifier: MIT */
/* `create`: a container with everything but its program. */
#include "cmd/runtime/create.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/lib/jtext.h"
#include "cmd/lib/message.h"
#include "cmd/lib/process.h"
#include "cmd/lib/str.h"
#include "cmd/lib/when.h"
#include "cmd/runtime/console.h"
#include "cmd/runtime/delete.h"
#include "cmd/runtime/groups.h"
#include "cmd/runtime/hooks.h"
#include "cmd/runtime/log.h"
#include "cmd/runtime/monitor.h"
#include "cmd/runtime/pidfile.h"
#include "cmd/runtime/seccomp.h"
#include "cmd/runtime/spec/spec.h"
#include "cmd/runtime/state.h"

struct creation {
	const struct runtime *rt;
	const struct create_options *o;
	struct spec *spec;
	struct container *c;
	struct monitor_link m;
	int console; /* connected to --console-socket; -1: none */
	int filter;  /* the seccomp profile, translated; -1: none */
};

static int read_spec(struct creation *cr)
{
	char *bundle = realpath(cr->o->bundle ? cr->o->bundle : ".", NULL), *err = NULL;
	int r = 0;

	if (!bundle)
		return fail("cannot open the bundle %s: %s", cr->o->bundle, strerror(errno));
	if (spec_read(bundle, cr->o->config, &cr->spec, &err) < 0)
		r = fail("%s", err);
	else if (seccomp_translate(cr->spec->seccomp, &cr->filter, &err) < 0)
		r = fail("%s", err ? err : "out of memory");
	else
		r = group_check(cr->spec);
	if (r == 0 && cr->spec->debug)
		log_debug();
	if (r == 0)
		debug("bundle %s, root %s", bundle, cr->spec->root);
	free(err);
	free(bundle);
	return r;
}

static void tell_warnings(const struct spec *s)
{
	for (size_t i = 0; i < s->warnings.count; i++)
		warn("%s", s->warnings.items[i]);
}

/* Before anything is made: the terminal, if there is one, has somebody who takes it. */
static int open_console(struct creation *cr)
{
	const char *path = cr->o->console_socket;
	bool terminal = cr->spec->process.terminal;

	if (!path || !*path)
		return terminal && !cr->o->foreground ? fail("cannot allocate tty if runc will detach without setting console socket") : 0;
	if (!terminal)
		return fail("cannot use console socket if runc will not detach or allocate tty");
	cr->console = console_connect(path);
	return cr->console < 0 ? -1 : 0;
}

/* ---- What is written down ---- */

/* The name of the user who asks, from the host's own file: no libraries of name services are loaded into a static program. */
static char *owner_name(void)
{
	char line[1024], *name = NULL, *end;
	FILE *f = fopen("/etc/passwd", "re");
	unsigned long uid;

	while (f && !name && fgets(line, sizeof(line), f)) {
		char *colon = strchr(line, ':'), *second = colon ? strchr(colon + 1, ':') : NULL;

		if (!second)
			continue;
		uid = strtoul(second + 1, &end, 10);
		if (end > second + 1 && *end == ':' && uid == getuid())
			name = xstrndup(line, (size_t)(colon - line));
	}
	if (f)
		fclose(f);
	return name ? name : xasprintf("%u", (unsigned int)getuid());
}

/* What is noted at the beginning, and is the state at the end. */
static json_t *state_json(const struct creation *cr)
{
	json_t *v = json_pack("{s:s, s:i, s:I, s:s}", "ociVersion", OCI_VERSION, "pid", (int)cr->m.pid, "start",
		(json_int_t)process_start(cr->m.pid), "boot", boot_id());
	char created[40], *owner = owner_name();

	json_object_set_new(v, "id", json_string(cr->c->id));
	json_object_set_new(v, "bundle", jtext(cr->spec->bundle));
	json_object_set_new(v, "rootfs", jtext(cr->spec->root));
	json_object_set_new(v, "created", json_string(format_when(now_real(), created, sizeof(created))));
	json_object_set_new(v, "owner", jtext(owner));
	json_object_set_new(v, "uid", json_integer(geteuid()));
	json_object_set_new(v, "terminal", json_boolean(cr->spec->process.terminal));
	if (cr->spec->annotations)
		json_object_set(v, "annotations", cr->spec->annotations);
	if (cr->spec->hooks)
		json_object_set(v, "hooks", cr->spec->hooks);
	free(owner);
	return v;
}

/* ---- The steps ---- */

static int run_hooks(struct creation *cr, const char *kind, enum hook_place place)
{
	return hooks_run(cr->spec->hooks, kind, cr->c, CONTAINER_CREATING, place);
}

static int begin(struct creation *cr)
{
	struct monitor_options mo = {.rt = cr->rt, .c = cr->c, .spec = cr->spec, .console = cr->console, .filter = cr->filter, .preserve_fds = cr->o->preserve_fds};
	json_t *note;

	if (monitor_fork(&mo, &cr->m) < 0)
		return -1;
	note = state_json(cr);
	if (group_plan(cr->rt, cr->spec, cr->c->id, note) < 0) {
		json_decref(note);
		return -1;
	}
	if (container_note(cr->c, note) < 0 || group_make(cr->rt, cr->spec, cr->c->id, cr->m.pid, cr->c->state) < 0)
		return -1;
	debug("the monitor is process %d", (int)cr->m.pid);
	monitor_say(&cr->m, MONITOR_BEGIN);
	return monitor_hear(&cr->m, MONITOR_MADE);
}

static int make_ready(struct creation *cr)
{
	if (run_hooks(cr, "prestart", HOOK_OUTSIDE) < 0 || run_hooks(cr, "createRuntime", HOOK_OUTSIDE) < 0)
		return -1;
	monitor_say(&cr->m, MONITOR_LAUNCH);
	if (monitor_hear(&cr->m, MONITOR_READY) < 0)
		return -1;
	return run_hooks(cr, "createContainer", HOOK_NETWORK);
}

static int publish(struct creation *cr)
{
	if (pid_tell(cr->m.pid, cr->o->pid_file, cr->o->pidfd_socket) < 0)
		return -1;
	if (container_write(cr->c, json_incref(cr->c->state)) < 0) {
		if (cr->o->pid_file)
			unlink(cr->o->pid_file);
		return -1;
	}
	monitor_say(&cr->m, MONITOR_KEEP);
	debug("%s is created", cr->c->id);
	return 0;
}

static int create(struct creation *cr)
{
	int r = begin(cr);

	r = r < 0 ? r : make_ready(cr);
	r = r < 0 ? r : publish(cr);
	if (r == 0) {
		close(cr->m.sock);
		container_unlock(cr->c);
		return 0;
	}
	if (cr->m.pid > 0)
		monitor_kill(&cr->m);
	container_clean(cr->c);
	container_remove(cr->c);
	container_close(cr->c);
	return -1;
}

int container_create(const struct runtime *rt, const struct create_options *o, const char *id, struct container *ret)
{
	struct creation cr = {.rt = rt, .o = o, .c = ret, .console = -1, .filter = -1};
	int r = read_spec(&cr);

	if (r == 0)
		r = open_console(&cr);

	if (r == 0)
		r = container_make(rt, id, ret);
	if (r == 0)
		r = create(&cr);
	if (r == 0)
		tell_warnings(cr.spec);
	if (cr.console >= 0)
		close(cr.console);
	if (cr.filter >= 0)
		close(cr.filter);
	spec_free(cr.spec);
	return r;
}

/* ---- The verb ---- */

static const struct option_row options[] = {
	CREATE_OPTION_ROWS(struct { struct create_options o; }, o),
	{OPTION_END},
};

static int run_create(const struct runtime *rt, int argc, char **argv)
{
	struct create_options o = {0};
	struct container c;

	if (options_words(options, &o, 1, 1, argc, argv) < 0 || container_create(rt, &o, argv[1], &c) < 0)
		return 1;
	container_close(&c);
	return 0;
}

const struct verb verb_create = {"create", "[OPTIONS] ID", "create a container, whose program waits for start", run_create, options};
