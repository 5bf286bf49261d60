#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Run Picket's tests: run.py [--long] [--root] [-v] BUILD-DIRECTORY [FILTER ...]

Suites, each a function below: units and scripts that meson knows; differential programs (tests/diff: the same C program
natively and in the sandbox prints the same); real programs (tests/programs: the same script natively and in the sandbox);
isolation (tests/isolation); the same in every mode of the host. A FILTER is a part of a test's name. The last line is
"N passed, N failed".

What only root can test is a suite of its own (tests/root: containerd and what it starts): --root runs that one and no other.
One sum of both: --counts-to=FILE writes the sum there and no last line, --counts-from=FILE begins with it.
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
SRC = os.path.dirname(HERE)

# Differential programs that change users, capabilities, namespaces and mounts.
# Differential programs that are run once more on writes that are kept.
KEPT = ("fs_", "names_", "overlay_", "xattr_", "acl_", "inotify_", "locks_", "dev_nodes", "fasync_", "lease_", "mm_mmap", "exec_files",
        "unix_", "aio_", "cap_exec")
# And once more on a root file system with real owners.
OWNER = KEPT + ("cap_", "cred_", "overlay_", "exec_", "mount_calls", "ns_user")
NOT_OWNER = ("acl_fifo",) # lists of what is neither file nor directory are not seen there
PRIVILEGED = ("cap_", "cred_", "mount_", "ns_", "acl_")


class Result:
    def __init__(self, status, out, err, seconds):
        self.status, self.out, self.err, self.seconds = status, out, err, seconds


def run(argv, timeout=60, stdin=None, cwd=None, env=None):
    """Run a command in a session of its own; a time-out kills the whole of it."""
    start = time.monotonic()
    try:
        p = popen(argv, stdin, cwd, env)
    except OSError as e:
        return Result(-1001, b"", str(e).encode(), 0.0)
    try:
        out, err = p.communicate(stdin, timeout)
        status = p.returncode
    except subprocess.TimeoutExpired:
        os.killpg(p.pid, signal.SIGKILL)
        out, err = p.communicate()
        status, err = -1000, err + b"\n[timed out after %d s]" % timeout
    return Result(status, out, err, time.monotonic() - start)


def popen(argv, stdin, cwd, env):
    return subprocess.Popen(argv, stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=cwd, env=env, start_new_session=True)


class Tests:
    def __init__(self, build, filters, verbose, long):
        self.build, self.filters, self.verbose, self.long = os.path.abspath(build), filters, verbose, long
        self.passed, self.failed, self.failures = 0, 0, []
        self.picket = os.path.join(self.build, "cmd", "picket")
        self.work = tempfile.mkdtemp(prefix="picket-tests-")
        os.chmod(self.work, 0o755)

    def wanted(self, name):
        return not self.filters or any(f in name for f in self.filters)

    def report(self, name, ok, detail="", seconds=0.0):
        if ok:
            self.passed += 1
        else:
            self.failed += 1
            self.failures.append(name)
        if not ok or self.verbose:
            print("%s %s (%.1f s)" % ("ok" if ok else "FAILED", name, seconds), flush=True)
        if not ok and detail:
            print("    " + detail.replace("\n", "\n    ")[:4000], flush=True)

    # --- what meson knows: units, scripts ----------------------------------------------------------------------------

    def meson(self):
        listing = run(["meson", "introspect", "--tests", self.build])
        for t in json.loads(listing.out):
            name = "unit/" + t["name"]
            if not self.wanted(name):
                continue
            env = dict(os.environ)
            env.update(t.get("env") or {})
            r = run(t["cmd"], timeout=max(t.get("timeout") or 30, 30) * 2, cwd=t.get("workdir") or self.build, env=env)
            text = (r.out + r.err).decode(errors="replace")
            if r.status == 77:
                print("skipped %s: %s" % (name, text.strip().splitlines()[-1:] or ""), flush=True)
                continue
            good = re.findall(r"^(?:ok\b(?!.*# SKIP)|\[ +OK +\])", text, re.M)
            bad = re.findall(r"^(?:not ok\b.*|\[ +FAILED +\] \w+)$", text, re.M)
            if r.status == 0 and not bad:
                self.passed += max(len(good), 1) - 1
                self.report(name, True, seconds=r.seconds)
            else:
                self.passed += len(good)
                self.report(name, False, "status %d\n%s\n%s" % (r.status, "\n".join(bad), text[-1500:]), r.seconds)

    # --- natively and in the sandbox ---------------------------------------------------------------------------------------

    def both(self, name, native, inside, timeout, cwd):
        n = run(native, timeout, cwd=cwd)
        s = run(inside, timeout, cwd=cwd)
        same = n.status == s.status and n.out == s.out
        detail = ""
        if not same:
            with tempfile.NamedTemporaryFile(dir=self.work) as a, tempfile.NamedTemporaryFile(dir=self.work) as b:
                a.write(n.out), b.write(s.out), a.flush(), b.flush()
                diff = run(["diff", "-a", "-U1", "--label", "native", "--label", "sandbox", a.name, b.name]).out
            detail = "native status %d, sandbox status %d\n%s\n%s" % (
                n.status, s.status, diff.decode(errors="replace")[:2000], s.err.decode(errors="replace")[-1200:])
        self.report(name, same, detail, n.seconds + s.seconds)

    def sandbox(self, *argv, options=(), network="none"):
        return [self.picket, "run", "--network", network, *options, "host", "--", *argv]

    def diff(self):
        out = os.path.join(self.work, "diff")
        os.makedirs(out)
        for source in sorted(glob.glob(os.path.join(HERE, "diff", "*.c"))):
            base = os.path.basename(source)[:-2]
            name = "diff/" + base
            if not self.wanted(name):
                continue
            program = os.path.join(out, base)
            cc = run(["cc", "-std=gnu17", "-D_GNU_SOURCE", "-O1", "-pthread", "-w", "-I", os.path.join(HERE, "diff"), "-o",
                      program, source, "-lrt", "-lutil", "-lm"])
            if cc.status:
                self.report(name, False, cc.err.decode(errors="replace"))
                continue
            scratch = tempfile.mkdtemp(dir=self.work)
            setup = "ip link set lo up 2>/dev/null; exec %s"
            native = ["unshare", "-r", "-n", "-i", "-u", "--", "sh", "-c", setup % program]
            if base.startswith(PRIVILEGED):
                # As root with many ids, which the sandbox has too: through /etc/subuid.
                if run(["unshare", "-r", "--map-auto", "true"]).status:
                    print("skipped %s: no subordinate ids" % name, flush=True)
                    continue
                inner = "mount -t tmpfs -o mode=755 t %s && cd %s && %s" % (scratch, scratch, setup % program)
                native = ["unshare", "-r", "--map-auto", "-n", "-i", "-u", "-m", "-p", "-f", "--mount-proc", "--", "sh", "-c", inner]
            inside = self.sandbox("/t/" + base, options=["-v", out + ":/t:ro", "-w", "/tmp/scratch"])
            self.both(name, native, inside, 60, scratch)

    def kept(self):
        """What programs of file systems print must not depend on where writes go."""
        out = os.path.join(self.work, "kept")
        os.makedirs(out)
        env = dict(os.environ, XDG_DATA_HOME=os.path.join(out, "data"))
        for source in sorted(glob.glob(os.path.join(HERE, "diff", "*.c"))):
            base = os.path.basename(source)[:-2]
            name = "kept/" + base
            if not base.startswith(KEPT) or not self.wanted(name):
                continue
            program = os.path.join(out, base)
            cc = run(["cc", "-std=gnu17", "-D_GNU_SOURCE", "-O1", "-pthread", "-w", "-I", os.path.join(HERE, "diff"), "-o",
                      program, source, "-lrt", "-lutil", "-lm"])
            if cc.status:
                self.report(name, False, cc.err.decode(errors="replace"))
                continue
            results = []
            for way in ("--rm", "--keep"):
                options = [way, "-v", out + ":/t:ro", "-w", "/tmp/scratch"]
                results.append(run(self.sandbox("/t/" + base, options=options), 60, env=env))
            m, d = results
            same = m.status == d.status and m.out == d.out
            detail = ""
            if not same:
                with tempfile.NamedTemporaryFile(dir=self.work) as a, tempfile.NamedTemporaryFile(dir=self.work) as b:
                    a.write(m.out), b.write(d.out), a.flush(), b.flush()
                    detail = run(["diff", "-a", "-U1", "--label", "memory", "--label", "disk", a.name, b.name]).out.decode(
                        errors="replace")[:2000]
                detail = "in memory status %d, on disk %d\n%s\n%s" % (
                    m.status, d.status, detail, d.err.decode(errors="replace")[-1200:])
            self.report(name, same, detail, m.seconds + d.seconds)

    def owner(self):
        """What they print over a directory with real owners is what they print natively, by root with many ids, in such a directory."""
        out = os.path.join(self.work, "owner")
        os.makedirs(out)
        script = os.path.join(HERE, "owner", "run.sh")
        for source in sorted(glob.glob(os.path.join(HERE, "diff", "*.c"))):
            base = os.path.basename(source)[:-2]
            name = "owner/" + base
            if not base.startswith(OWNER) or base in NOT_OWNER or not self.wanted(name):
                continue
            if run(["unshare", "-r", "--map-auto", "true"]).status:
                print("skipped %s: no subordinate ids" % name, flush=True)
                continue
            program = os.path.join(self.work, "diff", base)
            if not os.path.exists(program):
                program = os.path.join(out, base)
                cc = run(["cc", "-std=gnu17", "-D_GNU_SOURCE", "-O1", "-pthread", "-w", "-I", os.path.join(HERE, "diff"), "-o",
                          program, source, "-lrt", "-lutil", "-lm"])
                if cc.status:
                    self.report(name, False, cc.err.decode(errors="replace"))
                    continue
            enter = ["unshare", "-r", "--map-auto", "--", "sh", script]
            self.both(name, [*enter, "native", program], [*enter, "inside", program, self.build], 60, out)

    def programs(self):
        for script in sorted(glob.glob(os.path.join(HERE, "programs", "*.sh"))):
            name = "programs/" + os.path.basename(script)[:-3]
            if self.wanted(name):
                self.program(name, script)

    def program(self, name, script, wrapper=(), options=()):
        scratch = tempfile.mkdtemp(dir=self.work)
        env = ["env", "-i", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=" + scratch,
               "LANG=C.UTF-8", "LC_ALL=C.UTF-8"]
        files = os.path.join(HERE, "programs")
        native = ["unshare", "-r", "-n", "--", "sh", "-c", "ip link set lo up 2>/dev/null; exec \"$@\"", "sh", *env,
                  "T=" + files, "sh", script]
        inside = [*wrapper, *self.sandbox("sh", "/t/" + os.path.basename(script), options=[
            "-v", files + ":/t:ro", "-e", "T=/t", "-e", "HOME=/tmp/scratch", "-e", "LANG=C.UTF-8", "-e", "LC_ALL=C.UTF-8", "-w",
            "/tmp/scratch", *options])]
        self.both(name, native, inside, 120, scratch)

    # --- isolation, modes -----------------------------------------------------------------------------------------------------

    def scripts(self, folder, timeout=300):
        for script in sorted(glob.glob(os.path.join(HERE, folder, "test_*"))):
            name = "%s/%s" % (folder, os.path.basename(script))
            if not self.wanted(name) or script.endswith(".c"):
                continue
            r = run([script, self.build], timeout)
            text = (r.out + r.err).decode(errors="replace")
            if r.status == 77:
                print("skipped %s: %s" % (name, "".join(text.strip().splitlines()[-1:])), flush=True)
                continue
            good = re.findall(r"^ok\b", text, re.M)
            bad = re.findall(r"^not ok\b.*$", text, re.M)
            self.passed += len(good)
            if r.status or bad or not good:
                self.report(name, False, "status %d\n%s" % (r.status, text[-3000:]), r.seconds)
            elif self.verbose:
                print("ok %s: %d (%.1f s)" % (name, len(good), r.seconds), flush=True)

    def long_suites(self):
        if self.long:
            self.scripts("long", 3600)

    def all(self):
        for suite in (self.meson, self.diff, self.kept, self.owner, self.programs, lambda: self.scripts("isolation"), lambda: self.scripts("kept", 300),
                      lambda: self.scripts("modes", 600), self.long_suites):
            suite()

    def root(self):
        self.scripts("root", 600)

    # --- one sum over two runs ------------------------------------------------------------------------------------------------

    def counts_from(self, path):
        with open(path) as f:
            self.passed, self.failed, self.failures = json.load(f)

    def counts_to(self, path):
        with open(path, "w") as f:
            json.dump([self.passed, self.failed, self.failures], f)


def run_suites(tests, root, more_follows):
    if root:
        if os.geteuid() != 0:
            sys.exit("run.py: --root needs root")
        tests.root()
        return
    tests.all()
    if not more_follows and tests.wanted("root/"):
        print("skipped root: its tests need root (as root, ./bootstrap test runs them too)", flush=True)


def main(argv):
    flags = [a for a in argv[1:] if a.startswith("-")]
    words = [a for a in argv[1:] if not a.startswith("-")]
    if not words:
        sys.exit(__doc__)
    counts = {f.split("=", 1)[0]: f.split("=", 1)[1] for f in flags if f.startswith("--counts-")}
    tests = Tests(words[0], words[1:], "-v" in flags, "--long" in flags)
    if "--counts-from" in counts:
        tests.counts_from(counts["--counts-from"])
    try:
        run_suites(tests, "--root" in flags, "--counts-to" in counts)
    finally:
        run(["chmod", "-R", "u+rwX", tests.work])
        shutil.rmtree(tests.work, ignore_errors=True)
    if "--counts-to" in counts:
        tests.counts_to(counts["--counts-to"])
        return 0
    for name in tests.failures:
        print("FAILED " + name)
    print("%d passed, %d failed" % (tests.passed, tests.failed))
    return 1 if tests.failed or not tests.passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
