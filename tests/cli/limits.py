#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Limits, pause, stats and update of picket, by the real sentry.

Use: limits.py BUILD-DIRECTORY [NAME…]. Prints "ok NAME" or "not ok NAME"; the exit status tells whether all passed.
"""
import json
import os
import pty
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time

PICKET = sys.argv[1] + "/cmd/picket"
failures = 0
home = tempfile.mkdtemp(prefix="picket-limits-")
env = {**{k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")}, "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "HOME": home, "XDG_RUNTIME_DIR": home + "/run",
       "PICKET_STORE": home + "/store", "TERM": "xterm"}
os.mkdir(home + "/run", 0o700)


def check(name, good, more=""):
    global failures
    failures += not good
    print(("ok " if good else "not ok ") + name + (f": {more}" if not good else ""), flush=True)


def picket(*args, timeout=60):
    return subprocess.run([PICKET, *args], env=env, capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL)


def run(*args):
    return picket("run", "--rm", "--network", "none", *args)


def start(name, *args):
    r = picket("run", "-d", "--rm", "--network", "none", "--name", name, *args)
    check(f"{name} starts", r.returncode == 0, r.stderr)


def end(name):
    picket("unpause", name)
    picket("exec", name, "sh", "-c", "kill -9 1")


def stats(name):
    return json.loads(picket("stats", "--no-stream", "--format", "json", name).stdout)


def test_options():
    r = run("--cpuset-cpus", "0", "--ulimit", "nofile=77:88", "--ulimit", "core=0", "--cap-drop", "ALL", "--cap-add", "CAP_CHOWN",
            "--cap-add", "net_raw", "--security-opt", "no-new-privileges", "--shm-size", "2m", "--oom-score-adj", "-7", "--group-add", "99",
            "--domainname", "example.org", "--sysctl", "kernel.msgmax=5000", "--sysctl", "kernel/shmmni=77", "--memory-swap", "1g",
            "--memory", "512m", "--ipc", "private", "--security-opt", "seccomp=unconfined", "host", "--", "sh", "-c",
            "nproc; ulimit -n; ulimit -Hn; ulimit -c; grep -E 'CapEff|NoNew' /proc/self/status; df -k /dev/shm | awk 'END {print $2}';"
            "cat /proc/self/oom_score_adj; id -G; cat /proc/sys/kernel/domainname /proc/sys/kernel/msgmax /proc/sys/kernel/shmmni")
    check("options", r.stdout.split() == ["1", "77", "88", "0", "CapEff:", "0000000000002001", "NoNewPrivs:", "1", "2048", "-7", "0", "99",
          "example.org", "5000", "77"], r.stdout + r.stderr)
    r = run("--cap-drop", "net_raw", "host", "--", "grep", "CapBnd", "/proc/self/status")
    check("--cap-drop alone", r.stdout.split()[1] == "000001ffffffdfff", r.stdout)
    r = run("--cpu-quota", "50000", "--cpu-period", "200000", "host", "--", "cat", "/sys/fs/cgroup/cpu.max")
    check("--cpu-quota", r.stdout == "25000 100000\n", r.stdout)
    for bad, word in [(["--cpus", "x"], "number of processors"), (["--cpus", "1", "--cpu-quota", "5000"], "leave one out"),
                      (["--cpuset-cpus", "4000-"], "takes processors"), (["--cpuset-cpus", "900"], "no such processor"),
                      (["--ulimit", "beer=1"], "NAME=SOFT"), (["--ulimit", "nofile=9:8"], "above the hard"),
                      (["--memory", "1m"], "at least 6m"), (["--memory-swap", "1g"], "needs --memory"),
                      (["--memory", "1g", "--memory-swap", "10m"], "cannot be less"), (["--sysctl", "vm.swappiness=1"], "not a sandbox's own"),
                      (["--sysctl", "x"], "NAME=VALUE"), (["--cap-add", "beer"], "no capability"), (["--security-opt", "x"], "not offered"),
                      (["--security-opt", "seccomp=/x.json"], "never reach"), (["--ipc", "host"], "not offered"), (["--pid", "host"], "not offered"),
                      (["--oom-score-adj", "1001"], "-1000"), (["--sysctl", "net.beer=1"], "net.beer"), (["--group-add", "nobodys"], "no group")]:
        r = run(*bad, "host", "--", "true")
        check(" ".join(bad) + " is refused", r.returncode == 125 and word in r.stderr and r.stderr.count("\n") == 1, r.stderr)


def test_memory():
    r = run("--name", "eater", "--memory", "64m", "host", "--", "python3", "-c", "import time; x = bytearray(200 << 20); time.sleep(20)")
    check("an out-of-memory end is 137", r.returncode == 137, r)
    check("and said", r.stderr == "picket: eater ran out of memory: limit 64m; --memory sets it\n", r.stderr)
    r = run("--memory", "64m", "host", "--", "sh", "-c", "python3 -c 'import time; x = bytearray(200 << 20); time.sleep(20)'; echo went on; grep oom_kill /sys/fs/cgroup/memory.events")
    check("another process's end is not the sandbox's", r.returncode == 0 and "went on\noom_kill 1\n" in r.stdout and "ran out" not in r.stderr, r)
    start("kept", "--memory", "64m", "host", "--", "python3", "-c", "import time; time.sleep(1); x = bytearray(200 << 20); time.sleep(20)")


def test_pids():
    r = run("--pids-limit", "5", "host", "--", "sh", "-c", "cat /sys/fs/cgroup/pids.max; for i in 1 2 3 4 5 6; do sleep 1 & done; wait")
    check("--pids-limit", r.stdout == "5\n" and "ork" in r.stderr, r)


def test_pause():
    start("p", "host", "--", "sh", "-c", "while :; do :; done")
    check("pause", picket("pause", "p").stdout == "p\n")
    a = stats("p")
    r = picket("pause", "p")
    check("twice", r.returncode == 1 and "already" in r.stderr, r.stderr)
    check("no processor time", a["CPUPerc"] == "0.00%", a)
    r = picket("exec", "p", "true")
    check("no exec", r.returncode != 0 and "paused" in r.stderr, r.stderr)
    check("unpause", picket("unpause", "p").stdout == "p\n")
    check("it runs again", stats("p")["CPUPerc"] != "0.00%")
    r = picket("unpause", "p")
    check("not paused", r.returncode == 1 and "not paused" in r.stderr, r.stderr)
    r = picket("pause", "p", "nobody")
    check("one of two", r.returncode == 1 and r.stdout == "p\n" and "nobody" in r.stderr, r)
    end("p")


def test_stats():
    start("s", "--memory", "256m", "host", "--", "python3", "-c", "x = b'x' * (50 << 20)\nimport time\ntime.sleep(1000)")
    time.sleep(0.5)
    r = picket("stats", "--no-stream")
    head, line = r.stdout.splitlines()[:2]
    check("columns", re.split("  +", head) == ["CONTAINER ID", "NAME", "CPU %", "MEM USAGE / LIMIT", "MEM %", "NET I/O", "BLOCK I/O", "PIDS"], head)
    check("a line", re.fullmatch(r"[0-9a-f]{12} +s +\d+\.\d\d% +\d\d\.?\d*MiB / 256MiB +2\d\.\d\d% +0B / 0B +\S+ / \S+ +1 *", line), line)
    inside = int(picket("exec", "s", "cat", "/sys/fs/cgroup/memory.current").stdout)
    shown = float(re.match(r"([\d.]+)MiB", stats("s")["MemUsage"])[1]) * (1 << 20)
    check("as the guest sees it", abs(inside - shown) < 4 << 20, (inside, shown))
    r = picket("stats", "--no-stream", "--format", "{{.Name}}={{.PIDs}}", "s")
    check("a template", r.stdout == "s=1\n", r)
    r = picket("stats", "--no-stream", "nobody")
    check("nobody", r.returncode == 1 and "nobody" in r.stderr)
    pid, fd = pty.fork()
    if not pid:
        os.execve(PICKET, [PICKET, "stats"], env)
    seen = b""
    stop = time.monotonic() + 20
    while seen.count(b"\033[H") < 2 and time.monotonic() < stop:
        if select.select([fd], [], [], 1)[0]:
            seen += os.read(fd, 4096)
    check("anew each second", seen.count(b"\033[H") >= 2 and b"MEM USAGE" in seen, seen)
    os.kill(pid, 15)
    os.waitpid(pid, 0)
    os.close(fd)
    end("s")


def test_update():
    start("u", "host", "--", "sh", "-c", "while :; do sleep 0.01; done")
    r = picket("update", "--memory", "128m", "--cpus", "0.5", "--pids-limit", "20", "u")
    check("update", r.stdout == "u\n", r)
    r = picket("exec", "u", "cat", "/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/cpu.max", "/sys/fs/cgroup/pids.max")
    check("inside", r.stdout.split() == ["134217728", "50000", "100000", "20"], r.stdout)
    check("stats agree", stats("u")["MemUsage"].endswith(" / 128MiB"), stats("u"))
    r = picket("update", "--cpus", "0", "u")
    check("no limit of processors any more", picket("exec", "u", "cat", "/sys/fs/cgroup/cpu.max").stdout == "max 100000\n", r)
    for bad, word in ((["u"], "nothing to change"), (["--memory", "1m", "u"], "6m"), (["--restart", "x", "u"], "policy"), (["--cpus", "x", "u"], "number")):
        r = picket("update", *bad)
        check("update " + " ".join(bad), r.returncode == 1 and word in r.stderr, r.stderr)
    end("u")


def main():
    for name, fn in sorted(globals().items()):
        if name.startswith("test_") and (not sys.argv[2:] or name[5:] in sys.argv[2:]):
            fn()
    for i in range(100):
        left = subprocess.run(["pgrep", "-u", str(os.getuid()), "-f", home], capture_output=True, text=True).stdout.split()
        left += [n for n in os.listdir(home + "/run/picket") if len(n) == 12]
        if not left:
            break
        time.sleep(0.1)
    check("nothing is left", not left, left)
    shutil.rmtree(home)
    return failures > 0


if __name__ == "__main__":
    sys.exit(main())
