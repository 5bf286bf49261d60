/* SPDX-License-Identifier: MIT */
/*
 * Go's text/template as far as people use it with docker's --format, over a jansson value:
 *   {{.A.B}} {{$x}} {{"text"}} {{json .}} {{range $i, $v := .L}}…{{else}}…{{end}} {{if}} {{else if}} {{with}} {{$x := …}} pipes,
 *   parentheses, {{- and -}}, comments;
 *   and or not eq ne lt le gt ge index len print printf println json join split upper lower title truncate pad slice.
 * A field that is not there is an error which names those that are, as docker's. What is not known is said in a sentence.
 */
#ifndef PICKET_CMD_TEMPLATE_H
#define PICKET_CMD_TEMPLATE_H

#include <jansson.h>
#include <stdio.h>

struct template;

/** template_parse - read a template; NULL after storing an allocated sentence in *err. */
struct template *template_parse(const char *text, char **err);

/**
 * template_run - write what the template makes of `value`
 *
 * Returns 0, or -EINVAL after storing a sentence; what came before the fault may have been written.
 */
int template_run(const struct template *t, json_t *value, FILE *out, char **err);

void template_free(struct template *t);

#endif
