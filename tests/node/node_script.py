#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""node_script.py [--each] [SHELL ...]: the node script beside a containerd that is played by a few lines.

Whatever form the configuration has, removing leaves every byte as it was; whatever command the script is killed at,
installing again completes and removing again undoes (at each with --each, else at every ninth). Each part runs under each shell named (dash and busybox's if none).
"""
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
SCRIPT = os.path.join(HERE, "..", "..", "cmd", "minikube", "node.sh")

CONTAINERD = r"""#!/bin/sh
# containerd, as far as the script asks: config dump prints the file, with the built-in runtime where it has none.
case "$*" in
--version) echo "containerd github.com/containerd/containerd ${CONTAINERD_VERSION:-v1.7.24} 0" ;;
"config default") printf '[plugins]\n  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]\n' ;;
--config*"config dump")
  [ -r "$2" ] || { echo "containerd: no $2" >&2; exit 1; }
  ! grep -q BROKEN "$2" || { echo "containerd: failed to load TOML: $2" >&2; exit 1; }
  echo 'disabled_plugins = []'
  grep -q 'runtimes' "$2" || echo '[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]'
  cat "$2"; echo
  for i in $(sed -n 's/^imports = \["\(.*\)"\]\r\{0,1\}$/\1/p' "$2"); do cat $i; done ;;
*) exit 1 ;;
esac
"""
CTR = r"""#!/bin/sh
[ -e "$STATE/running" ] || exit 1
echo "TYPE ID PLATFORMS STATUS"
if [ -e "$STATE/bad" ]; then echo "io.containerd.grpc.v1 cri - error"; else echo "io.containerd.grpc.v1 cri linux/amd64 ok"; fi
"""
RESTART = r"""#!/bin/sh
# What is loaded is what stood there; `refuse` makes a start with Picket in it fail.
echo x >>"$STATE/restarts"
rm -f "$STATE/running" "$STATE/bad" "$STATE/loaded"
cp "$CONFIG" "$STATE/loaded" 2>/dev/null
[ -e "$CONFIG" ] || rm -f "$STATE/loaded"
if [ -e "$STATE/refuse" ] && grep -q 'picket' "$CONFIG"; then touch "$STATE/bad"; fi
touch "$STATE/running"
"""
# Runs before each command of the script under test: ends everything at the one whose number is asked for.
STEP = r"""
set -T
picket_step() { local n; read -r n <"$STEP_COUNT"; n=$((n + 1)); echo "$n" >"$STEP_COUNT"; [ "$n" -ne "$STEP_KILL" ] || kill -9 -- "-$$"; }
trap picket_step DEBUG
"""

RUNC2 = '[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]\n  runtime_type = "io.containerd.runc.v2"\n'
RUNC3 = "[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]\n  runtime_type = 'io.containerd.runc.v2'\n"
FORMS = {
    "version 2": b"version = 2\n[plugins]\n  " + RUNC2.encode(),
    "version 3": b"version = 3\n" + RUNC3.encode(),
    "odd spaces": b"\t version=  2   # two\n\n\n  [ plugins ]\n" + RUNC2.encode() + b"\n\n\t\n",
    "CRLF": (b"version = 2\n" + RUNC2.encode()).replace(b"\n", b"\r\n"),
    "CRLF, no last line end": (b"version = 2\n" + RUNC2.encode().rstrip()).replace(b"\n", b"\r\n"),
    "no last line end": b"version = 2\n" + RUNC2.encode().rstrip(),
    "only a version": b"version = 2\n",
    "empty": b"",
    "no version": b"root = \"/var/lib/containerd\"\n",
    "not text": b"version = 2\n# \xff\xfe \xc3\x28\n" + RUNC2.encode(),
    "systemd": b"version = 2\n" + RUNC2.encode() + b"  [plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.runc.options]\n    SystemdCgroup = true\n",
    "a key called version in a table": b"[debug]\nversion = 3\n",
    "absent": None,
}


class Bench:
    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="picket-node-")
        self.bin, self.state = self.dir + "/bin", self.dir + "/state"
        self.config, self.programs = self.dir + "/etc/containerd/config.toml", self.dir + "/var/lib/picket"
        for d in (self.bin, self.state, self.dir + "/etc/containerd", self.dir + "/var/lib"):
            os.makedirs(d)
        for name, text in (("containerd", CONTAINERD), ("ctr", CTR), ("restart", RESTART)):
            self.write(self.bin + "/" + name, text, 0o755)
        self.write(self.dir + "/step", STEP, 0o644)
        open(self.state + "/running", "w").close()
        self.env = dict(os.environ, PATH=self.bin + ":/usr/bin:/bin:/usr/sbin:/sbin", STATE=self.state, CONFIG=self.config,
                        TMPDIR=self.dir)
        self.archive, self.sum = self.pack("1")

    def tools(self, shell):
        """A node of busybox has its tools and no others."""
        path = "/usr/bin:/bin:/usr/sbin:/sbin"
        if shell[0] == "busybox":
            path = self.dir + "/applets"
            if not os.path.exists(path):
                os.mkdir(path)
                subprocess.run(["busybox", "--install", "-s", path], check=True)
        self.env["PATH"] = self.bin + ":" + path

    def write(self, path, text, mode):
        with open(path, "w") as f:
            f.write(text)
        os.chmod(path, mode)

    def pack(self, version, arch=None, lie=False, program="#!/bin/sh\necho picket-runtime\n"):
        """An archive as the package script makes it; the program is a script."""
        tree = self.dir + "/picket-node"
        shutil.rmtree(tree, ignore_errors=True)
        os.makedirs(tree)
        self.write(tree + "/picket-runtime", program, 0o755)
        self.write(tree + "/picket-sentry", "#!/bin/sh\n# %s\n" % version, 0o755)
        self.write(tree + "/VERSION", version + "\n", 0o644)
        self.write(tree + "/ARCH", (arch or os.uname().machine) + "\n", 0o644)
        sums = "".join("%s  %s\n" % (hashlib.sha256(open(tree + "/" + n, "rb").read()).hexdigest(), n)
                       for n in sorted(os.listdir(tree)))
        self.write(tree + "/SHA256SUMS", sums.replace(sums[:4], "0000", 1) if lie else sums, 0o644)
        path = "%s/archive-%s.tar.gz" % (self.dir, version)
        with tarfile.open(path, "w:gz") as t:
            t.add(tree, "picket-node")
        return path, hashlib.sha256(open(path, "rb").read()).hexdigest()

    def set_config(self, data):
        os.makedirs(os.path.dirname(self.config), exist_ok=True)
        if data is None:
            shutil.rmtree(os.path.dirname(self.config))
            return
        with open(self.config, "wb") as f:
            f.write(data)
        os.chmod(self.config, 0o640)

    def get_config(self):
        try:
            with open(self.config, "rb") as f:
                return f.read()
        except FileNotFoundError:
            return None

    def loaded(self):
        try:
            with open(self.state + "/loaded", "rb") as f:
                return f.read()
        except FileNotFoundError:
            return None

    def restarts(self):
        try:
            return len(open(self.state + "/restarts").read().split())
        except FileNotFoundError:
            return 0

    def command(self, shell, *args):
        return [shutil.which(shell[0]), *shell[1:], SCRIPT, *args, "--directory", self.programs, "--config", self.config, "--restart", self.bin + "/restart"]

    def run(self, shell, *args, env=None):
        p = subprocess.run(self.command(shell, *args), env={**self.env, **(env or {})}, stdin=subprocess.DEVNULL, timeout=60,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="replace")
        return p.returncode, p.stdout

    def install(self, shell, archive=None, sum=None, **more):
        return self.run(shell, "install", "--archive", archive or self.archive, "--sha256", sum or self.sum, **more)

    def killed_at(self, n, *args):
        """Under bash, which tells of each command. Whether it was ended before its own end."""
        with open(self.dir + "/count", "w") as f:
            f.write("0\n")
        env = dict(self.env, BASH_ENV=self.dir + "/step", STEP_COUNT=self.dir + "/count", STEP_KILL=str(n))
        p = subprocess.Popen(self.command(["bash"], *args), env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL, start_new_session=True)
        return p.wait(60) == -signal.SIGKILL

    def clean(self):
        """What an undone installation leaves of itself."""
        left = []
        for top in ("/etc", "/var"):
            for base, dirs, files in os.walk(self.dir + top):
                left += [os.path.join(base, n) for n in files] + [d for d in dirs if d not in ("containerd", "lib")]
        return [n for n in left if n != self.config]

    def close(self):
        shutil.rmtree(self.dir, ignore_errors=True)


failures = 0


def check(name, ok, detail=""):
    global failures
    print("%s - %s" % ("ok" if ok else "not ok", name), flush=True)
    if not ok:
        failures += 1
        print("# " + str(detail).replace("\n", "\n# "), flush=True)


def forms(b, shell, label):
    for name, data in FORMS.items():
        b.set_config(data)
        r, out = b.install(shell)
        first = b.get_config()
        table = b"cri.v1.runtime" if name == "version 3" else b"plugins.cri." if name in (
            "empty", "no version", "a key called version in a table") else b"grpc.v1.cri"
        ok = r == 0 and "state: enabled" in out and first.count(b".containerd.runtimes.picket]") == 1 and b.loaded() == first
        ok = ok and (first.startswith(data) if data is not None else True)
        ok = ok and [l for l in first.split(b"\n") if b".runtimes.picket]" in l and table in l] != []
        if name == "systemd":
            ok = ok and first.count(b"SystemdCgroup = true") == 2
        if name in ("only a version", "absent"):
            ok = ok and first.count(b"runtimes.runc]") == 1
        n = b.restarts()
        again, said = b.install(shell)
        ok2 = again == 0 and b.get_config() == first and b.restarts() == n
        s, status = b.run(shell, "status")
        u, undone = b.run(shell, "remove")
        ok3 = s == 0 and u == 0 and b.get_config() == data and b.loaded() == data and b.restarts() == n + 1 and b.clean() == []
        if data is not None:
            ok3 = ok3 and os.stat(b.config).st_mode & 0o777 == 0o640
        else:
            ok3 = ok3 and not os.path.exists(os.path.dirname(b.config))
        check("%s: %s: installed, again without a restart, and byte for byte undone" % (label, name), ok and ok2 and ok3,
              (r, out, first, again, said, s, status, u, undone, b.get_config(), b.clean()))
        again, said = b.run(shell, "remove")
        check("%s:   removed again: nothing to do" % label, again == 0 and b.restarts() == n + 1 and b.get_config() == data, said)
    b.set_config(FORMS["version 2"])


def others_edit(b, shell, label):
    """minikube rewrites lines of the file at each start, other add-ons append to it."""
    data = FORMS["version 2"]
    b.set_config(data)
    b.install(shell)
    with open(b.config, "ab") as f:
        f.write(b"[plugins.other]\n")
    subprocess.run(["sed", "-i", "-r", r"s|^( *)SystemdCgroup = .*$|\1SystemdCgroup = true|g", b.config], check=True)
    n = b.restarts()
    r, out = b.install(shell)
    check("%s: lines that others change stay changed, what they append stays" % label,
          r == 0 and b"SystemdCgroup = true" in b.get_config() and b.get_config().count(b"[plugins.other]") == 1, out)
    b.run(shell, "remove")
    check("%s:   and are there when Picket is gone" % label, b.get_config() == data + b"[plugins.other]\n", b.get_config())
    b.set_config(None)
    b.install(shell)
    with open(b.config, "ab") as f:
        f.write(b"[debug]\n")
    r, out = b.run(shell, "remove")
    check("%s: a file that Picket made and others use keeps its version" % label, b.get_config() == b"version = 2\n[debug]\n", (out, b.get_config()))
    b.set_config(b"version = 2\n" + RUNC2.encode().rstrip())
    b.install(shell)
    with open(b.config, "ab") as f:
        f.write(b"[debug]\n")
    b.run(shell, "remove")
    check("%s: a line end that is needed by now stays" % label, b.get_config() == b"version = 2\n" + RUNC2.encode() + b"[debug]\n", b.get_config())


def imports(b, shell, label):
    """containerd 1.x takes the section of the last file that has one."""
    main, dropin = b'version = 2\nimports = ["%s/etc/containerd/conf.d/*.toml"]\n' % b.dir.encode(), b"version = 2\n" + RUNC2.encode()
    b.set_config(main)
    os.mkdir(b.dir + "/etc/containerd/conf.d")
    path = b.dir + "/etc/containerd/conf.d/50-cri.toml"
    with open(path, "wb") as f:
        f.write(dropin)
    r, out = b.install(shell)
    edited = open(path, "rb").read()
    check("%s: the imported file with the section is edited" % label, r == 0 and b.get_config() == main and b".picket]" in edited, (out, edited))
    r, out = b.install(shell)
    check("%s:   again: nothing" % label, r == 0 and open(path, "rb").read() == edited, out)
    r, out = b.run(shell, "remove")
    check("%s:   undone" % label, r == 0 and b.get_config() == main and open(path, "rb").read() == dropin, out)
    shutil.rmtree(b.dir + "/etc/containerd/conf.d")
    main = FORMS["version 2"]
    b.set_config(main)
    real = b.dir + "/etc/real.toml"
    os.rename(b.config, real)
    os.symlink(real, b.config)
    b.install(shell)
    check("%s: a symbolic link stays one" % label, os.path.islink(b.config) and b".picket]" in open(real, "rb").read())
    b.run(shell, "remove")
    check("%s:   undone" % label, os.path.islink(b.config) and open(real, "rb").read() == main)
    os.unlink(b.config)
    os.unlink(real)


def refusals(b, shell, label):
    data = FORMS["version 2"]

    def refused(name, result, words):
        r, out = result
        check("%s: refused: %s" % (label, name), r == 1 and words in out and b.get_config() == data and
              not os.path.lexists(b.programs + "/picket-runtime"), (r, out, b.get_config()))
        b.run(shell, "remove")

    b.set_config(data)
    refused("another archive than promised", b.install(shell, sum="0" * 64), "not the one that was promised")
    refused("an archive that is damaged inside", b.install(shell, *b.pack("lie", lie=True)), "is incomplete")
    refused("another machine's archive", b.install(shell, *b.pack("arm", arch="aarch64")), "is for aarch64")
    refused("programs that do not run here", b.install(shell, *b.pack("no", program="#!/bin/sh\necho bad >&2; exit 1\n")), "does not run on this node: bad")
    refused("no archive", b.run(shell, "install", "--archive", b.dir + "/none"), "cannot read the archive")
    with open(b.dir + "/junk", "wb") as f:
        f.write(os.urandom(5000))
    refused("junk", b.run(shell, "install", "--archive", b.dir + "/junk"), "picket: error:")
    data = b"version = 2\n" + RUNC2.replace("runc]", "picket]").encode()
    b.set_config(data)
    r, out = b.install(shell)
    check("%s: refused: a runtime picket of somebody else's" % label, r == 1 and "did not write" in out and b.get_config() == data, out)
    b.run(shell, "remove")
    check("%s:   which removing leaves alone" % label, b.get_config() == data)
    data = b"version = 2\n# BROKEN\n"
    b.set_config(data)
    r, out = b.install(shell)
    check("%s: refused: a configuration that containerd cannot read" % label, r == 1 and "cannot read" in out and b.get_config() == data, out)
    b.run(shell, "remove")
    data = FORMS["version 2"]
    b.set_config(data)
    b.install(shell)
    whole = b.get_config()
    b.set_config(whole + b"# <<< picket\n")
    r, out = b.run(shell, "remove")
    check("%s: refused: markers that do not pair" % label, r == 1 and "by hand" in out and b.get_config() == whole + b"# <<< picket\n", out)
    b.set_config(whole)
    b.run(shell, "remove")
    open(b.state + "/refuse", "w").close()
    b.set_config(data)
    r, out = b.install(shell)
    check("%s: containerd does not come back: everything as it was, and it runs" % label,
          r == 1 and "did not come back" in out and b.get_config() == data and b.loaded() == data and
          not os.path.exists(b.state + "/bad"), (r, out))
    b.set_config(None)
    r, out = b.install(shell)
    check("%s:   also where there was no configuration" % label, r == 1 and b.get_config() is None and b.loaded() is None, (r, out))
    os.unlink(b.state + "/refuse")
    b.run(shell, "remove")
    check("%s:   and nothing is left" % label, b.clean() == [], b.clean())
    b.set_config(data)


def upgrade(b, shell, label):
    b.set_config(FORMS["version 2"])
    sleeper = "#!/bin/sh\n"
    b.install(shell)
    old = os.path.dirname(os.path.realpath(b.programs + "/picket-runtime"))
    # A sandbox: a process that runs from the directory.
    shutil.copy("/bin/sleep", old + "/picket-sentry.new")
    os.rename(old + "/picket-sentry.new", old + "/picket-sentry")
    p = subprocess.Popen([old + "/picket-sentry", "600"])
    try:
        n = b.restarts()
        archive, digest = b.pack("2")
        r, out = b.install(shell, archive, digest)
        new = os.path.dirname(os.path.realpath(b.programs + "/picket-runtime"))
        check("%s: new programs: no restart, the old stay for what runs" % label,
              r == 0 and new != old and os.path.exists(old + "/picket-sentry") and b.restarts() == n, out)
        s, out = b.run(shell, "status")
        check("%s:   status counts it" % label, s == 0 and "sandboxes: 1" in out, out)
        r, out = b.run(shell, "remove")
        check("%s:   removed while it runs: the configuration goes, its programs stay, and that is said" % label,
              r == 0 and "1 still run" in out and b.get_config() == FORMS["version 2"] and os.path.exists(old + "/picket-sentry"), out)
    finally:
        p.kill()
        p.wait()
    r, out = b.run(shell, "remove")
    check("%s:   when it has ended, they go" % label, r == 0 and b.clean() == [], (out, b.clean()))
    # Damage on the disk is mended by installing again.
    b.install(shell)
    with open(b.programs + "/picket-runtime", "a") as f:
        f.write("x")
    s, out = b.run(shell, "status")
    check("%s: damaged programs are told of" % label, s == 3 and "damaged" in out and "state: incomplete" in out, out)
    r, out = b.install(shell)
    check("%s:   and mended by installing again" % label, r == 0 and b.run(shell, "status")[0] == 0, out)
    b.run(shell, "remove")


def two_at_once(b, shell, label):
    b.set_config(FORMS["version 2"])
    running = [subprocess.Popen(b.command(shell, "install", "--archive", b.archive), env=b.env, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for _ in range(6)]
    results = [(p.communicate()[0], p.returncode) for p in running]
    good = [r for r in results if r[1] == 0]
    check("%s: six at once: some do it, the others say so, one part is written" % label,
          good and all("another install" in r[0] for r in results if r[1]) and b.get_config().count(b".runtimes.picket]") == 1, results)
    b.run(shell, "remove")
    check("%s:   undone" % label, b.get_config() == FORMS["version 2"] and b.clean() == [], b.clean())


def interrupted(b, data, label, stride):
    """Killed at each command: the configuration is always one of the two, and both ways lead out."""
    b.set_config(data)
    b.install(["sh"])
    final = b.get_config()
    b.run(["sh"], "remove")
    for verb in ("install", "remove"):
        n, bad, rounds = 1, [], 0
        while True:
            b.set_config(data)
            args = ["install", "--archive", b.archive, "--sha256", b.sum]
            if verb == "remove":
                b.run(["sh"], *args)
                args = ["remove"]
            if not b.killed_at(n, *args):
                break
            rounds += 1
            between = b.get_config()
            way = "install" if rounds % 2 else "remove"
            if between not in (data, final):
                bad.append((n, "between", between))
            b.run(["sh"], "status")
            if way == "install":
                r, out = b.install(["sh"])
                if r or b.get_config() != final or b.loaded() != final:
                    bad.append((n, "install", r, out, b.get_config()))
            r, out = b.run(["sh"], "remove")
            if r or b.get_config() != data or b.clean() or (b.loaded() != data and between != data and way == "remove"):
                bad.append((n, "remove", r, out, b.get_config(), b.clean()))
            n += stride
        check("%s: %s killed at each of %d commands: neither lost nor left" % (label, verb, rounds), rounds > 20 // stride and not bad, bad[:3])


def main():
    stride = 9
    if sys.argv[1:2] == ["--each"]:
        stride = 1
        del sys.argv[1]
    shells = [a.split() for a in sys.argv[1:]] or [["sh"], ["busybox", "sh"]]
    b = Bench()
    try:
        for shell in shells:
            if not shutil.which(shell[0]):
                print("ok - no %s here # SKIP" % shell[0])
                continue
            label = " ".join(shell)
            b.tools(shell)
            for part in (forms, others_edit, imports, refusals, upgrade, two_at_once):
                part(b, shell, label)
        b.tools(["sh"])
        if shutil.which("bash"):
            interrupted(b, FORMS["no last line end"], "no last line end", stride)
            interrupted(b, None, "absent", 3 * stride)
    finally:
        b.close()
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
