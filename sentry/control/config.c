/* SPDX-License-Identifier: MIT */
/*
 * The reader of the launch configuration (docs/launch.md). Its writer is our own command line, but the strings in it come from
 * people and images: everything is bounded and checked before use.
 */
#include "control/config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/types.h>
#include <unistd.h>

#define PACKS_MAX 1024u /* as SNAP_MAX_PACKS */
#define FD_NUMBER_MAX 1023
#define RECORD_ARGS_MAX 7

struct keyword {
	const char *name;
	unsigned args;
	bool repeat;
};

static const struct keyword keywords[CONFIG_KEYWORD_COUNT] = {
#define CONFIG_ROW(id, keyword, n, r) [CONFIG_##id] = {.name = keyword, .args = n, .repeat = r},
	CONFIG_KEYWORDS(CONFIG_ROW)
#undef CONFIG_ROW
};

struct parser {
	char *at, *end;
	struct config *c;
	unsigned record;
	bool seen[CONFIG_KEYWORD_COUNT];
	bool session;
	int64_t max_fd;
	const char *err;
};

static int fail(struct parser *p, const char *why)
{
	p->err = why;
	return -EINVAL;
}

static char *next_string(struct parser *p)
{
	char *s = p->at, *nul = memchr(s, 0, (size_t)(p->end - s));

	if (!nul)
		return NULL;
	p->at = nul + 1;
	return s;
}

/* Decimal digits alone (with a '-' if min is negative); no blanks, no '+'. */
static bool parse_number(const char *s, int64_t min, int64_t max, int64_t *ret)
{
	bool minus = *s == '-' && min < 0;
	int64_t v = 0;

	s += minus;
	if (!*s)
		return false;
	for (; *s; s++) {
		if (*s < '0' || *s > '9' || __builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, *s - '0', &v))
			return false;
	}
	if (minus)
		v = -v;
	if (v < min || v > max)
		return false;
	*ret = v;
	return true;
}

static int parse_fd(struct parser *p, const char *s, int *ret)
{
	int64_t v;

	if (!parse_number(s, 0, p->max_fd, &v))
		return fail(p, "not a descriptor");
	*ret = (int)v;
	return 0;
}

static int parse_bool(struct parser *p, const char *s, bool *ret)
{
	if (strcmp(s, "0") != 0 && strcmp(s, "1") != 0)
		return fail(p, "not 0 or 1");
	*ret = *s == '1';
	return 0;
}

static int parse_uint(struct parser *p, const char *s, uint64_t max, uint64_t *ret)
{
	int64_t v;

	if (!parse_number(s, 0, max > INT64_MAX ? INT64_MAX : (int64_t)max, &v))
		return fail(p, "not a number, or out of range");
	*ret = (uint64_t)v;
	return 0;
}

/* Grow an array of *n* elements by one; doubles, so appending is linear over all. */
static void *grow(void *array, size_t n, size_t elem)
{
	if (n & (n - 1)) /* room is the next power of two */
		return array;
	return reallocarray(array, n ? n * 2 : 1, elem);
}

#define APPEND(array, n)                                                                                            \
	({                                                                                                             \
		__typeof__(array) a_ = grow(array, n, sizeof(*(array)));                                               \
		if (a_)                                                                                                \
			(array) = a_, memset(&a_[(n)++], 0, sizeof(*a_));                                              \
		a_ ? &a_[(n)-1] : NULL;                                                                                \
	})

static int append_string(const char ***list, size_t *n, const char *s)
{
	const char **slot = APPEND(*list, *n);

	if (!slot)
		return -ENOMEM;
	*slot = s;
	return 0;
}

static int set_root(struct parser *p, enum config_root kind)
{
	if (p->c->root != CONFIG_ROOT_UNSET)
		return fail(p, "more than one root");
	p->c->root = kind;
	return 0;
}

static int record_pack(struct parser *p, char **a)
{
	struct config *c = p->c;
	struct config_pack *pack;
	uint64_t number;
	int r, fd;

	r = parse_uint(p, a[0], PACKS_MAX - 1, &number);
	if (r == 0)
		r = parse_fd(p, a[1], &fd);
	if (r < 0)
		return r;
	for (size_t i = 0; i < c->n_packs; i++)
		if (c->packs[i].number == number)
			return fail(p, "a pack stands twice");
	pack = APPEND(c->packs, c->n_packs);
	if (!pack)
		return -ENOMEM;
	pack->number = (uint32_t)number;
	pack->fd = fd;
	return 0;
}

static int record_twins(struct parser *p, char **a)
{
	int *slot, fd, r = parse_fd(p, a[0], &fd);

	if (r < 0)
		return r;
	slot = APPEND(p->c->twins, p->c->n_twins);
	if (!slot)
		return -ENOMEM;
	*slot = fd;
	return 0;
}

static int record_host_entry(struct parser *p, const char *name, const char *fd_text, const char *target)
{
	struct config_host_entry *e;
	int r, fd = -1;

	if (!*name || strlen(name) > 255 || strchr(name, '/') || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return fail(p, "not a name of a top-level directory");
	if (target && (!*target || strlen(target) >= PATH_MAX))
		return fail(p, "bad target of a link");
	if (fd_text) {
		r = parse_fd(p, fd_text, &fd);
		if (r < 0)
			return r;
	}
	e = APPEND(p->c->host_entries, p->c->n_host_entries);
	if (!e)
		return -ENOMEM;
	*e = (struct config_host_entry){.name = name, .target = target, .fd = fd};
	return 0;
}

static int check_path(struct parser *p, const char *path)
{
	if (path[0] != '/' || strlen(path) >= PATH_MAX)
		return fail(p, "not an absolute path");
	return 0;
}

/* `ro` or `rw`, then what is wanted of owners, set-user-ID programs, devices … in any order, with commas between. */
static int parse_bind_options(struct parser *p, const char *s, struct config_bind *b)
{
	static const struct {
		const char *word;
		unsigned flag;
	} words[] = {{"nosuid", MS_NOSUID}, {"nodev", MS_NODEV}, {"noexec", MS_NOEXEC}, {"noatime", MS_NOATIME},
		{"nodiratime", MS_NODIRATIME}, {"owners", 0}};
	const size_t n_words = sizeof(words) / sizeof(words[0]);
	size_t n = strcspn(s, ","), i;

	b->writable = n == 2 && memcmp(s, "rw", 2) == 0;
	if (!b->writable && (n != 2 || memcmp(s, "ro", 2) != 0))
		return fail(p, "neither ro nor rw");
	for (s += n; *s; s += n) {
		n = strcspn(++s, ",");
		for (i = 0; i < n_words; i++)
			if (strlen(words[i].word) == n && memcmp(s, words[i].word, n) == 0)
				break;
		if (i == n_words)
			return fail(p, "unknown option of a bind");
		b->flags |= words[i].flag;
		b->owners |= !words[i].flag;
	}
	return 0;
}

static int record_bind(struct parser *p, char **a)
{
	struct config_bind made = {.target = a[0]}, *b;
	int r = parse_bind_options(p, a[2], &made);

	if (r == 0)
		r = check_path(p, a[0]);
	if (r == 0)
		r = parse_fd(p, a[1], &made.fd);
	if (r < 0)
		return r;
	b = APPEND(p->c->binds, p->c->n_binds);
	if (!b)
		return -ENOMEM;
	*b = made;
	return 0;
}

static int record_root_bind(struct parser *p, char **a)
{
	struct config_bind made = {.target = NULL};
	int r = set_root(p, CONFIG_ROOT_IS_BIND);

	if (r == 0)
		r = parse_bind_options(p, a[1], &made);
	if (r == 0)
		r = parse_fd(p, a[0], &made.fd);
	if (r < 0)
		return r;
	p->c->root_bind = made;
	p->c->root_fd = made.fd;
	return 0;
}

static int record_tmpfs(struct parser *p, char **a)
{
	struct config_tmpfs *m;
	int r = check_path(p, a[0]);

	if (r < 0)
		return r;
	m = APPEND(p->c->tmpfs, p->c->n_tmpfs);
	if (!m)
		return -ENOMEM;
	*m = (struct config_tmpfs){.target = a[0], .options = a[1]};
	return 0;
}

static int record_layer(struct parser *p, bool cow, char **a)
{
	bool copy = strcmp(a[2], "copy") == 0, rw = copy || strcmp(a[2], "rw") == 0;
	int r = check_path(p, a[0]), lower = -1, upper = -1;
	struct config_layer *l;

	if (r == 0 && (cow || strcmp(a[1], "-1") != 0))
		r = parse_fd(p, a[1], cow ? &lower : &upper);
	if (r == 0 && cow && strcmp(a[2], "-1") != 0)
		r = parse_fd(p, a[2], &upper);
	if (r == 0 && !cow && !rw && strcmp(a[2], "ro") != 0)
		r = fail(p, "neither ro nor rw nor copy");
	if (r < 0)
		return r;
	l = APPEND(p->c->layers, p->c->n_layers);
	if (!l)
		return -ENOMEM;
	*l = (struct config_layer){.target = a[0], .lower_fd = lower, .upper_fd = upper, .writable = cow || rw, .copy = copy};
	return 0;
}

/* The mode is octal, as in chmod(1). */
static int record_file(struct parser *p, char **a)
{
	struct config_file *f;
	uint32_t mode = 0;
	int r = check_path(p, a[0]);

	if (r < 0)
		return r;
	if (!a[1][0] || strlen(a[1]) > 5 || strspn(a[1], "01234567") != strlen(a[1]))
		return fail(p, "not an octal mode");
	for (const char *s = a[1]; *s; s++)
		mode = mode * 8 + (uint32_t)(*s - '0');
	if (mode > 07777)
		return fail(p, "not an octal mode");
	f = APPEND(p->c->files, p->c->n_files);
	if (!f)
		return -ENOMEM;
	*f = (struct config_file){.path = a[0], .mode = mode, .content = a[2]};
	return 0;
}

static int record_secret(struct parser *p, char **a)
{
	struct config_secret *s;
	int r, fd;

	if (!*a[0] || strlen(a[0]) > 255 || strchr(a[0], '/') || strcmp(a[0], ".") == 0 || strcmp(a[0], "..") == 0)
		return fail(p, "not a name of a secret");
	r = parse_fd(p, a[1], &fd);
	if (r < 0)
		return r;
	s = APPEND(p->c->secrets, p->c->n_secrets);
	if (!s)
		return -ENOMEM;
	*s = (struct config_secret){.name = a[0], .fd = fd};
	return 0;
}

/* The numbers of an object of the host's: device and inode. */
static int parse_object(struct parser *p, char **a, uint64_t *dev, uint64_t *ino)
{
	int r = parse_uint(p, a[0], INT64_MAX, dev);

	return r == 0 ? parse_uint(p, a[1], INT64_MAX, ino) : r;
}

static int record_hide(struct parser *p, char **a)
{
	struct config_hide *h;
	uint64_t dev, ino;
	int r = parse_object(p, a, &dev, &ino);

	if (r < 0)
		return r;
	h = APPEND(p->c->hidden, p->c->n_hidden);
	if (!h)
		return -ENOMEM;
	*h = (struct config_hide){.dev = dev, .ino = ino};
	return 0;
}

static int record_place(struct parser *p, char **a)
{
	struct config_place *place;
	uint64_t dev, ino;
	int r = parse_object(p, a, &dev, &ino);

	if (r < 0)
		return r;
	if (strcmp(a[3], "hide") != 0 && strcmp(a[3], "hold") != 0)
		return fail(p, "neither hide nor hold");
	place = APPEND(p->c->places, p->c->n_places);
	if (!place)
		return -ENOMEM;
	*place = (struct config_place){.dev = dev, .ino = ino, .name = a[2], .hidden = strcmp(a[3], "hide") == 0};
	return 0;
}

static int record_stdio(struct parser *p, char **a)
{
	for (int i = 0; i < 3; i++) {
		int64_t v;

		if (!parse_number(a[i], -1, p->max_fd, &v))
			return fail(p, "not a descriptor");
		p->c->stdio[i] = (int)v;
	}
	return 0;
}

static int record_fd(struct parser *p, char **a)
{
	struct config_fd *f = APPEND(p->c->fds, p->c->n_fds);
	uint64_t number = 0;
	int r;

	if (!f)
		return -ENOMEM;
	r = parse_uint(p, a[0], FD_NUMBER_MAX, &number);
	if (!r)
		r = parse_fd(p, a[1], &f->fd);
	f->number = (int)number;
	return r || number > 2 ? r : fail(p, "standard input and output are not given so");
}

static int record_tty(struct parser *p, char **a)
{
	uint64_t rows, cols, utf8;
	int r = parse_uint(p, a[0], UINT16_MAX, &rows);

	if (r == 0)
		r = parse_uint(p, a[1], UINT16_MAX, &cols);
	if (r == 0)
		r = parse_uint(p, a[2], 1, &utf8);
	if (r < 0)
		return r;
	p->c->tty = true;
	p->c->rows = (uint16_t)rows;
	p->c->cols = (uint16_t)cols;
	p->c->tty_utf8 = utf8;
	return 0;
}

static int record_network(struct parser *p, const char *s)
{
	static const char *const names[] = {
		[CONFIG_NET_NONE] = "none", [CONFIG_NET_SLIRP] = "slirp", [CONFIG_NET_HOST] = "host",
		[CONFIG_NET_CONTAINER] = "container", [CONFIG_NET_GIVEN] = "given"};

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(s, names[i]) == 0) {
			p->c->network = (enum config_network)i;
			return 0;
		}
	}
	return fail(p, "unknown network mode");
}

static int record_id(struct parser *p, const char *s)
{
	size_t n = strlen(s);

	if (n < 12 || n > 64 || strspn(s, "0123456789abcdef") != n)
		return fail(p, "not an id of 12 to 64 hex digits");
	p->c->id = s;
	return 0;
}

static int record_hostname(struct parser *p, const char *s)
{
	if (strlen(s) > 64)
		return fail(p, "host name longer than 64 bytes");
	p->c->hostname = s;
	return 0;
}

static int record_root_fd(struct parser *p, enum config_root kind, const char *s)
{
	int r = set_root(p, kind);

	return r < 0 ? r : parse_fd(p, s, &p->c->root_fd);
}

static int record_env(struct parser *p, const char *s)
{
	/* A session may also take one of the sandbox's away: NAME alone. */
	if (!s[0] || s[0] == '=' || (!p->session && !strchr(s, '=')))
		return fail(p, "not NAME=VALUE");
	return append_string(&p->c->envp, &p->c->n_env, s);
}

static int record_cwd(struct parser *p, const char *s)
{
	int r = check_path(p, s);

	if (r == 0)
		p->c->cwd = s;
	return r;
}

static int record_pids(struct parser *p, const char *s)
{
	uint64_t v;
	int r = parse_uint(p, s, UINT32_MAX, &v);

	if (r == 0)
		p->c->pids = (uint32_t)v;
	return r;
}

static int apply(struct parser *p, enum config_keyword kw, char **a)
{
	struct config *c = p->c;

	switch (kw) {
	case CONFIG_VERSION:
		return strcmp(a[0], CONFIG_FORMAT) == 0 ? 0 : fail(p, "another version of the launch configuration");
	case CONFIG_ID:
		return record_id(p, a[0]);
	case CONFIG_ARG:
		return append_string(&c->argv, &c->argc, a[0]);
	case CONFIG_ENV:
		return record_env(p, a[0]);
	case CONFIG_CWD:
		return record_cwd(p, a[0]);
	case CONFIG_USER:
		c->user = a[0];
		return 0;
	case CONFIG_HOSTNAME:
		return record_hostname(p, a[0]);
	case CONFIG_ROOT_SNAP:
		return record_root_fd(p, CONFIG_ROOT_IS_SNAP, a[0]);
	case CONFIG_PACK:
		return record_pack(p, a);
	case CONFIG_TWINS:
		return record_twins(p, a);
	case CONFIG_ROOT_DIR:
		return record_root_fd(p, CONFIG_ROOT_IS_DIR, a[0]);
	case CONFIG_ROOT_BIND:
		return record_root_bind(p, a);
	case CONFIG_ROOT_HOST:
		return set_root(p, CONFIG_ROOT_IS_HOST);
	case CONFIG_HOST_DIR:
		return record_host_entry(p, a[0], a[1], NULL);
	case CONFIG_HOST_LINK:
		return record_host_entry(p, a[0], NULL, a[1]);
	case CONFIG_ROOT_RO:
		return parse_bool(p, a[0], &c->root_ro);
	case CONFIG_BIND:
		return record_bind(p, a);
	case CONFIG_TMPFS:
		return record_tmpfs(p, a);
	case CONFIG_UPPER:
		return parse_fd(p, a[0], &c->upper_fd);
	case CONFIG_STORAGE_SIZE:
		return parse_uint(p, a[0], INT64_MAX, &c->storage_size);
	case CONFIG_VOLUME:
		return record_layer(p, false, a);
	case CONFIG_COW:
		return record_layer(p, true, a);
	case CONFIG_FILE:
		return record_file(p, a);
	case CONFIG_SECRET:
		return record_secret(p, a);
	case CONFIG_HIDE:
		return record_hide(p, a);
	case CONFIG_PLACE:
		return record_place(p, a);
	case CONFIG_STDIO:
		return record_stdio(p, a);
	case CONFIG_TTY:
		return record_tty(p, a);
	case CONFIG_FD:
		return record_fd(p, a);
	case CONFIG_CONTROL:
		return parse_fd(p, a[0], &c->control_fd);
	case CONFIG_NETWORK:
		return record_network(p, a[0]);
	case CONFIG_MEMORY:
		return parse_uint(p, a[0], INT64_MAX, &c->memory);
	case CONFIG_PIDS:
		return record_pids(p, a[0]);
	case CONFIG_TRACE:
		return parse_fd(p, a[0], &c->trace_fd);
	case CONFIG_REPORT:
		return parse_fd(p, a[0], &c->report_fd);
	case CONFIG_PROC:
		return parse_fd(p, a[0], &c->proc_fd);
	case CONFIG_HANG_UP:
		c->tty_hangs_up = true;
		return 0;
	case CONFIG_NO_REWRITE:
		c->no_rewrite = true;
		return 0;
	case CONFIG_HOLD:
		c->hold = true;
		return 0;
	case CONFIG_SYSNET:
		return parse_fd(p, a[0], &c->sysnet_fd);
	case CONFIG_NETWORK_FIRST:
		c->network_first = true;
		return 0;
	case CONFIG_NOUSERNS:
		c->nouserns = true;
		return 0;
	case CONFIG_GUEST:
		return parse_fd(p, a[0], &c->guest_fd);
	case CONFIG_PORTS:
		return parse_fd(p, a[0], &c->ports_fd);
	case CONFIG_SECCOMP:
		return parse_fd(p, a[0], &c->seccomp_fd);
	case CONFIG_CPUS:
	case CONFIG_CPUS_HELD:
	case CONFIG_MEMORY_HELD:
	case CONFIG_ULIMIT:
	case CONFIG_SHM_SIZE:
	case CONFIG_OOM_ADJ:
	case CONFIG_SYSCTL:
	case CONFIG_CAPS:
	case CONFIG_NO_NEW_PRIVS:
	case CONFIG_GROUP_ADD:
	case CONFIG_DOMAINNAME:
		return config_limits_record(&c->limits, kw, a, &p->err);
	case CONFIG_BARE:
	case CONFIG_IDS:
	case CONFIG_CAP_SETS:
	case CONFIG_MOUNT:
	case CONFIG_DEVICES:
	case CONFIG_DEVICE:
	case CONFIG_MASK:
	case CONFIG_READONLY:
	case CONFIG_PROPAGATION:
		return config_bare_record(&c->bare, kw, a, &p->err);
	case CONFIG_KEYWORD_COUNT:
		break;
	}
	return fail(p, "unknown keyword");
}

static bool of_session(unsigned kw)
{
	return kw == CONFIG_VERSION || kw == CONFIG_ARG || kw == CONFIG_ENV || kw == CONFIG_CWD || kw == CONFIG_USER ||
	       kw == CONFIG_STDIO || kw == CONFIG_TTY || kw == CONFIG_HANG_UP || kw == CONFIG_GUEST || kw == CONFIG_IDS || kw == CONFIG_CAP_SETS || kw == CONFIG_GROUP_ADD ||
	       kw == CONFIG_ULIMIT || kw == CONFIG_NO_NEW_PRIVS || kw == CONFIG_OOM_ADJ || kw == CONFIG_FD;
}

static int parse_record(struct parser *p)
{
	char *name = next_string(p), *args[RECORD_ARGS_MAX] = {NULL};
	unsigned kw;

	p->record++;
	if (!name)
		return fail(p, "no NUL at the end");
	for (kw = 0; kw < CONFIG_KEYWORD_COUNT; kw++)
		if (strcmp(keywords[kw].name, name) == 0)
			break;
	if (kw == CONFIG_KEYWORD_COUNT)
		return fail(p, "unknown keyword");
	if (p->record == 1 && kw != CONFIG_VERSION)
		return fail(p, "the first record is not the version");
	if (p->session && !of_session(kw))
		return fail(p, "not for a session");
	if (p->seen[kw] && !keywords[kw].repeat)
		return fail(p, "a keyword stands twice");
	p->seen[kw] = true;
	for (unsigned i = 0; i < keywords[kw].args; i++) {
		args[i] = next_string(p);
		if (!args[i])
			return fail(p, "an argument is missing");
	}
	return apply(p, (enum config_keyword)kw, args);
}

static int check_whole(struct parser *p)
{
	struct config *c = p->c;

	if (!p->seen[CONFIG_VERSION])
		return fail(p, "empty");
	if (c->argc == 0)
		return fail(p, "no command");
	if (c->root == CONFIG_ROOT_UNSET && !p->session)
		return fail(p, "no root file system");
	if (c->n_host_entries > 0 && c->root != CONFIG_ROOT_IS_HOST)
		return fail(p, "host-dir or host-link without root-host");
	if (c->n_packs > 0 && c->root != CONFIG_ROOT_IS_SNAP)
		return fail(p, "pack without root-snap");
	/* The arrays end with NULL, which no count includes. */
	if (append_string(&c->argv, &c->argc, NULL) < 0 || append_string(&c->envp, &c->n_env, NULL) < 0)
		return -ENOMEM;
	c->argc--;
	c->n_env--;
	return 0;
}

static struct config *config_alloc(char *bytes)
{
	struct config *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->bytes = bytes;
	c->root_fd = c->upper_fd = c->control_fd = c->trace_fd = c->report_fd = c->proc_fd = c->sysnet_fd = c->guest_fd = c->seccomp_fd = c->ports_fd = -1;
	c->stdio[0] = c->stdio[1] = c->stdio[2] = -1;
	c->network = CONFIG_NET_NONE;
	return c;
}

static int parse_all(struct parser *p, char *bytes, size_t len, struct config **ret, const char **err, unsigned *record)
{
	int r = 0;

	p->at = bytes;
	p->end = bytes + len;
	p->c = config_alloc(bytes);
	if (!p->c) {
		free(bytes);
		*err = "out of memory";
		return -ENOMEM;
	}
	while (r == 0 && p->at < p->end)
		r = parse_record(p);
	if (r == 0)
		r = check_whole(p);
	if (r < 0) {
		config_free(p->c);
		*err = p->err ? p->err : "out of memory";
		*record = p->record;
		return r;
	}
	*ret = p->c;
	return 0;
}

int config_parse(char *bytes, size_t len, struct config **ret, const char **err, unsigned *record)
{
	struct parser p = {.max_fd = INT_MAX};

	return parse_all(&p, bytes, len, ret, err, record);
}

int config_parse_session(char *bytes, size_t len, unsigned n_fds, struct config **ret, const char **err, unsigned *record)
{
	struct parser p = {.session = true, .max_fd = (int64_t)n_fds - 1};

	return parse_all(&p, bytes, len, ret, err, record);
}

int config_slurp(int fd, char **ret, size_t *ret_len)
{
	size_t len = 0, room = 1u << 16;
	char *bytes = malloc(room);
	ssize_t n = 0;

	while (bytes) {
		if (len == room) {
			char *more = room < CONFIG_SIZE_MAX ? realloc(bytes, room * 2) : NULL;

			if (!more) {
				free(bytes);
				return room < CONFIG_SIZE_MAX ? -ENOMEM : -E2BIG;
			}
			bytes = more;
			room *= 2;
		}
		n = read(fd, bytes + len, room - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		len += (size_t)n;
	}
	if (!bytes)
		return -ENOMEM;
	if (n < 0) {
		int e = -errno;

		free(bytes);
		return e;
	}
	*ret = bytes;
	*ret_len = len;
	return 0;
}

int config_read(int fd, struct config **ret, const char **err, unsigned *record)
{
	char *bytes;
	size_t len;
	int r;

	*record = 0;
	*err = "cannot read the launch configuration";
	r = config_slurp(fd, &bytes, &len);
	return r < 0 ? r : config_parse(bytes, len, ret, err, record);
}

void config_free(struct config *c)
{
	if (!c)
		return;
	free(c->argv);
	free(c->envp);
	free(c->packs);
	free(c->twins);
	free(c->host_entries);
	free(c->binds);
	free(c->tmpfs);
	free(c->layers);
	free(c->files);
	free(c->secrets);
	free(c->fds);
	free(c->hidden);
	free(c->places);
	config_limits_free(&c->limits);
	config_bare_free(&c->bare);
	free(c->bytes);
	free(c);
}
