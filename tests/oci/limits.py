#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Limits of a container whose caller may make no control group: the sentry holds them. update, events and ps without a group, and their refusals.

Use: limits.py BUILD-DIRECTORY. Prints "ok NAME" or "not ok NAME"; the exit status tells whether all passed.
"""
import json
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import oci

rt = oci.Runtime(sys.argv[1])
check = rt.check
MIB = 1 << 20


def text(r):
    return (r.stdout + r.stderr).decode(errors="replace").strip()


def create(id, *args, resources, path=None, **kw):
    rt.config(*args)
    with open(rt.bundle + "/config.json") as f:
        config = json.load(f)
    config["mounts"].append({"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": ["ro"]})
    config["linux"]["resources"] = resources
    if path is not None:
        config["linux"]["cgroupsPath"] = path
    with open(rt.bundle + "/config.json", "w") as f:
        json.dump(config, f)
    out = open(rt.work + "/out", "wb")
    r = rt.call("--rootless", "true", *kw.get("options", ()), "create", "--bundle", rt.bundle, "--pid-file", rt.work + "/pid", id, stdout=out)
    return r


def pid_of():
    with open(rt.work + "/pid") as f:
        return int(f.read())


def said(seconds=10, until=None):
    """What the container wrote, when it has written `until`."""
    end = time.monotonic() + seconds
    while True:
        with open(rt.work + "/out") as f:
            s = f.read()
        if until is None or until in s or time.monotonic() > end:
            return s
        time.sleep(0.02)


def test_refusals():
    for resources, want in (({"cpu": {"shares": -1}}, "linux.resources.cpu.shares: not an integer of 0 or more"),
                            ({"memory": {"limit": "1"}}, "linux.resources.memory.limit: not an integer"),
                            ({"memory": {"swappiness": 101}}, "invalid memory swappiness value: 101 (valid range is 0-100)"),
                            ({"unified": {"a/b.c": "1"}}, "must be a file name (no slashes)"),
                            ({"devices": [{"allow": True, "access": "z"}]}, "invalid device access z"),
                            ({"hugepageLimits": [{"pageSize": "..", "limit": 1}]}, "linux.resources.hugepageLimits.pageSize"),
                            ({"pids": []}, "linux.resources.pids")):
        r = create("r", "/bin/true", resources=resources)
        check("refused: " + want, r.returncode == 1 and want in text(r) and not rt.containers(), text(r))


def test_held():
    """A place where nobody but root makes groups: they are held all the same."""
    r = create("l", "/bin/sh", "-c", "cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/pids.max /sys/fs/cgroup/cpu.max; "
               "while [ ! -e /go ]; do sleep 0.05; done; cat /sys/fs/cgroup/memory.max; "
               "i=0; while [ $i -lt 30 ]; do sleep 20 & i=$((i+1)); done; echo not reached",
               resources={"memory": {"limit": 60 * MIB}, "pids": {"limit": 12}, "cpu": {"quota": 50000, "period": 100000}}, path="/picket-oci-none/x")
    check("create without rights", r.returncode == 0, text(r))
    check("a warning says what is missing", "warning" in text(r) and "control group" in text(r), text(r))
    monitor = pid_of()
    check("no group is noted", '"cgroup"' not in open(rt.root + "/l/state.json").read())
    rt.call("start", "l")
    check("limits are told inside", said(until="50000").split() == [str(60 * MIB), "12", "50000", "100000"], said())
    r = rt.call("events", "--stats", "l")
    data = json.loads(r.stdout)
    check("statistics of the sentry", data["type"] == "stats" and data["id"] == "l" and data["data"]["memory"]["usage"]["limit"] == 60 * MIB and
          data["data"]["pids"]["limit"] == 12 and data["data"]["cpu"]["usage"]["total"] > 0, data)
    pids = json.loads(rt.call("ps", "--format", "json", "l").stdout)
    check("ps: monitor, sentry, stubs", monitor in pids and len(pids) > 2 and all(os.path.exists("/proc/%d" % p) for p in pids), pids)
    check("ps as a table", rt.call("ps", "l").stdout.decode().split("\n")[0].split()[1] == "PID")
    check("ps refuses other forms", rt.call("ps", "--format", "xml", "l").returncode == 1)
    r = rt.call("update", "--memory", "80m", "--pids-limit", "20", "l")
    check("update", r.returncode == 0, text(r))
    r = rt.call("update", "--resources", "-", "l", input=b'{"cpu":{"quota":70000}}', stdin=None)
    check("update by standard input", r.returncode == 0, text(r))
    for argv, want in ((("--cpuset-cpus", "0"), "cannot set cpuset limit"), (("--blkio-weight", "100"), "cannot set blkio limit"),
                       (("--memory", "much"), "invalid value for memory: much"), (("--resources", "/nowhere"), "/nowhere")):
        r = rt.call("update", *argv, "l")
        check("update refused: " + want, r.returncode == 1 and want in text(r), text(r))
    open(rt.bundle + "/rootfs/go", "w").close()
    status = rt.reap(monitor)
    check("the sentry holds pids", status == 2 and str(80 * MIB) in said() and "not reached" not in said(), (status, said()))
    os.remove(rt.bundle + "/rootfs/go")
    for verb in (("update", "--memory", "1g"), ("events", "--stats")):
        r = rt.call(*verb, "l")
        check(verb[0] + " of a stopped one", r.returncode == 1 and "not running" in text(r), text(r))
    check("ps of a stopped one", json.loads(rt.call("ps", "--format", "json", "l").stdout) == [])
    rt.call("delete", "l")


def test_memory():
    # Long enough to be seen: without a group the sentry looks ten times a second.
    r = create("m", "/bin/busybox", "dd", "if=/dev/zero", "of=/dev/null", "bs=100M", "count=100", resources={"memory": {"limit": 40 * MIB}})
    check("create with a limit of memory", r.returncode == 0, text(r))
    monitor = pid_of()
    rt.call("start", "m")
    check("out of memory is 137", rt.reap(monitor) == 137, said())
    rt.call("delete", "m")


def test_quiet():
    r = create("q", "/bin/true", resources={"devices": [{"allow": False, "access": "rwm"}]})
    check("who limits nothing is not warned", r.returncode == 0 and "control group" not in text(r), text(r))
    rt.call("delete", "--force", "q")
    r = create("q", "/bin/true", resources={"pids": {"limit": 5}}, options=("--cgroup-manager", "disabled"))
    check("nor who wants no groups", r.returncode == 0 and "control group" not in text(r), text(r))
    rt.call("delete", "--force", "q")


def test_follow():
    create("f", "/bin/sleep", "1", resources={})
    rt.call("start", "f")
    with open(rt.work + "/events", "w") as f:
        p = subprocess.Popen(rt.command("events", "--interval", "200ms", "f"), stdout=f, stdin=subprocess.DEVNULL)
        try:
            status = p.wait(10)
        except subprocess.TimeoutExpired:
            p.kill()
            status = "no end"
    lines = open(rt.work + "/events").read().splitlines()
    check("events end with the container", status == 0 and len(lines) >= 2 and all(json.loads(line)["type"] == "stats" for line in lines), (status, lines[:2]))
    r = rt.call("events", "--interval", "0s", "f")
    check("an interval of nothing", r.returncode == 1 and "duration interval must be greater than 0" in text(r), text(r))
    rt.call("delete", "--force", "f")


if os.geteuid() == 0:
    print("skipped: it is about callers without rights")
    sys.exit(77)
for test in (test_refusals, test_held, test_memory, test_quiet, test_follow):
    test()
rt.done()
