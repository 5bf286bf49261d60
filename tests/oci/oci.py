# SPDX-License-Identifier: MIT
"""What the tests of picket-runtime's verbs share: a bundle, calls, and all processes that are left over as children."""
import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

PR_SET_CHILD_SUBREAPER = 36
PR_SET_PDEATHSIG = 1
prctl = ctypes.CDLL(None).prctl


class Runtime:
    """A root of containers and a bundle with busybox; everything that is left behind becomes this process's child."""

    def __init__(self, build, program=None):
        self.work = tempfile.mkdtemp(prefix="picket-oci-")
        os.chmod(self.work, 0o755)
        self.program = program or os.path.join(build, "cmd", "picket-runtime")
        self.root = self.work + "/root"
        self.failures = 0
        self.log = self.work + "/log"
        self.bundle = self.make_bundle("bundle")
        prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)

    def make_bundle(self, name):
        bundle = os.path.join(self.work, name)
        rootfs = bundle + "/rootfs"
        busybox = shutil.which("busybox", path="/bin:/usr/bin")
        if not busybox:
            print("skipped: busybox is not installed")
            sys.exit(77)
        for d in ("bin", "proc", "dev", "tmp", "sys", "etc"):
            os.makedirs(os.path.join(rootfs, d))
        shutil.copy(busybox, rootfs + "/bin/busybox")
        for applet in ("sh", "true", "false", "cat", "sleep", "echo", "id", "ls", "kill", "readlink", "tty", "stty", "touch"):
            os.symlink("busybox", rootfs + "/bin/" + applet)
        return bundle

    def config(self, *args, terminal=False, hooks=None, bundle=None, **more):
        config = {
            "ociVersion": "1.0.2",
            "process": {"terminal": terminal, "user": {"uid": 0, "gid": 0}, "args": list(args), "cwd": "/",
                        "env": ["PATH=/bin", "TERM=xterm"]},
            "root": {"path": "rootfs"},
            "hostname": "oci",
            "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"},
                       {"destination": "/dev/pts", "type": "devpts", "source": "devpts"}],
            "linux": {"namespaces": [{"type": t} for t in ("pid", "ipc", "uts", "mount", "network")]},
            "annotations": {"test.key": "value"},
        }
        if hooks:
            config["hooks"] = hooks
        config.update(more)
        with open((bundle or self.bundle) + "/config.json", "w") as f:
            json.dump(config, f)

    def command(self, *args):
        return [self.program, "--root", self.root, *args]

    def call(self, *args, timeout=30, **kw):
        """As subprocess.run; what is written is not taken by pipes, whose end would wait for the container's."""
        kw.setdefault("stdin", subprocess.DEVNULL)
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            r = subprocess.run(self.command(*args), timeout=timeout, **{"stdout": out, "stderr": err, **kw})
            out.seek(0)
            err.seek(0)
            r.stdout, r.stderr = out.read(), err.read()
        return r

    def state(self, id):
        r = self.call("state", id)
        return json.loads(r.stdout) if r.returncode == 0 else {"status": "none"}

    def status(self, id):
        return self.state(id)["status"]

    def wait_status(self, id, status, seconds=10):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.status(id) == status:
                return True
            time.sleep(0.02)
        return False

    def check(self, name, good, detail=""):
        self.failures += not good
        print(("ok " if good else "not ok ") + name + ("" if good or not detail else " (%s)" % (detail,)), flush=True)

    def reap(self, pid, seconds=10):
        """The exit status of a monitor that became our child; None if it does not end."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                got, status = os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                return None
            if got:
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.005)
        return None

    def reap_all(self):
        while True:
            try:
                if os.waitpid(-1, os.WNOHANG)[0] == 0:
                    return
            except ChildProcessError:
                return

    def left_over(self, seconds=5):
        """Processes that are still there although all containers are gone."""
        end = time.monotonic() + seconds
        while True:
            self.reap_all()
            with open("/proc/self/task/%d/children" % os.getpid()) as f:
                children = f.read().split()
            if not children or time.monotonic() > end:
                return [(c, self.name_of(c)) for c in children]
            time.sleep(0.05)

    @staticmethod
    def name_of(pid):
        try:
            with open("/proc/%s/comm" % pid) as f:
                return f.read().strip()
        except OSError:
            return "?"

    def containers(self):
        try:
            return sorted(os.listdir(self.root))
        except FileNotFoundError:
            return []

    def done(self):
        for id in self.containers():
            self.call("delete", "--force", id)
        self.check("nothing is left over", not self.containers() and not self.left_over(), (self.containers(), self.left_over(0)))
        shutil.rmtree(self.work, ignore_errors=True)
        sys.exit(1 if self.failures else 0)
