/* SPDX-License-Identifier: MIT */
/* What the files of rows share. Nothing else in the program names the options. */
#ifndef PICKET_CMD_TABLE_ROWS_H
#define PICKET_CMD_TABLE_ROWS_H

#include "cmd/commands.h"
#include "cmd/lib/message.h"
#include "cmd/table.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define RUN(field) offsetof(struct run_options, field)
#define CP(field) offsetof(struct cp_options, field)
#define EXEC(field) offsetof(struct exec_options, field)
#define STATS(field) offsetof(struct stats_options, field)
#define UPDATE(field) offsetof(struct update_options, field)
#define FETCH(field) offsetof(struct fetch_options, field)
#define CONFIG(field) offsetof(struct config_options, field)
#define LIST(field) offsetof(struct list_options, field)
#define OPTS(list, type) .opts = (list), .opt_count = COUNT(list), .opts_size = sizeof(struct type)
#define NO_OPTS .opts_size = 1

extern const struct cmd_group run_group, life_group, sandbox_group, watch_group, image_group, volume_group, minikube_group, config_group, host_group, changes_group;

#endif
