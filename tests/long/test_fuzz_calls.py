#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
Random system calls inside the sandbox (tests/long/fuzz_calls.c) for FUZZ_CALLS_SECONDS (600): the sentry neither crashes nor
hangs, and ends with as many descriptors as it began with. FUZZ_CALLS_SEED repeats a run, as far as threads let it.
"""
import os
import struct
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from sandbox import Suite, ours, parent  # noqa: E402

SECONDS = int(os.environ.get("FUZZ_CALLS_SECONDS", "600"))
SEED = int(os.environ.get("FUZZ_CALLS_SEED", str(int(time.time()) % 100000)))
HEAD = struct.Struct("4Q3q")
ENTRY = struct.Struct("8Q24sq")
THREADS = 3


class Tail:
    """The last of what a run prints. Through a pipe: in a file the guest could seek, and make it as long as it likes."""

    def __init__(self, pipe):
        self.data = b""
        self.thread = threading.Thread(target=self.read, args=(pipe,), daemon=True)
        self.thread.start()

    def read(self, pipe):
        for chunk in iter(lambda: os.read(pipe.fileno(), 65536), b""):
            self.data = (self.data + chunk)[-65536:]

    def text(self):
        self.thread.join(10)
        return self.data.decode(errors="replace")


def descriptors(pid):
    """Of a sentry, but for those of System V segments: they stay until somebody removes them, which the calls seldom do."""
    n = 0
    try:
        for fd in os.listdir("/proc/%d/fd" % pid):
            try:
                n += not os.readlink("/proc/%d/fd/%s" % (pid, fd)).startswith("/memfd:sysv")
            except FileNotFoundError:
                continue
    except OSError:
        return -1
    return n


def memory_kb(pid):
    try:
        with open("/proc/%d/status" % pid) as f:
            return int(next((line.split()[1] for line in f if line.startswith("VmRSS:")), 0))
    except OSError:
        return -1


def sentry(run):
    """The sentry of this run: the oldest process of that name beneath it."""
    for pid in sorted(ours()):
        with open("/proc/%d/comm" % pid) as f:
            if f.read().strip() != "picket-sentry":
                continue
        up = pid
        while up > 1 and up != run:
            up = parent(up)
        if up == run:
            return pid
    return 0


def last_calls(path):
    with open(path, "rb") as f:
        data = f.read()
    lines = ["calls %d, episodes %d, deaf %d, not forked %d, not started %d (errno %d)" % HEAD.unpack_from(data)[1:]]
    at, i = HEAD.size, 0
    while at + ENTRY.size <= len(data):
        n, nr, *rest = ENTRY.unpack_from(data, at)
        if n:
            args, name, ret = rest[:6], rest[6].split(b"\0")[0].decode(), rest[7]
            lines.append("%d.%d %s(%s) = %s" % (i // THREADS, i % THREADS, name, ", ".join("%#x" % a for a in args),
                                              "?" if ret == -2 ** 63 else ret))
        at, i = at + ENTRY.size, i + 1
    return "\n".join(lines)


def progress(path):
    try:
        with open(path, "rb") as f:
            return HEAD.unpack(f.read(HEAD.size))
    except (OSError, struct.error):
        return (0,) * 7


def main(build):
    s = Suite(build)
    s.compile("long/fuzz_calls.c")
    log = os.path.join(s.work, "shared", "log")
    os.mkdir(os.path.dirname(log))
    argv = s.argv(["/t/fuzz_calls", str(SECONDS), str(SEED), "/shared/log"],
                  ["-v", os.path.dirname(log) + ":/shared", "--memory", "1g", "--pids-limit", "800"])
    p = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    out = Tail(p.stdout)
    begin, moved, seen, first, last, rss = time.time(), time.time(), 0, 0, 0, 0
    hang, head = False, (0,) * 7
    pid = 0
    while p.poll() is None:
        time.sleep(0.25)
        pid = pid or sentry(p.pid)
        head = progress(log)
        if pid and not first:
            first = descriptors(pid)
        if head[1] != seen:
            seen, moved = head[1], time.time()
        elif time.time() - moved > 60:
            hang = True
            p.kill()
        if pid and p.poll() is None:
            last, rss = max(descriptors(pid), 0) or last, memory_kb(pid)
    text = out.text()
    detail = "seed %d after %d s: status %s\n%s\n%s" % (SEED, time.time() - begin, p.returncode, text[-3000:], last_calls(log))
    s.check("fuzz calls: %d made in %d episodes, %d of them deaf" % (seen, head[2], head[3]), p.returncode == 0 and not hang and "calls " in text, detail)
    # What a first run opens and keeps (pools of stubs, files of images) may stay; what grows with the calls may not.
    s.check("fuzz calls: descriptors %d at first, %d at last, %d kB" % (first, last, rss), last <= first + 64, detail)
    s.finish()


main(sys.argv[1])
