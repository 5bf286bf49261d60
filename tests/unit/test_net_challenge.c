/* SPDX-License-Identifier: MIT */
/* WWW-Authenticate headers as registries send them, and as nobody should. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "net/challenge.h"

static void bearer(void **state)
{
	struct challenge c;

	challenge_parse(&c,
		"Bearer realm=\"https://auth.example/token?a=b\",service=\"reg, one\", scope=\"repository:a/b:pull\"");
	assert_true(c.bearer);
	assert_false(c.basic);
	assert_string_equal(c.realm, "https://auth.example/token?a=b");
	assert_string_equal(c.service, "reg, one");
	assert_string_equal(c.scope, "repository:a/b:pull");
}

static void several(void **state)
{
	struct challenge c;

	challenge_parse(&c, "Basic realm=\"x\", Negotiate, BEARER Realm = https://a/t , scope=s, Basic realm=y");
	assert_true(c.basic);
	assert_true(c.bearer);
	assert_string_equal(c.realm, "https://a/t");
	assert_string_equal(c.scope, "s");
	/* A basic challenge's realm is not the token server. */
	challenge_parse(&c, "Basic realm=\"http://evil/\"");
	assert_string_equal(c.realm, "");
}

static void quoting(void **state)
{
	struct challenge c;

	challenge_parse(&c, "Bearer realm=\"a\\\"b\\\\c\",service=\"unclosed");
	assert_string_equal(c.realm, "a\"b\\c");
	assert_string_equal(c.service, "unclosed");
	challenge_parse(&c, "Bearer realm=\"a\tb\",scope=\"ok\"");
	assert_string_equal(c.realm, "");
	assert_string_equal(c.scope, "ok");
}

static void odd(void **state)
{
	static const char *const texts[] = {
		"", ",,, ,", "=", "Bearer", "Bearer =", "Bearer realm", "Bearer realm=", "\"", "(){}", "Bearer \\"};
	char longer[8192];
	struct challenge c;

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		challenge_parse(&c, texts[i]);
		assert_string_equal(c.realm, "");
	}
	memset(longer, 'a', sizeof(longer));
	memcpy(longer, "Bearer realm=", 13);
	longer[sizeof(longer) - 1] = '\0';
	challenge_parse(&c, longer);
	assert_string_equal(c.realm, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bearer),
		cmocka_unit_test(several),
		cmocka_unit_test(quoting),
		cmocka_unit_test(odd),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
