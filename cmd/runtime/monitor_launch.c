/* SPDX-License-Identifier: MIT */
/* The sentry of a container: its process, its configuration, and handing over. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cmd/lib/message.h"
#include "cmd/lib/programs.h"
#include "cmd/lib/str.h"
#include "cmd/lib/terminal.h"
#include "cmd/runtime/console.h"
#include "cmd/runtime/groups.h"
#include "cmd/runtime/log.h"
#include "cmd/runtime/monitor_priv.h"
#include "cmd/runtime/runtime.h"
#include "cmd/runtime/spec/spec.h"
#include "cmd/runtime/state.h"

/* The sentence of a library, as ours. */
static int fail_with(char *err)
{
	fail("%s", err ? err : "out of memory");
	free(err);
	return -1;
}

/* The ids of a user namespace that the container has of its own. */
static struct sandbox_id_range *ranges(const struct spec_id_map *map, size_t n)
{
	struct sandbox_id_range *r = n ? xcalloc(n, sizeof(*r)) : NULL;

	for (size_t i = 0; i < n; i++)
		r[i] = (struct sandbox_id_range){map[i].inside, map[i].outside, map[i].count};
	return r;
}

int monitor_spawn(struct monitor *m)
{
	const struct spec *spec = m->o->spec;
	struct sandbox_id_range *uids = ranges(spec->uid_map, spec->n_uid_map), *gids = ranges(spec->gid_map, spec->n_gid_map);
	struct sandbox_options so = {.uid = geteuid(), .gid = getegid()};
	char *sentry = monitor_network_enter(m, &so) < 0 ? NULL : find_program("picket-sentry"), *err = NULL;
	int r = sentry ? 0 : -1;

	so.sentry = sentry;
	/* Whoever takes the terminal over reads what create says until nobody can say more. */
	so.no_stderr = m->o->console >= 0;
	so.oom_score_adj = monitor_oom_adj(m);
	so.ids = geteuid() == 0 ? SANDBOX_IDS_ALL : SANDBOX_IDS_ONE;
	if (so.ids == SANDBOX_IDS_ALL && uids && gids) {
		so.uids = uids;
		so.gids = gids;
		so.n_uids = spec->n_uid_map;
		so.n_gids = spec->n_gid_map;
	}
	if (r == 0 && sandbox_spawn(&so, &m->sandbox, &err) < 0)
		r = fail_with(err);
	free(sentry);
	free(uids);
	free(gids);
	return r;
}

/* ---- The configuration ---- */

/* The caller's own terminal is the program's: `run`. */
static int own_terminal(void)
{
	int fd = terminal_own(isatty(STDIN_FILENO) ? STDIN_FILENO : STDOUT_FILENO);

	return fd < 0 ? fail("the program is to have a terminal: standard input is none, and there is no --console-socket") : fd;
}

static int write_terminal(struct monitor *m)
{
	const struct spec_process *p = &m->o->spec->process;

	m->terminal = m->o->console >= 0 ? console_make(m->o->console, p->rows, p->cols) : own_terminal();
	if (m->terminal < 0)
		return -1;
	console_records(&m->launch, m->terminal, p->rows, p->cols, m->o->console >= 0);
	return 0;
}

/* The caller's own descriptors, or a terminal. */
static int write_stdio(struct monitor *m)
{
	struct launch *l = &m->launch;
	char number[16];

	if (m->o->spec->process.terminal)
		return write_terminal(m);

	launch_record(l, CONFIG_STDIO, launch_lend(l, STDIN_FILENO), launch_lend(l, STDOUT_FILENO), launch_lend(l, STDERR_FILENO));
	for (int i = 0; i < m->o->preserve_fds; i++) {
		snprintf(number, sizeof(number), "%d", 3 + i);
		launch_record(l, CONFIG_FD, number, launch_lend(l, 3 + i));
	}
	return 0;
}

/* What the sentry is called by means nothing to anybody: engines' ids may be of any form. */
static void write_id(struct launch *l)
{
	unsigned char random[16] = {0};
	char text[2 * sizeof(random) + 1];

	if (getrandom(random, sizeof(random), 0) < 0)
		random[0] = (unsigned char)getpid();
	for (size_t i = 0; i < sizeof(random); i++)
		snprintf(text + 2 * i, 3, "%02x", random[i]);
	launch_record(l, CONFIG_ID, text);
}

int monitor_configure(struct monitor *m)
{
	struct launch *l = &m->launch;
	char proc[16], *err = NULL;
	size_t told;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, m->control) < 0)
		return fail("cannot make a socket for the sentry: %s", strerror(errno));
	launch_record(l, CONFIG_VERSION, CONFIG_FORMAT);
	write_id(l);
	told = m->o->spec->warnings.count; /* by create */
	if (spec_launch(m->o->spec, l, &err))
		return fail_with(err);
	for (; told < m->o->spec->warnings.count; told++)
		warn("%s", m->o->spec->warnings.items[told]);
	if (write_stdio(m) < 0)
		return -1;
	launch_record(l, CONFIG_CONTROL, launch_lend(l, m->control[1]));
	if (monitor_network_records(m) < 0)
		return -1;
	if (m->o->filter >= 0)
		launch_record(l, CONFIG_SECCOMP, launch_give(l, m->o->filter));
	launch_word(l, CONFIG_HOLD);
	group_mine(m->o->c, &m->group);
	if (group_launch(m->o->spec, &m->group, l) < 0)
		return -1;
	if (sandbox_ready(&m->sandbox, &err) < 0)
		return fail_with(err);
	snprintf(proc, sizeof(proc), "%d", SANDBOX_PROC_FD);
	if (m->sandbox.proc)
		launch_record(l, CONFIG_PROC, proc);
	snprintf(proc, sizeof(proc), "%d", SANDBOX_SYSNET_FD);
	if (m->sandbox.sysnet)
		launch_record(l, CONFIG_SYSNET, proc);
	return 0;
}

int monitor_hand_over(struct monitor *m)
{
	struct launch *l = &m->launch;
	char *err = NULL;
	int config, r;

	if (l->len > CONFIG_SIZE_MAX)
		return fail("the configuration is too long: %zu bytes, %u are possible", l->len, CONFIG_SIZE_MAX);
	config = launch_finish(l);
	if (config < 0)
		return fail("cannot write the sentry's configuration: %s", strerror(errno));
	r = sandbox_exec(&m->sandbox, config, l->fds, l->fd_kinds, l->fd_count, &err);
	close(config);
	close(m->control[1]); /* ours is the sentry's only peer: its end of file means that the sentry is gone */
	m->control[1] = -1;
	launch_free(l);
	return r < 0 ? fail_with(err) : 0;
}
