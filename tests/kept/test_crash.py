#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""test_crash.py BUILD-DIRECTORY [ROUNDS [SEED]]: kill -9 of the sentry of a kept sandbox at random moments of random changes of files. After
each, the sandbox starts again, and its tree is what the model says after the last change, or the one that was under way."""
import glob
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))


def state_of(data):
    for path in glob.glob(os.path.join(data, "picket/sandboxes/*/state.json")):
        try:
            with open(path) as f:
                return json.load(f)
        except (OSError, ValueError):
            pass
    return {}


def rounds(picket, work, seed, count):
    data, root, notes = (os.path.join(work, n) for n in ("data", "root", "notes"))
    os.makedirs(os.path.join(root, "t"))
    os.makedirs(notes)
    program = os.path.join(root, "crash_ops")
    subprocess.run(["cc", "-O1", "-static", "-D_GNU_SOURCE", "-o", program, os.path.join(HERE, "crash_ops.c")], check=True)
    subprocess.run([program, "init", os.path.join(root, "t"), str(seed)], check=True)
    env = dict(os.environ, XDG_DATA_HOME=data)
    note = os.path.join(notes, "k")
    first = [picket, "run", "--keep", "--name", "crash", "--network", "none", "-v", notes + ":/notes", "--rootfs", root, "--",
             "/crash_ops", "go", "/t", str(seed), "/notes/k"]
    again = [picket, "start", "-a", "crash"]
    moments = random.Random(seed)
    kills = 0
    for i in range(count):
        out = os.path.join(work, "out")
        with open(out, "wb") as f:
            p = subprocess.Popen(again if i else first, stdin=subprocess.DEVNULL, stdout=f, stderr=f, env=env)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and p.poll() is None and b"as it must" not in open(out, "rb").read():
            time.sleep(0.002)
        text = open(out, "rb").read().decode(errors="replace")
        if "as it must" not in text:
            p.kill()
            return "round %d of seed %d: %s" % (i, seed, text)
        time.sleep(moments.choice((0.0, 0.001, 0.003, 0.01, 0.03)) * moments.random())
        sentry = state_of(data).get("sentry", 0)
        if sentry > 1 and p.poll() is None:
            os.kill(sentry, signal.SIGKILL)
            kills += 1
        p.wait(timeout=60)
        text = open(out, "rb").read().decode(errors="replace")
        if p.returncode in (3, 4) or (kills == 0 and i > 3):
            return "round %d of seed %d: status %d: %s" % (i, seed, p.returncode, text)
    with open(note, "rb") as f:
        changes = int.from_bytes(f.read(8), "little")
    print("seed %d: %d kills, %d changes" % (seed, kills, changes))
    subprocess.run([picket, "rm", "-f", "crash"], env=env, stdout=subprocess.DEVNULL)
    return None


def main():
    build, count = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 25
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    bad = 0
    while count > 0:
        work = tempfile.mkdtemp(prefix="picket-crash-")
        try:
            problem = rounds(os.path.join(build, "cmd", "picket"), work, seed, min(count, 50))
        finally:
            if not os.environ.get("KEEP"):
                subprocess.run(["chmod", "-R", "u+rwX", work])
                shutil.rmtree(work, ignore_errors=True)
        if problem:
            print("not ok crash - " + problem)
            bad = 1
            break
        count -= 50
        seed += 1
    if not bad:
        print("ok crash")
    return bad


sys.exit(main())
