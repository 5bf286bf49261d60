/* SPDX-License-Identifier: MIT */
/* The writer of the launch configuration, and the records of volumes. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/run/launch.h"
#include "cmd/run/volume.h"

static void test_records(void **state)
{
	static const char expected[] = "version\0001\0arg\0\0root-host\0bind\0/x\00010\0rw\0trace\00011";
	struct launch l = {0};
	char buf[256];
	int fd;

	launch_record(&l, CONFIG_VERSION, "1");
	launch_record(&l, CONFIG_ARG, NULL);
	launch_word(&l, CONFIG_ROOT_HOST);
	launch_record(&l, CONFIG_BIND, "/x", launch_lend(&l, 0), "rw");
	launch_record(&l, CONFIG_TRACE, launch_lend(&l, 2));
	fd = launch_finish(&l);
	assert_true(fd >= 0);
	assert_int_equal(read(fd, buf, sizeof(buf)), sizeof(expected));
	assert_memory_equal(buf, expected, sizeof(expected));
	assert_int_equal(write(fd, "x", 1), -1);
	assert_int_equal(l.fds[1], 2);
	close(fd);
	launch_free(&l);
}

/* Volumes given as one option of each kind; complaints go to /dev/null. Returns the status; the records into buf. */
static int volumes(const char *volume, const char *mount, const char *tmpfs, char *buf, size_t size)
{
	struct run_options o = {0};
	struct launch l = {0};
	int err = dup(2), null = open("/dev/null", O_WRONLY), r;

	if (volume)
		str_list_add(&o.volumes, xstrdup(volume));
	if (mount)
		str_list_add(&o.mounts, xstrdup(mount));
	if (tmpfs)
		str_list_add(&o.tmpfs, xstrdup(tmpfs));
	dup2(null, 2);
	r = write_volumes(&l, &o, NULL);
	dup2(err, 2);
	close(err);
	close(null);
	buf[0] = '\0';
	for (size_t i = 0; i < l.len; i++)
		snprintf(buf + strlen(buf), size - strlen(buf), "%c", l.data[i] ? l.data[i] : ' ');
	launch_free(&l);
	str_list_free(&o.volumes);
	str_list_free(&o.mounts);
	str_list_free(&o.tmpfs);
	return r;
}

static void test_volumes(void **state)
{
	char buf[512];

	assert_int_equal(volumes("/tmp:/x", NULL, NULL, buf, sizeof(buf)), 0);
	assert_string_equal(buf, "bind /x 10 rw ");
	assert_int_equal(volumes("/etc/passwd:/x:ro,Z", NULL, NULL, buf, sizeof(buf)), 0);
	assert_string_equal(buf, "bind /x 10 ro ");
	assert_int_equal(volumes("/x", NULL, NULL, buf, sizeof(buf)), 0);
	assert_string_equal(buf, "volume /x -1 rw ");
	assert_int_equal(volumes("./:/x", NULL, NULL, buf, sizeof(buf)), 0);
	assert_int_equal(volumes(NULL, "type=bind,src=/tmp,dst=/x,readonly", NULL, buf, sizeof(buf)), 0);
	assert_string_equal(buf, "bind /x 10 ro ");
	assert_int_equal(volumes(NULL, "type=tmpfs,target=/x,tmpfs-size=1k,tmpfs-mode=700", NULL, buf, sizeof(buf)), 0);
	assert_string_equal(buf, "tmpfs /x size=1024,mode=700 ");
	assert_int_equal(volumes(NULL, "type=tmpfs,dst=/x", NULL, buf, sizeof(buf)), 0);
	assert_string_equal(buf, "tmpfs /x  ");
	assert_int_equal(volumes(NULL, NULL, "/x:size=2m,uid=5,noexec", buf, sizeof(buf)), 0);
	assert_string_equal(buf, "tmpfs /x size=2097152,uid=5,noexec ");
}

static void test_bad_volumes(void **state)
{
	static const char *const bad_volume[] = {
		"a*b:/x", "x:/x", "/tmp:x", "/nonexistent-dir:/x", "/tmp:/x:exotic", "/dev/null:/x", ":/x", ""};
	static const char *const bad_mount[] = {"type=volume,src=/tmp,dst=/x", "src=/tmp,dst=/x", "type=bind,dst=/x",
		"type=bind,src=/tmp", "type=bind,src=/tmp,dst=/x,nonsense", "type=tmpfs,dst=/x,tmpfs-size=big"};
	static const char *const bad_tmpfs[] = {"x", "/x:size=", "/x:mode=9", "/x:uid=-1", "/x:frob"};
	char buf[512];

	for (size_t i = 0; i < sizeof(bad_volume) / sizeof(bad_volume[0]); i++)
		assert_int_not_equal(volumes(bad_volume[i], NULL, NULL, buf, sizeof(buf)), 0);
	for (size_t i = 0; i < sizeof(bad_mount) / sizeof(bad_mount[0]); i++)
		assert_int_not_equal(volumes(NULL, bad_mount[i], NULL, buf, sizeof(buf)), 0);
	for (size_t i = 0; i < sizeof(bad_tmpfs) / sizeof(bad_tmpfs[0]); i++)
		assert_int_not_equal(volumes(NULL, NULL, bad_tmpfs[i], buf, sizeof(buf)), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_records),
		cmocka_unit_test(test_volumes),
		cmocka_unit_test(test_bad_volumes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
