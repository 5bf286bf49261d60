/* SPDX-License-Identifier: MIT */
/* The JSON writer. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "cmd/lib/json.h"

static void test_nesting(void **state)
{
	char *text = NULL, *items[] = {(char[]){"a"}, (char[]){"b"}, NULL};
	size_t len;
	struct json j = {.out = open_memstream(&text, &len)};

	jw_open(&j, NULL, '{');
	jw_strings(&j, "list", items);
	jw_strings(&j, "none", NULL);
	jw_number(&j, "n", -5);
	jw_bool(&j, "b", true);
	jw_close(&j, '}');
	fclose(j.out);
	assert_string_equal(text,
		"{\n  \"list\": [\n    \"a\",\n    \"b\"\n  ],\n  \"none\": [],\n  \"n\": -5,\n  \"b\": true\n}\n");
	free(text);
}

static void test_strings(void **state)
{
	char *text = NULL;
	size_t len;
	struct json j = {.out = open_memstream(&text, &len)};

	jw_string(&j, NULL, "a\"\\\n\x01\xc3\xa9\xff\xed\xa0\x80\xf0\x9f\x98\x80");
	fclose(j.out);
	assert_string_equal(text, "\"a\\\"\\\\\\n\\u0001\xc3\xa9\\ufffd\\ufffd\\ufffd\\ufffd\xf0\x9f\x98\x80\"");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nesting),
		cmocka_unit_test(test_strings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
