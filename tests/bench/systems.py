# SPDX-License-Identifier: MIT
"""The systems that are measured: how each runs a program on the tree of tree.py, and a conversation with calls.c inside it."""
import os
import select
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "oci"))
import podman as oci_podman  # noqa: E402

PATH = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
# crun runs on no machine whose cgroup v1 and v2 both have controllers; where v2 is out of its sight it does.
HIDE_CGROUP2 = ["unshare", "-Urm", "--map-auto", "sh", "-c",
                'mount -t tmpfs none /dev/shm && mount -t tmpfs none /run && mount -t tmpfs none /sys/fs/cgroup/unified && exec "$@"', "sh"]


def peer(name):
    for p in filter(None, os.environ.get("PEERS", "").split(":")):
        if os.path.basename(p) == name:
            return p
    return shutil.which(name, path=PATH)


def clean(**more):
    """No variable of the caller's changes what a program does in one system and not in another."""
    return {"PATH": PATH, "HOME": "/tmp", "LC_ALL": "C", **more}


class System:
    """One way to run programs. argv() is a command of this machine that runs the words given on the tree."""

    def __init__(self, name, argv, env=None):
        self.name, self.argv, self.env = name, argv, env or clean()
        self.process = None

    def start(self):
        self.process = subprocess.Popen(self.argv(["/srv/calls", "serve"], True), env=self.env, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0)
        self.buffer = b""
        return self.answer(30) is not None

    def answer(self, limit):
        """The lines up to "= STATUS µs" as (lines, status, µs); None if none comes."""
        end, lines = time.monotonic() + limit, []
        while True:
            line, newline, rest = self.buffer.partition(b"\n")
            if newline:
                self.buffer = rest
                if line.startswith(b"= "):
                    _, status, us = line.split()
                    return lines, int(status), float(us)
                lines.append(line.decode(errors="replace"))
                continue
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.process.stdout], [], [], left)[0]:
                return None
            more = os.read(self.process.stdout.fileno(), 65536)
            if not more:
                return None
            self.buffer += more

    def run(self, words, directory="/", shown=False, limit=120):
        """Runs a program inside; (lines, status, µs). A system that hangs or breaks is given up."""
        if not self.process:
            return [], 255, 0.0
        try:
            self.process.stdin.write("\t".join(["o" if shown else "q", directory, *words]).encode() + b"\n")
            got = self.answer(limit)
        except OSError:
            got = None
        if got is None:
            print("bench: %s: no answer to %s" % (self.name, " ".join(words)), file=sys.stderr)
            self.end()
            return [], 255, 0.0
        return got

    def end(self):
        p, self.process = self.process, None
        if not p:
            return
        try:
            p.stdin.close()
            p.wait(10)
        except (OSError, subprocess.TimeoutExpired):
            p.terminate()
            try:
                p.wait(5)
            except subprocess.TimeoutExpired:
                p.kill()
                p.wait()
        p.stdout.close()


def picket(build, work, tree, image):
    """An image of the tree, as people run it: kept, its layer of writes on disk."""
    env = clean(HOME=work + "/home", PICKET_STORE=work + "/store", PICKET_RUNTIME=work + "/runtime")
    program = os.path.join(build, "cmd", "picket")
    tar = subprocess.Popen(["tar", "-C", tree, "--owner=0", "--group=0", "-cf", "-", "."], stdout=subprocess.PIPE)
    subprocess.run([program, "import", "-c", "ENV PATH=" + PATH, "-", image], stdin=tar.stdout, env=env, check=True,
                   stdout=subprocess.DEVNULL)
    if tar.wait():
        sys.exit("bench: cannot pack the tree")
    return System("picket", lambda a, i=False: [program, "run", *(["-i"] if i else []), "--network", "none", image, *a], env)


def host(build, work, tree):
    """This machine's own root; only where the tree's paths are the machine's too."""
    env = clean(HOME=work + "/home", PICKET_STORE=work + "/store", PICKET_RUNTIME=work + "/runtime")
    program = os.path.join(build, "cmd", "picket")
    return System("picket-host", lambda a, i=False: [program, "run", *(["-i"] if i else []), "--network", "none",
                                                     "-v", tree + "/srv:/srv:ro", "host", "--", *a], env)


def native(tree):
    """The tree by chroot: the same paths, the same files, nothing between them and the kernel."""
    inside = 'mount --rbind /proc "$0/proc" && mount --rbind /dev "$0/dev" && exec chroot "$0" "$@"'
    return System("native", lambda a, i=False: ["unshare", "-Urm", "sh", "-c", inside, tree, *a])


def bubblewrap(tree):
    bwrap = peer("bwrap")
    return bwrap and System("bubblewrap", lambda a, i=False: [bwrap, "--bind", tree, "/", "--dev", "/dev", "--proc", "/proc",
                                                              "--unshare-all", "--die-with-parent", *a])


def runsc(tree):
    program = peer("runsc")
    return program and System("runsc", lambda a, i=False: [program, "--rootless", "--platform=systrap", "--network=none",
                                                           "--ignore-cgroups", "do", "-cwd", "/", "-root", tree, *a])


def podman(tree):
    """Rootless podman with crun; (system, what ends it) or (None, None)."""
    if not peer("podman") or not peer("crun"):
        return None, None
    own = oci_podman.Podman(peer("crun"))
    own.storage("overlay")

    def end():
        try:
            with open(own.dir + "/run/libpod/pause.pid") as f:
                os.kill(int(f.read()), signal.SIGTERM)
        except (OSError, ValueError):
            pass
        subprocess.run(["unshare", "-Ur", "--map-auto", "rm", "-rf", own.dir + "/storage", own.dir + "/run"], stderr=subprocess.DEVNULL)
        own.end()

    for before in ([], HIDE_CGROUP2):
        base = [*before, *own.env["P"].split(), "run", "--rm", "--network", "none", "--cgroups", "disabled",
                "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024"]
        words = [*base, "--rootfs", tree + ":O", "/usr/bin/true"]
        if subprocess.run(words, env=own.env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0:
            return System("podman", lambda a, i=False: [*base, *(["-i"] if i else []), "--rootfs", tree + ":O", *a], own.env), end
    end()
    return None, None
