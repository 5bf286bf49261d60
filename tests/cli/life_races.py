#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Many processes at the same names: whatever the order, each name is one sandbox's, each entry is whole, nothing is left.

Use: life_races.py BUILD-DIRECTORY [SECONDS [SEED]]. Prints "ok NAME" or "not ok NAME".
"""
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

build = os.path.abspath(sys.argv[1])
seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 12
seed = int(sys.argv[3]) if len(sys.argv) > 3 else int(time.time())
picket = build + "/cmd/picket"
work = tempfile.mkdtemp(prefix="picket-races-")
os.mkdir(work + "/run", 0o700)
ENV = {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "HOME": work, "XDG_RUNTIME_DIR": work + "/run",
       "LANG": "C.UTF-8"}
NAMES = ["n1", "n2", "n3"]
WORKERS = 8
failures = 0
# What a command may say when another was faster. Anything else is a fault.
EXPECTED = re.compile(
    r"picket: (no such sandbox|the name \"\w+\" is in use|the sandbox \w+ has been removed|the sandbox is called \w+ already|"
    r"cannot kill the sandbox \w+: |cannot remove the sandbox \w+, which is (running|restarting|paused)|"
    r"cannot restart the sandbox \w+: |cannot stop the sandbox \w+: |"
    # It was killed while its program began.
    r"cannot start \w+: Resource temporarily unavailable)")


def check(name, good, detail=""):
    global failures
    failures += not good
    print(("ok " if good else "not ok ") + name + (": %s" % detail if detail and not good else ""), flush=True)


def run(*args):
    return subprocess.run([picket, *args], env=ENV, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          stdin=subprocess.DEVNULL, timeout=120)


def worker(number, end):
    rng = random.Random(seed * 100 + number)
    bad = []
    while time.time() < end:
        a, b = rng.choice(NAMES), rng.choice(NAMES)
        program = rng.choice((["true"], ["sleep", "1000"], ["sh", "-c", "exit 3"]))
        host = ["--network", "none", "host", "--", *program]
        command = rng.choice((
            ["create", "--name", a, *host], ["run", "-d", "--name", a, *host], ["run", "-d", "--rm", "--name", a, *host],
            ["start", a], ["start", a], ["rm", a], ["rm", "-f", a], ["rename", a, b], ["stop", "-t", "0", a], ["kill", a],
            ["restart", "-t", "0", a], ["ps", "-a"], ["inspect", a], ["ps", "-q", "-f", "name=" + a]))
        victim = subprocess.Popen([picket, *command], env=ENV, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, text=True)
        if rng.random() < 0.15:
            time.sleep(rng.random() * 0.03)
            victim.kill()
        try:
            _, err = victim.communicate(timeout=90)
        except subprocess.TimeoutExpired:
            victim.kill()
            bad.append("%s does not end" % command)
            continue
        for line in err.splitlines():
            if victim.returncode >= 0 and not EXPECTED.match(line) and command[0] != "inspect":
                bad.append("%s: %s" % (command, line))
    return bad


print("# seed %d" % seed, flush=True)
end = time.time() + seconds
children = []
for i in range(WORKERS):
    r, w = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(w, json.dumps(worker(i, end)[:20]).encode()[:60000])
        os._exit(0)
    os.close(w)
    children.append((pid, r))
said = []
for pid, r in children:
    text = b""
    while chunk := os.read(r, 65536):
        text += chunk
    os.waitpid(pid, 0)
    said += json.loads(text) if text else ["a worker died"]
check("nobody says what is not so", not said, "\n# ".join(said[:10]))

store = work + "/.local/share/picket"
listed = [line.split() for line in run("ps", "-a", "--no-trunc", "--format", "{{.ID}} {{.Names}} {{.State}}").stdout.splitlines()]
names = [n for _, n, _ in listed]
check("each name is there once", len(names) == len(set(names)), names)
for sid, name, state in listed:
    r = run("inspect", "-f", "{{.Id}}", name)
    check("%s is found by its name" % name, r.stdout.strip() == sid, (r.stdout, r.stderr, sid, state))
    check("%s has a state" % name, state in ("created", "running", "exited", "restarting"), state)
for sid, name, _ in listed:
    r = run("rm", "-f", name)
    check("%s can be removed" % name, r.returncode == 0, r.stderr)
check("nothing is listed afterwards", run("ps", "-aq").stdout == "")
for name in NAMES:
    r = run("create", "--name", name, "host")
    check("%s is free again" % name, r.returncode == 0, r.stderr)
    run("rm", name)


def processes_left():
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/environ" % pid, "rb") as f:
                if ("HOME=" + work).encode() in f.read() and int(pid) != os.getpid():
                    with open("/proc/%s/comm" % pid) as g:
                        found.append((pid, g.read().strip()))
        except OSError:
            pass
    return found


deadline = time.time() + 15
while time.time() < deadline and processes_left():
    time.sleep(0.2)
check("no process is left", not processes_left(), processes_left())
left = [n for n in os.listdir(store + "/sandboxes") if not n.startswith(".new-")]
check("no entry is left", not left, left)
left = [n for n in os.listdir(work + "/run/picket") if re.fullmatch("[0-9a-f]{12}", n)]
# A command that was killed on its way may have made its directory a moment ago: that goes when it is a minute old.
left = [n for n in left if os.listdir(work + "/run/picket/" + n) not in ([], [".new-entry"])]
check("nothing is left in the runtime directory", not left, left)
for pid, _ in processes_left():
    os.kill(int(pid), signal.SIGKILL)
shutil.rmtree(work, ignore_errors=True)
sys.exit(1 if failures else 0)
