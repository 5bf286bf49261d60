#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Measure Picket beside the native machine, bubblewrap, rootless podman's crun and runsc, in one run.

usage: bench.py BUILD-DIRECTORY [--pull]

Peers are those on PATH, and those named in $PEERS (paths, separated by colons; runsc is run with --platform=systrap). Prints medians,
and ratios against native. --pull adds tests/bench/pull.sh. Keep the machine quiet.
"""
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
RUNS = 15


def peer(name):
    for p in filter(None, os.environ.get("PEERS", "").split(":")):
        if os.path.basename(p) == name:
            return p
    return shutil.which(name)


def wall(argv, runs=RUNS):
    times = []
    for i in range(runs + 2):
        start = time.monotonic()
        r = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if r.returncode:
            return None
        times.append((time.monotonic() - start) * 1000)
    return statistics.median(times[2:])


def table(title, unit, rows, columns):
    print("\n%s (%s; ratio to native)" % (title, unit))
    print("| | " + " | ".join(columns) + " |\n|" + " --- |" * (len(columns) + 1))
    for name, values in rows:
        base = values.get("native")
        cells = []
        for c in columns:
            v = values.get(c)
            cells.append("–" if v is None else "%.3g" % v if c == "native" or not base else "%.3g (%.2f×)" % (v, v / base))
        print("| %s | %s |" % (name, " | ".join(cells)))


def systems(picket, work):
    found = {"native": lambda a: a, "picket": lambda a: [picket, "run", "--network", "none", "-v", work + ":/t:ro", "host", "--", *a]}
    bwrap, runsc = peer("bwrap"), peer("runsc")
    if bwrap:
        found["bubblewrap"] = lambda a: [bwrap, "--ro-bind", "/", "/", "--ro-bind", work, work, "--dev", "/dev", "--proc", "/proc",
                                         "--unshare-all", "--die-with-parent", *a]
    if runsc:
        found["runsc"] = lambda a: [runsc, "--rootless", "--platform=systrap", "--network=none", "--ignore-cgroups", "do", *a]
    return found


def calls(found, work):
    rows = {}
    for name, wrap in found.items():
        program = "/t/calls" if name == "picket" else work + "/calls"
        r = subprocess.run(wrap([program]), stdin=subprocess.DEVNULL, capture_output=True, text=True)
        for line in r.stdout.splitlines():
            key, _, value = line.partition(" ")
            rows.setdefault(key, {})[name] = float(value)
    return list(rows.items())


def descendants(pid):
    parents = {}
    for p in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/stat" % p) as f:
                parents[int(p)] = int(f.read().rsplit(")", 1)[1].split()[1])
        except OSError:
            pass
    out, todo = {pid}, [pid]
    while todo:
        q = todo.pop()
        new = [c for c, pp in parents.items() if pp == q and c not in out]
        out.update(new)
        todo += new
    return out


def memory(pid, field):
    total = 0
    for p in descendants(pid):
        try:
            with open("/proc/%d/smaps_rollup" % p) as f:
                total += sum(int(line.split()[1]) for line in f if line.startswith(field + ":"))
        except OSError:
            pass
    return total / 1024


def idle(found):
    rows = {"resident (Rss, shared pages counted in each process)": {}, "proportional (Pss)": {}}
    for name in ("picket", "runsc", "bubblewrap"):
        if name not in found:
            continue
        p = subprocess.Popen(found[name](["/bin/sleep", "30"]), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
        time.sleep(1.5)
        for row, field in zip(rows, ("Rss", "Pss")):
            rows[row][name] = memory(p.pid, field)
        p.terminate()
        time.sleep(0.3)
        p.kill()
        p.wait()
    return list(rows.items())


def main(argv):
    build = os.path.abspath(argv[1])
    picket = os.path.join(build, "cmd", "picket")
    work = tempfile.mkdtemp(prefix="picket-bench-")
    os.chmod(work, 0o755)
    subprocess.run(["cc", "-O2", "-pthread", "-w", "-D_GNU_SOURCE", "-o", work + "/calls", HERE + "/calls.c"], check=True)
    found = systems(picket, work)
    columns = list(found)
    starts = [(" ".join(c), {n: wall(w(c)) for n, w in found.items()})
              for c in (["/bin/true"], ["/usr/bin/python3", "-c", "pass"], ["/bin/bash", "-c", ":"])]
    store = os.path.join(work, "store")
    env = dict(os.environ, PICKET_STORE=store)
    subprocess.run([sys.executable, "-B", os.path.join(HERE, "..", "lib", "mkimage.py"), "--busybox", work + "/layout", "bench:1"],
                   check=True)
    subprocess.run([picket, "load", work + "/layout"], env=env, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.environ["PICKET_STORE"] = store
    for kept in ("--rm", "--keep"):
        for network in ("none", "slirp"):
            starts.append(("picket run %s IMAGE true, network %s" % (kept, network),
                           {"native": wall(["/bin/true"]),
                            "picket": wall([picket, "run", kept, "--network", network, "bench:1", "true"])}))
    table("Start to end, wall", "ms", starts, columns)
    table("Calls", "µs", calls(found, work), columns)
    table("Memory of an idle sandbox, all processes", "MiB", idle(found), columns[1:])
    if "--pull" in argv:
        sys.stdout.flush()
        subprocess.run([os.path.join(HERE, "pull.sh"), os.path.join(build, "net", "picket-fetch")])
    sys.stdout.flush()
    subprocess.run([sys.executable, "-B", os.path.join(HERE, "runtime.py"), build])
    subprocess.run(["chmod", "-R", "u+rwX", work])
    shutil.rmtree(work, ignore_errors=True)


main(sys.argv)
