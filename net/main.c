/* SPDX-License-Identifier: MIT */
/* picket-fetch: brings images into the store. Started by `picket pull`, `picket load` and `picket run`. */
#include "fetch.h"

#include <curl/curl.h>
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXIT_PICKET 125

static const char usage[] =
	"usage: picket-fetch pull [OPTIONS] REFERENCE\n"
	"       picket-fetch load [OPTIONS] FILE|DIRECTORY|-\n"
	"\n"
	"  --platform OS/ARCH[/VARIANT]  which image of several (default: this machine's)\n"
	"  --tls-verify=false            take any certificate, or plain HTTP\n"
	"  --progress=auto|none|plain|tty\n"
	"  -q, --quiet                   no progress, and print the image's name alone\n"
	"  --ref NAME                    load: a name for an image that has none in the archive\n"
	"  --jobs N                      layers at a time (default 6)\n"
	"  --connections N               connections for one large layer (default up to 4; 1 on loopback)\n"
	"  --max-layer-size BYTES        largest size of an unpacked layer (default 128 GiB)\n"
	"  --retries N                   attempts after the first (default 5)\n"
	"  --retry-delay MS              pause before the first of them, doubled each time (default 500)\n"
	"  --stall-timeout SECONDS       give a connection up that is slower than 1 KiB/s for so long (default 30)\n";

enum {
	OPT_PLATFORM = 256,
	OPT_TLS_VERIFY,
	OPT_PROGRESS,
	OPT_REF,
	OPT_JOBS,
	OPT_CONNECTIONS,
	OPT_MAX,
	OPT_RETRIES,
	OPT_DELAY,
	OPT_STALL,
	OPT_HELP
};

static const struct option options[] = {
	{"platform", required_argument, NULL, OPT_PLATFORM},
	{"tls-verify", optional_argument, NULL, OPT_TLS_VERIFY},
	{"progress", required_argument, NULL, OPT_PROGRESS},
	{"quiet", no_argument, NULL, 'q'},
	{"ref", required_argument, NULL, OPT_REF},
	{"jobs", required_argument, NULL, OPT_JOBS},
	{"connections", required_argument, NULL, OPT_CONNECTIONS},
	{"max-layer-size", required_argument, NULL, OPT_MAX},
	{"retries", required_argument, NULL, OPT_RETRIES},
	{"retry-delay", required_argument, NULL, OPT_DELAY},
	{"stall-timeout", required_argument, NULL, OPT_STALL},
	{"help", no_argument, NULL, OPT_HELP},
	{0},
};

static int parse_bool(const char *text, bool *out, struct snap_error *e)
{
	if (!text || !strcmp(text, "true") || !strcmp(text, "1"))
		*out = true;
	else if (!strcmp(text, "false") || !strcmp(text, "0"))
		*out = false;
	else
		return snap_fail(e, EINVAL, "--tls-verify is true or false, not '%s'", text);
	return 0;
}

static int parse_number(
	const char *name, const char *text, uint64_t least, uint64_t most, uint64_t *out, struct snap_error *e)
{
	char *end;
	unsigned long long n;

	errno = 0;
	n = strtoull(text, &end, 10);
	if (errno || *end || end == text || *text == '-' || n < least || n > most)
		return snap_fail(e, EINVAL, "--%s is a number from %llu to %llu, not '%s'", name,
			(unsigned long long)least, (unsigned long long)most, text);
	*out = n;
	return 0;
}

static int parse_option(struct fetch_options *o, int c, const char *arg, struct snap_error *e)
{
	uint64_t n = 0;
	int r;

	switch (c) {
	case OPT_PLATFORM:
		o->platform_given = true;
		return platform_parse(&o->platform, arg, e);
	case OPT_TLS_VERIFY:
		return parse_bool(arg, &o->tls_verify, e);
	case OPT_PROGRESS:
		return progress_mode_parse(arg, &o->progress)
			       ? snap_fail(e, EINVAL, "--progress is auto, none, plain or tty, not '%s'", arg)
			       : 0;
	case 'q':
		o->quiet = true;
		return 0;
	case OPT_REF:
		o->ref = arg;
		return 0;
	case OPT_JOBS:
		r = parse_number("jobs", arg, 1, 32, &n, e);
		o->jobs = (unsigned int)n;
		return r;
	case OPT_CONNECTIONS:
		r = parse_number("connections", arg, 1, 16, &n, e);
		o->connections = (unsigned int)n;
		return r;
	case OPT_MAX:
		r = parse_number("max-layer-size", arg, 1, UINT64_C(1) << 50, &n, e);
		o->limits.absolute = o->limits.slack = n;
		return r;
	case OPT_RETRIES:
		r = parse_number("retries", arg, 0, 100, &n, e);
		o->retries = (unsigned int)n;
		return r;
	case OPT_DELAY:
		r = parse_number("retry-delay", arg, 1, 60000, &n, e);
		o->retry_ms = (long)n;
		return r;
	case OPT_STALL:
		r = parse_number("stall-timeout", arg, 1, 3600, &n, e);
		o->stall_seconds = (long)n;
		return r;
	default:
		return snap_fail(e, EINVAL, "unknown option, or one without its value; see picket-fetch --help");
	}
}

static int parse_options(struct fetch_options *o, int argc, char **argv, struct snap_error *e)
{
	int c, r = 0;

	opterr = 0;
	while (!r && (c = getopt_long(argc, argv, ":q", options, NULL)) != -1) {
		if (c == OPT_HELP) {
			fputs(usage, stdout);
			exit(0);
		}
		r = parse_option(o, c, optarg, e);
	}
	return r;
}

static int run(const struct fetch_options *o, const char *command, const char *arg, struct snap_error *e)
{
	struct fetch f = {.opt = o};
	int r = store_open(NULL, &f.store, e);

	if (r)
		return r;
	r = store_begin(f.store, &f.txn, e);
	if (!r)
		r = !strcmp(command, "pull") ? fetch_pull(&f, arg, e) : fetch_load(&f, arg, e);
	store_end(f.txn);
	store_close(f.store);
	return r;
}

/* Sentences quote registries and archives: nothing in them may drive the terminal. */
static int complain(struct snap_error *e)
{
	for (char *p = e->text; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f || ((unsigned char)*p == 0xc2 && (unsigned char)p[1] < 0xa0))
			*p = ' ';
	fprintf(stderr, "picket: %s\n", e->text);
	return EXIT_PICKET;
}

int main(int argc, char **argv)
{
	struct fetch_options o = {
		.tls_verify = true,
		.jobs = 6,
		.limits = INFLATE_LIMITS_DEFAULT,
		.retry_ms = 500,
		.retries = 5,
		.stall_seconds = 30,
	};
	const char *command = argc > 1 ? argv[1] : "--help";
	struct snap_error e = {0};

	if (!strcmp(command, "--help") || !strcmp(command, "help")) {
		fputs(usage, argc > 1 ? stdout : stderr);
		return argc > 1 ? 0 : EXIT_PICKET;
	}
	signal(SIGPIPE, SIG_IGN);
	platform_default(&o.platform);
	if (strcmp(command, "pull") && strcmp(command, "load"))
		snap_fail(&e, EINVAL, "picket-fetch knows 'pull' and 'load', not '%s'", command);
	else if (!parse_options(&o, argc - 1, argv + 1, &e) && optind + 2 != argc)
		snap_fail(&e, EINVAL, "picket-fetch %s takes one argument", command);
	if (e.err)
		return complain(&e);
	curl_global_init(CURL_GLOBAL_DEFAULT);
	if (run(&o, command, argv[optind + 1], &e))
		return complain(&e);
	return fflush(stdout) ? EXIT_PICKET : 0;
}
