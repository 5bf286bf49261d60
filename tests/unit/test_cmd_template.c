/* SPDX-License-Identifier: MIT */
/* The templates of --format, and lists. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "cmd/lib/columns.h"
#include "cmd/lib/template.h"

static const char value_text[] =
	"{\"Id\": \"abc\", \"Name\": \"/web\", \"State\": {\"Running\": true, \"Pid\": 42, \"Health\": null},"
	" \"Args\": [\"a\", \"b c\", \"d\"], \"Labels\": {\"b\": \"2\", \"a\": \"1\"}, \"Empty\": [], \"Real\": 1.5,"
	" \"Ports\": {\"80/tcp\": [{\"HostIp\": \"0.0.0.0\", \"HostPort\": \"8080\"}], \"90/tcp\": null},"
	" \"_Label\": {\"x\": \"y\"}}";

/* What the template makes of the value; the error's sentence behind "!". Static. */
static const char *made(const char *template)
{
	static char buf[4096];
	json_t *v = json_loads(value_text, 0, NULL);
	char *text = NULL, *err = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);
	struct template *t = template_parse(template, &err);
	int r = t ? template_run(t, v, f, &err) : -1;

	fclose(f);
	assert_int_equal(r < 0, err != NULL);
	snprintf(buf, sizeof(buf), "%s%s", r < 0 ? "!" : "", r < 0 ? err : text);
	free(text);
	free(err);
	template_free(t);
	json_decref(v);
	return buf;
}

static void test_fields(void **state)
{
	assert_string_equal(made("x {{.Id}}{{ .State.Pid }}\n"), "x abc42\n");
	assert_string_equal(made("{{.State.Running}} {{.Real}} {{.Args}} {{.Labels}}"), "true 1.5 [a b c d] map[a:1 b:2]");
	assert_string_equal(made("{{.State.Health}}"), "<no value>");
	assert_string_equal(made("{{json .Args}}{{json .State.Health}}{{json .Id}}"), "[\"a\",\"b c\",\"d\"]null\"abc\"");
	assert_string_equal(made("{{$.Id}} {{$x := .State}}{{$x.Pid}}"), "abc 42");
	assert_string_equal(made("{{(index (index .Ports \"80/tcp\") 0).HostPort}}"), "8080");
	assert_string_equal(made("{{.Label \"x\"}}|{{.Label \"none\"}}"), "y|");
	assert_non_null(strstr(made("{{.Nam}}"), "!the template asks for .Nam, which is not there; there are: Id, Name, State"));
	assert_null(strstr(made("{{.Nam}}"), "_Label"));
	assert_int_equal(made("{{.State.Health.Status}}")[0], '!');
	assert_int_equal(made("{{.Id.X}}")[0], '!');
}

static void test_actions(void **state)
{
	assert_string_equal(made("{{if .State.Running}}up{{else}}down{{end}}"), "up");
	assert_string_equal(made("{{if .Empty}}a{{else if .State.Pid}}b{{else}}c{{end}}"), "b");
	assert_string_equal(made("{{with .State}}{{.Pid}}{{end}}{{with .Empty}}x{{else}}none{{end}}"), "42none");
	assert_string_equal(made("{{range .Args}}<{{.}}>{{end}}{{range .Empty}}x{{else}}nothing{{end}}"), "<a><b c><d>nothing");
	assert_string_equal(made("{{range $i, $a := .Args}}{{if $i}}, {{end}}{{$i}}={{$a}}{{end}}"), "0=a, 1=b c, 2=d");
	assert_string_equal(made("{{range $k, $v := .Labels}}{{$k}}={{$v}};{{end}}"), "a=1;b=2;");
	assert_string_equal(made("{{range $p, $c := .Ports}}{{$p}}->{{range $c}}{{.HostPort}}{{end}} {{end}}"),
		"80/tcp->8080 90/tcp-> ");
	assert_string_equal(made("{{$n := 0}}{{range .Args}}{{$n = .}}{{end}}{{$n}}"), "d");
	assert_string_equal(made("a  {{- /* not seen */ -}}  b {{- .Id -}} c"), "ababcc");
}

static void test_functions(void **state)
{
	assert_string_equal(made("{{join .Args \",\"}} {{.Id | upper}} {{upper .Id | lower}}"), "a,b c,d ABC abc");
	assert_string_equal(made("{{len .Args}} {{len .Id}} {{index .Args 2}} {{index .Labels \"a\"}}"), "3 3 d 1");
	assert_string_equal(made("{{index .Labels \"none\"}}|"), "|");
	assert_string_equal(made("{{index .State.Health \"x\"}}|"), "|");
	assert_string_equal(made("{{println .Id 1}}{{print \"a\" 1 2 \"b\"}}"), "abc 1\na1 2b");
	assert_string_equal(made("{{printf \"%5d|%-4s|%q|%v|%%\" .State.Pid .Id .Id .Args}}"), "   42|abc |\"abc\"|[a b c d]|%");
	assert_string_equal(made("{{eq .Id \"abc\"}} {{ne .Id \"abc\"}} {{lt 1 2}} {{ge 1 2}} {{not .Empty}}"),
		"true false true false true");
	assert_string_equal(made("{{and .Id .Empty}} {{or .Empty .Id}} {{eq .State.Pid 1 42}}"), "[] abc true");
	assert_string_equal(made("{{slice .Id 1 2}}{{truncate .Id 2}}{{title .Id}}|{{pad .Id 1 2}}|"), "babAbc| abc  |");
	assert_string_equal(made("{{range split \"a:b\" \":\"}}[{{.}}]{{end}}{{`raw\\n`}}"), "[a][b]raw\\n");
}

/* What is not understood is a sentence, whatever it is. */
static void test_wrong(void **state)
{
	static const char *const wrong[] = {"{{", "{{.Id", "{{end}}", "{{else}}", "{{if .Id}}", "{{range}}x{{end}}", "{{}}",
		"{{foo .Id}}", "{{\"a}}", "{{(.Id}}", "{{.Id)}}", "{{$x}}", "{{index .Args 3}}", "{{index .Args -1}}",
		"{{join .Id \",\"}}", "{{json}}", "{{json .Id .Id}}", "{{.Id \"x\"}}", "{{printf \"%d\"}}", "{{printf \"%n\" 1}}",
		"{{printf \"%999999d\" 1}}", "{{printf \"x\" 1}}", "{{range .Id}}{{end}}", "{{slice .Id 2 9}}", "{{lt 1 .Id}}",
		"{{if .Id}}{{else}}{{else}}{{end}}", "{{\"\\z\"}}", "{{len 1}}", "{{index nil 1}}", "{{index .State.Health 0}}", "{{truncate .Id -1}}",
		"{{block \"x\" .}}{{end}}", "{{.Id | }}", "{{| .Id}}", "{{pad .Id 1 9999999}}"};
	char deep[2048] = "";

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		if (made(wrong[i])[0] != '!')
			fail_msg("%s gives %s", wrong[i], made(wrong[i]));
	for (int i = 0; i < 200; i++)
		strcat(deep, "(");
	assert_int_equal(made("{{((((.Id))))}}")[0], 'a');
	memmove(deep + 2, deep, strlen(deep) + 1);
	memcpy(deep, "{{", 2);
	assert_int_equal(made(deep)[0], '!');
}

static char *listed(const char *format)
{
	static const struct list_column columns[] = {{"ID", "THING ID", COLUMN_SHOWN}, {"Names", "NAMES", COLUMN_SHOWN},
		{"More", "MORE", 0}};
	json_t *rows = json_loads("[{\"ID\": \"1\", \"Names\": \"one\", \"More\": \"m\\u001b[2J\", \"_Label\": {\"k\": \"v\"}},"
				  " {\"ID\": \"22222222222\", \"Names\": \"two\", \"More\": \"\", \"_Label\": {}}]",
		0, NULL);
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	assert_int_equal(print_list(format, columns, 3, rows, f), 0);
	fclose(f);
	json_decref(rows);
	return text;
}

static void test_lists(void **state)
{
	static const struct {
		const char *format, *text;
	} cases[] = {
		{NULL, "THING ID      NAMES\n1             one\n22222222222   two\n"},
		{"table", "THING ID      NAMES\n1             one\n22222222222   two\n"},
		{"{{.ID}}:{{.Names}}", "1:one\n22222222222:two\n"},
		{"{{.ID}}\\t{{.Label \"k\"}}", "1\tv\n22222222222\t\n"},
		{"table {{.Names}}\\t{{.More}}", "NAMES   MORE\none     m?[2J\ntwo     \n"},
		{"json", "{\"ID\":\"1\",\"Names\":\"one\",\"More\":\"m\\u001B[2J\"}\n"
			 "{\"ID\":\"22222222222\",\"Names\":\"two\",\"More\":\"\"}\n"},
		{"{{json .Names}}", "\"one\"\n\"two\"\n"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *text = listed(cases[i].format);

		assert_string_equal(text, cases[i].text);
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_actions),
		cmocka_unit_test(test_functions),
		cmocka_unit_test(test_wrong),
		cmocka_unit_test(test_lists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
