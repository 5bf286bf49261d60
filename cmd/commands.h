/* SPDX-License-Identifier: MIT */
/* The commands, and the structures their options fill (offsets in table.c). Each returns an exit status. */
#ifndef PICKET_CMD_COMMANDS_H
#define PICKET_CMD_COMMANDS_H

#include <stdbool.h>
#include <stdint.h>

#include "cmd/lib/str.h"
#include "cmd/run/limit_options.h"
#include "cmd/run/net_options.h"

struct run_options {
	bool interactive;
	bool tty;
	bool read_only;
	bool rm;
	bool init; /* --init */
	bool no_rewrite;
	bool ignored; /* --disable-content-trust */
	const char *rootfs;
	struct str_list env;
	struct str_list env_files;
	struct str_list volumes;
	struct str_list mounts;
	struct str_list tmpfs;
	const char *workdir;
	const char *user;
	const char *hostname;
	const char *entrypoint; /* NULL: the image's; "": none */
	const char *network;	/* NULL: the default */
	const char *name;
	int64_t memory;
	int64_t pids;
	const char *trace; /* NULL: no; "": standard error; else a file */
	const char *platform;
	const char *pull;
	const char *userns; /* hidden: auto, none */
	bool quiet;
	struct str_list shares;	    /* --share: directories at their own place, read and write */
	struct str_list shares_ro;  /* --share-ro */
	struct str_list shares_cow; /* --share-cow: writes stay in the sandbox */
	struct str_list secrets;    /* NAME=FILE, NAME=env:VAR */
	struct str_list allow_env;  /* names or patterns */
	const char *report;	    /* NULL: none; "", FORMAT or FORMAT:FILE */
	struct limit_options limits;
	struct net_options net;
	bool detach;
	bool keep;
	const char *detach_keys;
	const char *sig_proxy; /* "true" (default), "false" */
	const char *restart; /* NULL: no */
	struct str_list storage_opts; /* --storage-opt size=… */
	const char *log_driver; /* json-file (default), none */
	struct str_list log_opts; /* max-size=, max-file= */
	const char *timeout;	  /* NULL: none */
	const char *stop_signal, *stop_timeout;
	const char *health_cmd, *health_interval, *health_timeout, *health_retries, *health_start_period;
	const char *health_start_interval;
	bool no_healthcheck;
	struct str_list labels;
	struct str_list label_files;
	const char *cidfile;
	const char *pid_file;
	bool resolved; /* no option: variables and paths are those of an entry; nothing of the caller's comes in */
};

struct logs_options {
	bool follow, timestamps, details;
	const char *since, *until, *tail;
};

struct events_options {
	struct str_list filters;
	const char *format, *since, *until;
};

struct attach_options {
	bool no_stdin;
	const char *sig_proxy, *detach_keys;
};

struct fetch_options {
	const char *platform;
	bool quiet;
	const char *tls_verify; /* "true", "false", NULL */
	const char *input;	/* load */
	bool ignored;		/* docker's, without a meaning here */
};

struct list_options {
	const char *format;
	bool quiet;
	bool all;
	bool no_trunc;
	bool force;
};

/* The names of --filter of images, for help and completion. */
#define IMAGE_FILTERS "reference label dangling before since"

struct images_options {
	const char *format;
	struct str_list filters;
	bool quiet, all, no_trunc, digests;
};

struct config_options {
	bool project;
	const char *format;
};

struct exec_options {
	bool interactive, tty, detach;
	struct str_list env, env_files;
	const char *workdir, *user; /* NULL: the sandbox's */
	const char *detach_keys;
};

struct cp_options {
	bool archive, follow, quiet;
};

struct export_options {
	const char *output;
};

int cmd_cp(const void *opts, int argc, char **argv);
int cmd_export(const void *opts, int argc, char **argv);
struct stats_options {
	bool all, no_stream, no_trunc;
	const char *format;
};

struct update_options {
	int64_t memory, pids;
	struct limit_options limits;
	const char *restart;
};

struct minikube_options {
	const char *profile; /* NULL: the active one */
	struct str_list nodes;
	const char *archive, *format;
	bool quiet;
};

int cmd_minikube_enable(const void *opts, int argc, char **argv);
int cmd_minikube_disable(const void *opts, int argc, char **argv);
int cmd_minikube_status(const void *opts, int argc, char **argv);
int cmd_minikube_load(const void *opts, int argc, char **argv);
int cmd_pause(const void *opts, int argc, char **argv);
int cmd_unpause(const void *opts, int argc, char **argv);
int cmd_stats(const void *opts, int argc, char **argv);
int cmd_update(const void *opts, int argc, char **argv);
int cmd_port(const void *opts, int argc, char **argv);
int cmd_exec(const void *opts, int argc, char **argv);
int cmd_top(const void *opts, int argc, char **argv);
struct diff_options {
	bool share;
	const char *format;
};

struct apply_options {
	bool all, dry_run, interactive, force;
};

struct commit_options {
	const char *author, *message;
	struct str_list changes;
	const char *pause; /* "true" (default), "false" */
};

int cmd_diff(const void *opts, int argc, char **argv);
int cmd_apply(const void *opts, int argc, char **argv);
struct import_options {
	const char *message;
	struct str_list changes;
};

int cmd_import(const void *opts, int argc, char **argv);
int cmd_commit(const void *opts, int argc, char **argv);
struct save_options {
	const char *output;
};

struct history_options {
	const char *format;
	bool no_trunc;
	bool quiet;
};

int cmd_save(const void *opts, int argc, char **argv);
int cmd_tag(const void *opts, int argc, char **argv);
int cmd_history(const void *opts, int argc, char **argv);
struct stop_options {
	const char *time; /* seconds; NULL: the sandbox's own */
	const char *signal;
};

struct start_options {
	bool attach;
	bool interactive;
	const char *detach_keys;
	const char *sig_proxy;
};

struct rm_options {
	bool force;
	bool volumes;
	bool link; /* refused */
};

struct ps_options {
	bool all;
	bool quiet;
	bool latest;
	bool size;
	bool no_trunc;
	int64_t last;
	const char *format;
	struct str_list filters;
};

struct inspect_options {
	const char *format;
	const char *type;
	bool size;
};

struct volume_options {
	struct str_list labels, filters;
	const char *driver, *format;
	bool quiet, force, all;
};

struct prune_options {
	bool force;
	bool all;
	bool volumes;
	struct str_list filters;
};

int cmd_create(const void *opts, int argc, char **argv);
int cmd_start(const void *opts, int argc, char **argv);
int cmd_stop(const void *opts, int argc, char **argv);
int cmd_kill(const void *opts, int argc, char **argv);
int cmd_restart(const void *opts, int argc, char **argv);
int cmd_wait(const void *opts, int argc, char **argv);
int cmd_rm(const void *opts, int argc, char **argv);
int cmd_ps(const void *opts, int argc, char **argv);
int cmd_container_prune(const void *opts, int argc, char **argv);
int cmd_image_prune(const void *opts, int argc, char **argv);
int cmd_system_df(const void *opts, int argc, char **argv);
int cmd_system_prune(const void *opts, int argc, char **argv);
int cmd_run(const void *opts, int argc, char **argv);
int cmd_volume_create(const void *opts, int argc, char **argv);
int cmd_volume_ls(const void *opts, int argc, char **argv);
int cmd_volume_rm(const void *opts, int argc, char **argv);
int cmd_volume_inspect(const void *opts, int argc, char **argv);
int cmd_volume_prune(const void *opts, int argc, char **argv);
int cmd_rename(const void *opts, int argc, char **argv);
int cmd_logs(const void *opts, int argc, char **argv);
int cmd_events(const void *opts, int argc, char **argv);
int cmd_attach(const void *opts, int argc, char **argv);
int cmd_pull(const void *opts, int argc, char **argv);
int cmd_load(const void *opts, int argc, char **argv);
int cmd_images(const void *opts, int argc, char **argv);
int cmd_rmi(const void *opts, int argc, char **argv);
int cmd_inspect(const void *opts, int argc, char **argv);
int cmd_prune(const void *opts, int argc, char **argv);
int cmd_verify(const void *opts, int argc, char **argv);
int cmd_mount(const void *opts, int argc, char **argv);
int cmd_umount(const void *opts, int argc, char **argv);
int cmd_doctor(const void *opts, int argc, char **argv);
int cmd_info(const void *opts, int argc, char **argv);
int cmd_version(const void *opts, int argc, char **argv);
int cmd_help(const void *opts, int argc, char **argv);
int cmd_completion(const void *opts, int argc, char **argv);
int cmd_man(const void *opts, int argc, char **argv);
int cmd_complete(const void *opts, int argc, char **argv);
int cmd_config(const void *opts, int argc, char **argv);
int cmd_config_get(const void *opts, int argc, char **argv);
int cmd_config_set(const void *opts, int argc, char **argv);
int cmd_config_unset(const void *opts, int argc, char **argv);
int cmd_config_path(const void *opts, int argc, char **argv);
int cmd_config_edit(const void *opts, int argc, char **argv);
int cmd_config_trust(const void *opts, int argc, char **argv);
int cmd_config_untrust(const void *opts, int argc, char **argv);

#endif
