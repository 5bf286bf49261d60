/* SPDX-License-Identifier: MIT */
/* Image references: the distribution project's grammar and docker's defaults. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "fuse-snap/refname.h"
#include "net/http.h"

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void good(void **state)
{
	static const struct {
		const char *text, *registry, *repository, *tag;
	} cases[] = {
		{"debian", "docker.io", "library/debian", "latest"},
		{"debian:12", "docker.io", "library/debian", "12"},
		{"a/b", "docker.io", "a/b", "latest"},
		{"docker.io/debian", "docker.io", "library/debian", "latest"},
		{"index.docker.io/a/b:c", "docker.io", "a/b", "c"},
		{"localhost/x", "localhost", "x", "latest"},
		{"localhost:5000/x", "localhost:5000", "x", "latest"},
		{"127.0.0.1:5000/a/b-c__d.e:V_1.2-x", "127.0.0.1:5000", "a/b-c__d.e", "V_1.2-x"},
		{"[::1]:5000/x", "[::1]:5000", "x", "latest"},
		{"Upper/x", "Upper", "x", "latest"},
		{"quay.io/a/b/c/d", "quay.io", "a/b/c/d", "latest"},
		{"a--b/c---d", "docker.io", "a--b/c---d", "latest"},
		{"x@sha256:" HEX, "docker.io", "library/x", ""},
		{"r.io/x:t@sha256:" HEX, "r.io", "x", "t"},
		{"localhost:5000", "docker.io", "library/localhost", "5000"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct snap_error e = {0};
		struct ref_name r;

		if (ref_parse(cases[i].text, &r, &e))
			fail_msg("%s: %s", cases[i].text, e.text);
		assert_string_equal(r.registry, cases[i].registry);
		assert_string_equal(r.repository, cases[i].repository);
		assert_string_equal(r.tag, cases[i].tag);
		assert_int_equal(r.has_digest, strchr(cases[i].text, '@') != NULL);
	}
}

static void bad(void **state)
{
	static const char *const texts[] = {
		"",
		":",
		"@",
		"/",
		"a/",
		"/a",
		"a//b",
		"a:",
		"a:b:c/d:",
		":a",
		"UPPER",
		"a/B",
		"a b",
		"a..b",
		"a/../b",
		"./a",
		"a_",
		"_a",
		"a___b",
		"-a",
		"a-",
		"a.",
		"a:-x",
		"a:.x",
		"a@",
		"a@sha256:"
		"12",
		"a@md5:" HEX,
		"a@sha256:" HEX "0",
		"a@sha256:" HEX "@x",
		HEX,
		"http://a/b",
		"u@h.io/x",
		"h.io:port/x",
		"h.io:/x",
		"h.io:123456/x",
		"h_h.io/x",
		"-h.io/x",
		"h..io/x",
		".io/x",
		"h.io./x",
		"[::1/x",
		"[::g]/x",
		"[]/x",
		"h.io/x?y",
		"h.io/x%20",
		"h.io/x#y",
		"a:b\n",
		"\xc3\xa4",
	};
	char longer[400];
	struct ref_name r;

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		if (!ref_parse(texts[i], &r, NULL))
			fail_msg("'%s' was taken for a reference", texts[i]);
	memset(longer, 'a', sizeof(longer));
	longer[256] = '\0';
	assert_int_not_equal(ref_parse(longer, &r, NULL), 0);
	memcpy(longer, "a:", 2);
	longer[2 + 129] = '\0';
	assert_int_not_equal(ref_parse(longer, &r, NULL), 0);
	longer[2 + 128] = '\0';
	assert_int_equal(ref_parse(longer, &r, NULL), 0);
}

static void loopback(void **state)
{
	static const char *const yes[] = {
		"localhost", "localhost:5000", "127.0.0.1", "127.9.9.9:1", "[::1]", "[::1]:5000"};
	static const char *const no[] = {"localhost.example", "128.0.0.1", "127.evil.example", "10.0.0.1:5000", "[::2]",
		"notlocalhost:5000", "127.0.0.1.example:80"};

	for (size_t i = 0; i < sizeof(yes) / sizeof(*yes); i++)
		assert_true(host_is_loopback(yes[i]));
	for (size_t i = 0; i < sizeof(no) / sizeof(*no); i++)
		assert_false(host_is_loopback(no[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good),
		cmocka_unit_test(bad),
		cmocka_unit_test(loopback),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
