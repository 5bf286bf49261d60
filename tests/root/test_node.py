#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The node script on a real containerd (this machine's; with PICKET_CONTAINERD another release's), and the add-on's pod, whose
script enters the node's namespaces: every form of configuration, what containerd then says it has, containers that live
through installing, updating and removing, a containerd that would not come back."""
import os
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import bench  # noqa: E402
import cri  # noqa: E402
from bench import until  # noqa: E402

SRC = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
SCRIPT = os.path.join(SRC, "cmd", "minikube", "node.sh")
ADDON = os.path.join(SRC, "cmd", "minikube", "addon", "addon.sh")
IMAGE = "docker.io/library/busybox:1"

RESTART = """#!/bin/sh
# What a service manager does: the daemon alone is ended, its shims go on.
echo x >>%(work)s/restarts
[ ! -e %(work)s/pid ] || { p=$(cat %(work)s/pid); kill $p 2>/dev/null; while kill -0 $p 2>/dev/null; do sleep 0.02; done; }
[ ! -e %(work)s/broken ] || ! grep -q runtimes.picket %(work)s/config.toml || exit 1
config=%(config)s
[ -e $config ] || config=/dev/null
setsid containerd --config $config >>%(work)s/containerd.log 2>&1 </dev/null &
echo $! >%(work)s/pid
"""


class Node:
    def __init__(self, b, r, build):
        self.b, self.r = b, r
        self.config = b.work + "/config.toml"
        self.programs = b.work + "/programs"
        self.restart = b.work + "/restart"
        # The daemon's own settings come first, so that it is found where nothing else is said.
        with open(self.restart, "w") as f:
            f.write(RESTART % {"work": b.work, "config": self.config})
        os.chmod(self.restart, 0o755)
        os.mkdir(b.work + "/archive")
        p = subprocess.run([os.path.join(SRC, ".ci/package/node.sh"), b.work + "/archive"], env={
            **os.environ, "PICKET_NODE_BUILT": build}, capture_output=True, text=True)
        if p.returncode:
            raise AssertionError("no archive: " + p.stderr)
        self.archive = "%s/archive/picket-node-%s.tar.gz" % (b.work, os.uname().machine)
        self.sum = open(self.archive + ".sha256").read().split()[0]

    def script(self, *args):
        p = subprocess.run(["sh", SCRIPT, *args, "--directory", self.programs, "--config", self.config, "--restart", self.restart],
                           env=self.b.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                           timeout=120)
        return p.returncode, p.stdout

    def install(self):
        return self.script("install", "--archive", self.archive, "--sha256", self.sum)

    def write(self, text):
        with open(self.config, "w") as f:
            f.write(text)

    def read(self):
        with open(self.config) as f:
            return f.read()

    def restarts(self):
        try:
            return len(open(self.b.work + "/restarts").read().split())
        except FileNotFoundError:
            return 0

    def start(self):
        subprocess.run([self.restart], check=True, env=self.b.environment())
        until("containerd answers", lambda: self.b.ctr("version", check=False, timeout=5).returncode == 0, 30)

    def stop(self):
        try:
            os.kill(int(open(self.b.work + "/pid").read()), signal.SIGKILL)
        except (OSError, ValueError):
            pass

    def runtimes(self):
        """What the running daemon's CRI says it has."""
        import json
        client = cri.Client(self.b.work, self.b.socket)
        info = client.Status(verbose=True).info["config"]
        return {k: (v.get("options") or {}).get("BinaryName", "") for k, v in json.loads(info)["containerd"]["runtimes"].items()}


def base(n):
    """The bench's configuration without a table of runtimes."""
    text = n.b.config()
    cut = text.index("[plugins", text.index("default_runtime_name"))
    return text[:cut]


def forms(n):
    r, major = n.r, n.b.version()[0]
    plain = base(n)
    cri_name = "io.containerd.grpc.v1.cri" if major < 2 else "io.containerd.cri.v1.runtime"
    runc = '[plugins."%s".containerd.runtimes.runc]\n  runtime_type = "io.containerd.runc.v2"\n' % cri_name
    made = {"a table of runc": plain + runc, "no table of runtimes": plain, "no last line end": (plain + runc).rstrip("\n"),
            "CRLF": (plain + runc).replace("\n", "\r\n"), "only daemon settings": plain[:plain.index("[plugins")]}
    if major >= 2:
        made["version 2 on containerd 2"] = plain[:plain.index("[plugins")].replace("version = 3", "version = 2")
    dropin = n.b.work + "/conf.d"
    os.mkdir(dropin)
    made["an import"] = plain.replace("\n", '\nimports = ["%s/*.toml"]\n' % dropin, 1)
    for name, text in made.items():
        if name == "an import":
            with open(dropin + "/runc.toml", "w") as f:
                f.write("version = %d\n" % (2 if major < 2 else 3) + plain[plain.index("[plugins."):] + runc)
        with open(n.config, "w", newline="") as f:
            f.write(text)
        n.start()
        before = n.runtimes()
        status, out = n.install()
        have = n.runtimes() if status == 0 else {}
        restarts = n.restarts()
        again, said = n.install()
        r.ok("%s: containerd has picket and all it had" % name, status == 0 and have.get("picket") == n.programs + "/picket-runtime" and
             set(have) == set(before) | {"picket"} and "runc" in have, (status, out, before, have))
        r.ok("  again: no restart", again == 0 and n.restarts() == restarts, said)
        status, out = n.script("remove")
        with open(n.config, newline="") as f:
            undone = f.read() == text
        r.ok("  undone byte for byte, and containerd has what it had", status == 0 and undone and n.runtimes() == before and
             not os.path.exists(n.programs), (status, out))
    shutil.rmtree(dropin)
    defaults(n)
    n.write(made["a table of runc"])
    n.start()


def defaults(n):
    """No configuration at all: containerd's built-in one, whose places are this test's own (/run is already)."""
    over = ["mount", "-t", "overlay", "none", "-o", "lowerdir=/var/lib,upperdir=%s/over,workdir=%s/overwork" % (n.b.work, n.b.work), "/var/lib"]
    os.makedirs(n.b.work + "/over/containerd")
    os.mkdir(n.b.work + "/overwork")
    if subprocess.run(over, stderr=subprocess.DEVNULL).returncode:
        print("ok no place for containerd's own directory here # SKIP")
        return
    subprocess.run(["mount", "-t", "tmpfs", "none", "/var/lib/containerd"], check=True)
    own, n.b.socket = n.b.socket, "/run/containerd/containerd.sock"
    os.unlink(n.config)
    n.start()
    before = n.runtimes()
    status, out = n.install()
    have = n.runtimes()
    n.r.ok("no configuration: containerd has picket and its built-in runc", status == 0 and have.get("picket") and set(have) == set(before) | {"picket"},
           (status, out, before, have))
    status, out = n.script("remove")
    n.r.ok("  undone: there is none again", status == 0 and not os.path.exists(n.config) and n.runtimes() == before, (status, out))
    n.stop()
    n.b.socket = own
    subprocess.run(["umount", "-l", "/var/lib/containerd"], check=True)
    subprocess.run(["umount", "-l", "/var/lib"], check=True)


def living(n):
    """A container of the installed programs lives through it all."""
    r, b = n.r, n.b
    b.load("busybox:1")
    n.install()
    runtime = n.programs + "/picket-runtime"
    p = b.ctr("run", "--rm", "--runc-binary", runtime, IMAGE, "one", "echo", "hello", check=False)
    r.ok("a container of the installed programs", p.returncode == 0 and p.stdout == "hello\n", p.stdout + p.stderr)
    b.ctr("run", "-d", "--runc-binary", runtime, IMAGE, "stays", "sleep", "1000")

    def alive(what):
        p = b.ctr("task", "exec", "--exec-id", "e%d" % time.monotonic_ns(), "stays", "echo", "alive", check=False)
        r.ok(what, p.returncode == 0 and p.stdout == "alive\n", p.stdout + p.stderr)

    alive("a container that stays")
    status, out = n.script("status")
    r.ok("  is counted", status == 0 and "sandboxes: 1\n" in out, out)
    old, n.archive = n.archive, n.b.work + "/second.tar.gz"
    tree = n.b.work + "/second"
    os.mkdir(tree)
    subprocess.run("tar -xzf %s -C %s && cd %s/* && echo 9 >VERSION && sha256sum [A-R]* VERSION node.sh picket-* >SHA256SUMS && cd .. && tar -czf %s *" % (
        old, tree, tree, n.archive), shell=True, check=True)
    n.sum = subprocess.run(["sha256sum", n.archive], stdout=subprocess.PIPE, text=True).stdout.split()[0]
    restarts = n.restarts()
    status, out = n.install()
    r.ok("an update without a restart", status == 0 and n.restarts() == restarts and "programs: 9 in" in out, (status, out))
    alive("  it lives")
    p = b.ctr("run", "--rm", "--runc-binary", runtime, IMAGE, "two", "echo", "hello", check=False)
    r.ok("  new ones are of the new programs", p.returncode == 0 and p.stdout == "hello\n" and len(
        [d for d in os.listdir(n.programs) if d.startswith("version-")]) == 2, p.stdout + p.stderr)
    status, out = n.script("remove")
    r.ok("removed: it is said to run", status == 0 and "1 still run" in out and "picket" not in n.runtimes(), (status, out))
    alive("  it lives, under a containerd that has no picket")
    b.ctr("task", "kill", "--signal", "KILL", "stays")
    until("it has ended", lambda: "STOPPED" in b.ctr("task", "ls").stdout, 20)
    b.ctr("task", "rm", "stays", check=False)
    b.ctr("container", "rm", "stays", check=False)
    status, out = n.script("remove")
    r.ok("  when it has ended, the rest goes", status == 0 and not os.path.exists(n.programs), (status, out))
    n.archive, n.sum = old, open(old + ".sha256").read().split()[0]


def not_coming_back(n):
    r = n.r
    before = n.read()
    open(n.b.work + "/broken", "w").close()
    status, out = n.install()
    os.unlink(n.b.work + "/broken")
    r.ok("containerd does not start with it: as it was, and it runs", status == 1 and "did not come back" in out and n.read() == before and
         "picket" not in n.runtimes(), (status, out))
    n.script("remove")


def images(n, build):
    """What `picket minikube load` gives to ctr images import is known to the CRI by the ID that picket expects, and what ctr
    exports picket loads."""
    r, b = n.r, n.b
    user = b.work + "/user"
    os.mkdir(user)
    # The store is an ordinary user's.
    nobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "env", "-i", "PATH=/usr/bin:/bin", "PICKET_STORE=%s/store" % user,
              "HOME=%s" % user, "TMPDIR=%s" % user]
    os.chown(user, 65534, 65534)
    os.chmod(b.work, 0o755)
    layout = b.work + "/image-busybox-1"

    def picket(*args):
        p = subprocess.run([*nobody, os.path.join(build, "cmd", "picket"), *args], capture_output=True, text=True, timeout=60)
        return p.returncode, p.stdout + p.stderr

    status, out = picket("load", "-q", layout)
    if status and ("Permission denied" in out or "failed to run command" in out):
        print("ok the build cannot be reached by an ordinary user # SKIP")
        return
    picket("tag", "busybox:1", "ours:3")
    status, out = picket("save", "-o", user + "/ours.tar", "ours:3")
    import json
    import tarfile
    with tarfile.open(user + "/ours.tar", "r:") as t:
        ident = json.load(t.extractfile("manifest.json"))[0]["Config"].rpartition("/")[2]
    b.ctr("images", "import", user + "/ours.tar", namespace="k8s.io")

    def known():
        """The CRI keeps each image it knows under its ID, too."""
        return b.ctr("images", "ls", "-q", namespace="k8s.io").stdout.split()

    try:
        until("the CRI has noticed", lambda: "sha256:" + ident in known(), 10)
    except AssertionError:
        pass
    r.ok("ctr images import: the CRI has it by ID and name", {"sha256:" + ident, "docker.io/library/ours:3"} <= set(known()), (ident, known()))
    b.ctr("images", "export", user + "/theirs.tar", "docker.io/library/ours:3", namespace="k8s.io")
    os.chmod(user + "/theirs.tar", 0o644)
    picket("rmi", "-f", "ours:3", "busybox:1")
    picket("prune")
    status, out = picket("load", user + "/theirs.tar")
    listed = picket("images", "-q", "--no-trunc", "ours:3")[1]
    r.ok("  what ctr images export writes is read, by the same ID", status == 0 and ident in listed, (status, out, listed))
    b.ctr("images", "rm", "docker.io/library/ours:3", namespace="k8s.io")


def addon(n):
    """The pod's script: the node's root under a directory, the node's processes entered by nsenter."""
    r, b = n.r, n.b
    root = b.work + "/node"
    os.makedirs(root)
    subprocess.run(["mount", "--rbind", "/", root], check=True)
    pod = b.work + "/pod"
    os.mkdir(pod)
    shutil.copy(SCRIPT, pod + "/node.sh")
    shutil.copy(ADDON, pod + "/addon.sh")
    env = {**b.environment(), "PICKET_NODE": root, "PICKET_READY": b.work + "/ready", "PICKET_SHA256": n.sum, "PICKET_URL": "",
           "PICKET_PLACE": b.work + "/place",
           "PICKET_OPTIONS": "--directory %s --config %s --restart %s" % (n.programs, n.config, n.restart)}
    os.mkdir(b.work + "/place")

    def start():
        return subprocess.Popen(["sh", pod + "/addon.sh"], env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                text=True)

    before = n.read()
    p = start()
    time.sleep(1)
    p.send_signal(signal.SIGTERM)
    out = p.communicate(timeout=60)[0]
    r.ok("the add-on without an archive: said, nothing is changed", "no %s/place/picket-node" % b.work in out and n.read() == before, out)
    shutil.copy(n.archive, b.work + "/place/")
    p = start()
    try:
        until("the pod is ready", lambda: os.path.exists(b.work + "/ready") or p.poll() is not None, 60)
        r.ok("the add-on installs", p.poll() is None and n.runtimes().get("picket") == n.programs + "/picket-runtime")
    finally:
        p.send_signal(signal.SIGTERM)
    out = p.communicate(timeout=60)[0]
    r.ok("  and removes when it is ended", p.returncode == 0 and n.read() == before and "picket" not in n.runtimes() and
         not os.path.exists(n.programs) and os.listdir(b.work + "/place") == [os.path.basename(n.archive)] and
         not os.path.exists(b.work + "/ready"), (p.returncode, out))
    env["PICKET_SHA256"] = "unset"
    p = start()
    out = p.communicate(timeout=20)[0]
    r.ok("an add-on whose checksum was not set", p.returncode == 1 and "sha256 in kustomization.yaml" in out, out)
    subprocess.run(["umount", "-R", "-l", root], stderr=subprocess.DEVNULL)


def main():
    bench.need("containerd", "ctr", "runc", "unshare", "nsenter", "tar", "readelf")
    bench.enter()
    build = os.path.abspath(sys.argv[1])
    if not bench.picket_runtime(build):
        bench.skip("this build has no picket-runtime")
    r = bench.Report()
    b = bench.Bench({"runc": "/usr/sbin/runc"})
    b.write_cni()
    n = Node(b, r, build)
    try:
        forms(n)
        living(n)
        not_coming_back(n)
        images(n, build)
        addon(n)
    finally:
        n.stop()
    r.end()


if __name__ == "__main__":
    main()
