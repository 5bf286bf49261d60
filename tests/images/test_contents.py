#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What was packed is what a program in the sandbox sees: test_contents.py PICKET. TAP.

Two layers with whiteouts, hard links, extended attributes, devices, sparse and large files; a static program in the image
(contents.c) prints what it finds, changes it and looks again. What it must print is worked out here.
"""
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TIME = 1000000000
BIG = bytes((i * 7 + i // 256) % 251 for i in range(300001))
SPARSE = b"head" + bytes(500000) + b"tail"


def add(tar, name, data=b"", mode=0o644, kind=tarfile.REGTYPE, link="", uid=0, gid=0, dev=(0, 0), pax=None):
    info = tarfile.TarInfo(name)
    info.type, info.mode, info.linkname, info.uid, info.gid, info.mtime = kind, mode, link, uid, gid, TIME
    info.size = len(data) if kind == tarfile.REGTYPE else 0
    info.devmajor, info.devminor = dev
    info.pax_headers = pax or {}
    tar.addfile(info, io.BytesIO(data) if info.size else None)


def lower(tar, program):
    add(tar, "contents", program, 0o755)
    add(tar, "x", mode=0o755, kind=tarfile.DIRTYPE)
    add(tar, "x/dir", mode=0o2750, kind=tarfile.DIRTYPE)
    add(tar, "x/dir/one", b"1")
    add(tar, "x/dir/sub", mode=0o755, kind=tarfile.DIRTYPE)
    add(tar, "x/dir/sub/deep", b"deep down")
    add(tar, "x/suid", b"#!/bin/sh\n", 0o4755)
    add(tar, "x/fifo", mode=0o600, kind=tarfile.FIFOTYPE)
    add(tar, "x/null", mode=0o666, kind=tarfile.CHRTYPE, dev=(1, 3))
    add(tar, "x/empty")
    add(tar, "x/owned", b"o", 0o640, uid=1000, gid=77)
    add(tar, "x/h1", b"hard")
    add(tar, "x/h2", kind=tarfile.LNKTYPE, link="x/h1")
    add(tar, "x/link", mode=0o777, kind=tarfile.SYMTYPE, link="/x/dir/one")
    add(tar, "x/" + "n" * 255, b"long")
    add(tar, "x/xattr", b"with attributes", pax={"SCHILY.xattr.user.k": "v1", "SCHILY.xattr.trusted.t": "t1"})
    add(tar, "x/small", b"small")
    add(tar, "x/big", BIG)
    add(tar, "x/sparse", SPARSE)
    add(tar, "x/replaced", b"below")
    add(tar, "x/gone", b"below")
    add(tar, "x/hidden", mode=0o755, kind=tarfile.DIRTYPE)
    add(tar, "x/hidden/old", b"below")


def upper(tar):
    add(tar, "x/.wh.gone")
    add(tar, "x/hidden", mode=0o755, kind=tarfile.DIRTYPE)
    add(tar, "x/hidden/.wh..wh..opq")
    add(tar, "x/hidden/new", b"above")
    add(tar, "x/replaced", b"above", 0o600)


def layer(fill, *args):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        fill(tar, *args)
    return out.getvalue()


def layout(path, layers):
    def blob(data, kind):
        digest = hashlib.sha256(data).hexdigest()
        with open(os.path.join(path, "blobs", "sha256", digest), "wb") as f:
            f.write(data)
        return {"mediaType": "application/vnd.oci.image." + kind, "digest": "sha256:" + digest, "size": len(data)}

    os.makedirs(os.path.join(path, "blobs", "sha256"))
    config = {"architecture": "amd64", "os": "linux", "config": {"Cmd": ["/contents"]},
              "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(x).hexdigest() for x in layers]}}
    manifest = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "config": blob(json.dumps(config).encode(), "config.v1+json"),
                "layers": [blob(x, "layer.v1.tar") for x in layers]}
    top = blob(json.dumps(manifest).encode(), "manifest.v1+json")
    top["annotations"] = {"org.opencontainers.image.ref.name": "contents:test"}
    for name, value in (("index.json", {"schemaVersion": 2, "manifests": [top]}), ("oci-layout", {"imageLayoutVersion": "1.0.0"})):
        with open(os.path.join(path, name), "w") as f:
            json.dump(value, f)


def checksum(data):
    s = 0
    for b in data:
        s = (s * 31 + b) & 0xffffffff
    return s


def data_line(name, data):
    s = checksum(data)
    line = "%s: read %d sum %d pieces %d mapped %d" % (name, len(data), s, s, s)
    if len(data) > 8192:
        line += " tail %d rest 0" % checksum(data[len(data) // 4096 * 4096:])
    return line


def expected():
    def entry(name, mode, size=0, links=1, ids="0:0", extra=""):
        return "%s: %o %s links %d size %d mtime %d%s" % (name, mode, ids, links, size, TIME, extra)

    names = ["big/8", "dir/4", "empty/8", "fifo/1", "h1/8", "h2/8", "hidden/4", "link/10", "nnnnnnnnnnnnnnnnnnnn/8", "null/2",
             "owned/8", "replaced/8", "small/8", "sparse/8", "suid/8", "xattr/8"]
    changed = b"CHANGED" + BIG[7:]
    return "\n".join([
        ".: " + " ".join(names),
        entry("dir", 0o42750, links=3), entry("suid", 0o104755, 10), entry("fifo", 0o10600),
        entry("null", 0o20666, extra=" device 1,3"), entry("empty", 0o100644), entry("owned", 0o100640, 1, ids="1000:77"),
        entry("h1", 0o100644, 4, 2), entry("h2", 0o100644, 4, 2), entry("link", 0o120777, 10), entry("replaced", 0o100600, 5),
        "gone: No such file or directory", "hidden/old: No such file or directory", entry("hidden/new", 0o100644, 5),
        "link -> /x/dir/one", "h1 and h2 are one: 1", "xattr attributes: user.k=v1 trusted.t=t1",
        data_line("small", b"small"), data_line("big", BIG), data_line("sparse", SPARSE), data_line("replaced", b"above"),
        "-- changes",
        data_line("h2", b"hard+more"), "still one inode: 1", data_line("big", changed),
        "xattr attributes: user.k=v1 trusted.t=t1 user.new=n", data_line("xattr", b"with attributes"),
        "rename dir 0", "moved: one/8 sub/4", data_line("moved/sub/deep", b"deep down"), "mkdir dir 0", "dir:", "rmdir full -1",
        "h2: 100644 0:0 links 1 size 9", data_line("small", b"new"), data_line("sparse", SPARSE[:100000]),
        ".: " + " ".join(sorted([n for n in names if n != "h1/8"] + ["moved/4"])),
    ])


def main(picket):
    with tempfile.TemporaryDirectory(prefix="picket-contents-") as work:
        program = os.path.join(work, "contents")
        subprocess.run(["cc", "-std=gnu17", "-D_GNU_SOURCE", "-O1", "-w", "-static", "-o", program,
                        os.path.join(HERE, "contents.c")], check=True)
        with open(program, "rb") as f:
            layers = [layer(lower, f.read()), layer(upper)]
        layout(os.path.join(work, "layout"), layers)
        env = dict(os.environ, XDG_DATA_HOME=os.path.join(work, "data"))
        modes = ["", "nofuse", "nouserns"]
        print("1..%d" % (1 + len(modes)))
        r = subprocess.run([picket, "load", "-q", "-i", os.path.join(work, "layout")], env=env, capture_output=True, text=True)
        print("%s 1 - load" % ("ok" if r.returncode == 0 else "not ok"))
        print("# " + r.stderr.strip().replace("\n", "\n# "))
        failed = r.returncode != 0
        want = expected().splitlines()
        for i, mode in enumerate(modes):
            r = subprocess.run([picket, "run", "--network", "none", "contents:test"], stdin=subprocess.DEVNULL, capture_output=True,
                               text=True, timeout=60, env=dict(env, PICKET_TEST_MODE=mode) if mode else env)
            got = [line.split(" mtime ")[0] if line.startswith("h2:") and " size 9 " in line else line
                   for line in r.stdout.splitlines()]
            wrong = [(w, g) for w, g in zip(want + [""] * len(got), got + [""] * len(want)) if w != g]
            ok = not wrong and r.returncode == 0
            failed |= not ok
            print("%s %d - contents %s" % ("ok" if ok else "not ok", i + 2, mode or "with everything"))
            for w, g in wrong[:8]:
                print("# expected %r\n# found    %r" % (w[:300], g[:300]))
            if r.stderr:
                print("# " + r.stderr.strip().replace("\n", "\n# ")[:1000])
        sys.exit(1 if failed else 0)


main(sys.argv[1])
