/* SPDX-License-Identifier: MIT */
/* Published ports: what people write, what an image exposes, the file, and the column of ps. Limits in words. */
#include "cmd/run/limit_options.h"
#include "cmd/run/ports.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

/* As text: "IP:HOST[FROM-TO]->GUEST/PROTO " for each; "!" if it is refused. */
static void parsed(const char *spec, const char *want)
{
	struct port_list list = {0};
	char *err = NULL, buf[1024] = "";

	if (ports_parse(spec, &list, &err) < 0) {
		assert_non_null(err);
		snprintf(buf, sizeof(buf), "!");
	}
	for (size_t i = 0; i < list.count && !err; i++) {
		const struct port *p = &list.items[i];
		size_t n = strlen(buf);

		snprintf(buf + n, sizeof(buf) - n, "%s:%u[%u-%u]->%u/%s ", p->ip, p->host, p->from, p->to, p->guest,
			p->udp ? "udp" : "tcp");
	}
	assert_string_equal(buf, want);
	free(err);
	ports_free(&list);
}

static void test_parse(void **state)
{
	parsed("80", "0.0.0.0:0[0-0]->80/tcp ");
	parsed("8080:80", "0.0.0.0:8080[0-0]->80/tcp ");
	parsed("8080:80/TCP", "0.0.0.0:8080[0-0]->80/tcp ");
	parsed("127.0.0.1:8080:80/udp", "127.0.0.1:8080[0-0]->80/udp ");
	parsed("127.0.0.1::80", "127.0.0.1:0[0-0]->80/tcp ");
	parsed("127.0.0.1:80", "127.0.0.1:0[0-0]->80/tcp ");
	parsed(":80", "0.0.0.0:0[0-0]->80/tcp ");
	parsed("0:80", "0.0.0.0:0[0-0]->80/tcp ");
	parsed("8000-8001:80-81", "0.0.0.0:8000[0-0]->80/tcp 0.0.0.0:8001[0-0]->81/tcp ");
	parsed("8000-8010:80", "0.0.0.0:0[8000-8010]->80/tcp ");
	parsed("80-81", "0.0.0.0:0[0-0]->80/tcp 0.0.0.0:0[0-0]->81/tcp ");
	static const char *const bad[] = {"", "x", "0", "65536", "80:", "1:2:3:4", "a.b.c.d:1:2", "81-80", "1-3:1-2", "80/sctp", "80/",
		"[::1]:80:80", "::80:80", "-1", "1-", "-", "80:80-70", "999.1.1.1:1:2", "1:2/tcp/udp", "1-65535:1-65535", "+1", " 80"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		parsed(bad[i], "!");
}

static void test_exposed(void **state)
{
	char a[] = "80/tcp", b[] = "53/udp", c[] = "1.2.3.4:5:6", d[] = "beer", e[] = "8000-8001";
	char *exposed[] = {a, b, c, d, e, NULL};
	struct port_list list = {0};
	char *err = NULL;

	assert_int_equal(ports_parse("8080:80", &list, &err), 0);
	ports_add_exposed(exposed, &list);
	ports_add_exposed(exposed, &list);
	ports_add_exposed(NULL, &list);
	assert_int_equal(list.count, 4);
	assert_int_equal(list.items[0].host, 8080);
	assert_true(list.items[1].guest == 53 && list.items[1].udp && !list.items[1].host);
	assert_int_equal(list.items[3].guest, 8001);
	ports_free(&list);
}

static void test_file(void **state)
{
	char path[] = "/tmp/picket-ports-XXXXXX", *err = NULL, *text;
	struct port_list list = {0}, back = {0};
	int fd = mkstemp(path);
	FILE *f;

	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(ports_parse("8000-8002:80-82", &list, &err), 0);
	assert_int_equal(ports_parse("127.0.0.1:53:53/udp", &list, &err), 0);
	assert_int_equal(ports_write(&list, path), 0);
	assert_int_equal(ports_read(path, &back), 0);
	text = ports_text(&back);
	assert_string_equal(text, "0.0.0.0:8000-8002->80-82/tcp, 127.0.0.1:53->53/udp");
	free(text);
	ports_free(&back);
	ports_free(&list);
	/* Lines that are not ours are left out. */
	f = fopen(path, "w");
	fputs("tcp 0.0.0.0 1 2\nbeer\n\033[31m 1 2 3\ntcp \033 5 6\nudp 1.2.3.4 70000 99999\n", f);
	fclose(f);
	assert_int_equal(ports_read(path, &back), 0);
	text = ports_text(&back);
	assert_null(strchr(text, '\033'));
	assert_memory_equal(text, "0.0.0.0:1->2/tcp", 16);
	free(text);
	ports_free(&back);
	unlink(path);
	assert_int_equal(ports_read(path, &back), 0);
	assert_int_equal(back.count, 0);
}

static void test_words(void **state)
{
	struct ulimit u;
	char *err = NULL;
	cpu_set_t set;
	int64_t v;

	assert_int_equal(parse_cpus("1.5", &v), 0);
	assert_int_equal(v, 1500000000);
	assert_int_equal(parse_cpus(".25", &v), 0);
	assert_int_equal(v, 250000000);
	assert_int_equal(parse_cpus("0.0000000009", &v), 0);
	assert_int_equal(v, 0);
	static const char *const bad[] = {"", ".", "x", "1.x", "-1", "1e3", "99999999999999999999", "1.5 "};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(parse_cpus(bad[i], &v), -1);
	assert_int_equal(parse_cpuset("0-2,5", &set), 0);
	assert_true(CPU_COUNT(&set) == 4 && CPU_ISSET(5, &set) && !CPU_ISSET(3, &set));
	static const char *const sets[] = {"", "x", "1-", "-1", "3-1", "1,", ",1", "99999", "1 2"};
	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++)
		assert_int_equal(parse_cpuset(sets[i], &set), -1);
	assert_int_equal(parse_ulimit("nofile=10:20", &u, &err), 0);
	assert_true(u.resource == RLIMIT_NOFILE && u.soft == 10 && u.hard == 20);
	assert_int_equal(parse_ulimit("core=-1", &u, &err), 0);
	assert_true(u.soft == UINT64_MAX && u.hard == UINT64_MAX);
	static const char *const limits[] = {"", "nofile", "nofile=", "=1", "beer=1", "nofile=2:1", "nofile=-2", "nofile=-1:5", "nofile=1:"};
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		assert_int_equal(parse_ulimit(limits[i], &u, &err), -1);
		assert_non_null(err);
	}
	free(err);
	assert_int_equal(capability_number("CAP_CHOWN"), 0);
	assert_int_equal(capability_number("net_raw"), 13);
	assert_int_equal(capability_number("Cap_Checkpoint_Restore"), 40);
	assert_int_equal(capability_number("all"), 64);
	assert_int_equal(capability_number("cap_"), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_exposed),
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
