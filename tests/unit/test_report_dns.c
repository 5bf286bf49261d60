/* SPDX-License-Identifier: MIT */
/* Names out of answers of name servers: what is learned, and that hostile ones teach nothing and read nothing. */
#include "kernel/report_internal.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static char learned[1024];
static unsigned count;

void report_learn(struct kernel *k, const char *address, const char *name)
{
	size_t at = strlen(learned);

	assert_true(strlen(name) < REPORT_DNS_NAME);
	count++;
	snprintf(learned + at, sizeof(learned) - at, "%s=%s ", address, name);
}

/* Feed from a block of just that size, so that a sanitizer sees a read beyond it. */
static void feed(const void *data, size_t size, unsigned port)
{
	struct sockaddr_in from = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	uint8_t *copy = malloc(size ? size : 1);

	memcpy(copy, data, size);
	learned[0] = 0;
	count = 0;
	report_datagram(NULL, (struct sockaddr *)&from, sizeof(from), copy, size);
	free(copy);
}

static const uint8_t answer[] = {0x12, 0x34, 0x81, 0x80, 0, 1, 0, 3, 0, 0, 0, 0,
	3, 'w', 'w', 'w', 7, 'e', 'x', 'a', 'm', 'p', 'l', 'e', 3, 'c', 'o', 'm', 0, 0, 1, 0, 1,
	/* www.example.com CNAME x */
	0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 9, 0, 3, 1, 'x', 0,
	/* x A 192.0.2.7 */
	0xc0, 45, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 192, 0, 2, 7,
	/* x AAAA 2001:db8::1 */
	0xc0, 45, 0, 28, 0, 1, 0, 0, 0, 9, 0, 16, 0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};

static void names(void **state)
{
	feed(answer, sizeof(answer), 53);
	assert_string_equal(learned, "192.0.2.7=www.example.com 2001:db8::1=www.example.com ");
	feed(answer, sizeof(answer), 54);
	assert_int_equal(count, 0);
}

static void not_an_answer(void **state)
{
	uint8_t q[sizeof(answer)];

	memcpy(q, answer, sizeof(q));
	q[2] = 1; /* a question */
	feed(q, sizeof(q), 53);
	assert_int_equal(count, 0);
	memcpy(q, answer, sizeof(q));
	q[3] = 0x83; /* no such name */
	feed(q, sizeof(q), 53);
	assert_int_equal(count, 0);
	memcpy(q, answer, sizeof(q));
	q[5] = 2; /* two questions */
	feed(q, sizeof(q), 53);
	assert_int_equal(count, 0);
}

static void cut_short(void **state)
{
	for (size_t n = 0; n < sizeof(answer); n++)
		feed(answer, n, 53);
	assert_int_equal(count, 1);
}

static void loops(void **state)
{
	uint8_t q[sizeof(answer)];

	memcpy(q, answer, sizeof(q));
	q[12] = 0xc0; /* the name is where the name is */
	q[13] = 12;
	feed(q, sizeof(q), 53);
	assert_int_equal(count, 0);
}

static void odd_letters(void **state)
{
	uint8_t q[sizeof(answer)];

	memcpy(q, answer, sizeof(q));
	q[13] = 27;
	q[14] = '"';
	q[15] = 0;
	feed(q, sizeof(q), 53);
	assert_string_equal(learned, "192.0.2.7=???.example.com 2001:db8::1=???.example.com ");
}

static void random_bytes(void **state)
{
	uint8_t q[sizeof(answer)];

	srand(1);
	for (unsigned i = 0; i < 200000; i++) {
		memcpy(q, answer, sizeof(q));
		for (unsigned j = 0; j < 1 + i % 4; j++)
			q[4 + (unsigned)rand() % (sizeof(q) - 4)] = (uint8_t)rand();
		feed(q, sizeof(q) - (unsigned)rand() % 20, 53);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(names), cmocka_unit_test(not_an_answer), cmocka_unit_test(cut_short),
		cmocka_unit_test(loops), cmocka_unit_test(odd_letters), cmocka_unit_test(random_bytes)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
