#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Control groups of containers on cgroup v1: what runc makes of a configuration, picket-runtime does; out of memory; nothing left over."""
import ctypes
import json
import os
import random
import signal
import shutil
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import bench  # noqa: E402
from bench import until  # noqa: E402

PR_SET_CHILD_SUBREAPER = 36
MIB = 1 << 20
HEADROOM = 64 * MIB  # what the group of a container has above its limit, for the sentry
FILES = {"memory": ["memory.limit_in_bytes", "memory.memsw.limit_in_bytes", "memory.soft_limit_in_bytes", "memory.swappiness"],
         "cpu": ["cpu.shares", "cpu.cfs_quota_us", "cpu.cfs_period_us", "cpu.cfs_burst_us"], "cpuset": ["cpuset.cpus", "cpuset.mems"],
         "pids": ["pids.max"], "blkio": ["blkio.bfq.weight", "blkio.throttle.read_bps_device", "blkio.throttle.write_iops_device"],
         "hugetlb": ["hugetlb.2MB.limit_in_bytes"], "net_cls": ["net_cls.classid"]}
HOG = r"""
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
int main(int argc, char **argv)
{
	for (int i = 0; i < atoi(argv[1]); i++) {
		char *p = malloc(1 << 20);
		if (!p)
			return 3;
		memset(p, 1, 1 << 20);
		usleep(3000);
	}
	puts("had enough");
	sleep(argc > 2 ? atoi(argv[2]) : 0);
	return 0;
}
"""


def read(path):
    try:
        with open(path) as f:
            return f.read().strip()
    except OSError:
        return None


def block_device():
    for d in sorted(os.listdir("/sys/block")) if os.path.isdir("/sys/block") else []:
        if not d.startswith(("loop", "ram", "zram")):
            return [int(n) for n in read("/sys/block/%s/dev" % d).split(":")]
    return None


class Runtime:
    def __init__(self, work, name, binary):
        self.work, self.name, self.binary = os.path.join(work, name), name, binary
        self.root = os.path.join(self.work, "root")
        self.bundle = os.path.join(self.work, "bundle")
        os.makedirs(os.path.join(self.bundle, "rootfs"))
        self.picket = name == "picket"
        self.lines = []

    def say(self, text):
        self.lines.append(text)

    def run(self, *argv, input=None, timeout=30, check=False):
        out = os.path.join(self.work, "out")
        with open(out, "w+") as f:
            p = subprocess.run([self.binary, "--root", self.root, *argv], stdout=f, stderr=subprocess.STDOUT, timeout=timeout, text=True,
                               **({"input": input} if input is not None else {"stdin": subprocess.DEVNULL}))
        p.stdout = read(out)
        if check and p.returncode:
            raise AssertionError("%s %s: %d %s" % (self.name, argv, p.returncode, p.stdout))
        return p

    def configure(self, path, resources, *args, cgroupfs=False):
        subprocess.run(["runc", "spec"], cwd=self.bundle, check=False, capture_output=True)
        file = os.path.join(self.bundle, "config.json")
        config = json.load(open(file))
        config["process"].update(terminal=False, args=list(args) or ["/bin/sleep", "1000"])
        config["linux"]["resources"] = resources
        config["root"]["readonly"] = False
        if cgroupfs:
            config["mounts"].append({"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": ["ro"]})
        config["linux"].pop("cgroupsPath", None)
        if path is not None:
            config["linux"]["cgroupsPath"] = path
        json.dump(config, open(file, "w"))
        os.remove(file + ".old") if os.path.exists(file + ".old") else None

    def create(self, id="c", check=True):
        self.pid_file = os.path.join(self.work, "pid")
        p = self.run("create", "--bundle", self.bundle, "--pid-file", self.pid_file, id, check=check)
        self.pid = int(read(self.pid_file)) if p.returncode == 0 else None
        return p

    def drop(self, id="c"):
        p = self.run("delete", "--force", id)
        if self.pid:
            os.waitpid(self.pid, 0)
        self.pid = None
        return p

    def dirs(self):
        """Controller → the directory of the container's group."""
        found = {}
        for line in open("/proc/%d/cgroup" % self.pid):
            _, controllers, path = line.strip().split(":", 2)
            for c in controllers.split(","):
                if c and not c.startswith("name=") and os.path.isdir("/sys/fs/cgroup/" + c):
                    found[c] = "/sys/fs/cgroup/" + c + path
        return found

    def value(self, file, text):
        """What a file says, without what picket-runtime adds for the sentry."""
        if self.picket and text and text.isdigit() and int(text) < 1 << 62:
            if file in ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes"):
                return str(int(text) - HEADROOM)
            if file == "pids.max":
                return str((int(text) - 256) // 2)
        return text

    def show(self, what):
        dirs = self.dirs()
        for controller, files in FILES.items():
            for file in files:
                text = read(os.path.join(dirs.get(controller, "/nowhere"), file))
                self.say("%s: %s %s" % (what, file, self.value(file, text)))


def limits(r, group, device):
    full = {"memory": {"limit": 100 * MIB, "swap": 150 * MIB, "reservation": 50 * MIB, "swappiness": 10},
            "cpu": {"shares": 512, "quota": 50000, "period": 200000, "cpus": "0", "mems": "0"}, "pids": {"limit": 77},
            "blockIO": {"weight": 300}}
    if device:
        rate = {"major": device[0], "minor": device[1]}
        full["blockIO"].update(throttleReadBpsDevice=[dict(rate, rate=MIB)], throttleWriteIOPSDevice=[dict(rate, rate=100)])
    r.configure("/%s/%s/abs" % (group, r.name), full)
    r.create()
    r.show("create")
    dirs = r.dirs()
    r.say("%d groups" % len(set(dirs.values())))
    procs = [int(p) for p in read(dirs["memory"] + "/cgroup.procs").split()]
    r.say("all in: %s" % (r.pid in procs and all(sorted(procs) == sorted(int(p) for p in read(d + "/cgroup.procs").split()) for d in dirs.values())))
    for argv, text in ((("--memory", "200m", "--memory-swap", "300m"), None), (("--memory", "80m", "--memory-swap", "80m"), None),
                       (("--cpu-quota", "20000", "--cpu-period", "100000", "--cpu-share", "700"), None), (("--pids-limit", "55"), None),
                       (("--cpu-quota", "-1"), None), (("--cpuset-cpus", "77"), None), (("--memory-swap", "10m"), None),
                       (("--resources", "-"), '{"cpu":{"shares":900},"memory":{"reservation":20971520},"pids":{"limit":-1}}'),
                       (("--resources", "-"), '{"cpu":{"shares":"x"}}'), (("--resources", "/nowhere"), None), (("--blkio-weight", "500"), None),
                       (("--memory", "-1", "--memory-swap", "-1"), None)):
        p = r.run("update", *argv, "c", input=text)
        r.show("update %s %s: %d" % (" ".join(argv), text or "", p.returncode))
    r.run("start", "c", check=True)
    data = json.loads(r.run("events", "--stats", "c", check=True).stdout)
    optional = {"max", "usage", "cache", "current", "periods", "throttledPeriods", "throttledTime", "ioServiceBytesRecursive", "ioServicedRecursive", "total"}
    r.say("stats: %s %s %s" % (data["type"], data["id"], keys(data["data"], optional)))
    r.say("order: " + " ".join(data["data"]))
    r.say("limit: %d" % (data["data"]["pids"].get("limit", 0)))
    pids = json.loads(r.run("ps", "--format", "json", "c", check=True).stdout)
    r.say("ps: %s" % (r.pid in pids and sorted(pids) == sorted(int(p) for p in read(dirs["memory"] + "/cgroup.procs").split())))
    r.say("ps table: %s" % r.run("ps", "c", check=True).stdout.splitlines()[0].split())
    r.say("ps of ps: %s" % r.run("ps", "c", "-o", "pid,comm", check=True).stdout.splitlines()[0].split())
    p = r.run("delete", "c")
    r.say("delete while it runs: %d" % p.returncode)
    r.say("delete: %d" % r.drop().returncode)
    r.say("left: %s" % [d for d in dirs.values() if os.path.exists(d)])
    for verb in (("update", "--memory", "1g"), ("events", "--stats"), ("ps", "--format", "json")):
        r.say("%s of nobody: %d" % (verb[0], r.run(*verb, "c").returncode))


def try_rmdir(path):
    try:
        os.rmdir(path)
    except OSError:  # the other path's parts are still in it
        pass


def keys(v, optional):
    if not isinstance(v, dict):
        return type(v).__name__ if v is not None else "null"
    return {k: "number" if k == "raw" else keys(x, optional) for k, x in sorted(v.items()) if k not in optional}


def places(r, group):
    for path in ("%s/%s/rel" % (group, r.name), "../../%s/%s/up" % (group, r.name), None):
        r.configure(path, {})
        r.create()
        own = {c: p for _, c, p in (line.strip().split(":", 2) for line in open("/proc/self/cgroup"))}["memory"]
        d, above = r.dirs()["memory"], [os.path.dirname(x) for x in set(r.dirs().values())]
        where = d
        d = d.replace("/sys/fs/cgroup/memory" + (own if own != "/" else ""), "OWN")
        r.say(("path %s: %s" % (path, d)).replace("/%s/" % r.name, "/NAME/"))
        r.drop()
        r.say("left: %s" % os.path.exists(where))
        for x in above if path else []:
            while bench.group() in x:
                try_rmdir(x)
                x = os.path.dirname(x)
    for resources in ({"cpu": {"cpus": "99"}}, {"unified": {"memory.max": "1"}}, {"memory": {"limit": 50 * MIB, "swap": 10 * MIB}},
                      {"memory": {"swappiness": 200}}):
        r.configure("/%s/%s/bad" % (group, r.name), resources)
        p = r.create(check=False)
        r.say("%s: %d left %s" % (resources, p.returncode, bench.group_dirs("%s/%s/bad" % (group, r.name))))
        r.run("delete", "--force", "c")
        r.pid = None


def oom(r, group):
    r.configure("/%s/%s/oom" % (group, r.name), {"memory": {"limit": 50 * MIB, "swap": 50 * MIB}}, "/bin/sh", "-c",
                "while [ ! -e /go ]; do sleep 0.1; done; hog 200; echo first $?; hog 10; hog 200 & wait $!; echo second $?; exec hog 200")
    r.create()
    r.run("start", "c", check=True)
    control = r.dirs()["memory"] + "/memory.oom_control"
    events = subprocess.Popen([r.binary, "--root", r.root, "events", "--interval", "1h", "c"], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
    types = []
    reader = threading.Thread(target=lambda: types.extend(json.loads(line)["type"] for line in events.stdout))
    reader.start()
    time.sleep(0.5)
    kills = []
    open(os.path.join(r.bundle, "rootfs", "go"), "w").close()
    end = time.monotonic() + 60
    while time.monotonic() < end:
        text = read(control)
        if text:
            kills.append(int(text.split("oom_kill ")[1].split()[0]))
        pid, status = os.waitpid(r.pid, os.WNOHANG)
        if pid:
            break
        time.sleep(0.005)
    r.pid = None
    # Of runc it is the program itself, whose parent the test is; of picket-runtime the monitor, which ends with its status.
    code = os.waitstatus_to_exitcode(status)
    r.say("out of memory: exit %s, some kills %s" % (code if code >= 0 else 128 - code, max(kills) >= 2))
    r.run("delete", "--force", "c")
    events.terminate()
    events.wait()
    reader.join()
    r.say("events: %s" % ("oom" in types))
    os.remove(os.path.join(r.bundle, "rootfs", "go"))


def killed(r, group, report):
    """create is killed at any moment; delete --force leaves nothing."""
    r.configure("/%s/%s/killed" % (group, r.name), {"memory": {"limit": 100 * MIB}, "pids": {"limit": 100}})
    left = []
    for i in range(12):
        p = subprocess.Popen([r.binary, "--root", r.root, "create", "--bundle", r.bundle, "k"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
        time.sleep(random.random() * 0.03)
        p.kill()
        p.wait()
        d = r.run("delete", "--force", "k")
        here = bench.group_dirs("%s/%s/killed" % (group, r.name))
        if d.returncode or here:
            left.append("%d: %d %s %s" % (i, d.returncode, d.stdout, here))
            bench.remove_groups("%s/%s/killed" % (group, r.name))
    report.ok("create that is killed leaves nothing that delete --force does not remove", not left, "\n".join(left))
    report.ok("no process either", not until_gone(), until_gone())


def frozen(r, group, report):
    """Somebody has frozen the group, where nobody ends before it goes on: delete --force sees to that."""
    if not os.path.isdir("/sys/fs/cgroup/freezer"):
        return
    r.configure("/%s/%s/frozen" % (group, r.name), {})
    r.create("f")
    r.run("start", "f", check=True)
    freezer = os.path.join(r.dirs()["freezer"], "freezer.state")
    with open(freezer, "w") as f:
        f.write("FROZEN")
    p = r.run("delete", "--force", "f")
    report.ok("delete --force of a frozen container", p.returncode == 0, p.stdout)
    if p.returncode:
        with open(freezer, "w") as f:
            f.write("THAWED")
    r.drop("f")


def until_gone():
    end = time.monotonic() + 5
    while time.monotonic() < end:
        reap()
        left = bench.live("picket-", "runc")
        if not left:
            return ""
        time.sleep(0.05)
    return str(left)


def reap():
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def sentry_lives(r, group, report):
    """Many small processes, larger together than the limit: processes of the guest end, and the container goes on."""
    r.configure("/%s/%s/many" % (group, r.name), {"memory": {"limit": 60 * MIB, "swap": 60 * MIB}}, "/bin/sh", "-c",
                "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do hog 12 3 > /dev/null & done; wait; cat /sys/fs/cgroup/memory.events > /events; exit 6",
                cgroupfs=True)
    r.create()
    adj = {}
    for p in json.loads(r.run("ps", "--format", "json", "c").stdout):
        adj.setdefault(os.path.basename(os.readlink("/proc/%d/exe" % p)).split(" ")[0] if os.path.lexists("/proc/%d/exe" % p) else "?", set()).add(
            (read("/proc/%d/comm" % p), read("/proc/%d/oom_score_adj" % p)))
    sentry = [int(a) for s in adj.values() for name, a in s if name.startswith("picket-sentry")]
    stubs = [int(a) for s in adj.values() for name, a in s if "stub" in name]
    report.ok("the host ends stubs before the sentry", sentry and stubs and max(sentry) < min(stubs), adj)
    r.run("start", "c", check=True)
    _, status = os.waitpid(r.pid, 0)
    r.pid = None
    report.ok("a container that is short of memory goes on", os.waitstatus_to_exitcode(status) == 6, status)
    events = read(os.path.join(r.bundle, "rootfs", "events")) or ""
    report.ok("memory.events inside counts who was ended", any(line.startswith("oom_kill ") and int(line.split()[1]) > 0 for line in events.splitlines()), events)
    r.run("delete", "--force", "c")


def reader_alone(r, group, report):
    """Who is out of memory while the sentry fills its buffer is the only one to end, again and again."""
    r.configure("/%s/%s/reader" % (group, r.name), {"memory": {"limit": 50 * MIB, "swap": 50 * MIB}}, "/bin/sh", "-c",
                "sleep 100 & for i in 1 2 3 4 5 6 7 8 9 10 11 12; do dd if=/dev/zero of=/dev/null bs=200M count=1; [ $? = 137 ] || exit 8; done; "
                "kill -0 $! || exit 9; cat /sys/fs/cgroup/memory.events > /events; exit 6", cgroupfs=True)
    r.create()
    r.run("start", "c", check=True)
    _, status = os.waitpid(r.pid, 0)
    r.pid = None
    report.ok("a reader without memory ends alone", os.waitstatus_to_exitcode(status) == 6, status)
    events = read(os.path.join(r.bundle, "rootfs", "events")) or ""
    report.ok("each is counted once", "oom_kill 12" in events, events)
    r.run("delete", "--force", "c")


def main():
    bench.enter()
    bench.need("runc", "busybox", "cc", "ps")
    if not os.path.isdir("/sys/fs/cgroup/memory") or not os.path.isdir("/sys/fs/cgroup/pids"):
        bench.skip("needs cgroup v1")
    runtime = bench.picket_runtime(sys.argv[1])
    if not runtime:
        bench.skip("picket-runtime is not built")
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    work, group, report = os.environ["PICKET_BENCH_WORK"], bench.group(), bench.Report()
    os.chmod(work, 0o755)
    source = os.path.join(work, "hog.c")
    open(source, "w").write(HOG)
    subprocess.run(["cc", "-O1", "-static", "-o", os.path.join(work, "hog"), source], check=True)
    device, all_lines = block_device(), {}
    for name, binary in (("runc", shutil.which("runc")), ("picket", runtime)):
        r = Runtime(work, name, binary)
        for d in ("bin", "proc", "dev", "sys", "etc"):
            os.makedirs(os.path.join(r.bundle, "rootfs", d))
        for program in ("sh", "sleep", "dd", "cat"):
            shutil.copy(shutil.which("busybox"), os.path.join(r.bundle, "rootfs", "bin", program))
        shutil.copy(os.path.join(work, "hog"), os.path.join(r.bundle, "rootfs", "bin"))
        for part in (lambda: limits(r, group, device), lambda: places(r, group), lambda: oom(r, group)):
            try:
                part()
            except Exception as e:  # the rest still tells something
                r.say("FAILED: %r" % e)
                r.drop() if getattr(r, "pid", None) else r.run("delete", "--force", "c")
        all_lines[name] = "\n".join(r.lines)
    report.same("groups, limits, update, events, ps, out of memory: as runc", all_lines["runc"], all_lines["picket"])
    sentry_lives(r, group, report)
    reader_alone(r, group, report)
    killed(r, group, report)
    frozen(r, group, report)
    reap()
    for d in [d for name in ("runc", "picket") for d in bench.group_dirs("%s/%s" % (group, name))]:
        os.rmdir(d)  # the groups above the containers' are the caller's
    report.ok("nothing is left", not bench.nothing_left(), bench.nothing_left())
    report.end()


if __name__ == "__main__":
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    main()
