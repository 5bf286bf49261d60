#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
stress-ng's stressors of the classes cpu, memory, vm, interrupt, scheduler and os inside the sandbox, each for a few seconds with
--verify. One that fails inside must fail natively too; the sentry outlives them all, and says so by the status of the run.

STRESSORS names others than all, STRESS_SECONDS their time (2).
"""
import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from sandbox import Suite, left_over, ours  # noqa: E402

CLASSES = "cpu memory vm interrupt scheduler os".split()
SECONDS = os.environ.get("STRESS_SECONDS", "2")
# stress-ng's own statuses: success, not enough resources, not implemented here.
FINE = (0, 3, 4)
# What is not tried, and why.
LEFT_OUT = {
    "cpu-online": "takes processors of the machine off line when it is allowed to",
    "smi": "needs the machine's own ports",
}
# What fails inside alone: the words it has to fail with, and the reason.
RAW = (r"socket failed, errno=1 \(Operation not permitted\)",
       "raw and packet sockets would need CAP_NET_RAW of the host's network namespace; a ping is served by the host's ICMP echo sockets")
EXPLAINED = {name: RAW for name in ("icmp-flood", "rawpkt", "rawsock", "rawudp")}


def stressors():
    if os.environ.get("STRESSORS"):
        return os.environ["STRESSORS"].split()
    names = set()
    for c in CLASSES:
        p = subprocess.run(["stress-ng", "--class", c + "?"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        names.update(re.search(r"stressors: (.*)", p.stdout.decode()).group(1).split())
    return sorted(n for n in names if n not in LEFT_OUT)


def command(name, inside):
    # In /tmp of the sandbox, or in a directory of its own natively; small data, since the machine is shared. What may take a
    # whole machine with it is tried inside alone, where it can not.
    return ["stress-ng", "--" + name, "2", "--timeout", SECONDS + "s", "--verify", "--temp-path", ".", "--no-rand-seed",
            "--vm-bytes", "64m", "--hdd-bytes", "64m", "--iomix-bytes", "64m", "--memfd-bytes", "64m",
            "--mmap-bytes", "64m", "--fallocate-bytes", "64m", "--revio-bytes", "32m", "--shm-bytes", "8m", "--oomable",
            *(["--pathological"] if inside else [])]


def explained(name, status, out):
    return name in EXPLAINED and status == 2 and re.search(EXPLAINED[name][0], out)


def natively(s, name):
    d = os.path.join(s.work, "native")
    os.makedirs(d, exist_ok=True)
    try:
        p = subprocess.run(["unshare", "-r", "-n", "-i", "-u", *command(name, False)], cwd=d, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, timeout=120)
        return p.returncode
    except subprocess.TimeoutExpired:
        return "timeout"


def main(build):
    s = Suite(build)
    if not shutil.which("stress-ng"):
        print("ok stress-ng # SKIP not installed")
        s.finish()
    skipped, before = [], ours()
    for name in stressors():
        status, out = s.run(command(name, True), ["-w", "/tmp", "--memory", "3g", "--tmpfs", "/mnt"], timeout=120)
        if status in (3, 4):
            skipped.append(name)
        fine = status in FINE or explained(name, status, out) or (status != "timeout" and status < 100 and natively(s, name) == status)
        s.check("stress-ng %s: %s" % (name, status), fine, out[-1500:])
    left = left_over(before)
    s.check("stress-ng leaves nothing", not left, str(left))
    print("# skipped by the stressors themselves: " + " ".join(skipped))
    s.finish()


main(sys.argv[1])
