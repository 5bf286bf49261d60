/* SPDX-License-Identifier: MIT */
/* Labels, and the file for the id. */
#include "cmd/run/label.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/lib/message.h"

static int label(struct str_list *labels, const char *text, const char *where)
{
	if (*text == '\0' || *text == '=')
		return complain(EXIT_PICKET, "%s: \"%s\" has no name of a label", where, text);
	env_set(labels, strchr(text, '=') ? xstrdup(text) : xasprintf("%s=", text));
	return 0;
}

static int label_file(struct str_list *labels, const char *path)
{
	FILE *f = fopen(path, "re");
	char *line = NULL;
	size_t size = 0;
	int r = 0;

	if (!f)
		return complain(EXIT_PICKET, "cannot read the labels in %s: %s", path, strerror(errno));
	while (r == 0 && getline(&line, &size, f) >= 0) {
		char *text = line + strspn(line, " \t");

		text[strcspn(text, "\r\n")] = '\0';
		if (*text && *text != '#')
			r = label(labels, text, path);
	}
	free(line);
	fclose(f);
	return r;
}

/* The image's first, which files and -l replace. */
int collect_labels(const struct run_options *o, char *const *image, struct str_list *labels)
{
	int status = 0;

	for (char *const *l = image; l && *l; l++)
		if (**l && **l != '=')
			env_set(labels, xstrdup(*l));
	for (size_t i = 0; status == 0 && i < o->label_files.count; i++)
		status = label_file(labels, o->label_files.items[i]);
	for (size_t i = 0; status == 0 && i < o->labels.count; i++)
		status = label(labels, o->labels.items[i], "--label");
	return status;
}

/* --cidfile: another's is not overwritten. */
int open_cidfile(const char *path)
{
	int fd;

	if (!path)
		return -1;
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (fd >= 0)
		return fd;
	if (errno == EEXIST)
		return complain(-2, "--cidfile %s: the file is there already; remove it if its sandbox is gone",
			path);
	return complain(-2, "cannot write the id to --cidfile %s: %s", path, strerror(errno));
}
