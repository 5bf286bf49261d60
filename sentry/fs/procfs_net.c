/* SPDX-License-Identifier: MIT */
/* /proc/net: what the network of the sandbox shows. */
#include "fs/procfs_internal.h"

#include "net/net.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int show(struct task *v, const struct kobj *o, struct seq *s)
{
	const char *name = net_proc_name(o->kernel, o->n);
	char *text = NULL;
	ssize_t n;

	if (!name)
		return -ENOENT;
	n = net_proc_read(o->kernel, name, &text);
	if (n < 0)
		return (int)n;
	seq_write(s, text, (size_t)n);
	free(text);
	return 0;
}

static const struct kentry file_entry = {.name = "file", .mode = S_IFREG | 0444, .show = show};

static int lookup(struct task *v, const struct kobj *dir, const char *name, const struct kentry **entry, struct kobj *child)
{
	const char *have;

	for (size_t i = 0; dir->kernel->net && (have = net_proc_name(dir->kernel, i)); i++) {
		if (strcmp(have, name) != 0)
			continue;
		child->n = i;
		if (child->task)
			task_get(child->task);
		*entry = &file_entry;
		return 0;
	}
	return -ENOENT;
}

static int next(const struct kobj *dir, uint64_t *cookie, char *name, const struct kentry **entry, struct kobj *child)
{
	const char *have = dir->kernel->net ? net_proc_name(dir->kernel, *cookie) : NULL;

	if (!have)
		return -ENOENT;
	snprintf(name, 64, "%s", have);
	child->n = *cookie;
	*entry = &file_entry;
	return 0;
}

const struct kdir_ops proc_net_dir = {.lookup = lookup, .next = next};
