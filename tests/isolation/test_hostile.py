#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Hostile guests: the sandbox lives or ends, the host and another sandbox notice nothing, no process is left over."""
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from sandbox import Suite, describe, left_over, ours  # noqa: E402


def memory_available():
    with open("/proc/meminfo") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("MemAvailable"))


def main(build):
    s = Suite(build)
    s.compile("isolation/hostile.c")
    before = ours()
    # A second sandbox that works all the time.
    other = subprocess.Popen(s.argv(["sh", "-c", "i=0; while :; do i=$((i+1)); /bin/true; echo $i; done"]), stdout=subprocess.PIPE,
                             stdin=subprocess.DEVNULL, start_new_session=True)
    os.set_blocking(other.stdout.fileno(), False)
    base = before | ours()
    time.sleep(0.5)
    base |= ours()

    for attack in ("syscalls", "fuzz", "scribble", "jump", "site", "tornslot", "forgedcall", "forgedmap", "anygs", "names", "forge", "scmbomb", "giveback", "watches", "requeue", "timers", "mountwait"):
        status, out = s.run(["/t/hostile", attack], timeout=120)
        s.check(attack + ": the sandbox survives", status == 0 and "survived" in out, "status %s\n%s" % (status, out[-800:]))
    status, out = s.run(["/t/hostile", "threadbomb"], ["--pids-limit", "300"], timeout=120)
    s.check("thread bomb: EAGAIN at the limit", status == 0 and "EAGAIN" in out, "status %s\n%s" % (status, out[-800:]))
    status, out = s.run(["/t/hostile", "memhog"], ["--memory", "256m"], timeout=60)
    s.check("memory hog: ended as out of memory", status == 137, "status %s\n%s" % (status, out[-800:]))
    status, out = s.run(["/t/hostile", "leaderless"], ["--memory", "256m"], timeout=60)
    s.check("memory hog whose first thread has ended: ended as out of memory", status == 137 and "alone" in out,
            "status %s\n%s" % (status, out[-800:]))
    for hog in ("sharedhog", "mappedhog"):
        status, out = s.run(["/t/hostile", hog], ["--memory", "256m"], timeout=60)
        s.check(hog + ": ended as out of memory", status == 137, "status %s\n%s" % (status, out[-800:]))
    status, out = s.run(["/t/hostile", "filehog"], ["--memory", "256m"], timeout=60)
    s.check("file hog: ENOSPC or ENOMEM", status == 0 and ("No space" in out or "Cannot allocate" in out), "status %s\n%s" % (status, out))
    status, out = s.run(["/t/hostile", "fdbomb"], timeout=120)
    s.check("descriptor bomb: EMFILE", status == 0 and "Too many open files" in out, "status %s\n%s" % (status, out))
    status, out = s.run(["/t/hostile", "forkbomb"], ["--pids-limit", "150"], timeout=6)
    s.check("fork bomb: contained until it is ended", status == "timeout", "status %s\n%s" % (status, out[-800:]))
    s.check("fork bomb: nothing left over", not left_over(base), describe(left_over(base, 0)))
    status, out = s.run(["/t/hostile", "spin"], timeout=2)
    s.check("a guest that computes for ever: nothing left over", not left_over(base), describe(left_over(base, 0)))

    s.check("the other sandbox still works", other.poll() is None)
    lines = (other.stdout.read() or b"").split()
    time.sleep(1)
    more = (other.stdout.read() or b"").split()
    s.check("the other sandbox makes progress", len(lines) > 10 and len(more) > 5, "%d lines, then %d" % (len(lines), len(more)))
    s.check("the host has its memory", memory_available() > 512 * 1024)
    other.kill()
    other.wait()
    s.check("nothing left over at the end", not left_over(before), describe(left_over(before, 0)))
    s.finish()


main(sys.argv[1])
