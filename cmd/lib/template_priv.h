/* SPDX-License-Identifier: MIT */
/* The parsed form of a template, and its functions. Private to template*.c. */
#ifndef PICKET_CMD_TEMPLATE_PRIV_H
#define PICKET_CMD_TEMPLATE_PRIV_H

#include <stdbool.h>
#include <stddef.h>

#include "cmd/lib/template.h"

enum operand_kind { OPERAND_DOT, OPERAND_VARIABLE, OPERAND_VALUE, OPERAND_PIPE, OPERAND_FUNCTION };

struct pipeline;

/* A value and the fields that are taken of it: $x.A.B, (index . 0).C */
struct operand {
	enum operand_kind kind;
	char *name;	       /* of a variable ("" is $) or function */
	json_t *value;	       /* OPERAND_VALUE */
	struct pipeline *pipe; /* OPERAND_PIPE */
	char **fields;
	size_t field_count;
};

struct call {
	struct operand *operands;
	size_t count;
};

struct pipeline {
	char *variables[2]; /* $i, $v := */
	size_t variable_count;
	bool assigns; /* "=" to a variable that is there */
	struct call *calls;
	size_t count;
};

enum node_kind { NODE_TEXT, NODE_PIPE, NODE_IF, NODE_RANGE, NODE_WITH };

struct node {
	enum node_kind kind;
	char *text;
	struct pipeline *pipe;
	struct node *body, *otherwise; /* lists */
	struct node *next;
};

struct template {
	struct node *nodes;
};

/* Functions. The value is a new reference; NULL with a sentence in *err. Arguments may be JSON null, never NULL. */
struct template_function {
	const char *name;
	size_t min, max; /* arguments */
	json_t *(*call)(json_t *const *args, size_t count, char **err);
};

const struct template_function *template_function(const char *name);

/* What {{x}} prints of a value: allocated. */
char *template_text(const json_t *v);
bool template_true(const json_t *v);

#endif
