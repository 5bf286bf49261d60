/* SPDX-License-Identifier: MIT */
/* Sizes, numbers, ages, and the distance of words. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "cmd/lib/str.h"
#include "fuse-snap/distance.h"

static void test_sizes(void **state)
{
	static const struct {
		const char *text;
		int64_t value;
	} good[] = {{"0", 0}, {"512", 512}, {"1b", 1}, {"64k", 65536}, {"1.5g", 1610612736}, {"2GiB", INT64_C(2) << 30},
		{"3MB", 3 << 20}, {"1t", INT64_C(1) << 40}};
	static const char *const bad[] = {
		"", "-1", "k", "1x", "1kk", "0x10", "1e3", "inf", "nan", "9999999t", "1 k", "12bb"};
	int64_t v;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(parse_size(good[i].text, &v), 0);
		assert_int_equal(v, good[i].value);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		v = 77;
		assert_true(parse_size(bad[i], &v) < 0);
		assert_int_equal(v, 77);
	}
}

static void test_numbers(void **state)
{
	int64_t v = 77;

	assert_int_equal(parse_number("-1", -1, 10, &v), 0);
	assert_int_equal(v, -1);
	assert_int_equal(parse_number("11", -1, 10, &v), -ERANGE);
	assert_int_equal(parse_number("99999999999999999999", 0, INT64_MAX, &v), -ERANGE);
	assert_int_equal(parse_number("1x", 0, 10, &v), -EINVAL);
	assert_int_equal(parse_number("", 0, 10, &v), -EINVAL);
	assert_int_equal(v, -1);
}

static void test_human(void **state)
{
	char buf[64];

	assert_string_equal(human_size(0, buf, sizeof(buf)), "0 B");
	assert_string_equal(human_size(999, buf, sizeof(buf)), "999 B");
	assert_string_equal(human_size(4262144, buf, sizeof(buf)), "4.3 MB");
	assert_string_equal(human_size(UINT64_MAX, buf, sizeof(buf)), "18.4 EB");
	assert_string_equal(human_age(1000, 1000 + 7200, buf, sizeof(buf)), "2 hours ago");
	assert_string_equal(human_age(0, 1000, buf, sizeof(buf)), "N/A");
	assert_string_equal(human_age(2000, 1000, buf, sizeof(buf)), "just now");
}

static void test_distance(void **state)
{
	assert_int_equal(word_distance("imags", "images", 2), 1);
	assert_int_equal(word_distance("", "ab", 2), 2);
	assert_int_equal(word_distance("pull", "load", 2), 3);
	assert_int_equal(word_distance("a", "a", 2), 0);
}

static void test_nearer(void **state)
{
	static const char *const names[] = {"web", "webserver", "database", "db"};
	static const struct {
		const char *typed, *meant;
	} words[] = {{"webservr", "webserver"}, {"wep", "web"}, {"databse2", "database"}, {"d", NULL}, {"mail", NULL}, {"", NULL}};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		const char *near = NULL;
		size_t best = 0;

		for (size_t k = 0; k < sizeof(names) / sizeof(names[0]); k++)
			near = word_nearer(words[i].typed, names[k], near, &best);
		assert_int_equal(!near, !words[i].meant);
		if (near)
			assert_string_equal(near, words[i].meant);
	}
}

static void test_variables(void **state)
{
	struct str_list l = {0};

	env_set(&l, xstrdup("A=1"));
	env_set(&l, xstrdup("AB=2"));
	env_set(&l, xstrdup("A=3"));
	assert_int_equal(l.count, 2);
	assert_string_equal(*env_find(&l, "A"), "A=3");
	assert_string_equal(*env_find(&l, "AB=x"), "AB=2");
	assert_null(env_find(&l, "B"));
	str_list_free(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_human),
		cmocka_unit_test(test_distance),
		cmocka_unit_test(test_nearer),
		cmocka_unit_test(test_variables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
