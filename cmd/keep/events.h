/* SPDX-License-Identifier: MIT */
/*
 * What happened: one file per user in the runtime directory, a JSON object a line, as docker's events are:
 *
 *	{"Type":"container","Action":"start","Actor":{"ID":…,"Attributes":{"image":…,"name":…}},"scope":"local","time":…,"timeNano":…}
 *
 * Every keeper and command appends its own. The file is kept to a size; the one before it stays as events.json.1.
 */
#ifndef PICKET_CMD_EVENTS_H
#define PICKET_CMD_EVENTS_H

#include <jansson.h>

#include "cmd/keep/record.h"

#define EVENTS_NAME "events.json"

/*
 * Note an event of a thing: `type` is "container", "image" or "volume", `attributes` an object of strings (released; NULL:
 * none). Failures are ignored: an event is news, not state.
 */
void event_note(const char *type, const char *action, const char *id, json_t *attributes);

/*
 * Note an event of a sandbox; its image, name and labels are added to the attributes:
 *
 *	event_of(e, "rename", json_pack("{s:s}", "oldName", old))
 */
void event_of(const struct entry *e, const char *action, json_t *attributes);

#endif
