#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Volumes: nothing outside of them is read or written, nothing special of the host is reached, read only is read only; in each mode."""
import os
import shutil
import socket
import stat
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from sandbox import Suite  # noqa: E402


def prepare(base):
    outside, v, r = (os.path.join(base, n) for n in ("outside", "v", "r"))
    for d in (outside, v, r):
        os.makedirs(d)
    for path, text in ((outside + "/secret", "host secret\n"), (r + "/file", "original\n"), (v + "/suid", "#!/bin/sh\n")):
        with open(path, "w") as f:
            f.write(text)
    os.symlink(outside + "/secret", v + "/out")
    os.symlink(outside, v + "/outdir")
    os.mkfifo(v + "/fifo")
    return outside, v, r


def run(s, mode):
    base = os.path.join(s.work, "tree")
    outside, v, r = prepare(base)
    here = os.getcwd()
    os.chdir(v)  # a short name for the socket
    listener = socket.socket(socket.AF_UNIX)
    listener.bind("sock")
    listener.listen()
    listener.setblocking(False)
    os.chdir(here)
    fifo = os.open(v + "/fifo", os.O_RDONLY | os.O_NONBLOCK)
    status, out = s.run(["/t/volumes", outside], ["-v", v + ":/v", "-v", r + ":/r:ro"], timeout=60,
                        env={"PICKET_TEST_MODE": mode} if mode else None)
    name = (mode or "namespaces") + ": "
    s.check(name + "the guest ran to its end", status == 0 and out.endswith("end\n"), "status %s\n%s" % (status, out))
    for line in out.splitlines():
        if line.startswith(("safe ", "BREACH ")):
            s.check(name + line.split(" ", 1)[1], line.startswith("safe "))
    with open(outside + "/secret") as f:
        s.check(name + "the file outside is as it was", f.read() == "host secret\n")
    s.check(name + "its mode is as it was", stat.S_IMODE(os.stat(outside + "/secret").st_mode) & 0o111 == 0)
    s.check(name + "nothing was made outside", os.listdir(outside) == ["secret"], str(os.listdir(outside)))
    with open(r + "/file") as f:
        s.check(name + "the read-only volume is as it was", f.read() == "original\n" and os.listdir(r) == ["file"])
    try:
        leaked = os.read(fifo, 100)
    except BlockingIOError:
        leaked = b""
    s.check(name + "nothing came through the fifo", leaked == b"")
    try:
        listener.accept()
        s.check(name + "nobody came to the socket", False)
    except BlockingIOError:
        s.check(name + "nobody came to the socket", True)
    bad = [n for n in os.listdir(v) if os.lstat(os.path.join(v, n)).st_mode & (stat.S_ISUID | stat.S_ISGID) or
           stat.S_ISBLK(os.lstat(os.path.join(v, n)).st_mode)]
    s.check(name + "no set-user-ID program, no device", not bad, str(bad))
    os.close(fifo)
    listener.close()
    shutil.rmtree(base)


def host_mode(s):
    status, out = s.run(["sh", "-c", "cat /etc/shadow /etc/gshadow /etc/sudoers 2>&1; ls -A /home /root /srv /mnt /tmp; "
                         "ls /etc | grep -c shadow; find /etc -type f ! -perm -004 | wc -l"])
    lines = [line for line in out.splitlines() if "No such file" not in line and not line.endswith(":") and line.strip()]
    s.check("host: secrets and data are not there", lines == ["0", "0"], out)


def main(build):
    s = Suite(build)
    s.compile("isolation/volumes.c", "-static")
    for mode in ("", "nouserns"):
        run(s, mode)
    host_mode(s)
    s.finish()


main(sys.argv[1])
