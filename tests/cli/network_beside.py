#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The network is made beside the program: with a slirp4netns that begins a second late, what needs no network runs at once, and what asks for it waits
and finds it. Where it fails and was asked for, the run fails."""
import os
import shutil
import subprocess
import sys
import tempfile
import time

PICKET = os.path.join(os.path.abspath(sys.argv[1]), "cmd", "picket")
LATE = 1.0
failed = 0


def check(name, ok, detail=""):
    global failed
    print("%s %s" % ("ok" if ok else "not ok", name))
    if not ok:
        failed += 1
        print("# " + str(detail).replace("\n", "\n# "))


def run(work, command, *options):
    env = dict(os.environ, PATH=work + ":" + os.environ["PATH"], PICKET_RUNTIME=work + "/run")
    start = time.monotonic()
    r = subprocess.run([PICKET, "run", "--rm", *options, "host", "--", *command], env=env, capture_output=True, text=True, timeout=60)
    return r, time.monotonic() - start


def wrapper(work, text):
    with open(work + "/slirp4netns", "w") as f:
        f.write("#!/bin/sh\n" + text + "\n")
    os.chmod(work + "/slirp4netns", 0o755)


def main():
    real = shutil.which("slirp4netns")
    if not real or not os.access("/dev/net/tun", os.W_OK):
        print("ok # SKIP no slirp4netns or no /dev/net/tun")
        return
    work = tempfile.mkdtemp(prefix="picket-beside-")
    os.mkdir(work + "/run", 0o700)
    wrapper(work, 'sleep %g; exec %s "$@"' % (LATE, real))
    r, t = run(work, ["true"])
    check("a program without a network does not wait", r.returncode == 0 and t < LATE, (r, t))
    r, t = run(work, ["python3", "-c", "import socket; a, b = socket.socketpair(); a.send(b'x'); print(b.recv(1))"])
    check("nor does one with unix sockets alone", r.returncode == 0 and t < LATE, (r, t))
    for what, command in {
        "the first socket": "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.connect(('10.0.2.3', 53)); print(s.getsockname()[0])",
        "a list of interfaces": "import socket; print([n for i, n in socket.if_nameindex()])",
        "/proc/net": "print(open('/proc/net/dev').read())",
        "/sys/class/net": "import os; print(os.listdir('/sys/class/net'))",
    }.items():
        r, t = run(work, ["python3", "-c", command])
        check("%s waits and finds it" % what, r.returncode == 0 and t >= LATE and ("tap0" in r.stdout or "10.0.2." in r.stdout), (r, t))
    r, t = run(work, ["python3", "-c", "import signal, socket\n"
                      "def late(*a): print('alarm', flush=True)\n"
                      "signal.signal(signal.SIGALRM, late)\nsignal.setitimer(signal.ITIMER_REAL, 0.2)\n"
                      "s = socket.socket()\nprint('socket')"])
    check("a signal breaks nothing off", r.returncode == 0 and r.stdout.split() == ["alarm", "socket"], (r, t))
    r, t = run(work, ["timeout", "-s", "KILL", "0.2", "python3", "-c", "import socket; socket.socket()"])
    check("and so does SIGKILL", r.returncode == 137 and t < LATE, (r, t))
    wrapper(work, "sleep 0.2; echo broken >&2; exit 1")
    r, t = run(work, ["sh", "-c", "cat /proc/net/dev | grep -c tap0; echo went on"])
    check("it fails, by default: without a network", r.returncode == 0 and "went on" in r.stdout and "broken" in r.stderr, (r, t))
    r, t = run(work, ["sh", "-c", "cat /proc/net/dev; echo went on"], "--network", "slirp")
    check("it fails, and was asked for: 125", r.returncode == 125 and "went on" not in r.stdout and "broken" in r.stderr, (r, t))
    shutil.rmtree(work, ignore_errors=True)


main()
sys.exit(1 if failed else 0)
