/* SPDX-License-Identifier: MIT */
/* The environment inside: the image's, docker's additions, -e and --env-file, and nothing else of the caller's. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cmd/run/environment.h"

static void test_defaults(void **state)
{
	struct run_options o = {.tty = true};
	char *image[] = {(char[]){"PATH=/img"}, (char[]){"LANG=C"}, (char[]){"broken"}, NULL};
	struct str_list env = {0};

	setenv("SECRET_OF_CALLER", "1", 1);
	assert_int_equal(collect_environment(&env, &o, image, "box"), 0);
	assert_string_equal(*env_find(&env, "PATH"), "PATH=/img");
	assert_string_equal(*env_find(&env, "HOSTNAME"), "HOSTNAME=box");
	assert_string_equal(*env_find(&env, "TERM"), "TERM=xterm");
	assert_string_equal(*env_find(&env, "LANG"), "LANG=C");
	assert_null(env_find(&env, "SECRET_OF_CALLER"));
	assert_null(env_find(&env, "broken"));
	assert_int_equal(env.count, 4);
	str_list_free(&env);
}

static void test_named(void **state)
{
	struct run_options o = {0};
	char *image[] = {(char[]){"DROP=1"}, NULL};
	struct str_list env = {0};

	setenv("COPIED", "yes", 1);
	unsetenv("DROP");
	str_list_add(&o.env, xstrdup("COPIED"));
	str_list_add(&o.env, xstrdup("DROP"));
	str_list_add(&o.env, xstrdup("EMPTY="));
	assert_int_equal(collect_environment(&env, &o, image, "box"), 0);
	assert_string_equal(*env_find(&env, "COPIED"), "COPIED=yes");
	assert_string_equal(*env_find(&env, "EMPTY"), "EMPTY=");
	assert_null(env_find(&env, "DROP"));
	str_list_free(&env);
	str_list_free(&o.env);
}

static int from_file(const char *text, struct str_list *env)
{
	char path[] = "/tmp/picket-env-XXXXXX";
	int fd = mkstemp(path), err = dup(2), null = open("/dev/null", O_WRONLY), r;
	struct run_options o = {0};

	dprintf(fd, "%s", text);
	str_list_add(&o.env_files, xstrdup(path));
	dup2(null, 2);
	r = collect_environment(env, &o, NULL, "box");
	dup2(err, 2);
	close(err);
	close(null);
	close(fd);
	unlink(path);
	str_list_free(&o.env_files);
	return r;
}

static void test_file(void **state)
{
	struct str_list env = {0};

	assert_int_equal(from_file("# comment\n\n  A=1 2\nB=\"q\"\r\nNOTSET_ANYWHERE\n", &env), 0);
	assert_string_equal(*env_find(&env, "A"), "A=1 2");
	assert_string_equal(*env_find(&env, "B"), "B=\"q\"");
	assert_null(env_find(&env, "NOTSET_ANYWHERE"));
	str_list_free(&env);
	assert_int_not_equal(from_file("=x\n", &env), 0);
	str_list_free(&env);
	assert_int_not_equal(from_file("A B=x\n", &env), 0);
	str_list_free(&env);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_named),
		cmocka_unit_test(test_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
