#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""diff, apply and commit on layers that a taken-over sentry could have left: records with any bytes and a right checksum, links,
fifos and odd names where objects should be. Nothing crashes, nothing hangs, nothing outside the shared directory is touched.

Use: apply_hostile.py BUILD-DIRECTORY [ROUNDS [SEED]], as an ordinary user. Prints "ok NAME" or "not ok NAME".
"""
import os
import random
import shutil
import subprocess
import sys
import tempfile

build = os.path.abspath(sys.argv[1])
rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 40
seed = int(sys.argv[3]) if len(sys.argv) > 3 else random.randrange(1 << 30)
rnd = random.Random(seed)
picket = build + "/cmd/picket"
work = tempfile.mkdtemp(prefix="picket-hostile-")
os.environ.update(XDG_RUNTIME_DIR=work + "/run", PICKET_STORE=work + "/store", HOME=work + "/home", LC_ALL="C.UTF-8",
                  ASAN_OPTIONS="detect_leaks=0")
os.environ.pop("PICKET_CONFIG", None)
for d in ("run", "store", "home", "outside"):
    os.mkdir(work + "/" + d, 0o700)
with open(work + "/outside/secret", "w") as f:
    f.write("safe")
share = work + "/home/project"
failures = 0
NAME = "user.picket"

table = []
for i in range(256):
    c = i
    for _ in range(8):
        c = c >> 1 ^ (0x82F63B78 if c & 1 else 0)
    table.append(c)


def crc32c(data):
    c = 0xFFFFFFFF
    for b in data:
        c = c >> 8 ^ table[(c ^ b) & 255]
    return c ^ 0xFFFFFFFF


def check(name, fine, what=""):
    global failures
    if not fine:
        failures += 1
        print("not ok", name, "(seed %d)" % seed)
        print("#", what)


def fill():
    subprocess.run(["chmod", "-R", "u+rwX", share], stderr=subprocess.DEVNULL)
    shutil.rmtree(share, ignore_errors=True)
    os.makedirs(share + "/d/e")
    for f in ("a", "b", "d/x", "d/e/y"):
        with open(share + "/" + f, "w") as out:
            out.write(f * 100)


def objects(top):
    for dirpath, dirs, files in os.walk(top):
        for n in dirs + files:
            yield os.path.join(dirpath, n)


def mangle(top):
    paths = [p for p in objects(top) if not os.path.islink(p)]
    for _ in range(rnd.randint(1, 4)):
        p = rnd.choice(paths)
        if not os.path.lexists(p) or os.path.islink(p):
            continue
        how = rnd.randrange(8)
        try:
            if how < 4:
                record = bytearray(os.getxattr(p, NAME))
                for _ in range(rnd.randint(1, 6)):
                    record[rnd.randrange(8, len(record))] = rnd.randrange(256)
                if rnd.random() < 0.3:
                    record += bytes(rnd.choice([[1, 0, 3, 0], [3, 0, 255, 255], [2, 0, 8, 0]])) + b"../"
                record[4:8] = crc32c(record[8:]).to_bytes(4, "little")
                os.setxattr(p, NAME, bytes(record))
            elif how == 4 and not os.path.isdir(p):
                os.unlink(p)
                os.symlink(work + "/outside/secret", p)
            elif how == 5 and not os.path.isdir(p):
                os.unlink(p)
                os.mkfifo(p)
            elif how == 6:
                d = p if os.path.isdir(p) else os.path.dirname(p)
                n = rnd.choice([".picket.%2e2e", ".picket.=..", ".picket.%2f", ".picket.%00", "x\n", "\x1b[2J", ".picket.w", "..."])
                with open(d + "/" + n, "w"):
                    pass
                os.setxattr(d + "/" + n, NAME, os.getxattr(p, NAME))
            elif os.path.isdir(p):
                shutil.rmtree(p)
                os.symlink(work + "/outside", p)
            elif os.path.isfile(p):  # a fifo would wait for a reader
                with open(p, "wb") as f:
                    f.write(rnd.choice([b"", b"../../outside/secret", b"/" * 5000, b"a\0b", os.urandom(50)]))
        except OSError:
            pass


def tool(*args):
    try:
        p = subprocess.run([picket, *args], stdin=subprocess.DEVNULL, capture_output=True, timeout=30)
    except subprocess.TimeoutExpired:
        check(" ".join(args), False, "hangs")
        return
    err = p.stderr.decode("utf-8", "backslashreplace")
    check(" ".join(args), p.returncode in (0, 1) and "Sanitizer" not in err and "runtime error" not in err,
          "status %d: %s" % (p.returncode, err[-2000:]))
    check(" ".join(args) + ": terminal", b"\x1b" not in p.stdout + p.stderr, p.stdout[-300:])


try:
    fill()
    os.chdir(share)
    script = ("echo more >>a; rm b; rm -r d/e; mkdir n n/m; echo new >n/f; ln -s f n/l; ln n/f n/h; chmod 700 d; mv d/x z; mkdir -p q/r/s;"
              "touch q/r/s/t; mkfifo q/p; setfattr -n user.k -v 1 n/f 2>/dev/null; true")
    r = subprocess.run([picket, "run", "--name", "h", "--network", "none", "host", "--share-cow", share, "--", "sh", "-c", script])
    check("a run", r.returncode == 0)
    entry = [os.path.join(work, "store/sandboxes", e) for e in os.listdir(work + "/store/sandboxes")][0]
    os.rename(entry + "/cow", work + "/good")
    for i in range(rounds):
        shutil.rmtree(entry + "/cow", ignore_errors=True)
        subprocess.run(["cp", "-a", work + "/good", entry + "/cow"], check=True)
        fill()
        mangle(entry + "/cow/0")
        tool("diff", "--share", "h")
        tool("apply", "--all", rnd.choice(["--force", "--dry-run", "--all"]), "h")
        with open(work + "/outside/secret") as f:
            check("round %d: outside is as it was" % i, f.read() == "safe" and os.listdir(work + "/outside") == ["secret"])
        check("round %d: nothing beside" % i, sorted(os.listdir(work + "/home")) == ["project"], os.listdir(work + "/home"))
        for p in objects(share):
            st = os.lstat(p)
            check("round %d: %r has no special bits" % (i, p), not st.st_mode & 0o6000 and "picket-apply" not in p)
    print("ok" if not failures else "not ok", "hostile layers (%d rounds, seed %d)" % (rounds, seed))
finally:
    os.chdir("/")
    shutil.rmtree(work, ignore_errors=True)
sys.exit(1 if failures else 0)
