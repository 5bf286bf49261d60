/* SPDX-License-Identifier: MIT */
/*
 * Completion scripts, from the table. They hold the options as they are at build time and ask `picket __complete KIND`
 * for what changes: images, sandboxes, mounts. The texts of help have no quotes of a shell in them but apostrophes.
 */
#include "cmd/help/help.h"

#include <string.h>

const char *live_word(enum complete_kind kind)
{
	switch (kind) {
	case COMPLETE_IMAGE:
		return "images";
	case COMPLETE_RUNNABLE:
		return "runnable";
	case COMPLETE_SANDBOX:
		return "sandboxes";
	case COMPLETE_MOUNTED:
		return "mounts";
	default:
		return NULL;
	}
}

/* Print s for the inside of single quotes; `special` characters get a backslash as well. */
static void quoted(FILE *out, const char *s, const char *special)
{
	for (; *s; s++) {
		if (*s == '\'')
			fputs("'\\''", out);
		else if (strchr(special, *s))
			fprintf(out, "\\%c", *s);
		else
			fputc(*s, out);
	}
}

static bool has_value(const struct opt_spec *o)
{
	return o->kind != OPT_FLAG && o->kind != OPT_OPTIONAL;
}

/* ---- bash ---- */

/* A shell command line that fills COMPREPLY for a value of this kind. */
static void bash_action(FILE *out, enum complete_kind kind, const char *choices)
{
	if (live_word(kind))
		fprintf(out, "_picket_words \"$(picket __complete %s 2>/dev/null)\"", live_word(kind));
	else if (kind == COMPLETE_FILE)
		fputs("_picket_files -f", out);
	else if (kind == COMPLETE_DIR)
		fputs("_picket_files -d", out);
	else if (kind == COMPLETE_WORDS)
		fprintf(out, "_picket_words \"%s\"", choices);
	else if (kind == COMPLETE_COMMAND)
		fputs("_picket_words \"$commands\"", out);
	else if (kind == COMPLETE_VARIABLE)
		fputs("COMPREPLY=($(compgen -v -- \"$cur\"))", out);
	else
		fputs(":", out);
}

static void bash_command(FILE *out, const struct cmd_spec *cmd)
{
	fprintf(out, "\t%s)\n\t\toptions=\"--help", cmd->name);
	for (size_t i = 0; i < cmd->opt_count; i++)
		if (is_shown(&cmd->opts[i]))
			fprintf(out, " --%s", cmd->opts[i].name);
	fputs("\"\n\t\ttakes=\" ", out);
	for (size_t i = 0; i < cmd->opt_count; i++) {
		if (!is_shown(&cmd->opts[i]) || !has_value(&cmd->opts[i]))
			continue;
		fprintf(out, "--%s ", cmd->opts[i].name);
		if (cmd->opts[i].letter)
			fprintf(out, "-%c ", cmd->opts[i].letter);
	}
	fputs("\"\n\t\t;;\n", out);
}

static void bash_values(FILE *out, const struct cmd_spec *cmd)
{
	for (size_t i = 0; i < cmd->opt_count; i++) {
		const struct opt_spec *o = &cmd->opts[i];

		if (!is_shown(o) || o->kind == OPT_FLAG)
			continue;
		fprintf(out, "\t%s:--%s", cmd->name, o->name);
		if (o->letter)
			fprintf(out, " | %s:-%c", cmd->name, o->letter);
		fputs(") ", out);
		bash_action(out, o->complete, o->choices);
		fputs("; return ;;\n", out);
	}
}

static void command_words(FILE *out)
{
	const char *gap = "";

	for (size_t i = 0; command_at(i); i++) {
		if (command_at(i)->hidden)
			continue;
		fprintf(out, "%s%s", gap, command_at(i)->name);
		gap = " ";
	}
}

void print_bash_completion(FILE *out)
{
	fputs("# bash completion of picket; made from its table of options.\n"
	      "_picket_words() { COMPREPLY=($(compgen -W \"$1\" -- \"$cur\")); }\n"
	      "_picket_files() { compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen $1 -- \"$cur\")); }\n"
	      "_picket() {\n"
	      "\tlocal cur prev words cword command=\"\" options=\"\" takes=\"\" i value=\"\" count=0 commands=\"",
		out);
	command_words(out);
	fputs("\"\n"
	      "\tCOMPREPLY=()\n"
	      "\tif declare -F _get_comp_words_by_ref >/dev/null; then\n"
	      "\t\t_get_comp_words_by_ref -n : cur prev words cword\n"
	      "\telse\n"
	      "\t\tcur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} cword=$COMP_CWORD\n"
	      "\t\twords=(\"${COMP_WORDS[@]}\")\n"
	      "\tfi\n"
	      "\tif ((cword == 1)); then _picket_words \"$commands --help --version\"; return; fi\n"
	      "\tcommand=${words[1]}\n"
	      "\tcase $command in\n",
		out);
	for (size_t i = 0; command_at(i); i++)
		if (!command_at(i)->hidden)
			bash_command(out, command_at(i));
	fputs("\t*) return ;;\n\tesac\n"
	      "\t# The arguments before this one; after the first, `run` completes nothing but files.\n"
	      "\tfor ((i = 2; i < cword; i++)); do\n"
	      "\t\tcase ${words[i]} in\n"
	      "\t\t-*=*) ;;\n"
	      "\t\t-*) [[ $takes == *\" ${words[i]} \"* ]] && ((i++)) ;;\n"
	      "\t\t*) ((count++)) ;;\n"
	      "\t\tesac\n"
	      "\tdone\n"
	      "\tif [[ $command == run ]] && ((count)); then _picket_files -f; return; fi\n"
	      "\tif [[ $prev == = ]]; then prev=${words[cword-2]}; fi\n"
	      "\tif [[ $cur == --*=* ]]; then prev=${cur%%=*} cur=${cur#*=}; fi\n"
	      "\tcase $command:$prev in\n",
		out);
	for (size_t i = 0; command_at(i); i++)
		bash_values(out, command_at(i));
	fputs("\tesac\n"
	      "\tif [[ $cur == -* ]]; then _picket_words \"$options\"; return; fi\n"
	      "\tcase $command in\n",
		out);
	for (size_t i = 0; command_at(i); i++) {
		if (command_at(i)->hidden)
			continue;
		fprintf(out, "\t%s) ", command_at(i)->name);
		if (command_at(i)->run == find_command("completion")->run)
			fputs("_picket_words \"bash zsh fish\"", out);
		else
			bash_action(out, command_at(i)->complete, NULL);
		fputs(" ;;\n", out);
	}
	fputs("\tesac\n"
	      "\tdeclare -F __ltrim_colon_completions >/dev/null && __ltrim_colon_completions \"$cur\"\n"
	      "}\n"
	      "complete -F _picket picket\n",
		out);
}

/* ---- zsh ---- */

static void zsh_action(FILE *out, enum complete_kind kind, const char *choices)
{
	if (live_word(kind))
		fprintf(out, "{_picket_live %s}", live_word(kind));
	else if (kind == COMPLETE_FILE)
		fputs("_files", out);
	else if (kind == COMPLETE_DIR)
		fputs("_files -/", out);
	else if (kind == COMPLETE_WORDS)
		fprintf(out, "(%s)", choices);
	else if (kind == COMPLETE_COMMAND)
		fputs("_picket_commands", out);
	else if (kind == COMPLETE_VARIABLE)
		fputs("_parameters -g \"*export*\"", out);
	else
		fputs(" ", out);
}

/* One _arguments specification; `spelling` is -x or --xyz. */
static void zsh_option(FILE *out, const struct opt_spec *o, const char *spelling)
{
	fprintf(out, " \\\n\t\t'%s%s%s", o->kind == OPT_LIST ? "*" : "", spelling,
		o->kind == OPT_FLAG	  ? ""
		: spelling[1] != '-'	  ? "+"
		: o->kind == OPT_OPTIONAL ? "=-"
					  : "=");
	fputc('[', out);
	quoted(out, o->help, "[]:\\");
	fputc(']', out);
	if (o->kind != OPT_FLAG) {
		fputs(o->kind == OPT_OPTIONAL ? "::" : ":", out);
		quoted(out, o->value, "[]:\\");
		fputc(':', out);
		zsh_action(out, o->complete, o->choices);
	}
	fputc('\'', out);
}

static void zsh_command(FILE *out, const struct cmd_spec *cmd)
{
	fprintf(out, "\t%s)\n\t\t_arguments -s%s '--help[explain the command]'", cmd->name,
		cmd->stop_at_arg ? " -A '-*'" : "");
	for (size_t i = 0; i < cmd->opt_count; i++) {
		const struct opt_spec *o = &cmd->opts[i];
		char spelling[64];

		if (!is_shown(o))
			continue;
		snprintf(spelling, sizeof(spelling), "--%s", o->name);
		zsh_option(out, o, spelling);
		if (o->letter) {
			snprintf(spelling, sizeof(spelling), "-%c", o->letter);
			zsh_option(out, o, spelling);
		}
	}
	if (cmd->stop_at_arg) {
		fputs(" \\\n\t\t'1:image:", out);
		zsh_action(out, cmd->complete, NULL);
		fputs("' '*::argument:_normal'", out);
	} else if (cmd->run == find_command("completion")->run) {
		fputs(" \\\n\t\t'1:shell:(bash zsh fish)'", out);
	} else if (cmd->complete != COMPLETE_NOTHING) {
		fputs(" \\\n\t\t'*:argument:", out);
		zsh_action(out, cmd->complete, NULL);
		fputc('\'', out);
	}
	fputs("\n\t\t;;\n", out);
}

void print_zsh_completion(FILE *out)
{
	fputs("#compdef picket\n"
	      "# zsh completion of picket; made from its table of options.\n"
	      "_picket_live() {\n"
	      "\tlocal -a names\n"
	      "\tnames=(${(f)\"$(picket __complete $1 2>/dev/null)\"})\n"
	      "\tcompadd -a names\n"
	      "}\n"
	      "_picket_commands() {\n"
	      "\tlocal -a list\n"
	      "\tlist=(\n",
		out);
	for (size_t i = 0; command_at(i); i++) {
		if (command_at(i)->hidden)
			continue;
		fprintf(out, "\t\t'%s:", command_at(i)->name);
		quoted(out, command_at(i)->help, ":\\");
		fputs("'\n", out);
	}
	fputs("\t)\n"
	      "\t_describe -t commands command list\n"
	      "}\n"
	      "_picket() {\n"
	      "\tlocal curcontext=$curcontext\n"
	      "\tif ((CURRENT == 2)); then _picket_commands; return; fi\n"
	      "\tlocal command=$words[2]\n"
	      "\tshift words; ((CURRENT--))\n"
	      "\tcase $command in\n",
		out);
	for (size_t i = 0; command_at(i); i++)
		if (!command_at(i)->hidden)
			zsh_command(out, command_at(i));
	fputs("\tesac\n"
	      "}\n"
	      "if [[ $funcstack[1] == _picket ]]; then _picket \"$@\"; else compdef _picket picket; fi\n",
		out);
}

/* ---- fish ---- */

static void fish_action(FILE *out, enum complete_kind kind, const char *choices)
{
	if (live_word(kind))
		fprintf(out, " -f -a '(picket __complete %s 2>/dev/null)'", live_word(kind));
	else if (kind == COMPLETE_FILE)
		fputs(" -F", out);
	else if (kind == COMPLETE_DIR)
		fputs(" -f -a '(__fish_complete_directories)'", out);
	else if (kind == COMPLETE_WORDS)
		fprintf(out, " -f -a '%s'", choices);
	else if (kind == COMPLETE_COMMAND) {
		fputs(" -f -a '", out);
		command_words(out);
		fputc('\'', out);
	} else if (kind == COMPLETE_VARIABLE) {
		fputs(" -f -a '(set -nx)'", out);
	} else {
		fputs(" -f", out);
	}
}

static void fish_command(FILE *out, const struct cmd_spec *cmd)
{
	fprintf(out, "complete -c picket -n __fish_use_subcommand -f -a %s -d '", cmd->name);
	quoted(out, cmd->help, "");
	fputs("'\n", out);
	for (size_t i = 0; i < cmd->opt_count; i++) {
		const struct opt_spec *o = &cmd->opts[i];

		if (!is_shown(o))
			continue;
		fprintf(out, "complete -c picket -n '__fish_seen_subcommand_from %s' -l %s", cmd->name, o->name);
		if (o->letter)
			fprintf(out, " -s %c", o->letter);
		if (has_value(o)) {
			fputs(" -r", out);
			fish_action(out, o->complete, o->choices);
		}
		fputs(" -d '", out);
		quoted(out, o->help, "");
		fputs("'\n", out);
	}
	fprintf(out, "complete -c picket -n '__fish_seen_subcommand_from %s'", cmd->name);
	if (cmd->run == find_command("completion")->run)
		fputs(" -f -a 'bash zsh fish'", out);
	else
		fish_action(out, cmd->complete, NULL);
	fputc('\n', out);
}

void print_fish_completion(FILE *out)
{
	fputs("# fish completion of picket; made from its table of options.\n"
	      "complete -c picket -n __fish_use_subcommand -f -l help -d 'list the commands'\n"
	      "complete -c picket -n __fish_use_subcommand -f -l version -d 'print the version'\n",
		out);
	for (size_t i = 0; command_at(i); i++)
		if (!command_at(i)->hidden)
			fish_command(out, command_at(i));
}
