#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Measure picket-runtime beside other runtimes: a container's life by itself, and `podman run`.

usage: runtime.py BUILD-DIRECTORY

Peers are those on PATH, and those named in $PEERS. As root, or as a user with ids in /etc/subuid. Medians of milliseconds, and the ratio against crun
("-": it does not run here: crun knows no machine whose cgroup v1 and v2 both have controllers). Runs of the runtimes alternate, so that a busy
machine is busy for all.
"""
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "oci"))
import podman as oci_podman  # noqa: E402

RUNS = 15

# Times its own loop: what comes before (a user namespace) is not the runtime's.
LIFE = r"""
import subprocess, sys, time
runtime, root, runs = sys.argv[1], sys.argv[2], int(sys.argv[3])
for i in range(runs):
    start = time.monotonic()
    for verb in ("create", "start"):
        subprocess.run([*runtime.split(), "--root", root, verb, "life"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    middle = time.monotonic()
    subprocess.run([*runtime.split(), "--root", root, "delete", "--force", "life"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    print((middle - start) * 1000, (time.monotonic() - start) * 1000)
"""


def peer(name):
    for p in filter(None, os.environ.get("PEERS", "").split(":")):
        if os.path.basename(p) == name:
            return p
    return shutil.which(name)


def runtimes(build):
    found = [("crun", peer("crun")), ("runc", peer("runc") or "/usr/sbin/runc"), ("runsc", peer("runsc")),
             ("picket-runtime", os.path.join(build, "cmd", "picket-runtime"))]
    return [(name, path) for name, path in found if path and os.access(path, os.X_OK)]


def bundle(directory):
    rootfs = directory + "/rootfs"
    for d in ("bin", "proc", "dev", "sys"):
        os.makedirs(os.path.join(rootfs, d))
    shutil.copy(shutil.which("busybox"), rootfs + "/bin/true")
    with open(directory + "/config.json", "w") as f:
        json.dump({
            "ociVersion": "1.0.2",
            "process": {"user": {"uid": 0, "gid": 0}, "args": ["/bin/true"], "cwd": "/", "env": ["PATH=/bin"]},
            "root": {"path": "rootfs"},
            "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"},
                       {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"]}],
            "linux": {"namespaces": [{"type": t} for t in ("pid", "ipc", "uts", "mount", "network")]},
        }, f)


def life(path, directory, runs):
    """Medians of create and start, and with delete; None if it does not run here."""
    inside = [] if os.getuid() == 0 else ["unshare", "-Ur", "--map-auto", "--mount", "--pid", "--fork", "--mount-proc"]
    command = path + (" --platform=systrap --ignore-cgroups" if os.path.basename(path) == "runsc" else "")
    r = subprocess.run([*inside, sys.executable, "-c", LIFE, command, tempfile.mkdtemp(dir=directory), str(runs)], cwd=directory,
                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    times = [tuple(map(float, line.split())) for line in r.stdout.decode().splitlines()]
    return [statistics.median(t[i] for t in times) for i in (0, 1)] if r.returncode == 0 and times else [None, None]


def podman_runs(all_runtimes):
    times = {name: [] for name, _ in all_runtimes}
    podman = oci_podman.Podman(all_runtimes[-1][1])
    try:
        why = podman.start()
        if why:
            print("podman does not work here: " + why)
            return times
        for i in range(RUNS + 1):
            for name, path in all_runtimes:
                argv = ["podman", "--log-level", "error", "--runtime", path, "run", "--rm", "--network", "none", "bb", "true"]
                start = time.monotonic()
                r = subprocess.run(argv, env=podman.env, cwd=podman.dir, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
                if r.returncode == 0 and i:
                    times[name].append((time.monotonic() - start) * 1000)
    finally:
        podman.end()
    return times


def main():
    all_runtimes = runtimes(os.path.abspath(sys.argv[1]))
    work = tempfile.mkdtemp(prefix="picket-bench-")
    rows = []
    try:
        os.chmod(work, 0o755)
        bundle(work)
        lives = {name: life(path, work, RUNS) for name, path in all_runtimes}
        rows.append(("create and start", {n: t[0] for n, t in lives.items()}))
        rows.append(("create, start and delete", {n: t[1] for n, t in lives.items()}))
        if shutil.which("podman"):
            rows.append(("podman run --rm IMAGE true",
                         {n: statistics.median(t) if t else None for n, t in podman_runs(all_runtimes).items()}))
    finally:
        shutil.rmtree(work, ignore_errors=True)
    names = [name for name, _ in all_runtimes]
    print("\nRuntimes, ms\n\n| | %s | picket-runtime : crun |\n|%s" % (" | ".join(names), " --- |" * (len(names) + 2)))
    for title, values in rows:
        ratio = values["picket-runtime"] / values["crun"] if values.get("crun") and values.get("picket-runtime") else None
        print("| %s | %s | %s |" % (title, " | ".join("%.1f" % values[n] if values[n] else "-" for n in names),
                                   "%.2f" % ratio if ratio else "-"))


if __name__ == "__main__":
    main()
