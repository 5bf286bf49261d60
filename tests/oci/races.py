#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""picket-runtime's state machine under races: verbs against each other on one container, and SIGKILL of create, monitor and sentry at any moment.

Use: races.py BUILD-DIRECTORY [ROUNDS [SEED]]. Whatever happened, `delete --force` succeeds and leaves nothing, two starts have one winner,
and the id can be used again.
"""
import os
import random
import signal
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import oci

rt = oci.Runtime(sys.argv[1])
rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 25
seed = int(sys.argv[3]) if len(sys.argv) > 3 else int.from_bytes(os.urandom(4), "big")
SLOW = 20  # seconds after which a verb is taken to hang


def children(pid):
    try:
        with open("/proc/%d/task/%d/children" % (pid, pid)) as f:
            return [int(p) for p in f.read().split()]
    except OSError:
        return []


def kill(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


class Round:
    def __init__(self, number):
        self.rng = random.Random(seed * 1000003 + number)
        self.id = "r%d" % number
        self.did = []
        self.bad = []
        self.started = 0

    def verb(self, *args):
        try:
            r = rt.call(*args, timeout=SLOW)
        except subprocess.TimeoutExpired:
            self.bad.append("%s hangs" % (args,))
            return None
        self.did.append("%s=%d" % (args[0], r.returncode))
        if r.returncode < 0 or b"cannot lock" in r.stderr:
            self.bad.append("%s: %d %s" % (args, r.returncode, r.stderr))
        return r

    def create(self):
        # A monitor that outlives its create is ours; what we kill is found among the children of the two.
        self.creator = subprocess.Popen(rt.command("create", "--bundle", rt.bundle, "--pid-file", rt.work + "/pid." + self.id, self.id),
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def monitor(self):
        kids = children(self.creator.pid)
        if kids:
            return kids[0]
        s = rt.state(self.id)
        return s.get("pid", 0)

    def act(self, rng):
        what = rng.choice(["kill-create", "kill-monitor", "kill-sentry", "delete", "force", "start", "start", "term", "kill", "pause",
                           "exec", "state", "list"])
        self.did.append(what)
        if what == "kill-create":
            self.creator.kill()
        elif what == "kill-monitor":
            pid = self.monitor()
            if pid:
                kill(pid)
        elif what == "kill-sentry":
            pid = self.monitor()
            for kid in children(pid) if pid else []:
                kill(kid)
        elif what == "start":
            r = self.verb("start", self.id)
            self.started += r is not None and r.returncode == 0
        elif what == "exec":
            self.verb("exec", self.id, "true")
        elif what == "list":
            r = self.verb("list", "-q")
            if r and r.returncode:
                self.bad.append("list fails: %s" % r.stderr)
        else:
            args = {"delete": ["delete"], "force": ["delete", "--force"], "term": ["kill"], "kill": ["kill"], "pause": ["pause"],
                    "state": ["state"]}[what]
            r = self.verb(*args, self.id, *(["KILL"] if what == "kill" else []))
            if what == "force" and r and r.returncode:
                self.bad.append("delete --force fails: %s" % r.stderr)

    def worker(self, rng):
        for _ in range(rng.randint(1, 3)):
            time.sleep(rng.random() ** 2 * 0.04)
            self.act(rng)

    def run(self):
        self.create()
        workers = [threading.Thread(target=self.worker, args=(random.Random(self.rng.random()),)) for _ in range(self.rng.randint(1, 3))]
        for w in workers:
            w.start()
        for w in workers:
            w.join()
        try:
            self.creator.wait(SLOW)
        except subprocess.TimeoutExpired:
            self.bad.append("create hangs")
            self.creator.kill()
        r = self.verb("delete", "--force", self.id)
        if r and r.returncode:
            self.bad.append("the last delete --force: %s" % r.stderr)
        if self.started > 1:
            self.bad.append("%d starts succeeded" % self.started)
        if self.id in rt.containers():
            self.bad.append("its directory is there")
        left = rt.left_over(5)
        if left:
            self.bad.append("processes are left: %s" % left)
        return not self.bad


rt.config("sleep", "60")
failed = 0
for n in range(rounds):
    r = Round(n)
    if not r.run():
        failed += 1
        rt.check("round %d of seed %d" % (n, seed), False, "%s after %s" % (r.bad, r.did))
        if failed > 5:
            break
rt.check("%d rounds" % rounds, failed == 0, "seed %d" % seed)
r = rt.call("create", "--bundle", rt.bundle, "r0")
rt.check("an id can be used again", r.returncode == 0, r.stderr)
rt.done()
