# SPDX-License-Identifier: MIT
"""What the isolation and mode tests share: running picket, counting what is left over, reporting."""
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TESTS = os.path.dirname(HERE)
NAMES = ("picket", "picket-sentry", "picket-stub", "picket-snapd", "slirp4netns")


class Suite:
    def __init__(self, build):
        self.build = os.path.abspath(build)
        self.picket = os.path.join(self.build, "cmd", "picket")
        self.failed = 0
        self.work = tempfile.mkdtemp(prefix="picket-suite-")
        os.chmod(self.work, 0o755)

    def check(self, name, ok, detail=""):
        print("%s %s" % ("ok" if ok else "not ok", name), flush=True)
        if not ok:
            self.failed += 1
            if detail:
                print("# " + detail.strip().replace("\n", "\n# "), flush=True)
        return ok

    def compile(self, source, *flags):
        out = os.path.join(self.work, os.path.basename(source)[:-2])
        subprocess.run(["cc", "-std=gnu17", "-D_GNU_SOURCE", "-O1", "-pthread", "-w", *flags, "-o", out,
                        os.path.join(TESTS, source)], check=True)
        return out

    def argv(self, command, options=(), image="host", network="none"):
        return [self.picket, "run", "--network", network, "-v", self.work + ":/t:ro", *options, image, "--", *command]

    def run(self, command, options=(), timeout=60, wrapper=(), image="host", env=None, network="none"):
        """Returns (status, output); a time-out ends picket as a person would, with SIGKILL."""
        p = subprocess.Popen([*wrapper, *self.argv(command, options, image, network)], stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
                             env=dict(os.environ, **(env or {})))
        try:
            out, _ = p.communicate(timeout=timeout)
            return p.returncode, out.decode(errors="replace")
        except subprocess.TimeoutExpired:
            os.killpg(p.pid, signal.SIGKILL)
            out, _ = p.communicate()
            return "timeout", out.decode(errors="replace")

    def finish(self):
        shutil.rmtree(self.work, ignore_errors=True)
        sys.exit(1 if self.failed else 0)


def ours():
    """Host processes of Picket that belong to this user and to this test: those with its build directory's programs."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.stat("/proc/" + pid).st_uid != os.getuid():
                continue
            with open("/proc/%s/stat" % pid) as f:
                name, _, rest = f.read().partition("(")[2].rpartition(")")
            # A zombie has ended; when the host's init takes its status is not ours to say.
            if name in NAMES and rest.split()[0] != "Z":
                found.append(int(pid))
        except OSError:
            continue
    return set(found)


def parent(pid):
    """The parent's number, 0 when the process is gone."""
    try:
        with open("/proc/%d/stat" % pid) as f:
            return int(f.read().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def describe(pids):
    """For messages: what each process is."""
    words = []
    for pid in sorted(pids):
        try:
            with open("/proc/%d/status" % pid) as f:
                lines = f.read().splitlines()
            words.append("%d %s" % (pid, " ".join(x.split("\t", 1)[1] for x in lines if x.startswith(("Name", "State", "PPid")))))
        except OSError:
            words.append("%d gone" % pid)
    return "; ".join(words)


def left_over(before, seconds=2.0):
    """Processes of Picket that were not there before and are still there after *seconds*, but for the new stubs of a
    sandbox that was there before."""
    end = time.monotonic() + seconds
    while True:
        rest = {pid for pid in ours() - before if parent(pid) not in before}
        if not rest or time.monotonic() > end:
            return rest
        time.sleep(0.05)
