#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Where the time of a start goes: a chart of `picket run … true` from the caller's fork to the return of the command.

usage: start.py BUILD-DIRECTORY [--user NAME] [--runs N] [--long] [--picket 'OPTIONS OF RUN'] [-- COMMAND…]

Needs root, for the kernel's tracing (tracefs: system calls, page faults, and births and deaths of processes); the command is run as NAME (the
caller's user of sudo, else root). Of N runs the shortest is shown, which was disturbed least: a line for each process's stretch of work,
with what it did (calls, faults, µs inside the kernel, µs waiting for others), and a line for each step that took longer than 30 µs. --long
shows each call. Tracing itself costs about a tenth of the time.
"""
import argparse
import os
import pwd
import re
import statistics
import subprocess
import sys
import tempfile
import time

TRACING = "/sys/kernel/tracing"
WAITS = {"poll", "ppoll", "epoll_wait", "epoll_pwait", "futex", "wait4", "waitid", "recvmsg", "recvfrom", "read", "nanosleep",
         "clock_nanosleep", "pselect6", "rt_sigtimedwait"}
LINE = re.compile(r"\s*(.+)-(\d+)\s+\[(\d+)\]\s+\S+\s+([\d.]+): (\w+): (.*)")


def names():
    """Numbers of system calls, by name of the machine's own header."""
    out = {}
    text = subprocess.run(["cc", "-E", "-dM", "-include", "sys/syscall.h", "-x", "c", "/dev/null"], capture_output=True, text=True).stdout
    for m in re.finditer(r"#define __NR_(\w+) (\d+)", text):
        out[int(m.group(2))] = m.group(1)
    return out


class Trace:
    """An instance of the kernel's tracer for this process's children."""

    def __init__(self):
        self.dir = TRACING + "/instances/picket-start-%d" % os.getpid()
        os.mkdir(self.dir)
        self.write("trace_clock", "mono")
        self.write("buffer_size_kb", "16384")
        self.write("options/event-fork", "1")
        for event in ("raw_syscalls/sys_enter", "raw_syscalls/sys_exit", "sched/sched_process_fork", "sched/sched_process_exec",
                      "sched/sched_process_exit", "exceptions/page_fault_user"):
            self.write("events/%s/enable" % event, "1")

    def write(self, name, value):
        with open(os.path.join(self.dir, name), "w") as f:
            f.write(value)

    def run(self, argv, env, uid, gid, cwd):
        self.write("trace", "")
        go, ready = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(ready)
            os.read(go, 1)
            null = os.open("/dev/null", os.O_RDWR)
            for fd in (0, 1, 2):
                os.dup2(null, fd)
            os.initgroups(pwd.getpwuid(uid).pw_name, gid) if uid else None
            os.setresgid(gid, gid, gid)
            os.setresuid(uid, uid, uid)
            os.chdir(cwd)
            os.execve(argv[0], argv, env)
        os.close(go)
        self.write("set_event_pid", str(child))
        self.write("tracing_on", "1")
        os.close(ready)
        status = os.waitpid(child, 0)[1]
        end = time.monotonic()
        time.sleep(0.05)
        self.write("tracing_on", "0")
        self.write("set_event_pid", "")
        with open(self.dir + "/trace") as f:
            return child, status, end, f.read()

    def close(self):
        os.rmdir(self.dir)


class Thread:
    def __init__(self, tid, parent, born):
        self.tid, self.parent, self.born, self.name, self.died = tid, parent, born, None, None
        self.events, self.open, self.faults = [], None, []


def read_trace(text, child, numbers):
    """Threads by number, with what they called: (begin, end, name, result)."""
    threads = {child: Thread(child, None, None)}
    for line in text.splitlines():
        m = LINE.match(line)
        if not m:
            continue
        tid, at, what, rest = int(m.group(2)), float(m.group(4)), m.group(5), m.group(6)
        t = threads.setdefault(tid, Thread(tid, None, at))
        if what == "sched_process_fork":
            new = int(re.search(r"child_pid=(\d+)", rest).group(1))
            threads[new] = Thread(new, tid, at)
            threads[new].name = t.name
        elif what == "sched_process_exec":
            t.name = os.path.basename(re.search(r"filename=(\S*)", rest).group(1)) or "memfd"
            t.events.append((at, at, "-- exec", 0))
            t.open = None
        elif what == "sched_process_exit":
            t.died = at
            if t.open:
                t.events.append((t.open[0], at, t.open[1], None))
        elif what == "sys_enter":
            nr = int(re.match(r"NR (\d+)", rest).group(1))
            t.open = (at, numbers.get(nr, str(nr)))
        elif what == "sys_exit":
            if t.open:
                t.events.append((t.open[0], at, t.open[1], int(rest.split("=")[1])))
            t.open = None
        elif what == "page_fault_user":
            t.faults.append(at)
    return threads


def gap_text(seconds):
    return "%7.0f" % (seconds * 1e6)


def chart(threads, zero, end, long):
    """What each thread did, in order of birth. User time is what lies between calls; page faults are in it."""
    print("total %.0f µs" % ((end - zero) * 1e6))
    for t in sorted(threads.values(), key=lambda t: t.born or 0):
        first = t.born or zero
        if not t.events or first > end + 0.02:
            continue
        last = t.died or t.events[-1][1]
        calls = [e for e in t.events if not e[2].startswith("--") and e[0] >= zero]
        waits = sum(min(e[1], last) - e[0] for e in calls if e[2] in WAITS)
        inside = sum(min(e[1], last) - e[0] for e in calls if e[2] not in WAITS)
        print("\n%d %s (of %s): %s to %s µs, %d calls, %d faults, %.0f µs in calls, %.0f waiting" % (
            t.tid, t.name or "?", t.parent or "us", gap_text(first - zero).strip(), gap_text(last - zero).strip(), len(calls),
            len([f for f in t.faults if f >= zero]), inside * 1e6, waits * 1e6))
        before, many = max(first, zero), 0
        begun = before
        for b, e, name, result in t.events:
            if e < zero or b > end + 0.02:
                continue
            own, took = b - before, e - b
            faults = len([f for f in t.faults if before <= f <= b])
            if own * 1e6 > 30 or long or took * 1e6 > 30 or name == "-- exec":
                if many and not long:
                    print("  %s %s       %d short calls" % (gap_text(begun - zero), gap_text(before - begun), many))
                if own * 1e6 > 30 or long:
                    print("  %s %s       in the program, %d faults" % (gap_text(before - zero), gap_text(own), faults))
                print("  %s %s  %s = %s" % (gap_text(b - zero), gap_text(took), name, result))
                many, begun = 0, e
            else:
                many += 1
            before = e
        if many:
            print("  %s %s       %d short calls" % (gap_text(begun - zero), gap_text(before - begun), many))


def main():
    p = argparse.ArgumentParser(usage=__doc__)
    p.add_argument("build")
    p.add_argument("--user", default=os.environ.get("SUDO_USER", "root"))
    p.add_argument("--runs", type=int, default=15)
    p.add_argument("--long", action="store_true")
    p.add_argument("--dir", help="where the store and the runtime directory are made")
    p.add_argument("--picket", default="--rm --network none")
    p.add_argument("command", nargs="*")
    o = p.parse_intermixed_args()
    if not os.access(TRACING, os.W_OK):
        sys.exit("start.py: needs root and %s" % TRACING)
    user, numbers, trace = pwd.getpwnam(o.user), names(), Trace()
    picket = os.path.abspath(os.path.join(o.build, "cmd", "picket"))
    work = tempfile.mkdtemp(prefix="picket-start-", dir=o.dir)
    env = {"PATH": os.environ["PATH"], "HOME": work, "PICKET_STORE": work + "/store", "XDG_RUNTIME_DIR": work + "/run"}
    os.mkdir(work + "/run", 0o700)
    for d in (work, work + "/run"):
        os.chown(d, user.pw_uid, user.pw_gid)
    become = ["setpriv", "--reuid", str(user.pw_uid), "--regid", str(user.pw_gid), "--init-groups"]
    here = os.path.dirname(os.path.abspath(__file__))
    subprocess.run(become + [sys.executable, "-B", here + "/../lib/mkimage.py", "--busybox", work + "/layout", "bench:1"], check=True)
    subprocess.run(become + [picket, "load", work + "/layout"], env=env, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    argv = [picket, "run", *o.picket.split(), *(o.command or ["bench:1", "true"])]
    runs = []
    try:
        for _ in range(o.runs + 2):
            child, status, end, text = trace.run(argv, env, user.pw_uid, user.pw_gid, work)
            if status:
                sys.exit("start.py: %s: status %d" % (" ".join(argv), status))
            threads = read_trace(text, child, numbers)
            execs = [e for e in threads[child].events if e[2] == "-- exec"]
            zero = execs[0][0]
            runs.append((end - zero, zero, end, threads))
            time.sleep(0.05)
    finally:
        trace.close()
        subprocess.run(["chmod", "-R", "u+rwX", work])
        subprocess.run(["rm", "-rf", work])
    runs = sorted(runs[2:], key=lambda r: r[0])
    total, zero, end, threads = runs[0]
    print("median of %d: %.2f ms (%.2f to %.2f): %s" % (len(runs), statistics.median(r[0] for r in runs) * 1e3, runs[0][0] * 1e3,
                                                       runs[-1][0] * 1e3, " ".join(argv)))
    chart(threads, zero, end, o.long)


main()
