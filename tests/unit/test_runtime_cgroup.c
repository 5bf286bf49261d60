/* SPDX-License-Identifier: MIT */
/* Control groups of containers: paths, conversions, linux.resources, and writing them to a tree of ordinary files that looks like one. */
#include "cmd/runtime/cgroup/group.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "cmd/runtime/cgroup/dbus.h"
#include "cmd/runtime/cgroup/files.h"
#include "cmd/runtime/cgroup/host.h"
#include "cmd/runtime/cgroup/stats.h"

static char root[64];

static int set_up(void **state)
{
	snprintf(root, sizeof(root), "/tmp/picket-rcgroup-XXXXXX");
	return mkdtemp(root) ? 0 : -1;
}

static int tear_down(void **state)
{
	char cmd[128];

	snprintf(cmd, sizeof(cmd), "rm -rf %s", root);
	return system(cmd);
}

static void file(const char *name, const char *text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", root, name);
	for (char *c = path + strlen(root) + 1; *c; c++)
		if (*c == '/') {
			*c = '\0';
			mkdir(path, 0755);
			*c = '/';
		}
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void is(const char *name, const char *want)
{
	char path[256], *got;

	snprintf(path, sizeof(path), "%s/%s", root, name);
	got = cg_read_file(path);
	assert_non_null(got);
	assert_string_equal(got, want);
	free(got);
}

static struct cg_resources read_ok(const char *text)
{
	struct cg_resources r;
	json_t *o = json_loads(text, 0, NULL);
	char *err = NULL;

	assert_non_null(o);
	assert_int_equal(cg_resources_read(&r, o, &err), 0);
	assert_null(err);
	json_decref(o);
	return r;
}

static void read_bad(const char *text, const char *why)
{
	struct cg_resources r;
	json_t *o = json_loads(text, 0, NULL);
	char *err = NULL;

	assert_non_null(o);
	assert_int_equal(cg_resources_read(&r, o, &err), -EINVAL);
	assert_non_null(err);
	if (!strstr(err, why))
		fail_msg("\"%s\" is not in \"%s\"", why, err);
	free(err);
	json_decref(o);
}

static void conversions(void **state)
{
	assert_int_equal(cg_shares_to_weight(0), 0);
	assert_int_equal(cg_shares_to_weight(1), 1);
	assert_int_equal(cg_shares_to_weight(2), 1);
	assert_int_equal(cg_shares_to_weight(512), 20);
	assert_int_equal(cg_shares_to_weight(1024), 39);
	assert_int_equal(cg_shares_to_weight(262144), 10000);
	assert_int_equal(cg_shares_to_weight(UINT64_MAX), 10000);
	assert_int_equal(cg_blkio_to_io_weight(0), 0);
	assert_int_equal(cg_blkio_to_io_weight(10), 1);
	assert_int_equal(cg_blkio_to_io_weight(300), 2930);
	assert_int_equal(cg_blkio_to_io_weight(1000), 10000);
}

static void swap(void **state)
{
	char *err = NULL;
	int64_t v;
	bool say;

	assert_int_equal(cg_swap_v2(&(struct cg_memory){.limit = 100, .swap = 150}, &v, &say, &err), 0);
	assert_true(say && v == 50);
	assert_int_equal(cg_swap_v2(&(struct cg_memory){.limit = 100, .swap = 100}, &v, &say, &err), 0);
	assert_true(say && v == 0);
	assert_int_equal(cg_swap_v2(&(struct cg_memory){.limit = 100, .swap = -1}, &v, &say, &err), 0);
	assert_true(say && v == -1);
	assert_int_equal(cg_swap_v2(&(struct cg_memory){.limit = -1}, &v, &say, &err), 0);
	assert_true(say && v == -1);
	assert_int_equal(cg_swap_v2(&(struct cg_memory){.limit = 100}, &v, &say, &err), 0);
	assert_false(say);
	assert_int_equal(cg_swap_v2(&(struct cg_memory){.swap = 100}, &v, &say, &err), -EINVAL);
	free(err);
	err = NULL;
	assert_int_equal(cg_swap_v2(&(struct cg_memory){.limit = 100, .swap = 99}, &v, &say, &err), -EINVAL);
	assert_non_null(strstr(err, "memory+swap limit should be >= memory limit"));
	free(err);
}

static void clean(const char *in, const char *want)
{
	char *got = cg_clean_path(in);

	assert_string_equal(got, want);
	free(got);
}

static void slice(const char *in, const char *want)
{
	char *got = NULL;

	assert_int_equal(cg_slice_path(in, &got), want ? 0 : -EINVAL);
	if (want)
		assert_string_equal(got, want);
	free(got);
}

static void unit(const char *path, const char *want_slice, const char *want_name)
{
	struct cg_unit u;
	char *err = NULL;

	assert_int_equal(cg_unit_parse(&u, path, "id1", &err), want_name ? 0 : -EINVAL);
	if (want_name) {
		assert_string_equal(u.slice, want_slice);
		assert_string_equal(u.name, want_name);
		cg_unit_free(&u);
	} else {
		assert_non_null(strstr(err, want_slice));
	}
	free(err);
}

static void paths(void **state)
{
	clean("/a/b", "/a/b");
	clean("a//b/./c/", "/a/b/c");
	clean("../../x", "/x");
	clean("/a/../../b", "/b");
	clean("..", "");
	clean("/", "");
	clean("a/..b/...", "/a/..b/...");
	slice("-.slice", "");
	slice("a.slice", "/a.slice");
	slice("a-b-c.slice", "/a.slice/a-b.slice/a-b-c.slice");
	slice("kubepods-burstable-podx_y.slice", "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podx_y.slice");
	slice("a--b.slice", NULL);
	slice("-a.slice", NULL);
	slice("a-.slice", NULL);
	slice("a/b.slice", NULL);
	slice(".slice", NULL);
	slice("a", NULL);
	unit(NULL, "", "picket-id1.scope");
	unit("", "", "picket-id1.scope");
	unit("system.slice:docker:0123", "system.slice", "docker-0123.scope");
	unit("x.slice::name", "x.slice", "name.scope");
	unit(":cri-containerd:1", "", "cri-containerd-1.scope");
	unit("/a/b", "expected cgroupsPath to be of format", NULL);
	unit("a:b:c:d", "expected cgroupsPath to be of format", NULL);
	unit("a:b:c", "invalid slice name: a", NULL);
	unit("a.slice:b:c/d", "no name of a unit", NULL);
	unit("a.slice:b:", "no name of a unit", NULL);
}

static void located(const char *path, const char *controller, const char *want)
{
	struct cg_host h;
	struct cg g = {0};
	char *err = NULL;

	assert_int_equal(cg_host_read(&h, root, &err), 0);
	assert_int_equal(cg_locate(&g, &h, path, "id1", &err), want ? 0 : -EINVAL);
	if (want)
		assert_string_equal(cg_dir(&g, controller), want);
	cg_free(&g);
	cg_host_free(&h);
	free(err);
}

static void hierarchies(void **state)
{
	file("mountinfo",
		"22 1 0:21 / /proc rw - proc proc rw\n"
		"30 1 0:25 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct\n"
		"31 1 0:26 /docker/x /sys/fs/cgroup/my\\040memory rw - cgroup cgroup rw,memory\n"
		"32 1 0:27 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd\n"
		"33 1 0:28 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n");
	file("cgroup", "9:cpu,cpuacct:/user\n8:memory:/docker/x/y\n1:name=systemd:/../out\n0::/a/b\n");
	located("/p/q", "cpuacct", "/sys/fs/cgroup/cpu,cpuacct/p/q");
	located("rel", "cpu", "/sys/fs/cgroup/cpu,cpuacct/user/rel");
	located("rel", "memory", "/sys/fs/cgroup/my memory/y/rel");
	located(NULL, "name=systemd", "/sys/fs/cgroup/systemd/id1");
	located("rel/../../..", "cpu", NULL);
	located("../../etc", "", "/sys/fs/cgroup/unified/a/b/etc");
	file("mountinfo", "33 1 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
	located("/p/q", "memory", "/sys/fs/cgroup/p/q");
	located("rel", "memory", "/sys/fs/cgroup/a/rel"); /* beside our own, which has processes in it */
	located(NULL, "memory", "/sys/fs/cgroup/a/id1");
	file("cgroup", "0::/\n");
	located("rel", "memory", "/sys/fs/cgroup/rel");
}

static void resources(void **state)
{
	struct cg_resources r = read_ok("{\"memory\":{\"limit\":1048576,\"swap\":-1,\"swappiness\":0,\"kernel\":5},"
					"\"cpu\":{\"quota\":150000,\"cpus\":\"0-1\",\"idle\":0},\"pids\":{\"limit\":7},"
					"\"hugepageLimits\":[{\"pageSize\":\"2MB\",\"limit\":4194304}],"
					"\"rdma\":{\"mlx5_1\":{\"hcaHandles\":3,\"hcaObjects\":10000}},"
					"\"devices\":[{\"allow\":false,\"access\":\"rwm\"},{\"allow\":true,\"type\":\"c\",\"major\":1,\"minor\":3}],"
					"\"network\":{\"classID\":1048577,\"priorities\":[{\"name\":\"eth0\",\"priority\":500}]}}");

	assert_int_equal(cg_sentry_memory(&r), 1048576);
	assert_int_equal(cg_sentry_pids(&r), 7);
	assert_int_equal(cg_sentry_cpus(&r), 1500000000);
	assert_true(r.memory.has_swappiness && r.cpu.has_idle && !r.cpu.has_burst);
	assert_true(cg_resources_any(&r));
	assert_string_equal(r.rdma.items[0].value, "hca_handle=3 hca_object=10000");
	assert_string_equal(r.net_prio.items[0].value, "500");
	cg_resources_free(&r);
	r = read_ok("{\"unified\":{\"memory.max\":\"4096\",\"pids.max\":\"max\"},\"memory\":null}");
	assert_int_equal(cg_sentry_memory(&r), 4096);
	assert_int_equal(cg_sentry_pids(&r), 0);
	cg_resources_free(&r);
	r = read_ok("{\"devices\":[{\"allow\":false,\"access\":\"rwm\"}],\"pids\":{\"limit\":0},\"memory\":{\"limit\":-1}}");
	assert_false(cg_resources_any(&r));
	cg_resources_free(&r);
	read_bad("[]", "not an object");
	read_bad("{\"cpu\":{\"shares\":-1}}", "linux.resources.cpu.shares");
	read_bad("{\"cpu\":{\"shares\":\"1\"}}", "linux.resources.cpu.shares");
	read_bad("{\"cpu\":{\"cpus\":\"0\\n1\"}}", "linux.resources.cpu.cpus");
	read_bad("{\"memory\":{\"swappiness\":101}}", "invalid memory swappiness value: 101 (valid range is 0-100)");
	read_bad("{\"memory\":{\"limit\":1.5}}", "linux.resources.memory.limit");
	read_bad("{\"unified\":{\"../x.y\":\"1\"}}", "must be a file name (no slashes)");
	read_bad("{\"hugepageLimits\":[{\"pageSize\":\"../2MB\",\"limit\":1}]}", "pageSize");
	read_bad("{\"blockIO\":{\"weightDevice\":[{\"weight\":10}]}}", "a device has a major and a minor number");
	read_bad("{\"devices\":[{\"allow\":true,\"access\":\"x\"}]}", "invalid device access x");
	read_bad("{\"devices\":[{\"allow\":true,\"type\":\"q\"}]}", "invalid device type q");
}

static struct cg fake(enum cg_version version, const char *const *names)
{
	struct cg g = {.version = version, .headroom = 1000};

	for (; *names; names++) {
		char *path;

		assert_true(asprintf(&path, "%s/%s", root, **names ? *names : "u") > 0);
		assert_int_equal(cg_add_dir(&g, *names, path, NULL), 0);
	}
	return g;
}

static void apply(struct cg *g, const char *text, int want)
{
	struct cg_resources r = read_ok(text);
	char *err = NULL;

	assert_int_equal(cg_apply(g, &r, NULL, &err), want);
	assert_true(want == 0 ? !err : !!err);
	free(err);
	cg_resources_free(&r);
}

static void apply_v2(void **state)
{
	static const char *const names[] = {"", NULL},
		*const files[] = {"memory.max", "memory.low", "memory.swap.max", "cpu.max", "cpu.weight", "cpu.idle", "pids.max", "io.weight",
			"io.max", "cpuset.cpus", "hugetlb.2MB.max", "memory.high", NULL};
	struct cg_resources r;
	char *refused = NULL;
	struct cg g;

	for (const char *const *f = files; *f; f++) {
		char name[64];

		snprintf(name, sizeof(name), "u/%s", *f);
		file(name, "");
	}
	g = fake(CG_V2, names);
	apply(&g,
		"{\"memory\":{\"limit\":5000,\"swap\":7000,\"reservation\":3000},\"cpu\":{\"shares\":1024,\"quota\":50000},\"pids\":{\"limit\":10},"
		"\"blockIO\":{\"weight\":1000,\"throttleReadBpsDevice\":[{\"major\":8,\"minor\":0,\"rate\":1024}]},"
		"\"hugepageLimits\":[{\"pageSize\":\"2MB\",\"limit\":0}],\"unified\":{\"memory.high\":\"4000\"}}",
		0);
	is("u/memory.max", "6000");
	is("u/memory.low", "3000");
	is("u/memory.swap.max", "2000");
	is("u/cpu.max", "50000 100000");
	is("u/cpu.weight", "39");
	is("u/pids.max", "276");
	is("u/io.weight", "10000");
	is("u/io.max", "8:0 rbps=1024");
	is("u/hugetlb.2MB.max", "0");
	is("u/memory.high", "5000");
	/* Swap alone is that of the memory there is. */
	file("u/memory.max", "6000\n");
	file("u/memory.swap.max", "");
	apply(&g, "{\"memory\":{\"swap\":9000}}", 0);
	is("u/memory.swap.max", "4000");
	file("u/memory.max", "");
	apply(&g, "{\"memory\":{\"limit\":-1},\"pids\":{\"limit\":-1},\"cpu\":{\"quota\":-1}}", 0);
	is("u/memory.max", "max");
	file("u/memory.current", "90000\n");
	apply(&g, "{\"memory\":{\"limit\":5000,\"checkBeforeUpdate\":true}}", -EBUSY);
	apply(&g, "{\"unified\":{\"foo.bar\":\"1\"}}", -ENOENT);
	apply(&g, "{\"cpu\":{\"mems\":\"0\"}}", -ENOENT);
	/* What is not there is left out, and the rest is done. */
	file("u/pids.max", "");
	r = read_ok("{\"cpu\":{\"mems\":\"0\"},\"pids\":{\"limit\":1}}");
	assert_int_equal(cg_apply(&g, &r, &refused, NULL), 0);
	assert_non_null(strstr(refused, "cpuset.mems"));
	is("u/pids.max", "258");
	free(refused);
	cg_resources_free(&r);
	cg_free(&g);
}

static void apply_v1(void **state)
{
	static const char *const names[] = {"memory", "cpu", "pids", "net_cls", NULL};
	struct cg g;

	file("memory/memory.limit_in_bytes", "9223372036854771712\n");
	file("memory/memory.memsw.limit_in_bytes", "");
	file("memory/memory.oom_control", "");
	file("cpu/cpu.cfs_quota_us", "");
	file("cpu/cpu.cfs_period_us", "");
	file("cpu/cpu.shares", "");
	file("pids/pids.max", "");
	file("net_cls/net_cls.classid", "");
	g = fake(CG_V1, names);
	file("memory/memory.limit_in_bytes", "");
	apply(&g,
		"{\"memory\":{\"limit\":5000,\"swap\":7000,\"disableOOMKiller\":true},\"cpu\":{\"shares\":1024,\"quota\":-1,\"period\":50000},"
		"\"pids\":{\"limit\":-1},\"network\":{\"classID\":5}}",
		0);
	is("memory/memory.limit_in_bytes", "6000");
	is("memory/memory.memsw.limit_in_bytes", "8000");
	is("memory/memory.oom_control", "1");
	is("cpu/cpu.cfs_quota_us", "-1");
	is("cpu/cpu.cfs_period_us", "50000");
	is("pids/pids.max", "max");
	is("net_cls/net_cls.classid", "5");
	file("cpu/cpu.shares", "");
	apply(&g, "{\"unified\":{\"memory.max\":\"1\"}}", -EINVAL);
	apply(&g, "{\"cpu\":{\"cpus\":\"0\"}}", -ENODEV);
	cg_free(&g);
}

static void saved(void **state)
{
	static const char *const names[] = {"memory", "cpu", NULL};
	struct cg g = fake(CG_V1, names), h;
	json_t *o;

	g.unit = strdup("x.scope");
	g.user = true;
	o = cg_save(&g);
	assert_int_equal(cg_load(&h, o), 0);
	assert_int_equal(h.version, CG_V1);
	assert_string_equal(h.unit, "x.scope");
	assert_true(h.user && !h.shared && h.headroom == 1000);
	assert_string_equal(cg_dir(&h, "cpu"), cg_dir(&g, "cpu"));
	json_decref(o);
	cg_free(&g);
	cg_free(&h);
	assert_int_equal(cg_load(&h, NULL), -EINVAL);
	o = json_loads("{\"version\":9,\"paths\":{}}", 0, NULL);
	assert_int_equal(cg_load(&h, o), -EINVAL);
	json_decref(o);
}

static void stats(void **state)
{
	static const char *const names[] = {"", NULL};
	struct cg g = fake(CG_V2, names);
	char *text = NULL;
	size_t len;
	FILE *out;
	json_t *v;

	file("u/cpu.stat", "usage_usec 5\nuser_usec 3\nsystem_usec 2\nnr_periods 0\n");
	file("u/memory.stat", "anon 1\nfile 7\n");
	file("u/memory.max", "max\n");
	file("u/memory.current", "12\n");
	file("u/pids.current", "3\n");
	file("u/pids.max", "276\n");
	file("u/io.stat", "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0\n");
	out = open_memstream(&text, &len);
	cg_stats_write(&g, out);
	fclose(out);
	v = json_loads(text, JSON_DECODE_INT_AS_REAL, NULL);
	assert_non_null(v);
	json_decref(v);
	assert_non_null(strstr(text, "\"usage\":{\"total\":5000,\"kernel\":2000,\"user\":3000}"));
	assert_non_null(strstr(text, "\"memory\":{\"cache\":7,\"usage\":{\"limit\":18446744073709551615,\"usage\":12,\"failcnt\":0}"));
	assert_non_null(strstr(text, "\"swap\":{\"limit\":18446744073709551615,\"usage\":12,\"failcnt\":0}"));
	assert_non_null(strstr(text, "\"raw\":{\"anon\":1,\"file\":7}"));
	assert_non_null(strstr(text, "\"pids\":{\"current\":3,\"limit\":10}"));
	assert_non_null(strstr(text, "\"ioServicedRecursive\":[{\"major\":8,\"op\":\"Read\",\"value\":3},{\"major\":8,\"op\":\"Write\",\"value\":4}]"));
	free(text);
	out = open_memstream(&text, &len);
	cg_stats_of_sentry("memory=5 cpu_ns=7 user_ns=4 system_ns=3 pids=2 memory_limit=0 memory_total=99 pids_limit=8", out);
	fclose(out);
	assert_non_null(strstr(text, "\"usage\":{\"limit\":99,\"usage\":5,\"failcnt\":0}"));
	assert_non_null(strstr(text, "\"pids\":{\"current\":2,\"limit\":8}"));
	free(text);
	cg_free(&g);
}

/* Alignment is from the beginning of the body, and the length of an array does not count what is before its first element. */
static void messages(void **state)
{
	static const unsigned char want[] = {1, 0, 0, 0, 'a', 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 7};
	struct dbus_text t = {0};
	size_t at;

	dbus_string(&t, "a");
	at = dbus_array(&t, 8);
	dbus_u64(&t, 5);
	dbus_u8(&t, 7);
	dbus_array_end(&t, at, 8);
	assert_false(t.failed);
	assert_int_equal(t.len, sizeof(want));
	assert_memory_equal(t.data, want, sizeof(want));
	free(t.data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(conversions),
		cmocka_unit_test(swap),
		cmocka_unit_test(paths),
		cmocka_unit_test_setup_teardown(hierarchies, set_up, tear_down),
		cmocka_unit_test(resources),
		cmocka_unit_test_setup_teardown(apply_v2, set_up, tear_down),
		cmocka_unit_test_setup_teardown(apply_v1, set_up, tear_down),
		cmocka_unit_test(saved),
		cmocka_unit_test_setup_teardown(stats, set_up, tear_down),
		cmocka_unit_test(messages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
