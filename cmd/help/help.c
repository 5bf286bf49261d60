/* SPDX-License-Identifier: MIT */
/* --help, from the table. */
#include "cmd/help/help.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "cmd/lib/message.h"
#include "cmd/lib/str.h"

bool is_shown(const struct opt_spec *o)
{
	return !o->hidden && o->kind != OPT_REFUSED;
}

const char *option_text(const struct opt_spec *o, char *buf, size_t len)
{
	if (o->kind == OPT_FLAG)
		snprintf(buf, len, "--%s", o->name);
	else if (o->kind == OPT_OPTIONAL)
		snprintf(buf, len, "--%s[=%s]", o->name, o->value);
	else
		snprintf(buf, len, "--%s %s", o->name, o->value);
	return buf;
}

/* Characters, not bytes: the texts hold "…". */
static int columns(const char *s)
{
	int n = 0;

	for (; *s; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

static int text_width(FILE *out)
{
	struct winsize ws;

	if (ioctl(fileno(out), TIOCGWINSZ, &ws) < 0 || ws.ws_col < 40)
		return 100;
	return ws.ws_col > 120 ? 120 : ws.ws_col;
}

/* Print s from column `at` on, broken at spaces, with following lines indented by `indent`. */
static void print_wrapped(FILE *out, const char *s, int at, int indent)
{
	int width = text_width(out);

	while (*s) {
		size_t len = strcspn(s, " ");
		char word[256];

		snprintf(word, sizeof(word), "%.*s", (int)len, s);
		if (at > indent && at + 1 + columns(word) > width) {
			fprintf(out, "\n%*s", indent, "");
			at = indent;
		} else if (at > indent) {
			fputc(' ', out);
			at++;
		}
		fputs(word, out);
		at += columns(word);
		s += len;
		s += strspn(s, " ");
	}
	fputc('\n', out);
}

static void print_line(FILE *out, const char *name, const char *text, int column)
{
	fprintf(out, "  %s%-*s%s ", tint(out, TINT_BOLD), column - 3, name, tint(out, TINT_END));
	print_wrapped(out, text, column, column);
}

/* The words behind `group` in the names of two words, parted by commas. The caller frees. */
static char *second_words(const char *group)
{
	char *words = xstrdup("");
	size_t len = strlen(group);

	for (size_t i = 0; command_at(i); i++) {
		const struct cmd_spec *cmd = command_at(i);
		char *longer;

		if (cmd->hidden || strncmp(cmd->name, group, len) != 0 || cmd->name[len] != ' ')
			continue;
		longer = xasprintf("%s%s%s", words, *words ? ", " : "", cmd->name + len + 1);
		free(words);
		words = longer;
	}
	return words;
}

static void print_section_line(FILE *out, const char *name, int column)
{
	const struct cmd_spec *cmd = find_command(name);
	char *words = second_words(name), *text;

	if (cmd && *words)
		text = xasprintf("%s; %s", cmd->help, words);
	else
		text = xstrdup(cmd ? cmd->help : words);
	print_line(out, name, text, column);
	free(text);
	free(words);
}

void print_overview(FILE *out)
{
	const int column = 18;
	const char *help;
	char name[64];

	fprintf(out,
		"Run untrusted code in a sandbox: images, the tools of this machine, directories.\n\n"
		"%sUsage:%s picket [OPTIONS] COMMAND …\n",
		tint(out, TINT_BOLD), tint(out, TINT_END));
	for (const struct help_section *s = help_sections; s->title; s++) {
		fprintf(out, "\n%s%s:%s\n", tint(out, TINT_BOLD), s->title, tint(out, TINT_END));
		for (size_t i = 0; section_name(s, i, name, sizeof(name)); i++)
			print_section_line(out, name, column);
	}
	fprintf(out, "\n%sOptions before the command:%s\n", tint(out, TINT_BOLD), tint(out, TINT_END));
	for (size_t i = 0; global_option_at(i, &help); i++)
		print_line(out, global_option_at(i, &help), help, column);
	fputc('\n', out);
	print_wrapped(out,
		"picket help COMMAND explains a command, with examples; docker's two-word forms work: picket image ls.", 0, 0);
}

/* A line for each command "GROUP WORD". */
static void print_two_words_each(FILE *out, const char *group)
{
	const int column = 16;
	size_t len = strlen(group);

	for (size_t i = 0; command_at(i); i++)
		if (!command_at(i)->hidden && strncmp(command_at(i)->name, group, len) == 0 &&
			command_at(i)->name[len] == ' ')
			print_line(out, command_at(i)->name + len + 1, command_at(i)->help, column);
}

void print_group_help(FILE *out, const char *group)
{
	const int column = 16;

	fprintf(out, "%sUsage:%s picket %s COMMAND …\n\n", tint(out, TINT_BOLD), tint(out, TINT_END), group);
	print_two_words_each(out, group);
	for (size_t i = 0; command_alias_at(i); i++) {
		const struct cmd_alias *a = command_alias_at(i);

		if (a->group && strcmp(a->group, group) == 0)
			print_line(out, a->name, find_command(a->command)->help, column);
	}
	fprintf(out, "\npicket help %s COMMAND explains one.\n", group);
}

static void print_option(FILE *out, const struct opt_spec *o)
{
	const bool narrow = text_width(out) < 64;
	const int column = narrow ? 10 : 30;
	char text[128];
	int at;

	option_text(o, text, sizeof(text));
	if (o->letter)
		fprintf(out, "  -%c, %s", o->letter, text);
	else
		fprintf(out, "      %s", text);
	at = 6 + columns(text);
	if (narrow || at > column - 2)
		fprintf(out, "\n%*s", column, "");
	else
		fprintf(out, "%*s", column - at, "");
	print_wrapped(out, o->help, column, column);
}

/* Paragraphs are parted by newlines. */
static void print_text(FILE *out, const char *text)
{
	while (*text) {
		size_t len = strcspn(text, "\n");
		char *paragraph = xstrndup(text, len);

		print_wrapped(out, paragraph, 0, 0);
		free(paragraph);
		text += len;
		text += strspn(text, "\n");
		if (*text)
			fputc('\n', out);
	}
}

/* Lines "COMMAND # what it does". */
static void print_examples(FILE *out, const char *text)
{
	fprintf(out, "\n%sExamples:%s\n", tint(out, TINT_BOLD), tint(out, TINT_END));
	while (*text) {
		size_t len = strcspn(text, "\n");
		char *line = xstrndup(text, len), *comment = strstr(line, " # ");

		if (comment)
			*comment = '\0';
		fprintf(out, "  picket %s\n", line);
		if (comment)
			fprintf(out, "      %s%s%s\n", tint(out, TINT_DIM), comment + 3, tint(out, TINT_END));
		free(line);
		text += len;
		text += strspn(text, "\n");
	}
}

static void print_aliases(FILE *out, const struct cmd_spec *cmd)
{
	const char *before = "\nAlso: ";

	for (size_t i = 0; command_alias_at(i); i++) {
		const struct cmd_alias *a = command_alias_at(i);

		if (strcmp(a->command, cmd->name) != 0)
			continue;
		fprintf(out, "%spicket %s%s%s", before, a->group ? a->group : "", a->group ? " " : "", a->name);
		before = ", ";
	}
	if (before[0] == ',')
		fputc('\n', out);
}

void print_command_help(FILE *out, const struct cmd_spec *cmd)
{
	bool any = false;

	fprintf(out, "%sUsage:%s picket %s%s%s\n\n", tint(out, TINT_BOLD), tint(out, TINT_END), cmd->name,
		*cmd->usage ? " " : "", cmd->usage);
	if (cmd->text) {
		print_text(out, cmd->text);
	} else {
		/* The line of the list of commands, as a sentence. */
		char *line = xasprintf("%c%s.", toupper((unsigned char)cmd->help[0]), cmd->help + 1);

		print_wrapped(out, line, 0, 0);
		free(line);
	}
	for (size_t i = 0; i < cmd->opt_count; i++) {
		if (!is_shown(&cmd->opts[i]))
			continue;
		if (!any)
			fprintf(out, "\n%sOptions:%s\n", tint(out, TINT_BOLD), tint(out, TINT_END));
		any = true;
		print_option(out, &cmd->opts[i]);
	}
	if (cmd->examples)
		print_examples(out, cmd->examples);
	if (is_command_group(cmd->name)) {
		fprintf(out, "\n%sCommands:%s\n", tint(out, TINT_BOLD), tint(out, TINT_END));
		print_two_words_each(out, cmd->name);
	}
	print_aliases(out, cmd);
}
