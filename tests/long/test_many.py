#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Many idle sandboxes at once: started one after the other and in parallel, listed, asked by `picket exec`, stopped; nothing is left. Prints
times and memory (docs/benchmarks.md). MANY=N: how many (200); MANY_NETWORK: of the default kind, slirp, or none.
"""
import concurrent.futures
import os
import shutil
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import sandbox  # noqa: E402

LANES = 8
FIELDS = ("Rss", "Pss", "Private_Clean", "Private_Dirty")


def processes(build):
    """Numbers of the processes that run programs of this build, stubs and slirp4netns of this user among them."""
    out = []
    for p in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.stat("/proc/" + p).st_uid != os.getuid():
                continue
            exe = os.readlink("/proc/%s/exe" % p)
        except OSError:
            continue
        if exe.startswith(build) or "memfd:stub" in exe or exe.endswith("/slirp4netns"):
            out.append(int(p))
    return out


def memory(pids):
    total = dict.fromkeys(FIELDS, 0)
    for p in pids:
        try:
            with open("/proc/%d/smaps_rollup" % p) as f:
                for line in f:
                    key, _, value = line.partition(":")
                    if key in total:
                        total[key] += int(value.split()[0])
        except OSError:
            pass
    return {k: v / 1024 for k, v in total.items()}


class Many:
    def __init__(self, suite, network):
        self.s, self.network = suite, network
        self.env = dict(os.environ, PICKET_STORE=suite.work + "/store", PICKET_RUNTIME=suite.work + "/run")
        os.mkdir(suite.work + "/run", 0o700)
        layout = suite.work + "/layout"
        subprocess.run([sys.executable, "-B", os.path.join(sandbox.TESTS, "lib", "mkimage.py"), "--busybox", layout, "many:1"], check=True)
        self.picket("load", layout)

    def picket(self, *args, timeout=120):
        start = time.monotonic()
        r = subprocess.run([self.s.picket, *args], env=self.env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout)
        return r.returncode, r.stdout.strip(), r.stderr.strip(), time.monotonic() - start

    def start(self, i):
        return self.picket("run", "-d", "--name", "many%d" % i, "--network", self.network, "many:1", "sleep", "1000000")

    def ask(self, i):
        return self.picket("exec", "many%d" % i, "sh", "-c", "echo $$ %d" % i)

    def all(self, what, numbers, lanes):
        start = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(lanes) as pool:
            done = list(pool.map(what, numbers))
        return done, time.monotonic() - start

    def round(self, n, lanes):
        how = "%d at a time" % lanes
        started, t = self.all(self.start, range(n), lanes)
        bad = [r for r in started if r[0]]
        self.s.check("%d sandboxes start, %s" % (n, how), not bad, str(bad[:3]))
        print("# started in %.2f s: %.1f ms each, median of a command %.1f ms" % (t, t / n * 1e3, statistics.median(r[3] for r in started) * 1e3))
        names = self.picket("ps", "--format", "{{.Names}}")[1].split()
        self.s.check("all are listed", sorted(names) == sorted("many%d" % i for i in range(n)), "%d names" % len(names))
        asked, t = self.all(self.ask, range(n), lanes)
        bad = [r for i, r in enumerate(asked) if r[0] or not r[1].endswith(" %d" % i)]
        self.s.check("all answer", not bad, str(bad[:3]))
        print("# asked in %.2f s: median of a command %.1f ms" % (t, statistics.median(r[3] for r in asked) * 1e3))
        time.sleep(1)
        self.tell(n)
        ids = ["many%d" % i for i in range(n)]
        status, out, err, t = self.picket("stop", "-t", "2", *ids, timeout=580)
        self.s.check("all are stopped", status == 0, err)
        print("# stopped in %.2f s" % t)
        status, out, err, t = self.picket("rm", *ids, timeout=580)
        self.s.check("all are removed", status == 0 and self.picket("ps", "-aq")[1] == "", err)
        print("# removed in %.2f s" % t)

    def tell(self, n):
        pids = processes(self.s.build)
        m = memory(pids)
        by = {}
        for p in pids:
            try:
                with open("/proc/%d/comm" % p) as f:
                    by.setdefault(f.read().strip(), []).append(p)
            except OSError:
                pass
        print("# each: %.2f MiB proportional, %.2f resident, %.2f of its own, in %.1f processes" % (
            m["Pss"] / n, m["Rss"] / n, (m["Private_Clean"] + m["Private_Dirty"]) / n, len(pids) / n))
        for name, some in sorted(by.items()):
            m = memory(some)
            print("#   %-16s %5.1f processes %6.2f MiB proportional %6.2f resident %6.2f own" % (
                name, len(some) / n, m["Pss"] / n, m["Rss"] / n, (m["Private_Clean"] + m["Private_Dirty"]) / n))


def main():
    s = sandbox.Suite(sys.argv[1])
    n, network = int(os.environ.get("MANY", "200")), os.environ.get("MANY_NETWORK", "")
    if not network:
        network = "slirp" if os.access("/dev/net/tun", os.W_OK) and shutil.which("slirp4netns") else "none"
    before = len(processes(s.build))
    m = Many(s, network)
    m.round(n, LANES)
    m.round(max(n // 4, 1), 1)
    for _ in range(100):
        if len(processes(s.build)) <= before:
            break
        time.sleep(0.1)
    s.check("nothing is left", len(processes(s.build)) <= before, str(processes(s.build)))
    subprocess.run(["chmod", "-R", "u+rwX", s.work])
    s.finish()


main()
