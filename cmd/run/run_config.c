/* SPDX-License-Identifier: MIT */
/* What picket run tells the sentry: the records of its launch configuration (docs/launch.md). */
#include "cmd/run/run.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/run/environment.h"
#include "cmd/lib/message.h"
#include "cmd/lib/mode.h"
#include "cmd/lib/programs.h"
#include "cmd/lib/terminal.h"
#include "cmd/run/report.h"
#include "cmd/run/limit_options.h"
#include "cmd/run/net_options.h"
#include "cmd/run/secret.h"
#include "cmd/run/share.h"
#include "cmd/run/upper.h"
#include "cmd/run/volume.h"
#include "fuse-snap/twinwrite.h"

int open_image(struct run *r)
{
	unsigned int flags = r->no_namespaces || test_mode("nofuse") ? SNAP_OPEN_NO_FUSE : 0;
	char *snapd = flags ? NULL : find_program("picket-snapd");
	struct snap_error e;
	int result;

	if (!snapd)
		flags = SNAP_OPEN_NO_FUSE;
	result = snap_open_image(r->store, &r->ref.chain, snapd, flags, &r->snap, &e);
	free(snapd);
	if (result < 0)
		return complain(EXIT_PICKET, "%s", e.text);
	r->snap_open = true;
	return 0;
}

static int write_image_root(struct run *r)
{
	int status;

	if (r->snap_open && r->no_namespaces) { /* it was opened before that was known */
		snap_close_image(&r->snap);
		r->snap_open = false;
	}
	status = r->snap_open ? 0 : open_image(r);
	if (status)
		return status;
	launch_record(&r->launch, CONFIG_ROOT_SNAP, launch_lend(&r->launch, r->snap.index_fd));
	for (uint32_t i = 0; i < r->snap.pack_count; i++) {
		char number[16];

		snprintf(number, sizeof(number), "%u", i);
		launch_record(&r->launch, CONFIG_PACK, number, launch_lend(&r->launch, r->snap.pack_fds[i]));
	}
	return 0;
}

static int write_dir_root(struct run *r)
{
	int fd = open(r->o->rootfs, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return complain(EXIT_PICKET, "cannot open the root directory %s: %s", r->o->rootfs, strerror(errno));
	launch_record(&r->launch, CONFIG_ROOT_DIR, launch_give_host(&r->launch, fd, false));
	return 0;
}

static void lend_twins(struct run *r, const int *fds, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		launch_record(&r->launch, CONFIG_TWINS, launch_give(&r->launch, fds[i]));
}

/* Pre-patched copies of the C library below a directory of the host (docs/twins.md). */
static void write_twins(struct run *r, const char *root)
{
	int dir, fds[TWIN_CACHE_MAX];
	struct snap_error e;
	unsigned int n;

	if (r->o->no_rewrite || (!r->store && store_open(NULL, &r->store, &e) < 0))
		return; /* the originals do too */
	dir = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	n = dir >= 0 ? twin_cache_open(r->store, dir, fds) : 0;
	lend_twins(r, fds, n);
	if (dir >= 0)
		close(dir);
}

static void write_layer_twins(struct run *r)
{
	int *fds = NULL;

	unsigned int n = r->o->no_rewrite ? 0 : twin_layers_open(r->store, &r->ref.chain, &fds);

	lend_twins(r, fds, n);
	free(fds);
}

static int write_root(struct run *r)
{
	int status;

	if (r->target == ON_IMAGE) {
		status = write_image_root(r);
		if (!status)
			write_layer_twins(r);
		return status;
	}
	status = r->target == ON_DIR ? write_dir_root(r) : write_host_root(&r->launch);
	if (!status)
		write_twins(r, r->target == ON_DIR ? r->o->rootfs : "/");
	return status;
}

/* The keeper's pipes; it closes its copies of the program's ends when they are handed over. */
static void write_pipes(struct run *r)
{
	struct launch *l = &r->launch;
	const char *ends[3];

	for (int i = 0; i < 3; i++) {
		ends[i] = r->stdio[i] >= 0 ? launch_give(l, r->stdio[i]) : "-1";
		r->stdio[i] = -1;
	}
	launch_record(l, CONFIG_STDIO, ends[0], ends[1], ends[2]);
}

static void write_stdio(struct run *r)
{
	struct launch *l = &r->launch;
	char text[2][16];

	if (r->stdio[1] >= 0)
		write_pipes(r);
	else
		launch_record(l, CONFIG_STDIO, r->o->interactive ? launch_lend(l, STDIN_FILENO) : "-1",
			launch_lend(l, STDOUT_FILENO), launch_lend(l, STDERR_FILENO));
	if (!r->o->tty)
		return;
	snprintf(text[0], sizeof(text[0]), "%u", r->rows ? r->rows : 24);
	snprintf(text[1], sizeof(text[1]), "%u", r->cols ? r->cols : 80);
	launch_record(l, CONFIG_TTY, text[0], text[1], r->utf8 ? "1" : "0");
}

static int write_trace(struct run *r)
{
	const char *path = r->o->trace;
	int fd;

	if (!path)
		return 0;
	if (!*path) {
		launch_record(&r->launch, CONFIG_TRACE,
			launch_lend(&r->launch, r->trace_fd >= 0 ? r->trace_fd : STDERR_FILENO));
		return 0;
	}
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (fd < 0)
		return complain(EXIT_PICKET, "cannot write the trace to %s: %s", path, strerror(errno));
	launch_record(&r->launch, CONFIG_TRACE, launch_give(&r->launch, fd));
	return 0;
}

/* malloc'd */
static char *working_directory(const struct run *r)
{
	char *shared;

	if (r->o->workdir)
		return xstrdup(r->o->workdir);
	shared = shared_workdir(r->o);
	if (shared)
		return shared;
	if (r->record.workdir && r->record.workdir[0] == '/')
		return xstrdup(r->record.workdir);
	return xstrdup(r->target == ON_HOST ? "/root" : "/");
}

/* --init: our own program is the first, and starts the command. Or all is its own. */
static int write_guest(struct run *r)
{
	char *program = find_program("picket-guest");
	int fd = program ? open(program, O_RDONLY | O_CLOEXEC) : -1;

	if (program && fd < 0)
		complain(EXIT_PICKET, "cannot open %s: %s", program, strerror(errno));
	free(program);
	if (fd < 0)
		return EXIT_PICKET;
	launch_record(&r->launch, CONFIG_GUEST, launch_give(&r->launch, fd));
	launch_record(&r->launch, CONFIG_ARG, "picket-guest");
	if (r->guest)
		return 0;
	launch_record(&r->launch, CONFIG_ARG, "init");
	launch_record(&r->launch, CONFIG_ARG, "--");
	return 0;
}

static int write_program(struct run *r, const char *hostname)
{
	struct str_list env = {0};
	const char *user = r->o->user ? r->o->user : r->record.user;
	int status = collect_environment(&env, r->o, r->record.env, hostname);
	char *cwd;

	status = status ? status : r->o->init || r->guest ? write_guest(r) : 0;
	if (status)
		return status;
	for (size_t i = 0; i < r->command.count; i++)
		launch_record(&r->launch, CONFIG_ARG, r->command.items[i]);
	for (size_t i = 0; i < env.count; i++)
		launch_record(&r->launch, CONFIG_ENV, env.items[i]);
	cwd = working_directory(r);
	launch_record(&r->launch, CONFIG_CWD, cwd);
	free(cwd);
	launch_record(&r->launch, CONFIG_USER, user ? user : "");
	launch_record(&r->launch, CONFIG_HOSTNAME, hostname);
	str_list_free(&env);
	return 0;
}

int write_config(struct run *r)
{
	const char *hostname = r->o->hostname ? r->o->hostname : r->shared_id ? r->shared_id : r->entry.short_id;
	char proc[16];
	int status;

	launch_record(&r->launch, CONFIG_VERSION, CONFIG_FORMAT);
	launch_record(&r->launch, CONFIG_ID, r->entry.id);
	status = write_program(r, hostname);
	status = status ? status : write_root(r);
	status = status ? status : write_upper(r);
	status = status ? status : write_volumes(&r->launch, r->o, &(struct volume_owner){.id = r->entry.id, .kept = !r->entry.temporary,
		.places = r->target == ON_IMAGE ? r->record.volumes : NULL});
	status = status ? status : write_shares(r);
	hold_own(&r->launch);
	status = status ? status : write_secrets(&r->launch, r->o);
	status = status ? status : write_trace(r);
	if (status == 0 && r->o->report)
		status = report_prepare(&r->launch, r->o->report, &r->report_fd);
	if (status)
		return status;
	launch_record(&r->launch, CONFIG_ROOT_RO, r->o->read_only ? "1" : "0");
	if (r->o->no_rewrite)
		launch_word(&r->launch, CONFIG_NO_REWRITE);
	write_stdio(r);
	limits_write(&r->launch, r->o, &r->group);
	launch_record(&r->launch, CONFIG_CONTROL, launch_lend(&r->launch, r->control[1]));
	snprintf(proc, sizeof(proc), "%d", SANDBOX_PROC_FD);
	if (r->sandbox.proc)
		launch_record(&r->launch, CONFIG_PROC, proc);
	if (r->no_namespaces)
		launch_word(&r->launch, CONFIG_NOUSERNS);
	launch_record(&r->launch, CONFIG_NETWORK, r->network); /* slirp, none, host, container */
	if (r->ports.count)
		launch_word(&r->launch, CONFIG_NETWORK_FIRST); /* who is told that it runs finds its ports open */
	net_write_files(r, hostname);
	return 0;
}
