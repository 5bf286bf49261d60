# SPDX-License-Identifier: MIT
"""A bench for what only root can test: containerd, its CNI bridge and all that they start, in namespaces of their own.

A test calls enter() first. It runs the test again in new mount, network, pid, ipc and uts namespaces, with an empty /run: no
mount, interface, process or socket of a test is seen by the machine, and none outlives the test. What is in no namespace are
control groups: they are made below one group per test, and removed at its end.
"""
import glob
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
LIB = os.path.join(HERE, "..", "lib")
SKIPPED = 77
SUBNET = "10.94.7"
GATEWAY = SUBNET + ".1"


def skip(why):
    print("skipped: " + why)
    sys.exit(SKIPPED)


def need(*programs):
    for p in programs:
        if not shutil.which(p):
            skip("%s is missing" % p)


def enter():
    """Go on in namespaces of the test's own. Needs real root."""
    if os.geteuid() != 0:
        skip("needs root")
    if "PICKET_BENCH" in os.environ:
        be_init()
        private_places()
        return
    env = dict(os.environ, PICKET_BENCH="picket-bench-%d" % os.getpid(), PYTHONDONTWRITEBYTECODE="1")
    # The work directory is made and removed out here, where a test that was killed does not matter.
    env["PICKET_BENCH_WORK"] = tempfile.mkdtemp(prefix="picket-root-")
    p = subprocess.Popen(["unshare", "--mount", "--net", "--pid", "--ipc", "--uts", "--fork", "--kill-child", "--mount-proc",
                          "--propagation", "private", "--", sys.executable, *sys.argv], env=env)
    try:
        for s in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(s, lambda *_: p.kill())
        status = p.wait()
    finally:
        p.kill()
        remove_groups(env["PICKET_BENCH"])
        shutil.rmtree(env["PICKET_BENCH_WORK"], ignore_errors=True)
    sys.exit(status if status >= 0 else 128 - status)


def be_init():
    """Process 1 of the namespace reaps what is left to it; the test goes on as its child."""
    test = os.fork()
    if test == 0:
        return
    while True:
        pid, status = os.wait()
        if pid == test:
            os._exit(os.waitstatus_to_exitcode(status) & 0xff)


def private_places():
    for place in ("/run", "/var/lib/cni"):
        if os.path.isdir(place):
            subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "none", place], check=True)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


def mount_tmpfs(place, shared=False):
    subprocess.run(["mount", "-t", "tmpfs", *(["--make-shared"] if shared else []), "none", place], check=True)


def unmount(place):
    subprocess.run(["umount", place], check=True)


def compile_static(source, program):
    subprocess.run(["cc", "-Os", "-static", "-s", "-o", program, os.path.join(HERE, source)], check=True)


def group():
    """Name of the control group, and of the containerd namespace, that all of this test is in."""
    return os.environ["PICKET_BENCH"]


def group_dirs(path):
    """The directories of a control group, one for each hierarchy that has it."""
    roots = ["/sys/fs/cgroup", *glob.glob("/sys/fs/cgroup/*/")]
    return [d for d in (os.path.join(r, path.strip("/")) for r in roots) if os.path.isdir(d)]


def remove_groups(name):
    for d in group_dirs(name):
        for attempt in range(100):
            for here, _, _ in os.walk(d, topdown=False):
                try:
                    os.rmdir(here)
                except OSError:
                    pass
            if not os.path.isdir(d):
                break
            time.sleep(0.05)


def live(*names):
    """Processes of this test (they are all of its pid namespace) whose program's name begins so: [(pid, command line)]."""
    found = []
    for p in os.listdir("/proc"):
        if p.isdigit():
            try:
                words = open("/proc/%s/cmdline" % p, "rb").read().decode(errors="replace").split("\0")
            except OSError:
                continue
            if os.path.basename(words[0]).startswith(names):
                found.append((int(p), " ".join(words).strip()))
    return found


def command(pid):
    """The command line of a process, "" if it is gone."""
    try:
        return open("/proc/%d/cmdline" % pid, "rb").read().decode(errors="replace").replace("\0", " ").strip()
    except OSError:
        return ""


def parents():
    """{process: its parent} of all that run."""
    found = {}
    for p in os.listdir("/proc"):
        if p.isdigit():
            try:
                state, parent = open("/proc/%s/stat" % p).read().rsplit(")", 1)[1].split()[:2]
            except OSError:
                continue
            if state not in "ZX":
                found[int(p)] = int(parent)
    return found


def runs(pid):
    return pid in parents()


def descendants(pid):
    """A process and all below it."""
    above, found = parents(), [pid]
    for p in found:
        found += [c for c, parent in above.items() if parent == p]
    return found


def nothing_left(seconds=5.0):
    """What is still there of shims, runtimes and sandboxes when all should have ended: "" if nothing."""
    end = time.monotonic() + seconds
    while True:
        left = live("containerd-shim", "runc", "picket-", "monitor")
        if not left or time.monotonic() > end:
            break
        time.sleep(0.1)
    mounts = [line.split()[4] for line in open("/proc/self/mountinfo") if os.environ["PICKET_BENCH_WORK"] + "/state" in line]
    # The groups of a pod itself are the kubelet's to remove.
    names = {os.path.relpath(d, top) for top in group_dirs(group()) for d, _, _ in os.walk(top) if d != top}
    groups = sorted(g for g in names if not re.fullmatch(r"kubepods(/burstable(/pod[^/]*)?)?", g))
    return "\n".join([*("process %d %s" % p for p in left), *("mount " + m for m in mounts), *("group " + g for g in groups)])


def until(what, check, seconds=20.0, step=0.05):
    """Wait until check() is true, and return what it gave."""
    end = time.monotonic() + seconds
    while True:
        value = check()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError("not within %g s: %s" % (seconds, what))
        time.sleep(step)


class Bench:
    """One containerd: this machine's, or another release's whose programs lie in the directory PICKET_CONTAINERD."""

    def __init__(self, runtimes, default="runc"):
        self.work = os.environ["PICKET_BENCH_WORK"]
        self.runtimes, self.default = runtimes, default
        self.path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        if os.environ.get("PICKET_CONTAINERD"):
            self.path = os.environ["PICKET_CONTAINERD"] + ":" + self.path
        self.socket = os.path.join(self.work, "containerd.sock")
        self.log = os.path.join(self.work, "containerd.log")
        self.process = None
        self.images = []

    # --- containerd --------------------------------------------------------------------------------------------------

    def program(self, name):
        return shutil.which(name, path=self.path)

    def environment(self):
        return {"PATH": self.path, "HOME": "/root", "LANG": "C.UTF-8"}

    def version(self):
        out = subprocess.run([self.program("containerd"), "--version"], capture_output=True, text=True, env=self.environment()).stdout
        found = re.search(r" v?(\d+)\.(\d+)\.(\d+)", out)
        return tuple(int(n) for n in found.groups()) if found else (0, 0, 0)

    def start(self):
        self.write_cni()
        with open(os.path.join(self.work, "config.toml"), "w") as f:
            f.write(self.config())
        self.launch()

    def launch(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([self.program("containerd"), "--config", os.path.join(self.work, "config.toml")],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.environment())
        until("containerd answers", lambda: self.ctr("version", check=False, timeout=5).returncode == 0 or self.died(), 30)

    def died(self):
        if self.process.poll() is not None:
            raise AssertionError("containerd ended:\n" + open(self.log, errors="replace").read()[-3000:])
        return False

    def stop(self):
        """End containerd alone; its shims and what they run go on."""
        if self.process:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None

    def config(self):
        major = self.version()[0]
        w = self.work
        cri, images = ('"io.containerd.grpc.v1.cri"', None) if major < 2 else ('"io.containerd.cri.v1.runtime"', '"io.containerd.cri.v1.images"')
        lines = ["version = %d" % (2 if major < 2 else 3), 'root = "%s/root"' % w, 'state = "%s/state"' % w,
                 'disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.snapshotter.v1.btrfs", '
                 '"io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.nri.v1.nri"]',
                 "[grpc]", '  address = "%s"' % self.socket, "[ttrpc]", '  address = "%s.ttrpc"' % self.socket,
                 "[plugins.%s]" % cri]
        stream = ['  stream_server_address = "127.0.0.1"', '  stream_server_port = "0"']
        if images:
            # A root without CAP_SYS_RESOURCE cannot go below its own score.
            lines += ["  disable_apparmor = true", "  restrict_oom_score_adj = true", '[plugins."io.containerd.grpc.v1.cri"]', *stream,
                      "[plugins.%s.pinned_images]" % images, '  sandbox = "docker.io/library/pause:1"']
        else:
            lines += [*stream, "  disable_apparmor = true", "  restrict_oom_score_adj = true", '  sandbox_image = "docker.io/library/pause:1"',
                      "  netns_mounts_under_state_dir = true"]
        lines += ["[plugins.%s.cni]" % cri, '  conf_dir = "%s/cni"' % w, ("  bin_dir = %s" if major < 2 else "  bin_dirs = [%s]") % '"/usr/lib/cni"',
                  "[plugins.%s.containerd]" % cri, '  default_runtime_name = "%s"' % self.default]
        for name, path in self.runtimes.items():
            lines += ["[plugins.%s.containerd.runtimes.%s]" % (cri, name), '  runtime_type = "io.containerd.runc.v2"',
                      '  pod_annotations = ["dev.picket.*"]', '  container_annotations = ["dev.picket.*"]',
                      "[plugins.%s.containerd.runtimes.%s.options]" % (cri, name), '  BinaryName = "%s"' % path, "  SystemdCgroup = false"]
        return "\n".join(lines) + "\n"

    def write_cni(self):
        os.makedirs(os.path.join(self.work, "cni"), exist_ok=True)
        network = {"cniVersion": "0.4.0", "name": "picket-bench", "plugins": [
            {"type": "bridge", "bridge": "pkbench0", "isGateway": True, "ipMasq": False, "hairpinMode": True,
             "ipam": {"type": "host-local", "dataDir": os.path.join(self.work, "ipam"),
                      "ranges": [[{"subnet": SUBNET + ".0/24", "gateway": GATEWAY}]], "routes": [{"dst": "0.0.0.0/0"}]}}]}
        with open(os.path.join(self.work, "cni", "10-bench.conflist"), "w") as f:
            json.dump(network, f)

    # --- ctr ---------------------------------------------------------------------------------------------------------

    def ctr_argv(self, *argv, namespace=None):
        return [self.program("ctr"), "--address", self.socket, "--namespace", namespace or group(), *argv]

    def ctr(self, *argv, namespace=None, timeout=60, check=True, input=None):
        p = subprocess.run(self.ctr_argv(*argv, namespace=namespace), capture_output=True, text=True, errors="replace", timeout=timeout,
                           env=self.environment(), **({"input": input} if input is not None else {"stdin": subprocess.DEVNULL}))
        if check and p.returncode:
            raise AssertionError("ctr %s: status %d\n%s%s" % (" ".join(argv), p.returncode, p.stdout, p.stderr))
        return p

    def load(self, name, tree=None, namespace=None, command=()):
        """An image docker.io/library/NAME: this machine's busybox, or a directory tree and its command."""
        layout = os.path.join(self.work, "image-" + name.replace(":", "-"))
        if not os.path.isdir(layout):
            what = ["--tree", tree] if tree else ["--busybox"]
            subprocess.run([sys.executable, os.path.join(LIB, "mkimage.py"), *what, layout, name, *command], check=True)
            subprocess.run(["tar", "-C", layout, "-cf", layout + ".tar", "."], check=True)
        self.ctr("images", "import", layout + ".tar", namespace=namespace)

    def load_pause(self, namespace="k8s.io"):
        tree = os.path.join(self.work, "pause")
        os.makedirs(tree, exist_ok=True)
        compile_static("pause.c", os.path.join(tree, "pause"))
        self.load("pause:1", tree, namespace, ["/pause"])


class Report:
    """Lines that tests/run.py counts."""

    def __init__(self):
        self.bad = 0

    def ok(self, name, good, detail=""):
        print("%s %s" % ("ok" if good else "not ok", name), flush=True)
        if not good:
            self.bad += 1
            if detail:
                print("    " + str(detail).strip().replace("\n", "\n    ")[:4000], flush=True)
        return good

    def same(self, name, want, got):
        """What runc's way printed, and ours."""
        if want == got:
            return self.ok(name, True)
        with tempfile.NamedTemporaryFile("w+") as a, tempfile.NamedTemporaryFile("w+") as b:
            a.write(want + "\n"), b.write(got + "\n"), a.flush(), b.flush()
            diff = subprocess.run(["diff", "-U2", "--label", "runc", "--label", "picket", a.name, b.name], capture_output=True, text=True)
        return self.ok(name, False, diff.stdout)

    def end(self):
        sys.exit(1 if self.bad else 0)


def picket_runtime(build):
    """The program under test, if it can create containers."""
    path = os.path.join(build, "cmd", "picket-runtime")
    if not os.access(path, os.X_OK):
        return None
    verbs = subprocess.run([path, "--help"], capture_output=True, text=True).stdout
    return path if re.search(r"^ +create ", verbs, re.M) else None
