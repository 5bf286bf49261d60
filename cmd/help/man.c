/* SPDX-License-Identifier: MIT */
/* Manual pages of the commands, from the table, as source for scdoc(1). docs/man/ has the others. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/help/help.h"
#include "cmd/lib/str.h"

#ifndef PICKET_VERSION
#define PICKET_VERSION "unknown"
#endif

/* What has a meaning in scdoc's text is escaped; a tab or a newline would break a paragraph. */
static void put_text(FILE *out, const char *s)
{
	for (; *s; s++) {
		if (*s == '\n' || *s == '\t') {
			fputc(' ', out);
			continue;
		}
		if (strchr("\\*_`#-.|[]<>~+", *s))
			fputc('\\', out);
		fputc(*s, out);
	}
}

/* "picket-image-ls": a page's name. */
static void put_page(FILE *out, const char *name)
{
	fputs("picket-", out);
	for (; *name; name++)
		fputc(*name == ' ' ? '-' : *name, out);
}

/* Paragraphs, parted by newlines, each followed by an empty line. */
static void put_paragraphs(FILE *out, const char *text)
{
	while (*text) {
		size_t len = strcspn(text, "\n");
		char *paragraph = xstrndup(text, len);

		put_text(out, paragraph);
		fputs("\n\n", out);
		free(paragraph);
		text += len;
		text += strspn(text, "\n");
	}
}

static void put_option(FILE *out, const struct opt_spec *o)
{
	if (o->letter)
		fprintf(out, "*-%c*, ", o->letter);
	fputs("*--", out);
	put_text(out, o->name);
	fputc('*', out);
	if (o->kind == OPT_OPTIONAL) {
		fputs("\\[=_", out);
		put_text(out, o->value);
		fputs("_\\]", out);
	} else if (o->kind != OPT_FLAG) {
		fputs(" _", out);
		put_text(out, o->value);
		fputc('_', out);
	}
	fputs("\n\t", out);
	put_text(out, o->help);
	if (o->kind == OPT_CHOICE && o->choices &&
		!strstr(o->help, strrchr(o->choices, ' ') ? strrchr(o->choices, ' ') + 1 : o->choices)) {
		fputs(" (one of: ", out);
		put_text(out, o->choices);
		fputc(')', out);
	}
	if (o->kind == OPT_LIST)
		fputs(". May be given several times", out);
	fputs("\n\n", out);
}

static void put_options(FILE *out, const struct cmd_spec *cmd)
{
	fputs("# OPTIONS\n\n", out);
	for (size_t i = 0; i < cmd->opt_count; i++)
		if (is_shown(&cmd->opts[i]))
			put_option(out, &cmd->opts[i]);
	fputs("*--help*\n\tExplain the command.\n\n", out);
}

static void put_examples(FILE *out, const char *text)
{
	fputs("# EXAMPLES\n\n", out);
	while (*text) {
		size_t len = strcspn(text, "\n");
		char *line = xstrndup(text, len), *comment = strstr(line, " # ");

		if (comment)
			*comment = '\0';
		fputs("*picket ", out);
		put_text(out, line);
		fputs("*\n\t", out);
		put_text(out, comment ? comment + 3 : "As it says\\.");
		fputs("\n\n", out);
		free(line);
		text += len;
		text += strspn(text, "\n");
	}
}

static void put_aliases(FILE *out, const struct cmd_spec *cmd)
{
	bool any = false;

	for (size_t i = 0; command_alias_at(i); i++) {
		const struct cmd_alias *a = command_alias_at(i);

		if (strcmp(a->command, cmd->name) != 0)
			continue;
		fputs(any ? ", " : "# OTHER NAMES\n\n", out);
		fprintf(out, "*picket %s%s%s*", a->group ? a->group : "", a->group ? " " : "", a->name);
		any = true;
	}
	if (any)
		fputs("\n\n", out);
}

static void put_status(FILE *out, const struct cmd_spec *cmd)
{
	fputs("# EXIT STATUS\n\n", out);
	if (cmd->failure == 125)
		fputs("That of the program; 128+n if signal n ended it; 125 if Picket failed or an option was wrong; "
		      "126 if the\n"
		      "program cannot be executed; 127 if it was not found.\n\n",
			out);
	else
		fputs("0, or 1 after a failure, which is one sentence on standard error.\n\n", out);
}

void print_man_page(FILE *out, const struct cmd_spec *cmd)
{
	put_page(out, cmd->name);
	fprintf(out, "(1) \"picket %s\" \"Picket\"\n\n# NAME\n\n", PICKET_VERSION);
	put_page(out, cmd->name);
	fputs(" - ", out);
	put_text(out, cmd->help);
	fprintf(out, "\n\n# SYNOPSIS\n\n*picket %s* ", cmd->name);
	put_text(out, cmd->usage);
	fputs("\n\n# DESCRIPTION\n\n", out);
	if (cmd->text) {
		put_paragraphs(out, cmd->text);
	} else {
		fputc(toupper((unsigned char)cmd->help[0]), out);
		put_text(out, cmd->help + 1);
		fputs(".\n\n", out);
	}
	put_options(out, cmd);
	if (cmd->examples)
		put_examples(out, cmd->examples);
	put_aliases(out, cmd);
	put_status(out, cmd);
	fputs("# SEE ALSO\n\n*picket*(1), *picket-config*(5), *picket-sandbox*(7), *picket-images*(7)\n", out);
}

static void put_man_command(FILE *out, const struct cmd_spec *cmd)
{
	fputc('*', out);
	put_page(out, cmd->name);
	fputs("*(1)\n\t", out);
	put_text(out, cmd->help);
	fputs("\n\n", out);
}

void print_man_commands(FILE *out)
{
	for (const struct help_section *s = help_sections; s->title; s++) {
		char name[64];

		fprintf(out, "## %s\n\n", s->title);
		for (size_t i = 0; section_name(s, i, name, sizeof(name)); i++) {
			size_t len = strlen(name);

			for (size_t k = 0; command_at(k); k++) {
				const struct cmd_spec *cmd = command_at(k);

				if (!cmd->hidden && strncmp(cmd->name, name, len) == 0 &&
					(cmd->name[len] == '\0' || cmd->name[len] == ' '))
					put_man_command(out, cmd);
			}
		}
	}
}
