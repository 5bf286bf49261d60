/* SPDX-License-Identifier: MIT */
/* Option parsing by the real table, and the table itself. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "cmd/help/help.h"
#include "cmd/lib/message.h"
#include "cmd/options.h"

/* Parse the words of `line`, parted by single spaces, for a command; complaints go to /dev/null. */
static int parse(const char *command, const char *line, struct parsed *p)
{
	static char words[1024];
	char *argv[64], *save = NULL;
	int argc = 0, err = dup(2), null = open("/dev/null", O_WRONLY), r;

	snprintf(words, sizeof(words), "%s", line);
	for (char *w = strtok_r(words, " ", &save); w; w = strtok_r(NULL, " ", &save))
		argv[argc++] = w;
	dup2(null, 2);
	r = parse_options(find_command(command), argc, argv, p);
	dup2(err, 2);
	close(err);
	close(null);
	return r;
}

static void test_run_options(void **state)
{
	struct parsed p;
	const struct run_options *o;

	assert_int_equal(
		parse("run", "-it -eA=1 -e B=2 --env=C=3 -v /a:/b:ro --memory 64m -u=7 --network none img sh -c -x",
			&p),
		0);
	o = p.opts;
	assert_true(o->interactive && o->tty && !o->read_only);
	assert_int_equal(o->env.count, 3);
	assert_string_equal(o->env.items[0], "A=1");
	assert_string_equal(o->env.items[2], "C=3");
	assert_string_equal(o->volumes.items[0], "/a:/b:ro");
	assert_int_equal(o->memory, 64 << 20);
	assert_string_equal(o->user, "7");
	assert_string_equal(o->network, "none");
	assert_int_equal(p.argc, 4);
	assert_string_equal(p.argv[3], "-x");
	parsed_free(find_command("run"), &p);
}

static void test_flags(void **state)
{
	struct parsed p;

	assert_int_equal(parse("run", "-i=false --tty=true --read-only=false --trace --rm img", &p), 0);
	assert_false(((struct run_options *)p.opts)->interactive);
	assert_true(((struct run_options *)p.opts)->tty);
	assert_string_equal(((struct run_options *)p.opts)->trace, "");
	assert_string_equal(p.argv[0], "img");
	parsed_free(find_command("run"), &p);
	assert_int_equal(parse("run", "--trace=/tmp/x --rootfs /r -- -cmd", &p), 0);
	assert_string_equal(((struct run_options *)p.opts)->trace, "/tmp/x");
	assert_string_equal(p.argv[0], "-cmd");
	parsed_free(find_command("run"), &p);
}

static void test_refused(void **state)
{
	static const char *const bad[] = {"--nonsense img", "-X img", "--memory lots img", "-e",
		"--tty=perhaps img", "--pids-limit x img", "--privileged img"};
	struct parsed p;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(parse("run", bad[i], &p), EXIT_PICKET);
		parsed_free(find_command("run"), &p);
	}
	assert_int_equal(parse("pull", "", &p), EXIT_FAILED);
	parsed_free(find_command("pull"), &p);
	assert_int_equal(parse("pull", "a b", &p), EXIT_FAILED);
	parsed_free(find_command("pull"), &p);
}

static void test_interspersed(void **state)
{
	struct parsed p;

	assert_int_equal(parse("images", "name --format json -q", &p), 0);
	assert_string_equal(((struct images_options *)p.opts)->format, "json");
	assert_true(((struct images_options *)p.opts)->quiet);
	assert_int_equal(p.argc, 1);
	parsed_free(find_command("images"), &p);
	assert_int_equal(parse("images", "--help --nonsense", &p), 0);
	assert_true(p.help);
	parsed_free(find_command("images"), &p);
}

/* What people read and type is there for every shown command: one line, examples, what the shells offer. */
static void test_words(void **state)
{
	for (size_t i = 0; command_at(i); i++) {
		const struct cmd_spec *c = command_at(i);

		if (c->hidden)
			continue;
		if (!c->help || !*c->help || !c->examples || strncmp(c->examples, c->name, strlen(c->name)) != 0)
			fail_msg("picket %s: no help, or no example that begins with its name", c->name);
		if (c->max_args != 0 && c->complete == COMPLETE_NOTHING)
			fail_msg("picket %s: `complete` does not say what its arguments are", c->name);
		if (c->complete == COMPLETE_WORDS && !c->arg_choices)
			fail_msg("picket %s: COMPLETE_WORDS without arg_choices", c->name);
		for (size_t k = 0; k < c->opt_count; k++)
			if (is_shown(&c->opts[k]) && c->opts[k].kind != OPT_FLAG &&
				c->opts[k].complete == COMPLETE_NOTHING)
				fail_msg("picket %s --%s: no kind of completion", c->name, c->opts[k].name);
	}
}

/* How many sections of the overview name the command, or the first of its two words. */
static int times_listed(const char *command)
{
	int n = 0;

	for (const struct help_section *s = help_sections; s->title; s++) {
		char name[64];

		for (size_t i = 0; section_name(s, i, name, sizeof(name)); i++)
			n += strncmp(command, name, strlen(name)) == 0 &&
				(command[strlen(name)] == '\0' || command[strlen(name)] == ' ');
	}
	return n;
}

/* The overview lists every shown command once, and nothing else. */
static void test_sections(void **state)
{
	for (size_t i = 0; command_at(i); i++)
		if (!command_at(i)->hidden && times_listed(command_at(i)->name) != 1)
			fail_msg("picket %s stands %d times in cmd/help/sections.c", command_at(i)->name,
				times_listed(command_at(i)->name));
	for (const struct help_section *s = help_sections; s->title; s++) {
		char name[64];

		for (size_t i = 0; section_name(s, i, name, sizeof(name)); i++)
			assert_true(find_command(name) || is_command_group(name));
	}
}

/* Every row of the table is fit for all that is made from it. */
static void test_table(void **state)
{
	for (size_t i = 0; command_at(i); i++) {
		const struct cmd_spec *c = command_at(i);

		assert_non_null(c->run);
		assert_non_null(c->usage);
		assert_true(c->opts_size > 0);
		for (size_t k = 0; k < c->opt_count; k++) {
			const struct opt_spec *o = &c->opts[k];

			assert_non_null(o->help);
			assert_true(o->kind == OPT_FLAG || o->kind == OPT_REFUSED || o->value);
			assert_true(o->choices || (o->kind != OPT_CHOICE && o->complete != COMPLETE_WORDS &&
							  o->complete != COMPLETE_FILTER));
			for (size_t m = 0; m < k; m++) {
				assert_string_not_equal(o->name, c->opts[m].name);
				assert_true(!o->letter || o->letter != c->opts[m].letter);
			}
		}
	}
	for (size_t i = 0; command_alias_at(i); i++)
		assert_non_null(find_command(command_alias_at(i)->command));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_run_options),
		cmocka_unit_test(test_flags),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_interspersed),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_sections),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
