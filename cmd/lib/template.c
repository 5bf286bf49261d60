/* SPDX-License-Identifier: MIT */
/* Templates: reading them. Recursive descent over the text between {{ and }}. */
#include "cmd/lib/template.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/lib/jtext.h"
#include "cmd/lib/str.h"
#include "cmd/lib/template_priv.h"
#include "net/err.h"

#define DEPTH_MAX 64

struct parser {
	const char *at;
	unsigned int depth;
	bool trim_next; /* "-}}" came: the next text loses its leading white space */
	char **err;
};

/* What ended a list of nodes. */
enum ending { AT_END_OF_TEXT, AT_END, AT_ELSE, AT_ELSE_IF, AT_ELSE_WITH, FAILED };

static enum ending parse_nodes(struct parser *p, struct node **ret);
static struct pipeline *parse_pipeline(struct parser *p, const char *closing);

static void *wrong(struct parser *p, const char *what)
{
	err_set(p->err, "the template is wrong: %s at \"%.40s\"", what, p->at);
	return NULL;
}

/* ---- Freeing ---- */

static void free_pipeline(struct pipeline *pipe);

static void free_operand(struct operand *o)
{
	free(o->name);
	json_decref(o->value);
	free_pipeline(o->pipe);
	for (size_t i = 0; i < o->field_count; i++)
		free(o->fields[i]);
	free(o->fields);
}

static void free_pipeline(struct pipeline *pipe)
{
	if (!pipe)
		return;
	for (size_t i = 0; i < pipe->count; i++) {
		for (size_t j = 0; j < pipe->calls[i].count; j++)
			free_operand(&pipe->calls[i].operands[j]);
		free(pipe->calls[i].operands);
	}
	free(pipe->calls);
	free(pipe->variables[0]);
	free(pipe->variables[1]);
	free(pipe);
}

static void free_nodes(struct node *n)
{
	while (n) {
		struct node *next = n->next;

		free(n->text);
		free_pipeline(n->pipe);
		free_nodes(n->body);
		free_nodes(n->otherwise);
		free(n);
		n = next;
	}
}

void template_free(struct template *t)
{
	if (t)
		free_nodes(t->nodes);
	free(t);
}

/* ---- Words ---- */

static void skip_space(struct parser *p)
{
	p->at += strspn(p->at, " \t\r\n");
}

static bool is_name(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

static size_t name_len(const char *s)
{
	size_t n = 0;

	while (is_name(s[n]))
		n++;
	return n;
}

/* Whether the word comes next, as a whole; it is read then. */
static bool take_word(struct parser *p, const char *word)
{
	size_t len = strlen(word);

	skip_space(p);
	if (strncmp(p->at, word, len) != 0 || is_name(p->at[len]))
		return false;
	p->at += len;
	return true;
}

/* "}}", or "-}}" with white space before it. */
static bool at_close(struct parser *p)
{
	skip_space(p);
	return strncmp(p->at, "}}", 2) == 0 || strncmp(p->at, "-}}", 3) == 0;
}

static bool take_close(struct parser *p)
{
	if (!at_close(p))
		return wrong(p, "}} is missing") != NULL;
	p->trim_next = *p->at == '-';
	p->at += p->trim_next ? 3 : 2;
	return true;
}

static char escaped(char c)
{
	static const char from[] = "ntr\\\"'", to[] = "\n\t\r\\\"'";
	const char *found = strchr(from, c);

	return c && found ? to[found - from] : '\0';
}

static json_t *parse_quoted(struct parser *p)
{
	const char *s = p->at + 1;
	char *buf = xcalloc(1, strlen(p->at) + 1), *out = buf;
	json_t *v;

	while (*s && *s != '"') {
		if (*s == '\\' && !escaped(s[1])) {
			free(buf);
			return wrong(p, "a backslash before what is not n, t, r, \\ or a quote");
		}
		*out++ = *s == '\\' ? escaped(*++s) : *s;
		s++;
	}
	if (!*s) {
		free(buf);
		return wrong(p, "a quote is not closed");
	}
	p->at = s + 1;
	v = jtext(buf);
	free(buf);
	return v;
}

static json_t *parse_raw(struct parser *p)
{
	const char *end = strchr(p->at + 1, '`');
	char *text;
	json_t *v;

	if (!end)
		return wrong(p, "a quote is not closed");
	text = xstrndup(p->at + 1, (size_t)(end - p->at - 1));
	p->at = end + 1;
	v = jtext(text);
	free(text);
	return v;
}

static json_t *parse_number_literal(struct parser *p)
{
	char *end, *end_real;
	long long whole = strtoll(p->at, &end, 0);
	double real = strtod(p->at, &end_real);

	if (end_real > end) {
		p->at = end_real;
		return json_real(real);
	}
	p->at = end;
	return json_integer(whole);
}

/* ---- Operands, calls, pipelines ---- */

static bool parse_fields(struct parser *p, struct operand *o)
{
	while (*p->at == '.' && is_name(p->at[1])) {
		size_t len = name_len(p->at + 1);

		o->fields = xrealloc(o->fields, (o->field_count + 1) * sizeof(*o->fields));
		o->fields[o->field_count++] = xstrndup(p->at + 1, len);
		p->at += len + 1;
	}
	return true;
}

static bool parse_word(struct parser *p, struct operand *o)
{
	static const char *const words[] = {"true", "false", "nil"};
	size_t len = name_len(p->at);

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strlen(words[i]) == len && strncmp(p->at, words[i], len) == 0) {
			o->kind = OPERAND_VALUE;
			o->value = i == 2 ? json_null() : json_boolean(i == 0);
			p->at += len;
			return true;
		}
	}
	o->kind = OPERAND_FUNCTION;
	o->name = xstrndup(p->at, len);
	if (!template_function(o->name)) {
		err_set(p->err, "the template has a function that is not known: %s", o->name);
		return false;
	}
	p->at += len;
	return true;
}

static bool parse_operand(struct parser *p, struct operand *o)
{
	skip_space(p);
	if (*p->at == '.') {
		o->kind = OPERAND_DOT;
		if (!is_name(p->at[1]))
			p->at++;
		return parse_fields(p, o);
	}
	if (*p->at == '$') {
		size_t len = name_len(p->at + 1);

		o->kind = OPERAND_VARIABLE;
		o->name = xstrndup(p->at + 1, len);
		p->at += len + 1;
		return parse_fields(p, o);
	}
	if (*p->at == '(') {
		p->at++;
		o->kind = OPERAND_PIPE;
		o->pipe = parse_pipeline(p, ")");
		return o->pipe && parse_fields(p, o);
	}
	if (*p->at == '"' || *p->at == '`') {
		o->kind = OPERAND_VALUE;
		o->value = *p->at == '"' ? parse_quoted(p) : parse_raw(p);
		return o->value;
	}
	if (isdigit((unsigned char)*p->at) || (*p->at == '-' && isdigit((unsigned char)p->at[1]))) {
		o->kind = OPERAND_VALUE;
		o->value = parse_number_literal(p);
		return o->value;
	}
	if (isalpha((unsigned char)*p->at))
		return parse_word(p, o);
	return wrong(p, *p->at ? "something that is not understood" : "}} is missing") != NULL;
}

/* Operands up to "|", ")" or "}}". */
static bool parse_call(struct parser *p, struct call *c)
{
	for (;;) {
		struct operand o = {0};

		skip_space(p);
		if (*p->at == '|' || *p->at == ')' || at_close(p))
			return c->count || wrong(p, "a value is missing");
		if (!parse_operand(p, &o)) {
			free_operand(&o);
			return false;
		}
		c->operands = xrealloc(c->operands, (c->count + 1) * sizeof(*c->operands));
		c->operands[c->count++] = o;
	}
}

/* "$x :=", "$i, $x :=", "$x =": nothing is read if there is none. */
static void parse_variables(struct parser *p, struct pipeline *pipe)
{
	const char *s = p->at, *names[2];
	size_t lens[2], n = 0;

	while (n < 2) {
		s += strspn(s, " \t\r\n");
		if (*s != '$')
			return;
		names[n] = s + 1;
		lens[n] = name_len(s + 1);
		s += 1 + lens[n++];
		s += strspn(s, " \t\r\n");
		if (*s != ',')
			break;
		s++;
	}
	if (strncmp(s, ":=", 2) != 0 && !(s[0] == '=' && n == 1))
		return;
	pipe->assigns = *s == '=';
	p->at = s + (pipe->assigns ? 1 : 2);
	pipe->variable_count = n;
	for (size_t i = 0; i < n; i++)
		pipe->variables[i] = xstrndup(names[i], lens[i]);
}

static struct pipeline *parse_pipeline(struct parser *p, const char *closing)
{
	struct pipeline *pipe = xcalloc(1, sizeof(*pipe));
	bool more = ++p->depth <= DEPTH_MAX;

	if (!more)
		wrong(p, "too much inside of each other");
	else
		parse_variables(p, pipe);
	while (more) {
		struct call c = {0};
		bool good = parse_call(p, &c);

		pipe->calls = xrealloc(pipe->calls, (pipe->count + 1) * sizeof(*pipe->calls));
		pipe->calls[pipe->count++] = c;
		if (!good)
			break;
		if (*p->at == '|') {
			p->at++;
			continue;
		}
		if (closing && *p->at == *closing) {
			p->at++;
			p->depth--;
			return pipe;
		}
		if (closing || !take_close(p)) {
			if (closing)
				wrong(p, ") is missing");
			break;
		}
		p->depth--;
		return pipe;
	}
	free_pipeline(pipe);
	return NULL;
}

/* ---- Nodes ---- */

static bool parse_block(struct parser *p, struct node *n);

/* {{else if …}} is {{else}}{{if …}}…{{end}}{{end}} with one {{end}}. */
static bool parse_chained(struct parser *p, struct node *n, enum node_kind kind)
{
	n->otherwise = xcalloc(1, sizeof(*n));
	n->otherwise->kind = kind;
	return parse_block(p, n->otherwise);
}

/* Behind the keyword: its pipeline, its body, {{else}}, {{end}}. */
static bool parse_block(struct parser *p, struct node *n)
{
	enum ending how;

	if (++p->depth > DEPTH_MAX)
		return wrong(p, "too much inside of each other") != NULL;
	n->pipe = parse_pipeline(p, NULL);
	how = n->pipe ? parse_nodes(p, &n->body) : FAILED;
	if (how == AT_ELSE_IF || how == AT_ELSE_WITH) {
		p->depth--;
		return parse_chained(p, n, how == AT_ELSE_IF ? NODE_IF : NODE_WITH);
	}
	if (how == AT_ELSE)
		how = parse_nodes(p, &n->otherwise);
	p->depth--;
	if (how == AT_END_OF_TEXT || how == AT_ELSE)
		return wrong(p, "{{end}} is missing") != NULL;
	return how == AT_END;
}

static struct node *parse_text(struct parser *p)
{
	const char *open = strstr(p->at, "{{"), *from = p->at, *to = open ? open : p->at + strlen(p->at);
	struct node *n = xcalloc(1, sizeof(*n));

	if (p->trim_next)
		from += strspn(from, " \t\r\n");
	if (from > to)
		from = to;
	if (open && open[2] == '-' && strchr(" \t\r\n", open[3]) && open[3])
		while (to > from && strchr(" \t\r\n", to[-1]))
			to--;
	p->trim_next = false;
	p->at = open ? open : p->at + strlen(p->at);
	n->text = xstrndup(from, (size_t)(to - from));
	return n;
}

/* Behind "{{". *how is AT_END_OF_TEXT where a node was read or a comment skipped (*ret NULL). */
static enum ending parse_action(struct parser *p, struct node **ret)
{
	static const struct {
		const char *word;
		enum node_kind kind;
	} blocks[] = {{"if", NODE_IF}, {"range", NODE_RANGE}, {"with", NODE_WITH}};
	struct node *n;
	bool good;

	*ret = NULL;
	if (p->at[0] == '-' && p->at[1] && strchr(" \t\r\n", p->at[1]))
		p->at++;
	skip_space(p);
	if (strncmp(p->at, "/*", 2) == 0) {
		const char *end = strstr(p->at, "*/");

		p->at = end ? end + 2 : p->at;
		return take_close(p) ? AT_END_OF_TEXT : FAILED;
	}
	if (take_word(p, "end"))
		return take_close(p) ? AT_END : FAILED;
	if (take_word(p, "else")) {
		if (take_word(p, "if"))
			return AT_ELSE_IF;
		if (take_word(p, "with"))
			return AT_ELSE_WITH;
		return take_close(p) ? AT_ELSE : FAILED;
	}
	*ret = n = xcalloc(1, sizeof(*n));
	for (size_t i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++) {
		if (take_word(p, blocks[i].word)) {
			n->kind = blocks[i].kind;
			return parse_block(p, n) ? AT_END_OF_TEXT : FAILED;
		}
	}
	n->kind = NODE_PIPE;
	n->pipe = parse_pipeline(p, NULL);
	good = n->pipe;
	return good ? AT_END_OF_TEXT : FAILED;
}

static enum ending parse_nodes(struct parser *p, struct node **ret)
{
	struct node **tail = ret;

	while (*p->at) {
		enum ending how = AT_END_OF_TEXT;

		if (strncmp(p->at, "{{", 2) != 0 || p->trim_next) {
			*tail = parse_text(p);
		} else {
			p->at += 2;
			how = parse_action(p, tail);
		}
		if (*tail)
			tail = &(*tail)->next;
		if (how != AT_END_OF_TEXT)
			return how;
	}
	return AT_END_OF_TEXT;
}

struct template *template_parse(const char *text, char **err)
{
	struct template *t = xcalloc(1, sizeof(*t));
	struct parser p = {.at = text, .err = err};
	enum ending how = parse_nodes(&p, &t->nodes);

	if (how == AT_END_OF_TEXT)
		return t;
	if (how != FAILED)
		err_set(err, "the template is wrong: {{%s}} without {{if}}, {{range}} or {{with}}",
			how == AT_END ? "end" : "else");
	template_free(t);
	return NULL;
}
