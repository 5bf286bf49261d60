#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Go's own standard library tests (Debian's golang-*-src) natively and in the sandbox: the same results, test by test."""
import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from sandbox import Suite  # noqa: E402

PACKAGES = os.environ.get("GO_PACKAGES", "os os/exec os/signal os/user syscall runtime time sync sync/atomic io net path/filepath").split()
# What differs for a reason: test → the reason.
EXPLAINED = {
    "TestUnshare": "wants fewer interfaces in a new network namespace than outside, where --network none has the loopback alone too",
    "TestIPConnRemoteName": "raw IP sockets would need CAP_NET_RAW of the host's network namespace",
}
NATIVE = ["unshare", "-r", "-n", "sh", "-c", "ip link set lo up; exec \"$@\"", "sh"]


def results(argv, cwd=None):
    p = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=1200, cwd=cwd)
    text = p.stdout.decode(errors="replace")
    return p.returncode, {name: word for word, name in re.findall(r"^\s*--- (PASS|FAIL|SKIP): (\S+)", text, re.M)}, text


def compare(native, inside):
    """Tests that pass natively and do not inside, or are skipped inside alone."""
    order = {"PASS": 2, "SKIP": 1, "FAIL": 0, "absent": 0}
    worse = []
    for name, word in sorted(native.items()):
        got = inside.get(name, "absent")
        if order[got] < order[word] and name not in EXPLAINED:
            worse.append("%s: natively %s, inside %s" % (name, word, got))
    return worse


def package(s, name, source):
    binary = os.path.join(s.work, name.replace("/", "_") + ".test")
    built = subprocess.run(["go", "test", "-c", "-tags", "timetzdata", "-o", binary, name], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                           env=dict(os.environ, GOFLAGS="", GOCACHE=os.path.join(s.work, "cache"), CGO_ENABLED="1"))
    if built.returncode:
        s.check("go " + name, False, "does not build: " + built.stdout.decode(errors="replace")[-800:])
        return
    cwd = os.path.join(source, name)
    command = [binary, "-test.short", "-test.v", "-test.timeout=600s"]
    native = results(NATIVE + command, cwd)
    inside = results(s.argv(["/t/" + os.path.basename(binary)] + command[1:], ["-w", cwd]))
    worse = compare(native[1], inside[1])
    s.check("go %s: %d tests" % (name, len(inside[1])), inside[1] and not worse,
            "\n".join(worse) + ("" if inside[1] else inside[2][-800:]))
    for line in worse:
        test = line.split(":")[0]
        at = inside[2].find("--- FAIL: " + test)
        if at >= 0:
            print("# " + inside[2][at:at + 600].replace("\n", "\n# "), flush=True)


def main(build):
    s = Suite(build)
    root = subprocess.run(["go", "env", "GOROOT"], stdout=subprocess.PIPE).stdout.decode().strip() if shutil.which("go") else ""
    source = os.path.join(root, "src")
    if not root or not os.path.exists(os.path.join(source, "os", "os_test.go")):
        print("ok go's suite # SKIP no Go sources")
        s.finish()
    for name in PACKAGES:
        package(s, name, source)
    s.finish()


main(sys.argv[1])
