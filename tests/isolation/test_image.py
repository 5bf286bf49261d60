#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Hostile guests and the files of an image: what everybody shares is nobody's to change."""
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from sandbox import Suite  # noqa: E402


def main(build):
    s = Suite(build)
    tree, archive = os.path.join(s.work, "tree"), os.path.join(s.work, "tree.tar")
    os.mkdir(tree)
    shutil.copy(s.compile("isolation/hostile.c", "-static"), tree)
    with open(os.path.join(tree, "holes"), "wb") as f:  # in two extents, so that mappings show a copy in memory
        f.write(b"H" * 65536)
        f.seek(4 << 20)
        f.write(b"T" * 65536)
    subprocess.run(["tar", "-C", tree, "-S", "-cf", archive, "."], check=True)
    env = {"XDG_DATA_HOME": os.path.join(s.work, "data")}
    subprocess.run([s.picket, "import", archive, "hostile:1"], check=True, env=dict(os.environ, **env), stdout=subprocess.DEVNULL)
    status, out = s.run(["/hostile", "view"], image="hostile:1", env=env)
    s.check("view: the file is as it was", status == 0 and "survived" in out, "status %s\n%s" % (status, out[-800:]))
    s.finish()


main(sys.argv[1])
