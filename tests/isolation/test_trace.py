#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A trace taken by the host: the host kernel runs no call of a guest but those on the short list (DESIGN: P1).

The guest calls every number from 0 to 470; the host's raw_syscalls tracepoint sees only calls that the seccomp filter let through. Set-up
as root gives this user an instance of the tracer (bootstrap); without it the test is skipped.
"""
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from sandbox import Suite  # noqa: E402

TRACE = "/sys/kernel/tracing/instances/picket-test"
# The guest's own memory and futexes, its own thread pointer, yielding; and what the stub does on the sentry's order.
ALLOWED = {
    9: "mmap", 10: "mprotect", 11: "munmap", 25: "mremap", 26: "msync", 27: "mincore", 216: "remap_file_pages", 28: "madvise", 202: "futex", 24: "sched_yield",
    449: "futex_waitv",  # a wait for words of one's own memory, as futex
    158: "arch_prctl", 15: "rt_sigreturn", 3: "close", 56: "clone", 60: "exit", 231: "exit_group", 157: "prctl",
    131: "sigaltstack", 218: "set_tid_address",
    334: "rseq", 324: "membarrier",  # looked at by the sentry first: an area in the guest's own memory; barriers of its own threads
    # Linux 6.11 and later let these two past every seccomp filter; outside a probe they are SIGILL.
    335: "uretprobe", 336: "uprobe",
}
# Once in a stub's life, right behind its filter: hand over the listener, close everything.
ONCE = {46: "sendmsg", 436: "close_range"}
# What a stub does before it installs its filter, and the zygote all its life (no guest code runs in it).
BIRTH = {317: "seccomp", 46: "sendmsg", 45: "recvfrom", 47: "recvmsg", 0: "read", 1: "write", 39: "getpid", 13: "rt_sigaction",
         14: "rt_sigprocmask", 302: "prlimit64", 444: "landlock_create_ruleset", 446: "landlock_restrict_self", 160: "setrlimit",
         436: "close_range", 186: "gettid", 59: "execve", 322: "execveat", 110: "getppid", 33: "dup2", 292: "dup3", 271: "ppoll", 7: "poll"}


def write(name, text):
    with open(os.path.join(TRACE, name), "w") as f:
        f.write(text)


def main(build):
    s = Suite(build)
    if not os.access(os.path.join(TRACE, "tracing_on"), os.W_OK):
        print("ok host-side trace # SKIP no tracer instance for this user (run ./bootstrap test as root)")
        s.finish()
    s.compile("isolation/hostile.c")
    write("tracing_on", "0")
    write("buffer_size_kb", "16384")
    write("trace", "")
    write("events/raw_syscalls/sys_enter/filter", 'comm == "picket-stub"')
    write("events/raw_syscalls/sys_enter/enable", "1")
    write("tracing_on", "1")
    status, out = s.run(["/t/hostile", "syscalls"], timeout=120)
    write("tracing_on", "0")
    write("events/raw_syscalls/sys_enter/enable", "0")
    s.check("the sandbox survives every system call", status == 0 and "survived" in out, out[-500:])
    watched = set()
    seen, sealed, once, lines, bad = {}, set(), set(), 0, []
    with open(os.path.join(TRACE, "trace"), errors="replace") as f:
        for line in f:
            m = re.match(r"\s*\S+-(\d+)\s+.*sys_enter: NR (-?\d+)", line)
            if not m:
                continue
            pid, nr = int(m.group(1)), int(m.group(2))
            lines += 1
            seen[nr] = seen.get(nr, 0) + 1
            if nr == 317:
                # Its filter, and once more the second one, which can only take away (docs/platform.md, watch-all).
                if pid in watched:
                    bad.append((pid, nr))
                if pid in sealed:
                    watched.add(pid)
                sealed.add(pid)
            elif nr in ONCE and (pid, nr) not in once:
                once.add((pid, nr))
            elif nr not in ALLOWED and not (nr in BIRTH and pid not in sealed):
                bad.append((pid, nr))
    write("trace", "")
    s.check("the trace saw the stubs (%d calls)" % lines, lines > 1000 and 202 in seen or lines > 1000)
    names = sorted({nr for _, nr in bad})
    s.check("only the calls of the list reached the host", not bad, "others: %s; all: %s" % (names, sorted(seen)))
    s.finish()


main(sys.argv[1])
