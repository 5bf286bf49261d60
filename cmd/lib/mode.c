/* SPDX-License-Identifier: MIT */
/* PICKET_TEST_MODE. */
#include "cmd/lib/mode.h"

#include <stdlib.h>
#include <string.h>

bool test_mode(const char *word)
{
	const char *mode = getenv("PICKET_TEST_MODE");
	size_t len = strlen(word);

	while (mode && *mode) {
		size_t n = strcspn(mode, ",");

		if (n == len && strncmp(mode, word, n) == 0)
			return true;
		mode += n;
		mode += *mode == ',';
	}
	return false;
}
