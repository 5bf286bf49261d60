/* SPDX-License-Identifier: MIT */
/* The config.json that `spec` writes: a shell in a container of its own, to be changed by hand. */
#include "cmd/runtime/spec/internal.h"

#include <stdlib.h>
#include <unistd.h>

/* The same as `runc spec` writes, so that what is written about that holds. */
static const char text[] =
	"{'ociVersion': '" SPEC_VERSION "',"
	" 'process': {'terminal': true, 'user': {'uid': 0, 'gid': 0}, 'args': ['sh'],"
	"  'env': ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'TERM=xterm'], 'cwd': '/',"
	"  'capabilities': {"
	"   'bounding': ['CAP_AUDIT_WRITE', 'CAP_KILL', 'CAP_NET_BIND_SERVICE'],"
	"   'effective': ['CAP_AUDIT_WRITE', 'CAP_KILL', 'CAP_NET_BIND_SERVICE'],"
	"   'permitted': ['CAP_AUDIT_WRITE', 'CAP_KILL', 'CAP_NET_BIND_SERVICE']},"
	"  'rlimits': [{'type': 'RLIMIT_NOFILE', 'hard': 1024, 'soft': 1024}], 'noNewPrivileges': true},"
	" 'root': {'path': 'rootfs', 'readonly': true},"
	" 'hostname': 'picket',"
	" 'mounts': ["
	"  {'destination': '/proc', 'type': 'proc', 'source': 'proc'},"
	"  {'destination': '/dev', 'type': 'tmpfs', 'source': 'tmpfs', 'options': ['nosuid', 'strictatime', 'mode=755', 'size=65536k']},"
	"  {'destination': '/dev/pts', 'type': 'devpts', 'source': 'devpts',"
	"   'options': ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5']},"
	"  {'destination': '/dev/shm', 'type': 'tmpfs', 'source': 'shm', 'options': ['nosuid', 'noexec', 'nodev', 'mode=1777', 'size=65536k']},"
	"  {'destination': '/dev/mqueue', 'type': 'mqueue', 'source': 'mqueue', 'options': ['nosuid', 'noexec', 'nodev']},"
	"  {'destination': '/sys', 'type': 'sysfs', 'source': 'sysfs', 'options': ['nosuid', 'noexec', 'nodev', 'ro']},"
	"  {'destination': '/sys/fs/cgroup', 'type': 'cgroup', 'source': 'cgroup', 'options': ['nosuid', 'noexec', 'nodev', 'relatime', 'ro']}],"
	" 'linux': {"
	"  'resources': {'devices': [{'allow': false, 'access': 'rwm'}]},"
	"  'namespaces': [{'type': 'pid'}, {'type': 'network'}, {'type': 'ipc'}, {'type': 'uts'}, {'type': 'mount'}, {'type': 'cgroup'}],"
	"  'maskedPaths': ['/proc/acpi', '/proc/asound', '/proc/kcore', '/proc/keys', '/proc/latency_stats', '/proc/timer_list',"
	"   '/proc/timer_stats', '/proc/sched_debug', '/sys/firmware', '/proc/scsi'],"
	"  'readonlyPaths': ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger']}}";

/* Of an ordinary user: his own id alone, which is root's inside, and no groups that he could limit. */
static void make_rootless(json_t *tree)
{
	json_t *linux_ = json_object_get(tree, "linux");

	json_object_del(linux_, "resources");
	json_array_append_new(json_object_get(linux_, "namespaces"), json_pack("{s:s}", "type", "user"));
	json_object_set_new(linux_, "uidMappings",
		json_pack("[{s:i, s:I, s:i}]", "containerID", 0, "hostID", (json_int_t)geteuid(), "size", 1));
	json_object_set_new(linux_, "gidMappings",
		json_pack("[{s:i, s:I, s:i}]", "containerID", 0, "hostID", (json_int_t)getegid(), "size", 1));
}

int spec_write_template(FILE *out, bool rootless)
{
	char *quoted = xstrdup(text);
	json_t *tree;
	int r;

	for (char *c = quoted; *c; c++)
		if (*c == '\'')
			*c = '"';
	tree = json_loads(quoted, 0, NULL);
	free(quoted);
	if (rootless)
		make_rootless(tree);
	r = json_dumpf(tree, out, JSON_INDENT(8)) < 0 || fputc('\n', out) == EOF ? -1 : 0;
	json_decref(tree);
	return r;
}
