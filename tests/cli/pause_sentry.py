#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The freezer, the share of the processors and changed limits of a sentry, asked for on its control socket, without picket between.

Use: pause_sentry.py BUILD-DIRECTORY [NAME…]. Prints "ok NAME" or "not ok NAME"; the exit status tells whether all passed.
"""
import os
import signal
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from exec_sentry import Sentry, check, LIMIT  # noqa: E402
import exec_sentry  # noqa: E402

BUILD = sys.argv[1]
GUEST = os.path.abspath(os.environ.get("PAUSE_GUEST", BUILD + "/tests/cli/pause-guest"))  # no sanitizer may be in it


class World:
    """A sentry with pause-guest in it, whose counters a file of the host shows."""

    def __init__(self, more=()):
        self.dir = tempfile.mkdtemp(prefix="picket-pause-")
        self.path = self.dir + "/counters"
        with open(self.path, "wb") as f:
            f.truncate(4096)
        self.inside = os.open(self.dir, os.O_RDONLY | os.O_DIRECTORY)
        self.guest_dir = os.open(os.path.dirname(GUEST), os.O_RDONLY | os.O_DIRECTORY)
        os.set_inheritable(self.inside, True)
        os.set_inheritable(self.guest_dir, True)
        self.r, self.w = os.pipe()
        self.in_r, self.in_w = os.pipe()
        os.set_inheritable(self.inside, True)
        self.s = Sentry("/mnt/bin/pause-guest", "/mnt/data/counters",
                        more=[("bind", "/mnt/data", self.inside, "rw"), ("bind", "/mnt/bin", self.guest_dir, "ro")] + list(more),
                        fds=(self.inside, self.guest_dir, self.in_r, self.w), stdio=(self.in_r, self.w, 2))
        os.close(self.w)
        os.close(self.in_r)

    def line(self):
        out = b""
        while not out.endswith(b"\n"):
            b = os.read(self.r, 1)
            if not b:
                break
            out += b
        return out.decode().strip()

    def ask_guest(self):
        os.write(self.in_w, b"check\n")
        return self.line()

    def counters(self):
        with open(self.path, "rb") as f:
            return f.read(80)

    def close(self):
        r = self.s.close()
        os.unlink(self.path)
        os.rmdir(self.dir)
        for fd in (self.r, self.in_w, self.inside, self.guest_dir):
            os.close(fd)
        return r


def test_pause():
    w = World()
    check("the guest runs", w.line() == "errors 0")
    for i in range(10):
        a = w.s.ask("pause")
        before = w.counters()
        time.sleep(0.15)
        after = w.counters()
        if a != "ok" or before != after:
            check("nothing runs while paused", False, f"{a} {before.hex()} {after.hex()}")
            break
        if w.s.ask("unpause") != "ok":
            check("unpause", False)
        time.sleep(0.02)
    else:
        check("nothing runs while paused", True)
    check("all goes on behind it, and no call has failed", w.ask_guest() == "errors 0")
    check("the sentry ends", w.close() == 0)


def test_quick():
    w = World()
    w.line()
    good = True
    for i in range(200):
        good &= w.s.ask("pause") == "ok" and w.s.ask("unpause") == "ok"
    check("200 pauses", good)
    check("all goes on behind them", w.ask_guest() == "errors 0")
    w.close()


def test_kill():
    for sig in (signal.SIGKILL, signal.SIGTERM):
        w = World()
        w.line()
        w.s.ask("pause")
        w.s.control.send(f"signal {int(sig)}".encode())
        if sig != signal.SIGKILL:
            time.sleep(0.2)
            check("a signal waits for the end of the pause", w.s.proc.poll() is None)
            w.s.control.send(b"ask 999 unpause")
        said = ""
        while said != f"exit {int(sig)}":
            said = w.s.control.recv(4096).decode()
        check(f"signal {int(sig)} ends a paused sandbox", True)
        check("the sentry has gone", w.s.proc.wait(LIMIT) == 0)
        w.close()


def test_exec_while_paused():
    w = World()
    w.line()
    w.s.ask("pause")
    check("no session is born while paused", "paused" in w.s.open("/bin/sh", "-c", "exit 3").answer)
    w.s.ask("unpause")
    check("behind it there is", w.s.open("/bin/sh", "-c", "exit 3").end() == "exit 768")
    w.close()


def words(text):
    return {k: int(v) for k, v in (w.split("=") for w in text.split()[1:])}


def test_cpus():
    s = Sentry("/bin/sh", "-c", "while :; do :; done & while :; do :; done", more=[("cpus", 250000000)])
    time.sleep(0.3)
    a, t0 = words(s.ask("stats")), time.monotonic()
    time.sleep(3)
    b, t1 = words(s.ask("stats")), time.monotonic()
    share = (b["cpu_ns"] - a["cpu_ns"]) / (t1 - t0) / 1e9
    check("a quarter of a processor", 0.1 < share < 0.32, share)
    check("stats tell the limit", b["cpus"] == 250000000 and b["throttled_ns"] > a["throttled_ns"])
    end, out = s.run("/bin/sh", "-c", "cat /sys/fs/cgroup/cpu.max")
    check("a session runs meanwhile", end == "exit 0" and out == "25000 100000\n", (end, out))
    s.ask("limits cpus=0")
    time.sleep(0.3)
    a, t0 = words(s.ask("stats")), time.monotonic()
    time.sleep(1)
    b, t1 = words(s.ask("stats")), time.monotonic()
    check("no limit any more", b["cpus"] == 0 and b["throttled_ns"] == a["throttled_ns"] and b["cpu_ns"] > a["cpu_ns"], (a, b))
    s.close()


def test_limits():
    s = Sentry("/bin/sleep", "1000")
    a = words(s.ask("stats"))
    check("stats", a["pids"] == 1 and a["memory"] > 0 and a["memory_limit"] == 0, a)
    check("limits", s.ask("limits memory=67108864 pids=3") == "ok")
    end, out = s.run("/bin/sh", "-c", "cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/pids.max")
    check("the guest sees them", out == "67108864\n3\n", out)
    end, out = s.run("/bin/sh", "-c", "sleep 0.2 & sleep 0.2 & sleep 0.2 & wait")
    check("too many processes", "fork" in out.lower() or end != "exit 0", (end, out))
    end, out = s.run("/usr/bin/python3", "-c", "x = bytearray(200 << 20)\nimport time\ntime.sleep(20)")
    check("too much memory", end == "exit 9", (end, out))
    s.ask("stats")
    check("and it is told", any(u.startswith("oom ") and u.endswith(" python3") for u in s.unasked), s.unasked)
    check("an unknown limit", s.ask("limits beer=3").startswith("error 22 "))
    s.close()


def test_rights():
    s = Sentry("/bin/sleep", "1000", more=[("ulimit", 7, 99, 100), ("shm-size", 1 << 20), ("oom-score-adj", "-5"),
               ("sysctl", "kernel.msgmax", "4096"), ("caps", 1), ("no-new-privs",), ("group-add", "1234"), ("domainname", "example")])
    end, out = s.run("/bin/sh", "-c", "ulimit -n; ulimit -Hn; df -k /dev/shm | tail -1 | awk '{print $2}'; cat /proc/self/oom_score_adj"
                     " /proc/sys/kernel/msgmax /proc/sys/kernel/domainname; id -G; grep -E 'Cap(Prm|Eff|Bnd)|NoNewPrivs' /proc/self/status")
    check("ulimit, shm-size, oom-score-adj, sysctl, domainname, group-add, caps, no-new-privs", out.split() == [
        "99", "100", "1024", "-5", "4096", "example", "0", "1234", "CapPrm:", "0" * 15 + "1", "CapEff:", "0" * 15 + "1", "CapBnd:",
        "0" * 15 + "1", "NoNewPrivs:", "1"], out)
    s.close()
    s = Sentry("/bin/sleep", "1000", more=[("sysctl", "kernel.nosuch", "1")])
    check("a parameter that is not there", "kernel.nosuch" in s.first, s.first)
    s.close()


if __name__ == "__main__":
    for name, fn in list(globals().items()):
        if name.startswith("test_") and (len(sys.argv) < 3 or name[5:] in sys.argv[2:]):
            fn()
    sys.exit(exec_sentry.failures > 0)
