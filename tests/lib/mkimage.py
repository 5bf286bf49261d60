#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Make an OCI image layout: from this machine's static busybox, or from a directory tree.

usage: mkimage.py --busybox LAYOUT NAME[:TAG]
       mkimage.py --tree DIRECTORY LAYOUT NAME[:TAG] [COMMAND …]
"""
import gzip
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile


def blob(layout, data):
    digest = hashlib.sha256(data).hexdigest()
    path = os.path.join(layout, "blobs", "sha256", digest)
    with open(path, "wb") as f:
        f.write(data)
    return "sha256:" + digest, len(data)


def add_file(tar, name, data, mode=0o644):
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(data), mode
    tar.addfile(info, io.BytesIO(data))


def add_dir(tar, name, mode=0o755):
    info = tarfile.TarInfo(name)
    info.type, info.mode = tarfile.DIRTYPE, mode
    tar.addfile(info)


def busybox_layer():
    busybox = shutil.which("busybox")
    if not busybox:
        sys.exit("mkimage: busybox is missing (Debian package busybox-static)")
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for d in ("bin", "etc", "home", "root", "usr", "usr/bin", "var", "proc", "sys", "dev"):
            add_dir(tar, d)
        add_dir(tar, "tmp", 0o1777)
        with open(busybox, "rb") as f:
            add_file(tar, "bin/busybox", f.read(), 0o755)
        for applet in subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True).stdout.split():
            if applet == "busybox":
                continue
            link = tarfile.TarInfo("bin/" + applet)
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
        add_file(tar, "etc/passwd", b"root:x:0:0:root:/root:/bin/sh\nguest:x:1000:1000:guest:/home:/bin/sh\n")
        add_file(tar, "etc/group", b"root:x:0:\nguest:x:1000:\n")
    return out.getvalue()


def tree_layer(tree):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name in sorted(os.listdir(tree)):
            tar.add(os.path.join(tree, name), name)
    return out.getvalue()


def write(layout, layer, ref, command=("/bin/sh",)):
    os.makedirs(os.path.join(layout, "blobs", "sha256"), exist_ok=True)
    name, _, tag = ref.partition(":")
    diff_id = "sha256:" + hashlib.sha256(layer).hexdigest()
    layer_digest, layer_size = blob(layout, gzip.compress(layer, 1, mtime=0))
    config = {
        "architecture": "amd64", "os": "linux",
        "config": {"Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"], "Cmd": list(command)},
        "rootfs": {"type": "layers", "diff_ids": [diff_id]},
    }
    config_digest, config_size = blob(layout, json.dumps(config).encode())
    manifest = {
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": config_digest, "size": config_size},
        "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": layer_digest,
                    "size": layer_size}],
    }
    manifest_digest, manifest_size = blob(layout, json.dumps(manifest).encode())
    index = {
        "schemaVersion": 2,
        "manifests": [{"mediaType": manifest["mediaType"], "digest": manifest_digest, "size": manifest_size,
                       "annotations": {"org.opencontainers.image.ref.name": tag or "latest",
                                       "io.containerd.image.name": "docker.io/library/%s:%s" % (name, tag or "latest")}}],
    }
    with open(os.path.join(layout, "index.json"), "w") as f:
        json.dump(index, f)
    with open(os.path.join(layout, "oci-layout"), "w") as f:
        json.dump({"imageLayoutVersion": "1.0.0"}, f)


def main(argv):
    if len(argv) == 4 and argv[1] == "--busybox":
        write(argv[2], busybox_layer(), argv[3])
    elif len(argv) >= 5 and argv[1] == "--tree":
        write(argv[3], tree_layer(argv[2]), argv[4], argv[5:] or ("/bin/sh",))
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv)
