/* SPDX-License-Identifier: MIT */
/* Platforms and the choice of a manifest from an index; what tests/images does not reach from outside. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "net/manifest.h"

static struct platform plat(const char *text)
{
	struct platform p;

	assert_int_equal(platform_parse(&p, text, NULL), 0);
	return p;
}

static bool matches(const char *want, const char *have)
{
	struct platform w = plat(want), h = plat(have);

	return platform_matches(&w, &h);
}

static void platforms(void **state)
{
	static const char *const bad[] = {"", "linux", "linux/", "/amd64", "linux/amd64/", "linux/amd64/v2/x",
		"linux/amd 64", "LINUX/amd64", "linux/amd64/v2x=", "a/b\\n"};
	char text[PLATFORM_TEXT_MAX];
	struct platform p;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(platform_parse(&p, bad[i], NULL), -EINVAL);
	p = plat("linux/x86_64");
	assert_string_equal(platform_format(&p, text), "linux/amd64");
	p = plat("linux/aarch64/v8");
	assert_string_equal(platform_format(&p, text), "linux/arm64");
	p = plat("linux/arm/v7");
	assert_string_equal(platform_format(&p, text), "linux/arm/v7");
}

static void matching(void **state)
{
	assert_true(matches("linux/amd64", "linux/amd64"));
	assert_true(matches("linux/arm64", "linux/arm64/v8"));
	assert_true(matches("linux/arm/v7", "linux/arm"));
	assert_false(matches("linux/amd64", "linux/amd64/v3"));
	assert_false(matches("linux/arm/v6", "linux/arm/v7"));
	assert_false(matches("linux/amd64", "windows/amd64"));
}

#define DIGEST(c) "\"sha256:" c c c c c c c c c c c c c c c c "\""
#define ENTRY(c, platform) "{\"digest\":" DIGEST(c) ",\"size\":7,\"platform\":{" platform "}}"

static int first_byte(const char *json, const char *want, struct snap_error *e)
{
	struct platform p = plat(want);
	struct manifest m;
	int r = manifest_parse(&m, json, strlen(json), MEDIA_OCI_INDEX, &p, "x", e);

	if (r)
		return r;
	r = m.layers[0].digest.b[0];
	manifest_free(&m);
	return r;
}

static void choice(void **state)
{
	static const char index[] = "{\"schemaVersion\":2,\"manifests\":[" ENTRY(
		"aaaa", "\"os\":\"linux\",\"architecture\":\"amd64\",\"variant\":\"v3\"") "," ENTRY("bbbb",
		"\"os\":\"linux\",\"architecture\":\"amd64\"") "," ENTRY("cccc",
		"\"os\":\"linux\",\"architecture\":\"arm\",\"variant\":\"v7\"") "," ENTRY("dddd",
		"\"os\":\"unknown\",\"architecture\":\"unknown\"") "]}";
	struct snap_error e;

	assert_int_equal(first_byte(index, "linux/amd64", &e), 0xbb);
	assert_int_equal(first_byte(index, "linux/amd64/v3", &e), 0xaa);
	assert_int_equal(first_byte(index, "linux/arm/v7", &e), 0xcc);
	assert_int_equal(first_byte(index, "linux/s390x", &e), -ENOENT);
	assert_non_null(strstr(e.text, "linux/amd64/v3, linux/amd64, linux/arm/v7"));
	assert_null(strstr(e.text, "unknown"));
}

static void long_lists_are_cut(void **state)
{
	static char index[400000];
	size_t n = (size_t)sprintf(index, "{\"manifests\":[");
	struct snap_error e;

	for (int i = 0; i < 1000; i++)
		n += (size_t)sprintf(
			index + n, "%s" ENTRY("eeee", "\"os\":\"os%d\",\"architecture\":\"a\""), i ? "," : "", i);
	sprintf(index + n, "]}");
	assert_int_equal(first_byte(index, "linux/amd64", &e), -ENOENT);
	assert_non_null(strstr(e.text, "..."));
}

static void record(void **state)
{
	static const char json[] =
		"{\"architecture\":\"amd64\",\"os\":\"linux\",\"created\":\"1970-01-02T00:00:01.5Z\","
		"\"config\":{\"Env\":[\"A=1\",\"B=\"],\"Cmd\":null,\"Entrypoint\":[\"/x\",\"y z\"],\"User\":\"7:8\","
		"\"WorkingDir\":\"/w\",\"Labels\":{\"k\":\"v\"},\"ExposedPorts\":{\"80/tcp\":{}}},"
		"\"rootfs\":{\"diff_ids\":[" DIGEST("1234") "]}}";
	struct image_config c;
	struct snap_error e;

	assert_int_equal(image_config_parse(&c, json, strlen(json), "x", &e), 0);
	assert_int_equal(c.layer_count, 1);
	assert_string_equal(c.record.env[1], "B=");
	assert_null(c.record.env[2]);
	assert_null(c.record.cmd);
	assert_string_equal(c.record.entrypoint[1], "y z");
	assert_string_equal(c.record.user, "7:8");
	assert_string_equal(c.record.workdir, "/w");
	assert_string_equal(c.record.labels[0], "k=v");
	assert_string_equal(c.record.ports[0], "80/tcp");
	assert_int_equal(c.record.created, 86401);
	image_config_free(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(platforms),
		cmocka_unit_test(matching),
		cmocka_unit_test(choice),
		cmocka_unit_test(long_lists_are_cut),
		cmocka_unit_test(record),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
