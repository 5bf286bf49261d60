/* SPDX-License-Identifier: MIT */
/* picket __complete: finds out what the current word is, by the table, and offers what it may become. */
#include "cmd/complete/complete.h"

#include <stdlib.h>
#include <string.h>

#include "cmd/commands.h"
#include "cmd/config/config.h"
#include "cmd/help/help.h"
#include "cmd/lib/message.h"
#include "cmd/options.h"

/* ---- Offering ---- */

/* Names inside images are anybody's: nothing that drives a terminal or ends a line. */
static bool is_printable(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return false;
	return true;
}

/* For bash, which puts candidates on the line as they are: everything that means something to it gets a backslash. */
static void put_quoted(FILE *out, const char *s)
{
	for (; *s; s++) {
		if (!strchr("_@%+=:,./-", *s) && (unsigned char)*s < 0x80 && !(*s >= '0' && *s <= '9') &&
			!((*s | 0x20) >= 'a' && (*s | 0x20) <= 'z'))
			fputc('\\', out);
		fputc(*s, out);
	}
}

void offer(struct completion *c, const char *candidate, const char *text)
{
	if (strncmp(candidate, c->value, strlen(c->value)) != 0 || !is_printable(candidate))
		return;
	fprintf(c->out, "%.*s", (int)c->fixed, c->word);
	if (c->bash)
		put_quoted(c->out, candidate);
	else
		fputs(candidate, c->out);
	if (c->described && text && *text && is_printable(text))
		fprintf(c->out, "\t%s", text);
	fputc('\n', c->out);
}

void offer_words(struct completion *c, const char *words)
{
	while (words && *words) {
		size_t len = strcspn(words, " ");
		char *word = xstrndup(words, len);

		offer(c, word, NULL);
		free(word);
		words += len;
		words += strspn(words, " ");
	}
}

/* ---- Commands ---- */

static void offer_commands(struct completion *c)
{
	for (size_t i = 0; command_at(i); i++)
		if (!command_at(i)->hidden && !strchr(command_at(i)->name, ' '))
			offer(c, command_at(i)->name, command_at(i)->help);
	for (size_t i = 0; command_at(i); i++) {
		char *group = xstrndup(command_at(i)->name, strcspn(command_at(i)->name, " "));
		bool first = strcmp(group, command_at(i)->name) != 0 && !find_command(group);

		for (size_t k = 0; k < i && first; k++)
			first = strncmp(command_at(k)->name, command_at(i)->name, strlen(group) + 1) != 0;
		if (first && !command_at(i)->hidden)
			offer(c, group, "commands of this kind");
		free(group);
	}
	for (size_t i = 0; command_alias_at(i); i++) {
		const char *group = command_alias_at(i)->group;
		bool first = group && !find_command(group);

		for (size_t k = 0; k < i && first; k++)
			first = !command_alias_at(k)->group || strcmp(command_alias_at(k)->group, group) != 0;
		for (size_t k = 0; first && command_at(k); k++)
			first = strncmp(command_at(k)->name, group, strlen(group)) != 0 ||
				command_at(k)->name[strlen(group)] != ' ';
		if (first)
			offer(c, group, "docker's two-word commands");
	}
}

static void offer_group(struct completion *c, const char *group)
{
	size_t len = strlen(group);

	for (size_t i = 0; command_at(i); i++)
		if (!command_at(i)->hidden && strncmp(command_at(i)->name, group, len) == 0 &&
			command_at(i)->name[len] == ' ')
			offer(c, command_at(i)->name + len + 1, command_at(i)->help);
	for (size_t i = 0; command_alias_at(i); i++) {
		const struct cmd_alias *a = command_alias_at(i);

		if (a->group && strcmp(a->group, group) == 0)
			offer(c, a->name, find_command(a->command)->help);
	}
}

static void offer_options(struct completion *c, const bool *given)
{
	for (size_t i = 0; i < c->cmd->opt_count; i++) {
		const struct opt_spec *o = &c->cmd->opts[i];
		char text[80];

		if (!is_shown(o) || (given[i] && o->kind != OPT_LIST))
			continue;
		snprintf(text, sizeof(text), "--%s", o->name);
		offer(c, text, o->help);
	}
	offer(c, "--help", "explain the command");
}

/* ---- Kinds ---- */

static void offer_signals(struct completion *c)
{
	offer_words(c, "TERM KILL INT HUP QUIT USR1 USR2 STOP CONT ABRT ALRM WINCH PIPE CHLD TTIN TTOU TSTP URG IO PWR "
		       "SYS SEGV BUS FPE ILL TRAP PROF VTALRM XCPU XFSZ");
	if (strncmp(c->value, "SIG", 3) == 0)
		offer_words(c, "SIGTERM SIGKILL SIGINT SIGHUP SIGQUIT SIGUSR1 SIGUSR2 SIGSTOP SIGCONT");
}

static void offer_variables(struct completion *c)
{
	extern char **environ;

	if (strchr(c->value, '='))
		return;
	for (char **e = environ; *e; e++) {
		char *name = xstrndup(*e, env_name_len(*e));

		offer(c, name, NULL);
		free(name);
	}
}

static void offer_settings(struct completion *c)
{
	const char *name, *help;

	for (size_t i = 0; (name = config_setting_at(i, &help)); i++)
		offer(c, name, help);
	for (size_t i = 0; command_at(i); i++) {
		const struct cmd_spec *cmd = command_at(i);

		for (size_t k = 0; config_has_section(cmd) && k < cmd->opt_count; k++) {
			char *key;

			if (!is_shown(&cmd->opts[k]) || !config_can_default(&cmd->opts[k]))
				continue;
			key = xasprintf("%s.%s", cmd->name, cmd->opts[k].name);
			offer(c, key, cmd->opts[k].help);
			/* An option alone is one of run. */
			if (strcmp(cmd->name, "run") == 0)
				offer(c, cmd->opts[k].name, cmd->opts[k].help);
			free(key);
		}
	}
}

/* NAME=VALUE of a filter: the names, then what is known of their values. */
static void offer_filter(struct completion *c, const char *names)
{
	const char *equals = strchr(c->value, '=');
	char name[64];

	if (!equals) {
		for (const char *n = names; n && *n; n += strcspn(n, " "), n += strspn(n, " ")) {
			snprintf(name, sizeof(name), "%.*s=", (int)strcspn(n, " "), n);
			offer(c, name, NULL);
		}
		return;
	}
	snprintf(name, sizeof(name), "%.*s", (int)(equals - c->value), c->value);
	c->fixed += (size_t)(equals + 1 - c->value);
	c->value = equals + 1;
	if (strcmp(name, "status") == 0)
		offer_words(c, "created running paused restarting exited");
	else if (strcmp(name, "health") == 0)
		offer_words(c, "starting healthy unhealthy none");
	else if (strcmp(name, "dangling") == 0)
		offer_words(c, "true false");
	else if (strcmp(name, "ancestor") == 0 || strcmp(name, "image") == 0 || strcmp(name, "reference") == 0)
		offer_images(c);
	else if (strcmp(name, "volume") == 0)
		offer_volumes(c);
	else if (strcmp(name, "network") == 0)
		offer_words(c, "slirp none host");
	else if (strcmp(name, "name") == 0 || strcmp(name, "container") == 0)
		offer_sandboxes(c, COMPLETE_SANDBOX, "");
	else if (strcmp(name, "since") == 0 || strcmp(name, "before") == 0)
		offer_kind(c, strcmp(c->cmd->name, "images") == 0 ? COMPLETE_IMAGE : COMPLETE_SANDBOX, NULL);
}

static void want_files(struct completion *c, const char *what)
{
	c->files = what;
	c->files_at = c->fixed;
}

/* -v SRC:DST:MODE; only the source is a file of this machine. */
static void offer_share(struct completion *c)
{
	const char *colon = strchr(c->value, ':');
	const char *second = colon ? strchr(colon + 1, ':') : NULL;

	if (!colon) {
		if (c->value[0] != '.' && c->value[0] != '/' && c->value[0] != '~')
			offer_volumes(c);
		want_files(c, "files");
	} else if (second) {
		c->fixed += (size_t)(second + 1 - c->value);
		c->value = second + 1;
		offer_words(c, "ro rw");
	}
}

/* cp: files here, or SANDBOX:PATH. */
static void offer_copy(struct completion *c)
{
	const char *colon = strchr(c->value, ':');

	if (colon && !memchr(c->value, '/', (size_t)(colon - c->value))) {
		char *subject = xstrndup(c->value, (size_t)(colon - c->value));
		char *before = xstrndup(c->value, (size_t)(colon + 1 - c->value));

		offer_paths_inside(c, subject, before, colon + 1);
		free(before);
		free(subject);
		return;
	}
	if (!strchr(c->value, '/'))
		offer_sandboxes(c, COMPLETE_SANDBOX, ":");
	offer(c, "-", NULL);
	want_files(c, "files");
}

/* The image, sandbox or directory that the command line is about; NULL if it is not there yet. */
static const char *subject(const struct completion *c)
{
	if (c->rootfs)
		return c->rootfs;
	return c->args.count ? c->args.items[0] : NULL;
}

static void offer_program(struct completion *c)
{
	size_t before = c->rootfs ? 0 : 1;

	if (c->args.count <= before && subject(c) && c->value[0] != '.' && c->value[0] != '/')
		offer_programs_inside(c, subject(c));
	else if (c->value[0] == '/' && subject(c) && strcmp(subject(c), "host") != 0)
		offer_paths_inside(c, subject(c), "", c->value);
	else
		want_files(c, "files");
}

static void offer_network(struct completion *c, const char *choices)
{
	if (strncmp(c->value, "container:", 10) == 0) {
		c->fixed += 10;
		c->value += 10;
		offer_sandboxes(c, COMPLETE_RUNNING, "");
		return;
	}
	offer_words(c, choices ? choices : "slirp none host");
	if (c->cmd->opts_size > 1)
		offer(c, "container:", "the network of another sandbox");
}

void offer_kind(struct completion *c, enum complete_kind kind, const char *choices)
{
	switch (kind) {
	case COMPLETE_NOTHING:
	case COMPLETE_FREE:
		break;
	case COMPLETE_FILE:
		want_files(c, "files");
		break;
	case COMPLETE_DIR:
		want_files(c, "dirs");
		break;
	case COMPLETE_WORDS:
		offer_words(c, choices);
		break;
	case COMPLETE_RUNNABLE:
		offer(c, "host", "this machine's tools, none of its data");
		offer_images(c);
		offer_minikube_images(c);
		break;
	case COMPLETE_IMAGE:
		offer_images(c);
		if (strcmp(c->cmd->name, "pull") == 0)
			offer_minikube_images(c);
		break;
	case COMPLETE_PROFILE:
		offer_profiles(c);
		break;
	case COMPLETE_NODE:
		offer_nodes(c);
		break;
	case COMPLETE_SANDBOX:
	case COMPLETE_RUNNING:
	case COMPLETE_STOPPED:
	case COMPLETE_ACTIVE:
	case COMPLETE_PAUSED:
		offer_sandboxes(c, kind, "");
		break;
	case COMPLETE_OBJECT:
		offer_sandboxes(c, COMPLETE_SANDBOX, "");
		offer_images(c);
		break;
	case COMPLETE_MOUNTED:
		offer_mounts(c);
		break;
	case COMPLETE_VOLUME:
		offer_volumes(c);
		break;
	case COMPLETE_SHARE:
		offer_share(c);
		break;
	case COMPLETE_COPY:
		offer_copy(c);
		break;
	case COMPLETE_INSIDE:
		if (subject(c))
			offer_paths_inside(c, subject(c), "", *c->value ? c->value : "/");
		break;
	case COMPLETE_PROGRAM:
		offer_program(c);
		break;
	case COMPLETE_USER:
		if (subject(c))
			offer_users_inside(c, subject(c));
		else
			offer_words(c, "root");
		break;
	case COMPLETE_COMMAND:
		if (c->args.count == 0)
			offer_commands(c);
		else if (is_command_group(c->args.items[0]))
			offer_group(c, c->args.items[0]);
		break;
	case COMPLETE_VARIABLE:
		offer_variables(c);
		break;
	case COMPLETE_SIGNAL:
		offer_signals(c);
		break;
	case COMPLETE_NETWORK:
		offer_network(c, choices);
		break;
	case COMPLETE_CAPABILITY:
		offer_words(c, "ALL CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP "
			       "NET_BIND_SERVICE NET_RAW NET_ADMIN IPC_LOCK IPC_OWNER SYS_CHROOT SYS_PTRACE SYS_ADMIN "
			       "SYS_NICE SYS_RESOURCE SYS_TIME MKNOD LEASE AUDIT_WRITE SETFCAP");
		break;
	case COMPLETE_PLATFORM:
		offer_words(c,
			"linux/amd64 linux/arm64 linux/386 linux/arm/v7 linux/arm/v6 linux/ppc64le linux/riscv64 "
			"linux/s390x");
		break;
	case COMPLETE_ULIMIT:
		offer_words(c, "core= cpu= data= fsize= locks= memlock= msgqueue= nice= nofile= nproc= rss= rtprio= "
			       "rttime= sigpending= stack=");
		break;
	case COMPLETE_TEMPLATE:
		offer_words(c, choices ? choices : "json table");
		break;
	case COMPLETE_FILTER:
		offer_filter(c, choices);
		break;
	case COMPLETE_SETTING:
		offer_settings(c);
		break;
	}
}

static void offer_value(struct completion *c, const struct opt_spec *o)
{
	if (o->kind == OPT_FLAG)
		offer_words(c, "true false");
	else
		offer_kind(c, o->complete, o->choices);
}

/* ---- Reading the line ---- */

struct reader {
	struct completion *c;
	char **words; /* the words behind the command, without the current one */
	int count;
	bool *given;
	const struct opt_spec *open; /* the last word was this option, its value is the current one */
	bool ended;		     /* no options from here on */
};

static bool takes_next(const struct opt_spec *o)
{
	return o->kind != OPT_FLAG && o->kind != OPT_OPTIONAL && o->kind != OPT_REFUSED;
}

static void note_option(struct reader *r, const struct opt_spec *o, const char *value)
{
	r->given[o - r->c->cmd->opts] = true;
	if (strcmp(o->name, "rootfs") == 0)
		r->c->rootfs = value;
	if (strcmp(o->name, "profile") == 0)
		r->c->profile = value;
}

/* Option of a letter of a word of letters; *rest is what follows it in the word. */
static const struct opt_spec *option_by_letter(const struct cmd_spec *cmd, char letter)
{
	for (size_t i = 0; i < cmd->opt_count; i++)
		if (cmd->opts[i].letter == letter)
			return &cmd->opts[i];
	return NULL;
}

/* A whole word that is an option. Returns the option that takes the next word as its value, or NULL. */
static const struct opt_spec *read_option(struct reader *r, char *word)
{
	const struct cmd_spec *cmd = r->c->cmd;
	const struct opt_spec *o;
	char *equals = strchr(word, '=');

	if (word[1] == '-') {
		o = find_option(cmd, word + 2, strcspn(word + 2, "="));
		if (!o)
			return NULL;
		note_option(r, o, equals ? equals + 1 : NULL);
		return !equals && takes_next(o) ? o : NULL;
	}
	for (char *p = word + 1; *p; p++) {
		o = option_by_letter(cmd, *p);
		if (!o)
			return NULL;
		note_option(r, o, p + 1);
		if (takes_next(o))
			return p[1] ? NULL : o;
		if (p[1] == '=')
			return NULL;
	}
	return NULL;
}

static void read_words(struct reader *r)
{
	for (int i = 0; i < r->count; i++) {
		char *word = r->words[i];

		if (r->open) {
			note_option(r, r->open, word);
			r->open = NULL;
		} else if (r->ended || word[0] != '-' || !word[1]) {
			str_list_add(&r->c->args, word);
			/* `run host --share . -- CMD`: options may stand between. */
			if (r->c->cmd->stop_at_arg &&
				!(strcmp(word, "host") == 0 && i + 1 < r->count && r->words[i + 1][0] == '-'))
				r->ended = true;
		} else if (strcmp(word, "--") == 0) {
			r->ended = true;
		} else {
			r->open = read_option(r, word);
		}
	}
}

/* The current word is an argument. */
static void offer_argument(struct completion *c)
{
	const struct cmd_spec *cmd = c->cmd;
	size_t at = c->args.count + (c->rootfs && cmd->stop_at_arg ? 1 : 0);
	struct config_key key;
	char why[1200];

	if (strcmp(cmd->name, "config set") == 0 && at > 0) {
		if (at == 1 && config_find_key(c->args.items[0], &key, why, sizeof(why)) && key.opt)
			offer_value(c, key.opt);
		else if (at == 1 && strcmp(c->args.items[0], "color") == 0)
			offer_words(c, "auto always never");
		return;
	}
	if (cmd->max_args >= 0 && at >= (size_t)cmd->max_args)
		return;
	offer_kind(c, at == 0 || cmd->then == COMPLETE_NOTHING ? cmd->complete : cmd->then, cmd->arg_choices);
}

/* The value of an option that stands in the current word: --name=VALUE, -nVALUE. False if it is no such word. */
static bool offer_attached(struct completion *c)
{
	const char *equals = strchr(c->word, '=');
	const struct opt_spec *o;

	if (c->word[1] == '-') {
		o = equals ? find_option(c->cmd, c->word + 2, (size_t)(equals - c->word - 2)) : NULL;
		if (!o)
			return equals != NULL;
		c->fixed = (size_t)(equals + 1 - c->word);
	} else {
		o = c->word[1] ? option_by_letter(c->cmd, c->word[1]) : NULL;
		if (!o || !takes_next(o))
			return c->word[1] != '\0';
		c->fixed = c->word[2] == '=' ? 3 : 2;
	}
	c->value = c->word + c->fixed;
	offer_value(c, o);
	return true;
}

static void offer_for_command(struct completion *c, char **words, int count)
{
	struct reader r = {.c = c, .words = words, .count = count};

	r.given = xcalloc(c->cmd->opt_count, sizeof(*r.given));
	read_words(&r);
	if (r.open)
		offer_value(c, r.open);
	else if (r.ended || c->word[0] != '-')
		offer_argument(c);
	else if (!offer_attached(c))
		offer_options(c, r.given);
	free(r.given);
}

/* `words` are those before the current one, without the program. */
static void offer_all(struct completion *c, char **words, int count)
{
	const char *help;
	int used;

	/* Options before the command, and their values. */
	while (count > 0 && words[0][0] == '-') {
		bool apart = !strchr(words[0], '=');

		if (apart && count == 1) {
			if (strcmp(words[0], "--color") == 0)
				offer_words(c, "auto always never");
			else
				want_files(c, "dirs");
			return;
		}
		words += apart ? 2 : 1;
		count -= apart ? 2 : 1;
	}
	if (count == 0) {
		offer_commands(c);
		for (size_t i = 0; c->word[0] == '-' && global_option_at(i, &help); i++)
			offer(c, global_option_at(i, &help), help);
		if (c->word[0] == '-')
			offer_words(c, "--help --version");
		return;
	}
	c->cmd = match_command(count, words, &used);
	if (count == 1 && is_command_group(words[0]))
		offer_group(c, words[0]);
	if (c->cmd)
		offer_for_command(c, words + used, count - used);
}

/* bash passes words as they were typed: take the backslashes away. */
static void unquote(char *s)
{
	char *to = s;

	for (; *s; s++) {
		if (*s == '\\' && s[1])
			s++;
		*to++ = *s;
	}
	*to = '\0';
}

/* Silent about every failure: a shell is waiting for its user's next key. */
int cmd_complete(const void *opts, int argc, char **argv)
{
	struct completion c = {.bash = strcmp(argv[0], "bash") == 0, .described = strcmp(argv[0], "bash") != 0};
	struct config config;
	char *text = NULL;
	size_t len;

	/* SHELL -- WORDS: nothing behind the first word is read as an option. */
	if (argc < 3)
		return EXIT_OK;
	for (int i = 2; i < argc && c.bash; i++)
		unquote(argv[i]);
	if (config_read(&config, NULL) == 0)
		config_settings(&config);
	c.out = open_memstream(&text, &len);
	if (!c.out)
		return EXIT_FAILED;
	c.word = c.value = argv[argc - 1];
	offer_all(&c, argv + 2, argc - 3);
	fclose(c.out);
	if (c.files)
		printf("%s %zu\n", c.files, c.files_at);
	else
		puts("words");
	fputs(text, stdout);
	free(text);
	free(c.args.items);
	config_free(&config);
	return EXIT_OK;
}
