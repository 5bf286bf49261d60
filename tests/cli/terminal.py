#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""picket run -t seen from a terminal: raw mode, window size, job control, and the terminal put back in every way out.

Use: terminal.py BUILD-DIRECTORY. Prints "ok NAME" or "not ok NAME"; the exit status tells whether all passed.
"""
import fcntl
import os
import pty
import select
import shutil
import signal
import struct
import sys
import tempfile
import termios
import time

build = sys.argv[1]
work = tempfile.mkdtemp(prefix="picket-test-")
os.mkdir(work + "/bin")
picket = work + "/bin/picket"
shutil.copy(build + "/cmd/picket", picket)
shutil.copy(build + "/tests/cli/fake-sentry", work + "/bin/picket-sentry")
os.environ["XDG_RUNTIME_DIR"] = work
failures = 0


def check(name, good):
    global failures
    failures += not good
    print(("ok " if good else "not ok ") + name, flush=True)


class Run:
    """A run on a new terminal."""

    def __init__(self, *args, command=None):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            command = command or [picket, "run", "--network", "none"] + list(args)
            os.execvp(command[0], command)

    def type(self, text):
        os.write(self.fd, text.encode())

    def read(self, wanted, seconds=15):
        out, end = b"", time.time() + seconds
        while wanted not in out and time.time() < end:
            if select.select([self.fd], [], [], 0.1)[0]:
                try:
                    data = os.read(self.fd, 4096)
                except OSError:
                    break
                if not data:
                    break
                out += data
        return wanted in out

    def raw(self):
        return not termios.tcgetattr(self.fd)[3] & termios.ICANON

    def resize(self, rows, cols):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))

    def end(self):
        self.status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.status

    def stopped(self, seconds=3):
        end = time.time() + seconds
        while time.time() < end:
            pid, status = os.waitpid(self.pid, os.WUNTRACED | os.WNOHANG)
            if pid == self.pid:
                return os.WIFSTOPPED(status)
            time.sleep(0.02)
        return False


run = Run("-it", "host", "wait")
check("the program starts", run.read(b"ready"))
check("the terminal is raw", run.raw())
run.resize(40, 100)
check("the window size is forwarded", run.read(b"winsize 40 100"))
os.kill(run.pid, signal.SIGTSTP)
check("it can be stopped", run.stopped())
check("a stopped job gives the terminal back", not run.raw())
os.kill(run.pid, signal.SIGCONT)
check("it goes on, with the size of the window", run.read(b"winsize 40 100"))
check("the terminal is raw again", run.raw())
os.kill(run.pid, signal.SIGTERM)
check("a signal is forwarded", run.read(b"signal 15"))
check("128+n", run.end() == 143)
check("the terminal is put back", not run.raw())

run = Run("-it", "host", "stubborn")
run.read(b"ready")
for _ in range(3):
    os.kill(run.pid, signal.SIGINT)
    time.sleep(0.05)
check("the third interrupt ends it by force", run.read(b"by force"))
check("with 130", run.end() == 130)
check("the terminal is put back after force", not run.raw())

run = Run("-it", "host", "stubborn")
run.read(b"ready")
os.kill(run.pid, signal.SIGSEGV)
check("a crash of picket ends it by that signal", run.end() == -signal.SIGSEGV)
check("the terminal is put back after a crash", not run.raw())

run = Run("-it", "host", "crash")
run.read(b"sentry")
check("a crash of the sentry is 125", run.end() == 125)
check("the terminal is put back after a crash of the sentry", not run.raw())

run = Run("-i", "host", "wait")
check("-i alone starts", run.read(b"ready"))
check("-i alone leaves the terminal as it is", not run.raw())
os.write(run.fd, b"\x03")
check("Ctrl-C is forwarded", run.read(b"signal 2"))
check("and ends the program", run.end() == 130)

run = Run("-t", "host", "config")
check("-t alone has a size", run.read(b"tty 1 rows 24 cols 80"))
check("and ends well", run.end() == 0)

# The same with the real sentry and real programs.
if os.path.exists(build + "/sentry/picket-sentry"):
    os.unlink(work + "/bin/picket-sentry")  # the last one may not be quite gone
    shutil.copy(build + "/sentry/picket-sentry", work + "/bin/picket-sentry")
    run = Run("-it", "-e", "PS1=ready> ", "host", "--", "bash", "--norc", "--noprofile")
    check("bash starts", run.read(b"ready> "))
    run.resize(33, 111)
    time.sleep(0.3)
    run.type("tty; stty size\r")
    check("it has a terminal of the window's size", run.read(b"/dev/pts/0\r\n33 111\r\n"))
    run.read(b"ready> ", 1)
    run.type("sleep 100; echo status=$?\r")
    time.sleep(1)
    run.type("\x03")
    check("Ctrl-C ends the program in front", run.read(b"^C"))
    run.read(b"ready> ", 2)
    run.type("sleep 100\r")
    time.sleep(1)
    run.type("\x1a")
    check("Ctrl-Z stops it", run.read(b"Stopped"))
    run.type("kill %1; wait; cat\r")
    time.sleep(1)
    run.type("typed\r")
    check("cat echoes", run.read(b"typed\r\ntyped\r\n"))
    run.type("\x04")
    time.sleep(0.5)
    run.type("exit 9\r")
    check("the status of the shell", run.end() == 9)
    check("the terminal is put back after bash", not run.raw())

    os.environ["PS1"] = "outer> "
    run = Run(command=["bash", "--norc", "--noprofile", "-i"])
    run.read(b"outer> ")
    run.type(picket + " run --network none -it host -- bash --norc --noprofile &\n")
    time.sleep(0.5)
    run.type("jobs\n")
    check("in the background it stops", run.read(b"Stopped"))
    run.type("fg\n")
    run.read(b"# ")
    run.type("echo in$((1+1))\r")
    check("and goes on in the foreground", run.read(b"in2"))
    run.type("exit\r")
    run.read(b"outer> ")
    run.type("exit\n")
    run.end()

shutil.rmtree(work, ignore_errors=True)
sys.exit(1 if failures else 0)
