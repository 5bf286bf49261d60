/* SPDX-License-Identifier: MIT */
/*
 * One start of a sandbox: its process, its network, its configuration. What takes time goes on side by side: the sandbox's
 * process makes its namespaces and slirp4netns its network while the image is opened and the configuration written.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cmd/lib/message.h"
#include "cmd/lib/mode.h"
#include "cmd/lib/programs.h"
#include "cmd/run/limit_options.h"
#include "cmd/run/net_options.h"
#include "cmd/run/orphans.h"
#include "cmd/run/run.h"
#include "rootless/harden.h"

/* ---- The sandbox's process and its network ---- */

static int spawn(struct run *r, char **err)
{
	struct sandbox_options so = {
		.no_namespaces = r->no_namespaces,
		.host_network = strcmp(r->network, "host") == 0,
		.join = r->join,
		.join_net = r->join_net,
		.join_user = r->join_user,
		.uid = geteuid(),
		.gid = getegid(),
	};
	char *sentry = find_program("picket-sentry");
	int result;

	if (!sentry)
		return -1;
	so.sentry = sentry;
	result = sandbox_spawn(&so, &r->sandbox, err);
	free(sentry);
	return result;
}

/* No namespaces: the sentry's own filter and landlock must hold alone, so landlock has to be there. */
static int fall_back(struct run *r, const char *why)
{
	if (r->o->userns && strcmp(r->o->userns, "auto") == 0)
		return complain(EXIT_PICKET, "%s; picket doctor says how to mend it", why);
	if (landlock_abi() < 1 || test_mode("nolandlock"))
		return complain(EXIT_PICKET,
			"this host gives neither user namespaces (%s) nor landlock: a sandbox would not be safe; "
			"picket doctor says how to mend it",
			why);
	if (strcmp(r->network, "host") == 0)
		return complain(
			EXIT_PICKET, "--network host needs user namespaces, which this host does not give: %s", why);
	if (strcmp(r->network, "slirp") == 0 && r->network_asked)
		return complain(EXIT_PICKET,
			"--network slirp needs user namespaces, which this host does not give (%s); use --network none",
			why);
	if (strcmp(r->network, "slirp") == 0)
		warn("this host gives no user namespaces (%s): the sandbox has no network; picket doctor says how to "
		     "mend it",
			why);
	r->network = "none";
	r->no_namespaces = true;
	return 0;
}

static bool without_namespaces(const struct run *r)
{
	return test_mode("nouserns") || (r->o->userns && strcmp(r->o->userns, "none") == 0);
}

int run_spawn(struct run *r)
{
	char *err = NULL;
	int status = 0;

	r->network = network_mode(r->o);
	if (without_namespaces(r) || strcmp(r->network, "container") == 0) /* whose namespaces net_begin() finds */
		return 0;
	if (spawn(r, &err) < 0 && !err)
		status = EXIT_PICKET; /* the sentry is not installed: said */
	free(err); /* run_launch() tries again, and says it */
	return status;
}

/* Start the process; without namespaces if it must be. r->sandbox is ready afterwards. */
static int start_process(struct run *r)
{
	char *err = NULL;
	int status;

	if (without_namespaces(r)) {
		status = fall_back(r, "switched off");
		if (status)
			return status;
	}
	for (;;) {
		if (r->no_namespaces)
			adopt_orphans();
		if ((r->sandbox.pid > 0 || spawn(r, &err) == 0) && sandbox_ready(&r->sandbox, &err) == 0)
			return 0;
		if (!err)
			return EXIT_PICKET; /* the sentry is not installed: said */
		if (r->no_namespaces || !r->sandbox.mode_missing)
			break;
		status = fall_back(r, err);
		free(err);
		err = NULL;
		if (status)
			return status;
	}
	status = complain(EXIT_PICKET, "%s", err);
	free(err);
	return status;
}

/* Slirp was asked for: its absence is a failure. It was only the default: go on without. */
static int no_network(struct run *r, char *err)
{
	int status = 0;

	if (r->network_asked)
		status = complain(EXIT_PICKET, "%s; --network none runs without", err);
	else
		warn("%s; the sandbox has no network", err);
	free(err);
	r->network = "none";
	return status;
}

/* Whether there can be a network: told before the sentry starts. `ret_program` (to be freed) stays NULL where none is to be made. */
static int find_network(struct run *r, char **ret_program)
{
	char *program;

	if (strcmp(r->network, "slirp") != 0)
		return 0;
	program = test_mode("noslirp") ? NULL : find_in_path("slirp4netns");
	if (!program)
		return no_network(r, xstrdup("slirp4netns is not installed, which makes the sandbox's network"));
	if (access("/dev/net/tun", R_OK | W_OK) < 0) {
		free(program);
		return no_network(r, xasprintf("cannot open /dev/net/tun: %s; no network can be made for the sandbox", strerror(errno)));
	}
	*ret_program = program;
	return 0;
}

/* Start slirp4netns, when the sentry is on its way: the program's first socket waits for it. The keeper hears how it comes out. */
static int start_network(struct run *r, const char *program)
{
	struct slirp_options so = {.pid = r->sandbox.pid, .exit_fd = -1, .mac = r->o->net.mac, .program = program};
	static const char none[] = "network none";
	char *err = NULL, *api;
	int status = 0;

	if (!program)
		return 0;
	so.api_socket = api = net_api_socket(r);
	if (slirp_spawn(&so, &r->slirp, &err) < 0) {
		status = no_network(r, err);
		if (status == 0 && send(r->control[0], none, sizeof(none) - 1, MSG_NOSIGNAL) < 0)
			status = complain(EXIT_PICKET, "the sandbox's sentry is gone");
	}
	free(api);
	return status;
}

static int hand_over(struct run *r)
{
	char *err = NULL;
	int config, status = 0;

	if (r->launch.len > CONFIG_SIZE_MAX)
		return complain(EXIT_PICKET, "the arguments and variables are too long: %zu bytes, %u are possible",
			r->launch.len, CONFIG_SIZE_MAX);
	config = launch_finish(&r->launch);
	if (config < 0)
		return complain(EXIT_PICKET, "cannot write the sandbox's configuration: %s", strerror(errno));
	if (sandbox_exec(&r->sandbox, config, r->launch.fds, r->launch.fd_kinds, r->launch.fd_count, &err) < 0)
		status = complain(EXIT_PICKET, "%s", err);
	free(err);
	close(config);
	close(r->control[1]); /* ours is the sentry's only peer: its end of file means that the sentry is gone */
	r->control[1] = -1;
	launch_free(&r->launch); /* the program's ends of pipes among them: their end of file must be seen */
	return status;
}

int run_launch(struct run *r)
{
	char *slirp = NULL;
	int status;

	r->network = network_mode(r->o);
	status = net_begin(r);
	if (status)
		return status;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, r->control) < 0)
		return complain(EXIT_PICKET, "cannot make a socket for the sandbox: %s", strerror(errno));
	/* Beside the making of the namespaces; where none can be made it is opened in another way. */
	status = r->sandbox.pid > 0 && r->target == ON_IMAGE ? open_image(r) : 0;
	status = status ? status : start_process(r);
	status = status ? status : limits_pin(r->o, r->sandbox.pid);
	if (status == 0)
		limits_group(r->o, r->sandbox.pid, r->entry.id, r->detached, &r->group);
	status = status ? status : find_network(r, &slirp);
	status = status ? status : write_config(r);
	status = status ? status : hand_over(r);
	status = status ? status : start_network(r, slirp);
	free(slirp);
	return status;
}

void run_cleared(struct run *r)
{
	sandbox_kill(&r->sandbox);
	slirp_stop(&r->slirp);
	net_end(r);
	cgroup_remove(&r->group);
	if (r->no_namespaces)
		kill_orphans();
	if (r->snap_open)
		snap_close_image(&r->snap);
	r->snap_open = false;
	launch_free(&r->launch);
	launch_release(&r->launch);
	for (int i = 0; i < 2; i++) {
		if (r->control[i] >= 0)
			close(r->control[i]);
		r->control[i] = -1;
	}
}
