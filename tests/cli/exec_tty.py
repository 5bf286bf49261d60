#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""picket exec -t seen from a terminal: size, Ctrl-C, detach keys, hang-up, and the terminal put back.

Use: exec_tty.py BUILD-DIRECTORY. Prints "ok NAME" or "not ok NAME"; the exit status tells whether all passed.
"""
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time

build = sys.argv[1]
work = tempfile.mkdtemp(prefix="picket-test-")
os.environ["XDG_RUNTIME_DIR"] = work
os.environ["PICKET_STORE"] = work + "/store"
picket = build + "/cmd/picket"
failures = 0


def check(name, good, more=""):
    global failures
    failures += not good
    print(("ok " if good else "not ok ") + name + (f": {more!r}" if not good else ""), flush=True)


def plain(*words):
    return subprocess.run([picket, "exec", "box", *words], capture_output=True, text=True, timeout=20).stdout


class Exec:
    def __init__(self, *words, rows=24, cols=80):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            time.sleep(0.1)  # until the size is set
            os.execv(picket, [picket, "exec", *words])
        self.size(rows, cols)
        self.seen = b""

    def size(self, rows, cols):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))

    def type(self, text):
        os.write(self.fd, text)

    def read(self, wanted=None, seconds=15):
        """Until *wanted* comes, or the end."""
        end = time.time() + seconds
        while time.time() < end and (wanted is None or wanted not in self.seen):
            if not select.select([self.fd], [], [], 0.1)[0]:
                continue
            try:
                data = os.read(self.fd, 65536)
            except OSError:
                break
            if not data:
                break
            self.seen += data
        return wanted is None or wanted in self.seen

    def raw(self):
        return not termios.tcgetattr(self.fd)[3] & termios.ICANON

    def wait(self, seconds=15):
        end = time.time() + seconds
        while time.time() < end:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.read(seconds=5)  # what is in the terminal still
                return os.waitstatus_to_exitcode(status)
            self.read(seconds=0.05)
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        return "hangs"


def main():
    subprocess.run([picket, "run", "-d", "--name", "box", "--network", "none", "host", "--", "sleep", "1000"], check=True,
                   stdout=subprocess.DEVNULL)
    x = Exec("-it", "box", "sh", "-c", "tty; stty size; echo $TERM; exit 5", rows=33, cols=44)
    check("status", x.wait() == 5)
    check("a terminal of its size", b"/dev/pts/0\r\n33 44\r\nxterm\r\n" in x.seen, x.seen)

    x = Exec("-it", "box", "sh")
    x.type(b"PS1=rea''dy:\n")
    check("a shell", x.read(b"ready:"), x.seen)
    check("our terminal is raw", x.raw())
    x.type(b"sleep 100\n")
    time.sleep(0.3)
    x.type(b"\x03")
    x.type(b"echo $((6*7))\n")
    check("Ctrl-C interrupts the command inside", x.read(b"42\r\n"), x.seen)
    x.size(50, 60)
    os.kill(x.pid, signal.SIGWINCH)
    time.sleep(0.2)
    x.type(b"stty size\n")
    check("a new size", x.read(b"50 60"), x.seen)
    y = Exec("-it", "box", "tty")
    check("a second terminal", y.wait() == 0 and b"/dev/pts/1" in y.seen, y.seen)
    x.type(b"\x10")
    x.type(b"echo p\n")
    check("half of the detach keys is a key", x.read(b"p\r\n"), x.seen)
    x.type(b"exit 6\n")
    check("exit", x.wait() == 6)

    x = Exec("-it", "box", "sh", "-c", "trap 'echo >/tmp/hup; exit' HUP; echo on; while :; do sleep 0.1; done")
    x.read(b"on\r\n")
    began = time.time()
    x.type(b"\x10\x11")
    check("detach keys", x.wait() == 0)
    check("  at once", time.time() - began < 1.5)
    time.sleep(0.5)
    check("  hang the terminal up", plain("ls", "/tmp/hup") == "/tmp/hup\n")
    x = Exec("-it", "--detach-keys", "ctrl-x,y", "box", "sh", "-c", "echo on; sleep 100")
    x.read(b"on\r\n")
    x.type(b"\x18y")
    check("--detach-keys", x.wait() == 0)

    x = Exec("-it", "box", "sh", "-c", "echo on; sleep 77")
    x.read(b"on\r\n")
    os.close(x.fd)
    end = time.time() + 10
    while "sleep 77" in plain("ps", "-eo", "stat,args") and time.time() < end:
        time.sleep(0.1)
    check("our terminal hangs up: so does theirs", time.time() < end)
    os.waitpid(x.pid, 0)

    x = Exec("-it", "box", "sh", "-c", "echo on; sleep 78")
    x.read(b"on\r\n")
    os.kill(x.pid, signal.SIGKILL)
    os.waitpid(x.pid, 0)
    end = time.time() + 10
    while any(r[0] != "Z" and "sleep" in r and "78" in r for r in plain("ps", "-eo", "stat,args").split("\n") if r) and time.time() < end:
        time.sleep(0.1)
    check("killed: so is theirs", time.time() < end)

    x = Exec("-it", "box", "nosuch")
    check("not found", x.wait() == 127 and b"not found" in x.seen, x.seen)
    check("  the terminal is put back", not x.raw())
    x = Exec("-t", "box", "sh", "-c", "tty <&1; cat; exit 4")
    check("-t alone: input is not passed on", x.read(b"/dev/pts/") and True, x.seen)
    x.type(b"\x03")
    check("  and Ctrl-C is a signal to us, passed on to the terminal's foreground", x.wait() in (130, 4), x.seen)
    x = Exec("-it", "box", "sh", "-c", "head -c 3000000 /dev/zero | tr '\\0' z; exit 3")
    check("3 MB of output, and the status", x.wait() == 3 and x.seen.count(b"z") == 3000000, x.seen.count(b"z"))
    x = Exec("-it", "box", "sh", "-c", "echo on; kill -9 1; sleep 100")
    check("the sandbox ends", x.wait() == 137, x.seen)
    return failures > 0


try:
    sys.exit(main())
finally:
    subprocess.run([picket, "rm", "-f", "box"], capture_output=True)
    subprocess.run(["rm", "-rf", work])
