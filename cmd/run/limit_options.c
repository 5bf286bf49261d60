/* SPDX-License-Identifier: MIT */
/* --cpus, --ulimit, --cap-drop and their kin. */
#include "cmd/run/limit_options.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>

#include "cmd/commands.h"
#include "cmd/lib/message.h"
#include "cmd/lib/mode.h"
#include "cmd/run/launch.h"
#include "net/err.h"
#include "rootless/scope.h"

#define NANO 1000000000
#define ALL_CAPABILITIES 64
#define SENTRY_MEMORY (64 << 20) /* what the sentry and the stubs may take beside the guest */
#define SENTRY_TASKS 256
#define PERIOD_DEFAULT 100000 /* us, docker's */

/* ---- Reading ---- */

int parse_cpus(const char *text, int64_t *ret)
{
	int64_t v = 0, unit = NANO;
	const char *s = text;

	for (; *s >= '0' && *s <= '9'; s++)
		if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, (*s - '0') * (int64_t)NANO, &v) || v > 100000 * (int64_t)NANO)
			return -1;
	if (s == text && *s != '.')
		return -1;
	if (*s == '.')
		for (s++; *s >= '0' && *s <= '9'; s++)
			v += (unit /= 10) * (*s - '0');
	if (*s || strcmp(text, ".") == 0)
		return -1;
	*ret = v;
	return 0;
}

int parse_cpuset(const char *text, cpu_set_t *ret)
{
	CPU_ZERO(ret);
	for (const char *s = text; *s;) {
		char *end;
		unsigned long first, last;

		if (*s < '0' || *s > '9')
			return -1;
		first = last = strtoul(s, &end, 10);
		if (*end == '-') {
			s = end + 1;
			if (*s < '0' || *s > '9')
				return -1;
			last = strtoul(s, &end, 10);
		}
		if (last < first || last >= CPU_SETSIZE || (*end && *end != ','))
			return -1;
		for (; first <= last; first++)
			CPU_SET(first, ret);
		s = *end ? end + 1 : end;
		if (*end && !*s)
			return -1;
	}
	return CPU_COUNT(ret) ? 0 : -1;
}

/* By their numbers. */
static const char *const capabilities[] = {"chown", "dac_override", "dac_read_search", "fowner", "fsetid", "kill", "setgid",
	"setuid", "setpcap", "linux_immutable", "net_bind_service", "net_broadcast", "net_admin", "net_raw", "ipc_lock",
	"ipc_owner", "sys_module", "sys_rawio", "sys_chroot", "sys_ptrace", "sys_pacct", "sys_admin", "sys_boot", "sys_nice",
	"sys_resource", "sys_time", "sys_tty_config", "mknod", "lease", "audit_write", "audit_control", "setfcap",
	"mac_override", "mac_admin", "syslog", "wake_alarm", "block_suspend", "audit_read", "perfmon", "bpf",
	"checkpoint_restore"};
#define N_CAPABILITIES (sizeof(capabilities) / sizeof(capabilities[0]))

int capability_number(const char *name)
{
	if (strcasecmp(name, "all") == 0)
		return ALL_CAPABILITIES;
	if (strncasecmp(name, "cap_", 4) == 0)
		name += 4;
	for (size_t i = 0; i < N_CAPABILITIES; i++)
		if (strcasecmp(name, capabilities[i]) == 0)
			return (int)i;
	return -1;
}

static const struct {
	const char *name;
	unsigned int resource;
} resources[] = {{"core", RLIMIT_CORE}, {"cpu", RLIMIT_CPU}, {"data", RLIMIT_DATA}, {"fsize", RLIMIT_FSIZE},
	{"locks", RLIMIT_LOCKS}, {"memlock", RLIMIT_MEMLOCK}, {"msgqueue", RLIMIT_MSGQUEUE}, {"nice", RLIMIT_NICE},
	{"nofile", RLIMIT_NOFILE}, {"nproc", RLIMIT_NPROC}, {"rss", RLIMIT_RSS}, {"rtprio", RLIMIT_RTPRIO},
	{"rttime", RLIMIT_RTTIME}, {"sigpending", RLIMIT_SIGPENDING}, {"stack", RLIMIT_STACK}, {"as", RLIMIT_AS}};

static int ulimit_value(const char *s, uint64_t *ret)
{
	int64_t v;

	if (strcmp(s, "-1") == 0 || strcmp(s, "unlimited") == 0) {
		*ret = UINT64_MAX;
		return 0;
	}
	if (parse_number(s, 0, INT64_MAX, &v) < 0)
		return -1;
	*ret = (uint64_t)v;
	return 0;
}

int parse_ulimit(const char *text, struct ulimit *ret, char **err)
{
	char *name = xstrdup(text), *value = strchr(name, '='), *hard;
	size_t i = 0;
	int r = 0;

	if (value)
		*value++ = '\0';
	while (i < sizeof(resources) / sizeof(resources[0]) && strcmp(resources[i].name, name) != 0)
		i++;
	hard = value ? strchr(value, ':') : NULL;
	if (hard)
		*hard++ = '\0';
	if (!value || i == sizeof(resources) / sizeof(resources[0]))
		r = err_set(err,
			"--ulimit takes NAME=SOFT[:HARD], with a name such as nofile, nproc, core, cpu, stack, memlock; not \"%s\"",
			text);
	else if (ulimit_value(value, &ret->soft) < 0 || ulimit_value(hard ? hard : value, &ret->hard) < 0)
		r = err_set(err, "--ulimit %s: a limit is a number, or -1 for none", text);
	else if (ret->soft > ret->hard)
		r = err_set(err, "--ulimit %s: the soft limit is above the hard one", text);
	else
		ret->resource = resources[i].resource;
	free(name);
	return r;
}

int64_t limits_cpus(const struct limit_options *l)
{
	int64_t v = 0, period = l->cpu_period ? l->cpu_period : PERIOD_DEFAULT;

	if (l->cpus)
		return parse_cpus(l->cpus, &v) == 0 ? v : 0;
	return l->cpu_quota > 0 ? (int64_t)((__int128)l->cpu_quota * NANO / period) : 0;
}

/* ---- Checks ---- */

static int check_cpu(const struct limit_options *l)
{
	cpu_set_t wanted, own, both;
	int64_t v;

	if (l->cpus && parse_cpus(l->cpus, &v) < 0)
		return complain(EXIT_PICKET, "--cpus takes a number of processors such as 1.5, not \"%s\"", l->cpus);
	if (l->cpus && v && v < NANO / 100)
		return complain(EXIT_PICKET, "--cpus must be at least 0.01");
	if (l->cpus && (l->cpu_period || l->cpu_quota))
		return complain(EXIT_PICKET, "--cpus and --cpu-period or --cpu-quota say the same: leave one out");
	if (l->cpu_period && (l->cpu_period < 1000 || l->cpu_period > 1000000))
		return complain(EXIT_PICKET, "--cpu-period is between 1000 and 1000000 microseconds");
	if (l->cpu_quota > 0 && l->cpu_quota < 1000)
		return complain(EXIT_PICKET, "--cpu-quota must be at least 1000 microseconds");
	if (l->cpuset && parse_cpuset(l->cpuset, &wanted) < 0)
		return complain(EXIT_PICKET, "--cpuset-cpus takes processors such as 0-2,5, not \"%s\"", l->cpuset);
	if (l->cpuset && sched_getaffinity(0, sizeof(own), &own) == 0) {
		CPU_AND(&both, &own, &wanted);
		if (!CPU_EQUAL(&both, &wanted))
			return complain(EXIT_PICKET, "--cpuset-cpus %s: this machine, or this process, has no such processor",
				l->cpuset);
	}
	return 0;
}

static int check_memory(const struct run_options *o)
{
	const struct limit_options *l = &o->limits;
	int64_t swap;

	if (o->memory && o->memory < 6 << 20)
		return complain(EXIT_PICKET, "--memory must be at least 6m");
	if (l->memory_swap && strcmp(l->memory_swap, "-1") != 0) {
		if (parse_size(l->memory_swap, &swap) < 0)
			return complain(EXIT_PICKET, "--memory-swap takes a size such as 1g, or -1; not \"%s\"", l->memory_swap);
		if (swap && !o->memory)
			return complain(EXIT_PICKET, "--memory-swap needs --memory, of which it is the sum with swap");
		if (swap && swap < o->memory)
			return complain(EXIT_PICKET, "--memory-swap is memory and swap together: it cannot be less than --memory");
	}
	if (l->memory_reservation && o->memory && l->memory_reservation > o->memory)
		return complain(EXIT_PICKET, "--memory-reservation cannot be more than --memory");
	return 0;
}

/* docker's list of those that belong to a container's own namespaces. */
static bool own_parameter(const char *name)
{
	static const char *const ours[] = {"kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem", "kernel.shmall",
		"kernel.shmmax", "kernel.shmmni", "kernel.shm_rmid_forced", "kernel.domainname"};

	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		if (strcmp(name, ours[i]) == 0)
			return true;
	return strncmp(name, "net.", 4) == 0 || strncmp(name, "fs.mqueue.", 10) == 0;
}

static int check_sysctl(const char *text)
{
	char *name = xstrdup(text), *value = strchr(name, '=');
	int status = 0;

	if (value)
		*value = '\0';
	for (char *c = name; *c; c++)
		if (*c == '/')
			*c = '.';
	if (!value || value == name)
		status = complain(EXIT_PICKET, "--sysctl takes NAME=VALUE, not \"%s\"", text);
	else if (!own_parameter(name))
		status = complain(EXIT_PICKET,
			"--sysctl %s: the parameter is not a sandbox's own; those of net., fs.mqueue., kernel.msg*, kernel.sem "
			"and kernel.shm* are",
			name);
	free(name);
	return status;
}

static int check_capabilities(const struct str_list *list, const char *option)
{
	for (size_t i = 0; i < list->count; i++)
		if (capability_number(list->items[i]) < 0)
			return complain(EXIT_PICKET, "--%s: no capability is called \"%s\"", option, list->items[i]);
	return 0;
}

/* The sentry is between the guest and the host in any case: profiles of the host's have nothing to hold. */
static int check_security(const char *s)
{
	static const char *const known[] = {"no-new-privileges", "no-new-privileges=true", "no-new-privileges:true",
		"no-new-privileges=false", "no-new-privileges:false", "seccomp=unconfined", "apparmor=unconfined",
		"label=disable", "systempaths=unconfined"};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(s, known[i]) == 0)
			return 0;
	if (strncmp(s, "seccomp=", 8) == 0)
		return complain(EXIT_PICKET, "--security-opt %s: system calls never reach the host's kernel, so profiles for "
					     "them are not read; leave it out",
			s);
	return complain(EXIT_PICKET, "--security-opt %s is not offered; no-new-privileges is", s);
}

static int check_namespace(const char *option, const char *value, const char *const *fine, const char *why)
{
	if (!value || !*value)
		return 0;
	for (; *fine; fine++)
		if (strcmp(value, *fine) == 0)
			return 0;
	return complain(EXIT_PICKET, "--%s %s is not offered: %s", option, value, why);
}

static int check_namespaces(const struct limit_options *l)
{
	static const char *const ipc[] = {"private", "none", "shareable", NULL}, *const own[] = {"private", NULL};
	int status = check_namespace("ipc", l->ipc, ipc, "a sandbox has System V objects and message queues of its own");

	status = status ? status : check_namespace("pid", l->pid, own, "a sandbox sees its own processes only");
	status = status ? status : check_namespace("uts", l->uts, own, "a sandbox has a name of its own; --hostname sets it");
	return status ? status : check_namespace("cgroupns", l->cgroupns, own, "a sandbox sees its own group only");
}

int limits_check(const struct run_options *o)
{
	const struct limit_options *l = &o->limits;
	int status = check_cpu(l);
	int64_t adj;

	status = status ? status : check_memory(o);
	for (size_t i = 0; status == 0 && i < l->ulimits.count; i++) {
		char *err = NULL;
		struct ulimit u;

		if (parse_ulimit(l->ulimits.items[i], &u, &err) < 0)
			status = complain(EXIT_PICKET, "%s", err);
		free(err);
	}
	for (size_t i = 0; status == 0 && i < l->sysctls.count; i++)
		status = check_sysctl(l->sysctls.items[i]);
	for (size_t i = 0; status == 0 && i < l->security.count; i++)
		status = check_security(l->security.items[i]);
	status = status ? status : check_capabilities(&l->cap_add, "cap-add");
	status = status ? status : check_capabilities(&l->cap_drop, "cap-drop");
	status = status ? status : check_namespaces(l);
	if (status == 0 && l->oom_score_adj &&
		parse_number(l->oom_score_adj + (l->oom_score_adj[0] == '-'), 0, 1000, &adj) < 0)
		status = complain(EXIT_PICKET, "--oom-score-adj is between -1000 and 1000, not \"%s\"", l->oom_score_adj);
	if (status == 0 && l->domainname && (!*l->domainname || strlen(l->domainname) > 64 || strpbrk(l->domainname, " /\n\t")))
		status = complain(EXIT_PICKET, "\"%s\" is no domain name", l->domainname);
	return status;
}

/* ---- What the sentry is told ---- */

static bool names_all(const struct str_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		if (capability_number(list->items[i]) == ALL_CAPABILITIES)
			return true;
	return false;
}

static uint64_t named(const struct str_list *list)
{
	uint64_t mask = 0;

	for (size_t i = 0; i < list->count; i++)
		if (capability_number(list->items[i]) != ALL_CAPABILITIES)
			mask |= 1ull << capability_number(list->items[i]);
	return mask;
}

/* docker's rules: a name wins over ALL, and --cap-add over --cap-drop. A sandbox has all of them where nothing is said. */
static uint64_t capability_mask(const struct limit_options *l)
{
	uint64_t all = (1ull << N_CAPABILITIES) - 1, mask = all;

	if (names_all(&l->cap_drop) && !names_all(&l->cap_add))
		mask = 0;
	return ((mask & ~named(&l->cap_drop)) | named(&l->cap_add)) & all;
}

static void record_number(struct launch *l, enum config_keyword keyword, uint64_t v)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)v);
	launch_record(l, keyword, text);
}

static void write_ulimit(struct launch *l, const char *text)
{
	char resource[8], soft[24] = "-1", hard[24] = "-1", *err = NULL;
	struct ulimit u;

	if (parse_ulimit(text, &u, &err) < 0) {
		free(err);
		return;
	}
	snprintf(resource, sizeof(resource), "%u", u.resource);
	if (u.soft != UINT64_MAX)
		snprintf(soft, sizeof(soft), "%llu", (unsigned long long)u.soft);
	if (u.hard != UINT64_MAX)
		snprintf(hard, sizeof(hard), "%llu", (unsigned long long)u.hard);
	launch_record(l, CONFIG_ULIMIT, resource, soft, hard);
}

static void write_sysctl(struct launch *l, const char *text)
{
	char *name = xstrdup(text), *value = strchr(name, '=');

	*value++ = '\0';
	for (char *c = name; *c; c++)
		if (*c == '/')
			*c = '.';
	launch_record(l, CONFIG_SYSCTL, name, value);
	free(name);
}

static bool no_new_privileges(const struct limit_options *l)
{
	bool on = false;

	for (size_t i = 0; i < l->security.count; i++)
		if (strncmp(l->security.items[i], "no-new-privileges", 17) == 0)
			on = !strstr(l->security.items[i], "false");
	return on;
}

void limits_of_group(int64_t memory, int64_t pids, const struct limit_options *l, struct cgroup_limits *ret)
{
	int64_t swap = 0;

	*ret = (struct cgroup_limits){
		.memory_low = (uint64_t)l->memory_reservation,
		.cpus = (uint64_t)limits_cpus(l),
	};
	if (memory) {
		ret->memory = (uint64_t)memory + SENTRY_MEMORY;
		/* docker's: as much swap as memory, unless it is said. */
		if (l->memory_swap && strcmp(l->memory_swap, "-1") == 0)
			ret->swap = -1;
		else if (l->memory_swap && parse_size(l->memory_swap, &swap) == 0 && swap)
			ret->swap = swap - memory;
		else
			ret->swap = memory;
	}
	if (l->cpu_shares > 1) {
		ret->cpu_weight = 1 + (uint64_t)(l->cpu_shares - 2) * 9999 / 262142;
		ret->cpu_weight = ret->cpu_weight > 10000 ? 10000 : ret->cpu_weight;
	}
	/* Each of the guest's tasks is a thread of a stub, and may have one of the sentry that serves it. */
	if (pids > 0)
		ret->pids = 2 * (uint64_t)pids + SENTRY_TASKS;
}

void limits_group(const struct run_options *o, pid_t pid, const char *id, bool detached, struct cgroup *ret)
{
	const struct limit_options *l = &o->limits;
	char place[CGROUP_PATH_MAX], why[256];
	struct cgroup_limits limits;
	unsigned int has = 0;

	*ret = (struct cgroup){0};
	if (!o->memory && !limits_cpus(l) && o->pids <= 0 && !l->memory_reservation && !l->cpu_shares)
		return;
	limits_of_group(o->memory, o->pids, l, &limits);
	if (!test_mode("nocgroup"))
		has = cgroup_place(NULL, NULL, place, sizeof(place));
	if (has && cgroup_make(ret, place, has, id, &limits) == 0 && cgroup_enter(ret, pid) < 0)
		cgroup_remove(ret);
	/* A detached sandbox must not end with a manager that goes before it. */
	if (!has && !test_mode("nocgroup") && !test_mode("noscope") && (!detached || scope_stays()))
		scope_group(ret, pid, id, &limits, why, sizeof(why)); /* without it the sentry holds them; picket doctor says why */
	if (!ret->dir[0])
		ret->has = 0;
	if (l->memory_reservation && !(ret->has & CGROUP_MEMORY))
		warn("--memory-reservation does nothing here: it needs a control group, see picket doctor");
	if (l->cpu_shares && !(ret->has & CGROUP_CPU))
		warn("--cpu-shares does nothing here: it needs a control group, see picket doctor");
}

void limits_write(struct launch *la, const struct run_options *o, const struct cgroup *g)
{
	const struct limit_options *l = &o->limits;

	record_number(la, CONFIG_MEMORY, (uint64_t)o->memory);
	/* -1 is docker's "no limit": the highest pid_max there is. */
	record_number(la, CONFIG_PIDS, o->pids < 0 ? 4194304 : (uint64_t)o->pids);
	if (limits_cpus(l))
		record_number(la, CONFIG_CPUS, (uint64_t)limits_cpus(l));
	if (g->has & CGROUP_CPU)
		launch_word(la, CONFIG_CPUS_HELD);
	for (size_t i = 0; i < l->ulimits.count; i++)
		write_ulimit(la, l->ulimits.items[i]);
	if (l->shm_size)
		record_number(la, CONFIG_SHM_SIZE, (uint64_t)l->shm_size);
	if (l->oom_score_adj)
		launch_record(la, CONFIG_OOM_ADJ, l->oom_score_adj);
	for (size_t i = 0; i < l->sysctls.count; i++)
		write_sysctl(la, l->sysctls.items[i]);
	if (l->cap_add.count || l->cap_drop.count)
		record_number(la, CONFIG_CAPS, capability_mask(l));
	if (no_new_privileges(l))
		launch_word(la, CONFIG_NO_NEW_PRIVS);
	for (size_t i = 0; i < l->groups.count; i++)
		launch_record(la, CONFIG_GROUP_ADD, l->groups.items[i]);
	if (l->domainname)
		launch_record(la, CONFIG_DOMAINNAME, l->domainname);
}

int limits_pin(const struct run_options *o, pid_t pid)
{
	cpu_set_t set;

	if (!o->limits.cpuset || parse_cpuset(o->limits.cpuset, &set) < 0 || sched_setaffinity(pid, sizeof(set), &set) == 0)
		return 0;
	return complain(EXIT_PICKET, "cannot keep the sandbox to the processors %s: %s", o->limits.cpuset, strerror(errno));
}
