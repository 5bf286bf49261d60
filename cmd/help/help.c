/* SPDX-License-Identifier: MIT */
/* --help and the manual page, from the table. */
#include "cmd/help/help.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "cmd/lib/message.h"
#include "cmd/lib/str.h"

#ifndef PICKET_VERSION
#define PICKET_VERSION "unknown"
#endif

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

void print_overview(FILE *out)
{
	fprintf(out, "Run untrusted code in a sandbox: images, the tools of this machine, directories.\n\n"
		     "Usage: picket COMMAND [OPTIONS] …\n\n");
	for (size_t i = 0; command_at(i); i++)
		if (!command_at(i)->hidden)
			fprintf(out, "  %s%-12s%s %s\n", tint(out, TINT_BOLD), command_at(i)->name, tint(out, TINT_END),
				command_at(i)->help);
	fprintf(out, "\npicket COMMAND --help explains a command. docker's words work: picket image ls, "
		     "picket system info.\n");
}

static void print_option(FILE *out, const struct opt_spec *o)
{
	const int column = 30;
	char text[128];
	int at;

	option_text(o, text, sizeof(text));
	if (o->letter)
		fprintf(out, "  -%c, %s", o->letter, text);
	else
		fprintf(out, "      %s", text);
	at = 6 + columns(text);
	if (at > column - 2)
		fprintf(out, "\n%*s", column, "");
	else
		fprintf(out, "%*s", column - at, "");
	print_wrapped(out, o->help, column, column);
}

void print_command_help(FILE *out, const struct cmd_spec *cmd)
{
	bool any = false;

	fprintf(out, "%sUsage:%s picket %s%s%s\n\n", tint(out, TINT_BOLD), tint(out, TINT_END), cmd->name,
		*cmd->usage ? " " : "", cmd->usage);
	if (cmd->text) {
		print_wrapped(out, cmd->text, 0, 0);
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
	for (size_t i = 0; command_alias_at(i); i++)
		if (command_alias_at(i)->group && strcmp(command_alias_at(i)->command, cmd->name) == 0) {
			fprintf(out, "\nAlso: picket %s %s\n", command_alias_at(i)->group, command_alias_at(i)->name);
			break;
		}
}

/* Text for man(7): '-' and '\' are escaped, "…" is spelled, and no line begins with a dot or an apostrophe. */
static void man_text(FILE *out, const char *s)
{
	for (; *s; s++) {
		if (strncmp(s, "…", strlen("…")) == 0) {
			fputs("\\&...", out);
			s += strlen("…") - 1;
		} else if (*s == '-' || *s == '\\') {
			fprintf(out, *s == '-' ? "\\-" : "\\e");
		} else {
			fputc(*s, out);
		}
	}
}

static void man_option(FILE *out, const struct opt_spec *o)
{
	char text[128];

	fputs(".TP\n.B ", out);
	if (o->letter)
		fprintf(out, "\\-%c, ", o->letter);
	man_text(out, option_text(o, text, sizeof(text)));
	fputc('\n', out);
	man_text(out, o->help);
	fputc('\n', out);
}

static void man_command(FILE *out, const struct cmd_spec *cmd)
{
	fprintf(out, ".SS picket %s ", cmd->name);
	man_text(out, cmd->usage);
	fputc('\n', out);
	man_text(out, cmd->text ? cmd->text : cmd->help);
	fputc('\n', out);
	for (size_t i = 0; i < cmd->opt_count; i++)
		if (is_shown(&cmd->opts[i]))
			man_option(out, &cmd->opts[i]);
}

void print_man_page(FILE *out)
{
	fprintf(out,
		".TH PICKET 1 \"\" \"picket %s\" \"User Commands\"\n"
		".SH NAME\npicket \\- run untrusted code in a sandbox\n"
		".SH SYNOPSIS\n.B picket\n.I COMMAND\n[\\fIOPTIONS\\fR] \\&...\n"
		".SH DESCRIPTION\n"
		"Picket pulls container images into snapshots and runs programs in them under an application kernel\n"
		"in user space: the host kernel serves almost none of their system calls. It needs no root, no daemon and no\n"
		"subordinate user ids. Commands and options are docker's wherever both have the same thing.\n"
		".SH COMMANDS\n",
		PICKET_VERSION);
	for (size_t i = 0; command_at(i); i++)
		if (!command_at(i)->hidden)
			man_command(out, command_at(i));
	fputs(".SH EXIT STATUS\n"
	      ".B picket run\nreturns the program's status, 128+n if signal n ended it, 125 if Picket failed, 126\n"
	      "if the program cannot be executed and 127 if it is not found. The other commands return 0, or 1 after\n"
	      "a failure.\n"
	      ".SH ENVIRONMENT\n"
	      ".TP\n.B PICKET_STORE\nthe directory of the store (default $XDG_DATA_HOME/picket, "
	      "~/.local/share/picket)\n"
	      ".TP\n.B XDG_RUNTIME_DIR\nwhere running sandboxes are noted (default /tmp/picket\\-UID)\n"
	      ".TP\n.B NO_COLOR\nif set, no colours\n"
	      ".TP\n.B DOCKER_CONFIG\ndirectory of config.json, which holds the credentials of registries\n"
	      ".SH SEE ALSO\n.BR docker\\-run (1),\n.BR podman (1),\n.BR slirp4netns (1)\n",
		out);
}
