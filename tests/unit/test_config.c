/* SPDX-License-Identifier: MIT */
/* The reader of the launch configuration. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "control/config.h"

static int parse(const char *text, size_t len, struct config **ret, const char **err)
{
	char *bytes = malloc(len ? len : 1);
	unsigned record;

	assert_non_null(bytes);
	memcpy(bytes, text, len);
	return config_parse(bytes, len, ret, err, &record);
}

/* Literals end with a NUL of their own, which is the last record's. */
#define PARSE(text, c, err) parse(text, sizeof(text), c, err)
#define V "version\0" "1\0"
#define MINIMAL V "arg\0sh\0root-dir\0" "3"

static void test_whole(void **state)
{
	struct config *c;
	const char *err;

	assert_int_equal(PARSE(V "id\0" "0123456789ab\0arg\0sh\0arg\0-c\0arg\0\0env\0A=1\0env\0B=\0cwd\0/w\0user\0u:g\0"
				 "hostname\0box\0root-snap\0" "5\0pack\0" "0\0" "6\0pack\0" "2\0" "7\0root-ro\0" "1\0"
				 "bind\0/v\0" "8\0rw\0bind\0/r\0" "9\0ro\0tmpfs\0/t\0size=1m\0file\0/etc/hosts\0" "644\0x\ny\0"
				 "stdio\0" "0\0" "-1\0" "2\0tty\0" "24\0" "80\0" "1\0control\0" "4\0network\0slirp\0memory\0" "1048576\0"
				 "pids\0" "100\0trace\0" "10\0proc\0" "11\0nouserns", &c, &err), 0);
	assert_int_equal(c->argc, 3);
	assert_string_equal(c->argv[2], "");
	assert_null(c->argv[3]);
	assert_int_equal(c->n_env, 2);
	assert_null(c->envp[2]);
	assert_int_equal(c->root, CONFIG_ROOT_IS_SNAP);
	assert_int_equal(c->root_fd, 5);
	assert_int_equal(c->n_packs, 2);
	assert_int_equal(c->packs[1].number, 2);
	assert_int_equal(c->packs[1].fd, 7);
	assert_true(c->root_ro);
	assert_int_equal(c->n_binds, 2);
	assert_true(c->binds[0].writable);
	assert_false(c->binds[1].writable);
	assert_string_equal(c->tmpfs[0].options, "size=1m");
	assert_int_equal(c->files[0].mode, 0644);
	assert_string_equal(c->files[0].content, "x\ny");
	assert_int_equal(c->stdio[1], -1);
	assert_true(c->tty);
	assert_true(c->tty_utf8);
	assert_int_equal(c->cols, 80);
	assert_int_equal(c->network, CONFIG_NET_SLIRP);
	assert_int_equal(c->memory, 1048576);
	assert_true(c->nouserns);
	config_free(c);
}

static void test_minimal(void **state)
{
	struct config *c;
	const char *err;

	assert_int_equal(PARSE(MINIMAL, &c, &err), 0);
	assert_int_equal(c->control_fd, -1);
	assert_int_equal(c->stdio[0], -1);
	assert_null(c->user);
	assert_null(c->envp[0]);
	config_free(c);
}

static void test_binds(void **state)
{
	struct config *c;
	const char *err;

	assert_int_equal(PARSE(V "arg\0sh\0root-bind\0" "3\0rw,owners,noexec\0bind\0/v\0" "4\0ro,nosuid,owners,nodev\0"
				 "bind\0/w\0" "5\0ro,noatime,nodiratime", &c, &err), 0);
	assert_int_equal(c->root, CONFIG_ROOT_IS_BIND);
	assert_int_equal(c->root_fd, 3);
	assert_true(c->root_bind.writable && c->root_bind.owners);
	assert_int_equal(c->root_bind.flags, MS_NOEXEC);
	assert_true(!c->binds[0].writable && c->binds[0].owners);
	assert_int_equal(c->binds[0].flags, MS_NOSUID | MS_NODEV);
	assert_false(c->binds[1].owners);
	assert_int_equal(c->binds[1].flags, MS_NOATIME | MS_NODIRATIME);
	config_free(c);
}

static void test_refused(void **state)
{
	static const struct {
		const char *text;
		size_t len;
	} bad[] = {
#define BAD(t) {t, sizeof(t)}
		{"", 0}, {V, sizeof(V) - 2}, BAD("arg\0sh\0root-dir\0" "3"), BAD("version\0" "2\0arg\0sh\0root-dir\0" "3"),
		BAD(V "root-dir\0" "3"), BAD(V "arg\0sh"), BAD(MINIMAL "\0bogus\0x"), BAD(MINIMAL "\0root-host"),
		BAD(MINIMAL "\0bind\0/x\0" "3"), BAD(MINIMAL "\0bind\0x\0" "3\0rw"), BAD(MINIMAL "\0bind\0/x\0" "3\0wo"),
		BAD(MINIMAL "\0bind\0/x\0" "3\0rw,"), BAD(MINIMAL "\0bind\0/x\0" "3\0rw,suid"), BAD(MINIMAL "\0bind\0/x\0" "3\0owners"),
		BAD(MINIMAL "\0root-bind\0" "4\0rw"), BAD(V "arg\0sh\0root-bind\0x\0rw"), BAD(V "arg\0sh\0root-bind\0" "4\0"),
		BAD(MINIMAL "\0bind\0/x\0-3\0rw"), BAD(MINIMAL "\0bind\0/x\0+3\0rw"), BAD(MINIMAL "\0bind\0/x\0\0rw"),
		BAD(MINIMAL "\0bind\0/x\0" "99999999999999999999\0rw"), BAD(MINIMAL "\0file\0/x\0" "888\0"),
		BAD(MINIMAL "\0file\0/x\0" "0100000\0"), BAD(MINIMAL "\0pack\0" "0\0" "1"),
		BAD(MINIMAL "\0host-dir\0usr\0" "5"), BAD(MINIMAL "\0env\0X"), BAD(MINIMAL "\0env\0=x"), BAD(MINIMAL "\0cwd\0w"),
		BAD(MINIMAL "\0id\0XYZ"), BAD(MINIMAL "\0network\0wifi"), BAD(MINIMAL "\0root-ro\0yes"),
		BAD(MINIMAL "\0tty\0" "70000\0" "80\0" "0"), BAD(MINIMAL "\0tty\0" "70\0" "80\0" "2"), BAD(MINIMAL "\0memory\0-1"), BAD(MINIMAL "\0version\0" "1"),
		BAD(V "arg\0sh\0root-host\0host-dir\0a/b\0" "3"), BAD(V "arg\0sh\0root-host\0host-dir\0..\0" "3"),
		BAD(V "arg\0sh\0root-host\0host-link\0bin\0"),
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const char *err = NULL;
		struct config *c;

		assert_int_equal(parse(bad[i].text, bad[i].len, &c, &err), -EINVAL);
		assert_non_null(err);
	}
}

static void test_read(void **state)
{
	struct config *c;
	unsigned record;
	const char *err;
	int p[2];

	assert_int_equal(pipe(p), 0);
	assert_int_equal(write(p[1], MINIMAL, sizeof(MINIMAL)), sizeof(MINIMAL));
	close(p[1]);
	assert_int_equal(config_read(p[0], &c, &err, &record), 0);
	assert_int_equal(c->root_fd, 3);
	config_free(c);
	close(p[0]);
	assert_int_equal(config_read(p[0], &c, &err, &record), -EBADF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_minimal),
		cmocka_unit_test(test_binds), cmocka_unit_test(test_refused),
		cmocka_unit_test(test_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
