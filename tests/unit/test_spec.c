/* SPDX-License-Identifier: MIT */
/* The reader of config.json: what is refused, and with which words; what is warned of; what is taken. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cmd/run/launch.h"
#include "cmd/runtime/spec/spec.h"

/* Single quotes are easier to read; the fields of each part are added to what must be there. */
static char *config(const char *top, const char *process, const char *linux_)
{
	char *text = xasprintf("{'ociVersion': '1.0.2', 'root': {'path': 'rootfs'}, 'process': {'cwd': '/', 'args': ['sh']%s}, 'linux': {'namespaces': [{'type': "
			       "'uts'}, {'type': 'ipc'}, {'type': 'network'}]%s}%s}", process, linux_, top);

	for (char *c = text; *c; c++)
		if (*c == '\'')
			*c = '"';
	return text;
}

static int parse(char *text, struct spec **s, char **err)
{
	int r = spec_parse(text, strlen(text), "/b", s, err);

	free(text);
	return r;
}

static void refused(char *text, const char *words)
{
	struct spec *s;
	char *err = NULL;

	assert_int_equal(parse(text, &s, &err), -1);
	if (!strstr(err, words))
		fail_msg("\"%s\" does not say \"%s\"", err, words);
	assert_null(strchr(err, '\n'));
	free(err);
}

static struct spec *taken(char *text)
{
	struct spec *s;
	char *err = NULL;

	if (parse(text, &s, &err))
		fail_msg("refused: %s", err);
	return s;
}

static void warned(char *text, const char *words)
{
	struct spec *s = taken(text);
	bool said = false;

	for (size_t i = 0; i < s->warnings.count; i++)
		said |= strstr(s->warnings.items[i], words) != NULL;
	if (!said)
		fail_msg("no warning says \"%s\"", words);
	spec_free(s);
}

#define TOP(s) config(", " s, "", "")
#define PROCESS(s) config("", ", " s, "")
#define LINUX(s) config("", "", ", " s)
#define MOUNT(s) TOP("'mounts': [{" s "}]")

static void test_text(void **state)
{
	refused(xstrdup(""), "is not valid JSON");
	refused(xstrdup("{"), "is not valid JSON");
	refused(xstrdup("[]"), "is not a JSON object");
	refused(xstrdup("{\"ociVersion\": \"1.0\\u0000\"}"), "is not valid JSON");
	refused(xstrdup("{\"ociVersion\": \"\xff\"}"), "is not valid JSON");
	refused(xstrdup("{}"), "ociVersion is missing");
	refused(xstrdup("{\"ociVersion\": null}"), "ociVersion is missing");
	refused(xstrdup("{\"ociVersion\": 1}"), "ociVersion is not a string");
	refused(xstrdup("{\"ociVersion\": \"2.0\"}"), "\"2.0\" is not a version");
	refused(xstrdup("{\"ociVersion\": \"1.0.0\"}"), "root is missing");
	refused(xstrdup("{\"ociVersion\": \"1.0.0\", \"root\": {}}"), "root.path is missing");
	refused(xstrdup("{\"ociVersion\": \"1.0.0\", \"root\": {\"path\": \"r\"}}"), "process is missing");
	spec_free(taken(TOP("'unknown': {'a': [1, 2]}")));
}

/* Nesting, repetition, numbers: nothing that grows without a bound. */
static void test_bombs(void **state)
{
	size_t n = 3000000, at;
	char *deep = malloc(n + 1), *many = malloc(n + 200);

	memset(deep, '[', n);
	deep[n] = 0;
	refused(deep, "is not valid JSON");
	at = (size_t)sprintf(many, "{\"ociVersion\": \"1.0.0\", \"root\": {\"path\": \"r\"}, \"process\": {\"cwd\": \"/\", \"args\": [\"a\"]}, \"mounts\": [{}");
	for (size_t i = 0; i < 100000; i++)
		at += (size_t)sprintf(many + at, ", {}");
	strcpy(many + at, "]}");
	refused(many, "mounts has 100001 entries: more than");
}

static void test_process(void **state)
{
	refused(PROCESS("'args': []"), "process.args must not be empty");
	refused(PROCESS("'args': 'sh'"), "process.args is not an array");
	refused(PROCESS("'args': ['sh', 1]"), "process.args[1] is not a string");
	refused(PROCESS("'cwd': ''"), "process.cwd property must not be empty");
	refused(PROCESS("'cwd': 'tmp'"), "process.cwd must be an absolute path: \"tmp\"");
	refused(PROCESS("'env': ['A']"), "process.env[0]: invalid environment variable: \"A\"");
	refused(PROCESS("'env': ['=A']"), "invalid environment variable");
	refused(PROCESS("'user': {'uid': -1}"), "process.user.uid is -1");
	refused(PROCESS("'user': {'uid': 4294967295}"), "process.user.uid is 4294967295");
	refused(PROCESS("'user': {'uid': '0'}"), "process.user.uid is not a whole number");
	refused(PROCESS("'user': {'gid': 1.5}"), "process.user.gid is not a whole number");
	refused(PROCESS("'user': {'additionalGids': [1, -2]}"), "process.user.additionalGids[1] is not a group id");
	refused(PROCESS("'user': {'umask': 4096}"), "process.user.umask");
	refused(PROCESS("'terminal': 1"), "process.terminal is neither true nor false");
	refused(PROCESS("'consoleSize': {'height': 70000}"), "process.consoleSize.height is 70000");
	refused(PROCESS("'oomScoreAdj': 1001"), "process.oomScoreAdj is 1001");
	refused(PROCESS("'rlimits': [{'type': 'RLIMIT_X', 'soft': 1, 'hard': 1}]"), "no such resource limit: \"RLIMIT_X\"");
	refused(PROCESS("'rlimits': [{'type': 'RLIMIT_CPU', 'soft': 2, 'hard': 1}]"), "process.rlimits[0].soft is above hard");
	refused(PROCESS("'rlimits': [{'type': 'RLIMIT_CPU', 'soft': 1, 'hard': 1}, {'type': 'RLIMIT_CPU', 'soft': 1, 'hard': 1}]"), "RLIMIT_CPU stands twice");
	refused(PROCESS("'capabilities': {'effective': ['CAP_KILL']}"), "effective has CAP_KILL, which is not in permitted");
	warned(PROCESS("'capabilities': {'bounding': ['CAP_FLY']}"), "\"CAP_FLY\"");
	warned(PROCESS("'apparmorProfile': 'docker-default'"), "apparmorProfile");
	warned(PROCESS("'selinuxLabel': 'a:b'"), "selinuxLabel");
	warned(PROCESS("'scheduler': {'policy': 'SCHED_FIFO', 'priority': 3}"), "SCHED_FIFO has no effect");
	refused(PROCESS("'scheduler': {'policy': 'SCHED_BEST'}"), "no such policy: \"SCHED_BEST\"");
	warned(PROCESS("'ioPriority': {'class': 'IOPRIO_CLASS_RT', 'priority': 1}"), "IOPRIO_CLASS_RT has no effect");
	refused(PROCESS("'ioPriority': {'class': 'X'}"), "no such class: \"X\"");
}

static void test_process_values(void **state)
{
	struct spec *s = taken(PROCESS("'terminal': true, 'consoleSize': {'height': 25, 'width': 80}, 'user': {'uid': 5, 'gid': 6, 'umask': 63, 'additionalGids': [7, 8]}, "
				       "'env': ['A=b=c'], 'noNewPrivileges': true, 'oomScoreAdj': -5, 'rlimits': [{'type': 'RLIMIT_NOFILE', 'soft': 10, 'hard': "
				       "18446744073709551615}, {'type': 'RLIMIT_CORE', 'soft': 0, 'hard': 9223372036854775807}], "
				       "'capabilities': {'bounding': ['CAP_KILL', 'CAP_CHOWN'], 'permitted': ['CAP_KILL'], 'effective': ['CAP_KILL']}"));
	const struct spec_process *p = &s->process;

	assert_true(p->terminal && p->no_new_privs && p->oom_given);
	assert_int_equal(p->rows, 25);
	assert_int_equal(p->cols, 80);
	assert_int_equal(p->user.uid, 5);
	assert_int_equal(p->user.umask, 077);
	assert_int_equal(p->user.n_groups, 2);
	assert_int_equal(p->user.groups[1], 8);
	assert_int_equal(p->oom_score_adj, -5);
	assert_int_equal(p->n_rlimits, 2);
	assert_int_equal(p->rlimits[0].resource, RLIMIT_NOFILE);
	assert_true(p->rlimits[0].hard == UINT64_MAX && p->rlimits[1].hard == UINT64_MAX);
	assert_int_equal(p->caps.bounding, 1u << 5 | 1u << 0);
	assert_int_equal(p->caps.effective, 1u << 5);
	assert_string_equal(p->env[0], "A=b=c");
	assert_null(p->env[1]);
	assert_string_equal(s->root, "/b/rootfs");
	assert_false(s->root_readonly);
	spec_free(s);
}

static void test_mounts(void **state)
{
	refused(TOP("'mounts': {}"), "mounts is not an array");
	refused(TOP("'mounts': [1]"), "mounts[0] is not an object");
	refused(MOUNT("'type': 'proc'"), "mounts[0].destination is missing");
	refused(MOUNT("'destination': '/a'"), "mounts[0].type is missing");
	refused(MOUNT("'destination': '/a', 'type': 'overlay'"), "mounts[0].type: \"overlay\" is not supported");
	refused(MOUNT("'destination': '/a', 'type': 'bind'"), "mounts[0].source of a bind mount is missing");
	spec_free(taken(MOUNT("'destination': '/a', 'type': 'bind', 'source': '/', 'options': ['rbind', 'nocopy']")));
	refused(MOUNT("'destination': '/a', 'type': 'bind', 'source': '/', 'options': ['rbind', 'ridmap']"), "\"ridmap\" is not supported");
	refused(MOUNT("'destination': '/a', 'type': 'bind', 'source': '/', 'uidMappings': [{'containerID': 0, 'hostID': 1, 'size': 1}]"), "uidMappings");
	refused(MOUNT("'destination': '/a', 'type': 'tmpfs', 'options': ['hidepid=2']"), "\"hidepid=2\" is not an option of tmpfs");
	refused(MOUNT("'destination': '/a', 'type': 'proc', 'options': ['tmpcopyup']"), "tmpcopyup is an option of tmpfs");
	refused(MOUNT("'destination': '/a', 'type': 'tmpfs', 'options': ['nosymfollow']"), "\"nosymfollow\" is not supported");
	warned(MOUNT("'destination': 'a', 'type': 'tmpfs'"), "\"a\" is not absolute");
	warned(MOUNT("'destination': '/a', 'source': '/', 'options': ['rbind', 'rshared']"), "mounts made inside");
}

static void test_mount_values(void **state)
{
	struct spec *s = taken(TOP("'mounts': [{'destination': '/p', 'type': 'proc', 'options': ['nosuid', 'hidepid=2']},"
				   " {'destination': '/t', 'type': 'tmpfs', 'source': 'x', 'options': ['ro', 'rw', 'size=1m', 'noatime', 'relatime', 'mode=700', 'tmpcopyup', 'rslave']},"
				   " {'destination': '/b', 'type': 'none', 'source': 'dir', 'options': ['rbind', 'rro', 'nodev', 'dev']},"
				   " {'destination': '/c', 'source': '/x', 'options': ['bind']},"
				   " {'destination': '/g', 'type': 'cgroup2', 'options': ['defaults', 'strictatime']}]"));

	assert_int_equal(s->n_mounts, 5);
	assert_int_equal(s->mounts[0].type, SPEC_PROC);
	assert_string_equal(s->mounts[0].data, "hidepid=2");
	assert_int_equal(s->mounts[0].flags, MS_NOSUID);
	assert_string_equal(s->mounts[1].data, "size=1m,mode=700");
	assert_int_equal(s->mounts[1].flags, MS_RELATIME);
	assert_int_equal(s->mounts[1].propagation, MS_SLAVE | MS_REC);
	assert_true(s->mounts[1].copy_up && !s->mounts[1].readonly);
	assert_int_equal(s->mounts[2].type, SPEC_BIND);
	assert_true(s->mounts[2].recursive && s->mounts[2].readonly);
	assert_int_equal(s->mounts[2].flags, MS_RDONLY);
	assert_int_equal(s->mounts[2].recursive_flags, MS_RDONLY);
	assert_int_equal(s->mounts[3].type, SPEC_BIND);
	assert_false(s->mounts[3].recursive);
	assert_int_equal(s->mounts[4].type, SPEC_CGROUP);
	assert_string_equal(s->mounts[4].data, "");
	spec_free(s);
}

static void test_namespaces(void **state)
{
	struct spec *s;

	refused(LINUX("'namespaces': [{}]"), "linux.namespaces[0].type is missing");
	refused(LINUX("'namespaces': [{'type': 'x'}]"), "\"x\" is not a namespace");
	refused(LINUX("'namespaces': [{'type': 'pid'}, {'type': 'pid'}]"), "pid stands twice");
	refused(LINUX("'namespaces': [{'type': 'pid', 'path': '/proc/1/ns/pid'}]"), "joining a pid namespace (/proc/1/ns/pid) is not supported");
	refused(LINUX("'namespaces': [{'type': 'mount', 'path': '/x'}]"), "joining a mount namespace");
	refused(LINUX("'namespaces': [{'type': 'time', 'path': '/x'}]"), "joining a time namespace");
	refused(LINUX("'namespaces': [{'type': 'user', 'path': '/x'}]"), "joining the user namespace");
	refused(LINUX("'namespaces': [{'type': 'network', 'path': 'x'}]"), "\"x\" is not absolute");
	warned(LINUX("'namespaces': [{'type': 'ipc', 'path': '/x'}]"), "the ipc namespace /x is not joined");
	warned(LINUX("'namespaces': []"), "linux.namespaces has no pid");
	warned(LINUX("'namespaces': []"), "linux.namespaces has no ipc");
	warned(LINUX("'namespaces': [{'type': 'uts', 'path': '/x'}]"), "the uts namespace /x is not joined");
	refused(LINUX("'namespaces': [{'type': 'user'}]"), "linux.uidMappings is missing");
	refused(LINUX("'uidMappings': [{'containerID': 0, 'hostID': 0, 'size': 1}]"), "asks for no user namespace");
	refused(LINUX("'uidMappings': [{'containerID': 0, 'hostID': 4294967290, 'size': 100}]"), "more ids than there are");
	refused(LINUX("'timeOffsets': {'boottime': {'secs': 5}}"), "linux.timeOffsets.boottime is not supported");
	spec_free(taken(LINUX("'timeOffsets': {'boottime': {'secs': 0}}")));
	refused(config(", 'hostname': 'h'", "", ", 'namespaces': []"), "unable to set hostname without a private UTS namespace");
	refused(config(", 'domainname': 'h'", "", ", 'namespaces': []"), "unable to set domainname without a private UTS namespace");
	s = taken(LINUX("'namespaces': [{'type': 'network', 'path': '/run/netns/a'}, {'type': 'pid'}]"));
	assert_true(s->ns[SPEC_NS_PID].given && !s->ns[SPEC_NS_PID].path && !s->ns[SPEC_NS_UTS].given);
	assert_string_equal(s->ns[SPEC_NS_NETWORK].path, "/run/netns/a");
	spec_free(s);
}

static void test_linux(void **state)
{
	struct spec *s;

	refused(LINUX("'devices': [{'path': '/dev/x'}]"), "linux.devices[0].type is missing");
	refused(LINUX("'devices': [{'path': 'x', 'type': 'c'}]"), "\"x\" is not an absolute path");
	refused(LINUX("'devices': [{'path': '/x', 'type': 'd'}]"), "\"d\" is none of c, b, u and p");
	refused(LINUX("'devices': [{'path': '/x', 'type': 'c', 'major': 5000}]"), "linux.devices[0].major is 5000");
	warned(LINUX("'devices': [{'path': '/dev/fuse', 'type': 'c', 'major': 10, 'minor': 229}]"), "/dev/fuse is there, but opening it fails");
	warned(LINUX("'devices': [{'path': '/dev/a', 'type': 'b', 'major': 8}, {'path': '/dev/b', 'type': 'b', 'major': 8}]"), "/dev/a and 1 others");
	refused(LINUX("'maskedPaths': ['proc']"), "linux.maskedPaths[0]: \"proc\" is not an absolute path");
	refused(LINUX("'readonlyPaths': [1]"), "linux.readonlyPaths[0] is not a string");
	refused(LINUX("'rootfsPropagation': 'up'"), "\"up\" is not a kind of propagation");
	warned(LINUX("'rootfsPropagation': 'shared'"), "linux.rootfsPropagation");
	refused(LINUX("'sysctl': {'vm.swappiness': '1'}"), "sysctl \"vm.swappiness\" is not in a separate kernel namespace");
	refused(LINUX("'sysctl': {'../x': '1'}"), "is not the name of a kernel parameter");
	refused(LINUX("'sysctl': {'kernel.hostname': 'x'}"), "conflicts with the field hostname");
	refused(LINUX("'sysctl': {'kernel.msgmax': 1}"), "the value of kernel.msgmax is not a string");
	refused(config("", "", ", 'sysctl': {'kernel.msgmax': '1'}, 'namespaces': []"), "not allowed in the hosts ipc namespace");
	refused(config("", "", ", 'sysctl': {'net.core.somaxconn': '1'}, 'namespaces': []"), "not allowed in host network namespace");
	refused(LINUX("'intelRdt': {'closID': 'a'}"), "linux.intelRdt is not supported");
	refused(LINUX("'personality': {'domain': 'LINUX32'}"), "\"LINUX32\" is not supported");
	spec_free(taken(LINUX("'personality': {'domain': 'LINUX'}")));
	refused(LINUX("'netDevices': {'eth0': {}}"), "linux.netDevices is not supported");
	warned(LINUX("'mountLabel': 'system_u'"), "linux.mountLabel");
	refused(LINUX("'seccomp': []"), "linux.seccomp is not an object");
	refused(LINUX("'resources': 1"), "linux.resources is not an object");
	s = taken(LINUX("'sysctl': {'net/ipv4/ip_forward': '1'}, 'cgroupsPath': '', 'maskedPaths': ['/a']"));
	assert_string_equal(s->sysctls[0].name, "net.ipv4.ip_forward");
	assert_null(s->cgroups_path);
	assert_string_equal(s->masked[0], "/a");
	spec_free(s);
}

static void test_top(void **state)
{
	struct spec *s;

	refused(TOP("'hostname': 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'"), "is longer than 64 bytes");
	refused(TOP("'hooks': {'prestart': [{}]}"), "hooks.prestart[0].path is missing");
	refused(TOP("'hooks': {'poststop': [{'path': 'x'}]}"), "hooks.poststop[0].path: \"x\" is not an absolute path");
	refused(TOP("'hooks': {'poststop': [{'path': '/x', 'timeout': 0}]}"), "hooks.poststop[0].timeout is 0");
	refused(TOP("'hooks': {'poststop': [{'path': '/x', 'env': ['A']}]}"), "invalid environment variable");
	refused(TOP("'annotations': {'a': 1}"), "the value of \"a\" is not a string");
	refused(TOP("'annotations': {'dev.picket.network': 'slirp'}"), "neither none nor container");
	refused(TOP("'annotations': {'dev.picket.debug': 'yes'}"), "neither true nor false");
	refused(TOP("'annotations': {'dev.picket.rewrite': 'true'}"), "neither on nor off");
	refused(TOP("'annotations': {'dev.picket.trace': 'x'}"), "not an absolute path");
	warned(TOP("'annotations': {'dev.picket.colour': 'x'}"), "dev.picket.colour is not known");
	warned(TOP("'annotations': {'run.oci.keep_original_groups': '1'}"), "run.oci.keep_original_groups has no effect");
	warned(TOP("'windows': {}"), "windows has no effect");
	s = taken(TOP("'annotations': {'dev.picket.network': 'none', 'dev.picket.trace': '/t', 'a': 'b'}, 'hooks': {'poststop': [{'path': '/x', 'timeout': 3}]}"));
	assert_true(s->network_none);
	assert_string_equal(s->trace, "/t");
	assert_non_null(s->hooks);
	spec_free(s);
}

/* Is the record `keyword` `arg`… in the launch configuration? */
static bool has_record(const struct launch *l, const char *record, size_t len)
{
	return memmem(l->data, l->len, record, len) != NULL;
}

#define HAS(l, r) has_record(l, r, sizeof(r))

static void test_launch(void **state)
{
	struct launch l = {0};
	struct spec *s;
	char *err = NULL;

	s = taken(config(", 'hostname': 'h', 'mounts': [{'destination': '/dev', 'type': 'tmpfs', 'options': ['nosuid', 'size=1m']}, {'destination': 'c', 'source': "
			 "'/dev/null', 'options': ['bind']}, {'destination': '/e', 'source': '/etc', 'options': ['rbind', 'ro']}]",
		", 'user': {'uid': 1, 'gid': 2, 'umask': 63, 'additionalGids': [9]}, 'capabilities': {'bounding': ['CAP_CHOWN']}, 'rlimits': [{'type': "
		"'RLIMIT_CPU', 'soft': 7, 'hard': 8}]",
		", 'maskedPaths': ['/m'], 'readonlyPaths': ['/r'], 'sysctl': {'kernel.msgmax': '5', 'net.core.somaxconn': '6'}, 'devices': [{'path': '/dev/fuse', "
		"'type': 'c', 'major': 10, 'minor': 229, 'fileMode': 438}]"));
	free(s->root);
	s->root = xstrdup("/");
	assert_int_equal(spec_launch(s, &l, &err), 0);
	assert_true(HAS(&l, "bare\0arg\0sh"));
	assert_true(HAS(&l, "ids\0" "1\0" "2\0" "77"));
	assert_true(HAS(&l, "group-add\0" "9"));
	assert_true(HAS(&l, "cap-sets\0" "1\0" "0\0" "0\0" "0\0" "0"));
	assert_true(HAS(&l, "ulimit\0" "0\0" "7\0" "8"));
	assert_true(HAS(&l, "root-bind\0" "10\0rw,owners"));
	assert_true(HAS(&l, "hostname\0h"));
	assert_true(HAS(&l, "mount\0/dev\0tmpfs\0tmpfs\0" "-1\0" "2\0" "0\0size=1m"));
	assert_true(has_record(&l, "mount\0/c\0node\0/dev/null\0" "-1\0" "0\0" "0\0c 1 3 ", 37));
	assert_true(HAS(&l, "mount\0/e\0bind\0/etc\0" "11\0" "1\0" "0\0"));
	assert_int_equal(l.fd_kinds[1], 1); /* SANDBOX_FD_DIR_RO */
	assert_true(HAS(&l, "mask\0/m") && HAS(&l, "readonly\0/r"));
	assert_true(HAS(&l, "sysctl\0kernel.msgmax\0" "5"));
	assert_false(HAS(&l, "sysctl\0net.core.somaxconn\0" "6")); /* the network namespace's */
	assert_true(HAS(&l, "device\0/dev/fuse\0c\0" "10\0" "229\0" "666\0" "0\0" "0"));
	launch_free(&l);
	spec_free(s);
	s = taken(MOUNT("'destination': '/a', 'source': '/no/such/file', 'options': ['bind']"));
	free(s->root);
	s->root = xstrdup("/");
	assert_int_equal(spec_launch(s, &l, &err), -1);
	assert_string_equal(err, "mounts[0].source: cannot open /no/such/file for /a: No such file or directory");
	free(err);
	launch_free(&l);
	spec_free(s);
}

static void test_template(void **state)
{
	char *text = NULL, *err = NULL;
	size_t len;
	struct spec *s;
	FILE *f = open_memstream(&text, &len);

	assert_int_equal(spec_write_template(f, true), 0);
	fclose(f);
	if (spec_parse(text, len, "/b", &s, &err))
		fail_msg("%s", err);
	assert_int_equal(s->warnings.count, 0);
	assert_int_equal(s->n_mounts, 7);
	spec_free(s);
	free(text);
	f = open_memstream(&text, &len);
	assert_int_equal(spec_write_features(f), 0);
	fclose(f);
	assert_non_null(strstr(text, "\"rslave\""));
	assert_non_null(strstr(text, "\"CAP_CHECKPOINT_RESTORE\""));
	free(text);
}

static void test_exec(void **state)
{
	static const char text[] = "{\"args\": [\"id\"], \"cwd\": \"/\", \"user\": {\"uid\": 3}}", bad[] = "{\"args\": [\"id\"]}";
	struct spec_process *p;
	char *err = NULL;

	assert_int_equal(spec_process_parse(text, sizeof(text) - 1, &p, &err), 0);
	assert_int_equal(p->user.uid, 3);
	spec_process_free(p);
	assert_int_equal(spec_process_parse(bad, sizeof(bad) - 1, &p, &err), -1);
	assert_string_equal(err, "cwd property must not be empty");
	free(err);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text), cmocka_unit_test(test_bombs), cmocka_unit_test(test_process), cmocka_unit_test(test_process_values),
		cmocka_unit_test(test_mounts), cmocka_unit_test(test_mount_values), cmocka_unit_test(test_namespaces), cmocka_unit_test(test_linux),
		cmocka_unit_test(test_top), cmocka_unit_test(test_launch), cmocka_unit_test(test_template), cmocka_unit_test(test_exec),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
