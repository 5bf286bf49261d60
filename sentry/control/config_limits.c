/* SPDX-License-Identifier: MIT */
/* The records of the launch configuration about limits and rights. */
#include "control/config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define ENTRIES_MAX 256u
#define GROUPS_MAX 65536u /* as Linux's NGROUPS_MAX */
#define CPUS_MAX 1000000000000000ull /* a million processors */

static int refuse(const char **err, const char *why)
{
	*err = why;
	return -EINVAL;
}

/* Decimal digits alone, at most *max*. */
static int number(const char *s, uint64_t max, uint64_t *ret, const char **err)
{
	uint64_t v = 0;

	if (!*s)
		return refuse(err, "not a number");
	for (; *s; s++)
		if (*s < '0' || *s > '9' || __builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, (uint64_t)(*s - '0'), &v) ||
		    v > max)
			return refuse(err, "not a number, or out of range");
	*ret = v;
	return 0;
}

/* As number(), and "-1" is none. */
static int limit(const char *s, uint64_t *ret, const char **err)
{
	*ret = UINT64_MAX;
	return strcmp(s, "-1") == 0 ? 0 : number(s, UINT64_MAX - 1, ret, err);
}

/* Room for one more. */
static void *one_more(void *array, size_t n, size_t elem, size_t max, const char **err)
{
	if (n >= max) {
		*err = "too many records of one kind";
		return NULL;
	}
	return reallocarray(array, n + 1, elem);
}

static int no_room(const char *err)
{
	return err ? -EINVAL : -ENOMEM;
}

static int record_ulimit(struct config_limits *l, char *const *a, const char **err)
{
	struct config_ulimit u, *v;
	uint64_t resource;
	int r = number(a[0], RLIM_NLIMITS - 1, &resource, err);

	r = r ? r : limit(a[1], &u.soft, err);
	r = r ? r : limit(a[2], &u.hard, err);
	if (r)
		return r;
	if (u.soft > u.hard)
		return refuse(err, "a soft limit above its hard one");
	v = one_more(l->ulimits, l->n_ulimits, sizeof(*v), ENTRIES_MAX, err);
	if (!v)
		return no_room(*err);
	u.resource = (unsigned)resource;
	l->ulimits = v;
	v[l->n_ulimits++] = u;
	return 0;
}

/* Letters, digits and what else such names have; no way out of /proc/sys. */
static int record_sysctl(struct config_limits *l, char *const *a, const char **err)
{
	struct config_sysctl *v;

	if (!a[0][0] || a[0][0] == '.' || strstr(a[0], "..") || strlen(a[0]) > 255 ||
	    strspn(a[0], "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") != strlen(a[0]))
		return refuse(err, "not the name of a kernel parameter");
	v = one_more(l->sysctls, l->n_sysctls, sizeof(*v), ENTRIES_MAX, err);
	if (!v)
		return no_room(*err);
	l->sysctls = v;
	v[l->n_sysctls++] = (struct config_sysctl){.name = a[0], .value = a[1]};
	return 0;
}

static int record_group(struct config_limits *l, const char *s, const char **err)
{
	const char **v = one_more(l->groups, l->n_groups, sizeof(*v), GROUPS_MAX, err);

	if (!v)
		return no_room(*err);
	l->groups = v;
	v[l->n_groups++] = s;
	return 0;
}

static int record_oom(struct config_limits *l, const char *s, const char **err)
{
	uint64_t v;
	int r = number(s + (*s == '-'), 1000, &v, err);

	l->oom_given = r == 0;
	if (r == 0)
		l->oom_score_adj = *s == '-' ? -(int)v : (int)v;
	return r;
}

int config_limits_record(struct config_limits *l, enum config_keyword kw, char *const *a, const char **err)
{
	*err = NULL;
	switch (kw) {
	case CONFIG_CPUS:
		return number(a[0], CPUS_MAX, &l->cpus, err);
	case CONFIG_CPUS_HELD:
		l->cpus_held = true;
		return 0;
	case CONFIG_MEMORY_HELD:
		l->memory_held = true;
		return 0;
	case CONFIG_ULIMIT:
		return record_ulimit(l, a, err);
	case CONFIG_SHM_SIZE:
		return number(a[0], INT64_MAX, &l->shm_size, err);
	case CONFIG_OOM_ADJ:
		return record_oom(l, a[0], err);
	case CONFIG_SYSCTL:
		return record_sysctl(l, a, err);
	case CONFIG_CAPS:
		l->caps_given = true;
		return number(a[0], INT64_MAX, &l->caps, err);
	case CONFIG_NO_NEW_PRIVS:
		l->no_new_privs = true;
		return 0;
	case CONFIG_GROUP_ADD:
		return record_group(l, a[0], err);
	case CONFIG_DOMAINNAME:
		if (strlen(a[0]) > 64)
			return refuse(err, "domain name longer than 64 bytes");
		l->domainname = a[0];
		return 0;
	default:
		return refuse(err, "unknown keyword");
	}
}

void config_limits_free(struct config_limits *l)
{
	free(l->ulimits);
	free(l->sysctls);
	free(l->groups);
}
