#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A registry on loopback with two images of this machine's static busybox, for walks through everyday commands.

usage: local_registry.py FILE    (writes HOST:PORT to FILE, and serves until standard input ends)

busybox:latest is a shell; getting-started:latest and :v2 serve a page on port 80, with a health check and a volume.
"""
import json
import os
import sys

TESTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
sys.path[:0] = [os.path.join(TESTS, "images"), os.path.join(TESTS, "lib")]
from fake_registry import Image, Registry, make_tar, sha  # noqa: E402
from mkimage import busybox_layer  # noqa: E402

PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def image(layers, **config):
    doc = {"architecture": "amd64", "os": "linux", "created": "2024-01-02T03:04:05Z",
           "config": {"Env": [PATH], "Cmd": ["sh"], **config},
           "rootfs": {"type": "layers", "diff_ids": [sha(t) for t in layers]}}
    return Image(layers, config=json.dumps(doc).encode())


def main():
    base = busybox_layer()
    registry = Registry()
    registry.put("busybox", "latest", image([base]))
    for tag, text in (("latest", b"Add a new todo item below!\n"), ("v2", b"You have no todo items yet! Add one above!\n")):
        page = make_tar({"www/index.html": text, "etc/todos/.keep": b""})
        registry.put("getting-started", tag, image(
            [base, page], Cmd=["httpd", "-f", "-v", "-p", "80", "-h", "/www"], ExposedPorts={"80/tcp": {}}, WorkingDir="/www",
            Labels={"org.opencontainers.image.title": "getting-started"}, StopSignal="SIGTERM"))
    with open(sys.argv[1] + ".new", "w") as f:
        f.write(registry.host)
    os.rename(sys.argv[1] + ".new", sys.argv[1])
    sys.stdin.read()


main()
