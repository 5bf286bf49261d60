#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Sandboxes with real owners: what a sentry that was taken over can reach, and what a guest's files are on the host.

As an ordinary user it runs in a user namespace with many ids, as under rootless podman; started as root, in the first one.
"""
import os
import shutil
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from sandbox import Suite  # noqa: E402

ENTER = [] if os.geteuid() == 0 else ["unshare", "-r", "--map-auto", "--"]
UNUSED_FIRST = 1879048192


def sh(script):
    return subprocess.run([*ENTER, "sh", "-euc", script], check=True, stdout=subprocess.PIPE).stdout.decode()


def prepare(base):
    os.makedirs(base)
    for d in ("outside", "root", "vol", "ro"):
        os.mkdir(os.path.join(base, d))
    with open(os.path.join(base, "outside", "secret"), "w") as f:
        f.write("secret\n")
    for d in ("root", "vol", "ro"):
        os.symlink("../outside", os.path.join(base, d, "out"))
        if os.geteuid() == 0:
            os.mknod(os.path.join(base, d, "device"), 0o020666, os.makedev(1, 3))
    open(os.path.join(base, "ro", "readonly"), "w").close()


def taken(s, base, name, options):
    """The attacks of tests/owner/taken.c in the sentry's place."""
    tests = os.path.join(s.build, "tests", "owner")
    p = subprocess.run([*ENTER, os.path.join(tests, "owner-run"), *options, "--sentry", os.path.join(tests, "owner-taken"),
                        "-v", base + "/vol:/v", "-v", base + "/ro:/r:ro", base + "/root", "/bin/true"],
                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
    lines = p.stdout.decode(errors="replace").splitlines()
    s.check(name + ": it ran to its end", lines and "end" in lines, p.stdout.decode(errors="replace"))
    for line in lines:
        if line.startswith(("safe ", "UNSAFE ")):
            s.check(name + ": " + line.split(" ", 1)[1], line.startswith("safe "))
    ids = [int(w) for w in lines[0].split()[1::2]] if lines and lines[0].startswith("uid ") else [0, 0]
    if os.geteuid() == 0:
        s.check(name + ": a user that nobody else is", ids[0] == ids[1] and ids[0] >= UNUSED_FIRST, str(ids))
    else:
        s.check(name + ": a user that is mapped", 0 < ids[0] <= 65536 and ids[0] == ids[1], str(ids))
    s.check(name + ": it gives files away", len([x for x in lines if x.startswith("can ") and x.endswith("yes")]) == 2, "\n".join(lines))
    sh("rm -f '%s'/vol/made '%s'/root/made" % (base, base))
    with open(base + "/outside/secret") as f:
        s.check(name + ": nothing outside has changed", f.read() == "secret\n" and os.listdir(base + "/outside") == ["secret"])


def guest(s, base):
    """What a guest makes is its own on the host, and no more."""
    root = base + "/guest"
    sh("mkdir -p '%s/usr' '%s/tmp' '%s/etc'; cp /etc/passwd /etc/group '%s/etc'; cd '%s'; for l in bin sbin lib lib64; do "
       "[ ! -L /$l ] || ln -s usr/$l $l; done" % (root, root, root, root, root))
    script = ("cd /tmp; umask 022; touch f; chown 33:34 f; mkdir d; chmod 2770 d; chown 5:6 d; cp /usr/bin/true s; chmod 4755 s; "
              "ln -s /etc/shadow l; chown -h 7:8 l; cat l 2>&1 | head -c 60; cat ../../outside/secret 2>&1; mknod n c 1 3 2>/dev/null || echo refused")
    p = subprocess.run([*ENTER, os.path.join(s.build, "tests", "owner", "owner-run"), "--sentry",
                        os.path.join(s.build, "sentry", "picket-sentry"), "-v", "/usr:/usr:ro", root, "/bin/sh", "-c", script],
                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
    out = p.stdout.decode(errors="replace")
    s.check("guest: it ran", p.returncode == 0 and out.endswith("refused\n"), "%s %s" % (p.returncode, out))
    s.check("guest: nothing of the host is read", "root:" not in out and "secret\n" not in out.replace("outside/secret", ""), out)
    owners = sh("cd '%s/tmp'; stat -c '%%n %%u %%g %%a' f d s l" % root).split("\n")
    s.check("guest: owners and modes are on disk", owners[:4] == ["f 33 34 644", "d 5 6 2770", "s 0 0 4755", "l 7 8 777"], str(owners))


def single(s, base):
    """In a user namespace with one id, that may not change groups: everything is that id's."""
    root = base + "/single"
    subprocess.run(["sh", "-euc", "mkdir -p '%s/usr' '%s/tmp'; cd '%s'; for l in bin sbin lib lib64; do [ ! -L /$l ] || ln -s usr/$l $l; done" %
                    (root, root, root)], check=True)
    p = subprocess.run(["unshare", "-r", "--", os.path.join(s.build, "tests", "owner", "owner-run"), "--sentry",
                        os.path.join(s.build, "sentry", "picket-sentry"), "-v", "/usr:/usr:ro", root, "/bin/sh", "-c",
                        "touch /tmp/f; chown 5:6 /tmp/f 2>/dev/null || echo refused; stat -c %u:%g /tmp/f"],
                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
    s.check("one id: it is the only one", p.stdout == b"refused\n0:0\n", p.stdout.decode(errors="replace"))
    s.check("one id: on the host it is the caller's", os.stat(root + "/tmp/f").st_uid == os.geteuid())


def processes(s, base):
    """The sentry's processes belong to nobody on the host, and end with their parent."""
    root = base + "/guest"
    p = subprocess.Popen([*ENTER, os.path.join(s.build, "tests", "owner", "owner-run"), "--sentry",
                          os.path.join(s.build, "sentry", "picket-sentry"), "-v", "/usr:/usr:ro", root, "/bin/sh", "-c", "echo up; sleep 60"],
                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    s.check("processes: it runs", p.stdout.readline() == b"up\n")
    below = descendants(p.pid)
    uids = {os.stat("/proc/%d" % x).st_uid for x in below if comm(x) in ("picket-sentry", "picket-stub")}
    s.check("processes: none is root's or the caller's", uids and not uids & {0, os.geteuid()}, str(uids))
    p.kill()
    p.wait()
    for _ in range(100):
        if not [x for x in below if os.path.exists("/proc/%d" % x)]:
            break
        time.sleep(0.05)
    s.check("processes: they end with their parent", not [x for x in below if os.path.exists("/proc/%d" % x)])
    p.stdout.close()


def comm(pid):
    try:
        with open("/proc/%d/comm" % pid) as f:
            return f.read().strip()
    except OSError:
        return ""


def descendants(pid):
    found = []
    for task in os.listdir("/proc/%d/task" % pid):
        with open("/proc/%d/task/%s/children" % (pid, task)) as f:
            for child in f.read().split():
                found += [int(child), *descendants(int(child))]
    return found


def main(build):
    s = Suite(build)
    base = os.path.join(s.work, "owner")
    if ENTER and subprocess.run([*ENTER, "true"], stderr=subprocess.DEVNULL).returncode:
        print("skipped: no subordinate ids")
        shutil.rmtree(s.work)
        return
    prepare(base)
    taken(s, base, "namespace", [])
    if ENTER:
        taken(s, base, "in place", ["--in-place"])
    else:
        p = subprocess.run([os.path.join(build, "tests", "owner", "owner-run"), "--in-place", "--sentry", "/bin/true", base + "/root", "/x"],
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        s.check("in the first namespace nothing is done in place", p.returncode == 125 and b"user namespace" in p.stdout, p.stdout.decode())
    guest(s, base)
    if ENTER:
        single(s, base)
    processes(s, base)
    sh("rm -rf '%s'" % base)
    s.finish()


main(sys.argv[1])
