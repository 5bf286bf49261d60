/* SPDX-License-Identifier: MIT */
/* Names of capabilities, resource limits and namespaces. */
#include "cmd/runtime/spec/internal.h"

#include <string.h>
#include <strings.h>
#include <sys/resource.h>

static const char *const capabilities[] = {"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL",
	"CAP_SETGID", "CAP_SETUID", "CAP_SETPCAP", "CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST", "CAP_NET_ADMIN",
	"CAP_NET_RAW", "CAP_IPC_LOCK", "CAP_IPC_OWNER", "CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_SYS_CHROOT", "CAP_SYS_PTRACE",
	"CAP_SYS_PACCT", "CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE", "CAP_SYS_RESOURCE", "CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG",
	"CAP_MKNOD", "CAP_LEASE", "CAP_AUDIT_WRITE", "CAP_AUDIT_CONTROL", "CAP_SETFCAP", "CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN",
	"CAP_SYSLOG", "CAP_WAKE_ALARM", "CAP_BLOCK_SUSPEND", "CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF", "CAP_CHECKPOINT_RESTORE"};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

int spec_capability(const char *name)
{
	for (size_t i = 0; i < COUNT(capabilities); i++)
		if (strcmp(capabilities[i], name) == 0)
			return (int)i;
	return -1;
}

const char *spec_capability_name(unsigned cap)
{
	return cap < COUNT(capabilities) ? capabilities[cap] : NULL;
}

static const struct {
	const char *name;
	unsigned resource;
} rlimits[] = {{"RLIMIT_CPU", RLIMIT_CPU}, {"RLIMIT_FSIZE", RLIMIT_FSIZE}, {"RLIMIT_DATA", RLIMIT_DATA}, {"RLIMIT_STACK", RLIMIT_STACK},
	{"RLIMIT_CORE", RLIMIT_CORE}, {"RLIMIT_RSS", RLIMIT_RSS}, {"RLIMIT_NPROC", RLIMIT_NPROC}, {"RLIMIT_NOFILE", RLIMIT_NOFILE},
	{"RLIMIT_MEMLOCK", RLIMIT_MEMLOCK}, {"RLIMIT_AS", RLIMIT_AS}, {"RLIMIT_LOCKS", RLIMIT_LOCKS}, {"RLIMIT_SIGPENDING", RLIMIT_SIGPENDING},
	{"RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE}, {"RLIMIT_NICE", RLIMIT_NICE}, {"RLIMIT_RTPRIO", RLIMIT_RTPRIO}, {"RLIMIT_RTTIME", RLIMIT_RTTIME}};

int rlimit_by_name(const char *name)
{
	for (size_t i = 0; i < COUNT(rlimits); i++)
		if (strcmp(rlimits[i].name, name) == 0)
			return (int)rlimits[i].resource;
	return -1;
}

static const char *const namespaces[SPEC_NS_COUNT] = {[SPEC_NS_PID] = "pid", [SPEC_NS_NETWORK] = "network", [SPEC_NS_MOUNT] = "mount",
	[SPEC_NS_IPC] = "ipc", [SPEC_NS_UTS] = "uts", [SPEC_NS_USER] = "user", [SPEC_NS_CGROUP] = "cgroup", [SPEC_NS_TIME] = "time"};

int namespace_by_name(const char *name)
{
	for (int i = 0; i < SPEC_NS_COUNT; i++)
		if (strcmp(namespaces[i], name) == 0)
			return i;
	return -1;
}

const char *namespace_name(enum spec_ns ns)
{
	return namespaces[ns];
}
