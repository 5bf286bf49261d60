#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""test_full.py BUILD-DIRECTORY: a kept sandbox changes files while its disk (a small tmpfs) is full. What it sees then is what is there
after the next start: nothing was done by half. The number of links alone may be too high then (docs/kept-format.md)."""
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
GUEST = r"""
import os, random, sys, zlib
def names():
    return [p + "/" + n for top in ("/d1", "/d2", "/n") for p, ds, fs in os.walk(top) for n in sorted(ds) + sorted(fs)]
def show():
    for q in names():
        s = os.lstat(q)
        d = os.path.isdir(q)
        print(q, oct(s.st_mode), s.st_uid, 0 if d else s.st_size, 0 if d else s.st_mtime_ns, 0 if d else s.st_nlink,
              d or zlib.crc32(open(q, "rb").read()))
def op(k):
    a, b, d = random.choice(names()), random.choice(names()), os.path.dirname(random.choice(names()))
    if k < 3: os.unlink(a)
    elif k == 3: os.chmod(a, 0o700 | random.randrange(64))
    elif k == 4: os.rename(a, b)
    elif k == 5: os.link(a, d + "/l%d" % random.randrange(50))
    elif k == 6:
        with open(a, "r+b", buffering=0) as f: f.write(b"z" * random.randrange(3000))
    elif k == 7: os.mkdir(d + "/m%d" % random.randrange(50))
    elif k == 8: os.truncate(a, random.randrange(5000))
    elif k == 9: os.rename(a, d + "/r%d" % random.randrange(50))
if open("/mode").read() == "go":
    random.seed(int(sys.argv[1]))
    os.makedirs("/n", exist_ok=True)
    fills = []
    for i in range(150):
        try:
            while random.random() < 0.9 or i == 20:
                fills.append("/n/fill%d" % len(fills))
                with open(fills[-1], "wb", buffering=0) as f: f.write(b"x" * 20000)
        except OSError:
            if i > 20 and i % 10 == 0:
                os.path.lexists(fills[-1]) and os.unlink(fills[-1])
        try: op(random.randrange(10))
        except OSError: pass
show()
"""


def once(picket, work, seed, inodes):
    root, store = work + "/root", work + "/store"
    for d in ("d1", "d2", "bin"):
        os.makedirs(os.path.join(root, d), exist_ok=True)
    for i in range(30):
        with open("%s/d1/f%d" % (root, i), "w") as f:
            f.write("%d\n" % i * i)
        if not os.path.exists("%s/d2/g%d" % (root, i)):
            os.link("%s/d1/f%d" % (root, i), "%s/d2/g%d" % (root, i))
    with open(work + "/guest.py", "w") as f:
        f.write(GUEST)
    with open(work + "/mode", "w") as f:
        f.write("go")
    words = ["run", "--keep", "--name", "full", "--network", "none", "--log-driver", "none", "--rootfs", root]
    for d in ("/usr", "/lib", "/lib64", "/etc"):
        words += ["-v", d + ":" + d + ":ro"] if os.path.isdir(d) else []
    words += ["-v", work + "/guest.py:/guest.py:ro", "-v", work + "/mode:/mode:ro", "--", "/usr/bin/python3", "/guest.py", str(seed)]
    script = """mount -t tmpfs -o size=3m,nr_inodes=%d none "$1" || exit 77; shift; p=$1; shift
"$p" "$@" > %s/first || exit 1
echo show > %s/mode
"$p" start -a full > %s/second
"$p" rm -f full""" % (inodes, work, work, work)
    os.makedirs(store, exist_ok=True)
    r = subprocess.run(["unshare", "-rm", "sh", "-c", script, "sh", store, picket] + words, capture_output=True, timeout=120,
                       env=dict(os.environ, PICKET_STORE=store + "/s", XDG_RUNTIME_DIR=work))
    if r.returncode == 77:
        return None
    if r.returncode:
        return "seed %d: %s" % (seed, r.stderr.decode(errors="replace")[-500:])
    first, second = (open(work + "/" + n).read().splitlines() for n in ("first", "second"))
    for a, b in zip(first, second):
        a, b = a.split(" "), b.split(" ")
        if a[:5] + a[6:] != b[:5] + b[6:] or int(a[5]) > int(b[5]):
            return "seed %d: %s, then %s" % (seed, a, b)
    return "" if first and len(first) == len(second) else "seed %d: %d names, then %d" % (seed, len(first), len(second))


def main(build):
    work = tempfile.mkdtemp(prefix="picket-full-")
    tried, wrong = 0, ""
    try:
        for seed in range(8):
            said = once(os.path.abspath(build) + "/cmd/picket", work, seed, 300 + 40 * seed)
            tried += said is not None
            wrong = wrong or said
            if wrong:
                break
    finally:
        shutil.rmtree(work, ignore_errors=True)
    print("%d full disks" % tried)
    print(("not ok full - " + wrong) if wrong else "ok full" if tried else "ok full # SKIP no tmpfs to be had")
    return 1 if wrong else 0


sys.exit(main(sys.argv[1]))
