#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
Random interleavings of commands on the same sandboxes, and of kill -9 of Picket's own processes. Afterwards no process, mount,
directory, name or lock is left, and what was said in between was right.

usage: races.py BUILD-DIRECTORY [ROUNDS [SEED]]    (60 rounds; RACES_ROUNDS, RACES_SEED; the seed is printed)
"""
import ctypes
import fcntl
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

BUILD = os.path.abspath(sys.argv[1])
ROUNDS = int(sys.argv[2] if len(sys.argv) > 2 else os.environ.get("RACES_ROUNDS", "60"))
SEED = int(sys.argv[3] if len(sys.argv) > 3 else os.environ.get("RACES_SEED", str(int(time.time()) % 1000000)))
PATIENCE = 40  # seconds a command may take
PROGRAM = ["sh", "-c", "echo here; while :; do sleep 1; done"]
TESTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")


def field(pid, name):
    try:
        with open("/proc/%d/stat" % pid) as f:
            comm, _, rest = f.read().partition("(")[2].rpartition(")")
    except OSError:
        return None
    rest = rest.split()
    return {"comm": comm, "state": rest[0], "parent": int(rest[1])}[name]


class Work:
    """A store and a runtime directory, and all processes that come from here: orphans come to this process."""

    def __init__(self):
        ctypes.CDLL(None).prctl(36, 1)  # PR_SET_CHILD_SUBREAPER
        self.dir = tempfile.mkdtemp(prefix="picket-races-")
        self.store, self.run = self.dir + "/store", self.dir + "/run"
        os.mkdir(self.run, 0o700)
        self.env = dict(os.environ, PICKET_STORE=self.store, XDG_RUNTIME_DIR=self.run, HOME=self.dir, PICKET_TEST_MODE="oneruntime")
        self.picket = os.path.join(BUILD, "cmd", "picket")
        self.clients, self.lock = set(), threading.Lock()

    def popen(self, words):
        with self.lock:
            p = subprocess.Popen([self.picket, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                 env=self.env, start_new_session=True)
            self.clients.add(p.pid)
        return p

    def call(self, *words, patience=PATIENCE):
        """(status, output, messages); status None: it did not end."""
        p = self.popen(words)
        try:
            out, err = p.communicate(timeout=patience)
            status = p.returncode
        except subprocess.TimeoutExpired:
            hang = describe(self.processes())
            p.kill()
            out, err = p.communicate()
            status, err = None, err + ("\n" + hang).encode()
        with self.lock:
            self.clients.discard(p.pid)
        return status, out.decode(errors="replace"), err.decode(errors="replace")

    def processes(self):
        """All descendants that are no zombies; orphaned zombies are waited for."""
        children = {}
        for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
            up = field(pid, "parent")
            if up is not None:
                children.setdefault(up, []).append(pid)
        found, todo = [], [os.getpid()]
        while todo:
            for pid in children.get(todo.pop(), ()):
                todo.append(pid)
                if field(pid, "state") not in (None, "Z"):
                    found.append(pid)
        with self.lock:
            for pid in children.get(os.getpid(), ()):
                if pid not in self.clients and field(pid, "state") == "Z":
                    try:
                        os.waitpid(pid, os.WNOHANG)
                    except ChildProcessError:
                        pass
        return found

    def entries(self):
        found = []
        for place in [self.store + "/sandboxes/" + n for n in listdir(self.store + "/sandboxes")] + \
                [self.run + "/picket/" + n + "/entry" for n in listdir(self.run + "/picket")]:
            if os.path.exists(place + "/config.json"):
                found.append(place)
        return found

    def keepers(self):
        return [s["pid"] for s in (read_json(e + "/state.json") for e in self.entries())
                if s.get("status") in ("running", "paused", "restarting") and s.get("pid") and field(s["pid"], "state") not in (None, "Z")]

    def left(self):
        """What is there although there is no sandbox and no volume: (directory, name)."""
        run = self.run + "/picket"
        places = {self.store + "/sandboxes": (), self.store + "/volumes": ("lock",), self.store + "/names": ("lock",),
                  run: ("names", "mounts", "lock", "events.json", "events.json.1"), run + "/names": ("lock",), run + "/mounts": ()}
        return [(place, n) for place, kept in places.items() for n in listdir(place) if n not in kept and not n.startswith(".lock")]


def age(path):
    """Two minutes older: the directory, and in it what an entry is called while it appears and vanishes."""
    then = time.time() - 120
    for at in (path + "/.new-entry", path + "/.gone-entry", path):
        if os.path.isdir(at):
            os.utime(at, (then, then))


def listdir(path):
    try:
        return os.listdir(path)
    except OSError:
        return []


def tree(path):
    """All that lies beneath it, as paths from there."""
    return sorted(os.path.relpath(os.path.join(at, n), path) for at, dirs, files in os.walk(path) for n in dirs + files)


def read_json(path):
    try:
        with open(path) as f:
            return json.load(f)
    except (OSError, ValueError):
        return {}


def describe(pids):
    words = []
    for pid in pids:
        try:
            with open("/proc/%d/cmdline" % pid, "rb") as f:
                line = f.read().replace(b"\0", b" ").decode(errors="replace")[:80]
        except OSError:
            line = "?"
        words.append("%d %s %s [%s]" % (pid, field(pid, "state"), field(pid, "comm"), line))
    return "\n".join(words)


# --- what is done -----------------------------------------------------------------------------------------------------------------

def murder(w, r, kind):
    """kill -9 of a process of that kind, if there is one."""
    keepers = set(w.keepers())
    if kind == "keeper":
        pids = keepers
    elif kind == "client":
        with w.lock:
            pids = set(w.clients)
    else:
        pids = {p for p in w.processes() if field(p, "comm") == kind}
    if pids:
        try:
            os.kill(r.choice(sorted(pids)), signal.SIGKILL)
        except ProcessLookupError:
            pass


def actions(w, r):
    """A random action: its name, and what does it."""
    name = r.choice(["a", "b"])
    other = r.choice(["a", "b", "c"])
    calls = [
        ["start", name], ["start", name], ["start", name], ["stop", "-t", "0", name], ["stop", "-t", "1", name],
        ["kill", name], ["kill", "-s", "TERM", name], ["restart", "-t", "0", name], ["rm", name], ["rm", "-f", name], ["rm", "-f", name],
        ["exec", name, "true"], ["exec", name, "sleep", "0.3"], ["exec", "-d", name, "sleep", "0.3"], ["logs", name],
        ["logs", "-f", name], ["attach", "--no-stdin", name], ["pause", name], ["unpause", name], ["rename", name, other],
        ["cp", "/etc/passwd", name + ":/tmp/in"], ["cp", name + ":/etc/passwd", "-"], ["inspect", name], ["ps", "-a"], ["wait", name],
        ["top", name], ["stats", "--no-stream", name], ["diff", name], ["update", "--pids-limit", "100", name], ["port", name],
        ["commit", name, "made"], ["cp", name + ":/etc", w.dir + "/copied"],
        ["volume", "create", "vol-" + name], ["volume", "rm", "vol-" + name], ["volume", "prune", "-af"],
        new_sandbox(r, name), new_sandbox(r, name),
    ]
    kinds = ["keeper", "keeper", "picket-sentry", "picket-sentry", "slirp4netns", "picket-snapd", "client", "client"]
    if r.random() < 0.25:
        kind = r.choice(kinds)
        return "kill -9 " + kind, lambda: murder(w, r, kind)
    words = r.choice(calls)
    return " ".join(words[:3]), words


def new_sandbox(r, name):
    options = ["-d", "--name", name]
    if r.random() < 0.3:
        options.append("--rm")
    elif r.random() < 0.3:
        options += ["--restart", r.choice(["always", "on-failure:3", "unless-stopped"])]
    if r.random() < 0.3:
        options += ["-v", "vol-%s:/v" % name]
    options += ["--network", "slirp" if r.random() < 0.3 else "none"]
    return ["run", *options, "box" if r.random() < 0.5 else "host", "--", *PROGRAM]


WAITS = ("logs -f", "attach", "wait ")


class Round:
    """One interleaving: several actions, each after a random moment, beside each other."""

    def __init__(self, w, seed):
        self.w, self.r = w, random.Random(seed)
        self.wrong, self.story = [], []
        self.killed = False  # a command or a keeper, which may have been making or removing an entry

    def act(self, delay, what, do):
        time.sleep(delay)
        began = time.monotonic()
        if callable(do):
            self.killed |= what in ("kill -9 client", "kill -9 keeper")
            do()
            self.story.append("%.3f %s" % (delay, what))
            return
        status, out, err = self.w.call(*do)
        self.story.append("%.3f %s: %s in %.1f s %s" % (delay, " ".join(do[:7]), status, time.monotonic() - began, err.strip()[:300]))
        if status is None:
            self.wrong.append("%s does not end" % what)
        elif status < 0 and status != -signal.SIGKILL:
            self.wrong.append("%s: killed by signal %d" % (what, -status))
        elif "Sanitizer" in err or "assert" in err.lower():
            self.wrong.append("%s: %s" % (what, err[:300]))

    def run(self):
        w, r = self.w, self.r
        for name in ("a", "b"):
            if r.random() < 0.8:
                status, _, err = w.call(*new_sandbox(r, name))
                self.story.append("at first: %s %s" % (status, err.strip()[:200]))
                if status:
                    self.wrong.append("the first run fails: %s" % err.strip())
        threads = [threading.Thread(target=self.act, args=(r.random() * 0.4, *actions(w, r))) for _ in range(r.randint(3, 7))]
        for t in threads:
            t.start()
        # What waits for an end gets one.
        end = time.monotonic() + 3
        while any(t.is_alive() for t in threads) and time.monotonic() < end:
            time.sleep(0.02)
        if any(t.is_alive() for t in threads):
            for name in ("a", "b", "c"):
                w.call("unpause", name)
            if any(t.is_alive() for t in threads):
                for name in ("a", "b", "c"):
                    w.call("rm", "-f", name)
        for t in threads:
            t.join(PATIENCE + 5)
        self.check_status()
        self.clean()
        return not self.wrong

    def check_status(self):
        """What is said to run does, and answers; what is said to have ended has no processes."""
        w = self.w
        status, out, err = w.call("ps", "-aq", "--no-trunc")
        if status:
            self.wrong.append("ps: %s" % err.strip())
            return
        for ident in out.split():
            status, out, err = w.call("inspect", ident)
            try:
                state = json.loads(out)[0]["State"]
            except (ValueError, LookupError):
                if status == 0:
                    self.wrong.append("inspect: %s" % out[:200])
                continue  # --rm: gone between the two
            self.story.append("%s %s" % (ident[:12], state))
            if state["Status"] == "running":
                self.answers(ident)
            elif state["Status"] == "exited" and state["ExitCode"] not in (137, 143, 125):
                self.wrong.append("%s: exit code %s" % (ident[:12], state["ExitCode"]))
            elif state["Status"] not in ("running", "exited", "created", "paused", "restarting"):
                self.wrong.append("%s: status %s" % (ident[:12], state["Status"]))

    def answers(self, ident):
        status, _, err = self.w.call("exec", ident, "true")
        if status:
            _, out, _ = self.w.call("inspect", "-f", "{{.State.Status}}", ident)
            if out.strip() in ("running", "paused"):
                self.wrong.append("%s is said to be %s, but exec: %s %s" % (ident[:12], out.strip(), status, err.strip()))

    def clean(self):
        """Everything is removed, and nothing is left."""
        w = self.w
        _, out, _ = w.call("ps", "-aq", "--no-trunc")
        if out.split():
            status, _, err = w.call("rm", "-f", *out.split())
            if status and "no such" not in err.lower() and "is no sandbox" not in err.lower():
                self.wrong.append("rm -f: %s" % err.strip())
        end = time.monotonic() + 5
        while True:
            left = w.processes()
            if not left or time.monotonic() > end:
                break
            time.sleep(0.02)
        if left:
            self.wrong.append("processes are left:\n" + describe(left))
            for pid in left:
                os.kill(pid, signal.SIGKILL)
        w.call("container", "prune", "-f")
        status, _, err = w.call("volume", "prune", "-af")
        if status:
            self.wrong.append("volume prune: %s" % err.strip())
        left = w.left()
        if left and self.killed:
            # What was on its way goes with the next listing, once it is old enough to be nobody's any more.
            for place, name in left:
                age(place + "/" + name)
            w.call("ps", "-a")
            left = w.left()
        for place, name in left:
            self.wrong.append("%s holds %s (%s)" % (place, name, " ".join(tree(place + "/" + name))))
            # It is this round's fault alone.
            if os.path.isdir(place + "/" + name):
                shutil.rmtree(place + "/" + name, ignore_errors=True)
            else:
                os.unlink(place + "/" + name)
        with open("/proc/self/mounts") as f:
            mounts = [line for line in f if w.dir in line]
        if mounts:
            self.wrong.append("mounts are left: " + " ".join(mounts))
        for place in (w.store + "/names", w.run + "/picket/names"):
            if os.path.isdir(place):
                fd = os.open(place, os.O_RDONLY)
                try:
                    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    self.wrong.append("%s is locked" % place)
                os.close(fd)


def main():
    w = Work()
    try:
        sys.exit(1 if walk(w) else 0)
    finally:  # whatever happens, nothing of it goes on
        for pid in w.processes():
            os.kill(pid, signal.SIGKILL)
        shutil.rmtree(w.dir, ignore_errors=True)


def walk(w):
    print("# seed %d, %d rounds" % (SEED, ROUNDS), flush=True)
    layout = w.dir + "/box"
    subprocess.run([sys.executable, os.path.join(TESTS, "lib", "mkimage.py"), "--busybox", layout, "box"], check=True,
                   stdout=subprocess.DEVNULL)
    status, _, err = w.call("load", "-i", layout)
    if status:
        sys.exit("cannot load an image: " + err)
    failed = 0
    began = time.monotonic()
    for n in range(ROUNDS):
        one = Round(w, SEED * 100000 + n)
        if not one.run():
            failed += 1
            print("# round %d of seed %d:\n# %s\n# %s" % (n, SEED, "\n".join(one.wrong).replace("\n", "\n#   "),
                                                         "\n".join(one.story).replace("\n", "\n# ")), flush=True)
    print("%s life-cycle races: %d rounds, %d wrong, %.0f s" % ("not ok" if failed else "ok", ROUNDS, failed, time.monotonic() - began))
    return failed


main()
