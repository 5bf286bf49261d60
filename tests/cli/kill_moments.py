#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""kill -9 of picket, or of a child of it, at random moments of a run's start and middle: nothing is left over.

Use: kill_moments.py BUILD-DIRECTORY [ROUNDS]. Prints "ok NAME" or "not ok NAME"; the exit status tells whether all passed.
"""
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

build, rounds = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 24
picket = build + "/cmd/picket"
work = tempfile.mkdtemp(prefix="picket-test-")
failures = 0


def check(name, good):
    global failures
    failures += not good
    print(("ok " if good else "not ok ") + name, flush=True)


def processes():
    """pid -> (name, parent) of all that are not zombies."""
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/status" % pid) as f:  # the folder's owner is root where a process may not be dumped
                if "\nUid:\t%d\t" % os.getuid() not in f.read():
                    continue
            with open("/proc/%s/stat" % pid) as f:
                text = f.read()
        except OSError:
            continue
        name = text[text.index("(") + 1:text.rindex(")")]
        state, parent = text[text.rindex(")") + 2:].split()[:2]
        if state != "Z":
            found[int(pid)] = (name, int(parent))
    return found


def orphans():
    """Processes of sandboxes that no picket stands above."""
    all_of_them, found = processes(), set()
    for pid, (name, parent) in all_of_them.items():
        if name not in ("picket-sentry", "picket-stub", "slirp4netns"):
            continue
        while parent in all_of_them and all_of_them[parent][0] not in ("picket", "picket-keeper"):
            parent = all_of_them[parent][1]
        if parent not in all_of_them:
            found.add((pid, name))
    return found


def one_round(environment, longest):
    run = subprocess.Popen([picket, "run", "host", "--", "sh", "-c", "sleep 1000 & while :; do :; done"], env=environment,
                           stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(random.random() * longest)
    children = [pid for pid, (_, parent) in processes().items() if parent == run.pid]
    victim = random.choice([run.pid] + children)
    try:
        os.kill(victim, signal.SIGKILL)
        run.wait(0.5)
    except (OSError, subprocess.TimeoutExpired):
        run.kill()  # slirp4netns was the victim: the sandbox goes on without
    run.wait()


def nothing_left(before):
    """Within two seconds; other tests' sandboxes beside us may be dying at the same time, so look a little longer."""
    end = time.time() + 4
    while time.time() < end:
        left = orphans() - before
        if not left:
            return True
        time.sleep(0.1)
    print("# left: %s" % sorted(left))
    return False


seed = int(time.time())
random.seed(seed)
print("# seed %d" % seed)
for mode in ("", "nouserns"):
    environment = dict(os.environ, XDG_RUNTIME_DIR=work, PICKET_TEST_MODE=mode)
    before = orphans()
    for i in range(rounds):
        one_round(environment, 0.02 if i % 2 else 0.2)
    check("mode %s: nothing is left after %d kills" % (mode or "default", rounds), nothing_left(before))
    check("  the next run works", subprocess.run([picket, "run", "--network", "none", "host", "true"], env=environment,
                                                 stderr=subprocess.DEVNULL).returncode == 0)
    left = [name for name in os.listdir(work + "/picket") if os.path.exists(work + "/picket/" + name + "/entry")]
    check("  and no notes are left", not left)
shutil.rmtree(work, ignore_errors=True)
sys.exit(1 if failures else 0)
