/* SPDX-License-Identifier: MIT */
/* picket-guest: which part is wanted. */
#include "cmd/guest/guest.h"

#include <stdio.h>
#include <string.h>

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} parts[] = {
	{"init", guest_init},
	{"pack", guest_pack},
	{"unpack", guest_unpack},
};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < sizeof(parts) / sizeof(parts[0]); i++)
		if (strcmp(argv[1], parts[i].name) == 0)
			return parts[i].run(argc - 2, argv + 2);
	fprintf(stderr, "picket-guest: started by picket, not by hand (usage: picket-guest init|pack|unpack …)\n");
	return 125;
}
