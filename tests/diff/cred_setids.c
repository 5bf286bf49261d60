/* SPDX-License-Identifier: MIT */
/* set*uid, set*gid: which changes are allowed from which state, and what becomes of the ids, capabilities and dumpable. */
#include "cred_util.h"

static const int states[][3] = {{0, 0, 0}, {1, 2, 3}, {1, 1, 1}, {1, 0, 0}, {0, 1, 0}, {1, 0, 1}, {0, 1, 1}, {1, 1, 0}, {0, 2, 2}};
static const int values[] = {-1, 0, 1, 2, 3, 4};

#define N(a) (int)(sizeof(a) / sizeof((a)[0]))

static void start(int i)
{
	if (syscall(SYS_setresgid, states[i][0], states[i][1], states[i][2]) ||
	    syscall(SYS_setresuid, states[i][0], states[i][1], states[i][2]))
		printf("cannot start %d: %m\n", i);
	prctl(PR_SET_DUMPABLE, 1);
	printf("state %d\n", i);
}

static void report(const char *what, int a, int b, int c, long r)
{
	printf(" %s(%d, %d, %d) %s", what, a, b, c, r < 0 ? name_of(errno) : "ok");
	show_ids("");
	prctl(PR_SET_DUMPABLE, 1);
}

int main(void)
{
	for (int i = 0; i < N(states); i++) {
		for (int v = 0; v < N(values); v++) {
			CHILD {
				start(i);
				report("setgid", values[v], 0, 0, syscall(SYS_setgid, values[v]));
				report("setuid", values[v], 0, 0, syscall(SYS_setuid, values[v]));
			}
			CHILD {
				start(i);
				printf("setfsgid was %ld", syscall(SYS_setfsgid, values[v]));
				printf(" setfsuid was %ld", syscall(SYS_setfsuid, values[v]));
				report("", values[v], 0, 0, 0);
				syscall(SYS_setfsuid, 0);
				show_ids("back");
			}
			for (int w = 0; w < N(values); w++) {
				CHILD {
					start(i);
					report("setregid", values[v], values[w], 0, syscall(SYS_setregid, values[v], values[w]));
					report("setreuid", values[v], values[w], 0, syscall(SYS_setreuid, values[v], values[w]));
				}
				CHILD {
					int a = values[v], b = values[w], c = values[(v + w) % N(values)];

					start(i);
					report("setresgid", a, b, c, syscall(SYS_setresgid, a, b, c));
					report("setresuid", a, b, c, syscall(SYS_setresuid, a, b, c));
				}
			}
		}
	}
	return 0;
}
