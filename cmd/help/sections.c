/* SPDX-License-Identifier: MIT */
/* In which order, and under which titles, help lists the commands. A unit test finds one that is missing. */
#include <string.h>

#include "cmd/help/help.h"

const struct help_section help_sections[] = {
	{"Run", "run,create,start,exec,attach"},
	{"Look", "ps,logs,top,stats,port,inspect,events"},
	{"Stop, change and remove", "stop,kill,restart,pause,unpause,wait,update,rename,rm,container prune"},
	{"Files", "cp,diff,apply,commit,export,volume"},
	{"Images", "pull,images,rmi,tag,history,load,save,import,mount,umount,verify,image prune,prune"},
	{"Kubernetes", "minikube"},
	{"Picket itself", "config,doctor,info,system df,system prune,version,completion,help"},
	{NULL, NULL},
};

bool section_name(const struct help_section *s, size_t i, char *buf, size_t len)
{
	const char *name = s->names;
	size_t end;

	for (; i > 0; i--) {
		name = strchr(name, ',');
		if (!name)
			return false;
		name++;
	}
	end = strcspn(name, ",");
	snprintf(buf, len, "%.*s", (int)end, name);
	return true;
}
