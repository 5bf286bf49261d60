/* SPDX-License-Identifier: MIT */
/* Templates: running them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/lib/jtext.h"
#include "cmd/lib/str.h"
#include "cmd/lib/template_priv.h"
#include "net/err.h"

#define VARIABLES_MAX 64
#define ARGUMENTS_MAX 32

struct variable {
	const char *name;
	json_t *value;
};

struct run {
	FILE *out;
	bool terminal;
	struct variable variables[VARIABLES_MAX]; /* the first is $ */
	size_t count;
	char **err;
};

static json_t *eval_pipeline(struct run *r, const struct pipeline *pipe, json_t *dot);
static int run_nodes(struct run *r, const struct node *n, json_t *dot);

/* ---- Fields ---- */

static json_t *no_field(struct run *r, const json_t *object, const char *name)
{
	char known[512] = "";
	size_t len = 0;
	const char *key;
	json_t *v;

	json_object_foreach((json_t *)(uintptr_t)object, key, v)
		if (key[0] != '_' && len < sizeof(known) - 100)
			len += (size_t)snprintf(known + len, 100, "%s%s", len ? ", " : "", key);
	if (*known)
		err_set(r->err, "the template asks for .%s, which is not there; there are: %s", name, known);
	else
		err_set(r->err, "the template asks for .%s, which is not there", name);
	return NULL;
}

/* A new reference. */
static json_t *take_field(struct run *r, json_t *of, const char *name)
{
	json_t *v = json_object_get(of, name);

	if (v)
		return json_incref(v);
	if (json_is_object(of))
		return no_field(r, of, name);
	err_set(r->err, "the template asks for .%s of what is %s", name,
		json_is_null(of) ? "not set" : json_is_array(of) ? "a list: index it, or use range" : "no object");
	return NULL;
}

static json_t *take_fields(struct run *r, json_t *of, char *const *fields, size_t count)
{
	json_t *v = json_incref(of);

	for (size_t i = 0; v && i < count; i++) {
		json_t *next = take_field(r, v, fields[i]);

		json_decref(v);
		v = next;
	}
	return v;
}

static struct variable *find_variable(struct run *r, const char *name)
{
	for (size_t i = r->count; i > 0; i--)
		if (strcmp(r->variables[i - 1].name, name) == 0)
			return &r->variables[i - 1];
	err_set(r->err, "the template uses $%s, which was not set", name);
	return NULL;
}

static json_t *eval_operand(struct run *r, const struct operand *o, json_t *dot)
{
	struct variable *var;
	json_t *base, *v;

	switch (o->kind) {
	case OPERAND_DOT:
		return take_fields(r, dot, o->fields, o->field_count);
	case OPERAND_VARIABLE:
		var = find_variable(r, o->name);
		return var ? take_fields(r, var->value, o->fields, o->field_count) : NULL;
	case OPERAND_VALUE:
		return json_incref(o->value);
	case OPERAND_PIPE:
		base = eval_pipeline(r, o->pipe, dot);
		v = base ? take_fields(r, base, o->fields, o->field_count) : NULL;
		json_decref(base);
		return v;
	case OPERAND_FUNCTION:
		break; /* one among arguments: without any of its own */
	}
	return template_function(o->name)->min == 0 ? template_function(o->name)->call(NULL, 0, r->err)
						    : (err_set(r->err, "the template's function %s needs arguments", o->name),
							      NULL);
}

/* ---- Calls ---- */

/* docker's methods: .Label "name" looks into _Label of the row. A new reference. */
static json_t *call_method(struct run *r, const struct call *c, json_t *dot, json_t *piped)
{
	const struct operand *o = &c->operands[0];
	char *hidden;
	json_t *arg, *map, *v;

	if (o->kind != OPERAND_DOT || o->field_count != 1 || c->count + (piped != NULL) != 2) {
		err_set(r->err, "the template gives arguments to what is no function");
		return NULL;
	}
	hidden = xasprintf("_%s", o->fields[0]);
	map = json_object_get(dot, hidden);
	free(hidden);
	if (!map) {
		err_set(r->err, "the template gives an argument to .%s, which takes none", o->fields[0]);
		return NULL;
	}
	arg = piped ? json_incref(piped) : eval_operand(r, &c->operands[1], dot);
	if (!arg)
		return NULL;
	v = json_is_string(arg) ? json_object_get(map, json_string_value(arg)) : NULL;
	json_decref(arg);
	return v ? json_incref(v) : json_string("");
}

static json_t *call_function(struct run *r, const struct call *c, json_t *dot, json_t *piped)
{
	const struct template_function *f = template_function(c->operands[0].name);
	json_t *args[ARGUMENTS_MAX], *v = NULL;
	size_t n = 0;
	bool good = c->count <= ARGUMENTS_MAX - 1;

	for (size_t i = 1; good && i < c->count; i++) {
		args[n] = eval_operand(r, &c->operands[i], dot);
		good = args[n];
		n += good;
	}
	if (good && piped)
		args[n++] = json_incref(piped);
	if (good && (n < f->min || n > f->max))
		err_set(r->err, "the template's function %s takes %s%zu argument%s, not %zu", f->name,
			f->min == f->max ? "" : "at least ", f->min, f->min == 1 ? "" : "s", n);
	else if (good)
		v = f->call(args, n, r->err);
	else if (c->count > ARGUMENTS_MAX - 1)
		err_set(r->err, "the template gives too many arguments to %s", f->name);
	while (n)
		json_decref(args[--n]);
	return v;
}

static json_t *eval_call(struct run *r, const struct call *c, json_t *dot, json_t *piped)
{
	if (c->operands[0].kind == OPERAND_FUNCTION)
		return call_function(r, c, dot, piped);
	if (c->count > 1 || piped)
		return call_method(r, c, dot, piped);
	return eval_operand(r, &c->operands[0], dot);
}

static json_t *eval_pipeline(struct run *r, const struct pipeline *pipe, json_t *dot)
{
	json_t *v = NULL;

	for (size_t i = 0; i < pipe->count; i++) {
		json_t *next = eval_call(r, &pipe->calls[i], dot, v);

		json_decref(v);
		v = next;
		if (!v)
			return NULL;
	}
	return v;
}

/* ---- Nodes ---- */

static int push_variable(struct run *r, const char *name, json_t *value)
{
	if (r->count == VARIABLES_MAX)
		return err_set(r->err, "the template sets too many variables"), -EINVAL;
	r->variables[r->count++] = (struct variable){name, json_incref(value)};
	return 0;
}

static void pop_variables(struct run *r, size_t to)
{
	while (r->count > to)
		json_decref(r->variables[--r->count].value);
}

/* $x := … and $x = … */
static int set_variables(struct run *r, const struct pipeline *pipe, json_t *value)
{
	struct variable *var;

	if (pipe->variable_count == 0)
		return 0;
	if (pipe->variable_count == 2)
		return err_set(r->err, "the template sets two variables where there is no range"), -EINVAL;
	if (!pipe->assigns)
		return push_variable(r, pipe->variables[0], value);
	var = find_variable(r, pipe->variables[0]);
	if (!var)
		return -EINVAL;
	json_decref(var->value);
	var->value = json_incref(value);
	return 0;
}

/* What a terminal would obey is not let through to one: much of it comes from images and sandboxes. */
static void put_text(struct run *r, const json_t *v)
{
	char *text = template_text(v);

	for (char *p = text; r->terminal && *p; p++)
		if (((unsigned char)*p < 0x20 && *p != '\n' && *p != '\t') || *p == 0x7f)
			*p = '?';
	fputs(text, r->out);
	free(text);
}

static int run_pipe(struct run *r, const struct node *n, json_t *dot)
{
	json_t *v = eval_pipeline(r, n->pipe, dot);
	int result;

	if (!v)
		return -EINVAL;
	result = set_variables(r, n->pipe, v);
	if (n->pipe->variable_count == 0)
		put_text(r, v);
	json_decref(v);
	return result;
}

static int run_choice(struct run *r, const struct node *n, json_t *dot)
{
	json_t *v = eval_pipeline(r, n->pipe, dot);
	size_t before = r->count;
	int result;

	if (!v)
		return -EINVAL;
	result = set_variables(r, n->pipe, v);
	if (result == 0 && template_true(v))
		result = run_nodes(r, n->body, n->kind == NODE_WITH ? v : dot);
	else if (result == 0)
		result = run_nodes(r, n->otherwise, dot);
	pop_variables(r, before);
	json_decref(v);
	return result;
}

static int run_item(struct run *r, const struct node *n, json_t *key, json_t *value)
{
	const struct pipeline *pipe = n->pipe;
	size_t before = r->count;
	int result = 0;

	if (pipe->variable_count == 2)
		result = push_variable(r, pipe->variables[0], key);
	if (result == 0 && pipe->variable_count)
		result = push_variable(r, pipe->variables[pipe->variable_count - 1], value);
	if (result == 0)
		result = run_nodes(r, n->body, value);
	pop_variables(r, before);
	return result;
}

static int compare_keys(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Objects in the order of their keys, as Go's maps. */
static int range_object(struct run *r, const struct node *n, json_t *v)
{
	const char **keys = xcalloc(json_object_size(v), sizeof(*keys)), *key;
	size_t count = 0;
	int result = 0;
	json_t *item;

	json_object_foreach(v, key, item)
		keys[count++] = key;
	qsort(keys, count, sizeof(*keys), compare_keys);
	for (size_t i = 0; result == 0 && i < count; i++) {
		json_t *name = json_string(keys[i]);

		result = run_item(r, n, name, json_object_get(v, keys[i]));
		json_decref(name);
	}
	free(keys);
	return result;
}

static int run_range(struct run *r, const struct node *n, json_t *dot)
{
	json_t *v = eval_pipeline(r, n->pipe, dot);
	int result = 0;

	if (!v)
		return -EINVAL;
	if (!json_is_array(v) && !json_is_object(v) && !json_is_null(v))
		result = (err_set(r->err, "the template's range is over what is no list"), -EINVAL);
	else if (json_array_size(v) + json_object_size(v) == 0)
		result = run_nodes(r, n->otherwise, dot);
	else if (json_is_object(v))
		result = range_object(r, n, v);
	for (size_t i = 0; result == 0 && i < json_array_size(v); i++) {
		json_t *key = json_integer((json_int_t)i);

		result = run_item(r, n, key, json_array_get(v, i));
		json_decref(key);
	}
	json_decref(v);
	return result;
}

static int run_nodes(struct run *r, const struct node *n, json_t *dot)
{
	size_t before = r->count;
	int result = 0;

	for (; result == 0 && n; n = n->next) {
		if (n->kind == NODE_TEXT)
			fputs(n->text, r->out);
		else if (n->kind == NODE_PIPE)
			result = run_pipe(r, n, dot);
		else if (n->kind == NODE_RANGE)
			result = run_range(r, n, dot);
		else
			result = run_choice(r, n, dot);
	}
	pop_variables(r, before);
	return result;
}

int template_run(const struct template *t, json_t *value, FILE *out, char **err)
{
	struct run r = {.out = out, .terminal = isatty(fileno(out)) > 0, .err = err};
	int result = push_variable(&r, "", value);

	if (result == 0)
		result = run_nodes(&r, t->nodes, value);
	pop_variables(&r, 0);
	return result;
}
