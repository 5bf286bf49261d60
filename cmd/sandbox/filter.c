/* SPDX-License-Identifier: MIT */
/* Filters of lists, with docker's names and rules. */
#include "cmd/sandbox/filter.h"

#include <ctype.h>
#include <errno.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cmd/commands.h"
#include "cmd/lib/message.h"
#include "cmd/sandbox/describe.h"
#include "fuse-snap/refname.h"

#define NS INT64_C(1000000000)

/* ---- Moments ---- */

/* "1h30m", "90s", as Go's durations: seconds. */
static int parse_duration(const char *text, double *ret)
{
	static const struct {
		const char *name;
		double seconds;
	} units[] = {{"ms", 1e-3}, {"us", 1e-6}, {"ns", 1e-9}, {"h", 3600}, {"m", 60}, {"s", 1}};
	double total = 0;

	if (!*text)
		return -EINVAL;
	while (*text) {
		char *end;
		double n = isdigit((unsigned char)*text) ? strtod(text, &end) : -1;
		size_t i = 0;

		if (n < 0)
			return -EINVAL;
		while (i < sizeof(units) / sizeof(units[0]) && strncmp(end, units[i].name, strlen(units[i].name)) != 0)
			i++;
		if (i == sizeof(units) / sizeof(units[0]))
			return -EINVAL;
		total += n * units[i].seconds;
		text = end + strlen(units[i].name);
	}
	*ret = total;
	return total < 1e9 ? 0 : -EINVAL;
}

/* A date, with a time or without, with a zone or in the local one. */
static int parse_date(const char *text, int64_t *ret)
{
	static const char *const forms[] = {"%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H",
		"%Y-%m-%d"};
	long hours, minutes;

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		struct tm tm = {.tm_isdst = -1}, utc;
		const char *rest = strptime(text, forms[i], &tm);

		if (!rest)
			continue;
		if (*rest == '.')
			rest += 1 + strspn(rest + 1, "0123456789");
		utc = tm;
		if (!*rest) {
			*ret = (int64_t)mktime(&tm) * NS;
			return 0;
		}
		if (strcmp(rest, "Z") == 0) {
			*ret = (int64_t)timegm(&utc) * NS;
			return 0;
		}
		if ((*rest == '+' || *rest == '-') && sscanf(rest + 1, "%2ld:%2ld", &hours, &minutes) == 2) {
			long offset = (hours * 60 + minutes) * 60;

			*ret = ((int64_t)timegm(&utc) - (*rest == '+' ? offset : -offset)) * NS;
			return 0;
		}
	}
	return -EINVAL;
}

int parse_moment(const char *text, int64_t now, int64_t *ret)
{
	double seconds;
	char *end;

	if (parse_duration(text, &seconds) == 0) {
		*ret = now - (int64_t)(seconds * 1e9);
		return 0;
	}
	if (parse_date(text, ret) == 0)
		return 0;
	if (!isdigit((unsigned char)*text))
		return -EINVAL;
	seconds = strtod(text, &end);
	if (*end || !(seconds < 9e9))
		return -EINVAL;
	*ret = (int64_t)(seconds * 1e9);
	return 0;
}

/* ---- Reading ---- */

static bool is_word_of(const char *words, const char *word, size_t len)
{
	for (const char *w = words; w; w = strchr(w, ' '), w = w ? w + 1 : NULL)
		if (strncmp(w, word, len) == 0 && (w[len] == ' ' || !w[len]))
			return true;
	return false;
}

/* A name of `names` that the word begins with, from the list of all of them. */
static const char *known_name(const char *word, size_t len)
{
	static const char *const all[] = {"id", "name", "status", "label", "ancestor", "exited", "health", "before", "since",
		"volume", "network", "until", "label!"};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (strlen(all[i]) == len && strncmp(all[i], word, len) == 0)
			return all[i];
	return NULL;
}

static int check_value(struct filter *f)
{
	char *err = NULL;
	int status = 0;

	if (strcmp(f->name, "before") == 0 || strcmp(f->name, "since") == 0) {
		if (entry_find(f->value, &f->other, &err) < 0)
			status = complain(EXIT_FAILED, "--filter %s=%s: %s", f->name, f->value, err);
		free(err);
		return status;
	}
	if (strcmp(f->name, "until") == 0 && parse_moment(f->value, time_now(), &f->time) < 0)
		return complain(EXIT_FAILED,
			"--filter until=%s: a duration (10m, 24h) or a time (2026-01-31T12:00:00) is needed", f->value);
	if (strcmp(f->name, "exited") == 0 && parse_number(f->value, 0, 255, &f->number) < 0)
		return complain(EXIT_FAILED, "--filter exited=%s: an exit status from 0 to 255 is needed", f->value);
	if (strcmp(f->name, "status") == 0 &&
		!is_word_of("created restarting running removing paused exited dead", f->value, strlen(f->value)))
		return complain(EXIT_FAILED,
			"--filter status=%s: created, running, paused, restarting and exited are the ones there are",
			f->value);
	if (strcmp(f->name, "health") == 0 && !is_word_of("starting healthy unhealthy none", f->value, strlen(f->value)))
		return complain(EXIT_FAILED, "--filter health=%s: starting, healthy, unhealthy and none are the ones there are",
			f->value);
	return 0;
}

int filters_parse(const struct str_list *words, const char *names, struct filters *ret)
{
	*ret = (struct filters){0};
	for (size_t i = 0; i < words->count; i++) {
		const char *word = words->items[i], *equals = strchr(word, '=');
		size_t len = equals ? (size_t)(equals - word) : strlen(word);
		struct filter f = {.other = {.lock = -1}};
		int status;

		if (!equals || !is_word_of(names, word, len))
			return complain(EXIT_FAILED, "--filter %s: NAME=VALUE with one of these names is needed: %s", word,
				names);
		f.name = known_name(word, len);
		f.value = equals + 1;
		ret->items = xrealloc(ret->items, (ret->count + 1) * sizeof(*ret->items));
		ret->items[ret->count++] = f;
		status = check_value(&ret->items[ret->count - 1]);
		if (status)
			return status;
	}
	return 0;
}

void filters_free(struct filters *f)
{
	for (size_t i = 0; i < f->count; i++)
		entry_free(&f->items[i].other);
	free(f->items);
	*f = (struct filters){0};
}

bool filters_have(const struct filters *f, const char *name)
{
	for (size_t i = 0; i < f->count; i++)
		if (strcmp(f->items[i].name, name) == 0)
			return true;
	return false;
}

/* ---- Passing ---- */

/* docker's are regular expressions that may match anywhere. */
static bool matches(const char *pattern, const char *text)
{
	regex_t re;
	bool found;

	if (regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB) != 0)
		return strstr(text, pattern) != NULL;
	found = regexec(&re, text, 0, NULL, 0) == 0;
	regfree(&re);
	return found;
}

static bool has_label(const struct entry *e, const char *wanted)
{
	for (size_t i = 0; i < e->config.labels.count; i++) {
		const char *label = e->config.labels.items[i];

		if (strchr(wanted, '=') ? strcmp(label, wanted) == 0
					: env_name_len(label) == strlen(wanted) &&
						  strncmp(label, wanted, strlen(wanted)) == 0)
			return true;
	}
	return false;
}

/* The image by name, with any tag if none is said, or by the beginning of its id. */
static bool has_ancestor(const struct entry *e, const char *wanted)
{
	const char *id = strchr(e->config.image_id, ':');
	char a[REF_NAME_MAX + 1], b[REF_NAME_MAX + 1];
	struct ref_name x, y;

	if (strcmp(wanted, e->config.image) == 0)
		return true;
	if (strncmp(wanted, "sha256:", 7) == 0)
		wanted += 7;
	if (id && strlen(wanted) >= 4 && strncmp(id + 1, wanted, strlen(wanted)) == 0)
		return true;
	if (!id || ref_parse(wanted, &x, NULL) < 0 || ref_parse(e->config.image, &y, NULL) < 0)
		return false;
	ref_canonical(&x, a);
	ref_canonical(&y, b);
	return strcmp(a, b) == 0;
}

/* A volume by its name or source, or where it is inside. */
static bool has_volume(const struct entry *e, const char *wanted)
{
	size_t len = strlen(wanted);

	for (size_t i = 0; i < e->config.options.count; i++) {
		const char *word = e->config.options.items[i], *at;

		if (strncmp(word, "--volume=", 9) != 0 && strncmp(word, "--mount=", 8) != 0)
			continue;
		for (at = strchr(word, '=') + 1; (at = strstr(at, wanted)); at++)
			if (strchr("=:,", at[-1]) && (!at[len] || strchr(":,", at[len])))
				return true;
	}
	return false;
}

static bool has_network(const struct entry *e, const char *wanted)
{
	const char *network = "slirp";

	for (size_t i = 0; i < e->config.options.count; i++)
		if (strncmp(e->config.options.items[i], "--network=", 10) == 0)
			network = e->config.options.items[i] + 10;
	return strcmp(network, wanted) == 0;
}

static bool passes(const struct filter *f, const struct entry *e)
{
	const char *name = f->name;

	if (strcmp(name, "id") == 0)
		return strncmp(e->id, f->value, strlen(f->value)) == 0;
	if (strcmp(name, "name") == 0)
		return matches(f->value[0] == '/' ? f->value + 1 : f->value, e->config.name);
	if (strcmp(name, "status") == 0)
		return strcmp(entry_status_name(e->state.status), f->value) == 0;
	if (strcmp(name, "label") == 0)
		return has_label(e, f->value);
	if (strcmp(name, "label!") == 0)
		return !has_label(e, f->value);
	if (strcmp(name, "ancestor") == 0)
		return has_ancestor(e, f->value);
	if (strcmp(name, "exited") == 0)
		return e->state.status == ENTRY_EXITED && e->state.exit_code == f->number;
	if (strcmp(name, "health") == 0)
		return strcmp(e->state.health[0] ? e->state.health : "none", f->value) == 0;
	if (strcmp(name, "before") == 0)
		return e->config.created < f->other.config.created;
	if (strcmp(name, "since") == 0)
		return e->config.created > f->other.config.created;
	if (strcmp(name, "volume") == 0)
		return has_volume(e, f->value);
	if (strcmp(name, "network") == 0)
		return has_network(e, f->value);
	return e->config.created < f->time; /* until */
}

bool filters_pass(const struct filters *f, const struct entry *e)
{
	for (size_t i = 0; i < f->count; i++) {
		bool all = strncmp(f->items[i].name, "label", 5) == 0, good = passes(&f->items[i], e);

		for (size_t j = 0; !good && !all && j < f->count; j++)
			good = strcmp(f->items[j].name, f->items[i].name) == 0 && passes(&f->items[j], e);
		if (!good)
			return false;
	}
	return true;
}
