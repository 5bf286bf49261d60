/* SPDX-License-Identifier: MIT */
/* What the runtime knows, for callers that ask (features.md of the runtime specification). */
#include "cmd/runtime/spec/internal.h"

static json_t *strings(const char *const *list)
{
	json_t *v = json_array();

	for (; *list; list++)
		json_array_append_new(v, json_string(*list));
	return v;
}

static json_t *mount_options(void)
{
	json_t *v = json_array();

	for (size_t i = 0; mount_option_name(i); i++)
		json_array_append_new(v, json_string(mount_option_name(i)));
	return v;
}

static json_t *capability_names(void)
{
	json_t *v = json_array();

	for (unsigned i = 0; spec_capability_name(i); i++)
		json_array_append_new(v, json_string(spec_capability_name(i)));
	return v;
}

static json_t *seccomp(void)
{
	static const char *const actions[] = {"SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO", "SCMP_ACT_KILL", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_KILL_THREAD",
		"SCMP_ACT_LOG", "SCMP_ACT_TRACE", "SCMP_ACT_TRAP", NULL};
	static const char *const operators[] = {"SCMP_CMP_EQ", "SCMP_CMP_GE", "SCMP_CMP_GT", "SCMP_CMP_LE", "SCMP_CMP_LT", "SCMP_CMP_MASKED_EQ",
		"SCMP_CMP_NE", NULL};
	static const char *const archs[] = {"SCMP_ARCH_X86_64", NULL};

	return json_pack("{s:b, s:o, s:o, s:o}", "enabled", 1, "actions", strings(actions), "operators", strings(operators), "archs", strings(archs));
}

static json_t *disabled(void)
{
	return json_pack("{s:b}", "enabled", 0);
}

static json_t *of_linux(void)
{
	/* Those that can be asked for: each container has all of them. */
	static const char *const namespaces_[] = {"cgroup", "ipc", "mount", "network", "pid", "user", "uts", NULL};

	return json_pack("{s:o, s:o, s:{s:b, s:b, s:b, s:b, s:b}, s:o, s:o, s:o, s:o, s:{s:o}}", "namespaces", strings(namespaces_), "capabilities",
		capability_names(), "cgroup", "v1", 1, "v2", 1, "systemd", 1, "systemdUser", 1, "rdma", 0, "seccomp", seccomp(), "apparmor", disabled(),
		"selinux", disabled(), "intelRdt", disabled(), "mountExtensions", "idmap", disabled());
}

int spec_write_features(FILE *out)
{
	static const char *const hooks[] = {"prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop", NULL};
	json_t *v = json_pack("{s:s, s:s, s:o, s:o, s:o, s:{s:s, s:s}}", "ociVersionMin", "1.0.0", "ociVersionMax", SPEC_VERSION, "hooks", strings(hooks),
		"mountOptions", mount_options(), "linux", of_linux(), "annotations", "dev.picket.version", PICKET_VERSION,
		"run.oci.checkpoint.enabled", "false");
	int r = !v || json_dumpf(v, out, JSON_INDENT(2)) < 0 || fputc('\n', out) == EOF ? -1 : 0;

	json_decref(v);
	return r;
}
