#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The same programs in each mode of the host: user namespace, one inside another, none, no /dev/fuse, no landlock."""
import difflib
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from sandbox import Suite, TESTS, describe, left_over, ours  # noqa: E402

SCRIPTS = ("bash", "busybox", "text_tools", "python_basics", "processes", "gcc_make")
MODES = (
    ("user namespace", (), {}),
    ("nested user namespace", ("unshare", "-r"), {}),
    ("no user namespaces", (), {"PICKET_TEST_MODE": "nouserns"}),
    ("no /dev/fuse", (), {"PICKET_TEST_MODE": "nofuse"}),
    ("no landlock", (), {"PICKET_TEST_MODE": "nolandlock"}),
)


def expected(script, scratch):
    programs = os.path.join(TESTS, "programs")
    env = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": scratch, "LANG": "C.UTF-8",
           "LC_ALL": "C.UTF-8"}
    p = subprocess.run(["unshare", "-r", "sh", os.path.join(programs, script + ".sh")], cwd=scratch, env=env,
                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return p.returncode, p.stdout.decode(errors="replace")


def difference(a, b):
    return "\n".join(list(difflib.unified_diff(a.splitlines(), b.splitlines(), "native", "sandbox", "", "", 1))[:30])


def main(build):
    s = Suite(build)
    before = ours()
    os.environ["PICKET_STORE"] = os.path.join(s.work, "store")
    layout = os.path.join(s.work, "layout")
    subprocess.run(["python3", "-B", os.path.join(TESTS, "lib", "mkimage.py"), "--busybox", layout, "modes:latest"], check=True)
    subprocess.run([s.picket, "load", layout], check=True, stdout=subprocess.DEVNULL)
    want = {}
    for script in SCRIPTS:
        scratch = os.path.join(s.work, "native-" + script)
        os.mkdir(scratch)
        want[script] = expected(script, scratch)
    for mode, wrapper, env in MODES:
        for script in SCRIPTS:
            options = ["-v", os.path.join(TESTS, "programs") + ":/p:ro", "-w", "/tmp/scratch", "-e", "HOME=/tmp/scratch",
                       "-e", "LANG=C.UTF-8", "-e", "LC_ALL=C.UTF-8"]
            p = subprocess.run([*wrapper, *s.argv(["sh", "/p/%s.sh" % script], options)], stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=dict(os.environ, **env), timeout=120)
            got = (p.returncode, p.stdout.decode(errors="replace"))
            s.check("%s: %s" % (mode, script), got == want[script],
                    "status %d, not %d\n%s\n%s" % (got[0], want[script][0], difference(want[script][1], got[1]),
                                                   p.stderr.decode(errors="replace")[-600:]))
        status, out = s.run(["sh", "-c", "echo image; ls /; id -u"], wrapper=wrapper, env=env, image="modes")
        s.check("%s: an image" % mode, status == 0 and "image" in out and "\n0" in out, "status %s\n%s" % (status, out))
    s.check("nothing left over", not left_over(before), describe(left_over(before, 0)))
    s.finish()


main(sys.argv[1])
