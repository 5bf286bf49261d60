#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Containers that share a volume with real owners, and the host: locks hold between them; writes, names and maps are seen at once."""
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from sandbox import Suite  # noqa: E402

ENTER = [] if os.geteuid() == 0 else ["unshare", "-r", "--map-auto", "--"]


class Locker:
    """tests/owner/locker.c, natively or in a container of its own."""

    def __init__(self, s, base, native, name="file"):
        tests = os.path.join(s.build, "tests", "owner")
        if native:
            argv = [os.path.join(tests, "owner-locker"), base + "/vol/" + name]
        else:
            argv = [os.path.join(tests, "owner-run"), "--sentry", os.path.join(s.build, "sentry", "picket-sentry"), "-v", base + "/vol:/v",
                    "-v", tests + ":/t:ro", base + "/root", "/t/owner-locker", "/v/" + name]
        self.p = subprocess.Popen([*ENTER, *argv], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        self.first = self.p.stdout.readline().strip()

    def send(self, order):
        self.p.stdin.write(order + "\n")
        self.p.stdin.flush()

    def answer(self):
        return self.p.stdout.readline().strip()

    def ask(self, order):
        self.send(order)
        return self.answer()

    def end(self):
        self.p.stdin.close()
        self.p.wait(timeout=20)
        self.p.stdout.close()


def locks(s, base, native):
    name = "with the host: " if native else "two containers: "
    a, b = Locker(s, base, False), Locker(s, base, native)
    s.check(name + "both run", a.first == b.first == "ok", "%s %s" % (a.first, b.first))

    def both(what, steps):
        for who, order, want in steps:
            got = who.ask(order)
            s.check(name + what + ": " + ("a " if who is a else "b ") + order, got == want, "%s, not %s" % (got, want))

    both("flock", [(a, "f ex nb", "ok"), (b, "f sh nb", "EAGAIN"), (b, "f ex nb", "EAGAIN"), (a, "f sh nb", "ok"), (b, "f sh nb", "ok"),
                   (a, "f ex nb", "EAGAIN"), (b, "f un", "ok"), (a, "f ex nb", "ok"), (a, "f un", "ok"), (b, "f ex nb", "ok"),
                   (a, "f sh nb", "EAGAIN"), (b, "f un", "ok")])
    both("records", [(a, "w 0 10", "ok"), (b, "w 5 10", "EAGAIN"), (b, "w 10 10", "ok"), (a, "r 10 1", "EAGAIN"), (b, "g 0 0", "write 0 10"),
                     (a, "g 0 0", "write 10 10"), (a, "u 3 4", "ok"), (b, "w 3 4", "ok"), (b, "w 2 1", "EAGAIN"), (b, "w 7 1", "EAGAIN"),
                     (a, "r 0 3", "ok"), (b, "r 0 2", "ok"), (b, "w 0 1", "EAGAIN"), (b, "u 0 0", "ok"), (a, "u 0 0", "ok"),
                     (b, "g 0 0", "free 0 0")])
    both("flock and records are apart", [(a, "f ex nb", "ok"), (b, "w 0 0", "ok"), (b, "u 0 0", "ok"), (a, "f un", "ok")])
    b.ask("f ex nb")
    a.send("f ex")
    b.ask("f un")
    s.check(name + "who waits for the file gets it", a.answer() == "ok")
    s.check(name + "and has it", b.ask("f sh nb") == "EAGAIN")
    a.ask("f un")
    b.ask("w 0 5")
    a.send("w 2 1 w")
    b.ask("u 0 0")
    s.check(name + "who waits for a record gets it", a.answer() == "ok")
    s.check(name + "and has that", b.ask("g 0 0") == "write 2 1")
    a.end()
    s.check(name + "the end of a container ends its locks", b.ask("w 0 0") == "ok" and b.ask("f ex nb") == "ok")
    b.end()


def seen(s, base):
    """What one writes the others see: through a map, by names, by attributes."""
    script = ("import mmap, os, sys\nf = os.open('/v/map', os.O_RDWR)\nm = mmap.mmap(f, 4096)\nprint(m[:5].decode(), flush=True)\n"
              "for line in sys.stdin:\n  m[:5] = line[:5].encode() if line.strip() != 'look' else m[:5]\n"
              "  print(m[:5].decode(), sorted(os.listdir('/v/names')), oct(os.stat('/v/names').st_mode), flush=True)\n")
    vol = base + "/vol"
    subprocess.run([*ENTER, "sh", "-c", "mkdir %s/names; printf first >%s/map; truncate -s 4096 %s/map" % (vol, vol, vol)], check=True)
    p = subprocess.Popen([*ENTER, os.path.join(s.build, "tests", "owner", "owner-run"), "--sentry", os.path.join(s.build, "sentry", "picket-sentry"),
                          "-v", vol + ":/v", "-v", "/usr:/usr:ro", base + "/root", "/usr/bin/python3", "-c", script],
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)

    def ask(line):
        p.stdin.write(line + "\n")
        p.stdin.flush()
        return p.stdout.readline().strip()

    s.check("shared: the map shows the file", p.stdout.readline().strip() == "first")
    ask("inner")
    with open(vol + "/map") as f:
        s.check("shared: what is written into the map is in the file", f.read(5) == "inner")
    subprocess.run([*ENTER, "sh", "-c", "printf outer | dd of=%s/map conv=notrunc status=none; touch %s/names/x; chmod 700 %s/names" % (vol, vol, vol)],
                   check=True)
    got = ask("look")
    s.check("shared: what is written outside is in the map, names and modes are seen", got == "outer ['x'] 0o40700", got)
    subprocess.run([*ENTER, "sh", "-c", "mv %s/names/x %s/names/y; chmod 755 %s/names" % (vol, vol, vol)], check=True)
    got = ask("look")
    s.check("shared: renames are seen", got == "outer ['y'] 0o40755", got)
    p.stdin.close()
    p.wait(timeout=20)
    p.stdout.close()


def main(build):
    s = Suite(build)
    base = os.path.join(s.work, "shared")
    if ENTER and subprocess.run([*ENTER, "true"], stderr=subprocess.DEVNULL).returncode:
        print("skipped: no subordinate ids")
        shutil.rmtree(s.work)
        return
    subprocess.run([*ENTER, "sh", "-euc", "mkdir '%s'; cd '%s'; mkdir -p vol root/usr root/etc; chmod 777 vol; for l in bin sbin lib lib64; do "
                    "[ ! -L /$l ] || ln -s usr/$l root/$l; done" % (base, base)], check=True)
    locks(s, base, False)
    locks(s, base, True)
    seen(s, base)
    subprocess.run([*ENTER, "rm", "-rf", base], check=True)
    s.finish()


main(sys.argv[1])
