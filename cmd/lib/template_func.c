/* SPDX-License-Identifier: MIT */
/* Templates: the functions of Go's and docker's. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/lib/jtext.h"
#include "cmd/lib/str.h"
#include "cmd/lib/template_priv.h"
#include "net/err.h"

#define TEXT_MAX ((size_t)64 << 20)

/* ---- Values as text ---- */

static int compare_keys(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void put_value(FILE *f, const json_t *v, bool inside);

/* As Go prints a map: map[a:1 b:2]. */
static void put_object(FILE *f, json_t *v)
{
	const char **keys = xcalloc(json_object_size(v), sizeof(*keys)), *key;
	size_t count = 0;
	json_t *item;

	json_object_foreach(v, key, item)
		keys[count++] = key;
	qsort(keys, count, sizeof(*keys), compare_keys);
	fputs("map[", f);
	for (size_t i = 0; i < count; i++) {
		fprintf(f, "%s%s:", i ? " " : "", keys[i]);
		put_value(f, json_object_get(v, keys[i]), true);
	}
	fputc(']', f);
	free(keys);
}

static void put_value(FILE *f, const json_t *v, bool inside)
{
	char *text;

	switch (json_typeof(v)) {
	case JSON_STRING:
		text = jtext_bytes(v, TEXT_MAX);
		fputs(text ? text : "", f);
		free(text);
		break;
	case JSON_INTEGER:
		fprintf(f, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
		break;
	case JSON_REAL:
		fprintf(f, "%.15g", json_real_value(v));
		break;
	case JSON_TRUE:
	case JSON_FALSE:
		fputs(json_is_true(v) ? "true" : "false", f);
		break;
	case JSON_NULL:
		fputs(inside ? "<nil>" : "<no value>", f);
		break;
	case JSON_ARRAY:
		fputc('[', f);
		for (size_t i = 0; i < json_array_size(v); i++) {
			if (i)
				fputc(' ', f);
			put_value(f, json_array_get(v, i), true);
		}
		fputc(']', f);
		break;
	case JSON_OBJECT:
		put_object(f, (json_t *)(uintptr_t)v);
		break;
	}
}

char *template_text(const json_t *v)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return xstrdup("");
	put_value(f, v, false);
	fclose(f);
	return text ? text : xstrdup("");
}

bool template_true(const json_t *v)
{
	switch (json_typeof(v)) {
	case JSON_STRING:
		return json_string_length(v) > 0;
	case JSON_INTEGER:
		return json_integer_value(v) != 0;
	case JSON_REAL:
		return json_real_value(v) != 0;
	case JSON_TRUE:
		return true;
	case JSON_ARRAY:
		return json_array_size(v) > 0;
	case JSON_OBJECT:
		return json_object_size(v) > 0;
	default:
		return false;
	}
}

/* ---- Logic ---- */

static json_t *fn_and(json_t *const *args, size_t n, char **err)
{
	for (size_t i = 0; i + 1 < n; i++)
		if (!template_true(args[i]))
			return json_incref(args[i]);
	return json_incref(args[n - 1]);
}

static json_t *fn_or(json_t *const *args, size_t n, char **err)
{
	for (size_t i = 0; i + 1 < n; i++)
		if (template_true(args[i]))
			return json_incref(args[i]);
	return json_incref(args[n - 1]);
}

static json_t *fn_not(json_t *const *args, size_t n, char **err)
{
	return json_boolean(!template_true(args[0]));
}

static bool is_equal(const json_t *a, const json_t *b)
{
	if (json_is_number(a) && json_is_number(b))
		return json_number_value(a) == json_number_value(b);
	return json_equal(a, b);
}

static json_t *fn_eq(json_t *const *args, size_t n, char **err)
{
	bool same = false;

	for (size_t i = 1; i < n; i++)
		same = same || is_equal(args[0], args[i]);
	return json_boolean(same);
}

static json_t *fn_ne(json_t *const *args, size_t n, char **err)
{
	return json_boolean(!is_equal(args[0], args[1]));
}

/* -1, 0, 1; 2 after a sentence. */
static int order(const json_t *a, const json_t *b, char **err)
{
	if (json_is_number(a) && json_is_number(b))
		return (json_number_value(a) > json_number_value(b)) - (json_number_value(a) < json_number_value(b));
	if (json_is_string(a) && json_is_string(b)) {
		int c = strcmp(json_string_value(a), json_string_value(b));

		return (c > 0) - (c < 0);
	}
	err_set(err, "the template compares what has no order");
	return 2;
}

static json_t *fn_lt(json_t *const *args, size_t n, char **err)
{
	int c = order(args[0], args[1], err);

	return c == 2 ? NULL : json_boolean(c < 0);
}

static json_t *fn_le(json_t *const *args, size_t n, char **err)
{
	int c = order(args[0], args[1], err);

	return c == 2 ? NULL : json_boolean(c <= 0);
}

static json_t *fn_gt(json_t *const *args, size_t n, char **err)
{
	int c = order(args[0], args[1], err);

	return c == 2 ? NULL : json_boolean(c > 0);
}

static json_t *fn_ge(json_t *const *args, size_t n, char **err)
{
	int c = order(args[0], args[1], err);

	return c == 2 ? NULL : json_boolean(c >= 0);
}

/* ---- Lists and objects ---- */

static json_t *index_one(json_t *of, const json_t *at, char **err)
{
	json_t *v;

	if (json_is_object(of) && json_is_string(at)) {
		v = json_object_get(of, json_string_value(at));
		return v ? json_incref(v) : json_string("");
	}
	if (json_is_array(of) && json_is_integer(at)) {
		v = json_integer_value(at) < 0 ? NULL : json_array_get(of, (size_t)json_integer_value(at));
		if (v)
			return json_incref(v);
		err_set(err, "the template's index %lld is outside of a list of %zu", (long long)json_integer_value(at),
			json_array_size(of));
		return NULL;
	}
	/* Go's map that is not there is as an empty one. */
	if (json_is_null(of) && json_is_string(at))
		return json_string("");
	if (json_is_null(of))
		err_set(err, "the template's index is into what is not set");
	else
		err_set(err, "the template's index needs a list and a number, or an object and a word");
	return NULL;
}

static json_t *fn_index(json_t *const *args, size_t n, char **err)
{
	json_t *v = json_incref(args[0]);

	for (size_t i = 1; v && i < n; i++) {
		json_t *next = index_one(v, args[i], err);

		json_decref(v);
		v = next;
	}
	return v;
}

static json_t *fn_len(json_t *const *args, size_t n, char **err)
{
	if (json_is_string(args[0]))
		return json_integer((json_int_t)json_string_length(args[0]));
	if (json_is_array(args[0]) || json_is_object(args[0]) || json_is_null(args[0]))
		return json_integer((json_int_t)(json_array_size(args[0]) + json_object_size(args[0])));
	err_set(err, "the template's len is of what has no length");
	return NULL;
}

static json_t *fn_json(json_t *const *args, size_t n, char **err)
{
	char *text = json_dumps(args[0], JSON_COMPACT | JSON_ENCODE_ANY);
	json_t *v = json_string(text ? text : "");

	free(text);
	return v;
}

static json_t *fn_join(json_t *const *args, size_t n, char **err)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f;
	json_t *v;

	if (!json_is_array(args[0]) || !json_is_string(args[1])) {
		if (json_is_null(args[0]) && json_is_string(args[1]))
			return json_string("");
		err_set(err, "the template's join needs a list and a word");
		return NULL;
	}
	f = open_memstream(&text, &len);
	for (size_t i = 0; f && i < json_array_size(args[0]); i++) {
		if (i)
			put_value(f, args[1], false);
		put_value(f, json_array_get(args[0], i), false);
	}
	if (f)
		fclose(f);
	v = jtext(text);
	free(text);
	return v;
}

static json_t *fn_split(json_t *const *args, size_t n, char **err)
{
	const char *s = json_string_value(args[0]), *by = json_string_value(args[1]), *next;
	json_t *list;

	if (!s || !by || !*by) {
		err_set(err, "the template's split needs two words");
		return NULL;
	}
	list = json_array();
	for (; (next = strstr(s, by)); s = next + strlen(by))
		json_array_append_new(list, json_stringn(s, (size_t)(next - s)));
	json_array_append_new(list, json_string(s));
	return list;
}

/* ---- Text ---- */

static json_t *change_case(const json_t *arg, int (*change)(int), bool words)
{
	char *text = template_text(arg);
	bool first = true;
	json_t *v;

	for (char *p = text; *p; p++) {
		if ((!words || first) && !(*p & 0x80))
			*p = (char)change((unsigned char)*p);
		first = *p == ' ';
	}
	v = jtext(text);
	free(text);
	return v;
}

static json_t *fn_upper(json_t *const *args, size_t n, char **err)
{
	return change_case(args[0], toupper, false);
}

static json_t *fn_lower(json_t *const *args, size_t n, char **err)
{
	return change_case(args[0], tolower, false);
}

static json_t *fn_title(json_t *const *args, size_t n, char **err)
{
	return change_case(args[0], toupper, true);
}

/* The first so many letters. */
static json_t *fn_truncate(json_t *const *args, size_t n, char **err)
{
	const char *s = json_string_value(args[0]);
	json_int_t max = json_integer_value(args[1]);
	size_t at = 0;

	if (!s || !json_is_integer(args[1]) || max < 0) {
		err_set(err, "the template's truncate needs a word and a number");
		return NULL;
	}
	for (; s[at] && max; max--)
		for (at++; (s[at] & 0xc0) == 0x80;)
			at++;
	return json_stringn(s, at);
}

static json_t *fn_pad(json_t *const *args, size_t n, char **err)
{
	json_int_t left = json_integer_value(args[1]), right = json_integer_value(args[2]);
	char *text;
	json_t *v;

	if (!json_is_string(args[0]) || left < 0 || right < 0 || left > 1000 || right > 1000) {
		err_set(err, "the template's pad needs a word and two numbers");
		return NULL;
	}
	text = xasprintf("%*s%s%*s", (int)left, "", json_string_value(args[0]), (int)right, "");
	v = json_string(text);
	free(text);
	return v;
}

/* Bytes or items from a number up to another. */
static json_t *fn_slice(json_t *const *args, size_t n, char **err)
{
	size_t len = json_is_string(args[0]) ? json_string_length(args[0]) : json_array_size(args[0]);
	json_int_t from = n > 1 ? json_integer_value(args[1]) : 0;
	json_int_t to = n > 2 ? json_integer_value(args[2]) : (json_int_t)len;
	json_t *v;

	if ((!json_is_string(args[0]) && !json_is_array(args[0])) || from < 0 || from > to || (size_t)to > len) {
		err_set(err, "the template's slice is outside of what it cuts");
		return NULL;
	}
	if (json_is_string(args[0])) {
		char *text = xstrndup(json_string_value(args[0]) + from, (size_t)(to - from));

		v = jtext(text);
		free(text);
		return v;
	}
	v = json_array();
	for (; from < to; from++)
		json_array_append(v, json_array_get(args[0], (size_t)from));
	return v;
}

/* ---- Printing ---- */

static json_t *print_all(json_t *const *args, size_t n, bool spaces, const char *end)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);
	json_t *v;

	for (size_t i = 0; f && i < n; i++) {
		if (i && (spaces || (!json_is_string(args[i]) && !json_is_string(args[i - 1]))))
			fputc(' ', f);
		put_value(f, args[i], false);
	}
	if (f) {
		fputs(end, f);
		fclose(f);
	}
	v = jtext(text);
	free(text);
	return v;
}

static json_t *fn_print(json_t *const *args, size_t n, char **err)
{
	return print_all(args, n, false, "");
}

static json_t *fn_println(json_t *const *args, size_t n, char **err)
{
	return print_all(args, n, true, "\n");
}

/* One conversion of printf: "%", flags and width up to a letter. The argument is printed by its kind. */
static bool convert(FILE *f, const char *spec, size_t len, const json_t *arg, char **err)
{
	char head[32], letter = spec[len - 1], *text;

	if (len >= sizeof(head) - 4 || strspn(spec + 1, "-+ 0123456789.") != len - 2 || strlen(spec) > 4096) {
		err_set(err, "the template's printf does not know \"%.*s\"", (int)len, spec);
		return false;
	}
	memcpy(head, spec, len - 1);
	if (strchr("dxXo", letter) && json_is_integer(arg)) {
		snprintf(head + len - 1, sizeof(head) - len + 1, "ll%c", letter);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		fprintf(f, head, (long long)json_integer_value(arg));
	} else if (strchr("fge", letter) && json_is_number(arg)) {
		snprintf(head + len - 1, sizeof(head) - len + 1, "%c", letter);
		fprintf(f, head, json_number_value(arg));
	} else if (strchr("svqtd", letter)) {
		text = letter == 'q' ? json_dumps(arg, JSON_ENCODE_ANY) : template_text(arg);
		snprintf(head + len - 1, sizeof(head) - len + 1, "s");
		fprintf(f, head, text ? text : "");
#pragma GCC diagnostic pop
		free(text);
	} else {
		err_set(err, "the template's printf does not know \"%.*s\"", (int)len, spec);
		return false;
	}
	return true;
}

/* A width of at most 3 digits: a template is not to fill the disk. */
static size_t spec_len(const char *s)
{
	size_t n = 1, digits = 0;

	while (s[n] && strchr("-+ 0123456789.", s[n])) {
		digits = isdigit((unsigned char)s[n]) ? digits + 1 : 0;
		if (digits > 3)
			return 0;
		n++;
	}
	return s[n] ? n + 1 : 0;
}

static json_t *fn_printf(json_t *const *args, size_t n, char **err)
{
	const char *s = json_string_value(args[0]);
	char *text = NULL;
	size_t len = 0, next = 1;
	bool good = true;
	FILE *f;
	json_t *v;

	f = open_memstream(&text, &len);
	while (f && s && good && *s) {
		size_t spec = *s == '%' ? spec_len(s) : 0;

		if (*s != '%' || s[1] == '%') {
			fputc(*s, f);
			s += *s == '%' ? 2 : 1;
			continue;
		}
		good = spec && next < n && convert(f, s, spec, args[next++], err);
		if (!spec || (!good && next > n))
			err_set(err, "the template's printf has a %% that is not understood");
		s += spec;
	}
	if (f)
		fclose(f);
	if (good && next < n) {
		err_set(err, "the template's printf has more arguments than its text takes");
		good = false;
	} else if (!good && next == n && err && !*err) {
		err_set(err, "the template's printf has fewer arguments than its text takes");
	}
	v = good && s ? jtext(text) : NULL;
	free(text);
	return v;
}

static const struct template_function functions[] = {
	{"and", 1, 30, fn_and},
	{"or", 1, 30, fn_or},
	{"not", 1, 1, fn_not},
	{"eq", 2, 30, fn_eq},
	{"ne", 2, 2, fn_ne},
	{"lt", 2, 2, fn_lt},
	{"le", 2, 2, fn_le},
	{"gt", 2, 2, fn_gt},
	{"ge", 2, 2, fn_ge},
	{"index", 1, 30, fn_index},
	{"len", 1, 1, fn_len},
	{"json", 1, 1, fn_json},
	{"join", 2, 2, fn_join},
	{"split", 2, 2, fn_split},
	{"upper", 1, 1, fn_upper},
	{"lower", 1, 1, fn_lower},
	{"title", 1, 1, fn_title},
	{"truncate", 2, 2, fn_truncate},
	{"pad", 3, 3, fn_pad},
	{"slice", 1, 3, fn_slice},
	{"print", 0, 30, fn_print},
	{"println", 0, 30, fn_println},
	{"printf", 1, 30, fn_printf},
};

const struct template_function *template_function(const char *name)
{
	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++)
		if (strcmp(functions[i].name, name) == 0)
			return &functions[i];
	return NULL;
}
