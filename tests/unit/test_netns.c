/* SPDX-License-Identifier: MIT */
/* Names of kernel parameters of network namespaces. What is written into namespaces is tests/root/test_network.py's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rootless/netns.h"

/* These are refused before anything is written. */
static void names_that_lead_elsewhere(void **state)
{
	static const char *const names[] = {"kernel.hostname", "net", "net.", "net..ipv4", "net/../kernel/hostname", "net/./x", "net/ipv4//x", "net/ipv4/",
		"/net/ipv4/ip_forward", ".net.ipv4", "", "netx.ipv4", "net/ipv4/..", "net.ipv4.conf.//.x"};
	char *err = NULL;

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct netns_sysctl s = {names[i], "1"};

		assert_int_equal(netns_configure(&s, 1, &err), -1);
		if (!strstr(err, "is not a parameter of a network namespace"))
			fail_msg("%s: %s", names[i], err);
		free(err);
		err = NULL;
	}
}

static void the_guests(void **state)
{
	(void)state;
	assert_true(netns_is_guests("net.ipv4.ip_unprivileged_port_start"));
	assert_true(netns_is_guests("net/ipv4/ping_group_range"));
	assert_false(netns_is_guests("net.ipv4.ip_forward"));
	assert_false(netns_is_guests("net.ipv4.ping_group_range2"));
	assert_false(netns_is_guests("net.ipv4.ping_group"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(names_that_lead_elsewhere), cmocka_unit_test(the_guests)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
