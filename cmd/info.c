/* SPDX-License-Identifier: MIT */
/* picket info: where things are, and which ways are used. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "cmd/lib/json.h"
#include "cmd/lib/message.h"
#include "cmd/lib/mode.h"
#include "cmd/run/mounts.h"
#include "cmd/lib/programs.h"
#include "cmd/keep/runtime.h"
#include "cmd/lib/columns.h"
#include "cmd/keep/record.h"
#include "fuse-snap/client.h"
#include "rootless/cgroup.h"
#include "rootless/harden.h"
#include "rootless/probe.h"

#ifndef PICKET_VERSION
#define PICKET_VERSION "unknown"
#endif

/* ---- info ---- */

#define PROGRAMS 4

struct facts {
	const char *store, *runtime;
	size_t images, layers;
	size_t sandboxes, running, mounts;
	char *programs[PROGRAMS];
	char snapshots[1024];
	char group[CGROUP_PATH_MAX]; /* where control groups are made; "": nowhere */
	bool in_scope;		     /* by the user's systemd */
	char no_group[256];	     /* why not */
};

static const char *const program_names[PROGRAMS] = {"picket-sentry", "picket-fetch", "picket-snapd", "picket-runtime"};

static size_t count_sandboxes(int flags)
{
	struct entry_list list;
	char *err = NULL;
	size_t count;

	entries_list(flags, &list, &err);
	count = list.count;
	entry_list_free(&list);
	free(err);
	return count;
}

static void count_mount(void *arg, const char *dir)
{
	++*(size_t *)arg;
}

/* Which way an image's files are opened: found by opening one, if there is one. */
static void snapshot_way(char *buf, size_t len, struct store *s, const struct image_ref *ref, const char *snapd)
{
	unsigned int flags = test_mode("nofuse") || test_mode("nouserns") || !snapd ? SNAP_OPEN_NO_FUSE : 0;
	struct snap_image img;
	struct snap_error e;

	if (!ref) {
		snprintf(buf, len, "no image yet");
	} else if (snap_open_image(s, &ref->chain, snapd, flags, &img, &e) < 0) {
		snprintf(buf, len, "%s", e.text);
	} else {
		if (img.via == SNAP_VIA_FUSE)
			snprintf(buf, len, "through FUSE (picket-snapd)");
		else
			snprintf(buf, len, "from the store's files%s%s", img.why[0] ? ": " : "", img.why);
		snap_close_image(&img);
	}
}

static void find_group(struct facts *f)
{
	bool found = !test_mode("nocgroup") && probe_cgroup(f->group, sizeof(f->group));

	if (!found && (test_mode("nocgroup") || test_mode("noscope")))
		snprintf(f->no_group, sizeof(f->no_group), "switched off");
	else if (!found)
		found = f->in_scope = probe_scope(f->group, sizeof(f->group), f->no_group, sizeof(f->no_group));
	if (!found)
		f->group[0] = '\0';
}

static void gather(struct facts *f, struct store *s)
{
	struct image_ref *refs = NULL;

	f->store = store_path(s);
	f->runtime = runtime_dir();
	if (store_list_refs(s, &refs, &f->images, NULL) == 0)
		for (size_t i = 0; i < f->images; i++)
			f->layers += refs[i].layers;
	f->sandboxes = count_sandboxes(0);
	f->running = count_sandboxes(ENTRIES_LIVE);
	find_group(f);
	mounts_each(count_mount, &f->mounts);
	for (size_t i = 0; i < PROGRAMS; i++)
		f->programs[i] = find_program(program_names[i]);
	snapshot_way(f->snapshots, sizeof(f->snapshots), s, f->images ? refs : NULL, f->programs[2]);
	free(refs);
}

static void print_facts_text(const struct facts *f)
{
	printf("%-15s %s\n", "Version", PICKET_VERSION);
	printf("%-15s %s\n", "Store", f->store);
	printf("%-15s %zu, %zu mounted\n", "Images", f->images, f->mounts);
	printf("%-15s %s\n", "Snapshots", f->snapshots);
	printf("%-15s %s\n", "Runtime", f->runtime ? f->runtime : "");
	printf("%-15s %zu, %zu running\n", "Sandboxes", f->sandboxes, f->running);
	if (f->group[0])
		printf("%-15s %s below %s\n", "Limits", f->in_scope ? "scopes of your systemd" : "control groups", f->group);
	else
		printf("%-15s held by the sentry alone: %s\n", "Limits", f->no_group);
	printf("%-15s ABI %d\n", "Landlock", landlock_abi());
	for (size_t i = 0; i < PROGRAMS; i++)
		printf("%-15s %s\n", program_names[i], f->programs[i] ? f->programs[i] : "missing");
}

static void print_facts_json(const struct facts *f)
{
	struct json j = {.out = stdout};

	jw_open(&j, NULL, '{');
	jw_string(&j, "version", PICKET_VERSION);
	jw_string(&j, "store", f->store);
	jw_number(&j, "images", (int64_t)f->images);
	jw_number(&j, "layers", (int64_t)f->layers);
	jw_number(&j, "mounts", (int64_t)f->mounts);
	jw_string(&j, "snapshots", f->snapshots);
	jw_string(&j, "runtime", f->runtime);
	jw_number(&j, "sandboxes", (int64_t)f->sandboxes);
	jw_number(&j, "running", (int64_t)f->running);
	jw_string(&j, "cgroup", f->group);
	jw_string(&j, "no_cgroup", f->group[0] ? "" : f->no_group);
	jw_number(&j, "landlock_abi", landlock_abi());
	jw_open(&j, "programs", '{');
	for (size_t i = 0; i < PROGRAMS; i++)
		jw_string(&j, program_names[i], f->programs[i]);
	jw_close(&j, '}');
	jw_close(&j, '}');
}

/* docker's names of these facts, for scripts that ask by a template. */
static int print_facts_template(const struct facts *f, const char *format)
{
	struct utsname host = {0};
	json_t *rows;
	int status;

	uname(&host);
	rows = json_pack("[{s:s s:s s:I s:I s:I s:I s:I s:s s:s s:s s:s s:I s:s s:s}]", "ServerVersion", PICKET_VERSION, "DockerRootDir",
		f->store, "Images", (json_int_t)f->images, "Containers", (json_int_t)f->sandboxes, "ContainersRunning",
		(json_int_t)f->running, "ContainersStopped", (json_int_t)(f->sandboxes - f->running), "Mounts",
		(json_int_t)f->mounts, "Driver", "picket", "OSType", "linux", "Architecture", host.machine,
		"KernelVersion", host.release, "NCPU", (json_int_t)sysconf(_SC_NPROCESSORS_ONLN),
		"CgroupDriver", !f->group[0] ? "none" : f->in_scope ? "systemd" : "cgroupfs", "CgroupVersion", "2");
	status = print_list(format, NULL, 0, rows, stdout);
	json_decref(rows);
	return status;
}

int cmd_info(const void *opts, int argc, char **argv)
{
	const struct list_options *o = opts;
	struct facts f = {0};
	struct snap_error e;
	struct store *s;
	bool words = !o->format || strcmp(o->format, "json") == 0 || strcmp(o->format, "text") == 0;
	int status = words ? 0 : check_list_format(o->format);

	if (status)
		return status;
	if (store_open(NULL, &s, &e) < 0)
		return complain(EXIT_FAILED, "%s", e.text);
	gather(&f, s);
	if (!words)
		status = print_facts_template(&f, o->format);
	else if (o->format && strcmp(o->format, "json") == 0)
		print_facts_json(&f);
	else
		print_facts_text(&f);
	for (size_t i = 0; i < PROGRAMS; i++)
		free(f.programs[i]);
	store_close(s);
	return status ? status : finish_output();
}
