/* SPDX-License-Identifier: MIT */
/* capget, capset, and prctl's bounding set, ambient set, securebits, keepcaps, no_new_privs. */
#include "cred_util.h"

static void versions(void)
{
	static const uint32_t v[] = {_LINUX_CAPABILITY_VERSION_1, _LINUX_CAPABILITY_VERSION_2, _LINUX_CAPABILITY_VERSION_3, 0, 7};
	struct __user_cap_header_struct h;
	struct __user_cap_data_struct d[2];

	for (int i = 0; i < 5; i++) {
		h.version = v[i];
		h.pid = 0;
		memset(d, 0x55, sizeof(d));
		T(syscall(SYS_capget, &h, d));
		printf("  version now %x, d %x %x %x / %x %x %x\n", h.version, d[0].effective, d[0].permitted,
		       d[0].inheritable, d[1].effective, d[1].permitted, d[1].inheritable);
		h.version = v[i];
		T(syscall(SYS_capget, &h, NULL));
		h.version = v[i];
		h.pid = -1;
		T(syscall(SYS_capget, &h, d));
		T(syscall(SYS_capget, &h, NULL));
		h.version = v[i];
		h.pid = 9999999;
		T(syscall(SYS_capget, &h, d));
		T(syscall(SYS_capset, &h, d));
		h.version = v[i];
		h.pid = getpid();
		T(syscall(SYS_capget, &h, d));
		h.version = v[i];
		T(syscall(SYS_capset, &h, d));
		h.pid = getppid();
		h.version = v[i];
		T(syscall(SYS_capset, &h, d));
		h.pid = 0;
		T(syscall(SYS_capset, &h, 8L));
		T(syscall(SYS_capget, &h, 8L));
	}
	T(syscall(SYS_capget, 8L, d));
	T(syscall(SYS_capget, NULL, NULL));
	T(syscall(SYS_capset, 8L, d));
}

#define B(c) (1ull << (c))

static void set_rules(void)
{
	CHILD {
		T(caps_set(B(1), B(1) | B(2) | B(CAP_SETPCAP), 0));
		show_ids("e1 p1,2,8");
		T(caps_set(B(3), B(1) | B(2), 0));
		T(caps_set(B(1), B(1) | B(2) | B(4), 0));
		T(caps_set(B(2), B(1), 0));
		T(caps_set(0, B(1), B(5)));
		T(caps_set(0, B(1) | B(2), B(2)));
		show_ids("i2");
		T(caps_set(B(1), B(1), B(2)));
		T(caps_set(0, B(1), B(1)));
		T(caps_set(0, B(1) | B(2), 0));
		show_ids("end");
	}
	CHILD {
		/* With CAP_SETPCAP the inheritable set may take from the bounding set. */
		T(caps_set(B(CAP_SETPCAP), B(CAP_SETPCAP), B(5) | B(6)));
		T(prctl(PR_CAPBSET_DROP, 7, 0, 0, 0));
		T(caps_set(B(CAP_SETPCAP), B(CAP_SETPCAP), B(7)));
		T(caps_set(B(CAP_SETPCAP), B(CAP_SETPCAP), B(9)));
		show_ids("end");
	}
}

static void bounding(void)
{
	T(prctl(PR_CAPBSET_READ, 0));
	T(prctl(PR_CAPBSET_READ, CAP_LAST_CAP + 1));
	T(prctl(PR_CAPBSET_READ, -1));
	T(prctl(PR_CAPBSET_DROP, CAP_LAST_CAP + 1));
	T(prctl(PR_CAPBSET_DROP, 3));
	T(prctl(PR_CAPBSET_DROP, 3));
	T(prctl(PR_CAPBSET_READ, 3));
	CHILD {
		T(setresuid(4, 4, 4));
		T(prctl(PR_CAPBSET_DROP, 4));
		T(prctl(PR_CAPBSET_DROP, 400));
		T(prctl(PR_CAPBSET_READ, 4));
	}
}

static void ambient(void)
{
	T(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 5, 0, 0));
	T(caps_set(B(5) | B(6), B(5) | B(6), B(5)));
	T(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 5, 0, 0));
	T(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 6, 0, 0));
	T(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 500, 0, 0));
	T(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 5, 1, 0));
	T(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, 5, 0, 1));
	T(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, 5, 0, 0));
	T(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, 6, 0, 0));
	T(prctl(PR_CAP_AMBIENT, 9, 6, 0, 0));
	T(prctl(PR_CAP_AMBIENT, 9, 600, 0, 0));
	T(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 1, 0, 0));
	show_ids("ambient 5");
	CHILD {
		T(caps_set(B(5) | B(6), B(5) | B(6), 0));
		show_ids("not inheritable any more");
	}
	CHILD {
		T(caps_set(0, 0, B(5)));
		show_ids("not permitted any more");
	}
	T(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_LOWER, 6, 0, 0));
	T(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_LOWER, 5, 0, 0));
	show_ids("lowered");
	T(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 5, 0, 0));
	T(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0));
	show_ids("cleared");
}

static void securebits(void)
{
	T(prctl(PR_SET_SECUREBITS, 0x10000));
	T(prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NO_CAP_AMBIENT_RAISE));
	T(prctl(PR_GET_SECUREBITS));
	T(prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NOROOT_LOCKED));
	T(prctl(PR_SET_SECUREBITS, SECBIT_NOROOT_LOCKED));
	T(prctl(PR_SET_SECUREBITS, SECBIT_NOROOT));
	T(prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP));
	T(prctl(PR_GET_SECUREBITS));
	T(setresuid(4, 4, 4));
	show_ids("no fixup");
	T(setfsuid(0));
	show_ids("no fixup fs");
	T(prctl(PR_SET_KEEPCAPS, 1));
	T(prctl(PR_GET_SECUREBITS));
	T(prctl(PR_SET_KEEPCAPS, 2));
	T(prctl(PR_GET_KEEPCAPS));
	T(prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_KEEP_CAPS_LOCKED));
	T(prctl(PR_SET_KEEPCAPS, 1));
	T(prctl(PR_SET_KEEPCAPS, 0));
	T(caps_set(0, 0, 0));
	T(prctl(PR_SET_SECUREBITS, prctl(PR_GET_SECUREBITS)));
}

int main(void)
{
	CHILD versions();
	set_rules();
	CHILD bounding();
	CHILD ambient();
	CHILD securebits();
	CHILD {
		T(prctl(PR_SET_KEEPCAPS, 1));
		T(setresuid(4, 4, 4));
		show_ids("kept");
		T(caps_set(B(3), B(3), 0));
		show_ids("raised");
	}
	CHILD {
		T(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
		T(prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0));
		T(prctl(PR_SET_NO_NEW_PRIVS, 1, 1, 0, 0));
		T(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
		T(prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0));
		T(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
		T(prctl(PR_GET_NO_NEW_PRIVS, 1, 0, 0, 0));
	}
	return 0;
}
