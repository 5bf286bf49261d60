#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""An OCI layout with an image of two layers that has one of everything: odd_image.py DIRECTORY. Its name is odd:1."""
import hashlib
import io
import json
import os
import sys
import tarfile

out = sys.argv[1]
os.makedirs(out + "/blobs/sha256", exist_ok=True)
R, L, H, D, C, F = tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE
CAPABILITY = "\x01\x00\x00\x02\x01" + "\x00" * 15


def put(data, kind):
    name = hashlib.sha256(data).hexdigest()
    with open(out + "/blobs/sha256/" + name, "wb") as f:
        f.write(data)
    return {"mediaType": "application/vnd.oci.image." + kind, "digest": "sha256:" + name, "size": len(data)}


def layer(entries):
    b = io.BytesIO()
    t = tarfile.open(fileobj=b, mode="w", format=tarfile.PAX_FORMAT)
    for name, kind, kw in entries:
        i = tarfile.TarInfo(name)
        i.type = kind
        i.mode = kw.get("mode", 0o644)
        i.uid, i.gid = kw.get("uid", 0), kw.get("gid", 0)
        i.mtime = kw.get("mtime", 1700000000)
        i.linkname = kw.get("link", "")
        i.devmajor, i.devminor = kw.get("dev", (0, 0))
        data = kw.get("data", b"")
        i.size = len(data)
        i.pax_headers = kw.get("pax", {})
        t.addfile(i, io.BytesIO(data))
    t.close()
    return b.getvalue()


def programs():
    """A shell, with the libraries it needs, so that the image can be run."""
    for path in ("/bin/busybox", "/usr/bin/busybox"):
        if os.path.exists(path):
            with open(path, "rb") as f:
                yield "usr/bin/busybox", R, dict(mode=0o755, data=f.read())
            for name in ("sh", "cat", "ls", "rm", "mkdir", "touch", "stat", "id", "env", "pwd", "echo", "ln", "mv", "chmod", "chown",
                         "sleep", "test", "true", "mknod", "find", "sort"):
                yield "usr/bin/" + name, L, dict(link="busybox")
            return


one = layer([
    ("etc", D, dict(mode=0o755)), ("etc/motd", R, dict(data=b"hello\n", uid=5, gid=6, mtime=1700000000.5)),
    ("etc/hard", H, dict(link="etc/motd")), ("link", L, dict(link="etc/motd")), ("gone", R, dict(data=b"x")),
    ("dir", D, dict(mode=0o711)), ("dir/a", R, dict(data=b"a" * 5000)), ("dir/b", R, {}),
    ("null", C, dict(dev=(1, 3), mode=0o666)), ("fifo", F, {}), ("d" * 150 + "/" + "e" * 120, R, dict(data=b"long")),
    ("\u00fcn\u00ef", R, dict(data=b"u", mode=0o4755)),
    ("x", R, dict(data=b"x", pax={"SCHILY.xattr.user.k": "v", "SCHILY.xattr.security.capability": CAPABILITY})),
    ("big", R, dict(data=bytes(range(256)) * 1200, uid=3000000)), ("tmp", D, dict(mode=0o1777)),
    ("usr", D, dict(mode=0o755)), ("usr/bin", D, dict(mode=0o755)), ("bin", L, dict(link="usr/bin")), *programs()])
two = layer([
    ("etc/new", R, dict(data=b"n")), (".wh.gone", R, {}), ("dir", D, dict(mode=0o700)), ("dir/.wh..wh..opq", R, {}),
    ("dir/c", R, dict(data=b"c")), ("etc/hard2", H, dict(link="etc/motd"))])
layers = [put(data, "layer.v1.tar") for data in (one, two)]
config = json.dumps({
    "architecture": "amd64", "os": "linux", "created": "2024-01-02T03:04:05Z",
    "config": {"Env": ["A=1"], "Cmd": ["/usr/bin/sh"], "Labels": {"l": "1"}},
    "rootfs": {"type": "layers", "diff_ids": [d["digest"] for d in layers]},
    "history": [{"created": "2024-01-02T03:04:05Z", "created_by": "one"}, {"created_by": "ENV A=1", "empty_layer": True},
                {"created_by": "two"}]}).encode()
manifest = put(json.dumps({
    "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
    "config": put(config, "config.v1+json"), "layers": layers}).encode(), "manifest.v1+json")
manifest["annotations"] = {"io.containerd.image.name": "docker.io/library/odd:1"}
with open(out + "/index.json", "w") as f:
    json.dump({"schemaVersion": 2, "manifests": [manifest]}, f)
with open(out + "/oci-layout", "w") as f:
    f.write('{"imageLayoutVersion":"1.0.0"}')
