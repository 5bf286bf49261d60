/* SPDX-License-Identifier: MIT */
/*
 * picket doctor: each check says what was found, what follows from it, and the command that mends it. A check is OK, a
 * loss (sandboxes run, something is missing), or fatal (none can run).
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "cmd/lib/json.h"
#include "cmd/lib/message.h"
#include "cmd/lib/mode.h"
#include "cmd/lib/programs.h"
#include "cmd/lib/str.h"
#include "fuse-snap/store.h"
#include "rootless/harden.h"
#include "rootless/probe.h"
#include "rootless/sandbox.h"
#include "rootless/scope.h"

enum verdict { VERDICT_OK, VERDICT_LOSS, VERDICT_FATAL };

struct finding {
	enum verdict verdict;
	char what[512];
	char mend[512]; /* "" if there is nothing to do */
};

struct check {
	const char *name;
	void (*run)(struct finding *f, bool *no_namespaces);
};

static void found(struct finding *f, enum verdict v, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

static void found(struct finding *f, enum verdict v, const char *fmt, ...)
{
	va_list ap;

	f->verdict = v;
	va_start(ap, fmt);
	vsnprintf(f->what, sizeof(f->what), fmt, ap);
	va_end(ap);
}

static void mend(struct finding *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void mend(struct finding *f, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(f->mend, sizeof(f->mend), fmt, ap);
	va_end(ap);
}

/* Why namespaces are refused here, and what gives them back. */
static void explain_namespaces(struct finding *f)
{
	if (probe_number("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == 1)
		mend(f, "Ubuntu's AppArmor rule: sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0 (or a "
			"profile for picket, see docs/rootless.md)");
	else if (probe_number("/proc/sys/kernel/unprivileged_userns_clone") == 0)
		mend(f, "sudo sysctl -w kernel.unprivileged_userns_clone=1");
	else if (probe_number("/proc/sys/user/max_user_namespaces") == 0)
		mend(f, "sudo sysctl -w user.max_user_namespaces=15000");
	else
		mend(f, "in a container: run it with --security-opt seccomp=unconfined, or a profile that allows "
			"unshare and mount");
}

/* The launcher itself is the probe: it makes all the namespaces of a sandbox and its root. */
static void check_namespaces(struct finding *f, bool *no_namespaces)
{
	char *sentry = find_program("picket-sentry"), *err = NULL;
	struct sandbox_options so = {.sentry = sentry, .uid = geteuid(), .gid = getegid()};
	struct sandbox s = {.pidfd = -1, .setup_sock = -1};

	if (!sentry) {
		found(f, VERDICT_FATAL, "picket-sentry is not installed");
		mend(f, "install Picket whole: bin/picket and libexec/picket/");
		return;
	}
	if (test_mode("nouserns"))
		err = xstrdup("switched off by PICKET_TEST_MODE");
	else if (sandbox_spawn(&so, &s, &err) == 0 && sandbox_ready(&s, &err) == 0)
		found(f, VERDICT_OK, "user, mount, pid, network, ipc, uts and cgroup namespaces, an empty root%s",
			s.proc ? "" : "; no private /proc (this container masks its own)");
	if (err) {
		*no_namespaces = true;
		found(f, VERDICT_LOSS, "%s: sandboxes run without namespaces and without network", err);
		explain_namespaces(f);
	}
	sandbox_kill(&s);
	free(err);
	free(sentry);
}

static void check_seccomp(struct finding *f, bool *no_namespaces)
{
	int r = probe_seccomp_notify();

	if (r < 0) {
		found(f, VERDICT_FATAL, "no seccomp user notification (%s): guest code cannot be confined",
			strerror(-r));
		mend(f, "Linux 5.9 or later with CONFIG_SECCOMP_FILTER; in a container a seccomp profile that allows "
			"seccomp(2)");
	} else if (probe_seccomp_killable() < 0) {
		found(f, VERDICT_LOSS,
			"filters with user notification, without uninterruptible waits (before Linux 5.19): slower");
	} else {
		found(f, VERDICT_OK, "filters with user notification");
	}
}

static void check_landlock(struct finding *f, bool *no_namespaces)
{
	int abi = test_mode("nolandlock") ? 0 : landlock_abi();

	if (abi > 0) {
		found(f, VERDICT_OK, "ABI %d", abi);
		return;
	}
	found(f, *no_namespaces ? VERDICT_FATAL : VERDICT_LOSS, "none: %s",
		*no_namespaces ? "with no namespaces either, a sandbox would not be safe"
			       : "one layer of protection less");
	mend(f, "Linux 5.13 or later with landlock in the lsm= list of the kernel's command line");
}

static void check_ptrace(struct finding *f, bool *no_namespaces)
{
	int64_t yama = probe_number("/proc/sys/kernel/yama/ptrace_scope");
	int r = probe_child_memory();

	if (r < 0) {
		found(f, VERDICT_FATAL, "a process may not read the memory of its child (%s)%s", strerror(-r),
			yama > 0 ? ", by Yama's rule" : "");
		mend(f, "sudo sysctl -w kernel.yama.ptrace_scope=1");
	} else if (yama >= 0) {
		found(f, VERDICT_OK, "a process may read its child's memory; Yama level %lld", (long long)yama);
	} else {
		found(f, VERDICT_OK, "a process may read its child's memory; no Yama");
	}
}

static void check_fuse(struct finding *f, bool *no_namespaces)
{
	int r = test_mode("nofuse") ? -ENOENT : probe_device("/dev/fuse");
	char *helper = find_in_path("fusermount3");

	if (r < 0) {
		found(f, VERDICT_LOSS,
			"/dev/fuse: %s: images are read from the store directly, picket mount does not work",
			strerror(-r));
		mend(f, r == -EACCES ? "sudo chmod 666 /dev/fuse"
				     : "sudo modprobe fuse; in a container: --device /dev/fuse");
	} else if (!helper) {
		found(f, VERDICT_LOSS, "fusermount3 is not installed: picket mount does not work");
		mend(f, "sudo apt-get install fuse3, or the package of that name");
	} else if (*no_namespaces) {
		found(f, VERDICT_LOSS,
			"/dev/fuse can be opened; without namespaces images are read from the store directly");
	} else {
		found(f, VERDICT_OK, "/dev/fuse can be opened: images are served by picket-snapd");
	}
	free(helper);
}

static void check_network(struct finding *f, bool *no_namespaces)
{
	char *slirp = test_mode("noslirp") ? NULL : find_in_path("slirp4netns");
	int tun = probe_device("/dev/net/tun");

	if (*no_namespaces) {
		found(f, VERDICT_LOSS, "none without namespaces: use --network none");
	} else if (!slirp) {
		found(f, VERDICT_LOSS, "slirp4netns is not installed: sandboxes have no network");
		mend(f, "sudo apt-get install slirp4netns, or the package of that name");
	} else if (tun < 0) {
		found(f, VERDICT_LOSS, "/dev/net/tun: %s: sandboxes have no network", strerror(-tun));
		mend(f, tun == -EACCES ? "sudo chmod 666 /dev/net/tun"
				       : "sudo modprobe tun; in a container: --device /dev/net/tun");
	} else {
		found(f, VERDICT_OK, "%s and /dev/net/tun", slirp);
	}
	free(slirp);
}

static void check_cgroup(struct finding *f, bool *no_namespaces)
{
	char dir[4096 + 32], why[256];

	if (test_mode("nocgroup"))
		found(f, VERDICT_OK, "limits are held by the sentry alone: switched off");
	else if (probe_cgroup(dir, sizeof(dir)))
		found(f, VERDICT_OK, "limits are held by the host's kernel too, in groups below %.300s", dir);
	else if (test_mode("noscope") || !probe_scope(dir, sizeof(dir), why, sizeof(why)))
		found(f, VERDICT_OK, "no group that you may divide: limits are held by the sentry alone; %s",
			test_mode("noscope") ? "scopes are switched off" : why);
	else if (!scope_stays())
		found(f, VERDICT_OK,
			"limits are held by the host's kernel too, in scopes of your systemd; not those of detached sandboxes, since your "
			"systemd may end before them: loginctl enable-linger lets it stay");
	else
		found(f, VERDICT_OK, "limits are held by the host's kernel too, in scopes of your systemd below %.300s", dir);
}

static void check_memory(struct finding *f, bool *no_namespaces)
{
	char total[32], avail[32];

	human_size(probe_meminfo("MemTotal"), total, sizeof(total));
	human_size(probe_meminfo("MemAvailable"), avail, sizeof(avail));
	if (probe_number("/proc/sys/vm/overcommit_memory") == 2) {
		found(f, VERDICT_LOSS,
			"%s, %s free; strict overcommit: programs that reserve much memory fail as they do outside",
			total, avail);
		mend(f, "sudo sysctl -w vm.overcommit_memory=0");
	} else {
		found(f, VERDICT_OK, "%s, %s free", total, avail);
	}
}

/* Images and kept sandboxes need a directory to be in; it is made when it is needed first. */
static void check_store(struct finding *f, bool *no_namespaces)
{
	struct snap_error e;
	char *path, *there;
	bool made;

	if (store_default_path(&path, &e)) {
		found(f, VERDICT_LOSS, "%s", e.text);
		return;
	}
	there = xstrdup(path);
	while (access(there, F_OK) < 0 && strrchr(there, '/') > there)
		*strrchr(there, '/') = '\0';
	made = strcmp(there, path) == 0;
	if (access(there, W_OK | X_OK) < 0) {
		found(f, VERDICT_LOSS, "%s cannot be %s: %s: there are no images and no kept sandboxes", path,
			made ? "written" : "made", strerror(errno));
		mend(f, "name another directory: PICKET_STORE, or picket --store DIR");
	} else {
		found(f, VERDICT_OK, "%s%s", path, made ? "" : " (not made yet)");
	}
	free(there);
	free(path);
}

static void check_limits(struct finding *f, bool *no_namespaces)
{
	struct rlimit nofile = {0}, nproc = {0};

	getrlimit(RLIMIT_NOFILE, &nofile);
	getrlimit(RLIMIT_NPROC, &nproc);
	if (nofile.rlim_max < 4096 || nproc.rlim_cur < 256) {
		found(f, VERDICT_LOSS, "%llu open files, %llu processes: large programs may fail",
			(unsigned long long)nofile.rlim_max, (unsigned long long)nproc.rlim_cur);
		mend(f, "raise nofile and nproc in /etc/security/limits.conf");
	} else {
		found(f, VERDICT_OK, "%llu open files", (unsigned long long)nofile.rlim_max);
	}
}

static void check_kernel(struct finding *f, bool *no_namespaces)
{
	struct utsname u;
	unsigned int major = 0, minor = 0;

	if (uname(&u) < 0 || sscanf(u.release, "%u.%u", &major, &minor) != 2) {
		found(f, VERDICT_LOSS, "unknown");
	} else if (major < 5 || (major == 5 && minor < 12)) {
		found(f, VERDICT_FATAL, "Linux %s: 5.12 or later is needed", u.release);
		mend(f, "a newer kernel");
	} else if (strcmp(u.machine, "x86_64") != 0) {
		found(f, VERDICT_FATAL, "%s: x86_64 is needed", u.machine);
	} else {
		found(f, VERDICT_OK, "Linux %s", u.release);
	}
}

/* Engines find it by its path; what they need themselves is theirs to say, but for what rootless podman is often without. */
static void check_runtime(struct finding *f, bool *no_namespaces)
{
	char *runtime = find_program("picket-runtime"), *newuidmap = find_in_path("newuidmap");

	if (!runtime) {
		found(f, VERDICT_LOSS, "picket-runtime is not installed: podman, docker and containerd cannot use Picket");
		mend(f, "install Picket whole: bin/picket-runtime beside bin/picket");
	} else if (*no_namespaces && geteuid() == 0) {
		found(f, VERDICT_LOSS, "%s: refuses to run root's containers without user namespaces", runtime);
	} else {
		found(f, VERDICT_OK, "%s, for podman, docker, containerd and Kubernetes%s", runtime,
			geteuid() == 0 || newuidmap ? "" : "; rootless podman itself needs newuidmap (package uidmap) and /etc/subuid");
	}
	free(newuidmap);
	free(runtime);
}

static void check_user(struct finding *f, bool *no_namespaces)
{
	if (geteuid() != 0)
		found(f, VERDICT_OK, "ordinary user %u; subordinate ids (/etc/subuid) are not needed",
			(unsigned int)geteuid());
	else if (probe_number("/proc/self/uid_map") == 0 && getenv("container") == NULL)
		found(f, VERDICT_OK, "user 0: Picket needs no root; an ordinary user is one layer of protection more");
	else
		found(f, VERDICT_OK, "user 0");
}

static const struct check checks[] = {
	{"kernel", check_kernel},
	{"user", check_user},
	{"namespaces", check_namespaces},
	{"seccomp", check_seccomp},
	{"landlock", check_landlock},
	{"ptrace", check_ptrace},
	{"fuse", check_fuse},
	{"network", check_network},
	{"cgroups", check_cgroup},
	{"store", check_store},
	{"memory", check_memory},
	{"limits", check_limits},
	{"runtime", check_runtime},
};

static void print_text(const struct check *c, const struct finding *f)
{
	static const enum tint tints[] = {
		[VERDICT_OK] = TINT_GREEN, [VERDICT_LOSS] = TINT_YELLOW, [VERDICT_FATAL] = TINT_RED};
	static const char *const words[] = {[VERDICT_OK] = "ok", [VERDICT_LOSS] = "less", [VERDICT_FATAL] = "no"};

	printf("%s%-5s%s %-11s %s\n", tint(stdout, tints[f->verdict]), words[f->verdict], tint(stdout, TINT_END),
		c->name, f->what);
	if (f->mend[0])
		printf("%-17s %smend:%s %s\n", "", tint(stdout, TINT_BOLD), tint(stdout, TINT_END), f->mend);
}

static void print_json(struct json *j, const struct check *c, const struct finding *f)
{
	static const char *const words[] = {[VERDICT_OK] = "ok", [VERDICT_LOSS] = "loss", [VERDICT_FATAL] = "fatal"};

	jw_open(j, NULL, '{');
	jw_string(j, "check", c->name);
	jw_string(j, "verdict", words[f->verdict]);
	jw_string(j, "found", f->what);
	jw_string(j, "mend", f->mend);
	jw_close(j, '}');
}

int cmd_doctor(const void *opts, int argc, char **argv)
{
	const struct list_options *o = opts;
	bool json = o->format && strcmp(o->format, "json") == 0, no_namespaces = false, fatal = false;
	struct json j = {.out = stdout};
	int status;

	if (json) {
		jw_open(&j, NULL, '{');
		jw_open(&j, "checks", '[');
	}
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		struct finding f = {0};

		checks[i].run(&f, &no_namespaces);
		fatal = fatal || f.verdict == VERDICT_FATAL;
		if (json)
			print_json(&j, &checks[i], &f);
		else
			print_text(&checks[i], &f);
	}
	if (json) {
		jw_close(&j, ']');
		jw_bool(&j, "can_run", !fatal);
		jw_string(&j, "mode", no_namespaces ? "no namespaces" : "namespaces");
		jw_close(&j, '}');
	} else {
		printf("\n%s\n", fatal		 ? "Sandboxes cannot run here."
				 : no_namespaces ? "Sandboxes can run here, without namespaces."
						 : "Sandboxes can run here.");
	}
	status = finish_output();
	return status ? status : fatal ? EXIT_FAILED : EXIT_OK;
}
