/* SPDX-License-Identifier: MIT */
/* Finding and filling control groups, on a tree of ordinary files that looks like one. */
#include "rootless/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char root[64];

static void file(const char *dir, const char *name, const char *text, mode_t mode)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s%s/%s", root, dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	chmod(path, mode);
}

static void group(const char *dir, const char *can, const char *has)
{
	char path[256];

	snprintf(path, sizeof(path), "%s%s", root, dir);
	mkdir(path, 0755);
	file(dir, "cgroup.controllers", can, 0444);
	file(dir, "cgroup.subtree_control", has, 0644);
	file(dir, "cgroup.procs", "", 0644);
}

static void is(const char *path, const char *want)
{
	char full[512], buf[256] = "";
	FILE *f;

	snprintf(full, sizeof(full), "%s%s", root, path);
	f = fopen(full, "r");
	assert_non_null(f);
	if (!fgets(buf, sizeof(buf), f))
		buf[0] = '\0';
	fclose(f);
	assert_string_equal(buf, want);
}

static int set_up(void **state)
{
	snprintf(root, sizeof(root), "/tmp/picket-cgroup-XXXXXX");
	assert_non_null(mkdtemp(root));
	group("", "cpu memory pids", "cpu memory pids");
	group("/user", "cpu memory pids io", "memory pids");
	group("/user/app", "memory pids", "");
	return 0;
}

static int tear_down(void **state)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", root);
	return system(command);
}

static void test_place(void **state)
{
	char buf[CGROUP_PATH_MAX], want[128];

	/* A file takes anything: here the lowest group can have them all. */
	assert_int_equal(cgroup_place(root, "/user/app", buf, sizeof(buf)), CGROUP_MEMORY | CGROUP_PIDS);
	snprintf(want, sizeof(want), "%s/user/app", root);
	assert_string_equal(buf, want);
	is("/user/app/cgroup.subtree_control", "+pidsry"); /* two words over each other: a file of the kernel takes each for itself */
}

static void test_busy(void **state)
{
	char buf[CGROUP_PATH_MAX], path[128], want[128];

	if (geteuid() == 0) /* for whom nothing is read only */
		skip();
	snprintf(path, sizeof(path), "%s/user/app/cgroup.subtree_control", root);
	chmod(path, 0444); /* as EBUSY: it holds processes */
	snprintf(path, sizeof(path), "%s/user/cgroup.subtree_control", root);
	chmod(path, 0444);
	assert_int_equal(cgroup_place(root, "/user/app", buf, sizeof(buf)), CGROUP_MEMORY | CGROUP_PIDS);
	snprintf(want, sizeof(want), "%s/user", root);
	assert_string_equal(buf, want);
	snprintf(path, sizeof(path), "%s/user/cgroup.procs", root);
	chmod(path, 0444); /* somebody else's from here on */
	assert_int_equal(cgroup_place(root, "/user/app", buf, sizeof(buf)), 0);
	assert_int_equal(cgroup_place(root, "/none", buf, sizeof(buf)), 0);
}

static void test_limits(void **state)
{
	static const char *const files[] = {"memory.max", "memory.low", "memory.swap.max", "cpu.max", "cpu.weight", "pids.max",
		"cgroup.procs", "memory.events"};
	struct cgroup_limits l = {.memory = 1 << 20, .memory_low = 4096, .swap = 77, .cpus = 1500000000, .cpu_weight = 39, .pids = 5};
	struct cgroup g;
	char place[128];

	group("/picket-0123456789ab", "", "");
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		file("/picket-0123456789ab", files[i], "", 0644);
	snprintf(place, sizeof(place), "%s", root);
	assert_int_equal(cgroup_make(&g, place, CGROUP_MEMORY | CGROUP_CPU | CGROUP_PIDS, "0123456789abcdef", &l), 0);
	is("/picket-0123456789ab/memory.max", "1048576");
	is("/picket-0123456789ab/memory.low", "4096");
	is("/picket-0123456789ab/memory.swap.max", "77");
	is("/picket-0123456789ab/cpu.max", "150000 100000");
	is("/picket-0123456789ab/cpu.weight", "39");
	is("/picket-0123456789ab/pids.max", "5");
	assert_int_equal(cgroup_enter(&g, 4711), 0);
	is("/picket-0123456789ab/cgroup.procs", "4711");
	assert_int_equal(cgroup_oom_kills(&g), 0);
	file("/picket-0123456789ab", "memory.events", "low 0\noom 3\noom_kill 2\n", 0644);
	assert_int_equal(cgroup_oom_kills(&g), 2);
	/* What cannot be written is a failure that leaves nothing to use. */
	snprintf(place, sizeof(place), "%s/nowhere", root);
	assert_true(cgroup_make(&g, place, CGROUP_MEMORY, "0123456789abcdef", &l) < 0);
	assert_string_equal(g.dir, "");
}

/* In a scope the process goes first: then the scope can give controllers. Without any, the group is there and holds nothing. */
static void test_within(void **state)
{
	struct cgroup_limits l = {.memory = 1 << 20, .pids = 5};
	struct cgroup g;
	char place[128], path[256];

	group("/a.scope", "memory pids", "");
	group("/a.scope/picket-0123456789ab", "", "");
	for (int i = 0; i < 3; i++)
		file("/a.scope/picket-0123456789ab", (const char *[]){"memory.max", "memory.swap.max", "pids.max"}[i], "", 0644);
	snprintf(place, sizeof(place), "%s/a.scope", root);
	assert_int_equal(cgroup_within(&g, place, 4711, "0123456789abcdef", &l), 0);
	assert_int_equal(g.has, CGROUP_MEMORY | CGROUP_PIDS);
	is("/a.scope/picket-0123456789ab/cgroup.procs", "4711");
	is("/a.scope/picket-0123456789ab/memory.max", "1048576");
	is("/a.scope/picket-0123456789ab/pids.max", "5");
	group("/b.scope", "cpuset", "");
	group("/b.scope/picket-0123456789ab", "", "");
	snprintf(place, sizeof(place), "%s/b.scope", root);
	assert_int_equal(cgroup_within(&g, place, 4711, "0123456789abcdef", &l), -ENODEV);
	assert_int_equal(g.has, 0);
	snprintf(path, sizeof(path), "%s/picket-0123456789ab", place);
	assert_string_equal(g.dir, path);
	snprintf(place, sizeof(place), "%s/nowhere", root);
	assert_true(cgroup_within(&g, place, 4711, "0123456789abcdef", &l) < 0);
	assert_string_equal(g.dir, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_place, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_busy, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_limits, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_within, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
